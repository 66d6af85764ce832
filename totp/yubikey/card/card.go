// Package card finds YubiKeys among readers, tells them apart by their serial numbers,
// and opens the one that is meant.
//
// It promises that a key is never chosen by luck: with two plugged in and none named,
// nothing is opened. A key that is open is kept from other programs until it is closed,
// so that commands of two processes do not mix.
//
// It asks keys what they say of themselves (the management application, or on older keys
// the application of the slots) and changes nothing on them. What is done with an open
// key is for oath and slot; how readers are reached is the transport's business.
package card

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mfawatch/totp/yubikey/apdu"
)

// Which keys there are. Exit codes are the command line's: 8 for ErrNoDevice, 6 for
// ErrAmbiguous.
var (
	ErrNoDevice  = errors.New("no such YubiKey is plugged in")
	ErrAmbiguous = errors.New("more than one YubiKey is plugged in: name one by its serial number")
)

// Readers is the way to the readers of a computer.
type Readers interface {
	// Readers names the readers in which there is a card.
	Readers(ctx context.Context) ([]string, error)
	// Open connects to the card in a reader.
	Open(ctx context.Context, reader string) (apdu.Connection, error)
}

// Which says which key is meant. The zero Which is the only one.
type Which struct {
	Serial uint32 // 0 is any
	Reader string // by its exact name; "" is every reader that calls itself a YubiKey's
}

// patience is how long Find, and Open among several keys, waits for one that another
// program holds.
const patience = 2 * time.Second

// Found is a key that is plugged in.
type Found struct {
	Reader  string
	Info    Info
	Problem error // why it could not be asked; Info is empty then
}

// Find asks every key what it is. An error is about the readers; a key's is its Problem.
func Find(ctx context.Context, r Readers) ([]Found, error) {
	names, err := readers(ctx, r, "")
	if err != nil {
		return nil, err
	}
	var all []Found
	for _, name := range names {
		f := Found{Reader: name}
		k, err := open(ctx, r, name, patience)
		if err == nil {
			f.Info, err = k.Info, k.Close()
		}
		f.Problem = err
		all = append(all, f)
	}
	return all, ctx.Err()
}

// readers are those that may hold the key that is meant.
func readers(ctx context.Context, r Readers, exactly string) ([]string, error) {
	all, err := r.Readers(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for YubiKeys: %w", err)
	}
	var names []string
	for _, name := range all {
		if name == exactly || exactly == "" && strings.Contains(strings.ToLower(name), "yubikey") {
			names = append(names, name)
		}
	}
	return names, nil
}

// Key is an open key. Nobody else reaches it until Close.
type Key struct {
	Info   Info
	Reader string
	apdu.Connection
}

// Close gives the key back. It selects another application before, so that one which was
// unlocked is locked for who comes next.
func (k *Key) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _ = apdu.Application{Card: k, More: insMore}.Select(ctx, management) // where it fails, a session's own Lock has to do
	ended := k.End(ctx)
	if errors.Is(ended, apdu.ErrRemoved) { // then there is nothing to give back
		ended = nil
	}
	return errors.Join(ended, k.Connection.Close())
}

// open opens the key in a reader and asks what it is.
func open(ctx context.Context, r Readers, reader string, wait time.Duration) (*Key, error) {
	conn, err := r.Open(ctx, reader)
	if err != nil {
		return nil, err
	}
	begun := ctx
	if wait > 0 {
		var cancel context.CancelFunc
		begun, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	if err := conn.Begin(begun); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	k := &Key{Reader: reader, Connection: conn}
	if k.Info, err = Ask(ctx, conn); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// Open opens the key that is meant. The caller closes it.
func Open(ctx context.Context, r Readers, w Which) (*Key, error) {
	names, err := readers(ctx, r, w.Reader)
	switch {
	case err != nil:
		return nil, err
	case len(names) == 0 && w.Reader != "":
		return nil, fmt.Errorf("%w: no card in a reader of the name %q", ErrNoDevice, w.Reader)
	case len(names) == 0:
		return nil, fmt.Errorf("%w: plug it in; if it is, see that pcscd runs and that its CCID interface is on (ykman info)", ErrNoDevice)
	case len(names) == 1:
		return only(ctx, r, names[0], w)
	case w.Serial == 0:
		return nil, ambiguous(ctx, r)
	}
	return bySerial(ctx, r, names, w.Serial)
}

// only opens the only key. It waits for it as long as ctx allows.
func only(ctx context.Context, r Readers, name string, w Which) (*Key, error) {
	k, err := open(ctx, r, name, 0)
	if err != nil {
		return nil, fmt.Errorf("open the YubiKey in %q: %w", name, err)
	}
	if w.Serial != 0 && k.Info.Serial != w.Serial {
		err := fmt.Errorf("%w: serial number %d; there is %s", ErrNoDevice, w.Serial, k.Info.serial())
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

func ambiguous(ctx context.Context, r Readers) error {
	all, err := Find(ctx, r)
	if err != nil {
		return err
	}
	var there []string
	for _, f := range all {
		if f.Problem != nil {
			there = append(there, fmt.Sprintf("one that cannot be asked (%v)", f.Problem))
			continue
		}
		there = append(there, f.Info.serial())
	}
	return fmt.Errorf("%w: there are %s", ErrAmbiguous, strings.Join(there, ", "))
}

// bySerial goes through the keys. Those that it could not ask may be the one.
func bySerial(ctx context.Context, r Readers, names []string, serial uint32) (*Key, error) {
	var there []string
	var problems error
	for _, name := range names {
		k, err := open(ctx, r, name, patience)
		switch {
		case err != nil:
			problems = errors.Join(problems, fmt.Errorf("the YubiKey in %q: %w", name, err))
		case k.Info.Serial == serial:
			return k, nil
		default:
			there = append(there, k.Info.serial())
			if err := k.Close(); err != nil {
				problems = errors.Join(problems, fmt.Errorf("the YubiKey in %q: %w", name, err))
			}
		}
	}
	if problems != nil {
		return nil, fmt.Errorf("look for serial number %d: %w", serial, problems)
	}
	return nil, fmt.Errorf("%w: serial number %d; there are %s", ErrNoDevice, serial, strings.Join(there, ", "))
}

// Use opens a key, does something with it and gives it back.
func Use(ctx context.Context, r Readers, w Which, do func(context.Context, *Key) error) error {
	k, err := Open(ctx, r, w)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, k), k.Close())
}

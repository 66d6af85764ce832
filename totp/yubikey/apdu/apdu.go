// Package apdu speaks to the applications of a YubiKey as ISO 7816-4 has it: short
// commands, status words, answers in several parts, values with a tag and a length.
//
// It promises that a broken or hostile card cannot crash, hang or exhaust its user: an
// answer has at most 64 KiB and 300 parts, and a time within which it has to be there, and
// what does not parse is ErrMalformed. It gives status words as sentences that say what
// to do.
//
// It knows no reader and no application: how bytes get to a card is a Transmitter's
// business, and what they mean is the caller's. It keeps no command: the bytes it sent
// are overwritten, since some hold secrets.
package apdu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What can go wrong with any card. Exit codes are the command line's: 8 for ErrRemoved,
// ErrTouch and ErrNoAnswer, 7 for ErrBusy, 1 for the others.
var (
	ErrRemoved   = errors.New("the key was pulled out, or its reader is gone: plug it in and try again")
	ErrTouch     = errors.New("the key was not touched in time: try again, and touch it when it blinks")
	ErrNoAnswer  = errors.New("the key does not answer: pull it out, plug it in and try again")
	ErrBusy      = errors.New("another program holds the key: end it (gpg's scdaemon often does: gpgconf --kill scdaemon), or wait and try again")
	ErrMalformed = errors.New("the card's answer makes no sense: it is broken, or no YubiKey")
	ErrNoApplet  = errors.New("the key has no such application, or it is switched off: ykman info lists them")
)

// Transmitter is a way to one card.
type Transmitter interface {
	// Transmit sends a whole command and gives the whole answer, its two status bytes
	// included. When ctx is over it returns, whatever the card does; the way to the
	// card is of no more use then. A card that is gone is ErrRemoved.
	Transmit(ctx context.Context, command []byte) ([]byte, error)
}

// Connection is a way to one card that other programs may want as well.
type Connection interface {
	Transmitter
	// Begin keeps other programs out until End. It waits for those that did the same
	// until ctx is over, and says ErrBusy then.
	Begin(ctx context.Context) error
	End(ctx context.Context) error
	// Close gives the card back. It may be called again.
	Close() error
}

// What a card may answer. A YubiKey's longest answers are lists of 64 credentials, of
// some 80 bytes each; 300 parts of 255 bytes are more than the 64 KiB.
const (
	mostBytes = 1 << 16
	mostParts = 300
)

// How long a whole answer may take. A card that wants a touch blinks for about 15
// seconds and gives up by itself. When it took as long as Blinking, it must be waiting
// for one: other answers take a tenth.
const (
	Prompt   = 10 * time.Second
	Touched  = 60 * time.Second
	Blinking = 400 * time.Millisecond
)

// Command is one short command.
type Command struct {
	Ins, P1, P2 byte
	Data        []byte        // at most 255 bytes; overwritten when it was sent
	Patience    time.Duration // for each part of the answer; 0 is Prompt
}

// Application is one application of a card, after Select.
type Application struct {
	Card Transmitter
	More byte // the instruction that asks for the next part of an answer
}

// Select opens an application and gives what it says of itself.
func (a Application) Select(ctx context.Context, aid []byte) ([]byte, error) {
	answer, err := a.Do(ctx, Command{Ins: 0xa4, P1: 0x04, Data: slices.Clone(aid)})
	switch {
	case errors.Is(err, NotFound), errors.Is(err, NoInstruction), errors.Is(err, WrongP1P2):
		return nil, fmt.Errorf("%w (%x)", ErrNoApplet, aid)
	}
	return answer, err
}

// Do sends a command and gives its answer, all parts joined, without the status. Any
// status but success is an error of type Status.
func (a Application) Do(ctx context.Context, c Command) ([]byte, error) {
	defer clear(c.Data)
	if len(c.Data) > 255 {
		return nil, fmt.Errorf("a command of %d bytes is too long for a card: at most 255 are", len(c.Data))
	}
	if c.Patience == 0 {
		c.Patience = Prompt
	}
	timed, cancel := context.WithTimeoutCause(ctx, c.Patience, ErrNoAnswer)
	defer cancel()
	answer, err := a.exchange(timed, append([]byte{0, c.Ins, c.P1, c.P2, byte(len(c.Data))}, c.Data...))
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(timed), ErrNoAnswer) {
		return nil, fmt.Errorf("%w (waited %v)", ErrNoAnswer, c.Patience)
	}
	return answer, err
}

// exchange sends a command and asks for the rest of the answer until it is there.
func (a Application) exchange(ctx context.Context, command []byte) ([]byte, error) {
	defer func() { clear(command) }()
	var all []byte
	for range mostParts {
		part, status, err := a.part(ctx, command)
		if err != nil {
			return nil, err
		}
		if len(all)+len(part) > mostBytes {
			return nil, fmt.Errorf("%w (more than %d bytes)", ErrMalformed, mostBytes)
		}
		all = append(all, part...)
		switch {
		case status == success:
			return all, nil
		case status>>8 != moreFollows:
			return nil, status
		}
		clear(command)
		command = []byte{0, a.More, 0, 0, 0}
	}
	return nil, fmt.Errorf("%w (more than %d parts)", ErrMalformed, mostParts)
}

// part sends one command and gives the data and the status of what comes back.
func (a Application) part(ctx context.Context, command []byte) ([]byte, Status, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	answer, err := a.Card.Transmit(ctx, command)
	switch {
	case err != nil:
		return nil, 0, err
	case len(answer) < 2:
		return nil, 0, fmt.Errorf("%w (%d bytes, no status)", ErrMalformed, len(answer))
	}
	end := len(answer) - 2
	return answer[:end], Status(binary.BigEndian.Uint16(answer[end:])), nil
}

// WhenBlinking calls do beside what happens until stop, unless that is sooner than a key
// can be blinking. When stop returns, do has too, or will not be called.
func WhenBlinking(do func()) (stop func()) {
	done := make(chan struct{})
	timer := time.AfterFunc(Blinking, func() {
		defer close(done)
		do()
	})
	return func() {
		if !timer.Stop() {
			<-done
		}
	}
}

// Version is a firmware's.
type Version [3]byte

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// Before tells whether the version is older than another.
func (v Version) Before(other Version) bool { return slices.Compare(v[:], other[:]) < 0 }

// Package enrol is what an administrator does once for each device and each sheet of
// recovery codes of the emergency door.
//
// It promises that a key is in the door's rows only when two codes that follow each other
// proved that its device makes them, and that these two open nothing then; that a sheet's codes are sealed on the machine
// that makes them before the door hears of their hashes, so that what is killed half-way
// can be run again, and that they leave that seal once, to be printed. No error shows a
// secret.
//
// It does not keep the administrator out: whoever enrols a device has seen its key, or
// could have. Rows, KMS, clock and paper are given to it.
package enrol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/codes"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/otp"
)

// Door is where secrets of devices are kept.
type Door struct {
	Store breakglass.Store
	Keys  seal.Keys // of devices.Keys
}

// reach is how many steps a device's clock, or counter, may be off when it is enrolled.
const reach = 20

// Proven is a key whose device showed two codes, as it is to be kept.
type Proven struct {
	Key   totp.Key
	codes totp.Match
	at    time.Time
}

// Prove tells whether a device makes a key's codes: two, one after the other. A counter
// goes on after these.
func Prove(k totp.Key, first, second string, now time.Time) (Proven, error) {
	settings := k.Settings()
	m, err := k.Resync(first, second, now, totp.Used{Next: settings.Counter}, reach)
	if err != nil {
		return Proven{}, fmt.Errorf("the two codes are not two of this key that follow each other: look at the device's clock, and type the next two: %w", err)
	}
	if settings.Kind != totp.HOTP {
		return Proven{k, m, now}, nil
	}
	secret, err := totp.DecodeSecret(k.Secret())
	if err != nil {
		return Proven{}, err
	}
	defer clear(secret)
	settings.Counter = m.Step + 1
	k, err = totp.New(settings, secret)
	return Proven{k, m, now}, err
}

// ProveYubico tells whether a YubiKey types a credential's OTPs: two, the second after
// the first. It gives the device as it is to be kept: nothing up to these opens the door.
func ProveYubico(c otp.Credential, first, second string) (devices.Yubico, error) {
	var steps [2]int64
	for i, text := range []string{first, second} {
		o, err := otp.Keyboard{Capitals: true}.Parse(strings.TrimSpace(text))
		if err != nil {
			return devices.Yubico{}, fmt.Errorf("OTP %d: %w", i+1, err)
		}
		t, err := c.Open(o)
		if err != nil {
			return devices.Yubico{}, fmt.Errorf("OTP %d is none of this credential: are all three parts of the slot that was touched? %w", i+1, err)
		}
		steps[i] = t.Step()
	}
	switch {
	case steps[1] <= steps[0]:
		return devices.Yubico{}, fmt.Errorf("the second OTP is not of a later touch than the first: touch the key twice more, and give the two in this order: %w", totp.ErrReplayed)
	case steps[1] >= lastStep:
		return devices.Yubico{}, errors.New("the key's counters are at their end, and it types nothing new any more: program the slot anew")
	}
	return devices.Yubico{Credential: c, From: steps[1] + 1}, nil
}

// lastStep is the highest that a credential comes to.
var lastStep = otp.Token{Session: otp.MaxSession, Use: otp.MaxUse}.Step()

// Yubico keeps the credential of a device, and from which of its OTPs on it opens.
func (d Door) Yubico(ctx context.Context, device breakglass.Device, y devices.Yubico) error {
	secret := y.Secret()
	defer secret.Wipe()
	return devices.Enrol(ctx, d.Store, d.Keys, device, secret)
}

// Key keeps the key of a device, and in the same transaction that its two codes are used.
func (d Door) Key(ctx context.Context, device breakglass.Device, p Proven) error {
	secret := seal.NewSecret([]byte(p.Key.URI()))
	defer secret.Wipe()
	return devices.EnrolProved(ctx, d.Store, d.Keys, device, secret, p.codes, p.at)
}

// Sheets are sheets that were made here and not printed yet.
type Sheets struct{ Seals *seal.Store }

const kind = "break-glass-sheet"

// paper is a sheet as it waits, sealed, to be printed.
type paper struct {
	Made   time.Time `json:"made"`
	Codes  []string  `json:"codes"`
	Pepper []byte    `json:"pepper"`
	Known  bool      `json:"known"` // the door has its hashes
}

// Make makes a sheet, or goes on with one of that id that was begun here, and has the
// door know it.
func (s Sheets) Make(ctx context.Context, door Door, id string, n int, random io.Reader, now time.Time) error {
	p, err := s.open(ctx, id)
	if errors.Is(err, seal.ErrNotFound) {
		p, err = s.begin(ctx, id, n, random, now)
	}
	if err != nil || p.Known {
		return err
	}
	defer clear(p.Pepper)
	if err := p.enrol(ctx, door, id, now); err != nil {
		return err
	}
	p.Known = true
	return s.put(ctx, id, p, s.Seals.Replace)
}

func (s Sheets) begin(ctx context.Context, id string, n int, random io.Reader, now time.Time) (paper, error) {
	sheet, err := codes.Make(id, n, random)
	if err != nil {
		return paper{}, err
	}
	p := paper{Made: now.UTC(), Pepper: make([]byte, 32)}
	if _, err := io.ReadFull(random, p.Pepper); err != nil {
		return paper{}, fmt.Errorf("sheet %s: random numbers: %w", id, err)
	}
	for _, c := range sheet.Codes {
		p.Codes = append(p.Codes, c.Reveal())
	}
	return p, s.put(ctx, id, p, s.Seals.Put)
}

func (s Sheets) put(ctx context.Context, id string, p paper, put func(context.Context, seal.Header, seal.Secret) error) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("sheet %s: %w", id, err)
	}
	secret := seal.NewSecret(text)
	defer secret.Wipe()
	return put(ctx, seal.Header{ID: id, Kind: kind}, secret)
}

func (s Sheets) open(ctx context.Context, id string) (paper, error) {
	h, secret, err := s.Seals.Get(ctx, id)
	if err != nil {
		return paper{}, err
	}
	defer secret.Wipe()
	var p paper
	if err := json.Unmarshal(secret.Reveal(), &p); err != nil || h.Kind != kind {
		return paper{}, fmt.Errorf("what is sealed as %s is no sheet of recovery codes", id)
	}
	return p, nil
}

// enrol has the door know the hashes, and then the pepper. Hashes that are there already
// are this sheet's where its first code is among them, and then so is the pepper.
func (p paper) enrol(ctx context.Context, door Door, id string, now time.Time) error {
	pepper, err := codes.NewPepper(p.Pepper)
	if err != nil {
		return err
	}
	if err := door.Store.Transact(ctx, func(tx breakglass.Tx) error { return p.hashes(ctx, tx, pepper, id, now) }); err != nil {
		return err
	}
	sealed := seal.NewSecret(append([]byte(nil), p.Pepper...))
	defer sealed.Wipe()
	err = devices.Enrol(ctx, door.Store, door.Keys, breakglass.Device{ID: id, Kind: breakglass.RecoveryCodes}, sealed)
	if errors.Is(err, devices.ErrEnrolled) {
		return nil
	}
	return err
}

func (p paper) hashes(ctx context.Context, tx breakglass.Tx, pepper codes.Pepper, id string, now time.Time) error {
	guess, err := codes.Factor{Sheet: id, Pepper: pepper}.Begin(ctx, tx, id, now)
	if err != nil {
		return err
	}
	if guess.Compare(breakglass.Typed(p.Codes[0])) == nil {
		return nil
	}
	if row, err := tx.Get(devices.Row(id)); err != nil || row != nil {
		return errors.Join(err, taken(id, row))
	}
	return codes.Enrol(tx, pepper, p.sheet(id), now)
}

func taken(id string, row []byte) error {
	if row == nil {
		return nil
	}
	return fmt.Errorf("sheet %s: %w", id, devices.ErrEnrolled)
}

func (p paper) sheet(id string) codes.Sheet {
	s := codes.Sheet{ID: id}
	for _, c := range p.Codes {
		s.Codes = append(s.Codes, breakglass.Typed(c))
	}
	return s
}

// Print writes a sheet that the door knows. It stays sealed until Forget.
func (s Sheets) Print(ctx context.Context, id string, w io.Writer) error {
	p, err := s.open(ctx, id)
	if errors.Is(err, seal.ErrNotFound) {
		return fmt.Errorf("there is no sheet %s here to be printed: each is printed once, on the machine that made it: %w", id, err)
	}
	if err != nil {
		return err
	}
	if !p.Known {
		return fmt.Errorf("the door does not know sheet %s yet: run 'mfawatch breakglass codes new %s' to its end", id, id)
	}
	if err := p.sheet(id).Print(w, p.Made); err != nil {
		return fmt.Errorf("print sheet %s, which is still sealed here: %w", id, err)
	}
	return nil
}

// Forget removes the sealed codes, when the paper is there.
func (s Sheets) Forget(id string) error { return s.Seals.Delete(id) }

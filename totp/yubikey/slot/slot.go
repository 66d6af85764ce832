// Package slot asks the two slots of a YubiKey for HMAC-SHA1 responses: a secret that
// stays on the key, mixed into what somebody seals.
//
// It promises that the same challenge gives the same response on every call, whatever
// byte it ends in: keys take off the end of a challenge what repeats, and a challenge is
// filled up so that nothing of it is taken. What is no 20 bytes is an error.
//
// A response proves no person and no origin: whoever has the secret or saw the response
// has it too. It is a second part for a seal, with a fresh random challenge each time,
// and no way to sign in. The package writes nothing to a key.
package slot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
)

// ErrNotSet is a slot that is empty, or set to something else than HMAC-SHA1.
var ErrNotSet = errors.New("the slot is not set to HMAC-SHA1 challenge-response: ykman otp chalresp --generate 2 sets slot 2 (and overwrites what is there)")

const (
	insSlot  = 0x01
	insMore  = 0xc0
	block    = 64
	response = 20

	// MaxChallenge is one less than a block: the last byte is never the challenge's.
	MaxChallenge = block - 1
)

var aid = []byte{0xa0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01}

// command is what asks a slot for HMAC-SHA1.
var command = map[int]byte{1: 0x30, 2: 0x38}

// Slots is the application of one key, selected.
type Slots struct {
	// Waiting is called when the key takes so long that it must be blinking for a touch.
	// It runs beside the call, which does not return before it did. Nil is fine.
	Waiting func(number int)

	app   apdu.Application
	flags uint16 // 1 and 2: the slots are set; 4 and 8: they want a touch
}

// Select opens the application.
func Select(ctx context.Context, card apdu.Transmitter) (*Slots, error) {
	s := &Slots{app: apdu.Application{Card: card, More: insMore}}
	status, err := s.app.Select(ctx, aid)
	switch {
	case err != nil:
		return nil, fmt.Errorf("select the OTP application: %w", err)
	case len(status) < 6: // version, times programmed, flags
		return nil, fmt.Errorf("select the OTP application: %w (a status of %d bytes)", apdu.ErrMalformed, len(status))
	}
	s.flags = binary.LittleEndian.Uint16(status[4:])
	return s, nil
}

// Set tells whether slot 1 or 2 is set to anything.
func (s *Slots) Set(number int) bool { return s.flags>>(number-1)&1 != 0 }

// Touch tells whether slot 1 or 2 wants a touch.
func (s *Slots) Touch(number int) bool { return s.flags>>(number+1)&1 != 0 }

// Respond gives a slot's HMAC-SHA1 of a challenge of 1 to MaxChallenge bytes. In a slot
// that was set for challenges of any length, as ykman does, it is the HMAC of the
// challenge; in one that was set for 64 bytes, of the challenge as it is filled up.
func (s *Slots) Respond(ctx context.Context, number int, challenge []byte) (seal.Secret, error) {
	p1, there := command[number]
	switch {
	case !there:
		return seal.Secret{}, fmt.Errorf("there is no slot %d: keys have 1 and 2", number)
	case len(challenge) == 0 || len(challenge) > MaxChallenge:
		return seal.Secret{}, fmt.Errorf("a challenge of %d bytes: slots take 1 to %d", len(challenge), MaxChallenge)
	case !s.Set(number):
		return seal.Secret{}, fmt.Errorf("slot %d: %w", number, ErrNotSet)
	}
	if s.Waiting != nil {
		defer apdu.WhenBlinking(func() { s.Waiting(number) })()
	}
	answer, err := s.app.Do(ctx, apdu.Command{Ins: insSlot, P1: p1, Data: filled(challenge), Patience: apdu.Touched})
	if err != nil {
		return seal.Secret{}, fmt.Errorf("slot %d: %w", number, s.meaning(number, err))
	}
	if len(answer) != response {
		clear(answer)
		return seal.Secret{}, fmt.Errorf("slot %d: %w: it answered %d bytes", number, ErrNotSet, len(answer))
	}
	return seal.NewSecret(answer), nil
}

// filled is a challenge of a whole block that ends in another byte than the challenge.
func filled(challenge []byte) []byte {
	fill := byte(0)
	if challenge[len(challenge)-1] == 0 {
		fill = 1
	}
	return append(bytes.Clone(challenge), bytes.Repeat([]byte{fill}, block-len(challenge))...)
}

func (s *Slots) meaning(number int, err error) error {
	refused := errors.Is(err, apdu.Conditions) || errors.Is(err, apdu.Refused)
	switch {
	case refused && s.Touch(number), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w (%w)", apdu.ErrTouch, err)
	case refused, errors.Is(err, apdu.WrongSyntax):
		return fmt.Errorf("%w (%v)", ErrNotSet, err)
	}
	return err
}

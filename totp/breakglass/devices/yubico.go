package devices

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/ledger"
	"mfawatch/totp/yubikey/otp"
)

// Yubico is the factor of a Yubico OTP credential. What it types is counted by the
// key's own counters: one that is not above the last is used. One that was held back
// between two of one plugging-in, as its clock tells, is refused (otp.Delayed).
type Yubico struct{ Credential otp.Credential }

// WellFormed tells what a key did not type: breakglass.Factor.
func (Yubico) WellFormed(c breakglass.Code) error {
	_, err := typed(c)
	return err
}

func typed(c breakglass.Code) (otp.OTP, error) {
	return otp.Keyboard{Capitals: true}.Parse(strings.TrimSpace(c.Reveal()))
}

// Guessable is false: what does not decrypt to the private id of 48 bits and a checksum of
// 16 is none, and nobody tries 2^64. So wrong ones lock nothing, and nobody who calls as
// the key's person keeps them out with them.
func (Yubico) Guessable() bool { return false }

// Begin counts nothing: the door itself does.
func (y Yubico) Begin(_ context.Context, _ breakglass.Tx, id string, now time.Time) (breakglass.Guess, error) {
	return &yubicoGuess{credential: y.Credential, id: id, at: now}, nil
}

type yubicoGuess struct {
	credential otp.Credential
	id         string
	at         time.Time
	counted    ledger.Counted
}

// Compare decrypts. An OTP of another key is a wrong one like others.
func (g *yubicoGuess) Compare(c breakglass.Code) error {
	o, err := typed(c)
	if err != nil {
		return breakglass.ErrWrong
	}
	_, g.counted, err = g.credential.Count(o, "", g.at)
	if err != nil {
		return breakglass.ErrWrong
	}
	return nil
}

// Spend looks at the key's clock and counters together.
func (g *yubicoGuess) Spend(ctx context.Context, tx breakglass.Tx) error {
	err := breakglass.SpendCounted(ctx, tx, g.id, g.counted, g.at)
	if delayed := (*otp.Delayed)(nil); errors.As(err, &delayed) {
		return fmt.Errorf("%w: %w", breakglass.ErrHeld, delayed)
	}
	return err
}

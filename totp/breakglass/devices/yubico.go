package devices

import (
	"context"
	"strings"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/yubikey/otp"
)

// Yubico is the factor of a Yubico OTP credential. What it types is counted by the
// key's own counters: one that is not above the last is used.
//
// It does not look, as otp.Check does, whether an OTP was held back between two of one
// plugging-in.
type Yubico struct{ Credential otp.Credential }

// WellFormed tells what a key did not type: breakglass.Factor.
func (Yubico) WellFormed(c breakglass.Code) error {
	_, err := typed(c)
	return err
}

func typed(c breakglass.Code) (otp.OTP, error) {
	return otp.Keyboard{Capitals: true}.Parse(strings.TrimSpace(c.Reveal()))
}

// Guessable is true: the ledger locks the device after wrong OTPs, as it does others.
func (Yubico) Guessable() bool { return true }

// Begin counts an attempt.
func (y Yubico) Begin(ctx context.Context, tx breakglass.Tx, id string, now time.Time) (breakglass.Guess, error) {
	counted, err := breakglass.BeginCounted(ctx, tx, id, now)
	if err != nil {
		return nil, err
	}
	return &yubicoGuess{y.Credential, counted, 0}, nil
}

type yubicoGuess struct {
	credential otp.Credential
	counted    breakglass.Counted
	number     int64
}

// Compare decrypts. An OTP of another key is a wrong one like others.
func (g *yubicoGuess) Compare(c breakglass.Code) error {
	o, err := typed(c)
	if err != nil {
		return breakglass.ErrWrong
	}
	t, err := g.credential.Open(o)
	if err != nil {
		return breakglass.ErrWrong
	}
	g.number = t.Step()
	return nil
}

func (g *yubicoGuess) Spend(ctx context.Context, tx breakglass.Tx) error {
	return g.counted.Spend(ctx, tx, g.number)
}

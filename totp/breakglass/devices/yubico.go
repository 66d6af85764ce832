package devices

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/otp"
)

// Yubico is the factor of a Yubico OTP credential. What it types is counted by the
// key's own counters: one that is not above the last is used.
//
// It does not look, as otp.Check does, whether an OTP was held back between two of one
// plugging-in.
type Yubico struct {
	Credential otp.Credential
	// From is the first number (otp.Token, Step) that opens. Those that proved the key
	// when it was enrolled are below it, and stay so though the ledger is lost.
	From int64
}

// fromLine begins the line after the credential's text, where there is one.
const fromLine = "\nfrom "

// Secret is what is sealed of the device.
func (y Yubico) Secret() seal.Secret {
	return seal.NewSecret(append(y.Credential.Text(), fromLine+strconv.FormatInt(y.From, 10)...))
}

// parseYubico reads what Secret writes, and a credential's text alone. Its errors do not
// show the text.
func parseYubico(text []byte) (Yubico, error) {
	credential, line, placed := bytes.Cut(text, []byte(fromLine))
	c, err := otp.ParseCredential(credential)
	if err != nil || !placed {
		return Yubico{Credential: c}, err
	}
	from, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil || from < 0 || strconv.FormatInt(from, 10) != string(line) {
		return Yubico{}, errors.New("the number after the credential is none")
	}
	return Yubico{c, from}, nil
}

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
	return &yubicoGuess{y, counted, 0}, nil
}

type yubicoGuess struct {
	device  Yubico
	counted breakglass.Counted
	number  int64
}

// Compare decrypts. An OTP of another key is a wrong one like others.
func (g *yubicoGuess) Compare(c breakglass.Code) error {
	o, err := typed(c)
	if err != nil {
		return breakglass.ErrWrong
	}
	t, err := g.device.Credential.Open(o)
	if err != nil {
		return breakglass.ErrWrong
	}
	if g.number = t.Step(); g.number < g.device.From {
		return breakglass.ErrUsed
	}
	return nil
}

func (g *yubicoGuess) Spend(ctx context.Context, tx breakglass.Tx) error {
	return g.counted.Spend(ctx, tx, g.number)
}

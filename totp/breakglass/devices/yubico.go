package devices

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/ledger"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/otp"
)

// Yubico is the factor of a Yubico OTP credential. What it types is counted by the
// key's own counters: one that is not above the last is used. One that was held back
// between two of one plugging-in, as its clock tells, is refused (otp.Delayed).
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

// Guessable is false: what does not decrypt to the private id of 48 bits and a checksum of
// 16 is none, and nobody tries 2^64. So wrong ones lock nothing, and nobody who calls as
// the key's person keeps them out with them.
func (Yubico) Guessable() bool { return false }

// Begin counts nothing: the door itself does.
func (y Yubico) Begin(_ context.Context, _ breakglass.Tx, id string, now time.Time) (breakglass.Guess, error) {
	return &yubicoGuess{device: y, id: id, at: now}, nil
}

type yubicoGuess struct {
	device  Yubico
	id      string
	at      time.Time
	counted ledger.Counted
}

// Compare decrypts. An OTP of another key is a wrong one like others.
func (g *yubicoGuess) Compare(c breakglass.Code) error {
	o, err := typed(c)
	if err != nil {
		return breakglass.ErrWrong
	}
	t, counted, err := g.device.Credential.Count(o, "", g.at)
	if err != nil {
		return breakglass.ErrWrong
	}
	if g.counted = counted; t.Step() < g.device.From {
		return breakglass.ErrUsed
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

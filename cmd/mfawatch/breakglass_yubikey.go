package main

import (
	"bytes"
	"context"
	"fmt"

	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/card"
	"mfawatch/totp/yubikey/slot"
)

// pluggedKey asks the YubiKey that is plugged in: bundle.Responder. It remembers its last
// answer until it is wiped, so that a bundle that was just sealed opens without another
// touch.
type pluggedKey struct {
	serial uint32
	t      terminal

	challenge []byte
	answer    seal.Secret
}

// wipe forgets the last answer.
func (p *pluggedKey) wipe() {
	p.answer.Wipe()
	p.challenge = nil
}

func (p *pluggedKey) Respond(ctx context.Context, number int, challenge []byte) (seal.Secret, error) {
	if p.challenge != nil && bytes.Equal(challenge, p.challenge) {
		return seal.NewSecret(bytes.Clone(p.answer.Reveal())), nil
	}
	var got seal.Secret
	err := card.Use(ctx, p.t.readers(), card.Which{Serial: p.serial}, func(ctx context.Context, k *card.Key) error {
		s, err := slot.Select(ctx, k)
		if err != nil {
			return err
		}
		s.Waiting = func(int) { fmt.Fprintln(p.t.err, "Touch the YubiKey.") }
		got, err = s.Respond(ctx, number, challenge)
		return err
	})
	if err == nil {
		p.wipe()
		p.challenge, p.answer = bytes.Clone(challenge), seal.NewSecret(bytes.Clone(got.Reveal()))
	}
	return got, err
}

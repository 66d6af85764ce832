package bundle

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"mfawatch/totp/seal"
)

// Responder answers challenges with a secret that stays where it is. A YubiKey's slot is
// one: slot.Slots.
type Responder interface {
	Respond(ctx context.Context, slot int, challenge []byte) (seal.Secret, error)
}

// second says how the inner part opens. A YubiKey takes challenges of up to 63 bytes.
type second struct {
	Slot      int    `json:"slot"`
	Challenge []byte `json:"challenge"`
	Salt      []byte `json:"salt"`
	Sealed    []byte `json:"sealed"` // a nonce, and what was sealed under it
}

const part = 32 // bytes of a challenge, and of a salt

func (s Sealer) second(ctx context.Context, c Contents) (*second, error) {
	if s.Slot != 1 && s.Slot != 2 || s.Second == nil {
		return nil, fmt.Errorf("seal the bundle: slot %d of no YubiKey: keys have slots 1 and 2", s.Slot)
	}
	random := make([]byte, 2*part+12)
	if _, err := io.ReadFull(s.Random, random); err != nil {
		return nil, fmt.Errorf("seal the bundle: random numbers: %w", err)
	}
	made := second{Slot: s.Slot, Challenge: random[:part:part], Salt: random[part : 2*part : 2*part]}
	gcm, err := made.cipher(ctx, s.Second)
	if err != nil {
		return nil, fmt.Errorf("seal the bundle: %w", err)
	}
	with, err := made.bound(c)
	if err != nil {
		return nil, err
	}
	nonce := random[2*part:]
	made.Sealed = gcm.Seal(append([]byte(nil), nonce...), nonce, c.Secret.Reveal(), with)
	return &made, nil
}

// cipher is the inner one, under the key that the answer gives.
func (s second) cipher(ctx context.Context, r Responder) (cipher.AEAD, error) {
	answer, err := r.Respond(ctx, s.Slot, s.Challenge)
	if err != nil {
		return nil, err
	}
	defer answer.Wipe()
	key, err := hkdf.Key(sha256.New, answer.Reveal(), s.Salt, format, 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// bound is what the inner part belongs to: it opens in no other bundle.
func (s second) bound(c Contents) ([]byte, error) {
	s.Sealed = nil
	with, err := json.Marshal(struct {
		Contents
		Second second
	}{c, s})
	if err != nil {
		return nil, fmt.Errorf("the bundle: %w", err)
	}
	return with, nil
}

func (o Opener) second(ctx context.Context, in outer) (seal.Secret, error) {
	s := *in.Second
	if o.Second == nil {
		return seal.Secret{}, fmt.Errorf("%w: no YubiKey was asked", ErrSecond)
	}
	if len(s.Challenge) != part || len(s.Salt) != part || len(s.Sealed) < 12+16 {
		return seal.Secret{}, errors.New("the bundle's second part is not as it is made: make the bundle anew with 'mfawatch breakglass init'")
	}
	key, err := o.Second(ctx)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("the bundle's second part: %w", err)
	}
	gcm, err := s.cipher(ctx, key)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("the bundle's second part: %w", err)
	}
	with, err := s.bound(in.Contents)
	if err != nil {
		return seal.Secret{}, err
	}
	plain, err := gcm.Open(nil, s.Sealed[:12], s.Sealed[12:], with)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("%w: is it the one whose slot %d the bundle was sealed with?", ErrSecond, s.Slot)
	}
	return seal.NewSecret(plain), nil
}

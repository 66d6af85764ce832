package oath

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"fmt"

	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
)

// How an access key is made of a password: YKOATH, SET CODE. 1,000 rounds are what keys
// and other programs agree on, and few: the password has to be long.
const (
	rounds    = 1000
	accessKey = 16
)

// Derive makes the access key of a password, which is this application's only.
func (s *Session) Derive(password seal.Secret) (seal.Secret, error) {
	if len(password.Reveal()) == 0 {
		return seal.Secret{}, errors.New("the password is empty: give the one that was set on the key")
	}
	key, err := pbkdf2.Key(sha1.New, string(password.Reveal()), s.id, rounds, accessKey)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("derive the key's access key: %w", err)
	}
	return seal.NewSecret(key), nil
}

// Unlock shows the key that we know its access key, and has it show the same. After a
// wrong one the application is selected anew, so that another may be tried.
func (s *Session) Unlock(ctx context.Context, access seal.Secret) error {
	if !s.Locked() {
		return nil
	}
	ours, err := challenge()
	if err != nil {
		return err
	}
	data := apdu.AppendTLV(apdu.AppendTLV(nil, tagResponse, response(access, s.challenge)), tagChallenge, ours)
	answer, err := s.app.Do(ctx, apdu.Command{Ins: insValidate, Data: data})
	switch {
	case errors.Is(err, apdu.WrongSyntax), errors.Is(err, apdu.Refused): // 6a80 is what keys say to a wrong answer
		if err := s.Lock(ctx); err != nil {
			return err
		}
		return ErrPassword
	case err != nil:
		return fmt.Errorf("unlock: %w", err)
	}
	theirs, err := single(answer, tagResponse)
	if err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	if !hmac.Equal(theirs, response(access, ours)) {
		return ErrImpostor
	}
	s.challenge = nil
	return nil
}

// SetPassword sets or changes the access key. A later session has to be unlocked with it.
func (s *Session) SetPassword(ctx context.Context, access seal.Secret) error {
	if len(access.Reveal()) != accessKey {
		return fmt.Errorf("an access key has %d bytes: derive it from a password", accessKey)
	}
	ours, err := challenge()
	if err != nil {
		return err
	}
	data := apdu.AppendTLV(nil, tagKey, append([]byte{totpCode | sha1Code}, access.Reveal()...))
	data = apdu.AppendTLV(apdu.AppendTLV(data, tagChallenge, ours), tagResponse, response(access, ours))
	if _, err := s.do(ctx, apdu.Command{Ins: insSetCode, Data: data}); err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	s.password = true
	return nil
}

// ClearPassword lets everybody who holds the key use it.
func (s *Session) ClearPassword(ctx context.Context) error {
	if _, err := s.do(ctx, apdu.Command{Ins: insSetCode, Data: []byte{tagKey, 0}}); err != nil {
		return fmt.Errorf("clear the password: %w", err)
	}
	s.password = false
	return nil
}

func challenge() ([]byte, error) {
	c := make([]byte, 8)
	if _, err := rand.Read(c); err != nil {
		return nil, fmt.Errorf("read random bytes for a challenge: %w", err)
	}
	return c, nil
}

func response(access seal.Secret, challenge []byte) []byte {
	h := hmac.New(sha1.New, access.Reveal())
	h.Write(challenge)
	return h.Sum(nil)
}

// single is an answer that is one value.
func single(answer []byte, tag byte) ([]byte, error) {
	values, err := apdu.ParseTLVs(answer)
	if err != nil {
		return nil, err
	}
	if len(values) != 1 || values[0].Tag != tag {
		return nil, fmt.Errorf("%w (no value %02x)", apdu.ErrMalformed, tag)
	}
	return values[0].Value, nil
}

// Package oath speaks to the OATH application of a YubiKey, which keeps seeds and makes
// one-time codes of them: Yubico's YKOATH protocol.
//
// It promises that a credential is found by its exact name and never by a part of it,
// that no seed is overwritten unless that was asked for, that a code is only made of the
// step that the caller names, so that a ledger can lease it first, and that a card which
// knows no password is not taken for one that does. What the firmware cannot do is said
// before the card is asked. A broken or hostile card gets errors and no more: see apdu.
//
// It never asks the clock (a YubiKey has none either: whoever names the step decides),
// keeps no secret, and shows none: seeds come as totp.Key, passwords and codes are
// seal.Secret.
package oath

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"mfawatch/totp/yubikey/apdu"
)

// What a caller may want to tell apart, besides the errors of apdu. Exit codes are the
// command line's: 5 for ErrNotFound, 6 for ErrAmbiguous, 7 for ErrLocked, 3 for
// ErrPassword, 1 for the others.
var (
	ErrLocked      = errors.New("the key's OATH application has a password: give it")
	ErrPassword    = errors.New("the password is not this key's")
	ErrImpostor    = errors.New("the key does not know its own password: this is not the key that it claims to be, do not use it")
	ErrNotFound    = errors.New("the key has no such credential")
	ErrAmbiguous   = errors.New("the key has several credentials of that name")
	ErrExists      = errors.New("the key has a credential of that name already, and a seed that is overwritten is lost: delete it first, or choose another name")
	ErrUnsupported = errors.New("the key's firmware cannot do this")
)

// The instructions and tags of YKOATH.
const (
	insPut          = 0x01
	insDelete       = 0x02
	insSetCode      = 0x03
	insReset        = 0x04
	insRename       = 0x05
	insList         = 0xa1
	insCalculate    = 0xa2
	insValidate     = 0xa3
	insCalculateAll = 0xa4
	insRemaining    = 0xa5

	tagName      = 0x71
	tagEntry     = 0x72
	tagKey       = 0x73
	tagChallenge = 0x74
	tagResponse  = 0x75
	tagTruncated = 0x76
	tagHOTP      = 0x77
	tagProperty  = 0x78 // no length follows it
	tagVersion   = 0x79
	tagCounter   = 0x7a
	tagAlgorithm = 0x7b
	tagTouch     = 0x7c
)

var aid = []byte{0xa0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01}

// Session is the application of one key, selected. It is for one goroutine, and only
// good as long as nobody else selects something on the same key: hold an
// apdu.Connection's Begin around it.
type Session struct {
	// Waiting is called, once for each code, when the key takes so long that it must be
	// blinking for a touch. It runs beside the call, which does not return before it did,
	// and must not use the session. Nil is fine.
	Waiting func(c Credential)

	app       apdu.Application
	version   apdu.Version
	id        []byte
	password  bool   // it has one
	challenge []byte // to be answered before anything else; nil when unlocked
}

// Select opens the application.
func Select(ctx context.Context, card apdu.Transmitter) (*Session, error) {
	s := &Session{app: apdu.Application{Card: card, More: insRemaining}}
	if err := s.Lock(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Lock selects the application anew, so that a key with a password wants it again.
// Whoever unlocked a key does this at the end, or selects something else, as closing a
// card.Key does: until then every program that can reach the key can use it.
func (s *Session) Lock(ctx context.Context) error {
	answer, err := s.app.Select(ctx, aid)
	if err != nil {
		return fmt.Errorf("select the OATH application: %w", err)
	}
	if err := s.selected(answer); err != nil {
		return fmt.Errorf("select the OATH application: %w", err)
	}
	return nil
}

// selected takes in what the application says of itself.
func (s *Session) selected(answer []byte) error {
	values, err := apdu.ParseTLVs(answer)
	if err != nil {
		return err
	}
	one := func(tag byte) []byte {
		if i := slices.IndexFunc(values, func(v apdu.TLV) bool { return v.Tag == tag }); i >= 0 {
			return values[i].Value
		}
		return nil
	}
	version, id, challenge, algorithm := one(tagVersion), one(tagName), one(tagChallenge), one(tagAlgorithm)
	switch {
	case len(version) != 3:
		return fmt.Errorf("%w (no version)", apdu.ErrMalformed)
	case len(id) == 0 || len(id) > 64:
		return fmt.Errorf("%w (no id)", apdu.ErrMalformed)
	case challenge != nil && (len(challenge) < 8 || len(challenge) > 64):
		return fmt.Errorf("%w (a challenge of %d bytes)", apdu.ErrMalformed, len(challenge))
	case challenge != nil && algorithm != nil && (len(algorithm) != 1 || algorithm[0]&0x0f != sha1Code):
		return fmt.Errorf("%w: its password was set by a program that uses another algorithm than SHA1: unlock it and set it anew with that program", ErrUnsupported)
	}
	s.version, s.id = apdu.Version(version), slices.Clone(id)
	s.challenge, s.password = slices.Clone(challenge), challenge != nil
	return nil
}

// DeviceID names the application until it is reset, when it gets another id. It is not
// the serial number.
func (s *Session) DeviceID() string { return hex.EncodeToString(s.id) }

// HasPassword tells whether the application has one, Locked whether it wants it now.
func (s *Session) HasPassword() bool { return s.password }

// Locked tells whether the password is wanted before anything else.
func (s *Session) Locked() bool { return s.challenge != nil }

// do sends a command that wants an unlocked application.
func (s *Session) do(ctx context.Context, c apdu.Command) ([]byte, error) {
	if s.Locked() {
		return nil, ErrLocked
	}
	answer, err := s.app.Do(ctx, c)
	if errors.Is(err, apdu.Refused) { // somebody set a password since, or selected the application again
		return nil, fmt.Errorf("%w (%v)", ErrLocked, err)
	}
	return answer, err
}

package validation

import (
	"context"
	"errors"
	"fmt"

	"mfawatch/totp/yubikey/otp"
)

// FixedCallers are clients that do not change, by id.
type FixedCallers map[string]Caller

// Caller is Callers' method.
func (f FixedCallers) Caller(_ context.Context, id string) (Caller, error) {
	c, there := f[id]
	if !there {
		return Caller{}, ErrNoCaller
	}
	return c, nil
}

// FixedKeys are credentials that do not change, by their public ids: all that a server
// has, opened when it starts.
type FixedKeys map[string]otp.Credential

// NewFixedKeys refuses two of one public id, and those that have none.
func NewFixedKeys(all ...otp.Credential) (FixedKeys, error) {
	f := FixedKeys{}
	for _, c := range all {
		_, twice := f[c.PublicID()]
		switch {
		case twice:
			return nil, fmt.Errorf("two keys have the public id %s: a server could not tell them apart", c.PublicID())
		case c.PublicID() == "":
			return nil, errors.New("a key has no public id: a server finds keys by it, so program one that has")
		}
		f[c.PublicID()] = c
	}
	return f, nil
}

// Key is Keys' method.
func (f FixedKeys) Key(_ context.Context, publicID string) (otp.Credential, error) {
	c, there := f[publicID]
	if !there {
		return otp.Credential{}, ErrNoKey
	}
	return c, nil
}

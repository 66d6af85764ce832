package vaultapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"mfawatch/totp"
)

// What Keys answer.
var (
	// ErrNotFound is the answer about a name that there is no key of.
	ErrNotFound = errors.New("no such key")
	// ErrExists is Put's answer to a name that there is a key of.
	ErrExists = errors.New("there is a key of this name")
	// ErrRefused is in the chain of an error that is the caller's to put right. Its whole
	// text is told.
	ErrRefused = errors.New("refused")
)

// Key is a key that was opened.
type Key struct {
	totp.Key
	// ID is what the ledger knows the key's checked codes by. It stays the same for a
	// secret, and another secret of the same name may have the same.
	ID string
	// Device is what AWS counts codes by: the device's ARN or serial number, or the same
	// as everybody else uses who leases codes of this secret.
	Device string
	Skew   int // steps to each side that are accepted when a code is checked
}

// Keys are the named secrets. Names are exact. They are used by many requests at once.
type Keys interface {
	// List gives the names of all keys.
	List(ctx context.Context) ([]string, error)
	// Settings tells what of a key is no secret: or ErrNotFound.
	Settings(ctx context.Context, name string) (totp.Settings, error)
	// Open gives a key: or ErrNotFound.
	Open(ctx context.Context, name string) (Key, error)
	// Put keeps a new key: or ErrExists, and then the one that is there is unchanged, also
	// when many put at once. ErrRefused is for what cannot be kept.
	Put(ctx context.Context, name string, k totp.Key, skew int) error
	// Replace keeps a key in the place of one that is there: or ErrNotFound.
	Replace(ctx context.Context, name string, k totp.Key, skew int) error
	// Delete removes a key: or ErrNotFound. What the ledger knows of it stays.
	Delete(ctx context.Context, name string) error
}

// failed words what Keys answered about a key.
func failed(err error, unknown answer) answer {
	switch {
	case errors.Is(err, ErrNotFound):
		return unknown
	case errors.Is(err, ErrExists):
		return bad("the key is there already, and writing over it would lock out who uses it: delete it first, or start the server with overwriting allowed")
	case errors.Is(err, ErrRefused):
		return bad(err.Error())
	}
	return broken("the keys cannot be reached", err)
}

func (h *handler) listKeys(ctx context.Context, q *request) answer {
	all, err := h.Keys.List(ctx)
	if err != nil {
		return broken("the keys cannot be reached", err)
	}
	var names []string
	for _, name := range all {
		if q.token.sees(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nothing()
	}
	slices.Sort(names)
	return answer{data: map[string]any{"keys": names}}
}

func (h *handler) readKey(ctx context.Context, q *request) answer {
	s, err := h.Keys.Settings(ctx, q.name)
	if err != nil {
		return failed(err, nothing())
	}
	if s.Kind == totp.HOTP {
		return bad(counterKey)
	}
	return answer{data: map[string]any{
		"issuer": s.Issuer, "account_name": s.Account, "period": s.Period, "algorithm": s.Algorithm, "digits": s.Digits,
	}}
}

const counterKey = "the key counts (hotp), and Vault's totp engine has only keys of time: use mfawatch's own commands for it"

// deleteKey answers as the engine does when there was no key: it is gone.
func (h *handler) deleteKey(ctx context.Context, q *request) answer {
	if a, ok := h.begun(q); !ok {
		return a
	}
	if err := h.Keys.Delete(ctx, q.name); err != nil {
		return failed(err, answer{outcome: NotFound})
	}
	return answer{}
}

// begun records that a change is about to be made: what is not on record is not changed.
func (h *handler) begun(q *request) (answer, bool) {
	if err := h.record(q, answer{outcome: Begun}); err != nil {
		return failure(http.StatusServiceUnavailable, Failed, unrecorded), false
	}
	return answer{}, true
}

func (h *handler) writeKey(ctx context.Context, q *request) answer {
	w, err := h.wanted(&q.body, q.name)
	if err != nil {
		return bad(err.Error())
	}
	a := answer{warnings: append(w.warnings, q.body.ignored()...)}
	if w.exported {
		if a.data, err = w.shown(); err != nil {
			return bad(err.Error())
		}
		a.exported = true
	}
	if b, ok := h.begun(q); !ok {
		return b
	}
	if err := h.keep(ctx, q.name, w); err != nil {
		return failed(err, broken("the keys cannot be reached", err))
	}
	return a
}

func (h *handler) keep(ctx context.Context, name string, w wanted) error {
	err := h.Keys.Put(ctx, name, w.key, w.skew)
	if errors.Is(err, ErrExists) && h.AllowOverwrite {
		return h.Keys.Replace(ctx, name, w.key, w.skew)
	}
	return err
}

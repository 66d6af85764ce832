package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/seal"
)

// The exit codes of commands about keys and codes; they are an interface
// (docs/design.md).
const (
	exitRefused   = 3 // a code was refused
	exitNotFound  = 5 // no such key, device or request
	exitAmbiguous = 6
	exitLater     = 7 // locked, or AWS's budget is spent
)

// ringError gives an error of keys and codes its exit code.
func ringError(err error) error {
	var later *ledger.Later
	switch {
	case err == nil || errors.As(err, &exit{}):
		return err
	case errors.Is(err, keyring.ErrNotFound):
		return exit{exitNotFound, err}
	case errors.Is(err, keyring.ErrAmbiguous):
		return exit{exitAmbiguous, err}
	case errors.Is(err, ledger.ErrLocked) || errors.As(err, &later):
		return exit{exitLater, err}
	case errors.Is(err, totp.ErrMalformed) || errors.Is(err, totp.ErrNoMatch) || errors.Is(err, totp.ErrReplayed) || errors.Is(err, ledger.ErrBeforeFloor):
		return exit{exitRefused, err}
	}
	return cannotRun(err)
}

// home is where mfawatch keeps its keys and what was used of them.
type home struct{ dir string }

func openHome() (home, error) {
	dir, err := stateDir()
	return home{dir}, err
}

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

// ring are the keys, to be opened and sealed with what is given.
func (h home) ring(keys seal.Keys) (keyring.Ring, error) {
	s, err := seal.OpenStore(h.path("keys"), keys)
	return keyring.Ring{Seals: s}, err
}

// closed are the keys as they lie there: they can be listed and found.
func (h home) closed() (keyring.Ring, error) { return h.ring(seal.Keys{}) }

// ledger is what was used of the keys. One that is missing where there are keys was
// lost, and what it knew with it: nothing of before now is good then.
func (h home) ledger(ctx context.Context) (ledger.Store, time.Time, error) {
	s := file.Store{Path: h.path("ledger.db")}
	_, err := os.Lstat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		keys, err := os.ReadDir(h.path("keys"))
		if err == nil && len(keys) > 0 {
			err = keyring.Restored(ctx, s, time.Now())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, time.Time{}, err
		}
	}
	floor, err := keyring.Floor(ctx, s)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the ledger of used codes: %w", err)
	}
	return s, floor, nil
}

// opened is a key that codes can be made with.
type opened struct {
	keyring.Entry
	key    totp.Key
	ledger ledger.Store
	floor  time.Time
}

// open finds a key by its exact name or device and opens it.
func (u unlocking) open(ctx context.Context, t terminal, ref string) (opened, error) {
	h, err := openHome()
	if err != nil {
		return opened{}, err
	}
	closed, err := h.closed()
	if err != nil {
		return opened{}, err
	}
	e, err := closed.Find(ref)
	if err != nil {
		return opened{}, err
	}
	keys, err := u.opening(ctx, t, h, e.SealedTo)
	if err != nil {
		return opened{}, err
	}
	ring, err := h.ring(keys)
	if err != nil {
		return opened{}, err
	}
	k, err := ring.Open(ctx, e.Name)
	if err != nil {
		return opened{}, err
	}
	s, floor, err := h.ledger(ctx)
	return opened{e, k, s, floor}, err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/card"
	"mfawatch/totp/yubikey/oath"
	"mfawatch/totp/yubikey/pcsc"
)

// The exit codes of commands about keys and codes; they are an interface
// (docs/design.md).
const (
	exitRefused   = 3 // a code was refused
	exitNotFound  = 5 // no such key, device or request
	exitAmbiguous = 6
	exitLater     = 7 // locked, or AWS's budget is spent
	exitAbsent    = 8 // no such YubiKey, or it was not touched in time
)

// ringError gives an error of keys and codes its exit code.
func ringError(err error) error {
	var later *ledger.Later
	switch {
	case err == nil || errors.As(err, &exit{}):
		return err
	case errors.Is(err, keyring.ErrNotFound), errors.Is(err, device.ErrNotFound):
		return exit{exitNotFound, err}
	case errors.Is(err, keyring.ErrAmbiguous):
		return exit{exitAmbiguous, err}
	case errors.Is(err, ledger.ErrLocked) || errors.Is(err, device.ErrLater) || errors.As(err, &later):
		return exit{exitLater, err}
	case errors.Is(err, device.ErrRefused) || errors.Is(err, totp.ErrMalformed) || errors.Is(err, totp.ErrNoMatch) || errors.Is(err, totp.ErrReplayed) || errors.Is(err, ledger.ErrBeforeFloor):
		return exit{exitRefused, err}
	}
	return yubikeyError(err)
}

// yubikeyError gives an error of YubiKeys its exit code.
func yubikeyError(err error) error {
	is := func(sentinels ...error) bool {
		return slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) })
	}
	switch {
	case is(card.ErrNoDevice, pcsc.ErrNoService, apdu.ErrRemoved, apdu.ErrTouch, apdu.ErrNoAnswer, errLate):
		return exit{exitAbsent, err}
	case is(oath.ErrNotFound):
		return exit{exitNotFound, err}
	case is(card.ErrAmbiguous, oath.ErrAmbiguous):
		return exit{exitAmbiguous, err}
	case is(oath.ErrPassword):
		return exit{exitRefused, err}
	case is(oath.ErrLocked, apdu.ErrBusy):
		return exit{exitLater, err}
	}
	return cannotRun(err)
}

// home is where mfawatch keeps its keys and what was used of them.
type home struct{ dir string }

func openHome() (home, error) {
	dir, err := stateDir()
	if err == nil { // who can write there chooses to whom keys are sealed
		err = seal.TrustFolder(dir)
	}
	if err != nil {
		return home{}, fmt.Errorf("MFAWATCH_HOME: %w", err)
	}
	return home{dir}, nil
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
	if lost(s.Path) {
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
	return watched{s, s.Path, floor}, floor, nil
}

// busyPatience is how long a writer waits for another. One that waits for a YubiKey to be
// touched may take longer, and then the error says so.
const busyPatience = 10 * time.Second

// patiently does what needs a folder's lock, as soon as others have given it back.
func patiently(do func() error) error {
	for end := time.Now().Add(busyPatience); ; time.Sleep(20 * time.Millisecond) {
		if err := do(); !errors.Is(err, seal.ErrBusy) || time.Now().After(end) {
			return err
		}
	}
}

// lost tells of a ledger that is missing, or that a crash or a full disk left empty: it
// would begin anew.
func lost(path string) bool {
	info, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0
}

// watched is a ledger that has to stay the one that was opened. One that goes lost under
// a server would begin anew and take used codes again; one that is restored has another
// floor.
type watched struct {
	ledger.Store
	path  string
	floor time.Time
}

// Update is ledger.Store's.
func (w watched) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	if lost(w.path) {
		return fmt.Errorf("ledger %s: it went lost since it was opened: start again, and codes of before then are refused", w.path)
	}
	floor, err := keyring.Floor(ctx, w.Store)
	switch {
	case err != nil:
		return err
	case !floor.Equal(w.floor):
		return fmt.Errorf("ledger %s: it was restored since it was opened: start again, and codes of before then are refused", w.path)
	}
	return w.Store.Update(ctx, key, change)
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
	return (&opener{unlocking: u, t: t, home: h}).open(ctx, ref)
}

// opener opens keys, and asks for what opens them once.
type opener struct {
	unlocking
	t    terminal
	home home

	mutex sync.Mutex
	got   map[string]seal.Keys // by what keys are sealed to
}

func (o *opener) keys(ctx context.Context, sealedTo []string) (seal.Keys, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	way := strings.Join(sealedTo, "\n")
	if keys, ok := o.got[way]; ok {
		return keys, nil
	}
	keys, err := o.opening(ctx, o.t, o.home, sealedTo)
	if err == nil {
		if o.got == nil {
			o.got = map[string]seal.Keys{}
		}
		o.got[way] = keys
	}
	return keys, err
}

func (o *opener) find(ref string) (keyring.Entry, error) {
	closed, err := o.home.closed()
	if err != nil {
		return keyring.Entry{}, err
	}
	return closed.Find(ref)
}

func (o *opener) key(ctx context.Context, e keyring.Entry) (totp.Key, error) {
	keys, err := o.keys(ctx, e.SealedTo)
	if err != nil {
		return totp.Key{}, err
	}
	ring, err := o.home.ring(keys)
	if err != nil {
		return totp.Key{}, err
	}
	return ring.Open(ctx, e.Name)
}

func (o *opener) open(ctx context.Context, ref string) (opened, error) {
	e, err := o.find(ref)
	if err != nil {
		return opened{}, err
	}
	k, err := o.key(ctx, e)
	if err != nil {
		return opened{}, err
	}
	s, floor, err := o.home.ledger(ctx)
	return opened{e, k, s, floor}, err
}

// both are keys to seal with and to open again with what they sealed.
func (o *opener) both(ctx context.Context) (seal.Keys, error) {
	keys, err := o.sealing(ctx, o.t, o.home)
	if err == nil && len(keys.Identities) > 0 { // a passphrase does both, and is asked for once
		o.mutex.Lock()
		defer o.mutex.Unlock()
		if o.got == nil {
			o.got = map[string]seal.Keys{}
		}
		o.got[byPassphrase] = keys
	}
	if err != nil || len(keys.Identities) > 0 {
		return keys, err
	}
	keys.Identities, err = o.identities(o.t, o.home, len(keys.KMS) > 0)
	return keys, err
}

// Package vaultapitest has keys and a record in memory for tests of who serves or asks
// the Vault routes, and holds any Keys to their contract. It forgets with the process,
// seals nothing, and is for tests only.
package vaultapitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/vaultapi"
)

// Keys are keys in memory. A key's name is its ID and its Device.
type Keys struct {
	mutex sync.Mutex
	kept  map[string]vaultapi.Key
	Fail  func() error // asked before each call; nil never fails
}

// use runs with the keys that are there, one caller after the other.
func (m *Keys) use(do func() error) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.Fail != nil {
		if err := m.Fail(); err != nil {
			return err
		}
	}
	if m.kept == nil {
		m.kept = map[string]vaultapi.Key{}
	}
	return do()
}

func (m *Keys) write(name string, k totp.Key, skew int, there bool, otherwise error) error {
	return m.use(func() error {
		if _, ok := m.kept[name]; ok != there {
			return otherwise
		}
		m.kept[name] = vaultapi.Key{Key: k, ID: name, Device: name, Skew: skew}
		return nil
	})
}

// List gives the names: vaultapi.Keys.
func (m *Keys) List(context.Context) (names []string, err error) {
	err = m.use(func() error {
		for name := range m.kept {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// Settings tells what is no secret: vaultapi.Keys.
func (m *Keys) Settings(ctx context.Context, name string) (totp.Settings, error) {
	k, err := m.Open(ctx, name)
	return k.Settings(), err
}

// Open gives a key: vaultapi.Keys.
func (m *Keys) Open(_ context.Context, name string) (k vaultapi.Key, err error) {
	err = m.use(func() error {
		var ok bool
		if k, ok = m.kept[name]; !ok {
			return fmt.Errorf("key %s: %w", name, vaultapi.ErrNotFound)
		}
		return nil
	})
	return k, err
}

// Put keeps a new key: vaultapi.Keys.
func (m *Keys) Put(_ context.Context, name string, k totp.Key, skew int) error {
	return m.write(name, k, skew, false, fmt.Errorf("key %s: %w", name, vaultapi.ErrExists))
}

// Replace keeps another key: vaultapi.Keys.
func (m *Keys) Replace(_ context.Context, name string, k totp.Key, skew int) error {
	return m.write(name, k, skew, true, fmt.Errorf("key %s: %w", name, vaultapi.ErrNotFound))
}

// Delete removes a key: vaultapi.Keys.
func (m *Keys) Delete(_ context.Context, name string) error {
	return m.use(func() error {
		if _, ok := m.kept[name]; !ok {
			return fmt.Errorf("key %s: %w", name, vaultapi.ErrNotFound)
		}
		delete(m.kept, name)
		return nil
	})
}

// Record are entries in memory: vaultapi.Audit.
type Record struct {
	mutex   sync.Mutex
	entries []vaultapi.Entry
	Fail    func(e vaultapi.Entry) error // asked before each entry; nil never fails
}

// Record keeps an entry: vaultapi.Audit.
func (r *Record) Record(_ context.Context, e vaultapi.Entry) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.Fail != nil {
		if err := r.Fail(e); err != nil {
			return err
		}
	}
	r.entries = append(r.entries, e)
	return nil
}

// Entries are those that were kept.
func (r *Record) Entries() []vaultapi.Entry {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.entries)
}

// TestKeys holds keys, without one of the names that it is given, to their contract.
func TestKeys(t *testing.T, keys vaultapi.Keys, name, other string) {
	t.Helper()
	ctx := t.Context()
	first, second := key(t, "12345678901234567890"), key(t, "09876543210987654321")
	missing := map[string]error{"Delete": keys.Delete(ctx, name), "Replace": keys.Replace(ctx, name, first, 1)}
	_, missing["Open"] = keys.Open(ctx, name)
	_, missing["Settings"] = keys.Settings(ctx, name)
	for what, err := range missing {
		if !errors.Is(err, vaultapi.ErrNotFound) {
			t.Errorf("%s without a key = %v, want ErrNotFound", what, err)
		}
	}
	putOnce(t, keys, name, first)
	holds(t, keys, name, first, 1)
	if err := keys.Put(ctx, name, second, 0); !errors.Is(err, vaultapi.ErrExists) {
		t.Errorf("Put over a key = %v, want ErrExists", err)
	}
	holds(t, keys, name, first, 1)
	if err := keys.Replace(ctx, name, second, 0); err != nil {
		t.Errorf("Replace = %v", err)
	}
	holds(t, keys, name, second, 0)
	if err := keys.Put(ctx, other, first, 1); err != nil {
		t.Errorf("Put of another = %v", err)
	}
	if names, err := keys.List(ctx); err != nil || !slices.Contains(names, name) || !slices.Contains(names, other) {
		t.Errorf("List = %q, %v, want %s and %s in it", names, err, name, other)
	}
	if err := keys.Delete(ctx, name); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := keys.Open(ctx, name); !errors.Is(err, vaultapi.ErrNotFound) {
		t.Errorf("Open of a deleted key = %v, want ErrNotFound", err)
	}
	holds(t, keys, other, first, 1)
}

func key(t *testing.T, secret string) totp.Key {
	t.Helper()
	k, err := totp.New(totp.Settings{Issuer: "AWS", Account: "ada", Digits: 8, Period: 60, Algorithm: totp.SHA256}, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// putOnce puts by many at once: one may.
func putOnce(t *testing.T, keys vaultapi.Keys, name string, k totp.Key) {
	t.Helper()
	const callers = 8
	answers := make(chan error, callers)
	for range callers {
		go func() { answers <- keys.Put(t.Context(), name, k, 1) }()
	}
	kept := 0
	for range callers {
		switch err := <-answers; {
		case err == nil:
			kept++
		case !errors.Is(err, vaultapi.ErrExists):
			t.Errorf("one of many Puts = %v, want ErrExists", err)
		}
	}
	if kept != 1 {
		t.Errorf("%d Puts of a name at once were kept, want 1", kept)
	}
}

func holds(t *testing.T, keys vaultapi.Keys, name string, want totp.Key, skew int) {
	t.Helper()
	got, err := keys.Open(t.Context(), name)
	if err != nil || !got.Equal(want) || got.Skew != skew || got.ID == "" || got.Device == "" {
		t.Errorf("Open(%s) = %v with skew %d, ID %q, device %q, %v; want %v with skew %d", name, got.Key, got.Skew, got.ID, got.Device, err, want, skew)
	}
	if s, err := keys.Settings(t.Context(), name); err != nil || s != want.Settings() {
		t.Errorf("Settings(%s) = %+v, %v, want %+v", name, s, err, want.Settings())
	}
}

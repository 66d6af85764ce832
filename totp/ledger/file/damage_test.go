package file_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
)

// used is a ledger in which a code was used, and what it has to go on refusing.
func used(t *testing.T) (path string, whole []byte, replay func() error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ledger")
	v, k := ledger.Verifier{Store: file.Store{Path: path}}, key(totp.TOTP)
	now := time.Unix(1_800_000_000, 0)
	code, _, err := k.Generate(now)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"other", "k"} {
		if _, err := v.Check(t.Context(), id, k, code, now); err != nil {
			t.Fatal(err)
		}
	}
	if whole, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, whole, func() error {
		_, err := v.Check(t.Context(), "k", k, code, now)
		return err
	}
}

// accepts asserts that a damaged ledger lets no used code in, and says which file it is.
func accepts(t *testing.T, what string, err error) {
	t.Helper()
	later := (*ledger.Later)(nil)
	switch {
	case err == nil:
		t.Errorf("%s: a used code was accepted", what)
	case errors.Is(err, totp.ErrReplayed) || errors.As(err, &later): // nothing of what matters was hit
	case !errors.Is(err, file.ErrDamaged) || !strings.Contains(err.Error(), "ledger"):
		t.Errorf("%s: error %v, want a damaged ledger", what, err)
	}
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedAnywhere turns each bit of some bytes of every page, and cuts the file at
// every page and in the middle of one: what is damaged refuses.
func TestDamagedAnywhere(t *testing.T) {
	path, whole, replay := used(t)
	random := rand.New(rand.NewPCG(1, 2))
	hit := 0
	for page := 0; page < len(whole); page += os.Getpagesize() {
		for range 40 {
			at := page + random.IntN(os.Getpagesize())
			if random.IntN(2) == 0 {
				at = page + random.IntN(200) // where pages have most of what they have
			}
			damaged := append([]byte(nil), whole...)
			damaged[at] ^= 1 << random.IntN(8)
			put(t, path, damaged)
			err := replay()
			accepts(t, "a bit", err)
			if errors.Is(err, file.ErrDamaged) {
				hit++
			}
		}
	}
	if hit < 25 {
		t.Errorf("only %d of the damaged files were told to be so", hit)
	}
	for size := 1; size < len(whole); size += 1000 {
		put(t, path, whole[:size])
		accepts(t, "a cut", replay())
	}
	put(t, path, make([]byte, len(whole)))
	accepts(t, "nothing but zeros", replay())
	put(t, path, whole)
	if err := replay(); !errors.Is(err, totp.ErrReplayed) {
		t.Errorf("the whole file again: %v", err)
	}
}

// TestAnOlderState: bbolt goes back by one change where the newest state is damaged, to
// when the code was not used.
func TestAnOlderState(t *testing.T) {
	path, whole, replay := used(t)
	for page := range 2 {
		damaged := append([]byte(nil), whole...)
		for i := range 64 {
			damaged[page*os.Getpagesize()+16+i] = 0
		}
		put(t, path, damaged)
		if err := replay(); !errors.Is(err, file.ErrDamaged) {
			t.Errorf("without state %d: %v, want it damaged", page, err)
		}
		copy(damaged[page*os.Getpagesize():], whole[(1-page)*os.Getpagesize():(2-page)*os.Getpagesize()])
		put(t, path, damaged)
		if err := replay(); !errors.Is(err, file.ErrDamaged) {
			t.Errorf("with one state twice: %v, want it damaged", err)
		}
	}
}

// FuzzFile gives the store files that are none: it refuses, and neither crashes nor
// waits.
func FuzzFile(f *testing.F) {
	f.Add([]byte("SQLite format 3\x00"))
	f.Add(make([]byte, 32<<10))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return // bbolt makes a new one of an empty file, as a killed maker leaves it
		}
		path := filepath.Join(t.TempDir(), "ledger")
		put(t, path, data)
		began := time.Now()
		defer func() {
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v to refuse", took)
			}
		}()
		if err := touch(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one that names the file", err)
		}
	})
}

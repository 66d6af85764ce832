// Package rowfiletest holds a store of rows in one file to what internal/rowfile
// promises of the file itself: it is its owner's alone, errors name it, and who finds it
// held waits no longer than asked. It is for the tests of such stores, and changes a
// file only through them.
package rowfiletest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// Change has a store change any row of the file.
type Change func(ctx context.Context, path string) error

// TestFile holds a store to the promises.
func TestFile(t *testing.T, change Change) {
	t.Run("only its owner's", change.onlyItsOwners)
	t.Run("faults name the file", change.faultsNameIt)
	t.Run("held by another", change.heldByAnother)
}

func (c Change) onlyItsOwners(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state", "rows")
	if err := c(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := c(t.Context(), link); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a link = %v, want it refused", err)
	}
	for _, mode := range []os.FileMode{0o640, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := c(t.Context(), path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v = %v, want it refused", mode, err)
		}
	}
}

func (c Change) faultsNameIt(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged")
	if err := os.WriteFile(damaged, []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, named := range map[string]string{damaged: damaged, filepath.Join(damaged, "below"): damaged, dir: dir} {
		if err := c(t.Context(), path); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("%s: %v, want an error that names it", path, err)
		}
	}
}

func (c Change) heldByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if err := c(ctx, path); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a file that is held = %v, want that another process holds it", err)
	}
}

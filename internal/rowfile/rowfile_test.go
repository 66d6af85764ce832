package rowfile_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/internal/rowfile"
	"mfawatch/internal/rowfile/rowfiletest"
)

func newFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "state", "rows.db")
}

func update(t *testing.T, path string, change func(*rowfile.Tx) error) {
	t.Helper()
	if err := rowfile.Update(t.Context(), path, change); err != nil {
		t.Fatal(err)
	}
}

// rows reads all rows of names.
func rows(t *testing.T, path string, names ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	update(t, path, func(tx *rowfile.Tx) error {
		for _, name := range names {
			if row := tx.Get(name); row != nil {
				all[name] = string(row)
			}
		}
		return nil
	})
	return all
}

func TestFile(t *testing.T) {
	rowfiletest.TestFile(t, func(ctx context.Context, path string) error {
		return rowfile.Update(ctx, path, func(tx *rowfile.Tx) error { return tx.Put("k", []byte("x")) })
	})
}

func TestSeveralRowsAtOnce(t *testing.T) {
	path := newFile(t)
	update(t, path, func(tx *rowfile.Tx) error {
		return errors.Join(tx.Put("a", []byte("1")), tx.Put("b", []byte("2")), tx.Put("empty", []byte{}), tx.Put("c", []byte("3")), tx.Put("c", []byte("4")), tx.Delete("b"), tx.Delete("none"))
	})
	got := rows(t, path, "a", "b", "c", "empty", "none")
	if len(got) != 3 || got["a"] != "1" || got["c"] != "4" || got["empty"] != "" {
		t.Errorf("rows %v", got)
	}
}

// TestAnErrorKeepsNothing: of a change that fails, and is the caller's error as it is.
func TestAnErrorKeepsNothing(t *testing.T) {
	path, mine := newFile(t), errors.New("mine")
	update(t, path, func(tx *rowfile.Tx) error { return tx.Put("a", []byte("1")) })
	err := rowfile.Update(t.Context(), path, func(tx *rowfile.Tx) error { return errors.Join(tx.Put("a", []byte("2")), tx.Delete("a"), mine) })
	if !errors.Is(err, mine) || strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want the caller's as it is", err)
	}
	if err := rowfile.Update(t.Context(), path, func(tx *rowfile.Tx) error { return tx.Put("a", nil) }); err == nil || !strings.Contains(err.Error(), "row a is nil") {
		t.Errorf("a nil row: %v", err)
	}
	if got := rows(t, path, "a"); got["a"] != "1" {
		t.Errorf("rows %v, want what was there", got)
	}
}

// TestLookingWritesNothing: a transaction that only looked leaves the file as it is.
func TestLookingWritesNothing(t *testing.T) {
	path := newFile(t)
	update(t, path, func(tx *rowfile.Tx) error { return tx.Put("a", []byte("1")) })
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows(t, path, "a")
	after, err := os.ReadFile(path)
	if err != nil || string(before) != string(after) {
		t.Errorf("looking changed the file, %v", err)
	}
}

// TestACallersPanic is the caller's, keeps nothing, and holds nobody up.
func TestACallersPanic(t *testing.T) {
	path := newFile(t)
	func() {
		defer func() {
			if fault := recover(); fault != "a fault of the caller's" {
				t.Errorf("recovered %v", fault)
			}
		}()
		_ = rowfile.Update(t.Context(), path, func(tx *rowfile.Tx) error {
			if err := tx.Put("a", []byte("1")); err != nil {
				return err
			}
			panic("a fault of the caller's")
		})
	}()
	if got := rows(t, path, "a"); len(got) != 0 {
		t.Errorf("rows %v, want none", got)
	}
}

// TestDamageIsTold: of a file in which a bit is turned either nothing that matters was
// hit, or it is damaged; never are rows others than those that were written.
func TestDamageIsTold(t *testing.T) {
	path := newFile(t)
	want := map[string]string{}
	update(t, path, func(tx *rowfile.Tx) error {
		for _, name := range []string{"a", "b", "c", "d"} {
			want[name] = strings.Repeat(name, 300)
			if err := tx.Put(name, []byte(want[name])); err != nil {
				return err
			}
		}
		return nil
	})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random, told := rand.New(rand.NewPCG(3, 4)), 0
	for range 300 {
		damaged := append([]byte(nil), whole...)
		damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		err := rowfile.Update(t.Context(), path, func(tx *rowfile.Tx) error {
			for name, text := range want {
				if string(tx.Get(name)) != text {
					t.Errorf("row %s is another", name)
				}
			}
			return nil
		})
		switch {
		case errors.Is(err, rowfile.ErrDamaged) && strings.Contains(err.Error(), path):
			told++
		case err != nil:
			t.Errorf("error %v, want a damaged file", err)
		}
	}
	if told < 10 {
		t.Errorf("only %d of the damaged files were told to be so", told)
	}
}

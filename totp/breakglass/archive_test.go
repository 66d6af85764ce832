package breakglass_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
)

// files are a folder's, with what is in them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	found, err := os.ReadDir(dir)
	for _, f := range found {
		text, bad := os.ReadFile(filepath.Join(dir, f.Name()))
		err = errors.Join(err, bad)
		all[f.Name()] = string(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRestoredTable: a table that was restored to an earlier time does not go on in the
// archive, wherever it stood and whatever has a head. It is told once in the record, each
// time to who archives, and by Verify of the archive; and nothing there is written over.
func TestRestoredTable(t *testing.T) {
	for restored := range 4 { // entries in the table that is put back
		for _, headEach := range []bool{false, true} {
			s := newScene(t)
			f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
			archive := func() error {
				if headEach {
					if _, _, err := s.Door.SignHead(t.Context(), signer, true, s.now); err != nil {
						t.Fatal(err)
					}
				}
				return s.Door.Archive(t.Context(), f, signer, s.now)
			}
			backups := []map[string][]byte{maps.Clone(s.memory.Rows)}
			for _, who := range []string{"ada", "bob", "cyd", "ada", "bob"} {
				s.ask(who, "admin")
				if err := archive(); err != nil {
					t.Fatal(err)
				}
				backups = append(backups, maps.Clone(s.memory.Rows))
			}
			s.wait(2 * time.Hour)
			_, _ = s.Door.Ask(t.Context(), as("ada"), breakglass.Ask{}, s.now)
			if err := archive(); err != nil {
				t.Fatal(err)
			}
			before := files(t, f.Dir)
			n := len(s.entries())

			s.memory.Rows = backups[restored]
			s.wait(time.Hour)
			what := fmt.Sprintf("restored to %d of %d entries, a head each %v", restored, n, headEach)
			for range 3 {
				err := archive()
				if !errors.Is(err, breakglass.ErrRestored) || !strings.Contains(err.Error(), fmt.Sprintf("last entry is %d", n)) || !strings.Contains(err.Error(), "docs/break-glass.md") {
					t.Errorf("%s: %v", what, err)
				}
				s.wait(time.Minute)
			}
			told := 0
			for _, e := range s.entries() {
				if e.What == record.Restored {
					told++
					if e.Outcome != record.Failed || e.Facts[record.Count] != fmt.Sprint(n) {
						t.Errorf("%s is told as %+v", what, e)
					}
				}
			}
			if told != 1 {
				t.Errorf("%s is told %d times", what, told)
			}
			verify := func() {
				t.Helper()
				lines, heads, err := f.Read()
				if err != nil || len(lines) != n {
					t.Fatalf("%s: the archive has %d entries, %v", what, len(lines), err)
				}
				_, err = record.Verify("main", lines, heads, []ed25519.PublicKey{signer.Key()})
				broken := (*record.Broken)(nil)
				if !errors.As(err, &broken) || broken.Fault != record.Forked || broken.Seq <= int64(restored) || broken.Seq > int64(n) || !strings.Contains(broken.Detail, "restored") {
					t.Errorf("%s: Verify of the archive = %v", what, err)
				}
			}
			verify()
			now := files(t, f.Dir)
			for name, text := range before {
				if now[name] != text {
					t.Errorf("%s: %s is written over", what, name)
				}
			}
			if len(now) != len(before)+1 {
				t.Errorf("%s: %d files are there, and %d were: one head is the evidence", what, len(now), len(before))
			}
			// The table comes to have more than the archive, which is as before.
			for range 25 {
				s.wait(2 * time.Second)
				_, _ = s.Door.Ask(t.Context(), as("bob"), breakglass.Ask{}, s.now)
			}
			if err := archive(); !errors.Is(err, breakglass.ErrRestored) {
				t.Errorf("%s, and longer now: %v", what, err)
			}
			verify()
		}
	}
}

// TestRestoredToTheArchivesEnd goes on as if nothing had been.
func TestRestoredToTheArchivesEnd(t *testing.T) {
	s := newScene(t)
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	s.ready()
	if err := s.Door.Archive(t.Context(), f, signer, s.now); err != nil {
		t.Fatal(err)
	}
	backup := maps.Clone(s.memory.Rows)
	s.ask("cyd", "admin")
	s.memory.Rows = backup
	s.ask("bob", "admin")
	if err := s.Door.Archive(t.Context(), f, signer, s.now); err != nil {
		t.Error(err)
	}
	if lines, _, err := f.Read(); err != nil || len(lines) != 3 {
		t.Errorf("the archive has %d entries, %v", len(lines), err)
	}
}

// TestTwoTellOfARestoration: of two who archive at once, wherever one stands when the other
// comes by, one tells.
func TestTwoTellOfARestoration(t *testing.T) {
	for at := 1; ; at++ {
		s := newScene(t)
		f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
		s.ask("ada", "admin")
		if err := s.Door.Archive(t.Context(), f, signer, s.now); err != nil {
			t.Fatal(err)
		}
		clear(s.memory.Rows)
		n := 0
		s.faulty.Before = func() error {
			if n++; n == at {
				s.faulty.Before = nil
				if err := s.Door.Archive(t.Context(), f, signer, s.now); !errors.Is(err, breakglass.ErrRestored) {
					t.Errorf("the other: %v", err)
				}
			}
			return nil
		}
		err := s.Door.Archive(t.Context(), f, signer, s.now)
		if want := "the archive's last entry is 1: the archive is ahead of or differs from the table: the table was restored, or edited; see docs/break-glass.md, Restore"; err == nil || err.Error() != want {
			t.Errorf("it says %v, want %s", err, want)
		}
		if all := s.entries(); len(all) != 1 || all[0].What != record.Restored {
			t.Errorf("at transaction %d the record has %+v", at, all)
		}
		if at > n {
			return
		}
	}
}

// TestRestoredLate: it was not looked at before the table had more than the archive.
func TestRestoredLate(t *testing.T) {
	s := newScene(t)
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	s.ask("ada", "admin")
	backup := maps.Clone(s.memory.Rows)
	s.ask("ada", "admin")
	s.wait(2 * time.Hour)
	if err := s.Door.Archive(t.Context(), f, signer, s.now); err != nil {
		t.Fatal(err)
	}
	s.memory.Rows = backup
	for range 10 {
		_, _ = s.Door.Ask(t.Context(), as("bob"), breakglass.Ask{}, s.now)
	}
	if err := s.Door.Archive(t.Context(), f, signer, s.now); !errors.Is(err, breakglass.ErrRestored) || s.last().What != record.Restored {
		t.Errorf("%v, and the record ends with %+v", err, s.last())
	}
	lines, heads, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = record.Verify("main", lines, heads, []ed25519.PublicKey{signer.Key()}); err == nil || !strings.Contains(err.Error(), "forked") {
		t.Errorf("Verify of the archive = %v", err)
	}
}

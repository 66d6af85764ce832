package seal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/totp/seal"
)

func TestRotate(t *testing.T) {
	_, old := identity(t)
	_, anew := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, old)
	put(t, s, "ada", "bob")
	got, err := s.Rotate(t.Context(), anew)
	if want := (seal.Rotated{Resealed: []string{"ada", "bob"}}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("error %v, %v", err, cmp.Diff(want, got))
	}
	opens(t, s, "ada") // the store has the new keys now
	opens(t, store(t, dir, anew), "bob")
	refused(t, get(t, store(t, dir, old), "ada"), "it does not open with what was given")
	got, err = s.Rotate(t.Context(), anew)
	if want := (seal.Rotated{Already: []string{"ada", "bob"}}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("error %v, %v", err, cmp.Diff(want, got))
	}
	h, _, err := s.Get(t.Context(), "ada")
	if want := header("ada"); err != nil || h.Label != want.Label || h.Issuer != want.Issuer || h.Kind != want.Kind {
		t.Errorf("header %+v, error %v", h, err)
	}
}

// A passphrase has the same name in every header, and is tried all the same.
func TestRotateFromPassphraseToPassphrase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, passphrase(t, "hunter2hunter2"))
	put(t, s, "ada")
	anew := passphrase(t, "hunter3hunter3")
	if got, err := s.Rotate(t.Context(), anew); err != nil || len(got.Resealed) != 1 {
		t.Fatalf("%v, error %v", got, err)
	}
	opens(t, store(t, dir, anew), "ada")
	refused(t, get(t, store(t, dir, passphrase(t, "hunter2hunter2")), "ada"), "the passphrase is wrong")
}

func TestRotateRefuses(t *testing.T) {
	_, old := identity(t)
	_, anew := identity(t)
	_, third := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, old)
	put(t, s, "ada", "bob")
	before := contents(t, dir)
	_, err := s.Rotate(t.Context(), seal.Keys{Recipients: anew.Recipients})
	refused(t, err, "the new keys cannot open what they seal")
	_, err = s.Rotate(t.Context(), seal.Keys{Recipients: anew.Recipients, Identities: third.Identities})
	refused(t, err, "0 of 2 secrets", "the new keys do not open what they sealed")
	_, err = s.Rotate(t.Context(), seal.Keys{Identities: third.Identities})
	refused(t, err, "nothing to seal to")
	_, err = store(t, dir, third).Rotate(t.Context(), anew)
	refused(t, err, "nothing has changed", "ada.sealed", "bob.sealed")
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("the files changed:\n%s", diff)
	}
	opens(t, s, "ada")
}

func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = string(data)
	}
	return all
}

// A writer does not get in while a rotation is at work; a reader does.
func TestRotateKeepsWritersOut(t *testing.T) {
	_, old := identity(t)
	_, anew := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, old)
	put(t, s, "ada")
	other := store(t, dir, old)
	asked := 0
	s.Stepping(func(step string) {
		asked++
		_, rotation := other.Rotate(context.Background(), anew)
		for _, err := range []error{other.Put(context.Background(), header("bob"), secret()), other.Replace(context.Background(), header("ada"), secret()), other.Delete("ada"), rotation} {
			if !errors.Is(err, seal.ErrBusy) {
				t.Errorf("%s: error %v", step, err)
			}
		}
		if _, err := other.List(); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		if err := get(t, other, "ada"); err != nil && step != "placed ada" {
			t.Errorf("%s: %v", step, err)
		}
	})
	if _, err := s.Rotate(t.Context(), anew); err != nil || asked < 5 {
		t.Errorf("%d steps, error %v", asked, err)
	}
	s.Stepping(func(string) {})
	put(t, s, "bob")
}

// killed is a store with both identities' file, for rotations that end early.
func killed(t *testing.T, ids ...string) (dir, identities string, old, anew seal.Keys) {
	t.Helper()
	a, old := identity(t)
	b, anew := identity(t)
	dir = filepath.Join(t.TempDir(), "s")
	put(t, store(t, dir, old), ids...)
	identities = filepath.Join(t.TempDir(), "identities")
	if err := os.WriteFile(identities, []byte(a.String()+"\n"+b.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, identities, old, anew
}

// whole asserts that each secret opens with the old keys or with the new.
func whole(t *testing.T, dir string, old, anew seal.Keys, ids ...string) (resealed int) {
	t.Helper()
	for _, id := range ids {
		if get(t, store(t, dir, old), id) == nil {
			continue
		}
		opens(t, store(t, dir, anew), id)
		resealed++
	}
	return resealed
}

// TestRotateKilledAtEveryStep ends a rotation by SIGKILL at each of its steps, then
// runs it again.
func TestRotateKilledAtEveryStep(t *testing.T) {
	ids := []string{"ada", "bob", "eve"}
	half := 0
	for step := 0; ; step++ {
		dir, identities, old, anew := killed(t, ids...)
		cmd := exec.Command(os.Args[0], "rotate", dir, identities, strconv.Itoa(step))
		out, err := cmd.CombinedOutput()
		if err == nil {
			if step < 15 || half < 5 {
				t.Errorf("%d steps, %d half-way: too few for three secrets", step, half)
			}
			t.Logf("killed at %d steps, %d of them half-way", step, half)
			return
		}
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
			t.Fatalf("step %d: %v, %s", step, err, out)
		}
		if n := whole(t, dir, old, anew, ids...); n > 0 && n < len(ids) {
			half++
		}
		s := store(t, dir, old)
		if _, err := s.Rotate(t.Context(), anew); err != nil {
			t.Errorf("step %d: rotating again: %v", step, err)
		}
		if n := whole(t, dir, seal.Keys{}, anew, ids...); n != len(ids) || len(files(t, dir)) != len(ids) {
			t.Errorf("step %d: %d secrets, files %v", step, n, files(t, dir))
		}
	}
}

// TestRotateKilledAnywhere ends it from outside, wherever it is.
func TestRotateKilledAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprint("device-", i))
	}
	ended := 0
	for round := range 25 {
		dir, identities, old, anew := killed(t, ids...)
		cmd := exec.Command(os.Args[0], "rotate", dir, identities, "1000000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(round)*3*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if cmd.Wait() != nil {
			ended++
		}
		timer.Stop()
		whole(t, dir, old, anew, ids...)
	}
	t.Logf("%d of 25 rotations were killed", ended)
	if ended == 0 {
		t.Error("no rotation was killed")
	}
}

// fakeBin puts the test binary on the PATH as a plugin of age.
func fakeBin(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "age-plugin-fake")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

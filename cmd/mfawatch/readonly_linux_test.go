package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A home that cannot be written is enough to list and show keys. Root could write all the
// same, so the program runs as nobody there.
func TestReadOnlyHome(t *testing.T) {
	dir := t.TempDir()
	home, bin := filepath.Join(dir, "home"), filepath.Join(dir, "mfawatch")
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Mkdir(home, 0o700), os.WriteFile(bin, text, 0o755), os.Chmod(filepath.Dir(dir), 0o755), os.WriteFile(filepath.Join(dir, "phrase"), []byte("a passphrase of some length\n"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	as := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		const nobody = 65534
		as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, name := range []string{home, filepath.Join(dir, "phrase")} {
			if err := os.Chown(name, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(in string, want int, args ...string) string {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.SysProcAttr, cmd.Dir, cmd.Stdin = as, dir, strings.NewReader(in)
		cmd.Env = append(os.Environ(), "HOME="+dir, "MFAWATCH_HOME="+home, "MFAWATCH_PASSPHRASE_FILE="+filepath.Join(dir, "phrase"), "MFAWATCH_IDENTITY_FILE=")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%s ends with %d, want %d: %s", strings.Join(args, " "), code, want, out.String())
		}
		return out.String()
	}
	mode := func(bits fs.FileMode) {
		t.Helper()
		err := filepath.WalkDir(home, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() {
				return os.Chmod(name, bits|0o500)
			}
			return os.Chmod(name, bits|0o400)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mode(0)
	if out := run("", exitClean, "key", "list"); !strings.Contains(out, "No keys") {
		t.Errorf("key list of none: %s", out)
	}
	run("", exitNotFound, "key", "show", "door")
	if out := run(rfcSeed32+"\n", exitCannotRun, "key", "add", "door", "-"); !strings.Contains(out, "permission denied") {
		t.Errorf("key add: %s", out)
	}
	mode(0o200)
	run(rfcSeed32+"\n", exitClean, "key", "add", "door", "-")
	mode(0)
	t.Cleanup(func() { mode(0o200) })
	if out := run("", exitClean, "key", "list"); !strings.Contains(out, "door") {
		t.Errorf("key list: %s", out)
	}
	if out := run("", exitClean, "key", "show", "door"); !strings.Contains(out, "160 bits, not shown") {
		t.Errorf("key show: %s", out)
	}
	if out := run("", exitCannotRun, "code", "door"); !strings.Contains(out, "permission denied") {
		t.Errorf("code: %s", out)
	}
}

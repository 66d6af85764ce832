package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// program is the command line as a process of its own, whose input is a pipe.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, in *os.File, errs *bytes.Buffer) {
	t.Helper()
	bin := t.TempDir() + "/mfawatch"
	if err := os.Symlink(os.Args[0], bin); err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = out.Close(), in.Close() })
	errs = &bytes.Buffer{}
	cmd = exec.Command(bin, args...)
	cmd.Stdin, cmd.Stderr = out, errs
	return cmd, in, errs
}

// unread is how much of what was written into a pipe nobody has taken.
func unread(t *testing.T, pipe *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The first Ctrl-C ends a command that waits for standard input, and leaves nothing
// half-written. What was typed before is not what it waits for.
func TestFirstInterruptEndsAWait(t *testing.T) {
	home := ownHome(t)
	if code, said := ends(t, rfcSeed32+"\n", "key", "add", "door", "-"); code != 0 {
		t.Fatal(said)
	}
	for name, c := range map[string]struct {
		args  string
		typed string
	}{
		"a secret":      {"key add ada -", "GEZDGNBV"},
		"a code":        {"verify door", "123"},
		"an import":     {"key import ada -", "otpauth"},
		"an access key": {"breakglass init --seal --door prod --person ada --user arn:aws:iam::111122223333:user/a --role arn:aws:iam::111122223333:role/r --serial arn:aws:iam::111122223333:mfa/a --regions eu-north-1 --to age1", "AKIA"},
		"a record":      {"breakglass log verify -", "{"},
		"a policy":      {"policy explain -", "{"},
		"a scan":        {"scan --format json -", "{}\n"},
	} {
		cmd, in, errs := program(t, strings.Fields(c.args)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte(c.typed)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		// It takes the typed when it has come to reading: then it waits.
		for end := time.Now().Add(30 * time.Second); unread(t, in) > 0 && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			failed := (*exec.ExitError)(nil)
			if !errors.As(err, &failed) || failed.ExitCode() != exitCannotRun || !strings.Contains(errs.String(), "interrupted") {
				t.Errorf("%s: %s ends with %v: %s", name, c.args, err, errs)
			}
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("%s: %s goes on waiting", name, c.args)
		}
	}
	_ = filepath.WalkDir(home.dir, func(path string, _ os.DirEntry, _ error) error {
		if strings.Contains(filepath.Base(path), ".mfawatch-") || filepath.Base(path) == "bundle.age" {
			t.Errorf("left behind: %s", path)
		}
		return nil
	})
}

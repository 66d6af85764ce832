//go:build linux

package seal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/totp/seal"
)

// passphraseFile is a file of its owner's alone with that text in it.
func passphraseFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPassphraseFile(t *testing.T) {
	long := strings.Repeat("x", 1024)
	for text, want := range map[string]string{"hunter2": "hunter2", "hunter2\n": "hunter2", "hunter2\r\n": "hunter2", " a b \n": " a b ", "ключ\n": "ключ", long: long, long + "\r\n": long} {
		got, err := seal.PassphraseFile(passphraseFile(t, text))
		if err != nil || string(got.Reveal()) != want {
			t.Errorf("%q: %q, error %v", text, got.Reveal(), err)
		}
	}
	for text, want := range map[string]string{
		"": "the passphrase is empty", "\n": "the passphrase is empty", "\r\n": "the passphrase is empty", "hunter2\nhunter3\n": "more than one line", "\nhunter2": "more than one line",
		long + "x": "more than 1024 bytes", long + "xxxx": "more than 1024 bytes",
	} {
		_, err := seal.PassphraseFile(passphraseFile(t, text))
		refused(t, err, want)
	}
	open := passphraseFile(t, "hunter2")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := seal.PassphraseFile(open)
	refused(t, err, "chmod 0600")
	_, err = seal.PassphraseFile(open + ".none")
	refused(t, err, "no such file")
}

func TestAskPassphraseWantsATerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = seal.AskPassphrase(t.Context(), f, full{}, false)
	refused(t, err, "/dev/null is no terminal")
}

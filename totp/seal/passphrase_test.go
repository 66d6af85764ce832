//go:build linux

package seal_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"mfawatch/totp/seal"
)

// descriptor is a pipe with that text in it.
func descriptor(t *testing.T, text string) int {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close()); err != nil {
		t.Fatal(err)
	}
	fd, err := dup(r)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestPassphraseFrom(t *testing.T) {
	long := strings.Repeat("x", 1024)
	for text, want := range map[string]string{"hunter2": "hunter2", "hunter2\n": "hunter2", "hunter2\r\n": "hunter2", " a b \n": " a b ", "ключ\n": "ключ", long: long, long + "\r\n": long} {
		got, err := seal.PassphraseFrom(descriptor(t, text))
		if err != nil || string(got.Reveal()) != want {
			t.Errorf("%q: %q, error %v", text, got.Reveal(), err)
		}
	}
	for text, want := range map[string]string{
		"": "the passphrase is empty", "\n": "the passphrase is empty", "\r\n": "the passphrase is empty", "hunter2\nhunter3\n": "more than one line", "\nhunter2": "more than one line",
		long + "x": "more than 1024 bytes", long + "xxxx": "more than 1024 bytes",
	} {
		_, err := seal.PassphraseFrom(descriptor(t, text))
		refused(t, err, want)
	}
	_, err := seal.PassphraseFrom(-1)
	refused(t, err, "file descriptor -1: it must be 0 or more")
	_, err = seal.PassphraseFrom(9999)
	refused(t, err, "file descriptor 9999: bad file descriptor")
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

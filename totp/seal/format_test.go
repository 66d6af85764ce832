package seal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"mfawatch/totp/seal"
)

// What stands on disks is an interface: names and the first two lines do not change
// within version 1.
func TestFormatStands(t *testing.T) {
	id, keys := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	put(t, store(t, dir, keys), "Ada/1_b-z")
	data, err := os.ReadFile(filepath.Join(dir, "%41da%2f1_b-z.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	want := "mfawatch-sealed/1\n" + fmt.Sprintf(`{"id":"Ada/1_b-z","kind":"totp","issuer":"AWS","label":"Ada/1_b-z@111122223333","sealed_to":["x25519 %s"]}`, id.Recipient()) + "\nage-encryption.org/v1\n-> X25519 "
	if !strings.HasPrefix(string(data), want) {
		t.Errorf("the file begins %q, want %q", data[:min(len(data), len(want))], want)
	}
	if got := string(seal.WantSentence("ada")); got != "whoever sees ada can make its codes" {
		t.Errorf("the sentence is %q", got)
	}
	refused(t, get(t, store(t, dir, keys), "bob"), `secret "bob" in `+dir+": no such secret")
}

func TestLongRecipients(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, seal.Keys{Recipients: []age.Recipient{hybrid.Recipient()}})
	put(t, s, "ada")
	all, err := s.List()
	if want := "hybrid " + hybrid.Recipient().String()[:64] + "…"; err != nil || all[0].SealedTo[0] != want {
		t.Errorf("%q, error %v, want %q", all[0].SealedTo, err, want)
	}
	id, keys := identity(t)
	many := seal.Keys{Recipients: slices.Repeat([]age.Recipient{id.Recipient()}, 222)}
	put(t, store(t, dir, many), "many")
	opens(t, store(t, dir, keys), "many")
	many.Recipients = slices.Repeat([]age.Recipient{id.Recipient()}, 230)
	refused(t, store(t, dir, many).Put(t.Context(), header("more"), secret()), "seal more: the header has more than 16384 bytes: name fewer recipients")
}

// A recipient that a caller made is sealed to, and not named.
type theirs struct{ age.Recipient }

func TestRecipientOfTheCaller(t *testing.T) {
	id, keys := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, seal.Keys{Recipients: []age.Recipient{theirs{id.Recipient()}}, Identities: keys.Identities})
	put(t, s, "ada")
	opens(t, s, "ada")
	if all, err := s.List(); err != nil || fmt.Sprint(all[0].SealedTo) != "[another recipient]" {
		t.Errorf("%v, error %v", all, err)
	}
}

// To a KMS key and an offline identity at once, as break-glass wants it.
func TestRotateToKMSAndIdentity(t *testing.T) {
	f := newKMS()
	_, old := identity(t)
	_, offline := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, old)
	put(t, s, "ada")
	to := envelope(f, arn)
	to.Recipients, to.Identities = offline.Recipients, offline.Identities
	if got, err := s.Rotate(t.Context(), to); err != nil || len(got.Resealed) != 1 {
		t.Errorf("%v, error %v", got, err)
	}
	opens(t, store(t, dir, envelope(f, arn)), "ada")
	opens(t, store(t, dir, offline), "ada")
}

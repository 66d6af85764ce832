package seal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"mfawatch/totp/seal"
)

const (
	arn     = "arn:aws:kms:eu-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	replica = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// fakeKMS remembers its data keys by what it wrapped them in, as KMS does by
// encrypting them: with the key and the context they were made for.
type fakeKMS struct {
	made    map[string]dataKey
	opened  int
	aliases map[string]string // keys that open what another wrapped
	out     error
	size    int
	keys    map[string]bool // plain, to see one given twice
	given   [][]byte
}

type dataKey struct {
	plain   []byte
	key     string
	context map[string]string
}

func newKMS() *fakeKMS {
	return &fakeKMS{made: map[string]dataKey{}, aliases: map[string]string{}, size: 32, keys: map[string]bool{}}
}

func (f *fakeKMS) GenerateDataKey(_ context.Context, key string, c map[string]string) ([]byte, []byte, error) {
	if f.out != nil {
		return nil, nil, f.out
	}
	plain, wrapped := make([]byte, f.size), make([]byte, 184)
	_, _ = rand.Read(plain)
	_, _ = rand.Read(wrapped)
	f.made[string(wrapped)] = dataKey{bytes.Clone(plain), key, maps.Clone(c)}
	f.keys[string(plain)] = true
	f.given = append(f.given, plain)
	return plain, wrapped, nil
}

func (f *fakeKMS) Decrypt(_ context.Context, key string, wrapped []byte, c map[string]string) ([]byte, error) {
	f.opened++
	d, ok := f.made[string(wrapped)]
	switch {
	case f.out != nil:
		return nil, f.out
	case !ok || !maps.Equal(d.context, c):
		return nil, errors.New("kms:Decrypt: InvalidCiphertextException")
	case d.key != key && f.aliases[key] != d.key:
		return nil, errors.New("kms:Decrypt: IncorrectKeyException")
	}
	plain := bytes.Clone(d.plain)
	f.given = append(f.given, plain)
	return plain, nil
}

func envelope(f *fakeKMS, key string, more ...string) seal.Keys {
	c := map[string]string{}
	for i := 0; i+1 < len(more); i += 2 {
		c[more[i]] = more[i+1]
	}
	return seal.Keys{KMS: []seal.Envelope{{KMS: f, Key: key, Context: c}}}
}

func TestKMS(t *testing.T) {
	f := newKMS()
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, envelope(f, arn, "tenant", "blue"))
	put(t, s, "ada", "bob", "eve")
	for _, id := range []string{"ada", "bob", "eve"} {
		opens(t, s, id)
	}
	if len(f.made) != 3 || len(f.keys) != 3 {
		t.Errorf("%d data keys for three secrets, %d different", len(f.made), len(f.keys))
	}
	for _, d := range f.made {
		id := d.context["mfawatch:id"]
		if want := fmt.Sprint(map[string]string{"tenant": "blue", "mfawatch:format": "1", "mfawatch:id": id, "mfawatch:kind": "totp"}); fmt.Sprint(d.context) != want || id == "" {
			t.Errorf("context %v, want %v", d.context, want)
		}
	}
	for _, plain := range f.given {
		if !bytes.Equal(plain, make([]byte, 32)) {
			t.Error("a data key was not wiped")
		}
	}
	all, err := s.List()
	if err != nil || fmt.Sprint(all[0].SealedTo) != "[kms "+arn+"]" {
		t.Errorf("%v, error %v", all, err)
	}
	refused(t, get(t, store(t, dir, envelope(f, arn, "tenant", "red")), "ada"), "ada.sealed: ", "InvalidCiphertextException")
	refused(t, get(t, store(t, dir, envelope(f, arn)), "ada"), "InvalidCiphertextException")
	refused(t, get(t, store(t, dir, envelope(f, replica, "tenant", "blue")), "ada"), "IncorrectKeyException")
	f.aliases[replica] = arn
	opens(t, store(t, dir, envelope(f, replica, "tenant", "blue")), "ada")
}

// The caller cannot say of what secret a context is.
func TestKMSContextIsTheSecrets(t *testing.T) {
	f := newKMS()
	s := store(t, filepath.Join(t.TempDir(), "s"), envelope(f, arn, "mfawatch:id", "mallory", "mfawatch:kind", "x"))
	put(t, s, "ada")
	for _, d := range f.made {
		if d.context["mfawatch:id"] != "ada" || d.context["mfawatch:kind"] != "totp" {
			t.Errorf("context %v", d.context)
		}
	}
	opens(t, s, "ada")
}

// The part that KMS sealed does not open for another id.
func TestKMSFileOfAnotherID(t *testing.T) {
	f := newKMS()
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, envelope(f, arn))
	put(t, s, "ada")
	file, err := os.ReadFile(filepath.Join(dir, "ada.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bob.sealed"), bytes.ReplaceAll(file, []byte(`"ada"`), []byte(`"bob"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, get(t, s, "bob"), "bob.sealed: ", "InvalidCiphertextException")
}

// With KMS out, an offline recipient opens; with nothing else, the reason is told.
func TestKMSIsOut(t *testing.T) {
	f, second := newKMS(), newKMS()
	_, offline := identity(t)
	k := envelope(f, arn)
	k.KMS = append(k.KMS, seal.Envelope{KMS: second, Key: replica})
	k.Recipients = offline.Recipients
	dir := filepath.Join(t.TempDir(), "s")
	put(t, store(t, dir, k), "ada")
	f.out = errors.New("kms:Decrypt: no\nanswer\x1b[2J")
	refused(t, get(t, store(t, dir, envelope(f, arn)), "ada"), "ada.sealed: kms:Decrypt: no answer [2J")
	refused(t, store(t, dir, k).Put(t.Context(), header("bob"), secret()), "seal bob: ", "kms:Decrypt: no answer")
	opens(t, store(t, dir, k), "ada")
	opens(t, store(t, dir, envelope(second, replica)), "ada")
	if second.opened != 2 { // once here, once with all of k
		t.Errorf("KMS was asked %d times: not only about the part that names its key", second.opened)
	}
	both := envelope(f, arn)
	both.Identities = offline.Identities
	opens(t, store(t, dir, both), "ada")
	second.out = errors.New("kms:Decrypt: out too")
	refused(t, get(t, store(t, dir, k), "ada"), "no answer [2J; kms:Decrypt: out too")
	_, wrong := identity(t)
	refused(t, get(t, store(t, dir, seal.Keys{Identities: wrong.Identities, KMS: k.KMS}), "ada"), "out too")
}

func TestKMSRotation(t *testing.T) {
	f := newKMS()
	dir := filepath.Join(t.TempDir(), "s")
	_, old := identity(t)
	s := store(t, dir, old)
	put(t, s, "ada", "bob")
	for _, to := range []seal.Keys{envelope(f, arn), envelope(f, arn, "tenant", "red"), envelope(f, replica, "tenant", "red"), old} {
		if got, err := s.Rotate(t.Context(), to); err != nil || len(got.Resealed) != 2 {
			t.Errorf("%v, error %v", got, err)
		}
		opens(t, store(t, dir, to), "bob")
	}
}

func TestKMSAnswersBadly(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33} {
		f := newKMS()
		f.size = size
		refused(t, store(t, filepath.Join(t.TempDir(), "s"), envelope(f, arn)).Put(t.Context(), header("ada"), secret()), fmt.Sprintf("KMS gave a data key of %d bytes instead of 32", size))
	}
	f := newKMS()
	dir := filepath.Join(t.TempDir(), "s")
	s := store(t, dir, envelope(f, arn))
	put(t, s, "ada")
	for wrapped, d := range f.made {
		d.plain = make([]byte, 32)
		f.made[wrapped] = d
	}
	refused(t, get(t, s, "ada"), "ada.sealed: the part that KMS sealed is damaged")
}

// stanza is a recipient that writes what it is told.
type stanza age.Stanza

func (s stanza) Wrap([]byte) ([]*age.Stanza, error) { return []*age.Stanza{(*age.Stanza)(&s)}, nil }

func TestKMSStanzas(t *testing.T) {
	f := newKMS()
	for name, body := range map[string][]byte{
		"empty": nil, "one byte": {0}, "no key": append([]byte{0, 0}, make([]byte, 44)...), "longer than it is": append([]byte{0xff, 0xff}, make([]byte, 44)...),
		"one byte less": append([]byte{0, 1}, make([]byte, 44)...), "one byte more": append([]byte{0, 1}, make([]byte, 46)...),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "s")
			s := store(t, dir, envelope(f, arn))
			file := byHand(t, plainHeader, plainHeader, seed, stanza{Type: "mfawatch-kms", Args: []string{arn}, Body: body})
			if err := os.WriteFile(filepath.Join(dir, "ada.sealed"), file, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, get(t, s, "ada"), "ada.sealed: the part that KMS sealed is damaged: restore")
		})
	}
}

package seal_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"mfawatch/totp/seal"
)

// The seed of RFC 6238's tables: no test may show it.
const seed = "12345678901234567890"

func secret() seal.Secret { return seal.NewSecret([]byte(seed)) }

func identity(t testing.TB) (*age.X25519Identity, seal.Keys) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id, seal.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
}

func passphrase(t testing.TB, text string) seal.Keys {
	t.Helper()
	k, err := seal.Passphrase(seal.NewSecret([]byte(text)), seal.MinWork)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func store(t testing.TB, dir string, k seal.Keys) *seal.Store {
	t.Helper()
	s, err := seal.OpenStore(dir, k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func header(id string) seal.Header {
	return seal.Header{ID: id, Kind: "totp", Issuer: "AWS", Label: id + "@111122223333"}
}

func put(t testing.TB, s *seal.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := s.Put(t.Context(), header(id), secret()); err != nil {
			t.Fatal(err)
		}
	}
}

// refused asserts an error that says what was wanted, and shows no secret.
func refused(t testing.TB, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", wants)
		return
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
	}
	if text := err.Error(); strings.Contains(text, seed) || strings.Contains(text, "AGE-SECRET-KEY-1") || strings.Contains(text, "hunter") || strings.ContainsAny(text, "\x1b\x00") {
		t.Errorf("the error shows what it must not: %q", text)
	}
}

func opens(t testing.TB, s *seal.Store, id string) {
	t.Helper()
	h, got, err := s.Get(t.Context(), id)
	if err != nil || string(got.Reveal()) != seed || h.ID != id {
		t.Errorf("Get(%q): header %v, %d bytes, error %v", id, h, len(got.Reveal()), err)
	}
}

func TestSecretShowsItself(t *testing.T) {
	type deep struct {
		hidden seal.Secret
		In     []seal.Secret
		At     *seal.Secret
		Map    map[string]seal.Secret
	}
	s := secret()
	all := deep{s, []seal.Secret{s}, &s, map[string]seal.Secret{"k": s}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%t", "%p", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", all)
		fmt.Fprintf(&out, verb+"\n", &all)
	}
	fmt.Fprintln(&out, s.String(), fmt.Errorf("wrapped %v %w", s, errors.New(fmt.Sprint(s))))
	for _, v := range []any{s, &s, all, &all} {
		line, err := json.Marshal(v)
		if err != nil || !bytes.Contains(line, []byte("[secret]")) {
			t.Errorf("JSON %s, error %v", line, err)
		}
		out.Write(line)
	}
	line, err := xml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(line)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "s", s, "p", &s, "all", all)
	}
	z := zerolog.New(&out)
	z.Info().Any("s", s).Any("all", all).Stringer("str", s).Interface("p", &s).Msg("m")
	for _, bad := range []string{seed, fmt.Sprintf("%x", seed), fmt.Sprintf("%X", seed), "49 50 51", "MTIzNDU2", "0x31, 0x32"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("a way of printing shows %q", bad)
		}
	}
	if n := strings.Count(out.String(), "[secret]"); n < 50 {
		t.Errorf("%d times [secret] in %d bytes", n, out.Len())
	}
}

func TestSecretIsWiped(t *testing.T) {
	b := []byte(seed)
	s := seal.NewSecret(b)
	other := s
	if !s.Equal(secret()) || s.Equal(seal.NewSecret([]byte("12345678901234567891"))) || s.Equal(seal.Secret{}) {
		t.Error("Equal")
	}
	s.Wipe()
	if !bytes.Equal(b, make([]byte, len(seed))) || len(s.Reveal()) != 0 || len(other.Reveal()) != 0 {
		t.Errorf("%q is left", b)
	}
	s.Wipe()
	seal.Secret{}.Wipe()
	if (seal.Secret{}).Reveal() != nil {
		t.Error("the zero Secret is not empty")
	}
}

func TestPutGetListDelete(t *testing.T) {
	_, keys := identity(t)
	dir := filepath.Join(t.TempDir(), "state", "secrets")
	s := store(t, dir, keys)
	ids := []string{"arn:aws:iam::111122223333:mfa/Ada", "arn:aws:iam::111122223333:mfa/ada", "..", ".hidden", "a%2fb", "Å", "a b"}
	put(t, s, ids...)
	for _, id := range ids {
		opens(t, s, id)
	}
	all, err := s.List()
	if err != nil || len(all) != len(ids) {
		t.Errorf("%d listed, error %v", len(all), err)
	}
	for _, h := range all {
		if want := header(h.ID); h.Label != want.Label || h.Kind != "totp" || h.Issuer != "AWS" || len(h.SealedTo) != 1 || !strings.HasPrefix(h.SealedTo[0], "x25519 age1") {
			t.Errorf("header %+v", h)
		}
	}
	for _, name := range append(files(t, dir), dir) {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, error %v", name, info.Mode(), err)
		}
		if data, _ := os.ReadFile(name); bytes.Contains(data, []byte(seed)) {
			t.Errorf("%s has the secret in it", name)
		}
	}
	if err := s.Delete(ids[0]); err != nil {
		t.Error(err)
	}
	for _, err := range []error{s.Delete(ids[0]), get(t, s, ids[0]), s.Replace(t.Context(), header(ids[0]), secret())} {
		if !errors.Is(err, seal.ErrNotFound) {
			t.Errorf("error %v", err)
		}
		refused(t, err, ids[0], dir)
	}
	opens(t, s, ids[1])
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, filepath.Join(dir, e.Name()))
	}
	return all
}

func get(t testing.TB, s *seal.Store, id string) error {
	_, got, err := s.Get(t.Context(), id)
	if err != nil && len(got.Reveal()) > 0 {
		t.Errorf("Get(%q) gives a secret beside an error", id)
	}
	return err
}

func TestPutReplacesNothing(t *testing.T) {
	_, keys := identity(t)
	s := store(t, filepath.Join(t.TempDir(), "s"), keys)
	put(t, s, "ada")
	err := s.Put(t.Context(), header("ada"), seal.NewSecret([]byte("another")))
	if !errors.Is(err, seal.ErrExists) {
		t.Errorf("error %v", err)
	}
	refused(t, err, `"ada"`, "replace it on purpose")
	opens(t, s, "ada")
	if err := s.Replace(t.Context(), header("ada"), seal.NewSecret([]byte("another"))); err != nil {
		t.Fatal(err)
	}
	if _, got, err := s.Get(t.Context(), "ada"); err != nil || string(got.Reveal()) != "another" {
		t.Errorf("error %v", err)
	}
}

func TestPutRefuses(t *testing.T) {
	_, keys := identity(t)
	p := passphrase(t, "hunter2hunter2")
	both := seal.Keys{Recipients: append(p.Recipients, keys.Recipients...)}
	dir := filepath.Join(t.TempDir(), "s")
	long := strings.Repeat("x", 257)
	for name, c := range map[string]struct {
		keys   seal.Keys
		header seal.Header
		secret seal.Secret
		want   string
	}{
		"no id":          {keys, seal.Header{Kind: "totp"}, secret(), "the id is empty"},
		"control":        {keys, header("a\x1b[2J"), secret(), "must be printable"},
		"not UTF-8":      {keys, header("a\xff"), secret(), "must be printable"},
		"long id":        {keys, header(strings.Repeat("x", 234)), secret(), "too long"},
		"capitals":       {keys, header(strings.Repeat("X", 78)), secret(), "too long"},
		"no kind":        {keys, seal.Header{ID: "a"}, secret(), "kind"},
		"kind":           {keys, seal.Header{ID: "a", Kind: "TOTP"}, secret(), "kind"},
		"long kind":      {keys, seal.Header{ID: "a", Kind: strings.Repeat("x", 33)}, secret(), "kind"},
		"issuer":         {keys, seal.Header{ID: "a", Kind: "totp", Issuer: "a\nb"}, secret(), "printable"},
		"label":          {keys, seal.Header{ID: "a", Kind: "totp", Label: long}, secret(), "at most 256"},
		"empty":          {keys, header("a"), seal.Secret{}, "0 bytes"},
		"large":          {keys, header("a"), seal.NewSecret(make([]byte, 32<<10+1)), "32769 bytes"},
		"nobody":         {seal.Keys{}, header("a"), secret(), "nothing to seal to"},
		"passphrase and": {both, header("a"), secret(), "take it alone"},
	} {
		err := store(t, dir, c.keys).Put(t.Context(), c.header, c.secret)
		t.Run(name, func(t *testing.T) { refused(t, err, c.want) })
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	longest := header(strings.Repeat("x", 233))
	if err := store(t, dir, keys).Put(t.Context(), longest, seal.NewSecret(make([]byte, 32<<10))); err != nil {
		t.Error(err)
	}
}

func TestExportWantsTwoConfirmations(t *testing.T) {
	_, keys := identity(t)
	s := store(t, filepath.Join(t.TempDir(), "s"), keys)
	put(t, s, "ada")
	var out bytes.Buffer
	for _, c := range []struct {
		first  seal.RetypedID
		second seal.ExportSentence
	}{{"", ""}, {"ada", ""}, {"", seal.WantSentence("ada")}, {"Ada", seal.WantSentence("ada")}, {"ada", seal.WantSentence("bob")}, {"ada", "yes"}} {
		err := s.Export(t.Context(), "ada", c.first, c.second, &out)
		if !errors.Is(err, seal.ErrNotConfirmed) {
			t.Errorf("%q, %q: %v", c.first, c.second, err)
		}
	}
	if err := s.Export(t.Context(), "bob", "bob", seal.WantSentence("bob"), &out); !errors.Is(err, seal.ErrNotFound) || out.Len() > 0 {
		t.Errorf("error %v, %d bytes", err, out.Len())
	}
	if err := s.Export(t.Context(), "ada", "ada", seal.WantSentence("ada"), &out); err != nil || out.String() != seed {
		t.Errorf("error %v, %d bytes", err, out.Len())
	}
	refused(t, s.Export(t.Context(), "ada", "ada", seal.WantSentence("ada"), full{}), `export of "ada": the disk is full`)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestFileNamesDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"a", "A", "%41", "a.sealed", "a/b", "a%2fb", "..", "-", "é"} {
		name := strings.ToLower(seal.FileName(id))
		if seen[name] != "" || strings.ContainsAny(name, "/\\") || strings.HasPrefix(name, ".") {
			t.Errorf("%q and %q are %s", id, seen[name], name)
		}
		seen[name] = id
	}
}

// What is sealed to several opens with each, and names them all.
func TestSeveralRecipients(t *testing.T) {
	_, a := identity(t)
	_, b := identity(t)
	dir := filepath.Join(t.TempDir(), "s")
	put(t, store(t, dir, seal.Keys{Recipients: append(a.Recipients, b.Recipients...)}), "ada")
	opens(t, store(t, dir, a), "ada")
	opens(t, store(t, dir, b), "ada")
	h, err := store(t, dir, a).List()
	want := []string{"x25519 " + fmt.Sprint(a.Recipients[0]), "x25519 " + fmt.Sprint(b.Recipients[0])}
	if err != nil || !cmp.Equal(h[0].SealedTo, want) {
		t.Errorf("error %v, %v", err, cmp.Diff(want, h[0].SealedTo))
	}
	refused(t, get(t, store(t, dir, seal.Keys{Recipients: a.Recipients}), "ada"), "nothing to open it with", want[0])
}

func TestHybrid(t *testing.T) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s := store(t, filepath.Join(t.TempDir(), "s"), seal.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}})
	put(t, s, "ada")
	opens(t, s, "ada")
}

package keyring_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"mfawatch/totp"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/seal"
)

const arn = "arn:aws:iam::111122223333:mfa/ada"

type ring struct {
	*testing.T
	keyring.Ring
	dir string
	id  *age.X25519Identity
}

func newRing(t *testing.T) ring {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	r := ring{T: t, dir: filepath.Join(t.TempDir(), "keys"), id: id}
	r.Seals = r.store()
	return r
}

func (r ring) store() *seal.Store {
	r.Helper()
	s, err := seal.OpenStore(r.dir, seal.Keys{Recipients: []age.Recipient{r.id.Recipient()}, Identities: []age.Identity{r.id}})
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func newKey(t *testing.T, s totp.Settings) totp.Key {
	t.Helper()
	if s.Account == "" {
		s.Account = "ada@111122223333"
	}
	k, err := totp.New(s, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (r ring) put(name, device string) {
	r.Helper()
	if err := r.Put(r.Context(), name, device, newKey(r.T, totp.Settings{})); err != nil {
		r.Fatal(err)
	}
}

// refused asserts an error of a kind that says what was wanted and shows no secret.
func refused(t *testing.T, err, kind error, wants ...string) {
	t.Helper()
	if err == nil || kind != nil && !errors.Is(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
		return
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), newKey(t, totp.Settings{}).Secret()) {
		t.Errorf("an error shows a secret")
	}
}

func TestPutFindOpen(t *testing.T) {
	r := newRing(t)
	want := newKey(t, totp.Settings{Kind: totp.HOTP, Issuer: "Example", Account: "ada", Digits: 8, Counter: 7})
	if err := r.Put(t.Context(), "aws ada", arn, want); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"aws ada", arn} {
		e, err := r.Find(ref)
		if err != nil || e.Name != "aws ada" || e.Device != arn || e.Kind != totp.HOTP || e.Issuer != "Example" || e.Account != "ada" || len(e.SealedTo) != 1 {
			t.Errorf("Find(%q) = %+v, %v", ref, e, err)
		}
		if e.Counted(want) != arn {
			t.Errorf("it is counted by %q", e.Counted(want))
		}
	}
	if k, err := r.Open(t.Context(), "aws ada"); err != nil || !k.Equal(want) {
		t.Errorf("Open = %v, %v", k, err)
	}
}

// TestNothingButTheWholeName: what a name contains, begins with, or is in other capitals
// is another's.
func TestNothingButTheWholeName(t *testing.T) {
	r := newRing(t)
	r.put("aws", arn)
	r.put("aws2", arn+"2")
	for _, ref := range []string{"", "aw", "AWS", "aws ", "2", "arn", arn + "3", strings.ToUpper(arn), "*"} {
		_, err := r.Find(ref)
		refused(t, err, keyring.ErrNotFound)
	}
	for ref, want := range map[string]string{"aws": "aws", "aws2": "aws2", arn: "aws", arn + "2": "aws2"} {
		if e, err := r.Find(ref); err != nil || e.Name != want {
			t.Errorf("Find(%q) = %q, %v, want %q", ref, e.Name, err, want)
		}
	}
}

// TestOneMeaning: a name that is another key's device, or a device twice, is refused,
// and where a folder has it all the same neither is taken.
func TestOneMeaning(t *testing.T) {
	r := newRing(t)
	r.put("aws", arn)
	r.put("other", "")
	for name, device := range map[string]string{"second": arn, arn: "", "third": "aws"} {
		err := r.Put(t.Context(), name, device, newKey(t, totp.Settings{}))
		refused(t, err, keyring.ErrAmbiguous, `"aws"`)
	}
	r.put("third", "")
	err := r.Seals.Put(t.Context(), seal.Header{ID: arn, Kind: "totp", Label: "ada"}, seal.NewSecret([]byte(newKey(t, totp.Settings{Account: "ada"}).URI())))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Find(arn)
	refused(t, err, keyring.ErrAmbiguous, "aws", "by its name")
	if e, err := r.Find("aws"); err != nil || e.Device != arn {
		t.Errorf("its name = %+v, %v", e, err)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	r := newRing(t)
	for name, want := range map[string]string{"": "empty", " a": "space", "a ": "space", "-a": "dash", "a\nb": "printable"} {
		err := r.Put(t.Context(), name, "", newKey(t, totp.Settings{}))
		refused(t, err, nil, want)
	}
	if all, err := r.List(); err != nil || len(all) != 0 {
		t.Errorf("List = %v, %v, want nothing", all, err)
	}
}

func TestReplaceAndDelete(t *testing.T) {
	r := newRing(t)
	refused(t, r.Replace(t.Context(), "aws", "", newKey(t, totp.Settings{})), keyring.ErrNotFound, `"aws"`)
	refused(t, r.Delete("aws"), keyring.ErrNotFound, `"aws"`)
	_, err := r.Open(t.Context(), "aws")
	refused(t, err, keyring.ErrNotFound, `"aws"`)
	r.put("aws", "")
	refused(t, r.Put(t.Context(), "aws", "", newKey(t, totp.Settings{})), seal.ErrExists)
	other := newKey(t, totp.Settings{Account: "bob", Digits: 8})
	if err := r.Replace(t.Context(), "aws", arn, other); err != nil {
		t.Fatal(err)
	}
	if k, err := r.Open(t.Context(), "aws"); err != nil || !k.Equal(other) {
		t.Errorf("after Replace: %v, %v", k, err)
	}
	if err := r.Delete("aws"); err != nil {
		t.Fatal(err)
	}
	_, err = r.Find("aws")
	refused(t, err, keyring.ErrNotFound)
}

// TestListTellsWhatItCannotRead: one damaged file hides no other key, and is named.
func TestListTellsWhatItCannotRead(t *testing.T) {
	r := newRing(t)
	for _, name := range []string{"b", "a", "A"} {
		r.put(name, "")
	}
	if err := r.Seals.Put(t.Context(), seal.Header{ID: "sheet", Kind: "codes"}, seal.NewSecret([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "c.sealed"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := r.List()
	refused(t, err, nil, "c.sealed")
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	if want := []string{"A", "a", "b"}; !slices.Equal(names, want) {
		t.Errorf("List = %v, want %v", names, want)
	}
	if _, err := r.Find("a"); err != nil {
		t.Errorf("a whole key beside a damaged one: %v", err)
	}
	if _, err = r.Find("c"); errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("a key that cannot be read is said not to be there: %v", err)
	}
	refused(t, err, nil, `"c"`, "c.sealed")
}

// TestAnotherKeyThanItSays: what whoever can write to the folder sealed under a header
// of their own.
func TestAnotherKeyThanItSays(t *testing.T) {
	r := newRing(t)
	k := newKey(t, totp.Settings{Issuer: "Example", Account: "ada"})
	for i, h := range []seal.Header{{Kind: "hotp", Issuer: "Example", Label: "ada"}, {Kind: "totp", Issuer: "Other", Label: "ada"}, {Kind: "totp", Issuer: "Example", Label: "bob"}} {
		h.ID = fmt.Sprint("key", i)
		if err := r.Seals.Put(t.Context(), h, seal.NewSecret([]byte(k.URI()))); err != nil {
			t.Fatal(err)
		}
		_, err := r.Open(t.Context(), h.ID)
		refused(t, err, nil, h.ID, "another key than it says")
	}
	if err := r.Seals.Put(t.Context(), seal.Header{ID: "text", Kind: "totp"}, seal.NewSecret([]byte(k.Secret()))); err != nil {
		t.Fatal(err)
	}
	_, err := r.Open(t.Context(), "text")
	refused(t, err, nil, `"text"`, "is no key")
}

func TestFloorOnlyRises(t *testing.T) {
	for name, s := range map[string]ledger.Store{"memory": &ledgertest.Memory{}, "file": file.Store{Path: filepath.Join(t.TempDir(), "ledger")}} {
		if floor, err := keyring.Floor(t.Context(), s); err != nil || !floor.IsZero() {
			t.Errorf("%s: a ledger that was never lost has the floor %v, %v", name, floor, err)
		}
		at := time.Unix(1_800_000_000, 0)
		if err := keyring.ClockWasWrong(t.Context(), s, at); err != nil {
			t.Errorf("%s: without a floor: %v", name, err)
		}
		for _, now := range []time.Time{at, at.Add(-time.Hour), at.Add(time.Second)} {
			if err := keyring.Restored(t.Context(), s, now); err != nil {
				t.Fatal(err)
			}
		}
		if floor, err := keyring.Floor(t.Context(), s); err != nil || !floor.Equal(at.Add(time.Second)) {
			t.Errorf("%s: floor %v, %v, want the latest", name, floor, err)
		}
		for _, now := range []time.Time{at.Add(time.Hour), at} { // of the two only the second is before the floor
			if err := keyring.ClockWasWrong(t.Context(), s, now); err != nil {
				t.Fatal(err)
			}
		}
		if floor, err := keyring.Floor(t.Context(), s); err != nil || !floor.Equal(at) {
			t.Errorf("%s: floor %v, %v, want that of a clock that is right", name, floor, err)
		}
	}
}

func TestADamagedFloorIsAnError(t *testing.T) {
	s := &ledgertest.Memory{Rows: map[string][]byte{"floor": []byte("yesterday")}}
	_, err := keyring.Floor(t.Context(), s)
	refused(t, err, nil, "row floor")
	refused(t, keyring.Restored(t.Context(), s, time.Unix(1_800_000_000, 0)), nil, "row floor")
	if string(s.Rows["floor"]) != "yesterday" {
		t.Error("a row that could not be read was written over")
	}
}

// TestID: one secret is one id under any name, and is not told by it.
func TestID(t *testing.T) {
	k := newKey(t, totp.Settings{})
	id := keyring.ID(k)
	if other := keyring.ID(newKey(t, totp.Settings{Account: "bob", Issuer: "x"})); other != id {
		t.Errorf("the same secret of another account is %q, want %q", other, id)
	}
	for _, s := range []totp.Settings{{Digits: 8}, {Period: 60}, {Algorithm: totp.SHA256}, {Kind: totp.HOTP}} {
		if keyring.ID(newKey(t, s)) == id {
			t.Errorf("a key of %+v has the id of another", s)
		}
	}
	if len(id) != len("key 00000000") {
		t.Errorf("id %q has another length: it must not tell more of the secret", id)
	}
	if got := (keyring.Entry{Name: "a"}).Counted(k); got != id {
		t.Errorf("a key without a device is counted by %q, want %q", got, id)
	}
}

// TestSlack: how codes are checked is sealed with a key, and only where it is unusual,
// so that age alone shows a URI and no more.
func TestSlack(t *testing.T) {
	r := newRing(t)
	k := newKey(t, totp.Settings{})
	for _, slack := range []int{0, 1, 10} {
		name := fmt.Sprint("slack", slack)
		if err := r.PutSealed(t.Context(), name, "", keyring.Sealed{Key: k, Slack: slack}); err != nil {
			t.Fatal(err)
		}
		if s, err := r.OpenSealed(t.Context(), name); err != nil || s.Slack != slack || !s.Key.Equal(k) {
			t.Errorf("slack %d is opened as %d, %v", slack, s.Slack, err)
		}
		_, secret, err := r.Seals.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if more := string(secret.Reveal()) != k.URI(); more != (slack != 1) {
			t.Errorf("slack %d: more than a URI is sealed: %v", slack, more)
		}
	}
	if err := r.ReplaceSealed(t.Context(), "slack0", "", keyring.Sealed{Key: k, Slack: 2}); err != nil {
		t.Fatal(err)
	}
	if s, err := r.OpenSealed(t.Context(), "slack0"); err != nil || s.Slack != 2 {
		t.Errorf("after ReplaceSealed: %d, %v", s.Slack, err)
	}
	for _, slack := range []int{-1, totp.MaxSlack + 1} {
		refused(t, r.PutSealed(t.Context(), "more", "", keyring.Sealed{Key: k, Slack: slack}), nil, "slack")
	}
}

// TestMoreThanIsUnderstood: lines after the URI that another version wrote.
func TestMoreThanIsUnderstood(t *testing.T) {
	r := newRing(t)
	k := newKey(t, totp.Settings{})
	for i, more := range []string{"\n\n", "\nslack=", "\nslack=-1\n", "\nslack=11\n", "\nslack=0\nother=1\n", "\nother=1"} {
		name := fmt.Sprint("key", i)
		if err := r.Seals.Put(t.Context(), seal.Header{ID: name, Kind: "totp", Label: k.Settings().Account}, seal.NewSecret([]byte(k.URI()+more))); err != nil {
			t.Fatal(err)
		}
		_, err := r.Open(t.Context(), name)
		refused(t, err, nil, name, "more after its URI")
	}
}

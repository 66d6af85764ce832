package bundle_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/google/go-cmp/cmp"

	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/seal"
)

const secretKey = "SecretOfTheBundle/EXAMPLE+x"

func contents(to ...*age.X25519Identity) bundle.Contents {
	c := bundle.Contents{
		Door: "prod", Person: "ada", User: "arn:aws:iam::111122223333:user/break-glass-ada", Role: "arn:aws:iam::111122223333:role/break-glass",
		Serial: "arn:aws:iam::111122223333:mfa/break-glass-ada", Regions: []string{"eu-north-1", "us-east-1"}, Key: "AKIAEXAMPLE000000001", Secret: seal.NewSecret([]byte(secretKey)),
	}
	for _, id := range to {
		c.To = append(c.To, id.Recipient().String())
	}
	return c
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// yubikey answers as one does: HMAC-SHA1 under a secret of its own.
type yubikey struct {
	secret string
	asked  [][]byte
}

func (y *yubikey) Respond(_ context.Context, slot int, challenge []byte) (seal.Secret, error) {
	y.asked = append(y.asked, bytes.Clone(challenge))
	m := hmac.New(sha1.New, fmt.Append(nil, y.secret, slot))
	m.Write(challenge)
	return seal.NewSecret(m.Sum(nil)), nil
}

func sealed(t *testing.T, s bundle.Sealer, c bundle.Contents) []byte {
	t.Helper()
	s.Random = rand.Reader
	file, err := s.Seal(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte(secretKey)) {
		t.Fatal("the file shows the key")
	}
	return file
}

func with(y *yubikey) func(context.Context) (bundle.Responder, error) {
	return func(context.Context) (bundle.Responder, error) { return y, nil }
}

// Every recipient opens it, and gets what was sealed.
func TestEveryRecipientOpens(t *testing.T) {
	one, two := identity(t), identity(t)
	want := contents(one, two)
	for _, y := range []*yubikey{nil, {secret: "k"}} {
		s, o := bundle.Sealer{}, bundle.Opener{}
		if y != nil {
			s.Slot, s.Second, o.Second = 2, y, with(y)
		}
		file := sealed(t, s, want)
		for _, id := range []age.Identity{one, two} {
			o.Identities = []age.Identity{id}
			got, err := o.Open(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Secret.Equal(want.Secret) || got.Slot != s.Slot {
				t.Errorf("another secret or slot %d came out", got.Slot)
			}
			if d := cmp.Diff(fmt.Sprint(want.Regions, want), fmt.Sprint(got.Regions, got.Contents)); d != "" {
				t.Error(d)
			}
		}
	}
}

// Neither half opens a bundle of two, and a half of another's does not either.
func TestBothPartsAreWanted(t *testing.T) {
	id, other, y := identity(t), identity(t), &yubikey{secret: "k"}
	file := sealed(t, bundle.Sealer{Slot: 2, Second: y}, contents(id))
	for name, c := range map[string]struct {
		o    bundle.Opener
		want error
	}{
		"no identity":    {bundle.Opener{Second: with(y)}, bundle.ErrNoKey},
		"wrong identity": {bundle.Opener{Identities: []age.Identity{other}, Second: with(y)}, bundle.ErrNoKey},
		"no YubiKey":     {bundle.Opener{Identities: []age.Identity{id}}, bundle.ErrSecond},
		"wrong YubiKey":  {bundle.Opener{Identities: []age.Identity{id}, Second: with(&yubikey{secret: "another"})}, bundle.ErrSecond},
	} {
		got, err := c.o.Open(t.Context(), file)
		if !errors.Is(err, c.want) || len(got.Secret.Reveal()) != 0 {
			t.Errorf("%s: opened, or %v; want %v", name, err, c.want)
		}
	}
	if _, err := (bundle.Opener{Identities: []age.Identity{id}, Second: func(context.Context) (bundle.Responder, error) { return nil, errors.New("no reader") }}).Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "no reader") {
		t.Errorf("an absent YubiKey: %v", err)
	}
}

// A YubiKey that has to be asked twice the same thing could be answered from a record.
func TestEverySealingHasAChallengeOfItsOwn(t *testing.T) {
	id, y := identity(t), &yubikey{secret: "k"}
	seen := map[string]bool{}
	for range 8 {
		sealed(t, bundle.Sealer{Slot: 1, Second: y}, contents(id))
	}
	for _, challenge := range y.asked {
		seen[string(challenge)] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d challenges of 8 sealings", len(seen))
	}
}

// outerText is what age alone gives.
func outerText(t *testing.T, file []byte, id age.Identity) string {
	t.Helper()
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(file)), id)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func again(t *testing.T, text string, id *age.X25519Identity) []byte {
	t.Helper()
	var b bytes.Buffer
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(text))
	if err := errors.Join(err, w.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// age alone shows the key of a bundle without a second part, and not of one with it; who
// can seal to the recipient cannot have the inner part open beside another role.
func TestWhatAgeAloneShows(t *testing.T) {
	id, y := identity(t), &yubikey{secret: "k"}
	if text := outerText(t, sealed(t, bundle.Sealer{}, contents(id)), id); !strings.Contains(text, secretKey) {
		t.Error("age alone does not give the key of a bundle without a second part")
	}
	text := outerText(t, sealed(t, bundle.Sealer{Slot: 2, Second: y}, contents(id)), id)
	if strings.Contains(text, secretKey) {
		t.Error("age alone gives the key of a bundle with a second part")
	}
	o := bundle.Opener{Identities: []age.Identity{id}, Second: with(y)}
	for name, edited := range map[string]string{
		"role": strings.Replace(text, "role/break-glass", "role/another", 1), "slot": strings.Replace(text, `"slot":2`, `"slot":1`, 1),
		"member": strings.Replace(text, `{"door"`, `{"more":1,"door"`, 1), "format": strings.Replace(text, "bundle/1", "bundle/2", 1),
		"cut": text[:len(text)/2], "more": text + "{}", "empty": "", "both": strings.Replace(text, `{"door"`, `{"secret_access_key":"x","door"`, 1),
	} {
		if edited == text {
			t.Fatalf("%s: nothing was edited", name)
		}
		if _, err := o.Open(t.Context(), again(t, edited, id)); err == nil || strings.Contains(err.Error(), secretKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	id := identity(t)
	file := sealed(t, bundle.Sealer{}, contents(id))
	o := bundle.Opener{Identities: []age.Identity{id}}
	for name, bad := range map[string][]byte{"empty": nil, "text": []byte("hello"), "half": file[:len(file)/2], "large": bytes.Repeat([]byte("x"), 1<<20)} {
		if _, err := o.Open(t.Context(), bad); err == nil {
			t.Errorf("%s opens", name)
		}
	}
}

func TestContentsAreChecked(t *testing.T) {
	id := identity(t)
	for name, change := range map[string]func(*bundle.Contents){
		"door":      func(c *bundle.Contents) { c.Door = "a b" },
		"person":    func(c *bundle.Contents) { c.Person = "" },
		"user":      func(c *bundle.Contents) { c.User = "ada" },
		"role":      func(c *bundle.Contents) { c.Role = "arn:aws:iam::111122223333:user/x" },
		"serial":    func(c *bundle.Contents) { c.Serial = "x" },
		"Regions":   func(c *bundle.Contents) { c.Regions = nil },
		"Region":    func(c *bundle.Contents) { c.Regions = []string{"evil.example/"} },
		"recipient": func(c *bundle.Contents) { c.To = nil },
		"key id":    func(c *bundle.Contents) { c.Key = "akia" },
		"secret":    func(c *bundle.Contents) { c.Secret = seal.NewSecret([]byte("with a space in it")) },
	} {
		c := contents(id)
		change(&c)
		_, err := bundle.Sealer{Random: rand.Reader}.Seal(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "with a space") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", contents(id), contents(id), bundle.Opened{Contents: contents(id)}); strings.Contains(text, secretKey) {
		t.Error("printing shows the key")
	}
}

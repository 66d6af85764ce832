// Package bundle is the sealed envelope of the offline way through the emergency door:
// the access key of an IAM user that can do nothing but assume one role with MFA that
// AWS checks, and what is needed to use it when nothing of our own answers.
//
// It promises that the key is on the disk sealed only, to one age recipient or more,
// and that every sealing of a bundle with a second part is under a fresh challenge: the
// answer of a YubiKey to it, by HKDF-SHA256, is the key of an inner AES-256-GCM, so that
// neither the age identity alone nor the YubiKey alone opens it. A bundle that was
// edited does not open. No error and no way of printing Contents shows the key.
//
// It does not promise who made a bundle: whoever knows its recipients can seal another,
// and whoever opened one can seal it to others besides. Before anything is made on a
// bundle's word, AWS has to say that its key is its user's, and the machine that made it
// whom it is for.
// Nor does it promise that whoever holds bundle, identity and second part is the person
// it was made for: that is what AWS's check of the MFA code is for. An answer of the
// YubiKey that was seen opens the sealing it was given for, and no later one.
//
// The file is an armored age file, so that age alone opens the outer part where
// mfawatch is not at hand:
//
//	age -d -i identity.txt bundle.age
//
// It gives a line of format and a line of JSON. Without a second part the JSON has the
// access key. With one it has the slot, the challenge, the salt and the inner text, which
// is a nonce of 12 bytes and what AES-256-GCM made of the secret access key, with the
// lines' other members as its associated data; its key is 32 bytes of HKDF-SHA256 of the
// answer, with the salt, and the format line as info.
//
// It knows no files and no AWS.
package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"filippo.io/age/plugin"

	"mfawatch/totp/seal"
)

const (
	format   = "mfawatch-break-glass-bundle/1"
	mostFile = 64 << 10
)

// What a bundle is not opened for.
var (
	ErrNoKey  = errors.New("none of the identities that were given opens the bundle")
	ErrSecond = errors.New("the bundle has a second part, and the YubiKey that was asked does not open it")
)

// Contents are what is sealed. All but the secret is known to AWS's logs anyway.
type Contents struct {
	Door    string   `json:"door"`       // whose record the use belongs to
	Person  string   `json:"person"`     // whose bundle it is
	User    string   `json:"user"`       // ARN of the IAM user that has the key
	Role    string   `json:"role"`       // ARN
	Serial  string   `json:"mfa_serial"` // of the user's device that makes codes
	Regions []string `json:"regions"`    // in which STS is asked, in this order
	To      []string `json:"sealed_to"`  // age recipients
	Key     string   `json:"access_key_id"`

	Secret seal.Secret `json:"-"` // the secret access key
}

// String describes the bundle without its secret.
func (c Contents) String() string {
	return fmt.Sprintf("bundle of %s for %s with key %s (secret hidden)", c.Person, c.Role, c.Key)
}

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{1,30}$`)
	userForm   = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:user/[!-~]{1,600}$`)
	roleForm   = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[!-~]{1,600}$`)
	serialForm = regexp.MustCompile(`^[\w+=/:,.@-]{9,256}$`)
	regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	keyForm    = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	secretForm = regexp.MustCompile(`^[!-~]{16,128}$`)
)

// Check says what is wrong with contents, and shows nothing of the secret.
func (c Contents) Check() error {
	var faults []error
	wants := func(ok bool, format string, a ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, a...))
		}
	}
	wants(nameForm.MatchString(c.Door), "door %q: a name of 2 to 31 letters, digits, _ . @ and - is wanted", c.Door)
	wants(nameForm.MatchString(c.Person), "person %q: a name of 2 to 31 letters, digits, _ . @ and - is wanted", c.Person)
	wants(userForm.MatchString(c.User), "user %q: write the ARN of the IAM user that has the key, arn:aws:iam::111122223333:user/NAME", c.User)
	wants(roleForm.MatchString(c.Role), "role %q: write the ARN of the break-glass role, arn:aws:iam::111122223333:role/NAME", c.Role)
	wants(serialForm.MatchString(c.Serial), "MFA serial %q: write the device's ARN, or what is printed on a token", c.Serial)
	wants(len(c.Regions) > 0 && len(c.Regions) <= 20, "Regions: %d: name 1 to 20, the nearest first", len(c.Regions))
	for _, r := range c.Regions {
		wants(regionForm.MatchString(r), "Region %q: write it as eu-north-1", r)
	}
	wants(len(c.To) > 0, "no age recipient is named: name yours, and one that is kept elsewhere")
	wants(keyForm.MatchString(c.Key), "the access key id has a form that AWS's have not: it begins with AKIA")
	wants(secretForm.Match(c.Secret.Reveal()), "the secret access key has a form that AWS's have not: copy it again")
	return errors.Join(faults...)
}

// outer is what the age file holds.
type outer struct {
	Contents
	Second *second `json:"second,omitempty"`
	Plain  string  `json:"secret_access_key,omitempty"` // where there is no second part
}

// Sealer seals bundles.
type Sealer struct {
	UI     *plugin.ClientUI // for recipients that are plugins'
	Random io.Reader        // crypto/rand's Reader
	Slot   int              // of the YubiKey; 0: there is no second part
	Second Responder        // where Slot is not 0
}

// Seal makes the bytes of a bundle.
func (s Sealer) Seal(ctx context.Context, c Contents) ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("seal the bundle: %w", err)
	}
	recipients, err := s.recipients(c.To)
	if err != nil {
		return nil, err
	}
	o := outer{Contents: c}
	if s.Slot == 0 {
		o.Plain = string(c.Secret.Reveal())
	} else if o.Second, err = s.second(ctx, c); err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("seal the bundle: %w", err)
	}
	defer clear(text)
	return encrypted(append([]byte(format+"\n"), append(text, '\n')...), recipients)
}

func (s Sealer) recipients(to []string) ([]age.Recipient, error) {
	var all []age.Recipient
	for i, text := range to {
		r, err := seal.ParseRecipient(text, s.UI)
		if err != nil {
			return nil, fmt.Errorf("seal the bundle: recipient %d: %w", i+1, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func encrypted(text []byte, to []age.Recipient) ([]byte, error) {
	defer clear(text)
	var file bytes.Buffer
	a := armor.NewWriter(&file)
	w, err := age.Encrypt(a, to...)
	if err != nil {
		return nil, fmt.Errorf("seal the bundle: %w", err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close(), a.Close()); err != nil {
		return nil, fmt.Errorf("seal the bundle: %w", err)
	}
	return file.Bytes(), nil
}

// Opened is a bundle that is open.
type Opened struct {
	Contents
	Slot int // of its second part; 0: it has none
}

// Opener opens bundles.
type Opener struct {
	Identities []age.Identity
	// Second finds the YubiKey. It is called only for a bundle with a second part; nil:
	// there is none.
	Second func(context.Context) (Responder, error)
}

// Open opens a bundle. Its secret is the caller's to Wipe.
func (o Opener) Open(ctx context.Context, file []byte) (Opened, error) {
	if len(file) > mostFile {
		return Opened{}, fmt.Errorf("the bundle has more than %d bytes: it is something else", mostFile)
	}
	text, err := o.decrypted(file)
	if err != nil {
		return Opened{}, err
	}
	defer clear(text)
	inner, err := read(text)
	if err != nil {
		return Opened{}, err
	}
	opened := Opened{Contents: inner.Contents}
	if inner.Second == nil {
		opened.Secret = seal.NewSecret([]byte(inner.Plain))
	} else {
		opened.Slot = inner.Second.Slot
		if opened.Secret, err = o.second(ctx, inner); err != nil {
			return Opened{}, err
		}
	}
	if err := opened.Check(); err != nil {
		opened.Secret.Wipe()
		return Opened{}, fmt.Errorf("the bundle opens and holds what cannot be used: %w", err)
	}
	return opened, nil
}

func (o Opener) decrypted(file []byte) ([]byte, error) {
	if len(o.Identities) == 0 {
		return nil, fmt.Errorf("%w: no identity was given", ErrNoKey)
	}
	var source io.Reader = bytes.NewReader(file)
	if bytes.HasPrefix(bytes.TrimLeft(file, " \t\r\n"), []byte(armor.Header)) {
		source = armor.NewReader(source)
	}
	r, err := age.Decrypt(source, o.Identities...)
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, errors.New("the bundle is no whole age file: take another copy of it")
	}
	text, err := io.ReadAll(io.LimitReader(r, mostFile))
	if err != nil {
		clear(text)
		return nil, errors.New("the bundle is damaged: take another copy of it")
	}
	return text, nil
}

// read takes the two lines apart. What a newer version wrote is not guessed at.
func read(text []byte) (outer, error) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if string(first) != format {
		return outer{}, fmt.Errorf("the age file opens and is no bundle of the format %s: is it the right file?", format)
	}
	d := json.NewDecoder(bytes.NewReader(rest))
	d.DisallowUnknownFields()
	var o outer
	if err := d.Decode(&o); err != nil {
		return outer{}, errors.New("the age file opens and its second line is not as a bundle's: make the bundle anew with 'mfawatch breakglass init'")
	}
	if (o.Second == nil) == (o.Plain == "") || strings.TrimSpace(string(rest[d.InputOffset():])) != "" {
		return outer{}, errors.New("the age file opens and is not as a bundle's: make the bundle anew with 'mfawatch breakglass init'")
	}
	return o, nil
}

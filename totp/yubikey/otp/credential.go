package otp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Credential is what a slot of a YubiKey was programmed with. The zero Credential
// opens nothing.
type Credential struct {
	public string
	reveal func() *secrets // a function, as nothing that prints a value looks into one
}

type secrets struct {
	private [6]byte
	key     [blockBytes]byte
	wiped   bool
}

var errNoCredential = errors.New("there is no credential: make one with NewCredential or ParseCredential, and wipe it when it is not needed any more")

// opened are the secrets, where there are any.
func (c Credential) opened() (*secrets, error) {
	if c.reveal == nil || c.reveal().wiped {
		return nil, errNoCredential
	}
	return c.reveal(), nil
}

// NewCredential makes one of a public id in modhex, which may be empty, of the six
// bytes of the private id and of the AES key's sixteen.
func NewCredential(public string, private, key []byte) (Credential, error) {
	switch {
	case len(public) > mostPublic:
		return Credential{}, fmt.Errorf("the public id has %d letters of modhex: at most %d are taken", len(public), mostPublic)
	case len(private) != 6:
		return Credential{}, fmt.Errorf("the private id has %d bytes: it must have 6", len(private))
	case len(key) != blockBytes:
		return Credential{}, fmt.Errorf("the AES key has %d bytes: it must have %d", len(key), blockBytes)
	}
	if _, err := DecodeModhex(public); err != nil {
		return Credential{}, fmt.Errorf("the public id is no modhex: %w", err)
	}
	kept := &secrets{private: [6]byte(private), key: [blockBytes]byte(key)}
	return Credential{public, func() *secrets { return kept }}, nil
}

// What a credential's text begins with, and how it says that the public id is empty.
const (
	textFormat = "yubico-otp/1"
	noPublic   = "-"
)

// Text is all of the credential in its one canonical form, to be sealed:
//
//	yubico-otp/1 PUBLIC-ID-IN-MODHEX PRIVATE-ID-IN-HEX AES-KEY-IN-HEX
func (c Credential) Text() []byte {
	secret, err := c.opened()
	if err != nil {
		return nil
	}
	public := c.public
	if public == "" {
		public = noPublic
	}
	return fmt.Appendf(nil, "%s %s %x %x", textFormat, public, secret.private[:], secret.key[:])
}

// ParseCredential reads the form that Text writes, and no other. Its errors do not show
// the text.
func ParseCredential(text []byte) (Credential, error) {
	fields := strings.Split(string(text), " ")
	if len(fields) != 4 || fields[0] != textFormat {
		return Credential{}, fmt.Errorf("it is not written as %s PUBLIC-ID PRIVATE-ID AES-KEY, with one space between", textFormat)
	}
	public := fields[1]
	if public == noPublic {
		public = ""
	}
	private, first := hex.DecodeString(fields[2])
	key, second := hex.DecodeString(fields[3])
	if first != nil || second != nil {
		return Credential{}, errors.New("the private id or the AES key is no hex")
	}
	c, err := NewCredential(public, private, key)
	clear(private)
	clear(key)
	if err == nil && subtle.ConstantTimeCompare(c.Text(), text) != 1 {
		return Credential{}, errors.New("it is not in its canonical form: hex and modhex are in lower case, and an empty public id is " + noPublic)
	}
	return c, err
}

// PublicID is what the credential's OTPs begin with, in modhex.
func (c Credential) PublicID() string { return c.public }

// ID names the credential in a ledger. A key that is programmed anew counts from the
// start, so that its new secret is another id. It is 32 bits of a hash of 176: of no
// help to who guesses at the secrets.
func (c Credential) ID() string {
	public := c.public
	if public == "" {
		public = noPublic
	}
	text := c.Text()
	defer clear(text)
	sum := sha256.Sum256(append([]byte("mfawatch yubikey id\n"), text...))
	return fmt.Sprintf("yubikey %s %x", public, sum[:4])
}

// Equal compares in a time that tells nothing of the secrets.
func (c Credential) Equal(other Credential) bool {
	return subtle.ConstantTimeCompare(c.Text(), other.Text()) == 1
}

// Wipe overwrites the secrets that this Credential and its copies hold; it opens
// nothing any more. For what memory keeps besides, see seal.Secret.
func (c Credential) Wipe() {
	if c.reveal != nil {
		*c.reveal() = secrets{wiped: true}
	}
}

// String describes the credential without its secrets.
func (c Credential) String() string {
	switch {
	case c.reveal == nil:
		return "no Yubico OTP credential"
	case c.public == "":
		return "Yubico OTP credential without a public id (secrets hidden)"
	}
	return "Yubico OTP credential " + c.public + " (secrets hidden)"
}

// Format prints String, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText is what encoders and loggers write: String. There is no way back.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue is what log/slog writes.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Package totp makes and checks one-time codes: TOTP (RFC 6238) and HOTP (RFC 4226),
// with SHA1, SHA256 or SHA512, of 6, 7 or 8 digits, for any period.
//
// It promises three things. A Key shows its secret to nobody who prints, logs or
// marshals it: only URI and Secret tell it. Verify says which step matched, so that a
// ledger can refuse it the next time, and computes every candidate, whichever
// matches. What is not understood is an error and never a default, because a code
// made the wrong way locks somebody out.
//
// It never asks the clock, reads files or makes random numbers by itself: it is given
// a time, texts and a source. It keeps nothing: which steps were used is the
// ledger's to know.
package totp

import (
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what moves a key from one code to the next.
type Kind string

// The kinds of keys.
const (
	TOTP Kind = "totp" // time
	HOTP Kind = "hotp" // a counter
)

// Algorithm is the hash under the HMAC.
type Algorithm string

// The algorithms of RFC 6238.
const (
	SHA1   Algorithm = "SHA1"
	SHA256 Algorithm = "SHA256"
	SHA512 Algorithm = "SHA512"
)

// What a key URI leaves out, and what AWS's virtual devices are.
const (
	defaultDigits = 6
	defaultPeriod = 30
)

const (
	randomBytes = 20 // of a new secret: RFC 4226 section 4 recommends 160 bits
	shortBytes  = 16 // RFC 4226 section 4 requires 128 bits
	maxSecret   = 1024
	maxLetters  = 1639 // maxSecret bytes in base32
	maxName     = 256
	maxPeriod   = math.MaxInt32
)

// Settings are all of a key but its secret.
type Settings struct {
	Kind      Kind      // "" is TOTP
	Issuer    string    // who gave the key; may be empty
	Account   string    // for whom
	Algorithm Algorithm // "" is SHA1
	Digits    int       // 0 is 6
	Period    int64     // seconds of a step; 0 is 30; HOTP has none
	Counter   int64     // HOTP's next counter when the key was given
}

// Key is a secret and how codes are made of it. The zero Key makes no codes.
type Key struct {
	settings Settings
	// reveal gives the secret. It is a function, because fmt and other printers
	// look through fields and pointers of a value that holds a Key in an unexported
	// field, without asking Key how it wants to be printed.
	reveal func() []byte
}

// New makes a key. Settings that are left out are those of a key URI.
func New(s Settings, secret []byte) (Key, error) {
	s = s.filled()
	if err := s.check(); err != nil {
		return Key{}, err
	}
	switch {
	case len(secret) == 0:
		return Key{}, errors.New("the secret is empty: give the text that came with the device")
	case len(secret) > maxSecret:
		return Key{}, fmt.Errorf("the secret has %d bytes: at most %d are taken", len(secret), maxSecret)
	}
	kept := append([]byte(nil), secret...)
	return Key{settings: s, reveal: func() []byte { return kept }}, nil
}

// Random makes a key of 160 bits from a source, which is crypto/rand's Reader.
func Random(s Settings, source io.Reader) (Key, error) {
	secret := make([]byte, randomBytes)
	if _, err := io.ReadFull(source, secret); err != nil {
		return Key{}, fmt.Errorf("read random bytes for a secret: %w", err)
	}
	return New(s, secret)
}

func (s Settings) filled() Settings {
	if s.Kind == "" {
		s.Kind = TOTP
	}
	if s.Algorithm == "" {
		s.Algorithm = SHA1
	}
	if s.Digits == 0 {
		s.Digits = defaultDigits
	}
	if s.Kind == TOTP && s.Period == 0 {
		s.Period = defaultPeriod
	}
	return s
}

// check refuses what no URI can say or no code can be made of. Values are not
// quoted: in a text that was pasted wrongly, any of them may hold the secret.
func (s Settings) check() error {
	switch {
	case s.Kind != TOTP && s.Kind != HOTP:
		return errors.New("the type of key is neither totp nor hotp")
	case s.Algorithm != SHA1 && s.Algorithm != SHA256 && s.Algorithm != SHA512:
		return errors.New("algorithm is none of SHA1, SHA256 and SHA512")
	case s.Digits < 6 || s.Digits > 8:
		return errors.New("digits is not 6, 7 or 8")
	case s.Kind == HOTP && s.Period != 0:
		return errors.New("period has no meaning for an hotp key: leave it out")
	case s.Kind == TOTP && (s.Period < 1 || s.Period > maxPeriod):
		return fmt.Errorf("period is not a number of seconds from 1 to %d", maxPeriod)
	case s.Kind == TOTP && s.Counter != 0:
		return errors.New("counter has no meaning for a totp key: leave it out")
	case s.Counter < 0:
		return errors.New("counter is negative")
	}
	return s.checkNames()
}

// checkNames refuses what a label cannot say: its first colon ends the issuer.
func (s Settings) checkNames() error {
	switch {
	case s.Account == "":
		return errors.New("the account is missing: name whom the key is for")
	case !printable(s.Account) || !printable(s.Issuer):
		return fmt.Errorf("account and issuer are at most %d bytes of printable text, without spaces around them", maxName)
	case strings.Contains(s.Issuer, ":"):
		return errors.New("the issuer has a colon, which ends it in a label: leave it out")
	case s.Issuer == "" && strings.Contains(s.Account, ":"):
		return errors.New("the account has a colon and there is no issuer, so its first part would be taken for one: give an issuer")
	}
	return nil
}

func printable(name string) bool {
	return len(name) <= maxName && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Settings tells all but the secret.
func (k Key) Settings() Settings { return k.settings }

// Secret tells the secret in base32, as people type it into a device.
func (k Key) Secret() string { return unpadded.EncodeToString(k.bytes()) }

// Short tells whether the secret has less than the 128 bits that RFC 4226 requires.
// Such keys exist and are imported; whoever imports one should be told.
func (k Key) Short() bool { return len(k.bytes()) < shortBytes }

// Equal compares settings, and secrets in a time that does not tell where they
// differ.
func (k Key) Equal(other Key) bool {
	return k.settings == other.settings && subtle.ConstantTimeCompare(k.bytes(), other.bytes()) == 1
}

func (k Key) bytes() []byte {
	if k.reveal == nil {
		return nil
	}
	return k.reveal()
}

// String describes the key without its secret.
func (k Key) String() string {
	s := k.settings
	if s.Kind == "" {
		return "no key"
	}
	moves := fmt.Sprintf("%d s", s.Period)
	if s.Kind == HOTP {
		moves = fmt.Sprintf("counter %d", s.Counter)
	}
	return fmt.Sprintf("%s key %q (%s, %d digits, %s, secret hidden)", s.Kind, s.label(), s.Algorithm, s.Digits, moves)
}

// Format prints String, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText is what JSON, YAML, XML and loggers write: String. There is no way
// back, so that nobody stores a key by marshalling it.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue is what log/slog writes.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

var unpadded = base32.StdEncoding.WithPadding(base32.NoPadding)

// DecodeSecret reads base32 as people paste it: in lower case, in groups, with
// padding or without. Its errors do not show the text.
func DecodeSecret(text string) ([]byte, error) {
	bare := strings.Map(pasted, text)
	letters := strings.TrimRight(bare, "=")
	switch padding := len(bare) - len(letters); {
	case letters == "":
		return nil, errors.New("the secret is empty: give the text that came with the device")
	case len(letters) > maxLetters:
		return nil, fmt.Errorf("the secret is too long: at most %d bytes are taken", maxSecret)
	case strings.Trim(letters, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "":
		return nil, errors.New("the secret is no base32: only letters, the digits 2 to 7, spaces, dashes and padding are")
	case padding > 0 && len(bare)%8 != 0:
		return nil, errors.New("the secret's padding does not fit its length: leave the = out")
	}
	// 1, 3 or 6 letters over are no whole bytes more than one letter less, and no
	// encoder writes them.
	if over := len(letters) % 8; over == 1 || over == 3 || over == 6 {
		return nil, fmt.Errorf("the secret has %d letters, which is no base32: one is missing or too many", len(letters))
	}
	return unpadded.DecodeString(letters)
}

// pasted is a letter as base32 has it; only ASCII has an upper case here.
func pasted(r rune) rune {
	switch {
	case r == ' ' || r == '-':
		return -1
	case 'a' <= r && r <= 'z':
		return r - 'a' + 'A'
	}
	return r
}

// Package validation speaks Yubico's validation protocol, version 2.0: a Client asks
// servers, YubiCloud's or somebody's own, whether an OTP is good, and a Server answers
// by the keys and the ledger that it is given.
//
// The client promises that an OTP is accepted only by an answer with a right signature
// that repeats the OTP and this request's nonce and is not old; that a server which
// lies, is slow or does not stop can refuse and delay, up to the time-out, and no more;
// and that requests go over https, but to this machine.
//
// The server promises that an OTP is accepted once, however many ask at the same time;
// that a request without its client's right signature is refused, unless the client may
// do without; that a key which it does not have is answered like one whose OTP is
// wrong, after the same work; and that nothing is accepted which was not recorded.
//
// Neither shows an OTP or an API key in an error, an answer to others or a record. Keys,
// clients, records and the ledger are whoever's that runs a server: nothing is kept here.
package validation

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Path is where the protocol has its one call.
const Path = "/wsapi/2.0/verify"

// What both sides bound.
const (
	mostFields = 32   // of a request or an answer; ten or so have a meaning
	mostBytes  = 4096 // of either
)

const (
	keyBytes  = 20 // of a new API key, as many as SHA-1 has
	shortKey  = 16
	mostOfKey = 64
)

// APIKey is what a client and a server sign with. The zero APIKey signs nothing.
type APIKey struct {
	reveal func() []byte // a function, as nothing that prints a value looks into one
}

// ParseAPIKey reads a key in base64, as YubiCloud gives it to people. Its errors do not
// show the text.
func ParseAPIKey(text string) (APIKey, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil || strings.ContainsAny(text, "\r\n"):
		return APIKey{}, errors.New("the API key is no base64: copy it whole, with the = at its end")
	case len(b) < shortKey || len(b) > mostOfKey:
		return APIKey{}, fmt.Errorf("the API key has %d bytes: %d to %d are taken", len(b), shortKey, mostOfKey)
	}
	return APIKey{func() []byte { return b }}, nil
}

// NewAPIKey makes a key of random bytes, for a client of one's own server.
func NewAPIKey(source io.Reader) (APIKey, error) {
	b := make([]byte, keyBytes)
	if _, err := io.ReadFull(source, b); err != nil {
		return APIKey{}, fmt.Errorf("read random bytes for an API key: %w", err)
	}
	return APIKey{func() []byte { return b }}, nil
}

// Text is the key itself in base64: to be sealed, or given to the client.
func (k APIKey) Text() []byte {
	if k.reveal == nil {
		return nil
	}
	return base64.StdEncoding.AppendEncode(nil, k.reveal())
}

// String never tells the key.
func (k APIKey) String() string {
	if k.reveal == nil {
		return "no API key"
	}
	return "API key (hidden)"
}

// Format prints String, whatever the verb.
func (k APIKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText is what encoders and loggers write: String.
func (k APIKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue is what log/slog writes.
func (k APIKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// fields are a request's or an answer's.
type fields map[string]string

// put adds one. What is there twice, or would read as two fields where it is signed, is
// refused: the signature is over k=v&k=v, with nothing escaped.
func (f fields) put(key, value string) error {
	_, twice := f[key]
	switch {
	case twice:
		return errors.New("a field is there twice")
	case len(f) == mostFields:
		return fmt.Errorf("it has more than %d fields", mostFields)
	case !isName(key):
		return errors.New("a field's name is not one of the protocol's")
	case strings.ContainsFunc(value, func(r rune) bool { return r == '&' || r < ' ' || r == 0x7f || r == 0xfffd }):
		return errors.New("a field's value cannot be signed: it has an & or what is no text")
	}
	f[key] = value
	return nil
}

func isName(key string) bool {
	for _, b := range []byte(key) {
		if (b < 'a' || b > 'z') && b != '_' && (b < '0' || b > '9') {
			return false
		}
	}
	return key != "" && len(key) <= 32
}

// signature is over all fields but itself, in the order of their names.
func (f fields) signature(k APIKey) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if key != "h" {
			all = append(all, key+"="+f[key])
		}
	}
	mac := hmac.New(sha1.New, k.reveal())
	mac.Write([]byte(strings.Join(all, "&")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signed tells whether the fields have the key's signature.
func (f fields) signed(k APIKey) bool {
	return k.reveal != nil && hmac.Equal([]byte(f["h"]), []byte(f.signature(k)))
}

// isNonce is what the protocol and Yubico's server take.
func isNonce(text string) bool {
	for _, b := range []byte(text) {
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') {
			return false
		}
	}
	return len(text) >= 16 && len(text) <= 40
}

// Package migration reads and writes what Google Authenticator's "Transfer accounts"
// shows as QR codes: otpauth-migration:// URIs, which hold several keys each.
//
// It promises that an export of several parts is read whole or not at all; that what
// the format cannot say (other periods than 30 seconds, seven digits) is refused and
// not changed; that what it does not understand and codes depend on is an error; and
// that no error shows a secret.
//
// Google does not document the format. It is as people found it who read exports of the
// application: a message of Protocol Buffers, in base64, in a parameter. Their accounts
// agree about the numbers of all fields that are read here. The package never asks the
// clock, opens files or makes random numbers.
package migration

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"mfawatch/totp"
)

const (
	prefix  = "otpauth-migration://offline?"
	maxURI  = 8192 // more than any QR code holds, as in totp
	perPart = 10   // as many as the application shows in a code
	maxOf   = 1000
)

// Part is what one URI, or one QR code, holds of an export.
type Part struct {
	Keys  []totp.Key
	ID    int32 // of the export: the same in all its parts
	Index int   // from 0
	Of    int   // how many parts there are
}

// Is tells whether a text is meant as such a URI.
func Is(text string) bool { return strings.HasPrefix(text, "otpauth-migration:") }

// Parse reads one URI.
func Parse(uri string) (Part, error) {
	message, err := unwrap(uri)
	if err != nil {
		return Part{}, fmt.Errorf("otpauth-migration URI: %w", err)
	}
	defer clear(message)
	p, err := parsePart(message)
	if err != nil {
		return Part{}, fmt.Errorf("otpauth-migration URI: %w", err)
	}
	return p, nil
}

// unwrap takes the message out of the URI. A + is itself here, whether it is escaped
// or not, since base64 has it and writers forget.
func unwrap(uri string) ([]byte, error) {
	query, found := strings.CutPrefix(uri, prefix)
	if len(uri) > maxURI {
		return nil, fmt.Errorf("it has %d bytes: at most %d are taken", len(uri), maxURI)
	}
	text, named := strings.CutPrefix(query, "data=")
	if !found || !named || strings.ContainsAny(text, "&#") {
		return nil, fmt.Errorf("it is not %sdata= and base64, and nothing else", prefix)
	}
	text, err := url.PathUnescape(text)
	if err != nil { // the error shows a part
		return nil, errors.New("a % in it is not followed by two digits: check that it was copied whole")
	}
	message, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(message) == 0 {
		return nil, errors.New("data is no base64: check that it was copied whole")
	}
	return message, nil
}

// URI tells the part, secrets included, as Parse reads it.
func (p Part) URI() (string, error) {
	if err := p.check(); err != nil {
		return "", fmt.Errorf("otpauth-migration URI: %w", err)
	}
	var message []byte
	for _, k := range p.Keys {
		key, err := appendKey(nil, k)
		if err != nil {
			return "", fmt.Errorf("otpauth-migration URI: %s key %q: %w", k.Settings().Kind, k.Settings().Account, err)
		}
		message = appendBytes(message, fieldKeys, key)
		clear(key)
	}
	message = appendNumber(message, fieldVersion, 1)
	message = appendNumber(message, fieldOf, uint64(p.Of))
	message = appendNumber(message, fieldIndex, uint64(p.Index))
	message = appendNumber(message, fieldID, uint64(int64(p.ID)))
	defer clear(message)
	uri := prefix + "data=" + url.QueryEscape(base64.StdEncoding.EncodeToString(message))
	if len(uri) > maxURI {
		return "", fmt.Errorf("otpauth-migration URI: %d keys make %d bytes: at most %d are read again: split them", len(p.Keys), len(uri), maxURI)
	}
	return uri, nil
}

func (p Part) check() error {
	switch {
	case p.Of < 1 || p.Of > maxOf || p.Index < 0 || p.Index >= p.Of:
		return fmt.Errorf("it is part %d of %d: parts count from 1 to at most %d", p.Index+1, p.Of, maxOf)
	case len(p.Keys) == 0:
		return errors.New("it holds no key")
	}
	return nil
}

// Split makes parts of at most ten keys, as the application does. The id is random for
// each export.
func Split(keys []totp.Key, id int32) []Part {
	of := (len(keys) + perPart - 1) / perPart
	parts := make([]Part, of)
	for i := range parts {
		parts[i] = Part{keys[i*perPart : min((i+1)*perPart, len(keys))], id, i, of}
	}
	return parts
}

// Join puts the parts of one export together, in whatever order they were read, and
// tells what is missing, what is there twice and what belongs to another export.
func Join(parts ...Part) ([]totp.Key, error) {
	if len(parts) == 0 {
		return nil, errors.New("otpauth-migration: there is no part of an export")
	}
	first := parts[0]
	if err := first.check(); err != nil {
		return nil, fmt.Errorf("otpauth-migration: %w", err)
	}
	have := make([]*Part, first.Of)
	for i, p := range parts {
		switch {
		case p.ID != first.ID || p.Of != first.Of:
			return nil, fmt.Errorf("otpauth-migration: code %d is of another export than code 1: read one export at a time", i+1)
		case p.check() != nil:
			return nil, fmt.Errorf("otpauth-migration: %w", p.check())
		case have[p.Index] != nil:
			return nil, fmt.Errorf("otpauth-migration: part %d of %d is there twice: leave one", p.Index+1, p.Of)
		}
		have[p.Index] = &p
	}
	return joined(have)
}

func joined(have []*Part) ([]totp.Key, error) {
	var keys []totp.Key
	var missing []string
	for i, p := range have {
		if p == nil {
			missing = append(missing, fmt.Sprint(i+1))
			continue
		}
		keys = append(keys, p.Keys...)
	}
	if missing != nil {
		return nil, fmt.Errorf("otpauth-migration: of %d parts, missing: %s: read every QR code that the application shows", len(have), strings.Join(missing, ", "))
	}
	return keys, nil
}

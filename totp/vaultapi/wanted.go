package vaultapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"net/url"
	"strings"

	"github.com/pquerna/otp"

	"mfawatch/totp"
)

// Bounds of what a key may be written with.
const (
	leastSecret = 16 // RFC 4226 section 4 requires 128 bits
	mostSecret  = 1024
	mostPixels  = 2048
)

// wanted is the key that a body asks for.
type wanted struct {
	key      totp.Key
	skew     int
	exported bool
	pixels   int64
	warnings []string
}

// wanted reads every field, also those that the others make meaningless, so that a
// wrong one is not passed over.
func (h *handler) wanted(f *fields, name string) (wanted, error) {
	generate, exported := f.flag("generate", false), f.flag("exported", true)
	uri, secret := f.text("url", ""), f.text("key", "")
	s := totp.Settings{
		Issuer:    f.text("issuer", ""),
		Account:   f.text("account_name", ""),
		Algorithm: totp.Algorithm(strings.ToUpper(f.text("algorithm", string(totp.SHA1)))),
		Digits:    int(f.whole("digits", 6, 6, 8)),
		Period:    f.seconds("period", 30, math.MaxInt32),
	}
	size := f.whole("key_size", 20, leastSecret, mostSecret)
	w := wanted{skew: int(f.whole("skew", 1, 0, 1)), exported: generate && exported, pixels: f.whole("qr_size", 200, 0, mostPixels)}
	if f.err == nil && s.Algorithm == "" {
		f.fail("algorithm", "SHA1, SHA256 or SHA512")
	}
	if f.err != nil {
		return w, f.err
	}
	var err error
	switch {
	case generate && (uri != "" || secret != ""):
		return w, errors.New("a key or a url should not be passed if generate is true")
	case generate && exported && !h.AllowExport:
		return w, errors.New("exported is true, and the server was not told that it may show a new secret: give exported=false, or start the server with export allowed")
	case generate:
		w.key, err = h.generated(s, int(size))
	case uri != "":
		w.key, w.warnings, err = imported(uri, s, f)
	case secret != "":
		w.key, err = pasted(secret, s, name)
	default:
		return w, errors.New("the key value is required: give url, or key, or generate=true")
	}
	if err == nil && w.key.Short() {
		w.warnings = append(w.warnings, "the secret has less than the 128 bits that RFC 4226 requires: whoever sees a few codes may be able to find it")
	}
	return w, err
}

func (h *handler) generated(s totp.Settings, size int) (totp.Key, error) {
	switch {
	case s.Account == "":
		return totp.Key{}, errors.New("the account_name value is required for generated keys")
	case s.Issuer == "":
		return totp.Key{}, errors.New("the issuer value is required for generated keys")
	}
	secret := make([]byte, size)
	defer clear(secret)
	if _, err := io.ReadFull(h.Random, secret); err != nil {
		return totp.Key{}, errors.New("no random bytes could be read for a secret")
	}
	return totp.New(s, secret)
}

// pasted makes a key of a secret in base32. The engine wants no account, and a key has
// one: the name it is written under.
func pasted(secret string, s totp.Settings, name string) (totp.Key, error) {
	raw, err := totp.DecodeSecret(secret)
	if err != nil {
		return totp.Key{}, fmt.Errorf("invalid key value: %w", err)
	}
	defer clear(raw)
	if s.Account == "" {
		s.Account = name
	}
	return totp.New(s, raw)
}

// imported reads a URI. What it says wins over the fields, and what it leaves out is
// taken from them, as in the engine.
func imported(uri string, given totp.Settings, f *fields) (totp.Key, []string, error) {
	k, err := totp.Parse(strings.TrimSpace(uri))
	if err != nil {
		return totp.Key{}, nil, err
	}
	s := k.Settings()
	if s.Kind == totp.HOTP {
		return totp.Key{}, nil, errors.New("the url is of a key that counts (hotp), and this engine makes codes of time: they would all be wrong")
	}
	u, err := url.Parse(strings.TrimSpace(uri))
	if err != nil {
		return totp.Key{}, nil, errors.New("the url cannot be read")
	}
	s = filled(s, given, u.Query())
	raw, err := totp.DecodeSecret(k.Secret())
	if err != nil {
		return totp.Key{}, nil, err
	}
	defer clear(raw)
	k, err = totp.New(s, raw)
	return k, notUsed(s, given, f), err
}

// filled is what a URI says, and of what it does not say, what the fields do.
func filled(s, given totp.Settings, said url.Values) totp.Settings {
	if s.Issuer == "" {
		s.Issuer = given.Issuer
	}
	if !said.Has("algorithm") {
		s.Algorithm = given.Algorithm
	}
	if !said.Has("digits") {
		s.Digits = given.Digits
	}
	if !said.Has("period") {
		s.Period = given.Period
	}
	return s
}

// notUsed warns of each field that was given and that the URI has otherwise.
func notUsed(s, given totp.Settings, f *fields) (warnings []string) {
	for _, field := range []struct {
		name    string
		differs bool
	}{
		{"issuer", s.Issuer != given.Issuer}, {"account_name", s.Account != given.Account}, {"algorithm", s.Algorithm != given.Algorithm},
		{"digits", s.Digits != given.Digits}, {"period", s.Period != given.Period}, {"key", true},
	} {
		if f.has(field.name) && field.differs {
			warnings = append(warnings, "the url says another "+field.name+": what was given as "+field.name+" was not used")
		}
	}
	return warnings
}

// shown is the one answer that has a secret in it.
func (w wanted) shown() (map[string]any, error) {
	data := map[string]any{"url": w.key.URI()}
	if w.pixels == 0 {
		return data, nil
	}
	drawn, err := otp.NewKeyFromURL(w.key.URI())
	if err != nil { // the error shows the URI
		return nil, errors.New("the key cannot be drawn: give qr_size=0")
	}
	image, err := drawn.Image(int(w.pixels), int(w.pixels))
	if err != nil {
		return nil, errors.New("the QR code does not fit into qr_size pixels: give more, or 0 for none")
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image); err != nil {
		return nil, errors.New("the QR code cannot be drawn: give qr_size=0")
	}
	data["barcode"] = base64.StdEncoding.EncodeToString(b.Bytes())
	return data, nil
}

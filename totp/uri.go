package totp

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxURI is more than any QR code holds (2,953 bytes).
const maxURI = 8192

// parameters are what a key URI may say and codes depend on, and encoder, by which
// some say that codes are made in another way than ours.
var parameters = []string{"secret", "issuer", "algorithm", "digits", "period", "counter", "encoder"}

// Parse reads an otpauth:// URI, as QR codes hold it:
//
//	otpauth://totp/ISSUER:ACCOUNT?secret=BASE32&issuer=ISSUER&algorithm=SHA1&digits=6&period=30
//	otpauth://hotp/ISSUER:ACCOUNT?secret=BASE32&counter=0
//
// It refuses what it does not understand instead of taking a default, and what says
// two things. Parameters that no code depends on (image, color, …) are passed over. Its
// errors name the part and never show a value: any may hold the secret.
func Parse(uri string) (Key, error) {
	k, err := parse(uri)
	if err != nil {
		return Key{}, fmt.Errorf("otpauth URI: %w", err)
	}
	return k, nil
}

func parse(uri string) (Key, error) {
	if len(uri) > maxURI {
		return Key{}, fmt.Errorf("it has %d bytes: at most %d are taken", len(uri), maxURI)
	}
	u, err := url.Parse(uri)
	if err != nil { // the error shows the whole text
		return Key{}, errors.New("it is no URI: check that it was copied whole, and that every % is followed by two digits")
	}
	if err := checkFrame(u); err != nil {
		return Key{}, err
	}
	q, err := query(u.RawQuery)
	if err != nil {
		return Key{}, err
	}
	s, err := settings(Kind(u.Host), q)
	if err != nil {
		return Key{}, err
	}
	if s.Issuer, s.Account, err = names(u.Path, q.Get("issuer")); err != nil {
		return Key{}, err
	}
	if !q.Has("secret") {
		return Key{}, errors.New("the secret is missing: add secret=")
	}
	secret, err := DecodeSecret(q.Get("secret"))
	if err != nil {
		return Key{}, err
	}
	return New(s, secret)
}

func checkFrame(u *url.URL) error {
	switch {
	case u.Scheme != "otpauth" || u.Opaque != "":
		return errors.New("it does not begin with otpauth://")
	case u.User != nil || u.Fragment != "":
		return errors.New("it has a user name or a fragment: write @ as %40 and # as %23 where they belong to a name")
	case u.Host != string(TOTP) && u.Host != string(HOTP):
		return errors.New("the type of key is neither totp nor hotp: it is what follows otpauth://")
	}
	return nil
}

func query(raw string) (url.Values, error) {
	q, err := url.ParseQuery(raw)
	if err != nil { // the error shows what was wrong
		return nil, errors.New("the parameters cannot be read: they are NAME=VALUE, joined by &, and every % is followed by two digits")
	}
	for name, values := range q {
		known := strings.ToLower(name)
		switch {
		case !slices.Contains(parameters, known):
		case known != name:
			return nil, fmt.Errorf("parameter %s is not in lower case", known)
		case len(values) > 1:
			return nil, fmt.Errorf("parameter %s is there %d times: leave one", name, len(values))
		case name == "encoder":
			return nil, errors.New("it asks for an encoder: only codes of digits are made")
		}
	}
	return q, nil
}

// settings reads what codes depend on. What is there has to have a meaning: only what
// is absent has a default, and a missing counter has none.
func settings(kind Kind, q url.Values) (Settings, error) {
	s := Settings{Kind: kind, Algorithm: SHA1, Digits: defaultDigits}
	if kind == TOTP {
		s.Period = defaultPeriod
	}
	if q.Has("algorithm") {
		s.Algorithm = Algorithm(strings.ToUpper(q.Get("algorithm")))
	}
	digits, period := int64(s.Digits), s.Period
	for _, n := range []struct {
		name string
		to   *int64
	}{{"digits", &digits}, {"period", &period}, {"counter", &s.Counter}} {
		if err := number(q, n.name, n.to); err != nil {
			return s, err
		}
	}
	switch {
	case kind == HOTP && !q.Has("counter"):
		return s, errors.New("an hotp key needs its counter: add counter=0 if it was never used")
	case kind == HOTP && q.Has("period"):
		return s, errors.New("period has no meaning for an hotp key: leave it out")
	case kind == TOTP && q.Has("counter"):
		return s, errors.New("counter has no meaning for a totp key: leave it out")
	case kind == TOTP && period == 0: // New would take it for left out
		return s, fmt.Errorf("period is not a number of seconds from 1 to %d", maxPeriod)
	}
	s.Digits, s.Period = int(min(digits, math.MaxInt32)), period
	if s.Digits == 0 || s.Algorithm == "" { // as with period
		return s, errors.New("digits is not 6, 7 or 8, or algorithm is empty")
	}
	return s, nil
}

// number reads a whole number without sign, spaces or leading zeros.
func number(q url.Values, name string, to *int64) error {
	if !q.Has(name) {
		return nil
	}
	text := q.Get(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text || n < 0 {
		return fmt.Errorf("%s is no whole number", name)
	}
	*to = n
	return nil
}

// names takes the label apart. The colon and spaces after it are the label's; an
// issuer that is said twice is said equally.
func names(path, issuer string) (string, string, error) {
	before, after, found := strings.Cut(strings.TrimPrefix(path, "/"), ":")
	if !found {
		return strings.TrimSpace(issuer), strings.TrimSpace(before), nil
	}
	labelled := strings.TrimSpace(before)
	switch {
	case labelled == "":
		return "", "", errors.New("the label begins with a colon: write ISSUER:ACCOUNT or ACCOUNT")
	case issuer != "" && strings.TrimSpace(issuer) != labelled:
		return "", "", errors.New("the label names another issuer than the parameter issuer: leave one of them")
	}
	return labelled, strings.TrimSpace(after), nil
}

func (s Settings) label() string {
	if s.Issuer == "" {
		return s.Account
	}
	return s.Issuer + ":" + s.Account
}

// URI tells the key, secret included, as Parse reads it. Everything is written out,
// since readers differ in their defaults, and a space is %20, since they differ about
// the plus sign too.
func (k Key) URI() string {
	s := k.settings
	uri := "otpauth://" + string(s.Kind) + "/" + escape(s.Account)
	if s.Issuer != "" {
		uri = "otpauth://" + string(s.Kind) + "/" + escape(s.Issuer) + ":" + escape(s.Account)
	}
	uri += "?secret=" + k.Secret()
	if s.Issuer != "" {
		uri += "&issuer=" + escape(s.Issuer)
	}
	uri += "&algorithm=" + string(s.Algorithm) + "&digits=" + strconv.Itoa(s.Digits)
	if s.Kind == HOTP {
		return uri + "&counter=" + strconv.FormatInt(s.Counter, 10)
	}
	return uri + "&period=" + strconv.FormatInt(s.Period, 10)
}

// escape writes a text so that it means the same in a path and in a query.
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

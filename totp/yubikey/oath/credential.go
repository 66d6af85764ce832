package oath

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mfawatch/totp"
	"mfawatch/totp/yubikey/apdu"
)

// Types and algorithms share a byte.
const (
	hotpCode   = 0x10
	totpCode   = 0x20
	sha1Code   = 0x01
	sha256Code = 0x02
	sha512Code = 0x03
)

var kinds = map[byte]totp.Kind{hotpCode: totp.HOTP, totpCode: totp.TOTP}
var algorithms = map[byte]totp.Algorithm{sha1Code: totp.SHA1, sha256Code: totp.SHA256, sha512Code: totp.SHA512}

const (
	defaultPeriod = 30
	maxName       = 64 // bytes, period and issuer included
)

// Credential is what a key tells of a seed that it keeps.
type Credential struct {
	ID        string         // the key's own name for it: PERIOD/ISSUER:ACCOUNT, where period and issuer may be left out
	Kind      totp.Kind      // "" is one that this program does not know
	Algorithm totp.Algorithm // "" is unknown
	Issuer    string
	Account   string
	Period    int64 // of totp credentials; 0 where the name says a period that is none
}

// named takes an id apart as Yubico's programs do: digits before a slash are the period
// of a totp credential, what is before the first colon is the issuer.
func named(id string, kind totp.Kind) Credential {
	c := Credential{ID: id, Kind: kind, Account: id}
	if kind == totp.TOTP {
		c.Period = defaultPeriod
		if digits, rest, ok := strings.Cut(id, "/"); ok && rest != "" && isNumber(digits) {
			c.Period, c.Account = 0, rest
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n <= math.MaxInt32 {
				c.Period = n
			}
		}
	}
	if issuer, account, ok := strings.Cut(c.Account, ":"); ok && issuer != "" && account != "" {
		c.Issuer, c.Account = issuer, account
	}
	return c
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Label is the name without the period: ISSUER:ACCOUNT or ACCOUNT.
func (c Credential) Label() string {
	if c.Issuer == "" {
		return c.Account
	}
	return c.Issuer + ":" + c.Account
}

// Step is the step that a time is in, and what Code wants.
func (c Credential) Step(now time.Time) (int64, error) {
	switch {
	case c.Kind != totp.TOTP:
		return 0, fmt.Errorf("credential %q does not go by time", c.ID)
	case c.Period < 1:
		return 0, fmt.Errorf("credential %q has a period of 0 in its name: rename it", c.ID)
	case now.Unix() < 0:
		return 0, fmt.Errorf("the clock says %v, which is before 1970: set it", now)
	}
	return now.Unix() / c.Period, nil
}

// LeaseKey is a key that steps as the credential does, for a ledger that leases steps and
// asks a key for nothing else. Its secret is random and not the credential's, which stays
// on the YubiKey: a code of it is nobody's.
func (c Credential) LeaseKey() (totp.Key, error) {
	if c.Kind == totp.TOTP && c.Period < 1 {
		return totp.Key{}, fmt.Errorf("credential %q has a period of 0 in its name: rename it", c.ID)
	}
	return totp.Random(totp.Settings{Kind: c.Kind, Period: c.Period, Account: "on a YubiKey"}, rand.Reader)
}

// Find gives the credential of exactly that name: the key's own, or where there is none
// the label, so that a period need not be typed.
func Find(all []Credential, name string) (Credential, error) {
	var found []Credential
	for _, c := range all {
		if c.ID == name {
			return c, nil
		}
		if c.Label() == name {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return Credential{}, fmt.Errorf("%w: %q; it has %d others (names are compared whole)", ErrNotFound, name, len(all))
	case 1:
		return found[0], nil
	}
	return Credential{}, fmt.Errorf("%w: %q and %q: write it out, the period included", ErrAmbiguous, found[0].ID, found[1].ID)
}

// newID makes the id of a credential that is written, and refuses what a key or another
// program would take for something else.
func newID(label string, kind totp.Kind, period int64) (string, error) {
	before, after, cut := strings.Cut(label, "/")
	switch {
	case label == "" || !utf8.ValidString(label) || strings.TrimSpace(label) != label || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", errors.New("the name on the key has to be printable text, without spaces around it")
	case kind == totp.TOTP && cut && after != "" && isNumber(before):
		return "", fmt.Errorf("the name %q begins with a number and a slash, which programs take for a period: choose another", label)
	case strings.HasPrefix(label, "_hidden:") || strings.HasPrefix(label, "Steam:"):
		return "", fmt.Errorf("the issuer of %q is one that ykman treats in its own way: choose another name", label)
	}
	id := label
	if kind == totp.TOTP && period != defaultPeriod {
		id = strconv.FormatInt(period, 10) + "/" + label
	}
	if len(id) > maxName {
		return "", fmt.Errorf("the name %q has %d bytes, and a key takes %d: choose a shorter one", id, len(id), maxName)
	}
	return id, nil
}

// List gives the credentials of the key, in its order.
func (s *Session) List(ctx context.Context) ([]Credential, error) {
	all, err := s.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	return all, nil
}

func (s *Session) list(ctx context.Context) ([]Credential, error) {
	answer, err := s.do(ctx, apdu.Command{Ins: insList})
	if err != nil {
		return nil, err
	}
	values, err := apdu.ParseTLVs(answer)
	if err != nil {
		return nil, err
	}
	var all []Credential
	seen := map[string]bool{}
	for _, v := range values {
		if v.Tag != tagEntry || len(v.Value) < 2 {
			return nil, fmt.Errorf("%w (no entry of a list)", apdu.ErrMalformed)
		}
		id := string(v.Value[1:])
		if seen[id] {
			return nil, fmt.Errorf("%w (the name %q twice)", apdu.ErrMalformed, id)
		}
		seen[id] = true
		c := named(id, kinds[v.Value[0]&0xf0])
		c.Algorithm = algorithms[v.Value[0]&0x0f]
		all = append(all, c)
	}
	return all, nil
}

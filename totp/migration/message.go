package migration

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"mfawatch/totp"
)

// The fields of an export.
const (
	fieldKeys    = 1
	fieldVersion = 2
	fieldOf      = 3 // batch_size
	fieldIndex   = 4 // batch_index
	fieldID      = 5 // batch_id
)

// The fields of a key.
const (
	fieldSecret    = 1
	fieldName      = 2
	fieldIssuer    = 3
	fieldAlgorithm = 4
	fieldDigits    = 5
	fieldType      = 6
	fieldCounter   = 7
)

// What the numbers of a key mean. 0 is "unspecified", which is also what a number is
// that was left out: the application imports a key without algorithm and digits as
// SHA1 and 6, which a key URI means too that does not say them. A type has no such
// meaning.
var (
	algorithms = map[uint64]totp.Algorithm{0: totp.SHA1, 1: totp.SHA1, 2: totp.SHA256, 3: totp.SHA512}
	digits     = map[uint64]int{0: 6, 1: 6, 2: 8}
	types      = map[uint64]totp.Kind{1: totp.HOTP, 2: totp.TOTP}
)

const md5 = 4

// newest is the last version of an export whose fields are known.
const newest = 2

// values are the fields of a message by number: what is not known is passed over, and
// what is there twice is refused, but for keys.
type values map[uint64]field

func (v values) add(f field, kind uint64) error {
	if f.kind != kind {
		return fmt.Errorf("field %d is written in another way than it should be", f.number)
	}
	if _, twice := v[f.number]; twice {
		return fmt.Errorf("field %d is there twice", f.number)
	}
	v[f.number] = f
	return nil
}

// small is a number of 32 bits with its sign, as protobuf extends it to 64.
func (v values) small(number uint64) (int32, error) {
	n := int64(v[number].value)
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, fmt.Errorf("field %d has no 32 bits", number)
	}
	return int32(n), nil
}

func parsePart(message []byte) (Part, error) {
	all, err := fields(message)
	if err != nil {
		return Part{}, err
	}
	var p Part
	rest := values{}
	for _, f := range all {
		switch f.number {
		case fieldKeys:
			k, err := parseKey(f)
			if err != nil {
				return Part{}, fmt.Errorf("key %d in it: %w", len(p.Keys)+1, err)
			}
			p.Keys = append(p.Keys, k)
		case fieldVersion, fieldOf, fieldIndex, fieldID:
			if err := rest.add(f, asVarint); err != nil {
				return Part{}, err
			}
		}
	}
	return p, p.place(rest)
}

// place reads which part of which export it is. One that does not say how many there
// are is the only one.
func (p *Part) place(rest values) error {
	var n [4]int32
	for i, number := range []uint64{fieldVersion, fieldOf, fieldIndex, fieldID} {
		var err error
		if n[i], err = rest.small(number); err != nil {
			return err
		}
	}
	if n[0] < 0 || n[0] > newest {
		return fmt.Errorf("it is of version %d of the format: versions to %d are read", n[0], newest)
	}
	p.Of, p.Index, p.ID = int(n[1]), int(n[2]), n[3]
	if _, said := rest[fieldOf]; !said {
		p.Of = 1
	}
	return p.check()
}

func parseKey(f field) (totp.Key, error) {
	if f.kind != asBytes {
		return totp.Key{}, errors.New("it is written in another way than it should be")
	}
	all, err := fields(f.bytes)
	if err != nil {
		return totp.Key{}, err
	}
	v := values{}
	for _, f := range all {
		switch f.number {
		case fieldSecret, fieldName, fieldIssuer:
			err = v.add(f, asBytes)
		case fieldAlgorithm, fieldDigits, fieldType, fieldCounter:
			err = v.add(f, asVarint)
		}
		if err != nil {
			return totp.Key{}, err
		}
	}
	s, err := v.settings()
	if err != nil {
		return totp.Key{}, err
	}
	return totp.New(s, v[fieldSecret].bytes)
}

func (v values) settings() (totp.Settings, error) {
	var s totp.Settings
	var known [3]bool
	s.Algorithm, known[0] = algorithms[v[fieldAlgorithm].value]
	s.Digits, known[1] = digits[v[fieldDigits].value]
	s.Kind, known[2] = types[v[fieldType].value]
	switch {
	case v[fieldAlgorithm].value == md5:
		return s, errors.New("its algorithm is MD5, which RFC 6238 does not have and no code is made with here: set the device up anew with SHA1")
	case !known[0]:
		return s, errors.New("its algorithm is none of SHA1, SHA256 and SHA512")
	case !known[1]:
		return s, errors.New("its number of digits is neither 6 nor 8")
	case !known[2]:
		return s, errors.New("its type is neither totp nor hotp")
	}
	if s.Kind == totp.HOTP { // a totp key's says nothing
		s.Counter = int64(v[fieldCounter].value)
	}
	s.Issuer, s.Account = names(string(v[fieldIssuer].bytes), string(v[fieldName].bytes))
	return s, nil
}

// names takes the issuer off a name that begins with it: the application keeps labels
// as it scanned them.
func names(issuer, name string) (string, string) {
	issuer, name = strings.TrimSpace(issuer), strings.TrimSpace(name)
	before, after, labelled := strings.Cut(name, ":")
	if labelled && before != "" && (issuer == "" || strings.TrimSpace(before) == issuer) {
		return strings.TrimSpace(before), strings.TrimSpace(after)
	}
	return issuer, name
}

// appendKey writes a key, or says what of it the format has no word for.
func appendKey(to []byte, k totp.Key) ([]byte, error) {
	s := k.Settings()
	numberOfDigits := map[int]uint64{6: 1, 8: 2}[s.Digits]
	switch {
	case s.Kind == totp.TOTP && s.Period != 30:
		return nil, fmt.Errorf("its steps have %d seconds, and this format knows 30 only: write an otpauth URI", s.Period)
	case numberOfDigits == 0:
		return nil, fmt.Errorf("its codes have %d digits, and this format knows 6 and 8 only: write an otpauth URI", s.Digits)
	}
	secret, err := totp.DecodeSecret(k.Secret())
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	to = appendBytes(to, fieldSecret, secret)
	to = appendBytes(to, fieldName, []byte(label(s)))
	if s.Issuer != "" {
		to = appendBytes(to, fieldIssuer, []byte(s.Issuer))
	}
	to = appendNumber(to, fieldAlgorithm, map[totp.Algorithm]uint64{totp.SHA1: 1, totp.SHA256: 2, totp.SHA512: 3}[s.Algorithm])
	to = appendNumber(to, fieldDigits, numberOfDigits)
	to = appendNumber(to, fieldType, map[totp.Kind]uint64{totp.HOTP: 1, totp.TOTP: 2}[s.Kind])
	if s.Kind == totp.HOTP {
		to = appendNumber(to, fieldCounter, uint64(s.Counter))
	}
	return to, nil
}

// label is the account, so written that names gives it back: one that begins as a
// label does is labelled.
func label(s totp.Settings) string {
	if before, _, colon := strings.Cut(s.Account, ":"); colon && strings.TrimSpace(before) == s.Issuer {
		return s.Issuer + ":" + s.Account
	}
	return s.Account
}

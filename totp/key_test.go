package totp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// seed is RFC 4226's test secret.
const seed = "12345678901234567890"

func key(t testing.TB, s Settings, secret string) Key {
	t.Helper()
	if s.Account == "" {
		s.Account = "ada"
	}
	k, err := New(s, []byte(secret))
	if err != nil {
		t.Fatalf("New(%+v): %v", s, err)
	}
	return k
}

// texts are all that this package's errors say.
var texts = []string{
	"a code of no key: make one with New or Parse", "step -1 is before the first", "only a totp key has steps in time", "the time is before 1970: set the clock",
	"the secret is empty: give the text that came with the device", "the secret has 1025 bytes: at most 1024 are taken", "read random bytes for a secret: unexpected EOF",
	"the type of key is neither totp nor hotp", "algorithm is none of SHA1, SHA256 and SHA512", "digits is not 6, 7 or 8",
	"period has no meaning for an hotp key: leave it out", "period is not a number of seconds from 1 to 2147483647", "counter has no meaning for a totp key: leave it out",
	"counter is negative", "the account is missing: name whom the key is for", "account and issuer are at most 256 bytes of printable text, without spaces around them",
	"the issuer has a colon, which ends it in a label: leave it out",
	"the account has a colon and there is no issuer, so its first part would be taken for one: give an issuer",
	"the secret is too long: at most 1024 bytes are taken", "the secret is no base32: only letters, the digits 2 to 7, spaces, dashes and padding are",
	"the secret's padding does not fit its length: leave the = out",
	"it has 8208 bytes: at most 8192 are taken", "it is no URI: check that it was copied whole, and that every % is followed by two digits",
	"the secret is missing: add secret=", "it does not begin with otpauth://",
	"it has a user name or a fragment: write @ as %40 and # as %23 where they belong to a name",
	"the type of key is neither totp nor hotp: it is what follows otpauth://",
	"the parameters cannot be read: they are NAME=VALUE, joined by &, and every % is followed by two digits",
	"parameter secret is not in lower case", "parameter digits is not in lower case", "parameter issuer is not in lower case", "parameter algorithm is not in lower case",
	"parameter period is not in lower case", "parameter counter is not in lower case", "parameter secret is there 2 times: leave one",
	"it asks for an encoder: only codes of digits are made", "an hotp key needs its counter: add counter=0 if it was never used",
	"digits is not 6, 7 or 8, or algorithm is empty", "digits is no whole number", "period is no whole number", "counter is no whole number",
	"the label begins with a colon: write ISSUER:ACCOUNT or ACCOUNT", "the label names another issuer than the parameter issuer: leave one of them",
	"11 steps around a code: 0 to 10 are possible", "-1 steps around a code: 0 to 10 are possible", "1001 steps around a code: 0 to 1000 are possible",
	"the secret has 1 letters, which is no base32: one is missing or too many", "the secret has 3 letters, which is no base32: one is missing or too many",
	"the secret has 6 letters, which is no base32: one is missing or too many",
}

// says tells whether an error is one of the texts, whole, and about something.
func says(err error, about string) bool {
	if err == nil || !strings.Contains(err.Error(), about) {
		return false
	}
	return slices.Contains(texts, strings.TrimPrefix(err.Error(), "otpauth URI: "))
}

// TestSecretStaysHidden prints a key in every way that the standard library and our
// logger have, alone, behind pointers and in fields that fmt may not call methods of.
func TestSecretStaysHidden(t *testing.T) {
	k := key(t, Settings{Issuer: "Example"}, seed)
	inside := struct {
		k    Key
		p    *Key
		Open Key
		m    map[string]Key
	}{k, &k, k, map[string]Key{"k": k}}
	var out bytes.Buffer
	for _, v := range []any{k, &k, inside, &inside, []Key{k}, fmt.Errorf("with %v", k), errors.New(k.String()), struct{ error }{fmt.Errorf("%+v", inside)}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U", "%t", "%08v", "%p"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "v", v)
		l := zerolog.New(&out)
		l.Info().Interface("v", v).Any("a", v).Str("s", fmt.Sprint(v)).Msgf("%v", v)
	}
	fmt.Fprintln(&out, cmp.Diff(k, key(t, Settings{}, seed+"x")))
	secret := []byte(seed)
	for what, leak := range map[string]string{
		"the secret": seed, "base32": k.Secret(), "hex": hex.EncodeToString(secret), "HEX": strings.ToUpper(hex.EncodeToString(secret)),
		"a list of bytes": "49 50 51 52", "a list of hexadecimal bytes": "0x31, 0x32", "octal": "61 62 63 64",
	} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("a print shows %s", what)
		}
	}
	if want := `totp key "Example:ada" (SHA1, 6 digits, 30 s, secret hidden)`; k.String() != want || !strings.Contains(out.String(), want) {
		t.Errorf("String() = %s, want %s", k, want)
	}
}

func TestEveryVerbIsString(t *testing.T) {
	k := key(t, Settings{}, seed)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != k.String() {
			t.Errorf("%s prints %s, want %s", verb, got, k)
		}
	}
	if text, err := k.MarshalText(); err != nil || string(text) != k.String() {
		t.Errorf("MarshalText = %s, %v, want %s", text, err, k)
	}
}

func TestString(t *testing.T) {
	for want, k := range map[string]Key{
		"no key": {},
		`hotp key "ada" (SHA512, 8 digits, counter 7, secret hidden)`: key(t, Settings{Kind: HOTP, Algorithm: SHA512, Digits: 8, Counter: 7}, seed),
	} {
		if got := k.String(); got != want {
			t.Errorf("String() = %s, want %s", got, want)
		}
	}
}

func TestNewFillsAndRefuses(t *testing.T) {
	want := Settings{Kind: TOTP, Account: "ada", Algorithm: SHA1, Digits: 6, Period: 30}
	if got := key(t, Settings{}, seed).Settings(); got != want {
		t.Errorf("Settings() = %+v, want %+v", got, want)
	}
	if got := key(t, Settings{Kind: HOTP}, seed).Settings(); got.Period != 0 {
		t.Errorf("an hotp key has period %d, want none", got.Period)
	}
	long := strings.Repeat("a", 257)
	for _, c := range []struct {
		s    Settings
		want string
	}{
		{Settings{Account: "ada", Kind: "steam"}, "type"},
		{Settings{Account: "ada", Algorithm: "SHA3"}, "algorithm"},
		{Settings{Account: "ada", Digits: 5}, "digits"},
		{Settings{Account: "ada", Digits: 9}, "digits"},
		{Settings{Account: "ada", Period: -1}, "period"},
		{Settings{Account: "ada", Period: maxPeriod + 1}, "period"},
		{Settings{Account: "ada", Kind: HOTP, Period: 30}, "period"},
		{Settings{Account: "ada", Counter: 1}, "counter"},
		{Settings{Account: "ada", Kind: HOTP, Counter: -1}, "counter"},
		{Settings{}, "account"},
		{Settings{Account: long}, "printable"},
		{Settings{Account: "a\nb"}, "printable"},
		{Settings{Account: " ada"}, "printable"},
		{Settings{Account: "ada", Issuer: "\xff"}, "printable"},
		{Settings{Account: "ada", Issuer: "a:b"}, "colon"},
		{Settings{Account: "arn:aws:iam::111122223333:mfa/ada"}, "give an issuer"},
	} {
		if _, err := New(c.s, []byte(seed)); !says(err, c.want) {
			t.Errorf("New(%+v) = %v, want an error about %s", c.s, err, c.want)
		}
	}
	key(t, Settings{Account: long[1:], Issuer: long[1:], Period: maxPeriod, Digits: 8}, seed)
	key(t, Settings{Account: "arn:aws:iam::111122223333:mfa/ada", Issuer: "AWS", Period: 1, Digits: 7}, seed)
}

func TestSecretsOfAnySize(t *testing.T) {
	s := Settings{Account: "ada"}
	if _, err := New(s, nil); !says(err, "empty") {
		t.Errorf("New without a secret = %v, want an error", err)
	}
	if _, err := New(s, make([]byte, 1025)); !says(err, "1024") {
		t.Errorf("New with 1025 bytes = %v, want an error", err)
	}
	for n, short := range map[int]bool{1: true, 15: true, 16: false, 20: false, 1024: false} {
		if got := key(t, s, strings.Repeat("x", n)).Short(); got != short {
			t.Errorf("Short() of %d bytes = %v, want %v", n, got, short)
		}
	}
}

func TestNewKeepsItsOwnCopy(t *testing.T) {
	secret := []byte(seed)
	k, err := New(Settings{Account: "ada"}, secret)
	if err != nil {
		t.Fatal(err)
	}
	clear(secret)
	if !k.Equal(key(t, Settings{}, seed)) {
		t.Error("a key changes with the bytes that it was made of")
	}
}

func TestEqual(t *testing.T) {
	k := key(t, Settings{}, seed)
	if k.Equal(key(t, Settings{}, seed[1:])) || k.Equal(key(t, Settings{Digits: 8}, seed)) || k.Equal(Key{}) || !(Key{}).Equal(Key{}) {
		t.Error("Equal takes two keys for one, or does not know the zero key")
	}
}

func TestRandom(t *testing.T) {
	k, err := Random(Settings{Account: "ada"}, strings.NewReader(seed+"more"))
	if err != nil || !k.Equal(key(t, Settings{}, seed)) {
		t.Errorf("Random = %v, %v, want a key of the source's first 20 bytes", k, err)
	}
	if _, err := Random(Settings{Account: "ada"}, strings.NewReader(seed[1:])); !says(err, "random") {
		t.Errorf("Random of a source that ends = %v, want an error", err)
	}
}

func TestDecodeSecret(t *testing.T) {
	for text, want := range map[string]string{
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ":        seed,
		"gezd gnbv gy3t qojq gezd gnbv gy3t qojq": seed,
		"GEZD-GNBV-GY3T-QOJQ-gezd-gnbv-gy3t-qojq": seed,
		"JBSWY3DP": "Hello",
		"JBSWY===": "Hel",
		"JBSWY":    "Hel",
		"JB======": "H",
		"JC":       "H", // bits over are dropped, as by every app
	} {
		if got, err := DecodeSecret(text); err != nil || string(got) != want {
			t.Errorf("DecodeSecret(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	const all = "abcdefghijklmnopqrstuvwxyz234567"
	lower, err := DecodeSecret(all)
	upper, err2 := DecodeSecret(strings.ToUpper(all))
	if err != nil || err2 != nil || len(lower) != 20 || !bytes.Equal(lower, upper) {
		t.Errorf("all letters = %x, %v, in upper case %x, %v", lower, err, upper, err2)
	}
	for text, want := range map[string]string{
		"": "empty", " - ": "empty", "====": "empty", "JB=====": "padding",
		"JBSWY3D0": "no base32", "JBSWY3D1": "no base32", "JBSWY3D\u00a0": "no base32", "JBSWY3DP\n": "no base32: only", "JBSWY3D\n": "no base32: only", "JBSWY3Dx\x00": "no base32: only", "JBSWY3D=\x00": "no base32: only", "J=BSWY3D": "no base32", "ſBSWY3DP": "no base32",
		"JBSWY=": "padding", "JBSWY3DP=": "padding",
		"J": "one is missing", "JBS": "one is missing", "JBSWY3": "one is missing",
		strings.Repeat("A", 1640): "too long",
	} {
		got, err := DecodeSecret(text)
		if !says(err, want) {
			t.Errorf("DecodeSecret(%q) = %q, %v, want an error about %s", text, got, err, want)
		}
	}
	if got, err := DecodeSecret(strings.Repeat("A", 1639)); err != nil || len(got) != 1024 {
		t.Errorf("the longest secret = %d bytes, %v, want 1024", len(got), err)
	}
}

package totp

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

const base32Seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestParse(t *testing.T) {
	totp := func(change func(*Settings)) Settings {
		s := Settings{Kind: TOTP, Account: "ada", Algorithm: SHA1, Digits: 6, Period: 30}
		change(&s)
		return s
	}
	for uri, want := range map[string]Settings{
		// The form that AWS writes into its QR code: no issuer, no algorithm.
		"otpauth://totp/ada@111122223333?secret=" + base32Seed: totp(func(s *Settings) { s.Account = "ada@111122223333" }),
		// The one that its console writes.
		"otpauth://totp/Amazon%20Web%20Services:ada@example?secret=" + base32Seed + "&issuer=Amazon%20Web%20Services": totp(func(s *Settings) { s.Issuer, s.Account = "Amazon Web Services", "ada@example" }),
		"otpauth://totp/Amazon+Web:ada?secret=" + base32Seed + "&issuer=Amazon%2BWeb":                                 totp(func(s *Settings) { s.Issuer = "Amazon+Web" }),
		"otpauth://totp/Amazon%20Web:ada?secret=" + base32Seed + "&issuer=Amazon+Web":                                 totp(func(s *Settings) { s.Issuer = "Amazon Web" }),
		"otpauth://totp/ada?issuer=Example&secret=" + base32Seed:                                                      totp(func(s *Settings) { s.Issuer = "Example" }),
		"otpauth://totp/Example%3A%20ada?secret=" + base32Seed:                                                        totp(func(s *Settings) { s.Issuer = "Example" }),
		"otpauth://totp/Example:ada?secret=" + base32Seed + "&issuer=":                                                totp(func(s *Settings) { s.Issuer = "Example" }),
		"otpauth://totp/AWS:arn:aws:iam::111122223333:mfa/ada?secret=" + base32Seed:                                   totp(func(s *Settings) { s.Issuer, s.Account = "AWS", "arn:aws:iam::111122223333:mfa/ada" }),
		"OTPAUTH://totp/ada?secret=gezd+gnbv-gy3t%20qojq+gezdgnbvgy3tqojq&algorithm=sha256&digits=8&period=60":        totp(func(s *Settings) { s.Algorithm, s.Digits, s.Period = SHA256, 8, 60 }),
		"otpauth://totp/ada?secret=" + base32Seed + "&image=https%3A%2F%2Fexample.com&color=red&color=blue":           totp(func(*Settings) {}),
		"otpauth://totp/ada?secret=" + base32Seed + "&algorithm=SHA512&digits=7&period=2147483647":                    totp(func(s *Settings) { s.Algorithm, s.Digits, s.Period = SHA512, 7, math.MaxInt32 }),
		"otpauth://hotp/ada?secret=" + base32Seed + "&counter=0":                                                      {Kind: HOTP, Account: "ada", Algorithm: SHA1, Digits: 6},
		"otpauth://hotp/ada?secret=" + base32Seed + "&counter=9223372036854775807":                                    {Kind: HOTP, Account: "ada", Algorithm: SHA1, Digits: 6, Counter: math.MaxInt64},
	} {
		k, err := Parse(uri)
		if err != nil || !k.Equal(Key{settings: want, reveal: func() []byte { return []byte(seed) }}) {
			t.Errorf("Parse(%s) = %+v, %v, want %+v", uri, k.Settings(), err, want)
		}
	}
}

// TestParseRefuses has the rows of what parsers take and should not: other schemes,
// values that become defaults in silence, what is said twice.
func TestParseRefuses(t *testing.T) {
	const secret = "?secret=" + base32Seed
	for uri, want := range map[string]string{
		"":                                                             "otpauth://",
		"http://x/y":                                                   "otpauth://",
		"http://totp/ada" + secret:                                     "otpauth://",
		"otpauth:totp/ada" + secret:                                    "does not begin",
		"otpauth://yubi/ada" + secret:                                  "neither totp nor hotp",
		"otpauth://TOTP/ada" + secret:                                  "neither totp nor hotp",
		"otpauth://totp:80/ada" + secret:                               "neither totp nor hotp",
		"otpauth:///ada" + secret:                                      "neither totp nor hotp",
		"otpauth://me@totp/ada" + secret:                               "user name",
		"otpauth://totp/ada" + secret + "#x":                           "fragment",
		"otpauth://totp" + secret:                                      "account is missing",
		"otpauth://totp/" + secret:                                     "account is missing",
		"otpauth://totp/Example:" + secret:                             "account is missing",
		"otpauth://totp/:ada" + secret:                                 "colon",
		"otpauth://totp/%20:ada" + secret:                              "colon",
		"otpauth://totp/Example:ada" + secret + "&issuer=Other":        "another issuer",
		"otpauth://totp/ada" + secret + "&issuer=a:b":                  "colon",
		"otpauth://totp/a%0Ab" + secret:                                "printable",
		"otpauth://totp/ada":                                           "secret is missing",
		"otpauth://totp/ada?secret=":                                   "secret is empty",
		"otpauth://totp/ada?secret=JBSWY3D1":                           "no base32",
		"otpauth://totp/ada?Secret=" + base32Seed:                      "secret is not in lower case",
		"otpauth://totp/ada" + secret + "&Digits=8":                    "digits is not in lower case",
		"otpauth://totp/ada" + secret + "&Issuer=x":                    "issuer is not in lower case",
		"otpauth://totp/ada" + secret + "&ALGORITHM=SHA1":              "algorithm is not in lower case",
		"otpauth://totp/ada" + secret + "&pERIOD=30":                   "period is not in lower case",
		"otpauth://hotp/ada" + secret + "&Counter=3":                   "counter is not in lower case",
		"otpauth://totp/ada" + secret + "&secret=JBSWY3DP":             "secret is there 2 times",
		"otpauth://totp/ada" + secret + "&encoder=steam":               "encoder",
		"otpauth://totp/ada" + secret + "&algorithm=SHA3":              "algorithm",
		"otpauth://totp/ada" + secret + "&algorithm=MD5":               "algorithm",
		"otpauth://totp/ada" + secret + "&algorithm=":                  "algorithm",
		"otpauth://totp/ada" + secret + "&digits=abc":                  "digits is no whole number",
		"otpauth://totp/ada" + secret + "&digits=":                     "digits is no whole number",
		"otpauth://totp/ada" + secret + "&digits=06":                   "digits is no whole number",
		"otpauth://totp/ada" + secret + "&digits=%2B6":                 "digits is no whole number",
		"otpauth://totp/ada" + secret + "&digits=%D9%A6":               "digits is no whole number",
		"otpauth://totp/ada" + secret + "&digits=0":                    "digits is not",
		"otpauth://totp/ada" + secret + "&digits=5":                    "digits is not",
		"otpauth://totp/ada" + secret + "&digits=9":                    "digits is not",
		"otpauth://totp/ada" + secret + "&digits=4294967302":           "digits is not", // 6, if it were cut to 32 bits
		"otpauth://totp/ada" + secret + "&period=0":                    "period is not",
		"otpauth://totp/ada" + secret + "&period=-30":                  "period is no whole number",
		"otpauth://totp/ada" + secret + "&period=30s":                  "period is no whole number",
		"otpauth://totp/ada" + secret + "&period=2147483648":           "period is not",
		"otpauth://totp/ada" + secret + "&counter=0":                   "counter has no meaning",
		"otpauth://hotp/ada" + secret:                                  "needs its counter",
		"otpauth://hotp/ada" + secret + "&counter=":                    "counter is no whole number",
		"otpauth://hotp/ada" + secret + "&counter=-0":                  "counter is no whole number",
		"otpauth://hotp/ada" + secret + "&counter=9223372036854775808": "counter is no whole number",
		"otpauth://hotp/ada" + secret + "&counter=0&period=0":          "period has no meaning",
		"otpauth://totp/ada" + secret + "&issuer=%zz":                  "parameters cannot be read",
		"otpauth://totp/ada" + secret + ";digits=8":                    "parameters cannot be read",
		"otpauth://totp/%zz" + secret:                                  "no URI",
		"otpauth://totp/ada" + secret + "\x7f":                         "no URI",
		"otpauth://totp/" + strings.Repeat("a", 8193):                  "8192",
	} {
		k, err := Parse(uri)
		if !says(err, want) {
			t.Errorf("Parse(%q) = %v, %v, want an error about: %s", uri, k, err, want)
			continue
		}
		if strings.Contains(err.Error(), base32Seed) || strings.Contains(err.Error(), "JBSWY3D") {
			t.Errorf("Parse(%q): the error shows the secret", uri)
		}
	}
	if _, err := Parse("http://x/y"); err == nil || !strings.HasPrefix(err.Error(), "otpauth URI: it does not") {
		t.Errorf("an error does not say what it is about: %v", err)
	}
	if _, err := Parse("otpauth://totp/ada" + secret + "&image=" + strings.Repeat("a", 8192-len("otpauth://totp/ada"+secret+"&image="))); err != nil {
		t.Errorf("a URI of 8192 bytes: %v", err)
	}
}

func TestURI(t *testing.T) {
	for want, k := range map[string]Key{
		"otpauth://totp/Big%20%2B%20Co%2F%26:ada%3F%23%25@x?secret=" + base32Seed + "&issuer=Big%20%2B%20Co%2F%26&algorithm=SHA1&digits=6&period=30": key(t, Settings{Issuer: "Big + Co/&", Account: "ada?#%@x"}, seed),
		"otpauth://hotp/ada?secret=" + base32Seed + "&algorithm=SHA256&digits=8&counter=5":                                                           key(t, Settings{Kind: HOTP, Algorithm: SHA256, Digits: 8, Counter: 5}, seed),
	} {
		if got := k.URI(); got != strings.ReplaceAll(want, "@", "%40") {
			t.Errorf("URI() = %s, want %s", got, want)
		}
	}
}

// TestRoundTrip: what is printed parses, and is equal.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const letters = "aZ0 :/?&=+%#@;,.~é漢"
	name := func(least int) string {
		var b strings.Builder
		for range least + r.IntN(12) {
			b.WriteRune([]rune(letters)[r.IntN(len([]rune(letters)))])
		}
		return b.String()
	}
	made := 0
	for range 20_000 {
		secret := make([]byte, 1+r.IntN(70))
		for i := range secret {
			secret[i] = byte(r.Uint32())
		}
		s := Settings{Issuer: name(0), Account: name(1), Digits: 6 + r.IntN(3), Algorithm: []Algorithm{SHA1, SHA256, SHA512}[r.IntN(3)]}
		if r.IntN(2) == 0 {
			s.Kind, s.Counter = HOTP, r.Int64()
		} else {
			s.Period = 1 + r.Int64N(maxPeriod)
		}
		k, err := New(s, secret)
		if err != nil {
			continue
		}
		made++
		if back, err := Parse(k.URI()); err != nil || !back.Equal(k) {
			t.Fatalf("Parse(%s) = %v, %v, want %v", k.URI(), back, err, k)
		}
	}
	if made < 5000 {
		t.Errorf("only %d keys could be made", made)
	}
}

// FuzzParse: no text panics, what parses is printed and parsed to the same again, and
// its code can be made.
func FuzzParse(f *testing.F) {
	for _, uri := range []string{
		"otpauth://totp/Example:ada?secret=JBSWY3DPEHPK3PXP&issuer=Example&algorithm=SHA256&digits=8&period=60",
		"otpauth://hotp/ada%3A%20b?secret=jbsw+y3dp&counter=7", "otpauth://totp/a:b:c/d?secret=JB======", "otpauth://totp/%F0%9F%94%91?secret=JB&x=%00",
		"otpauth://totp/ada?secret=JBSWY3DP&period=0", "otpauth://totp/ada?secret=J&secret=B", "http://x/y",
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		k, err := Parse(uri)
		if err != nil {
			return
		}
		if back, err := Parse(k.URI()); err != nil || !back.Equal(k) || back.URI() != k.URI() {
			t.Fatalf("Parse(%q) = %v; printed and parsed again %v, %v", uri, k, back, err)
		}
		if code, err := k.At(1); err != nil || !k.WellFormed(code) {
			t.Fatalf("Parse(%q): its code %q, %v", uri, code, err)
		}
		if secret := k.Secret(); len(secret) > 7 && !strings.Contains(k.settings.label(), secret) && strings.Contains(k.String(), secret) {
			t.Fatalf("Parse(%q): String() shows the secret", uri)
		}
	})
}

// FuzzDecodeSecret: no text panics, and what is read is written the same way.
func FuzzDecodeSecret(f *testing.F) {
	for _, text := range []string{"JBSWY3DPEHPK3PXP", "jbsw y3dp-ehpk", "JB======", "=", "ſ", "JBS"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := DecodeSecret(text)
		if err != nil {
			return
		}
		if len(secret) == 0 {
			t.Fatalf("DecodeSecret(%q) is empty without an error", text)
		}
		if again, err := DecodeSecret(unpadded.EncodeToString(secret)); err != nil || string(again) != string(secret) {
			t.Fatalf("DecodeSecret(%q) = %x, written and read again %x, %v", text, secret, again, err)
		}
	})
}

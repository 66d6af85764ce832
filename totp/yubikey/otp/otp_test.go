package otp_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/yubikey/otp"
)

// What Yubico publishes as test vectors: the key, and what it made.
const (
	vectorOTP     = "dteffujehknhfjbrjnlnldnhcujvddbikngjrtgh"
	vectorPrivate = "8792ebfe26cc"
	vectorKey     = "ecde18dbe76fbd0c33330f1c354871db"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func credential(t testing.TB, public string) otp.Credential {
	t.Helper()
	c, err := otp.NewCredential(public, unhex(t, vectorPrivate), unhex(t, vectorKey))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func made(t testing.TB, c otp.Credential, token otp.Token) otp.OTP {
	t.Helper()
	o, err := c.Simulate(token)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPublishedOTP(t *testing.T) {
	o, err := otp.Parse(vectorOTP)
	if err != nil || o.PublicID() != "dteffuje" || o.Text() != vectorOTP {
		t.Fatalf("Parse = %v of %q, %v", o, o.PublicID(), err)
	}
	want := otp.Token{Session: 19, Use: 17, Timestamp: 49712, Random: 40904}
	token, err := credential(t, "dteffuje").Open(o)
	if err != nil || token != want || token.Step() != 19<<8+17 {
		t.Errorf("Open = %+v, %v, want %+v", token, err, want)
	}
	if again := made(t, credential(t, "dteffuje"), want); again.Text() != vectorOTP {
		t.Error("Simulate makes another OTP of the same token")
	}
}

func TestModhex(t *testing.T) {
	for modhex, want := range map[string]string{"": "", "ifhgieif": "test", "hhhvhvhdhbid": "foobar", "dteffuje": "\x2d\x34\x4e\x83", "cbdefghijklnrtuv": "\x01\x23\x45\x67\x89\xab\xcd\xef"} {
		if got, err := otp.DecodeModhex(modhex); err != nil || string(got) != want {
			t.Errorf("DecodeModhex(%s) = %q, %v, want %q", modhex, got, err, want)
		}
		if got := otp.EncodeModhex([]byte(want)); got != modhex {
			t.Errorf("EncodeModhex(%q) = %s, want %s", want, got, modhex)
		}
	}
	for bad, want := range map[string]string{"c": "is missing", "cbd": "is missing", "cbC": "character 3", "cb a": "character 3", " cb": "character 1", "cb\n": "character 3", "éb": "character 1", "\xff\xff": "character 1", "00": "character 1"} {
		if got, err := otp.DecodeModhex(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("DecodeModhex(%q) = %q, %v, want an error: %s", bad, got, err, want)
		}
	}
}

func TestParseIsStrict(t *testing.T) {
	block := strings.Repeat("c", 32)
	for _, public := range []string{"", "cb", "ccccccbchvth", "cccccccccccccccc"} {
		if o, err := otp.Parse(public + block); err != nil || o.PublicID() != public || o.Text() != public+block {
			t.Errorf("with the public id %q: %v, %v", public, o, err)
		}
	}
	for bad, want := range map[string]string{
		"": "0 characters, not 32 to 48", block[1:]: "31 characters", "c" + block: "33 characters, an odd number", strings.Repeat("c", 50): "50 characters",
		block + "\n": "33 characters", " " + block + " ": "character 1", strings.ToUpper(block): "character 1", block[2:] + "é": "character 31", strings.Repeat("\xff", 40): "character 1",
		"123456": "6 characters", strings.Repeat("é", 20): "character 1", block[1:] + "a": "character 32",
	} {
		o, err := otp.Parse(bad)
		if !errors.Is(err, otp.ErrMalformed) || !strings.Contains(err.Error(), want) || o.Text() != "" {
			t.Errorf("Parse(%q) = %v, %v, want an error: %s", bad, o, err, want)
		}
		if len(bad) > 8 && strings.Contains(fmt.Sprint(err), strings.TrimSpace(bad)) {
			t.Errorf("the error shows the text")
		}
	}
}

// TestKeyboards: what the vector's keys type on other layouts is the same OTP there, and
// none where nobody named the layout.
func TestKeyboards(t *testing.T) {
	// The three rows of letters of whole keyboards, key by key.
	const qwerty = "qwertyuiop" + "asdfghjkl;" + "zxcvbnm,./"
	typed := map[string]string{
		"dvorak":    "',.pyfgcrl" + "aoeuidhtns" + ";qjkxbmwvz",
		"colemak":   "qwfpgjluy;" + "arstdhneio" + "zxcvbkm,./",
		"turkish-q": "qwertyuıop" + "asdfghjklş" + "zxcvbnmöç.",
		"greek":     ";ςερτυθιοπ" + "ασδφγηξκλ΄" + "ζχψωβνμ,./",
		"russian":   "йцукенгшщз" + "фывапролдж" + "ячсмитьбю.",
	}
	for layout, keys := range typed {
		typed[layout] = strings.Map(func(r rune) rune { return []rune(keys)[strings.IndexRune(qwerty, r)] }, vectorOTP)
	}
	for _, layout := range otp.Layouts() {
		o, err := otp.Keyboard{Layout: layout}.Parse(typed[layout])
		if err != nil || o.Text() != vectorOTP {
			t.Errorf("%s: %v, the vector's %v", layout, err, o.Text() == vectorOTP)
		}
		if _, err := otp.Parse(typed[layout]); !errors.Is(err, otp.ErrMalformed) {
			t.Errorf("%s without its name: %v, want it refused", layout, err)
		}
		upper := strings.ToUpper(typed[layout])
		if layout == "turkish-q" {
			upper = "DTEFFUJEHKNHFJBRJNLNLDNHCUJVDDBIKNGJRTGH" // I is the capital of ı
		}
		if _, err := (otp.Keyboard{Layout: layout}).Parse(upper); !errors.Is(err, otp.ErrMalformed) {
			t.Errorf("%s in capitals = %v, want it refused", layout, err)
		}
		if o, err := (otp.Keyboard{Layout: layout, Capitals: true}).Parse(upper); err != nil || o.Text() != vectorOTP {
			t.Errorf("%s with caps lock: %v", layout, err)
		}
	}
	for _, layout := range []string{"colemak", "turkish-q", "greek", "russian"} { // the Dvorak layout has an x
		if _, err := (otp.Keyboard{Layout: layout}).Parse("x"); !errors.Is(err, otp.ErrMalformed) {
			t.Errorf("%s: x = %v, want it refused", layout, err)
		}
	}
	if len(typed) != len(otp.Layouts()) {
		t.Errorf("layouts %v, want a text of each", otp.Layouts())
	}
	if o, err := (otp.Keyboard{Capitals: true}).Parse(strings.ToUpper(vectorOTP)); err != nil || o.Text() != vectorOTP {
		t.Errorf("capitals: %v", err)
	}
	if o, err := (otp.Keyboard{}).Parse(vectorOTP); err != nil || o.Text() != vectorOTP {
		t.Errorf("the zero keyboard: %v", err)
	}
	for text, want := range map[string]string{"c" + typed["greek"]: "character 1", strings.Repeat("ψ", 31): "31 characters", strings.Repeat("c", 1<<20): "character 1", strings.Repeat("ψ", 1<<20): "1048576 characters"} {
		if _, err := (otp.Keyboard{Layout: "greek"}).Parse(text); !errors.Is(err, otp.ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q = %v, want an error: %s", text, err, want)
		}
	}
	if _, err := (otp.Keyboard{Layout: "qwertz"}).Parse(vectorOTP); err == nil || !strings.Contains(err.Error(), `"qwertz" is not one of colemak, dvorak,`) {
		t.Errorf("a layout nobody knows = %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	c := credential(t, "dteffuje")
	good := made(t, c, otp.Token{Session: 1})
	other, err := otp.NewCredential("dteffuje", unhex(t, vectorPrivate), unhex(t, "00"+vectorKey[2:]))
	if err != nil {
		t.Fatal(err)
	}
	private, err := otp.NewCredential("dteffuje", unhex(t, "8792ebfe26cd"), unhex(t, vectorKey))
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct {
		c    otp.Credential
		o    otp.OTP
		want error
	}{
		"another AES key":       {other, good, totp.ErrNoMatch},
		"another private id":    {private, good, totp.ErrNoMatch},
		"another public id":     {credential(t, "dteffujf"), good, otp.ErrOtherKey},
		"no public id":          {credential(t, ""), good, otp.ErrOtherKey},
		"no OTP":                {c, otp.OTP{}, otp.ErrOtherKey},
		"no OTP, no public id":  {credential(t, ""), otp.OTP{}, otp.ErrOtherKey},
		"the right one":         {c, good, nil},
		"a right one, unnamed":  {credential(t, ""), made(t, credential(t, ""), otp.Token{}), nil},
		"the last one there is": {c, made(t, c, otp.Token{Session: otp.MaxSession, Use: otp.MaxUse, Timestamp: otp.MaxTimestamp, Random: 65535}), nil},
	} {
		if token, err := try.c.Open(try.o); !errors.Is(err, try.want) || err != nil && token != (otp.Token{}) {
			t.Errorf("%s = %+v, %v, want %v", name, token, err, try.want)
		}
	}
}

// TestEveryBitOfABlock: an OTP with any one bit of its block changed is refused.
func TestEveryBitOfABlock(t *testing.T) {
	c := credential(t, "dteffuje")
	block, err := otp.DecodeModhex(vectorOTP[8:])
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(block) {
		changed := bytes.Clone(block)
		changed[bit/8] ^= 1 << (bit % 8)
		o, err := otp.Parse("dteffuje" + otp.EncodeModhex(changed))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(o); !errors.Is(err, totp.ErrNoMatch) {
			t.Errorf("with bit %d changed: %v", bit, err)
		}
	}
}

func TestCapsLock(t *testing.T) {
	c := credential(t, "")
	want := otp.Token{Session: 19, Use: 17, CapsLock: true}
	if got, err := c.Open(made(t, c, want)); err != nil || got != want || got.Step() != 19<<8+17 {
		t.Errorf("an OTP by caps lock = %+v, %v: the bit is not of the counter", got, err)
	}
}

func TestSimulateRefuses(t *testing.T) {
	for want, token := range map[string]otp.Token{"session 32768": {Session: otp.MaxSession + 1}, "timestamp 16777216": {Timestamp: otp.MaxTimestamp + 1}} {
		if o, err := credential(t, "").Simulate(token); err == nil || !strings.Contains(err.Error(), want) || o.Text() != "" {
			t.Errorf("Simulate(%+v) = %v, %v, want an error about %s", token, o, err, want)
		}
	}
}

func TestCredentialText(t *testing.T) {
	for public, want := range map[string]string{"dteffuje": "yubico-otp/1 dteffuje 8792ebfe26cc ecde18dbe76fbd0c33330f1c354871db", "": "yubico-otp/1 - 8792ebfe26cc ecde18dbe76fbd0c33330f1c354871db"} {
		c := credential(t, public)
		if string(c.Text()) != want {
			t.Errorf("the text of %v is not as documented", c)
		}
		again, err := otp.ParseCredential([]byte(want))
		if err != nil || !again.Equal(c) || again.PublicID() != public {
			t.Errorf("ParseCredential = %v, %v", again, err)
		}
	}
	good := string(credential(t, "dteffuje").Text())
	for want, bad := range map[string][]string{
		"is not written as": {"", "x", "yubico-otp/2" + good[12:], good + " ", " " + good, strings.Replace(good, " ", "  ", 1), strings.ReplaceAll(good, " ", "\t"), good[:20]},
		"no hex":            {good[:len(good)-1] + "g", good + "\n", good[:len(good)-1], strings.Replace(good, "8792", "879é", 1)},
		"private id has 5":  {strings.Replace(good, "8792ebfe26cc", "8792ebfe26", 1)},
		"AES key has 15":    {good[:len(good)-2]},
		"no modhex":         {strings.Replace(good, "dteffuje", "dteffujx", 1), strings.Replace(good, "dteffuje", "dteffuj", 1), strings.Replace(good, "dteffuje", "DTEFFUJE", 1)},
		"18 letters":        {strings.Replace(good, "dteffuje", strings.Repeat("c", 18), 1)},
		"canonical":         {strings.ToUpper(good[:0]) + strings.Replace(good, "8792eb", "8792EB", 1), strings.Replace(good, "dteffuje", "", 1)},
	} {
		for _, text := range bad {
			c, err := otp.ParseCredential([]byte(text))
			if err == nil || !strings.Contains(err.Error(), want) || c.Text() != nil {
				t.Errorf("ParseCredential of a text that differs = %v, %v, want an error: %s", c, err, want)
			}
			if strings.Contains(fmt.Sprint(err), "ebfe") || strings.Contains(fmt.Sprint(err), "33330f") {
				t.Error("an error shows a secret")
			}
		}
	}
}

// TestIDs: another secret is another id, the same one the same, and ids show none.
func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []otp.Credential{credential(t, "dteffuje"), credential(t, ""), credential(t, "dteffujf")} {
		other, err := otp.NewCredential(c.PublicID(), unhex(t, vectorPrivate), make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []otp.Credential{c, other} {
			if again := c.ID(); seen[c.ID()] || again != c.ID() || strings.Contains(c.ID(), vectorPrivate) {
				t.Errorf("id %q", c.ID())
			}
			seen[c.ID()] = true
		}
		if c.Equal(other) || !c.Equal(c) {
			t.Errorf("%v: Equal is wrong", c)
		}
	}
	for public, want := range map[string]string{"dteffuje": "yubikey dteffuje ce9809f8", "": "yubikey - a6ca7dbe"} {
		if got := credential(t, public).ID(); got != want {
			t.Errorf("an id is %q, want %q: ledgers have rows under it", got, want)
		}
	}
}

// shown is every way that a value could be printed.
func shown(t *testing.T, v any) string {
	t.Helper()
	var all strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		fmt.Fprintf(&all, verb+"\n", v)
		fmt.Fprintf(&all, verb+"\n", struct{ inside any }{v})
		fmt.Fprintf(&all, verb+"\n", &v)
	}
	encoded, err := json.Marshal(map[string]any{"x": v})
	if err != nil {
		t.Fatal(err)
	}
	all.Write(encoded)
	slog.New(slog.NewTextHandler(&all, nil)).Info("x", "v", v)
	return all.String()
}

type holder struct {
	c otp.Credential
	o otp.OTP
}

func TestNothingIsShown(t *testing.T) {
	c := credential(t, "dteffuje")
	o, err := otp.Parse(vectorOTP)
	if err != nil {
		t.Fatal(err)
	}
	text := shown(t, c) + shown(t, o) + shown(t, holder{c, o}) + shown(t, []any{c, &o})
	block, _ := otp.DecodeModhex(vectorOTP[8:])
	for what, secret := range map[string]string{"the OTP": vectorOTP[8:], "the private id": vectorPrivate, "the key": vectorKey, "the block": fmt.Sprintf("%x", block), "the block in numbers": fmt.Sprint(block), "the key in numbers": fmt.Sprint(unhex(t, vectorKey)), "the id in numbers": fmt.Sprint(unhex(t, vectorPrivate))} {
		if strings.Contains(strings.ToLower(text), strings.Trim(secret, "[]")) {
			t.Errorf("%s is shown", what)
		}
	}
	for want, v := range map[string]any{
		"Yubico OTP credential dteffuje (secrets hidden)": c, "OTP of dteffuje": o, "no OTP": otp.OTP{}, "no Yubico OTP credential": otp.Credential{},
		"Yubico OTP credential without a public id (secrets hidden)": credential(t, ""), "OTP of an unnamed key": made(t, credential(t, ""), otp.Token{}),
	} {
		if got := fmt.Sprint(v); got != want {
			t.Errorf("printed as %q, want %q", got, want)
		}
	}
}

func TestWipe(t *testing.T) {
	c := credential(t, "dteffuje")
	o := made(t, c, otp.Token{})
	zeros, err := otp.NewCredential("dteffuje", make([]byte, 6), make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	same := c
	c.Wipe()
	otp.Credential{}.Wipe()
	for name, gone := range map[string]otp.Credential{"wiped": same, "zero": {}} {
		for _, o := range []otp.OTP{o, made(t, zeros, otp.Token{}), {}} {
			if _, err := gone.Open(o); err == nil || !strings.Contains(err.Error(), "no credential") {
				t.Errorf("%s: Open = %v", name, err)
			}
		}
		if _, err := gone.Simulate(otp.Token{}); err == nil || gone.Text() != nil {
			t.Errorf("%s: it still has something: %v", name, err)
		}
	}
}

func TestWhatNewCredentialCopies(t *testing.T) {
	private, key := unhex(t, vectorPrivate), unhex(t, vectorKey)
	c, err := otp.NewCredential("dteffuje", private, key)
	if err != nil {
		t.Fatal(err)
	}
	clear(private)
	clear(key)
	if !c.Equal(credential(t, "dteffuje")) {
		t.Error("it changed with its caller's bytes")
	}
}

func TestNumbers(t *testing.T) {
	if otp.MaxSession != 32767 || otp.MaxUse != 255 || otp.MaxTimestamp != 16777215 {
		t.Error("a key counts to 32767, 255 and 16777215")
	}
	if c := credential(t, "cccccccccccccccc"); c.PublicID() != "cccccccccccccccc" {
		t.Error("a public id of 16 letters is refused")
	}
}

func TestTexts(t *testing.T) {
	parse := func(text string) error { _, err := otp.Parse(text); return err }
	read := func(text string) error { _, err := otp.ParseCredential([]byte(text)); return err }
	decode := func(text string) error { _, err := otp.DecodeModhex(text); return err }
	typed := func(layout, text string) error { _, err := otp.Keyboard{Layout: layout}.Parse(text); return err }
	_, none := otp.Credential{}.Open(otp.OTP{})
	_, over := credential(t, "").Simulate(otp.Token{Session: 40000, Timestamp: 7})
	_, other := otp.Check(t.Context(), ledger.Verifier{}, credential(t, "dteffuje"), made(t, credential(t, "dteffujf"), otp.Token{}), "", start)
	_, place := otp.Place(t.Context(), ledger.Verifier{}, credential(t, "dteffuje"), made(t, credential(t, "dteffujf"), otp.Token{}), start)
	const malformed = "this is no Yubico OTP: touch the key with the cursor in an empty field, and type nothing before or after"
	for want, err := range map[string]error{
		malformed + " (it has 3 characters, not 32 to 48)":                                                                   parse("ccc"),
		malformed + " (it has 33 characters, an odd number)":                                                                 parse(strings.Repeat("c", 33)),
		malformed + " (character 2 is none of cbdefghijklnrtuv)":                                                             parse("ca" + strings.Repeat("c", 30)),
		malformed + " (character 3 is none of cbsftdhuneikpglv)":                                                             typed("colemak", "ccé"),
		`keyboard layout "x" is not one of colemak, dvorak, greek, russian, turkish-q`:                                       typed("x", "c"),
		"character 1 is none of cbdefghijklnrtuv":                                                                            decode("x"),
		"modhex has two letters for each byte, and one is missing":                                                           decode("c"),
		"it is not written as yubico-otp/1 PUBLIC-ID PRIVATE-ID AES-KEY, with one space between":                             read("x"),
		"the private id or the AES key is no hex":                                                                            read("yubico-otp/1 - x x"),
		"the private id has 1 bytes: it must have 6":                                                                         read("yubico-otp/1 - 00 00"),
		"the AES key has 1 bytes: it must have 16":                                                                           read("yubico-otp/1 - 000000000000 00"),
		"the public id has 18 letters of modhex: at most 16 are taken":                                                       read("yubico-otp/1 " + strings.Repeat("c", 18) + " 00 00"),
		"the public id is no modhex: character 1 is none of cbdefghijklnrtuv":                                                read("yubico-otp/1 x 000000000000 00000000000000000000000000000000"),
		"it is not in its canonical form: hex and modhex are in lower case, and an empty public id is -":                     read("yubico-otp/1  000000000000 00000000000000000000000000000000"),
		"there is no credential: make one with NewCredential or ParseCredential, and wipe it when it is not needed any more": none,
		"session 40000 and timestamp 7 are at most 32767 and 16777215":                                                       over,
		"OTP of dteffujf for key yubikey dteffuje ce9809f8: the OTP is another key's":                                        other,
		"OTP of dteffujf: the OTP is another key's":                                                                          place,
		"the code was used, or one after it: by the same request":                                                            otp.ErrRepeated,
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

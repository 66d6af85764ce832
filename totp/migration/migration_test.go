package migration_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/migration"
)

// message writes fields by hand, so that a mistake of the package's writer does not
// hide one of its reader: "1:…" is bytes, "2=…" a number of seven bits.
func message(parts ...string) string {
	var b []byte
	for _, p := range parts {
		number := p[0] - '0'
		if p[1] == '=' {
			b = append(b, number<<3, p[2])
			continue
		}
		b = append(b, number<<3|2, byte(len(p)-2))
		b = append(b, p[2:]...)
	}
	return string(b)
}

func wrapped(message string) string {
	return "otpauth-migration://offline?data=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(message)))
}

// seed is RFC 4226's.
const seed = "12345678901234567890"

var ada = []string{"1:" + seed, "2:ada", "3:AWS", "4=\x01", "5=\x01", "6=\x02"}

// with is ada with some fields in the place of hers.
func with(changed ...string) []string {
	all := slices.Clone(ada)
	for _, c := range changed {
		i := slices.IndexFunc(all, func(f string) bool { return f[0] == c[0] })
		if i < 0 {
			all = append(all, c)
			continue
		}
		all[i] = c
	}
	return all
}

func without(number byte) []string {
	return slices.DeleteFunc(slices.Clone(ada), func(f string) bool { return f[0] == number })
}

func key(t testing.TB, s totp.Settings, secret string) totp.Key {
	t.Helper()
	k, err := totp.New(s, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		fields []string
		want   totp.Settings
	}{
		"as the application writes":  {ada, totp.Settings{Issuer: "AWS", Account: "ada"}},
		"SHA256, eight digits":       {with("4=\x02", "5=\x02"), totp.Settings{Issuer: "AWS", Account: "ada", Algorithm: totp.SHA256, Digits: 8}},
		"SHA512":                     {with("4=\x03"), totp.Settings{Issuer: "AWS", Account: "ada", Algorithm: totp.SHA512}},
		"a counter":                  {with("6=\x01", "7=\x09"), totp.Settings{Kind: totp.HOTP, Issuer: "AWS", Account: "ada", Counter: 9}},
		"the first counter":          {with("6=\x01"), totp.Settings{Kind: totp.HOTP, Issuer: "AWS", Account: "ada"}},
		"a counter that says naught": {with("7=\x09"), totp.Settings{Issuer: "AWS", Account: "ada"}},
		"nothing but what it needs":  {[]string{"1:" + seed, "2:ada", "6=\x02"}, totp.Settings{Account: "ada"}},
		"unspecified":                {with("4=\x00", "5=\x00"), totp.Settings{Issuer: "AWS", Account: "ada"}},
		"a label":                    {with("2:AWS: ada"), totp.Settings{Issuer: "AWS", Account: "ada"}},
		"a label alone":              {[]string{"1:" + seed, "2:AWS:ada", "6=\x02"}, totp.Settings{Issuer: "AWS", Account: "ada"}},
		"a colon in a name":          {with("2:arn:aws:iam::111122223333:mfa/ada"), totp.Settings{Issuer: "AWS", Account: "arn:aws:iam::111122223333:mfa/ada"}},
		"an issuer twice":            {with("2:AWS:AWS:ada"), totp.Settings{Issuer: "AWS", Account: "AWS:ada"}},
		"what is new":                {with("8:0b1c", "9=\x05"), totp.Settings{Issuer: "AWS", Account: "ada"}},
		"other than ASCII":           {with("2:Ådå", "3:Über"), totp.Settings{Issuer: "Über", Account: "Ådå"}},
	} {
		p, err := migration.Parse(wrapped(message("1:"+message(c.fields...), "2=\x01", "3=\x01", "4=\x00", "5=\x07")))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.ID != 7 || p.Index != 0 || p.Of != 1 || len(p.Keys) != 1 || !p.Keys[0].Equal(key(t, c.want, seed)) {
			t.Errorf("%s: part %d of %d, id %d, %v, want %+v", name, p.Index, p.Of, p.ID, p.Keys, c.want)
		}
	}
}

// TestParseFrames is of what is around the keys.
func TestParseFrames(t *testing.T) {
	one := "1:" + message(ada...)
	text := base64.StdEncoding.EncodeToString([]byte(message(one, "2=\x01", "3=\x01")))
	minus := "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" // field 5, -1
	for name, c := range map[string]struct {
		uri           string
		of, index, id int
	}{
		"not escaped":         {"otpauth-migration://offline?data=" + text, 1, 0, 0},
		"without padding":     {"otpauth-migration://offline?data=" + strings.TrimRight(text, "="), 1, 0, 0},
		"without a place":     {wrapped(message(one)), 1, 0, 0},
		"the second of three": {wrapped(message(one, "2=\x01", "3=\x03", "4=\x01", "5=\x09")), 3, 1, 9},
		"version 2":           {wrapped(message(one, "2=\x02", "3=\x01")), 1, 0, 0},
		"a negative id":       {wrapped(message(one, "3=\x01") + minus), 1, 0, -1},
		"fixed widths":        {wrapped(message(one) + "\x419bytes89\x45four"), 1, 0, 0},
	} {
		p, err := migration.Parse(c.uri)
		if err != nil || p.Of != c.of || p.Index != c.index || int(p.ID) != c.id || len(p.Keys) != 1 {
			t.Errorf("%s: part %d of %d, id %d, %d keys, error %v", name, p.Index, p.Of, p.ID, len(p.Keys), err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	one := "1:" + message(ada...)
	of := func(fields ...string) string { return wrapped(message("1:" + message(fields...))) }
	for name, c := range map[string]struct{ uri, want string }{
		"nothing":            {"", "it is not otpauth-migration://offline?data="},
		"a key's URI":        {"otpauth://totp/a?secret=JBSWY3DP", "it is not otpauth-migration"},
		"another host":       {"otpauth-migration://online?data=AAAA", "it is not otpauth-migration"},
		"two parameters":     {"otpauth-migration://offline?data=AAAA&x=1", "nothing else"},
		"a fragment":         {"otpauth-migration://offline?data=AAAA#x", "nothing else"},
		"no data":            {"otpauth-migration://offline?data=", "no base64"},
		"half an escape":     {"otpauth-migration://offline?data=AAAA%2", "% in it is not followed by two digits"},
		"no base64":          {"otpauth-migration://offline?data=JBSW*", "no base64"},
		"odd bits":           {"otpauth-migration://offline?data=AB", "no base64"},
		"too long":           {"otpauth-migration://offline?data=" + strings.Repeat("A", 8192), "at most 8192"},
		"cut":                {wrapped(message(one)[:20]), "data ends within a value"},
		"cut after a tag":    {wrapped("\x08"), "data ends within a value"},
		"cut in a tag":       {wrapped("\x80"), "data ends within a value"},
		"a long number":      {wrapped("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "data ends within a value"},
		"a length too large": {wrapped("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "data ends within a value"},
		"cut in 8 bytes":     {wrapped("\x411234567"), "data ends within a value"},
		"cut in 4 bytes":     {wrapped("\x45123"), "data ends within a value"},
		"cut by a byte":      {wrapped("\x0a\x02x"), "data ends within a value"},
		"cut after a length": {wrapped("\x0a"), "data ends within a value"},
		"a part below":       {wrapped(message(one, "3=\x02") + "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "part 0 of 2"},
		"field 0":            {wrapped("\x00\x00"), "no message of Protocol Buffers"},
		"a group":            {wrapped("\x0b\x0c"), "a kind that is not known"},
		"no key":             {wrapped(message("2=\x01", "3=\x01")), "holds no key"},
		"a key as number":    {wrapped(message("1=\x01")), "key 1 in it: it is written in another way"},
		"version 3":          {wrapped(message(one, "2=\x03")), "version 3 of the format: versions to 2"},
		"version twice":      {wrapped(message(one, "2=\x01", "2=\x01")), "field 2 is there twice"},
		"no part":            {wrapped(message(one, "3=\x00")), "part 1 of 0"},
		"a part too many":    {wrapped(message(one, "3=\x02", "4=\x02")), "part 3 of 2"},
		"a part without of":  {wrapped(message(one, "4=\x02")), "part 3 of 1"},
		"64 bits":            {wrapped(message(one) + "\x28\x80\x80\x80\x80\x10"), "field 5 has no 32 bits"},
		"an id of bytes":     {wrapped(message(one, "5:abc")), "field 5 is written in another way"},
		"no secret":          {of(without('1')...), "key 1 in it: the secret is empty"},
		"an empty secret":    {of(with("1:")...), "the secret is empty"},
		"a second secret":    {of(append(with(), "1:x")...), "field 1 is there twice"},
		"no name":            {of(without('2')...), "the account is missing"},
		"a colon first":      {of("1:"+seed, "2::ada", "6=\x02"), "colon"},
		"no type":            {of(without('6')...), "neither totp nor hotp"},
		"type 3":             {of(with("6=\x03")...), "neither totp nor hotp"},
		"MD5":                {of(with("4=\x04")...), "MD5"},
		"algorithm 5":        {of(with("4=\x05")...), "none of SHA1, SHA256 and SHA512"},
		"seven digits":       {of(with("5=\x03")...), "neither 6 nor 8"},
		"control letters":    {of(with("2:a\x07")...), "printable text"},
		"no UTF-8":           {of(with("3:\xff")...), "printable text"},
		"a key that is cut":  {wrapped(message("1:" + message(ada...)[:9])), "key 1 in it: data ends"},
		"the second":         {wrapped(message(one, "1:"+message(with("5=\x07")...))), "key 2 in it: its number of digits"},
	} {
		p, err := migration.Parse(c.uri)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), seed) || strings.Contains(err.Error(), "JBSW") || p.Keys != nil {
			t.Errorf("%s: the error shows the secret, or there are keys with it", name)
		}
	}
}

func TestNegativeCounter(t *testing.T) {
	minus := message(with("6=\x01")...) + "\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	if _, err := migration.Parse(wrapped(message("1:" + minus))); err == nil || !strings.Contains(err.Error(), "counter is negative") {
		t.Errorf("error %v", err)
	}
}

// keys are some of each kind that the format knows.
func keys(t testing.TB, count int) []totp.Key {
	t.Helper()
	var all []totp.Key
	for i := range count {
		s := totp.Settings{Issuer: []string{"", "AWS", "Ex ample & Söhne"}[i%3], Account: fmt.Sprint("ada", i),
			Algorithm: []totp.Algorithm{totp.SHA1, totp.SHA256, totp.SHA512}[i/3%3], Digits: 6 + i/2%2*2}
		if i%4 == 3 {
			s.Kind, s.Counter = totp.HOTP, int64(i)<<40
		}
		all = append(all, key(t, s, strings.Repeat(fmt.Sprint("secret", i), 2+i%5)))
	}
	return append(all, key(t, totp.Settings{Issuer: "AWS", Account: "AWS :root"}, seed))
}

func same(t *testing.T, got, want []totp.Key) {
	t.Helper()
	if !slices.EqualFunc(got, want, totp.Key.Equal) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, count := range []int{0, 1, 9, 10, 24} {
		want := keys(t, count)
		parts := migration.Split(want, -12345)
		if len(parts) != (len(want)+9)/10 {
			t.Errorf("%d parts of %d keys", len(parts), len(want))
		}
		var read []migration.Part
		for i, p := range parts {
			uri, err := p.URI()
			if err != nil {
				t.Fatal(err)
			}
			got, err := migration.Parse(uri)
			if err != nil || got.ID != -12345 || got.Index != i || got.Of != len(parts) || !migration.Is(uri) {
				t.Errorf("part %d: %d of %d, id %d, error %v", i, got.Index, got.Of, got.ID, err)
			}
			read = append(read, got)
		}
		slices.Reverse(read)
		got, err := migration.Join(read...)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
	}
}

func TestJoinTells(t *testing.T) {
	parts := migration.Split(keys(t, 34), 1)
	other := migration.Split(keys(t, 34), 2)
	shorter := migration.Split(keys(t, 24), 1)
	for name, c := range map[string]struct {
		parts []migration.Part
		want  string
	}{
		"nothing":       {nil, "no part of an export"},
		"missing":       {[]migration.Part{parts[2]}, "of 4 parts, missing: 1, 2, 4: read every QR code"},
		"twice":         {[]migration.Part{parts[0], parts[1], parts[0], parts[3]}, "part 1 of 4 is there twice"},
		"mixed":         {[]migration.Part{parts[0], other[1], parts[2], parts[3]}, "code 2 is of another export than code 1"},
		"mixed lengths": {[]migration.Part{parts[0], parts[1], shorter[2]}, "code 3 is of another export"},
		"made up":       {[]migration.Part{{Keys: parts[0].Keys, Of: 1 << 40}}, "part 1 of 1099511627776"},
		"beyond":        {[]migration.Part{parts[0], {Keys: parts[0].Keys, ID: 1, Of: 4, Index: 4}}, "part 5 of 4"},
	} {
		if got, err := migration.Join(c.parts...); err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestURIBytes pins what is written: other programs read it.
func TestURIBytes(t *testing.T) {
	counted := []string{"1:" + seed, "2:ada", "4=\x02", "5=\x02", "6=\x01", "7=\x09"}
	p := migration.Part{Keys: []totp.Key{key(t, totp.Settings{Issuer: "AWS", Account: "ada"}, seed), key(t, totp.Settings{Kind: totp.HOTP, Account: "ada", Algorithm: totp.SHA256, Digits: 8, Counter: 9}, seed)}, ID: 7, Index: 1, Of: 3}
	want := wrapped(message("1:"+message(ada...), "1:"+message(counted...), "2=\x01", "3=\x03", "4=\x01", "5=\x07"))
	if got, err := p.URI(); err != nil || got != want {
		t.Errorf("%s, error %v\nwant %s", got, err, want)
	}
}

func TestURIRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		part migration.Part
		want string
	}{
		"a period":     {migration.Part{Keys: []totp.Key{key(t, totp.Settings{Account: "ada", Period: 60}, seed)}, Of: 1}, `"ada": its steps have 60 seconds`},
		"seven digits": {migration.Part{Keys: []totp.Key{key(t, totp.Settings{Account: "ada", Digits: 7}, seed)}, Of: 1}, "7 digits"},
		"no key":       {migration.Part{Of: 1}, "holds no key"},
		"a zero key":   {migration.Part{Keys: make([]totp.Key, 1), Of: 1}, "digits"},
		"no place":     {migration.Part{Keys: keys(t, 1)}, "part 1 of 0"},
		"too much":     {migration.Part{Keys: slices.Repeat([]totp.Key{key(t, totp.Settings{Account: "a"}, strings.Repeat("x", 1024))}, 6), Of: 1}, "at most 8192"},
	} {
		if uri, err := c.part.URI(); err == nil || !strings.Contains(err.Error(), c.want) || uri != "" {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestPartIsNotShown(t *testing.T) {
	p := migration.Split(keys(t, 1), 1)[0]
	for _, text := range []string{fmt.Sprint(p), fmt.Sprintf("%#v", p), fmt.Sprintf("%x", p)} {
		if strings.Contains(text, seed) || strings.Contains(text, fmt.Sprintf("%x", seed)) || !strings.Contains(text, "hidden") {
			t.Error("a part shows its secrets, or nothing")
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message("1:"+message(ada...), "2=\x01", "3=\x01", "4=\x00", "5=\x07"))
	f.Add(message("1:" + message(with("6=\x01", "7=\x09", "8:id")...)))
	f.Add(message("3=\x02"))
	f.Fuzz(func(t *testing.T, message string) {
		if len(message) > 4000 {
			t.Skip("what is near the bound may be over it with its defaults written out")
		}
		p, err := migration.Parse(wrapped(message))
		if err != nil {
			if len(p.Keys) > 0 {
				t.Error("keys with an error")
			}
			return
		}
		uri, err := p.URI()
		if err != nil {
			t.Fatalf("what was read is not written: %v", err)
		}
		again, err := migration.Parse(uri)
		if err != nil || again.ID != p.ID || again.Index != p.Index || again.Of != p.Of {
			t.Fatalf("what was written is not read: %v", err)
		}
		same(t, again.Keys, p.Keys)
	})
}

// FuzzURI is of what is around the message.
func FuzzURI(f *testing.F) {
	f.Add(wrapped(message("1:" + message(ada...))))
	f.Add("otpauth-migration://offline?data=%2B%2F==")
	f.Fuzz(func(t *testing.T, uri string) {
		if p, err := migration.Parse(uri); (err == nil) == (len(p.Keys) == 0) {
			t.Errorf("%d keys and error %v", len(p.Keys), err)
		}
	})
}

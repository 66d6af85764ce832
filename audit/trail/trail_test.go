package trail

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"mfawatch/internal/casefile"

	"github.com/google/go-cmp/cmp"
)

// testWants are enough to try every way of being wanted.
var testWants = []Want{
	{Name: "ConsoleLogin", Source: "signin.amazonaws.com"},
	{Name: "UserAuthentication", Source: "signin.amazonaws.com"},
	{Name: "StopLogging", Source: "cloudtrail.amazonaws.com"},
	{Name: "AssumeRole", Source: "sts.amazonaws.com", Key: "serialNumber"},
}

func scanBytes(o Options, input []byte) ([]string, Stats) {
	var got []string
	in := Input{Reader: bytes.NewReader(input), Size: int64(len(input)), Tail: bytes.NewReader(input)}
	stats := NewScanner(o).Scan(in, func(r []byte) { got = append(got, string(r)) })
	return got, stats
}

func compress(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		z := stdgzip.NewWriter(&b)
		_, _ = io.WriteString(z, p)
		_ = z.Close()
	}
	return b.Bytes()
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// cases reads testdata/*.txtar: a comment, the file "input", and "want": the
// lines "record ID" in order, "records N", "kind K" and "damage OFFSET REASON".
func cases(t testing.TB) []casefile.Case {
	t.Helper()
	return casefile.All(t, "testdata/*.txtar")
}

// input gives a case's bytes. A section "gzip+base64 INTO" stands for binary
// content: its text, compressed and encoded, replaces the word INTO.
func input(a casefile.Case) []byte {
	in := strings.TrimSuffix(a.Section("input"), "\n")
	for _, f := range a.Files {
		if into, ok := strings.CutPrefix(f.Name, "gzip+base64 "); ok {
			in = strings.ReplaceAll(in, into, b64(compress(strings.TrimSpace(string(f.Data)))))
		}
		if into, ok := strings.CutPrefix(f.Name, "base64 "); ok {
			in = strings.ReplaceAll(in, into, b64(bytes.TrimSpace(f.Data)))
		}
	}
	return []byte(in)
}

func describe(got []string, s Stats) string {
	var b strings.Builder
	for _, r := range got {
		fmt.Fprintf(&b, "record %s\n", eventID(r))
	}
	fmt.Fprintf(&b, "records %d\n", s.Records)
	for _, k := range []Kind{KindDigest, KindInsight, KindNotification, KindControlMessage, KindEvent, KindEmpty, KindOther, KindNotJSON} {
		if s.Kinds[k] > 0 {
			fmt.Fprintf(&b, "kind %s %d\n", k, s.Kinds[k])
		}
	}
	if s.Damage != nil {
		fmt.Fprintf(&b, "damage %d %s\n", s.Damage.Offset, s.Damage.Reason)
	}
	return b.String()
}

func eventID(record string) string {
	var r struct {
		ID string `json:"eventID"`
	}
	if json.Unmarshal([]byte(record), &r) == nil && r.ID != "" {
		return r.ID
	}
	return record
}

func TestContainers(t *testing.T) {
	for _, a := range cases(t) {
		name := a.Name
		want := a.Section("want")
		for how, in := range map[string][]byte{"plain": input(a), "gzip": compress(string(input(a)))} {
			t.Run(name+"/"+how, func(t *testing.T) {
				got, stats := scanBytes(Options{Wants: testWants}, in)
				want := want
				if how == "plain" && a.Section("want plain") != "" {
					want = a.Section("want plain") // not compressed: every record is walked, and counted exactly
				}
				if d := cmp.Diff(want, describe(got, stats)); d != "" {
					t.Errorf("want -, got +:\n%s", d)
				}
				againstOracle(t, in)
			})
		}
	}
}

// TestContainersEach holds what All hands over against the section "all", where
// a case has one.
func TestContainersEach(t *testing.T) {
	for _, a := range cases(t) {
		name := a.Name
		want := a.Section("all")
		if want == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			got, stats := scanBytes(Options{All: true}, input(a))
			if d := cmp.Diff(want, describe(got, stats)); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

// againstOracle compares with encoding/json whatever that can read.
func againstOracle(t testing.TB, in []byte) {
	t.Helper()
	for _, all := range []bool{false, true} {
		o := oracle{wants: testWants, all: all}
		if o.read(in) != nil {
			continue
		}
		var want []string
		for _, r := range o.records {
			want = append(want, string(r))
		}
		got, stats := scanBytes(Options{Wants: testWants, All: all}, in)
		if !all && o.onTrust() {
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("all %v: oracle -, scanner +:\n%s\ninput: %.2000q", all, d, in)
		}
		if all && stats.Records != o.count {
			t.Errorf("the scanner counts %d records, the oracle %d; input: %.2000q", stats.Records, o.count, in)
		}
		if stats.Damage != nil {
			t.Errorf("all %v: damage %v in what the oracle reads; input: %.2000q", all, stats.Damage, in)
		}
	}
}

const (
	login   = `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","eventID":"login"}`
	other   = `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"eventSource":"s3.amazonaws.com","eventName":"GetObject","requestParameters":{"key":"x"},"eventID":"other"}`
	forged  = `{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"PutObject","requestParameters":{"r":` + login + `,"l":[` + login + `]},"eventID":"carrier"}`
	goodLog = `{"Records":[` + other + `,` + login + `,` + other + `]}`
	quiet   = `{"Records":[` + other + `,` + other + `]}`
)

// TestTraps holds the inputs on which faster readers of CloudTrail fail.
func TestTraps(t *testing.T) {
	utf16 := func(s string) []byte {
		b := []byte{0xff, 0xfe}
		for _, c := range []byte(s) {
			b = append(b, c, 0)
		}
		return b
	}
	gz := compress(goodLog)
	long := strings.Repeat("a", 3<<20)
	for _, c := range []struct {
		name  string
		in    []byte
		want  string
		exact bool // the oracle must be able to read it
	}{
		{"plain under a .gz name", []byte(goodLog), "record login\nrecords 3\n", true},
		{"byte order mark", []byte("\xef\xbb\xbf" + goodLog), "record login\nrecords 3\n", true},
		{"utf-16", utf16(goodLog), "record login\nrecords 3\n", true},
		{"two members, two texts", compress(goodLog, goodLog), "record login\nrecord login\nrecords 6\n", true},
		{"two members, one text", compress(goodLog[:100], goodLog[100:]), "record login\nrecords 3\n", true},
		{"zero padding", append(bytes.Clone(gz), make([]byte, 100_000)...), "record login\nrecords 3\n", true},
		{"zero padding between members", append(append(bytes.Clone(gz), make([]byte, 512)...), gz...), "record login\nrecord login\nrecords 6\n", true},
		{"garbage after the stream", append(bytes.Clone(gz), "garbage"...), "record login\nrecords 3\ndamage " + at(len(goodLog)) + " bytes that are no gzip stream follow one\n", false},
		{"escaped name", []byte(strings.Replace(goodLog, "ConsoleLogin", `Console\u004cogin`, 1)), "record login\nrecords 3\n", true},
		{"all of the name escaped", []byte(strings.Replace(goodLog, "ConsoleLogin", `\u0043\u006F\u006e\u0073\u006f\u006c\u0065\u004c\u006f\u0067\u0069\u006e`, 1)), "record login\nrecords 3\n", true},
		{"escaped key", []byte(strings.Replace(goodLog, `"eventName":"Console`, `"event\u004eame":"Console`, 1)), "record login\nrecords 3\n", true},
		{"escaped Records", []byte(strings.Replace(goodLog, "Records", `Rec\u006frds`, 1)), "record login\nrecords 3\n", true},
		{"escaped source", []byte(strings.Replace(goodLog, "signin.amazonaws", `signin\u002eamazonaws`, 1)), "record login\nrecords 3\n", true},
		{"escaped ampersand only", []byte(strings.Replace(quiet, `"x"`, `"a\u0026b\u003cc"`, 1)), "records 2\n", true},
		{"white space", []byte(strings.NewReplacer(":", " : ", ",", "\t,\r\n").Replace(`{"Records":[` + login + `]}`)), "record login\nrecords 1\n", true},
		{"other key order", []byte(`{"Records":[{"eventName":"ConsoleLogin","eventID":"login","eventSource":"signin.amazonaws.com"}]}`), "record login\nrecords 1\n", true},
		{"forged login", []byte(`{"Records":[` + forged + `]}`), "records 1\n", true},
		{"forged login as text", []byte(`{"Records":[{"eventName":"X","eventSource":"y","p":"` + strings.ReplaceAll(login, `"`, `\"`) + `"}]}`), "records 1\n", true},
		{"brackets in strings", []byte(`{"Records":[{"eventName":"X","p":"\"}],{\\"},` + login + `]}`), "record login\nrecords 2\n", true},
		{"nesting 4,000 deep", []byte(`{"Records":[{"eventName":"X","p":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `},` + login + `]}`), "record login\nrecords 2\n", true},
		{"a string of 3 MB", []byte(`{"Records":[{"eventName":"X","p":"` + long + `"},` + login + `]}`), "record login\nrecords 2\n", true},
		{"name twice, last counts", []byte(`{"Records":[{"eventName":"ConsoleLogin","eventName":"X","eventSource":"signin.amazonaws.com"}]}`), "records 1\n", true},
		{"other source", []byte(strings.Replace(goodLog, "signin.amazonaws", "evil.amazonaws", 1)), "records 3\n", true},
		{"no source", []byte(`{"Records":[{"eventName":"ConsoleLogin","eventID":"login"}]}`), "record login\nrecords 1\n", true},
		{"serial before the name", []byte(`{"Records":[{"requestParameters":{"serialNumber":"s"},"eventName":"AssumeRole","eventSource":"sts.amazonaws.com","eventID":"a"}]}`), "record a\nrecords 1\n", true},
		{"serial after the name", []byte(`{"Records":[{"eventName":"AssumeRole","eventSource":"sts.amazonaws.com","requestParameters":{"serialNumber":"s"},"eventID":"a"},` + other + `]}`), "record a\nrecords 2\n", true},
		{"no serial", []byte(`{"Records":[{"eventName":"AssumeRole","eventSource":"sts.amazonaws.com","eventID":"a"},` + other + `]}`), "records 2\n", true},
		{"serial of the next record", []byte(`{"Records":[{"eventName":"AssumeRole","eventSource":"sts.amazonaws.com","eventID":"a"},{"eventName":"X","serialNumber":"s"}]}`), "records 2\n", true},
		{"list first, then more keys", []byte(`{"Records":[` + login + `],"more":{"a":1},"Records":[` + login + `]}`), "record login\nrecord login\nrecords 2\n", true},
		{"list not first", []byte(`{"more":1,"Records":[` + other + `,` + login + `]}`), "record login\nrecords 2\n", true},
		{"one line, then a text over several lines", []byte(login + "\n{\n\"eventName\":\n\"X\"}\n" + login), "record login\nrecord login\nrecords 3\n", true},
		{"texts one behind the other", []byte(login + login + goodLog), "record login\nrecord login\nrecord login\nrecords 5\n", true},
		{"empty", nil, "records 0\nkind empty 1\n", true},
		{"empty gzip", compress(""), "records 0\nkind empty 1\n", true},
		{"white space only", []byte(" \n\t\n"), "records 0\nkind empty 1\n", true},
		{"no records in the list", []byte(`{"Records":[]}`), "records 0\nkind empty 1\n", true},
		{"null in the list", []byte(`{"Records":[null,` + login + `,1,"x"]}`), "record login\nrecords 1\nkind other 1\n", true},

		{"cut gzip", gz[:len(gz)-20], "DAMAGED the gzip stream breaks off", false},
		{"changed gzip", flip(gz, len(gz)/2), "DAMAGED", false},
		{"changed checksum", flip(gz, len(gz)-6), "record login\nrecords 3\ndamage " + at(len(goodLog)) + " the gzip checksum does not match: bytes have changed\n", false},
		{"cut inside the last record", []byte(goodLog[:len(goodLog)-30]), "record login\nrecords 2\ndamage " + at(len(`{"Records":[`)+len(other+`,`+login)) + " the JSON breaks off\n", false},
		{"cut between records", []byte(`{"Records":[` + login + `,`), "record login\nrecords 1\ndamage " + at(len(`{"Records":[`)+len(login)) + " the JSON breaks off\n", false},
		{"cut behind a record", []byte(`{"Records":[` + login), "record login\nrecords 1\ndamage " + at(len(`{"Records":[`)+len(login)) + " the JSON breaks off\n", false},
		{"cut in sound gzip, nothing wanted", compress(quiet[:len(quiet)-30]), "records 1\ndamage " + at(len(`{"Records":[`)+len(other)) + " the JSON breaks off\n", false},
		{"cut behind ]} of a record, nothing wanted", []byte(`{"Records":[` + other + `,{"eventVersion":"1","eventName":"X","resources":[1]}`), "records 2\ndamage " + at(len(`{"Records":[`)+len(other+`,{"eventVersion":"1","eventName":"X","resources":[1]}`)) + " the JSON breaks off\n", false},
		{"missing comma", []byte(`{"Records":[` + login + ` ` + login + `]}`), "record login\nrecords 1\ndamage " + at(len(`{"Records":[`)+len(login)) + " malformed JSON\n", false},
		{"next text on its own line after damage", []byte(`{"Records":[` + login + "\n" + goodLog), "record login\nrecord login\nrecords 4\ndamage " + at(len(`{"Records":[`)+len(login)) + " the JSON breaks off\n", false},
		{"broken first line", []byte(login[:60] + "\n" + login + "\n" + login + "\n"), "record login\nrecord login\nrecords 2\ndamage 0 the JSON breaks off\n", false},
		{"broken line between", []byte(login + "\n" + login[:60] + "\n" + login + "\n"), "record login\nrecord login\nrecords 2\ndamage " + at(len(login)+1) + " the JSON breaks off\n", false},
		{"words between lines", []byte(login + "\nhello\n" + login + "\n"), "record login\nrecord login\nrecords 2\ndamage " + at(len(login)+1) + " not JSON\n", false},
		{"pretty-printed and cut, a record alone on a line inside", []byte("{\n \"Records\": [\n  {\"eventName\":\"X\",\n   \"p\": [\n    " + login + "\n"), "records 0\nDAMAGED", false},
		{"all zeros", make([]byte, 1<<20), "records 0\nkind not-json 1\ndamage 0 not JSON: it begins with byte 0x00\n", false},
		{"tar", append(append([]byte("AWSLogs/"), make([]byte, 249)...), "ustar  \x00"...), "records 0\nkind not-json 1\ndamage 0 a tar archive: unpack it first\n", false},
		{"event history as a table", []byte("\ufeffEvent time,User name,Event name\n2026-11-16T08:14:03Z,ada,ConsoleLogin\n"), "records 0\nkind not-json 1\ndamage 3 a table, which has no whole records: download the event history as JSON\n", false},
		{"zip", []byte("PK\x03\x04xxxx"), "records 0\nkind not-json 1\ndamage 0 a zip archive: unpack it first\n", false},
		{"malformed record that may be a login", []byte(`{"Records":[{"eventName":"ConsoleLogin" "eventSource":"signin.amazonaws.com"}]}`), "record {\"eventName\":\"ConsoleLogin\" \"eventSource\":\"signin.amazonaws.com\"}\nrecords 1\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, stats := scanBytes(Options{Wants: testWants}, c.in)
			text := describe(got, stats)
			if before, reason, ok := strings.Cut(c.want, "DAMAGED"); ok {
				if stats.Damage == nil || !strings.Contains(stats.Damage.Reason, strings.TrimSpace(reason)) || !strings.HasPrefix(text, before) {
					t.Errorf("got %q, want damage %q", text, c.want)
				}
			} else if text != c.want {
				t.Errorf("got:\n%swant:\n%s", text, c.want)
			}
			if err := (&oracle{wants: testWants}).read(c.in); (err == nil) != c.exact {
				t.Errorf("the oracle reads it: %v, want %v", err == nil, c.exact)
			}
			againstOracle(t, c.in)
		})
	}
}

func at(n int) string { return fmt.Sprint(n) }

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x55
	return b
}

// A bomb: 300 MB of blanks in 300 KB of gzip. It is read to the bound, not
// further, and what stood before is kept.
func TestDecompressionBomb(t *testing.T) {
	bomb := compress(`{"Records":[` + login + `,` + strings.Repeat(" ", 300<<20))
	got, stats := scanBytes(Options{Wants: testWants, MaxText: 4 << 20}, bomb)
	if len(got) != 1 || stats.Damage == nil || !strings.Contains(stats.Damage.Reason, "more than 4 MiB") {
		t.Errorf("got %d records, damage %v; want the one record and the bound as reason", len(got), stats.Damage)
	}
}

// Lines may be of any number: 30 MB of them are read in windows, with a bound
// of less than that on one text.
func TestManyLinesAreReadInWindows(t *testing.T) {
	line := strings.Replace(other, `"x"`, `"`+strings.Repeat("y", 3000)+`"`, 1) + "\n"
	n := (30 << 20) / len(line)
	in := strings.Repeat(line, n) + login + "\n" + strings.Repeat(line, 10)
	got, stats := scanBytes(Options{Wants: testWants, MaxText: 12 << 20}, []byte(in))
	if len(got) != 1 || stats.Records != n+11 || stats.Damage != nil || stats.Text != int64(len(in)) {
		t.Errorf("got %d wanted of %d records, %d bytes, damage %v; want 1 of %d, %d bytes", len(got), stats.Records, stats.Text, stats.Damage, n+11, len(in))
	}
	got, stats = scanBytes(Options{Wants: testWants, MaxText: 12 << 20}, []byte(strings.Replace(in, login, login[:50], 1)))
	if stats.Damage == nil || stats.Damage.Offset != int64(n*len(line)) || len(got) != 0 || stats.Records != n+10 {
		t.Errorf("damage %v in %d records, want at %d", stats.Damage, stats.Records, n*len(line))
	}
}

// Many broken lines cost a few passes, not a pass each.
func TestBrokenLinesCostLittle(t *testing.T) {
	in := []byte(login + "\n" + strings.Repeat("{\"a\":\n", 1_000_000) + login)
	got, stats := scanBytes(Options{Wants: testWants}, in)
	if len(got) != 2 || stats.Damage == nil || stats.Damage.More < 999_000 {
		t.Errorf("got %d records, damage %+v", len(got), stats.Damage)
	}
}

type failing struct{ after io.Reader }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.after.Read(p)
	if err == io.EOF {
		err = errors.New("input/output error")
	}
	return n, err
}

func TestReadErrorKeepsWhatWasRead(t *testing.T) {
	var got int
	in := Input{Reader: failing{strings.NewReader(goodLog[:len(goodLog)-9])}}
	stats := NewScanner(Options{Wants: testWants}).Scan(in, func([]byte) { got++ })
	if got != 1 || stats.Damage == nil || stats.Damage.Reason != "input/output error" {
		t.Errorf("got %d records, damage %v", got, stats.Damage)
	}
	stats = NewScanner(Options{}).Scan(Input{Reader: failing{strings.NewReader("")}}, nil)
	if stats.Damage == nil || !strings.Contains(stats.Damage.Reason, "input/output error") {
		t.Errorf("damage %v, want the read error", stats.Damage)
	}
}

// A scanner is reused from input to input; nothing of one shows in the next.
func TestScannerIsReusable(t *testing.T) {
	s := NewScanner(Options{Wants: testWants})
	for range 3 {
		for _, in := range []string{goodLog, login[:40], login + "\n" + login + "\n", quiet, "x", goodLog} {
			want, wantStats := scanBytes(Options{Wants: testWants}, []byte(in))
			var got []string
			stats := s.Scan(Input{Reader: strings.NewReader(in)}, func(r []byte) { got = append(got, string(r)) })
			if d := cmp.Diff(describe(want, wantStats), describe(got, stats)); d != "" {
				t.Errorf("reused scanner on %.40q differs:\n%s", in, d)
			}
		}
	}
}

func seeds(f *testing.F, add func(in []byte)) {
	for _, a := range cases(f) {
		add(input(a))
	}
	for _, s := range []string{goodLog, quiet, forged, login, login + "\n" + other, `["` + strings.ReplaceAll(login, `"`, `\"`) + `"]`} {
		add([]byte(s))
	}
}

func FuzzScanner(f *testing.F) {
	seeds(f, func(in []byte) {
		f.Add(in)
		f.Add(compress(string(in)))
	})
	f.Fuzz(func(t *testing.T, in []byte) { againstOracle(t, in) })
}

// wrappings put a text into each container there is, beside or behind plain
// records.
var wrappings = []func(text string) string{
	func(t string) string { return `{"Records":[` + other + `,` + t + `,` + other + `]}` },
	func(t string) string { return `{"Records":[` + t + `]}` },
	func(t string) string { return `[` + other + `,` + t + `]` },
	func(t string) string { return other + "\n" + t + "\n" + other },
	func(t string) string { return `{"id":"1","source":"aws.signin","detail":` + t + `}` },
	func(t string) string {
		return `{"messageType":"DATA_MESSAGE","logEvents":[{"message":` + quote(t) + `}]}`
	},
	func(t string) string { return `{"awslogs":{"data":"` + b64(compress(t)) + `"}}` },
	func(t string) string {
		return `{"kinesis":{"data":"` + b64(compress(t)) + `"},"eventSource":"aws:kinesis","eventName":"aws:kinesis:record"}`
	},
	func(t string) string { return `{"records":[{"recordId":"1","data":"` + b64([]byte(t)) + `"}]}` },
	func(t string) string { return `{"Events":[{"EventName":"x","CloudTrailEvent":` + quote(t) + `}]}` },
	func(t string) string {
		return `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":` + quote(t) + `}}]}`
	},
	func(t string) string { return `{"messageId":"1","body":` + quote(t) + `}` },
	func(t string) string { return `{"Messages":[{"Body":` + quote(t) + `}]}` },
	func(t string) string { return `[{"field":"@message","value":` + quote(t) + `}]` },
	func(t string) string { return quote(t) },
	func(t string) string { return "2026-11-20T08:14:03.000Z stream " + t },
	func(t string) string { return `{"eventName":"PutObject","requestParameters":` + t + `}` },
	func(t string) string { return strings.ReplaceAll(quote(t), `\"`, `\u0022`) },
	func(t string) string { return string(compress(t)) },
}

func quote(s string) string {
	q, _ := json.Marshal(s)
	return string(q)
}

// FuzzContainers puts a text into up to three containers, one in the other.
func FuzzContainers(f *testing.F) {
	for i := range wrappings {
		for _, s := range []string{login, other, goodLog, forged, `{"eventName":null}`, strings.Replace(login, "Name", `\u004eame`, 1)} {
			f.Add([]byte(s), byte(i), byte(i*7), byte(0))
			f.Add([]byte(s), byte(i), byte(0), byte(i*5))
		}
	}
	seeds(f, func(in []byte) { f.Add(in, byte(len(in)), byte(len(in)>>3), byte(0)) })
	f.Fuzz(func(t *testing.T, in []byte, first, second, third byte) {
		text := string(in)
		for _, k := range []byte{first, second, third} {
			if k %= byte(len(wrappings) + 1); k > 0 {
				text = wrappings[k-1](text)
			}
		}
		againstOracle(t, []byte(text))
	})
}

// FuzzWalker holds the walker against encoding/json: where a valid value ends.
func FuzzWalker(f *testing.F) {
	seeds(f, func(in []byte) { f.Add(in) })
	for _, s := range []string{goodLog, `{"a":[1,"\\\"]",{}]} x`, `"\u0041\\" `, `-1.5e3,`, `[[[]]]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		end := valueEnd(in, 0)
		if end > len(in) {
			t.Fatalf("valueEnd(%q) = %d, beyond the end", in, end)
		}
		want, ok := jsonEnd(in)
		joined := ok && want < len(in) && !delimits(in[want]) && !delimits(in[want-1]) // 2026-11: encoding/json reads two numbers
		if ok && !joined && end != want {
			t.Errorf("valueEnd(%q) = %d, encoding/json ends at %d", in, end, want)
		}
	})
}

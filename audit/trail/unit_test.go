package trail

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// inString is a sign-in's name as it stands inside a string.
const inString = `\"eventName\":\"ConsoleLogin\"`

func TestMayWrap(t *testing.T) {
	long := strings.Repeat("x", farBack)
	for _, c := range []struct {
		name, before string
		want         bool
	}{
		{"a body", `{"body":"{`, true},
		{"white space around the colon", "{\"Message\" :\n\t\"{", true},
		{"much white space before the string", `{"body":` + strings.Repeat(" ", 2*farBack) + `"{`, true},
		{"a log message", `{"@message":"{`, true},
		{"a parameter", `{"policyDocument":"{`, false},
		{"a key that ends like one", `{"myMessage":"{`, false},
		{"an element of a list", `["{`, true},
		{"a later element of a list", `["a", "{`, true},
		{"a text of its own", `"{`, true},
		{"far inside a parameter: cannot be told", `{"p":"` + long, true},
		{"far inside, but with the key in sight", `{"p":"` + long[:farBack-10], false},
		{"the string opens where the sight ends", `{"CloudTrailEvent":"` + long[:farBack-1], true},
		{"the key ends where the sight ends", `{"CloudTrailEvent":"` + long[:farBack-2], true},
		{"the key lies across where the sight ends", `{"CloudTrailEvent":"` + long[:farBack-8], true},
		{"a backslash ends the string before", `{"a":"C:\\","body":"{`, true},
		{"a wrapping inside a wrapping", `{"body":"{\"p\":\"{\\`, true},
	} {
		h := hits{follow: true}
		if got := h.mayWrap([]byte(c.before+inString), len(c.before)+2); got != c.want {
			t.Errorf("%s: mayWrap = %v, want %v", c.name, got, c.want)
		}
	}
}

// The second key of a string has the answer of the first; the first of the
// next string its own.
func TestMayWrapGoesOnWhereItWas(t *testing.T) {
	b := []byte(`{"p":"{` + inString + strings.Repeat("x", 2*farBack) + inString + `}","body":"{` + inString + inString + `}","q":"` + inString + `"}`)
	want := []bool{false, true, true, true, false} // the second is too far to tell
	h := hits{follow: true}
	for i := range want {
		j := bytes.Index(b[h.last:], []byte(`\"eventName`)) + h.last + 2
		if got := h.mayWrap(b, j); got != want[i] {
			t.Errorf("key %d: mayWrap = %v, want %v", i, got, want[i])
		}
	}
}

func TestEscapedBlank(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
	}{
		{`\n"`, 2}, {`\t`, 2}, {`\r `, 2}, {`\\n"`, 3}, {`\\\\\n`, 6}, {`\"`, -1}, {`\`, -1}, {`\\`, -1}, {`\u000a`, -1},
	} {
		if got := escapedBlank([]byte(c.in), 0); got != c.want {
			t.Errorf("escapedBlank(%s) = %d, want %d", c.in, got, c.want)
		}
	}
}

func TestValueStart(t *testing.T) {
	for _, c := range []struct {
		in    string // behind the key's last letter
		want  string // from the value on; "-" for none
		plain bool
	}{
		{`":"X"`, `"X"`, true},
		{`" : "X"`, `"X"`, true},
		{"\"\t:\r\n\"X\"", `"X"`, true},
		{`":null`, `null`, true},
		{`":["X"]`, `["X"]`, true},
		{`\":\"X\"`, `\"X\"`, false},
		{`\\\" \n:\\t\\\"X`, `\\\"X`, false},
		{`","X"`, "-", false},
		{`s":"X"`, "-", false},
		{`"`, "-", false},
		{`":`, "", true},
		{``, "-", false},
		{`\`, "-", false},
	} {
		i, plain := valueStart([]byte(c.in), 0)
		got := "-"
		if i >= 0 {
			got = c.in[i:]
		}
		if got != c.want || plain != c.plain {
			t.Errorf("valueStart(%s) = %q, plain %v, want %q, %v", c.in, got, plain, c.want, c.plain)
		}
	}
}

func TestEscaped(t *testing.T) {
	for in, want := range map[string]bool{
		`Console\u004cogin`: true, `\u002e`: true, `\u0022eventName\u0022`: true, `{\\u0022`: true, `\u005cu0043`: true,
		`\u0040message`: true, `eventName\u0020`: true, `\u003a`: true, `\u000A`: true,
		`a\u0026b`: false, `\u003c\u003E`: false, `\u0027\u003d\u001b\u0000`: false, `\u00e9`: false, `\u2028`: false,
		`\u00`: false, `\u004`: false, `\u00zz`: false,
	} {
		if got := escaped([]byte(in)); got != want {
			t.Errorf("escaped(%s) = %v, want %v", in, got, want)
		}
	}
}

func TestStartsLines(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     bool
	}{
		{"one line", login, false},
		{"one line and its end", login + "\n \n", false},
		{"two lines", login + "\n" + login, true},
		{"two lines, CRLF", login + " \r\n" + login, true},
		{"a broken first line", login[:50] + "\n" + login, true},
		{"pretty-printed", "{\n  \"Records\": [\n", false},
		{"pretty-printed, more on the first line", "{\"Records\": [\n  {\n", false},
		{"pretty-printed, a comma", "[1,\n2]", false},
		{"exported lines", "2026-11-20T08:14:03Z " + login + "\n2026", true},
		{"an empty first line", "\n" + login + "\n" + login, false},
		{"nothing", "", false},
		{"a very long first line", strings.Repeat("x", nearby) + "\n" + login, false},
	} {
		if got := startsLines([]byte(c.in)); got != c.want {
			t.Errorf("%s: startsLines = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRoom(t *testing.T) {
	gz := compress(goodLog)
	lying := func(n uint32) []byte {
		b := bytes.Clone(gz)
		for i := range 4 {
			b[len(b)-4+i] = byte(n >> (8 * i))
		}
		return b
	}
	for _, c := range []struct {
		name string
		in   Input
		want int
	}{
		{"as written", Input{Size: int64(len(gz)), Tail: bytes.NewReader(gz)}, len(goodLog)},
		{"more than deflate can", Input{Size: int64(len(gz)), Tail: bytes.NewReader(lying(1 << 31))}, 0},
		{"more than one text may have", Input{Size: 1 << 30, Tail: io.NewSectionReader(bytes.NewReader(lying(1<<31)), int64(len(gz))-1<<30, 1<<30)}, DefaultMaxText},
		{"no tail", Input{Size: int64(len(gz))}, 0},
		{"no size", Input{Tail: bytes.NewReader(gz)}, 0},
		{"too small for gzip", Input{Size: 17, Tail: bytes.NewReader(gz)}, 0},
		{"shorter than it was", Input{Size: int64(len(gz)) + 100, Tail: bytes.NewReader(gz)}, 0},
	} {
		if got := NewScanner(Options{}).room(c.in); got != c.want {
			t.Errorf("%s: room = %d, want %d", c.name, got, c.want)
		}
	}
	// What ISIZE says is a hint: a lie changes nothing but the buffer.
	got, stats := scanBytes(Options{Wants: testWants}, lying(3))
	if len(got) != 1 || stats.Records != 3 {
		t.Errorf("with a lying ISIZE: got %d of %d records", len(got), stats.Records)
	}
}

func TestStatsKind(t *testing.T) {
	for _, c := range []struct {
		s    Stats
		want Kind
	}{
		{Stats{}, ""},
		{Stats{Kinds: map[Kind]int{KindDigest: 1}}, KindDigest},
		{Stats{Records: 1, Kinds: map[Kind]int{KindDigest: 1}}, ""},
		{Stats{Kinds: map[Kind]int{KindOther: 1, KindNotification: 3}}, KindNotification},
		{Stats{Kinds: map[Kind]int{KindOther: 2, KindInsight: 2}}, KindInsight}, // the order of a map must not show
	} {
		for range 20 {
			if got := c.s.Kind(); got != c.want {
				t.Fatalf("%v: Kind = %q, want %q", c.s, got, c.want)
			}
		}
	}
}

func TestForeign(t *testing.T) {
	for in, want := range map[string]string{
		"PK\x03\x04": "zip", "\x28\xb5\x2f\xfd\x00": "zstd", "BZh91AY": "bzip2", "\xfd7zXZ\x00": "xz", "PAR1": "Parquet",
		"SQLite format 3\x00": "SQLite", "<html>": "0x3c", "eventVersion,eventName": "0x65", "null": "0x6e",
	} {
		for name, b := range map[string][]byte{"plain": []byte(in), "gzip": compress(in), "with a mark": []byte("\xef\xbb\xbf" + in)} {
			_, s := scanBytes(Options{Wants: testWants}, b)
			if s.Kind() != KindNotJSON || s.Damage == nil || !strings.Contains(s.Damage.Reason, want) {
				t.Errorf("%s %q: kind %s, damage %v, want %s", name, in, s.Kind(), s.Damage, want)
			}
		}
	}
	for _, in := range []string{"{}", " [", `"x"`, "2026", "\xef\xbb\xbf\n{}", "", " "} {
		if why := foreign([]byte(in)); why != "" {
			t.Errorf("foreign(%q) = %q, want none", in, why)
		}
	}
}

func TestUTF16(t *testing.T) {
	wide := func(s string, big bool) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
			if big {
				u = u<<8 | u>>8
			}
			b = append(b, byte(u), byte(u>>8))
		}
		return b
	}
	text := strings.Replace(goodLog, `"x"`, `"Åsa 漢 😀"`, 1)
	for _, big := range []bool{false, true} {
		in := wide(text, big)
		for name, b := range map[string][]byte{"plain": in, "gzip": compress(string(in))} {
			got, stats := scanBytes(Options{All: true}, b)
			if len(got) != 3 || stats.Damage != nil || !strings.Contains(got[0], "Åsa 漢 😀") {
				t.Errorf("%s, big %v: got %q, damage %v", name, big, got, stats.Damage)
			}
		}
	}
	// A reader that gives one byte at a time, and a text that ends inside a unit.
	half := append(wide("a😀", false), 0x00, 0xd8, 'b', 0, 'x')
	u := newUTF16(oneByte{bytes.NewReader(half)})
	if got, err := io.ReadAll(u); string(got) != "a😀\ufffdb" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	// Lines in UTF-16 are read in windows too.
	line := strings.Replace(other, `"x"`, `"`+strings.Repeat("y", 3000)+`"`, 1) + "\n"
	n := (10 << 20) / len(line)
	got, stats := scanBytes(Options{Wants: testWants, MaxText: 9 << 20}, wide(strings.Repeat(line, n)+login, false))
	if len(got) != 1 || stats.Records != n+1 || stats.Damage != nil {
		t.Errorf("lines: got %d of %d records, damage %v; want 1 of %d", len(got), stats.Records, stats.Damage, n+1)
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1)]) }

// Firehose compresses what CloudWatch Logs compressed already. There are also
// gzip streams without end inside.
func TestGzipInGzip(t *testing.T) {
	in := []byte(goodLog)
	for range 1 + maxLayers {
		in = compress(string(in))
		got, stats := scanBytes(Options{Wants: testWants}, in)
		if len(got) != 1 || stats.Records != 3 || stats.Damage != nil {
			t.Fatalf("got %d of %d records, damage %v", len(got), stats.Records, stats.Damage)
		}
		againstOracle(t, in)
	}
	_, stats := scanBytes(Options{Wants: testWants}, compress(string(in)))
	if stats.Kind() != KindNotJSON || stats.Damage == nil {
		t.Errorf("one layer too many: kind %s, damage %v", stats.Kind(), stats.Damage)
	}
	cut := compress(goodLog)
	got, stats := scanBytes(Options{Wants: testWants}, compress(string(cut[:len(cut)-9])))
	if len(got) != 1 || stats.Damage == nil || !strings.Contains(stats.Damage.Reason, "breaks off") {
		t.Errorf("cut inside: got %d records, damage %v", len(got), stats.Damage)
	}
}

// A blank first line before eight megabytes made the judgement of lines fail.
func TestBlankLinesBeforeAWindow(t *testing.T) {
	for _, blank := range []string{"\n", "\r\n \n", "\xef\xbb\xbf\n\n", strings.Repeat("\n", window+10)} {
		in := blank + strings.Repeat(other+"\n", window/len(other)+10) + login + "\n"
		got, stats := scanBytes(Options{Wants: testWants}, []byte(in))
		if len(got) != 1 || stats.Damage != nil {
			t.Errorf("after %.10q: got %d records, damage %v", blank, len(got), stats.Damage)
		}
	}
}

func TestOffsetsCountTheByteOrderMark(t *testing.T) {
	const mark = "\xef\xbb\xbf"
	_, stats := scanBytes(Options{Wants: testWants}, []byte(mark+login+"\nhello\n"+login))
	if want := int64(len(mark + login + "\n")); stats.Damage == nil || stats.Damage.Offset != want {
		t.Errorf("damage %v, want at %d", stats.Damage, want)
	}
	if want := int64(len(mark + login + "\nhello\n" + login)); stats.Text != want {
		t.Errorf("%d bytes of text, want %d", stats.Text, want)
	}
	got, stats := scanBytes(Options{Wants: testWants}, []byte(mark+goodLog+"\n"+mark+goodLog)) // cat a.json b.json
	if len(got) != 2 || stats.Records != 6 || stats.Damage != nil {
		t.Errorf("two files joined: got %d of %d records, damage %v", len(got), stats.Records, stats.Damage)
	}
}

func TestOffsetInASecondList(t *testing.T) {
	in := `{"Records":[` + login + `],"Records":[` + login + ` 5]}`
	_, stats := scanBytes(Options{Wants: testWants}, []byte(in))
	if stats.Damage == nil || int(stats.Damage.Offset) < strings.LastIndex(in, "[") {
		t.Errorf("damage %v, want it in the second list", stats.Damage)
	}
}

func pretty(record string) string {
	var b bytes.Buffer
	_ = json.Indent(&b, []byte(record), "", "  ")
	return b.String()
}

// A pretty-printed text among lines, wherever a window may end in it.
func TestPrettyTextAcrossWindows(t *testing.T) {
	line := strings.Replace(other, `"x"`, `"`+strings.Repeat("y", 1<<10)+`"`, 1) + "\n"
	text := pretty(login) + "\n"
	lines := (window - 2000) / len(line)
	for pad := 0; pad < 3000; pad += 97 {
		filler := strings.Replace(other, `"x"`, `"`+strings.Repeat("z", window-2000-lines*len(line)+pad)+`"`, 1) + "\n"
		in := strings.Repeat(line, lines) + filler + text + strings.Repeat(line, 3) + text
		got, stats := scanBytes(Options{Wants: testWants}, []byte(in))
		if len(got) != 2 || stats.Records != lines+6 || stats.Damage != nil {
			t.Fatalf("pad %d: got %d of %d records, damage %v; want 2 of %d", pad, len(got), stats.Records, stats.Damage, lines+6)
		}
	}
}

// One that is larger than a window, and one that never ends: the lines behind
// it still count.
func TestLargePrettyTextAmongLines(t *testing.T) {
	many := strings.Repeat(other+",", (20<<20)/len(other)) + login
	in := login + "\n" + strings.Replace(`{"a":1,`+"\n"+`"Records":[`+many+"]}", ",{", ",\n{", -1) + "\n" + login + "\n"
	got, stats := scanBytes(Options{Wants: testWants}, []byte(in))
	if len(got) != 3 || stats.Damage != nil {
		t.Errorf("large: got %d records, damage %v", len(got), stats.Damage)
	}
	lines := strings.Repeat(other+"\n", (20<<20)/len(other))
	got, stats = scanBytes(Options{Wants: testWants}, []byte(login+"\n{\"a\":[\n1,\n"+lines+login+"\n"))
	if len(got) != 2 || stats.Damage == nil || stats.Damage.Offset != int64(len(login)+1) {
		t.Errorf("without end: got %d records, damage %v", len(got), stats.Damage)
	}
}

// Each of these took time that grows with the square of the input, or with a
// constant of thousands.
func TestTimeIsLinear(t *testing.T) {
	inner := strings.Repeat(inString+",", 8<<20/len(inString))
	for name, in := range map[string]string{
		"many texts on one line":                   login + "\n" + strings.Repeat("{}", 4<<20) + "\n" + login,
		"many numbers on one line":                 login + "\n" + strings.Repeat("1 {}", 2<<20) + "\n" + login,
		"names inside one string":                  `{"Records":[` + login + `,{"eventName":"X","p":"` + inner + `"},` + login + `]}`,
		"names inside a string that may wrap":      `{"Records":[` + login + `,{"eventName":"X","body":"` + inner + `"},` + login + `]}`,
		"names inside many strings":                `{"Records":[` + login + `,{"eventName":"X","p":[` + strings.Repeat(`"`+inString+`",`, 8<<20/len(inString)) + `1]},` + login + `]}`,
		"names in one string, blanks before":       `{"Records":[` + login + `,{"eventName":"X","p":` + strings.Repeat(" ", 4<<20) + `"` + inner + `"},` + login + `]}`,
		"broken lines that look whole for a while": login + "\n" + strings.Repeat(`{"a":[`+strings.Repeat("1,", 400)+"\n", 10000) + login,
		"members of one object":                    `{"Records":[` + login + `,{` + strings.Repeat(`"a":1,`, 2<<20) + `"eventName":"ConsoleLogin"},` + login + `]}`,
		"brackets":                                 login + "\n" + strings.Repeat("[", 4<<20) + "\n" + login,
		"escaped quotes":                           login + "\n\"" + strings.Repeat(`\"`, 4<<20) + "\"\n" + login,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			got, _ := scanBytes(Options{Wants: testWants}, []byte(in))
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v for %d MB", took, len(in)>>20)
			}
			if len(got) < 2 {
				t.Errorf("got %d records, want the two logins", len(got))
			}
		})
	}
}

// Many bombs inside one small input: what they inflate to together is bounded.
func TestBombsInsideWrappings(t *testing.T) {
	const limit = 4 << 20
	bomb := `{"awslogs":{"data":"` + b64(compress(strings.Repeat(" ", limit-10))) + `"}}`
	in := "[" + strings.Repeat(bomb+",", 500) + login + "]"
	s := NewScanner(Options{Wants: testWants, MaxText: limit})
	got := 0
	stats := s.Scan(Input{Reader: strings.NewReader(in), Size: int64(len(in))}, func([]byte) { got++ })
	if most := int64(limit + wrappedRatio*len(in) + 1); s.inflated > most {
		t.Errorf("inflated %d bytes, want at most %d", s.inflated, most)
	}
	if got != 1 || stats.Damage == nil || stats.Damage.Reason != errTooMuch.Error() {
		t.Errorf("got %d records, damage %v; want the login and the bound as reason", got, stats.Damage)
	}
	// A bomb inside a bomb: what is held at a time is bounded too.
	nested := strings.Repeat(" ", limit/2)
	for range 6 {
		nested = `{"awslogs":{"data":"` + b64(compress(nested)) + `"}}` + strings.Repeat(" ", limit/2)
	}
	_, stats = scanBytes(Options{Wants: testWants, MaxText: limit}, compress(strings.TrimRight(nested, " ")))
	if stats.Damage == nil || stats.Damage.Reason != errTooMuch.Error() {
		t.Errorf("nested: damage %v, want the bound as reason", stats.Damage)
	}
}

// A small bound on one text must hold and not hang, and lines are bounded one by one.
func TestSmallMaxText(t *testing.T) {
	in := strings.Repeat(other+"\n", 1000) + login + "\n"
	for _, limit := range []int{1, 10, 100, 1000, 5000, 70_000} {
		got, stats := scanBytes(Options{Wants: testWants, MaxText: limit}, []byte(in))
		if whole := limit >= 1000; whole && (len(got) != 1 || stats.Damage != nil) || !whole && stats.Damage == nil {
			t.Errorf("MaxText %d: got %d records, damage %v", limit, len(got), stats.Damage)
		}
	}
}

// An object with more members than anyone writes must not be kept in parts.
func TestSplitKeepsWhatItKnows(t *testing.T) {
	object := "{" + strings.Repeat(`"a":1,"detail":{},`, 100_000) + `"eventName":"X","event\u004eame":"Y"}`
	ps, ok := split([]byte(object))
	if !ok || len(ps) > 3 || ps.text("eventName") != "Y" {
		t.Errorf("split: %d parts, ok %v, eventName %q; want the last of each known member", len(ps), ok, ps.text("eventName"))
	}
}

// Names that a search by letters and digits cannot tell apart are told apart later.
func TestWantedNameWithOtherLetters(t *testing.T) {
	o := Options{Wants: []Want{{Name: "A-b", Source: "s"}}}
	got, _ := scanBytes(o, []byte(`{"Records":[{"eventName":"A-b","eventSource":"s"},{"eventName":"A","eventSource":"s"},{"eventName":"A-c","eventSource":"s"}]}`))
	if len(got) != 1 || !strings.Contains(got[0], "A-b") {
		t.Errorf("got %q, want the one record named A-b", got)
	}
}

// More keys than any trail has: their places are not kept, every record is looked at.
func TestCrowdedText(t *testing.T) {
	const n = 200_000
	in := `[` + strings.Repeat(`{"eventName":"X"},`, n) + login + `]`
	s := NewScanner(Options{Wants: testWants})
	var got int
	stats := s.Scan(Input{Reader: strings.NewReader(in)}, func([]byte) { got++ })
	if got != 1 || stats.Records != n+1 || cap(s.found.named.at) > 2*(roomy+len(in)/sparse) {
		t.Errorf("got %d of %d records with %d places kept", got, stats.Records, cap(s.found.named.at))
	}
}

// What was handed over before a break is not handed over again after it.
func TestNothingTwiceAfterABreak(t *testing.T) {
	in := `{"Records":[` + other + `],"Records":[` + "\n" + login + ",\n" + login + `],"x":` + "\n" + `{"eventName":"X"`
	got, stats := scanBytes(Options{Wants: testWants}, []byte(in))
	if len(got) != 2 || stats.Damage == nil {
		t.Errorf("got %d records, damage %v; want the two once", len(got), stats.Damage)
	}
}

// A record that breaks off is no container, whatever lists stand in it.
func TestCutRecordIsNoContainer(t *testing.T) {
	for _, in := range []string{
		`{"eventName":"X","requestParameters":{"Records":[` + login + `,`,
		`{"eventName":"X","Records":[` + login + `,`,
		`{"userIdentity":{},"requestParameters":{"Events":[` + login + `],"eventName":"X"`,
	} {
		if got, stats := scanBytes(Options{Wants: testWants}, []byte(in)); len(got) != 0 || stats.Damage == nil {
			t.Errorf("%s: got %q, damage %v; want damage alone", in, got, stats.Damage)
		}
	}
}

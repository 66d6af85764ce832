package trail

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
)

// Want names the records a caller wants: by eventName and eventSource and,
// where Key is set, only those that hold that key somewhere (for names so
// frequent that most of their records matter to nobody). The only Key known is
// "serialNumber".
type Want struct {
	Name, Source, Key string
}

// wants is the lookup of wanted names.
type wants struct {
	byName map[string][]Want
	words  map[string]bool // what a name that is wanted without a key begins with
	keyed  bool            // some are wanted only with a key
}

func newWants(list []Want) wants {
	w := wants{map[string][]Want{}, map[string]bool{}, false}
	for _, want := range list {
		w.byName[want.Name] = append(w.byName[want.Name], want)
		if want.Key == "" {
			w.words[string(word([]byte(want.Name), 0))] = true
		} else {
			w.keyed = true
		}
	}
	return w
}

// match tells whether the record is wanted. One without a source is: the
// caller says that it is unreadable.
func (w wants) match(name, source string, record []byte) bool {
	for _, want := range w.byName[name] {
		if (sameService(want.Source, source) || source == "") && (want.Key == "" || holds(record, want.Key)) {
			return true
		}
	}
	return false
}

// sameService compares event sources by their first label: what an unknown
// partition writes behind it is for the caller to judge.
func sameService(a, b string) bool {
	a, _, _ = strings.Cut(a, ".")
	b, _, _ = strings.Cut(b, ".")
	return a == b
}

// holds tells whether the word stands in the record, however it is spelled.
func holds(record []byte, word string) bool {
	if bytes.Contains(record, []byte(word)) {
		return true
	}
	if !escaped(record) {
		return false
	}
	var v any
	if json.Unmarshal(record, &v) != nil {
		return true // the caller says that it is unreadable
	}
	plain, _ := json.Marshal(v)
	return bytes.Contains(plain, []byte(word))
}

// hits is what one pass over a text found.
type hits struct {
	wanted  marks // what may belong to a wanted record
	named   marks // eventName keys that are not inside a string
	escaped bool  // an escape may hide a name, or where it stands
	crowded bool  // so many keys that their places are not kept

	last   int  // the key inside a string that mayWrap looked at last
	follow bool // what it said
}

// marks are places in a text, ascending.
type marks struct {
	at   []int
	next int // the first that within has not passed
}

// within tells whether a mark lies in [start, end); start must not decrease
// from call to call.
func (m *marks) within(start, end int) bool {
	for m.next < len(m.at) && m.at[m.next] < start {
		m.next++
	}
	return m.next < len(m.at) && m.at[m.next] < end
}

// passed tells whether there is no mark from i on.
func (m *marks) passed(i int) bool { return len(m.at) == 0 || m.at[len(m.at)-1] < i }

// The keys are found by their capital N: rare in CloudTrail's text, so that
// bytes.IndexByte runs at memory speed, and one pass serves any number of
// names. (One pass per name costs more than decompression from about twenty
// names on; a needle with a leading quote is several times slower in
// bytes.Index.)
var (
	wordName = binary.LittleEndian.Uint32([]byte("Name"))
	wordVent = binary.LittleEndian.Uint32([]byte("vent"))
	wordNumb = binary.LittleEndian.Uint32([]byte("Numb"))
	wordRial = binary.LittleEndian.Uint32([]byte("rial"))
)

// prefilter finds every eventName key with a wanted value, at any depth and
// under any number of escaping backslashes, so that it misses none of the
// records it is asked for unless escaped or crowded is set.
func prefilter(b []byte, w wants, h *hits) {
	*h = hits{wanted: marks{at: h.wanted.at[:0]}, named: marks{at: h.named.at[:0]}, escaped: escaped(b), follow: true}
	room := roomy + len(b)/sparse
	for i := 5; i < len(b); i++ { // a key's letters before the N come first
		j := bytes.IndexByte(b[i:], 'N')
		if j < 0 || i+j+6 > len(b) {
			return
		}
		i += j
		before, after := binary.LittleEndian.Uint32(b[i-4:]), binary.LittleEndian.Uint32(b[i:])
		switch {
		case after == wordName && before == wordVent && b[i-5] == 'e':
			h.name(b, i-5, w)
		case after == wordNumb && before == wordRial && w.keyed:
			h.wanted.at = append(h.wanted.at, i) // whichever record it stands in
		default:
			continue
		}
		if len(h.named.at) > room || len(h.wanted.at) > room {
			h.crowded = true
			return
		}
	}
}

// The marks of a text may take up an eighth of its memory, plus a little: more
// than one key in sparse bytes is no trail.
const roomy, sparse = 1 << 10, 128

// name takes note of an eventName that begins at i.
func (h *hits) name(b []byte, i int, w wants) {
	value, plain := valueStart(b, i+len("eventName"))
	if value < 0 {
		return
	}
	if plain && i > 0 && b[i-1] == '"' {
		h.named.at = append(h.named.at, i)
	}
	if w.mayWant(b, value) && (plain || h.mayWrap(b, i)) {
		h.wanted.at = append(h.wanted.at, i)
	}
}

// mayWant tells whether the value of an eventName at i must be looked at: a
// wanted name; one that is no text or empty, of which the caller says that it
// is unreadable; or one with a colon, such as aws:kinesis:record, which wraps
// records.
func (w wants) mayWant(b []byte, i int) bool {
	i, _ = closing(b, i)
	if i < 0 {
		return true
	}
	name := word(b, i)
	i += len(name)
	return w.words[string(name)] || len(name) == 0 || i < len(b) && b[i] == ':'
}

// listKeys hold lists of records or of wrapped records: a log file or a Lambda
// batch; LookupEvents; CloudWatch Logs (subscription, then its API); Firehose;
// SQS; Logs Insights.
var listKeys = []string{"Records", "Events", "logEvents", "events", "records", "Messages", "results"}

// textKeys hold a record as text: LookupEvents; SQS (Lambda, then its API); SNS
// to SQS; a log event, in two spellings.
var textKeys = []string{"CloudTrailEvent", "body", "Body", "Message", "message", "@message"}

// followed are the keys whose text the scanner looks into, as mayWrap sees
// them; value is that of a Logs Insights cell.
var followed = quoted(append(slices.Clone(textKeys), "value"))

func quoted(keys []string) [][]byte {
	var q [][]byte
	for _, k := range keys {
		q = append(q, []byte(`"`+k+`"`))
	}
	return q
}

// farBack bounds how far back mayWrap looks for the beginning of a string.
const farBack = 4 << 10

// mayWrap tells whether the string around i may be one that the scanner looks
// into. Most records inside strings are not: somebody wrote them into a
// parameter. It needs only the string's key, which stands right before it; when
// that is not found the answer is yes. Between the key that it looked at last
// and i it looks once: where no string opens there, both are in the same one.
func (h *hits) mayWrap(b []byte, i int) bool {
	from := max(0, i-farBack)
	open := opening(b, max(from, h.last), i)
	if open >= 0 {
		h.follow = isFollowed(b, open)
	} else if from > h.last {
		h.follow = true
	}
	h.last = i
	return h.follow
}

// opening gives the last quote in [from, i) that is not escaped; -1 for none.
func opening(b []byte, from, i int) int {
	for {
		i = from + bytes.LastIndexByte(b[from:i], '"')
		if i < from {
			return -1
		}
		if i == 0 || b[i-1] != '\\' {
			return i
		}
	}
}

// isFollowed tells whether the string that opens at i has a key that the
// scanner follows, or none: an element of a list, or a text of its own.
func isFollowed(b []byte, i int) bool {
	i = spaceBefore(b, i)
	if i == 0 || b[i-1] != ':' {
		return true
	}
	before := b[:spaceBefore(b, i-1)]
	return slices.ContainsFunc(followed, func(key []byte) bool { return bytes.HasSuffix(before, key) })
}

// spaceBefore gives where the white space that ends at i begins.
func spaceBefore(b []byte, i int) int {
	for i > 0 && space(b[i-1]) {
		i--
	}
	return i
}

// valueStart goes from behind a key's last letter over its closing quote and
// the colon, with whatever white space and backslashes (of an enclosing string)
// stand between. plain is true when there is no backslash: the key is not
// inside a string. It gives -1 when no value follows.
func valueStart(b []byte, i int) (start int, plain bool) {
	i, plain = closing(b, i)
	if i < 0 {
		return -1, false
	}
	i = blanks(b, i)
	if i >= len(b) || b[i] != ':' {
		return -1, false
	}
	return blanks(b, i+1), plain
}

// closing steps over backslashes and the quote behind them.
func closing(b []byte, i int) (int, bool) {
	start := i
	for i < len(b) && b[i] == '\\' {
		i++
	}
	if i >= len(b) || b[i] != '"' {
		return -1, false
	}
	return i + 1, i == start
}

// blanks steps over white space, also the escaped kind (\n, \t, \r) of a record
// inside a string.
func blanks(b []byte, i int) int {
	for i < len(b) {
		switch {
		case space(b[i]):
			i++
		case b[i] == '\\' && escapedBlank(b, i) > 0:
			i = escapedBlank(b, i)
		default:
			return i
		}
	}
	return i
}

func escapedBlank(b []byte, i int) int {
	for i < len(b) && b[i] == '\\' {
		i++
	}
	if i < len(b) && (b[i] == 'n' || b[i] == 't' || b[i] == 'r') {
		return i + 1
	}
	return -1
}

// word gives the letters and digits from i on.
func word(b []byte, i int) []byte {
	end := i
	for end < len(b) && alphanumeric(b[end]) {
		end++
	}
	return b[i:end]
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// escaped tells whether some \u00XX in b may hide a name from a search: a letter,
// digit or dot of it, or, of a record inside a string, what stands around it.
// CloudTrail escapes <, > and & so, never these.
func escaped(b []byte) bool {
	for {
		i := bytes.Index(b, []byte(`\u00`))
		if i < 0 || i+6 > len(b) {
			return false
		}
		if c, ok := hexByte(b[i+4], b[i+5]); ok && (alphanumeric(c) || strings.IndexByte(".@:\"\\ \t\r\n", c) >= 0) {
			return true
		}
		b = b[i+4:]
	}
}

func hexByte(high, low byte) (byte, bool) {
	h, okH := nibble(high)
	l, okL := nibble(low)
	return h<<4 | l, okH && okL
}

func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

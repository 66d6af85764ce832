package trail

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Want names the records a caller wants: by eventName and eventSource and,
// where Key is set, only those that hold that key somewhere (for names so
// frequent that most of their records matter to nobody). The only Key known is
// "serialNumber".
type Want struct {
	Name, Source, Key string
}

// wants is the lookup of wanted names.
type wants map[string][]Want

func newWants(list []Want) wants {
	w := make(wants, len(list))
	for _, want := range list {
		w[want.Name] = append(w[want.Name], want)
	}
	return w
}

// match tells whether the record is wanted. One without a source is: the
// caller says that it is unreadable.
func (w wants) match(name, source string, record []byte) bool {
	for _, want := range w[name] {
		keyed := want.Key == "" || bytes.Contains(record, []byte(want.Key))
		if keyed && (want.Source == source || source == "") {
			return true
		}
	}
	return false
}

// hits is what one pass over a text found.
type hits struct {
	at      []int // where an eventName key has a wanted value that may count, ascending
	names   int   // eventName keys that are not inside a string
	escaped bool  // an escape spells a letter, digit or dot: names may be hidden

	pending int  // where a wanted name begins that still needs a serialNumber; -1 for none
	serial  bool // a serialNumber was seen since the last name
	next    int  // the first of at that within has not passed
}

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
// records it is asked for unless escaped is set.
func prefilter(b []byte, w wants, h *hits) {
	*h = hits{at: h.at[:0], escaped: escaped(b), pending: -1}
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
		case after == wordNumb && before == wordRial:
			h.serialNumber()
		}
	}
}

// name takes note of an eventName that begins at i.
func (h *hits) name(b []byte, i int, w wants) {
	value, plain := valueStart(b, i+len("eventName"))
	if value < 0 {
		return
	}
	if plain && i > 0 && b[i-1] == '"' {
		h.names++
	}
	needsKey, wanted := w.needs(word(b, value))
	serial := h.serial
	h.pending, h.serial = -1, false
	switch {
	case !wanted, !plain && !mayWrap(b, i):
	case needsKey && !serial:
		h.pending = i
	default:
		h.at = append(h.at, i)
	}
}

// wrapperKeys are the keys whose text the scanner looks into.
var wrapperKeys = []string{"CloudTrailEvent", "body", "Body", "Message", "message", "@message", "value"}

// farBack bounds how far back mayWrap looks for the beginning of a string.
const farBack = 4 << 10

// mayWrap tells whether the string around i may be one that the scanner looks
// into. Most records inside strings are not: somebody wrote them into a
// parameter. It needs only the string's key, which stands right before it; when
// that is not found the answer is yes.
func mayWrap(b []byte, i int) bool {
	from := max(0, i-farBack)
	open := i
	for {
		open = from + bytes.LastIndexByte(b[from:open], '"')
		if open < from {
			return true
		}
		if open == 0 || b[open-1] != '\\' {
			break
		}
	}
	before := bytes.TrimRight(b[from:open], " \t\r\n")
	if len(before) == 0 || before[len(before)-1] != ':' {
		return true // an element of a list, or a text of its own
	}
	before = bytes.TrimRight(before[:len(before)-1], " \t\r\n")
	return slices.ContainsFunc(wrapperKeys, func(key string) bool { return bytes.HasSuffix(before, []byte(`"`+key+`"`)) })
}

// serialNumber makes a wanted name count that needed the key, whichever of the
// two comes first in the record.
func (h *hits) serialNumber() {
	h.serial = true
	if h.pending >= 0 {
		h.at, h.pending = append(h.at, h.pending), -1
	}
}

// within tells whether a hit lies in [start, end); start must not decrease from
// call to call.
func (h *hits) within(start, end int) bool {
	for h.next < len(h.at) && h.at[h.next] < start {
		h.next++
	}
	return h.next < len(h.at) && h.at[h.next] < end
}

// passed tells whether there is no hit from i on.
func (h *hits) passed(i int) bool { return len(h.at) == 0 || h.at[len(h.at)-1] < i }

// needs tells whether name is wanted, and if so whether only with a key.
func (w wants) needs(name []byte) (key, wanted bool) {
	list, wanted := w[string(name)]
	for _, want := range list {
		if want.Key == "" {
			return false, true
		}
	}
	return wanted, wanted
}

// valueStart goes from behind a key's last letter over its closing quote, the
// colon and the value's opening quote, with whatever white space and
// backslashes (of an enclosing string) stand between. plain is true when there
// is no backslash: the key is not inside a string. It gives -1 when no text
// value follows.
func valueStart(b []byte, i int) (start int, plain bool) {
	i, plain = closing(b, i)
	if i < 0 {
		return -1, false
	}
	i = blanks(b, i)
	if i >= len(b) || b[i] != ':' {
		return -1, false
	}
	i = blanks(b, i+1)
	i, _ = closing(b, i)
	return i, plain
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

// escaped tells whether some \u00XX in b spells a letter, a digit or a dot:
// then a key or a name may be written in a way that no search finds. Writers of
// JSON escape <, > and & so, never these.
func escaped(b []byte) bool {
	for {
		i := bytes.Index(b, []byte(`\u00`))
		if i < 0 || i+6 > len(b) {
			return false
		}
		if c, ok := hexByte(b[i+4], b[i+5]); ok && (alphanumeric(c) || c == '.') {
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

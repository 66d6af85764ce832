package trail

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

// The walker finds where JSON values begin and end without decoding them. It
// follows strings, escapes and nesting exactly and checks nothing else, so on
// valid JSON it is exact, and on anything else it stops at the end of the text
// at the latest. It does not recurse: nesting is bounded by the text alone.

const (
	eachByte  = 0x0101010101010101
	highBits  = 0x8080808080808080
	quoteByte = '"' * eachByte
	slashByte = '\\' * eachByte
)

// stringEnd gives the index after the closing quote of the string whose first
// byte is at i, or -1 when the text ends first. It looks at eight bytes at a
// time for a quote or a backslash (Mycroft's test for a zero byte; its lowest
// hit is exact).
func stringEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s := w^quoteByte, w^slashByte
		hit := ((q-eachByte)&^q | (s-eachByte)&^s) & highBits
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if b[i] == '"' {
			return i + 1
		}
		i += 2
	}
	for i < len(b) {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
		i++
	}
	return -1
}

// containerEnd gives the index after the bracket that closes the object or
// list opened at i, or -1 when the text ends first. (Masks of 64 bytes at a
// time, as simdjson has them, gained nothing here without vector instructions.)
func containerEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		c := b[i]
		if c == '"' {
			if i = stringsEnd(b, i+1); i < 0 {
				return -1
			}
			continue
		}
		i++
		switch c | 0x20 { // '[' and '{' differ from each other in that bit, as do ']' and '}'
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// stringsEnd is stringEnd for a run of strings with one byte between each two,
// as "key":"value","key" is: most of a record.
func stringsEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s := w^quoteByte, w^slashByte
		hit := ((q-eachByte)&^q | (s-eachByte)&^s) & highBits
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if b[i] == '\\' {
			i += 2
			continue
		}
		i++
		if i+1 >= len(b) || b[i+1] != '"' || b[i] != ':' && b[i] != ',' {
			return i
		}
		i += 2
	}
	return stringEnd(b, i)
}

// valueEnd gives the index after the value that begins at i, or -1 when the
// text ends first or no value begins there.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '{', '[':
		return containerEnd(b, i)
	case '"':
		return stringEnd(b, i+1)
	}
	start := i
	for i < len(b) && !delimits(b[i]) {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func delimits(c byte) bool {
	return space(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '{' || c == '[' || c == '"'
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && space(b[i]) {
		i++
	}
	return i
}

// elements calls visit with each complete element of the list opened at i until
// it gives false. elements gives the index after the list's end and true, or
// the index where the last complete element ended and false when the list
// breaks off, is malformed or was left by visit.
func elements(b []byte, i int, visit func(start, end int) bool) (int, bool) {
	i++
	good := i
	if j := skipSpace(b, i); j < len(b) && b[j] == ']' {
		return j + 1, true
	}
	for {
		start := skipSpace(b, i)
		end := valueEnd(b, start)
		if end < 0 {
			return good, false
		}
		good = end
		if !visit(start, end) {
			return good, false
		}
		i = skipSpace(b, end)
		if i >= len(b) || b[i] != ',' {
			break
		}
		i++
	}
	if i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	return good, false
}

// members calls visit with the key, as it is written, and the value of each
// member of the object opened at i, in order. It gives the index after the
// object's end, or where the last complete member ended and false.
func members(b []byte, i int, visit func(key []byte, start, end int)) (int, bool) {
	i++
	good := i
	if j := skipSpace(b, i); j < len(b) && b[j] == '}' {
		return j + 1, true
	}
	for {
		k := skipSpace(b, i)
		start, ok := keyEnd(b, k)
		if !ok {
			return good, false
		}
		end := valueEnd(b, start)
		if end < 0 {
			return good, false
		}
		visit(key(b[k:]), start, end)
		good = end
		i = skipSpace(b, end)
		if i >= len(b) || b[i] != ',' {
			break
		}
		i++
	}
	if i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	return good, false
}

// keyEnd gives where the value of the key at k begins.
func keyEnd(b []byte, k int) (int, bool) {
	if k >= len(b) || b[k] != '"' {
		return 0, false
	}
	i := stringEnd(b, k+1)
	if i < 0 {
		return 0, false
	}
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return 0, false
	}
	return skipSpace(b, i+1), true
}

// key gives the key that b begins with, quotes included.
func key(b []byte) []byte { return b[:stringEnd(b, 1)] }

// bare gives what stands between the quotes of a JSON string, without a copy
// where nothing in it is escaped.
func bare(raw []byte) []byte {
	if len(raw) >= 2 && raw[0] == '"' && asWritten(raw[1:len(raw)-1]) {
		return raw[1 : len(raw)-1]
	}
	return []byte(unquote(raw))
}

// asWritten tells whether s, from inside a JSON string, stands for itself.
func asWritten(s []byte) bool {
	for _, c := range s {
		if c == '\\' || c >= 0x80 || c < 0x20 {
			return false
		}
	}
	return true
}

// unquote reads a JSON string, quotes included; "" when it is none.
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if asWritten(raw[1 : len(raw)-1]) {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

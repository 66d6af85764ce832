package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// texts reads the JSON texts in b, one after the other: one for a log file,
// many for JSON lines. deep is the number of containers around b.
func (s *Scanner) texts(b []byte, deep int) {
	for i := skipBlank(b, 0); i < len(b) && !s.done; i = skipBlank(b, i) {
		s.place(i, deep)
		end, why := s.text(b, i, deep)
		if s.carry >= 0 && deep == 0 {
			return
		}
		if why == "" {
			i = end
			continue
		}
		s.damage(end, deep, why)
		i = s.nextText(b, i, end, deep)
		s.stray(bytes.Trim(b[end:i], ", \t\r\n"))
	}
}

// skipBlank steps over white space and the byte order marks of files that were
// joined.
func skipBlank(b []byte, i int) int {
	for i = skipSpace(b, i); bytes.HasPrefix(b[i:], bom); i = skipSpace(b, i) {
		i += len(bom)
	}
	return i
}

// text reads the text that begins at i. It gives its end, or the end of the
// last complete record and why it ended there.
func (s *Scanner) text(b []byte, i, deep int) (int, string) {
	line := b
	if deep == 0 && (s.startsLines(b, i) || s.resumed) {
		end := s.lineOrMore(b, i)
		if end < 0 {
			s.carry = i
			return i, ""
		}
		line = b[:end]
	}
	switch {
	case line[i] == '{' && recordsList(line, i) > 0:
		return s.log(line, i, deep)
	case line[i] == '[':
		return s.bareList(line, i, deep)
	case line[i] == '{', line[i] == '"':
		return s.single(line, i, deep)
	case '0' <= line[i] && line[i] <= '9':
		return s.logLine(line, i, deep)
	}
	return i, "not JSON"
}

// lineOrMore gives the end of the line at i or, where a text that is valid JSON
// runs over it, the end of that; -1 when that may run over the window.
func (s *Scanner) lineOrMore(b []byte, i int) int {
	eol := s.endOfLine(b, i)
	if eol == len(b) || valueEnd(b[:eol], i) > 0 || !s.runsOn(b[i:]) {
		return eol
	}
	end := valueEnd(b, i)
	switch {
	case end > 0 && json.Valid(b[i:end]):
		return end
	case end < 0 && s.more:
		return -1
	}
	s.vain += len(b) - i
	return eol
}

// endOfLine is lineEnd, looked for once a line, however many texts it has.
func (s *Scanner) endOfLine(b []byte, i int) int {
	if i >= s.eol {
		s.eol = lineEnd(b, i)
	}
	return s.eol
}

// maxVain is how many bytes lineOrMore may look at in vain, so that an input of
// broken lines costs little more than one of whole ones.
const maxVain = 16 << 20

// runsOn tells whether b, of which a line is no complete text, is JSON as far
// as the next 64 KiB tell. A line that was cut off shows at its end.
func (s *Scanner) runsOn(b []byte) bool {
	if s.vain >= maxVain {
		return false
	}
	var v json.RawMessage
	d := json.NewDecoder(bytes.NewReader(b[:min(len(b), 64<<10)]))
	err := d.Decode(&v)
	if wrong := (*json.SyntaxError)(nil); errors.As(err, &wrong) {
		s.vain += int(wrong.Offset)
		return false
	}
	return true
}

// nextText gives where to go on after the text at i broke at end. Among texts
// that have a line each it is the next line. Elsewhere it is the next line that
// begins a text in its first column (a pretty-printed text indents what is
// inside), and from then on no text may run over its line, so that however many
// are broken, each byte is looked at a few times at the most.
func (s *Scanner) nextText(b []byte, i, end, deep int) int {
	if deep > 0 {
		return len(b)
	}
	if s.lines {
		return max(end, lineEnd(b, i))
	}
	s.resumed = true
	for from := end; ; {
		j := bytes.IndexByte(b[from:], '\n')
		if j < 0 {
			return len(b)
		}
		if from += j + 1; from < len(b) && beginsText(b[from]) {
			return from
		}
	}
}

func beginsText(c byte) bool { return c == '{' || c == '[' || '0' <= c && c <= '9' }

// nearby bounds the look for a first line: a record is at most 256 KB.
const nearby = 1 << 20

// startsLines tells whether b holds a text a line, judged once at its first:
// the line is a complete text, or one that broke off (a line of a
// pretty-printed text ends with an opening bracket or a comma).
func (s *Scanner) startsLines(b []byte, i int) bool {
	if !s.decided {
		s.decided, s.lines = true, startsLines(b[i:])
	}
	return s.lines
}

func startsLines(b []byte) bool {
	j := bytes.IndexByte(b[:min(len(b), nearby)], '\n')
	if j < 0 || skipSpace(b, j) == len(b) {
		return false
	}
	line := bytes.TrimRight(b[:j], " \t\r")
	if len(line) == 0 {
		return false
	}
	if valueEnd(line, 0) == len(line) {
		return true
	}
	last := line[len(line)-1]
	return last != '{' && last != '[' && last != ','
}

func lineEnd(b []byte, i int) int {
	if j := bytes.IndexByte(b[i:], '\n'); j >= 0 {
		return i + j
	}
	return len(b)
}

// recordsList gives where the list of a log file opens: the text at i is an
// object whose first key is Records. 0 when it is not.
func recordsList(b []byte, i int) int {
	k := skipSpace(b, i+1)
	if !bytes.HasPrefix(b[k:], []byte(`"Records"`)) {
		return 0
	}
	start, ok := keyEnd(b, k)
	if !ok || start >= len(b) || b[start] != '[' {
		return 0
	}
	return start
}

// log reads a log file's text: its records one by one, so that those before
// some damage are not lost, then whatever members follow the list.
func (s *Scanner) log(b []byte, i, deep int) (int, string) {
	end, ok := s.listed(b, recordsList(b, i), deep)
	if !s.needed(end, deep) {
		s.done, s.stats.Records = true, s.before+len(s.found.named.at)
		return len(b), ""
	}
	if !ok {
		return end, broken(b, end)
	}
	after := skipSpace(b, end)
	if after < len(b) && b[after] == '}' {
		return after + 1, ""
	}
	if after < len(b) && b[after] == ',' { // more members; another Records list among them counts too
		last, ok := members(b, after, func(key []byte, start, end int) {
			if b[start] == '[' && unquote(key) == "Records" {
				s.place(start, deep)
				s.list(b[start:end], deep)
			}
		})
		if ok {
			return last, ""
		}
		end = max(end, last)
	}
	return end, broken(b, end)
}

// listed takes the elements of a text's list, as far as needed. A list that
// does not begin with a record holds wrappings, and all of it is looked at.
func (s *Scanner) listed(b []byte, list, deep int) (int, bool) {
	every := s.every
	s.every = every || !plainRecord(b, skipSpace(b, list+1))
	end, ok := elements(b, list, func(start, end int) bool {
		s.element(b, start, end, deep)
		return s.needed(end, deep)
	})
	s.every = every
	return end, ok
}

// needed tells whether the rest of b, from i on, must be walked.
func (s *Scanner) needed(i, deep int) bool {
	return deep > 0 || s.every || !s.intact || !s.found.wanted.passed(i)
}

// element takes one element of a text's list. At the outermost level a record
// that is not wanted is passed over.
func (s *Scanner) element(b []byte, start, end, deep int) {
	if deep > 0 || s.every || s.found.wanted.within(start, end) || !s.isUnwrapped(b, start, end) {
		s.place(start, deep)
		s.value(b[start:end], deep)
		return
	}
	// Compressed text has a checksum. In any other a hole may have swallowed
	// what was looked for.
	if !s.checked && !json.Valid(b[start:end]) {
		s.unreadable(b[start:end])
		return
	}
	s.stats.Records++
}

// isUnwrapped tells whether what stands in [start, end) is a record as
// CloudTrail writes it, as far as its beginning and an eventName in it tell.
// Anything else may wrap a record where the prefilter does not see it.
func (s *Scanner) isUnwrapped(b []byte, start, end int) bool {
	return bytes.HasPrefix(b[start:end], recordStart) && s.found.named.within(start, end)
}

// bareList reads a list of records, or of containers.
func (s *Scanner) bareList(b []byte, i, deep int) (int, string) {
	end, ok := s.listed(b, i, deep)
	if !ok {
		return end, broken(b, end)
	}
	return end, ""
}

// single reads any other text. Among lines it is a record more often than not,
// and passed over as those of a list are.
func (s *Scanner) single(b []byte, i, deep int) (int, string) {
	end := valueEnd(b, i)
	switch {
	case end < 0 && b[i] == '{':
		return s.cut(b, i, deep), broken(b, len(b))
	case end < 0:
		return i, broken(b, len(b))
	case s.lines:
		s.element(b, i, end, deep)
	default:
		s.value(b[i:end], deep)
	}
	return end, ""
}

// cut reads the lists of records in an object that breaks off, and gives where
// the last complete element ended. What has an eventName is no container.
func (s *Scanner) cut(b []byte, i, deep int) int {
	var lists []int
	record := false
	take := func(key []byte, start int) {
		name := unquote(key)
		record = record || strings.EqualFold(name, "eventName")
		if b[start] == '[' && slices.Contains(listKeys, name) {
			lists = append(lists, start)
		}
	}
	good, _ := members(b, i, func(key []byte, start, _ int) { take(key, start) })
	if k := skipComma(b, good); k < len(b) {
		if start, ok := keyEnd(b, k); ok && start < len(b) {
			take(key(b[k:]), start)
		}
	}
	if record || len(lists) == 0 {
		return i
	}
	every := s.every
	s.every = true
	for _, list := range lists {
		good, _ = elements(b, list, func(start, end int) bool {
			s.element(b, start, end, deep)
			return true
		})
	}
	s.every = every
	return good
}

// logLine reads a line of an exported log: a time, perhaps a stream name, then
// the record.
func (s *Scanner) logLine(b []byte, i, deep int) (int, string) {
	start := b[i:min(len(b), i+maxLogStart)]
	j := bytes.IndexByte(start, '{')
	if j < 0 || bytes.IndexByte(start[:j], '\n') >= 0 {
		return i, "not JSON"
	}
	end, why := s.single(b, i+j, deep)
	if why != "" {
		return i, why
	}
	return end, ""
}

// maxLogStart bounds what stands before the record: a log stream's name has at
// most 512 characters (CloudWatch Logs API reference).
const maxLogStart = 600

func broken(b []byte, at int) string {
	if skipSpace(b, at) >= len(b) || valueBreaks(b, at) {
		return "the JSON breaks off"
	}
	return "malformed JSON"
}

// valueBreaks tells whether what stands at i, behind a comma perhaps, runs to
// the end of the text.
func valueBreaks(b []byte, i int) bool {
	i = skipComma(b, i)
	return i >= len(b) || valueEnd(b, i) < 0 && (b[i] == '{' || b[i] == '[' || b[i] == '"')
}

func skipComma(b []byte, i int) int {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	return i
}

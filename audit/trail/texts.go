package trail

import (
	"bytes"
	"encoding/json"
)

// texts reads the JSON texts in b, one after the other: one for a log file,
// many for JSON lines. deep is the number of containers around b.
func (s *Scanner) texts(b []byte, deep int) {
	for i := skipSpace(b, 0); i < len(b); i = skipSpace(b, i) {
		s.place(i, deep)
		end, why := s.text(b, i, deep)
		if why == "" {
			i = end
			continue
		}
		s.damage(end, deep, why)
		i = s.nextText(b, i, end, deep)
		s.stray(bytes.Trim(b[end:i], ", \t\r\n"))
	}
}

// text reads the text that begins at i. It gives its end, or the end of the
// last complete record and why it ended there.
func (s *Scanner) text(b []byte, i, deep int) (int, string) {
	line := b
	if deep == 0 && (s.startsLines(b, i) || s.resumed) {
		line = b[:s.lineOrMore(b, i)]
	}
	switch {
	case line[i] == '{' && recordsList(line, i) > 0:
		return s.log(line, i, deep)
	case line[i] == '[':
		return s.bareList(line, i, deep)
	case line[i] == '{', line[i] == '"':
		return s.single(line, i, deep)
	case '0' <= line[i] && line[i] <= '9':
		return s.logLine(b[:lineEnd(b, i)], i, deep)
	}
	return i, "not JSON"
}

// lineOrMore gives the end of the line at i or, where a text that is valid JSON
// runs over it, the end of that. Only a few looks may be in vain, so that a
// file of broken lines costs no more than a few passes.
func (s *Scanner) lineOrMore(b []byte, i int) int {
	eol := lineEnd(b, i)
	if eol == len(b) || s.vain >= maxVain || valueEnd(b[:eol], i) > 0 {
		return eol
	}
	if end := valueEnd(b, i); end > 0 && json.Valid(b[i:end]) {
		return end
	}
	s.vain++
	return eol
}

// maxVain is how often lineOrMore may look in vain.
const maxVain = 4

// nextText gives where to go on after the text at i broke at end. Among texts
// that have a line each it is the next line. Elsewhere it is the next line that
// begins a text in its first column (a pretty-printed text indents what is
// inside), and from then on no text may run over its line, so that however many
// are broken, each byte is looked at twice at the most.
func (s *Scanner) nextText(b []byte, i, end, deep int) int {
	if deep > 0 {
		return len(b)
	}
	if s.lines {
		return lineEnd(b, i)
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
		s.stats.Records = s.before + s.found.names
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
		last, ok := members(b, after, func(key string, start, end int) {
			if key == "Records" && b[start] == '[' {
				s.list(b[start:end], deep)
			}
		})
		if ok {
			return last, ""
		}
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
	return deep > 0 || s.every || !s.intact || !s.found.passed(i)
}

// element takes one element of a log file's list: at the outermost level only
// when the prefilter found something in it, or nothing can be told from that.
func (s *Scanner) element(b []byte, start, end, deep int) {
	if deep > 0 || s.every || s.found.within(start, end) {
		s.place(start, deep)
		s.value(b[start:end], deep)
		return
	}
	s.stats.Records++
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
	if end < 0 {
		return i, broken(b, len(b))
	}
	if after := skipSpace(b, end); s.lines && deep == 0 && after < len(b) && !beginsText(b[after]) {
		return i, "malformed JSON"
	}
	if s.lines && bytes.Contains(b[i:end], []byte(`"eventName"`)) {
		s.element(b, i, end, deep)
	} else {
		s.value(b[i:end], deep)
	}
	return end, ""
}

// logLine reads a line of an exported log: a time, perhaps a stream name, then
// the record.
func (s *Scanner) logLine(line []byte, i, deep int) (int, string) {
	j := bytes.IndexByte(line[i:], '{')
	if j < 0 || j > 512 {
		return i, "not JSON"
	}
	end, why := s.single(line, i+j, deep)
	if why != "" {
		return i, why
	}
	return end, ""
}

func broken(b []byte, at int) string {
	if skipSpace(b, at) >= len(b) || valueBreaks(b, at) {
		return "the JSON breaks off"
	}
	return "malformed JSON"
}

// valueBreaks tells whether what stands at i, behind a comma perhaps, runs to
// the end of the text.
func valueBreaks(b []byte, i int) bool {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	return i >= len(b) || valueEnd(b, i) < 0 && (b[i] == '{' || b[i] == '[' || b[i] == '"')
}

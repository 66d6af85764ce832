package trail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"
)

// Scanner reads inputs one after the other and reuses its buffers. It is not
// safe for concurrent use: give each worker its own.
type Scanner struct {
	wants   wants
	all     bool
	maxText int

	src   *bufio.Reader
	z     *gzipMembers
	buf   []byte
	found hits

	// of the input being read
	yield   func(record []byte)
	stats   Stats
	base    int64  // text before buf
	at      int    // where in buf the outermost value being read begins
	every   bool   // look into every record: the prefilter cannot tell
	intact  bool   // a log text, whole as far as its two ends tell
	before  int    // records in the windows before this one
	lines   bool   // one text a line
	decided bool   // lines is set
	resumed bool   // after damage: no text runs over its line
	vain    int    // looks beyond a line that found no text
	cause   string // why the text ends early, when it does
}

// NewScanner makes a Scanner.
func NewScanner(o Options) *Scanner {
	if o.MaxText == 0 {
		o.MaxText = DefaultMaxText
	}
	return &Scanner{
		wants: newWants(o.Wants), all: o.All, maxText: o.MaxText,
		src: bufio.NewReaderSize(nil, 64<<10), z: newMembers(nil),
	}
}

// Input is one thing to read. Size is its stored size in bytes, and Tail reads
// its last bytes, where both are known: they tell how much memory it needs.
type Input struct {
	Reader io.Reader
	Size   int64
	Tail   io.ReaderAt
}

// Scan reads one input and calls yield with each record that is wanted. The
// bytes are valid during the call only. Whatever is wrong with the input is in
// Stats.Damage; records before the damage have been handed over.
func (s *Scanner) Scan(in Input, yield func(record []byte)) Stats {
	s.start(yield)
	counted := &counter{r: in.Reader}
	s.src.Reset(counted)
	head, err := s.src.Peek(512)
	switch {
	case len(head) == 0 && (err == io.EOF || err == nil):
		s.kind(KindEmpty)
	case len(head) == 0:
		s.damage(0, 0, fmt.Sprintf("cannot be read: %v", err))
	case gzipped(head):
		s.z.reset(s.src)
		s.stream(s.z, s.room(in))
	default:
		s.stream(s.src, min(int(in.Size), s.maxText))
	}
	s.stats.Stored = counted.n
	if in.Size > 0 {
		s.stats.Stored = in.Size
	}
	return s.stats
}

func (s *Scanner) start(yield func([]byte)) {
	s.yield, s.stats, s.base, s.at = yield, Stats{}, 0, 0
	s.intact = false
	s.lines, s.decided, s.resumed, s.vain, s.cause = false, false, false, 0, ""
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// window is how much text is read before a look at its shape: texts of one
// record a line are then read window by window, any other as a whole.
const window = 8 << 20

// maxDeflate is the highest ratio that deflate reaches (zlib's documentation).
const maxDeflate = 1032

// room is the size of a gzip stream's text as its last four bytes tell it
// (RFC 1952, ISIZE), when that is believable; 0 when not known.
func (s *Scanner) room(in Input) int {
	if in.Tail == nil || in.Size < 18 {
		return 0
	}
	var isize [4]byte
	if _, err := in.Tail.ReadAt(isize[:], in.Size-4); err != nil {
		return 0
	}
	n := int64(binary.LittleEndian.Uint32(isize[:]))
	if n > in.Size*maxDeflate {
		return 0
	}
	return int(min(n, int64(s.maxText)))
}

// stream reads the text of one input: the whole of it, or window by window.
func (s *Scanner) stream(r io.Reader, size int) {
	s.grow(0, min(max(size+1, 64<<10), s.maxText+1))
	for n := 0; ; {
		var err error
		n, err = s.fill(r, n, s.target(n))
		b := s.buf[:n]
		if s.base == 0 && n > 0 {
			if why := foreign(b); why != "" {
				s.notJSON(why)
				return
			}
		}
		switch {
		case err == io.EOF:
			s.finish(b, "")
			return
		case err != nil:
			s.finish(b, err.Error())
			return
		case s.byWindow(b):
			n = s.slide(b)
		case n > s.maxText:
			s.finish(b[:s.maxText], tooLarge(s.maxText).Error())
			return
		}
	}
}

// target is how far to fill the buffer next: first a little, to know what the
// input is, then a window, then everything.
func (s *Scanner) target(n int) int {
	switch {
	case s.base == 0 && n == 0:
		return 4 << 10
	case n < window:
		return min(window, s.maxText+1)
	case s.lines:
		return min(n+window, s.maxText+1)
	}
	return s.maxText + 1
}

// fill reads until the buffer holds n bytes of text.
func (s *Scanner) fill(r io.Reader, have, n int) (int, error) {
	for have < n {
		if have == len(s.buf) {
			s.grow(have, min(have+have/4, s.maxText+1))
		}
		k, err := r.Read(s.buf[have:min(len(s.buf), n)])
		have += k
		if err != nil {
			return have, err
		}
	}
	return have, nil
}

// grow makes the buffer n bytes long at least, keeping the first bytes of it.
func (s *Scanner) grow(keep, n int) {
	if n <= cap(s.buf) {
		s.buf = s.buf[:cap(s.buf)]
		return
	}
	bigger := make([]byte, n)
	copy(bigger, s.buf[:keep])
	s.buf = bigger
}

// byWindow tells whether b, with more to come, holds complete lines of texts.
func (s *Scanner) byWindow(b []byte) bool {
	return len(b) >= window && !wide(b) && s.startsLines(trimBOM(b), 0) && bytes.IndexByte(b, '\n') >= 0
}

// slide reads the complete lines of b and moves the rest to the front.
func (s *Scanner) slide(b []byte) int {
	end := bytes.LastIndexByte(b, '\n') + 1
	s.read(trimBOM(b[:end]))
	s.base += int64(end)
	return copy(s.buf, b[end:])
}

func (s *Scanner) finish(b []byte, cause string) {
	s.stats.Text = s.base + int64(len(b))
	s.cause = cause
	s.read(utf8Text(b))
	if cause != "" && s.stats.Damage == nil {
		s.damage(len(b), 0, cause)
	}
	if s.stats.Records == 0 && s.stats.Damage == nil && len(s.stats.Kinds) == 0 {
		s.kind(KindEmpty)
	}
}

// read looks for records in complete texts. A log file's text is walked only as
// far as something was found in it; its end is looked at from behind.
func (s *Scanner) read(b []byte) {
	prefilter(b, s.wants, &s.found)
	s.every = s.all || s.found.escaped || s.found.names == 0
	s.before = s.stats.Records
	s.intact = !s.every && s.cause == "" && opensAsLog(b) && closesAsLog(b)
	if s.intact && len(s.found.at) == 0 {
		s.stats.Records += s.found.names
		return
	}
	s.texts(b, 0)
}

// place remembers where the outermost value begins, for damage inside it.
func (s *Scanner) place(i, deep int) {
	if deep == 0 {
		s.at = i
	}
}

// damage takes note of where the text at i cannot be read. When the input
// itself ended early, that is the reason.
func (s *Scanner) damage(i, deep int, why string) {
	if deep > 0 {
		i = s.at
	}
	if s.cause != "" {
		why = s.cause
	}
	if s.stats.Damage != nil {
		s.stats.Damage.More++
		return
	}
	s.stats.Damage = &Damage{Offset: s.base + int64(i), Reason: why}
}

func (s *Scanner) kind(k Kind) {
	if s.stats.Kinds == nil {
		s.stats.Kinds = make(map[Kind]int)
	}
	s.stats.Kinds[k]++
}

func (s *Scanner) notJSON(why string) {
	s.kind(KindNotJSON)
	s.damage(0, 0, why)
}

// opensAsLog tells whether b begins as a CloudTrail log text does, up to and
// with its first record.
func opensAsLog(b []byte) bool {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	list := recordsList(b, i)
	if list == 0 {
		return false
	}
	return plainRecord(b, skipSpace(b, list+1))
}

// plainRecord tells whether the object at i is a CloudTrail event, not an
// Insights event and not a notification.
func plainRecord(b []byte, i int) bool {
	if i >= len(b) || b[i] != '{' {
		return false
	}
	end := containerEnd(b, i)
	if end < 0 {
		return false
	}
	ps, ok := split(b[i:end])
	return ok && ps.string("eventName") != nil && ps.get("s3") == nil && ps.get("insightDetails") == nil
}

var recordStart = []byte(`{"eventVersion"`)

// closesAsLog tells whether the text ends as a log's must: behind the last
// record that can be found from the end the list and the object close. A text
// that does not, or in which none is found so, is walked.
func closesAsLog(b []byte) bool {
	from := max(0, len(b)-nearby)
	j := bytes.LastIndex(b[from:], recordStart)
	if j < 0 {
		return false
	}
	end := containerEnd(b, from+j)
	if end < 0 {
		return false
	}
	for _, c := range []byte{']', '}'} {
		end = skipSpace(b, end)
		if end >= len(b) || b[end] != c {
			return false
		}
		end++
	}
	return skipSpace(b, end) == len(b)
}

var bom = []byte("\xef\xbb\xbf")

func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, bom) }

// wide tells whether b begins as UTF-16 does.
func wide(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
}

// utf8Text takes off a byte order mark, and turns UTF-16, as PowerShell writes
// it, into UTF-8.
func utf8Text(b []byte) []byte {
	if !wide(b) {
		return trimBOM(b)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 0xfe {
		order = binary.BigEndian
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 2; i+1 < len(b); i += 2 {
		units = append(units, order.Uint16(b[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

// formats are beginnings of files that people point at by mistake, with what to
// do about each.
var formats = []struct{ magic, what string }{
	{"PK\x03\x04", "a zip archive: unpack it first"},
	{"\x28\xb5\x2f\xfd", "zstd data: unpack it first"},
	{"BZh", "bzip2 data: unpack it first"},
	{"\xfd7zXZ\x00", "xz data: unpack it first"},
	{"PAR1", "a Parquet file: export the events as JSON"},
	{"SQLite format 3", "an SQLite database: export the events as JSON"},
}

// foreign says what b is when it cannot be JSON; "" when it may be.
func foreign(b []byte) string {
	for _, f := range formats {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f.what
		}
	}
	if wide(b) {
		return ""
	}
	t := trimBOM(b)
	if i := skipSpace(t, 0); i < len(t) && t[i] != '"' && !beginsText(t[i]) {
		return fmt.Sprintf("not JSON: it begins with byte 0x%02x", t[i])
	}
	return ""
}

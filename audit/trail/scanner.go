package trail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Scanner reads inputs one after the other and reuses its buffers. It is not
// safe for concurrent use: give each worker its own.
type Scanner struct {
	wants   wants
	all     bool
	maxText int

	src   *bufio.Reader
	z     *gzipMembers
	unzip *gzipMembers // for wrapped texts
	buf   []byte
	found hits

	// of the input being read
	yield    func(record []byte)
	stats    Stats
	counted  counter
	base     int64  // text before buf
	at       int    // where in buf the outermost value being read begins
	every    bool   // look into every record: the prefilter cannot tell
	intact   bool   // a log text, whole as far as its two ends tell
	checked  bool   // the text came with a checksum: no byte of it has changed
	done     bool   // the rest of an intact text holds nothing wanted
	before   int    // records in the windows before this one
	lines    bool   // one text a line
	decided  bool   // lines is set
	resumed  bool   // after damage: no text runs over its line
	more     bool   // more windows follow
	carry    int    // where a text begins that runs over the window; -1 for none
	eol      int    // end of the line that was looked at last
	vain     int    // bytes looked at beyond a line that made no text
	inflated int64  // bytes of all wrapped texts
	held     int    // bytes of the wrapped texts around the value being read
	cause    string // why the text ends early, when it does
}

// NewScanner makes a Scanner.
func NewScanner(o Options) *Scanner {
	if o.MaxText == 0 {
		o.MaxText = DefaultMaxText
	}
	return &Scanner{
		wants: newWants(o.Wants), all: o.All, maxText: o.MaxText,
		src: bufio.NewReaderSize(nil, 64<<10), z: &gzipMembers{},
	}
}

// logStarts are how the files begin that CloudTrail and its API write.
var logStarts = []string{`{"Records"`, `{"eventVersion"`, `{"Events"`, `[{"eventVersion"`}

func beginsAsLog(head []byte) bool {
	var compact []byte
	for _, c := range bytes.TrimPrefix(head, bom) {
		if !space(c) {
			compact = append(compact, c)
		}
	}
	return slices.ContainsFunc(logStarts, func(start string) bool { return bytes.HasPrefix(compact, []byte(start)) })
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
	s.counted = counter{r: in.Reader}
	s.src.Reset(&s.counted)
	head, err := s.src.Peek(512)
	switch {
	case len(head) == 0 && (err == io.EOF || err == nil):
		s.kind(KindEmpty)
	case len(head) == 0:
		s.damage(0, 0, fmt.Sprintf("cannot be read: %v", err))
	case gzipped(head):
		s.checked, s.stats.Log = true, true
		s.z.reset(s.src)
		s.stream(s.z, s.room(in))
	default:
		s.checked, s.stats.Log = false, beginsAsLog(head)
		s.stream(s.src, min(int(in.Size), s.maxText))
	}
	s.stats.Stored = s.counted.n
	return s.stats
}

func (s *Scanner) start(yield func([]byte)) {
	s.yield, s.stats, s.base, s.at = yield, Stats{}, 0, 0
	s.intact, s.more = false, false
	s.lines, s.decided, s.resumed, s.vain, s.cause = false, false, false, 0, ""
	s.inflated, s.held = 0, 0
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
	var tail [4]byte
	if _, err := in.Tail.ReadAt(tail[:], in.Size-4); err != nil {
		return 0
	}
	return min(isize(tail[:], in.Size), s.maxText)
}

// isize reads the last four bytes of a gzip stream of that size; 0 when what
// they say is beyond belief.
func isize(tail []byte, size int64) int {
	if len(tail) < 4 {
		return 0
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > size*maxDeflate {
		return 0
	}
	return int(n)
}

// stream reads the text of one input: the whole of it, or window by window.
func (s *Scanner) stream(r io.Reader, size int) {
	s.grow(0, min(max(size+1, firstLook), s.maxText+1))
	n, err := s.fill(r, 0, min(firstLook, s.maxText+1))
	for layers := 0; layers < maxLayers; layers++ {
		inner := layer(s.buf[:n], r, err)
		if inner == nil {
			break
		}
		r = inner
		n, err = s.fill(r, 0, min(firstLook, s.maxText+1))
	}
	if bytes.HasPrefix(s.buf[:n], bom) {
		s.base = int64(len(bom))
		n = copy(s.buf, s.buf[len(bom):n])
	}
	if why := foreign(s.buf[:n]); why != "" {
		s.notJSON(why)
		return
	}
	s.windows(r, n, err)
}

// firstLook is how much is read to know what the input is.
const firstLook = 4 << 10

// windows reads on, of which n bytes are in the buffer.
func (s *Scanner) windows(r io.Reader, n int, err error) {
	for ; ; n, err = s.fill(r, n, s.target(n)) {
		b := s.buf[:n]
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

// window is that for a scanner whose bound on one text is lower.
func (s *Scanner) window() int { return min(window, s.maxText) }

// target is how far to fill the buffer next: a window, then everything; among
// lines twice as far, for the text that runs over a window's end.
func (s *Scanner) target(n int) int {
	switch {
	case n < s.window():
		return s.window()
	case s.lines:
		return min(2*n, s.maxText+1)
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
	i := skipBlank(b, 0)
	return len(b) >= s.window() && i < len(b) && s.startsLines(b, i) && bytes.IndexByte(b[i:], '\n') >= 0
}

// slide reads the complete lines of b and moves the rest to the front, with the
// last text where that may go on in the next window.
func (s *Scanner) slide(b []byte) int {
	end := bytes.LastIndexByte(b, '\n') + 1
	s.more = len(b) <= s.maxText
	s.read(b[:end])
	s.more = false
	if s.carry >= 0 {
		end = s.carry
	}
	s.base += int64(end)
	return copy(s.buf, b[end:])
}

func (s *Scanner) finish(b []byte, cause string) {
	s.stats.Text = s.base + int64(len(b))
	s.cause = cause
	s.read(b)
	if cause != "" && s.stats.Damage == nil {
		s.damage(len(b), 0, cause)
	}
	if s.stats.Records == 0 && s.stats.Damage == nil && len(s.stats.Kinds) == 0 {
		s.kind(KindEmpty)
	}
}

// read looks for records in complete texts. A log file's text is walked only as
// far as something was found in it; its end is looked at from behind. So it is
// taken on trust that what begins and ends with CloudTrail's records is a log
// file: base64 wrappings or records with keys in lower case between them, which
// nobody writes, are not looked for.
func (s *Scanner) read(b []byte) {
	s.done, s.carry, s.eol = false, -1, 0
	if s.every = s.all; !s.every {
		prefilter(b, s.wants, &s.found)
		s.every = s.found.escaped || s.found.crowded || len(s.found.named.at) == 0
	}
	s.before = s.stats.Records
	s.intact = s.checked && !s.every && s.cause == "" && opensAsLog(b) && closesAsLog(b)
	if s.intact && len(s.found.wanted.at) == 0 {
		s.stats.Records += len(s.found.named.at)
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

// plainRecord tells whether the object at i is a CloudTrail record: no Insights
// event, no notification, no wrapping.
func plainRecord(b []byte, i int) bool {
	if i >= len(b) || b[i] != '{' {
		return false
	}
	end := containerEnd(b, i)
	if end < 0 {
		return false
	}
	ps, ok := split(b[i:end])
	return ok && ps.isRecord()
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

// Where a tar archive says that it is one (POSIX ustar; GNU tar says it there too).
const (
	tarMagic   = "ustar"
	tarMagicAt = 257
)

// foreign says what b is when it cannot be JSON; "" when it may be.
func foreign(b []byte) string {
	for _, f := range formats {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f.what
		}
	}
	if len(b) >= tarMagicAt+len(tarMagic) && string(b[tarMagicAt:tarMagicAt+len(tarMagic)]) == tarMagic {
		return "a tar archive: unpack it first"
	}
	i := skipBlank(b, 0)
	later := bytes.Contains(b, []byte("\n{")) || bytes.Contains(b, []byte("\n[")) // below a heading, perhaps
	if i < len(b) && b[i] != '"' && !beginsText(b[i]) && !later {
		if line, _, _ := bytes.Cut(b, []byte("\n")); bytes.Contains(line, []byte("Event name")) && bytes.Contains(line, []byte(",")) {
			return "a table, which has no whole records: download the event history as JSON"
		}
		return fmt.Sprintf("not JSON: it begins with byte 0x%02x", b[i])
	}
	return ""
}

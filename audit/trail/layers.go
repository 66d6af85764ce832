package trail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLayers bounds how many layers of compression and encoding are taken off
// after the first: there are gzip streams that inflate to themselves.
const maxLayers = 3

// layer takes off what is wrapped around the whole of a text: gzip inside gzip,
// as Firehose writes what CloudWatch Logs compressed already, and UTF-16, as
// PowerShell writes it. start is what was read of r so far, and err how that
// reading ended; nil when start is no such layer.
func layer(start []byte, r io.Reader, err error) io.Reader {
	if !gzipped(start) && !wide(start) {
		return nil
	}
	if err != nil {
		r = ended{err}
	}
	r = io.MultiReader(bytes.NewReader(bytes.Clone(start)), r)
	if gzipped(start) {
		return newMembers(r)
	}
	return bufio.NewReaderSize(newUTF16(r), 64<<10)
}

type ended struct{ err error }

func (e ended) Read([]byte) (int, error) { return 0, e.err }

// wide tells whether b begins as UTF-16 does.
func wide(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
}

// utf16Text reads UTF-16 as UTF-8. Its byte order mark is taken off.
type utf16Text struct {
	src   *bufio.Reader
	order binary.ByteOrder
	err   error
}

func newUTF16(r io.Reader) *utf16Text {
	u := &utf16Text{src: bufio.NewReader(r), order: binary.LittleEndian}
	if first, _ := u.src.Peek(1); len(first) == 1 && first[0] == 0xfe {
		u.order = binary.BigEndian
	}
	_, _ = u.src.Discard(2)
	return u
}

func (u *utf16Text) Read(p []byte) (int, error) {
	n := 0
	for u.err == nil && n+utf8.UTFMax <= len(p) {
		var c rune
		if c, u.err = u.rune(); u.err == nil {
			n += utf8.EncodeRune(p[n:], c)
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, u.err
}

// rune reads one code point; half of a surrogate pair reads as U+FFFD.
func (u *utf16Text) rune() (rune, error) {
	b, err := u.src.Peek(2)
	if len(b) < 2 {
		return 0, err
	}
	c := rune(u.order.Uint16(b))
	_, _ = u.src.Discard(2)
	if !utf16.IsSurrogate(c) {
		return c, nil
	}
	if b, _ = u.src.Peek(2); len(b) == 2 {
		if pair := utf16.DecodeRune(c, rune(u.order.Uint16(b))); pair != utf8.RuneError {
			_, _ = u.src.Discard(2)
			return pair, nil
		}
	}
	return utf8.RuneError, nil
}

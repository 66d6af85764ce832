package trail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

func gzipped(head []byte) bool { return len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b }

// gzipMembers reads all members of a gzip stream. Zero bytes behind the last
// member are padding, as gzip(1) takes them (tapes and object stores add them);
// the readers of Go's libraries fail there.
type gzipMembers struct {
	src  *bufio.Reader
	own  *bufio.Reader
	z    gzip.Reader
	open bool
}

func newMembers(r io.Reader) *gzipMembers {
	m := &gzipMembers{}
	m.reset(r)
	return m
}

// reset begins with r, through a buffer of its own unless r is one.
func (m *gzipMembers) reset(r io.Reader) {
	m.open = false
	if b, ok := r.(*bufio.Reader); ok {
		m.src = b
		return
	}
	if m.own == nil {
		m.own = bufio.NewReaderSize(nil, 64<<10)
	}
	m.own.Reset(r)
	m.src = m.own
}

func (m *gzipMembers) Read(p []byte) (int, error) {
	for {
		if !m.open {
			if err := m.next(); err != nil {
				return 0, err
			}
		}
		n, err := m.z.Read(p)
		if err == io.EOF {
			m.open, err = false, nil
		}
		if n > 0 || err != nil {
			return n, explain(err)
		}
		if len(p) == 0 {
			return 0, nil
		}
	}
}

// next opens the next member; io.EOF when only padding is left.
func (m *gzipMembers) next() error {
	if err := m.skipPadding(); err != nil {
		return err
	}
	if head, _ := m.src.Peek(2); !gzipped(head) {
		return errors.New("bytes that are no gzip stream follow one")
	}
	if err := m.z.Reset(m.src); err != nil {
		return explain(err)
	}
	m.z.Multistream(false)
	m.open = true
	return nil
}

func (m *gzipMembers) skipPadding() error {
	for {
		if _, err := m.src.Peek(1); err != nil {
			return err
		}
		buffered, _ := m.src.Peek(m.src.Buffered())
		zeros := len(buffered) - len(bytes.TrimLeft(buffered, "\x00"))
		if zeros == 0 {
			return nil
		}
		_, _ = m.src.Discard(zeros)
	}
}

func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the gzip stream breaks off")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the gzip checksum does not match: bytes have changed")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("the gzip header is damaged")
	}
	if corrupt := flate.CorruptInputError(0); errors.As(err, &corrupt) {
		return errors.New("the gzip stream is damaged")
	}
	return err
}

func tooLarge(limit int) error {
	return fmt.Errorf("one JSON text of more than %d MiB: split it, or give one record a line", limit>>20)
}

package rowfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

var (
	rowsBucket = []byte("rows")
	sumBucket  = []byte("sum")
	sumKey     = []byte("rows")
)

// sum tells rows that changed or went lost apart from those that were written. It is
// against disks, not against people: who can write the file can write this too.
type sum [sha256.Size]byte

// with adds a row to a sum, or takes it out again.
func (s sum) with(key, row []byte) sum {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, uint64(len(key)))
	h.Write(key)
	h.Write(row)
	for i, b := range h.Sum(nil) {
		s[i] ^= b
	}
	return s
}

// check compares the rows with their sum, and gives it.
func check(rows, sums *bbolt.Bucket) (sum, error) {
	var total sum
	if err := rows.ForEach(func(key, row []byte) error {
		total = total.with(key, row)
		return nil
	}); err != nil {
		return sum{}, err
	}
	kept := sums.Get(sumKey)
	if kept == nil && total == (sum{}) || bytes.Equal(kept, total[:]) {
		return total, nil
	}
	return sum{}, ErrDamaged
}

// meta is how bbolt's two pages begin that say which state is the newest (its
// internal/common, page.go and meta.go). It goes back to the other one where one is
// damaged, and with it to a state in which the last code was not used. Here both have
// to be whole, and one to follow the other.
type meta struct {
	_        [16]byte // of the page
	Magic    uint32
	Version  uint32
	PageSize uint32
	_        uint32
	_        [4]uint64
	Tx       uint64
	Sum      uint64
}

const (
	metaMagic = 0xED0CDAED
	metaSize  = 80
	pageHead  = 16
)

// sound looks at the two pages of a file that is held.
func sound(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	first, err := readMeta(f, 0)
	if err != nil {
		return err
	}
	second, err := readMeta(f, int64(first.PageSize))
	if err != nil {
		return err
	}
	if first.Tx+1 != second.Tx && second.Tx+1 != first.Tx {
		return fmt.Errorf("%w (one of its two states is not the other's next)", ErrDamaged)
	}
	return nil
}

func readMeta(f io.ReaderAt, at int64) (meta, error) {
	var text [metaSize]byte
	if _, err := f.ReadAt(text[:], at); err != nil {
		return meta{}, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	var m meta
	if err := binary.Read(bytes.NewReader(text[:]), binary.NativeEndian, &m); err != nil {
		return meta{}, err
	}
	h := fnv.New64a()
	h.Write(text[pageHead : metaSize-8])
	if m.Magic != metaMagic || m.Sum != h.Sum64() || m.PageSize < metaSize || m.PageSize > 1<<20 {
		return meta{}, fmt.Errorf("%w (a state of it does not have its own sum)", ErrDamaged)
	}
	return m, nil
}

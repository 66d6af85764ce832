package migration

import (
	"encoding/binary"
	"errors"
	"math"
)

// How a value is written, from the encoding guide of Protocol Buffers. Groups, 3 and
// 4, are of an older version and are refused.
const (
	asVarint = 0
	asI64    = 1
	asBytes  = 2
	asI32    = 5
)

var errCut = errors.New("data ends within a value: check that it was copied whole")

// field is one of a message's. What was not written as bytes has none.
type field struct {
	number uint64
	kind   uint64
	value  uint64
	bytes  []byte
}

// fields takes a message apart. The bytes are those of the message.
func fields(message []byte) ([]field, error) {
	var all []field
	for len(message) > 0 {
		f, n, err := next(message)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
		message = message[n:]
	}
	return all, nil
}

// next reads a field and tells how many bytes it has.
func next(message []byte) (field, int, error) {
	tag, n := binary.Uvarint(message)
	if n <= 0 {
		return field{}, 0, errCut
	}
	f := field{number: tag >> 3, kind: tag & 7}
	if f.number == 0 || f.number > math.MaxInt32 {
		return field{}, 0, errors.New("data is no message of Protocol Buffers")
	}
	length := 0
	switch rest := message[n:]; f.kind {
	case asVarint:
		f.value, length = binary.Uvarint(rest)
	case asBytes:
		f.bytes, length = delimited(rest)
	case asI64:
		length = fixed(rest, 8)
	case asI32:
		length = fixed(rest, 4)
	default:
		return field{}, 0, errors.New("data has a field of a kind that is not known")
	}
	if length <= 0 {
		return field{}, 0, errCut
	}
	return f, n + length, nil
}

func delimited(rest []byte) ([]byte, int) {
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return nil, 0
	}
	end := n + int(size)
	return rest[n:end:end], end
}

// fixed is a length that is known before; no field that is read here has one.
func fixed(rest []byte, length int) int {
	if len(rest) < length {
		return 0
	}
	return length
}

func appendNumber(to []byte, number, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(to, number<<3|asVarint), value)
}

func appendBytes(to []byte, number uint64, value []byte) []byte {
	to = binary.AppendUvarint(binary.AppendUvarint(to, number<<3|asBytes), uint64(len(value)))
	return append(to, value...)
}

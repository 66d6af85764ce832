package apdu

import "fmt"

// TLV is a value with its tag.
type TLV struct {
	Tag   byte
	Value []byte
}

// ParseTLVs takes an answer apart. Lengths are of one byte to 7f, and of one or two more
// after 81 and 82; nothing longer comes from a card.
func ParseTLVs(b []byte) ([]TLV, error) {
	var all []TLV
	for len(b) > 0 {
		n, skip := length(b)
		if skip == 0 || len(b) < skip+n {
			return nil, fmt.Errorf("%w (a value ends before its length)", ErrMalformed)
		}
		all = append(all, TLV{b[0], b[skip : skip+n]})
		b = b[skip+n:]
	}
	return all, nil
}

// length is how many bytes a value has, and how many come before it; none before it says
// that there is no such length.
func length(b []byte) (n, skip int) {
	switch {
	case len(b) >= 2 && b[1] < 0x80:
		return int(b[1]), 2
	case len(b) >= 3 && b[1] == 0x81:
		return int(b[2]), 3
	case len(b) >= 4 && b[1] == 0x82:
		return int(b[2])<<8 | int(b[3]), 4
	}
	return 0, 0
}

// AppendTLV writes a value of at most 255 bytes.
func AppendTLV(b []byte, tag byte, value []byte) []byte {
	if len(value) < 0x80 {
		return append(append(b, tag, byte(len(value))), value...)
	}
	return append(append(b, tag, 0x81, byte(len(value))), value...)
}

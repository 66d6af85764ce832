package otp

import (
	"errors"
	"fmt"
	"strings"
)

// modhex are the digits 0 to f. They are on the same keys of most Latin keyboards, as a
// YubiKey is a keyboard that does not know which layout is set.
const modhex = "cbdefghijklnrtuv"

// EncodeModhex writes bytes as modhex, in lower case.
func EncodeModhex(b []byte) string {
	text := make([]byte, 0, 2*len(b))
	for _, x := range b {
		text = append(text, modhex[x>>4], modhex[x&15])
	}
	return string(text)
}

// DecodeModhex reads modhex: lower case, two letters for each byte, and nothing else.
// Its errors do not show the text.
func DecodeModhex(text string) ([]byte, error) {
	for i, r := range text {
		if !strings.ContainsRune(modhex, r) {
			return nil, fmt.Errorf("character %d is none of %s", i+1, modhex)
		}
	}
	if len(text)%2 != 0 {
		return nil, errors.New("modhex has two letters for each byte, and one is missing")
	}
	b := make([]byte, len(text)/2)
	for i := range b {
		b[i] = byte(strings.IndexByte(modhex, text[2*i])<<4 | strings.IndexByte(modhex, text[2*i+1]))
	}
	return b, nil
}

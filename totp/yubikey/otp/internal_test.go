package otp

import (
	"crypto/aes"
	"encoding/hex"
	"testing"
)

// TestChecksum holds the checksum to Yubico's test vectors.
func TestChecksum(t *testing.T) {
	for text, want := range map[string]uint16{"\x00\x01\x02\x03\x04": 62919, "\xfe": 4470, "\x55\xaa\x00\xff": 52149, "": 0xffff} {
		if got := checksum([]byte(text)); got != want {
			t.Errorf("checksum of %x = %d, want %d", text, got, want)
		}
	}
}

// TestCipher: the vector of AES has the cipher, its direction and its order of bytes.
func TestCipher(t *testing.T) {
	c, err := aes.NewCipher([]byte("abcdef0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, 16)
	c.Decrypt(plain, []byte("0123456789abcdef"))
	if got := hex.EncodeToString(plain); got != "838a467f34639551755bd32a4a2f15e1" {
		t.Errorf("it decrypts to %s", got)
	}
}

package fakeaws

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Another program, zbarimg, reads the pictures in the acceptance tests, and has read
// those of every length from 1 to 271 bytes. These are they.
func TestQR(t *testing.T) {
	sum := sha256.New()
	for n := 1; n <= 271; n++ {
		m, err := matrixOf(("otpauth://totp/" + strings.Repeat("a", 300))[:n])
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range m.dark {
			fmt.Fprintln(sum, row)
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != pictures {
		t.Errorf("the pictures have the sum %s, want %s", got, pictures)
	}
	if _, err := drawQR(strings.Repeat("a", 272)); err == nil || !strings.Contains(err.Error(), "272 bytes") {
		t.Errorf("a text that is too long: %v", err)
	}
}

const pictures = "49061eb2380d70fdf90f32e578584be6a82a070ab52703110a0bde2e601ffc12"

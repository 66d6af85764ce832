package validation

import (
	"os"
	"strings"
	"testing"
)

// TestEveryStatusIsDocumented: the page has a row for each, and for no other.
func TestEveryStatusIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/yubico-otp.md")
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(string(page), "\n| `"); rows != len(fixes)+1 {
		t.Errorf("%d rows, want %d", rows, len(fixes)+1)
	}
	for s := range fixes {
		if !strings.Contains(string(page), "\n| `"+string(s)+"` | ") {
			t.Errorf("%s has no row", s)
		}
	}
}

package seal

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Secret is what must not be shown. Every way of printing or encoding one gives
// "[secret]", also where it is an unexported field of something that is printed: the
// bytes are behind a function, which nothing that walks a value can look into. The
// zero Secret is empty.
//
// Wipe overwrites the bytes that this Secret holds. Go promises no more: age, the
// cipher and the terminal's driver have made copies, the collector frees memory
// without clearing it, memory is swapped and dumped. A passphrase is a string for a
// moment, because age wants one, and a string cannot be wiped. What is sealed against
// is a disk that is read, not a process that is.
type Secret struct{ bytes func() *[]byte }

// NewSecret makes a Secret of the bytes, which are its own from then on.
func NewSecret(b []byte) Secret { return Secret{func() *[]byte { return &b }} }

// Reveal gives the bytes themselves. They are the Secret's: Wipe clears them.
func (s Secret) Reveal() []byte {
	if s.bytes == nil {
		return nil
	}
	return *s.bytes()
}

// Wipe overwrites the bytes, and leaves the Secret and its copies empty.
func (s Secret) Wipe() {
	if s.bytes == nil {
		return
	}
	b := s.bytes()
	clear(*b)
	*b = nil
}

// Equal compares in a time that tells nothing but the length.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.Reveal(), other.Reveal()) == 1
}

// Format answers every verb alike.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String is for who prints without fmt.
func (Secret) String() string { return redacted }

// MarshalText is for encoders: JSON, XML, YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is for slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

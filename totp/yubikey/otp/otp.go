// Package otp reads and checks Yubico OTPs: what a YubiKey types when it is touched,
// with the credential at hand and without asking anybody.
//
// It promises four things. An OTP is accepted when it decrypts to the credential's
// private id with a right checksum, compared together and in constant time, and when
// its counters are above all that were accepted before: a ledger says so, with one
// write, however many ask. An OTP that was held back between two that came from the
// same plugging-in is refused. What is no OTP is an error and never guessed at: letters
// typed on another keyboard are taken where that keyboard was named. And no error, log
// or print shows an OTP, a private id or an AES key.
//
// It never asks the clock, reads files or makes random numbers; it keeps nothing
// but by the ledger that it is given. It does not know who holds a key.
package otp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"mfawatch/totp"
)

const (
	blockBytes   = 16             // AES
	blockLetters = 2 * blockBytes // the part that changes
	mostLetters  = 48             // Yubico's servers take no longer public id than 16 letters
	mostPublic   = mostLetters - blockLetters
)

// What an OTP can be refused for, besides totp.ErrNoMatch (it does not decrypt to the
// credential), totp.ErrReplayed (it was used, or one after it) and the ledger's reasons.
// None tells the OTP.
var (
	// ErrMalformed is a text that is no OTP at all: no attempt is counted for it.
	ErrMalformed = errors.New("this is no Yubico OTP: touch the key with the cursor in an empty field, and type nothing before or after")
	// ErrOtherKey is an OTP that says itself that another key made it.
	ErrOtherKey = errors.New("the OTP is another key's")
	// ErrRepeated is a totp.ErrReplayed that was accepted for the same request.
	ErrRepeated = fmt.Errorf("%w: by the same request", totp.ErrReplayed)
)

// OTP is the text that a key typed, apart into the public id and the block. The zero
// OTP is none.
type OTP struct {
	public string
	// reveal gives the block. Until it is used an OTP is a secret, and printers look
	// through fields, but not into functions.
	reveal func() [blockBytes]byte
}

// Parse takes an OTP apart. It is 32 to 48 letters of modhex in lower case; spaces and
// line ends are for the edge to take off.
func Parse(text string) (OTP, error) {
	public := len(text) - blockLetters
	switch {
	case public < 0 || public > mostPublic:
		return OTP{}, fmt.Errorf("%w (it has %d characters, not %d to %d)", ErrMalformed, len(text), blockLetters, mostLetters)
	case public%2 != 0:
		return OTP{}, fmt.Errorf("%w (it has %d characters, an odd number)", ErrMalformed, len(text))
	}
	all, err := DecodeModhex(text)
	if err != nil {
		return OTP{}, fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	return newOTP(text[:public], [blockBytes]byte(all[public/2:])), nil
}

func newOTP(public string, block [blockBytes]byte) OTP {
	return OTP{public, func() [blockBytes]byte { return block }}
}

// PublicID is the part that is the same in all OTPs of a key, in modhex. It may be
// empty. It is no secret.
func (o OTP) PublicID() string { return o.public }

// Text is the OTP itself, in modhex: for who sends it on.
func (o OTP) Text() string {
	if o.reveal == nil {
		return ""
	}
	block := o.reveal()
	return o.public + EncodeModhex(block[:])
}

// String tells whose OTP it is.
func (o OTP) String() string {
	switch {
	case o.reveal == nil:
		return "no OTP"
	case o.public == "":
		return "OTP of an unnamed key"
	}
	return "OTP of " + o.public
}

// Format prints String, whatever the verb.
func (o OTP) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// MarshalText is what encoders and loggers write: String.
func (o OTP) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// LogValue is what log/slog writes.
func (o OTP) LogValue() slog.Value { return slog.StringValue(o.String()) }

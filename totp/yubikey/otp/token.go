package otp

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"mfawatch/totp"
)

// Token is what a key wrote into an OTP besides its private id.
type Token struct {
	Session   uint16 // how often the key was plugged in, up to MaxSession
	Use       uint8  // how often it was touched since then
	Timestamp uint32 // 24 bits that grow by eight a second from a random start; plugging in begins anew
	Random    uint16
	CapsLock  bool // an old key's sign that caps lock made it type
}

// The largest counters there are: a key that has come to both is used up.
const (
	MaxSession   = 1<<15 - 1
	MaxUse       = 1<<8 - 1
	MaxTimestamp = 1<<24 - 1
)

// Step orders a key's OTPs: it grows with each.
func (t Token) Step() int64 { return int64(t.Session)<<8 | int64(t.Use) }

// Open decrypts an OTP. That its counters were not used is Check's to find out.
func (c Credential) Open(o OTP) (Token, error) {
	secret, err := c.opened()
	switch {
	case err != nil:
		return Token{}, err
	case o.reveal == nil || o.public != c.public:
		return Token{}, ErrOtherKey
	}
	block, plain := o.reveal(), [blockBytes]byte{}
	cipher, err := aes.NewCipher(secret.key[:])
	if err != nil {
		return Token{}, err
	}
	cipher.Decrypt(plain[:], block[:])
	// Both are looked at, whatever the other says.
	right := subtle.ConstantTimeCompare(plain[:6], secret.private[:]) & subtle.ConstantTimeEq(int32(checksum(plain[:])), residue)
	t := decode(plain)
	clear(plain[:])
	if right != 1 {
		return Token{}, totp.ErrNoMatch
	}
	return t, nil
}

const capsLock = 1 << 15 // of the session counter's bits

// decode reads a block without its private id and checksum. All numbers begin with
// their low byte.
func decode(plain [blockBytes]byte) Token {
	counter := binary.LittleEndian.Uint16(plain[6:])
	return Token{
		Session:   counter &^ capsLock,
		CapsLock:  counter&capsLock != 0,
		Timestamp: uint32(plain[8]) | uint32(plain[9])<<8 | uint32(plain[10])<<16,
		Use:       plain[11],
		Random:    binary.LittleEndian.Uint16(plain[12:]),
	}
}

// Simulate makes the OTP that a key with this credential would type: for tests, and for
// clients that try a server. A key in somebody's pocket is proved by nothing made here.
func (c Credential) Simulate(t Token) (OTP, error) {
	secret, err := c.opened()
	switch {
	case err != nil:
		return OTP{}, err
	case t.Session > MaxSession || t.Timestamp > MaxTimestamp:
		return OTP{}, fmt.Errorf("session %d and timestamp %d are at most %d and %d", t.Session, t.Timestamp, MaxSession, MaxTimestamp)
	}
	var plain, block [blockBytes]byte
	copy(plain[:], secret.private[:])
	counter := t.Session
	if t.CapsLock {
		counter |= capsLock
	}
	binary.LittleEndian.PutUint16(plain[6:], counter)
	binary.LittleEndian.PutUint32(plain[8:], t.Timestamp) // its high byte is none, and Use's place
	plain[11] = t.Use
	binary.LittleEndian.PutUint16(plain[12:], t.Random)
	binary.LittleEndian.PutUint16(plain[14:], ^checksum(plain[:14]))
	cipher, err := aes.NewCipher(secret.key[:])
	if err != nil {
		return OTP{}, err
	}
	cipher.Encrypt(block[:], plain[:])
	clear(plain[:])
	return newOTP(c.public, block), nil
}

// residue is the checksum of a block that has its own complement at the end.
const residue = 0xf0b8

// checksum is the CRC of ISO 13239, before its complement: the polynomial 0x8408, from
// the low bit on, begun with ones.
func checksum(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, x := range b {
		crc ^= uint16(x)
		for range 8 {
			crc = crc>>1 ^ 0x8408&-(crc&1)
		}
	}
	return crc
}

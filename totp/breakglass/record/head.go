package record

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Signer signs heads with Ed25519: a key in memory, in KMS or on a card.
type Signer interface {
	Key() ed25519.PublicKey
	Sign(ctx context.Context, message []byte) (signature []byte, err error)
}

// Local signs with a key in memory.
type Local ed25519.PrivateKey

// Key is the public key.
func (l Local) Key() ed25519.PublicKey { return ed25519.PrivateKey(l).Public().(ed25519.PublicKey) }

// Sign signs.
func (l Local) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(l), message), nil
}

// KeyID names a public key: half of its SHA-256.
func KeyID(k ed25519.PublicKey) string {
	sum := sha256.Sum256(k)
	return hex.EncodeToString(sum[:16])
}

// Head is what a chain was at a time.
type Head struct {
	Door string
	Seq  int64  // of the last entry
	Hash string // of the last entry
	At   time.Time
	Key  string // KeyID of who signs
}

// Signed is a head and its signature, which is over the head's canonical JSON.
type Signed struct {
	Head
	Signature []byte
}

// headType is signed too, so that a signature of something else is none of a head.
const headType = "mfawatch-record-head/1"

func (h Head) object() object {
	return object{"at": text(h.At.UTC().Format(layout)), "door": text(h.Door), "hash": text(h.Hash), "key": text(h.Key), "seq": integer(h.Seq), "type": text(headType)}
}

// Due tells whether a head is to be signed: after so many entries, or so long after
// the first that none covers. Nothing is due where nothing happened.
func Due(signed, seq int64, signedAt, now time.Time, entries int64, every time.Duration) bool {
	return seq > signed && (seq-signed >= entries || now.Sub(signedAt) >= every)
}

// Sign signs a chain's end, and looks at what the signer gave.
func Sign(ctx context.Context, s Signer, door string, seq int64, hash string, now time.Time) (Signed, error) {
	h := Head{door, seq, hash, now, KeyID(s.Key())}
	message, err := h.object().append(nil)
	if err != nil {
		return Signed{}, fmt.Errorf("head of %s: %w", door, err)
	}
	signature, err := s.Sign(ctx, message)
	if err != nil {
		return Signed{}, fmt.Errorf("sign the head at entry %d: %w", seq, err)
	}
	if !ed25519.Verify(s.Key(), message, signature) {
		return Signed{}, fmt.Errorf("sign the head at entry %d: the signer's signature is not its key's", seq)
	}
	return Signed{h, signature}, nil
}

// Line is a signed head as it is kept: {"head":{…},"signature":"base64"}. The message
// that was signed is jq -cSj .head of it.
func (s Signed) Line() ([]byte, error) {
	return object{"head": s.object(), "signature": text(base64.StdEncoding.EncodeToString(s.Signature))}.append(nil)
}

// ParseHead reads a line of Line's. It does not look at the signature.
func ParseHead(line []byte) (Signed, error) {
	var w struct {
		Head struct {
			At, Door, Hash, Key, Type string
			Seq                       int64
		}
		Signature string
	}
	if err := json.Unmarshal(line, &w); err != nil {
		return Signed{}, fmt.Errorf("the line is no signed head: %w", err)
	}
	at, err := time.Parse(layout, w.Head.At)
	signature, bad := base64.StdEncoding.DecodeString(w.Signature)
	if err = errors.Join(err, bad); err != nil {
		return Signed{}, fmt.Errorf("the line is no signed head: %w", err)
	}
	s := Signed{Head{w.Head.Door, w.Head.Seq, w.Head.Hash, at, w.Head.Key}, signature}
	again, _ := s.Line() // nothing where it is an error
	if !bytes.Equal(again, line) {
		return Signed{}, fmt.Errorf("the signed head at entry %d is not in canonical form", s.Seq)
	}
	return s, nil
}

// signedBy is the key of those that signed a head.
func (s Signed) signedBy(keys []ed25519.PublicKey) error {
	at := slices.IndexFunc(keys, func(k ed25519.PublicKey) bool { return KeyID(k) == s.Key })
	if at < 0 {
		return errForeign
	}
	message, err := s.object().append(nil)
	if err != nil || !ed25519.Verify(keys[at], message, s.Signature) {
		return errForged
	}
	return nil
}

var (
	errForeign = errors.New("it is signed by a key that is not one of the record's")
	errForged  = errors.New("its signature is not of its key: head or signature was edited")
)

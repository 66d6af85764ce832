package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"filippo.io/age"
)

// KMS makes and opens data keys. Both methods are given the encryption context of
// one secret. Decrypt must refuse what was wrapped under another context or by
// another key than the one that is named, and errors must say nothing secret.
type KMS interface {
	GenerateDataKey(ctx context.Context, key string, encryptionContext map[string]string) (plain, wrapped []byte, err error)
	Decrypt(ctx context.Context, key string, wrapped []byte, encryptionContext map[string]string) (plain []byte, err error)
}

// Envelope seals to a KMS key. Every secret gets a data key of its own, under an
// encryption context that names it: what is in Context, and the secret's id and kind.
// CloudTrail shows the context of every use, so nothing secret may be in it, and a key
// policy can ask for it.
type Envelope struct {
	KMS     KMS
	Key     string            // ARN of the key; of a replica to open in another Region
	Context map[string]string // must be the same to open as it was to seal
}

const (
	stanzaType  = "mfawatch-kms"
	dataKeySize = 32
)

// bound is an Envelope for one secret. It holds the caller's context because age's
// interfaces have no place for one; it lives as long as one call.
type bound struct {
	ctx   context.Context
	with  Envelope
	about map[string]string
}

func (e Envelope) bind(ctx context.Context, h Header) bound {
	about := map[string]string{}
	maps.Copy(about, e.Context)
	about["mfawatch:format"] = "1"
	about["mfawatch:id"] = h.ID
	about["mfawatch:kind"] = h.Kind
	return bound{ctx, e, about}
}

// Wrap puts into a stanza the wrapped data key, after its length in two bytes, and age's file
// key under AES-256-GCM. The data key is used once, so any nonce is new.
func (b bound) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	plain, wrapped, err := b.with.KMS.GenerateDataKey(b.ctx, b.with.Key, b.about)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	aead, err := gcm(plain)
	if err != nil {
		return nil, err
	}
	if len(wrapped) == 0 || len(wrapped) > 6144 { // the CiphertextBlob of KMS has at most 6144 bytes
		return nil, fmt.Errorf("KMS wrapped the data key in %d bytes", len(wrapped))
	}
	body := binary.BigEndian.AppendUint16(nil, uint16(len(wrapped)))
	body = append(body, wrapped...)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	body = append(body, nonce...)
	return []*age.Stanza{{Type: stanzaType, Args: []string{b.with.Key}, Body: aead.Seal(body, nonce, fileKey, []byte(stanzaType))}}, nil
}

// Unwrap tries the stanza that names our key, or every one of KMS where none does.
// KMS is asked with our own key always: what somebody else's key wrapped does not open,
// and what a replica of ours wrapped does.
func (b bound) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	err := error(age.ErrIncorrectIdentity)
	for _, s := range b.mine(stanzas) {
		var key []byte
		if key, err = b.unwrap(s); err == nil {
			return key, nil
		}
	}
	return nil, err
}

func (b bound) mine(stanzas []*age.Stanza) []*age.Stanza {
	var all, named []*age.Stanza
	for _, s := range stanzas {
		if s.Type != stanzaType {
			continue
		}
		all = append(all, s)
		if len(s.Args) == 1 && s.Args[0] == b.with.Key {
			named = append(named, s)
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}

func (b bound) unwrap(s *age.Stanza) ([]byte, error) {
	wrapped, sealed, ok := parts(s.Body)
	if !ok {
		return nil, errors.New("the part that KMS sealed is damaged: restore the file from a copy")
	}
	plain, err := b.with.KMS.Decrypt(b.ctx, b.with.Key, wrapped, b.about)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	aead, err := gcm(plain)
	if err != nil {
		return nil, err
	}
	fileKey, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(stanzaType))
	if err != nil {
		return nil, errors.New("the part that KMS sealed is damaged: restore the file from a copy")
	}
	return fileKey, nil
}

// parts takes a stanza's body apart: 12 bytes of nonce and a key of 16 with its tag
// of 16 are left.
func parts(body []byte) (wrapped, sealed []byte, ok bool) {
	if len(body) < 2 {
		return nil, nil, false
	}
	n, rest := int(binary.BigEndian.Uint16(body)), body[2:]
	if n == 0 || len(rest) != n+12+16+16 {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

func gcm(key []byte) (cipher.AEAD, error) {
	if len(key) != dataKeySize {
		return nil, fmt.Errorf("KMS gave a data key of %d bytes instead of %d", len(key), dataKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

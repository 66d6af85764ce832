// Package seal keeps the secrets of one-time codes at rest: each in a file of its
// own, sealed to age recipients (X25519, hybrid, plugins such as YubiKeys, or a
// passphrase), to KMS keys, or to several of these at once, so that what one way
// cannot open, because a Region is out or a key is lost, another can.
//
// It promises that a secret is on the disk sealed only; that a file opens under the
// id it was sealed for and with the header it was sealed with, or not at all; that a
// file or a folder that others can read or own is refused; that a file is replaced
// whole or not at all, a rotation that is killed included; and that no error and no
// way of printing a Secret shows one. A secret leaves its seal for a person only
// through Export, which wants two confirmations.
//
// It does not promise who sealed a file: whoever knows an age recipient and can write
// to the folder can put a secret of their own in the place of another's. Only a file
// that opens with a passphrase or a KMS key alone was made by who may use these. Nor can it
// tell an old file that was put back from the newest. Deleting a file does not wipe
// what a disk, a snapshot or a backup keeps. For what memory keeps, see Secret.
//
// A sealed file is two lines that are no secret, and an age file:
//
//	mfawatch-sealed/1
//	{"id":"ada","kind":"totp","issuer":"AWS","label":"ada@111122223333","sealed_to":["x25519 age1…"]}
//	age-encryption.org/v1 …
//
// The sealed text is these two lines again, and then the secret. So age alone opens
// one where mfawatch is not at hand, and says whose secret it is:
//
//	tail -n +3 ada.sealed | age -d -i identity.txt
package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

const (
	maxSecret = 32 << 10  // a bundle of recovery codes fits
	maxFile   = 256 << 10 // a header, hybrid stanzas, and the above
)

// seal makes the bytes of a sealed file.
func seal(ctx context.Context, h Header, secret Secret, keys Keys) ([]byte, error) {
	plain := secret.Reveal()
	if len(plain) == 0 || len(plain) > maxSecret {
		return nil, fmt.Errorf("seal %s: the secret has %d bytes: it must have 1 to %d", h.ID, len(plain), maxSecret)
	}
	recipients, names, err := keys.recipients(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", h.ID, err)
	}
	h.SealedTo = names
	head, err := h.encode()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Write(head)
	w, err := age.Encrypt(&out, recipients...)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", h.ID, sealing(err))
	}
	_, first := w.Write(head)
	_, second := w.Write(plain)
	if err := errors.Join(first, second, w.Close()); err != nil {
		return nil, fmt.Errorf("seal %s: %w", h.ID, err)
	}
	return out.Bytes(), nil
}

// open takes the secret out of the bytes of a sealed file. name is for errors.
func open(ctx context.Context, name string, file []byte, h Header, keys Keys) (Secret, error) {
	head, payload := split(file)
	identities, said := keys.identities(ctx, h)
	if len(identities) == 0 {
		return Secret{}, fmt.Errorf("%s: %w: nothing to open it with was given: it is sealed to %s", name, ErrNoKey, h.sealedTo())
	}
	r, err := age.Decrypt(bytes.NewReader(payload), identities...)
	if err != nil {
		return Secret{}, opening(name, h, keys, said.errs, err)
	}
	// One buffer, large enough: one that grows leaves copies behind.
	plain := make([]byte, len(payload))
	n, err := io.ReadFull(r, plain)
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		clear(plain)
		return Secret{}, damaged(name)
	}
	inner, ok := bytes.CutPrefix(plain[:n], head)
	if !ok || len(inner) == 0 || len(inner) > maxSecret {
		clear(plain)
		return Secret{}, fmt.Errorf("%s: the header is not the one that was sealed: the file was edited, or made of two: restore it from a copy", name)
	}
	secret := NewSecret(bytes.Clone(inner))
	clear(plain)
	return secret, nil
}

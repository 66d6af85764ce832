package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"sync"

	"github.com/rs/zerolog"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/seal"
)

// The row of the key that signs heads, and how it is sealed.
const (
	signerRow  = "signer#record"
	signerID   = "record-head"
	signerKind = "ed25519"
)

// signer is the key that signs the record's heads. It is made when it is first needed,
// sealed to KMS as the devices are, and kept in a row; once opened it stays in memory.
type signer struct {
	Store  breakglass.Store
	Keys   seal.Keys
	Random io.Reader

	mutex sync.Mutex
	key   record.Local
	told  bool
}

// open gives the key.
func (s *signer) open(ctx context.Context) (record.Local, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	row, err := s.row(ctx, nil)
	if err == nil && row == nil {
		row, err = s.make(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of signed heads: %w", err)
	}
	file, err := base64.StdEncoding.DecodeString(string(row))
	if err != nil {
		return nil, fmt.Errorf("row %s is no sealed file: restore it", signerRow)
	}
	_, secret, err := seal.Open(ctx, "row "+signerRow, file, signerID, s.Keys)
	if err != nil {
		return nil, fmt.Errorf("the key of signed heads: %w", err)
	}
	defer secret.Wipe()
	if len(secret.Reveal()) != ed25519.SeedSize {
		return nil, fmt.Errorf("row %s holds no seed of Ed25519: restore it", signerRow)
	}
	s.key = record.Local(ed25519.NewKeyFromSeed(secret.Reveal()))
	return s.key, nil
}

// make makes a key. Of two who make one at once, the first is kept.
func (s *signer) make(ctx context.Context) ([]byte, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(s.Random, seed); err != nil {
		return nil, err
	}
	secret := seal.NewSecret(seed)
	defer secret.Wipe()
	file, err := seal.Seal(ctx, seal.Header{ID: signerID, Kind: signerKind}, secret, s.Keys)
	if err != nil {
		return nil, err
	}
	return s.row(ctx, []byte(base64.StdEncoding.EncodeToString(file)))
}

// row reads the row, and keeps one where there is none.
func (s *signer) row(ctx context.Context, other []byte) (row []byte, err error) {
	err = s.Store.Transact(ctx, func(tx breakglass.Tx) (err error) {
		row, err = tx.Get(signerRow)
		if err != nil || row != nil || other == nil {
			return err
		}
		row = bytes.Clone(other)
		return tx.Put(signerRow, row)
	})
	return row, err
}

// announce logs the public key, once a process: who verifies heads compares it with
// what they wrote down.
func (s *signer) announce(log zerolog.Logger) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.key == nil || s.told {
		return
	}
	s.told = true
	log.Info().Str("key", base64.StdEncoding.EncodeToString(s.key.Key())).Str("key_id", record.KeyID(s.key.Key())).Msg("heads are signed")
}

// Package file keeps a ledger in one local file.
//
// It promises what internal/rowfile does: changes of any number of processes one after the
// other, whole or not there, in a file of its owner's alone; and that a damaged file
// refuses, since a row that went lost would let a used code in again.
package file

import (
	"context"
	"errors"
	"fmt"

	"mfawatch/internal/rowfile"
)

// ErrDamaged is a file that is not as it was written.
var ErrDamaged = errors.New("it is damaged: move it away, and codes of before then are refused; a counter has to be set by what the device shows")

// Store is the file. It and its folder are made when a row is first written.
type Store struct {
	Path string
}

// Update changes a row: ledger.Store. Every change is on the disk before it returns.
func (s Store) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	var refused error // the caller's own error, as it is
	err := rowfile.Update(ctx, s.Path, func(tx *rowfile.Tx) error {
		var row []byte
		if row, refused = change(tx.Get(key)); refused != nil {
			return refused
		}
		return tx.Put(key, row)
	})
	switch {
	case refused != nil:
		return refused
	case errors.Is(err, rowfile.ErrDamaged):
		return fmt.Errorf("ledger %s: %w", s.Path, ErrDamaged)
	case err != nil:
		return fmt.Errorf("ledger %w", err)
	}
	return nil
}

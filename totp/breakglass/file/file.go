// Package file keeps the emergency door's rows in one local file.
//
// It promises what internal/rowfile does: transactions of any number of processes one
// after the other, whole or not there, in a file of its owner's alone; and that a
// damaged file refuses.
package file

import (
	"context"
	"errors"
	"fmt"

	"mfawatch/internal/rowfile"
	"mfawatch/totp/breakglass"
)

// ErrDamaged is a file that is not as it was written.
var ErrDamaged = errors.New("it is damaged: put it back from a copy, or begin anew with other devices: which codes were used is not known any more")

// Store is the file. It and its folder are made with the first transaction.
type Store struct {
	Path string
}

// Transact runs a change: breakglass.Store. What it did is on the disk before it
// returns.
func (s Store) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	var refused error // the caller's own error, as it is
	err := rowfile.Update(ctx, s.Path, func(tx *rowfile.Tx) error {
		refused = change(rows{tx})
		return refused
	})
	switch {
	case refused != nil:
		return refused
	case errors.Is(err, rowfile.ErrDamaged):
		return fmt.Errorf("the door's file %s: %w", s.Path, ErrDamaged)
	case err != nil:
		return fmt.Errorf("the door's file %w", err)
	}
	return nil
}

// rows are breakglass.Tx.
type rows struct{ *rowfile.Tx }

func (r rows) Get(key string) ([]byte, error) { return r.Tx.Get(key), nil }

// Package ledger remembers which one-time codes were used.
//
// For who checks codes there is a Verifier: a step is accepted at most once and none
// before it afterwards, however many processes ask; a counter only grows; a wrong guess
// spends no code; every guess is counted before it is compared, and too many make
// everybody wait and then lock. For who shows codes to AWS there is a Prover: it leases
// each step to one caller, lets the next caller have the next step, and keeps within
// the number of codes that AWS checks in three minutes.
//
// The decisions are made from a row and a time, purely. A Store keeps rows and lets one
// change happen after the other; when it fails, nobody is let in. Nothing here asks the
// clock, sleeps, or keeps a code or a secret. Nothing in a ledger runs out.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Store keeps rows. It is safe for many processes at once.
type Store interface {
	// Update calls change with the row of a key, nil where there is none, and keeps
	// what it returns, unless it returns an error: then nothing is kept and the error
	// is returned as it is. Changes of one key happen one after the other. change may
	// be called more than once; only what its last call returned counts. When Update
	// returns nil the row is on stable storage.
	Update(ctx context.Context, key string, change func(old []byte) ([]byte, error)) error
}

// ErrDamaged is a row that cannot be read: something is wrong with it, or another version
// wrote it.
var ErrDamaged = errors.New("cannot be read")

// format is the version of rows as they are written.
const format = 1

// update reads a row, changes it and writes it. A row that cannot be read is an error
// and never an empty row: that would forget what was used.
func update[Row any](ctx context.Context, s Store, key string, change func(*Row) error) error {
	return s.Update(ctx, key, func(old []byte) ([]byte, error) {
		var kept struct {
			Format int
			Row    Row
		}
		if old != nil {
			if err := json.Unmarshal(old, &kept); err != nil {
				return nil, fmt.Errorf("ledger row %s %w: restore it, or enrol the key again: %v", key, ErrDamaged, err)
			}
			if kept.Format != format {
				return nil, fmt.Errorf("ledger row %s %w: it has format %d, and %d is understood: use the version that wrote it", key, ErrDamaged, kept.Format, format)
			}
		}
		if err := change(&kept.Row); err != nil {
			return nil, err
		}
		kept.Format = format
		return json.Marshal(kept)
	})
}

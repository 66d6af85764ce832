package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
)

// archivedRow holds the last entry of the record that the archive was seen to have. It
// is a row, so that it is known too where the archive cannot be asked.
const archivedRow = "archived#record"

type archivedTo struct {
	Seq int64 `json:"seq"`
}

// noting remembers how far an archive goes.
type noting struct {
	record.Archive
	next int64
}

// Next is the archive's.
func (n *noting) Next(ctx context.Context) (next int64, after string, err error) {
	if next, after, err = n.Archive.Next(ctx); err == nil {
		n.next = next
	}
	return next, after, err
}

// archivedTo reads the row, and moves it on where the archive goes further.
func (h *Handler) archivedTo(ctx context.Context, seq int64) (last int64, err error) {
	err = h.Door.Store.Transact(ctx, func(tx breakglass.Tx) error {
		var to archivedTo
		row, err := tx.Get(archivedRow)
		if err == nil && row != nil {
			err = json.Unmarshal(row, &to)
		}
		if err != nil {
			return fmt.Errorf("row %s: %w", archivedRow, err)
		}
		if last = max(seq, to.Seq); last == to.Seq {
			return nil
		}
		if row, err = json.Marshal(archivedTo{last}); err != nil {
			return err
		}
		return tx.Put(archivedRow, row)
	})
	return last, err
}

// unarchived is the age of the oldest entry that the archive has not.
func (h *Handler) unarchived(ctx context.Context, now time.Time) (time.Duration, error) {
	last, err := h.archivedTo(ctx, 0)
	if err != nil {
		return 0, err
	}
	lines, err := h.Door.Lines(ctx, last+1, 1)
	if err != nil || len(lines) == 0 {
		return 0, err
	}
	e, err := record.Parse(lines[0])
	if err != nil {
		return 0, fmt.Errorf("entry %d of the record: %w", last+1, err)
	}
	return max(now.Sub(e.At), 0), nil
}

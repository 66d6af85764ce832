package breakglass

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"mfawatch/totp/ledger"
)

// Store keeps rows and changes several of them in one transaction.
type Store interface {
	// Transact calls change and keeps all that it put and deleted, or nothing of it
	// where change returns an error, which is returned as it is. Transactions are
	// serialisable: they end as if one had come after the other. change may be called
	// more than once; only what its last call did counts. When Transact returns nil
	// the rows are on stable storage. When it returns an error that is not change's,
	// they may be there or not, all of them.
	Transact(ctx context.Context, change func(Tx) error) error
}

// Tx is one run of a transaction. It is not to be used after it, nor by two at once.
type Tx interface {
	// Get is the row of a key as the transaction sees it, its own changes included;
	// nil where there is none.
	Get(key string) ([]byte, error)
	// Put keeps a row. nil is none and an error.
	Put(key string, row []byte) error
	// Delete removes a row; one that is not there is no error.
	Delete(key string) error
}

// Rows are a transaction's rows as a ledger's store: what a ledger.Verifier changes in
// them is kept with all else, or not at all.
func Rows(tx Tx) ledger.Store { return rows{tx} }

type rows struct{ tx Tx }

// Update changes a row: ledger.Store.
func (r rows) Update(_ context.Context, key string, change func([]byte) ([]byte, error)) error {
	old, err := r.tx.Get(key)
	if err != nil {
		return err
	}
	row, err := change(old)
	if err != nil {
		return err
	}
	return r.tx.Put(key, row)
}

// format is the version of rows as they are written.
const format = 1

type kept[Row any] struct {
	Format int
	Row    Row
}

// get reads a row. One that cannot be read is an error and never an empty row, and so
// is one with more in it than is understood: it would be lost with the next change.
func get[Row any](tx Tx, key string) (row Row, there bool, err error) {
	text, err := tx.Get(key)
	if err != nil || text == nil {
		return row, false, err
	}
	var k kept[Row]
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return row, false, fmt.Errorf("row %s cannot be read: restore it, or use the version that wrote it: %w", key, err)
	}
	if k.Format != format {
		return row, false, fmt.Errorf("row %s has format %d, and %d is understood: use the version that wrote it", key, k.Format, format)
	}
	return k.Row, true, nil
}

func put[Row any](tx Tx, key string, row Row) error {
	text, err := json.Marshal(kept[Row]{format, row})
	if err != nil {
		return fmt.Errorf("row %s: %w", key, err)
	}
	return tx.Put(key, text)
}

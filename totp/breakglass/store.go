package breakglass

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	// they may be there or not, all of them; with ErrBusy they are not.
	Transact(ctx context.Context, change func(Tx) error) error
}

// Tx is one run of a transaction. It is not to be used after it, nor by two at once.
type Tx interface {
	// Get is the row of a key as the transaction sees it, its own changes included;
	// nil where there is none. ErrDamaged is a row that nobody can read, without
	// which the transaction may go on, or which it may then put or delete: that ends
	// the damage, and what was in it.
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

// ErrBusy is a transaction that others were before each time, for as long as anybody waits.
// Nothing was written.
var ErrBusy = errors.New("others changed the door's rows each time: try again")

// ErrDamaged is a row that is there and cannot be read: something is wrong with it, or
// another version wrote it.
var ErrDamaged = errors.New("cannot be read")

// damaged is such a row. It says nothing of what is in it.
type damaged struct{ key, why string }

func (d *damaged) Error() string {
	return fmt.Sprintf("row %s cannot be read: it %s: restore it, or use the version that wrote it", d.key, d.why)
}

// Is tells errors.Is.
func (d *damaged) Is(target error) bool { return target == ErrDamaged }

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
	var version struct{ Format int }
	if err := json.Unmarshal(text, &version); err != nil {
		return row, false, &damaged{key, "is no row of a door"}
	}
	if version.Format != format {
		return row, false, &damaged{key, fmt.Sprintf("has format %d, where %d is understood", version.Format, format)}
	}
	var k kept[Row]
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return row, false, &damaged{key, "says what is not understood"}
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

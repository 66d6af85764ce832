// Package storetest holds the stores of the emergency door to their contract, plays
// the door over them at random, and has a store in memory for the tests of who uses
// one.
//
// It promises that a store which passes keeps transactions whole and serialisable with
// many callers at once, and that the door over it keeps its promises while answers are
// lost, transactions fail and clocks are wrong. It is for tests only.
package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"mfawatch/totp/breakglass"
)

// Memory is a store that forgets with the process.
type Memory struct {
	mutex sync.Mutex
	Rows  map[string][]byte
	Twice bool // runs every change twice, as a store may that was in another's way
}

// Transact runs a change over what there is: breakglass.Store.
func (m *Memory) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Twice {
		_ = change(overlay{m.Rows, map[string][]byte{}})
	}
	tx := overlay{m.Rows, map[string][]byte{}}
	if err := change(tx); err != nil {
		return err
	}
	if m.Rows == nil {
		m.Rows = map[string][]byte{}
	}
	for key, row := range tx.changed {
		if m.Rows[key] = row; row == nil {
			delete(m.Rows, key)
		}
	}
	return nil
}

// overlay is what a transaction changed, over what there is.
type overlay struct{ rows, changed map[string][]byte }

// Get reads a row: breakglass.Tx.
func (o overlay) Get(key string) ([]byte, error) {
	if row, there := o.changed[key]; there {
		return slices.Clone(row), nil
	}
	return slices.Clone(o.rows[key]), nil
}

// Put keeps a row: breakglass.Tx.
func (o overlay) Put(key string, row []byte) error {
	if row == nil {
		return errors.New("nil is no row: delete it")
	}
	o.changed[key] = slices.Clone(row)
	return nil
}

// Delete removes a row: breakglass.Tx.
func (o overlay) Delete(key string) error { o.changed[key] = nil; return nil }

// Faulty is a store whose transactions fail as a test says: before they are kept, or
// after, so that only the answer is lost.
type Faulty struct {
	breakglass.Store
	Before, After func() error // nil never fails
}

// Transact fails, or runs a change: breakglass.Store.
func (f Faulty) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	if f.Before != nil {
		if err := f.Before(); err != nil {
			return err
		}
	}
	if err := f.Store.Transact(ctx, change); err != nil {
		return err
	}
	if f.After != nil {
		return f.After()
	}
	return nil
}

// Package storetest holds the stores of the emergency door to their contract, plays
// the door over them at random, and has a store in memory for the tests of who uses
// one.
//
// It promises that a store which passes keeps transactions whole and serialisable with
// many callers at once, and that the door over it keeps its promises while answers are
// lost, transactions fail and clocks are wrong. It is for tests only.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
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

// Transact runs a change on a copy: breakglass.Store.
func (m *Memory) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Twice {
		_ = change(copied{maps.Clone(m.Rows)})
	}
	tx := copied{maps.Clone(m.Rows)}
	if tx.rows == nil {
		tx.rows = map[string][]byte{}
	}
	if err := change(tx); err != nil {
		return err
	}
	m.Rows = tx.rows
	return nil
}

type copied struct{ rows map[string][]byte }

func (c copied) Get(key string) ([]byte, error) { return slices.Clone(c.rows[key]), nil }

func (c copied) Put(key string, row []byte) error {
	if row == nil {
		return errors.New("nil is no row: delete it")
	}
	if c.rows != nil {
		c.rows[key] = bytes.Clone(row)
	}
	return nil
}

func (c copied) Delete(key string) error { delete(c.rows, key); return nil }

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

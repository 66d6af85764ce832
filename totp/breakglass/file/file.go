// Package file keeps the emergency door's rows in one local file, an embedded bbolt
// database.
//
// It promises that transactions of any number of processes happen one after the other,
// and that a process which is killed at any moment leaves a transaction whole or not
// there. The file is held only during a transaction. Only its owner can read it; a file
// that others can read or write, or that is a link, is refused.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"mfawatch/totp/breakglass"
)

// patience is how long a transaction waits for other processes.
const patience = 30 * time.Second

var bucket = []byte("breakglass")

// Store is the file. It and its folder are made with the first transaction.
type Store struct {
	Path string
}

// Transact runs a change: breakglass.Store. What it did is on the disk before it
// returns.
func (s Store) Transact(ctx context.Context, change func(breakglass.Tx) error) (err error) {
	if err := s.prepare(); err != nil {
		return err
	}
	db, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closed := db.Close(); closed != nil && err == nil {
			err = fmt.Errorf("close %s: %w", s.Path, closed)
		}
	}()
	var refused error // the caller's own error, as it is
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		r := &rows{bucket: b}
		if refused = change(r); refused == nil && !r.changed {
			return errNothing
		}
		return refused
	})
	switch {
	case refused != nil:
		return refused
	case errors.Is(err, errNothing):
		return nil
	case err != nil:
		return fmt.Errorf("write %s: %w", s.Path, err)
	}
	return nil
}

// errNothing keeps a transaction that only looked from being written to the disk.
var errNothing = errors.New("nothing was changed")

// rows are breakglass.Tx.
type rows struct {
	bucket  *bbolt.Bucket
	changed bool
}

func (r *rows) Get(key string) ([]byte, error) { return bytes.Clone(r.bucket.Get([]byte(key))), nil }

func (r *rows) Delete(key string) error {
	r.changed = true
	return r.bucket.Delete([]byte(key))
}

func (r *rows) Put(key string, row []byte) error {
	if row == nil {
		return fmt.Errorf("row %s is nil: delete it", key)
	}
	r.changed = true
	return r.bucket.Put([]byte(key), bytes.Clone(row)) // the database keeps what it is given until it commits
}

// open waits for the file as long as the context and patience last.
func (s Store) open(ctx context.Context) (*bbolt.DB, error) {
	wait := patience
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end))
	}
	if err := ctx.Err(); err != nil || wait <= 0 {
		return nil, fmt.Errorf("%s: %w", s.Path, errors.Join(err, context.DeadlineExceeded))
	}
	db, err := bbolt.Open(s.Path, 0o600, &bbolt.Options{Timeout: wait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is held by another process: %w", s.Path, context.DeadlineExceeded)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.Path, err)
	}
	return db, nil
}

// prepare makes the folder and refuses a file that is not its owner's alone.
func (s Store) prepare() error {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return fmt.Errorf("the door's folder: %w", err)
	}
	info, err := os.Lstat(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the door's file: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file: move it away", s.Path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s can be read or written by others (%v): chmod 600 it", s.Path, info.Mode().Perm())
	}
	return nil
}

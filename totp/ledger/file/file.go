// Package file keeps a ledger in one local file, an embedded bbolt database.
//
// It promises that changes of any number of processes happen one after the other, and
// that a process which is killed at any moment leaves a change whole or not there.
// The file is held only while a row changes. Only its owner can read it; a file that
// others can read or write, or that is a link, is refused.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// patience is how long an update waits for other processes.
const patience = 30 * time.Second

var bucket = []byte("ledger")

// Store is the file. It and its folder are made when a row is first written.
type Store struct {
	Path string
}

// Update changes a row: ledger.Store. Every change is on the disk before it returns.
func (s Store) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) (err error) {
	if err := s.prepare(); err != nil {
		return err
	}
	db, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closed := db.Close(); closed != nil && err == nil {
			err = fmt.Errorf("close ledger %s: %w", s.Path, closed)
		}
	}()
	var refused error // the caller's own error, as it is
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		row, err := change(clone(b.Get([]byte(key))))
		if err != nil {
			refused = err
			return err
		}
		return b.Put([]byte(key), row)
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return fmt.Errorf("write ledger %s: %w", s.Path, err)
	}
	return nil
}

// clone copies what the database owns; nil stays nil.
func clone(b []byte) []byte { return append([]byte(nil), b...) }

// open waits for the file as long as the context and patience last.
func (s Store) open(ctx context.Context) (*bbolt.DB, error) {
	wait := patience
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end))
	}
	if err := ctx.Err(); err != nil || wait <= 0 {
		return nil, fmt.Errorf("ledger %s: %w", s.Path, errors.Join(err, context.DeadlineExceeded))
	}
	db, err := bbolt.Open(s.Path, 0o600, &bbolt.Options{Timeout: wait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("ledger %s is held by another process: %w", s.Path, context.DeadlineExceeded)
	}
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", s.Path, err)
	}
	return db, nil
}

// prepare makes the folder and refuses a file that is not its owner's alone.
func (s Store) prepare() error {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return fmt.Errorf("ledger's folder: %w", err)
	}
	info, err := os.Lstat(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("ledger: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("ledger %s is no file: move it away", s.Path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("ledger %s can be read or written by others (%v): chmod 600 it", s.Path, info.Mode().Perm())
	}
	return nil
}

// Package file keeps a ledger in one local file, an embedded bbolt database.
//
// It promises that changes of any number of processes happen one after the other, and
// that a process which is killed at any moment leaves a change whole or not there.
// The file is held only while a row changes. Only its owner can read it; a file that
// others can read or write, or that is a link, is refused. So is one that is damaged,
// whatever is: a row that went lost would let a used code in again.
//
// It cannot tell an old copy of the file from the newest.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrDamaged is a file that is not as it was written.
var ErrDamaged = errors.New("it is damaged: move it away, and codes of before then are refused; a counter has to be set by what the device shows")

// patience is how long an update waits for other processes.
const patience = 30 * time.Second

// Store is the file. It and its folder are made when a row is first written.
type Store struct {
	Path string
}

// Update changes a row: ledger.Store. Every change is on the disk before it returns.
func (s Store) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	if err := s.prepare(); err != nil {
		return err
	}
	var refused error // the caller's own error, as it is
	err := s.guarded(ctx, func(db *bbolt.DB) error {
		if err := sound(s.Path); err != nil {
			return err
		}
		return db.Update(func(tx *bbolt.Tx) (err error) {
			refused, err = update(tx, []byte(key), change)
			return errors.Join(refused, err)
		})
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return fmt.Errorf("ledger %s: %w", s.Path, err)
	}
	return nil
}

// guarded opens the database, and makes errors of what a damaged file does to it: it
// panics, or the memory that it is mapped to is not there. Such a database is not
// closed, which may wait for ever, but its file is released: others may have it.
func (s Store) guarded(ctx context.Context, do func(*bbolt.DB) error) (err error) {
	var held *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			release(held)
			err = ErrDamaged
		}
	}()
	db, err := s.open(ctx, func(name string, flag int, mode fs.FileMode) (f *os.File, err error) {
		f, err = os.OpenFile(name, flag, mode)
		held = f
		return f, err
	})
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

// open waits for the file as long as the context and patience last.
func (s Store) open(ctx context.Context, file func(string, int, fs.FileMode) (*os.File, error)) (*bbolt.DB, error) {
	wait := patience
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end))
	}
	if err := ctx.Err(); err != nil || wait <= 0 {
		return nil, errors.Join(err, context.DeadlineExceeded)
	}
	db, err := bbolt.Open(s.Path, 0o600, &bbolt.Options{Timeout: wait, OpenFile: file})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("it is held by another process: %w", context.DeadlineExceeded)
	case err != nil && !ofSystem(err):
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return db, err
}

// ofSystem tells what the file system said from what the database thinks of the file.
func ofSystem(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return errors.As(err, &path) || errors.As(err, &number)
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

// Package rowfile keeps rows in one local file, an embedded bbolt database, for those
// who must not lose one: which codes were used, who was let in.
//
// It promises that transactions of any number of processes happen one after the other,
// and that a process which is killed at any moment leaves one whole or not there. The
// file is held only during a transaction. Only its owner can read it; a file that
// others can read or write, or that is a link, is refused. So is one that is damaged,
// whatever of it is: a row that went lost would let somebody in again.
//
// It cannot tell an old copy of the file from the newest, and knows nothing of what rows
// say. A transaction reads all of them: it is for some thousands.
package rowfile

import (
	"bytes"
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
var ErrDamaged = errors.New("it is damaged")

// patience is how long a transaction waits for other processes.
const patience = 30 * time.Second

// Tx is one transaction. It is for the function that it is given to.
type Tx struct {
	rows    *bbolt.Bucket
	total   sum
	changed bool
}

// Get is a row, nil where there is none.
func (t *Tx) Get(key string) []byte {
	row := t.rows.Get([]byte(key))
	if row == nil {
		return nil
	}
	return append([]byte{}, row...)
}

// Put writes a row, which is not nil.
func (t *Tx) Put(key string, row []byte) error {
	if row == nil {
		return fmt.Errorf("row %s is nil: delete it", key)
	}
	t.drop(key)
	t.total = t.total.with([]byte(key), row)
	return t.rows.Put([]byte(key), bytes.Clone(row)) // the database keeps what it is given until it commits
}

// Delete removes a row.
func (t *Tx) Delete(key string) error {
	t.drop(key)
	return t.rows.Delete([]byte(key))
}

func (t *Tx) drop(key string) {
	t.changed = true
	if old := t.rows.Get([]byte(key)); old != nil {
		t.total = t.total.with([]byte(key), old)
	}
}

// Update runs a change of a file, which is made with its folder where there is none. What
// it did is on the disk before Update returns. Where it returns an error nothing is kept,
// and the error is returned as it is. The file's own errors name it.
func Update(ctx context.Context, path string, change func(*Tx) error) error {
	if err := prepare(path); err != nil {
		return err
	}
	var refused error
	err := guarded(ctx, path, func(db *bbolt.DB, ours *bool) error {
		return db.Update(func(tx *bbolt.Tx) (err error) {
			refused, err = run(tx, change, ours)
			return errors.Join(refused, err)
		})
	})
	switch {
	case refused != nil:
		return refused
	case err != nil && !errors.Is(err, errNothing):
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// errNothing keeps a transaction that only looked from being written to the disk.
var errNothing = errors.New("nothing was changed")

// run runs the change between reading the sum of all rows and writing it anew.
func run(tx *bbolt.Tx, change func(*Tx) error, ours *bool) (refused, err error) {
	rows, err := tx.CreateBucketIfNotExists(rowsBucket)
	if err != nil {
		return nil, err
	}
	sums, err := tx.CreateBucketIfNotExists(sumBucket)
	if err != nil {
		return nil, err
	}
	t := &Tx{rows: rows}
	if t.total, err = check(rows, sums); err != nil {
		return nil, err
	}
	*ours = true
	refused = change(t)
	*ours = false
	switch {
	case refused != nil:
		return refused, nil
	case !t.changed:
		return nil, errNothing
	}
	return nil, sums.Put(sumKey, t.total[:])
}

// guarded opens the database, and makes errors of what a damaged file does to it: it
// panics, or the memory that it is mapped to is not there. Such a database is not
// closed, which may wait for ever, but its file is released: others may have it. What
// panics in the caller's own change is the caller's.
func guarded(ctx context.Context, path string, do func(db *bbolt.DB, ours *bool) error) (err error) {
	var held *os.File
	ours := false
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			release(held)
			if ours {
				panic(fault)
			}
			err = ErrDamaged
		}
	}()
	db, err := open(ctx, path, func(name string, flag int, mode fs.FileMode) (f *os.File, err error) {
		f, err = os.OpenFile(name, flag, mode)
		held = f
		return f, err
	})
	if err != nil {
		return err
	}
	if err := sound(path); err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(do(db, &ours), db.Close())
}

// open waits for the file as long as the context and patience last.
func open(ctx context.Context, path string, file func(string, int, fs.FileMode) (*os.File, error)) (*bbolt.DB, error) {
	wait := patience
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end))
	}
	if err := ctx.Err(); err != nil || wait <= 0 {
		return nil, errors.Join(err, context.DeadlineExceeded)
	}
	db, err := bbolt.Open(path, private, &bbolt.Options{Timeout: wait, OpenFile: file})
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

const private fs.FileMode = 0o600

// prepare makes the folder and refuses a file that is not its owner's alone.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("the folder of %s: %w", path, err)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file: move it away", path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s can be read or written by others (%v): chmod 600 it", path, info.Mode().Perm())
	}
	return nil
}

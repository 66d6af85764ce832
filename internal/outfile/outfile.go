// Package outfile writes the files that a person asked for: whole or not at
// all, and readable by their owner only, unless the caller says otherwise.
//
// It promises that a file of the name either holds what it held before or all
// of what was written: a program killed half-way leaves no half a report, and what it leaves
// beside is removed by the next to write in that folder, when an hour has passed. What is
// written takes the place of what was there, its mode included: who could read the
// old file does not so read the new one. It follows no link into a file: in a folder
// that others may write to, a link would choose which file is replaced. A device or a
// pipe is written to as it is, by a link such as /dev/stdout too.
package outfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes the file name with mode 0600 out of what fill writes. The text is
// written beside it and takes its place when it is safe on the disk.
func Write(name string, fill func(io.Writer) error) error { return WriteMode(name, private, fill) }

const private fs.FileMode = 0o600

// WriteMode is Write for a file that others have to read. A device or a pipe keeps
// its own mode.
func WriteMode(name string, mode fs.FileMode, fill func(io.Writer) error) error {
	if err := named(name); err != nil {
		return err
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return through(name, info, fill)
	}
	if target, err := os.Readlink(name); err == nil {
		return fmt.Errorf("write %s: it is a link to %s: name the file itself", name, target)
	}
	sweep(filepath.Dir(name))
	f, err := os.CreateTemp(filepath.Dir(name), temporary+"*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, cause(err))
	}
	hold(f)
	defer os.Remove(f.Name()) // fails when the file has taken its place
	if mode != private {      // what CreateTemp gives
		err = f.Chmod(mode)
	}
	if err := errors.Join(err, finish(f, fill)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("write %s: %w", name, cause(err))
	}
	return sync(filepath.Dir(name))
}

// named refuses the names that a person gives by mistake, or means otherwise.
func named(name string) error {
	switch name {
	case "":
		return errors.New("write a file: the name is empty")
	case "-":
		return errors.New("write -: it stands for standard output, which does not go here: name a file, ./- for one of that name")
	}
	return nil
}

// through writes to what is there and is no plain file: /dev/stdout, a pipe.
func through(name string, info fs.FileInfo, fill func(io.Writer) error) error {
	if info.IsDir() {
		return fmt.Errorf("write %s: it is a folder: name a file in it", name)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, cause(err))
	}
	w := bufio.NewWriter(f)
	if err := errors.Join(fill(w), w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func finish(f *os.File, fill func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 64<<10)
	err := fill(w)
	if err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	return errors.Join(err, f.Close())
}

// sync makes the new name itself safe. Not every file system lets a folder be
// synced; the file is.
func sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}

// cause drops the temporary name from an error: the person did not type it.
func cause(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

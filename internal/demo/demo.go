// Package demo carries what `mfawatch demo` looks at: the archive of one invented
// working week, 16 to 20 November 2026, of an organization with three accounts, and
// one account as it was exported.
//
// It promises that the archive is always the same, that it lies as CloudTrail
// lays its files (log files, one digest, one insight file) and that exactly one
// file is damaged. Everything in it is invented: accounts are those of AWS's
// documentation, addresses those reserved for documentation. It never reads the
// network, a clock or anybody's files; only WriteTo and
// WriteAccount write.
//
// The story is a table in story.go; everything else turns it into files.
package demo

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Archive is the archive, with everything below AWSLogs/o-example123. It is
// built anew at every call, which takes milliseconds.
func Archive() fs.FS {
	fsys, err := archive()
	if err != nil {
		panic(fmt.Sprintf("demo: the built-in archive cannot be built: %v", err)) // its input is constant; a test builds it
	}
	return fsys
}

// archive puts the files into a zip in memory, the standard library's file
// system for bytes that are no files.
func archive() (fs.FS, error) {
	list, err := files()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range list {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.path, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
}

// WriteTo writes the archive into dir, which must be empty or not exist yet.
// Folders are made with mode 0700 and files with 0600. The files appear all at
// once: after an error dir is as it was before.
func WriteTo(dir string) (err error) {
	made, err := claim(dir)
	if err != nil {
		return fmt.Errorf("write demo archive: %w", err)
	}
	defer func() {
		if err != nil && made {
			err = joinRemoval(err, os.Remove(dir))
		}
	}()
	if err = writeInto(dir); err != nil {
		return fmt.Errorf("write demo archive to %s: %w", dir, err)
	}
	return nil
}

func joinRemoval(err, removal error) error {
	if removal != nil {
		return fmt.Errorf("%w (and it could not be cleaned up: %v)", err, removal)
	}
	return err
}

// claim makes dir, or checks that it is an empty folder.
func claim(dir string) (made bool, err error) {
	err = os.Mkdir(dir, 0o700)
	if err == nil {
		return true, nil
	}
	if !os.IsExist(err) {
		return false, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	if len(entries) > 0 {
		return false, fmt.Errorf("folder %s is not empty", dir)
	}
	return false, nil
}

// writeInto fills a folder inside dir and then renames the one folder that the
// archive consists of into its place.
func writeInto(dir string) (err error) {
	temp, err := os.MkdirTemp(dir, ".mfawatch-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if removal := os.RemoveAll(temp); err == nil {
			err = removal
		}
	}()
	if err := writeFiles(temp); err != nil {
		return err
	}
	return os.Rename(filepath.Join(temp, top), filepath.Join(dir, top))
}

func writeFiles(dir string) error {
	list, err := files()
	if err != nil {
		return err
	}
	for _, f := range list {
		name := filepath.Join(dir, filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"mfawatch/internal/outfile"
)

// Store is a folder of sealed secrets. Its methods may be used by several processes
// at once: writers keep each other out, and a reader finds a file as it was or as it
// is.
type Store struct {
	dir  string
	keys Keys
	step func(string) // told of each step of a rotation, for tests that end there
	none error        // why the folder, which was not there, could not be made; nil: it is there
}

// OpenStore is the store in a folder, which is made where there is none. Where nothing
// can be written, a folder that is not there is a store without secrets, to be read.
func OpenStore(dir string, keys Keys) (*Store, error) {
	s := &Store{dir: dir, keys: keys, step: func(string) {}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		err = fmt.Errorf("folder of secrets %s: %w", dir, cause(err))
		if _, there := os.Lstat(dir); !errors.Is(there, fs.ErrNotExist) || !unwritable(err) {
			return nil, err
		}
		s.none = err
		return s, nil
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	return s, nil
}

// unwritable tells of a disk that is mounted to be read, or a folder that is another's.
func unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func (s *Store) path(id string) string { return filepath.Join(s.dir, fileName(id)) }

// Put seals a new secret. One that is there already is not replaced.
func (s *Store) Put(ctx context.Context, h Header, secret Secret) error {
	return s.write(ctx, h, secret, false)
}

// Replace seals a secret in the place of one that is there.
func (s *Store) Replace(ctx context.Context, h Header, secret Secret) error {
	return s.write(ctx, h, secret, true)
}

func (s *Store) write(ctx context.Context, h Header, secret Secret, old bool) error {
	if err := h.check(); err != nil {
		return err
	}
	held, err := s.hold()
	if err != nil {
		return err
	}
	defer held.Close()
	_, err = os.Lstat(s.path(h.ID))
	switch there := err == nil; {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", s.path(h.ID), cause(err))
	case there && !old:
		return fmt.Errorf("secret %q: %w: delete it first, or replace it on purpose", h.ID, ErrExists)
	case !there && old:
		return s.notFound(h.ID)
	}
	file, err := seal(ctx, h, secret, s.keys)
	if err != nil {
		return err
	}
	return s.place(h.ID, file)
}

// hold is the writer's lock on a folder that is private.
func (s *Store) hold() (*os.File, error) {
	if s.none != nil {
		return nil, s.none
	}
	if err := checkFolder(s.dir); err != nil {
		return nil, err
	}
	return lock(s.dir)
}

// place puts a file where it belongs, whole or not at all.
func (s *Store) place(id string, file []byte) error {
	return outfile.Write(s.path(id), func(w io.Writer) error {
		s.step("writing " + id)
		_, err := w.Write(file)
		s.step("written " + id)
		return err
	})
}

func (s *Store) notFound(id string) error {
	return fmt.Errorf("secret %q in %s: %w", id, s.dir, ErrNotFound)
}

// Get opens a secret, to make codes with it. It is the caller's to Wipe.
func (s *Store) Get(ctx context.Context, id string) (Header, Secret, error) {
	file, h, err := s.read(id)
	if err != nil {
		return Header{}, Secret{}, err
	}
	secret, err := open(ctx, s.path(id), file, h, s.keys)
	if err != nil {
		return Header{}, Secret{}, err
	}
	return h, secret, nil
}

// read gives the file of an id and its header, which names that id.
func (s *Store) read(id string) ([]byte, Header, error) {
	if err := checkID(id); err != nil {
		return nil, Header{}, err
	}
	if s.none != nil {
		return nil, Header{}, s.notFound(id)
	}
	if err := checkFolder(s.dir); err != nil {
		return nil, Header{}, err
	}
	file, err := readPrivate(s.path(id), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Header{}, s.notFound(id)
	}
	if err != nil {
		return nil, Header{}, err
	}
	h, err := parse(s.path(id), file)
	switch {
	case err != nil:
		return nil, Header{}, err
	case h.ID != id:
		return nil, Header{}, fmt.Errorf("%s: it is the secret %q under another's name: give it the name %s again", s.path(id), h.ID, fileName(h.ID))
	}
	return file, h, nil
}

// List reads the headers of all secrets and opens none. What cannot be read is named
// in the error, and the others are listed all the same.
func (s *Store) List() ([]Header, error) {
	if s.none != nil {
		return nil, nil
	}
	if err := checkFolder(s.dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("folder of secrets %s: %w", s.dir, cause(err))
	}
	var all []Header
	var bad []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		h, err := s.header(e.Name())
		if err != nil {
			bad = append(bad, err)
			continue
		}
		all = append(all, h)
	}
	return all, errors.Join(bad...)
}

func (s *Store) header(name string) (Header, error) {
	full := filepath.Join(s.dir, name)
	file, err := readPrivate(full, maxFile)
	if err != nil {
		return Header{}, err
	}
	h, err := parse(full, file)
	if err == nil && fileName(h.ID) != name {
		return Header{}, fmt.Errorf("%s: it is the secret %q under another's name: give it the name %s again", full, h.ID, fileName(h.ID))
	}
	return h, err
}

// Delete removes a secret's file, a damaged one too.
func (s *Store) Delete(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	held, err := s.hold()
	if err != nil {
		return err
	}
	defer held.Close()
	err = os.Remove(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return s.notFound(id)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.path(id), cause(err))
	}
	syncFolder(s.dir)
	return nil
}

// RetypedID is the id of a secret as a person typed it to confirm an export.
type RetypedID string

// ExportSentence is what a person types as a whole to confirm an export. It is the
// second question, and says what the answer to the first does not.
type ExportSentence string

// WantSentence is the sentence for a secret.
func WantSentence(id string) ExportSentence {
	return ExportSentence("whoever sees " + id + " can make its codes")
}

// Export writes a secret, unsealed, for a person who confirmed it twice. Nothing is
// opened before both confirmations are right.
func (s *Store) Export(ctx context.Context, id string, first RetypedID, second ExportSentence, w io.Writer) error {
	switch {
	case string(first) != id:
		return fmt.Errorf("export of %q: %w: type the id again, exactly", id, ErrNotConfirmed)
	case second != WantSentence(id):
		return fmt.Errorf("export of %q: %w: type %q, exactly", id, ErrNotConfirmed, string(WantSentence(id)))
	}
	_, secret, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	if _, err := io.Copy(w, bytes.NewReader(secret.Reveal())); err != nil {
		return fmt.Errorf("export of %q: %w", id, err)
	}
	return nil
}

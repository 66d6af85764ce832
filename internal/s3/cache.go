package s3

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Cache keeps objects in a folder, readable by their owner only, so that a scan
// that was interrupted goes on without reading them again. An object is known by
// its bucket, key, ETag and size: one that was replaced is read anew. Nothing is
// ever removed from it. A nil Cache keeps nothing.
type Cache struct {
	dir string
	mu  sync.Mutex
	err error
}

// NewCache makes the folder when there is none.
func NewCache(dir string) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, cause(err)
	}
	f, err := os.CreateTemp(dir, part)
	if err != nil {
		return nil, cause(err)
	}
	defer os.Remove(f.Name())
	return &Cache{dir: dir}, f.Close()
}

// part is how files begin that are not whole yet.
const part = ".part-*"

// Err is why something could not be kept. The scan is none the worse for it.
func (c *Cache) Err() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// path never depends on how a key is written: keys may hold what file systems
// do not take.
func (c *Cache) path(bucket string, o Object) string {
	sum := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", bucket, o.Key, o.ETag, o.Size)))
	return filepath.Join(c.dir, sum[:2], sum)
}

// open is the object as it was kept, or nil.
func (c *Cache) open(bucket string, o Object) io.ReadCloser {
	if c == nil || o.ETag == "" {
		return nil
	}
	f, err := os.Open(c.path(bucket, o))
	if err != nil {
		return nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() != o.Size {
		_ = f.Close()
		return nil
	}
	return f
}

// keep writes the object beside its place and moves it there when it is whole.
func (c *Cache) keep(bucket string, o Object, r io.Reader) {
	if c == nil || o.ETag == "" {
		return
	}
	if err := write(c.path(bucket, o), o.Size, r); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = cause(err)
	}
}

func write(path string, size int64, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), part)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when the file has taken its place
	n, err := io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%d of %d bytes were written", n, size)
	}
	return os.Rename(f.Name(), path)
}

// cause drops the temporary name from an error: nobody typed it.
func cause(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

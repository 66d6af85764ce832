package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// private refuses a file or folder that others can read or write, or own.
func private(name string, info fs.FileInfo, mode fs.FileMode) error {
	owner, err := ownerOf(name, info)
	switch {
	case err != nil:
		return err
	case owner != os.Geteuid():
		return fmt.Errorf("%s: it belongs to user %d and this is user %d: run as its owner, or give it over with chown %d", name, owner, os.Geteuid(), os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s: others can get at it (mode %04o): chmod %04o it, and if it was so for long, enroll anew what it keeps", name, info.Mode().Perm(), mode)
	}
	return nil
}

// checkFolder is asked before each use: what was private yesterday may not be today.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("folder of secrets %s: %w", dir, cause(err))
	case !info.IsDir():
		return fmt.Errorf("folder of secrets %s: it is a file: name a folder", dir)
	}
	return private(dir, info, 0o700)
}

// readPrivate reads a file of at most that many bytes. It follows no link, waits for
// no pipe, and looks at the file that it reads rather than at its name.
func readPrivate(name string, most int64) ([]byte, error) {
	return readPlain(name, most, func(name string, info fs.FileInfo) error { return private(name, info, 0o600) })
}

func readPlain(name string, most int64, check func(string, fs.FileInfo) error) ([]byte, error) {
	f, err := openNoFollow(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: it is no plain file: move it elsewhere", name)
	}
	if err := check(name, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s: it has more than %d bytes, more than any file of this kind: move it elsewhere", name, most)
	}
	return data, nil
}

// trusted refuses a file or folder that another user owns or can write to. Reading does
// no harm. The machine's administrator is trusted, as with everything; so is a folder such
// as /tmp in which nobody can replace what is another's.
func trusted(name string, info fs.FileInfo) error {
	owner, err := ownerOf(name, info)
	switch sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0; {
	case err != nil:
		return err
	case owner != os.Geteuid() && owner != 0:
		return fmt.Errorf("%s: it belongs to user %d and this is user %d: whoever owns it decides what is in it, so make one of your own", name, owner, os.Geteuid())
	case info.Mode().Perm()&0o022 != 0 && !sticky:
		return fmt.Errorf("%s: others can write to it (mode %04o): see that nobody changed it, and chmod go-w it", name, info.Mode().Perm())
	}
	return nil
}

// TrustFolder refuses a folder in which others could put a file in another's place.
func TrustFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("folder %s: %w", dir, cause(err))
	case !info.IsDir():
		return fmt.Errorf("folder %s: it is a file: name a folder", dir)
	}
	return trusted(dir, info)
}

// ReadTrusted reads a file that is no secret and decides who opens or gets secrets: to
// whom they are sealed, which tokens are good. It follows no link, waits for no pipe, and
// refuses what others can write.
func ReadTrusted(name string, most int64) ([]byte, error) { return readPlain(name, most, trusted) }

// Lock keeps others who call it out of a folder until it is closed, also by a kill. It
// does not wait: the error is ErrBusy.
func Lock(dir string) (io.Closer, error) { return lock(dir) }

// syncFolder makes a removal safe on the disk. Not every file system lets a folder
// be synced.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// leftovers removes what writers that were killed left: sealed bytes that never took
// their place. Who calls it holds the lock, so nobody is writing them.
func leftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".mfawatch-") {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// cause drops the name from an error: it is said already.
func cause(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

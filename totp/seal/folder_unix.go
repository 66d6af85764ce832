//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func ownerOf(name string, info fs.FileInfo) (int, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("%s: the file system does not say whose it is: keep secrets on another", name)
	}
	return int(stat.Uid), nil
}

func openNoFollow(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errors.New("it is a link: put the file itself in its place")
	}
	return f, err
}

// lock keeps other writers out of the folder until the file is closed, also by a
// kill. It does not wait: a rotation may stand at a YubiKey that nobody touches.
func lock(dir string) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("folder of secrets %s: %w", dir, cause(err))
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = d.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("folder of secrets %s: %w", dir, ErrBusy)
		}
		return nil, fmt.Errorf("lock the folder of secrets %s: %w", dir, err)
	}
	return d, nil
}

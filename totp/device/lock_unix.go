//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package device

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock of an open file, unless another has it. Closing the file, or
// being killed, gives it back.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

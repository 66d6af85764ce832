//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package rowfile

import (
	"os"
	"syscall"
)

// release gives up a file whose database is not closed. Closing it is not enough: the
// memory that it is mapped to keeps the lock.
func release(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	_ = f.Close()
}

//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package outfile

import (
	"io/fs"
	"os"
	"syscall"
)

// hold marks a temporary file as somebody's: the mark is gone with the process.
func hold(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// abandoned tells whether nobody holds a file that is this user's.
func abandoned(name string, info fs.FileInfo) bool {
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return false
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

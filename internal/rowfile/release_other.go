//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package rowfile

import "os"

func release(f *os.File) { _ = f.Close() }

//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package device

import (
	"errors"
	"os"
	"runtime"
)

func tryLock(*os.File) (bool, error) {
	return false, errors.New("sessions are not kept on " + runtime.GOOS + ": get each anew")
}

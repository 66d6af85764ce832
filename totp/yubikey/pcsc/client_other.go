//go:build !linux

package pcsc

import (
	"context"
	"fmt"
	"runtime"

	"mfawatch/totp/yubikey/apdu"
)

// unreachable says why. macOS and Windows have no daemon with a socket: their card
// services are reached through C libraries, and no kept Go library does that without
// cgo, which would end the static binary.
func unreachable() error {
	return fmt.Errorf("%w: mfawatch reaches YubiKeys on Linux only, and this is %s: use ykman here (ykman oath accounts code --single NAME), or run mfawatch on Linux", ErrNoService, runtime.GOOS)
}

// Readers says that there is no way to readers.
func (Service) Readers(context.Context) ([]string, error) { return nil, unreachable() }

// Open says that there is no way to readers.
func (Service) Open(context.Context, string) (apdu.Connection, error) { return nil, unreachable() }

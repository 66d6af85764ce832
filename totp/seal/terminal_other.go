//go:build !linux

package seal

import "golang.org/x/term"

// readHidden reads a line of a terminal that does not show it.
func readHidden(fd int) ([]byte, error) { return term.ReadPassword(fd) }

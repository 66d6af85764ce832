package seal

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readHidden reads a line of a terminal that does not show it. Other than term.ReadPassword,
// which asks a terminal again that has said that nothing comes (Ctrl-D), it takes that as
// the end.
func readHidden(fd int) ([]byte, error) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return nil, err
	}
	line, err := readTyped(func(p []byte) (int, error) { return unix.Read(fd, p) })
	return line, errors.Join(err, unix.IoctlSetTermios(fd, unix.TCSETS, before))
}

// readTyped reads up to the end of a line, into one buffer: one that grows leaves copies
// behind. It holds more than a line of a terminal may have.
func readTyped(read func([]byte) (int, error)) ([]byte, error) {
	line := make([]byte, 0, 8<<10)
	for len(line) < cap(line) {
		next := line[len(line) : len(line)+1]
		n, err := read(next)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return line, err
		case n == 0 && len(line) == 0:
			return nil, errNothing
		case n == 0 || next[0] == '\n':
			return line, nil
		case next[0] == '\b':
			line = line[:max(len(line)-1, 0)]
		case next[0] != '\r':
			line = line[:len(line)+1]
		}
	}
	return line, errors.New("the line is too long")
}

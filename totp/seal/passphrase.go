package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

const maxPassphrase = 1024

// AskPassphrase asks on a terminal without showing what is typed, twice where the
// passphrase is new. Questions go to prompt, standard error. When ctx ends, by an
// interrupt, the terminal shows again what is typed.
func AskPassphrase(ctx context.Context, tty *os.File, prompt io.Writer, anew bool) (Secret, error) {
	if !term.IsTerminal(int(tty.Fd())) {
		return Secret{}, fmt.Errorf("%s is no terminal to ask the passphrase on: name a file of it", tty.Name())
	}
	p, err := Ask(ctx, tty, prompt, "passphrase")
	if err == nil {
		p, err = taken(p.Reveal())
	}
	if errors.Is(err, errNothing) {
		err = errors.New("no passphrase was typed")
	}
	if err != nil || !anew {
		return p, err
	}
	again, err := Ask(ctx, tty, prompt, "the same again")
	if err != nil {
		p.Wipe()
		return Secret{}, err
	}
	defer again.Wipe()
	if !p.Equal(again) {
		p.Wipe()
		return Secret{}, errors.New("the two passphrases differ: start again")
	}
	return p, nil
}

// errNothing is an end (Ctrl-D) where a line was asked for.
var errNothing = errors.New("nothing was typed")

// Ask reads one line of a terminal without showing it, which may be empty. The reader cannot be stopped:
// when ctx ends it is left at the terminal, and with it what was typed so far, until
// the program ends.
func Ask(ctx context.Context, tty *os.File, prompt io.Writer, what string) (Secret, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return Secret{}, fmt.Errorf("ask on %s: %w", tty.Name(), err)
	}
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	fmt.Fprint(prompt, what+": ")
	go func() {
		line, err := readHidden(fd)
		answers <- answer{line, err}
	}()
	defer fmt.Fprintln(prompt) // what the person's return key would have shown
	select {
	case <-ctx.Done():
		return Secret{}, errors.Join(ctx.Err(), term.Restore(fd, before))
	case a := <-answers:
		if a.err != nil {
			clear(a.line)
			return Secret{}, fmt.Errorf("ask on %s: %w", tty.Name(), a.err)
		}
		return NewSecret(a.line), nil
	}
}

// PassphraseFile reads a passphrase from a file that only its owner can read, up to its
// end or the end of its first line.
func PassphraseFile(name string) (Secret, error) {
	data, err := readPrivate(name, 1<<20)
	if err != nil {
		return Secret{}, fmt.Errorf("passphrase file %w", err)
	}
	defer clear(data)
	p, err := readPassphrase(bytes.NewReader(data))
	if err != nil {
		return Secret{}, fmt.Errorf("passphrase file %s: %w", name, err)
	}
	return p, nil
}

func readPassphrase(r io.Reader) (Secret, error) {
	// One buffer: one that grows leaves copies behind.
	buffer := make([]byte, maxPassphrase+3)
	n, err := io.ReadFull(r, buffer)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		clear(buffer)
		return Secret{}, cause(err)
	}
	line, rest, _ := bytes.Cut(buffer[:n], []byte("\n"))
	if len(rest) > 0 {
		clear(buffer)
		return Secret{}, errors.New("there is more than one line: write the passphrase alone")
	}
	return taken(bytes.TrimSuffix(line, []byte("\r")))
}

func taken(line []byte) (Secret, error) {
	switch {
	case len(line) == 0:
		return Secret{}, errors.New("the passphrase is empty: give one")
	case len(line) > maxPassphrase:
		clear(line)
		return Secret{}, fmt.Errorf("the passphrase has more than %d bytes: choose a shorter one", maxPassphrase)
	}
	return NewSecret(line), nil
}

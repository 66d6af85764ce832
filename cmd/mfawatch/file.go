package main

import (
	"errors"
	"fmt"
	"io"

	"mfawatch/internal/outfile"
)

// fileName is a flag that names a file to write. Given and empty, as an unset
// variable of a shell is, it is a mistake and not the default.
type fileName string

func (f *fileName) Set(name string) error {
	if name == "" {
		return errors.New("the name is empty: name a file")
	}
	*f = fileName(name)
	return nil
}

func (f *fileName) String() string { return string(*f) }

func (f *fileName) Type() string { return "string" }

// standardOutput is the name of standard output where a command has one text to
// write.
const standardOutput = "-"

// writeText writes a text to a file, or to standard output where that is named or
// nothing is.
func writeText(t terminal, name, text string) error {
	fill := func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
	if name != "" && name != standardOutput {
		return outfile.Write(name, fill)
	}
	if err := fill(t.out); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

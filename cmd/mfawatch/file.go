package main

import (
	"encoding/json"
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

// encode writes a value as JSON that people can read too: in lines, indented by one blank.
// It is the same on a terminal and in a pipe, so that what a program is written for is what
// its author saw. A value in each line is the format jsonl.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}

// printJSON writes a command's answer as JSON.
func printJSON(t terminal, v any) error {
	if err := encode(t.out, v); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

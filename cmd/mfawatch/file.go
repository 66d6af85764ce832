package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"mfawatch/audit/report"
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

// onePath is a file or folder that a flag names. Given twice it would leave the first
// one out without a word.
type onePath string

func (f *onePath) Set(name string) error {
	if *f != "" {
		return fmt.Errorf("it is given twice, and one is read at a time: %s was first", string(*f))
	}
	*f = onePath(name)
	return nil
}

func (f *onePath) String() string { return string(*f) }

func (f *onePath) Type() string { return "string" }

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
// its author saw. A value in each line is the format jsonl. What others wrote into it cannot
// move a terminal's cursor or turn its text around.
func encode(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(report.Visible(b.Bytes()))
	return err
}

// printJSON writes a command's answer as JSON.
func printJSON(t terminal, v any) error {
	if err := encode(t.out, v); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

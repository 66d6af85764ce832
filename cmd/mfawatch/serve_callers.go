package main

import (
	"encoding/json"
	"io"
	"path/filepath"

	"mfawatch/internal/outfile"
	"mfawatch/totp/seal"
)

// changeCallers changes the list of a file, of tokens or of clients, and keeps other writers
// out from reading it until it is written: two changes at once lose neither. A running
// server reads the file anew with each request.
func changeCallers[T any](file string, read func() ([]T, error), change func([]T) ([]T, error)) error {
	held, err := holdBeside(file)
	if err != nil {
		return err
	}
	defer held.Close()
	list, err := read()
	if err != nil {
		return err
	}
	if list, err = change(list); err != nil {
		return err
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return outfile.Write(file, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// holdBeside keeps other writers of a file out.
func holdBeside(file string) (held io.Closer, err error) {
	err = patiently(func() error {
		held, err = seal.Lock(filepath.Dir(file))
		return err
	})
	return held, err
}

// printCallers prints a list of callers, which may be empty, as the format asks for.
func printCallers(t terminal, format string, list any, none string, rows [][]string) error {
	switch {
	case format == "json":
		return printJSON(t, list)
	case len(rows) == 1:
		return writeText(t, "", none)
	}
	return printTable(t, rows)
}

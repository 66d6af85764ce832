package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/internal/manual"
	"mfawatch/internal/outfile"
)

// newMan is hidden: it is for who packs mfawatch.
func newMan(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write a man page of each command into a folder",
		Long:    "Writes a man page of each command into a folder. Their date is $SOURCE_DATE_EPOCH, and without it they have none: the same mfawatch writes the same bytes.",
		Example: "  mfawatch man /usr/local/share/man/man1",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return writeMan(t, args[0], os.Getenv("SOURCE_DATE_EPOCH"))
		},
	}
}

func writeMan(t terminal, dir, epoch string) error {
	e := manual.Edition{Version: "mfawatch " + built().Version}
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return usage("SOURCE_DATE_EPOCH %q is not a number of seconds since 1970", epoch)
		}
		e.Date = time.Unix(seconds, 0)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of man pages: %w", err)
	}
	all := manual.Commands(newRoot(terminal{in: t.in, out: io.Discard, err: io.Discard})) // as it is in a pipe
	for _, c := range all {
		var page bytes.Buffer
		if err := manual.Man(&page, c, e); err != nil {
			return err
		}
		err := outfile.WriteMode(filepath.Join(dir, manual.Name(c)+".1"), 0o644, func(w io.Writer) error { _, err := w.Write(page.Bytes()); return err })
		if err != nil {
			return fmt.Errorf("write a man page: %w", err)
		}
	}
	fmt.Fprintf(t.err, "Wrote %d man pages into %s.\n", len(all), dir)
	return nil
}

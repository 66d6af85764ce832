package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/internal/outfile"
)

// configName is what the file is called, as a person writes it and as it is
// deployed.
const configName = "mfawatch.yaml"

func newConfigCompile(t terminal) *cobra.Command {
	var output string
	var context overriding
	c := &cobra.Command{
		Use:   "compile [FILE]",
		Short: "Check mfawatch.yaml and write the form that functions read",
		Long: strings.TrimSpace(`
Checks FILE (mfawatch.yaml unless one is named) and writes what stands under the
name mfawatch.yaml in a function's folder: JSON, with everything filled in and a
checksum. A deployment by the CDK app does this itself; the command is for
deployments of other kinds.

The functions read no other form and notice an edit: edit FILE and compile it
again. The same file gives the same bytes.`),
		Example: "  mfawatch config compile -o bin/functions/signin/arm64/mfawatch.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return compile(t, append(args, configName)[0], output, context)
		},
	}
	c.Flags().VarP((*fileName)(&output), "output", "o", "write this file in place of what it held, readable by all, as Lambda needs it, and print nothing; - prints")
	context.add(c)
	return c
}

func compile(t terminal, name, output string, context overriding) error {
	overrides, err := context.read()
	if err != nil {
		return err
	}
	from, err := source(t, name, overrides)
	if err != nil {
		return err
	}
	if sameFile(name, output) {
		return usage("-o %s is the file to compile itself, which would be lost: name another", output)
	}
	text, err := from.Compile()
	if err != nil {
		return exit{exitUsage, err}
	}
	if output == "" || output == standardOutput {
		return writeText(t, output, string(text))
	}
	// In Lambda a function runs as another user than who deployed it.
	err = outfile.WriteMode(output, 0o644, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return cannotRun(fmt.Errorf("the compiled configuration: %w", err))
	}
	_, err = fmt.Fprintf(t.err, "Wrote %s.\n", report.Plain(output))
	return err
}

// sameFile tells whether two names are one file, by whatever way.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, missing := os.Stat(b)
	return err == nil && missing == nil && os.SameFile(x, y)
}

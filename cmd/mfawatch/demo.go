package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/audit/scan"
	"mfawatch/internal/demo"
)

func newDemo(t terminal) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Judge a small invented archive: no AWS account, no network",
		Long: strings.TrimSpace(`
Runs scan on an invented organisation's CloudTrail archive that the program
carries, in the layout S3 has. It ends with 0 when it ran, whatever it found.`),
		Example: "  mfawatch demo\n  mfawatch demo --write ./demo-logs && mfawatch scan ./demo-logs",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir != "" {
				return writeDemo(t, dir)
			}
			return runDemo(c.Context(), t)
		},
	}
	c.Flags().StringVar(&dir, "write", "", "write the archive to this new folder instead")
	return c
}

func writeDemo(t terminal, dir string) error {
	if err := demo.WriteTo(dir); err != nil {
		return cannotRun(err)
	}
	_, err := fmt.Fprintf(t.out, "Wrote the archive. Now try: mfawatch scan %s\n", dir)
	return err
}

func runDemo(ctx context.Context, t terminal) error {
	sources, err := scan.FS(demo.Archive())
	if err != nil {
		return cannotRun(fmt.Errorf("read the bundled archive: %w", err))
	}
	r := scan.Run(ctx, sources, scan.Options{})
	if err := write(t, report.Table, r); err != nil {
		return cannotRun(fmt.Errorf("write the report: %w", err))
	}
	if !r.Summary.Complete {
		return ended(r, exitCannotRun, nil)
	}
	_, err = fmt.Fprint(t.out, `
This was an invented archive. Now try your own (in a clone of the
repository: make build, then bin/mfawatch):
  aws s3 sync s3://YOUR-TRAIL-BUCKET/AWSLogs ./AWSLogs
  mfawatch scan ./AWSLogs --only fail,unknown
To look into this archive: mfawatch demo --write ./demo-logs
`)
	return err
}

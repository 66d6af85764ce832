package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
)

func newCollect(t terminal) *cobra.Command {
	var f sourceFlags
	c := &cobra.Command{
		Use:   "collect -o FILE",
		Short: "Read an account into a file, to be audited later or elsewhere",
		Long: strings.TrimSpace(`
Reads what 'mfawatch audit' reads and judges nothing. 'mfawatch audit --from FILE'
gives the same findings from the file as from the account. With --org, a file
for each account is written to the folder of --snapshots.

What could not be read is in the file as a gap, and no error; with --org an
account that could not be read at all ends it with 4. The file holds user names, ids, policies and device serial numbers, and no
secret. It is readable by you only.`),
		Example: strings.TrimRight(`
  mfawatch collect --profile security -o snapshot.json
  mfawatch audit --from snapshot.json
  mfawatch collect --org --role SecurityAudit --snapshots ./accounts`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runCollect(c.Context(), t, f) },
	}
	f.live(c)
	c.Flags().VarP((*fileName)(&f.save), "output", "o", "file to write, in place of what it held; - is standard output")
	return c
}

func runCollect(ctx context.Context, t terminal, f sourceFlags) error {
	if f.org && f.snapshots == "" {
		return usage("collect --org needs --snapshots: the folder to write to")
	}
	if !f.org && f.save == "" {
		return usage("-o is missing: the file to write")
	}
	printed := f.save == standardOutput
	if printed {
		f.save = "" // what a run that was cut short has read is kept where audit keeps it
	}
	if err := f.valid(); err != nil {
		return err
	}
	if f.org {
		return collectOrganization(ctx, t, f)
	}
	if printed {
		return collectAndPrint(ctx, t, f)
	}
	s, err := f.ask(ctx, t)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.err, "Wrote %s: account %s, %d gaps.\n", report.Plain(f.save), s.Account, len(s.Gaps))
	return err
}

func collectAndPrint(ctx context.Context, t terminal, f sourceFlags) error {
	s, err := f.ask(ctx, t)
	if err != nil {
		return err
	}
	text, err := s.Encode()
	if err == nil {
		err = writeText(t, standardOutput, string(text))
	}
	if err != nil {
		return cannotRun(fmt.Errorf("print the snapshot: %w", err))
	}
	return nil
}

func collectOrganization(ctx context.Context, t terminal, f sourceFlags) error {
	r, err := f.organization(ctx, t)
	if err != nil {
		return err
	}
	failed := false
	for _, m := range r.Members {
		state := m.Skipped
		if state == "" {
			state = fmt.Sprintf("%d gaps", len(m.Snapshot.Gaps))
		}
		if m.Err != nil {
			state = m.Err.Error()
		}
		failed = failed || m.Err != nil
		fmt.Fprintf(t.out, "%s  %s  %s\n", m.ID, report.Plain(m.Name), report.Plain(state))
	}
	if failed {
		return exit{code: exitUnchecked}
	}
	return nil
}

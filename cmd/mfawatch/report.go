package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newReport(t terminal) *cobra.Command {
	var f outputFlags
	c := &cobra.Command{
		Use:   "report FILE",
		Short: "Show a saved audit again, in any format, or against an earlier one",
		Long: strings.TrimSpace(`
Reads what 'mfawatch audit -o FILE.json' wrote, of one account or of an
organisation, and writes it in another format. With --diff it tells what is new
since an earlier audit, what is still open and since when, and what is resolved.
Nothing is asked of AWS.`),
		Example: strings.TrimRight(`
  mfawatch report findings.json -o report.html
  mfawatch report findings.json --diff findings-last-month.json
  mfawatch report findings.json --format markdown --only fail`, "\n"),
		Args: cobra.MatchAll(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("it takes one FILE: what mfawatch audit -o FILE.json wrote")
			}
			return nil
		}),
		RunE: func(_ *cobra.Command, args []string) error {
			plan, err := f.plan()
			if err != nil {
				return err
			}
			previous, err := f.previous()
			if err != nil {
				return err
			}
			a, err := readAudit(args[0])
			if err != nil {
				return err
			}
			return present(t, plan, a, previous, f, nil)
		},
	}
	f.add(c)
	c.Flags().Lookup("security-hub-region").Usage = "Region of Security Hub, for asff"
	return c
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/collect"
	"mfawatch/audit/config"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
	"mfawatch/audit/scan"
	"mfawatch/internal/demo"
	"mfawatch/internal/outfile"
)

func newDemo(t terminal) *cobra.Command {
	var dir, html string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Judge a small invented archive and account: no AWS account, no network",
		Long: strings.TrimSpace(`
Runs scan on an invented organisation's CloudTrail archive that the program
carries, in the layout S3 has; then audit on the exported files of one of its
accounts, whose report in HTML it writes. It ends with 0 when it ran, whatever it
found.`),
		Example: "  mfawatch demo\n  mfawatch demo --write ./demo\n  mfawatch scan ./demo/AWSLogs",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir != "" {
				return writeDemo(t, dir)
			}
			return runDemo(c.Context(), t, html)
		},
	}
	c.Flags().StringVar(&dir, "write", "", "write archive and exported files to this new folder instead")
	c.Flags().Var((*fileName)(&html), "report", "where to write the HTML report (default: a new folder for temporary files)")
	return c
}

func writeDemo(t terminal, dir string) error {
	if err := demo.WriteTo(dir); err != nil {
		return cannotRun(err)
	}
	if err := demo.WriteAccount(filepath.Join(dir, "exported")); err != nil {
		return cannotRun(err)
	}
	exported := filepath.Join(dir, "exported")
	_, err := fmt.Fprintf(t.out, "Wrote the archive and the account's files. Now try:\n  mfawatch scan %s\n  mfawatch audit --from %s --exemptions %s --rules %s\n",
		filepath.Join(dir, "AWSLogs"), exported, filepath.Join(exported, "exemptions.yaml"), filepath.Join(exported, "rules.yaml"))
	return err
}

func runDemo(ctx context.Context, t terminal, html string) error {
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
	html, err = auditDemo(t, html)
	if err != nil {
		return cannotRun(err)
	}
	_, err = fmt.Fprintf(t.out, `
The account's report for a browser: %s

All of this was invented. Now try your own (in a clone of the repository:
make build, then bin/mfawatch):
  mfawatch audit --profile YOUR-PROFILE -o report.html
  aws s3 sync s3://YOUR-TRAIL-BUCKET/AWSLogs ./AWSLogs
  mfawatch scan ./AWSLogs --only fail,unknown
To look into the invented files: mfawatch demo --write ./demo
`, html)
	return err
}

// auditDemo audits the invented account and writes its HTML report. It returns
// where.
func auditDemo(t terminal, html string) (string, error) {
	dir, err := os.MkdirTemp("", "mfawatch-demo-")
	if err != nil {
		return "", fmt.Errorf("make a folder for temporary files: %w", err)
	}
	if html == "" {
		html = filepath.Join(dir, "report.html")
	} else {
		defer os.RemoveAll(dir)
	}
	exported := filepath.Join(dir, "exported")
	if err := demo.WriteAccount(exported); err != nil {
		return "", err
	}
	s, err := collect.Folder(exported, collect.FolderOptions{TakenAt: demo.ExportedAt})
	if err != nil {
		return "", fmt.Errorf("read the bundled account: %w", err)
	}
	exemptions, err := config.Exemptions(config.ExemptionFile{Name: "exemptions.yaml", Data: []byte(demo.Exemptions)})
	if err != nil {
		return "", err
	}
	rules, err := config.Rules("rules.yaml", []byte(demo.Rules))
	if err != nil {
		return "", err
	}
	rules.Posture.Exemptions = exemptions
	a := report.Audit{Accounts: []posture.Account{posture.Judge(s, rules.Posture)}}
	o := report.AuditOptions{Version: version}
	if err := outfile.Write(html, func(w io.Writer) error { return report.WriteAudit(w, report.AuditHTML, a, o) }); err != nil {
		return "", err
	}
	fmt.Fprint(t.out, "\nAUDIT of one of the accounts\n\n")
	return html, destination{format: report.AuditTable}.write(t, a, o)
}

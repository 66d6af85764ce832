package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/collect"
	"mfawatch/audit/report"
)

func newCollect(t terminal) *cobra.Command {
	var f sourceFlags
	var printed bool
	c := &cobra.Command{
		Use:   "collect -o FILE",
		Short: "Read an account into a file, to be audited later or elsewhere",
		Long: strings.TrimSpace(`
Reads what 'mfawatch audit' reads and judges nothing. 'mfawatch audit --from FILE'
gives the same findings from the file as from the account. With --org, a file
for each account is written to the folder of --snapshots.

What could not be read is in the file as a gap, and no error; with --org an
account that could not be read at all ends it with 4. The file holds user names,
ids, policies and device serial numbers, and no secret. It is readable by you only.

Who may not read the account has somebody run the lines of --print-export, which need
the AWS CLI and a POSIX shell, and gets a folder for 'mfawatch audit --from'. The lines
of --print-export --org are for the management account: they make a folder of the
service control policies above the accounts, for --scps-from.`),
		Example: strings.TrimRight(`
  mfawatch collect --profile security -o snapshot.json
  mfawatch audit --from snapshot.json
  mfawatch collect --org --role SecurityAudit --snapshots ./accounts
  mfawatch collect --print-export > export.sh
  mfawatch collect --print-export --org > export-org.sh`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if printed {
				return writeText(t, standardOutput, exportScript(f.org))
			}
			return runCollect(c.Context(), t, f)
		},
	}
	f.live(c)
	c.Flags().BoolVar(&printed, "print-export", false, "print a shell script that exports an account (with --org: an organisation's service control policies) with the AWS CLI, and end")
	c.Flags().VarP((*fileName)(&f.save), "output", "o", "file to write, in place of what it held; - is standard output")
	return c
}

// exportScript makes a new folder of files for audit --from, or of the organisation's
// for --scps-from.
func exportScript(org bool) string {
	if org {
		return organizationScript()
	}
	return `#!/bin/sh
# Exports what 'mfawatch audit --from' reads of one account, into a new folder:
#   sh export.sh [FOLDER]
# It changes nothing but that AWS makes a credential report, and sends nothing anywhere
# but these questions to AWS. The files hold names, ids, policies and serial numbers of
# devices, and no secret. It wants the AWS CLI with credentials that may ask
` + scriptActions(collect.CommandActions()) + `
# AWS CloudShell has all it needs. What AWS refuses is in the files, and no reason to stop.
` + scriptStart("export.sh [FOLDER]", "exported") + strings.Join(collect.Commands(), "\n") + scriptEnd + `
echo "Done: now mfawatch audit --from $folder -o report.html"
`
}

func organizationScript() string {
	return `#!/bin/sh
# Exports the service control policies of an organisation for 'mfawatch audit --scps-from',
# into a new folder:
#   sh export-org.sh [FOLDER [ACCOUNT...]]
# Without accounts it asks about all of them. It changes nothing, and sends nothing
# anywhere but these questions to AWS. The files hold ids, names and texts of policies,
# and no secret. It wants the AWS CLI with credentials of the management account, or of a
# delegated administrator, that may ask
` + scriptActions(collect.OrganizationActions()) + `
# AWS CloudShell has all it needs. What AWS refuses is in the files, and no reason to stop.
` + scriptStart("export-org.sh [FOLDER [ACCOUNT...]]", "organization") + "[ $# -eq 0 ] || shift\n" + strings.Join(collect.OrganizationCommands(), "\n") + scriptEnd + `
[ -n "$(ls scp-targets)" ] || { echo "no account was listed, so no policy is known: ask with the management account, or name the accounts" >&2; exit 1; }
echo "Done: now mfawatch audit --from ACCOUNT --scps-from $folder -o report.html"
`
}

// scriptStart makes the folder, or says why nothing can be exported.
func scriptStart(usage, folder string) string {
	return `set -u
umask 077
case ${1:-} in -*) echo "usage: sh ` + usage + `" >&2; exit 2 ;; esac
folder=${1:-` + folder + `}
command -v aws > /dev/null || { echo "the AWS CLI is not installed: install it first" >&2; exit 1; }
aws sts get-caller-identity --output json > /dev/null || { echo "AWS does not say who asks, see above: sign in, set AWS_PROFILE, or check the network" >&2; exit 1; }
mkdir "$folder" && cd "$folder" || exit 1
`
}

const scriptEnd = `
date -u +%Y-%m-%dT%H:%M:%SZ > ` + collect.ExportedAt + `
refused=$(grep -rl 'An error occurred (AccessDenied' . | wc -l)
[ "$refused" -eq 0 ] || echo "AWS refused what would be in $((refused)) of the files: the audit will say what to allow." >&2`

// scriptActions are the IAM actions of a script, as a comment.
func scriptActions(actions []string) string {
	var b strings.Builder
	line := "#"
	for _, action := range actions {
		if len(line)+len(action)+1 > 88 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + action
	}
	return b.String() + line
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

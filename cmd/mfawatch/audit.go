package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
	"mfawatch/internal/partition"
)

// auditFlags are the flags of mfawatch audit as typed.
type auditFlags struct {
	source  sourceFlags
	judging judgingFlags
	output  outputFlags
	policy  bool
}

func newAudit(t terminal) *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "audit",
		Short: "Report who holds which second factor, and who should hold a better one",
		Long: strings.TrimSpace(`
Reads an AWS account (or an organisation, or files exported with the AWS CLI)
and answers every check about root, its IAM users and their MFA devices. What
could not be read is said, with the IAM action that is missing; it is never
taken for a pass.

It only reads, and asks only AWS. 'mfawatch audit --print-policy' prints what it
has to be allowed. A long reading can be interrupted: it says how to go on.`),
		Example: strings.TrimRight(`
  mfawatch audit --profile security
  mfawatch audit --profile security -o report.html -o findings.json
  mfawatch audit --from ./exported
  mfawatch audit --org --role SecurityAudit --snapshots ./accounts -o report.html
  mfawatch audit --profile security --inventory yubikeys.json
  mfawatch audit --profile security --diff findings-last-month.json`, "\n"),
		Args: fromFlag,
		RunE: func(c *cobra.Command, _ []string) error {
			f.output.region = cmp.Or(f.output.region, f.source.region)
			return runAudit(c.Context(), t, f)
		},
	}
	f.source.add(c)
	f.judging.add(c)
	f.output.add(c)
	c.Flags().BoolVar(&f.policy, "print-policy", false, "print the IAM policy that an audit needs (with --org: the management account's), and end")
	return c
}

func runAudit(ctx context.Context, t terminal, f auditFlags) error {
	if f.policy {
		return printPolicy(t, f.source)
	}
	if err := f.source.valid(); err != nil {
		return err
	}
	plan, err := f.output.plan()
	if err != nil {
		return err
	}
	rules, err := f.judging.rules()
	if err != nil {
		return err
	}
	previous, err := f.output.previous()
	if err != nil {
		return err
	}
	a, ended := f.source.audit(ctx, t, rules)
	if len(a.Accounts) == 0 {
		return cmp.Or(ended, cannotRun(errors.New("no account was read")))
	}
	return present(t, plan, a, previous, f.output, ended)
}

func printPolicy(t terminal, f sourceFlags) error {
	text := collect.Policy()
	if f.org {
		text = collect.OrganizationPolicy(partition.Of(cmp.Or(f.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))).ID)
	}
	_, err := t.out.Write(text)
	return err
}

// present writes the audit wherever it was asked for and says what it came to.
func present(t terminal, plan []destination, a report.Audit, previous *report.Audit, f outputFlags, ended error) error {
	stranger := cmp.Or(ofOthers(f.diff, a, previous), ofLater(f.diff, a, previous))
	if stranger != nil {
		previous = nil
	}
	o := report.AuditOptions{Version: version, Region: f.region, Only: f.outcomes, Previous: previous}
	if previous != nil {
		a.SetFirstSeen(previous)
		changes := report.Diff(a, *previous)
		o.Changes = &changes
	}
	for _, d := range plan {
		if ended != nil && d.file != "" {
			fmt.Fprintf(t.err, "%s was not written: the reading was cut short.\n", report.Plain(d.file))
			continue
		}
		if err := d.write(t, a, o); err != nil {
			return cannotRun(err)
		}
	}
	switch {
	case ended != nil:
		return ended
	case stranger != nil:
		return stranger
	}
	return found(a.Summary(), f.failOn)
}

// ofOthers refuses an earlier audit of other accounts: everything would be new,
// and nothing resolved. What was read is written all the same.
func ofOthers(name string, a report.Audit, previous *report.Audit) error {
	if previous == nil || len(a.Accounts) == 0 || len(previous.Accounts) == 0 {
		return nil
	}
	for _, one := range a.Accounts {
		if slices.ContainsFunc(previous.Accounts, func(p posture.Account) bool { return p.Account == one.Account }) {
			return nil
		}
	}
	return cannotRun(fmt.Errorf("--diff %s is of account %s, and this audit of %s: nothing was compared", name, previous.Accounts[0].Account, a.Accounts[0].Account))
}

// ofLater refuses an audit that was taken after this one: who came since would be told
// to be gone.
func ofLater(name string, a report.Audit, previous *report.Audit) error {
	if previous == nil || !previous.TakenAt().After(a.TakenAt()) {
		return nil
	}
	return cannotRun(fmt.Errorf("--diff %s was taken at %s, after this audit of %s: give the earlier one to --diff; nothing was compared",
		name, previous.TakenAt().Format(time.RFC3339), a.TakenAt().Format(time.RFC3339)))
}

// found is what an audit came to. A failure milder than the one asked for is no
// finding.
func found(s posture.Summary, least audit.Severity) error {
	failures := 0
	for severity, n := range s.BySeverity {
		if severity >= least {
			failures += n
		}
	}
	switch {
	case failures > 0:
		return exit{code: exitFindings}
	case s.ByOutcome[audit.Unknown] > 0 || len(s.ByOutcome) == 0:
		return exit{code: exitUnchecked}
	}
	return nil
}

// judgingFlags say by what an account is judged.
type judgingFlags struct {
	rulesFile, inventory string
	exemptions           []string
}

func (f *judgingFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.rulesFile, "rules", "", "YAML file that sets what is asked of accounts (section audit)")
	c.Flags().StringArrayVar(&f.exemptions, "exemptions", nil, "YAML file of failures that somebody accepted, each with an end, or a folder of such files; FILE=ACCOUNT,ACCOUNT: it may speak for these accounts only; can be given again")
	c.Flags().StringVar(&f.inventory, "inventory", "", "inventory of YubiKeys, as 'mfawatch yubikey inventory --format json' prints it: findings tell which virtual devices are on YubiKeys")
}

func (f judgingFlags) rules() (posture.Rules, error) {
	rules, err := readRules(f.rulesFile)
	if err != nil {
		return posture.Rules{}, err
	}
	if rules.Posture.Exemptions, err = readExemptions(f.exemptions); err != nil || f.inventory == "" {
		return rules.Posture, err
	}
	l, err := readInventory(f.inventory, false)
	if err != nil {
		return posture.Rules{}, cannotRun(err)
	}
	for _, e := range l.All() {
		rules.Posture.Inventory = append(rules.Posture.Inventory, posture.Enrolled{Account: e.Account, User: e.User, Device: e.Device, YubiKey: serialText(e.YubiKey), Touch: e.Touch, Password: e.Password, At: e.Enrolled, By: e.By})
	}
	return rules.Posture, nil
}

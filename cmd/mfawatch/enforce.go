package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/catalogue"
	"mfawatch/audit/enforce/guardrail"
	"mfawatch/audit/enforce/reach"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// enforceFlags are the flags of mfawatch enforce as typed.
type enforceFlags struct {
	source  sourceFlags
	judging judgingFlags
	output  outputFlags
	user    string

	plan      bool
	guardrail string
	policy    string
	attach    string
}

func newEnforce(t terminal) *cobra.Command {
	var f enforceFlags
	c := &cobra.Command{
		Use:   "enforce",
		Short: "Tell what users can do without a second factor, and by which statement",
		Long: strings.TrimSpace(`
Evaluates the policies of an account (read like 'mfawatch audit' reads it) for
each user's password without MFA and each access key: what is possible, whose
factor could be changed, how the guard could be taken off, and into which roles
one gets. What depends on something that was not read, or on what a call decides,
is unknown, with the clause. docs/enforce.md says how to read it.

With --plan it tells, before a guardrail is attached, whom it would lock out,
which programs would break, and in which order to attach it.`),
		Example: strings.TrimRight(`
  mfawatch enforce --profile security
  mfawatch enforce --from snapshot.json --user ada
  mfawatch enforce --from snapshot.json -o enforcement.html
  mfawatch enforce --from snapshot.json --plan --guardrail self-service
  mfawatch enforce --from snapshot.json --plan --policy guardrail.json --attach scp`, "\n"),
		Args: fromFlag,
		RunE: func(c *cobra.Command, _ []string) error {
			f.output.region = cmp.Or(f.output.region, f.source.region)
			return runEnforce(c.Context(), t, f)
		},
	}
	f.source.add(c)
	f.judging.add(c)
	f.output.add(c)
	c.Flags().StringVar(&f.user, "user", "", "explain this user (name, id or ARN) whole, as table or json")
	c.Flags().BoolVar(&f.plan, "plan", false, "tell what attaching a guardrail would do, as table or json")
	c.Flags().StringVar(&f.guardrail, "guardrail", "", "the generated guardrail to plan for: self-service, mfa-only or hardware")
	c.Flags().StringVar(&f.policy, "policy", "", "file with the policy document to plan for, instead of --guardrail")
	c.Flags().StringVar(&f.attach, "attach", "", "where to: group (default) or scp")
	return c
}

// valid tells flags that do not go together before anything is asked.
func (f *enforceFlags) valid() error {
	own := f.plan || f.user != ""
	switch {
	case f.plan && f.user != "":
		return usage("--plan is about everybody: it does not go with --user")
	case !f.plan && (f.guardrail != "" || f.policy != "" || f.attach != ""):
		return usage("--guardrail, --policy and --attach are for --plan")
	case f.plan && (f.guardrail == "") == (f.policy == ""):
		return usage("--plan needs either --guardrail NAME or --policy FILE: what would be attached")
	case f.attach != "" && f.attach != string(reach.ToGroup) && f.attach != string(reach.ToSCP):
		return usage("--attach %q is not one of group, scp", f.attach)
	case own && f.output.format != string(report.AuditTable) && f.output.format != string(report.AuditJSON):
		return usage("--plan and --user print table or json, not %s", f.output.format)
	case own && (len(f.output.files) > 0 || f.output.diff != "" || len(f.output.only) > 0):
		return usage("--plan and --user print to standard output: they do not go with -o, --diff or --only")
	}
	return f.source.valid()
}

func runEnforce(ctx context.Context, t terminal, f enforceFlags) error {
	if err := f.valid(); err != nil {
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
	all, ended := f.read(ctx, t, rules)
	if len(all.read) == 0 {
		return cmp.Or(ended, cannotRun(errors.New("no account was read")))
	}
	switch {
	case f.user != "":
		return cmp.Or(ended, f.explain(t, all))
	case f.plan:
		return cmp.Or(ended, f.planned(t, all, rules))
	case plan[0].format == report.AuditTable && previous == nil:
		if err := all.table(t, f.output.outcomes); err != nil {
			return cannotRun(err)
		}
		plan = plan[1:]
	}
	return present(t, plan, all.audit, previous, f.output, ended)
}

// enforced is what was read of accounts and judged of enforcement.
type enforced struct {
	audit report.Audit
	read  []analysed
}

// analysed is one account with what its users can do.
type analysed struct {
	snapshot audit.Snapshot
	account  posture.Account
	reach    reach.Report
	findings map[[2]string]*audit.Finding // by check and ARN
}

// holds are the credentials of a user, as the audit knows them.
func (a *analysed) holds() func(*audit.User) reach.Holds {
	known := map[posture.Known]reach.Can{posture.Yes: reach.Yes, posture.No: reach.No, posture.NotKnown: reach.Unknown}
	all := map[string]reach.Holds{}
	for _, h := range a.account.Roster {
		device := known[h.MFA]
		if h.Complete && len(h.Factors) > 0 && !slices.ContainsFunc(h.Factors, func(k audit.FactorKind) bool { return k != audit.SMSFactor }) {
			device = reach.Unknown // whether AWS asks for codes by text message at sign-in is not verified
		}
		all[h.ARN] = reach.Holds{Password: known[h.Password], AccessKey: known[h.AccessKey], Device: device}
	}
	return func(u *audit.User) reach.Holds {
		if h, listed := all[u.ARN]; listed {
			return h
		}
		return reach.Holds{Password: reach.Unknown, AccessKey: reach.Unknown, Device: reach.Unknown}
	}
}

// read reads one account or an organisation's, and judges each. An error beside
// accounts is that the reading was cut short.
func (f *enforceFlags) read(ctx context.Context, t terminal, rules posture.Rules) (enforced, error) {
	if !f.source.org {
		s, err := f.source.snapshot(ctx, t)
		if s.Account == "" {
			return enforced{}, err
		}
		return analyse([]audit.Snapshot{s}, []posture.Account{posture.Judge(s, rules)}), err
	}
	a, snapshots, err := f.source.judgeOrganization(ctx, t, rules)
	var judged []posture.Account
	for _, s := range snapshots {
		i := slices.IndexFunc(a.Accounts, func(x posture.Account) bool { return x.Account == s.Account })
		judged = append(judged, a.Accounts[i])
	}
	all := analyse(snapshots, judged)
	all.audit.Organization = a.Organization
	for _, x := range a.Accounts { // those of which nothing was read are told by their status
		if !slices.ContainsFunc(snapshots, func(s audit.Snapshot) bool { return s.Account == x.Account }) {
			all.audit.Accounts = append(all.audit.Accounts, x)
		}
	}
	return all, err
}

func analyse(snapshots []audit.Snapshot, judged []posture.Account) enforced {
	var all enforced
	for i := range snapshots {
		a := analysed{snapshot: snapshots[i], account: judged[i].Of(posture.EnforcementChecks()...)}
		a.reach = reach.Analyse(&snapshots[i], a.holds())
		a.findings = map[[2]string]*audit.Finding{}
		for j := range a.account.Findings {
			f := &a.account.Findings[j]
			a.findings[[2]string{f.Check, f.Subject.ARN}] = f
		}
		all.read = append(all.read, a)
		all.audit.Accounts = append(all.audit.Accounts, a.account)
	}
	return all
}

// guardrailDocument is a generated guardrail by its name, with nothing chosen, in the
// form that fits where it goes.
func guardrailDocument(name, partition string, attach reach.Attach) (enforce.Document, error) {
	form := map[reach.Attach]guardrail.Form{reach.ToGroup: guardrail.Identity, reach.ToSCP: guardrail.SCP}[attach]
	d, err := guardrail.Generate(guardrail.Options{Kind: guardrail.Kind(name), Form: form, Partition: partition})
	if wrong := (*guardrail.OptionError)(nil); errors.As(err, &wrong) && wrong.Option == "guardrail" {
		return enforce.Document{}, usage("--guardrail: %s", wrong.Problem)
	} else if errors.As(err, &wrong) {
		return enforce.Document{}, usage("--guardrail %s needs --%s: make it with 'mfawatch policy generate', and give the file with --policy", name, wrong.Option)
	}
	if err != nil {
		return enforce.Document{}, cannotRun(err)
	}
	return enforce.Parse(name, d.JSON())
}

// document is the guardrail that was asked for.
func (f *enforceFlags) document(partition string, attach reach.Attach) (enforce.Document, error) {
	if f.guardrail != "" {
		return guardrailDocument(f.guardrail, partition, attach)
	}
	text, err := os.ReadFile(f.policy)
	if err != nil {
		return enforce.Document{}, cannotRun(fmt.Errorf("--policy: %w", err))
	}
	d, err := enforce.Parse(f.policy, string(text))
	if err != nil {
		return d, cannotRun(fmt.Errorf("--policy: %w", err))
	}
	return d, nil
}

// planned prints what attaching would do. Whoever would be locked out, lose something
// or break is a finding.
func (f *enforceFlags) planned(t terminal, all enforced, rules posture.Rules) error {
	attach := reach.Attach(cmp.Or(f.attach, string(reach.ToGroup)))
	var plans []accountPlan
	for i := range all.read {
		a := &all.read[i]
		d, err := f.document(a.snapshot.Partition, attach)
		if err != nil {
			return err
		}
		p := reach.MakePlan(&a.snapshot, []enforce.Document{d}, attach, a.holds(), exempted(rules, a.snapshot))
		plans = append(plans, accountPlan{a, p, cmp.Or(f.guardrail, f.policy)})
	}
	write := writePlans
	if f.output.format == string(report.AuditJSON) {
		write = encodePlans
	}
	if err := write(t.out, plans); err != nil {
		return cannotRun(err)
	}
	return harm(plans)
}

// exempted tells whom somebody exempted from enforcement.
func exempted(rules posture.Rules, s audit.Snapshot) func(*audit.User) bool {
	return func(u *audit.User) bool {
		return slices.ContainsFunc(rules.Exemptions, func(e audit.Exemption) bool {
			return !e.Expired(s.TakenAt) && slices.ContainsFunc(posture.EnforcementChecks()[:2], func(check string) bool { return e.Covers(u.ID, check) })
		})
	}
}

func harm(plans []accountPlan) error {
	code := exitClean
	for _, p := range plans {
		for _, u := range p.plan.Users {
			switch {
			case slices.ContainsFunc(u.Effects, func(e reach.Effect) bool {
				return slices.Contains([]reach.Effect{reach.LockedOut, reach.CannotReset, reach.CannotEnrol, reach.LosesWithMFA, reach.KeyBreaks, reach.NoCodes}, e)
			}):
				code = exitFindings
			case slices.Contains(u.Effects, reach.Undecided) && code == exitClean:
				code = exitUnchecked
			}
		}
		if len(p.plan.RolesHit) > 0 {
			code = exitFindings
		}
	}
	if code == exitClean {
		return nil
	}
	return exit{code: code}
}

// explain prints all that is known of one user.
func (f *enforceFlags) explain(t terminal, all enforced) error {
	var found []userOf
	var names []string
	for i := range all.read {
		a := &all.read[i]
		for j := range a.reach.Users {
			names = append(names, a.reach.Users[j].Name)
			if u := &a.reach.Users[j]; f.user == u.Name || f.user == u.ID || f.user == u.ARN {
				found = append(found, userOf{a, u})
			}
		}
	}
	if len(found) == 0 {
		return cannotRun(fmt.Errorf("--user %q: no user has this name, id or ARN; upper and lower case count%s", f.user, orMeant("", report.Plain(catalogue.Nearest(f.user, names)))))
	}
	write := writeUsers
	if f.output.format == string(report.AuditJSON) {
		write = encodeUsers
	}
	if err := write(t.out, found); err != nil {
		return cannotRun(err)
	}
	s := posture.NewSummary()
	for _, u := range found {
		for _, finding := range u.account.account.Findings {
			if finding.Subject.ARN == u.user.ARN {
				s.Count(finding)
			}
		}
	}
	return verdict(s, f.output.failOn)
}

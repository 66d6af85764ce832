package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
	"mfawatch/internal/outfile"
)

// sourceFlags say where an account's facts come from.
type sourceFlags struct {
	profile, region string
	fast            bool
	rate            float64

	from, takenAt, scps    string
	resume                 string
	sinceSnapshot, changes string
	save                   string

	org         bool
	role        string
	externalID  string
	accounts    []string
	snapshots   string
	concurrency int
	noRoot      bool
}

func (f *sourceFlags) add(c *cobra.Command) {
	f.live(c)
	c.Flags().Var((*onePath)(&f.from), "from", "read this folder of files exported with the AWS CLI, or a saved snapshot, and ask AWS nothing")
	c.Flags().StringVar(&f.takenAt, "taken-at", "", "when the files of --from were exported (default: when each was last changed)")
	c.Flags().StringVar(&f.scps, "scps-from", "", "folder of the organisation's service control policies, as the script of 'mfawatch collect --print-export --org' makes it, for --from")
	c.Flags().Var((*fileName)(&f.save), "save-snapshot", "also write what was read to this file, for --from and --since-snapshot")
}

// live adds the flags of what asks AWS.
func (f *sourceFlags) live(c *cobra.Command) {
	c.Flags().StringVar(&f.profile, "profile", "", "AWS profile")
	c.Flags().StringVar(&f.region, "region", "", "AWS Region to ask in; IAM is the same in all of a partition")
	c.Flags().BoolVar(&f.fast, "fast", false, "no calls for single users: tells who has a factor, and of what kind only for virtual ones")
	c.Flags().Float64Var(&f.rate, "rate", collect.DefaultRate, "calls a second at most")
	c.Flags().StringVar(&f.resume, "resume", "", "go on with the snapshot of a reading that was interrupted")
	c.Flags().StringVar(&f.sinceSnapshot, "since-snapshot", "", "earlier snapshot: ask only for users that changed since (needs --changes)")
	c.Flags().StringVar(&f.changes, "changes", "", "what 'mfawatch scan --format jsonl' wrote of the CloudTrail records since that snapshot")
	c.Flags().BoolVar(&f.org, "org", false, "read every account of the organisation (needs --role)")
	c.Flags().StringVar(&f.role, "role", "", "name of the role to assume in each account, for --org")
	c.Flags().StringVar(&f.externalID, "external-id", "", "external id that the role's trust policy asks for")
	c.Flags().StringSliceVar(&f.accounts, "accounts", nil, "only these account ids of the organisation")
	c.Flags().StringVar(&f.snapshots, "snapshots", "", "folder for a snapshot of each account; an interrupted --org goes on from it")
	c.Flags().IntVar(&f.concurrency, "concurrency", 4, "accounts read at the same time")
	c.Flags().BoolVar(&f.noRoot, "no-assume-root", false, "do not ask members' root devices through sts:AssumeRoot")
}

// fromFlag tells a folder that was given as an argument where it belongs.
func fromFlag(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("%s reads an account: to read files instead, write --from %s", c.Name(), args[0])
}

// valid tells flags that do not go together before anything is asked.
func (f *sourceFlags) valid() error {
	switch {
	case f.from != "" && (f.org || f.fast || f.resume != "" || f.sinceSnapshot != "" || f.profile != ""):
		return usage("--from asks AWS nothing: it does not go with --profile, --org, --fast, --resume or --since-snapshot")
	case f.scps != "" && f.from == "":
		return usage("--scps-from is for the files of --from: AWS itself is asked with --org")
	case f.takenAt != "" && f.from == "":
		return usage("--taken-at is about the files of --from")
	case f.org && f.role == "":
		return usage("--org needs --role: the name of a role in every account that can read IAM")
	case !f.org && (f.role != "" || f.externalID != "" || len(f.accounts) > 0 || f.snapshots != ""):
		return usage("--role, --external-id, --accounts and --snapshots are for --org")
	case f.org && (f.resume != "" || f.sinceSnapshot != "" || f.save != ""):
		return usage("--org keeps and resumes through --snapshots DIR, not --resume, --since-snapshot or --save-snapshot")
	case (f.sinceSnapshot == "") != (f.changes == ""):
		return usage("--since-snapshot and --changes go together: without CloudTrail's changes a new device would be missed")
	case f.save == standardOutput:
		return usage("--save-snapshot -: standard output has the report: name a file, or use mfawatch collect -o -")
	case accountIDs(f.accounts) != nil:
		return accountIDs(f.accounts)
	case !(f.rate > 0 && f.rate <= 100): // NaN is neither
		return usage("--rate %v is not between 0 and 100 calls a second", f.rate)
	case f.org && (f.concurrency < 1 || f.concurrency > 50):
		return usage("--concurrency %d is not between 1 and 50", f.concurrency)
	}
	return nil
}

// audit reads and judges. An error beside accounts is that the reading was cut
// short.
func (f *sourceFlags) audit(ctx context.Context, t terminal, rules posture.Rules) (report.Audit, error) {
	if f.org {
		return f.auditOrganization(ctx, t, rules)
	}
	s, err := f.snapshot(ctx, t)
	if s.Account == "" {
		return report.Audit{}, err
	}
	return report.Audit{Accounts: []posture.Account{posture.Judge(s, rules)}}, err
}

// snapshot reads one account, from files or live.
func (f *sourceFlags) snapshot(ctx context.Context, t terminal) (audit.Snapshot, error) {
	if f.from == "" {
		return f.ask(ctx, t)
	}
	o := collect.FolderOptions{SCPs: f.scps}
	var err error
	if o.TakenAt, err = moment("--taken-at", f.takenAt, time.Now()); err != nil {
		return audit.Snapshot{}, err
	}
	if o.TakenAt.After(time.Now()) {
		return audit.Snapshot{}, usage("--taken-at %s is in the future", f.takenAt)
	}
	s, err := collect.Folder(f.from, o)
	if err != nil {
		return audit.Snapshot{}, cannotRun(err)
	}
	ahead := time.Now().Add(24 * time.Hour) // a clock may be a little ahead
	if s.SCPs != nil && s.SCPs.At.After(ahead) {
		return audit.Snapshot{}, cannotRun(fmt.Errorf("the service control policies are of %s, which is in the future: set the clock, or mend %s of their folder", s.SCPs.At.Format(time.RFC3339), collect.ExportedAt))
	}
	if s.TakenAt.After(ahead) {
		return audit.Snapshot{}, cannotRun(fmt.Errorf("%s is of %s, which is in the future: set the clock, or say when it was exported with --taken-at", f.from, s.TakenAt.Format(time.RFC3339)))
	}
	if err := f.beforeReport(s); err != nil {
		return audit.Snapshot{}, err
	}
	return s, f.saved(t, s)
}

// beforeReport refuses files that are dated earlier than the credential report among
// them: ages would be told wrongly. A clock may be a little behind AWS's; who types a
// time may not.
func (f *sourceFlags) beforeReport(s audit.Snapshot) error {
	made := reportMade(s)
	switch {
	case f.takenAt != "" && made.After(s.TakenAt):
		return usage("--taken-at %s is before the credential report was made (%s): ages and exemptions would be judged wrongly", f.takenAt, made.Format(time.RFC3339))
	case made.After(s.TakenAt.Add(24 * time.Hour)):
		return cannotRun(fmt.Errorf("%s is of %s, and its credential report was made later, at %s: say when it was exported with --taken-at", f.from, s.TakenAt.Format(time.RFC3339), made.Format(time.RFC3339)))
	}
	return nil
}

func reportMade(s audit.Snapshot) time.Time {
	if s.Report == nil {
		return time.Time{}
	}
	return s.Report.Value.Generated
}

func (f *sourceFlags) saved(t terminal, s audit.Snapshot) error {
	if f.save == "" {
		return nil
	}
	if err := saveSnapshot(f.save, s); err != nil {
		return err
	}
	_, err := fmt.Fprintf(t.err, "Wrote %s (snapshot).\n", report.Plain(f.save))
	return err
}

func saveSnapshot(name string, s audit.Snapshot) error {
	text, err := s.Encode()
	if err == nil {
		err = outfile.Write(name, func(w io.Writer) error { _, err := w.Write(text); return err })
	}
	if err != nil {
		return cannotRun(fmt.Errorf("save the snapshot: %w", err))
	}
	return nil
}

func loadSnapshot(flag, name string) (*audit.Snapshot, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, cannotRun(fmt.Errorf("%s: %w", flag, err))
	}
	s, err := audit.DecodeSnapshot(data)
	if err != nil {
		return nil, cannotRun(fmt.Errorf("%s %s: %w", flag, name, err))
	}
	return &s, nil
}

// ask reads the account that the credentials belong to. What was read is kept
// when the reading is cut short, so that another run can go on.
func (f *sourceFlags) ask(ctx context.Context, t terminal) (audit.Snapshot, error) {
	o, err := f.options()
	if err != nil {
		return audit.Snapshot{}, err
	}
	cfg, err := awsConfig(ctx, t, f.profile, f.region)
	if err != nil {
		return audit.Snapshot{}, err
	}
	bar := newCounter(t, "asking AWS")
	o.Progress = bar.set
	partial := ""
	o.Checkpoint = func(s audit.Snapshot) error {
		name, err := f.partial(s)
		if err == nil {
			partial, err = name, saveSnapshot(name, s)
		}
		return err
	}
	s, err := collect.Account(ctx, cfg, o)
	bar.done()
	if err != nil {
		return s, cannotRun(interrupted(err, partial))
	}
	f.tidy(s)
	return s, f.saved(t, s)
}

// interrupted says how to go on where something was kept.
func interrupted(err error, partial string) error {
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if partial == "" {
		return err
	}
	return fmt.Errorf("%w\nwhat was read is kept: go on with --resume %s", err, partial)
}

func (f *sourceFlags) options() (collect.Options, error) {
	o := collect.Options{Fast: f.fast, Rate: f.rate}
	var err error
	if f.resume != "" {
		if o.Resume, err = loadSnapshot("--resume", f.resume); err != nil {
			return o, err
		}
	}
	if f.sinceSnapshot == "" {
		return o, nil
	}
	earlier, err := loadSnapshot("--since-snapshot", f.sinceSnapshot)
	if err != nil {
		return o, err
	}
	file, err := os.Open(f.changes)
	if err != nil {
		return o, cannotRun(fmt.Errorf("--changes: %w", err))
	}
	defer file.Close()
	changes, err := collect.ReadChanges(f.changes, file)
	if err != nil {
		return o, cannotRun(fmt.Errorf("--changes: %w", err))
	}
	o.Since = &collect.Since{Snapshot: *earlier, Changes: changes}
	return o, nil
}

// tidy removes what an interrupted reading left, now that it is complete. A
// file of another name than mfawatch gives is the person's own.
func (f *sourceFlags) tidy(s audit.Snapshot) {
	if name, err := f.partial(s); err == nil {
		_ = os.Remove(name)
	}
}

// partial is where an unfinished snapshot is kept: beside the file that was
// asked for, else in mfawatch's own folder.
func (f *sourceFlags) partial(s audit.Snapshot) (string, error) {
	if f.save != "" {
		return f.save + ".partial", nil
	}
	home, err := stateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "partial-"+cmp.Or(s.Account, "account")+".json"), nil
}

// stateDir is mfawatch's own folder, made if need be (XDG base directory
// specification: what should outlive a run and is of no use elsewhere).
func stateDir() (string, error) {
	dir, err := statePath()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of MFAWATCH_HOME: %w", err)
	}
	return dir, nil
}

// statePath is where the folder is to be, whether or not it is there.
func statePath() (string, error) {
	if dir := os.Getenv("MFAWATCH_HOME"); dir != "" {
		return dir, nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no home folder: set MFAWATCH_HOME: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "mfawatch"), nil
}

// auditOrganization reads every account and judges each. An account that could
// not be read is judged too: everything about it is unknown. One that was left
// out on purpose is not reported, one that is closed or suspended by its status.
func (f *sourceFlags) auditOrganization(ctx context.Context, t terminal, rules posture.Rules) (report.Audit, error) {
	a, _, err := f.judgeOrganization(ctx, t, rules)
	return a, err
}

// judgeOrganization also returns what was read of those that were.
func (f *sourceFlags) judgeOrganization(ctx context.Context, t terminal, rules posture.Rules) (report.Audit, []audit.Snapshot, error) {
	r, err := f.organization(ctx, t)
	a := report.Audit{Organization: r.ID}
	var read []collect.Member
	for _, m := range r.Members {
		switch {
		case m.Skipped == "":
			read = append(read, m)
		case m.Skipped != "not asked":
			a.Accounts = append(a.Accounts, posture.Account{Account: m.ID, Name: m.Name, Status: m.Skipped, Summary: posture.NewSummary()})
		}
		if m.Err != nil && ctx.Err() == nil {
			fmt.Fprintf(t.err, "mfawatch: %s\n", report.Plain(m.Err.Error()))
		}
	}
	a.Accounts = append(a.Accounts, judgeMembers(read, rules, inPart(r.Members))...)
	slices.SortFunc(a.Accounts, func(a, b posture.Account) int { return cmp.Compare(a.Account, b.Account) })
	return a, snapshotsOf(read), err
}

func snapshotsOf(members []collect.Member) []audit.Snapshot {
	var snapshots []audit.Snapshot
	for _, m := range members {
		snapshots = append(snapshots, m.Snapshot)
	}
	return snapshots
}

// inPart tells whether people are in accounts that were not read, on purpose or since
// the time was over. In one that is suspended nobody can sign in.
func inPart(members []collect.Member) bool {
	return slices.ContainsFunc(members, func(m collect.Member) bool { return m.Skipped != "" && m.Skipped != m.Status })
}

// judgeMembers judges each member; part means that whom none of them knows may be
// in another account, so that nobody is asked.
func judgeMembers(members []collect.Member, rules posture.Rules, part bool) []posture.Account {
	var judged []posture.Account
	if part {
		for _, m := range members {
			judged = append(judged, posture.JudgeMember(m.Snapshot, rules))
		}
	} else {
		judged = posture.JudgeAll(snapshotsOf(members), rules)
	}
	for i, m := range members {
		judged[i].Name, judged[i].Status = m.Name, m.Status
	}
	return judged
}

func (f *sourceFlags) organization(ctx context.Context, t terminal) (collect.OrganizationResult, error) {
	base, err := f.options()
	if err != nil {
		return collect.OrganizationResult{}, err
	}
	o := collect.OrganizationOptions{
		Options: base, RoleName: f.role, ExternalID: f.externalID, Accounts: f.accounts,
		Concurrency: f.concurrency, Root: !f.noRoot,
	}
	folder := &snapshotFolder{dir: f.snapshots}
	if err := folder.begin(&o); err != nil {
		return collect.OrganizationResult{}, cannotRun(fmt.Errorf("--snapshots: %w", err))
	}
	defer folder.say(t)
	cfg, err := awsConfig(ctx, t, f.profile, f.region)
	if err != nil {
		return collect.OrganizationResult{}, err
	}
	bar := newCounter(t, "reading accounts")
	o.Progress = func(done, total int, _ string) { bar.set(done, total) }
	r, err := collect.Organization(ctx, cfg, o)
	bar.done()
	switch {
	case err != nil && f.snapshots != "":
		return r, cannotRun(fmt.Errorf("%w\nwhat was read is in %s: run the same command again to go on", interrupted(err, ""), f.snapshots))
	case err != nil:
		return r, cannotRun(interrupted(err, ""))
	}
	folder.end()
	return r, nil
}

// accountIDs tells ids that are none.
func accountIDs(ids []string) error {
	for _, id := range ids {
		if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
			return usage("--accounts %q is not an account id: twelve digits", id)
		}
	}
	return nil
}

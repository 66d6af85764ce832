package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/config"
	"mfawatch/audit/report"
	"mfawatch/internal/cloudtrail"
)

// initFlags are the flags of config init.
type initFlags struct {
	output, profile   string
	yes, force        bool
	account, home     string
	regions, tell     []string
	trail, guardrails string
}

func newConfigInit(t terminal) *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a mfawatch.yaml, after six questions at most",
		Long: strings.TrimSpace(`
Asks for account, home Region, Regions, who is told, trail and guardrail, and
writes a commented mfawatch.yaml that 'mfawatch config check' accepts. A flag
answers its question as one would type it. With --yes nothing is asked: what no
flag answers is as the question proposes.

With credentials (--profile, or AWS's environment variables) CloudTrail is asked
for trails of all Regions, and one that writes is proposed for adoption: only the
first copy of management events is free. Nothing is changed in AWS.`),
		Example: strings.TrimRight(`
  mfawatch config init --profile security
  mfawatch config init --yes --account 111122223333 --home-region eu-north-1 \
    --tell security@example.com
  mfawatch config init --account "111122223333 o-exampleorgid r-exam 444455556666"
  mfawatch config init --yes --account 111122223333 --home-region eu-north-1 \
    --guardrail "self-service people,admins" -o -`[1:], "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c, t) },
	}
	c.Flags().VarP((*fileName)(&f.output), "output", "o", "file to write, readable by you only (default "+configName+"); - prints")
	c.Flags().BoolVar(&f.force, "force", false, "replace a file that is there")
	c.Flags().BoolVar(&f.yes, "yes", false, "ask nothing")
	c.Flags().StringVar(&f.profile, "profile", "", "AWS profile, to look for trails with")
	c.Flags().StringVar(&f.account, "account", "", "account to deploy to; for an organisation also its id, root or units, and management account, in one text")
	c.Flags().StringVar(&f.home, "home-region", "", "Region of the stacks")
	c.Flags().StringSliceVar(&f.regions, "regions", nil, "Regions to watch, or default")
	c.Flags().StringArrayVar(&f.tell, "tell", nil, "who is told: e-mail address, https URL, ARN of a queue, slack:WORKSPACE/CHANNEL, =SEVERITY behind; can be given again")
	c.Flags().StringVar(&f.trail, "trail", "", "create, or ARN of a trail to adopt; one that is not found with its BUCKET[/PREFIX], in one text")
	c.Flags().StringVar(&f.guardrails, "guardrail", "", "none, or a guardrail with its groups and registrars, in one text")
	return c
}

func (f *initFlags) run(c *cobra.Command, t terminal) error {
	name := cmp.Or(f.output, configName)
	if err := f.free(name); err != nil {
		return err
	}
	if err := f.early(); err != nil {
		return err
	}
	var a answers
	region, err := f.look(c.Context(), t, &a)
	if err != nil {
		return err
	}
	if err := f.interview(c, t, &a, region); err != nil {
		return err
	}
	text := a.text()
	d, err := config.ReadDeployment(name, []byte(text))
	if err != nil {
		return cannotRun(fmt.Errorf("the file would not be accepted, and was not written: %w", err)) // a fault of ours: each answer was checked
	}
	rules, err := config.ReadFile(name, []byte(text))
	if err != nil {
		return cannotRun(err)
	}
	if err := f.free(name); err != nil {
		return err
	}
	if err := writeText(t, name, text); err != nil {
		return cannotRun(fmt.Errorf("the configuration: %w", err))
	}
	for _, doubt := range append(d.Doubts(rules), a.trailDoubt()) {
		if doubt != "" {
			fmt.Fprintf(t.err, "mfawatch: %s\n", report.Plain(doubt))
		}
	}
	if name != standardOutput {
		fmt.Fprintf(t.err, "Wrote %s. What it deploys: mfawatch config check %s\n", report.Plain(name), report.Plain(name))
	}
	return nil
}

// free refuses to write over a file that nobody said may go.
func (f *initFlags) free(name string) error {
	if name == standardOutput || f.force {
		return nil
	}
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return cannotRun(fmt.Errorf("the configuration: %w", err))
	case !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink:
		return nil // a pipe or a device holds nothing; a folder is refused by who writes
	}
	return usage("%s is there already: --force replaces it, -o names another", name)
}

// early refuses flags that cannot be before anybody is asked anything: all of them.
func (f *initFlags) early() error {
	a := answers{account: "111122223333"}
	var wrong []string
	for _, q := range f.questions(&a, "") {
		switch {
		case q.given == "" && f.yes && q.flag == "account":
			wrong = append(wrong, "--account is missing: with --yes nobody is asked")
			continue
		case q.given == "", q.flag == "trail": // a number of the list is known later
			continue
		}
		// Each alone: what one flag gets wrong is no fault of the next.
		alone := answers{account: "111122223333"}
		if err := cmp.Or(q.set(q.given), alone.take(q, a)); err != nil {
			wrong = append(wrong, fmt.Sprintf("--%s: %v", q.flag, oneLine(err)))
		}
	}
	if len(wrong) > 0 {
		return usage("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// take sets what a flag alone can be wrong about, and tells whether it is.
func (a *answers) take(q question, all answers) error {
	switch q.flag {
	case "account":
		a.account = all.account
		if all.organization != "" {
			return nil // its parts and the trail are judged together
		}
	case "home-region":
		a.home = all.home
	case "tell":
		a.targets = all.targets
	case "guardrail":
		a.guardrail, a.groups, a.registrars = all.guardrail, all.groups, all.registrars
	default:
		return nil // depends on the others
	}
	return a.problems()
}

// patience is how long AWS is asked at the most: without a network nobody answers.
const patience = 30 * time.Second

// environment are the variables that give credentials without a profile.
var environment = []string{"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"}

// look asks CloudTrail for trails that could be adopted, when there are credentials.
// That it cannot is told and stops nobody.
func (f *initFlags) look(ctx context.Context, t terminal, a *answers) (region string, err error) {
	given := f.profile != ""
	for _, name := range environment {
		given = given || os.Getenv(name) != ""
	}
	if !given {
		fmt.Fprintln(t.err, "There are no credentials (--profile): AWS is not asked for trails that are there.")
		return "", nil
	}
	cfg, err := awsConfig(ctx, t, f.profile, "")
	if err != nil {
		return "", err
	}
	region = cfg.Region
	cfg.Region = cmp.Or(strings.TrimSpace(f.home), region, cloudtrail.Home(""))
	asking, stop := context.WithTimeout(ctx, patience)
	defer stop()
	a.found, err = cloudtrail.Find(asking, cfg)
	switch {
	case ctx.Err() != nil:
		return "", cannotRun(errors.New("interrupted: nothing was written"))
	case asking.Err() != nil:
		fmt.Fprintf(t.err, "Trails that are there could not be looked for: AWS did not answer within %v.\n", patience)
	case err != nil:
		fmt.Fprintf(t.err, "Trails that are there could not be looked for: %s.\n", report.Plain(err.Error()))
	case len(a.found) == 0:
		fmt.Fprintln(t.err, "There is no trail of all Regions in this account.")
	}
	return region, nil
}

// question is one of the six.
type question struct {
	flag   string
	text   string
	choice []string
	preset string // what an empty answer means; empty: there is none
	given  string // by the flag
	set    func(string) error
}

func (f *initFlags) questions(a *answers, region string) []question {
	return []question{
		{flag: "account", text: "Account to deploy to, twelve digits. For an organisation also its id (o-…), root (r-…) or units (ou-…), and management account", given: f.account, set: a.setAccount},
		{flag: "home-region", text: "Region of the stacks", preset: region, given: f.home, set: a.setHome},
		{flag: "regions", text: "Regions to watch, or default: those that are on in every account", preset: "default", given: strings.Join(f.regions, " "), set: a.setRegions},
		{flag: "tell", text: "Who is told: e-mail addresses, https URLs, ARNs of SQS queues, slack:WORKSPACE/CHANNEL; =high behind one that is told of high and critical only", preset: nobody, given: strings.Join(f.tell, " "), set: a.setTargets},
		{flag: "trail", text: a.trailText(), given: f.trail, set: a.setTrail},
		{flag: "guardrail", text: "Guardrail: none, self-service, mfa-only, hardware or admin-managed, and the IAM groups behind it; behind admin-managed also the ARNs of the users who enrol for others", preset: none, given: f.guardrails, set: a.setGuardrail},
	}
}

func (a *answers) trailText() string {
	return "Trail: " + a.trailChoice() + ". Management events of a first trail are free, each copy beyond costs " + secondTrail
}

// trailList is what was found, for choosing.
func (a *answers) trailList() []string {
	var all []string
	for i, t := range a.found {
		text := fmt.Sprintf("%d  %s, bucket %s%s", i+1, t.ARN, t.Bucket, trailState(t))
		if err := a.adoptable(t); err != nil {
			text += "; it cannot be adopted: " + oneLine(err).Error()
		}
		all = append(all, text)
	}
	return all
}

func trailState(t cloudtrail.Trail) string {
	state := ", writes"
	switch {
	case t.Unknown != nil:
		state = ", whether it writes could not be read: " + t.Unknown.Error()
	case !t.Logging:
		state = ", is stopped"
	case t.BucketError != "":
		state = ", its last delivery failed: " + t.BucketError
	}
	if t.Organization {
		state += ", the organisation's"
	}
	if t.Selectors {
		state += ", with selectors of its own: see that it records management events"
	}
	return state
}

// trailDoubt is what speaks against the adopted trail; empty: nothing.
func (a *answers) trailDoubt() string {
	switch t := a.trail; {
	case t == nil:
		return ""
	case !slices.ContainsFunc(a.found, func(f cloudtrail.Trail) bool { return f.ARN == t.ARN }):
		return fmt.Sprintf("nobody has looked at the adopted trail %s: see that it is of all Regions, records management events, and writes", t.ARN)
	case !t.Logging || t.BucketError != "" || t.Selectors:
		return fmt.Sprintf("the adopted trail %s%s", t.ARN, strings.TrimPrefix(trailState(*t), ","))
	}
	return ""
}

// adoptable tells what speaks against a trail, after the answers so far.
func (a *answers) adoptable(t cloudtrail.Trail) error {
	so := *a
	so.trail = &t
	return so.problems()
}

// trailPreset is the first trail that surely writes.
func (a *answers) trailPreset() string {
	for i, t := range a.found {
		if t.Logging && t.BucketError == "" && !t.Selectors && a.adoptable(t) == nil {
			return fmt.Sprint(i + 1)
		}
	}
	return create
}

// tries is how often a question is asked.
const tries = 3

func (f *initFlags) interview(c *cobra.Command, t terminal, a *answers, region string) error {
	lines := reading(t)
	all := f.questions(a, region)
	for i, q := range all {
		if q.flag == "trail" { // what can be adopted depends on the answers so far
			q.choice, q.preset = a.trailList(), a.trailPreset()
		}
		answered, err := f.without(t, a, q)
		if err != nil {
			return err
		}
		if answered {
			continue
		}
		if err := ask(c.Context(), t, lines, a, q, fmt.Sprintf("%d of %d", i+1, len(all))); err != nil {
			return err
		}
	}
	return nil
}

// without answers a question by its flag, or by what it proposes.
func (f *initFlags) without(t terminal, a *answers, q question) (bool, error) {
	switch {
	case q.given != "":
		if err := cmp.Or(q.set(q.given), a.problems()); err != nil {
			return false, usage("--%s: %v", q.flag, oneLine(err))
		}
		return true, nil
	case !f.yes:
		return false, nil
	case q.preset == "":
		return false, usage("--%s is missing: with --yes nobody is asked", q.flag)
	}
	if len(q.choice) > 0 {
		fmt.Fprintf(t.err, "Trails of all Regions that are there; the answer is %s:\n", q.preset)
	}
	for _, c := range q.choice {
		fmt.Fprintf(t.err, "  %s\n", report.Plain(c))
	}
	if err := cmp.Or(q.set(q.preset), a.problems()); err != nil {
		return false, usage("--%s: %v", q.flag, oneLine(err))
	}
	return true, nil
}

func oneLine(err error) error { return errors.New(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// line is what was typed, or why nothing was.
type line struct {
	text string
	err  error
}

// reading reads lines beside, so that a question can be interrupted.
func reading(t terminal) <-chan line {
	lines := make(chan line)
	go func() {
		s := bufio.NewScanner(t.in)
		for s.Scan() {
			lines <- line{text: s.Text()}
		}
		lines <- line{err: cmp.Or(s.Err(), errors.New("the input ended"))}
	}()
	return lines
}

func ask(ctx context.Context, t terminal, lines <-chan line, a *answers, q question, which string) error {
	for try := 1; ; try++ {
		fmt.Fprint(t.err, q.prompt(which, width(t.err)))
		var l line
		select {
		case <-ctx.Done():
			l.err = errors.New("interrupted")
		case l = <-lines:
		}
		if l.err != nil {
			fmt.Fprintln(t.err)
			return cannotRun(fmt.Errorf("question %s: %w: nothing was written. Flags answer questions beforehand, --yes answers all", which, l.err))
		}
		before := *a
		err := cmp.Or(q.set(cmp.Or(strings.TrimSpace(l.text), q.preset)), a.problems())
		if err == nil {
			return nil
		}
		*a = before
		for text := range strings.Lines(err.Error()) {
			fmt.Fprintf(t.err, "  %s\n", report.Plain(strings.TrimSuffix(text, "\n")))
		}
		if try == tries {
			return usage("question %s was answered wrongly %d times: nothing was written", which, tries)
		}
	}
}

// prompt is the question as it is asked.
func (q question) prompt(which string, columns int) string {
	if columns == 0 || columns > 100 {
		columns = 100
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", wrappedTo(columns, "("+which+") "+q.text, ""))
	for _, c := range q.choice {
		fmt.Fprintf(&b, "  %s\n", report.Plain(c))
	}
	if q.preset != "" {
		fmt.Fprintf(&b, "[%s] ", report.Plain(q.preset))
	}
	b.WriteString("> ")
	return b.String()
}

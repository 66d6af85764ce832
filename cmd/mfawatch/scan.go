package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit"
	"mfawatch/audit/enforce/catalogue"
	"mfawatch/audit/report"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
)

// scanFlags are the flags of mfawatch scan as typed.
type scanFlags struct {
	format, since, until, account, user, rules string

	only     []string
	narrowed bool // --only was given
	each     bool

	live
}

func newScan(t terminal) *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Judge the sign-ins in CloudTrail files, folders, S3 and event history",
		Long: strings.TrimSpace(`
Reads CloudTrail log files as S3 keeps them (gzip or plain), and records in JSON
lines, EventBridge events, CloudWatch Logs exports, LookupEvents output and SNS
or SQS messages, told apart by content. Folders are read with all below them; -
is standard input.

s3://BUCKET/PREFIX reads a trail's bucket where it is: PREFIX is the folder that
holds AWSLogs, one below it, any other folder, or an object. --since, --until,
--account and --region keep what they leave out from being listed at all: days
from that of --since on, as far as one day after that of --until, because files
lie in the folder of the day they were delivered on. So what happened on earlier
days is not known to the detections. With --cache a scan that was interrupted
goes on where it was. Needs s3:ListBucket, s3:GetObject, and kms:Decrypt where a
key of your own encrypts.

--lookup needs no trail: it asks CloudTrail's event history of the last 90 days,
in every Region of the account, for all sign-in events, and for changes of
devices and passwords, trails that are stopped, and AssumeRoot. It does not ask
for AssumeRole, GetSessionToken and GetFederationToken, which are too many: what
only these show is not detected. AWS answers two calls a second in each Region,
and 50 events a call. Needs cloudtrail:LookupEvents and account:ListRegions.

Prints one verdict for each sign-in, ordered by time, then what was detected
around them, then a summary.`),
		Example: strings.TrimRight(`
  mfawatch scan --lookup --since 7d
  mfawatch scan ./AWSLogs
  mfawatch scan ./AWSLogs --only fail,unknown --since 30d
  mfawatch scan ./AWSLogs --format jsonl > verdicts.jsonl
  mfawatch scan s3://my-trail-bucket --since 30d --account 111122223333
  mfawatch scan s3://my-trail-bucket/o-abc123/AWSLogs --cache ./kept
  aws cloudtrail lookup-events --lookup-attributes \
    AttributeKey=EventSource,AttributeValue=signin.amazonaws.com | mfawatch scan -`, "\n"),
		RunE: func(c *cobra.Command, args []string) error {
			f.narrowed = c.Flags().Changed("only")
			return runScan(c.Context(), t, f, args, time.Now())
		},
	}
	formatFlag(c, &f.format, scanFormats()...)
	c.Flags().StringVar(&f.since, "since", "", "only sign-ins from then on: 2026-11-20, 2026-11-20T08:00:00Z, or 7d, 12h ago")
	c.Flags().StringVar(&f.until, "until", "", "only sign-ins before then")
	c.Flags().StringVar(&f.account, "account", "", "only this account id")
	c.Flags().StringVar(&f.user, "user", "", "only this user: name, role session name, id or ARN")
	c.Flags().StringSliceVar(&f.only, "only", nil, "list only these outcomes: fail, unknown, pass, not_applicable; counts and exit code are of all")
	completeFlag(c, "only", fixed("fail", "unknown", "pass", "not_applicable"))
	c.Flags().StringVar(&f.rules, "rules", "", "YAML file that sets which reasons and detections alert, and how severe they are")
	f.live.add(c)
	c.Flags().BoolVar(&f.each, "each", false, "one verdict line for each input record, in input order, nothing left out (JSON lines)")
	return c
}

func runScan(ctx context.Context, t terminal, f scanFlags, paths []string, now time.Time) error {
	if err := f.live.valid(paths); err != nil {
		return err
	}
	o, err := f.options(now)
	if err != nil {
		return err
	}
	if f.each {
		return runEach(ctx, t, f, o, paths, now)
	}
	format, err := report.ParseFormat(f.format)
	if err != nil {
		return usage("--format: %v", err)
	}
	only, err := outcomes(f.only)
	if err != nil {
		return err
	}
	if f.narrowed && len(only) == 0 {
		return usage("--only needs an outcome: fail, unknown, pass or not_applicable")
	}
	in, err := f.inputs(ctx, t, paths, &o, now)
	if err != nil {
		return err
	}
	bar := newBar(t, in.sources)
	o.Progress = bar.add
	r := scan.Run(ctx, in.sources, o)
	bar.done()
	in.kept(t)
	code := exitCode(r, len(in.sources))
	f.nearest(r.Summary.LeftOut)
	r.Verdicts = listed(r.Verdicts, only)
	if err := write(t, format, r); err != nil {
		return cannotRun(fmt.Errorf("write the report: %w", err))
	}
	if note := report.LeftOut(r.Summary); note != "" && format != report.Table { // the table has it on its page
		fmt.Fprintf(t.err, "mfawatch scan: %s\n", note)
	}
	return finished(r, code, in)
}

// nearest puts the names that were most likely meant before the others.
func (f scanFlags) nearest(l *scan.LeftOut) {
	if l == nil {
		return
	}
	l.Users, l.Accounts = nearestFirst(l.Users, f.user), nearestFirst(l.Accounts, f.account)
	for _, region := range f.regions {
		l.Regions = nearestFirst(l.Regions, region)
	}
}

// nearestFirst moves to the front the name that a text is a misspelling of, and names
// that hold it or that it holds, as ada@example.com does ada.
func nearestFirst(names []string, text string) []string {
	near, text := catalogue.Nearest(text, names), strings.ToLower(text)
	far := func(name string) int {
		lower := strings.ToLower(name)
		switch {
		case name == near:
			return 0
		case text != "" && (strings.Contains(lower, text) || strings.Contains(text, lower)):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(names, func(a, b string) int { return far(a) - far(b) })
	return names
}

// options reads the flags that narrow and tune a scan.
func (f scanFlags) options(now time.Time) (o scan.Options, err error) {
	if o.Filter.Since, err = moment("--since", f.since, now); err != nil {
		return o, err
	}
	if o.Filter.Until, err = moment("--until", f.until, now); err != nil {
		return o, err
	}
	if o.Filter.Since.After(now) {
		return o, usage("--since %s is in the future", f.since)
	}
	if s, u := o.Filter.Since, o.Filter.Until; !u.IsZero() && !s.Before(u) {
		return o, usage("--since %s is not before --until %s: no sign-in can lie between", f.since, f.until)
	}
	if f.account != "" && (len(f.account) != 12 || strings.Trim(f.account, "0123456789") != "") {
		return o, usage("--account %q is not an account id: twelve digits", f.account)
	}
	o.Filter.Account, o.Filter.User, o.Regions = f.account, f.user, f.regions
	rules, err := readRules(f.rules)
	o.SignIn, o.Detect = rules.SignIn, rules.Detect
	return o, err
}

// moment reads a point in time: a date or a time (UTC unless it says so), or a
// length of time before now.
func moment(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	if d, ok := ago(s); ok {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, usage("%s %q is not a time: write 2026-11-20, 2026-11-20T08:00:00Z, or 7d, 12h, 30m for that long ago", flag, s)
}

// maxDays keeps days within what a time.Duration can hold.
const maxDays = 36500

func ago(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil && n >= 0 && n <= maxDays
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

func outcomes(texts []string) ([]audit.Outcome, error) {
	var list []audit.Outcome
	for _, text := range texts {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		var o audit.Outcome
		if err := o.UnmarshalText([]byte(text)); err != nil {
			return nil, usage("--only: %q is not one of fail, unknown, pass, not_applicable", text)
		}
		list = append(list, o)
	}
	return list, nil
}

func scanFormats() (names []string) {
	for _, f := range report.Formats() {
		names = append(names, string(f))
	}
	return names
}

// runEach is scan --each: a filter for pipes. Its output is JSON lines, and
// only verdicts; what else there is to say goes to standard error.
func runEach(ctx context.Context, t terminal, f scanFlags, o scan.Options, paths []string, now time.Time) error {
	if o.Filter != (scan.Filter{}) || len(f.only) > 0 || len(f.regions) > 0 {
		return usage("--each leaves nothing out: it does not go with --since, --until, --account, --user, --region or --only")
	}
	if f.format != "table" && f.format != "jsonl" {
		return usage("--each writes jsonl: leave --format out")
	}
	in, err := f.inputs(ctx, t, paths, &o, now)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(t.out, 64<<10)
	r, err := scan.Each(ctx, in.sources, o, func(v signin.Verdict) error { return report.VerdictLine(out, v) })
	if err = errors.Join(err, out.Flush()); err != nil {
		return cannotRun(fmt.Errorf("write verdicts: %w", err))
	}
	for _, d := range r.Damaged {
		fmt.Fprintf(t.err, "mfawatch: %s: at byte %d: %s\n", report.Plain(d.Path), d.Offset, report.Plain(d.Reason))
	}
	in.kept(t)
	return finished(r, exitCode(r, len(in.sources)), in)
}

func listed(vs []signin.Verdict, only []audit.Outcome) []signin.Verdict {
	if len(only) == 0 {
		return vs
	}
	var kept []signin.Verdict
	for _, v := range vs {
		for _, o := range only {
			if v.Outcome == o {
				kept = append(kept, v)
			}
		}
	}
	return kept
}

func write(t terminal, format report.Format, r scan.Result) error {
	out := bufio.NewWriterSize(t.out, 64<<10)
	err := report.Write(out, format, r, report.Options{Width: width(t.out), Color: colour(t.out)})
	return errors.Join(err, out.Flush())
}

// exitCode says what the scan came to. Findings are sign-ins without MFA, and
// detections that alert and are high or critical; role sessions do not count as
// unchecked.
func exitCode(r scan.Result, sources int) int {
	s := r.Summary
	unchecked := s.ByOutcome[audit.Unknown] - s.ByReason[signin.ReasonRoleSession]
	switch {
	case !s.Complete, sources > 0 && unopened(r) == sources:
		return exitCannotRun
	case s.ByOutcome[audit.Fail] > 0 || grave(r):
		return exitFindings
	case unchecked > 0 || len(r.Damaged) > 0 || s.Records == 0 || s.LeftOut != nil && s.LeftOut.NoRecords:
		return exitUnchecked
	}
	return exitClean
}

func unopened(r scan.Result) int {
	n := 0
	for _, d := range r.Damaged {
		if d.Unopened {
			n++
		}
	}
	return n
}

func grave(r scan.Result) bool {
	for _, d := range r.Detections {
		if d.Alert && d.Severity >= audit.High {
			return true
		}
	}
	return false
}

// ended is finished for a scan of paths.
func ended(r scan.Result, code int, paths []string) error {
	return finished(r, code, inputs{what: named(paths)})
}

// finished turns the code into an error, with words where the report has none.
func finished(r scan.Result, code int, in inputs) error {
	switch {
	case !r.Summary.Complete:
		return exit{code, errors.New("interrupted: the report covers only what was read until then" + in.goOn)}
	case code == exitCannotRun:
		return exit{code, fmt.Errorf("nothing could be read in %s%s", in.what, sameReason(r.Damaged))}
	case r.Summary.Records == 0 && code == exitUnchecked && len(r.Damaged) == 0 && in.none != "":
		return exit{code, errors.New(in.none)}
	case r.Summary.Records == 0 && code == exitUnchecked && sameReason(r.Damaged) != "":
		return exit{code, fmt.Errorf("no CloudTrail records in %s%s", in.what, sameReason(r.Damaged))}
	case r.Summary.Records == 0 && code == exitUnchecked:
		return exit{code, fmt.Errorf("no CloudTrail records in %s: point at the folder that holds AWSLogs, or at exported events", in.what)}
	case code == exitClean:
		return nil
	}
	return exit{code: code}
}

// sameReason is why nothing could be read, where it is one reason for all.
func sameReason(ds []scan.DamagedFile) string {
	for _, d := range ds {
		if d.Reason != ds[0].Reason {
			return ""
		}
	}
	if len(ds) == 0 {
		return ""
	}
	return ": " + strings.TrimPrefix(ds[0].Reason, "cannot be opened: ")
}

// named lists paths as a person typed them, fit for a terminal.
func named(paths []string) string {
	var list []string
	for _, p := range paths {
		if p == "-" {
			p = "standard input"
		}
		list = append(list, report.Plain(p))
	}
	return strings.Join(list, " ")
}

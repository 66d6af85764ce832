package scan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/audit/trail"
)

// collector gathers what the workers find. Its methods are safe for concurrent
// use until result is called.
type collector struct {
	o       Options
	mu      sync.Mutex
	byKey   map[string]*entry
	keyless []*entry // records without an event id: never taken for copies
	damaged []DamagedFile
	without map[principal]*WithoutMFA
	covered coverage
	summary Summary
}

// principal is one identity in one account.
type principal struct {
	account string
	audit.Principal
}

// entry is one event and its verdict, with the number of its copies.
type entry struct {
	event   signin.Event
	verdict signin.Verdict
}

func newCollector(o Options) *collector {
	skipped := map[string]int{}
	maps.Copy(skipped, o.Skipped)
	return &collector{o: o, byKey: map[string]*entry{}, without: map[principal]*WithoutMFA{}, covered: newCoverage(), summary: Summary{
		Type: "summary", Filtered: o.Filter != (Filter{}) || len(o.Regions) > 0, Skipped: skipped, ByOutcome: map[audit.Outcome]int{},
		ByReason: map[signin.Reason]int{}, Detections: map[string]int{},
	}}
}

// source reads one source and adds what it held.
func (c *collector) source(ctx context.Context, s *trail.Scanner, src Source) {
	var found []*entry
	stats, err := read(ctx, s, src, c.o.Progress, func(record []byte) {
		found = append(found, c.judge(record, src.Name))
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range found {
		c.add(e)
	}
	c.tally(ctx, src, stats, err)
}

func (c *collector) judge(record []byte, origin string) *entry {
	e := &entry{}
	event, err := signin.Parse(record)
	if err != nil {
		e.verdict = signin.Judge(record, c.o.SignIn)
	} else {
		e.event, e.verdict = event, signin.Classify(event, c.o.SignIn)
	}
	e.verdict.Origin = origin
	return e
}

// add joins copies of the same event. The record that stays does not depend on
// which came first.
func (c *collector) add(e *entry) {
	c.covered.see(e.event.Account, e.event.Region, e.event.Time)
	key := e.event.Key()
	if key == "" {
		c.keyless = append(c.keyless, e)
		return
	}
	old, ok := c.byKey[key]
	if !ok {
		c.byKey[key] = e
		return
	}
	if e.verdict.SignIn() {
		c.summary.Duplicates++
	}
	seen := old.verdict.Seen + 1
	if prefer(e, old) < 0 {
		c.byKey[key] = e
		old = e
	}
	old.verdict.Seen = seen
}

// prefer orders records of the same event: an addendum is AWS's own correction
// and comes before what it corrects, unless it says less; of records that differ
// the worse one comes first; equal ones go by origin.
func prefer(a, b *entry) int {
	return cmp.Or(
		correction(b, a)-correction(a, b),
		-cmp.Compare(badness(a.verdict.Outcome), badness(b.verdict.Outcome)),
		cmp.Compare(a.verdict.Origin, b.verdict.Origin),
	)
}

// correction is 1 when a corrects b.
func correction(a, b *entry) int {
	if a.event.AddendumTo != "" && b.event.AddendumTo == "" && a.event.Name == b.event.Name && a.verdict.Outcome != audit.Unknown {
		return 1
	}
	return 0
}

func badness(o audit.Outcome) int {
	return slices.Index([]audit.Outcome{audit.NotApplicable, audit.Pass, audit.Unknown, audit.Fail}, o)
}

// finished is tally for a caller that is alone.
func (c *collector) finished(ctx context.Context, src Source, stats trail.Stats, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally(ctx, src, stats, err)
}

// tally counts a source that was read.
func (c *collector) tally(ctx context.Context, src Source, stats trail.Stats, err error) {
	c.summary.Bytes += stats.Stored
	c.summary.Records += stats.Records
	if stats.Records > 0 {
		c.summary.Files++
		c.covered.file(src.Name)
	}
	kind, strange := stats.Kind(), stats.Kinds[trail.KindOther]
	switch {
	case ctx.Err() != nil: // cut short by us, not damaged
	case err != nil:
		c.broken(src, stats, trail.Damage{Reason: "cannot be opened: " + cause(err)}, true)
	case stats.Damage != nil && (stats.Records > 0 || stats.Log || src.Given || looksLikeLog(src.Name)):
		c.broken(src, stats, *stats.Damage, false)
	case stats.Damage != nil:
		c.summary.Skipped[string(trail.KindNotJSON)]++
	case stats.Records > 0 && strange > 0:
		c.broken(src, stats, trail.Damage{Offset: stats.Text, Reason: values(strange) + " among its records that CloudTrail does not write"}, false)
	case kind == trail.KindEmpty && stats.Stored == 0 && strings.HasSuffix(strings.ToLower(src.Name), ".gz"):
		c.broken(src, stats, trail.Damage{Reason: "the file is empty, which no compressed file is"}, false)
	case kind == trail.KindEmpty && src.Answer:
	case kind != "":
		c.summary.Skipped[string(kind)]++
	}
}

func values(n int) string {
	if n == 1 {
		return "there is a value"
	}
	return fmt.Sprintf("there are %d values", n)
}

func (c *collector) broken(src Source, stats trail.Stats, d trail.Damage, unopened bool) {
	c.damaged = append(c.damaged, DamagedFile{
		Type: "damaged_file", Path: src.Name, Offset: d.Offset, Reason: reason(d), Records: stats.Records,
		Unopened: unopened,
	})
}

// looksLikeLog tells whether a file found in a folder is named as logs are, or as
// an archive that may hold some, so that one which cannot be read is reported and
// not skipped.
func looksLikeLog(name string) bool {
	base, zipped := strings.CutSuffix(strings.ToLower(path.Base(name)), ".gz")
	return zipped || slices.Contains([]string{".json", ".jsonl", ".ndjson", ".log", ".zip", ".tar", ".tgz"}, path.Ext(base))
}

// result orders, detects, filters and sums up.
func (c *collector) result(complete bool) Result {
	c.covered.tell(&c.summary)
	entries := c.keyless
	for _, e := range c.byKey {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *entry) int { return before(&a.verdict, &b.verdict) })
	c.summary.Complete = complete
	r := Result{Damaged: c.damaged}
	r.Detections = c.detect(entries)
	for _, e := range entries {
		if v := e.verdict; v.SignIn() && c.o.within(v.Region) && c.o.Filter.verdict(&v) {
			r.Verdicts = append(r.Verdicts, v)
			c.count(v)
		}
	}
	slices.SortFunc(r.Damaged, func(a, b DamagedFile) int { return strings.Compare(a.Path, b.Path) })
	c.summary.DamagedFiles = len(r.Damaged)
	for _, d := range r.Damaged {
		if d.Unopened {
			c.summary.Unopened++
		}
	}
	c.summary.WithoutMFA = c.worst()
	c.summary.LeftOut = c.leftOut(entries)
	for _, d := range r.Detections {
		c.summary.Detections[d.ID]++
	}
	r.Summary = c.summary
	return r
}

func before(a, b *signin.Verdict) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Account, b.Account),
		cmp.Compare(a.EventID, b.EventID), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Detail, b.Detail))
}

// detect runs the ordered events through the detector.
func (c *collector) detect(entries []*entry) []detect.Detection {
	d := detect.New(c.o.Detect)
	var all []detect.Detection
	keep := func(found []detect.Detection) {
		for _, x := range found {
			if c.o.within(x.Region) && c.o.Filter.detection(&x) {
				all = append(all, x)
			}
		}
	}
	for _, e := range entries {
		if e.event.Name != "" {
			keep(d.Add(e.event))
		}
	}
	keep(d.Flush())
	c.summary.Forgotten = d.Dropped()
	slices.SortStableFunc(all, func(a, b detect.Detection) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// count adds a verdict to the summary.
func (c *collector) count(v signin.Verdict) {
	if !v.SignIn() {
		return
	}
	s := &c.summary
	s.SignIns++
	s.ByOutcome[v.Outcome]++
	s.ByReason[v.Reason]++
	if v.Reason == signin.ReasonRoleSession {
		s.RoleSessions++
	}
	if !v.Time.IsZero() && (s.First.IsZero() || v.Time.Before(s.First)) {
		s.First = v.Time
	}
	if v.Time.After(s.Last) {
		s.Last = v.Time
	}
	if v.Outcome == audit.Fail {
		c.failed(v)
	}
}

// failed counts a principal that signed in without MFA.
func (c *collector) failed(v signin.Verdict) {
	key := principal{v.Account, v.Principal}
	w, ok := c.without[key]
	if !ok {
		w = &WithoutMFA{Account: v.Account, Principal: v.Principal}
		c.without[key] = w
	}
	w.SignIns++
	if v.Time.After(w.Last) {
		w.Last = v.Time
	}
}

// worst orders the principals without MFA: root first, then by sign-ins.
func (c *collector) worst() []WithoutMFA {
	var list []WithoutMFA
	for _, w := range c.without {
		list = append(list, *w)
	}
	slices.SortFunc(list, func(a, b WithoutMFA) int {
		return cmp.Or(
			cmp.Compare(rank(a.Principal), rank(b.Principal)), -cmp.Compare(a.SignIns, b.SignIns),
			cmp.Compare(a.Account, b.Account), cmp.Compare(a.Principal.Name, b.Principal.Name),
			cmp.Compare(a.Principal.ARN, b.Principal.ARN), cmp.Compare(a.Principal.ID, b.Principal.ID))
	})
	return list
}

func rank(p audit.Principal) int {
	if p.Kind == audit.Root {
		return 0
	}
	return 1
}

func (f Filter) verdict(v *signin.Verdict) bool {
	return f.time(v.Time) && f.account(v.Account) && (f.user(v.Principal) || nobody(v.Principal))
}

// nobody is the principal of a record that says nothing of who it was. It
// cannot be told to be somebody else.
func nobody(p audit.Principal) bool { return p.Name == "" && p.ID == "" && p.ARN == "" }

func (f Filter) account(id string) bool { return f.Account == "" || id == "" || f.Account == id }

// within keeps what does not say its Region: it cannot be told to be another.
func (o Options) within(region string) bool {
	return len(o.Regions) == 0 || region == "" || slices.Contains(o.Regions, region)
}

func (f Filter) detection(d *detect.Detection) bool {
	return f.time(d.Time) && f.account(d.Account) &&
		(f.user(d.Principal) || strings.EqualFold(f.User, d.Target))
}

// time keeps what has no readable time: it cannot be told to lie outside.
func (f Filter) time(t time.Time) bool {
	return t.IsZero() || !t.Before(f.Since) && (f.Until.IsZero() || t.Before(f.Until))
}

func (f Filter) user(p audit.Principal) bool {
	if f.User == "" {
		return true
	}
	_, session, _ := strings.Cut(p.Name, "/")
	for _, s := range []string{p.Name, session, p.ID, p.ARN} {
		if s != "" && strings.EqualFold(f.User, s) {
			return true
		}
	}
	return false
}

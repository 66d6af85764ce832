package scan

import (
	"maps"
	"regexp"
	"slices"
	"time"
)

// coverage is whose records were read, and from when to when: what a reader who
// relies on there being no other change has to know. Only records that may
// matter are parsed, so the names of CloudTrail's files tell of the others.
type coverage struct {
	spans map[place]span
}

// place is whose records they are, and of which Region; empty where that is not known.
type place struct{ account, region string }

// span is from when to when; zero where no time is known.
type span struct{ first, last time.Time }

func newCoverage() coverage { return coverage{spans: map[place]span{}} }

// logName is what CloudTrail calls a log file: account, Region and the time it
// was delivered (CloudTrail user guide, finding your log files).
var logName = regexp.MustCompile(`([0-9]{12})_CloudTrail_([a-z0-9-]+)_([0-9]{8}T[0-9]{4}Z)_[^/]*$`)

// file notes a file of records by its name.
func (c *coverage) file(name string) {
	parts := logName.FindStringSubmatch(name)
	if parts == nil {
		return
	}
	if at, err := time.Parse("20060102T1504Z", parts[3]); err == nil {
		c.see(parts[1], parts[2], at)
	}
}

func (c *coverage) see(account, region string, at time.Time) {
	p := place{account, region}
	c.spans[p] = c.spans[p].with(at)
}

func (s span) with(at time.Time) span {
	if at.IsZero() {
		return s
	}
	if s.first.IsZero() || at.Before(s.first) {
		s.first = at
	}
	if at.After(s.last) {
		s.last = at
	}
	return s
}

// meets tells whether times of a span may lie within a filter's: they lie close together
// where a trail records, so that a quiet hour between two of them was looked at too.
func (s span) meets(f Filter) bool {
	return s.first.IsZero() || !s.last.Before(f.Since) && (f.Until.IsZero() || s.first.Before(f.Until))
}

// asked tells whether a record is known to be of what a scan was asked about. What
// does not say its account or Region cannot be told to be another's.
func (c *coverage) asked(o Options) bool {
	var all span
	n := 0
	for p, s := range c.spans {
		if o.Filter.account(p.account) && o.within(p.region) {
			n++
			all = all.with(s.first).with(s.last)
		}
	}
	return n > 0 && all.meets(o.Filter)
}

// tell writes it into the summary.
func (c *coverage) tell(s *Summary) {
	var all span
	accounts := map[string]bool{}
	for p, seen := range c.spans {
		all = all.with(seen.first).with(seen.last)
		if p.account != "" {
			accounts[p.account] = true
		}
	}
	s.Accounts = slices.Sorted(maps.Keys(accounts))
	s.RecordsFirst, s.RecordsLast = all.first, all.last
}

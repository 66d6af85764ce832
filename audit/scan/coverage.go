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
	accounts    map[string]bool
	first, last time.Time
}

func newCoverage() coverage { return coverage{accounts: map[string]bool{}} }

// logName is what CloudTrail calls a log file: account, Region and the time it
// was delivered (CloudTrail user guide, finding your log files).
var logName = regexp.MustCompile(`([0-9]{12})_CloudTrail_[a-z0-9-]+_([0-9]{8}T[0-9]{4}Z)_[^/]*$`)

// file notes a file of records by its name.
func (c *coverage) file(name string) {
	parts := logName.FindStringSubmatch(name)
	if parts == nil {
		return
	}
	if at, err := time.Parse("20060102T1504Z", parts[2]); err == nil {
		c.see(parts[1], at)
	}
}

func (c *coverage) see(account string, at time.Time) {
	if account != "" {
		c.accounts[account] = true
	}
	if at.IsZero() {
		return
	}
	if c.first.IsZero() || at.Before(c.first) {
		c.first = at
	}
	if at.After(c.last) {
		c.last = at
	}
}

// tell writes it into the summary.
func (c *coverage) tell(s *Summary) {
	s.Accounts = slices.Sorted(maps.Keys(c.accounts))
	s.RecordsFirst, s.RecordsLast = c.first, c.last
}

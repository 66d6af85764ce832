package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/collect"
)

// snapshotFolder keeps a snapshot of each account of an organisation, so that a
// run that did not come to its end can be gone on with. Without a folder it
// keeps nothing.
type snapshotFolder struct {
	dir string

	mu     sync.Mutex
	taken  int           // accounts of an unfinished run
	oldest time.Duration // and how old the oldest is
}

// freshness is how old an account's snapshot may be to count as of this run: as
// old as a credential report can be.
const freshness = 4 * time.Hour

// begin has the organisation's accounts saved. What is there counts only when the
// run before did not end: otherwise a permission that was given since, or a user
// who was mended, would go unseen.
func (s *snapshotFolder) begin(o *collect.OrganizationOptions) error {
	if s.dir == "" {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	o.Save = func(account audit.Snapshot) error { return saveSnapshot(s.of(account.Account), account) }
	if _, err := os.Stat(s.marker()); err == nil {
		now := time.Now()
		o.Load = func(account string) *audit.Snapshot { return s.earlier(account, o.Options, now) }
	}
	return os.WriteFile(s.marker(), nil, 0o600)
}

// end says that the run came to its end.
func (s *snapshotFolder) end() {
	if s.dir != "" {
		_ = os.Remove(s.marker())
	}
}

// say tells what was not read anew.
func (s *snapshotFolder) say(t terminal) {
	if s.taken > 0 {
		fmt.Fprintf(t.err, "Went on with an unfinished run: %d accounts are as they were up to %s ago.\n", s.taken, audit.Age(s.oldest))
	}
}

// marker is there while a run is not at its end.
func (s *snapshotFolder) marker() string { return filepath.Join(s.dir, ".unfinished") }

// of is the file of one account's snapshot.
func (s *snapshotFolder) of(account string) string { return filepath.Join(s.dir, account+".json") }

// earlier is the snapshot that an unfinished run left of an account. It is called
// by several at once.
func (s *snapshotFolder) earlier(account string, o collect.Options, now time.Time) *audit.Snapshot {
	data, err := os.ReadFile(s.of(account))
	if err != nil {
		return nil
	}
	earlier, err := audit.DecodeSnapshot(data)
	age := now.Sub(earlier.TakenAt)
	if err != nil || earlier.Account != account || age > freshness || !collect.Reusable(earlier, o, now) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken, s.oldest = s.taken+1, max(s.oldest, age)
	return &earlier
}

package collect

import (
	"time"

	"mfawatch/audit"
)

// Reusable tells whether a saved snapshot stands for its account in a run at a
// time: it is complete, and no older than a credential report can be. A gap that
// another reading would leave too does not make it incomplete; any other, a
// refusal, an interruption or what --fast left out, does. A snapshot that was
// read with the calls for single users does for a run with Fast as well.
func Reusable(s audit.Snapshot, o Options, now time.Time) bool {
	// This clock may be behind AWS's, whose time is in the snapshot.
	if now.Sub(s.TakenAt).Abs() >= resumable {
		return false
	}
	for _, g := range s.Gaps {
		if !lasting[g.Reason] && !(o.Fast && g.Reason == notAskedFast) {
			return false
		}
	}
	return true
}

// lasting are the reasons of gaps that are no failure of a reading.
var lasting = map[string]bool{
	notAsked: true, onlyMembersRoot: true, rootManagementOff: true, notInTask: true, onlyOrganizations: true,
	deletedMeanwhile: true, removedMeanwhile: true,
}

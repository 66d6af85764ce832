// Package collect reads an account, or every account of an organisation, into
// a Snapshot: live through the AWS SDK, or from files that were exported with
// the AWS CLI.
//
// It promises the fewest calls that answer the question: nothing is asked of a
// user that the credential report already answered, but to confirm a failure
// that an older report tells, and nothing twice. What
// could not be read is a Gap that names the IAM action, never an error and never
// a guess; only when AWS cannot be asked at all (no credentials, no network) is
// there no Snapshot. It judges nothing, and it sends nothing anywhere but the
// questions to AWS.
//
// What is read live is dated by AWS's clock, as its answers tell it, and not by
// this machine's: it is held against the time at which AWS made the credential
// report, and a clock that is behind would make that report the younger of the
// two.
//
// A live Snapshot has no Alias: iam:ListAccountAliases would be one call more for
// a name that no check asks about.
package collect

import (
	"time"

	"mfawatch/audit"
)

// Options are how an account is read. The zero value reads everything.
type Options struct {
	// Fast leaves out the calls for each user: who has a factor is known, and
	// of what kind only for virtual ones.
	Fast bool
	// Resume is a Snapshot that was interrupted: what it read is not asked again.
	Resume *audit.Snapshot
	// Since is an earlier Snapshot: the devices of users that did not change
	// since are taken from it, with the time they were read at.
	Since *Since
	// Rate is how many calls a second are made at most; 0 is DefaultRate.
	Rate float64
	// Progress is told how many of the calls for single users and devices are
	// done, and of how many.
	Progress func(done, total int)
	// Checkpoint is given what was read so far, now and then and when the
	// reading is interrupted.
	Checkpoint func(audit.Snapshot) error
	// Now is this machine's clock; nil is time.Now. AWS's answers correct it.
	Now func() time.Time

	features *features // of the organisation, asked once for all its members
	clock    *clock    // one for all members
}

// DefaultRate is how many calls a second are made. AWS publishes no rate for
// IAM's reading calls and raises none (knowledge of other tools: more than ten
// are throttled in busy accounts).
const DefaultRate = 10

// Since is an earlier Snapshot and the changes that CloudTrail saw since. The
// scan has to hold the account's records from the time of the oldest list of
// devices in the Snapshot until now, or nearly so.
type Since struct {
	Snapshot audit.Snapshot
	Changes  Changes
}

package detect

import (
	"cmp"
	"slices"
	"time"

	"mfawatch/audit/signin"
)

// maxHeld bounds how many events of one second wait for each other.
const maxHeld = 1000

// Detector finds what shows only in several events. It is not safe for use by
// several goroutines at once.
type Detector struct {
	checks map[string]Check
	first  time.Time       // of the first event: where the stream begins
	now    time.Time       // of the newest event
	held   []*signin.Event // those of that second, not yet seen by the sequences

	guesses  memory[[]mark]  // by user: failed attempts
	names    memory[[]mark]  // by address: the names that failed there
	factors  memory[burst]   // by user: failed second factors
	prompts  memory[burst]   // by user: prompts nobody answered
	sprays   memory[burst]   // by address: the names that failed there
	links    memory[*link]   // by issued key and by ARN: federation tokens
	sessions memory[session] // by principal: console sessions and their tokens
	removals memory[removal] // by user: the factor taken off last
	owners   memory[string]  // by device: whose it is, or "" while nobody has used it
}

// New makes a Detector. Rules that Validate refuses leave their check at its
// default.
func New(rules Rules) *Detector {
	d := &Detector{checks: rules.settle()}
	d.guesses.window = d.checks[idGuessed].Window
	d.names.window = d.checks[idSprayed].Window
	d.factors.window = d.checks[idFactorFailures].Window
	d.prompts.window = d.checks[idPrompts].Window
	d.sprays.window = d.checks[idSpray].Window
	d.links.window = d.checks[idConsoleLink].Window
	d.sessions.window = d.checks[idOrphanToken].Window
	d.removals.window = d.checks[idFactorRemoved].Window
	d.owners.window = d.checks[idFactorRemoved].Window
	return d
}

// Add takes the next event. Events come ordered by time, and those of the same
// second in any order: CloudTrail's clock has one-second resolution, so the
// sequences see a second in the order that makes sense (what a sign-in uses,
// failures, successes) once it is over. What Add returns may thus be about an
// earlier event; Flush ends the last second. An event that comes late is judged
// at once against what is still remembered; one without a time has no place in
// a sequence.
func (d *Detector) Add(e signin.Event) []Detection {
	var found []Detection
	switch {
	case e.Time.IsZero():
	case e.Time.Before(d.now):
		found = report(d.sequences(&e), d.checks)
	default:
		found = d.hold(&e)
	}
	return append(found, report(single(&e), d.checks)...)
}

func (d *Detector) hold(e *signin.Event) []Detection {
	var found []Detection
	if e.Time.After(d.now) || len(d.held) >= maxHeld {
		found = d.Flush()
	}
	if d.first.IsZero() {
		d.first = e.Time
	}
	d.now = e.Time
	d.held = append(d.held, e)
	return found
}

// Flush lets the sequences see the events of the newest second. Call it at the
// end of a stream.
func (d *Detector) Flush() []Detection {
	slices.SortStableFunc(d.held, func(a, b *signin.Event) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID))
	})
	var found []Detection
	for _, e := range d.held {
		found = append(found, report(d.sequences(e), d.checks)...)
	}
	d.held = nil
	return found
}

// rank orders the events of one second by cause and effect.
func rank(e *signin.Event) int {
	switch {
	case e.Source != signin.Source, e.Name == "CheckMfa":
		return 0 // IAM and STS make and take what a sign-in uses; a prompt comes before its answer
	case !e.Succeeded():
		return 1
	case e.Name == "AuthorizeOAuth2Access":
		return 3
	case e.Name == "CreateOAuth2Token":
		return 4
	}
	return 2
}

func (d *Detector) sequences(e *signin.Event) []finding {
	var found []finding
	for _, see := range []func(*signin.Event) []finding{
		d.attempts, d.factorFailures, d.unanswered, d.consoleLinks, d.consoleTokens, d.factorsRemoved,
	} {
		found = append(found, see(e)...)
	}
	return found
}

// Dropped is the number of keys forgotten for lack of room, before their time.
func (d *Detector) Dropped() int {
	return d.guesses.dropped + d.names.dropped + d.factors.dropped + d.prompts.dropped + d.sprays.dropped +
		d.links.dropped + d.sessions.dropped + d.removals.dropped + d.owners.dropped
}

// report weighs findings by the checks as the rules left them.
func report(found []finding, checks map[string]Check) []Detection {
	var ds []Detection
	for _, f := range found {
		c := checks[f.id]
		severity, alert := c.weigh(f.principal.Kind)
		ds = append(ds, Detection{
			Type: "detection", ID: f.id, Time: f.event.Time, Account: f.event.Account, Region: f.event.Region,
			Principal: f.principal, Severity: severity, Alert: alert, Attack: c.Attack, Detail: f.detail,
			SourceIP: f.event.SourceIP, Events: ids(f.marks), Target: f.event.TargetUser,
		})
	}
	return ds
}

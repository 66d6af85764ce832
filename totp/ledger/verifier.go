package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mfawatch/totp"
)

// ErrLocked is a key with too many wrong guesses. Unlock opens it; time does not.
var ErrLocked = errors.New("locked after too many wrong codes: two people unlock it")

// ErrBeforeFloor is a code that may have been used before the ledger was restored.
var ErrBeforeFloor = errors.New("the code is older than the ledger's restoration: wait for the next; a counter has to be set by what the device shows")

// Later says that it is too early to try, and when it is not.
type Later struct {
	Until time.Time
	Why   string
}

func (l *Later) Error() string {
	return l.Why + ": wait until " + l.Until.UTC().Format(time.RFC3339)
}

// How guesses are slowed down (NIST SP 800-63B allows 100 in a row at most).
const (
	freeFailures = 5                // wrong codes before anybody has to wait
	lockFailures = 20               // and before the key is locked
	firstWait    = 30 * time.Second // it doubles with each wrong code
	longestWait  = time.Hour
	clockSlack   = 2 * time.Minute // between the clocks of two who count
	resyncReach  = 50              // steps to each side, when two codes are given
)

// Verifier checks codes against a ledger.
type Verifier struct {
	Store Store
	Slack int       // steps to each side of the device's drift; for counters, after the next
	Floor time.Time // when the ledger was restored: steps that began before are refused. Zero: it never was
}

// verified is the row of a key.
type verified struct {
	Next     int64 // first step not used
	Drift    int64
	Attempts int64  // all there ever were; it only grows
	Cleared  int64  // those that no longer count: up to the last one that was right
	Last     int64  // when the last attempt began, in milliseconds
	Known    int64  // when a code was last accepted or the counter set, in milliseconds
	Mark     string `json:",omitempty"` // a Counted's, of the last one that was accepted
}

// Attempt is one guess that was counted.
type Attempt struct {
	id     string
	number int64
	at     time.Time
	used   totp.Used
}

// The id of a key names one secret: another secret is another id. Steps in time stay
// used whoever has which secret, and a counter begins again.

// Check counts, compares and spends: its answer is the step, which nobody gets again.
// What is not made of the right number of digits is no guess and not counted.
func (v Verifier) Check(ctx context.Context, id string, k totp.Key, code string, now time.Time) (totp.Match, error) {
	if !k.WellFormed(code) {
		return totp.Match{}, fmt.Errorf("code for key %s: %w", id, totp.ErrMalformed)
	}
	return v.attempt(ctx, id, k, now, func(a Attempt) (totp.Match, error) { return a.Match(k, code) })
}

// Match compares a code with those that an attempt may be of. It asks no store: it is
// for who counts in one transaction with Begin and spends in another with Spend.
func (a Attempt) Match(k totp.Key, code string) (totp.Match, error) {
	m, err := k.Verify(code, a.at, a.used)
	m.Drift = min(max(m.Drift, a.used.Drift-1), a.used.Drift+1) // one code says little
	return m, err
}

// Enrol takes two codes that follow each other: they prove a new device, or say how
// far off one is, and both are used then. It is an attempt like Check.
func (v Verifier) Enrol(ctx context.Context, id string, k totp.Key, first, second string, now time.Time) (totp.Match, error) {
	if !k.WellFormed(first) || !k.WellFormed(second) {
		return totp.Match{}, fmt.Errorf("codes for key %s: %w", id, totp.ErrMalformed)
	}
	return v.attempt(ctx, id, k, now, func(a Attempt) (totp.Match, error) { return v.Resync(a, k, first, second) })
}

// Resync compares two codes that follow each other with those that an attempt may be
// of, far to both sides. It asks no store, as Match.
func (v Verifier) Resync(a Attempt, k totp.Key, first, second string) (totp.Match, error) {
	m, err := k.Resync(first, second, a.at, a.used, resyncReach)
	if err == nil && v.forgotten(k, m.Step-1) { // the first is spent too
		return totp.Match{}, ErrBeforeFloor
	}
	return m, err
}

func (v Verifier) attempt(ctx context.Context, id string, k totp.Key, now time.Time, compare func(Attempt) (totp.Match, error)) (totp.Match, error) {
	a, err := v.Begin(ctx, id, k, now)
	if err != nil {
		return totp.Match{}, err
	}
	m, err := compare(a)
	if err == nil {
		err = v.Spend(ctx, a, k, m)
	}
	if err != nil {
		return totp.Match{}, fmt.Errorf("code for key %s: %w", id, err)
	}
	return m, nil
}

// Begin counts an attempt before anybody compares anything, so that guesses at the
// same time cannot all be made before the first is counted.
func (v Verifier) Begin(ctx context.Context, id string, k totp.Key, now time.Time) (Attempt, error) {
	return v.begin(ctx, id, k.Settings().Counter, now)
}

func (v Verifier) begin(ctx context.Context, id string, first int64, now time.Time) (Attempt, error) {
	a := Attempt{id: id, at: now}
	var no error
	err := update(ctx, v.Store, verifierKey(id), func(r *verified) error {
		was := r.Last
		if no = r.count(now); no != nil {
			no = fmt.Errorf("key %s: %w", id, no)
			if r.Last != was {
				return nil // kept, or the wait would begin again with each attempt
			}
			return no
		}
		a.number = r.Attempts
		a.used = totp.Used{Next: max(r.Next, first), Drift: r.Drift, Slack: v.Slack}
		return nil
	})
	if err == nil {
		err = no
	}
	return a, err
}

// count is one attempt more, where one may be made. The last one counts as made now where
// the clock that counted it was ahead: nobody waits longer than the longest wait for that.
func (r *verified) count(now time.Time) error {
	failures := r.Attempts - r.Cleared
	if failures >= lockFailures {
		return ErrLocked
	}
	if time.UnixMilli(r.Last).After(now.Add(clockSlack)) {
		r.Last = now.UnixMilli()
	}
	if failures >= freeFailures {
		if until := time.UnixMilli(r.Last).Add(backOff(failures)); now.Before(until) {
			return &Later{until, fmt.Sprintf("%d wrong codes in a row", failures)}
		}
	}
	r.Attempts++
	r.Last = max(r.Last, now.UnixMilli())
	return nil
}

// backOff is how long nobody may guess after so many failures, when no more are free.
func backOff(failures int64) time.Duration {
	return min(firstWait<<min(failures-freeFailures, lockFailures), longestWait)
}

// Spend marks the step of an attempt as used, and clears the failures that were
// counted up to it. It is the one place where a step is given away: of many who found
// the same, one gets it.
func (v Verifier) Spend(ctx context.Context, a Attempt, k totp.Key, m totp.Match) error {
	if v.forgotten(k, m.Step) {
		return ErrBeforeFloor
	}
	return update(ctx, v.Store, verifierKey(a.id), func(r *verified) error {
		return v.spend(r, a, m, k.Settings().Counter, k.Settings().Kind == totp.HOTP)
	})
}

func (v Verifier) spend(r *verified, a Attempt, m totp.Match, first int64, counts bool) error {
	switch {
	case m.Step < max(r.Next, first):
		return totp.ErrReplayed
	case counts && !v.Floor.IsZero() && time.UnixMilli(r.Known).Before(v.Floor):
		return ErrBeforeFloor // which counters the ledger forgot, nobody can tell
	}
	r.Next, r.Drift = m.Step+1, m.Drift
	r.Cleared = max(r.Cleared, a.number)
	r.Known = max(r.Known, a.at.UnixMilli())
	return nil
}

// forgotten tells whether a step may have been used in a time that a restored ledger
// knows nothing of.
func (v Verifier) forgotten(k totp.Key, step int64) bool {
	return !v.Floor.IsZero() && k.Settings().Kind == totp.TOTP && k.Starts(step).Before(v.Floor)
}

// Advance sets a counter to what the device shows, after a restoration or when the
// device is far ahead. It only grows.
func (v Verifier) Advance(ctx context.Context, id string, next int64, now time.Time) error {
	return update(ctx, v.Store, verifierKey(id), func(r *verified) error {
		if next < r.Next {
			return fmt.Errorf("key %s: counter %d is below %d, which is the next that was not used", id, next, r.Next)
		}
		r.Next, r.Known = next, max(r.Known, now.UnixMilli())
		return nil
	})
}

// Proved keeps what two codes showed of a device that is being enrolled: they are used, and
// where its clock or counter stands is known. Codes that were used before prove nothing.
func (v Verifier) Proved(ctx context.Context, id string, m totp.Match, now time.Time) error {
	return update(ctx, v.Store, verifierKey(id), func(r *verified) error {
		if m.Step < r.Next {
			return fmt.Errorf("key %s: %w", id, totp.ErrReplayed)
		}
		r.Next, r.Drift, r.Known = m.Step+1, m.Drift, max(r.Known, now.UnixMilli())
		return nil
	})
}

// Remember writes a row of a key that has none: nothing of it was used yet. So a row that is
// missing later is one that was lost.
func (v Verifier) Remember(ctx context.Context, id string) error {
	return update(ctx, v.Store, verifierKey(id), func(*verified) error { return nil })
}

// Remembers tells whether there is a row of a key. For others here a missing one is of a key
// that was never used.
func (v Verifier) Remembers(ctx context.Context, id string) (there bool, err error) {
	looked := errors.New("nothing is to be changed")
	err = v.Store.Update(ctx, verifierKey(id), func(old []byte) ([]byte, error) {
		there = old != nil
		return nil, looked
	})
	if errors.Is(err, looked) {
		return there, nil
	}
	return false, err
}

// Unlock forgets the failures of a key. Who may is the caller's to decide.
func (v Verifier) Unlock(ctx context.Context, id string) error {
	return update(ctx, v.Store, verifierKey(id), func(r *verified) error {
		r.Cleared = r.Attempts
		return nil
	})
}

func verifierKey(id string) string { return "verify#" + id }

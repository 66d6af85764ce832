package ledger

import (
	"context"
	"fmt"
	"time"

	"mfawatch/totp"
)

// Counted is what was found about a code of a device that counts and is no totp.Key: a
// code that tells its counter by itself.
type Counted struct {
	Step int64  // the counter, or several in order: it is accepted once, and none before it
	Mark string // what is to be known at the next code; no secret
	// Refuse may refuse for more reasons than the counter, by the mark of the last code
	// that was accepted, "" where there is none. It is asked where no other code can
	// come between, perhaps more than once; nil never refuses.
	Refuse func(last string) error
}

// CheckCounted is Check for such a device: it counts an attempt, lets compare find out
// what the code is of, and spends that. What could be no code of the device at all is
// not to be brought here: it would be counted.
func (v Verifier) CheckCounted(ctx context.Context, id string, now time.Time, compare func() (Counted, error)) error {
	a, err := v.begin(ctx, id, 0, now)
	if err != nil {
		return err
	}
	c, err := compare()
	if err == nil {
		err = v.SpendCounted(ctx, a, c)
	}
	if err != nil {
		return fmt.Errorf("code for key %s: %w", id, err)
	}
	return nil
}

// Uncounted is an attempt that no row counts: of codes that nobody can guess, where a
// lock would only keep out who has the device.
func Uncounted(id string, now time.Time) Attempt { return Attempt{id: id, at: now} }

// SpendCounted asks Refuse first: it may know better why a used code is refused, and
// whatever it says, the counter decides after it.
func (v Verifier) SpendCounted(ctx context.Context, a Attempt, c Counted) error {
	return update(ctx, v.Store, verifierKey(a.id), func(r *verified) error {
		if c.Refuse != nil {
			if err := c.Refuse(r.Mark); err != nil {
				return err
			}
		}
		if err := v.spend(r, a, totp.Match{Step: c.Step}, 0, true); err != nil {
			return err
		}
		r.Mark = c.Mark
		return nil
	})
}

// Decoy does the work of an attempt for no key: who asks about a key that does not
// exist should not learn it by how long the answer takes. Its row never locks.
func (v Verifier) Decoy(ctx context.Context, now time.Time) error {
	return update(ctx, v.Store, decoyKey, func(r *verified) error {
		r.Attempts++
		r.Cleared, r.Last = r.Attempts, now.UnixMilli()
		return nil
	})
}

// decoyKey is no verifierKey.
const decoyKey = "decoy"

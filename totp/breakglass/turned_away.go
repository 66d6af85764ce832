package breakglass

import (
	"context"
	"time"

	"mfawatch/totp/breakglass/record"
)

// TurnAway records that a caller was refused before a step of the door began: who looks
// at what is not theirs to see, or says to be another. What it returns is the refusal
// where that is kept, or that the caller has called too often, and any other error where
// nothing is kept. Who says to be another has an entry and a notice each time, however many
// strangers came before: strangers are many, and this is an attack.
func (d *Door) TurnAway(ctx context.Context, c Caller, what record.What, r *Refusal, now time.Time) error {
	if err := d.tooOften(ctx, c, what, now); err != nil {
		return err
	}
	return d.turn(ctx, now, func(t *turn) error {
		if no, err := t.called(c, what); no != nil || err != nil {
			return either(no, err)
		}
		p, enrolled := d.Rules.whose(c.Principal)
		if !enrolled && what != record.Pretended {
			return t.outsider(c, what, &Refusal{Reason: r.Reason})
		}
		if !enrolled {
			r = &Refusal{Reason: r.Reason, inner: notEnrolled}
		}
		return t.refused(by(record.Entry{What: what}, c, p), r)
	})
}

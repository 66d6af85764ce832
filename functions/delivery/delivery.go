// Package delivery takes an alert to people exactly as often as needed: never
// not at all, and again only when nobody can know whether it arrived.
//
// The order is evidence, claim, publish, mark. It promises that an alert whose
// Deliver gave no error is published, or is held back in a row that names it
// until a digest was published; that after an error the same call can be
// repeated, by anybody, at any time; and that two who deliver the same alert at
// once publish it once, as long as neither dies and no claim runs out in
// between. Extra messages come from a process killed after it published, from an
// answer that was lost on the way, and from a claim that ran out: nothing else.
// It never logs more of an event than its id, account, reason and what became
// of it.
package delivery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
)

// Disposition is what became of an alert.
type Disposition string

// The dispositions. Their texts stand in logs.
const (
	WasSent    Disposition = "sent"
	WasAlready Disposition = "already" // this or worse was sent before
	WasHeld    Disposition = "held"    // somebody else is at it: try again
	WasFolded  Disposition = "folded"  // a digest will name it
	WasRaised  Disposition = "raised"  // sent, in the place of something milder
	WasError   Disposition = "error"   // try again
)

// ErrHeld says that somebody else's claim has not run out. It is an error
// because whoever holds it may die: who gave up the alert now could lose it.
var ErrHeld = errors.New("somebody else is delivering it")

// Deliverer delivers alerts. Its fields are set once, before the first call;
// its methods are safe for concurrent use if its parts are.
type Deliverer struct {
	Evidence Evidence
	Claims   Claims
	Topic    Topic
	Storm    alert.Storm
	Clock    func() time.Time
	Nonce    func() string // a new owner's name, never given twice; nil is a random one
	Log      zerolog.Logger
	Lease    time.Duration // how long a claim holds; 0 is two minutes
	Skew     time.Duration // how far others' clocks may be off; 0 is five seconds
	KeepFor  time.Duration // how long a row is remembered; 0 is 90 days
}

const (
	defaultLease = 2 * time.Minute
	defaultSkew  = 5 * time.Second
	defaultKeep  = 90 * 24 * time.Hour
)

// Deliver takes one alert to its end. evidence is what alert.EvidenceOf made of
// it. An error is always one to try again after.
func (d *Deliverer) Deliver(ctx context.Context, a alert.Alert, evidence []byte) (Disposition, error) {
	done, id, err := d.deliver(ctx, a, evidence)
	d.line(a, done, id, err)
	if err != nil {
		return done, fmt.Errorf("deliver alert %s: %w", a.ID, err)
	}
	return done, nil
}

func (d *Deliverer) deliver(ctx context.Context, a alert.Alert, evidence []byte) (Disposition, string, error) {
	uri, err := d.Evidence.Keep(ctx, a.EvidenceKey(), evidence)
	if err != nil {
		return WasError, "", fmt.Errorf("keep evidence: %w", err)
	}
	a.Evidence = uri
	l := d.lease(a.ID)
	got, err := d.Claims.Claim(ctx, l, a.Rank())
	switch {
	case err != nil:
		return WasError, "", fmt.Errorf("claim: %w", err)
	case !got.Took:
		done, err := settled(got.Row, a.Rank())
		return done, "", err
	}
	if got.Expired {
		d.Log.Warn().Str("alert", a.ID).Str("was", got.Row.Owner).Msg("took over a claim that ran out")
	}
	return d.claimed(ctx, l, a, got.Row)
}

// settled is what a claim means that was not given.
func settled(r Row, rank int) (Disposition, error) {
	switch {
	case !r.Covers(rank):
		return WasHeld, ErrHeld
	case r.State == Folded:
		return WasFolded, nil
	}
	return WasAlready, nil
}

// claimed goes on with an alert that is ours. What replaces something milder is
// never held back.
func (d *Deliverer) claimed(ctx context.Context, l Lease, a alert.Alert, before Row) (Disposition, string, error) {
	done := WasSent
	if before.Rank > 0 {
		a.Previous, done = before.Reason, WasRaised
	} else if !d.Storm.Exempt(a) {
		slot, ends := d.Storm.Slot(a, d.Clock())
		ok, err := d.Claims.Admit(ctx, slot, a.ID, d.Storm.Limit(), ends.Add(time.Hour))
		if err != nil {
			return WasError, "", d.give(ctx, l, fmt.Errorf("count the storm: %w", err))
		}
		if !ok {
			return d.fold(ctx, l, a, ends)
		}
	}
	return d.send(ctx, l, a, done)
}

func (d *Deliverer) fold(ctx context.Context, l Lease, a alert.Alert, ready time.Time) (Disposition, string, error) {
	if err := d.Claims.Fold(ctx, l, Mark{Rank: a.Rank(), Reason: a.Reason}, a.JSON(), ready); err != nil {
		return WasError, "", d.give(ctx, l, fmt.Errorf("hold back for a digest: %w", err))
	}
	return WasFolded, "", nil
}

func (d *Deliverer) send(ctx context.Context, l Lease, a alert.Alert, done Disposition) (Disposition, string, error) {
	if err := d.inTime(ctx, l); err != nil {
		return WasError, "", err
	}
	m := a.Message()
	id, err := d.Topic.Publish(ctx, m.Subject, m.Body, m.Attributes)
	if err != nil {
		return WasError, "", d.give(ctx, l, fmt.Errorf("publish: %w", err))
	}
	if err := d.mark(ctx, l, Mark{Rank: a.Rank(), Reason: a.Reason, MessageID: id}); err != nil {
		return done, id, fmt.Errorf("published as %s, but not marked: %w", id, err)
	}
	return done, id, nil
}

// inTime refuses to publish under a claim that has run out, or for a caller
// who has given up: somebody else may be publishing by now.
func (d *Deliverer) inTime(ctx context.Context, l Lease) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if !d.Clock().Before(l.Until) {
		return fmt.Errorf("publish: the claim ran out at %s", l.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// mark says that it was sent. It tries a few times: what stays unmarked is sent
// again. Who lost the claim has sent it all the same, and so will the one who
// took it.
func (d *Deliverer) mark(ctx context.Context, l Lease, m Mark) (err error) {
	for range 3 {
		err = d.Claims.Send(ctx, l, m)
		if errors.Is(err, ErrLost) {
			d.Log.Warn().Str("alert", l.Key).Str("message_id", m.MessageID).Msg("published under a claim that somebody took over: it may come twice")
			return nil
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

// give ends the claim so that the next try need not wait for it. That it fails
// changes nothing: the claim runs out by itself.
func (d *Deliverer) give(ctx context.Context, l Lease, cause error) error {
	if err := d.Claims.Release(ctx, l); err != nil {
		d.Log.Debug().Str("alert", l.Key).Err(err).Msg("claim not released")
	}
	return cause
}

func (d *Deliverer) lease(key string) Lease {
	now := d.Clock()
	return Lease{
		Key: key, Owner: d.owner(), Now: now.Add(-or(d.Skew, defaultSkew)),
		Until: now.Add(or(d.Lease, defaultLease)), Expires: now.Add(or(d.KeepFor, defaultKeep)),
	}
}

func (d *Deliverer) owner() string {
	if d.Nonce != nil {
		return d.Nonce()
	}
	return rand.Text()
}

func or(set, otherwise time.Duration) time.Duration {
	if set > 0 {
		return set
	}
	return otherwise
}

// line is the one line of a decision.
func (d *Deliverer) line(a alert.Alert, done Disposition, id string, err error) {
	e := d.Log.Info()
	if err != nil {
		e = d.Log.Warn().Err(err)
	}
	if id != "" {
		e = e.Str("message_id", id)
	}
	e.Str("alert", a.ID).Strs("events", a.Events).Str("account", a.Account).Str("reason", a.Reason).
		Str("severity", a.Severity.String()).Str("disposition", string(done)).Msg("alert")
}

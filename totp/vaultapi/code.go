package vaultapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
)

// open gives a key to make or check codes with.
func (h *handler) open(ctx context.Context, q *request) (Key, answer, bool) {
	k, err := h.Keys.Open(ctx, q.name)
	switch {
	case err != nil:
		return Key{}, failed(err, unknownKey(q.name)), false
	case k.Settings().Kind == totp.HOTP:
		return Key{}, bad(counterKey), false
	}
	return k, answer{}, true
}

// readCode leases the first step that nobody has, and waits until it begins. The engine
// would show the same digits again, and AWS takes them once: the second caller would be
// refused there. A step that is too far away is not leased, so that who asks again and
// again uses nothing up.
func (h *handler) readCode(ctx context.Context, q *request) answer {
	k, a, ok := h.open(ctx, q)
	if !ok {
		return a
	}
	period := time.Duration(k.Settings().Period) * time.Second
	wants := ledger.Request{Device: k.Device, Owner: "vault " + q.token.Name + " " + q.id, Purpose: ledger.Code, Remains: min(h.Remains, period), Patience: max(h.MaxWait, time.Nanosecond)}
	now := h.Now() // requests queue for keys that take long to open, and the step of then may be over
	lease, err := h.Prover.Lease(ctx, k.Key, wants, now)
	var early *ledger.Later
	switch {
	case errors.As(err, &early):
		return later("the codes of this step and the next are given to others already, or AWS would check no more of them: ask again after Retry-After", early, now)
	case err != nil:
		return broken("the ledger did not lease a code", err)
	}
	if err := sleep(ctx, lease.From.Sub(h.Now())); err != nil {
		a := broken("the wait for the next step was ended", err)
		a.outcome, a.step = Gone, lease.Step
		return a
	}
	code, err := k.At(lease.Step)
	if err != nil {
		return broken("no code can be made", err)
	}
	return answer{data: map[string]any{"code": code}, step: lease.Step}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// checkCode counts, compares and spends. White space around a code is what shells and
// people add; within it, it is another text.
func (h *handler) checkCode(ctx context.Context, q *request) answer {
	text := q.body.text("code", "")
	switch {
	case q.body.err != nil:
		return bad(q.body.err.Error())
	case text == "":
		return bad("the code value is required")
	}
	k, a, ok := h.open(ctx, q)
	if !ok {
		return a
	}
	v := h.Verifier
	v.Slack = k.Skew
	match, err := v.Check(ctx, k.ID, k.Key, strings.Trim(text, " \t\r\n"), q.now)
	a = judged(match, err, q.now)
	if a.errors == nil {
		a.warnings = append(a.warnings, q.body.ignored()...)
	}
	return a
}

// judged words the ledger's judgement as the engine would.
func judged(match totp.Match, err error, now time.Time) answer {
	var early *ledger.Later
	says := func(valid bool, outcome Outcome, warnings ...string) answer {
		return answer{data: map[string]any{"valid": valid}, outcome: outcome, warnings: warnings}
	}
	switch {
	case err == nil:
		a := says(true, Accepted)
		a.step = match.Step
		return a
	case errors.Is(err, totp.ErrNoMatch):
		return says(false, Wrong)
	case errors.Is(err, totp.ErrMalformed):
		return says(false, Wrong, "the code is not made of exactly the key's number of digits: send it as a text, since a number has no zeros in front")
	case errors.Is(err, totp.ErrReplayed):
		return failure(http.StatusBadRequest, Replayed, "code already used; wait until the next time period")
	case errors.Is(err, ledger.ErrBeforeFloor):
		return bad("the code is older than the ledger's restoration; wait until the next time period")
	case errors.Is(err, ledger.ErrLocked):
		return failure(http.StatusForbidden, Locked, "the key is locked after too many wrong codes: time does not open it, its operator does")
	case errors.As(err, &early):
		return later("too many wrong codes in a row: nothing was compared, try again after Retry-After", early, now)
	}
	return broken("the ledger did not answer, so no code is accepted", err)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mfawatch/internal/sts"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/wire"
)

// Callers says who signed a call of GetCallerIdentity with further headers: by AWS's
// word, or nobody. An sts.Unproved is AWS's no; any other error says nothing.
type Callers interface {
	Of(ctx context.Context, s sts.Signed, with map[string]string) (sts.Identity, error)
}

// fresh is how far the time of a proof may be from AWS's. AWS takes its signatures for
// longer.
const fresh = time.Minute

// The texts of proofs that are none.
const (
	noProofText   = "AWS does not confirm who calls: look at the access key, its session and this machine's clock"
	othersText    = "the proof is another principal's than the call's"
	uncheckedText = "AWS could not be asked who calls, so the door stays shut: try again, and use the offline way if that fails too"
)

// prove finds out who calls. The event has a word for it, claimed, which is AWS's where
// the call came by the function's URL and anybody's where it did not. So the proof
// decides, and both have to be the same. A proof is taken so many times at most, or
// always where that is none.
func (h *Handler) prove(ctx context.Context, claimed string, c wire.Call, most int) (breakglass.Caller, error) {
	if err := c.Proof.Check(); err != nil {
		return breakglass.Caller{}, unproved(fmt.Sprintf("the proof of who calls: %v", err), nil)
	}
	if door := h.Door.Rules.Door; c.Proof.Door != door {
		return breakglass.Caller{}, unproved(fmt.Sprintf("the proof is for door %q, and this is door %q: name it with --door", c.Proof.Door, door), nil)
	}
	p := sts.Signed{Key: c.Proof.Key, At: c.Proof.At, Token: c.Proof.Token, Signature: c.Proof.Signature}
	who, err := h.Callers.Of(ctx, p, c.Signed())
	if err != nil {
		if no := (*sts.Unproved)(nil); errors.As(err, &no) {
			return breakglass.Caller{}, unproved(noProofText, err)
		}
		return breakglass.Caller{}, &unchecked{err}
	}
	at, off, ok := apart(c.Proof.At, who.Now)
	if !ok {
		return breakglass.Caller{}, unproved(fmt.Sprintf("the proof was signed at %s, %v from AWS's time: set this machine's clock right", c.Proof.At, off), nil)
	}
	if who.ARN != claimed { // which is counted apart: it does not use up the call
		if err := h.again(ctx, who.ARN, "as another "+c.Proof.Signature, at, ofPretend); err != nil {
			return breakglass.Caller{}, err
		}
		return breakglass.Caller{}, h.pretended(ctx, who.ARN, claimed)
	}
	if most > 0 {
		if err := h.again(ctx, who.ARN, c.Proof.Signature, at, most); err != nil {
			return breakglass.Caller{}, err
		}
	}
	return breakglass.Caller{Principal: who.ARN}, nil
}

// apart is when a proof was signed, how far that is from AWS's time, and whether it is near
// enough.
func apart(at string, now time.Time) (signed time.Time, off time.Duration, ok bool) {
	signed, err := time.Parse("20060102T150405Z", at)
	off = now.Sub(signed).Abs().Round(time.Second)
	return signed, off, err == nil && off <= fresh
}

// pretended records who said to be another. It can only be by the way past the URL, or
// where two principals share a machine.
func (h *Handler) pretended(ctx context.Context, is, claimed string) error {
	no := unproved(othersText, fmt.Errorf("%s called as %s", cut(is), cut(claimed)))
	err := h.Door.TurnAway(ctx, breakglass.Caller{Principal: is}, record.Pretended, &breakglass.Refusal{Reason: breakglass.NotAllowed}, h.Now())
	if r := (*breakglass.Refusal)(nil); errors.As(err, &r) {
		return no
	}
	return err
}

// unproved is a call of nobody in particular.
func unproved(text string, cause error) *problem {
	return &problem{status: http.StatusForbidden, reason: wire.CallerUnproved, text: text, cause: cause}
}

// unchecked is a call of which AWS could not be asked whose it is.
type unchecked struct{ cause error }

func (u *unchecked) Error() string { return "who calls is not known: " + u.cause.Error() }

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/rs/zerolog"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/wire"
)

// do does what a command asks for.
func (h *Handler) do(ctx context.Context, log zerolog.Logger, who breakglass.Caller, c wire.Command) (a wire.Answer, err error) {
	now := h.Now()
	proof := breakglass.Proof{Device: c.Device, Code: breakglass.Typed(string(c.Code))}
	switch c.Command {
	case wire.Request:
		r, err := h.Door.Ask(ctx, who, ask(c), now)
		return one(r, err)
	case wire.Approve:
		r, err := h.Door.Approve(ctx, who, c.Request, proof, now)
		return one(r, err)
	case wire.Use:
		return h.use(ctx, log, who, c.Request, proof)
	case wire.End:
		return a, h.Door.End(ctx, who, c.Request, now)
	case wire.Revoke:
		return a, h.Door.Revoke(ctx, who, c.Request, proof, now)
	case wire.Unlock:
		a.Unlocked, err = h.Door.Unlock(ctx, who, c.Target, proof, now)
		return a, err
	}
	return h.look(ctx, who, c, now)
}

// look shows what changes nothing. Whom the door does not let look is in the record.
func (h *Handler) look(ctx context.Context, who breakglass.Caller, c wire.Command, now time.Time) (wire.Answer, error) {
	a, err := h.tell(ctx, who, c, now)
	if r := (*breakglass.Refusal)(nil); errors.As(err, &r) && r.Reason == breakglass.NotAllowed {
		return a, h.Door.TurnAway(ctx, who, record.Looked, r, now)
	}
	return a, err
}

// tell shows requests and the record to principals of the rules.
func (h *Handler) tell(ctx context.Context, who breakglass.Caller, c wire.Command, now time.Time) (a wire.Answer, err error) {
	switch c.Command {
	case wire.Look:
		r, err := h.Door.Look(ctx, who, c.Request)
		return one(r, err)
	case wire.Open:
		all, err := h.Door.Open(ctx, who)
		for _, r := range all {
			a.Requests = append(a.Requests, asked(r))
		}
		return a, err
	}
	if !slices.ContainsFunc(h.Door.Rules.People, func(p breakglass.Person) bool { return slices.Contains(p.Principals, who.Principal) }) {
		return a, &breakglass.Refusal{Reason: breakglass.NotAllowed}
	}
	if c.Command == wire.Log {
		most := c.Most
		if most == 0 {
			most = 50
		}
		lines, err := h.Door.Lines(ctx, c.From, most)
		for _, line := range lines {
			a.Lines = append(a.Lines, string(line))
		}
		return a, err
	}
	return h.head(ctx, now)
}

// head signs the record's end, and tells it with the key that signs.
func (h *Handler) head(ctx context.Context, now time.Time) (a wire.Answer, err error) {
	s, err := h.Signer.open(ctx)
	if err != nil {
		return a, err
	}
	if _, _, err := h.Door.SignHead(ctx, s, true, now); err != nil {
		return a, err
	}
	a.Key = base64.StdEncoding.EncodeToString(s.Key())
	head, there, err := h.Door.Head(ctx)
	if err != nil || !there {
		return a, err
	}
	line, err := head.Line()
	a.Head = string(line)
	return a, err
}

// ask is a request as the door takes it. A recipient that nothing can be encrypted to is
// left out, so that the door refuses and records it now, and not when it is needed.
func ask(c wire.Command) breakglass.Ask {
	a := breakglass.Ask{
		Role: c.Role, Why: c.Why, Ticket: c.Ticket, Duration: time.Duration(min(c.Seconds, 1<<30)) * time.Second,
		Drill: c.Drill, Alone: c.Alone, Recipient: c.Recipient,
	}
	if _, err := recipient(c.Recipient); err != nil {
		a.Recipient = ""
	}
	return a
}

// recipient is one recipient of age's own kinds: plugins are programs, which the
// function has none of.
func recipient(text string) (age.Recipient, error) {
	if strings.HasPrefix(text, "age1pq1") {
		return age.ParseHybridRecipient(text)
	}
	return age.ParseX25519Recipient(text)
}

func one(r breakglass.Request, err error) (wire.Answer, error) {
	if err != nil {
		return wire.Answer{}, err
	}
	a := asked(r)
	return wire.Answer{Request: &a}, nil
}

// asked is a request in the words of the wire.
func asked(r breakglass.Request) wire.Asked {
	a := wire.Asked{
		ID: r.ID, Person: r.Person, Role: r.Role, Why: r.Why, Ticket: r.Ticket, Seconds: int(r.Duration / time.Second),
		Drill: r.Drill, Alone: r.Alone, State: string(r.State), Asked: r.Asked, Ends: r.Ends,
	}
	for _, yes := range r.Approvals {
		a.Approvers = append(a.Approvers, yes.Person)
	}
	if !r.From.IsZero() {
		a.From = &r.From
	}
	return a
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/rs/zerolog"

	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// readers is how many members' findings are read at once.
const readers = 16

// reduce makes one report of all accounts that list listed. What a member's item
// did not write, because it failed or was never begun, is not known; that is
// said, and no reason to say nothing of the others.
func (h *Handler) reduce(ctx context.Context, e Event) (Result, error) {
	at := h.place(e.Organization)
	r := Result{Mode: e.Mode, Run: e.Run, Organization: e.Organization}
	var o organization
	if err := h.get(ctx, at.run(e.Run)+organizationName, &o); err != nil {
		return r, err
	}
	if o.ID != e.Organization {
		return r, fmt.Errorf("%s is not there: run mode list first, with the same run", h.Reports.URI(at.run(e.Run)+organizationName))
	}
	e.Began = o.Began
	a, err := h.gather(ctx, e, at, o)
	if err != nil {
		return r, err
	}
	return h.conclude(ctx, e, at, a)
}

// gather reads what the members' items found, in the order of accounts.
func (h *Handler) gather(ctx context.Context, e Event, at place, o organization) (report.Audit, error) {
	a := report.Audit{Organization: o.ID, Accounts: make([]posture.Account, len(o.Members))}
	errs := make([]error, len(o.Members))
	var wait sync.WaitGroup
	turn := make(chan struct{}, readers)
	for i, m := range o.Members {
		wait.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			a.Accounts[i], errs[i] = h.found(ctx, e, at, o, m)
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return report.Audit{}, err
		}
	}
	posture.AskRest(a.Accounts, h.Rules)
	return a, nil
}

// found is what was found of one member. One that is suspended or closed was not
// asked, and is reported by its status.
func (h *Handler) found(ctx context.Context, e Event, at place, o organization, m member) (posture.Account, error) {
	name := cmp.Or(h.Names[m.ID], m.Name)
	if !m.active() {
		return posture.Account{Account: m.ID, Name: name, Status: m.Status, Partition: h.Settings.Partition, Summary: posture.NewSummary()}, nil
	}
	a, err := h.audit(ctx, at.member(e.Run, m.ID)+findingsName)
	if err != nil {
		return posture.Account{}, err
	}
	if a == nil || len(a.Accounts) != 1 {
		zerolog.Ctx(ctx).Warn().Str("account", m.ID).Msg("the account's part of the run left no findings")
		return h.lost(ctx, e, at, o, m)
	}
	found := a.Accounts[0]
	found.Name, found.Status = name, m.Status
	return found, nil
}

// lost is a member whose item left no findings. Its snapshot is kept, so that a
// repeated reduce gives the same bytes.
func (h *Handler) lost(ctx context.Context, e Event, at place, o organization, m member) (posture.Account, error) {
	key := at.member(e.Run, m.ID) + "lost.json"
	s, err := h.snapshot(ctx, key)
	if err != nil {
		return posture.Account{}, err
	}
	if s == nil {
		nothing := h.nothing(m.ID, "", "its part of the run did not end")
		if err := h.save(ctx, key, nothing); err != nil {
			return posture.Account{}, err
		}
		s = &nothing
	}
	o.add(s)
	judged := h.named(posture.JudgeMember(*s, h.Rules), m.Name)
	judged.Status = m.Status
	return judged, nil
}

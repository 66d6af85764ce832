package main

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// member audits one account of the organisation. Whatever keeps it from being
// read is a Gap in its findings: only S3 fails the map's item.
func (h *Handler) member(ctx context.Context, e Event) (Result, error) {
	at := h.place(e.Organization)
	dir := at.member(e.Run, e.Account)
	r := Result{Mode: e.Mode, Run: e.Run, Organization: e.Organization, Account: e.Account}
	var o organization
	if err := h.get(ctx, at.run(e.Run)+organizationName, &o); err != nil {
		return r, err
	}
	m := h.management(o)
	s, err := h.read(ctx, e, dir, func(ctx context.Context) (reading, error) { return h.within(ctx, m, e.Account) })
	var refused *unreadable
	switch {
	case errors.Is(err, errOutOfTime):
		return e.next(), nil
	case errors.As(err, &refused):
		zerolog.Ctx(ctx).Warn().Str("account", e.Account).Err(refused).Msg("the account cannot be read")
		if s, err = h.unread(ctx, e, dir, m, refused); err != nil {
			return r, err
		}
	case err != nil:
		return r, err
	}
	o.add(&s)
	a := report.Audit{Accounts: []posture.Account{h.named(posture.JudgeMember(s, h.Rules), e.Name)}}
	if err := h.writeMember(ctx, e, at, &a); err != nil {
		return r, err
	}
	r = e.result(a)
	if r.Hub, err = h.importMember(ctx, e, m, at, a); errors.Is(err, errOutOfTime) && e.Part < maxParts {
		return e.next(), nil
	}
	r.Report = h.Reports.URI(dir + findingsName)
	return r, nil
}

// management asks the organisation what its members cannot be asked.
func (h *Handler) management(o organization) *collect.Management {
	b := collect.Belonging{Partition: h.Settings.Partition, ManagementAccount: o.Management, Features: o.Features, NoFeatures: o.NoFeatures}
	return collect.NewManagement(h.AWS, b, collect.OrganizationOptions{
		RoleName: h.Settings.Role, ExternalID: h.Settings.ExternalID, SessionName: "mfawatch-audit",
		Options: collect.Options{Rate: float64(h.Settings.Rate), Now: h.Now},
	})
}

// within reads a member as 'mfawatch audit --org' does: by its role, and what
// the organisation tells of it.
func (h *Handler) within(ctx context.Context, m *collect.Management, account string) (reading, error) {
	cfg, err := h.session(ctx, m, account)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, o collect.Options) (audit.Snapshot, error) { return m.Account(ctx, cfg, o) }, nil
}

// unread is the snapshot of an account that could not be read: what was, what
// the organisation tells of it, and Gaps. It is saved, so that the run stays about
// the same facts.
func (h *Handler) unread(ctx context.Context, e Event, dir string, m *collect.Management, u *unreadable) (audit.Snapshot, error) {
	s := u.snapshot
	if s.Account != e.Account {
		s = h.nothing(e.Account, u.action, u.Error())
	}
	limited, stop := h.limit(ctx)
	defer stop()
	if err := m.Add(limited, &s); err != nil {
		zerolog.Ctx(ctx).Warn().Str("account", e.Account).Msg("the time is over: what the organisation tells of the account is not known")
	}
	return s, h.save(ctx, dir+snapshotName, s)
}

// nothing is the snapshot of an account of which nothing is known. action is
// what was missing for all of it, where it was one thing.
func (h *Handler) nothing(account, action, reason string) audit.Snapshot {
	s := audit.Snapshot{Schema: audit.SnapshotSchema, Account: account, Partition: h.Settings.Partition, TakenAt: h.now()}
	for _, fact := range audit.Facts() {
		s.Gaps = append(s.Gaps, audit.Gap{Fact: fact, Action: cmp.Or(action, fact.Action()), Reason: reason})
	}
	return s
}

// add adds what only the organisation's management can tell.
func (o *organization) add(s *audit.Snapshot) {
	if o.Features == nil || s.Organization != nil {
		return
	}
	s.Organization = o.Features
	s.Gaps = slices.DeleteFunc(slices.Clone(s.Gaps), func(g audit.Gap) bool { return g.Fact == audit.FactOrganization && g.Subject == "" })
}

// session assumes the audit role in an account; the function's own needs none.
func (h *Handler) session(ctx context.Context, m *collect.Management, account string) (aws.Config, error) {
	switch {
	case account == h.Settings.Account:
		return h.AWS, nil
	case h.Settings.Role == "":
		return aws.Config{}, errors.New("no role is named to assume: set MFAWATCH_AUDIT_ROLE")
	}
	return m.Session(ctx, account)
}

// writeMember writes a member's findings; the reduce step makes the report.
func (h *Handler) writeMember(ctx context.Context, e Event, at place, a *report.Audit) error {
	var l latest
	if err := h.get(ctx, string(at)+latestName, &l); err != nil {
		return err
	}
	key := at.member(e.Run, e.Account) + findingsName
	if l.Run != e.Run && l.TakenAt.After(a.TakenAt()) { // a late repeat: what is there was compared with the right run
		if there, err := h.audit(ctx, key); err != nil || there != nil {
			return err
		}
	}
	var previous *report.Audit
	if before := l.before(e.Run); before != "" {
		var err error
		if previous, err = h.audit(ctx, at.member(before, e.Account)+findingsName); err != nil {
			return err
		}
	}
	a.SetFirstSeen(previous)
	return h.writeJSON(ctx, key, *a)
}

// importMember imports with the member's own credentials: Security Hub takes
// findings from the account that they are of. A refusal is logged and no more.
func (h *Handler) importMember(ctx context.Context, e Event, m *collect.Management, at place, a report.Audit) (string, error) {
	if !h.Settings.SecurityHub || unread(a.Accounts[0]) {
		return "", nil
	}
	cfg, err := h.session(ctx, m, e.Account)
	word := "failed"
	if err == nil {
		folder := func(run string) string { return at.member(run, e.Account) }
		word, err = h.importInto(ctx, e.Run, at.state(e.Account), folder, a, cfg)
	}
	if err != nil && !errors.Is(err, errOutOfTime) {
		zerolog.Ctx(ctx).Error().Str("account", e.Account).Err(err).Msg("findings are not imported")
	}
	return cmp.Or(word, "failed"), err
}

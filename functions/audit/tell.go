package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit"
	"mfawatch/audit/report"
)

// Topic sends a message to whoever listens. body is a JSON object of SNS's
// protocols with at least "default". It may send twice what it said it could
// not send: an error means that nobody may have it.
type Topic interface {
	Publish(ctx context.Context, subject, body string, attributes map[string]string) (id string, err error)
}

// What became of a summary.
const (
	summarySent       = "sent"
	summaryUnchanged  = "unchanged"
	summaryBefore     = "sent-before"
	summarySuperseded = "superseded" // a later run was told of
	summaryFailed     = "failed"
)

// tell sends a summary when something changed since people were told last, when
// they were never told, or when a reminder is due. What they are told is kept
// after it was sent: a run that is cut short in between tells twice.
func (h *Handler) tell(ctx context.Context, e Event, at place, a report.Audit, uri string) (string, error) {
	var told announced
	if err := h.get(ctx, string(at)+announcedName, &told); err != nil {
		return summaryFailed, err
	}
	if told.Run == e.Run {
		return summaryBefore, nil
	}
	before, err := h.run(ctx, at, told.Run)
	if err != nil {
		return summaryFailed, err
	}
	s := newSummary(a, before, uri)
	if !s.due(told.At, h.now(), h.Settings.Remind) {
		told.Run = e.Run
		return summaryUnchanged, h.put(ctx, string(at)+announcedName, told)
	}
	id, err := h.Topic.Publish(ctx, s.subject(), s.body(), s.attributes())
	if err != nil {
		return summaryFailed, fmt.Errorf("publish the summary: %w", err)
	}
	zerolog.Ctx(ctx).Info().Str("message_id", id).Str("why", s.why()).Int("new", len(s.changes.New)).Int("resolved", len(s.changes.Resolved)).
		Int("gone", len(s.changes.Gone)).Int("lost", len(s.changes.Lost)).Msg("summary sent")
	return summarySent, h.put(ctx, string(at)+announcedName, announced{Run: e.Run, At: h.now()})
}

// summary is what people are told of an audit.
type summary struct {
	audit   report.Audit
	first   bool
	changes report.Changes // since people were told last
	uri     string
}

func newSummary(a report.Audit, before *report.Audit, uri string) summary {
	s := summary{audit: a, first: before == nil, uri: uri}
	if before == nil {
		before = &report.Audit{}
	}
	s.changes = report.Diff(a, *before)
	return s
}

func (s summary) changed() bool {
	c := s.changes
	return len(c.New)+len(c.Resolved)+len(c.Gone)+len(c.Lost) > 0
}

// due tells whether to send.
func (s summary) due(last, now time.Time, remind time.Duration) bool {
	return s.first || s.changed() || !now.Before(last.Add(remind))
}

func (s summary) why() string {
	switch {
	case s.first:
		return "first"
	case s.changed():
		return "changed"
	}
	return "reminder"
}

// severity is that of the worst failure that is told of: a new or lost one, and
// in a reminder any.
func (s summary) severity() audit.Severity {
	worst := audit.Info
	all := [][]report.Change{s.changes.New, s.changes.Lost}
	if !s.changed() {
		all = append(all, s.changes.Open)
	}
	for _, list := range all {
		for _, c := range list {
			worst = max(worst, c.Severity)
		}
	}
	return worst
}

// about is the organisation's or the account's id.
func (s summary) about() string {
	switch {
	case s.audit.Organization != "":
		return s.audit.Organization
	case len(s.audit.Accounts) > 0:
		return s.audit.Accounts[0].Account
	}
	return "unknown"
}

func (s summary) attributes() map[string]string {
	return map[string]string{"kind": "audit", "account": s.about(), "severity": s.severity().String()}
}

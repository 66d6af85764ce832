package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/functions/metrics"
	"mfawatch/functions/settings"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/wire"
)

// What follows a request has so long, and what the schedule does so much: the rest
// comes with the next.
const (
	afterFor     = 2 * time.Second
	afterNotices = 10
	tendNotices  = 200
)

// after does in the same invocation what a request has made due, which a look that was
// shown, and a call of nobody, has not. Who asked waits for it, so it is not long; what
// fails is the schedule's.
func (h *Handler) after(ctx context.Context, log zerolog.Logger, c wire.Command, came error) {
	if no := (*problem)(nil); c.Command == "" || looks(c) && came == nil || errors.As(came, &no) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, afterFor)
	defer cancel()
	var err error
	if c.Command == wire.End || c.Command == wire.Revoke {
		err = h.settle(ctx)
	}
	if err = errors.Join(err, h.publish(ctx, afterNotices)); err != nil {
		log.Error().Str("error", cut(err.Error())).Msg("left to the schedule")
	}
}

// tend does what time and earlier invocations left: all of it is tried, whatever fails.
func (h *Handler) tend(ctx context.Context, log zerolog.Logger) error {
	now := h.Now()
	err := errors.Join(
		named("what time has ended", h.Door.Tend(ctx, now)),
		named("revocations", h.settle(ctx)),
		named("notices", h.publish(ctx, tendNotices)),
		named("archive", h.archive(ctx, log, now)),
		named("metrics", h.state(ctx, now)),
	)
	if err != nil {
		log.Error().Str("error", cut(err.Error())).Msg("not all was tended")
		return err
	}
	log.Info().Msg("tended")
	return nil
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// archive copies the record, with a signed head where one is due.
func (h *Handler) archive(ctx context.Context, log zerolog.Logger, now time.Time) error {
	s, err := h.Signer.open(ctx)
	if err != nil {
		return err
	}
	h.Signer.announce(log)
	to := &noting{Archive: h.Archive}
	err = h.Door.Archive(ctx, to, s, now)
	if errors.Is(err, breakglass.ErrRestored) { // it goes as far, with other entries
		return err
	}
	_, bad := h.archivedTo(ctx, to.next-1)
	return errors.Join(err, bad)
}

// What is measured where a row cannot be read: as bad as it can be, since an alarm takes
// silence for peace.
const (
	owedUnread       = 1
	unarchivedUnread = 24 * time.Hour // far beyond the alarm's bound
)

// state measures what an alarm watches: each value that is known, whatever became of the
// others. Of notices the silence itself alarms.
func (h *Handler) state(ctx context.Context, now time.Time) error {
	var m measures
	waiting, err := h.Door.Notices(ctx, 50)
	if err == nil {
		m.add(settings.NoticesWaiting, len(waiting))
	}
	owed, bad := h.Door.Owed(ctx, now)
	count := len(owed)
	if bad != nil {
		count = owedUnread
	}
	m.add(settings.GrantsOwed, count)
	unarchived, worse := h.unarchived(ctx, now)
	if worse != nil {
		unarchived = unarchivedUnread
	}
	drills, worst := h.Door.Drills(ctx)
	age := drillAge(h.Door.Rules, drills, now)
	if worst != nil {
		age = never
	}
	h.measure(append(m, metrics.Seconds(settings.UnarchivedAge, unarchived), metrics.Seconds(settings.DrillAge, age)))
	return errors.Join(err, bad, worse, worst)
}

// never is how long ago the drill of a role counts that had none, or of which nobody can
// tell.
const never = 365 * 24 * time.Hour

func drillAge(rules breakglass.Rules, drills map[string]breakglass.DrillDone, now time.Time) (oldest time.Duration) {
	for _, role := range rules.Roles {
		age := never
		if d, done := drills[role.Name]; done {
			age = max(now.Sub(d.At), 0)
		}
		oldest = max(oldest, age)
	}
	return oldest
}

// publish tells notices, oldest first. One that was published and not taken away is
// told again: its id is the same.
func (h *Handler) publish(ctx context.Context, most int) error {
	for told := 0; told < most; {
		all, err := h.Door.Notices(ctx, min(most-told, afterNotices))
		if err != nil || len(all) == 0 {
			return err
		}
		for _, n := range all {
			if _, err := h.Topic.Publish(ctx, subject(n), message(n), attributes(n)); err != nil {
				return err
			}
			if err := h.Door.Published(ctx, n); err != nil {
				return err
			}
			told++
		}
	}
	return nil
}

// subject is in SNS's characters: up to 100 of ASCII (SNS API reference, Publish).
func subject(n breakglass.Notice) string {
	s := fmt.Sprintf("break-glass %s: %s %s %s", n.Level, n.Person, n.What, n.Outcome)
	if n.Drill {
		s = "DRILL: " + s
	}
	return s[:min(len(s), 100)]
}

// message has the text for people, and all of it as JSON for programs.
func message(n breakglass.Notice) string {
	whole, _ := json.Marshal(map[string]any{
		"schema": "mfawatch/breakglass/v1", "id": n.ID, "at": n.At.UTC().Format(time.RFC3339Nano), "level": n.Level, "drill": n.Drill,
		"what": n.What, "outcome": n.Outcome, "reason": n.Reason, "person": n.Person, "request": n.Request, "text": n.Text,
	})
	text := n.Text + "\n\n" + n.ID + " at " + n.At.UTC().Format(time.RFC3339)
	if n.Reason != "" {
		text += ", " + n.Reason
	}
	body, _ := json.Marshal(map[string]string{
		"default": string(whole), "email": text + "\n", "sms": strings.ToValidUTF8(n.Text[:min(len(n.Text), 140)], ""),
	})
	return string(body) // texts cannot fail
}

func attributes(n breakglass.Notice) map[string]string {
	return map[string]string{"kind": "break_glass", "severity": string(n.Level), "what": string(n.What), "outcome": string(n.Outcome), "drill": fmt.Sprint(n.Drill)}
}

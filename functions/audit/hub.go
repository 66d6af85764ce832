package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"

	"mfawatch/audit"
	"mfawatch/audit/report"
	"mfawatch/internal/securityhub"
)

// hubReserve is what is left of an invocation when importing stops, and hubStep
// how many findings are imported between two looks at the clock.
const (
	hubReserve = 20 * time.Second
	hubStep    = 500
)

// hubOutcomes are what Security Hub is told of: it counts every finding, and a
// pass is none. What passes now and failed before is archived.
var hubOutcomes = []audit.Outcome{audit.Fail, audit.Unknown}

// importInto imports one account's findings into its own Security Hub, and
// archives what was active in the run that was imported last. state is the
// folder where that is kept; it moves on only when all findings were taken or
// refused for good. folder tells where a run's findings are.
func (h *Handler) importInto(ctx context.Context, run, state string, folder func(run string) string, a report.Audit, cfg aws.Config) (string, error) {
	if !h.Settings.SecurityHub {
		return "", nil
	}
	var known imported
	if err := h.get(ctx, state+hubName, &known); err != nil {
		return "failed", err
	}
	if known.Run == run {
		return "imported", nil
	}
	previous, err := h.earlier(ctx, folder, known.Run)
	switch {
	case err != nil:
		return "failed", err
	case previous != nil && !a.TakenAt().After(previous.TakenAt()):
		return summarySuperseded, nil // Security Hub drops what is not later than what it has
	}
	var body bytes.Buffer
	o := report.AuditOptions{Version: version, Region: h.Settings.Region, Only: hubOutcomes, Previous: previous}
	if err := report.WriteAudit(&body, report.AuditASFF, a, o); err != nil {
		return "failed", err
	}
	if err := h.importAll(ctx, run, state, known, body.Bytes(), cfg); err != nil {
		return hubWord(err), err
	}
	return "imported", h.put(ctx, state+hubName, imported{Run: run})
}

func hubWord(err error) string {
	switch {
	case errors.Is(err, securityhub.ErrOff):
		return "off"
	case errors.Is(err, errOutOfTime):
		return "continues"
	}
	return "failed"
}

// earlier is the audit that Security Hub knows of, nil where there is none.
func (h *Handler) earlier(ctx context.Context, folder func(run string) string, run string) (*report.Audit, error) {
	if run == "" {
		return nil, nil
	}
	return h.audit(ctx, folder(run)+findingsName)
}

// importAll imports what is left of a run's findings: their order is the same
// each time.
func (h *Handler) importAll(ctx context.Context, run, state string, known imported, asff []byte, cfg aws.Config) error {
	var all []json.RawMessage
	if err := json.Unmarshal(asff, &all); err != nil {
		return err
	}
	done := 0
	if known.Next == run {
		done = min(known.Done, len(all))
	}
	hub := h.Hub(cfg)
	for done < len(all) {
		if end, limited := ctx.Deadline(); limited && time.Until(end) < hubReserve {
			known.Next, known.Done = run, done
			return oneLine(errOutOfTime, h.put(ctx, state+hubName, known))
		}
		n := min(hubStep, len(all)-done)
		part, err := json.Marshal(all[done : done+n])
		if err != nil {
			return err
		}
		result, err := hub.Import(ctx, part)
		h.refused(ctx, result)
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

// refused names the findings that Security Hub did not take: by their ids, which
// hold a user's immutable id and not the name where it is known.
func (h *Handler) refused(ctx context.Context, r securityhub.Result) {
	for i, f := range r.Refused {
		if i == 20 {
			zerolog.Ctx(ctx).Error().Int("more", len(r.Refused)-i).Msg("Security Hub refused more findings")
			return
		}
		zerolog.Ctx(ctx).Error().Str("finding", f.ID).Str("code", f.Code).Msg("Security Hub refused a finding")
	}
}

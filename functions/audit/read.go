package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"

	"mfawatch/audit"
	"mfawatch/audit/collect"
)

// resumable is how old a checkpoint may be to go on from: collect refuses older
// ones, as what they hold and what is read now make no one picture.
const resumable = 4 * time.Hour

// unreadable is that AWS could not be asked, other than S3. It holds what was
// read before, and the action that was missing for everything, if it was one.
type unreadable struct {
	snapshot audit.Snapshot
	action   string
	err      error
}

func (u *unreadable) Error() string { return u.err.Error() }
func (u *unreadable) Unwrap() error { return u.err }

// reading reads one account.
type reading func(context.Context, collect.Options) (audit.Snapshot, error)

// alone reads the account that a configuration is for.
func alone(cfg aws.Config) reading {
	return func(ctx context.Context, o collect.Options) (audit.Snapshot, error) {
		return collect.Account(ctx, cfg, o)
	}
}

// read reads an account into the run's folder. What the run has read already is
// taken from there: a run that is repeated is about the same facts.
//
// Every reading is cold: without CloudTrail's changes since, an earlier run's
// devices prove nothing.
func (h *Handler) read(ctx context.Context, e Event, dir string, open func(context.Context) (reading, error)) (audit.Snapshot, error) {
	s, err := h.snapshot(ctx, dir+snapshotName)
	if err != nil {
		return audit.Snapshot{}, err
	}
	if s != nil {
		return *s, nil
	}
	resume, err := h.checkpoint(ctx, dir)
	if err != nil {
		return audit.Snapshot{}, err
	}
	from, err := open(ctx)
	if err != nil {
		return audit.Snapshot{}, &unreadable{action: "sts:AssumeRole", err: err}
	}
	return h.ask(ctx, e, dir, from, resume)
}

// checkpoint is what an earlier invocation of the run read.
func (h *Handler) checkpoint(ctx context.Context, dir string) (*audit.Snapshot, error) {
	s, err := h.snapshot(ctx, dir+checkpointName)
	if err != nil || s == nil {
		return nil, err
	}
	if age := h.now().Sub(s.TakenAt); age > resumable {
		zerolog.Ctx(ctx).Warn().Str("age", audit.Age(age)).Msg("the checkpoint is too old to go on from: reading begins anew")
		return nil, nil
	}
	return s, nil
}

// ask asks AWS until it has told everything or the time is over.
func (h *Handler) ask(ctx context.Context, e Event, dir string, from reading, resume *audit.Snapshot) (audit.Snapshot, error) {
	limited, stop := h.limit(ctx)
	defer stop()
	var unsaved error
	s, err := from(limited, collect.Options{
		Rate: float64(h.Settings.Rate), Now: h.Now, Resume: resume,
		Checkpoint: func(s audit.Snapshot) error {
			unsaved = h.save(ctx, dir+checkpointName, s)
			return unsaved
		},
	})
	over := errors.Is(err, context.DeadlineExceeded)
	switch {
	case unsaved != nil:
		return audit.Snapshot{}, unsaved
	case over && e.Part < maxParts:
		return audit.Snapshot{}, errOutOfTime
	case over && s.Account != "": // enough is enough: the rest is said not to be known
		zerolog.Ctx(ctx).Warn().Int("parts", e.Part).Msg("reading is given up: the rest is reported as not known")
	case err != nil:
		return audit.Snapshot{}, &unreadable{snapshot: s, err: err}
	}
	return s, h.save(ctx, dir+snapshotName, s)
}

// limit ends reading while there is time left to write.
func (h *Handler) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if end := h.until(ctx); !end.IsZero() {
		return context.WithDeadline(ctx, end)
	}
	return context.WithCancel(ctx)
}

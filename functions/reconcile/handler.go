package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/settings"
	"mfawatch/internal/s3"
)

// Handler reconciles. It holds nothing from one invocation to the next but
// clients.
type Handler struct {
	Settings  settings.Reconcile
	Judge     alerting.Judge
	Deliverer *delivery.Deliverer
	Store     Store
	Open      func(ctx context.Context) (Files, error)
	Coverage  Coverage
	Metrics   io.Writer // for lines in the embedded metric format
	Log       zerolog.Logger
	Now       func() time.Time
}

// Store is what a reconciler reads of the memory of alerts.
type Store interface {
	delivery.States
	delivery.Digests
}

// Files is the trail's bucket.
type Files interface {
	List(ctx context.Context, prefix string, w s3.Wanted, found func(n int)) s3.Listing
	Get(ctx context.Context, o s3.Object) (io.ReadCloser, error)
}

// Coverage is where coverage records are kept. Get's error is fs.ErrNotExist
// where there is none; Put is safe to repeat.
type Coverage interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key, contentType string, body []byte) error
}

// Result is the function's output.
type Result struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Files   int       `json:"files"`
	Damaged int       `json:"damaged"`
	Records int       `json:"records"`
	Sent    int       `json:"sent"`   // alerts that the hot path had not sent
	Folded  int       `json:"folded"` // of those, held back for a digest
	Digests int       `json:"digests"`
	Silent  int       `json:"silent"` // accounts' Regions
}

// The metrics beside those of delivering.
const (
	filesRead     = "FilesRead"
	damagedFiles  = settings.DamagedFiles
	digestsSent   = "DigestsSent"
	silentRegions = "SilentRegions"
)

// forAnswer is what of an invocation's time is kept for telling why it ended.
const forAnswer = 5 * time.Second

// Handle reconciles once. After an error everything can be done again: what was
// delivered is found done.
func (h *Handler) Handle(ctx context.Context, event json.RawMessage) (Result, error) {
	request := ""
	if c, ok := lambdacontext.FromContext(ctx); ok {
		request = c.AwsRequestID
	}
	if end, limited := ctx.Deadline(); limited {
		early, cancel := context.WithDeadline(ctx, end.Add(-min(forAnswer, time.Until(end)/8)))
		defer cancel()
		ctx = early
	}
	log := h.Log.With().Str("request_id", request).Logger()
	w, err := h.window(event)
	if err != nil {
		log.Error().Err(err).Msg("event refused")
		return Result{}, err
	}
	r := newRun(h, w, log)
	err = r.do(ctx)
	_, _ = h.Metrics.Write(r.counts.Line("reconcile", h.Now())) // a metric that is lost is no reason to try again
	result := r.result()
	line := log.Info()
	if err != nil {
		line = log.Error().Err(err)
	}
	line.Time("from", w.from).Time("to", w.to).Int("files", result.Files).Int("damaged", result.Damaged).Int("records", result.Records).
		Int("sent", result.Sent).Int("folded", result.Folded).Int("digests", result.Digests).Int("silent", result.Silent).Msg("reconciled")
	return result, err
}

// do goes on after an error: one file that cannot be read is no reason to leave
// out the others, or the digests.
func (r *run) do(ctx context.Context) error {
	files, err := r.Open(ctx)
	if err != nil {
		return fmt.Errorf("open s3://%s: %w", r.Settings.TrailBucket, err)
	}
	listed, unlisted := r.list(ctx, files)
	unread := r.read(ctx, files, listed)
	sequences := r.sequences(ctx)
	flushed, unflushed := (&delivery.Flusher{Deliverer: r.deliverer, Digests: r.Store}).Flush(ctx)
	r.counts[digestsSent] += flushed.Digests
	var uncovered error
	if !r.window.replay && unlisted == nil && ctx.Err() == nil { // half a listing would show silence
		uncovered = r.cover(ctx, listed)
	}
	late := ctx.Err()
	if late != nil {
		late = errors.New("out of time: the next run does it again; if that happens always, shorten MFAWATCH_LOOK_BACK or give the function more memory")
	}
	return alerting.Join(late, unlisted, unread, sequences, unflushed, uncovered)
}

// window is what is looked at.
type window struct {
	from, to time.Time
	replay   bool // asked for, and not the hourly run
}

// window reads an event: {"from":…,"to":…} asks for a window; any other object
// is the clock's.
func (h *Handler) window(event json.RawMessage) (window, error) {
	var asked struct{ From, To string }
	if err := json.Unmarshal(event, &asked); err != nil {
		return window{}, errors.New(`event: neither an object with "from" and "to" nor a schedule's`)
	}
	now := h.Now().UTC()
	if asked.From == "" && asked.To == "" {
		return window{from: now.Add(-h.Settings.LookBack), to: now}, nil
	}
	from, err := moment("from", asked.From)
	if err != nil {
		return window{}, err
	}
	to, err := moment("to", asked.To)
	switch {
	case err != nil:
		return window{}, err
	case !from.Before(to):
		return window{}, fmt.Errorf("event: from %s is not before to %s", asked.From, asked.To)
	}
	return window{from, to, true}, nil
}

func moment(field, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("event: %s %q is no time: write 2026-11-20T00:00:00Z", field, text[:min(len(text), 40)])
	}
	return t.UTC(), nil
}

func (r *run) deliver(ctx context.Context, a alert.Alert, evidence []byte) error {
	done, err := r.deliverer.Deliver(ctx, a, evidence)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Delivered(done)
	return err
}

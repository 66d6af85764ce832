package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/audit/trail"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/settings"
	"mfawatch/internal/s3"
)

// run is one reconciliation.
type run struct {
	*Handler
	window    window
	deliverer *delivery.Deliverer
	log       zerolog.Logger

	telling sync.Mutex // one reader delivers at a time: copies in two files are no rivals

	mu      sync.Mutex
	counts  alerting.Counts
	damaged []string
	events  []signin.Event // what sequences are made of, each once
	seen    map[string]bool
	left    int // events that there was no room for
}

func newRun(h *Handler, w window, log zerolog.Logger) *run {
	d := *h.Deliverer
	d.Log = log
	return &run{Handler: h, window: w, deliverer: &d, log: log, seen: map[string]bool{}, counts: alerting.Counts{
		settings.RecordsJudged: 0, settings.AlertsSent: 0, settings.AlertsFolded: 0, settings.Unreadable: 0,
		filesRead: 0, damagedFiles: 0, digestsSent: 0, silentRegions: 0,
	}}
}

func (r *run) result() Result {
	return Result{
		From: r.window.from, To: r.window.to, Files: r.counts[filesRead], Damaged: r.counts[damagedFiles], Records: r.counts[settings.RecordsJudged],
		Sent: r.counts[settings.AlertsSent], Folded: r.counts[settings.AlertsFolded], Digests: r.counts[digestsSent], Silent: r.counts[silentRegions],
	}
}

// warmUp is what is read before the window, so that a sequence which began
// before it is the same one in every run that sees its end. Checks with a longer
// window see as far back as the look-back reaches.
const warmUp = time.Hour

// Files are chosen by the time in their names, which is that of their delivery,
// in minutes (CloudTrail user guide, log file names). What happened at the end of
// a window is delivered later; late is for that.
const (
	early = 10 * time.Minute
	late  = time.Hour
)

// file is a log file, and what its name says of it.
type file struct {
	s3.Object
	account, region string
	at              time.Time // zero when the name says nothing
}

var nameForm = regexp.MustCompile(`^([0-9]{12})_CloudTrail_([a-z0-9-]+)_([0-9]{8}T[0-9]{4}Z)_`)

func fileOf(o s3.Object) file {
	f := file{Object: o}
	m := nameForm.FindStringSubmatch(o.Key[strings.LastIndexByte(o.Key, '/')+1:])
	if m == nil {
		return f
	}
	if at, err := time.Parse("20060102T1504Z", m[3]); err == nil {
		f.account, f.region, f.at = m[1], m[2], at
	}
	return f
}

// list finds the files of the window. One whose name says nothing is read: it
// is nobody's to leave out.
func (r *run) list(ctx context.Context, from Files) ([]file, error) {
	since := r.window.from.Add(-warmUp)
	listing := from.List(ctx, r.Settings.TrailPrefix+"AWSLogs/", s3.Wanted{Since: since.Add(-early), Until: r.window.to.Add(late), Account: r.Settings.TrailAccount}, nil)
	var files []file
	for _, o := range listing.Objects {
		f := fileOf(o)
		if f.at.IsZero() || !f.at.Before(since.Add(-early)) && !f.at.After(r.window.to.Add(late)) {
			files = append(files, f)
		}
	}
	var errs []error
	for _, f := range listing.Failed {
		errs = append(errs, fmt.Errorf("list s3://%s/%s: %w", r.Settings.TrailBucket, f.Prefix, f.Err))
	}
	return files, alerting.Join(errs...)
}

// readers is how many files are read at a time: reading waits for S3 more than
// it works, and each holds a file's text in memory.
const readers = 4

// read reads every file and delivers what its records alert.
func (r *run) read(ctx context.Context, from Files, files []file) error {
	work := make(chan file)
	errs := make([][]error, readers)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			scanner := alerting.Scanner()
			for f := range work {
				if err := r.file(ctx, scanner, from, f); err != nil && len(errs[i]) < mostErrors {
					errs[i] = append(errs[i], err)
				}
			}
		})
	}
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		work <- f
	}
	close(work)
	wg.Wait()
	return alerting.Join(slices.Concat(errs...)...)
}

// mostErrors bounds what each reader keeps: where S3 refuses everything, the
// first few say it all.
const mostErrors = 3

// found is an alert and its evidence.
type found struct {
	alert    alert.Alert
	evidence []byte
}

// file reads one file. What is damaged is no error of the run: no repeat makes it
// whole. It is logged, counted and named in the coverage record.
func (r *run) file(ctx context.Context, s *trail.Scanner, from Files, f file) error {
	body, err := from.Get(ctx, f.Object)
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", r.Settings.TrailBucket, f.Key, err)
	}
	defer func() { _ = body.Close() }()
	var all []found
	var errs []error
	stats := s.Scan(trail.Input{Reader: body, Size: f.Size}, func(record []byte) {
		all = append(all, r.judge(record)...)
		if len(all) >= page {
			errs = append(errs, r.missing(ctx, all))
			all = all[:0]
		}
	})
	errs = append(errs, r.missing(ctx, all))
	if ctx.Err() != nil {
		return fmt.Errorf("read s3://%s/%s: %w", r.Settings.TrailBucket, f.Key, ctx.Err())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[filesRead]++
	if stats.Damage != nil {
		r.counts[damagedFiles]++
		r.damaged = append(r.damaged, f.Key)
		r.log.Error().Str("file", f.Key).Int64("offset", stats.Damage.Offset).Str("reason", stats.Damage.Reason).Msg("damaged file")
	}
	return alerting.Join(errs...)
}

// most is how many events sequences are looked for in. What is beyond is judged
// by itself all the same.
const most = 100_000

// judge judges one record, which is the caller's only until it returns.
func (r *run) judge(record []byte) []found {
	j := r.Judge.Record(record)
	var all []found
	for _, a := range j.Alerts {
		all = append(all, found{a, alert.EvidenceOf(a, record)})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[settings.RecordsJudged]++
	if j.Unreadable() {
		r.counts[settings.Unreadable]++
	}
	key := j.Event.Key()
	switch {
	case r.seen[key] && key != "":
	case len(r.events) >= most:
		r.left++
	default:
		r.seen[key] = true
		r.events = append(r.events, j.Event)
	}
	return all
}

// page is how many alerts are asked about at once.
const page = 100

// missing delivers what was not delivered before.
func (r *run) missing(ctx context.Context, all []found) error {
	r.telling.Lock()
	defer r.telling.Unlock()
	var errs []error
	for part := range slices.Chunk(all, page) {
		var keys []string
		for _, f := range part {
			keys = append(keys, f.alert.ID)
		}
		rows, err := r.Store.State(ctx, keys)
		if err != nil {
			errs = append(errs, fmt.Errorf("read what was alerted: %w", err))
			continue
		}
		for _, f := range part {
			if !rows[f.alert.ID].Covers(f.alert.Rank()) {
				errs = append(errs, r.deliver(ctx, f.alert, f.evidence))
			}
		}
	}
	return alerting.Join(errs...)
}

// sequences delivers the detections that are made of several events. Those that
// ended before the window are an earlier run's.
func (r *run) sequences(ctx context.Context) error {
	slices.SortStableFunc(r.events, func(a, b signin.Event) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Key(), b.Key())
	})
	d := detect.New(r.Judge.Detect)
	var all []found
	keep := func(detections []detect.Detection) {
		for _, one := range detections {
			if one.Alert && sequence(one.ID) && !one.Time.Before(r.window.from) {
				a := alert.OfDetection(one, r.Judge.Names)
				all = append(all, found{a, alert.EvidenceOf(a)})
			}
		}
	}
	for _, e := range r.events {
		keep(d.Add(e))
	}
	keep(d.Flush())
	err := r.missing(ctx, all)
	if r.left > 0 {
		err = alerting.Join(err, fmt.Errorf("%d events had no room and are in no sequence: shorten MFAWATCH_LOOK_BACK", r.left))
	}
	return err
}

func sequence(id string) bool {
	return slices.ContainsFunc(detect.Checks(), func(c detect.Check) bool { return c.ID == id && c.Sequence })
}

// Package scan reads sources of CloudTrail records and answers with ordered,
// deduplicated verdicts, detections and a summary.
//
// It promises that every record it was given is judged, counted or reported as
// damaged, and that the order of files never changes the answer. Its memory
// grows with the number of sign-ins and their relatives, not with the number of
// records. It never writes and never prints.
package scan

import (
	"context"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/audit/trail"
)

// Options sets up a scan.
type Options struct {
	SignIn signin.Rules
	Detect detect.Rules
	Filter Filter
	// Regions narrows as Filter does, to records of these Regions; none is all.
	Regions []string
	// Workers is how many sources are read at a time; 0 is one a processor.
	Workers int
	// MaxText bounds one JSON text, in bytes; 0 is trail.DefaultMaxText.
	MaxText int
	// Progress, where set, is told the stored bytes as they are read. It is
	// called from several goroutines.
	Progress func(n int64)
	// Ahead bounds what is opened ahead of the workers.
	Ahead Ahead
	// Skipped is what was passed over before the sources were made, by kind; a
	// Summary counts it.
	Skipped map[string]int
}

// Filter narrows what a Result lists and counts. Everything is still read and
// judged, so that a sequence which began before Since is still seen.
type Filter struct {
	Since, Until time.Time // from Since on, before Until; zero is no bound
	Account      string
	User         string // a principal's name, session name, id or ARN
}

// Source is one input: a file, or standard input.
type Source struct {
	Name string
	Size int64 // stored bytes; 0 when not known
	// Given is true when a person named this very input, so that it is reported
	// rather than skipped when it holds nothing of CloudTrail.
	Given bool
	// Stream is true for standard input and pipes: reading may wait for ever.
	Stream bool
	// Far is true for what lies across a network: Open waits for it, fails when
	// it cannot be had, and is called ahead of the workers, several at a time. It
	// must end with the context that the scan is given.
	Far bool
	// Answer is true for what a service answered and is no file: one without
	// records says that there are none.
	Answer bool
	Open   func() (io.ReadCloser, error)
}

// Run scans all sources. When ctx ends early the Result holds what was found
// until then and its Summary is not Complete.
func Run(ctx context.Context, sources []Source, o Options) Result {
	c := newCollector(o)
	// The largest first: workers end together, and buffers grow once.
	sources = slices.Clone(sources)
	slices.SortStableFunc(sources, func(a, b Source) int { return int(min(max(b.Size-a.Size, -1), 1)) })
	queue := newLine(ctx, sources, o.Ahead)
	var wg sync.WaitGroup
	for range workers(o, len(sources)) {
		wg.Go(func() {
			s := trail.NewScanner(trail.Options{Wants: wants(), MaxText: o.MaxText})
			queue.each(ctx, func(src Source) { c.source(ctx, s, src) })
		})
	}
	wg.Wait()
	return c.result(ctx.Err() == nil)
}

func workers(o Options, sources int) int {
	n := o.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return max(1, min(n, sources))
}

func wants() []trail.Want {
	var ws []trail.Want
	for _, i := range slices.Concat(signin.Interests(), detect.Interests()) {
		ws = append(ws, trail.Want{Name: i.Name, Source: i.Source, Key: i.Key})
	}
	return ws
}

// Each judges every record of the sources in order, one verdict a record,
// nothing left out, joined or added, and stops at the first error of emit.
func Each(ctx context.Context, sources []Source, o Options, emit func(signin.Verdict) error) (Result, error) {
	c := newCollector(o)
	s := trail.NewScanner(trail.Options{All: true, MaxText: o.MaxText})
	var failed error
	reading, stop := context.WithCancel(ctx)
	defer stop()
	newLine(reading, sources, o.Ahead).each(reading, func(src Source) {
		stats, err := read(ctx, s, src, o.Progress, func(record []byte) {
			v := signin.Judge(record, o.SignIn)
			v.Origin = src.Name
			c.count(v)
			if failed == nil {
				failed = emit(v)
			}
		})
		c.finished(ctx, src, stats, err)
		if failed != nil {
			stop()
		}
	})
	r := c.result(ctx.Err() == nil)
	return r, failed
}

// read runs the scanner over one source. err is why it could not be opened.
func read(ctx context.Context, s *trail.Scanner, src Source, progress func(int64), yield func([]byte)) (trail.Stats, error) {
	f, err := src.Open()
	if err != nil {
		return trail.Stats{}, err
	}
	defer f.Close()
	var r io.Reader = f
	if src.Stream {
		r = newWaiting(ctx, f)
	}
	in := trail.Input{Reader: &watched{ctx, r, progress}, Size: src.Size}
	in.Tail, _ = f.(io.ReaderAt)
	return s.Scan(in, yield), nil
}

// watched is a reader that stops when ctx ends and tells of its progress.
type watched struct {
	ctx      context.Context
	r        io.Reader
	progress func(int64)
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.r.Read(p)
	if w.progress != nil && n > 0 {
		w.progress(int64(n))
	}
	return n, err
}

// waiting is a reader whose Read ends with ctx although the reader below waits:
// Ctrl-C must stop a scan of a terminal or of a pipe nobody writes to.
type waiting struct {
	ctx    context.Context
	chunks chan chunk
	rest   chunk
}

type chunk struct {
	data []byte
	err  error
}

func newWaiting(ctx context.Context, r io.Reader) *waiting {
	w := &waiting{ctx: ctx, chunks: make(chan chunk)}
	go func() { // ends with the reader below, or with the program
		for {
			data := make([]byte, 64<<10)
			n, err := r.Read(data)
			select {
			case w.chunks <- chunk{data[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return w
}

func (w *waiting) Read(p []byte) (int, error) {
	if len(w.rest.data) == 0 && w.rest.err == nil {
		select {
		case w.rest = <-w.chunks:
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		}
	}
	n := copy(p, w.rest.data)
	w.rest.data = w.rest.data[n:]
	if len(w.rest.data) > 0 {
		return n, nil
	}
	return n, w.rest.err
}

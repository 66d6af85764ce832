package scan

import (
	"context"
	"io"
	"sync"
)

// Ahead bounds what is opened before a worker asks for it, of sources that are
// Far: answers on a network are waited for side by side, and the workers are
// kept busy.
type Ahead struct {
	Sources int   // opened at the same time; 0 is 64
	Bytes   int64 // of sources that are being opened or wait for a worker; 0 is 64 MiB
}

func (a Ahead) withDefaults() Ahead {
	if a.Sources <= 0 {
		a.Sources = 64
	}
	if a.Bytes <= 0 {
		a.Bytes = 64 << 20
	}
	return a
}

// pending is a source on its way to a worker.
type pending struct {
	Source
	opened chan struct{} // closed when body and err are set; nil when the worker opens
	body   io.ReadCloser
	err    error
	cost   int64
}

// line hands out sources in order, the far ones opened or being opened.
type line struct {
	next  chan *pending
	limit Ahead
	slots chan struct{}
	mu    sync.Mutex
	freed *sync.Cond
	used  int64
}

func newLine(ctx context.Context, sources []Source, limit Ahead) *line {
	limit = limit.withDefaults()
	l := &line{next: make(chan *pending, 2*limit.Sources), limit: limit, slots: make(chan struct{}, limit.Sources)}
	l.freed = sync.NewCond(&l.mu)
	go l.fill(ctx, sources)
	return l
}

// fill ends early with ctx.
func (l *line) fill(ctx context.Context, sources []Source) {
	defer close(l.next)
	for _, s := range sources {
		if ctx.Err() != nil {
			return
		}
		p := &pending{Source: s}
		if s.Far {
			l.begin(p)
		}
		l.next <- p
	}
}

// begin opens p when there is room for it. Sources begin in the order they are
// handed out, so that what a worker waits for never waits for room itself.
func (l *line) begin(p *pending) {
	p.cost, p.opened = min(p.Size, l.limit.Bytes), make(chan struct{})
	l.mu.Lock()
	for l.used+p.cost > l.limit.Bytes {
		l.freed.Wait()
	}
	l.used += p.cost
	l.mu.Unlock()
	l.slots <- struct{}{}
	go func() {
		p.body, p.err = p.Source.Open()
		<-l.slots
		close(p.opened)
	}()
}

// source is p as a source whose Open waits for what was begun.
func (l *line) source(p *pending) Source {
	if p.opened == nil {
		return p.Source
	}
	s := p.Source
	s.Open = func() (io.ReadCloser, error) {
		<-p.opened
		return p.body, p.err
	}
	return s
}

// done gives the room of p back.
func (l *line) done(p *pending) {
	if p.opened == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used -= p.cost
	l.freed.Signal()
}

// each calls f with the sources one after the other until none is left or ctx
// ends. Several workers may call it at once.
func (l *line) each(ctx context.Context, f func(Source)) {
	for p := range l.next {
		if ctx.Err() == nil {
			f(l.source(p))
		} else {
			p.drop()
		}
		l.done(p)
	}
}

// drop closes what was opened and nobody reads.
func (p *pending) drop() {
	if p.opened == nil {
		return
	}
	<-p.opened
	if p.err == nil {
		_ = p.body.Close()
	}
}

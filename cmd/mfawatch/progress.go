package main

import (
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"mfawatch/audit/scan"
)

// bar shows on standard error how far a scan is, on a terminal only.
type bar struct{ b *progressbar.ProgressBar }

func newBar(t terminal, sources []scan.Source) bar {
	columns := width(t.err)
	if columns == 0 || os.Getenv("TERM") == "dumb" {
		return bar{}
	}
	var total int64
	for _, s := range sources {
		if s.Stream || s.Answer {
			total = -1 // no end is known
			break
		}
		total += s.Size
	}
	return bar{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(t.err),
		progressbar.OptionSetDescription("reading"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(max(10, min(40, columns-50))),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
	)}
}

func (b bar) add(n int64) {
	if b.b != nil {
		_ = b.b.Add64(n)
	}
}

func (b bar) done() {
	if b.b != nil {
		_ = b.b.Finish()
	}
}

// counter shows on standard error how many of something are done, on a terminal
// only. The total is known once the first answers are there.
type counter struct {
	mu    sync.Mutex
	b     *progressbar.ProgressBar
	total int
}

func newCounter(t terminal, what string) *counter {
	columns := width(t.err)
	if columns == 0 || os.Getenv("TERM") == "dumb" {
		return &counter{}
	}
	return &counter{b: progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(t.err),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(max(10, min(40, columns-50))),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
	)}
}

// set may be called by several at once.
func (c *counter) set(done, total int) {
	if c.b == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if total != c.total {
		c.total = total
		c.b.ChangeMax(total)
	}
	_ = c.b.Set(done)
}

func (c *counter) done() {
	if c.b != nil {
		_ = c.b.Finish()
	}
}

package main

import (
	"os"
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
		if s.Stream {
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

package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// made is a campaign of the released functions, ready to run.
func made(t *testing.T, p plan, built binaries) *wire {
	t.Helper()
	w, err := newWire(p, built)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

func built(t *testing.T) binaries {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the functions and runs them")
	}
	b, err := build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The released functions through a short campaign, and what it must see when
// something is broken. They wait more than they work, so all run at once. `make
// faults` runs the long one.
func TestReleasedFunctions(t *testing.T) {
	b := built(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	faulty := made(t, plan{events: 5000, workers: 12, seed: 1, rate: 0.05}, b)
	wg.Go(func() {
		n, report := ran(t, faulty)
		if taken := faulty.memory.TakenOver(); n > 0 || taken == 0 {
			t.Errorf("%d misses, %d claims run out:\n%s", n, taken, report)
		}
		t.Log(report)
	})
	whole := made(t, plan{events: 5000, workers: 4, seed: 3}, b)
	wg.Go(func() {
		n, report := ran(t, whole)
		if extra := whole.told().extra; n > 0 || extra > whole.memory.TakenOver() {
			t.Errorf("without faults: %d misses, %d extra messages:\n%s", n, extra, report)
		}
	})
	for name, test := range map[string]struct {
		lie, answer, want string
		most              int
	}{
		"a topic that loses messages":   {"topic.publish", `<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`, "signed in without MFA and nobody was told", 2},
		"marks that are not kept":       {"claims.send", `{}`, "is not marked as sent", 2},
		"claims that keep nobody out":   {"claims.claim", `{}`, "more extra messages than faults explain", 2},
		"a bucket that loses evidence":  {"evidence.keep", "", "is missing or is something else", 2},
		"a digest that is never listed": {"digests.pending", `{"Items":[],"Count":0}`, "alerts are still held back", 2},
		"nobody who reconciles":         {"", "", "signed in without MFA and nobody was told", 0},
	} {
		w := made(t, plan{events: 1500, workers: 2, seed: 4}, b)
		w.lies, w.most = map[string]string{test.lie: test.answer}, test.most
		wg.Go(func() {
			if n, report := ran(t, w); n == 0 || !strings.Contains(report, test.want) {
				t.Errorf("%s: %d misses, want one that says %q:\n%s", name, n, test.want, report)
			}
		})
	}
}

// ran runs a campaign and gives its misses and its report.
func ran(t *testing.T, w *wire) (int, string) {
	var report bytes.Buffer
	w.run(t.Context())
	n := w.report(&report)
	return n, report.String()
}

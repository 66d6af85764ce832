package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/audit/signin"
)

// far is a source whose Open takes a second and holds its bytes until it is
// closed. The network is what is open and what is held.
type network struct {
	mu            sync.Mutex
	opening, held int
	mostOpening   int
	mostBytes     int64
	bytes         int64
}

func (n *network) source(name, body string) Source {
	return Source{Name: name, Size: int64(len(body)), Far: true, Open: func() (io.ReadCloser, error) {
		n.change(1, int64(len(body)))
		time.Sleep(time.Second)
		n.change(-1, 0)
		return &connection{strings.NewReader(body), n}, nil
	}}
}

func (n *network) change(opening int, bytes int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opening += opening
	n.bytes += bytes
	n.mostOpening, n.mostBytes = max(n.mostOpening, n.opening), max(n.mostBytes, n.bytes)
	if opening > 0 {
		n.held++
	}
}

type connection struct {
	*strings.Reader
	n *network
}

func (c *connection) Close() error {
	c.n.change(0, -c.Size())
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.n.held--
	return nil
}

func sized(n *network, count int) []Source {
	var all []Source
	for i := range count {
		all = append(all, n.source(fmt.Sprint(i), log(login(fmt.Sprint("id-", i), "ada", "No", "2026-11-20T08:00:00Z"))))
	}
	return all
}

// Sources that are far are waited for side by side, within both bounds, and all
// are closed.
func TestFarSourcesAreOpenedAhead(t *testing.T) {
	size := sized(&network{}, 1)[0].Size
	for _, c := range []struct {
		ahead   Ahead
		most    int
		seconds time.Duration
	}{
		{Ahead{}, 40, 1},
		{Ahead{Sources: 10}, 10, 4},
		{Ahead{Bytes: 8 * (size + 1)}, 8, 5},
		{Ahead{Bytes: 1}, 1, 40}, // each is larger than there is room
	} {
		synctest.Test(t, func(t *testing.T) {
			n, began := &network{}, time.Now()
			r := scanAll(Options{Workers: 1, Ahead: c.ahead}, sized(n, 40)...)
			if len(r.Verdicts) != 40 || n.mostOpening > c.most || time.Since(began) > c.seconds*time.Second || n.held != 0 {
				t.Errorf("%+v: %d verdicts in %v, %d opened at once, %d left open; want 40 in %ds, at most %d", c.ahead, len(r.Verdicts), time.Since(began), n.mostOpening, n.held, c.seconds, c.most)
			}
			if limit := c.ahead.withDefaults().Bytes; limit > 1 && n.mostBytes > limit {
				t.Errorf("%+v: %d bytes held", c.ahead, n.mostBytes)
			}
		})
	}
}

func TestEachKeepsTheOrderOfFarSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		n := &network{}
		sources := sized(n, 30)
		sources[7] = text("near", log(login("near", "ada", "No", "")))
		_, err := Each(t.Context(), sources, Options{}, func(v signin.Verdict) error { got = append(got, v.EventID); return nil })
		var want []string
		for i := range 30 {
			want = append(want, fmt.Sprint("id-", i))
		}
		want[7] = "near"
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v %v", got, err)
		}
		stop := errors.New("enough")
		if _, err = Each(t.Context(), sized(n, 300), Options{}, func(signin.Verdict) error { return stop }); err != stop || n.held != 0 {
			t.Errorf("%v, %d left open; want %v and none", err, n.held, stop)
		}
	})
}

// What is under way when the scan is ended is waited for and closed.
func TestEndedScanClosesWhatIsFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		n := &network{}
		r := Run(ctx, sized(n, 1000), Options{Workers: 2, Ahead: Ahead{Sources: 5}})
		if len(r.Verdicts) != 10 || r.Summary.Complete || n.held != 0 || len(r.Damaged) != 0 {
			t.Errorf("%d verdicts, complete %v, %d left open, damaged %v; want 10 of two rounds", len(r.Verdicts), r.Summary.Complete, n.held, r.Damaged)
		}
	})
}

func TestFarSourceThatFails(t *testing.T) {
	var opened atomic.Int32
	bad := Source{Name: "s3://b/x.json.gz", Size: 9, Far: true, Open: func() (io.ReadCloser, error) {
		opened.Add(1)
		return nil, errors.New("access denied: allow s3:GetObject")
	}}
	r := scanAll(Options{}, bad, text("ok", log(login("a", "ada", "No", ""))))
	if len(r.Damaged) != 1 || !r.Damaged[0].Unopened || r.Damaged[0].Reason != "cannot be opened: access denied: allow s3:GetObject" || len(r.Verdicts) != 1 || opened.Load() != 1 {
		t.Errorf("damaged %+v, %d verdicts, opened %d times", r.Damaged, len(r.Verdicts), opened.Load())
	}
}

// What was passed over before, what answers nothing, and other Regions.
func TestOptionsOfLiveScans(t *testing.T) {
	quiet := text("lookup://eu-west-1", "")
	quiet.Answer = true
	south := strings.Replace(login("b", "ada", "No", "2026-11-20T09:00:00Z"), "eu-north-1", "eu-south-1", 1)
	nowhere := strings.Replace(login("c", "ada", "No", "2026-11-20T10:00:00Z"), `"awsRegion":"eu-north-1",`, "", 1)
	o := Options{Skipped: map[string]int{"digest-folders": 3}, Regions: []string{"eu-south-1", "eu-south-2"}}
	r := scanAll(o, quiet, text("x", log(login("a", "ada", "No", "2026-11-20T08:00:00Z"), south, nowhere)), text("empty", ""))
	got := ""
	for _, v := range r.Verdicts {
		got += v.EventID
	}
	if got != "bc" || r.Summary.SignIns != 2 || fmt.Sprint(r.Summary.Skipped) != "map[digest-folders:3 empty:1]" || len(o.Skipped) != 1 {
		t.Errorf("verdicts %q, %d counted, skipped %v", got, r.Summary.SignIns, r.Summary.Skipped)
	}
}

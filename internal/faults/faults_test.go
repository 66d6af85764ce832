package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
)

// The campaign in one process.
func TestVirtual(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		c := newVirtual(plan{events: 5000, workers: 8, seed: seed, rate: 0.05})
		c.run()
		var report bytes.Buffer
		if n := c.report(&report); n > 0 {
			t.Errorf("%d misses:\n%s", n, report.String())
		}
	}
}

// Without faults everything is said once and nothing needs to be reconciled but
// what the hot path was made to miss.
func TestVirtualWithoutFaults(t *testing.T) {
	c := newVirtual(plan{events: 5000, workers: 1, seed: 3}) // at once, an idle worker moves the clock under a busy one
	c.run()
	if n := c.report(io.Discard); n > 0 || c.told().extra != 0 || c.done[delivery.WasError] != 0 {
		t.Errorf("%d misses, %d extra messages, %d errors, want none", n, c.told().extra, c.done[delivery.WasError])
	}
}

// A campaign that cannot fail proves nothing: each thing it looks for is taken
// away, and it must say so.
func TestReportSeesWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*virtual)
		want  string
	}{
		"a message lost":    {func(c *virtual) { c.topic = &deliverytest.Topic{} }, "signed in without MFA and nobody was told"},
		"evidence lost":     {func(c *virtual) { c.evidence = deliverytest.NewBucket() }, "is missing or is something else"},
		"a message left":    {func(c *virtual) { c.queue.ready = []*message{{}} }, "1 messages are still in the queue"},
		"no reason":         {func(c *virtual) { c.queue.dead[0].reason = "" }, "a dead letter without a reason"},
		"poison lost":       {func(c *virtual) { c.queue.dead = nil }, "messages that nobody can read are dead letters"},
		"not marked":        {func(c *virtual) { c.memory = deliverytest.NewMemory() }, "is not marked as sent"},
		"said twice":        {again, "more extra messages than faults explain"},
		"said of nothing":   {stranger, "was told and is no alert"},
		"cannot be read":    {func(c *virtual) { _, _ = c.topic.Publish(t.Context(), "s", "{", nil) }, "unexpected end of JSON input"},
		"nothing was asked": {func(c *virtual) { c.rate = 0.05 }, "the campaign is too short"},
	} {
		c := newVirtual(plan{events: 2500, workers: 4, seed: 4})
		c.run()
		test.spoil(c)
		var report bytes.Buffer
		if n := c.report(&report); n == 0 || !strings.Contains(report.String(), test.want) {
			t.Errorf("%s: %d misses, want one that says %q:\n%s", name, n, test.want, report.String())
		}
	}
}

func again(c *virtual) {
	m := c.topic.Sent()[0]
	_, _ = c.topic.Publish(context.Background(), m.Subject, m.Body, m.Attributes)
}

func stranger(c *virtual) {
	m := c.topic.Sent()[0]
	_, _ = c.topic.Publish(context.Background(), m.Subject, strings.ReplaceAll(m.Body, account, "999999999999"), m.Attributes)
}

func TestQueue(t *testing.T) {
	q := queue{visibility: time.Minute, most: 2, ready: []*message{{body: "a"}, {body: "b"}}}
	got, _ := q.receive(begin, 10)
	if len(got) != 2 || q.left() != 2 {
		t.Fatalf("%d received, %d left, want 2 and 2", len(got), q.left())
	}
	q.remove(got[0])
	if none, next := q.receive(begin.Add(59*time.Second), 10); len(none) != 0 || !next.Equal(begin.Add(time.Minute)) {
		t.Errorf("before the time-out %d received, next at %s", len(none), next)
	}
	q.failed(got[1], "why")
	if back, _ := q.receive(begin.Add(time.Minute), 10); len(back) != 1 || back[0].body != "b" {
		t.Errorf("after the time-out %d received, want b", len(back))
	}
	q.receive(begin.Add(time.Hour), 10)
	if q.left() != 0 || len(q.dead) != 1 || q.dead[0].reason != "why" {
		t.Errorf("%d left, dead %+v, want b with its reason", q.left(), q.dead)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/trail"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
)

// virtual is a campaign in one process, under a clock that only it moves: a day
// passes in seconds, and claims, windows and visibility run out as they would.
// It drives delivery itself, with a handler and a reconciler of its own in small.
type virtual struct {
	*campaign
	clock  clock
	bucket *deliverytest.Bucket
	nonces atomic.Int64
	hour   atomic.Int64
	mu     sync.Mutex
	done   map[delivery.Disposition]int
}

func newVirtual(p plan) *virtual {
	if p.begin.IsZero() {
		p.begin = begin
	}
	v := &virtual{campaign: newCampaign(p), bucket: deliverytest.NewBucket(), done: map[delivery.Disposition]int{}}
	v.memory, v.topic, v.evidence = deliverytest.NewMemory(), &deliverytest.Topic{}, v.bucket
	v.queue.visibility, v.queue.most = 3*time.Minute, 5
	v.clock.reach(p.begin)
	r := v.random
	v.fill(shuffled(messages(v.truth, r, func(_ *event, record []byte) []string {
		all := []string{bridge(record)}
		if r.IntN(3) == 0 {
			all = append(all, `{"Records":[`+string(record)+`]}`)
		}
		return repeated(all, r)
	}), r))
	return v
}

// run lets the hot path drain the queue, with a flush every hour, and then the
// reconciler read everything until there is nothing left to do.
func (c *virtual) run() {
	var wg sync.WaitGroup
	for range c.workers {
		wg.Go(c.work)
	}
	wg.Wait()
	for c.rounds = 1; c.rounds < 100; c.rounds++ {
		c.clock.advance(time.Hour)
		settled := false
		deliverytest.Run(func() { settled = c.reconcile() == nil && c.flush() == nil })
		if settled && c.pending() == 0 {
			return
		}
	}
}

// work is one invocation after another.
func (c *virtual) work() {
	scanner := alerting.Scanner()
	for {
		batch, next := c.queue.receive(c.clock.now(), 10)
		switch {
		case len(batch) > 0:
			if _, killed := deliverytest.Run(func() { c.invoke(scanner, batch) }); killed {
				scanner = alerting.Scanner() // another process
			}
			c.hourly()
		case next.IsZero():
			return
		default:
			c.clock.reach(next)
		}
	}
}

// hourly flushes when the clock has come to another hour.
func (c *virtual) hourly() {
	hour := c.clock.now().Unix() / 3600
	if old := c.hour.Load(); hour > old && c.hour.CompareAndSwap(old, hour) {
		deliverytest.Run(func() { _ = c.flush() })
	}
}

// invoke handles a batch; when it is killed the rest of the batch comes back.
func (c *virtual) invoke(s *trail.Scanner, batch []*message) {
	for i, m := range batch {
		c.clock.advance(c.span() / time.Duration(c.sent))
		at, killed := deliverytest.Run(func() { c.one(s, m) })
		if killed {
			for _, m := range batch[i:] {
				c.queue.failed(m, "the process was killed at "+at.Step)
			}
			panic(at)
		}
	}
}

// one handles a message and deletes it from the queue.
func (c *virtual) one(s *trail.Scanner, m *message) {
	if err := c.handle(s, m.body); err != nil {
		c.queue.failed(m, err.Error())
		return
	}
	if f := c.next(deleteStep); f != deliverytest.None && f != deliverytest.LostAnswer {
		c.queue.failed(m, deleteStep+" "+string(f))
		return
	}
	c.queue.remove(m)
}

// handle is what functions/signin does with one message.
func (c *virtual) handle(s *trail.Scanner, body string) error {
	var errs []error
	stats := s.Scan(trail.Input{Reader: strings.NewReader(body), Size: int64(len(body))}, func(record []byte) {
		for _, a := range (alerting.Judge{}).Record(record).Alerts {
			errs = append(errs, c.deliver(a, record))
		}
	})
	if stats.Damage != nil {
		errs = append(errs, stats.Damage)
	}
	return errors.Join(errs...)
}

func (c *virtual) deliver(a alert.Alert, record []byte) error {
	done, err := c.deliverer().Deliver(context.Background(), a, alert.EvidenceOf(a, record))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[done]++
	return err
}

func (c *virtual) deliverer() *delivery.Deliverer {
	return &delivery.Deliverer{
		Evidence: deliverytest.FaultyEvidence{Evidence: c.bucket, Next: c.next},
		Claims:   deliverytest.FaultyStore{Store: c.memory, Next: c.next},
		Topic:    deliverytest.FaultyTopic{Topic: c.topic, Next: c.next},
		Clock:    c.clock.now, Nonce: func() string { return fmt.Sprint("owner-", c.nonces.Add(1)) }, Log: zerolog.Nop(),
	}
}

func (c *virtual) flush() error {
	d := c.deliverer()
	f := delivery.Flusher{Deliverer: d, Digests: deliverytest.FaultyStore{Store: c.memory, Next: c.next}}
	_, err := f.Flush(context.Background())
	return err
}

// reconcile is what functions/reconcile does with the trail's files: every
// alert of every record that has not been dealt with is delivered.
func (c *virtual) reconcile() error {
	all := c.wanted
	var errs []error
	for len(all) > 0 {
		page := all[:min(100, len(all))]
		all = all[len(page):]
		var keys []string
		for _, f := range page {
			keys = append(keys, f.alert.ID)
		}
		rows, err := deliverytest.FaultyStore{Store: c.memory, Next: c.next}.State(context.Background(), keys)
		errs = append(errs, err)
		for _, f := range page {
			if err == nil && !rows[f.alert.ID].Covers(f.alert.Rank()) {
				errs = append(errs, c.deliver(f.alert, f.record))
			}
		}
	}
	return errors.Join(errs...)
}

// next draws what goes wrong at a step. The queue's own step dies here, the
// others where they are done.
func (c *virtual) next(step string) deliverytest.Fault {
	f := c.draw(step, 1)
	if step == deleteStep && kill(f) {
		panic(deliverytest.Killed{Step: step})
	}
	return f
}

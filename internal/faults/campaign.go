package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/audit/trail"
	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
)

type plan struct {
	events, workers int
	seed            uint64
	rate            float64
}

// campaign is one run.
type campaign struct {
	plan
	truth   []event
	wanted  []found // what the records say
	sent    int     // messages put on the queue
	clock   clock
	queue   queue
	memory  *deliverytest.Memory
	bucket  *deliverytest.Bucket
	topic   *deliverytest.Topic
	nonces  atomic.Int64
	hour    atomic.Int64
	rounds  int // of reconciling
	mu      sync.Mutex
	random  *rand.Rand
	faults  map[deliverytest.Fault]int
	at      map[string]int // faults by step
	calls   int
	expired int
	done    map[delivery.Disposition]int
}

func newCampaign(p plan) *campaign {
	r := rand.New(rand.NewPCG(p.seed, 4))
	c := &campaign{
		plan: p, truth: makeEvents(p, r), memory: deliverytest.NewMemory(), bucket: deliverytest.NewBucket(), topic: &deliverytest.Topic{},
		random: r, faults: map[deliverytest.Fault]int{}, at: map[string]int{}, done: map[delivery.Disposition]int{},
		queue: queue{visibility: 3 * time.Minute, most: 5},
	}
	c.wanted = wanted(c.truth)
	c.clock.reach(begin)
	for _, b := range bodies(c.truth, r) {
		c.queue.ready = append(c.queue.ready, &message{body: b})
	}
	c.sent = len(c.queue.ready)
	return c
}

// run lets the hot path drain the queue, with a flush every hour, and then the
// reconciler read everything until there is nothing left to do.
func (c *campaign) run() {
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

func (c *campaign) pending() int {
	keys, _, _ := c.memory.Pending(context.Background(), c.clock.now().Add(24*time.Hour), "")
	return len(keys)
}

// work is one invocation after another.
func (c *campaign) work() {
	scanner := trail.NewScanner(trail.Options{Wants: wants()})
	for {
		batch, next := c.queue.receive(c.clock.now(), 10)
		switch {
		case len(batch) > 0:
			if _, killed := deliverytest.Run(func() { c.invoke(scanner, batch) }); killed {
				scanner = trail.NewScanner(trail.Options{Wants: wants()}) // another process
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
func (c *campaign) hourly() {
	hour := c.clock.now().Unix() / 3600
	if old := c.hour.Load(); hour > old && c.hour.CompareAndSwap(old, hour) {
		deliverytest.Run(func() { _ = c.flush() })
	}
}

// invoke handles a batch; when it is killed the rest of the batch comes back.
func (c *campaign) invoke(s *trail.Scanner, batch []*message) {
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
func (c *campaign) one(s *trail.Scanner, m *message) {
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

// deleteStep is the queue's own step: deleting what was handled.
const deleteStep = "queue.delete"

// handle is what functions/signin does with one message.
func (c *campaign) handle(s *trail.Scanner, body string) error {
	var errs []error
	stats := s.Scan(trail.Input{Reader: strings.NewReader(body), Size: int64(len(body))}, func(record []byte) {
		for _, a := range judge(record) {
			errs = append(errs, c.deliver(a, record))
		}
	})
	if stats.Damage != nil {
		errs = append(errs, stats.Damage)
	}
	return errors.Join(errs...)
}

// judge is every alert of a record.
func judge(record []byte) []alert.Alert {
	var alerts []alert.Alert
	e, err := signin.Parse(record)
	if err != nil {
		return []alert.Alert{alert.OfRecord(record, e, signin.Judge(record, signin.Rules{}), nil)}
	}
	if v := signin.Classify(e, signin.Rules{}); v.Alert {
		alerts = append(alerts, alert.OfRecord(record, e, v, nil))
	}
	for _, d := range detect.Single(e, detect.Rules{}) {
		if d.Alert {
			alerts = append(alerts, alert.OfDetection(d, nil))
		}
	}
	return alerts
}

// found is an alert and the record that it comes from.
type found struct {
	alert  alert.Alert
	record []byte
}

// wanted is every alert of every record, as a reader of the whole trail finds
// them.
func wanted(events []event) []found {
	var all []found
	for _, e := range events {
		for _, a := range judge(e.record) {
			all = append(all, found{a, e.record})
		}
	}
	return all
}

func (c *campaign) deliver(a alert.Alert, record []byte) error {
	done, err := c.deliverer().Deliver(context.Background(), a, alert.EvidenceOf(a, record))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[done]++
	return err
}

func (c *campaign) deliverer() *delivery.Deliverer {
	return &delivery.Deliverer{
		Evidence: deliverytest.FaultyEvidence{Evidence: c.bucket, Next: c.next},
		Claims:   counted{deliverytest.FaultyStore{Store: c.memory, Next: c.next}, c},
		Topic:    deliverytest.FaultyTopic{Topic: c.topic, Next: c.next},
		Clock:    c.clock.now, Nonce: func() string { return fmt.Sprint("owner-", c.nonces.Add(1)) }, Log: zerolog.Nop(),
	}
}

// counted counts the claims that had run out.
type counted struct {
	deliverytest.FaultyStore
	c *campaign
}

func (s counted) Claim(ctx context.Context, l delivery.Lease, rank int) (delivery.Answer, error) {
	a, err := s.FaultyStore.Claim(ctx, l, rank)
	s.c.ranOut(err == nil && a.Took && a.Expired)
	return a, err
}

func (s counted) Take(ctx context.Context, l delivery.Lease) (delivery.Row, bool, error) {
	row, ok, err := s.FaultyStore.Take(ctx, l)
	s.c.ranOut(ok && !row.Until.IsZero() && row.Owner != l.Owner)
	return row, ok, err
}

func (c *campaign) ranOut(yes bool) {
	if yes {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.expired++
	}
}

func (c *campaign) flush() error {
	d := c.deliverer()
	f := delivery.Flusher{Deliverer: d, Digests: counted{deliverytest.FaultyStore{Store: c.memory, Next: c.next}, c}}
	_, err := f.Flush(context.Background())
	return err
}

// reconcile is what functions/reconcile does with the trail's files: every
// alert of every record that has not been dealt with is delivered.
func (c *campaign) reconcile() error {
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
func (c *campaign) next(step string) deliverytest.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.random.Float64() >= c.rate {
		return deliverytest.None
	}
	all := deliverytest.Faults()
	f := all[c.random.IntN(len(all))]
	c.faults[f]++
	c.at[step+" "+string(f)]++
	if step == deleteStep && (f == deliverytest.KillBefore || f == deliverytest.KillAfter) {
		panic(deliverytest.Killed{Step: step})
	}
	return f
}

// unknowable counts the faults after which nobody can know that people were
// told: between publishing and its mark.
func (c *campaign) unknowable() (n int) {
	for _, at := range []string{"topic.publish " + string(deliverytest.LostAnswer), "topic.publish " + string(deliverytest.KillAfter),
		"claims.send " + string(deliverytest.KillBefore), "claims.send " + string(deliverytest.KillAfter)} {
		n += c.at[at]
	}
	return n
}

func wants() []trail.Want {
	var w []trail.Want
	for _, i := range append(signin.Interests(), detect.Interests()...) {
		w = append(w, trail.Want{Name: i.Name, Source: i.Source, Key: i.Key})
	}
	return w
}

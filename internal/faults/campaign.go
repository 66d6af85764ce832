package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"mfawatch/audit/alert"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
)

// plan is what a campaign is asked for.
type plan struct {
	events, workers int
	seed            uint64
	rate            float64
	begin           time.Time // of the sign-ins
}

// campaign is what every run has: what is true, what goes wrong, what came out.
// Who drives it, in one process or over the wire, embeds it.
type campaign struct {
	plan
	hazards
	truth    []event
	wanted   []found // what the records say
	sent     int     // messages put on the queue
	queue    queue
	memory   *deliverytest.Memory
	topic    *deliverytest.Topic
	evidence evidence
	rounds   int // of reconciling
}

// evidence is where a campaign's evidence was kept.
type evidence interface {
	Object(key string) ([]byte, bool)
	Keys() []string
}

// found is an alert and the record that it comes from.
type found struct {
	alert  alert.Alert
	record []byte
}

func newCampaign(p plan) *campaign {
	r := rand.New(rand.NewPCG(p.seed, 4))
	c := &campaign{plan: p, truth: makeEvents(p, r), hazards: hazards{likely: p.rate, random: r, faults: map[deliverytest.Fault]int{}, at: map[string]int{}}}
	for _, e := range c.truth {
		for _, a := range (alerting.Judge{}).Record(e.record).Alerts {
			c.wanted = append(c.wanted, found{a, e.record})
		}
	}
	return c
}

// fill puts messages on the queue.
func (c *campaign) fill(bodies []string) {
	for i, b := range bodies {
		c.queue.ready = append(c.queue.ready, &message{id: itemID(i), body: b})
	}
	c.sent = len(bodies)
}

// pending is how many alerts are held back, from whenever they are ready.
func (c *campaign) pending() (n int) {
	for after := ""; ; {
		keys, next, _ := c.memory.Pending(context.Background(), time.Now().AddDate(10, 0, 0), after)
		if n += len(keys); next == "" {
			return n
		}
		after = next
	}
}

// unmarked are the alerts that the table does not say were sent.
func (c *campaign) unmarked() []string {
	var left []string
	rows := c.rows()
	for _, f := range c.wanted {
		if !marked(rows[f.alert.ID], f.alert) {
			left = append(left, f.alert.ID)
		}
	}
	return left
}

func marked(r delivery.Row, a alert.Alert) bool {
	return r.State == delivery.Sent && r.Until.IsZero() && r.Covers(a.Rank())
}

// due tells whether there is anything that a reconciler could do something about
// now, or nothing left at all: whose claim has run out, whose window is over.
func (c *campaign) due(now time.Time) bool {
	rows, left := c.rows(), 0
	for _, f := range c.wanted {
		r := rows[f.alert.ID]
		if marked(r, f.alert) {
			continue
		}
		left++
		if r.Until.Before(now) && !r.Ready.After(now) {
			return true
		}
	}
	return left == 0
}

func (c *campaign) rows() map[string]delivery.Row {
	var keys []string
	for _, f := range c.wanted {
		keys = append(keys, f.alert.ID)
	}
	rows, _ := c.memory.State(context.Background(), keys)
	return rows
}

func itemID(i int) string { return fmt.Sprintf("item-%d", i) }

package main

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// clock is one that only the campaign moves.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// reach moves the clock on to a time, never back.
func (c *clock) reach(t time.Time) {
	for old := c.ns.Load(); old < t.UnixNano() && !c.ns.CompareAndSwap(old, t.UnixNano()); old = c.ns.Load() {
	}
}

// message is one of the queue, with what is remembered of its tries.
type message struct {
	id       string
	body     string
	visible  time.Time // while it is in flight: when it comes back
	receives int
	reason   string // of the last failure
}

// queue is SQS in small: what is received and not deleted comes back after the
// visibility time-out, and after too many receives goes to the dead letters.
type queue struct {
	mu         sync.Mutex
	ready      []*message
	flight     inFlight
	dead       []*message
	visibility time.Duration
	most       int // receives
}

type inFlight []*message

func (f inFlight) Len() int           { return len(f) }
func (f inFlight) Less(i, j int) bool { return f[i].visible.Before(f[j].visible) }
func (f inFlight) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *inFlight) Push(x any)        { *f = append(*f, x.(*message)) }
func (f *inFlight) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

// receive takes up to n messages. With none it tells when the next one comes
// back; zero when the queue is empty.
func (q *queue) receive(now time.Time, n int) ([]*message, time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back(now)
	var got []*message
	for len(q.ready) > 0 && len(got) < n {
		m := q.ready[0]
		q.ready = q.ready[1:]
		if m.receives++; m.receives > q.most {
			q.dead = append(q.dead, m)
			continue
		}
		m.visible = now.Add(q.visibility)
		heap.Push(&q.flight, m)
		got = append(got, m)
	}
	if len(got) == 0 && len(q.flight) > 0 {
		return nil, q.flight[0].visible
	}
	return got, time.Time{}
}

// back makes visible what was in flight for too long.
func (q *queue) back(now time.Time) {
	for len(q.flight) > 0 && !q.flight[0].visible.After(now) {
		q.ready = append(q.ready, heap.Pop(&q.flight).(*message))
	}
}

// remove deletes a message that its receiver is done with. One that has come
// back meanwhile stays, as with a receipt that is too old.
func (q *queue) remove(m *message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, f := range q.flight {
		if f == m {
			heap.Remove(&q.flight, i)
			return
		}
	}
}

// failed notes why a message was not done with.
func (q *queue) failed(m *message, reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m.reason = reason
}

func (q *queue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ready) + len(q.flight)
}

package deliverytest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mfawatch/functions/delivery"
)

// Fault is what goes wrong at one call.
type Fault string

// The faults. After a time-out nobody knows whether the call had its effect;
// LostAnswer had it. A kill ends the caller at that step: it panics with Killed,
// which stands for a process that is gone.
const (
	None       Fault = ""
	Throttle   Fault = "throttled"
	Internal   Fault = "internal error 500"
	Timeout    Fault = "timed out before the effect"
	LostAnswer Fault = "timed out after the effect"
	KillBefore Fault = "killed before"
	KillAfter  Fault = "killed after"
)

// Faults lists every fault that is one.
func Faults() []Fault {
	return []Fault{Throttle, Internal, Timeout, LostAnswer, KillBefore, KillAfter}
}

// Killed is what a killed caller panics with.
type Killed struct{ Step string }

// ErrFault is what every injected error wraps.
var ErrFault = errors.New("injected")

// Run calls f as a process that may be killed, and tells whether and where it
// was.
func Run(f func()) (at Killed, killed bool) {
	defer func() {
		if r := recover(); r != nil {
			if at, killed = r.(Killed); !killed {
				panic(r)
			}
		}
	}()
	f()
	return Killed{}, false
}

// Next says what goes wrong at a step: "evidence.keep", "claims.claim", …
type Next func(step string) Fault

// Steps are the names of the steps that Next is asked about.
func Steps() []string {
	return []string{
		"evidence.keep", "claims.claim", "claims.admit", "claims.fold", "claims.send", "claims.release",
		"topic.publish", "digests.pending", "digests.take", "states.state",
	}
}

func at[T any](next Next, step string, call func() (T, error)) (T, error) {
	var zero T
	f := next(step)
	switch f {
	case None:
		return call()
	case KillBefore:
		panic(Killed{step})
	case LostAnswer, KillAfter:
		if _, err := call(); err != nil && f == LostAnswer {
			return zero, err
		}
		if f == KillAfter {
			panic(Killed{step})
		}
	}
	return zero, fmt.Errorf("%s %s: %w", step, f, ErrFault)
}

func at0(next Next, step string, call func() error) error {
	_, err := at(next, step, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// FaultyStore is a store before which things go wrong.
type FaultyStore struct {
	Store delivery.Store
	Next  Next
}

// Claim is delivery.Claims'.
func (s FaultyStore) Claim(ctx context.Context, l delivery.Lease, rank int) (delivery.Answer, error) {
	return at(s.Next, "claims.claim", func() (delivery.Answer, error) { return s.Store.Claim(ctx, l, rank) })
}

// Admit is delivery.Claims'.
func (s FaultyStore) Admit(ctx context.Context, slot, key string, limit int, expires time.Time) (bool, error) {
	return at(s.Next, "claims.admit", func() (bool, error) { return s.Store.Admit(ctx, slot, key, limit, expires) })
}

// Fold is delivery.Claims'.
func (s FaultyStore) Fold(ctx context.Context, l delivery.Lease, m delivery.Mark, alert []byte, ready time.Time) error {
	return at0(s.Next, "claims.fold", func() error { return s.Store.Fold(ctx, l, m, alert, ready) })
}

// Send is delivery.Claims'.
func (s FaultyStore) Send(ctx context.Context, l delivery.Lease, m delivery.Mark) error {
	return at0(s.Next, "claims.send", func() error { return s.Store.Send(ctx, l, m) })
}

// Release is delivery.Claims'.
func (s FaultyStore) Release(ctx context.Context, l delivery.Lease) error {
	return at0(s.Next, "claims.release", func() error { return s.Store.Release(ctx, l) })
}

// Pending is delivery.Digests'.
func (s FaultyStore) Pending(ctx context.Context, now time.Time, after string) (keys []string, next string, err error) {
	_, err = at(s.Next, "digests.pending", func() (string, error) {
		keys, next, err = s.Store.Pending(ctx, now, after)
		return "", err
	})
	return keys, next, err
}

// Take is delivery.Digests'.
func (s FaultyStore) Take(ctx context.Context, l delivery.Lease) (row delivery.Row, ok bool, err error) {
	row, err = at(s.Next, "digests.take", func() (delivery.Row, error) {
		r, taken, err := s.Store.Take(ctx, l)
		ok = taken
		return r, err
	})
	return row, ok && err == nil, err
}

// State is delivery.States'.
func (s FaultyStore) State(ctx context.Context, keys []string) (map[string]delivery.Row, error) {
	return at(s.Next, "states.state", func() (map[string]delivery.Row, error) { return s.Store.State(ctx, keys) })
}

// FaultyEvidence is a bucket before which things go wrong.
type FaultyEvidence struct {
	Evidence delivery.Evidence
	Next     Next
}

// Keep is delivery.Evidence's.
func (e FaultyEvidence) Keep(ctx context.Context, key string, body []byte) (string, error) {
	return at(e.Next, "evidence.keep", func() (string, error) { return e.Evidence.Keep(ctx, key, body) })
}

// FaultyTopic is a topic before which things go wrong.
type FaultyTopic struct {
	Topic delivery.Topic
	Next  Next
}

// Publish is delivery.Topic's.
func (t FaultyTopic) Publish(ctx context.Context, subject, body string, attributes map[string]string) (string, error) {
	return at(t.Next, "topic.publish", func() (string, error) { return t.Topic.Publish(ctx, subject, body, attributes) })
}

// Package deliverytest is for tests of what delivers alerts: stores in memory
// that keep delivery's contracts, faults to put before them, and the contracts
// themselves as tests that any store can be held against.
//
// It promises that the memory is a true stand-in: the same tests run against it
// and against DynamoDB. Nothing but tests and the fault campaign imports it.
package deliverytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mfawatch/functions/delivery"
)

// Memory is a delivery.Store.
type Memory struct {
	PageSize int // of Pending; 0 is 100

	mu    sync.Mutex
	rows  map[string]delivery.Row
	slots map[string][]string
	taken int
}

// TakenOver is how many leases were taken that somebody else had let run out.
func (m *Memory) TakenOver() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{rows: map[string]delivery.Row{}, slots: map[string][]string{}}
}

// Claim is delivery.Claims'.
func (m *Memory) Claim(_ context.Context, l delivery.Lease, rank int) (delivery.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.rows[l.Key]
	own := old.Owner == l.Owner && !old.Until.IsZero()
	if !own && (old.Rank >= rank || !free(old, l)) {
		return delivery.Answer{Row: old}, nil
	}
	row := old
	row.Key, row.State, row.Owner, row.Until, row.Expires = l.Key, delivery.Claimed, l.Owner, l.Until, l.Expires
	m.rows[l.Key] = row
	return delivery.Answer{Took: true, Row: old, Expired: m.tookOver(old, l)}, nil
}

// tookOver counts a lease of somebody else's that had run out.
func (m *Memory) tookOver(old delivery.Row, l delivery.Lease) bool {
	if old.Until.IsZero() || old.Owner == l.Owner {
		return false
	}
	m.taken++
	return true
}

func free(r delivery.Row, l delivery.Lease) bool { return r.Until.IsZero() || r.Until.Before(l.Now) }

// Admit is delivery.Claims'.
func (m *Memory) Admit(_ context.Context, slot, key string, limit int, _ time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch in := m.slots[slot]; {
	case slices.Contains(in, key):
	case len(in) >= limit:
		return false, nil
	default:
		m.slots[slot] = append(in, key)
	}
	return true, nil
}

// Fold is delivery.Claims'.
func (m *Memory) Fold(_ context.Context, l delivery.Lease, mark delivery.Mark, alert []byte, ready time.Time) error {
	return m.owned(l, func(r *delivery.Row) {
		r.State, r.Rank, r.Reason, r.Alert, r.Ready = delivery.Folded, mark.Rank, mark.Reason, alert, ready
	})
}

// Send is delivery.Claims'.
func (m *Memory) Send(_ context.Context, l delivery.Lease, mark delivery.Mark) error {
	return m.owned(l, func(r *delivery.Row) {
		r.State, r.Rank, r.Reason, r.MessageID, r.Digest = delivery.Sent, mark.Rank, mark.Reason, mark.MessageID, mark.Digest
		r.Alert, r.Ready = nil, time.Time{}
	})
}

// Release is delivery.Claims'.
func (m *Memory) Release(_ context.Context, l delivery.Lease) error {
	_ = m.owned(l, func(*delivery.Row) {})
	return nil
}

func (m *Memory) owned(l delivery.Lease, change func(*delivery.Row)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rows[l.Key]
	if !ok || r.Owner != l.Owner {
		return fmt.Errorf("%s: %w", l.Key, delivery.ErrLost)
	}
	r.Until = time.Time{}
	change(&r)
	m.rows[l.Key] = r
	return nil
}

// Pending is delivery.Digests'.
func (m *Memory) Pending(_ context.Context, at time.Time, after string) ([]string, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for k, r := range m.rows {
		if k > after && !r.Ready.IsZero() && !r.Ready.After(at) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	size := m.PageSize
	if size == 0 {
		size = 100
	}
	if len(keys) <= size {
		return keys, "", nil
	}
	return keys[:size], keys[size-1], nil
}

// Take is delivery.Digests'.
func (m *Memory) Take(_ context.Context, l delivery.Lease) (delivery.Row, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[l.Key]
	if r.Ready.IsZero() || r.Ready.After(l.Now) || r.Owner != l.Owner && !free(r, l) {
		return delivery.Row{}, false, nil
	}
	m.tookOver(r, l)
	taken := r
	taken.Owner, taken.Until = l.Owner, l.Until
	m.rows[l.Key] = taken
	return r, true, nil
}

// State is delivery.States'.
func (m *Memory) State(_ context.Context, keys []string) (map[string]delivery.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := map[string]delivery.Row{}
	for _, k := range keys {
		if r, ok := m.rows[k]; ok {
			rows[k] = r
		}
	}
	return rows, nil
}

// Bucket is a delivery.Evidence.
type Bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
}

// NewBucket makes an empty bucket.
func NewBucket() *Bucket { return &Bucket{objects: map[string][]byte{}} }

// Keep is delivery.Evidence's.
func (b *Bucket) Keep(_ context.Context, key string, body []byte) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there, ok := b.objects[key]; ok && !bytes.Equal(there, body) {
		sum := sha256.Sum256(body)
		key = strings.TrimSuffix(key, ".json") + "." + hex.EncodeToString(sum[:16]) + ".json"
	}
	b.objects[key] = bytes.Clone(body)
	return "s3://evidence/" + key, nil
}

// Object is what was kept under a key.
func (b *Bucket) Object(key string) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	return o, ok
}

// Keys lists what was kept.
func (b *Bucket) Keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var keys []string
	for k := range b.objects {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Published is one message of a Topic.
type Published struct {
	ID, Subject, Body string
	Attributes        map[string]string
}

// Topic is a delivery.Topic that remembers.
type Topic struct {
	mu   sync.Mutex
	sent []Published
}

// Publish is delivery.Topic's.
func (t *Topic) Publish(_ context.Context, subject, body string, attributes map[string]string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := fmt.Sprintf("message-%d", len(t.sent)+1)
	t.sent = append(t.sent, Published{id, subject, body, attributes})
	return id, nil
}

// Sent is every message, in order.
func (t *Topic) Sent() []Published {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.sent)
}

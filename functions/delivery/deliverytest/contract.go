package deliverytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"mfawatch/functions/delivery"
)

// start is when the contract's story begins. It lies ahead of the clock of any
// store that forgets rows by their time to live.
var start = time.Now().UTC().Truncate(time.Second).Add(time.Hour)

// contract is one store under test. Keys are made unlike any other run's, so
// that a table need not be empty.
type contract struct {
	*testing.T
	delivery.Store
	ctx context.Context
	run string
}

func (c contract) key(name string) string { return c.run + "#" + name }

func (c contract) lease(name, owner string, from, to time.Duration) delivery.Lease {
	return delivery.Lease{Key: c.key(name), Owner: owner, Now: start.Add(from), Until: start.Add(to), Expires: start.Add(24 * time.Hour)}
}

func (c contract) claim(name, owner string, rank int, from, to time.Duration) delivery.Answer {
	c.Helper()
	a, err := c.Claim(c.ctx, c.lease(name, owner, from, to), rank)
	if err != nil {
		c.Fatalf("claim %s for %s: %v", name, owner, err)
	}
	return a
}

func (c contract) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c contract) row(name string) delivery.Row {
	c.Helper()
	rows, err := c.State(c.ctx, []string{c.key(name)})
	c.must(err)
	return rows[c.key(name)]
}

// TestStore holds a store against delivery's contracts. An eventually
// consistent listing is given time.
func TestStore(t *testing.T, store delivery.Store) {
	for name, test := range map[string]func(contract){
		"a claim is one owner's":                oneOwner,
		"what was sent is not claimed again":    sentOnce,
		"a claim that ran out is taken over":    takenOver,
		"a late owner finds the claim lost":     lost,
		"what is worse is claimed again":        raised,
		"a repeated step is done once":          repeated,
		"a release lets the next one in":        released,
		"one of many at once gets the claim":    race,
		"a storm admits the first and no more":  admits,
		"a folded row is pending until sent":    folded,
		"a folded row that got worse is raised": foldedRaised,
		"a digest's claim is one owner's":       taken,
		"pages of what is pending are whole":    pages,
		"states of many keys":                   states,
	} {
		t.Run(name, func(t *testing.T) {
			test(contract{t, store, context.Background(), fmt.Sprintf("contract-%d", time.Now().UnixNano())})
		})
	}
}

func oneOwner(c contract) {
	first := c.claim("e", "a", 5, 0, time.Minute)
	if !first.Took || first.Expired || first.Row.Key != "" {
		c.Errorf("the first claim = %+v, want it taken and no row before", first)
	}
	second := c.claim("e", "b", 9, time.Second, time.Minute)
	if second.Took || second.Row.State != delivery.Claimed || second.Row.Owner != "a" || second.Row.Rank != 0 || !second.Row.Until.Equal(start.Add(time.Minute)) {
		c.Errorf("a second claim = %+v, want it refused with a's row", second)
	}
}

func sentOnce(c contract) {
	c.claim("e", "a", 5, 0, time.Minute)
	c.must(c.Send(c.ctx, c.lease("e", "a", 0, time.Minute), delivery.Mark{Rank: 5, Reason: "no-mfa", MessageID: "m-1"}))
	for _, rank := range []int{1, 5} {
		got := c.claim("e", "b", rank, time.Hour, 2*time.Hour)
		if got.Took || got.Row.State != delivery.Sent || !got.Row.Covers(rank) || got.Row.MessageID != "m-1" || got.Row.Reason != "no-mfa" {
			c.Errorf("a claim of rank %d after it was sent = %+v, want it refused as sent", rank, got)
		}
	}
	if r := c.row("e"); !r.Until.IsZero() || !r.Expires.Equal(start.Add(24*time.Hour)) {
		c.Errorf("the row = %+v, want no lease and to be forgotten after a day", r)
	}
}

func takenOver(c contract) {
	c.claim("e", "a", 5, 0, time.Minute)
	if c.claim("e", "b", 5, time.Minute, 2*time.Minute).Took {
		c.Error("a lease is taken at its very end, want only after it")
	}
	got := c.claim("e", "b", 5, time.Minute+time.Millisecond, 2*time.Minute)
	if !got.Took || !got.Expired || got.Row.Owner != "a" {
		c.Errorf("a claim after the lease ran out = %+v, want it taken from a", got)
	}
}

func lost(c contract) {
	c.claim("e", "a", 5, 0, time.Minute)
	c.claim("e", "b", 5, time.Hour, 2*time.Hour)
	late := c.lease("e", "a", 0, time.Minute)
	if err := c.Send(c.ctx, late, delivery.Mark{Rank: 5}); !errors.Is(err, delivery.ErrLost) {
		c.Errorf("a late Send = %v, want ErrLost", err)
	}
	if err := c.Fold(c.ctx, late, delivery.Mark{Rank: 5}, []byte("{}"), start); !errors.Is(err, delivery.ErrLost) {
		c.Errorf("a late Fold = %v, want ErrLost", err)
	}
	c.must(c.Release(c.ctx, late))
	if r := c.row("e"); r.Owner != "b" || !r.Until.Equal(start.Add(2*time.Hour)) || r.Rank != 0 {
		c.Errorf("the row = %+v, want b's claim untouched", r)
	}
	if err := c.Send(c.ctx, c.lease("never", "a", 0, time.Minute), delivery.Mark{Rank: 5}); !errors.Is(err, delivery.ErrLost) {
		c.Errorf("a Send of what nobody claimed = %v, want ErrLost", err)
	}
	if r := c.row("never"); r.Key != "" {
		c.Errorf("a Send of what nobody claimed made the row %+v", r)
	}
}

func raised(c contract) {
	c.claim("e", "a", 5, 0, time.Minute)
	c.must(c.Send(c.ctx, c.lease("e", "a", 0, time.Minute), delivery.Mark{Rank: 5, Reason: "mfa-not-recorded"}))
	got := c.claim("e", "b", 6, time.Second, time.Minute)
	if !got.Took || got.Expired || got.Row.Rank != 5 || got.Row.Reason != "mfa-not-recorded" {
		c.Errorf("a claim of something worse = %+v, want it taken, with what was sent before", got)
	}
	if mild := c.claim("e", "c", 5, 2*time.Second, time.Minute); mild.Took || !mild.Row.Covers(5) {
		c.Errorf("meanwhile what was sent is claimed: %+v, want it covered", mild)
	}
	if late := c.claim("e", "c", 5, time.Hour, 2*time.Hour); late.Took || !late.Row.Covers(5) {
		c.Errorf("after the worse one died what was sent is claimed: %+v, want it covered", late)
	}
	c.must(c.Send(c.ctx, c.lease("e", "b", 0, time.Minute), delivery.Mark{Rank: 6, Reason: "no-mfa"}))
	if r := c.row("e"); r.Rank != 6 || r.Reason != "no-mfa" || r.State != delivery.Sent {
		c.Errorf("the row = %+v, want the worse one sent", r)
	}
}

func repeated(c contract) {
	c.claim("e", "a", 5, 0, time.Minute)
	if again := c.claim("e", "a", 5, 0, time.Minute); !again.Took || again.Expired {
		c.Errorf("the same claim again = %+v, want it taken", again)
	}
	for range 2 {
		c.must(c.Send(c.ctx, c.lease("e", "a", 0, time.Minute), delivery.Mark{Rank: 5, MessageID: "m-1"}))
	}
	if again := c.claim("e", "a", 5, 0, time.Minute); again.Took {
		c.Errorf("a claim of the same owner after it was sent = %+v, want it refused", again)
	}
}

func released(c contract) {
	c.claim("e", "a", 5, 0, time.Minute)
	for range 2 {
		c.must(c.Release(c.ctx, c.lease("e", "a", 0, time.Minute)))
	}
	if got := c.claim("e", "b", 5, 0, time.Minute); !got.Took || got.Expired {
		c.Errorf("a claim after a release = %+v, want it taken, not as run out", got)
	}
	c.must(c.Release(c.ctx, c.lease("unknown", "a", 0, time.Minute)))
	if r := c.row("unknown"); r.Key != "" {
		c.Errorf("a release of nothing made the row %+v", r)
	}
}

func race(c contract) {
	const many = 16
	var wg sync.WaitGroup
	took := make([]bool, many)
	for i := range many {
		wg.Go(func() {
			a, err := c.Claim(c.ctx, c.lease("e", fmt.Sprint("owner", i), 0, time.Minute), 5)
			took[i] = err == nil && a.Took
		})
	}
	wg.Wait()
	if n := count(took); n != 1 {
		c.Errorf("%d of %d got the claim, want one", n, many)
	}
}

func count(bs []bool) (n int) {
	for _, b := range bs {
		if b {
			n++
		}
	}
	return n
}

func admits(c contract) {
	const many = 12
	var wg sync.WaitGroup
	in := make([]bool, many)
	for i := range many {
		wg.Go(func() {
			ok, err := c.Admit(c.ctx, c.key("slot"), fmt.Sprint("event", i), 3, start.Add(time.Hour))
			in[i] = err == nil && ok
		})
	}
	wg.Wait()
	if n := count(in); n != 3 {
		c.Errorf("%d admitted at once, want 3", n)
	}
	for i := range many {
		ok, err := c.Admit(c.ctx, c.key("slot"), fmt.Sprint("event", i), 3, start.Add(time.Hour))
		if err != nil || ok != in[i] {
			c.Errorf("event%d asked again = %v (error %v), want %v as before", i, ok, err, in[i])
		}
	}
	if ok, err := c.Admit(c.ctx, c.key("other slot"), "event99", 3, start.Add(time.Hour)); err != nil || !ok {
		c.Errorf("another slot admits %v (error %v), want yes", ok, err)
	}
}

// fold claims and folds a key, ready at a time.
func (c contract) fold(name string, rank int, alert string, ready time.Duration) {
	c.Helper()
	c.claim(name, "folder", rank, 0, time.Minute)
	c.must(c.Fold(c.ctx, c.lease(name, "folder", 0, time.Minute), delivery.Mark{Rank: rank, Reason: "no-mfa"}, []byte(alert), start.Add(ready)))
}

// pending lists this run's pending keys, through all pages. A listing may lag,
// so it is asked until it is as wanted or has had its time.
func (c contract) pending(at time.Duration, want ...string) []string {
	c.Helper()
	var got []string
	for range 20 {
		if got = c.list(at); slices.Equal(got, want) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return got
}

func (c contract) list(at time.Duration) []string {
	c.Helper()
	var all []string
	for after := ""; ; {
		keys, next, err := c.Pending(c.ctx, start.Add(at), after)
		c.must(err)
		for _, k := range keys {
			if name, ours := bytes.CutPrefix([]byte(k), []byte(c.run+"#")); ours {
				all = append(all, string(name))
			}
		}
		if next == "" {
			slices.Sort(all)
			return all
		}
		after = next
	}
}

func (c contract) wantPending(at time.Duration, want ...string) {
	c.Helper()
	if got := c.pending(at, want...); !slices.Equal(got, want) {
		c.Errorf("pending = %q, want %q", got, want)
	}
}

func folded(c contract) {
	c.fold("e", 5, `{"a":1}`, 10*time.Minute)
	c.claim("only claimed", "x", 5, 0, time.Minute)
	if got := c.claim("e", "b", 5, time.Hour, 2*time.Hour); got.Took || got.Row.State != delivery.Folded || !got.Row.Covers(5) {
		c.Errorf("a claim of what is folded = %+v, want it refused as folded", got)
	}
	c.wantPending(9 * time.Minute)
	c.wantPending(10*time.Minute, "e")
	l := c.lease("e", "flush", 9*time.Minute, 20*time.Minute)
	if _, ok, err := c.Take(c.ctx, l); err != nil || ok {
		c.Errorf("Take before it is ready = %v (error %v), want no", ok, err)
	}
	l = c.lease("e", "flush", 10*time.Minute, 20*time.Minute)
	row, ok, err := c.Take(c.ctx, l)
	if err != nil || !ok || string(row.Alert) != `{"a":1}` || row.Rank != 5 || row.Key != c.key("e") {
		c.Fatalf("Take = %+v, %v (error %v), want the alert", row, ok, err)
	}
	for range 2 {
		c.must(c.Send(c.ctx, l, delivery.Mark{Rank: 5, Reason: "no-mfa", MessageID: "m-9", Digest: "d"}))
	}
	c.wantPending(time.Hour)
	if r := c.row("e"); r.State != delivery.Sent || r.Digest != "d" || r.Alert != nil || !r.Ready.IsZero() {
		c.Errorf("the row = %+v, want it sent in the digest, its alert forgotten", r)
	}
	if _, ok, err := c.Take(c.ctx, c.lease("e", "late", time.Hour, 2*time.Hour)); err != nil || ok {
		c.Errorf("Take of what was sent = %v (error %v), want no", ok, err)
	}
	if _, ok, err := c.Take(c.ctx, c.lease("no such", "late", time.Hour, 2*time.Hour)); err != nil || ok || c.row("no such").Key != "" {
		c.Errorf("Take of what does not exist = %v (error %v), want no, and no row", ok, err)
	}
}

// What was held back stays pending while something worse is on its way, so that
// it is not lost when the worse one dies.
func foldedRaised(c contract) {
	c.fold("e", 5, `{"a":1}`, 0)
	got := c.claim("e", "worse", 6, time.Minute, 2*time.Minute)
	if !got.Took || got.Row.Rank != 5 || got.Expired {
		c.Errorf("a claim of something worse = %+v, want it taken", got)
	}
	if _, ok, _ := c.Take(c.ctx, c.lease("e", "flush", time.Minute, time.Hour)); ok {
		c.Error("Take meanwhile = yes, want no: it is claimed")
	}
	row, ok, err := c.Take(c.ctx, c.lease("e", "flush", 3*time.Minute, time.Hour))
	if err != nil || !ok || string(row.Alert) != `{"a":1}` {
		c.Errorf("Take after the worse one died = %+v, %v (error %v), want what was held back", row, ok, err)
	}
	c.claim("e", "worse again", 6, 2*time.Hour, 3*time.Hour)
	c.must(c.Send(c.ctx, c.lease("e", "worse again", 0, 0), delivery.Mark{Rank: 6, Reason: "no-mfa"}))
	c.wantPending(24 * time.Hour)
}

func taken(c contract) {
	c.fold("e", 5, `{}`, 0)
	first := c.lease("e", "f1", time.Minute, 2*time.Minute)
	if _, ok, err := c.Take(c.ctx, first); err != nil || !ok {
		c.Fatalf("Take = %v (error %v), want yes", ok, err)
	}
	if _, ok, err := c.Take(c.ctx, c.lease("e", "f2", time.Minute+time.Second, 2*time.Minute)); err != nil || ok {
		c.Errorf("a second Take = %v (error %v), want no", ok, err)
	}
	if got := c.claim("e", "worse", 9, time.Minute+time.Second, 2*time.Minute); got.Took {
		c.Errorf("a claim while a digest is under way = %+v, want it refused", got)
	}
	if row, ok, err := c.Take(c.ctx, first); err != nil || !ok || row.Key == "" {
		c.Errorf("the same Take again = %v (error %v), want yes", ok, err)
	}
	if _, ok, err := c.Take(c.ctx, c.lease("e", "f2", 3*time.Minute, 4*time.Minute)); err != nil || !ok {
		c.Errorf("Take after it ran out = %v (error %v), want yes", ok, err)
	}
	if err := c.Send(c.ctx, first, delivery.Mark{Rank: 5}); !errors.Is(err, delivery.ErrLost) {
		c.Errorf("the first one's Send = %v, want ErrLost", err)
	}
}

func pages(c contract) {
	var want []string
	for i := range 130 {
		name := fmt.Sprintf("e%03d", i)
		c.fold(name, 5, `{}`, time.Duration(i%2)*time.Hour)
		if i%2 == 0 {
			want = append(want, name)
		}
	}
	c.wantPending(time.Minute, want...)
}

func states(c contract) {
	var keys []string
	for i := range 120 {
		name := fmt.Sprint("e", i)
		keys = append(keys, c.key(name), c.key(name)) // twice: a reconciler does not care
		if i%3 == 0 {
			c.claim(name, "a", 5, 0, time.Minute)
		}
	}
	rows, err := c.State(c.ctx, keys)
	c.must(err)
	if len(rows) != 40 || rows[c.key("e3")].State != delivery.Claimed || rows[c.key("e4")].Key != "" {
		c.Errorf("%d rows, want the 40 that exist", len(rows))
	}
	if none, err := c.State(c.ctx, nil); err != nil || len(none) != 0 {
		c.Errorf("states of nothing = %v (error %v)", none, err)
	}
}

// TestEvidence holds a place for evidence against its contract. read gives what
// is at an address.
func TestEvidence(t *testing.T, e delivery.Evidence, read func(uri string) ([]byte, error)) {
	ctx := context.Background()
	key := fmt.Sprintf("evidence/111122223333/2026/11/20/contract-%d.no-mfa.json", time.Now().UnixNano())
	keep := func(body string) string {
		t.Helper()
		uri, err := e.Keep(ctx, key, []byte(body))
		if err != nil {
			t.Fatalf("Keep: %v", err)
		}
		if got, err := read(uri); err != nil || string(got) != body {
			t.Errorf("%s holds %q (error %v), want %q", uri, got, err, body)
		}
		return uri
	}
	first := keep(`{"a":1}`)
	if again := keep(`{"a":1}`); again != first {
		t.Errorf("the same again is at %s, want %s", again, first)
	}
	other := keep(`{"a":2}`)
	if other == first {
		t.Errorf("another body is at the same place %s", other)
	}
	if again := keep(`{"a":2}`); again != other {
		t.Errorf("the other again is at %s, want %s", again, other)
	}
	if got, err := read(first); err != nil || string(got) != `{"a":1}` {
		t.Errorf("the first holds %q (error %v), want it untouched", got, err)
	}
}

package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
)

// TestDoor plays the door over a new store each time: many with one code at once,
// guesses until a device locks, and so many rounds at random.
func TestDoor(t *testing.T, store func(*testing.T) breakglass.Store, rounds int) {
	t.Run("64 at once with one code", func(t *testing.T) { oneCode(t, store(t)) })
	t.Run("one code for three requests", func(t *testing.T) { threeRequests(t, store(t)) })
	t.Run("the whole way", func(t *testing.T) { wholeWay(t, store(t)) })
	t.Run("guesses lock, and two unlock", func(t *testing.T) { Guesses(t, store(t), 60) })
	for seed := range rounds {
		t.Run(fmt.Sprint("play ", seed), func(t *testing.T) { Play(t, store(t), uint64(seed), 250) })
	}
}

// opening is ada's request that bob has approved.
func opening(t *testing.T, c *Cast, d *breakglass.Door, now time.Time) breakglass.Request {
	t.Helper()
	r, err := d.Ask(t.Context(), As("ada"), Ask("admin", int(now.Unix())), now)
	if err == nil {
		r, err = d.Approve(t.Context(), As("bob"), r.ID, c.Now("bob-totp", now), now)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func oneCode(t *testing.T, store breakglass.Store) {
	c := NewCast(t)
	d := c.Door(store)
	r := opening(t, c, d, Start)
	started := time.Now()
	var wait sync.WaitGroup
	var mutex sync.Mutex
	granted, refused := 0, 0
	for range 64 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			g, err := d.Use(t.Context(), As("ada"), r.ID, c.Now("ada-totp", Start), Start)
			mutex.Lock()
			defer mutex.Unlock()
			refusal := (*breakglass.Refusal)(nil)
			switch {
			case errors.As(err, &refusal):
				refused++
			case err != nil:
				t.Error(err)
			default:
				granted++
				if g.Again > 0 {
					t.Errorf("one of many at once was handed the grant again")
				}
			}
		}()
	}
	wait.Wait()
	t.Logf("64 at once: %d granted, %d refused, in %v", granted, refused, time.Since(started))
	used := 0
	for _, e := range Entries(t, store) {
		if e.What == record.Used && e.Outcome == record.Done {
			used++
		}
	}
	if granted != 1 || used != 1 || granted+refused != 64 {
		t.Errorf("of 64 with one code %d were granted; the record has %d grants", granted, used)
	}
}

// threeRequests are ready, and one code is shown for all of them at once.
func threeRequests(t *testing.T, store breakglass.Store) {
	c := NewCast(t)
	d := c.Door(store)
	var requests []string
	for n := range 3 {
		now := Start.Add(time.Duration(n-3) * time.Minute)
		requests = append(requests, opening(t, c, d, now).ID)
	}
	var wait sync.WaitGroup
	var mutex sync.Mutex
	granted := map[string]int{}
	for i := range 12 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			g, err := d.Use(t.Context(), As("ada"), requests[i%3], c.Now("ada-totp", Start), Start)
			refusal := (*breakglass.Refusal)(nil)
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil && !errors.As(err, &refusal) {
				t.Error(err)
			}
			if err == nil {
				granted[g.Request]++
			}
		}()
	}
	wait.Wait()
	if len(granted) != 1 || granted[requests[0]]+granted[requests[1]]+granted[requests[2]] != 1 {
		t.Errorf("one code for three requests granted %v", granted)
	}
}

// wholeWay tells how long the machine takes from request to credentials, both people
// being ready.
func wholeWay(t *testing.T, store breakglass.Store) {
	c := NewCast(t)
	d := c.Door(store)
	started := time.Now()
	r := opening(t, c, d, Start)
	g, err := d.Use(t.Context(), As("ada"), r.ID, c.Now("ada-totp", Start), Start)
	if err == nil {
		err = d.Issued(t.Context(), g, g.Until, Start)
	}
	t.Logf("from request to credentials: %v", time.Since(started))
	if err != nil {
		t.Error(err)
	}
}

// Guesses makes so many wrong guesses at ada's device: 20 are compared. Two people
// unlock it, and ada gets in.
func Guesses(t *testing.T, store breakglass.Store, n int) {
	c := NewCast(t)
	c.Rules.Use = 24 * time.Hour
	d, now := c.Door(store), Start
	r := opening(t, c, d, now)
	answers := map[breakglass.Reason]int{}
	for range n {
		_, err := d.Use(t.Context(), As("ada"), r.ID, c.Wrong("ada-totp", now), now)
		refusal := (*breakglass.Refusal)(nil)
		if !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if answers[refusal.Reason]++; refusal.Reason == breakglass.Wait || refusal.Reason == breakglass.TooOften {
			now = refusal.Until
		}
	}
	often := answers[breakglass.TooOften]
	if answers[breakglass.NotAccepted] != 20 || answers[breakglass.Locked] != n-20-answers[breakglass.Wait]-often {
		t.Errorf("%d guesses are answered %v, want 20 compared and then locked", n, answers)
	}
	for i, who := range []string{"bob", "cyd"} {
		unlocked, err := d.Unlock(t.Context(), As(who), "ada-totp", c.Now(who+"-totp", now), now)
		if err != nil || unlocked != (i == 1) {
			t.Fatalf("%s unlocks: %v, %v", who, unlocked, err)
		}
	}
	if _, err := d.Use(t.Context(), As("ada"), r.ID, c.Now("ada-totp", now), now); err != nil {
		t.Errorf("after unlocking: %v", err)
	}
	if got := len(Entries(t, store)); got < n+5 { // for those that came too often one each, when their minute is over
		t.Errorf("the record has %d entries of %d guesses", got, n)
	}
}

// Entries are a store's record, which must hold together.
func Entries(t testing.TB, store breakglass.Store) (all []record.Entry) {
	t.Helper()
	lines := linesOf(t, store, 1)
	if _, err := record.Verify("main", lines, nil, nil); err != nil {
		t.Fatalf("the record: %v", err)
	}
	for _, line := range lines {
		e, err := record.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func linesOf(t testing.TB, store breakglass.Store, from int64) (lines [][]byte) {
	t.Helper()
	d := &breakglass.Door{Store: store}
	for {
		more, err := d.Lines(t.Context(), from+int64(len(lines)), 100)
		if err != nil {
			t.Fatal(err)
		}
		if lines = append(lines, more...); len(more) < 50 {
			return lines
		}
	}
}

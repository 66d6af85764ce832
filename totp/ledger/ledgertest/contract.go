// Package ledgertest holds a ledger's stores to their contract, with many callers at
// once, and has a store in memory for the tests of who uses one.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
)

// Memory is a store that forgets with the process.
type Memory struct {
	mutex sync.Mutex
	Rows  map[string][]byte
	Fail  func(key string) error // asked before each update; nil never fails
}

// Update changes a row: ledger.Store.
func (m *Memory) Update(_ context.Context, key string, change func([]byte) ([]byte, error)) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.Fail != nil {
		if err := m.Fail(key); err != nil {
			return err
		}
	}
	row, err := change(slices.Clone(m.Rows[key]))
	if err != nil {
		return err
	}
	if m.Rows == nil {
		m.Rows = map[string][]byte{}
	}
	m.Rows[key] = row
	return nil
}

// contract is one store under test. Keys are made unlike any other run's, so that it
// need not be empty.
type contract struct {
	*testing.T
	ledger.Store
	ctx context.Context
	run string
}

// callers is how many ask at once.
const callers = 64

// start is a time in the middle of a step and at the beginning of three minutes.
var start = time.Unix(1_800_000_000, 0).Add(5 * time.Second)

// TestStore holds a store to the contract, alone and under a ledger.
func TestStore(t *testing.T, store ledger.Store) {
	for name, test := range map[string]func(contract){
		"a row is kept":                       kept,
		"a refused change keeps nothing":      refused,
		"keys are apart":                      apart,
		"no change of many at once is lost":   none,
		"a code is accepted once of many":     once,
		"an older code is refused":            older,
		"guesses at once are all counted":     counted,
		"a clock that was ahead locks nobody": ahead,
		"a counter grows":                     counter,
		"a step is leased once of many":       leased,
		"a counter is leased once of many":    leasedCounter,
		"a lease that is returned is free":    returned,
		"what was ended is told and not kept": ended,
	} {
		t.Run(name, func(t *testing.T) {
			test(contract{t, store, t.Context(), fmt.Sprintf("contract-%d", time.Now().UnixNano())})
		})
	}
}

func (c contract) write(key, text string) (before string, existed bool) {
	c.Helper()
	err := c.Update(c.ctx, c.run+key, func(old []byte) ([]byte, error) {
		before, existed = string(old), old != nil
		return []byte(text), nil
	})
	if err != nil {
		c.Fatalf("update %s: %v", key, err)
	}
	return before, existed
}

func kept(c contract) {
	for i, text := range []string{"one", "two", `{"three":"\u0000 é"}`} {
		before, existed := c.write("k", text)
		if want := []string{"", "one", "two"}[i]; before != want || existed != (i > 0) {
			c.Errorf("before %s: %q, %v, want %q", text, before, existed, want)
		}
	}
}

func refused(c contract) {
	own := errors.New("own")
	for _, there := range []bool{false, true} {
		err := c.Update(c.ctx, c.run+"k", func([]byte) ([]byte, error) { return []byte("x"), own })
		if err != own {
			c.Errorf("a refused change = %v, want the refusal itself", err)
		}
		if before, existed := c.write("k", "kept"); existed != there || there && before != "kept" {
			c.Errorf("after a refused change the row is %q, %v", before, existed)
		}
	}
}

func apart(c contract) {
	c.write("a", "1")
	c.write("b", "2")
	if a, _ := c.write("a", "3"); a != "1" {
		c.Errorf("row a = %q, want 1", a)
	}
}

// many runs callers at once and returns the errors of those that failed.
func (c contract) many(do func(i int) error) []error {
	var wait sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wait.Add(1)
		go func() { defer wait.Done(); errs[i] = do(i) }()
	}
	wait.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func none(c contract) {
	errs := c.many(func(int) error {
		return c.Update(c.ctx, c.run+"n", func(old []byte) ([]byte, error) {
			n, _ := strconv.Atoi(string(old))
			return []byte(strconv.Itoa(n + 1)), nil
		})
	})
	if n, _ := c.write("n", ""); len(errs) != 0 || n != strconv.Itoa(callers) {
		c.Errorf("%d additions at once make %s, errors %v", callers, n, errs)
	}
}

func (c contract) key(kind totp.Kind) totp.Key {
	c.Helper()
	k, err := totp.New(totp.Settings{Kind: kind, Account: "ada"}, []byte("12345678901234567890"))
	if err != nil {
		c.Fatal(err)
	}
	return k
}

func (c contract) code(k totp.Key, step int64) string {
	c.Helper()
	code, err := k.At(step)
	if err != nil {
		c.Fatal(err)
	}
	return code
}

// begun is an attempt, so that all of many compare before one of them spends.
func once(c contract) {
	k, v := c.key(totp.TOTP), ledger.Verifier{Store: c.Store, Slack: 1}
	step, _ := k.Step(start)
	var attempts []ledger.Attempt
	for range 5 {
		a, err := v.Begin(c.ctx, c.run, k, start)
		if err != nil {
			c.Fatal(err)
		}
		attempts = append(attempts, a)
	}
	errs := c.many(func(i int) error { return v.Spend(c.ctx, attempts[i%5], k, totp.Match{Step: step}) })
	replayed := 0
	for _, err := range errs {
		if errors.Is(err, totp.ErrReplayed) {
			replayed++
		}
	}
	if len(errs) != callers-1 || replayed != len(errs) {
		c.Errorf("of %d at once, %d were refused, %d as replayed: %v", callers, len(errs), replayed, errs)
	}
}

func older(c contract) {
	k, v := c.key(totp.TOTP), ledger.Verifier{Store: c.Store, Slack: 1}
	step, _ := k.Step(start)
	for _, try := range []struct {
		step int64
		want error
	}{{step, nil}, {step, totp.ErrReplayed}, {step - 1, totp.ErrReplayed}, {step + 1, nil}, {step, totp.ErrReplayed}} {
		m, err := v.Check(c.ctx, c.run, k, c.code(k, try.step), start)
		if !errors.Is(err, try.want) || err == nil && m.Step != try.step {
			c.Errorf("Check of step %d = %+v, %v, want %v", try.step-step, m, err, try.want)
		}
	}
}

func counted(c contract) {
	k, v := c.key(totp.TOTP), ledger.Verifier{Store: c.Store}
	step, _ := k.Step(start)
	wrong := c.code(k, step+5000)
	errs := c.many(func(int) error { _, err := v.Check(c.ctx, c.run, k, wrong, start); return err })
	compared := 0
	for _, err := range errs {
		if errors.Is(err, totp.ErrNoMatch) {
			compared++
		}
	}
	if len(errs) != callers || compared != 5 {
		c.Errorf("of %d wrong guesses at once %d were refused and %d compared, want 5: %v", callers, len(errs), compared, errs)
	}
}

// ahead has five wrong codes of now and one of a clock that is a day ahead: the next wait is
// as long as after six of now, and does not begin again with each attempt. A clock that is
// ahead by less than two minutes counts as it says.
func ahead(c contract) {
	k, v := c.key(totp.TOTP), ledger.Verifier{Store: c.Store}
	for _, off := range []time.Duration{24 * time.Hour, 2*time.Minute + time.Millisecond, 2 * time.Minute} {
		id := c.run + off.String()
		step, _ := k.Step(start)
		for i := range 6 {
			now := start
			if i == 5 {
				now = start.Add(off)
			}
			if _, err := v.Check(c.ctx, id, k, c.code(k, step+500_000), now); !errors.Is(err, totp.ErrNoMatch) {
				c.Fatal(err)
			}
		}
		want := start.Add(time.Minute)
		if off <= 2*time.Minute {
			want = want.Add(off)
		}
		for _, now := range []time.Time{start, start.Add(30 * time.Second), want.Add(-time.Millisecond)} {
			later := (*ledger.Later)(nil)
			if _, err := v.Begin(c.ctx, id, k, now); !errors.As(err, &later) || !later.Until.Equal(want) {
				c.Errorf("a clock was ahead by %v: at %v %v, want to wait until %v", off, now, err, want)
			}
		}
		if _, err := v.Begin(c.ctx, id, k, want); err != nil {
			c.Errorf("a clock was ahead by %v: when the wait is over: %v", off, err)
		}
	}
}

func counter(c contract) {
	k, v := c.key(totp.HOTP), ledger.Verifier{Store: c.Store, Slack: 3}
	for _, try := range []struct {
		counter int64
		want    error
	}{{0, nil}, {0, totp.ErrNoMatch}, {2, nil}, {1, totp.ErrNoMatch}, {3, nil}} {
		if _, err := v.Check(c.ctx, c.run, k, c.code(k, try.counter), start); !errors.Is(err, try.want) {
			c.Errorf("Check of counter %d = %v, want %v", try.counter, err, try.want)
		}
	}
}

// leases have many ask at once, of whom so many get a step, each another one, and the
// rest are told to come later.
func (c contract) leases(k totp.Key, most int) {
	c.Helper()
	p := ledger.Prover{Store: c.Store}
	steps := make([]int64, callers)
	errs := c.many(func(i int) error {
		l, err := p.Lease(c.ctx, k, ledger.Request{Device: c.run, Owner: strconv.Itoa(i), Purpose: ledger.Code}, start)
		steps[i] = l.Step
		if err != nil {
			steps[i] = -1
		}
		return err
	})
	steps = slices.DeleteFunc(steps, func(step int64) bool { return step < 0 })
	slices.Sort(steps)
	if len(steps) != most || len(slices.Compact(slices.Clone(steps))) != most {
		c.Errorf("%d leases at once are of the steps %v, want %d different ones", callers, steps, most)
	}
	for _, err := range errs {
		if later := (*ledger.Later)(nil); !errors.As(err, &later) {
			c.Errorf("a lease that came too late: %v", err)
		}
	}
}

// stepsAhead are how many steps are leased at the most: the present one, and forty.
const stepsAhead = 41

func leased(c contract)        { c.leases(c.key(totp.TOTP), stepsAhead) }
func leasedCounter(c contract) { c.leases(c.key(totp.HOTP), callers) }

func returned(c contract) {
	k, p := c.key(totp.TOTP), ledger.Prover{Store: c.Store}
	lease := func(owner string) ledger.Lease {
		l, err := p.Lease(c.ctx, k, ledger.Request{Device: c.run, Owner: owner, Purpose: ledger.Session}, start)
		if err != nil {
			c.Fatal(err)
		}
		return l
	}
	a, b := lease("a"), lease("b")
	if err := p.Return(c.ctx, a); err != nil {
		c.Fatal(err)
	}
	if third := lease("c"); b.Step != a.Step+1 || third.Step != a.Step {
		c.Errorf("a has %d, b %d, and after a's return c %d", a.Step, b.Step, third.Step)
	}
}

func ended(c contract) {
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	if _, isMemory := c.Store.(*Memory); isMemory {
		return // it waits for nobody
	}
	if err := c.Update(ctx, c.run+"k", func([]byte) ([]byte, error) { return []byte("x"), nil }); !errors.Is(err, context.Canceled) {
		c.Errorf("an update under a context that ended = %v, want that it is cancelled", err)
	}
	if before, existed := c.write("k", "y"); existed {
		c.Errorf("an update under a context that ended kept %q", before)
	}
}

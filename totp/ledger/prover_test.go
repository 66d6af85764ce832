package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
)

type proving struct {
	*testing.T
	ledger.Prover
	k totp.Key
}

func prove(t *testing.T) proving {
	return proving{t, ledger.Prover{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{})}
}

func (p proving) lease(owner string, what ledger.Purpose, now time.Time) ledger.Lease {
	p.Helper()
	l, err := p.Lease(p.Context(), p.k, ledger.Request{Device: "d", Owner: owner, Purpose: what}, now)
	if err != nil {
		p.Fatalf("lease for %s: %v", owner, err)
	}
	return l
}

func (p proving) want(l ledger.Lease, step int64, from, until time.Time) {
	p.Helper()
	if l.Step != present+step || !l.From.Equal(from) || !l.Until.Equal(until) {
		p.Errorf("%s has step %d from %v until %v, want %d, %v, %v", l.Owner, l.Step-present, l.From, l.Until, step, from, until)
	}
}

func TestTheOtherWaitsForTheNext(t *testing.T) {
	p := prove(t)
	p.want(p.lease("a", ledger.Code, start), 0, start, p.k.Starts(present+1))
	p.want(p.lease("b", ledger.Session, start), 1, p.k.Starts(present+1), p.k.Starts(present+2))
	p.want(p.lease("c", ledger.Device, start), 2, p.k.Starts(present+3), p.k.Starts(present+4))
	p.want(p.lease("d", ledger.Code, start), 4, p.k.Starts(present+4), p.k.Starts(present+5))
	other, err := p.Lease(t.Context(), p.k, ledger.Request{Device: "other", Owner: "a", Purpose: ledger.Code}, start)
	if err != nil || other.Step != present {
		t.Errorf("another device's lease = %+v, %v, want the present step", other, err)
	}
}

func TestRemains(t *testing.T) {
	for remains, step := range map[time.Duration]int64{0: 0, 25 * time.Second: 0, 25*time.Second + 1: 1, 30 * time.Second: 1} {
		p := prove(t)
		l, err := p.Lease(t.Context(), p.k, ledger.Request{Device: "d", Owner: "a", Purpose: ledger.Session, Remains: remains}, start)
		if err != nil || l.Step != present+step {
			t.Errorf("a code that is good for %v more has step %d, %v, want %d", remains, l.Step-present, err, step)
		}
	}
}

// TestPatience: what begins too late is not leased, whoever asks how often, and the time
// that is told is the first at which it is.
func TestPatience(t *testing.T) {
	p := prove(t)
	p.lease("a", ledger.Code, start)
	next := p.k.Starts(present + 1)
	ask := func(patience time.Duration, now time.Time) (ledger.Lease, error) {
		return p.Lease(t.Context(), p.k, ledger.Request{Device: "d", Owner: "b", Purpose: ledger.Code, Patience: patience}, now)
	}
	for range 3 {
		var early *ledger.Later
		if _, err := ask(20*time.Second, start); !errors.As(err, &early) || !early.Until.Equal(next.Add(-20*time.Second)) || !strings.Contains(err.Error(), "device d") {
			t.Fatalf("a lease that begins in 25 s, with patience for 20 = %v, want that it is asked for in 5", err)
		}
	}
	l, err := ask(20*time.Second, next.Add(-20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	p.want(l, 1, next, p.k.Starts(present+2))
}

func TestRequestsAreChecked(t *testing.T) {
	p := prove(t)
	good := ledger.Request{Device: "d", Owner: "a", Purpose: ledger.Code}
	for want, change := range map[string]func(*ledger.Request){
		"a device and an owner": func(q *ledger.Request) { q.Device = "" }, "needs a device and an owner": func(q *ledger.Request) { q.Owner = "" },
		"purpose": func(q *ledger.Request) { q.Purpose = "x" }, "period is 30": func(q *ledger.Request) { q.Remains = 30*time.Second + 1 },
		"good for -1": func(q *ledger.Request) { q.Remains = -1 }, "wait for -1": func(q *ledger.Request) { q.Patience = -1 },
	} {
		q := good
		change(&q)
		if _, err := p.Lease(t.Context(), p.k, q, start); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Lease(%+v) = %v, want an error about: %s", q, err, want)
		}
	}
	if _, err := p.Lease(t.Context(), p.k, good, time.Unix(-1, 0)); err == nil || !strings.Contains(err.Error(), "1970") {
		t.Errorf("a lease before 1970 = %v", err)
	}
	session := good
	session.Purpose = ledger.Session
	if _, err := p.Lease(t.Context(), newKey(t, totp.Settings{Kind: totp.HOTP}), session, start); err == nil || !strings.Contains(err.Error(), "counters") {
		t.Errorf("a counter for AWS = %v, want it refused", err)
	}
}

func TestCountersAreLeasedOnce(t *testing.T) {
	p := prove(t)
	p.k = newKey(t, totp.Settings{Kind: totp.HOTP, Counter: 3})
	for want := int64(3); want < 6; want++ {
		for range 2 { // to look at it takes nothing
			if next, err := p.Counter(t.Context(), p.k, "d"); err != nil || next != want {
				t.Errorf("next counter %d, %v, want %d", next, err, want)
			}
		}
		if l := p.lease("a", ledger.Code, start); l.Step != want {
			t.Errorf("counter %d, want %d", l.Step, want)
		}
	}
	if _, err := p.Counter(t.Context(), newKey(t, totp.Settings{}), "d"); err == nil || !strings.Contains(err.Error(), "only an hotp key") {
		t.Errorf("the counter of a key of time: %v", err)
	}
}

// brokenStore fails before it reads.
type brokenStore struct{}

func (brokenStore) Update(context.Context, string, func([]byte) ([]byte, error)) error {
	return errors.New("the disk is gone")
}

func TestCounterOfABrokenStore(t *testing.T) {
	p := ledger.Prover{Store: brokenStore{}}
	if _, err := p.Counter(t.Context(), newKey(t, totp.Settings{Kind: totp.HOTP}), "d"); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("error %v", err)
	}
}

// TestWhatSpendsALease: time spends a code's lease, AWS's answer the others'.
func TestWhatSpendsALease(t *testing.T) {
	p := prove(t)
	code, session := p.lease("a", ledger.Code, start), p.lease("b", ledger.Session, start)
	if err := p.Return(t.Context(), code); !errors.Is(err, ledger.ErrSpent) {
		t.Errorf("Return of a code = %v, want it spent", err)
	}
	stranger := session
	stranger.Owner = "c"
	for what, err := range map[string]error{"Return": p.Return(t.Context(), stranger), "Answered": p.Answered(t.Context(), stranger, start)} {
		if !errors.Is(err, ledger.ErrNotHeld) || !strings.Contains(err.Error(), "device d") {
			t.Errorf("%s of another's lease = %v, want it not held", what, err)
		}
	}
	if err := p.Return(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if err := p.Return(t.Context(), session); !errors.Is(err, ledger.ErrNotHeld) {
		t.Errorf("Return twice = %v, want it not held", err)
	}
	again := p.lease("b", ledger.Session, start)
	p.want(again, 1, p.k.Starts(present+1), p.k.Starts(present+2))
	for range 2 {
		if err := p.Answered(t.Context(), again, again.From); err != nil {
			t.Errorf("Answered = %v, also twice", err)
		}
	}
	if err := p.Return(t.Context(), again); !errors.Is(err, ledger.ErrSpent) {
		t.Errorf("Return after AWS answered = %v, want it spent", err)
	}
	if l := p.lease("c", ledger.Session, start); l.Step != present+2 {
		t.Errorf("after AWS answered the next lease is of %d, want 2", l.Step-present)
	}
}

// TestBudget: a tenth verification waits for the next three minutes.
func TestBudget(t *testing.T) {
	p := prove(t)
	for i := range 9 { // AWS did not answer: the step is free, and the verification perhaps counted
		l := p.lease("a", ledger.Session, start)
		if l.Step != present {
			t.Fatalf("lease %d is of step %d, want the present", i, l.Step-present)
		}
		if err := p.Return(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	p.want(p.lease("b", ledger.Session, start), 6, p.k.Starts(present+6), p.k.Starts(present+7))
	if next := p.lease("c", ledger.Session, p.k.Starts(present+6)); next.Step != present+7 {
		t.Errorf("in the next three minutes the lease is of %d, want 7", next.Step-present)
	}
}

func TestBudgetOfTwoCodes(t *testing.T) {
	p := prove(t)
	for range 4 { // eight verifications
		if err := p.Return(t.Context(), p.lease("a", ledger.Device, start)); err != nil {
			t.Fatal(err)
		}
	}
	// Two more are one too many; one fits. A device's codes are shown with the second.
	p.want(p.lease("b", ledger.Device, start), 5, p.k.Starts(present+6), p.k.Starts(present+7))
	p.want(p.lease("c", ledger.Session, start), 0, start, p.k.Starts(present+1))
}

// TestACodeMayBeTypedLate: a code that a person has counts as long as AWS takes it.
func TestACodeMayBeTypedLate(t *testing.T) {
	p := prove(t)
	p.Budget = 1
	late := p.k.Starts(present + 4) // AWS takes it for two steps more, into the next three minutes
	p.want(p.lease("a", ledger.Code, late), 4, late, p.k.Starts(present+5))
	p.want(p.lease("b", ledger.Session, late), 12, p.k.Starts(present+12), p.k.Starts(present+13))
	q := prove(t)
	q.Budget = 1
	q.want(q.lease("a", ledger.Code, q.k.Starts(present+3)), 3, q.k.Starts(present+3), q.k.Starts(present+4))
	q.want(q.lease("b", ledger.Session, late), 6, q.k.Starts(present+6), q.k.Starts(present+7))
}

// TestAnAnswerSaysWhen: what AWS answered late was counted late.
func TestAnAnswerSaysWhen(t *testing.T) {
	p := prove(t)
	p.Budget = 1
	l := p.lease("a", ledger.Session, start)
	if err := p.Answered(t.Context(), l, p.k.Starts(present+6)); err != nil {
		t.Fatal(err)
	}
	p.want(p.lease("b", ledger.Session, start), 1, p.k.Starts(present+1), p.k.Starts(present+2))
	p.want(p.lease("c", ledger.Session, start), 12, p.k.Starts(present+12), p.k.Starts(present+13))
}

func TestNothingLeftIsLater(t *testing.T) {
	p := prove(t)
	for i := range 41 {
		p.Budget = 99
		if l := p.lease(fmt.Sprint(i), ledger.Session, start); l.Step != present+int64(i) {
			t.Fatalf("lease %d is of step %d", i, l.Step-present)
		}
	}
	_, err := p.Lease(t.Context(), p.k, ledger.Request{Device: "d", Owner: "x", Purpose: ledger.Session}, start)
	later := (*ledger.Later)(nil)
	if !errors.As(err, &later) || !later.Until.Equal(p.k.Starts(present+1)) || !strings.Contains(err.Error(), "2027-01-15T08:00:30Z") {
		t.Errorf("a lease where all are taken = %v, want it later", err)
	}
}

func TestAClockThatGoesBack(t *testing.T) {
	p := prove(t)
	first := p.lease("a", ledger.Code, start)
	p.lease("a", ledger.Code, start.Add(10*time.Minute)) // forgets the first
	if l := p.lease("b", ledger.Code, start); l.Step <= first.Step {
		t.Errorf("a clock that was set back gets step %d again", l.Step-present)
	}
	p.lease("a", ledger.Code, start.AddDate(1, 0, 0))
	p.lease("a", ledger.Code, start.AddDate(2, 0, 0))
	_, err := p.Lease(t.Context(), p.k, ledger.Request{Device: "d", Owner: "x", Purpose: ledger.Code}, start)
	if err == nil || !strings.Contains(err.Error(), "2028-01-15T08:00:00Z") {
		t.Errorf("a lease long after a wrong clock = %v, want that it is said", err)
	}
}

func TestAnotherPeriod(t *testing.T) {
	p := prove(t)
	for range 3 {
		p.lease("a", ledger.Code, start)
	}
	old := p.k
	p.k = newKey(t, totp.Settings{Period: 60})
	l := p.lease("b", ledger.Code, start)
	if l.Step != 30_000_002 || !p.k.Starts(l.Step).Equal(old.Starts(present+4)) {
		t.Errorf("with another period a code of %v is leased, and codes up to %v were", p.k.Starts(l.Step), old.Starts(present+3))
	}
	second := prove(t)
	second.k = newKey(t, totp.Settings{Period: 1})
	second.lease("a", ledger.Session, second.k.Starts(1_800_000_000))
	second.k = old
	if l := second.lease("b", ledger.Session, old.Starts(present)); l.Step != present+1 {
		t.Errorf("after a code of one second the one of 30 s is of %d, want 1: the second is in the first", l.Step-present)
	}
	q := prove(t)
	q.Budget = 3
	q.lease("a", ledger.Session, start)
	q.lease("a", ledger.Session, start)
	q.k = p.k
	if l := q.lease("b", ledger.Session, start); l.Step != 30_000_001 {
		t.Errorf("after two codes of 30 s the one of 60 s is of %d, want the next", l.Step)
	}
	if l := q.lease("c", ledger.Session, start); l.Step != 30_000_003 {
		t.Errorf("what was leased by another period is not counted: step %d, want the next three minutes", l.Step)
	}
}

func TestProverFloor(t *testing.T) {
	p := prove(t)
	p.Floor = start
	p.want(p.lease("a", ledger.Session, start), 1, p.k.Starts(present+1), p.k.Starts(present+2))
}

// TestNoStepTwice plays callers at random: who holds a step holds it alone, nobody gets
// one that was spent, and in no three minutes is AWS asked more than nine times.
func TestNoStepTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		p := prove(t)
		now, spent := start, map[int64]string{}
		var open []ledger.Lease
		asked := map[int64]int64{}
		for i := range 60 {
			now = now.Add(time.Duration(r.Int64N(40)) * time.Second)
			what := []ledger.Purpose{ledger.Code, ledger.Device, ledger.Session}[r.IntN(3)]
			l, err := p.Lease(t.Context(), p.k, ledger.Request{Device: "d", Owner: fmt.Sprint(i), Purpose: what}, now)
			if later := (*ledger.Later)(nil); errors.As(err, &later) {
				now = later.Until
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			steps := []int64{l.Step}
			if what == ledger.Device {
				steps = append(steps, l.Step+1)
			}
			for _, s := range steps {
				if by := spent[s]; by != "" {
					t.Fatalf("step %d of %s is leased to %s", s, by, l.Owner)
				}
				spent[s] = l.Owner
			}
			asked[l.From.Unix()/180] += int64(len(steps))
			if n := asked[l.From.Unix()/180]; n > 9 {
				t.Fatalf("AWS is asked %d times in three minutes", n)
			}
			open = append(open, l)
			if what != ledger.Code && r.IntN(3) == 0 && !l.From.After(now) {
				if err := p.Return(t.Context(), l); err != nil {
					t.Fatal(err)
				}
				for _, s := range steps {
					delete(spent, s)
				}
			}
		}
		if len(open) < 30 {
			t.Fatalf("only %d leases in %d tries", len(open), 60)
		}
	}
}

func TestSessionsAreShownInTheirStep(t *testing.T) {
	p := prove(t)
	p.Budget = 1
	late := p.k.Starts(present + 5)
	if a, b := p.lease("a", ledger.Session, late), p.lease("b", ledger.Session, late); a.Step != present+5 || b.Step != present+6 {
		t.Errorf("sessions have %d and %d, want 5 and 6: a program shows its code in time", a.Step-present, b.Step-present)
	}
}

func TestTheFirstAnswerCounts(t *testing.T) {
	p := prove(t)
	p.Budget = 1
	l := p.lease("a", ledger.Session, start)
	for _, at := range []time.Time{start, p.k.Starts(present + 6)} {
		if err := p.Answered(t.Context(), l, at); err != nil {
			t.Fatal(err)
		}
	}
	if l := p.lease("b", ledger.Session, start); l.Step != present+6 {
		t.Errorf("the next lease is of %d, want 6: AWS answered once, in the first three minutes", l.Step-present)
	}
}

func TestOneOfTwoLeasesIsReturned(t *testing.T) {
	p := prove(t)
	first, second := p.lease("a", ledger.Session, start), p.lease("a", ledger.Session, start)
	if err := p.Return(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if l := p.lease("b", ledger.Session, start); l.Step != second.Step || l.Purpose != ledger.Session || first.Step != present {
		t.Errorf("after the second was returned b has %+v", l)
	}
}

// TestALongStepIsKept: what AWS counted is over long before the step is.
func TestALongStepIsKept(t *testing.T) {
	p := prove(t)
	p.k = newKey(t, totp.Settings{Period: 3600})
	l := p.lease("a", ledger.Session, start)
	if err := p.Answered(t.Context(), l, start); err != nil {
		t.Fatal(err)
	}
	p.lease("b", ledger.Session, start.Add(10*time.Minute))
	if err := p.Return(t.Context(), l); !errors.Is(err, ledger.ErrSpent) {
		t.Errorf("Return within the step = %v, want it spent", err)
	}
	p.lease("c", ledger.Session, l.Until)
	if err := p.Return(t.Context(), l); !errors.Is(err, ledger.ErrNotHeld) {
		t.Errorf("Return after the step = %v, want it long over", err)
	}
}

func TestTheFarthestStep(t *testing.T) {
	for next, want := range map[int64]string{present + 40: "", present + 41: "device d: a code of 2027-01-15T08:20:00Z was leased already: set the clock right, and if it is, it was wrong then: 'mfawatch key clock-was-wrong' forgets it"} {
		p := prove(t)
		p.Store = &ledgertest.Memory{Rows: map[string][]byte{"prove#d": fmt.Appendf(nil, `{"Format":1,"Row":{"Period":30,"Next":%d}}`, next)}}
		l, err := p.Lease(t.Context(), p.k, ledger.Request{Device: "d", Owner: "a", Purpose: ledger.Session}, start)
		if want == "" && (err != nil || l.Step != next) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("where %d is next: %+v, %v, want %q", next-present, l, err, want)
		}
	}
}

func TestTextsOfTheProver(t *testing.T) {
	if ledger.Code != "code" || ledger.Device != "device" || ledger.Session != "session" {
		t.Error("purposes are written into rows and do not change")
	}
	p, hotp := prove(t), newKey(t, totp.Settings{Kind: totp.HOTP})
	lease := func(k totp.Key, q ledger.Request) error { _, err := p.Lease(t.Context(), k, q, start); return err }
	if err := lease(hotp, ledger.Request{Device: "h", Owner: "a", Purpose: ledger.Code, Remains: time.Second}); err != nil {
		t.Errorf("a counter's code for a second = %v", err)
	}
	p.Budget = -1
	for want, err := range map[string]error{
		"a lease needs a device and an owner":                                                                               lease(p.k, ledger.Request{}),
		`purpose "x" is none of code, device and session`:                                                                   lease(p.k, ledger.Request{Device: "d", Owner: "a", Purpose: "x"}),
		"AWS takes no codes of counters: lease one for a code":                                                              lease(hotp, ledger.Request{Device: "d", Owner: "a", Purpose: ledger.Session}),
		"a code cannot remain good for 31s: its period is 30 s":                                                             lease(p.k, ledger.Request{Device: "d", Owner: "a", Purpose: ledger.Code, Remains: 31 * time.Second}),
		"device d: all codes of the next 40 steps are leased, or AWS would not check them: wait until 2027-01-15T08:00:30Z": lease(p.k, ledger.Request{Device: "d", Owner: "a", Purpose: ledger.Code}),
		"device d, step 7: the lease is not held":                                                                           p.Return(t.Context(), ledger.Lease{Device: "d", Step: 7}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if want := "the lease is spent: its code may have been used"; ledger.ErrSpent.Error() != want {
		t.Errorf("%v, want %s", ledger.ErrSpent, want)
	}
}

// TestAPairOfCodes: two that follow each other, shown with the second; of counters too.
func TestAPairOfCodes(t *testing.T) {
	p := prove(t)
	pair := ledger.Request{Device: "d", Owner: "a", Purpose: ledger.Code, Pair: true}
	l, err := p.Lease(t.Context(), p.k, pair, start)
	if err != nil || !l.Pair {
		t.Fatalf("a pair's lease = %+v, %v", l, err)
	}
	p.want(l, 0, p.k.Starts(present+1), p.k.Starts(present+2))
	p.want(p.lease("b", ledger.Code, start), 2, p.k.Starts(present+2), p.k.Starts(present+3))
	if l := p.lease("c", ledger.Device, start); !l.Pair {
		t.Errorf("a device's lease %+v is no pair", l)
	}
	p.k = newKey(t, totp.Settings{Kind: totp.HOTP, Counter: 3})
	pair.Device = "counter"
	for want := int64(3); want < 9; want += 2 {
		if l, err := p.Lease(t.Context(), p.k, pair, start); err != nil || l.Step != want {
			t.Errorf("a pair begins with counter %d, %v, want %d", l.Step, err, want)
		}
	}
}

// TestOneSecretUnderTwoNames: a key that is known with its device and without gives each
// step once, whichever name is asked first; what was returned is free for both. Two
// devices of one secret are apart, as they are at AWS.
func TestOneSecretUnderTwoNames(t *testing.T) {
	for _, order := range [][2]string{{"d", ""}, {"", "d"}} {
		p := prove(t)
		lease := func(device string) ledger.Lease {
			if device == "" {
				device = ledger.SecretID(p.k)
			}
			l, err := p.Lease(t.Context(), p.k, ledger.Request{Device: device, Owner: device + "'s", Purpose: ledger.Session}, start)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		first, second, other := lease(order[0]), lease(order[1]), lease("other")
		if first.Step != present || second.Step != present+1 {
			t.Errorf("%q: steps %d and %d, want 0 and 1", order, first.Step-present, second.Step-present)
		}
		if want := map[string]int64{"d": 2, "": 1}[order[0]]; order[0] == "" && other.Step == first.Step || other.Step > present+want {
			t.Errorf("%q: another device has step %d", order, other.Step-present)
		}
		if err := p.Return(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if again := lease(order[1]); order[1] == "d" && again.Step <= present+1 && again.Step != present {
			t.Errorf("%q: after a return step %d", order, again.Step-present)
		}
	}
	p := prove(t)
	for _, device := range []string{"one", "two"} {
		if l, err := p.Lease(t.Context(), p.k, ledger.Request{Device: device, Owner: "a", Purpose: ledger.Code}, start); err != nil || l.Step != present {
			t.Errorf("device %s has step %d, %v, want the present one", device, l.Step-present, err)
		}
	}
	p = prove(t)
	for want := range int64(2) { // its secret is another's, and steps are the device's own
		l, err := p.Lease(t.Context(), p.k, ledger.Request{Device: "key", Owner: "a", Purpose: ledger.Code, Elsewhere: true}, start)
		if err != nil || l.Step != present+want {
			t.Errorf("a key whose secret is elsewhere has step %d, %v, want %d", l.Step-present, err, want)
		}
	}
	if rows := p.Store.(*ledgertest.Memory).Rows; len(rows) != 1 {
		t.Errorf("%d rows, want the device's alone", len(rows))
	}
}

// TestClockWasWrong: what was leased by a clock that was ahead is forgotten, what is leased
// now is not.
func TestClockWasWrong(t *testing.T) {
	p := prove(t)
	p.lease("a", ledger.Session, start)
	year := start.Add(365 * 24 * time.Hour)
	p.lease("b", ledger.Session, year)
	p.lease("c", ledger.Session, year.Add(time.Hour)) // the lease of b is over then, and nothing before it is given any more
	q := ledger.Request{Device: "d", Owner: "d", Purpose: ledger.Session}
	if _, err := p.Lease(t.Context(), p.k, q, start); err == nil || !strings.Contains(err.Error(), "clock-was-wrong") {
		t.Fatalf("after a clock that was a year ahead: %v", err)
	}
	if err := p.ClockWasWrong(t.Context(), p.k, "d", start); err != nil {
		t.Fatal(err)
	}
	l, err := p.Lease(t.Context(), p.k, q, start)
	if err != nil || l.Step <= present || l.Step > present+3 {
		t.Errorf("then: step %d, %v, want one of the next three", l.Step-present, err)
	}
	if err := p.ClockWasWrong(t.Context(), p.k, "d", time.Unix(-1, 0)); err == nil {
		t.Error("a clock before 1970 is told to be right")
	}
}

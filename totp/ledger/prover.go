package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"mfawatch/totp"
)

// Purpose is what a code is leased for. It decides what spends the lease.
type Purpose string

// The purposes of codes.
const (
	Code    Purpose = "code"    // shown to somebody: nobody learns what became of it, so time spends it
	Device  Purpose = "device"  // two codes that enable or resync a device: spent when AWS answered
	Session Purpose = "session" // one code for STS: spent when AWS answered
)

// How AWS checks codes, as recorded by a third party and not documented: nine
// verifications for each device in each three minutes of UTC, right or wrong, and a
// code is good for two steps on either side.
const (
	awsWindow = 3 * time.Minute
	awsBudget = 9
	awsSlack  = 2
)

// farthest is how many steps ahead a code is leased.
const farthest = 40

// ErrNotHeld is a lease that is somebody else's, was given back, or is long over.
var ErrNotHeld = errors.New("the lease is not held")

// ErrSpent is a lease that cannot be given back: its code may have been used.
var ErrSpent = errors.New("the lease is spent: its code may have been used")

// Prover leases codes, so that no code is shown to AWS twice and no device is asked
// more often than AWS answers.
type Prover struct {
	Store  Store
	Budget int       // verifications in three minutes; 0 is AWS's nine
	Floor  time.Time // when the ledger was restored: steps that began before are not leased. Zero: it never was
}

// Request is who wants a code and for what.
type Request struct {
	Device    string // what AWS counts by: the device's serial number or ARN
	Owner     string // this caller and no other, also not another run of the same program
	Purpose   Purpose
	Pair      bool          // two codes that follow each other; a Device's always are
	Remains   time.Duration // how long the code has to be good for when it is shown
	Elsewhere bool          // the key has not the secret that makes the codes, only its steps: a YubiKey has it
	Patience  time.Duration // a lease that begins later is not taken, so that who asks again uses nothing up; 0 takes any
}

// Lease is one step, or two of a pair, that nobody else gets. The code is to be shown
// after From and before Until; until From the caller waits.
type Lease struct {
	Device, Owner string
	Purpose       Purpose
	Step          int64 // the first; a pair's second is Step+1
	Pair          bool
	From, Until   time.Time

	secret string // the row of the key's secret, where that is another than the device's
}

// proved is the row of a device.
type proved struct {
	Period int64  // seconds of a step; Next and Held are in such steps
	Next   int64  // no step below is ever leased again; it only grows
	Held   []held // by step
}

// held is a lease, until time makes it meaningless.
type held struct {
	Step, Steps int64
	Owner       string
	Purpose     Purpose
	Answered    bool    // AWS said yes or no
	For         string  `json:",omitempty"` // in a secret's row: the device that has it; empty where the secret itself is leased
	Returned    bool    // AWS said nothing: the step is free, what was asked of AWS is not
	Windows     []int64 // of three minutes, in which AWS may have counted it
}

// Lease gives the first step that is free and that AWS will check. Later says that
// there is none soon. A secret that has several names has each step once under all of
// them.
func (p Prover) Lease(ctx context.Context, k totp.Key, q Request, now time.Time) (Lease, error) {
	if err := q.check(k); err != nil {
		return Lease{}, err
	}
	for {
		l, err := p.lease(ctx, k, q, now)
		if err != nil || q.Elsewhere || q.Device == SecretID(k) || k.Settings().Kind != totp.TOTP {
			return l, err
		}
		l.secret = SecretID(k)
		if free, err := p.claim(ctx, k, l, now); err != nil || free {
			return l, err
		}
	}
}

// SecretID names a key's secret in a ledger, under whatever names it is known. It is 32
// bits of a hash: enough to tell a machine's keys apart, and of no help to who guesses
// at the secret.
func SecretID(k totp.Key) string {
	s := k.Settings()
	sum := sha256.Sum256(fmt.Appendf(nil, "mfawatch key id\n%s %s %d %d\n%s", s.Kind, s.Algorithm, s.Digits, s.Period, k.Secret()))
	return fmt.Sprintf("key %x", sum[:4])
}

// claim takes the steps of a device's lease in the row of the secret too. Where somebody
// has one of them who leased the secret without a device, the lease's are of no use.
// Two devices of one secret are apart at AWS.
func (p Prover) claim(ctx context.Context, k totp.Key, l Lease, now time.Time) (free bool, err error) {
	h := held{Step: l.Step, Steps: 1, Owner: l.Owner, Purpose: l.Purpose, For: l.Device}
	if l.Pair {
		h.Steps = 2
	}
	present, err := k.Step(now)
	if err != nil {
		return false, err
	}
	return free, update(ctx, p.Store, proverKey(l.secret), func(r *proved) error {
		r.keep(k, now, present)
		if free = !r.taken(h); free {
			r.Held = append(r.Held, h)
		}
		return nil
	})
}

func (p Prover) lease(ctx context.Context, k totp.Key, q Request, now time.Time) (Lease, error) {
	q.Pair = q.Pair || q.Purpose == Device
	l := Lease{Device: q.Device, Owner: q.Owner, Purpose: q.Purpose, Pair: q.Pair}
	return l, update(ctx, p.Store, proverKey(q.Device), func(r *proved) error {
		if k.Settings().Kind == totp.HOTP {
			l.Step = max(r.Next, k.Settings().Counter)
			r.Next = l.Step + q.steps()
			return nil
		}
		step, err := k.Step(now)
		if err != nil {
			return err
		}
		r.keep(k, now, step)
		return p.choose(r, &l, k, q, now, step)
	})
}

// errSeen ends a look at a row, of which nothing is kept.
var errSeen = errors.New("seen")

// Counter is the next of a counter's key that would be leased. It leases nothing, so
// the next caller is given the same.
func (p Prover) Counter(ctx context.Context, k totp.Key, device string) (int64, error) {
	if k.Settings().Kind != totp.HOTP {
		return 0, errors.New("only an hotp key has a counter")
	}
	var next int64
	err := update(ctx, p.Store, proverKey(device), func(r *proved) error {
		next = max(r.Next, k.Settings().Counter)
		return errSeen
	})
	if !errors.Is(err, errSeen) {
		return 0, err
	}
	return next, nil
}

// steps are how many a request takes.
func (q Request) steps() int64 {
	if q.Pair {
		return 2
	}
	return 1
}

func (q Request) check(k totp.Key) error {
	s := k.Settings()
	switch {
	case q.Device == "" || q.Owner == "":
		return errors.New("a lease needs a device and an owner")
	case !slices.Contains([]Purpose{Code, Device, Session}, q.Purpose):
		return fmt.Errorf("purpose %q is none of %s, %s and %s", q.Purpose, Code, Device, Session)
	case q.Patience < 0:
		return fmt.Errorf("nobody can wait for %v", q.Patience)
	case s.Kind == totp.HOTP && q.Purpose != Code:
		return errors.New("AWS takes no codes of counters: lease one for a code")
	case s.Kind == totp.TOTP && (q.Remains < 0 || q.Remains > time.Duration(s.Period)*time.Second):
		return fmt.Errorf("a code cannot remain good for %v: its period is %d s", q.Remains, s.Period)
	}
	return nil
}

// choose takes the first step from the present one on.
func (p Prover) choose(r *proved, l *Lease, k totp.Key, q Request, now time.Time, present int64) error {
	if r.Next > present+farthest {
		return fmt.Errorf("device %s: a code of %s was leased already: set the clock right, and if it is, it was wrong then: 'mfawatch key clock-was-wrong' forgets it", q.Device, k.Starts(r.Next-1).Format(time.RFC3339))
	}
	for step := max(present, r.Next); step <= present+farthest; step++ {
		h := held{Step: step, Steps: q.steps(), Owner: q.Owner, Purpose: q.Purpose}
		shown := k.Starts(step + h.Steps - 1) // both codes of a pair are shown with the second
		if shown.Before(now) {
			shown = now
		}
		until := k.Starts(step + h.Steps)
		h.Windows = windows(k, h, shown, until)
		if until.Sub(shown) < q.Remains || k.Starts(step).Before(p.Floor) || r.taken(h) || !p.affordable(r, h) {
			continue
		}
		if q.Patience > 0 && shown.Sub(now) > q.Patience {
			return &Later{shown.Add(-q.Patience), fmt.Sprintf("device %s: the first free code is one of %s", q.Device, shown.UTC().Format(time.RFC3339))}
		}
		r.Held = append(r.Held, h)
		l.Step, l.From, l.Until = step, shown, until
		return nil
	}
	return &Later{k.Starts(present + 1), fmt.Sprintf("device %s: all codes of the next %d steps are leased, or AWS would not check them", q.Device, farthest)}
}

// windows are those in which AWS may count a lease. What becomes of a code that is
// shown to a person is not known: it may be typed as long as AWS takes it.
func windows(k totp.Key, h held, shown, until time.Time) []int64 {
	if h.Purpose == Code {
		until = k.Starts(h.Step + h.Steps + awsSlack)
	}
	var all []int64
	for w := windowOf(shown); w <= windowOf(until.Add(-time.Second)); w++ {
		all = append(all, w)
	}
	return all
}

func windowOf(t time.Time) int64 { return t.Unix() / int64(awsWindow/time.Second) }

// taken tells whether somebody has one of the steps.
func (r *proved) taken(h held) bool {
	return slices.ContainsFunc(r.Held, func(o held) bool {
		apart := o.For != "" && h.For != "" && o.For != h.For
		return !o.Returned && !apart && o.Step < h.Step+h.Steps && h.Step < o.Step+o.Steps
	})
}

// affordable tells whether AWS will check the codes, whatever becomes of those that
// are leased already. Two codes are counted as two verifications.
func (p Prover) affordable(r *proved, h held) bool {
	budget := int64(p.Budget)
	if budget == 0 {
		budget = awsBudget
	}
	for _, w := range h.Windows {
		spent := h.Steps
		for _, o := range r.Held {
			if slices.Contains(o.Windows, w) {
				spent += o.Steps
			}
		}
		if spent > budget {
			return false
		}
	}
	return true
}

// keep forgets what is over, and raises Next over it, so that a clock that is set back
// gets nothing twice. Another period renumbers the steps.
func (r *proved) keep(k totp.Key, now time.Time, present int64) {
	if period := k.Settings().Period; r.Period != period {
		last := r.Next
		for i, h := range r.Held { // only when AWS may have counted it still means something
			last = max(last, h.Step+h.Steps)
			r.Held[i].Step = 0
		}
		r.Next, r.Period = (last*r.Period+period-1)/period, period
	}
	r.Held = slices.DeleteFunc(r.Held, func(h held) bool {
		counts := slices.ContainsFunc(h.Windows, func(w int64) bool { return w >= windowOf(now) })
		over := h.Step+h.Steps <= present && !counts
		if over {
			r.Next = max(r.Next, h.Step+h.Steps)
		}
		return over
	})
}

// Answered tells that AWS said yes or no to a lease's code: it is spent, and it is known
// when AWS counted it. It may be told twice.
func (p Prover) Answered(ctx context.Context, l Lease, now time.Time) error {
	return p.settle(ctx, l, func(h *held) error {
		if !h.Answered {
			h.Answered, h.Windows = true, []int64{windowOf(now)}
		}
		return nil
	})
}

// Return gives a lease back when AWS did not answer: somebody else may use the step.
// That AWS counted it is still possible, so it stays counted. A code that was shown
// to somebody cannot be given back.
func (p Prover) Return(ctx context.Context, l Lease) error {
	back := func(h *held) error {
		if h.Answered || h.Purpose == Code {
			return ErrSpent
		}
		h.Returned = true
		return nil
	}
	if err := p.settle(ctx, l, back); err != nil || l.secret == "" {
		return err
	}
	l.Device = l.secret
	if err := p.settle(ctx, l, back); !errors.Is(err, ErrNotHeld) { // there it is forgotten when its time is over
		return err
	}
	return nil
}

// ClockWasWrong forgets what was leased for times to come, by a clock that was ahead. AWS
// took none of those codes: its own clock was right. What was leased up to now, and what
// it takes a little early, stays leased.
func (p Prover) ClockWasWrong(ctx context.Context, k totp.Key, device string, now time.Time) error {
	present, err := k.Step(now)
	if err != nil {
		return err
	}
	for _, row := range []string{device, SecretID(k)} {
		err = errors.Join(err, update(ctx, p.Store, proverKey(row), func(r *proved) error {
			r.Held = slices.DeleteFunc(r.Held, func(h held) bool { return h.Step > present+farthest })
			r.Next = min(r.Next, present+awsSlack+1)
			return nil
		}))
	}
	return err
}

func (p Prover) settle(ctx context.Context, l Lease, change func(*held) error) error {
	return update(ctx, p.Store, proverKey(l.Device), func(r *proved) error {
		i := slices.IndexFunc(r.Held, func(h held) bool { return h.Step == l.Step && h.Owner == l.Owner && !h.Returned })
		if i < 0 {
			return fmt.Errorf("device %s, step %d: %w", l.Device, l.Step, ErrNotHeld)
		}
		return change(&r.Held[i])
	})
}

func proverKey(device string) string { return "prove#" + device }

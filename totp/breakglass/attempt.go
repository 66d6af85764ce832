package breakglass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/ledger"
)

// Proof is that a person is there: a code of one of their devices.
type Proof struct {
	Device string
	Code   Code
}

// step is what an attempt is made for.
type step struct {
	what    record.What
	request string
	target  string
	// possible refuses what no code would make possible, before one is counted. It is
	// asked again when the code was right. Done says that there is nothing left to
	// do, and no code is wanted.
	possible func(t *turn, who Person, device Device) (done bool, r *Refusal, err error)
	// do makes the change, which possible has just allowed.
	do func(t *turn, who Person, device Device) error
}

// try is one attempt on its way through two transactions.
type try struct {
	door   *Door
	caller Caller
	proof  Proof
	step   step

	person   Person
	enrolled bool
	device   Device // the caller's own; a decoy otherwise
	own      bool
	factor   Factor
	guess    Guess
	id       string
	done     bool
}

// attempt counts, compares, and does.
func (d *Door) attempt(ctx context.Context, c Caller, proof Proof, now time.Time, s step) error {
	a := &try{door: d, caller: c, proof: proof, step: s}
	if err := a.prepare(); err != nil {
		return err
	}
	if err := d.tooOften(ctx, c, s.what, now); err != nil {
		return unused(err)
	}
	opened := a.open(ctx)
	if err := d.turn(ctx, now, func(t *turn) error { return a.begin(t, opened) }); err != nil || a.done {
		return unused(err)
	}
	compared := a.guess.Compare(proof.Code)
	if !a.own { // what a decoy's comparison says is not looked at
		compared = ErrWrong
	}
	// Who is through the first is not sent away for those who wait there.
	return d.insist(ctx, now, func(t *turn) error { return a.end(t, compared) })
}

// unused marks a refusal of before the code was compared: only end spends one. What cannot
// be a code is none.
func unused(err error) error {
	if r := (*Refusal)(nil); errors.As(err, &r) && r.Reason != Malformed {
		r.unused = true
	}
	return err
}

func (a *try) prepare() (err error) {
	if err := a.door.Rules.Check(); err != nil {
		return fmt.Errorf("the door's rules: %w", err)
	}
	a.person, a.enrolled = a.door.Rules.whose(a.caller.Principal)
	if a.device, a.own = a.person.device(a.proof.Device); !a.own {
		a.device = a.door.Rules.decoy()
	}
	a.id, err = a.door.newID()
	return err
}

func (a *try) open(ctx context.Context) (err error) {
	a.factor, err = a.door.Factors.Open(ctx, a.device.ID)
	return err
}

// entry is what the record says of the attempt. A request or device that is not known
// is left out: the caller may have typed anything.
func (a *try) entry() record.Entry {
	e := by(record.Entry{What: a.step.what, Facts: map[record.Fact]string{}}, a.caller, a.person)
	if idForm.MatchString(a.step.request) {
		e.Request = a.step.request
	}
	if a.own {
		e.Facts[record.Device], e.Facts[record.Grade] = a.device.ID, a.device.Grade.String()
	}
	if _, known := a.door.Rules.owner(a.step.target); known {
		e.Facts[record.Target] = a.step.target
	}
	return e
}

// begin is the first transaction: what is possible is counted, and its answer owed.
func (a *try) begin(t *turn, opened error) error {
	a.done = false
	if no, err := t.called(a.caller, a.step.what); no != nil || err != nil {
		return either(no, err)
	}
	if a.enrolled {
		done, r, err := a.step.possible(t, a.person, a.device)
		if err != nil {
			return err
		}
		if r != nil {
			return t.refused(a.entry(), r)
		}
		if a.done = done; done {
			return nil
		}
	}
	if opened != nil {
		return a.refuse(t, &Refusal{Reason: Unavailable, cause: opened})
	}
	if a.factor.WellFormed(a.proof.Code) != nil {
		return a.refuse(t, refuse(Malformed))
	}
	if r, err := a.count(t); r != nil || err != nil {
		if r != nil {
			return a.refuse(t, r)
		}
		return err
	}
	t.desk.Pending = append(t.desk.Pending, pending{a.id, readable(a.caller.Principal), a.person.Name, a.entry().Request, a.entry().Facts[record.Device], a.step.what, t.now})
	return nil
}

// readable is a principal as it may stand in an entry.
func readable(principal string) string {
	if record.Text(principal) != nil || len(principal) > 2048 {
		return "unreadable"
	}
	return principal
}

// refuse refuses the attempt, of whoever it is.
func (a *try) refuse(t *turn, r *Refusal) error {
	if !a.enrolled {
		return t.outsider(a.caller, a.step.what, r)
	}
	return t.refused(a.entry(), r)
}

// count counts the attempt against the caller's device, or where it is not theirs
// against the caller: nobody's guesses lock another's device.
func (a *try) count(t *turn) (*Refusal, error) {
	g, err := t.guard(a.caller.Principal)
	if err != nil {
		return nil, err
	}
	if a.factor.Guessable() {
		if until := t.strained(g); !until.IsZero() {
			return &Refusal{Reason: Wait, Until: until, inner: "wait-for-all"}, nil
		}
	}
	id := a.device.ID
	if !a.own {
		id = nobody(a.caller.Principal)
	} else if r, err := t.forgotten(a.device); r != nil || err != nil {
		return r, err
	}
	a.guess, err = a.factor.Begin(t.ctx, t.tx, id, t.now)
	if isDamaged(err) {
		return damagedDevice(err), nil
	}
	if err != nil {
		return tooMany(err), err
	}
	a.strain(t, 1)
	g.Attempts++
	return nil, put(t.tx, guardKey(a.caller.Principal), g)
}

// tooMany is a ledger's no to one more attempt.
func tooMany(err error) *Refusal {
	later := (*ledger.Later)(nil)
	switch {
	case errors.As(err, &later):
		return &Refusal{Reason: Wait, Until: later.Until}
	case errors.Is(err, ledger.ErrLocked):
		return refuse(Locked)
	}
	return nil
}

// strained is until when a caller has to wait because of wrong codes of everybody:
// where there were many, who has failed since they last were right goes slowly. Who
// has not is let through, so that nobody slows a rescuer by guessing elsewhere.
func (t *turn) strained(g guard) time.Time {
	s := t.desk.Strain
	until := s.Last.Add(strainWait)
	if g.Attempts == g.Cleared || !t.within(s.Since) || s.Count < freeStrain || !t.now.Before(until) || t.now.Before(s.Last.Add(-clockSlack)) {
		return time.Time{}
	}
	return until
}

// strain counts an attempt of a person, as wrong until it is found to be right. What
// nobody can guess strains nobody, and strangers are counted elsewhere.
func (a *try) strain(t *turn, by int) {
	if !a.enrolled || !a.factor.Guessable() {
		return
	}
	s := &t.desk.Strain
	if !t.within(s.Since) {
		*s = strain{Since: t.now}
	}
	s.Count = max(s.Count+by, 0)
	if by > 0 {
		s.Last = t.now
	}
}

// end is the second transaction: the code is spent and the change made, or the
// refusal recorded.
func (a *try) end(t *turn, compared error) error {
	t.attempt = a.id
	at := slices.IndexFunc(t.desk.Pending, func(p pending) bool { return p.ID == a.id })
	if at < 0 {
		return a.refuse(t, refuse(TooSlow)) // the record says already that nobody answered
	}
	t.desk.Pending = slices.Delete(t.desk.Pending, at, at+1)
	if compared == nil {
		compared = a.spend(t)
	}
	if compared != nil {
		return a.wrong(t, compared)
	}
	if err := a.clear(t); err != nil {
		return err
	}
	// The code is spent whatever comes now: it was shown.
	done, r, err := a.step.possible(t, a.person, a.device)
	if err != nil || done {
		return err
	}
	if r != nil {
		return t.refused(a.entry(), r)
	}
	return a.step.do(t, a.person, a.device)
}

// spend uses the code up, where the ledger still remembers the device.
func (a *try) spend(t *turn) error {
	if err := either(t.forgotten(a.device)); err != nil {
		return err
	}
	return a.guess.Spend(t.ctx, t.tx)
}

func (a *try) wrong(t *turn, compared error) error {
	r, forgotten := refuse(NotAccepted), (*Refusal)(nil)
	switch {
	case !a.own:
		r.inner = unknownDevice
	case errors.As(compared, &forgotten):
		r = forgotten
	case isDamaged(compared):
		r = damagedDevice(compared)
	case errors.Is(compared, ErrHeld):
		r = &Refusal{Reason: HeldBack, cause: compared}
	case errors.Is(compared, ErrUsed):
		r.inner = usedCode
	case errors.Is(compared, ErrWrong):
		r.inner = wrongCode
	default:
		return compared
	}
	return a.refuse(t, r)
}

// clear forgets what a right code makes forgotten: the principal's failures, and their
// part of everybody's.
func (a *try) clear(t *turn) error {
	g, err := t.guard(a.caller.Principal)
	if err != nil {
		return err
	}
	a.strain(t, -1)
	g.Cleared = g.Attempts
	return errors.Join(t.wasRight(a.caller, a.step.what), t.forgetNobody(a.caller.Principal), put(t.tx, guardKey(a.caller.Principal), g))
}

// forgetNobody forgets a principal's attempts at what was not theirs. Where they cannot be
// read there is nothing to forget: what is nobody's has no right code.
func (t *turn) forgetNobody(principal string) error {
	err := ledger.Verifier{Store: Rows(t.tx)}.Unlock(t.ctx, nobody(principal))
	if isDamaged(err) {
		return nil
	}
	return err
}

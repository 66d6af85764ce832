package breakglass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/totp/breakglass/record"
)

// Approve is a person's yes to another's request. The last that is wanted makes it
// ready to be used.
func (d *Door) Approve(ctx context.Context, c Caller, id string, proof Proof, now time.Time) (Request, error) {
	var r Request
	err := d.attempt(ctx, c, proof, now, step{
		what: record.Approved, request: id,
		possible: func(t *turn, who Person, device Device) (bool, *Refusal, error) {
			var role Role
			var no *Refusal
			var err error
			if r, role, no, err = t.live(id); no != nil || err != nil {
				return false, no, err
			}
			return false, r.approvable(role, who, device), nil
		},
		do: func(t *turn, who Person, device Device) (err error) {
			r, err = t.approve(r, c, who, device)
			return err
		},
	})
	if err != nil {
		return Request{}, err
	}
	return r, nil
}

// live reads a request that is not over, and its role.
func (t *turn) live(id string) (Request, Role, *Refusal, error) {
	r, no, err := t.named(id)
	switch {
	case no != nil || err != nil:
		return r, Role{}, no, err
	case r.State.IsOver() || !t.now.Before(r.due()): // which nobody may have come by to end
		return r, Role{}, refuse(Over), nil
	}
	role, known := t.door.Rules.role(r.Role)
	if !known {
		return r, role, refuse(RulesChanged), nil
	}
	return r, role, t.behind(r), nil
}

func (r Request) approvable(role Role, who Person, device Device) *Refusal {
	switch {
	case who.Name == r.Person:
		return refuse(OwnRequest)
	case !slices.Contains(role.Approvers, who.Name):
		return refuse(NotApprover)
	case slices.ContainsFunc(r.Approvals, func(a Approval) bool { return a.Person == who.Name }):
		return refuse(ApprovedAlready)
	case r.State != Waiting:
		return refuse(NotAwaited)
	case !role.accepts(device):
		return refuse(WeakDevice)
	}
	return nil
}

func (t *turn) approve(r Request, c Caller, who Person, device Device) (Request, error) {
	role, _ := t.door.Rules.role(r.Role)
	r.Approvals = append(slices.Clone(r.Approvals), Approval{who.Name, c.Principal, device.ID, t.now})
	if len(r.approvedBy(role)) >= role.Approvals {
		r = t.ready(r, role.CoolOff)
	}
	e := by(r.entry(record.Approved), c, who)
	e.Facts[record.Device], e.Facts[record.Grade] = device.ID, device.Grade.String()
	e.Facts[record.Approvers], e.Facts[record.Wanted] = strings.Join(r.approvedBy(role), " "), fmt.Sprint(role.Approvals)
	if err := t.enter(e); err != nil {
		return r, err
	}
	return r, t.keep(r)
}

// approvedBy are those whose approval counts by the rules as they are now.
func (r Request) approvedBy(role Role) (names []string) {
	for _, a := range r.Approvals {
		if a.Person != r.Person && slices.Contains(role.Approvers, a.Person) {
			names = append(names, a.Person)
		}
	}
	return names
}

// Use opens the door with a code of who asked. What comes back is to be done by the
// edge, which then says Issued or NotIssued. Where the answer was lost, the same
// principal is given the same grant again for a minute, without a code: it is
// encrypted to a recipient that only who asked can read. Not at once, unless AWS gave
// nothing: of many who ask at the same time one is let in.
func (d *Door) Use(ctx context.Context, c Caller, id string, proof Proof, now time.Time) (Grant, error) {
	var r Request
	var g Grant
	err := d.attempt(ctx, c, proof, now, step{
		what: record.Used, request: id,
		possible: func(t *turn, who Person, device Device) (bool, *Refusal, error) {
			var role Role
			var no *Refusal
			var err error
			if r, role, no, err = t.live(id); no != nil || err != nil {
				return false, no, err
			}
			if r.lost(c, t.now) && !t.now.Before(r.Handed.Add(RetryAfter)) {
				g, err = t.again(r, role, c, who)
				return true, nil, err
			}
			return false, r.usable(role, c, who, device, t.now), nil
		},
		do: func(t *turn, who Person, device Device) (err error) {
			g, err = t.grant(r, c, who, device)
			return err
		},
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// lost tells whether a grant may be handed out once more, as its answer may be lost.
func (r Request) lost(c Caller, now time.Time) bool {
	return r.State.isGranted() && r.Principal == c.Principal && r.Again < mostAgain && !r.Drill && now.Before(r.GrantedAt.Add(RetryFor))
}

func (t *turn) again(r Request, role Role, c Caller, who Person) (Grant, error) {
	r.Again, r.Handed = r.Again+1, t.now
	e := by(r.entry(record.Retried), c, who)
	e.Facts[record.Session], e.Facts[record.Count] = r.session(), fmt.Sprint(r.Again)
	if err := t.enter(e); err != nil {
		return Grant{}, err
	}
	return r.grant(role, t.now), t.keep(r)
}

func (r Request) usable(role Role, c Caller, who Person, device Device, now time.Time) *Refusal {
	least := role.Grade
	if r.Alone {
		least = max(least, role.Alone.Grade)
	}
	switch {
	case r.Person != who.Name || r.Principal != c.Principal:
		return refuse(OthersRequest)
	case r.lost(c, now):
		return &Refusal{Reason: GrantedAlready, Until: r.Handed.Add(RetryAfter)}
	case r.State.isGranted():
		return refuse(Over)
	case !slices.Contains(role.Requesters, who.Name) || r.Alone && !role.Alone.Allowed || r.Duration > role.Longest:
		return refuse(RulesChanged)
	case r.State != Ready:
		return refuse(NotApproved)
	case !r.Alone && len(r.approvedBy(role)) < role.Approvals: // who approved may no more
		return refuse(RulesChanged)
	case now.Before(r.From):
		return &Refusal{Reason: CoolingOff, Until: r.From}
	case !role.acceptsFrom(least, device):
		return refuse(WeakDevice)
	}
	return nil
}

// grant opens the door.
func (t *turn) grant(r Request, c Caller, who Person, device Device) (Grant, error) {
	role, _ := t.door.Rules.role(r.Role)
	r.State, r.GrantedAt, r.Handed, r.Device = Granted, t.now, t.now, device.ID
	r.Ends = t.now.Add(r.Duration)
	e := by(r.entry(record.Used), c, who)
	e.Facts[record.Device], e.Facts[record.Grade] = device.ID, device.Grade.String()
	e.Facts[record.Session], e.Facts[record.Until] = r.session(), r.Ends.Format(time.RFC3339)
	e.Facts[record.Approvers], e.Facts[record.Why], e.Facts[record.Ticket] = strings.Join(r.approvedBy(role), " "), r.Why, r.Ticket
	if err := t.enter(e); err != nil {
		return Grant{}, err
	}
	return r.grant(role, t.now), t.keep(r)
}

// Issued says that AWS gave credentials for a grant, and until when, before they are
// handed out: where it is an error they must not be. Of a drill it says that the whole
// way was gone.
func (d *Door) Issued(ctx context.Context, g Grant, until, now time.Time) error {
	return d.insist(ctx, now, func(t *turn) error {
		r, no, err := t.named(g.Request)
		if err == nil && no == nil && (r.State == Active && r.Again == 0 || r.Drill && r.State == Finished) {
			return nil // told twice
		}
		if no != nil || err != nil || !r.State.isGranted() {
			return t.unanswerable(record.Issued, g.Request, no, err)
		}
		return t.issued(r, until)
	})
}

// insist is turn of what has begun: a code was compared, AWS has given or not. Others who
// come first each time are no reason to forget it at once. They are fewer each time, as
// they give up.
func (d *Door) insist(ctx context.Context, now time.Time, run func(*turn) error) (err error) {
	for range 3 {
		if err = d.turn(ctx, now, run); !errors.Is(err, ErrBusy) || ctx.Err() != nil {
			break
		}
	}
	return err
}

// unanswerable refuses what the edge says of a request that is over. One that is not
// there is as over as others.
func (t *turn) unanswerable(what record.What, id string, no *Refusal, err error) error {
	if err != nil {
		return err
	}
	there := no == nil || no.Reason != NoSuchRequest
	if no == nil || !there {
		no = refuse(Over)
	}
	return t.refused(record.Entry{What: what, Request: t.knownID(id, there)}, no)
}

func (t *turn) knownID(id string, known bool) string {
	if !known {
		return ""
	}
	return id
}

func (t *turn) issued(r Request, until time.Time) error {
	took := max(t.now.Sub(r.Asked), 0)
	e := r.entry(record.Issued)
	e.Facts[record.TookMS], e.Facts[record.Session] = fmt.Sprint(took.Milliseconds()), r.session()
	switch {
	case r.Drill:
		e.What = record.Drilled
		r.State = Finished
		t.drilled(r, took)
	default:
		// What was handed out again may outlive the first: its end is the later.
		r.State = Active
		most := r.GrantedAt.Add(LongestSession + RetryFor)
		if until = until.UTC().Truncate(time.Millisecond); until.After(r.Ends) {
			r.Ends = until
		}
		if r.Ends.After(most) {
			r.Ends = most
		}
		e.Facts[record.Until] = r.Ends.Format(time.RFC3339)
	}
	if err := t.enter(e); err != nil {
		return err
	}
	return t.keep(r)
}

func (t *turn) drilled(r Request, took time.Duration) {
	if t.desk.Drills == nil {
		t.desk.Drills = map[string]DrillDone{}
	}
	t.desk.Drills[r.Role] = DrillDone{r.Role, r.ID, r.Person, t.now, took}
}

// NotIssued says that AWS gave no credentials. Who asked may use the same grant again
// at once, within the minute; then it lapses.
func (d *Door) NotIssued(ctx context.Context, g Grant, why string, now time.Time) error {
	if record.Text(why) != nil || len(why) > mostWhy {
		why = "AWS gave no credentials"
	}
	return d.insist(ctx, now, func(t *turn) error {
		r, no, err := t.named(g.Request)
		if no != nil || err != nil || !r.State.isGranted() {
			return t.unanswerable(record.NotIssued, g.Request, no, err)
		}
		e := r.entry(record.NotIssued)
		e.Outcome, e.Reason = record.Failed, why
		r.Handed = time.Time{}
		if err := t.enter(e); err != nil {
			return err
		}
		return t.keep(r)
	})
}

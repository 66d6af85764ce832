package breakglass

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mfawatch/totp/breakglass/record"
)

// Ask is a request as it comes in.
type Ask struct {
	Role        string
	Why, Ticket string
	Duration    time.Duration
	Drill       bool   // the whole way, and no privilege at its end
	Alone       bool   // an emergency with nobody to approve
	Recipient   string // a one-time age recipient, made for this request
}

// Ask makes a request. The same one again, with the same recipient, is the same
// request.
func (d *Door) Ask(ctx context.Context, c Caller, a Ask, now time.Time) (Request, error) {
	id, err := d.newID()
	if err == nil {
		err = d.tooOften(ctx, c, record.Asked, now)
	}
	if err != nil {
		return Request{}, err
	}
	var r Request
	err = d.turn(ctx, now, func(t *turn) (err error) {
		if no, err := t.called(c, record.Asked); no != nil || err != nil {
			return either(no, err)
		}
		p, enrolled := d.Rules.whose(c.Principal)
		if !enrolled {
			return t.outsider(c, record.Asked, refuse(NotAllowed))
		}
		role, bad := d.Rules.wants(p, a)
		if bad != nil {
			return t.refused(by(record.Entry{What: record.Asked}, c, p), bad)
		}
		if earlier, err := t.askedBefore(c, p, a); earlier.ID != "" || err != nil {
			r = earlier
			return err
		}
		r, err = t.ask(id, c, p, role, a)
		return err
	})
	if err != nil {
		return Request{}, err
	}
	return r, nil
}

// wants looks at a request by the rules. An unknown role and one that is not for who
// asks are the same.
func (r Rules) wants(p Person, a Ask) (Role, *Refusal) {
	role, known := r.role(a.Role)
	if !known || !slices.Contains(role.Requesters, p.Name) || a.Alone && !role.Alone.Allowed {
		return role, refuse(NotAllowed)
	}
	if fault := a.fault(role); fault != "" {
		return role, &Refusal{Reason: BadRequest, Detail: fault}
	}
	return role, nil
}

// fault is the first thing that is wrong with a request.
func (a Ask) fault(role Role) string {
	switch {
	case strings.TrimSpace(a.Why) == "" || utf8.RuneCountInString(a.Why) > mostWhy || record.Text(a.Why) != nil:
		return fmt.Sprintf("why: 1 to %d letters in one line are wanted", mostWhy)
	case strings.Contains(strings.ToLower(a.Why), "otpauth") || strings.Contains(strings.ToUpper(a.Why), "AGE-SECRET-KEY"):
		return "why: it holds a secret, and the record would keep it: leave it out, and change that secret"
	case a.Ticket == "" && role.Ticket:
		return "ticket: the rules want one for this role"
	case a.Ticket != "" && !ticketForm.MatchString(a.Ticket):
		return "ticket: up to 64 letters, digits and _ . : / = + @ - are possible"
	case a.Duration < ShortestSession || a.Duration > role.Longest || a.Duration%time.Second != 0:
		return fmt.Sprintf("duration: %v to %v in whole seconds are possible for this role", ShortestSession, role.Longest)
	case !recipientForm.MatchString(a.Recipient) || len(a.Recipient) > mostRecipient:
		return "recipient: an age recipient, age1…, is wanted, made for this request"
	}
	return ""
}

// askedBefore finds the same request, where an answer was lost.
func (t *turn) askedBefore(c Caller, p Person, a Ask) (Request, error) {
	mine := 0
	for _, o := range t.desk.Open { // which lost makes anew
		if o.Token == short(a.Recipient)[:16] {
			r, there, err := t.request(o.ID)
			if isDamaged(err) || err == nil && !there {
				err = t.lost(o, unreadable(requestKey(o.ID)))
				if err == nil {
					continue
				}
			}
			if err != nil {
				return Request{}, err
			}
			if r.Principal == c.Principal && r.ask() == a {
				return r, nil
			}
			return Request{}, t.refused(by(record.Entry{What: record.Asked}, c, p), &Refusal{Reason: BadRequest, Detail: "recipient: another request has it: make a new one"})
		}
		if o.Person == p.Name {
			mine++
		}
	}
	if mine >= mostOpen {
		return Request{}, t.refused(by(record.Entry{What: record.Asked}, c, p), refuse(TooMany))
	}
	return Request{}, nil
}

func (r Request) ask() Ask {
	return Ask{r.Role, r.Why, r.Ticket, r.Duration, r.Drill, r.Alone, r.Recipient}
}

func (t *turn) ask(id string, c Caller, p Person, role Role, a Ask) (Request, error) {
	r := Request{
		ID: id, Person: p.Name, Principal: c.Principal, Role: role.Name, Why: a.Why, Ticket: a.Ticket, Duration: a.Duration,
		Drill: a.Drill, Alone: a.Alone, Recipient: a.Recipient, Asked: t.now, State: Waiting, Ends: t.now.Add(t.door.Rules.Approve),
	}
	if a.Alone {
		r = t.ready(r, role.Alone.CoolOff)
	}
	e := by(r.entry(record.Asked), c, p)
	e.Facts[record.Why], e.Facts[record.Ticket], e.Facts[record.Recipient] = r.Why, r.Ticket, r.Recipient
	e.Facts[record.Seconds] = fmt.Sprint(int(r.Duration / time.Second))
	e.Facts[record.Until] = r.Ends.Format(time.RFC3339)
	if err := t.enter(e); err != nil {
		return Request{}, err
	}
	return r, t.keep(r)
}

// ready makes a request usable after it cooled off, for as long as the rules say.
func (t *turn) ready(r Request, coolOff time.Duration) Request {
	r.State, r.Ends = Ready, t.now.Add(coolOff+t.door.Rules.Use)
	if coolOff > 0 { // else a clock that is a little behind would have to wait
		r.From = t.now.Add(coolOff)
	}
	return r
}

// outsider refuses a principal whom the rules do not know. In each window the first
// have an entry each; more are counted, and told when it is over: who floods the door
// from outside does not fill the record, and slows nobody who is enrolled.
func (t *turn) outsider(c Caller, what record.What, r *Refusal) error {
	if !t.within(t.desk.Outsiders.Since) {
		if t.desk.Outsiders.Untold > 0 {
			if err := t.tellOutsiders(); err != nil {
				return err
			}
		}
		t.desk.Outsiders = outsiders{Since: t.now}
	}
	t.desk.Outsiders.Count++
	if t.desk.Outsiders.Count > freeOutsiders {
		t.desk.Outsiders.Untold++
		return r
	}
	r.inner = notEnrolled
	return t.refused(record.Entry{Actor: c.Principal, What: what}, r)
}

// Package breakglass is the emergency door: somebody asks for a role, others agree, a
// code opens it for a quarter of an hour to an hour, everybody hears of it, and a
// record that cannot be edited unseen says so.
//
// It promises: no grant without an entry in the record and a notice queued, in one
// transaction with the code's step being spent; no two grants of one code, and no more
// than one of a request; no approval by who asked, with whatever device; every attempt
// counted before anything is compared, and every one that was counted answered in the
// record, by who comes next if the process died; the same answer after the same work
// for an unknown principal, an unknown device, another's device and a wrong code. A
// guess counts against a device only where the caller is, by AWS's word, a principal of
// the device's person: nobody from outside locks a rescuer out, nor slows them. When
// the store fails, the door stays shut.
//
// It does not promise to keep out two who agree, nor who holds both a person's
// principal and device. Whoever holds a person's principal can lock that person's
// devices by wrong codes, but for sheets of recovery codes and Yubico OTPs, which nobody
// guesses; two others, or one with the person's sheet, unlock them. Who may call at all is
// IAM's to say: everybody who may costs a transaction, so many a minute and no more.
//
// A row that cannot be read keeps out whom it is about, and nobody else: the record says
// so, and goes on without it. The desk, the one row of all, is the exception.
//
// The decisions are made from rows and a time. The package calls nobody but its Store
// and its Factors, asks no clock and has no credentials: what an open door means is
// told to the edge as a Grant.
//
// # The ways of a request
//
//	waiting ─approvals─► ready ─code─► granted ─AWS─► active ─time─► finished
//	   │                   │              └─ nobody says that AWS gave ─► lapsed
//	   └─── time ───► late ┘      waiting to active: ended by who asked ─► closed
//	                                                 revoked by a code ─► taken
//
// An attempt, which is an approval, a use, a revocation or an unlocking, takes two
// transactions with the comparison between them: the first looks whether it is
// possible at all, counts, and notes that an answer is owed; the second spends the
// code, makes the change, appends the entry and queues the notice.
package breakglass

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"mfawatch/totp/breakglass/record"
)

// Door runs commands over a store.
type Door struct {
	Store   Store
	Rules   Rules
	Factors Factors
	Random  io.Reader // crypto/rand's Reader
}

// Caller is who calls, by the word of AWS that the edge has.
type Caller struct{ Principal string }

// turn is one transaction of the door.
type turn struct {
	ctx  context.Context
	tx   Tx
	door *Door
	now  time.Time
	desk desk

	attempt string // which is answered in this turn
}

// turn runs a transaction that may append to the record. A refusal keeps what the turn
// changed, its own entry included, and is returned when it is on stable storage; any
// other error keeps nothing.
func (d *Door) turn(ctx context.Context, now time.Time, run func(*turn) error) error {
	if err := d.Rules.Check(); err != nil {
		return fmt.Errorf("the door's rules: %w", err)
	}
	var refused *Refusal
	err := d.Store.Transact(ctx, func(tx Tx) error {
		refused = nil
		t := &turn{ctx: ctx, tx: tx, door: d, now: now.UTC().Truncate(time.Millisecond)}
		err := errors.Join(t.sitDown(), t.tend())
		if err == nil {
			if err = run(t); errors.As(err, &refused) {
				err = nil
			}
		}
		return errors.Join(err, t.standUp(err))
	})
	if err == nil && refused != nil {
		return refused
	}
	return err
}

func (t *turn) sitDown() error {
	name := t.door.Rules.Door
	k, there, err := get[desk](t.tx, deskKey)
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("the door stays shut, and this row alone shuts it: %w (docs/break-glass.md, restore)", err)
	}
	if err != nil {
		return err
	}
	if !there {
		k = desk{Door: name, Hash: record.Start, First: 1, SignedAt: t.now}
	}
	if k.Door != name {
		return fmt.Errorf("the rows are of door %s, and the rules of door %s: a record is one door's", k.Door, name)
	}
	t.desk = k
	return nil
}

func (t *turn) standUp(err error) error {
	if err != nil {
		return nil // nothing is kept
	}
	return put(t.tx, deskKey, t.desk)
}

// enter appends an entry, and queues its notice.
func (t *turn) enter(e record.Entry) error {
	e.Door, e.At = t.door.Rules.Door, t.now
	if e.Actor == "" {
		e.Actor = "door"
	}
	e.Actor = readable(e.Actor)
	if t.attempt != "" {
		if e.Facts == nil {
			e.Facts = map[record.Fact]string{}
		}
		e.Facts[record.Attempt] = t.attempt
	}
	line, hash, err := record.Append(t.desk.Seq, t.desk.Hash, e)
	if err != nil {
		return fmt.Errorf("the record refuses an entry: %w", err)
	}
	t.desk.Seq, t.desk.Hash = t.desk.Seq+1, hash
	if err := t.tx.Put(entryKey(t.desk.Seq), line); err != nil {
		return err
	}
	return put(t.tx, noticeKey(t.desk.Seq), noticeOf(e, t.desk.Seq))
}

// refused appends the entry of a refusal, and is the refusal.
func (t *turn) refused(e record.Entry, r *Refusal) error {
	e.Outcome, e.Reason = record.Refused, r.recorded()
	if r.Reason == Unavailable || r.Reason == TooSlow {
		e.Outcome = record.Failed
	}
	if err := t.enter(e); err != nil {
		return err
	}
	return r
}

// request reads a request. One that is not what its key says cannot be read.
func (t *turn) request(id string) (Request, bool, error) {
	if !idForm.MatchString(id) {
		return Request{}, false, nil
	}
	r, there, err := get[Request](t.tx, requestKey(id))
	if there && (r.ID != id || !slices.Contains(states, r.State)) {
		return Request{}, false, &damaged{requestKey(id), "is none of a request of this id"}
	}
	return r, there, err
}

// named reads a request that a caller names, and refuses where there is none to read.
func (t *turn) named(id string) (Request, *Refusal, error) {
	r, there, err := t.request(id)
	switch {
	case errors.Is(err, ErrDamaged):
		return r, refuse(Unreadable), t.lose(id)
	case err == nil && !there:
		return r, refuse(NoSuchRequest), nil
	}
	return r, nil, err
}

// keep writes a request, and remembers on the desk when its time is.
func (t *turn) keep(r Request) error {
	if r.Seen.Before(t.now) {
		r.Seen = t.now
	}
	t.desk.Open = slices.DeleteFunc(t.desk.Open, func(o open) bool { return o.ID == r.ID })
	if !r.State.IsOver() {
		t.desk.Open = append(t.desk.Open, open{r.ID, r.Person, short(r.Recipient)[:16], r.due(), r.Role, r.State})
	}
	return put(t.tx, requestKey(r.ID), r)
}

// due is when a request has to be looked at. Of a grant of which nobody said that AWS
// gave credentials it is sooner than its end.
func (r Request) due() time.Time {
	if r.State == Granted {
		return r.GrantedAt.Add(RetryFor)
	}
	return r.Ends
}

// entry is what the record says of a step of a request.
func (r Request) entry(what record.What) record.Entry {
	e := record.Entry{What: what, Request: r.ID, Outcome: record.Done, Facts: map[record.Fact]string{record.Role: r.Role}}
	if r.Drill {
		e.Facts[record.Drill] = "yes"
	}
	if r.Alone {
		e.Facts[record.Alone] = "yes"
	}
	return e
}

// by says whose step it is.
func by(e record.Entry, c Caller, p Person) record.Entry {
	e.Actor, e.Person = c.Principal, p.Name
	return e
}

// behind refuses a clock that is behind what the record has of a request: it would
// make its stages longer.
func (t *turn) behind(r Request) *Refusal {
	if t.now.Before(r.Seen.Add(-clockSlack)) {
		return refuse(ClockBehind)
	}
	return nil
}

// mostTended bounds what one transaction does for those who do not come again.
const mostTended = 5

// tend ends what time has ended: attempts that nobody answered, requests whose stage
// is over, windows of who called too often and of outsiders.
func (t *turn) tend() error {
	for range mostTended {
		if more, err := t.tendOne(); err != nil || !more {
			return err
		}
	}
	return nil
}

func (t *turn) tendOne() (more bool, err error) {
	for i, p := range t.desk.Pending {
		if !t.now.Before(p.At.Add(answerWithin)) {
			t.desk.Pending = slices.Delete(t.desk.Pending, i, i+1)
			return true, t.unanswered(p)
		}
	}
	for _, o := range t.desk.Open {
		if !t.now.Before(o.Ends) {
			return true, t.expire(o)
		}
	}
	for _, h := range t.desk.Held {
		if !paced(h.Since, t.now) {
			return true, t.release(h)
		}
	}
	if o := t.desk.Outsiders; o.Untold > 0 && !t.within(o.Since) {
		return true, t.tellOutsiders()
	}
	return false, nil
}

func (t *turn) unanswered(p pending) error {
	return t.enter(record.Entry{
		Actor: p.Principal, Person: p.Person, What: record.Unanswered, Request: p.Request, Outcome: record.Failed, Reason: "nobody answered a counted attempt: " + string(p.What),
		Facts: map[record.Fact]string{record.Device: p.Device, record.Attempt: p.ID},
	})
}

// expire ends a request whose time is over.
func (t *turn) expire(o open) error {
	r, there, err := t.request(o.ID)
	switch {
	case errors.Is(err, ErrDamaged):
		return t.lost(o, unreadable(requestKey(o.ID)))
	case err != nil:
		return err
	case !there:
		return t.lost(o, "row "+requestKey(o.ID)+" is gone")
	}
	e := r.entry(record.Expired)
	switch r.State {
	case Waiting:
		r.State, e.Reason = Late, "not approved in time"
	case Ready:
		r.State, e.Reason = Late, "not used in time"
	case Granted:
		// AWS may have given credentials all the same.
		r.State, e.What, e.Outcome, e.Reason = Lapsed, record.NotIssued, record.Failed, "nobody said that credentials were given"
		t.oweFor(r)
	case Active:
		r.State, e.Reason = Finished, "the credentials ended"
	}
	if err := t.enter(e); err != nil {
		return err
	}
	return t.keep(r)
}

func (t *turn) tellOutsiders() error {
	n := t.desk.Outsiders.Untold
	t.desk.Outsiders = outsiders{}
	return t.enter(record.Entry{
		What: record.Outsiders, Outcome: record.Refused, Reason: notEnrolled,
		Facts: map[record.Fact]string{record.Count: fmt.Sprint(n)},
	})
}

// within tells whether a window that began is not over. One that begins in the future
// was begun by a clock that is wrong, and counts as over.
func (t *turn) within(since time.Time) bool {
	return !since.IsZero() && t.now.Before(since.Add(window)) && !t.now.Before(since.Add(-clockSlack))
}

// Tend ends what time has ended, where nobody else comes by.
func (d *Door) Tend(ctx context.Context, now time.Time) error {
	return d.turn(ctx, now, (*turn).passNotices)
}

// newID makes a request's id, in letters that nobody mistakes: 80 bits.
func (d *Door) newID() (string, error) {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := make([]byte, 16)
	if d.Random == nil {
		return "", errors.New("the door has no source of random numbers")
	}
	if _, err := io.ReadFull(d.Random, b); err != nil {
		return "", fmt.Errorf("random numbers: %w", err)
	}
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b), nil
}

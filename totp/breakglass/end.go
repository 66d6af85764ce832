package breakglass

import (
	"context"
	"errors"
	"slices"
	"time"

	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/ledger"
)

// End is for who asked: they need it no more. It wants no code, as it gives nothing.
func (d *Door) End(ctx context.Context, c Caller, id string, now time.Time) error {
	if err := d.tooOften(ctx, c, record.Ended, now); err != nil {
		return err
	}
	return d.turn(ctx, now, func(t *turn) error {
		if no, err := t.called(c, record.Ended); no != nil || err != nil {
			return either(no, err)
		}
		p, enrolled := d.Rules.whose(c.Principal)
		if !enrolled {
			return t.outsider(c, record.Ended, refuse(NotAllowed))
		}
		e := by(record.Entry{What: record.Ended}, c, p)
		r, no, err := t.named(id)
		switch {
		case err != nil:
			return err
		case no != nil:
		case r.Person != p.Name:
			no = refuse(OthersRequest)
		case r.State.IsOver():
			no = refuse(Over)
		}
		if no != nil {
			e.Request = t.knownID(id, no.Reason != NoSuchRequest)
			return t.refused(e, no)
		}
		return t.close(r, Closed, by(r.entry(record.Ended), c, p))
	})
}

// Revoke takes a request back, whoever asked and however far it is, with a code of any
// person of the rules. Without a code it would be a way to keep the rescuer out.
func (d *Door) Revoke(ctx context.Context, c Caller, id string, proof Proof, now time.Time) error {
	var r Request
	return d.attempt(ctx, c, proof, now, step{
		what: record.Revoked, request: id,
		possible: func(t *turn, _ Person, _ Device) (_ bool, no *Refusal, err error) {
			if r, no, err = t.named(id); err == nil && no == nil && r.State.IsOver() {
				no = refuse(Over)
			}
			return false, no, err
		},
		do: func(t *turn, who Person, device Device) error {
			e := by(r.entry(record.Revoked), c, who)
			e.Facts[record.Device] = device.ID
			return t.close(r, Taken, e)
		},
	})
}

// close ends a request before its time, and owes what AWS has to be told.
func (t *turn) close(r Request, s State, e record.Entry) error {
	if r.State.isGranted() {
		t.oweFor(r)
	}
	r.State = s
	if err := t.enter(e); err != nil {
		return err
	}
	return t.keep(r)
}

// Owed are the grants whose tokens AWS has still to refuse, as far as it is known. The
// edge does it, as often as it takes, and then says Closed.
func (d *Door) Owed(ctx context.Context, now time.Time) (all []Closing, err error) {
	k, err := d.desk(ctx)
	for _, o := range k.Owed[:min(len(k.Owed), mostRows)] {
		role, _ := d.Rules.role(o.Role)
		all = append(all, Closing{o.Request, role.ARN, Request{ID: o.Request}.session(), o.Person, now})
	}
	return all, err
}

// Closed says that AWS refuses the tokens of a grant that was taken back. It may be
// told twice.
func (d *Door) Closed(ctx context.Context, c Closing, now time.Time) error {
	return d.turn(ctx, now, func(t *turn) error {
		at := slices.IndexFunc(t.desk.Owed, func(o owed) bool { return o.Request == c.Request })
		if at < 0 {
			return nil
		}
		o := t.desk.Owed[at]
		t.desk.Owed = slices.Delete(t.desk.Owed, at, at+1)
		r, there, err := t.request(c.Request)
		if err != nil && !isDamaged(err) {
			return err
		}
		if !there {
			r = Request{ID: o.Request, Role: o.Role}
		}
		return t.enter(r.entry(record.Closed))
	})
}

// ClosedSince are the requests of a role, by its ARN, of which the record says since a time
// that AWS refuses their tokens, and when it said so: for an edge that has lost its list
// of them. An entry that cannot be read is passed over.
func (d *Door) ClosedSince(ctx context.Context, arn string, since time.Time) (all map[string]time.Time, err error) {
	k, err := d.desk(ctx)
	all = map[string]time.Time{}
	for seq := k.Seq; err == nil && seq > 0; seq-- {
		var line []byte
		line, err = d.row(ctx, entryKey(seq))
		e, bad := record.Parse(line)
		if errors.Is(err, ErrDamaged) || err == nil && bad != nil {
			err = nil
			continue
		}
		if e.At.Before(since.Add(-clockSlack)) {
			break
		}
		if role, _ := d.Rules.role(e.Facts[record.Role]); e.What == record.Closed && role.ARN == arn {
			all[e.Request] = e.At
		}
	}
	return all, err
}

// Damaged says in the record that a row of the edge's cannot be read.
func (d *Door) Damaged(ctx context.Context, key string, now time.Time) error {
	return d.turn(ctx, now, func(t *turn) error { return t.tellDamage(key) })
}

// Unlock forgets the wrong codes of a device, when a second person agrees within a
// quarter of an hour. It tells whether they are forgotten. The device's own person may
// be one of the two, with another device.
func (d *Door) Unlock(ctx context.Context, c Caller, device string, proof Proof, now time.Time) (unlocked bool, err error) {
	var first unlocking
	err = d.attempt(ctx, c, proof, now, step{
		what: record.Unlocked, target: device,
		possible: func(t *turn, who Person, with Device) (_ bool, _ *Refusal, err error) {
			owner, known := d.Rules.owner(device)
			if !known {
				return false, refuse(NoSuchDevice), nil
			}
			target, _ := owner.device(device)
			if no, err := t.forgotten(target); no != nil || err != nil { // unlocking would begin its row anew
				return false, no, err
			}
			if first, err = t.firstOfTwo(device); err == nil && first.Person == who.Name {
				return false, refuse(SamePerson), nil
			}
			return false, nil, err
		},
		do: func(t *turn, who Person, with Device) (err error) {
			e := by(record.Entry{What: record.Unlocked, Outcome: record.Done, Facts: map[record.Fact]string{record.Target: device, record.Device: with.ID, record.Wanted: "2"}}, c, who)
			if unlocked = first.Person != ""; !unlocked {
				e.Facts[record.Approvers] = who.Name
				return errors.Join(t.enter(e), put(t.tx, unlockKey(device), unlocking{who.Name, t.now}))
			}
			e.Facts[record.Approvers] = first.Person + " " + who.Name
			if err = t.unlock(device); isDamaged(err) {
				return t.refused(e, damagedDevice(err))
			}
			return errors.Join(t.enter(e), err)
		},
	})
	return unlocked && err == nil, err
}

// firstOfTwo is who began to unlock a device, where that is not long ago by any clock.
func (t *turn) firstOfTwo(device string) (unlocking, error) {
	u, _, err := get[unlocking](t.tx, unlockKey(device))
	if isDamaged(err) {
		u, err = unlocking{}, nil // the first begins again
	}
	if t.now.Sub(u.At).Abs() > unlockWithin {
		u = unlocking{}
	}
	return u, err
}

func (t *turn) unlock(device string) error {
	if err := (ledger.Verifier{Store: Rows(t.tx)}).Unlock(t.ctx, device); err != nil {
		return err
	}
	owner, _ := t.door.Rules.owner(device)
	err := t.tx.Delete(unlockKey(device)) // which was read to get here
	for _, principal := range owner.Principals {
		err = errors.Join(err, t.forget(guardKey(principal)), t.forgetNobody(principal))
	}
	return err
}

// forget deletes a row, one that cannot be read too: it is read first, so that the store knows
// that this is meant.
func (t *turn) forget(key string) error {
	if _, err := t.tx.Get(key); err != nil && !isDamaged(err) {
		return err
	}
	return t.tx.Delete(key)
}

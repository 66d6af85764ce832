package breakglass

import (
	"errors"
	"fmt"
	"slices"

	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/ledger"
)

// A row that cannot be read must not shut the door for all. Of a request the desk
// knows enough to do without its row; of a notice the record has what it told; a guard
// begins anew, as of somebody who has failed; who began to unlock a device begins again.
// What cannot be done without are the desk itself, and the rows of a device, which
// keep out that device.

// unreadable is the reason of entries: it names the row, and nothing of what is in it.
func unreadable(key string) string { return "row " + key + " cannot be read" }

// tellDamage appends the entry of a row that cannot be read.
func (t *turn) tellDamage(key string) error {
	return t.enter(record.Entry{What: record.Damaged, Outcome: record.Failed, Reason: unreadable(key)})
}

// lose is lost of a request that somebody named, if the desk has not forgotten it yet.
func (t *turn) lose(id string) error {
	at := slices.IndexFunc(t.desk.Open, func(o open) bool { return o.ID == id })
	if at < 0 {
		return nil
	}
	return t.lost(t.desk.Open[at], unreadable(requestKey(id)))
}

// lost forgets a request whose row is gone or cannot be read, and tells of it. Where AWS
// may have given credentials it has to refuse them: nobody could take them back later.
func (t *turn) lost(o open, why string) error {
	t.desk.Open = slices.DeleteFunc(slices.Clone(t.desk.Open), func(other open) bool { return other.ID == o.ID })
	if o.State != Waiting && o.State != Ready {
		t.owe(owed{o.ID, o.Role, o.Person})
	}
	return t.enter(record.Entry{What: record.Damaged, Request: o.ID, Outcome: record.Failed, Reason: why, Facts: map[record.Fact]string{record.Role: o.Role}})
}

// shown is a request as Open tells of it without its row.
func (o open) shown() Request {
	return Request{ID: o.ID, Person: o.Person, Role: o.Role, State: Lost, Ends: o.Ends}
}

// oweFor notes that AWS has to refuse a grant's tokens. A drill has none.
func (t *turn) oweFor(r Request) {
	if !r.Drill {
		t.owe(owed{r.ID, r.Role, r.Person})
	}
}

func (t *turn) owe(o owed) {
	if !slices.ContainsFunc(t.desk.Owed, func(other owed) bool { return other.Request == o.Request }) {
		t.desk.Owed = append(t.desk.Owed, o)
	}
}

// guard is a principal's. One that cannot be read is written anew, as of who has failed.
func (t *turn) guard(principal string) (guard, error) {
	key := guardKey(principal)
	g, _, err := get[guard](t.tx, key)
	if !errors.Is(err, ErrDamaged) {
		return g, err
	}
	g = guard{Attempts: 1}
	return g, errors.Join(t.tellDamage(key), put(t.tx, key, g))
}

// passNotices goes over notices at the queue's begin that are gone or cannot be read.
// These stay where they are, and what is told instead names the row: the entry of the
// same number has what it said.
func (t *turn) passNotices() error {
	for range mostTended {
		if t.desk.First > t.desk.Seq {
			return nil
		}
		key := noticeKey(t.desk.First)
		_, there, err := get[Notice](t.tx, key)
		switch {
		case errors.Is(err, ErrDamaged):
			if err := t.tellDamage(key); err != nil {
				return err
			}
		case err != nil || there:
			return err
		}
		t.desk.First++
	}
	return nil
}

// isDamaged tells whether an error is of a row that cannot be read, the door's or the
// ledger's.
func isDamaged(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ledger.ErrDamaged)
}

// forgotten refuses a device without its row in the ledger. Enrolment wrote one, so it was
// lost, and which codes were used with it. A sheet's codes are rows of the door.
func (t *turn) forgotten(d Device) (*Refusal, error) {
	if d.Kind == RecoveryCodes {
		return nil, nil
	}
	there, err := ledger.Verifier{Store: Rows(t.tx)}.Remembers(t.ctx, d.ID)
	switch {
	case isDamaged(err):
		return damagedDevice(err), nil
	case err != nil || there:
		return nil, err
	}
	why := fmt.Sprintf("row verify#%s is gone, and nobody knows which codes were used: enrol the device under another id (docs/break-glass.md, Restore)", d.ID)
	return &Refusal{Reason: Unavailable, inner: why, cause: errors.New(why)}, nil
}

// damagedDevice refuses a device whose rows cannot be read: nobody knows which of its
// codes were used.
func damagedDevice(err error) *Refusal {
	return &Refusal{Reason: Unavailable, cause: fmt.Errorf("the device's rows: %w", err)}
}

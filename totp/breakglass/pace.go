package breakglass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mfawatch/totp/breakglass/record"
)

// How often a principal may call, so that none keeps the desk busy for the others. A
// person who types commands and codes makes ten a minute, with both hands; a shell's
// loop that waits for an approval, one in two seconds, makes thirty. At a twentieth of
// a second for a transaction thirty are a fortieth of the desk's time. Commands whose
// code was right are not counted: codes are few by themselves.
//
// Revoking has as many, apart, whatever its code: who floods the door as a person does
// not keep that person from revoking. All that can be open of ten people are thirty
// requests.
const (
	mostCalls  = 30
	paceWindow = time.Minute
)

// pace is what a principal called in a window.
type pace struct {
	Since  time.Time
	Count  int
	Untold int // refused because of it, and in no entry yet
}

// held is a principal who called as often as anybody may in a window, until it is over and
// what was refused is told.
type held struct {
	Key, Principal string
	Since          time.Time
}

// paceKey is the row of a principal's pace, apart for revoking.
func paceKey(principal string, what record.What) string {
	if what == record.Revoked {
		return "pace#" + short(principal) + "-revoke"
	}
	return "pace#" + short(principal)
}

// paced tells whether a window is not over at a time. One that begins in the future
// counts as over, as others do.
func paced(since, now time.Time) bool {
	return now.Before(since.Add(paceWindow)) && !now.Before(since.Add(-clockSlack))
}

// readPace reads a pace. One that cannot be read is begun anew.
func readPace(tx Tx, key string) (pace, error) {
	p, _, err := get[pace](tx, key)
	if errors.Is(err, ErrDamaged) {
		return pace{}, nil
	}
	return p, err
}

// tooOften refuses who has called too often, before anything of the door is touched: it
// costs one row, which is in nobody else's way.
func (d *Door) tooOften(ctx context.Context, c Caller, what record.What, now time.Time) error {
	var no *Refusal
	err := d.Store.Transact(ctx, func(tx Tx) error {
		no = nil
		p, err := readPace(tx, paceKey(c.Principal, what))
		if err != nil || p.Count < mostCalls || !paced(p.Since, now) {
			return err
		}
		no = p.refusal()
		p.Untold++
		return put(tx, paceKey(c.Principal, what), p)
	})
	if err == nil && no != nil {
		return no
	}
	return err
}

func (p pace) refusal() *Refusal {
	return &Refusal{Reason: TooOften, Until: p.Since.Add(paceWindow)}
}

// called counts a command. Of many at the same time some may come so far that are too many.
func (t *turn) called(c Caller, what record.What) (*Refusal, error) {
	key := paceKey(c.Principal, what)
	p, err := readPace(t.tx, key)
	if err != nil {
		return nil, err
	}
	if !paced(p.Since, t.now) {
		if err := t.release(held{key, c.Principal, p.Since}); err != nil {
			return nil, err
		}
		p = pace{Since: t.now}
	}
	if p.Count >= mostCalls {
		p.Untold++
		return p.refusal(), put(t.tx, key, p)
	}
	if p.Count++; p.Count == mostCalls {
		t.desk.Held = append(t.desk.Held, held{key, readable(c.Principal), p.Since})
	}
	return nil, put(t.tx, key, p)
}

// wasRight takes a command whose code was right out of the count.
func (t *turn) wasRight(c Caller, what record.What) error {
	key := paceKey(c.Principal, what)
	p, err := readPace(t.tx, key)
	if err != nil || what == record.Revoked || p.Count == 0 {
		return err
	}
	p.Count--
	return put(t.tx, key, p)
}

// release tells what was refused in a window that is over. Of strangers it is told with
// what others of them did.
func (t *turn) release(h held) error {
	t.desk.Held = slices.DeleteFunc(slices.Clone(t.desk.Held), func(o held) bool { return o.Key == h.Key })
	p, there, err := get[pace](t.tx, h.Key)
	if errors.Is(err, ErrDamaged) || err == nil && !there {
		return nil // and maybe not the door's to delete
	}
	if err != nil {
		return err
	}
	if err := t.tx.Delete(h.Key); err != nil || p.Untold == 0 {
		return err
	}
	who, enrolled := t.door.Rules.whose(h.Principal)
	if !enrolled {
		t.desk.Outsiders.Untold += p.Untold
		return nil
	}
	return t.enter(record.Entry{
		Actor: h.Principal, Person: who.Name, What: record.Held, Outcome: record.Refused, Reason: string(TooOften),
		Facts: map[record.Fact]string{record.Count: fmt.Sprint(p.Untold)},
	})
}

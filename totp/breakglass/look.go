package breakglass

import (
	"context"
	"errors"
	"time"

	"mfawatch/totp/breakglass/record"
)

// Look shows a request to a principal of the rules. It changes nothing.
func (d *Door) Look(ctx context.Context, c Caller, id string) (Request, error) {
	if _, enrolled := d.Rules.whose(c.Principal); !enrolled {
		return Request{}, refuse(NotAllowed)
	}
	r, there, err := d.request(ctx, id)
	switch {
	case errors.Is(err, ErrDamaged):
		err = refuse(Unreadable)
	case err == nil && !there:
		err = refuse(NoSuchRequest)
	}
	return r, err
}

// What only looks reads one row in a transaction. More of them would be checked together
// when it ends, which is in the way of who changes one; and whoever looks may do so as
// often as they like.

func (d *Door) request(ctx context.Context, id string) (r Request, there bool, err error) {
	err = d.Store.Transact(ctx, func(tx Tx) (err error) { r, there, err = (&turn{tx: tx}).request(id); return err })
	return r, there, err
}

func (d *Door) row(ctx context.Context, key string) (text []byte, err error) {
	err = d.Store.Transact(ctx, func(tx Tx) (err error) { text, err = tx.Get(key); return err })
	return text, err
}

func (d *Door) desk(ctx context.Context) (k desk, err error) {
	err = d.Store.Transact(ctx, func(tx Tx) (err error) { k, _, err = get[desk](tx, deskKey); return err })
	return k, err
}

// Open are the requests that are not over, for a principal of the rules.
func (d *Door) Open(ctx context.Context, c Caller) (all []Request, err error) {
	if _, enrolled := d.Rules.whose(c.Principal); !enrolled {
		return nil, refuse(NotAllowed)
	}
	k, err := d.desk(ctx)
	for _, o := range k.Open[:min(len(k.Open), mostRows)] {
		r, there, bad := d.request(ctx, o.ID)
		if isDamaged(bad) || bad == nil && !there {
			r, bad = o.shown(), nil
		}
		if err = errors.Join(err, bad); !r.State.IsOver() { // since the desk was read
			all = append(all, r)
		}
	}
	return all, err
}

// Drills are the last drills of each role that came to their end.
func (d *Door) Drills(ctx context.Context) (all map[string]DrillDone, err error) {
	k, err := d.desk(ctx)
	return k.Drills, err
}

// Lines are up to n entries of the record from a number on, as they are kept.
func (d *Door) Lines(ctx context.Context, from int64, n int) (lines [][]byte, err error) {
	for seq := max(from, 1); len(lines) < min(n, mostRows); seq++ {
		line, err := d.row(ctx, entryKey(seq))
		if err != nil || line == nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// How often heads are signed where nobody asks for one.
const (
	headEntries = 20
	headEvery   = time.Hour
)

// SignHead signs the record's end, where a head is due or one is wanted now. It tells
// whether it did. An end that has a head keeps it.
func (d *Door) SignHead(ctx context.Context, s record.Signer, wanted bool, now time.Time) (head record.Signed, signed bool, err error) {
	k, err := d.desk(ctx)
	if err != nil || k.Signed == k.Seq || !wanted && !record.Due(k.Signed, k.Seq, k.SignedAt, now, headEntries, headEvery) {
		return head, false, err
	}
	if head, err = record.Sign(ctx, s, d.Rules.Door, k.Seq, k.Hash, now); err != nil {
		return head, false, err
	}
	err = d.Store.Transact(ctx, func(tx Tx) (err error) { signed, err = keepHead(tx, head); return err })
	return head, signed && err == nil, err
}

// keepHead keeps a head, where nobody signed the same end meanwhile.
func keepHead(tx Tx, head record.Signed) (kept bool, err error) {
	k, _, err := get[desk](tx, deskKey)
	if err != nil {
		return false, err
	}
	there, err := tx.Get(headKey(head.Seq))
	if err != nil || there != nil {
		return false, err
	}
	line, err := head.Line()
	if err != nil {
		return false, err
	}
	if k.Signed < head.Seq {
		k.Signed, k.SignedAt = head.Seq, head.At.UTC().Truncate(time.Millisecond)
	}
	return true, errors.Join(tx.Put(headKey(head.Seq), line), put(tx, deskKey, k))
}

// Head is the newest signed head.
func (d *Door) Head(ctx context.Context) (head record.Signed, there bool, err error) {
	k, err := d.desk(ctx)
	if err != nil || k.Signed == 0 {
		return head, false, err
	}
	line, err := d.row(ctx, headKey(k.Signed))
	if err == nil {
		head, err = record.ParseHead(line)
	}
	return head, err == nil, err
}

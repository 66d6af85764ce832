package breakglass

import (
	"context"
	"errors"
	"time"

	"mfawatch/totp/breakglass/record"
)

// Look shows a request to a principal of the rules. It changes nothing.
func (d *Door) Look(ctx context.Context, c Caller, id string) (Request, error) {
	var r Request
	err := d.Store.Transact(ctx, func(tx Tx) (err error) {
		if _, enrolled := d.Rules.whose(c.Principal); !enrolled {
			return refuse(NotAllowed)
		}
		var there bool
		switch r, there, err = (&turn{tx: tx}).request(id); {
		case errors.Is(err, ErrDamaged):
			return refuse(Unreadable)
		case err == nil && !there:
			return refuse(NoSuchRequest)
		}
		return err
	})
	return r, err
}

// Open are the requests that are not over, for a principal of the rules.
func (d *Door) Open(ctx context.Context, c Caller) (all []Request, err error) {
	err = d.Store.Transact(ctx, func(tx Tx) error {
		all = nil
		if _, enrolled := d.Rules.whose(c.Principal); !enrolled {
			return refuse(NotAllowed)
		}
		k, _, err := get[desk](tx, deskKey)
		for _, o := range k.Open[:min(len(k.Open), mostRows)] {
			r, there, bad := (&turn{tx: tx}).request(o.ID)
			if isDamaged(bad) || bad == nil && !there {
				r, bad = o.shown(), nil
			}
			all, err = append(all, r), errors.Join(err, bad)
		}
		return err
	})
	return all, err
}

// Drills are the last drills of each role that came to their end.
func (d *Door) Drills(ctx context.Context) (all map[string]DrillDone, err error) {
	err = d.Store.Transact(ctx, func(tx Tx) error {
		k, _, err := get[desk](tx, deskKey)
		all = k.Drills
		return err
	})
	return all, err
}

// Lines are up to n entries of the record from a number on, as they are kept.
func (d *Door) Lines(ctx context.Context, from int64, n int) (lines [][]byte, err error) {
	err = d.Store.Transact(ctx, func(tx Tx) error {
		lines = nil
		for seq := max(from, 1); len(lines) < min(n, mostRows); seq++ {
			line, err := tx.Get(entryKey(seq))
			if err != nil || line == nil {
				return err
			}
			lines = append(lines, line)
		}
		return nil
	})
	return lines, err
}

// How often heads are signed where nobody asks for one.
const (
	headEntries = 20
	headEvery   = time.Hour
)

// SignHead signs the record's end, where a head is due or one is wanted now. It tells
// whether it did. An end that has a head keeps it.
func (d *Door) SignHead(ctx context.Context, s record.Signer, wanted bool, now time.Time) (head record.Signed, signed bool, err error) {
	var k desk
	err = d.Store.Transact(ctx, func(tx Tx) (err error) { k, _, err = get[desk](tx, deskKey); return err })
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
	err = d.Store.Transact(ctx, func(tx Tx) error {
		k, _, err := get[desk](tx, deskKey)
		if there = k.Signed > 0; err != nil || !there {
			return err
		}
		line, err := tx.Get(headKey(k.Signed))
		if err == nil {
			head, err = record.ParseHead(line)
		}
		return err
	})
	return head, there && err == nil, err
}

// Archive signs a head where one is due, and copies what an archive has not got: the
// entries, and the newest head when all that it vouches for is there.
func (d *Door) Archive(ctx context.Context, to record.Archive, s record.Signer, now time.Time) error {
	if _, _, err := d.SignHead(ctx, s, false, now); err != nil {
		return err
	}
	head, there, err := d.Head(ctx)
	if err != nil {
		return err
	}
	if err := d.archiveLines(ctx, to); err != nil || !there {
		return err
	}
	return to.AppendHead(ctx, head)
}

func (d *Door) archiveLines(ctx context.Context, to record.Archive) error {
	for {
		next, err := to.Next(ctx)
		if err != nil {
			return err
		}
		lines, err := d.Lines(ctx, next, mostRows)
		if err != nil || len(lines) == 0 {
			return err
		}
		if err := to.Append(ctx, next, lines); err != nil {
			return err
		}
	}
}

package breakglass

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mfawatch/totp/breakglass/record"
)

// Level is how loud a notice is.
type Level string

// The levels.
const (
	Info     Level = "info"
	High     Level = "high"
	Critical Level = "critical" // somebody is woken
)

// Notice is what people are told of an entry of the record. It waits in its row until
// it is published, and may be published twice; its id says so.
type Notice struct {
	ID      string
	At      time.Time
	Level   Level
	Drill   bool
	What    record.What
	Outcome record.Outcome
	Reason  string
	Person  string
	Request string
	Text    string
}

// levels of steps that were done. Whatever was refused is high, but for these.
var levels = map[record.What]Level{
	record.Asked: High, record.Approved: High, record.Used: Critical, record.Retried: High, record.Issued: High, record.NotIssued: High,
	record.Ended: Info, record.Revoked: Critical, record.Closed: Info, record.Expired: Info, record.Unlocked: Critical, record.Drilled: Info,
	record.Unanswered: High, record.Outsiders: Critical, record.Damaged: High, record.Held: High, record.Restored: Critical,
}

// level is how loud an entry is. One person alone is as loud as can be at each step; a
// drill wakes nobody by what goes well.
func level(e record.Entry) Level {
	switch {
	case e.Outcome == record.Refused && (e.Reason == string(Locked) || e.What == record.Pretended), e.What == record.Restored:
		return Critical
	case e.Outcome != record.Done:
		return High
	case e.Facts[record.Drill] != "":
		return Info
	case e.Facts[record.Alone] != "" && e.What != record.Ended && e.What != record.Expired:
		return Critical
	}
	return levels[e.What]
}

// noticeOf puts an entry in words.
func noticeOf(e record.Entry, seq int64) Notice {
	who := e.Person
	if who == "" {
		who = e.Actor
	}
	text := fmt.Sprintf("%s: %s %s", e.Door, who, e.What)
	if role := e.Facts[record.Role]; role != "" {
		text += " role " + role
	}
	if target := e.Facts[record.Target]; target != "" {
		text += " device " + target
	}
	if wanted := e.Facts[record.Wanted]; wanted != "" {
		text += fmt.Sprintf(" (%d of %s)", len(strings.Fields(e.Facts[record.Approvers])), wanted)
	}
	if e.Request != "" {
		text += ", request " + e.Request
	}
	if e.Outcome != record.Done {
		text += ": " + string(e.Outcome) + ", " + e.Reason
	}
	if e.Facts[record.Alone] != "" {
		text = "ONE PERSON ALONE: " + text
	}
	if why := e.Facts[record.Why]; why != "" {
		text += ": " + why
	}
	drill := e.Facts[record.Drill] != ""
	if drill {
		text = "DRILL: " + text
	}
	return Notice{fmt.Sprintf("%s-%d", e.Door, seq), e.At, level(e), drill, e.What, e.Outcome, e.Reason, e.Person, e.Request, text}
}

// Notices are up to n that are not published yet, oldest first.
func (d *Door) Notices(ctx context.Context, n int) (all []Notice, err error) {
	k, err := d.desk(ctx)
	for seq := k.First; err == nil && seq <= k.Seq && seq < k.First+mostRows && len(all) < n; seq++ {
		var notice Notice
		var there bool
		err = d.Store.Transact(ctx, func(tx Tx) (err error) { notice, there, err = get[Notice](tx, noticeKey(seq)); return err })
		if there {
			all = append(all, notice)
		}
		if errors.Is(err, ErrDamaged) { // which Tend tells of
			err = nil
		}
	}
	return all, err
}

// mostRows is how many rows of a list one transaction reads.
const mostRows = 50

// Published takes a notice away that was published. It may be told twice.
func (d *Door) Published(ctx context.Context, n Notice) error {
	var seq int64
	if _, err := fmt.Sscanf(n.ID, d.Rules.Door+"-%d", &seq); err != nil || n.ID != fmt.Sprintf("%s-%d", d.Rules.Door, seq) {
		return fmt.Errorf("notice %q is not one of door %s", n.ID, d.Rules.Door)
	}
	return d.Store.Transact(ctx, func(tx Tx) error {
		k, _, err := get[desk](tx, deskKey)
		if err != nil {
			return err
		}
		if err := tx.Delete(noticeKey(seq)); err != nil {
			return err
		}
		for i := 0; k.First <= k.Seq && i < mostRows; i++ { // over all that are gone
			row, err := tx.Get(noticeKey(k.First))
			if err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
			if row != nil || err != nil {
				break
			}
			k.First++
		}
		return put(tx, deskKey, k)
	})
}

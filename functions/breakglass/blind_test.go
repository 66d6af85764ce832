package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/wire"
)

// unreadable is a store of which one row cannot be read, nor be written over: so a row
// is in DynamoDB that mfawatch did not write.
type unreadable struct {
	breakglass.Store
	key string
}

func (u unreadable) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	return u.Store.Transact(ctx, func(tx breakglass.Tx) error { return change(&unreadableTx{tx, u.key}) })
}

type unreadableTx struct {
	breakglass.Tx
	key string
}

func (u *unreadableTx) fault(key string) error {
	if key == u.key {
		return fmt.Errorf("row %s %w: it has no version", key, breakglass.ErrDamaged)
	}
	return nil
}

func (u *unreadableTx) Get(key string) ([]byte, error) {
	if err := u.fault(key); err != nil {
		return nil, err
	}
	return u.Tx.Get(key)
}

func (u *unreadableTx) Put(key string, row []byte) error {
	return errors.Join(u.fault(key), u.Tx.Put(key, row))
}

// measured is a metric as the output has it last; empty where it is not.
func (w *world) measured(name string) string {
	_, after, found := strings.Cut(w.out.String(), `"`+name+`":`)
	if !found {
		return ""
	}
	return after[:strings.IndexAny(after, ",}")]
}

// TestOneBadRowBlindsNoAlarm: what can be read is measured, what cannot counts as bad as it
// can be, and the schedule fails all the same.
func TestOneBadRowBlindsNoAlarm(t *testing.T) {
	type measured struct{ owed, waiting, unarchived, drill string }
	const day, year = "86400", "31536000"
	for _, c := range []struct {
		key  string
		want measured
	}{
		{"archived#record", measured{"2", "0", day, "3600"}},
		{"entry#000000000005", measured{"2", "0", day, "3600"}}, // the first that is not archived
		{"desk#door", measured{"1", "", "90", year}},
	} {
		for name, damage := range map[string]func(*world){
			"no JSON": func(w *world) { w.memory.Rows[c.key] = []byte("{") },
			"no row":  func(w *world) { w.store.Store = unreadable{w.memory, c.key} },
		} {
			w := newWorld(t)
			w.owesTwo()
			damage(w)
			w.out.Reset()
			err := w.tend()
			got := measured{w.measured("GrantsOwed"), w.measured("NoticesWaiting"), w.measured("UnarchivedAge"), w.measured("DrillAge")}
			if err == nil || !strings.Contains(err.Error(), "metrics: ") || got != c.want {
				t.Errorf("%s, %s: measured %+v, want %+v; tend: %v", c.key, name, got, c.want, err)
			}
		}
	}
}

// TestABadListStopsNoRevocation: the list of a role's revoked requests cannot be read. The
// record has it too; it is told once, and whoever puts the row back or deletes it loses none.
func TestABadListStopsNoRevocation(t *testing.T) {
	key := "revoked#" + short("arn:aws:iam::111122223333:role/break-glass")
	for name, damage := range map[string]func(*world){
		"no JSON": func(w *world) { w.memory.Rows[key] = []byte(`{"X":`) },
		"null":    func(w *world) { w.memory.Rows[key] = []byte("null") },
		"no row":  func(w *world) { w.store.Store = unreadable{w.memory, key} },
	} {
		for _, deleted := range []bool{false, true} {
			w := newWorld(t)
			w.endsOne() // long over when the last is
			w.now = w.now.Add(90 * time.Minute)
			want := []string{w.endsOne(), w.endsOne()}
			back := w.memory.Rows[key]
			damage(w)
			want = append(want, w.endsOne())
			w.denies(name+", damaged", want)
			want = append(want, w.endsOne())
			w.denies(name+", damaged, once more", want)
			if err := w.tend(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if n := w.toldOf("row " + key + " cannot be read"); n != 1 {
				t.Errorf("%s: it is told %d times", name, n)
			}
			w.store.Store, w.memory.Rows[key] = w.memory, back
			if deleted {
				delete(w.memory.Rows, key)
			}
			w.denies(fmt.Sprintf("%s, deleted %v", name, deleted), append(want, w.endsOne()))
		}
	}
}

// endsOne is a grant that its requester ended.
func (w *world) endsOne() string {
	w.t.Helper()
	w.now = w.now.Add(30 * time.Second)
	id := w.ready()
	w.done("ada", w.use(id))
	w.done("ada", wire.Command{Command: wire.End, Request: id})
	return id
}

func (w *world) denies(when string, want []string) {
	w.t.Helper()
	want = slices.Sorted(slices.Values(want))
	if got := w.aws.denied["break-glass mfawatch:request"]; !slices.Equal(got, want) {
		w.t.Errorf("%s: denied %v, want %v", when, got, want)
	}
}

// toldOf counts the messages that say a text.
func (w *world) toldOf(text string) (n int) {
	for _, p := range w.aws.published {
		if strings.Contains(p["body"], text) {
			n++
		}
	}
	return n
}

// owesTwo had a drill an hour ago, which is archived, and two grants a minute ago, which are
// not, and of which AWS refuses the tokens not yet.
func (w *world) owesTwo() {
	w.t.Helper()
	w.h.Door.Rules.Roles = w.h.Door.Rules.Roles[:1]
	w.done("ada", w.use(w.ready(func(c *wire.Command) { c.Drill = true })))
	if err := w.tend(); err != nil || len(w.entries()) != 4 {
		w.t.Fatalf("%v: %v", err, w.entries())
	}
	w.now = w.now.Add(58 * time.Minute)
	w.aws.noDeny, w.aws.noBucket = errors.New("iam:PutRolePolicy of break-glass: AccessDenied"), errors.New("s3:PutObject: AccessDenied")
	for range 2 {
		w.endsOne()
	}
	w.now = w.now.Add(time.Minute)
}

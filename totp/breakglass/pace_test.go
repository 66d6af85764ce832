package breakglass_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
)

const desk = "desk#door"

// flood calls so many times at once, and counts the answers.
func (s *scene) flood(n int, call func() error) map[breakglass.Reason]int {
	s.Helper()
	answers := map[breakglass.Reason]int{}
	for range n {
		r := (*breakglass.Refusal)(nil)
		if err := call(); err != nil && !errors.As(err, &r) {
			s.Fatal(err)
		}
		if r == nil {
			answers["done"]++
			continue
		}
		if answers[r.Reason]++; r.Reason == breakglass.TooOften && !r.Until.After(s.now) {
			s.Fatalf("too often until %v, now is %v", r.Until, s.now)
		}
	}
	return answers
}

// TestThirtyAMinute: of each command, by whomever; what is more touches nothing of the
// door, and is told when the minute is over.
func TestThirtyAMinute(t *testing.T) {
	ctx := t.Context()
	for what, c := range map[string]struct {
		who    string
		call   func(*scene, string) error
		answer breakglass.Reason
	}{
		"bad requests": {"ada", func(s *scene, _ string) error {
			_, err := s.Door.Ask(ctx, as("ada"), breakglass.Ask{Role: "admin"}, s.now)
			return err
		}, breakglass.BadRequest},
		"the same": {"ada", func(s *scene, _ string) error {
			_, err := s.Door.Ask(ctx, as("ada"), storetest.Ask("admin", 99), s.now)
			return err
		}, "done"},
		"ends":       {"bob", func(s *scene, id string) error { return s.Door.End(ctx, as("bob"), id, s.now) }, breakglass.OthersRequest},
		"impossible": {"cyd", func(s *scene, _ string) error { return s.approve("cyd", "0123456789ABCDEF") }, breakglass.NoSuchRequest},
		"malformed": {"ada", func(s *scene, id string) error {
			_, err := s.Door.Use(ctx, as("ada"), id, breakglass.Proof{Device: "ada-totp", Code: breakglass.Typed("x")}, s.now)
			return err
		}, breakglass.Malformed},
		"wrong sheets": {"ada", func(s *scene, id string) error {
			_, err := s.Door.Use(ctx, as("ada"), id, breakglass.Proof{Device: "ada-sheet", Code: s.Proof("bob-sheet", 0).Code}, s.now)
			return err
		}, breakglass.NotAccepted},
		"revocations": {"cyd", func(s *scene, _ string) error {
			return s.Door.Revoke(ctx, as("cyd"), "x", s.Wrong("cyd-totp", s.now), s.now)
		}, breakglass.NoSuchRequest},
		"of a stranger": {"eve", func(s *scene, _ string) error {
			_, err := s.Door.Ask(ctx, as("eve"), breakglass.Ask{}, s.now)
			return err
		}, breakglass.NotAllowed},
	} {
		s := newScene(t)
		s.memory.Twice = false
		id := s.ready().ID
		s.wait(time.Minute)
		if got := s.flood(30, func() error { return c.call(s, id) }); got[c.answer] != 30 {
			t.Errorf("%s: thirty are answered %v", what, got)
		}
		s.wait(time.Minute - time.Millisecond)
		was, opened, entries := string(s.memory.Rows[desk]), len(s.Opened), len(s.entries())
		if got := s.flood(12, func() error { return c.call(s, id) }); got[breakglass.TooOften] != 12 {
			t.Errorf("%s: twelve more are answered %v", what, got)
		}
		if string(s.memory.Rows[desk]) != was || len(s.Opened) != opened || len(s.entries()) != entries {
			t.Errorf("%s: those that are too many touch the desk or open a device", what)
		}
		s.wait(time.Millisecond)
		if err := s.Door.Tend(ctx, s.now); err != nil {
			t.Fatal(err)
		}
		if c.who == "eve" {
			if !strings.Contains(string(s.memory.Rows[desk]), `"Untold":22`) { // ten that have no entry, and twelve
				t.Errorf("%s: the desk is %s", what, s.memory.Rows[desk])
			}
		} else if e := s.last(); e.What != record.Held || e.Outcome != record.Refused || e.Reason != "too-often" || e.Actor != storetest.User(c.who) || e.Person != c.who || e.Facts[record.Count] != "12" {
			t.Errorf("%s: the record ends with %+v", what, e)
		}
		entries = len(s.entries())
		if err := s.Door.Tend(ctx, s.now); err != nil || len(s.entries()) != entries {
			t.Errorf("%s: it is told twice, %v", what, err)
		}
		if got := s.flood(1, func() error { return c.call(s, id) }); got[c.answer] != 1 {
			t.Errorf("%s: when the minute is over: %v", what, got)
		}
	}
}

// TestJustThirty: who was never refused is told of to nobody.
func TestJustThirty(t *testing.T) {
	s := newScene(t)
	s.flood(30, func() error {
		_, err := s.Door.Ask(t.Context(), as("ada"), breakglass.Ask{Role: "admin"}, s.now)
		return err
	})
	s.wait(time.Minute)
	if err := s.Door.Tend(t.Context(), s.now); err != nil || s.last().What != record.Asked || strings.Contains(string(s.memory.Rows[desk]), `"Held":[{`) {
		t.Errorf("%v, %+v, %s", err, s.last(), s.memory.Rows[desk])
	}
}

// TestFloodsAreOnesOwn: who floods holds back nobody else, nor the same person's other
// principal, nor keeps the person from revoking; and who floods with revocations keeps
// the person from nothing else.
func TestFloodsAreOnesOwn(t *testing.T) {
	ctx := t.Context()
	s := newScene(t)
	s.memory.Twice = false
	r := s.ask("bob", "admin")
	other := s.ask("cyd", "admin")
	ask := func() error { _, err := s.Door.Ask(ctx, as("ada"), breakglass.Ask{Role: "admin"}, s.now); return err }
	revoke := func() error { return s.Door.Revoke(ctx, as("ada"), "x", s.Wrong("ada-totp", s.now), s.now) }
	s.flood(40, ask)
	if err := s.Door.Revoke(ctx, as("ada"), r.ID, s.Cast.Now("ada-totp", s.now), s.now); err != nil {
		t.Errorf("ada revokes: %v", err)
	}
	if _, err := s.Door.Ask(ctx, as("ada-laptop"), storetest.Ask("admin", 9), s.now); err != nil {
		t.Errorf("ada by her other principal: %v", err)
	}
	if err := s.approve("bob", other.ID); err != nil {
		t.Errorf("bob: %v", err)
	}
	s.wait(time.Minute)
	if got := s.flood(40, revoke); got[breakglass.TooOften] != 10 {
		t.Errorf("revocations are answered %v", got)
	}
	if got := s.flood(1, ask); got[breakglass.BadRequest] != 1 {
		t.Errorf("beside revocations ada asks: %v", got)
	}
}

// TestRightCodesAreNotCounted: but for revocations, which are.
func TestRightCodesAreNotCounted(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	if _, err := s.use("ada", r.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Door.Revoke(t.Context(), as("cyd"), r.ID, s.Cast.Now("cyd-totp", s.now), s.now); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"pace#" + guardOf("ada"): "1", "pace#" + guardOf("bob"): "0", "pace#" + guardOf("cyd") + "-revoke": "1"} {
		if got := string(s.memory.Rows[key]); !strings.Contains(got, `"Count":`+want+",") {
			t.Errorf("row %s is %s, want a count of %s", key, got, want)
		}
	}
}

// TestOthersWereCountedMeanwhile: who was not one too many at first, and is when it is
// their turn, is refused there, counted, and in no entry.
func TestOthersWereCountedMeanwhile(t *testing.T) {
	ctx := t.Context()
	for what, call := range map[string]func(*scene) error{
		"ask": func(s *scene) error {
			_, err := s.Door.Ask(ctx, as("ada"), storetest.Ask("admin", 5), s.now)
			return err
		},
		"end":     func(s *scene) error { return s.Door.End(ctx, as("ada"), "0123456789ABCDEF", s.now) },
		"attempt": func(s *scene) error { return s.approve("ada", "0123456789ABCDEF") },
	} {
		s := newScene(t)
		s.memory.Twice = false
		n := 0
		s.faulty.Before = func() error {
			if n++; n == 2 {
				s.faulty.Before = nil
				for i := range 30 {
					if held := strings.Contains(string(s.memory.Rows[desk]), `"Held":[{`); held {
						t.Errorf("%s: held after %d calls", what, i)
					}
					s.flood(1, func() error { _, err := s.Door.Ask(ctx, as("ada"), breakglass.Ask{Role: "admin"}, s.now); return err })
				}
			}
			return nil
		}
		r := (*breakglass.Refusal)(nil)
		if err := call(s); !errors.As(err, &r) || r.Reason != breakglass.TooOften || !r.Until.Equal(s.now.Add(time.Minute)) || len(s.entries()) != 30 {
			t.Errorf("%s: %v, and there are %d entries", what, err, len(s.entries()))
		}
		s.wait(time.Minute)
		if err := s.Door.Tend(ctx, s.now); err != nil || s.last().What != record.Held || s.last().Facts[record.Count] != "1" {
			t.Errorf("%s: %v, %+v", what, err, s.last())
		}
	}
}

// TestManyAtOnce: those who all came before any was counted are counted all the same.
func TestManyAtOnce(t *testing.T) {
	s := newScene(t)
	s.memory.Twice = false
	var wait sync.WaitGroup
	for range 100 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			_, _ = s.Door.Ask(t.Context(), as("ada"), breakglass.Ask{Role: "admin"}, s.now)
		}()
	}
	wait.Wait()
	if got := len(s.entries()); got != 30 {
		t.Errorf("a hundred at once have %d entries", got)
	}
	s.wait(time.Minute)
	if err := s.Door.Tend(t.Context(), s.now); err != nil || s.last().Facts[record.Count] != "70" {
		t.Errorf("%v, the record ends with %+v", err, s.last())
	}
}

// TestPacesOfWrongClocks: a minute that begins far in the future, and a pace that cannot be
// read, hold back nobody.
func TestPacesOfWrongClocks(t *testing.T) {
	s := newScene(t)
	ask := func() error {
		_, err := s.Door.Ask(t.Context(), as("ada"), breakglass.Ask{Role: "admin"}, s.now)
		return err
	}
	began := s.now
	s.wait(24 * time.Hour)
	s.flood(30, ask)
	s.now = began
	if got := s.flood(31, ask); got[breakglass.BadRequest] != 30 || got[breakglass.TooOften] != 1 {
		t.Errorf("after a clock that was a day ahead: %v", got)
	}
	s.wait(-2 * time.Minute)
	if got := s.flood(1, ask); got[breakglass.TooOften] != 1 {
		t.Errorf("two minutes behind: %v", got)
	}
	s.wait(-time.Millisecond)
	if got := s.flood(1, ask); got[breakglass.BadRequest] != 1 {
		t.Errorf("more than two minutes behind: %v", got)
	}
	s.now = began
	for _, row := range damages {
		s.wait(time.Minute)
		s.flood(31, ask)
		s.damage("pace#"+guardOf("ada"), row)
		if got := s.flood(1, ask); got[breakglass.BadRequest] != 1 {
			t.Errorf("a pace that is %q: %v", row, got)
		}
	}
}

// TestHeldWithMuchToTend: with more to tend than one transaction does, what was refused is
// told by who comes again.
func TestHeldWithMuchToTend(t *testing.T) {
	s := newScene(t)
	for i := range 6 {
		s.ask([]string{"bob", "cyd"}[i%2], "admin")
	}
	s.wait(30*time.Minute - time.Minute)
	ask := func() error {
		_, err := s.Door.Ask(t.Context(), as("ada"), breakglass.Ask{Role: "admin"}, s.now)
		return err
	}
	s.flood(37, ask)
	s.wait(time.Minute)
	s.flood(1, ask)
	var told []string
	for _, e := range s.entries() {
		if e.What == record.Held || e.What == record.Expired {
			told = append(told, string(e.What)+e.Facts[record.Count])
		}
	}
	if got := fmt.Sprint(told); got != "[expired expired expired expired expired held7]" {
		t.Errorf("told are %s", got)
	}
}

// TestLookingIsInNobodysWay: what only looks reads one row in a transaction.
func TestLookingIsInNobodysWay(t *testing.T) {
	s := newScene(t)
	r := owing(s)
	s.wait(time.Minute)
	s.ready()
	if _, _, err := s.Door.SignHead(t.Context(), signer, true, s.now); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	watched := watching{s.memory, t}
	s.faulty.Store = watched
	for what, look := range map[string]func() error{
		"look":          func() error { _, err := s.Door.Look(ctx, as("ada"), r.ID); return err },
		"open":          func() error { all, err := s.Door.Open(ctx, as("ada")); return atLeastOne(len(all), err) },
		"drills":        func() error { _, err := s.Door.Drills(ctx); return err },
		"lines":         func() error { all, err := s.Door.Lines(ctx, 1, 50); return atLeastOne(len(all), err) },
		"head":          func() error { _, _, err := s.Door.Head(ctx); return err },
		"the same head": func() error { _, _, err := s.Door.SignHead(ctx, signer, true, s.now); return err },
		"owed":          func() error { all, err := s.Door.Owed(ctx, s.now); return atLeastOne(len(all), err) },
		"notices":       func() error { all, err := s.Door.Notices(ctx, 50); return atLeastOne(len(all), err) },
	} {
		if err := look(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func atLeastOne(n int, err error) error {
	if err == nil && n == 0 {
		return errors.New("there is none")
	}
	return err
}

// watching is a store whose transactions may read one row and write none.
type watching struct {
	breakglass.Store
	t *testing.T
}

func (w watching) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	return w.Store.Transact(ctx, func(tx breakglass.Tx) error { return change(&watchedTx{Tx: tx, t: w.t}) })
}

type watchedTx struct {
	breakglass.Tx
	t    *testing.T
	read int
}

func (w *watchedTx) Get(key string) ([]byte, error) {
	if w.read++; w.read > 1 {
		w.t.Errorf("row %s is read beside another", key)
	}
	return w.Tx.Get(key)
}

func (w *watchedTx) Put(key string, row []byte) error {
	w.t.Errorf("row %s is written", key)
	return w.Tx.Put(key, row)
}

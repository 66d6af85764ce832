package breakglass_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
)

var errRow = errors.New("the row cannot be had")

// breaking is a store in which one operation on a row fails.
type breaking struct {
	breakglass.Store
	at *int // counts down; the one that comes to 0 fails
}

func (b breaking) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	return b.Store.Transact(ctx, func(tx breakglass.Tx) error { return change(breakingTx{tx, b.at}) })
}

type breakingTx struct {
	breakglass.Tx
	at *int
}

func (b breakingTx) fails() bool { *b.at--; return *b.at == 0 }

func (b breakingTx) Get(key string) ([]byte, error) {
	if b.fails() {
		return nil, errRow
	}
	return b.Tx.Get(key)
}

func (b breakingTx) Put(key string, row []byte) error {
	if b.fails() {
		return errRow
	}
	return b.Tx.Put(key, row)
}

func (b breakingTx) Delete(key string) error {
	if b.fails() {
		return errRow
	}
	return b.Tx.Delete(key)
}

// TestEveryRowCanFail lets each operation on a row fail in turn, of every command: it
// is told, nobody is let in, and nothing of the transaction is kept.
func TestEveryRowCanFail(t *testing.T) {
	for what, c := range map[string]struct {
		before func(*scene) breakglass.Request
		run    func(*scene, breakglass.Request) error
	}{
		"ask": {nothing, func(s *scene, _ breakglass.Request) error {
			_, err := s.Door.Ask(s.Context(), as("ada"), storetest.Ask("admin", 1), s.now)
			return err
		}},
		"ask again": {func(s *scene) breakglass.Request { return s.ask("ada", "admin") }, func(s *scene, _ breakglass.Request) error {
			_, err := s.Door.Ask(s.Context(), as("ada"), storetest.Ask("admin", 1), s.now)
			return err
		}},
		"approve": {func(s *scene) breakglass.Request { return s.ask("ada", "admin") }, func(s *scene, r breakglass.Request) error { return s.approve("bob", r.ID) }},
		"use":     {(*scene).ready, func(s *scene, r breakglass.Request) error { _, err := s.use("ada", r.ID); return err }},
		"use a sheet": {(*scene).ready, func(s *scene, r breakglass.Request) error {
			_, err := s.Door.Use(s.Context(), as("ada"), r.ID, s.Proof("ada-sheet", 0), s.now)
			return err
		}},
		"again": {func(s *scene) breakglass.Request { r, _ := s.granted(); s.wait(5 * time.Second); return r }, func(s *scene, r breakglass.Request) error { _, err := s.use("ada", r.ID); return err }},
		"issued": {func(s *scene) breakglass.Request { r, _ := s.granted(); return r }, func(s *scene, r breakglass.Request) error {
			return s.Door.Issued(s.Context(), breakglass.Grant{Request: r.ID}, s.now, s.now)
		}},
		"not issued": {func(s *scene) breakglass.Request { r, _ := s.granted(); return r }, func(s *scene, r breakglass.Request) error {
			return s.Door.NotIssued(s.Context(), breakglass.Grant{Request: r.ID}, "x", s.now)
		}},
		"end": {(*scene).ready, func(s *scene, r breakglass.Request) error { return s.Door.End(s.Context(), as("ada"), r.ID, s.now) }},
		"revoke": {(*scene).ready, func(s *scene, r breakglass.Request) error {
			return s.Door.Revoke(s.Context(), as("cyd"), r.ID, s.Cast.Now("cyd-totp", s.now), s.now)
		}},
		"unlock": {nothing, func(s *scene, _ breakglass.Request) error {
			_, err := s.Door.Unlock(s.Context(), as("cyd"), "ada-totp", s.Cast.Now("cyd-totp", s.now), s.now)
			return err
		}},
		"unlock, two": {func(s *scene) breakglass.Request {
			_, _ = s.Door.Unlock(s.Context(), as("bob"), "ada-totp", s.Cast.Now("bob-totp", s.now), s.now)
			return breakglass.Request{}
		}, func(s *scene, _ breakglass.Request) error {
			_, err := s.Door.Unlock(s.Context(), as("cyd"), "ada-totp", s.Cast.Now("cyd-totp", s.now), s.now)
			return err
		}},
		"tend": {func(s *scene) breakglass.Request { r := s.ready(); s.wait(time.Hour); return r }, func(s *scene, _ breakglass.Request) error { return s.Door.Tend(s.Context(), s.now) }},
		"tend who called too often": {func(s *scene) breakglass.Request {
			s.flood(35, func() error { return s.Door.End(s.Context(), as("ada"), "x", s.now) })
			s.wait(time.Minute)
			return breakglass.Request{}
		}, func(s *scene, _ breakglass.Request) error { return s.Door.Tend(s.Context(), s.now) }},
		"called too often": {func(s *scene) breakglass.Request {
			s.flood(35, func() error { return s.Door.End(s.Context(), as("ada"), "x", s.now) })
			return breakglass.Request{}
		}, func(s *scene, _ breakglass.Request) error {
			return unrefused(s.Door.End(s.Context(), as("ada"), "x", s.now))
		}},
		"tend damage": {func(s *scene) breakglass.Request {
			s.damage("request#"+s.ask("ada", "admin").ID, "{")
			s.damage("notice#000000000001", "{")
			s.wait(time.Hour)
			return breakglass.Request{}
		}, func(s *scene, _ breakglass.Request) error { return s.Door.Tend(s.Context(), s.now) }},
		"a damaged guard": {func(s *scene) breakglass.Request {
			r := s.ready()
			_, _ = s.Door.Use(s.Context(), as("ada"), r.ID, s.Wrong("ada-totp", s.now), s.now)
			s.damage("guard#"+guardOf("ada"), "{")
			return r
		}, func(s *scene, r breakglass.Request) error { _, err := s.use("ada", r.ID); return err }},
		"damaged and named": {func(s *scene) breakglass.Request {
			s.damage("request#"+s.ask("ada", "admin").ID, "{")
			return breakglass.Request{}
		}, func(s *scene, _ breakglass.Request) error {
			return unrefused(s.Door.End(s.Context(), as("ada"), s.onlyRequest(), s.now))
		}},
		"owed": {owing, func(s *scene, _ breakglass.Request) error { _, err := s.Door.Owed(s.Context(), s.now); return err }},
		"closed": {owing, func(s *scene, r breakglass.Request) error {
			return s.Door.Closed(s.Context(), breakglass.Closing{Request: r.ID}, s.now)
		}},
		"look": {(*scene).ready, func(s *scene, r breakglass.Request) error {
			_, err := s.Door.Look(s.Context(), as("ada"), r.ID)
			return err
		}},
		"open":    {(*scene).ready, func(s *scene, _ breakglass.Request) error { _, err := s.Door.Open(s.Context(), as("ada")); return err }},
		"drills":  {(*scene).ready, func(s *scene, _ breakglass.Request) error { _, err := s.Door.Drills(s.Context()); return err }},
		"lines":   {(*scene).ready, func(s *scene, _ breakglass.Request) error { _, err := s.Door.Lines(s.Context(), 1, 2); return err }},
		"notices": {(*scene).ready, func(s *scene, _ breakglass.Request) error { _, err := s.Door.Notices(s.Context(), 2); return err }},
		"published": {(*scene).ready, func(s *scene, _ breakglass.Request) error {
			return s.Door.Published(s.Context(), breakglass.Notice{ID: "main-1"})
		}},
		"sign": {(*scene).ready, func(s *scene, _ breakglass.Request) error {
			_, _, err := s.Door.SignHead(s.Context(), signer, true, s.now)
			return err
		}},
		"head": {func(s *scene) breakglass.Request {
			r := s.ready()
			_, _, _ = s.Door.SignHead(s.Context(), signer, true, s.now)
			return r
		}, func(s *scene, _ breakglass.Request) error { _, _, err := s.Door.Head(s.Context()); return err }},
		"a stranger": {(*scene).ready, func(s *scene, r breakglass.Request) error {
			_, err := s.Door.Use(s.Context(), as("eve"), r.ID, s.Wrong("ada-totp", s.now), s.now)
			return unrefused(err)
		}},
		"a wrong code": {(*scene).ready, func(s *scene, r breakglass.Request) error {
			_, err := s.Door.Use(s.Context(), as("ada"), r.ID, s.Wrong("ada-totp", s.now), s.now)
			return unrefused(err)
		}},
	} {
		reached := false
		for at := 1; !reached; at++ {
			s := newScene(t)
			s.memory.Twice = false
			r := c.before(s)
			was := maps.Clone(s.memory.Rows)
			left, transactions := at, 0
			s.faulty.Store = breaking{s.memory, &left}
			s.faulty.After = func() error { transactions++; return nil }
			err := c.run(s, r)
			if reached = left > 0; reached {
				if err != nil || at < 2 {
					t.Errorf("%s without a fault: %v, in %d operations", what, err, at)
				}
				continue
			}
			if !errors.Is(err, errRow) {
				t.Errorf("%s, operation %d fails: %v", what, at, err)
			}
			if transactions == 0 && !maps.EqualFunc(was, s.memory.Rows, slices.Equal) {
				t.Errorf("%s, operation %d fails, and something is kept", what, at)
			}
			s.faulty.Store = s.memory
			if r.ID != "" && s.look(r.ID).State != r.State && what != "use" {
				if now := s.look(r.ID).State; now != breakglass.Ready {
					t.Errorf("%s, operation %d fails, and the request is %s", what, at, now)
				}
			}
		}
	}
}

func nothing(*scene) breakglass.Request { return breakglass.Request{} }

func owing(s *scene) breakglass.Request {
	r, _ := s.granted()
	if err := s.Door.End(s.Context(), as("ada"), r.ID, s.now); err != nil {
		s.Fatal(err)
	}
	return s.look(r.ID)
}

// unrefused is no error where a refusal was to come.
func unrefused(err error) error {
	if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) {
		return nil
	}
	return err
}

// failing is a factor that cannot say whether a code is right.
type failing struct {
	breakglass.Factor
	compare, spend error
	unguessable    bool
}

func (f failing) Open(context.Context, string) (breakglass.Factor, error) { return f, nil }
func (f failing) WellFormed(breakglass.Code) error                        { return nil }
func (f failing) Guessable() bool                                         { return !f.unguessable }
func (f failing) Begin(context.Context, breakglass.Tx, string, time.Time) (breakglass.Guess, error) {
	return f, nil
}
func (f failing) Compare(breakglass.Code) error              { return f.compare }
func (f failing) Spend(context.Context, breakglass.Tx) error { return f.spend }

// TestAFactorThatFails is no wrong code: it is an error, and nobody was answered.
func TestAFactorThatFails(t *testing.T) {
	down := errors.New("down")
	for _, f := range []failing{{compare: down}, {spend: down}} {
		s := newScene(t)
		r := s.ready()
		s.Door.Factors = f
		if _, err := s.use("ada", r.ID); !errors.Is(err, down) || unrefused(err) == nil {
			t.Errorf("%+v: %v, want its error", f, err)
		}
		s.wait(time.Minute)
		if err := s.Door.Tend(t.Context(), s.now); err != nil || s.last().What != record.Unanswered {
			t.Errorf("%v, and the record ends with %+v", err, s.last())
		}
	}
}

// TestHeldBack: who brings a code that was made at another time is told what to do, the
// record says so, and nobody is slowed by it.
func TestHeldBack(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	s.Door.Factors = failing{spend: fmt.Errorf("%w: the clocks", breakglass.ErrHeld)}
	_, err := s.use("ada", r.ID)
	s.wants("a code that was held back", err, breakglass.HeldBack, "held-back")
	if err == nil || !strings.Contains(err.Error(), "touch it again") || strings.Contains(err.Error(), "the clocks") || !errors.Is(err, breakglass.ErrHeld) {
		t.Errorf("who asked is told %q", err)
	}
	if e := s.last(); e.Outcome != record.Refused || e.Facts[record.Device] != "ada-totp" || e.What != record.Used {
		t.Errorf("the record ends with %+v", e)
	}
	// At what is not theirs it is as all else.
	_, err = s.Door.Use(t.Context(), as("ada"), r.ID, breakglass.Proof{Device: "bob-totp"}, s.now)
	s.wants("another's", err, breakglass.NotAccepted, "unknown-device")
	s.Door.Factors = failing{spend: fmt.Errorf("the row %w", breakglass.ErrDamaged)}
	_, err = s.use("ada", r.ID)
	s.wants("a row that was damaged meanwhile", err, breakglass.Unavailable, "device-unavailable")
}

// TestNobodyGuesses: wrong codes that nobody could guess strain nobody.
func TestNobodyGuesses(t *testing.T) {
	for guessable, want := range map[bool]breakglass.Reason{false: breakglass.NotAccepted, true: breakglass.Wait} {
		s := newScene(t)
		s.patient()
		r := s.ready()
		s.Door.Factors = failing{compare: breakglass.ErrWrong, unguessable: !guessable}
		for range 30 {
			s.wait(2 * time.Second)
			_, err := s.use("ada", r.ID)
			s.wants("a wrong code", err, breakglass.NotAccepted, "wrong-code")
		}
		s.wait(time.Second)
		_, err := s.use("ada", r.ID)
		if refusal := (*breakglass.Refusal)(nil); !errors.As(err, &refusal) || refusal.Reason != want {
			t.Errorf("after thirty wrong codes, guessable %v: %v, want %s", guessable, err, want)
		}
	}
}

// TestDecoy: what is nobody's is guessed at as people guess.
func TestDecoy(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	s.Door.Rules.People[0].Devices[0].Kind = breakglass.YubicoOTP // and ada-hotp is her last
	s.Opened = nil
	_, _ = s.Door.Use(t.Context(), as("ada"), r.ID, breakglass.Proof{Device: "nobodys", Code: breakglass.Typed("123456")}, s.now)
	if got := fmt.Sprint(s.Opened); got != "[bob-totp]" {
		t.Errorf("what is opened for nobody's device is %s", got)
	}
}

// TestWhatHasBegunInsists: others who come first are no reason to forget what AWS gave, nor
// a code that was compared; but not for ever.
func TestWhatHasBegunInsists(t *testing.T) {
	for busy, want := range map[int]error{2: nil, 3: breakglass.ErrBusy} {
		for _, issued := range []bool{true, false} {
			s := newScene(t)
			_, g := s.granted()
			n := 0
			s.faulty.Before = func() error {
				if n++; n <= busy {
					return fmt.Errorf("store: %w", breakglass.ErrBusy)
				}
				return nil
			}
			var got error
			if issued {
				got = s.Door.Issued(t.Context(), g, g.Until, s.now)
			} else {
				got = s.Door.NotIssued(t.Context(), g, "x", s.now)
			}
			if !errors.Is(got, want) || n != 3 {
				t.Errorf("%d times busy: %v after %d tries, want %v", busy, got, n, want)
			}
		}
	}
	s := newScene(t)
	r := s.ready()
	calls := 0
	s.faulty.Before = func() error {
		if calls++; calls == 3 || calls == 4 { // after the pace and the first transaction
			return breakglass.ErrBusy
		}
		return nil
	}
	if _, err := s.use("ada", r.ID); err != nil || calls != 5 {
		t.Errorf("a code that was compared: %v after %d transactions", err, calls)
	}
	s.faulty.Before = func() error { calls++; return breakglass.ErrBusy }
	if _, err := s.use("ada", r.ID); !errors.Is(err, breakglass.ErrBusy) || calls != 6 {
		t.Errorf("what has not begun: %v after %d transactions", err, calls-5)
	}
	s = newScene(t)
	_, g := s.granted()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	s.faulty.Before = func() error { n++; cancel(); return breakglass.ErrBusy }
	if err := s.Door.Issued(ctx, g, g.Until, s.now); !errors.Is(err, breakglass.ErrBusy) || n != 1 {
		t.Errorf("when the time is over: %v after %d tries", err, n)
	}
}

var ids = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{16}\b`)

// TestTheRecordsWords plays one night and compares all that is said of it: entries and
// notices.
func TestTheRecordsWords(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	r := s.ask("ada", "core")
	_ = s.approve("dan", r.ID)
	_, _ = s.Door.Approve(ctx, as("bob"), r.ID, s.Wrong("bob-totp", s.now), s.now)
	_, _ = s.Door.Approve(ctx, as("bob"), r.ID, s.Wrong("ada-totp", s.now), s.now)
	_ = s.approve("bob", r.ID)
	_, _ = s.Door.Use(ctx, as("eve"), r.ID, s.Wrong("ada-totp", s.now), s.now)
	_ = s.Door.Revoke(ctx, as("cyd"), r.ID, s.Wrong("cyd-totp", s.now), s.now)
	s.wait(10 * time.Minute)
	s.Fail = errors.New("down")
	_, _ = s.use("ada", r.ID)
	s.Fail = nil
	g, _ := s.use("ada", r.ID)
	_ = s.Door.NotIssued(ctx, g, "throttled", s.now)
	g, _ = s.use("ada", r.ID)
	_ = s.Door.Issued(ctx, g, g.Until, s.now)
	_, _ = s.Door.Unlock(ctx, as("cyd"), "ada-totp", s.Wrong("cyd-totp", s.now), s.now)
	_, _ = s.Door.Unlock(ctx, as("cyd"), "ada-totp", s.Cast.Now("cyd-totp", s.now), s.now)
	_, _ = s.Door.Unlock(ctx, as("bob"), "ada-totp", s.Cast.Now("bob-totp", s.now), s.now)
	_ = s.Door.End(ctx, as("bob"), r.ID, s.now)
	_ = s.Door.Revoke(ctx, as("dan"), r.ID, s.Cast.Now("dan-totp", s.now), s.now)
	owed, _ := s.Door.Owed(ctx, s.now)
	_ = s.Door.Closed(ctx, owed[0], s.now)
	_ = s.Door.Issued(ctx, g, g.Until, s.now)
	_ = s.Door.NotIssued(ctx, g, "late", s.now)
	a := storetest.Ask("admin", 9)
	a.Alone, a.Drill = true, true
	drill, _ := s.Door.Ask(ctx, as("bob"), a, s.now)
	s.wait(5 * time.Minute)
	g, _ = s.use("bob", drill.ID)
	_ = s.Door.Issued(ctx, g, g.Until, s.now)
	s.wait(time.Minute)
	lapsed := s.ask("ada", "admin")
	_ = s.approve("cyd", lapsed.ID)
	_, _ = s.use("ada", lapsed.ID)
	late := s.ask("bob", "admin")
	n := 0
	s.faulty.Before = func() error {
		if n++; n == 3 {
			return errRow
		}
		return nil
	}
	s.wait(30 * time.Second)
	_ = s.approve("cyd", late.ID)
	s.faulty.Before = nil
	s.wait(time.Hour)
	_ = s.Door.Tend(ctx, s.now)
	alone := a
	alone.Drill, alone.Recipient = false, storetest.Ask("admin", 10).Recipient
	_, _ = s.Door.Ask(ctx, as("ada"), alone, s.now)

	names, next := map[string]string{}, 0
	named := func(text string) string {
		return ids.ReplaceAllStringFunc(text, func(id string) string {
			if names[id] == "" {
				next++
				names[id] = fmt.Sprint("ID-", next)
			}
			return names[id]
		})
	}
	var b strings.Builder
	for _, e := range s.entries() {
		fmt.Fprintf(&b, "%s %s %s %q by %s (%s) of %q\n", e.At.Format("15:04:05"), e.What, e.Outcome, e.Reason, strings.TrimPrefix(e.Actor, "arn:aws:iam::111122223333:"), e.Person, named(e.Request))
		for _, f := range slices.Sorted(maps.Keys(e.Facts)) {
			fmt.Fprintf(&b, "    %s %q\n", f, named(e.Facts[f]))
		}
	}
	notices, err := s.Door.Notices(ctx, 50)
	if err != nil || len(notices) != len(s.entries()) {
		t.Fatal(len(notices), err)
	}
	for _, n := range notices {
		fmt.Fprintf(&b, "%s %s drill=%v: %s\n", n.ID, n.Level, n.Drill, named(n.Text))
	}
	golden(t, "night.txt", b.String())
}

func TestFloor(t *testing.T) {
	c := storetest.NewCast(t)
	for _, pair := range []bool{false, true} {
		for _, late := range []time.Duration{0, time.Second} {
			m, now := &storetest.Memory{}, storetest.Start
			proof := c.Now("ada-totp", now)
			floor := time.Unix(now.Unix()/30*30, 0).Add(late) // the code's step began just then
			if pair {
				proof, floor = c.Pair("ada-totp", now), floor.Add(-30*time.Second)
			}
			f := breakglass.OTP{Key: c.Keys["ada-totp"], Floor: floor}
			err := m.Transact(t.Context(), func(tx breakglass.Tx) error {
				g, err := f.Begin(t.Context(), tx, "id", now)
				if err == nil {
					err = g.Compare(proof.Code)
				}
				if err == nil {
					err = g.Spend(t.Context(), tx)
				}
				return err
			})
			if (late == 0) != (err == nil) || err != nil && err != breakglass.ErrUsed {
				t.Errorf("pair %v, %v before the restoration: %v", pair, late, err)
			}
		}
	}
}

// TestPairs: two codes that follow each other find a device whose clock is off.
func TestPairs(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	off := s.now.Add(20 * time.Minute)
	_, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Cast.Now("ada-totp", off), s.now)
	s.wants("one code of a clock that is off", err, breakglass.NotAccepted, "wrong-code")
	for _, text := range []string{"123456 ", "123456 12345", " 123456", "123456 123456 123456", "123456  123456"} {
		_, err := s.Door.Use(t.Context(), as("ada"), r.ID, breakglass.Proof{Device: "ada-totp", Code: breakglass.Typed(text)}, s.now)
		s.wants("a malformed pair", err, breakglass.Malformed, "malformed-code")
	}
	if _, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Pair("ada-totp", off), s.now); err != nil {
		t.Errorf("two codes: %v", err)
	}
}

func TestDrillsOfRoles(t *testing.T) {
	s := newScene(t)
	s.Door.Rules.Roles[1].Approvals, s.Door.Rules.Roles[1].CoolOff = 1, 0
	for i, role := range []string{"admin", "core"} {
		a := storetest.Ask(role, i+1)
		a.Drill = true
		r, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
		if err == nil {
			err = s.approve("bob", r.ID)
		}
		var g breakglass.Grant
		if err == nil {
			g, err = s.use("ada", r.ID)
		}
		if err == nil {
			err = s.Door.Issued(t.Context(), g, s.now, s.now)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.wait(time.Minute)
	}
	if drills, err := s.Door.Drills(t.Context()); len(drills) != 2 || err != nil {
		t.Errorf("drills are %+v, %v", drills, err)
	}
}

func TestIssuedOfTheSecondHanding(t *testing.T) {
	s := newScene(t)
	a := storetest.Ask("admin", 1)
	a.Duration = time.Hour // the longest
	r, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
	if err != nil || s.approve("bob", r.ID) != nil {
		t.Fatal(err)
	}
	g, err := s.use("ada", r.ID)
	if err != nil {
		t.Fatal(err)
	}
	ends := s.now.Add(time.Hour)
	if err := s.Door.Issued(t.Context(), g, s.now.Add(time.Minute), s.now); err != nil || !s.look(r.ID).Ends.Equal(ends) {
		t.Errorf("what AWS gave for less: %v, %v", s.look(r.ID).Ends, err)
	}
	s.wait(5 * time.Second)
	if g, err = s.use("ada", r.ID); err != nil || g.Again != 1 {
		t.Fatal(g, err)
	}
	if err := s.Door.Issued(t.Context(), g, ends.Add(3*time.Second), s.now); err != nil || s.last().What != record.Issued || !s.look(r.ID).Ends.Equal(ends.Add(3*time.Second)) {
		t.Errorf("of the second handing: %v, %+v", err, s.look(r.ID))
	}
}

// TestClocksDoNotCreep: clocks that are a little behind one another do not lead back in
// time.
func TestClocksDoNotCreep(t *testing.T) {
	s := newScene(t)
	r := s.ask("ada", "core")
	s.wait(-2 * time.Minute)
	if err := s.approve("dan", r.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(-time.Minute)
	s.wants("three minutes behind", s.approve("bob", r.ID), breakglass.ClockBehind, "clock-behind")
}

// TestTendingIsBounded: one transaction ends five, and the next the others.
func TestTendingIsBounded(t *testing.T) {
	s := newScene(t)
	for _, who := range []string{"ada", "bob", "cyd"} {
		for range 3 {
			s.ask(who, "admin")
		}
	}
	s.wait(time.Hour)
	for _, want := range []int{5, 9, 9} {
		if err := s.Door.Tend(t.Context(), s.now); err != nil {
			t.Fatal(err)
		}
		if got := len(s.entries()) - 9; got != want {
			t.Errorf("%d requests are ended, want %d", got, want)
		}
	}
}

// TestSheetsOnly: where nobody has a device but sheets, one of them is the decoy.
func TestSheetsOnly(t *testing.T) {
	s := newScene(t)
	rules := s.Door.Rules
	rules.Roles = rules.Roles[:1]
	rules.Roles[0].Alone.Grade = breakglass.Ungraded
	for i, p := range rules.People {
		rules.People[i].Devices = []breakglass.Device{p.Devices[1]}
	}
	s.Door.Rules = rules
	r := s.ask("ada", "admin")
	_, err := s.Door.Approve(t.Context(), as("bob"), r.ID, breakglass.Proof{Device: "ada-sheet", Code: s.Proof("ada-sheet", 0).Code}, s.now)
	s.wants("another's sheet", err, breakglass.NotAccepted, "unknown-device")
	if _, err = s.Door.Approve(t.Context(), as("bob"), r.ID, s.Proof("bob-sheet", 0), s.now); err != nil {
		t.Error(err)
	}
	if _, err = s.Door.Use(t.Context(), as("ada"), r.ID, s.Proof("ada-sheet", 0), s.now); err != nil {
		t.Error(err)
	}
}

func TestNoRandomNumbers(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	s.Door.Random = nil
	if _, err := s.Door.Ask(t.Context(), as("ada"), storetest.Ask("admin", 9), s.now); err == nil {
		t.Error("a request without random numbers is taken")
	}
	s.Door.Random = strings.NewReader("short")
	if _, err := s.use("ada", r.ID); err == nil {
		t.Error("an attempt without random numbers is made")
	}
	s.Door.Random = rand.Reader
	if _, err := s.use("ada", r.ID); err != nil {
		t.Error(err)
	}
}

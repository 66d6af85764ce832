package breakglass_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
)

// guess makes wrong guesses at a device, each as early as it may, up to a number of
// calls, and counts the answers.
func (s *scene) guess(who, device, id string, calls int) map[breakglass.Reason]int {
	s.Helper()
	answers := map[breakglass.Reason]int{}
	for range calls {
		_, err := s.Door.Use(s.Context(), as(who), id, s.Wrong(device, s.now), s.now)
		r := (*breakglass.Refusal)(nil)
		if !errors.As(err, &r) {
			s.Fatalf("a wrong code: %v", err)
		}
		switch answers[r.Reason]++; r.Reason {
		case breakglass.Wait:
			s.now = r.Until
		case breakglass.TooOften:
			s.Fatalf("after %v", answers)
		default:
			s.wait(2 * time.Second) // within the pace
		}
	}
	return answers
}

// patient are rules by which requests wait for as long as guesses take.
func (s *scene) patient() {
	s.Door.Rules.Approve, s.Door.Rules.Use = 24*time.Hour, 24*time.Hour
}

// TestManyGuesses: 20 are compared, the device is locked, and the right pair
// still gets in when two unlock it; ada may be one of them by her sheet.
func TestManyGuesses(t *testing.T) {
	s := newScene(t)
	s.memory.Twice = false
	s.patient()
	r := s.ready()
	answers := s.guess("ada", "ada-totp", r.ID, 40)
	if answers[breakglass.NotAccepted] != 20 || answers[breakglass.Locked] < 1 {
		t.Fatalf("answers are %v, want 20 compared and then locked", answers)
	}
	s.bulk(t, r.ID, 160)
	_, err := s.use("ada", r.ID)
	s.wants("the right code", err, breakglass.Locked, "locked")
	unlocked, err := s.Door.Unlock(t.Context(), as("ada"), "ada-totp", s.Proof("ada-sheet", 0), s.now)
	if err != nil || unlocked {
		t.Fatalf("one alone unlocks: %v, %v", unlocked, err)
	}
	_, err = s.Door.Unlock(t.Context(), as("ada-laptop"), "ada-totp", s.Proof("ada-sheet", 1), s.now)
	s.wants("the same person again", err, breakglass.SamePerson, "same-person")
	if unlocked, err = s.Door.Unlock(t.Context(), as("cyd"), "ada-totp", s.Cast.Now("cyd-totp", s.now), s.now); err != nil || !unlocked {
		t.Fatalf("two unlock: %v, %v", unlocked, err)
	}
	if e := s.last(); e.What != record.Unlocked || e.Facts[record.Approvers] != "ada cyd" || e.Facts[record.Target] != "ada-totp" {
		t.Errorf("the record ends with %+v", e)
	}
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("after unlocking the right code: %v", err)
	}
}

// bulk makes guesses in the locked state; all are refused and recorded.
func (s *scene) bulk(t *testing.T, id string, n int) {
	t.Helper()
	before := len(s.memory.Rows)
	for i := range n {
		s.wait(2 * time.Second)
		_, err := s.Door.Use(t.Context(), as("ada"), id, s.Wrong("ada-totp", s.now), s.now)
		if r := (*breakglass.Refusal)(nil); !errors.As(err, &r) || r.Reason != breakglass.Locked {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if got := len(s.memory.Rows) - before; got != 2*n {
		t.Errorf("%d guesses made %d rows, want an entry and a notice each", n, got)
	}
}

func TestBackOff(t *testing.T) {
	s := newScene(t)
	s.patient()
	r := s.ready()
	began, last := s.now, s.now
	waits := []time.Duration{}
	for range 20 {
		_, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Wrong("ada-totp", s.now), s.now)
		if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) && refusal.Reason == breakglass.Wait {
			_, early := s.use("ada", r.ID)
			s.wants("the right code while waiting", early, breakglass.Wait, "wait")
			s.now = refusal.Until
			_, err = s.Door.Use(t.Context(), as("ada"), r.ID, s.Wrong("ada-totp", s.now), s.now)
		}
		s.wants("a wrong code", err, breakglass.NotAccepted, "wrong-code")
		waits, last = append(waits, s.now.Sub(last)), s.now
	}
	for i, got := range waits {
		want := time.Duration(0)
		if i >= 5 {
			want = min(30*time.Second<<(i-5), time.Hour)
		}
		if got != want {
			t.Errorf("guess %d waited %v, want %v", i+1, got, want)
		}
	}
	t.Logf("20 guesses take %v", s.now.Sub(began))
}

// TestNobodyLocksAnothersDevice: guesses of those who are not the device's person lock
// nothing of theirs, strangers' neither.
func TestNobodyLocksAnothersDevice(t *testing.T) {
	s := newScene(t)
	s.patient()
	r := s.ready()
	for _, who := range []string{"eve", "mallory"} {
		for range 60 {
			_, err := s.Door.Use(t.Context(), as(who), r.ID, s.Wrong("ada-totp", s.now), s.now)
			refusal := (*breakglass.Refusal)(nil)
			if !errors.As(err, &refusal) {
				t.Fatal(err)
			}
			if refusal.Reason == breakglass.Wait {
				s.now = refusal.Until
			}
		}
	}
	other := s.ask("cyd", "admin")
	for range 60 { // bob is of the rules, and guesses at ada's device
		err := s.Door.Revoke(t.Context(), as("bob"), other.ID, s.Wrong("ada-totp", s.now), s.now)
		if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) && refusal.Reason == breakglass.Wait {
			s.now = refusal.Until
		}
	}
	r = s.ask("ada", "admin")
	if err := s.approve("cyd", r.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("ada's first code: %v", err)
	}
	s.wait(time.Minute)
	other = s.ask("cyd", "admin")
	s.wants("bob's own device is not locked, his guesses elsewhere are slow", s.approveWrong("bob", other.ID), breakglass.NotAccepted, "wrong-code")
	s.wait(time.Minute)
	if err := s.approve("bob", other.ID); err != nil {
		t.Errorf("bob with his own device: %v", err)
	}
	_, err := s.Door.Use(t.Context(), as("cyd"), other.ID, breakglass.Proof{Device: "ada-totp", Code: s.Wrong("ada-totp", s.now).Code}, s.now)
	s.wants("cyd has failed at nothing", err, breakglass.NotAccepted, "unknown-device")
}

func (s *scene) approveWrong(who, id string) error {
	_, err := s.Door.Approve(s.Context(), as(who), id, s.Wrong(who+"-totp", s.now), s.now)
	return err
}

// TestOutsidersAreCounted: the first of a window have entries, the others are counted,
// and told when it is over.
func TestOutsidersAreCounted(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	before, began := len(s.entries()), s.now.Add(2*time.Second)
	for range 50 {
		s.wait(2 * time.Second)
		_, err := s.Door.Ask(t.Context(), as("eve"), breakglass.Ask{}, s.now)
		if refusal := (*breakglass.Refusal)(nil); !errors.As(err, &refusal) || refusal.Reason != breakglass.NotAllowed {
			t.Fatal(err)
		}
	}
	if got := len(s.entries()) - before; got != 20 {
		t.Errorf("50 strangers have %d entries, want 20", got)
	}
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("meanwhile ada: %v", err)
	}
	for _, early := range []time.Duration{time.Millisecond, 0} {
		if err := s.Door.Tend(t.Context(), began.Add(time.Hour-early)); err != nil {
			t.Fatal(err)
		}
		if told := s.last().What == record.Outsiders && s.last().Facts[record.Count] == "30"; told != (early == 0) {
			t.Errorf("%v before the hour is over: %+v", early, s.last())
		}
	}
	s.wait(3 * time.Hour)
	before = len(s.entries())
	for range 21 {
		_, _ = s.Door.Ask(t.Context(), as("eve"), breakglass.Ask{}, s.now)
	}
	s.wait(time.Hour)
	_, _ = s.Door.Ask(t.Context(), as("eve"), breakglass.Ask{}, s.now)
	all := s.entries()[before:]
	if len(all) != 22 || all[20].Facts[record.Count] != "1" || all[21].What != record.Asked {
		t.Errorf("in the next windows there are %d entries", len(all))
	}
}

// TestStrain: where many codes of everybody are wrong, who has failed goes slowly, and
// who has not does not.
func TestStrain(t *testing.T) {
	s := newScene(t)
	s.patient()
	r := s.ready()
	other := s.ask("bob", "core")
	for i := range 30 { // by four people, at eight devices
		who := []string{"ada", "bob", "cyd", "dan"}[i%4]
		device := who + "-totp"
		if i >= 20 {
			device = "ada-totp" // somebody else's but ada's
		}
		if who == "ada" && i >= 20 {
			device = "bob-totp"
		}
		err := s.Door.Revoke(t.Context(), as(who), other.ID, s.Wrong(device, s.now), s.now)
		s.wants(fmt.Sprint("guess ", i, " of ", who), err, breakglass.NotAccepted, map[bool]string{true: "wrong-code", false: "unknown-device"}[i < 20])
	}
	until := s.now.Add(30 * time.Second)
	s.wait(29 * time.Second)
	err := s.Door.Revoke(t.Context(), as("dan"), other.ID, s.Wrong("ada-totp", s.now), s.now)
	s.wants("dan, who has failed", err, breakglass.Wait, "wait-for-all")
	if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) && !refusal.Until.Equal(until) {
		t.Errorf("dan waits until %v, want %v", refusal.Until, until)
	}
	if _, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Proof("ada-sheet", 0), s.now); err != nil {
		t.Errorf("ada by her sheet, which nobody guesses: %v", err)
	}
	// ada was right: she is through at once, with her own device, while dan waits.
	own := s.ask("ada", "admin")
	if _, err := s.Door.Approve(t.Context(), as("cyd"), own.ID, s.Proof("cyd-sheet", 0), s.now); err != nil {
		t.Fatal(err)
	}
	if err := s.Door.Revoke(t.Context(), as("dan"), other.ID, s.Wrong("ada-totp", s.now), s.now); err == nil {
		t.Fatal("dan is let through")
	}
	s.wait(time.Second)
	err = s.Door.Revoke(t.Context(), as("dan"), other.ID, s.Wrong("ada-totp", s.now), s.now)
	s.wants("dan after half a minute", err, breakglass.NotAccepted, "unknown-device")
}

// TestWhoIsRightIsNotSlowed: one principal whose last code was right is not slowed by
// all the others.
func TestWhoIsRightIsNotSlowed(t *testing.T) {
	s := newScene(t)
	s.patient()
	r := s.ask("ada", "core")
	for range 40 {
		err := s.Door.Revoke(t.Context(), as("dan"), r.ID, s.Wrong("dan-totp", s.now), s.now)
		if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) && refusal.Reason == breakglass.Wait {
			s.now = refusal.Until
		}
		err = s.Door.Revoke(t.Context(), as("cyd"), r.ID, s.Wrong("dan-totp", s.now), s.now)
		if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) && refusal.Reason == breakglass.Wait {
			s.now = refusal.Until
		}
	}
	if err := s.approve("bob", r.ID); err != nil {
		t.Errorf("bob, who never failed: %v", err)
	}
}

func TestUnlock(t *testing.T) {
	s := newScene(t)
	_, err := s.Door.Unlock(t.Context(), as("ada"), "nobodys", s.Cast.Now("ada-totp", s.now), s.now)
	s.wants("no such device", err, breakglass.NoSuchDevice, "no-such-device")
	_, err = s.Door.Unlock(t.Context(), as("ada"), "bob-totp", s.Wrong("ada-totp", s.now), s.now)
	s.wants("with a wrong code", err, breakglass.NotAccepted, "wrong-code")
	unlock := func(who string) (bool, error) {
		return s.Door.Unlock(t.Context(), as(who), "bob-totp", s.Cast.Now(who+"-totp", s.now), s.now)
	}
	if done, err := unlock("ada"); done || err != nil {
		t.Fatal(done, err)
	}
	for _, wait := range []time.Duration{15*time.Minute + time.Second, 15 * time.Minute} {
		s.wait(wait)
		if done, err := unlock("cyd"); err != nil || done != (wait == 15*time.Minute) {
			if wait > 15*time.Minute {
				t.Errorf("%v after the first: %v, %v", wait, done, err)
			}
		}
		if wait > 15*time.Minute { // cyd is the first of two now
			s.wait(15 * time.Minute)
			if done, err := unlock("ada"); !done || err != nil {
				t.Errorf("just in time: %v, %v", done, err)
			}
		}
	}
}

// TestWrongNamesAreForgiven: who named a wrong device often is not locked for ever.
func TestWrongNamesAreForgiven(t *testing.T) {
	s := newScene(t)
	s.patient()
	r := s.ready()
	answers := s.guess("ada", "bob-totp", r.ID, 40)
	if answers[breakglass.NotAccepted] != 20 || answers[breakglass.Locked] == 0 {
		t.Errorf("guesses at what is not hers are answered %v, want as at her own", answers)
	}
	if _, err := s.use("ada", r.ID); err != nil {
		t.Fatal(err)
	}
	other := s.ask("cyd", "admin")
	_, err := s.Door.Approve(t.Context(), as("ada"), other.ID, s.Wrong("bob-totp", s.now), s.now)
	s.wants("after a right code", err, breakglass.NotAccepted, "unknown-device")
}

// TestAClockAhead: one wrong code that a clock six hours ahead counted keeps the device's person
// waiting no longer than one of now would, and only once.
func TestAClockAhead(t *testing.T) {
	s := newScene(t)
	s.patient()
	r := s.ready()
	for i := range 6 {
		now := s.now
		if i == 5 {
			now = now.Add(6 * time.Hour)
		}
		_, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Wrong("ada-totp", now), now)
		s.wants("a wrong code", err, breakglass.NotAccepted, "wrong-code")
	}
	s.wait(time.Second)
	_, err := s.use("ada", r.ID)
	s.wants("a right code, too early", err, breakglass.Wait, "wait")
	if no := (*breakglass.Refusal)(nil); !errors.As(err, &no) || no.Until.Sub(s.now) != time.Minute {
		t.Errorf("right after it: %v, want a minute's wait", err)
	}
	s.wait(time.Minute)
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("when it is over: %v", err)
	}
}

package breakglass_test

import (
	"encoding/json"
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

var as = storetest.As

// scene is a door in memory, with a clock.
type scene struct {
	*testing.T
	*storetest.Cast
	*breakglass.Door
	memory *storetest.Memory
	faulty *storetest.Faulty
	now    time.Time
	asked  int
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, Cast: storetest.NewCast(t), memory: &storetest.Memory{Twice: true}, now: storetest.Start}
	s.Door = s.Cast.Door(s.memory)
	s.faulty = &storetest.Faulty{Store: s.memory}
	s.Door.Store = s.faulty
	return s
}

func (s *scene) wait(d time.Duration) { s.now = s.now.Add(d) }

func (s *scene) ask(who, role string) breakglass.Request {
	s.Helper()
	s.asked++
	r, err := s.Door.Ask(s.Context(), as(who), storetest.Ask(role, s.asked), s.now)
	if err != nil {
		s.Fatalf("%s asks for %s: %v", who, role, err)
	}
	return r
}

func (s *scene) approve(who, id string) error {
	_, err := s.Door.Approve(s.Context(), as(who), id, s.Cast.Now(who+"-totp", s.now), s.now)
	return err
}

func (s *scene) use(who, id string) (breakglass.Grant, error) {
	return s.Door.Use(s.Context(), as(who), id, s.Cast.Now(who+"-totp", s.now), s.now)
}

// ready is a request of ada's that bob approved.
func (s *scene) ready() breakglass.Request {
	s.Helper()
	r := s.ask("ada", "admin")
	if err := s.approve("bob", r.ID); err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *scene) granted() (breakglass.Request, breakglass.Grant) {
	s.Helper()
	r := s.ready()
	g, err := s.use("ada", r.ID)
	if err != nil {
		s.Fatal(err)
	}
	return s.look(r.ID), g
}

func (s *scene) look(id string) breakglass.Request {
	s.Helper()
	r, err := s.Door.Look(s.Context(), as("ada"), id)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// entries are the record, which must hold together.
func (s *scene) entries() (all []record.Entry) {
	s.Helper()
	var lines [][]byte
	for {
		more, err := s.Door.Lines(s.Context(), int64(len(lines))+1, 100)
		if err != nil {
			s.Fatal(err)
		}
		if lines = append(lines, more...); len(more) == 0 {
			break
		}
	}
	if _, err := record.Verify("main", lines, nil, nil); err != nil {
		s.Fatal(err)
	}
	for _, line := range lines {
		e, err := record.Parse(line)
		if err != nil {
			s.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func (s *scene) last() record.Entry {
	s.Helper()
	all := s.entries()
	return all[len(all)-1]
}

// wants is a refusal, and its entry at the record's end.
func (s *scene) wants(what string, err error, reason breakglass.Reason, recorded string) {
	s.Helper()
	r := (*breakglass.Refusal)(nil)
	if !errors.As(err, &r) || r.Reason != reason {
		s.Errorf("%s: %v, want %s", what, err, reason)
		return
	}
	if e := s.last(); e.Outcome == record.Done || e.Reason != recorded {
		s.Errorf("%s: the record ends with %s %s %q, want %q", what, e.What, e.Outcome, e.Reason, recorded)
	}
}

func TestTheWholeWay(t *testing.T) {
	s := newScene(t)
	s.Door.Rules.Roles[0].Policies = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}
	r := s.ask("ada", "admin")
	if r.State != breakglass.Waiting || !r.Ends.Equal(s.now.Add(30*time.Minute)) {
		t.Errorf("after asking %+v", r)
	}
	s.wait(time.Minute)
	if err := s.approve("bob", r.ID); err != nil {
		t.Fatal(err)
	}
	if r = s.look(r.ID); r.State != breakglass.Ready || len(r.Approvals) != 1 || r.Approvals[0].Person != "bob" || r.Approvals[0].Device != "bob-totp" {
		t.Errorf("after approval %+v", r)
	}
	s.wait(time.Minute)
	g, err := s.use("ada", r.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := breakglass.Grant{
		Request: r.ID, Role: "arn:aws:iam::111122223333:role/break-glass", Session: "mfawatch-" + r.ID, SourceIdentity: "ada",
		Tags: map[string]string{"mfawatch:request": r.ID, "mfawatch:ticket": "INC-7"}, Policies: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, Duration: 20 * time.Minute, Until: s.now.Add(20 * time.Minute), Recipient: r.Recipient,
	}
	if fmt.Sprint(g) != fmt.Sprint(want) {
		t.Errorf("the grant is\n%+v, want\n%+v", g, want)
	}
	s.wait(time.Second)
	if err := s.Door.Issued(t.Context(), g, g.Until.Add(2*time.Second), s.now); err != nil {
		t.Fatal(err)
	}
	if r = s.look(r.ID); r.State != breakglass.Active || !r.Ends.Equal(g.Until.Add(2*time.Second)) {
		t.Errorf("after AWS's answer %+v", r)
	}
	if err := s.Door.Issued(t.Context(), g, g.Until, s.now); err != nil {
		t.Errorf("told twice: %v", err)
	}
	s.wait(20*time.Minute + time.Second)
	if err := s.Door.Tend(t.Context(), s.now); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range s.entries() {
		told = append(told, fmt.Sprint(e.What, " ", e.Outcome, " ", e.Person, " ", e.Request == r.ID))
	}
	if got := strings.Join(told, ", "); got != "asked done ada true, approved done bob true, used done ada true, issued done  true, expired done  true" {
		t.Errorf("the record tells: %s", got)
	}
	if e := s.entries()[3]; e.Facts[record.TookMS] != "121000" || e.Actor != "door" {
		t.Errorf("what AWS gave is told as %+v", e)
	}
	if all := s.entries(); all[0].Facts[record.Attempt] != "" || len(all[1].Facts[record.Attempt]) != 16 || len(all[2].Facts[record.Attempt]) != 16 || all[1].Facts[record.Attempt] == all[2].Facts[record.Attempt] {
		t.Error("the attempts that were answered are not named")
	}
	if e := s.entries()[2]; e.Facts[record.Approvers] != "bob" || e.Facts[record.Grade] != "yubikey-touch" || e.Facts[record.Why] == "" || e.Facts[record.Session] != g.Session {
		t.Errorf("the use is told as %+v", e)
	}
	if s.look(r.ID).State != breakglass.Finished {
		t.Error("the credentials' end is not told")
	}
}

func TestWhoMayAsk(t *testing.T) {
	s := newScene(t)
	for what, c := range map[string]struct {
		who    string
		change func(*breakglass.Ask)
		reason breakglass.Reason
		record string
	}{
		"a stranger":        {"eve", func(*breakglass.Ask) {}, breakglass.NotAllowed, "not-enrolled"},
		"no such role":      {"ada", func(a *breakglass.Ask) { a.Role = "root" }, breakglass.NotAllowed, "not-allowed"},
		"another's role":    {"dan", func(*breakglass.Ask) {}, breakglass.NotAllowed, "not-allowed"},
		"alone, not here":   {"ada", func(a *breakglass.Ask) { a.Role, a.Alone = "core", true }, breakglass.NotAllowed, "not-allowed"},
		"no why":            {"ada", func(a *breakglass.Ask) { a.Why = " " }, breakglass.BadRequest, "bad-request"},
		"a long why":        {"ada", func(a *breakglass.Ask) { a.Why = strings.Repeat("ü", 501) }, breakglass.BadRequest, "bad-request"},
		"two lines":         {"ada", func(a *breakglass.Ask) { a.Why = "a\nb" }, breakglass.BadRequest, "bad-request"},
		"a seed":            {"ada", func(a *breakglass.Ask) { a.Why = "OTPauth://totp/x?secret=y" }, breakglass.BadRequest, "bad-request"},
		"a key":             {"ada", func(a *breakglass.Ask) { a.Why = "age-secret-key-1" }, breakglass.BadRequest, "bad-request"},
		"no ticket":         {"ada", func(a *breakglass.Ask) { a.Role, a.Ticket = "core", "" }, breakglass.BadRequest, "bad-request"},
		"a ticket's form":   {"ada", func(a *breakglass.Ask) { a.Ticket = "a b" }, breakglass.BadRequest, "bad-request"},
		"too short":         {"ada", func(a *breakglass.Ask) { a.Duration = 15*time.Minute - time.Second }, breakglass.BadRequest, "bad-request"},
		"too long":          {"ada", func(a *breakglass.Ask) { a.Role, a.Duration = "core", 30*time.Minute+time.Second }, breakglass.BadRequest, "bad-request"},
		"parts of a second": {"ada", func(a *breakglass.Ask) { a.Duration = 20*time.Minute + 1 }, breakglass.BadRequest, "bad-request"},
		"no recipient":      {"ada", func(a *breakglass.Ask) { a.Recipient = "" }, breakglass.BadRequest, "bad-request"},
		"an identity":       {"ada", func(a *breakglass.Ask) { a.Recipient = "AGE-SECRET-KEY-1" }, breakglass.BadRequest, "bad-request"},
		"a long recipient":  {"ada", func(a *breakglass.Ask) { a.Recipient = "age1" + strings.Repeat("q", 4093) }, breakglass.BadRequest, "bad-request"},
	} {
		a := storetest.Ask("admin", 1)
		c.change(&a)
		r, err := s.Door.Ask(t.Context(), as(c.who), a, s.now)
		s.wants(what, err, c.reason, c.record)
		if r.ID != "" {
			t.Errorf("%s made request %+v", what, r)
		}
	}
	for i, change := range []func(*breakglass.Ask){
		func(a *breakglass.Ask) { a.Why = strings.Repeat("ü", 500) }, func(a *breakglass.Ask) { a.Ticket = "" }, func(a *breakglass.Ask) { a.Duration = 15 * time.Minute },
	} {
		a := storetest.Ask("admin", 100+i)
		change(&a)
		if _, err := s.Door.Ask(t.Context(), as("ada"), a, s.now); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	a := storetest.Ask("admin", 200)
	a.Duration, a.Recipient = time.Hour, "age1pq1"+strings.Repeat("q", 1900)
	if _, err := s.Door.Ask(t.Context(), as("bob"), a, s.now); err != nil {
		t.Errorf("a hybrid recipient and a whole hour: %v", err)
	}
}

func TestAskingTwice(t *testing.T) {
	s := newScene(t)
	a := storetest.Ask("admin", 1)
	first, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Door.Ask(t.Context(), as("ada"), a, s.now.Add(time.Second))
	if err != nil || again.ID != first.ID || len(s.entries()) != 1 {
		t.Errorf("the same again is %s and not %s, %v", again.ID, first.ID, err)
	}
	for _, who := range []string{"bob", "ada-laptop"} {
		_, err = s.Door.Ask(t.Context(), as(who), a, s.now)
		s.wants("another with the same recipient", err, breakglass.BadRequest, "bad-request")
	}
	a.Why = "another"
	_, err = s.Door.Ask(t.Context(), as("ada"), a, s.now)
	s.wants("another request with the same recipient", err, breakglass.BadRequest, "bad-request")
	s.asked = 10
	s.ask("ada", "admin")
	s.ask("ada-laptop", "admin")
	_, err = s.Door.Ask(t.Context(), as("ada"), storetest.Ask("admin", 99), s.now)
	s.wants("a fourth", err, breakglass.TooMany, "too-many")
	s.ask("bob", "admin")
	if err := s.Door.End(t.Context(), as("ada"), first.ID, s.now); err != nil {
		t.Fatal(err)
	}
	s.ask("ada", "admin")
}

func TestNobodyApprovesTheirOwn(t *testing.T) {
	s := newScene(t)
	r := s.ask("ada", "admin")
	for _, who := range []string{"ada", "ada-laptop"} {
		for _, proof := range []breakglass.Proof{s.Cast.Now("ada-totp", s.now), s.Proof("ada-sheet", 0), s.Proof("ada-hotp", 0)} {
			_, err := s.Door.Approve(t.Context(), as(who), r.ID, proof, s.now)
			s.wants(who+" with "+proof.Device, err, breakglass.OwnRequest, "own-request")
		}
		// With bob's device and a code that bob told her.
		_, err := s.Door.Approve(t.Context(), as(who), r.ID, s.Cast.Now("bob-totp", s.now), s.now)
		s.wants(who+" with bob's", err, breakglass.OwnRequest, "own-request")
	}
	if r := s.look(r.ID); r.State != breakglass.Waiting || len(r.Approvals) != 0 {
		t.Errorf("after all that %+v", r)
	}
	if err := s.approve("bob", r.ID); err != nil {
		t.Errorf("bob's code was not used up, and now: %v", err)
	}
}

func TestTwoApprovals(t *testing.T) {
	s := newScene(t)
	r := s.ask("ada", "core")
	if err := s.approve("dan", r.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(30 * time.Second)
	s.wants("dan again", s.approve("dan", r.ID), breakglass.ApprovedAlready, "approved-already")
	_, err := s.use("ada", r.ID)
	s.wants("after one", err, breakglass.NotApproved, "not-approved")
	if err := s.approve("bob", r.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(30 * time.Second)
	s.wants("a third", s.approve("cyd", r.ID), breakglass.NotAwaited, "not-awaited")
	_, err = s.use("ada", r.ID)
	s.wants("while cooling off", err, breakglass.CoolingOff, "cooling-off")
	if !strings.Contains(err.Error(), s.look(r.ID).From.Format(time.RFC3339)) {
		t.Errorf("%v does not say until when", err)
	}
	s.wait(9*time.Minute + 30*time.Second)
	if g, err := s.use("ada", r.ID); err != nil || g.Role != "arn:aws:iam::111122223333:role/core" {
		t.Errorf("after cooling off: %+v, %v", g, err)
	}
}

func TestGrades(t *testing.T) {
	s := newScene(t)
	r := s.ask("ada", "admin")
	s.wants("dan is no approver", s.approve("dan", r.ID), breakglass.NotApprover, "not-an-approver")
	if _, err := s.Door.Approve(t.Context(), as("bob"), r.ID, s.Proof("bob-sheet", 0), s.now); err != nil {
		t.Errorf("a sheet where the rules accept it: %v", err)
	}
	_, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Proof("ada-hotp", 0), s.now)
	s.wants("a device of a worse grade", err, breakglass.WeakDevice, "weak-device")
	if _, err := s.use("ada", r.ID); err != nil {
		t.Error(err)
	}
	core := s.ask("bob", "core")
	_, err = s.Door.Approve(t.Context(), as("cyd"), core.ID, s.Proof("cyd-sheet", 0), s.now)
	s.wants("a sheet where the rules do not", err, breakglass.WeakDevice, "weak-device")
	if _, err := s.Door.Approve(t.Context(), as("ada"), core.ID, s.Proof("ada-hotp", 0), s.now); err != nil {
		t.Errorf("a counter where the rules accept it: %v", err)
	}
}

func TestAlone(t *testing.T) {
	s := newScene(t)
	a := storetest.Ask("admin", 1)
	a.Alone = true
	r, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
	if err != nil || r.State != breakglass.Ready || !r.From.Equal(s.now.Add(5*time.Minute)) {
		t.Fatalf("%+v, %v", r, err)
	}
	s.wants("approval of it", s.approve("bob", r.ID), breakglass.NotAwaited, "not-awaited")
	_, err = s.use("ada", r.ID)
	s.wants("at once", err, breakglass.CoolingOff, "cooling-off")
	s.wait(5 * time.Minute)
	if _, err := s.use("ada", r.ID); err != nil {
		t.Fatal(err)
	}
	notices, err := s.Door.Notices(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notices {
		if n.Outcome == record.Done && (n.Level != breakglass.Critical || !strings.HasPrefix(n.Text, "ONE PERSON ALONE: ")) {
			t.Errorf("one person alone is told as %+v", n)
		}
	}
	s.Door.Rules.Roles[0].Alone.Grade = breakglass.TouchPassword
	a = storetest.Ask("admin", 2)
	a.Alone = true
	if _, err = s.Door.Ask(t.Context(), as("bob"), a, s.now); err != nil {
		t.Fatal(err) // a sheet is accepted
	}
	s.Door.Rules.Roles[0].Sheets = false
	if err := s.Door.Rules.Check(); err == nil {
		t.Error("rules by which nobody alone comes in are accepted")
	}
}

func TestDrill(t *testing.T) {
	s := newScene(t)
	a := storetest.Ask("admin", 1)
	a.Drill = true
	r, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
	if err != nil {
		t.Fatal(err)
	}
	s.wants("its own approval", s.approve("ada", r.ID), breakglass.OwnRequest, "own-request")
	if err := s.approve("bob", r.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(90 * time.Second)
	g, err := s.use("ada", r.ID)
	if err != nil || g.Role != "" || !g.Drill {
		t.Fatalf("a drill gives %+v, %v: there must be nothing to assume", g, err)
	}
	for range 2 {
		if err := s.Door.Issued(t.Context(), g, time.Time{}, s.now.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	drills, err := s.Door.Drills(t.Context())
	want := breakglass.DrillDone{Role: "admin", Request: r.ID, Person: "ada", At: s.now.Add(time.Second), Took: 91 * time.Second}
	if err != nil || drills["admin"] != want || len(drills) != 1 {
		t.Errorf("drills %+v, %v, want %+v", drills, err, want)
	}
	if e := s.last(); e.What != record.Drilled || e.Facts[record.TookMS] != "91000" || s.look(r.ID).State != breakglass.Finished {
		t.Errorf("the record ends with %+v", e)
	}
	owed, err := s.Door.Owed(t.Context(), s.now)
	if len(owed) != 0 || err != nil {
		t.Errorf("a drill owes %v, %v", owed, err)
	}
	notices, _ := s.Door.Notices(t.Context(), 10)
	for _, n := range notices {
		if !n.Drill && n.Outcome == record.Done || n.Drill && (n.Level != breakglass.Info || !strings.HasPrefix(n.Text, "DRILL: ")) {
			t.Errorf("a drill is told as %+v", n)
		}
	}
}

func TestStagesExpire(t *testing.T) {
	for what, c := range map[string]struct {
		come   func(*scene) breakglass.Request
		wait   time.Duration
		reason string
		state  breakglass.State
	}{
		"not approved": {func(s *scene) breakglass.Request { return s.ask("ada", "admin") }, 30 * time.Minute, "not approved in time", breakglass.Late},
		"not used":     {(*scene).ready, 15 * time.Minute, "not used in time", breakglass.Late},
		"not issued":   {func(s *scene) breakglass.Request { r, _ := s.granted(); return r }, time.Minute, "nobody said that credentials were given", breakglass.Lapsed},
	} {
		for _, early := range []time.Duration{time.Millisecond, 0} {
			s := newScene(t)
			r := c.come(s)
			s.wait(c.wait - early)
			if err := s.Door.Tend(t.Context(), s.now); err != nil {
				t.Fatal(err)
			}
			over := s.look(r.ID).State == c.state && s.last().Reason == c.reason
			if over != (early == 0) {
				t.Errorf("%s, %v before its end: over %v, %s", what, early, over, s.look(r.ID).State)
			}
			if early == 0 {
				_, err := s.use("ada", r.ID)
				s.wants(what+" and used", err, breakglass.Over, "over")
				s.wants(what+" and approved", s.approve("cyd", r.ID), breakglass.Over, "over")
			}
			owed, err := s.Door.Owed(t.Context(), s.now)
			if want := c.state == breakglass.Lapsed && over; (len(owed) == 1) != want || err != nil {
				t.Errorf("%s: %v is owed, %v", what, owed, err)
			}
		}
	}
}

func TestTheSameGrantAgain(t *testing.T) {
	s := newScene(t)
	r, first := s.granted()
	for n := 1; n <= 3; n++ {
		s.wait(5*time.Second - time.Millisecond)
		_, err := s.use("ada", r.ID)
		s.wants("too soon", err, breakglass.GrantedAlready, "granted-already")
		if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) && !refusal.Until.Equal(s.now.Add(time.Millisecond)) {
			t.Errorf("too soon, until %v", refusal.Until)
		}
		s.wait(5*time.Second + time.Millisecond)
		// Without another code, and with whatever was typed.
		g, err := s.Door.Use(t.Context(), as("ada"), r.ID, breakglass.Proof{Device: "ada-totp", Code: breakglass.Typed("")}, s.now)
		if err != nil || g.Again != n || g.Session != first.Session || !g.Until.Equal(first.Until) || g.Duration != first.Duration-time.Duration(n)*10*time.Second || g.Recipient != first.Recipient {
			t.Errorf("again: %+v, %v", g, err)
		}
	}
	_, err := s.use("ada", r.ID)
	s.wants("a fourth time", err, breakglass.Over, "over")
	used := 0
	for _, e := range s.entries() {
		if e.What == record.Used && e.Outcome == record.Done {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%d grants of one request", used)
	}
	r, g := s.grantedAgain()
	_, err = s.Door.Use(t.Context(), as("ada-laptop"), r.ID, s.Proof("ada-sheet", 0), s.now)
	s.wants("by her other principal", err, breakglass.OthersRequest, "others-request")
	if err := s.Door.Issued(t.Context(), g, g.Until, s.now); err != nil {
		t.Fatal(err)
	}
	s.wait(time.Minute - time.Millisecond)
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("just within a minute, and issued: %v", err)
	}
	s.wait(time.Millisecond)
	_, err = s.use("ada", r.ID)
	s.wants("after a minute", err, breakglass.Over, "over")
}

func (s *scene) grantedAgain() (breakglass.Request, breakglass.Grant) {
	s.wait(2 * time.Minute)
	return s.granted()
}

// TestTheLastQuarter: what is handed out again is for no longer than what was, but that
// STS gives no less than a quarter of an hour.
func TestTheLastQuarter(t *testing.T) {
	s := newScene(t)
	a := storetest.Ask("admin", 1)
	a.Duration = 15 * time.Minute
	r, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
	if err != nil || s.approve("bob", r.ID) != nil {
		t.Fatal(err)
	}
	if _, err = s.use("ada", r.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(50 * time.Second)
	g, err := s.use("ada", r.ID)
	if err != nil || g.Duration != 15*time.Minute {
		t.Fatalf("%+v, %v", g, err)
	}
	if err := s.Door.Issued(t.Context(), g, s.now.Add(99*time.Hour), s.now); err != nil {
		t.Fatal(err)
	}
	if r := s.look(r.ID); !r.Ends.Equal(r.GrantedAt.Add(time.Hour + time.Minute)) {
		t.Errorf("credentials that are said to live %v", r.Ends.Sub(r.GrantedAt))
	}
}

func TestEndAndRevoke(t *testing.T) {
	s := newScene(t)
	r, g := s.granted()
	if err := s.Door.Issued(t.Context(), g, g.Until, s.now); err != nil {
		t.Fatal(err)
	}
	s.wants("another ends it", s.Door.End(t.Context(), as("bob"), r.ID, s.now), breakglass.OthersRequest, "others-request")
	s.wants("a stranger ends it", s.Door.End(t.Context(), as("eve"), r.ID, s.now), breakglass.NotAllowed, "not-enrolled")
	s.wants("what is not there", s.Door.End(t.Context(), as("ada"), "0000000000000000", s.now), breakglass.NoSuchRequest, "no-such-request")
	s.wants("revoked with a wrong code", s.Door.Revoke(t.Context(), as("dan"), r.ID, s.Wrong("dan-totp", s.now), s.now), breakglass.NotAccepted, "wrong-code")
	if err := s.Door.Revoke(t.Context(), as("dan"), r.ID, s.Cast.Now("dan-totp", s.now), s.now); err != nil {
		t.Fatal(err)
	}
	if e := s.last(); e.What != record.Revoked || e.Person != "dan" || s.look(r.ID).State != breakglass.Taken {
		t.Errorf("the record ends with %+v", e)
	}
	s.wants("what was revoked", s.Door.Issued(t.Context(), g, g.Until, s.now), breakglass.Over, "over")
	s.wants("ended after", s.Door.End(t.Context(), as("ada"), r.ID, s.now), breakglass.Over, "over")
	s.wants("revoked after", s.Door.Revoke(t.Context(), as("bob"), r.ID, s.Cast.Now("bob-totp", s.now), s.now), breakglass.Over, "over")
	owed, err := s.Door.Owed(t.Context(), s.now)
	want := breakglass.Closing{Request: r.ID, Role: g.Role, Session: g.Session, SourceIdentity: "ada", Before: s.now}
	if err != nil || len(owed) != 1 || owed[0] != want {
		t.Fatalf("%+v is owed, %v, want %+v", owed, err, want)
	}
	for range 2 {
		if err := s.Door.Closed(t.Context(), owed[0], s.now); err != nil {
			t.Fatal(err)
		}
	}
	if owed, _ := s.Door.Owed(t.Context(), s.now); len(owed) != 0 || s.last().What != record.Closed {
		t.Errorf("%v is still owed", owed)
	}
	s.wait(time.Minute)
	before := s.ready()
	if err := s.Door.End(t.Context(), as("ada"), before.ID, s.now); err != nil {
		t.Fatal(err)
	}
	if owed, _ := s.Door.Owed(t.Context(), s.now); len(owed) != 0 {
		t.Errorf("a request that was not granted owes %v", owed)
	}
	s.wait(time.Minute)
	r, _ = s.granted()
	if err := s.Door.End(t.Context(), as("ada-laptop"), r.ID, s.now); err != nil {
		t.Fatal(err)
	}
	if owed, _ := s.Door.Owed(t.Context(), s.now); len(owed) != 1 || s.look(r.ID).State != breakglass.Closed {
		t.Errorf("%v is owed", owed)
	}
}

// TestNobodyLearnsFromARefusal: the answers and the transactions are the same.
func TestNobodyLearnsFromARefusal(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	transactions := 0
	s.faulty.Before = func() error { transactions++; return nil }
	type answer struct {
		text         string
		transactions int
		opened       int
	}
	answers := map[answer][]string{}
	try := func(what, who string, proof breakglass.Proof, recorded string) {
		transactions, s.Opened = 0, nil
		_, err := s.Door.Use(t.Context(), as(who), r.ID, proof, s.now)
		a := answer{fmt.Sprint(err), transactions, len(s.Opened)}
		answers[a] = append(answers[a], what)
		s.wants(what, err, breakglass.NotAccepted, recorded)
	}
	bobs := s.Cast.Now("bob-totp", s.now) // used by the approval
	try("a wrong code", "ada", s.Wrong("ada-totp", s.now), "wrong-code")
	try("an unknown device", "ada", breakglass.Proof{Device: "nobodys", Code: bobs.Code}, "unknown-device")
	try("another's device", "ada", breakglass.Proof{Device: "bob-totp", Code: bobs.Code}, "unknown-device")
	try("the decoy's own code", "ada", breakglass.Proof{Device: "nobodys", Code: s.Cast.Now("ada-totp", s.now).Code}, "unknown-device")
	try("a stranger", "eve", s.Cast.Now("ada-totp", s.now), "not-enrolled")
	try("a stranger and a wrong code", "eve", s.Wrong("ada-totp", s.now), "not-enrolled")
	if len(answers) != 1 {
		t.Errorf("the answers differ: %+v", answers)
	}
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("after all that ada's code = %v", err)
	}
}

func TestUsedCodes(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	other := s.ask("cyd", "admin")
	_, err := s.Door.Approve(t.Context(), as("bob"), other.ID, s.Cast.Now("bob-totp", s.now), s.now)
	s.wants("the same code for another request", err, breakglass.NotAccepted, "used-code")
	_, err = s.Door.Use(t.Context(), as("ada"), r.ID, breakglass.Proof{Device: "ada-totp", Code: breakglass.Typed("12345 ")}, s.now)
	s.wants("what is no code", err, breakglass.Malformed, "malformed-code")
	if _, err := s.use("ada", r.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(time.Second)
	again := s.ask("ada", "admin")
	if _, err := s.Door.Approve(t.Context(), as("bob"), again.ID, s.Proof("bob-sheet", 1), s.now); err != nil {
		t.Fatal(err)
	}
	_, err = s.use("ada", again.ID)
	s.wants("the code of the last grant", err, breakglass.NotAccepted, "used-code")
	_, err = s.Door.Approve(t.Context(), as("bob"), other.ID, s.Proof("bob-sheet", 1), s.now)
	s.wants("the recovery code again", err, breakglass.NotAccepted, "wrong-code")
}

func TestUnavailable(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	s.Fail = errors.New("kms is down")
	for who, recorded := range map[string]string{"ada": "device-unavailable", "eve": "not-enrolled"} {
		_, err := s.use("ada", r.ID)
		if who == "eve" {
			_, err = s.Door.Use(t.Context(), as("eve"), r.ID, s.Cast.Now("ada-totp", s.now), s.now)
		}
		s.wants(who, err, breakglass.Unavailable, recorded)
		if !errors.Is(err, s.Fail) || strings.Contains(err.Error(), "kms") {
			t.Errorf("%q: the cause is for the log and not for who asks", err)
		}
	}
	s.Fail = nil
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("the code was not used, and now: %v", err)
	}
}

// TestNoRecordNoGrant: where the store fails at any transaction nobody is let in, and
// what was counted is told later.
func TestNoRecordNoGrant(t *testing.T) {
	down := errors.New("down")
	for failing := 1; failing <= 3; failing++ { // the first looks at nothing but the pace
		s := newScene(t)
		r := s.ready()
		n := 0
		s.faulty.Before = func() error {
			if n++; n == failing {
				return down
			}
			return nil
		}
		if g, err := s.use("ada", r.ID); !errors.Is(err, down) || g.Request != "" {
			t.Errorf("transaction %d fails and %+v is granted, %v", failing, g, err)
		}
		s.faulty.Before = nil
		if got := s.look(r.ID).State; got != breakglass.Ready {
			t.Errorf("transaction %d fails and the request is %s", failing, got)
		}
		s.wait(time.Minute)
		if err := s.Door.Tend(t.Context(), s.now); err != nil {
			t.Fatal(err)
		}
		e := s.last()
		if counted := e.What == record.Unanswered && e.Person == "ada" && e.Facts[record.Device] == "ada-totp" && e.Request == r.ID; counted != (failing == 3) {
			t.Errorf("transaction %d fails and the record ends with %+v", failing, e)
		}
		if _, err := s.use("ada", r.ID); err != nil {
			t.Errorf("then %v", err)
		}
	}
}

// TestLostAnswers: the store did it and nobody heard: nothing is granted twice.
func TestLostAnswers(t *testing.T) {
	lost := errors.New("lost")
	s := newScene(t)
	r := s.ready()
	n := 0
	s.faulty.After = func() error {
		if n++; n == 3 {
			return lost
		}
		return nil
	}
	if g, err := s.use("ada", r.ID); !errors.Is(err, lost) || g.Request != "" {
		t.Errorf("%+v, %v", g, err)
	}
	_, err := s.use("ada", r.ID)
	s.wants("at once", err, breakglass.GrantedAlready, "granted-already")
	s.wait(5 * time.Second)
	g, err := s.use("ada", r.ID)
	if err != nil || g.Again != 1 {
		t.Errorf("again: %+v, %v, want the same grant", g, err)
	}
	if err := s.Door.Issued(t.Context(), g, g.Until, s.now); err != nil {
		t.Fatal(err)
	}
	if s.look(r.ID).State != breakglass.Active {
		t.Error("the grant is not active")
	}
}

// TestTooSlow: an attempt that was closed as unanswered opens nothing any more.
func TestTooSlow(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	n := 0
	s.faulty.Before = func() error {
		if n++; n == 3 {
			s.faulty.Before = nil
			return s.Door.Tend(t.Context(), s.now.Add(time.Minute))
		}
		return nil
	}
	_, err := s.use("ada", r.ID)
	s.wants("an answer after a minute", err, breakglass.TooSlow, "too-slow")
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("the code was not used, and now: %v", err)
	}
}

func TestClocks(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	for _, back := range []time.Duration{2*time.Minute + time.Millisecond, 24 * time.Hour} {
		at := s.now.Add(-back)
		_, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Cast.Now("ada-totp", at), at)
		s.wants("a clock that is behind", err, breakglass.ClockBehind, "clock-behind")
	}
	at := s.now.Add(-2 * time.Minute)
	if _, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Cast.Now("ada-totp", at), at); err != nil {
		t.Errorf("clocks that differ by two minutes: %v", err)
	}
	// A clock that is far ahead ends requests, and does no harm to those after them.
	if err := s.Door.Tend(t.Context(), s.now.AddDate(10, 0, 0)); err != nil {
		t.Fatal(err)
	}
	s.wait(time.Minute)
	r = s.ready()
	if _, err := s.use("ada", r.ID); err != nil {
		t.Errorf("after a clock that was ahead: %v", err)
	}
}

func TestRulesChange(t *testing.T) {
	for what, change := range map[string]func(*breakglass.Rules){
		"the role is gone": func(r *breakglass.Rules) { r.Roles = r.Roles[1:] },
		"the approver may no more": func(r *breakglass.Rules) {
			r.Roles[0].Approvers = []string{"ada", "cyd"}
			r.Roles[0].Requesters = []string{"ada", "cyd"}
		},
		"she may no more":           func(r *breakglass.Rules) { r.Roles[0].Requesters = []string{"bob"} },
		"two are wanted":            func(r *breakglass.Rules) { r.Roles[0].Approvals = 2 },
		"for not as long any more":  func(r *breakglass.Rules) { r.Roles[0].Longest = 19 * time.Minute },
		"another device is another": func(r *breakglass.Rules) { r.Roles[0].Grade = breakglass.Touch },
	} {
		s := newScene(t)
		r := s.ready()
		change(&s.Door.Rules)
		_, err := s.use("ada", r.ID)
		if what == "another device is another" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		s.wants(what, err, breakglass.RulesChanged, "rules-changed")
	}
	s := newScene(t)
	a := storetest.Ask("admin", 1)
	a.Alone = true
	r, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
	if err != nil {
		t.Fatal(err)
	}
	s.wait(5 * time.Minute)
	s.Door.Rules.Roles[0].Alone = breakglass.Alone{}
	_, err = s.use("ada", r.ID)
	s.wants("alone no more", err, breakglass.RulesChanged, "rules-changed")
	s.Door.Rules.People = nil
	if _, err := s.use("ada", r.ID); err == nil || s.Door.Tend(t.Context(), s.now) == nil {
		t.Error("faulty rules open the door")
	}
}

func TestNoSuchRequest(t *testing.T) {
	s := newScene(t)
	for _, id := range []string{"", "0000000000000000", "request", "a\nb", strings.Repeat("0", 5000)} {
		_, err := s.use("ada", id)
		s.wants("use", err, breakglass.NoSuchRequest, "no-such-request")
		s.wants("approve", s.approve("bob", id), breakglass.NoSuchRequest, "no-such-request")
		s.wants("revoke", s.Door.Revoke(t.Context(), as("bob"), id, s.Cast.Now("bob-totp", s.now), s.now), breakglass.NoSuchRequest, "no-such-request")
		_, err = s.Door.Use(t.Context(), as("eve"), id, s.Cast.Now("ada-totp", s.now), s.now)
		r := (*breakglass.Refusal)(nil)
		if !errors.As(err, &r) || r.Reason == breakglass.NoSuchRequest {
			t.Errorf("a stranger is told %v", err)
		}
		if _, err := s.Door.Look(t.Context(), as("ada"), id); err == nil {
			t.Errorf("request %q is shown", id)
		}
	}
	r := s.ready()
	if _, err := s.Door.Look(t.Context(), as("eve"), r.ID); err == nil {
		t.Error("a stranger is shown a request")
	}
	if all, err := s.Door.Open(t.Context(), as("dan")); err != nil || len(all) != 1 || all[0].ID != r.ID {
		t.Errorf("open are %+v, %v", all, err)
	}
	if _, err := s.Door.Open(t.Context(), as("eve")); err == nil {
		t.Error("a stranger is shown requests")
	}
	_, err := s.use("bob", r.ID)
	s.wants("another uses it", err, breakglass.OthersRequest, "others-request")
	unreadable := breakglass.Caller{Principal: "a\nb"}
	if _, err := s.Door.Use(t.Context(), unreadable, r.ID, s.Cast.Now("ada-totp", s.now), s.now); err == nil || s.last().Actor != "unreadable" {
		t.Errorf("%v, and the record ends with %+v", err, s.last())
	}
}

// TestLostRow: a request whose row is gone is told, and shuts the door for nobody else.
// Of another door's rows, or with a desk that cannot be read, it stays shut.
func TestLostRow(t *testing.T) {
	s := newScene(t)
	r := s.ask("ada", "admin")
	delete(s.memory.Rows, "request#"+r.ID)
	s.wait(time.Hour)
	if err := s.Door.Tend(t.Context(), s.now); err != nil || s.last().Outcome != record.Failed || s.last().Request != r.ID {
		t.Errorf("%v, %+v", err, s.last())
	}
	s.Door.Rules.Door = "other"
	if err := s.Door.Tend(t.Context(), s.now); err == nil || !strings.Contains(err.Error(), "door main") {
		t.Errorf("another door's rows = %v", err)
	}
	s.Door.Rules.Door = "main"
	s.memory.Rows["desk#door"] = []byte("{")
	if err := s.Door.Tend(t.Context(), s.now); err == nil || !strings.HasPrefix(err.Error(), "the door stays shut, and this row alone shuts it: row desk#door cannot be read") || !strings.Contains(err.Error(), "restore") {
		t.Errorf("a desk that cannot be read = %v", err)
	}
}

func TestCodesAreNotShown(t *testing.T) {
	c := breakglass.Typed("755224")
	text, err := json.Marshal(map[string]any{"proof": breakglass.Proof{Device: "d", Code: c}})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%s %v %+v %#v %s %d %q", text, c, c, c, c.String(), c, breakglass.Proof{Code: c}) + c.LogValue().String()
	if strings.Contains(shown, "755") || breakglass.Typed("755224").Reveal() != "755224" || (breakglass.Code{}).Reveal() != "" {
		t.Errorf("a code is shown: %s", shown)
	}
}

// TestNothingSecretIsKept looks through all rows for codes that were typed.
func TestNothingSecretIsKept(t *testing.T) {
	s := newScene(t)
	var typed []string
	show := func(p breakglass.Proof) breakglass.Proof { typed = append(typed, p.Code.Reveal()); return p }
	r := s.ask("ada", "admin")
	_, _ = s.Door.Approve(t.Context(), as("bob"), r.ID, show(s.Wrong("bob-totp", s.now)), s.now)
	if _, err := s.Door.Approve(t.Context(), as("bob"), r.ID, show(s.Proof("bob-sheet", 4)), s.now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Door.Use(t.Context(), as("ada"), r.ID, show(s.Cast.Now("ada-totp", s.now)), s.now); err != nil {
		t.Fatal(err)
	}
	for key, row := range s.memory.Rows {
		for _, code := range typed {
			if strings.Contains(string(row), code) {
				t.Errorf("row %s holds a code that was typed", key)
			}
		}
		for id, k := range s.Keys {
			if strings.Contains(string(row), k.Secret()) {
				t.Errorf("row %s holds the seed of %s", key, id)
			}
		}
	}
}

// TestManyWithOneCode: of 64 at once with one code one is let in.
func TestManyWithOneCode(t *testing.T) {
	s := newScene(t)
	s.memory.Twice = false
	r := s.ready()
	proof := s.Cast.Now("ada-totp", s.now)
	grants, errs := s.many(64, func() (breakglass.Grant, error) {
		return s.Door.Use(t.Context(), as("ada"), r.ID, proof, s.now)
	})
	if len(grants) != 1 || len(errs) != 63 {
		t.Errorf("%d were let in, %d refused", len(grants), len(errs))
	}
	used := 0
	for _, e := range s.entries() {
		if e.What == record.Used && e.Outcome == record.Done {
			used++
		}
	}
	if used != 1 {
		t.Errorf("the record has %d grants", used)
	}
}

// many runs callers at once.
func (s *scene) many(n int, do func() (breakglass.Grant, error)) (grants []breakglass.Grant, errs []error) {
	var wait sync.WaitGroup
	var mutex sync.Mutex
	s.Cast.Opened = nil
	for range n {
		wait.Add(1)
		go func() {
			defer wait.Done()
			g, err := do()
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				errs = append(errs, err)
			} else {
				grants = append(grants, g)
			}
		}()
	}
	wait.Wait()
	return grants, errs
}

// TestWhatACodeCost: a refusal of before the code was compared says that it was not used,
// and it was not; one of after that does not say so.
func TestWhatACodeCost(t *testing.T) {
	const kept = "; the code was not used"
	s := newScene(t)
	r := s.ask("ada", "admin")
	proof := s.Cast.Now("ada-totp", s.now)
	for what, call := range map[string]func() error{
		"own":     func() error { _, err := s.Door.Approve(t.Context(), as("ada"), r.ID, proof, s.now); return err },
		"waiting": func() error { _, err := s.Door.Use(t.Context(), as("ada"), r.ID, proof, s.now); return err },
		"no such": func() error { return s.Door.Revoke(t.Context(), as("ada"), "0123456789ABCDEF", proof, s.now) },
		"unopened": func() error {
			_, err := s.Door.Use(t.Context(), as("eve"), r.ID, breakglass.Proof{Device: "x", Code: breakglass.Typed("1")}, s.now)
			return errors.New(strings.Replace(err.Error(), "as a wrong code", "as a wrong code"+kept, 1)) // there was no code
		},
	} {
		if err := call(); err == nil || strings.Count(err.Error(), kept) != 1 {
			t.Errorf("%s: %v, want once %q", what, err, kept)
		}
	}
	if err := s.approve("bob", r.ID); err != nil {
		t.Fatal(err)
	}
	n := 0
	s.faulty.Before = func() error {
		if n++; n == 3 { // the code's transaction, after those of the pace and of the count
			s.faulty.Before = nil
			return s.Door.End(t.Context(), as("ada"), r.ID, s.now)
		}
		return nil
	}
	_, err := s.Door.Use(t.Context(), as("ada"), r.ID, proof, s.now)
	s.wants("ended meanwhile", err, breakglass.Over, "over")
	if strings.Contains(err.Error(), kept) {
		t.Errorf("a code that was spent: %v", err)
	}
	other := s.ask("bob", "admin")
	_, err = s.Door.Approve(t.Context(), as("ada"), other.ID, proof, s.now)
	if err == nil {
		t.Error("the code of a refusal that did not say so was not spent")
	}
}

package breakglass_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
)

// damages are rows that nobody can read.
var damages = []string{
	"", "{", "null", `"text"`, `{"Format":2,"Row":{}}`, `{"Format":1,"Row":{"More":1}}`, `{"Format":1,"Row":{"ID":5,"Person":5,"Attempts":"x","Seq":"x"}}`, `{"Format":1,"Row":{}} {}`, `{"Format":"1"}`,
}

func (s *scene) damage(key, row string) {
	s.Helper()
	if s.memory.Rows[key] == nil {
		s.Fatalf("there is no row %s", key)
	}
	s.memory.Rows[key] = []byte(row)
}

func (s *scene) owed() (all []breakglass.Closing) {
	s.Helper()
	all, err := s.Door.Owed(s.Context(), s.now)
	if err != nil {
		s.Fatal(err)
	}
	return all
}

// told counts the entries that say of a row that it cannot be read.
func (s *scene) told(key string) (n int) {
	s.Helper()
	for _, e := range s.entries() {
		if e.What == record.Damaged && e.Outcome == record.Failed && e.Reason == "row "+key+" cannot be read" {
			n++
		}
	}
	return n
}

// requestDamages adds rows that can be read and are of no request of this id.
func requestDamages(id string) []string {
	return append(slices.Clone(damages), `{"Format":1,"Row":{}}`, `{"Format":1,"Row":{"ID":"`+id+`","State":"open"}}`, `{"Format":1,"Row":{"ID":"0123456789ABCDEF","State":"ready"}}`)
}

// TestDamagedRequest: each command that names it is refused and tells of it once, the
// desk forgets it, and all others go on. Where AWS may have given credentials they are
// owed to be refused.
func TestDamagedRequest(t *testing.T) {
	ctx := t.Context()
	commands := map[string]func(*scene, string) error{
		"approve": func(s *scene, id string) error { return s.approve("cyd", id) },
		"use":     func(s *scene, id string) error { _, err := s.use("ada", id); return err },
		"end":     func(s *scene, id string) error { return s.Door.End(ctx, as("ada"), id, s.now) },
		"revoke": func(s *scene, id string) error {
			return s.Door.Revoke(ctx, as("cyd"), id, s.Cast.Now("cyd-totp", s.now), s.now)
		},
		"issued": func(s *scene, id string) error {
			return s.Door.Issued(ctx, breakglass.Grant{Request: id}, s.now.Add(time.Hour), s.now)
		},
		"not issued": func(s *scene, id string) error {
			return s.Door.NotIssued(ctx, breakglass.Grant{Request: id}, "x", s.now)
		},
	}
	stages := map[string]func(*scene) breakglass.Request{
		"waiting": func(s *scene) breakglass.Request { return s.ask("ada", "admin") }, "ready": (*scene).ready,
		"granted": func(s *scene) breakglass.Request { r, _ := s.granted(); return r },
		"active":  func(s *scene) breakglass.Request { r, _ := s.issued(); return r },
	}
	n := 0
	for what, command := range commands {
		for stage, before := range stages {
			s := newScene(t)
			r := before(s)
			s.wait(30 * time.Second)
			rows := requestDamages(r.ID)
			row := rows[n%len(rows)]
			n++
			s.damage("request#"+r.ID, row)
			for range 2 {
				s.wants(fmt.Sprintf("%s of a %s one that is %q", what, stage, row), command(s, r.ID), breakglass.Unreadable, "unreadable-request")
			}
			if got := s.told("request#" + r.ID); got != 1 {
				t.Errorf("%s of a %s one: it is told %d times", what, stage, got)
			}
			s.forgotten(t, r, stage == "granted" || stage == "active")
		}
	}
}

func (s *scene) issued() (breakglass.Request, breakglass.Grant) {
	s.Helper()
	r, g := s.granted()
	if err := s.Door.Issued(s.Context(), g, g.Until, s.now); err != nil {
		s.Fatal(err)
	}
	return r, g
}

// forgotten tells that the desk knows a request no more, and what it owes for it.
func (s *scene) forgotten(t *testing.T, r breakglass.Request, owing bool) {
	t.Helper()
	if all, err := s.Door.Open(t.Context(), as("ada")); err != nil || len(all) != 0 {
		t.Errorf("open are %+v, %v", all, err)
	}
	want := fmt.Sprint([]breakglass.Closing{{Request: r.ID, Role: "arn:aws:iam::111122223333:role/break-glass", Session: "mfawatch-" + r.ID, SourceIdentity: "ada", Before: s.now}})
	if got := fmt.Sprint(s.owed()); owing && got != want || !owing && got != "[]" {
		t.Errorf("owed are %s, owing %v", got, owing)
	}
	if owing {
		if err := s.Door.Closed(t.Context(), s.owed()[0], s.now); err != nil || len(s.owed()) != 0 || s.last().What != record.Closed || s.last().Request != r.ID || s.last().Facts[record.Role] != "admin" {
			t.Errorf("closed: %v, %+v", err, s.last())
		}
	}
	s.wait(time.Minute)
	next := s.ready()
	s.wait(time.Minute)
	if _, err := s.use("ada", next.ID); err != nil {
		t.Errorf("all others: %v", err)
	}
}

// TestDamagedRequestInTime: time comes by it, and lists tell what is known.
func TestDamagedRequestInTime(t *testing.T) {
	for stage, owing := range map[string]bool{"ready": false, "granted": true} {
		for _, row := range append(requestDamages("0123456789ABCDEF"), "gone") {
			s := newScene(t)
			r := s.ready()
			if stage == "granted" {
				if _, err := s.use("ada", r.ID); err != nil {
					t.Fatal(err)
				}
			}
			reason := "row request#" + r.ID + " cannot be read"
			if s.damage("request#"+r.ID, row); row == "gone" {
				delete(s.memory.Rows, "request#"+r.ID)
				reason = "row request#" + r.ID + " is gone"
			}
			all, err := s.Door.Open(t.Context(), as("bob"))
			if err != nil || len(all) != 1 || all[0].ID != r.ID || all[0].State != breakglass.Lost || all[0].Person != "ada" || all[0].Role != "admin" || all[0].Ends.IsZero() {
				t.Errorf("a row that is %q is listed as %+v, %v", row, all, err)
			}
			_, err = s.Door.Look(t.Context(), as("ada"), r.ID)
			if refusal := (*breakglass.Refusal)(nil); !errors.As(err, &refusal) || row != "gone" && refusal.Reason != breakglass.Unreadable {
				t.Errorf("a row that is %q is shown: %v", row, err)
			}
			s.wait(time.Hour)
			for range 2 {
				if err := s.Door.Tend(t.Context(), s.now); err != nil {
					t.Fatal(err)
				}
			}
			if e := s.last(); e.What != record.Damaged || e.Request != r.ID || e.Outcome != record.Failed || e.Reason != reason || e.Facts[record.Role] != "admin" {
				t.Errorf("a row that is %q: the record ends with %+v", row, e)
			}
			s.forgotten(t, r, owing)
		}
	}
}

// TestOwedWithoutRows: what was owed before the row was damaged stays so.
func TestOwedWithoutRows(t *testing.T) {
	s := newScene(t)
	r := owing(s)
	s.damage("request#"+r.ID, "{")
	s.forgotten(t, r, true)
}

// TestADrillOwesNothing: there is nothing to take back; but of a drill whose row is damaged
// nobody knows that it was one.
func TestADrillOwesNothing(t *testing.T) {
	s := newScene(t)
	a := storetest.Ask("admin", 1)
	a.Drill = true
	r, err := s.Door.Ask(t.Context(), as("ada"), a, s.now)
	if err == nil {
		err = s.approve("bob", r.ID)
	}
	if err == nil {
		_, err = s.use("ada", r.ID)
	}
	if err == nil {
		err = s.Door.End(t.Context(), as("ada"), r.ID, s.now)
	}
	if err != nil || len(s.owed()) != 0 {
		t.Errorf("a drill that was ended owes %+v, %v", s.owed(), err)
	}
}

// TestOwedOnce: a request whose row is put back after it was owed, and ended, is owed once.
func TestOwedOnce(t *testing.T) {
	s := newScene(t)
	r, _ := s.issued()
	row := string(s.memory.Rows["request#"+r.ID])
	s.damage("request#"+r.ID, "{")
	s.wants("damaged", s.Door.End(t.Context(), as("ada"), r.ID, s.now), breakglass.Unreadable, "unreadable-request")
	s.damage("request#"+r.ID, row)
	if err := s.Door.End(t.Context(), as("ada"), r.ID, s.now); err != nil || len(s.owed()) != 1 {
		t.Errorf("put back and ended: %v, owed are %+v", err, s.owed())
	}
}

// TestAskBesideDamage: the same request again, whose row is damaged, is a new one; and it
// takes none of the person's places.
func TestAskBesideDamage(t *testing.T) {
	s := newScene(t)
	r := s.ask("ada", "admin")
	s.damage("request#"+r.ID, "{")
	s.asked = 0
	again := s.ask("ada", "admin")
	if again.ID == r.ID || s.told("request#"+r.ID) != 1 {
		t.Errorf("asked again: %s after %s", again.ID, r.ID)
	}
	s.ask("ada", "admin")
	s.ask("ada", "admin") // the third that can be read
}

// TestRestoredRow: a row that is put back is as it was, within its time and not after.
func TestRestoredRow(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := newScene(t)
		r := s.ready()
		row := string(s.memory.Rows["request#"+r.ID])
		s.damage("request#"+r.ID, "{")
		_, err := s.use("ada", r.ID)
		s.wants("damaged", err, breakglass.Unreadable, "unreadable-request")
		s.damage("request#"+r.ID, row)
		s.wait(15*time.Minute - time.Second)
		if late {
			s.wait(time.Second)
		}
		_, err = s.use("ada", r.ID)
		if late {
			s.wants("when its time is over", err, breakglass.Over, "over")
		} else if err != nil {
			t.Errorf("in its time: %v", err)
		}
	}
}

// TestLateThoughNobodyEndedIt: with more to tend than one transaction does, a request whose
// time is over opens nothing.
func TestLateThoughNobodyEndedIt(t *testing.T) {
	s := newScene(t)
	for _, who := range []string{"bob", "cyd"} {
		for range 3 {
			s.ask(who, "admin")
		}
	}
	s.wait(20 * time.Minute)
	r := s.ready()
	s.wait(15 * time.Minute)
	_, err := s.use("ada", r.ID)
	s.wants("the seventh that is late", err, breakglass.Over, "over")
}

// TestDamagedNotices: the others get out, what is told instead names the row, and the
// queue goes on.
func TestDamagedNotices(t *testing.T) {
	for _, row := range damages {
		s := newScene(t)
		s.ready() // two notices
		s.ask("ada", "admin")
		s.damage("notice#000000000001", row)
		s.damage("notice#000000000003", row)
		publish := func(want ...string) {
			t.Helper()
			all, err := s.Door.Notices(t.Context(), 50)
			var got []string
			for _, n := range all {
				got = append(got, n.ID+" "+string(n.What))
				if err == nil {
					err = s.Door.Published(t.Context(), n)
				}
			}
			if err != nil || strings.Join(got, ", ") != strings.Join(want, ", ") {
				t.Errorf("with rows that are %q are told %q, %v, want %q", row, got, err, want)
			}
		}
		publish("main-2 approved")
		for range 2 {
			if err := s.Door.Tend(t.Context(), s.now); err != nil {
				t.Fatal(err)
			}
		}
		publish("main-4 damaged", "main-5 damaged")
		if s.told("notice#000000000001") != 1 || s.told("notice#000000000003") != 1 || s.memory.Rows["notice#000000000001"] == nil {
			t.Errorf("the record says %+v", s.entries())
		}
		s.ask("ada", "admin")
		publish("main-6 asked")
		publish()
	}
}

// TestManyDamagedNotices: some of them in one transaction, and the others with the next.
func TestManyDamagedNotices(t *testing.T) {
	s := newScene(t)
	for _, who := range []string{"ada", "bob", "cyd"} {
		for range 2 {
			s.ask(who, "admin")
		}
	}
	for i := range 6 {
		s.damage(fmt.Sprintf("notice#%012d", i+1), "{")
	}
	for _, want := range []int{11, 12, 12} {
		if err := s.Door.Tend(t.Context(), s.now); err != nil {
			t.Fatal(err)
		}
		if got := len(s.entries()); got != want {
			t.Errorf("there are %d entries, want %d", got, want)
		}
	}
}

// TestDamagedGuard: it is told once, and its person gets in.
func TestDamagedGuard(t *testing.T) {
	for _, row := range damages {
		s := newScene(t)
		r := s.ready()
		_, err := s.Door.Use(t.Context(), as("ada"), r.ID, s.Wrong("ada-totp", s.now), s.now)
		s.wants("a wrong code", err, breakglass.NotAccepted, "wrong-code")
		var keys []string
		for key := range s.memory.Rows {
			if strings.HasPrefix(key, "guard#") {
				keys = append(keys, key)
				s.damage(key, row)
			}
		}
		if _, err := s.use("ada", r.ID); err != nil {
			t.Errorf("a guard that is %q: %v", row, err)
		}
		told := 0
		for _, key := range keys {
			told += s.told(key)
		}
		if told != 1 {
			t.Errorf("a guard that is %q is told %d times", row, told)
		}
	}
}

// TestADamagedGuardHasFailed: who damages it is slowed as those who fail.
func TestADamagedGuardHasFailed(t *testing.T) {
	s := newScene(t)
	s.patient()
	other := s.ask("bob", "core")
	for i := range 30 {
		who := []string{"ada", "bob", "cyd"}[i%3]
		device := []string{"cyd-totp", "ada-totp", "bob-totp"}[i%3]
		if i < 15 {
			device = who + "-totp"
		}
		s.wait(30 * time.Second)
		_ = s.Door.Revoke(t.Context(), as(who), other.ID, s.Wrong(device, s.now), s.now)
	}
	if err := s.Door.Revoke(t.Context(), as("dan"), other.ID, s.Cast.Now("dan-totp", s.now), s.now); err != nil {
		t.Fatalf("dan, who never failed: %v", err)
	}
	s.damage("guard#"+guardOf("dan"), "{")
	another := s.ask("bob", "core")
	err := s.Door.Revoke(t.Context(), as("dan"), another.ID, s.Wrong("dan-totp", s.now), s.now)
	s.wants("dan, of whom nobody knows it", err, breakglass.Wait, "wait-for-all")
}

// TestDamagedDevice: its own rows keep out that device, and nobody else.
func TestDamagedDevice(t *testing.T) {
	for _, row := range damages {
		if strings.HasPrefix(row, `{"Format":1,"Row":{"`) {
			continue // the ledger is lenient about what it does not know
		}
		s := newScene(t)
		r := s.ready()
		_, _ = s.Door.Use(t.Context(), as("ada"), r.ID, s.Wrong("ada-totp", s.now), s.now)
		_, _ = s.Door.Use(t.Context(), as("ada"), r.ID, s.Wrong("bob-totp", s.now), s.now) // at what is not hers
		for _, key := range []string{"verify#ada-totp", "verify#nobody-" + guardOf("ada"), "sheet#bob-sheet"} {
			s.damage(key, row)
		}
		_, err := s.use("ada", r.ID)
		s.wants(fmt.Sprintf("a ledger that is %q", row), err, breakglass.Unavailable, "device-unavailable")
		_, err = s.Door.Use(t.Context(), as("ada"), r.ID, s.Wrong("bob-totp", s.now), s.now)
		s.wants("at what is not hers", err, breakglass.Unavailable, "device-unavailable")
		if _, err = s.Door.Use(t.Context(), as("ada"), r.ID, s.Proof("ada-sheet", 0), s.now); err != nil {
			t.Errorf("ada's sheet: %v", err)
		}
		other := s.ask("ada", "admin")
		_, err = s.Door.Approve(t.Context(), as("bob"), other.ID, s.Proof("bob-sheet", 0), s.now)
		s.wants(fmt.Sprintf("a sheet that is %q", row), err, breakglass.Unavailable, "device-unavailable")
		s.wait(time.Minute)
		if err := s.approve("bob", other.ID); err != nil {
			t.Errorf("bob's other device: %v", err)
		}
		if got := string(s.memory.Rows["verify#ada-totp"]); got != row {
			t.Error("a ledger that cannot be read is written over: which codes were used is forgotten")
		}
	}
}

// TestForgottenDevice: a code that was used opens nothing more when the ledger's row of its
// device is lost, and nor does any other, before or while it is compared. The record says which row and what to do,
// two people do not unlock it into being, and the person's other devices open.
func TestForgottenDevice(t *testing.T) {
	for _, device := range []string{"ada-totp", "ada-hotp"} {
		for _, late := range []bool{false, true} {
			s := newScene(t)
			s.Door.Rules.Roles[0].Grade = breakglass.NoTouch
			proof := s.Proof(device, 0)
			if device == "ada-totp" {
				proof = s.Cast.Now(device, s.now)
			}
			r := s.ready()
			if _, err := s.Door.Use(t.Context(), as("ada"), r.ID, proof, s.now); err != nil {
				t.Fatal(err)
			}
			s.wait(29 * time.Second / 2) // within the slack of TOTP
			again := s.ask("ada", "admin")
			if _, err := s.Door.Approve(t.Context(), as("cyd"), again.ID, s.Cast.Now("cyd-totp", s.now), s.now); err != nil {
				t.Fatal(err)
			}
			if late { // as a used one would not come so far
				if proof = s.Proof(device, 1); device == "ada-totp" {
					proof = s.Cast.Now(device, s.now.Add(30*time.Second))
				}
			}
			n := 0
			s.faulty.Before = func() error {
				if n++; !late && n == 1 || late && n == 3 { // the pace, the count, and what spends
					delete(s.memory.Rows, "verify#"+device)
				}
				return nil
			}
			const why = " is gone, and nobody knows which codes were used: enrol the device under another id (docs/break-glass.md, Restore)"
			for range 2 {
				_, err := s.Door.Use(t.Context(), as("ada"), again.ID, proof, s.now)
				s.wants(fmt.Sprintf("%s forgotten, late %v", device, late), err, breakglass.Unavailable, "row verify#"+device+why)
			}
			if e := s.last(); e.Outcome != record.Failed || e.Facts[record.Device] != device {
				t.Errorf("the record ends with %+v", e)
			}
			s.wait(time.Minute)
			_, err := s.Door.Unlock(t.Context(), as("bob"), device, s.Cast.Now("bob-totp", s.now), s.now)
			s.wants("unlocking", err, breakglass.Unavailable, "row verify#"+device+why)
			if s.memory.Rows["verify#"+device] != nil {
				t.Errorf("%s: the row is begun anew", device)
			}
			if _, err := s.Door.Use(t.Context(), as("ada"), again.ID, s.Proof("ada-sheet", 0), s.now); err != nil {
				t.Errorf("ada's sheet: %v", err)
			}
		}
	}
}

// TestUnlockADamagedDevice: where its row cannot be read it stays shut, and the record says so;
// nothing is told as unlocked.
func TestUnlockADamagedDevice(t *testing.T) {
	s := newScene(t)
	if _, err := s.Door.Unlock(t.Context(), as("bob"), "ada-totp", s.Cast.Now("bob-totp", s.now), s.now); err != nil {
		t.Fatal(err)
	}
	s.damage("verify#ada-totp", "{")
	unlocked, err := s.Door.Unlock(t.Context(), as("cyd"), "ada-totp", s.Cast.Now("cyd-totp", s.now), s.now)
	s.wants("unlocking", err, breakglass.Unavailable, "device-unavailable")
	if e := s.last(); unlocked || e.Outcome != record.Failed || s.memory.Rows["unlock#ada-totp"] == nil || string(s.memory.Rows["verify#ada-totp"]) != "{" {
		t.Errorf("unlocked %v, the record ends with %+v", unlocked, e)
	}
}

// TestDamagedUnlocking: the first of two begins again.
func TestDamagedUnlocking(t *testing.T) {
	for _, row := range damages {
		s := newScene(t)
		unlock := func(who string) bool {
			t.Helper()
			s.wait(time.Minute)
			done, err := s.Door.Unlock(t.Context(), as(who), "ada-totp", s.Cast.Now(who+"-totp", s.now), s.now)
			if err != nil {
				t.Error(err)
			}
			return done
		}
		if unlock("bob") {
			t.Fatal("one alone")
		}
		s.damage("unlock#ada-totp", row)
		if unlock("cyd") || !unlock("bob") {
			t.Errorf("an unlocking that is %q: cyd is the first again", row)
		}
	}
}

// TestDamageIsNotShown: no error and no entry has what is in the row.
func TestDamageIsNotShown(t *testing.T) {
	s := newScene(t)
	r := s.ready()
	for _, row := range []string{`SECRET`, `{"Format":"SECRET"}`, `{"Format":1,"Row":{"SECRET":1}}`, `{"Format":1,"Row":"SECRET"}`} {
		for _, key := range []string{"request#" + r.ID, "desk#door", "guard#" + guardOf("bob")} {
			was := string(s.memory.Rows[key])
			s.damage(key, row)
			err := s.approve("bob", r.ID)
			s.damage(key, was)
			if err == nil || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	for _, line := range s.memory.Rows {
		if strings.Contains(string(line), "SECRET") {
			t.Errorf("a row has %s", line)
		}
	}
}

func guardOf(name string) string { return storetest.Short(storetest.User(name)) }

// foreign is a store in which one row is somebody else's: it cannot be read, written over
// or deleted.
type foreign struct {
	breakglass.Store
	key string
}

func (f foreign) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	return f.Store.Transact(ctx, func(tx breakglass.Tx) error {
		own := &foreignTx{Tx: tx, key: f.key}
		return errors.Join(change(own), own.touched) // also where the change does not tell
	})
}

type foreignTx struct {
	breakglass.Tx
	key     string
	touched error
}

func (f *foreignTx) Get(key string) ([]byte, error) {
	if key == f.key {
		return nil, fmt.Errorf("item %s: it %w", key, breakglass.ErrDamaged)
	}
	return f.Tx.Get(key)
}

func (f *foreignTx) Put(key string, row []byte) error {
	if key == f.key {
		f.touched = fmt.Errorf("item %s is somebody else's", key)
		return f.touched
	}
	return f.Tx.Put(key, row)
}

func (f *foreignTx) Delete(key string) error {
	if key == f.key {
		f.touched = fmt.Errorf("item %s is somebody else's", key)
		return f.touched
	}
	return f.Tx.Delete(key)
}

// TestForeignRows keep out whom they are about, and nobody else.
func TestForeignRows(t *testing.T) {
	ctx := t.Context()
	for _, key := range []string{"request#", "notice#000000000001", "guard#" + guardOf("ada"), "pace#" + guardOf("ada"), "pace#" + guardOf("ada") + "-revoke", "unlock#ada-totp", "verify#ada-totp", "verify#nobody-" + guardOf("ada"), "sheet#ada-sheet"} {
		s := newScene(t)
		owing(s)
		r := s.ask("ada", "admin")
		s.flood(40, func() error { _, err := s.Door.Ask(ctx, as("ada"), breakglass.Ask{}, s.now); return err })
		if key == "request#" {
			key += r.ID
		}
		s.faulty.Store = foreign{s.memory, key}
		for range 3 {
			s.wait(time.Hour)
			if err := s.Door.Tend(ctx, s.now); err != nil {
				t.Fatalf("%s: Tend: %v", key, err)
			}
		}
		all, err := s.Door.Notices(ctx, 50)
		for _, n := range all {
			err = errors.Join(err, s.Door.Published(ctx, n))
		}
		for _, c := range s.owed() {
			err = errors.Join(err, s.Door.Closed(ctx, c, s.now))
		}
		_, bad := s.Door.Open(ctx, as("ada"))
		if err = errors.Join(err, bad, s.Door.Tend(ctx, s.now)); err != nil || len(all) < 5 {
			t.Errorf("%s: %d notices, %v", key, len(all), err)
		}
		other := s.ask("bob", "admin")
		if err := s.approve("cyd", other.ID); err != nil {
			t.Errorf("%s: cyd approves: %v", key, err)
		}
		if _, err := s.use("bob", other.ID); err != nil {
			t.Errorf("%s: bob uses: %v", key, err)
		}
	}
}

// onlyRequest is the id of the one request that there is a row of.
func (s *scene) onlyRequest() string {
	for key := range s.memory.Rows {
		if id, is := strings.CutPrefix(key, "request#"); is {
			return id
		}
	}
	return ""
}

// TestClosedSince: the record has which requests of a role were closed, whatever else of
// it cannot be read.
func TestClosedSince(t *testing.T) {
	s := newScene(t)
	arn := s.Door.Rules.Roles[0].ARN
	var ids []string
	for range 3 {
		s.wait(30 * time.Minute)
		r, _ := s.granted()
		if err := s.Door.End(t.Context(), as("ada"), r.ID, s.now); err != nil {
			t.Fatal(err)
		}
		for _, c := range s.owed() {
			if err := s.Door.Closed(t.Context(), c, s.now); err != nil {
				t.Fatal(err)
			}
		}
		ids = append(ids, r.ID)
	}
	s.damage(fmt.Sprintf("entry#%012d", s.last().Seq-1), "{") // the last end
	got, err := s.Door.ClosedSince(t.Context(), arn, s.now.Add(-50*time.Minute))
	if err != nil || len(got) != 2 || !got[ids[1]].Equal(s.now.Add(-30*time.Minute)) || !got[ids[2]].Equal(s.now) {
		t.Errorf("closed in 50 minutes: %v, %v, want the last two of %v", got, err, ids)
	}
	if got, err := s.Door.ClosedSince(t.Context(), "arn:aws:iam::111122223333:role/another", time.Time{}); err != nil || len(got) != 0 {
		t.Errorf("closed of another role: %v, %v", got, err)
	}
	s.faulty.Before = func() error { return errors.New("dynamodb read: no answer") }
	if _, err := s.Door.ClosedSince(t.Context(), arn, s.now); err == nil {
		t.Error("a store that is down has no list")
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/internal/fakeaws"
	"mfawatch/internal/securityhub"
)

var accountEvent = Event{Mode: ModeAccount, Run: "r1"}

func day(n int) time.Time { return noon.AddDate(0, 0, n) }

// next is the account event of another day.
func (s *stage) next(t *testing.T, n int) Result {
	t.Helper()
	s.at(day(n))
	return s.ok(t, Event{Mode: ModeAccount, Run: fmt.Sprintf("r%d", n+1)})
}

func TestAccount(t *testing.T) {
	s := newStage(office())
	s.Settings.Formats = []string{"html", "csv", "markdown", "asff", "ocsf", "sarif", "junit", "table", "json"}
	var r Result
	synctest.Test(t, func(t *testing.T) { r = s.ok(t, accountEvent) })
	const dir = "audit/111122223333/runs/r1/"
	want := []string{
		dir + "snapshot.json", dir + "findings.json", dir + "report.html", dir + "findings.csv", dir + "report.md", dir + "findings.asff.json",
		dir + "findings.ocsf.json", dir + "findings.sarif", dir + "findings.junit.xml", dir + "report.txt",
		"audit/111122223333/announced.json", "audit/111122223333/latest.json",
	}
	if diff := cmp.Diff(want, s.order); diff != "" {
		t.Errorf("objects in the order they were written (-want +got):\n%s", diff)
	}
	if want := `{"run":"r1","taken_at":"2026-11-20T12:00:00Z","findings":"` + dir + `findings.json","report":"` + dir + `report.html"}` + "\n"; s.objects["audit/111122223333/latest.json"] != want {
		t.Errorf("latest.json is %s, want %s", s.objects["audit/111122223333/latest.json"], want)
	}
	a := s.findings(t, dir+"findings.json")
	if a.Accounts[0].Account != ownAccount || a.Summary().ConsoleWithoutMFA != 1 || r.Failures != a.Summary().ByOutcome[audit.Fail] || r.Failures == 0 {
		t.Errorf("account %s, %d without MFA, result %+v", a.Accounts[0].Account, a.Summary().ConsoleWithoutMFA, r)
	}
	if r.Continue || r.Summary != "sent" || r.Report != "s3://reports/"+dir+"report.html" || r.Accounts != 1 || r.Unread != 0 {
		t.Errorf("result %+v", r)
	}
	if len(s.sent) != 1 || s.sent[0].attributes["kind"] != "audit" || s.sent[0].attributes["account"] != ownAccount {
		t.Errorf("messages %+v", s.sent)
	}
	for _, secret := range []string{"bob", "ada", "GAKT", "secret", "AKIA"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log says %s:\n%s", secret, s.log.String())
		}
	}
	if s.log.Len() == 0 || s.metrics.Len() == 0 {
		t.Error("no log or no metrics")
	}
}

// The same run again asks AWS nothing, writes the same bytes and tells nobody.
func TestTheSameRunAgain(t *testing.T) {
	s := newStage(office())
	s.Settings.SecurityHub = true
	synctest.Test(t, func(t *testing.T) {
		s.next(t, 0)
		s.srv.Change(func() { s.srv.Now = s.Now })
		first := s.next(t, 1)
		was := maps.Clone(s.objects)
		s.srv.Reset()
		s.at(day(3))
		again := s.ok(t, Event{Mode: ModeAccount, Run: "r2"})
		if diff := cmp.Diff(was, s.objects); diff != "" {
			t.Errorf("objects after the repeat (-first +repeat):\n%s", diff)
		}
		if n := len(s.srv.Calls()); n != 0 || len(s.sent) != 1 || again.Summary != "sent-before" || first.Summary != "unchanged" {
			t.Errorf("%d calls, %d messages, summary %q after %q", n, len(s.sent), again.Summary, first.Summary)
		}
	})
}

// The request's id is the run where the event names none: a retry has the same.
func TestRunOfTheRequest(t *testing.T) {
	s := newStage(office())
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "11111111-2222"})
	synctest.Test(t, func(t *testing.T) {
		if r, err := s.Handle(ctx, Event{Mode: ModeAccount}); err != nil || r.Run != "11111111-2222" {
			t.Errorf("run %q, error %v", r.Run, err)
		}
	})
	if !strings.Contains(s.log.String(), `"request_id":"11111111-2222"`) {
		t.Errorf("the log has no request id: %s", s.log.String())
	}
}

func TestEventsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                           `event: mode "" is not one of account, list, member, reduce`,
		`{"mode":"Account","run":"r"}`: `event: mode "Account" is not one of`,
		`{"detail-type":"Scheduled Event","source":"aws.events"}`: `event: mode "" is not one of`,
		`{"mode":"account"}`: `event: run "" is no name of a run`,
		`{"mode":"account","run":"<aws.scheduler.execution-id>"}`:                              `event: run "<aws.scheduler.execution-id>" is no name`,
		`{"mode":"account","run":"../../other"}`:                                               `event: run "../../other" is no name`,
		`{"mode":"reduce","run":"r"}`:                                                          `event: organization "" is no id`,
		`{"mode":"member","run":"r","account":"111122223333"}`:                                 `event: organization "" is no id`,
		`{"mode":"member","run":"r","organization":"o-exampleorgid"}`:                          `event: account "" is no account id`,
		`{"mode":"member","run":"r","organization":"o-../","account":"1"}`:                     `event: organization "o-../" is no id`,
		`{"mode":"member","run":"r","organization":"o-exampleorgid","account":"11112222333/"}`: `event: account "11112222333/" is no account id`,
		`{"mode":"account","run":"` + strings.Repeat("r", 129) + `"}`:                          `event: run "` + strings.Repeat("r", 100),
		`{"mode":"account","run":"` + strings.Repeat("r", 128) + `","part":-1}`:                `event: part -1`,
		`{"mode":"account","run":"r","part":-1}`:                                               `event: part -1`,
	} {
		s := newStage(office())
		var e Event
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		_, err := s.Handle(context.Background(), e)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %s…", text, err, want)
		}
		if len(s.objects)+len(s.sent)+len(s.srv.Calls()) > 0 {
			t.Errorf("%s: something was done", text)
		}
	}
}

func TestWhenPeopleAreTold(t *testing.T) {
	a := office()
	s := newStage(a)
	synctest.Test(t, func(t *testing.T) {
		told := func(n int, want string) {
			t.Helper()
			before := len(s.sent)
			r := s.next(t, n)
			if r.Summary != want || (len(s.sent)-before == 1) != (want == "sent") {
				t.Errorf("day %d: summary %q and %d messages, want %q", n, r.Summary, len(s.sent)-before, want)
			}
		}
		subject := func(want string) {
			t.Helper()
			if got := s.sent[len(s.sent)-1].subject; !strings.Contains(got, want) {
				t.Errorf("subject %q, want …%s…", got, want)
			}
		}
		told(0, "sent")
		told(1, "unchanged")
		told(6, "unchanged")
		told(7, "sent") // seven days after the first
		subject("unchanged, ")
		told(8, "unchanged")
		s.srv.Change(func() { a.Users[1].Devices = []fakeaws.Device{fakeaws.Token("GAKT00000003")} })
		told(9, "sent")
		subject("resolved")
		s.srv.Change(func() { a.Users[1].Devices = nil })
		told(10, "sent")
		subject("new failure")
		if got := s.sent[len(s.sent)-1].attributes["severity"]; got != "high" && got != "critical" {
			t.Errorf("severity attribute %q", got)
		}
		s.srv.Fault(fakeaws.Denied("iam:ListMFADevices"))
		told(11, "sent") // bob's failure is not known any more
		subject("not known any more")
		if text := s.sent[len(s.sent)-1].body["email"]; !strings.Contains(text, "- iam:ListMFADevices in 1 account (AccessDenied)") {
			t.Errorf("the text does not name the action:\n%s", text)
		}
		told(12, "unchanged")
		s.srv.Mend()
		told(13, "sent")
		subject("new failure")
		s.srv.Change(func() { a.Delete("bob") })
		told(14, "sent")
		subject("resolved")
	})
}

// What SNS did not take is still news to the next run, and to a retry of this
// one; the reports are written anyhow.
func TestTopicFails(t *testing.T) {
	s := newStage(office())
	synctest.Test(t, func(t *testing.T) {
		s.fault = func(verb, _ string) error {
			if verb == "publish" {
				return errInjected
			}
			return nil
		}
		r, err := s.Handle(context.Background(), accountEvent)
		if !errors.Is(err, errInjected) || r.Summary != "failed" || strings.Contains(err.Error(), "\n") {
			t.Errorf("summary %q, error %v", r.Summary, err)
		}
		if s.objects["audit/111122223333/runs/r1/report.html"] == "" || !strings.Contains(s.objects["audit/111122223333/latest.json"], `"run":"r1"`) {
			t.Errorf("not written: %v", s.keys())
		}
		s.revive()
		if r := s.ok(t, accountEvent); r.Summary != "sent" || len(s.sent) != 1 {
			t.Errorf("the retry: summary %q, %d messages", r.Summary, len(s.sent))
		}
	})
}

func TestNewsSurvivesARunThatCouldNotTell(t *testing.T) {
	a := office()
	s := newStage(a)
	synctest.Test(t, func(t *testing.T) {
		s.next(t, 0)
		s.srv.Change(func() { a.User("eve").Password = true })
		s.fault = func(verb, _ string) error {
			if verb == "publish" {
				return errInjected
			}
			return nil
		}
		s.at(day(1))
		if _, err := s.Handle(context.Background(), Event{Mode: ModeAccount, Run: "r2"}); err == nil {
			t.Fatal("no error")
		}
		s.revive()
		if r := s.next(t, 2); r.Summary != "sent" {
			t.Fatalf("summary %q, want sent", r.Summary)
		}
		if text := s.sent[1].body["email"]; !strings.Contains(text, `"eve"`) {
			t.Errorf("the failure that nobody was told of is not in:\n%s", text)
		}
	})
}

// Killed at any step, before or after it had its effect, the run that is
// repeated ends as an undisturbed one, told at most once more, and the pointer
// is whole all the time.
func TestKilledBetweenSteps(t *testing.T) {
	scene := func() *stage {
		a := office()
		s := newStage(a)
		s.Settings.SecurityHub = true
		s.next(t, 0)
		s.srv.Change(func() {
			a.User("eve").Password = true
			a.Users[1].Devices = []fakeaws.Device{fakeaws.Token("GAKT00000003")}
		})
		s.at(day(1))
		s.revive()
		return s
	}
	event := Event{Mode: ModeAccount, Run: "r2"}
	synctest.Test(t, func(t *testing.T) {
		calm := scene()
		calm.ok(t, event)
		steps := calm.steps
		if steps < 8 {
			t.Fatalf("only %d steps", steps)
		}
		for _, after := range []bool{false, true} {
			for n := 1; n <= steps; n++ {
				s := scene()
				before := s.objects["audit/111122223333/latest.json"]
				s.diesAt, s.after = n, after
				if _, err := s.Handle(context.Background(), event); err == nil {
					t.Fatalf("step %d: no error", n)
				}
				if got := s.objects["audit/111122223333/latest.json"]; got != before && !(after && n == steps) {
					t.Errorf("step %d: the pointer moved to %s", n, got)
				}
				s.revive()
				s.ok(t, event)
				if diff := cmp.Diff(calm.objects, s.objects); diff != "" {
					t.Errorf("step %d, after %v: objects (-undisturbed +repeated):\n%s", n, after, diff)
				}
				if diff := cmp.Diff(calm.hubOf(ownAccount).findings, s.hubOf(ownAccount).findings); diff != "" {
					t.Errorf("step %d, after %v: Security Hub (-undisturbed +repeated):\n%s", n, after, diff)
				}
				if got := len(s.sent); got != 2 && got != 3 {
					t.Errorf("step %d, after %v: %d messages, want the first and one or two of this run", n, after, got)
				}
			}
		}
	})
}

// Every read and write that S3 refuses is an error with the object's name.
func TestS3Fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calm := newStage(office())
		calm.Settings.SecurityHub = true
		var gets []string
		calm.fault = func(verb, key string) error {
			if verb == "get" && !slices.Contains(gets, key) {
				gets = append(gets, key)
			}
			return nil
		}
		calm.ok(t, accountEvent)
		for verb, keys := range map[string][]string{"get": gets, "put": calm.order} {
			if len(keys) < 5 {
				t.Fatalf("%s: only %v", verb, keys)
			}
			for _, key := range keys {
				s := newStage(office())
				s.Settings.SecurityHub = true
				s.fault = func(v, k string) error {
					if v == verb && k == key {
						return fmt.Errorf("%s %s: %w", verb, s.URI(key), errInjected)
					}
					return nil
				}
				_, err := s.Handle(context.Background(), accountEvent)
				if !errors.Is(err, errInjected) || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s %s: error %v", verb, key, err)
				}
			}
		}
	})
}

func TestALateRepeatDoesNotTurnTheClockBack(t *testing.T) {
	a := office()
	s := newStage(a)
	synctest.Test(t, func(t *testing.T) {
		s.next(t, 0)
		s.next(t, 1)
		s.srv.Change(func() { a.Users[1].Devices = []fakeaws.Device{fakeaws.Token("GAKT00000003")} })
		s.next(t, 2)
		was, messages := s.objects["audit/111122223333/latest.json"], len(s.sent)
		s.at(day(3))
		if r := s.ok(t, Event{Mode: ModeAccount, Run: "r2"}); r.Summary != "superseded" || len(s.sent) != messages || s.objects["audit/111122223333/latest.json"] != was {
			t.Errorf("summary %q, %d messages, pointer %s", r.Summary, len(s.sent)-messages, s.objects["audit/111122223333/latest.json"])
		}
	})
}

// Each run's files say since when a failure is known, and end the findings that
// the run before had.
func TestLifeCycleInFiles(t *testing.T) {
	a := office()
	s := newStage(a)
	s.Settings.Formats = []string{"asff"}
	synctest.Test(t, func(t *testing.T) {
		s.next(t, 0)
		s.srv.Change(func() { a.Delete("bob") })
		s.next(t, 1)
	})
	fails := 0
	for _, f := range s.findings(t, "audit/111122223333/runs/r2/findings.json").Accounts[0].Findings {
		if f.Outcome == audit.Fail {
			if fails++; !f.FirstSeen.Equal(noon) {
				t.Errorf("%s is first seen at %v", f.Check, f.FirstSeen)
			}
		}
	}
	if fails == 0 || !strings.Contains(s.objects["audit/111122223333/runs/r2/findings.asff.json"], `"ARCHIVED"`) {
		t.Errorf("%d failures; what is gone is not archived", fails)
	}
	var d struct{ Gone []any }
	if err := json.Unmarshal([]byte(s.objects["audit/111122223333/runs/r2/diff.json"]), &d); err != nil || len(d.Gone) == 0 {
		t.Errorf("diff.json: %v, %s", err, s.objects["audit/111122223333/runs/r2/diff.json"])
	}
}

func TestSecurityHubLifeCycle(t *testing.T) {
	a := office()
	s := newStage(a)
	s.Settings.SecurityHub = true
	h := s.hubOf(ownAccount)
	synctest.Test(t, func(t *testing.T) {
		if r := s.next(t, 0); r.Hub != "imported" {
			t.Errorf("security_hub %q", r.Hub)
		}
		before := h.states()
		if before["ACTIVE FAILED"] == 0 || before["ACTIVE PASSED"]+before["ARCHIVED PASSED"] > 0 {
			t.Fatalf("after the first run: %v", before)
		}
		s.srv.Change(func() { a.Users[1].Devices = []fakeaws.Device{fakeaws.Token("GAKT00000003")} })
		s.next(t, 1)
		archived := 0
		for state, n := range h.states() {
			if strings.HasPrefix(state, "ARCHIVED") {
				archived += n
			}
		}
		if archived == 0 || h.dropped > 0 {
			t.Errorf("after bob has a token: %v, %d dropped", h.states(), h.dropped)
		}
		taken := h.taken
		s.next(t, 2)
		if got, want := h.taken-taken, len(h.findings)-archived; got != want || h.dropped > 0 {
			t.Errorf("the third run gave %d findings, want the %d that are active, and none archived again; %d dropped", got, want, h.dropped)
		}
		s.ok(t, Event{Mode: ModeAccount, Run: "r3"})
		if h.dropped > 0 {
			t.Errorf("the repeat gave %d findings that are not newer", h.dropped)
		}
	})
}

func TestSecurityHubFails(t *testing.T) {
	a := office()
	s := newStage(a)
	s.Settings.SecurityHub = true
	h := s.hubOf(ownAccount)
	synctest.Test(t, func(t *testing.T) {
		s.next(t, 0)
		s.srv.Change(func() { a.Users[1].Devices = []fakeaws.Device{fakeaws.Token("GAKT00000003")} })
		h.err = fmt.Errorf("securityhub:BatchImportFindings: %w", securityhub.ErrOff)
		s.at(day(1))
		r, err := s.Handle(context.Background(), Event{Mode: ModeAccount, Run: "r2"})
		if !errors.Is(err, securityhub.ErrOff) || r.Hub != "off" || r.Summary != "sent" || !strings.Contains(s.objects["audit/111122223333/latest.json"], "r2") {
			t.Errorf("result %+v, error %v", r, err)
		}
		h.err = nil
		s.next(t, 2) // compares with what Security Hub knows, which is the first run
		if states := h.states(); states["ARCHIVED PASSED"] == 0 {
			t.Errorf("what was resolved while Security Hub was off is not archived: %v", states)
		}
	})
}

func TestSecurityHubRefusesSome(t *testing.T) {
	s := newStage(office())
	s.Settings.SecurityHub = true
	s.hubOf(ownAccount).refuse = "mfawatch/111122223333/root-single-device/111122223333"
	synctest.Test(t, func(t *testing.T) {
		if r := s.ok(t, accountEvent); r.Hub != "imported" {
			t.Errorf("security_hub %q", r.Hub)
		}
	})
	if !strings.Contains(s.log.String(), `"finding":"mfawatch/111122223333/root-single-device/111122223333","code":"InvalidInput"`) {
		t.Errorf("the log does not name the finding:\n%s", s.log.String())
	}
}

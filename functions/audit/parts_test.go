package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/internal/fakeaws"
)

// crowd is an account of n users, each with a token, which only a call for each
// of them shows.
func crowd(n int) *fakeaws.Account {
	a := fakeaws.NewAccount(ownAccount)
	for i := range n {
		u := a.User(fmt.Sprintf("user%04d", i))
		u.Password, u.Devices = true, []fakeaws.Device{fakeaws.Token(fmt.Sprintf("GAKT%08d", i))}
	}
	return a
}

// 5,000 users at ten calls a second need more than eight minutes: in
// invocations of three they are read to the end, and nothing that was answered
// is asked again.
func TestFiveThousandUsersInParts(t *testing.T) {
	const users, limit = 5000, 3 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		s := newStage(crowd(users))
		s.running()
		s.srv.Latency = 80 * time.Millisecond
		e, parts := accountEvent, 0
		var r Result
		for again := true; again; parts++ {
			ctx, stop := context.WithTimeout(context.Background(), limit)
			began := time.Now()
			var err error
			r, err = s.Handle(ctx, e)
			stop()
			if err != nil || time.Since(began) > limit-reserve+time.Second && r.Continue {
				t.Fatalf("part %d took %v: %v", parts, time.Since(began), err)
			}
			if again = r.Continue; again {
				e = *r.Event
			}
		}
		if parts < 4 || parts > 8 || e.Part != parts-1 || !e.Began.Equal(noon) || r.Summary != "sent" {
			t.Errorf("%d parts, event %+v, summary %q", parts, e, r.Summary)
		}
		counts := s.srv.Counts()
		if n := counts["iam:ListMFADevices"]; n < users || n > users+2*parts { // two may be on their way when time is up
			t.Errorf("%d users were asked about %d times in %d parts", users, n, parts)
		}
		for _, once := range []string{"iam:GetCredentialReport", "iam:GetAccountSummary", "iam:ListOrganizationsFeatures", "iam:ListVirtualMFADevices"} {
			if counts[once] != 1 {
				t.Errorf("%s was asked %d times", once, counts[once])
			}
		}
		if n := counts["sts:GetCallerIdentity"]; n != parts-1 {
			t.Errorf("who the caller is was asked %d times in %d parts", n, parts)
		}
		a := s.findings(t, "audit/111122223333/runs/r1/findings.json")
		if got := a.Summary(); got.Users != users || got.Factors[audit.HardwareTOTPFactor] != users || got.MFAUnknown != 0 {
			t.Errorf("%d users, factors %v, %d unknown", got.Users, got.Factors, got.MFAUnknown)
		}
		if took := time.Since(noon); took == 0 || !strings.Contains(s.metrics.String(), `"AuditDuration":`) {
			t.Error("no duration")
		}
	})
}

// What cannot be kept is an error, not another part: it would begin anew.
func TestCheckpointFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(crowd(300))
		s.running()
		s.fault = func(verb, key string) error {
			return map[bool]error{true: errInjected}[verb == "put" && strings.HasSuffix(key, "/checkpoint.json")]
		}
		ctx, stop := context.WithTimeout(context.Background(), 40*time.Second)
		defer stop()
		if r, err := s.Handle(ctx, accountEvent); !errors.Is(err, errInjected) || r.Continue || strings.Contains(err.Error(), "\n") {
			t.Errorf("result %+v, error %v", r, err)
		}
	})
}

// Another invocation needs the event, and nothing of what others returned.
func TestNext(t *testing.T) {
	e := Event{Mode: ModeMember, Run: "r", Organization: "o-exampleorgid", Account: ownAccount, Name: "n", Part: 3, Began: noon, Results: []byte("[]")}
	want := e
	want.Part, want.Results = 4, nil
	if r := e.next(); !r.Continue || !cmp.Equal(&want, r.Event) || r.Account != ownAccount {
		t.Errorf("%+v with %+v", r, r.Event)
	}
}

// A checkpoint that is too old to make one picture with what is read now is left
// alone.
func TestOldCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(crowd(200))
		s.running()
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		if r, err := s.Handle(ctx, accountEvent); err != nil || !r.Continue {
			t.Fatalf("result %+v, error %v", r, err)
		}
		time.Sleep(5 * time.Hour)
		s.srv.Reset()
		if r := s.ok(t, accountEvent); r.Continue || s.srv.Counts()["iam:ListMFADevices"] != 200 {
			t.Errorf("result %+v, %d users asked", r, s.srv.Counts()["iam:ListMFADevices"])
		}
		if !strings.Contains(s.log.String(), "the checkpoint is too old") {
			t.Errorf("the log does not say so:\n%s", s.log.String())
		}
	})
}

// After too many parts what is not read is not known, and reported.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(crowd(300))
		s.running()
		ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
		defer stop()
		e := accountEvent
		e.Part = maxParts
		r, err := s.Handle(ctx, e)
		if err != nil || r.Continue || r.Unknowns == 0 || r.Summary != "sent" {
			t.Fatalf("result %+v, error %v", r, err)
		}
		if text := s.sent[0].body["email"]; !strings.Contains(text, "iam:ListMFADevices in 1 account (interrupted)") {
			t.Errorf("the text does not say what was not read:\n%s", text)
		}
	})
}

// Time that is over before anything was read is no failure either.
func TestNoTimeAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(office())
		s.running()
		s.srv.Latency = time.Minute
		ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
		defer stop()
		r, err := s.Handle(ctx, accountEvent)
		if err != nil || !r.Continue || r.Event.Part != 1 || r.Event.Run != "r1" || len(s.objects) != 0 {
			t.Errorf("result %+v, error %v, objects %v", r, err, s.keys())
		}
	})
}

// Importing goes on where it stopped, too.
func TestImportInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fakeaws.NewAccount(ownAccount)
		for i := range 700 {
			a.User(fmt.Sprintf("user%04d", i)).Password = true
		}
		a.MakeReport(noon)
		s := newStage(a)
		s.running()
		s.Settings.SecurityHub = true
		h := s.hubOf(ownAccount)
		s.fault = func(verb, _ string) error {
			if verb == "import" {
				time.Sleep(30 * time.Second)
			}
			return nil
		}
		e, parts := accountEvent, 1
		for ; ; parts++ {
			ctx, stop := context.WithTimeout(context.Background(), time.Minute)
			r, err := s.Handle(ctx, e)
			stop()
			if err != nil {
				t.Fatal(err)
			}
			if !r.Continue {
				break
			}
			e = *r.Event
		}
		if parts < 2 || h.taken != len(h.findings) || h.taken <= hubStep {
			t.Errorf("%d parts, %d findings given, %d known", parts, h.taken, len(h.findings))
		}
		if len(s.sent) != 1 {
			t.Errorf("%d messages", len(s.sent))
		}
	})
}

// Credentials that AWS does not take, or no network, are errors for a retry: of
// one's own account nobody else could tell.
func TestOwnAccountUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(office())
		s.srv.Expire(ownAccount)
		_, err := s.Handle(context.Background(), accountEvent)
		if err == nil || !strings.Contains(err.Error(), "the credentials have expired") || len(s.objects)+len(s.sent) != 0 {
			t.Errorf("error %v, objects %v", err, s.keys())
		}
	})
}

// What may not be asked is a Gap, and the rest is judged.
func TestPartialPermission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(office())
		s.srv.Fault(fakeaws.Denied("iam:GetAccountSummary"))
		s.srv.Fault(fakeaws.Denied("iam:ListVirtualMFADevices"))
		r := s.ok(t, accountEvent)
		if r.Unknowns == 0 || r.Unread != 0 {
			t.Errorf("result %+v", r)
		}
		for _, action := range []string{"iam:GetAccountSummary", "iam:ListVirtualMFADevices"} {
			if text := s.sent[0].body["email"]; !strings.Contains(text, "- "+action+" in 1 account (AccessDenied)") {
				t.Errorf("the text does not name %s:\n%s", action, text)
			}
		}
	})
}

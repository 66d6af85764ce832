package collect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

// interruptAt cancels a reading when the n-th call of an action arrives.
func interruptAt(srv *fakeaws.Server, action string, n int) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	srv.Before = func(c fakeaws.Call) {
		if c.Action == action && c.N == n {
			cancel()
		}
	}
	return ctx
}

// What was read is not asked again, and in the end nobody can tell that there
// was an interruption.
func TestInterruptedAndResumed(t *testing.T) {
	whole := encode(t, readWhole(t, frozen(crowd(200)), crowd(200), collect.Options{}))
	m, _, f := holders(crowd(200))
	for _, latency := range []time.Duration{0, 300 * time.Millisecond} {
		for _, n := range []int{1, 2, 61, m} {
			a := crowd(200)
			srv := frozen(a)
			srv.Latency = latency
			var saved audit.Snapshot
			half, err := readingUntil(t, interruptAt(srv, "iam:ListMFADevices", n), srv, a, collect.Options{Checkpoint: func(s audit.Snapshot) error { saved = s; return nil }})
			if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("interrupted at %d: error %v", n, err)
			}
			if diff := cmp.Diff(half, saved); diff != "" {
				t.Errorf("interrupted at %d: returned and saved (-returned +saved):\n%s", n, diff)
			}
			if want := audit.FactMFADevices.Gap("", "interrupted"); !slices.Contains(half.Gaps, want) || len(half.Gaps) > 2 {
				t.Errorf("interrupted at %d: gaps %v, want %v", n, half.Gaps, want)
			}
			known, certified := len(lists(half)), certificates(half)
			if known >= n || known < n-3 {
				t.Errorf("interrupted at %d: %d lists are known", n, known)
			}
			srv.Before = nil
			srv.Reset()
			rest, err := reading(t, srv, a, collect.Options{Resume: again(t, half)})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"sts:GetCallerIdentity": 1, "iam:ListMFADevices": m - known, "iam:GetMFADevice": f - certified}
			if diff := cmp.Diff(want, srv.Counts()); diff != "" {
				t.Errorf("interrupted at %d: calls to resume (-want +got):\n%s", n, diff)
			}
			if diff := cmp.Diff(whole, encode(t, rest)); diff != "" {
				t.Errorf("interrupted at %d: uninterrupted and resumed (-uninterrupted +resumed):\n%s", n, diff)
			}
		}
	}
}

// again is a snapshot after a file.
func again(t *testing.T, s audit.Snapshot) *audit.Snapshot {
	t.Helper()
	back, err := audit.DecodeSnapshot([]byte(encode(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return &back
}

// certificates counts the security keys that were asked about.
func certificates(s audit.Snapshot) int {
	n := 0
	for _, u := range s.Users.Value {
		if u.MFADevices == nil {
			continue
		}
		for _, d := range u.MFADevices.Value {
			if d.Certifications != nil {
				n++
			}
		}
	}
	return n
}

// Wherever it is interrupted, resuming gives the same, and asks nothing twice
// that was answered.
func TestInterruptedAnywhere(t *testing.T) {
	// Whoever was made after the report is asked about everything.
	after := func(a *fakeaws.Account) *fakeaws.Account {
		a.MakeReport(noon)
		for i := range 8 {
			a.User(fmt.Sprintf("new%d", i)).Password = true
		}
		return a
	}
	a := after(rich())
	srv := frozen(a)
	whole := encode(t, readWhole(t, srv, a, collect.Options{}))
	for n, interrupted := range srv.Calls() {
		b := after(rich())
		srv := frozen(b)
		ctx, cancel := context.WithCancel(context.Background())
		count := 0
		srv.Before = func(fakeaws.Call) {
			srv.Change(func() {
				if count++; count == n+1 {
					cancel()
				}
			})
		}
		half, err := readingUntil(t, ctx, srv, b, collect.Options{})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted at call %d, %s: error %v", n, interrupted.Action, err)
		}
		if half.Account == "" {
			if n > 1 {
				t.Errorf("interrupted at call %d, %s: no snapshot", n, interrupted.Action)
			}
			continue
		}
		srv.Before = nil
		rest, err := reading(t, srv, b, collect.Options{Resume: again(t, half)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, encode(t, rest)); diff != "" {
			t.Errorf("interrupted at call %d, %s (-uninterrupted +resumed):\n%s", n, interrupted.Action, diff)
		}
	}
}

// An interrupted snapshot says of everything that it lacks that it was
// interrupted.
func TestGapsOfAnInterruption(t *testing.T) {
	users := []audit.Fact{audit.FactAccess, audit.FactAccessKeys}
	rest := []audit.Fact{audit.FactLoginProfile, audit.FactCertifications, audit.FactMFADevices}
	for action, want := range map[string][]audit.Fact{
		"iam:GetAccountSummary":              slices.Concat(users, []audit.Fact{audit.FactAccountSummary, audit.FactGroups}, rest, []audit.Fact{audit.FactOrganization, audit.FactPolicies, audit.FactRoles, audit.FactTags, audit.FactUsers, audit.FactVirtualDevices}),
		"iam:GetAccountAuthorizationDetails": slices.Concat(users, []audit.Fact{audit.FactGroups}, rest, []audit.Fact{audit.FactPolicies, audit.FactRoles, audit.FactTags, audit.FactUsers}),
		"iam:ListMFADevices":                 {audit.FactMFADevices},
		"iam:GetMFADevice":                   {audit.FactCertifications, audit.FactMFADevices},
	} {
		a := crowd(20)
		srv := frozen(a)
		s, err := readingUntil(t, interruptAt(srv, action, 1), srv, a, collect.Options{})
		if diff := cmp.Diff(gaps("interrupted", want...), s.Gaps); diff != "" || !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted at %s: error %v, gaps (-want +got):\n%s", action, err, diff)
		}
	}
}

// A gap is tried again, and only it.
func TestResumeTriesGapsAgain(t *testing.T) {
	for action, want := range map[string]map[string]int{
		"iam:GenerateCredentialReport":       {"iam:GenerateCredentialReport": 1, "iam:GetCredentialReport": 1},
		"iam:GetAccountSummary":              {"iam:GetAccountSummary": 1},
		"iam:ListOrganizationsFeatures":      {"iam:ListOrganizationsFeatures": 1},
		"iam:ListVirtualMFADevices":          {"iam:ListVirtualMFADevices": 1},
		"iam:GetAccountAuthorizationDetails": {"iam:GetAccountAuthorizationDetails": 1},
		"iam:ListMFADevices":                 {"iam:ListMFADevices": 12, "iam:GetMFADevice": 12},
		"iam:GetMFADevice":                   {"iam:GetMFADevice": 12},
	} {
		a := crowd(20)
		srv := frozen(a)
		srv.Fault(fakeaws.Denied(action))
		s := readWhole(t, srv, a, collect.Options{})
		srv.Mend()
		srv.Reset()
		s = readWhole(t, srv, a, collect.Options{Resume: again(t, s)})
		want["sts:GetCallerIdentity"] = 1
		if diff := cmp.Diff(want, srv.Counts()); diff != "" || len(s.Gaps) != 0 {
			t.Errorf("%s: gaps %v, calls (-want +got):\n%s", action, s.Gaps, diff)
		}
		if s.Groups == nil || s.Users.Value[3].Access == nil || s.Users.Value[3].MFADevices == nil {
			t.Errorf("%s: facts are lost", action)
		}
	}
}

// Credentials that run out in the middle end the reading like an interruption.
func TestCredentialsThatRunOut(t *testing.T) {
	a := crowd(100)
	srv := frozen(a)
	srv.Before = func(c fakeaws.Call) {
		if c.Action == "iam:ListMFADevices" && c.N == 20 {
			srv.Expire(liveAccount)
		}
	}
	saved := 0
	half, err := reading(t, srv, a, collect.Options{Checkpoint: func(audit.Snapshot) error { saved++; return nil }})
	if err == nil || !strings.Contains(err.Error(), "the credentials have expired (ExpiredToken): sign in again") || saved != 1 {
		t.Errorf("error %v, saved %d times", err, saved)
	}
	if got := len(lists(half)); got < 17 || got > 20 || !slices.Contains(half.Gaps, audit.FactMFADevices.Gap("", "interrupted")) {
		t.Errorf("%d lists, gaps %v", got, half.Gaps)
	}
	srv.Before = nil
	srv.Renew(liveAccount)
	if s := readWhole(t, srv, a, collect.Options{Resume: again(t, half)}); len(s.Gaps) != 0 || len(lists(s)) != 60 {
		t.Errorf("%d lists, gaps %v", len(lists(s)), s.Gaps)
	}
}

// Who is not known during the first part is looked for in the second: until then
// nobody knows that they were deleted.
func TestResumeWithoutTheDeleted(t *testing.T) {
	a := crowd(100)
	srv := frozen(a)
	gone, ctx := a.Users[2], interruptAt(srv, "iam:ListMFADevices", 20)
	interrupt := srv.Before
	srv.Before = func(c fakeaws.Call) {
		if c.Action == "iam:ListMFADevices" {
			srv.Change(func() { a.Delete(gone.Name) })
		}
		interrupt(c)
	}
	half, err := readingUntil(t, ctx, srv, a, collect.Options{})
	want := audit.FactMFADevices.Gap(gone.ID, "the user was deleted meanwhile")
	if err == nil || slices.Contains(half.Gaps, want) || len(half.Users.Value) != 100 {
		t.Fatalf("error %v, %d users, gaps %v", err, len(half.Users.Value), half.Gaps)
	}
	srv.Before = nil
	for _, part := range []string{"second", "third"} {
		half = readWhole(t, srv, a, collect.Options{Resume: again(t, half)})
		if diff := cmp.Diff([]audit.Gap{want}, half.Gaps); diff != "" || len(half.Users.Value) != 99 {
			t.Errorf("%s part: %d users, gaps (-want +got):\n%s", part, len(half.Users.Value), diff)
		}
	}
}

// Facts of another account, or of long ago, are not mixed with what is read now.
func TestSnapshotsThatDoNotFit(t *testing.T) {
	a := crowd(3)
	fits := readWhole(t, frozen(a), a, collect.Options{})
	other, old, edge := fits, fits, fits
	other.Account = "444455556666"
	old.TakenAt = noon.Add(-4*time.Hour - 1)
	edge.TakenAt = noon.Add(-4 * time.Hour)
	const whose = "the earlier snapshot is of account 444455556666, the credentials are of account 111122223333: give the snapshot of this account, or none"
	for name, c := range map[string]struct {
		o    collect.Options
		want string
	}{
		"resume, other account": {collect.Options{Resume: &other}, whose},
		"since, other account":  {collect.Options{Since: &collect.Since{Snapshot: other}}, whose},
		"resume, old":           {collect.Options{Resume: &old}, "the interrupted snapshot is of 2026-11-20T07:59:59Z, more than 4h0m ago: start again without it"},
		"resume, four hours":    {collect.Options{Resume: &edge}, ""},
		"since, old":            {collect.Options{Since: &collect.Since{Snapshot: old, Changes: changed(t)}}, ""},
		"since, no changes":     {collect.Options{Since: &collect.Since{Snapshot: fits}}, "the scan does not say whose records of what time it read: scan again with this version"},
	} {
		srv := frozen(a)
		saved := false
		c.o.Checkpoint = func(audit.Snapshot) error { saved = true; return nil }
		s, err := reading(t, srv, a, c.o)
		if got := fmt.Sprint(err); c.want != "" && got != c.want || c.want == "" && err != nil {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if c.want != "" && (s.Account != "" || saved || len(srv.Calls()) > 1) {
			t.Errorf("%s: account %q, saved %v, %d calls", name, s.Account, saved, len(srv.Calls()))
		}
	}
}

func TestCheckpoints(t *testing.T) {
	a := crowd(1000)
	srv := frozen(a)
	var known []int
	s, err := reading(t, srv, a, collect.Options{Checkpoint: func(s audit.Snapshot) error {
		known = append(known, len(lists(s)))
		encode(t, s)
		return nil
	}})
	if err != nil || len(known) != 2 || known[0] < 247 || known[1] < 497 || known[1] > 503 || len(lists(s)) != 600 {
		t.Errorf("saved with %v lists of %d, error %v", known, len(lists(s)), err)
	}
	full := errors.New("the disk is full")
	s, err = reading(t, srv, a, collect.Options{Checkpoint: func(audit.Snapshot) error { return full }})
	if !errors.Is(err, full) || len(lists(s)) < 250 || len(lists(s)) > 260 {
		t.Errorf("error %v, %d lists", err, len(lists(s)))
	}
}

// What the caller gave stays as it was.
func TestEarlierSnapshotsAreNotChanged(t *testing.T) {
	a := crowd(50)
	srv := frozen(a)
	half, _ := readingUntil(t, interruptAt(srv, "iam:GetMFADevice", 5), srv, a, collect.Options{})
	srv.Before = nil
	before := encode(t, half)
	readWhole(t, srv, a, collect.Options{Resume: &half, Since: &collect.Since{Snapshot: half, Changes: changed(t)}})
	if diff := cmp.Diff(before, encode(t, half)); diff != "" {
		t.Errorf("the snapshot that was resumed changed (-before +after):\n%s", diff)
	}
}

// A deadline ends a reading as Ctrl-C does, also while the rate holds it up.
func TestDeadline(t *testing.T) {
	a := crowd(100)
	srv := frozen(a)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		s, err := collect.Account(ctx, asAuditor(srv, a), collect.Options{Now: atNoon})
		if !errors.Is(err, context.DeadlineExceeded) || !slices.Contains(s.Gaps, audit.FactMFADevices.Gap("", "interrupted")) || len(lists(s)) == 0 {
			t.Errorf("error %v, %d lists, gaps %v", err, len(lists(s)), s.Gaps)
		}
	})
}

// Waiting for a report is interrupted too.
func TestInterruptedWhileTheReportIsMade(t *testing.T) {
	a := crowd(1)
	a.Report.Never = true
	srv := frozen(a)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		s, err := collect.Account(ctx, asAuditor(srv, a), collect.Options{Now: atNoon})
		if !errors.Is(err, context.DeadlineExceeded) || s.Account != "" {
			t.Errorf("error %v, account %q", err, s.Account)
		}
	})
}

// The same over a socket, where answers are cut off on their way.
func TestInterruptedOverASocket(t *testing.T) {
	a := crowd(30)
	srv := frozen(a)
	ctx := interruptAt(srv, "iam:ListMFADevices", 9)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", noon.Format(http.TimeFormat))
		srv.ServeHTTP(w, r)
	})
	first, second := httptest.NewServer(handler), httptest.NewServer(handler)
	defer second.Close()
	cfg := asAuditor(srv, a)
	cfg.HTTPClient, cfg.BaseEndpoint = nil, &first.URL
	o := collect.Options{Now: atNoon, Rate: 10000}
	half, err := collect.Account(ctx, cfg, o)
	first.Close() // after the last call on its way has arrived
	if !errors.Is(err, context.Canceled) || len(lists(half)) > 11 {
		t.Fatalf("error %v, %d lists", err, len(lists(half)))
	}
	cfg.BaseEndpoint = &second.URL
	srv.Before = nil
	srv.Reset()
	o.Resume = &half
	s, err := collect.Account(context.Background(), cfg, o)
	if err != nil || srv.Counts()["iam:ListMFADevices"] != 18-len(lists(half)) {
		t.Errorf("error %v, %d calls after %d lists", err, srv.Counts()["iam:ListMFADevices"], len(lists(half)))
	}
	if diff := cmp.Diff(encode(t, readWhole(t, frozen(crowd(30)), crowd(30), collect.Options{})), encode(t, s)); diff != "" {
		t.Errorf("uninterrupted and resumed (-uninterrupted +resumed):\n%s", diff)
	}
}

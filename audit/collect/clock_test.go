package collect_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

// dated has each answer tell the server's time, as AWS's do.
func dated(srv *fakeaws.Server, header func(http.Header)) *http.Client {
	direct := srv.Client().Transport
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := direct.RoundTrip(r)
		if err == nil {
			answer.Header.Set("Date", srv.Now().UTC().Format(http.TimeFormat))
			if header != nil {
				header(answer.Header)
			}
		}
		return answer, err
	})}
}

// readDated reads an account with this machine's clock off by an amount.
func readDated(t *testing.T, a *fakeaws.Account, off time.Duration, header func(http.Header)) (s audit.Snapshot, srv *fakeaws.Server) {
	t.Helper()
	srv = fakeaws.New(a)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		srv.Now = func() time.Time { return noon.Add(time.Since(began)) }
		cfg := asAuditor(srv, a)
		cfg.HTTPClient = dated(srv, header)
		var err error
		s, err = collect.Account(t.Context(), cfg, collect.Options{Now: func() time.Time { return srv.Now().Add(off) }})
		if err != nil {
			t.Error(err)
		}
	})
	return s, srv
}

// What is read is dated by AWS's clock: a report that AWS made before is not
// younger than a list that was read after it.
func TestTimesAreAWSs(t *testing.T) {
	for _, off := range []time.Duration{0, 400 * time.Millisecond, -400 * time.Millisecond, -30 * time.Minute, 30 * time.Minute, -26 * time.Hour, 3*time.Second + 1} {
		a := crowd(20)
		a.MakeReport(noon.Add(-time.Minute))
		s, srv := readDated(t, a, off, nil)
		// A Date is cut to the second.
		near := func(what string, at time.Time) {
			if at.Before(noon.Add(-1100*time.Millisecond)) || at.After(srv.Now().Add(500*time.Millisecond)) {
				t.Errorf("clock off by %s: %s read at %s, AWS's clock was at %s to %s", off, what, at, noon, srv.Now())
			}
			if at.Before(s.Report.Value.Generated) {
				t.Errorf("clock off by %s: %s read at %s, before the report was made", off, what, at)
			}
		}
		near("the snapshot", s.TakenAt)
		near("the report", s.Report.At)
		near("a list", s.Users.Value[2].MFADevices.At)
		near("the last key", s.Users.Value[19].MFADevices.Value[2].Certifications.At)
	}
}

// How old a report is, and so whether its no is believed, is counted in AWS's
// time.
func TestAgeOfTheReportIsAWSs(t *testing.T) {
	for _, off := range []time.Duration{0, -20 * time.Minute, 20 * time.Minute} {
		for age, want := range map[time.Duration]int{4 * time.Minute: 0, 6 * time.Minute: 1} {
			a := fakeaws.NewAccount(liveAccount)
			a.User("ada").Password = true
			a.MakeReport(noon.Add(-age))
			if _, srv := readDated(t, a, off, nil); srv.Counts()["iam:ListMFADevices"] != want {
				t.Errorf("clock off by %s, a report of %s ago: asked %d times, want %d", off, age, srv.Counts()["iam:ListMFADevices"], want)
			}
		}
	}
}

// A Date that tells nothing leaves this machine's clock as it is.
func TestDatesThatTellNothing(t *testing.T) {
	for name, header := range map[string]func(http.Header){
		"no Date":        func(h http.Header) { h.Del("Date") },
		"not a date":     func(h http.Header) { h.Set("Date", "yesterday") },
		"out of a cache": func(h http.Header) { h.Set("Age", "7") },
	} {
		a := crowd(1)
		if s, _ := readDated(t, a, time.Hour, header); s.TakenAt.Before(noon.Add(time.Hour)) {
			t.Errorf("%s: taken at %s", name, s.TakenAt)
		}
	}
}

// A clock that jumps while an account is read is followed, whichever way.
func TestClockThatJumps(t *testing.T) {
	for _, jump := range [][2]time.Duration{{20 * time.Minute, -time.Hour}, {-time.Hour, 20 * time.Minute}} {
		a := crowd(100)
		a.Report.Polls = 4 // it jumps while the report is waited for
		srv := fakeaws.New(a)
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			srv.Now = func() time.Time { return noon.Add(time.Since(began)) }
			var off atomic.Int64
			off.Store(int64(jump[0]))
			srv.Before = func(c fakeaws.Call) {
				if c.Action == "iam:GenerateCredentialReport" && c.N == 3 {
					off.Store(int64(jump[1]))
				}
			}
			cfg := asAuditor(srv, a)
			cfg.HTTPClient = dated(srv, nil)
			now := func() time.Time { return srv.Now().Add(time.Duration(off.Load())) }
			s, err := collect.Account(t.Context(), cfg, collect.Options{Now: now, Rate: 1})
			if err != nil {
				t.Fatal(err)
			}
			if d := srv.Now().Sub(s.TakenAt); d < 0 || d > 5*time.Second {
				t.Errorf("from %s to %s: taken at %s, AWS's clock is at %s", jump[0], jump[1], s.TakenAt, srv.Now())
			}
		})
	}
}

// A clock that stands still, here and there, gives what it gave.
func TestFrozenClocksAgree(t *testing.T) {
	a := rich()
	srv := frozen(a)
	want := encode(t, readWhole(t, srv, a, collect.Options{}))
	synctest.Test(t, func(t *testing.T) {
		cfg := asAuditor(srv, a)
		cfg.HTTPClient = dated(srv, nil)
		s, err := collect.Account(t.Context(), cfg, collect.Options{Now: atNoon})
		if diff := cmp.Diff(want, encode(t, s)); diff != "" || err != nil {
			t.Errorf("error %v, without and with a Date (-without +with):\n%s", err, diff)
		}
	})
}

// An organisation's accounts share AWS's clock, those that cannot be read too.
func TestOrganizationInAWSsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := newCompany(), orgOptions()
		cfg := c.config(0)
		cfg.HTTPClient = dated(c.srv, nil)
		o.Root = true
		began := time.Now()
		o.Options.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		r, err := collect.Organization(t.Context(), cfg, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range r.Members {
			if m.Skipped == "" && (m.Snapshot.TakenAt.Before(began.Add(-2*time.Second)) || m.Snapshot.TakenAt.After(time.Now())) {
				t.Errorf("member %d taken at %s, it is %s", i, m.Snapshot.TakenAt, time.Now())
			}
		}
		if at := r.Members[3].Snapshot.Root.MFADevices.At; at.Before(began.Add(-2 * time.Second)) {
			t.Errorf("root's devices read at %s", at)
		}
	})
}

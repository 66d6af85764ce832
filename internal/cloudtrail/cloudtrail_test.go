package cloudtrail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"mfawatch/internal/fakeaws"
)

const own = "111122223333"

func stand() (*fakeaws.Server, aws.Config) {
	srv := fakeaws.New(fakeaws.NewAccount(own))
	return srv, aws.Config{HTTPClient: srv.Client(), Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAAUDIT" + own, SecretAccessKey: "x"}, nil
	})}
}

// past is the history of a Region: n sign-ins, one a minute, until now.
func past(now time.Time, n int) []fakeaws.Event {
	var all []fakeaws.Event
	for i := range n {
		all = append(all, fakeaws.Event{ID: fmt.Sprint(i), Name: "ConsoleLogin", Source: "signin.amazonaws.com", Time: now.Add(-time.Duration(i) * time.Minute), Record: fmt.Sprintf(`{"eventID":"%d"}`, i)})
	}
	return all
}

func lines(t *testing.T, r io.Reader) (list []string, err error) {
	t.Helper()
	text, err := io.ReadAll(r)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), err
}

var signIns = Query{Source: "signin.amazonaws.com"}

// Every page is read, at the rate that AWS answers: nothing is ever refused.
func TestLookupKeepsToTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := stand()
		began := time.Now()
		srv.History = fakeaws.History{Rate: Rate, Events: map[string][]fakeaws.Event{"eu-north-1": append(past(began, 430), fakeaws.Event{
			ID: "iam", Name: "DeactivateMFADevice", Source: "iam.amazonaws.com", Time: began, Record: "{\"eventID\":\n \"iam\"}",
		})}}
		r, err := Lookup(t.Context(), cfg, "eu-north-1", Span{}, signIns, Query{Name: "DeactivateMFADevice"}, Query{Name: "EnableMFADevice"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := lines(t, r)
		if err != nil || len(got) != 431 || got[0] != `{"eventID":"0"}` || got[430] != `{"eventID":"iam"}` {
			t.Errorf("%d lines, %v: %q", len(got), err, got)
		}
		if n := srv.Counts()["cloudtrail:LookupEvents"]; n != 11 || time.Since(began) != 5*time.Second {
			t.Errorf("%d calls in %v, want 11 in 5s", n, time.Since(began))
		}
	})
}

func TestLookupBoundsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := stand()
		now := time.Now()
		srv.History.Events = map[string][]fakeaws.Event{"eu-north-1": past(now, 10)}
		r, err := Lookup(t.Context(), cfg, "eu-north-1", Span{Since: now.Add(-5 * time.Minute), Until: now.Add(-2 * time.Minute)}, signIns)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := lines(t, r); err != nil || len(got) != 4 || got[0] != `{"eventID":"2"}` {
			t.Errorf("%q, %v; want four from the third on", got, err)
		}
	})
}

// Throttling by others is waited out; where it does not end, what was answered
// stands before the error.
func TestLookupThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, cfg := stand()
		srv.History.Events = map[string][]fakeaws.Event{"eu-north-1": past(time.Now(), 120)}
		refuse := fakeaws.Fault{Action: "cloudtrail:LookupEvents", Status: 400, Code: "ThrottlingException", Message: "Rate exceeded", After: 1, Times: 5}
		srv.Fault(refuse)
		r, err := Lookup(t.Context(), cfg, "eu-north-1", Span{}, signIns)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := lines(t, r); err != nil || len(got) != 120 {
			t.Errorf("%d lines, %v; want 120", len(got), err)
		}
		srv.Mend()
		refuse.Times = 0
		srv.Fault(refuse)
		if r, err = Lookup(t.Context(), cfg, "eu-north-1", Span{}, signIns); err != nil {
			t.Fatal(err)
		}
		got, err := lines(t, r)
		if len(got) != 50 || err == nil || err.Error() != "AWS throttles cloudtrail:LookupEvents and did so for every attempt (ThrottlingException): scan again later" {
			t.Errorf("%d lines, %v; want 50 and that AWS throttles", len(got), err)
		}
	})
}

func TestLookupRefused(t *testing.T) {
	scp := fakeaws.DeniedByPolicy("cloudtrail:LookupEvents", "service control policy")
	for _, c := range []struct {
		f    fakeaws.Fault
		want string
	}{
		{fakeaws.Denied("cloudtrail:LookupEvents"), "access denied: allow cloudtrail:LookupEvents"},
		{scp, "access denied by a service control policy: it must let cloudtrail:LookupEvents pass"},
		{fakeaws.DeniedByPolicy("cloudtrail:LookupEvents", "identity-based policy"), "access denied: a policy denies cloudtrail:LookupEvents explicitly"},
		{fakeaws.Fault{Status: 403, Code: "ExpiredTokenException"}, "the credentials have expired: sign in again"},
		{fakeaws.Fault{Status: 400, Code: "UnrecognizedClientException"}, "AWS does not know these credentials here: check them, and whether the Region is switched on for the account"},
		{fakeaws.Fault{Status: 400, Code: "InvalidTimeRangeException"}, "AWS answered cloudtrail:LookupEvents with InvalidTimeRangeException (HTTP 400)"},
	} {
		srv, cfg := stand()
		srv.Fault(c.f)
		if _, err := Lookup(t.Context(), cfg, "eu-north-1", Span{}, signIns); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", c.f.Code, err, c.want)
		}
	}
	_, cfg := stand()
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("none")
	})
	if _, err := Lookup(t.Context(), cfg, "eu-north-1", Span{}, signIns); err == nil || err.Error() != "no usable AWS credentials: sign in or name a profile (none)" {
		t.Errorf("without credentials: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Lookup(ctx, cfg, "eu-north-1", Span{}, signIns); err != context.Canceled {
		t.Errorf("after the end: %v", err)
	}
}

// An event without its record is no reason to stop, and none to say nothing.
func TestLookupWithoutRecords(t *testing.T) {
	srv, cfg := stand()
	events := past(srv.Now(), 3)
	events[1].NoRecord = true
	events[2].Record = "no\njson"
	srv.History.Events = map[string][]fakeaws.Event{"eu-north-1": events}
	r, err := Lookup(t.Context(), cfg, "eu-north-1", Span{}, signIns)
	if err != nil {
		t.Fatal(err)
	}
	got, err := lines(t, r)
	if !slices.Equal(got, []string{`{"eventID":"0"}`, "no json"}) || err == nil || !strings.HasPrefix(err.Error(), "1 events of the history came without") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRegions(t *testing.T) {
	srv, cfg := stand()
	srv.History.Regions = map[string]string{"us-east-1": "ENABLED_BY_DEFAULT", "eu-south-2": "ENABLED", "af-south-1": "DISABLED", "me-south-1": "DISABLING"}
	got, assumed, err := Regions(t.Context(), cfg)
	if want := []string{"eu-south-2", "me-south-1", "us-east-1"}; !slices.Equal(got, want) || assumed || err != nil {
		t.Errorf("%v %v %v, want %v", got, assumed, err, want)
	}
	srv.Fault(fakeaws.Denied("account:ListRegions"))
	for region, n := range map[string]int{"": 17, "eu-south-2": 17, "cn-northwest-1": 2, "us-gov-east-1": 2} {
		cfg.Region = region
		got, assumed, err := Regions(t.Context(), cfg)
		if len(got) != n || !slices.IsSorted(got) || !slices.Contains(got, Home(region)) || !assumed || err == nil || err.Error() != "access denied: allow account:ListRegions" {
			t.Errorf("from %q: %v %v %v, want %d Regions", region, got, assumed, err, n)
		}
	}
}

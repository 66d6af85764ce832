package detect

import (
	"fmt"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

func threshold(id string, n int) Override           { return Override{ID: id, Threshold: &n} }
func window(id string, w time.Duration) Override    { return Override{ID: id, Window: &w} }
func severity(id string, s audit.Severity) Override { return Override{ID: id, Severity: &s} }
func alert(id string, on bool) Override             { return Override{ID: id, Alert: &on} }

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Override
		want string // "": valid
	}{
		{"threshold", threshold(idGuessed, 1), ""},
		{"highest threshold", threshold(idGuessed, 100), ""},
		{"window", window(idConsoleLink, time.Nanosecond), ""},
		{"severity and alert of any check", Override{ID: idTrailStopped, Alert: new(bool), Severity: new(audit.Severity)}, ""},
		{"unknown id", alert("no-such-check", true), `check "no-such-check" is unknown: take an id of docs/checks.md`},
		{"threshold of zero", threshold(idGuessed, 0), `check "sign-in-after-failures": threshold 0 must be between 1 and 100`},
		{"threshold too high", threshold(idGuessed, 101), `check "sign-in-after-failures": threshold 101 must be between 1 and 100`},
		{"threshold where there is none", threshold(idConsoleLink, 3), `check "console-link-from-access-key" has no threshold: remove it`},
		{"window of zero", window(idSpray, 0), `check "many-users-from-address": window 0s must be more than zero`},
		{"negative window", window(idSpray, -time.Second), `check "many-users-from-address": window -1s must be more than zero`},
		{"window where there is none", window(idTrailStopped, time.Hour), `check "trail-stopped" has no window: remove it`},
	} {
		err := Rules{Overrides: []Override{alert(idEnabled, true), tc.o}}.Validate()
		if got := fmt.Sprint(err); err != nil && got != tc.want || err == nil && tc.want != "" {
			t.Errorf("%s: Validate() = %s, want %q", tc.name, got, tc.want)
		}
	}
}

func stop(kind audit.PrincipalKind) signin.Event {
	return signin.Event{ID: "e1", Time: time.Unix(1e9, 0), Name: "StopLogging", Source: trailSource, Principal: audit.Principal{Kind: kind}}
}

func TestRulesWeighDetections(t *testing.T) {
	for _, tc := range []struct {
		name     string
		kind     audit.PrincipalKind
		rules    []Override
		severity audit.Severity
		alert    bool
	}{
		{"default", audit.IAMUser, nil, audit.Critical, true},
		{"softened", audit.IAMUser, []Override{severity(idTrailStopped, audit.Low), alert(idTrailStopped, false)}, audit.Low, false},
		{"the later one wins", audit.IAMUser, []Override{severity(idTrailStopped, audit.Low), severity(idTrailStopped, audit.Medium)}, audit.Medium, true},
		{"another check's", audit.IAMUser, []Override{severity(idTrailDeleted, audit.Low)}, audit.Critical, true},
		{"root is not silenced", audit.Root, []Override{severity(idTrailStopped, audit.Info), alert(idTrailStopped, false)}, audit.Critical, true},
		{"a refused rule changes nothing", audit.IAMUser, []Override{{ID: idTrailStopped, Alert: new(bool), Threshold: new(int)}}, audit.Critical, true},
		{"an unknown id changes nothing", audit.IAMUser, []Override{alert("no-such-check", false)}, audit.Critical, true},
	} {
		rules := Rules{Overrides: tc.rules}
		for _, ds := range [][]Detection{Single(stop(tc.kind), rules), New(rules).Add(stop(tc.kind))} {
			if len(ds) != 1 || ds[0].Severity != tc.severity || ds[0].Alert != tc.alert {
				t.Errorf("%s: %+v, want severity %v, alert %v", tc.name, ds, tc.severity, tc.alert)
			}
		}
	}
}

func TestRootCanBeHeldForWorse(t *testing.T) {
	e := signin.Event{ID: "e1", Time: time.Unix(1e9, 0), Name: "CreateVirtualMFADevice", Source: iamSource, Principal: audit.Principal{Kind: audit.Root}}
	ds := Single(e, Rules{Overrides: []Override{severity(idDeviceCreated, audit.Critical)}})
	if len(ds) != 1 || ds[0].Severity != audit.Critical || !ds[0].Alert {
		t.Errorf("Single = %+v, want critical and alert", ds)
	}
	if ds = Single(e, Rules{}); ds[0].Severity != audit.Medium || !ds[0].Alert {
		t.Errorf("Single = %+v, want root's medium, and alert although the check does not", ds)
	}
}

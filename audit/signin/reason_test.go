package signin_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// The table of docs/design.md, by hand: reason, outcome, severity, alert, and
// the same two for root.
var table = []struct {
	reason       signin.Reason
	outcome      audit.Outcome
	severity     audit.Severity
	alert        bool
	rootSeverity audit.Severity
	rootAlert    bool
}{
	{"mfa", audit.Pass, audit.Info, false, audit.Info, true},
	{"mfa-in-session", audit.Pass, audit.Info, false, audit.Info, false},
	{"second-factor", audit.Pass, audit.Info, false, audit.Info, false},
	{"single-factor", audit.Fail, audit.High, true, audit.High, true},
	{"no-mfa", audit.Fail, audit.High, true, audit.Critical, true},
	{"mfa-not-recorded", audit.Unknown, audit.Medium, true, audit.High, true},
	{"outcome-missing", audit.Unknown, audit.Medium, true, audit.High, true},
	{"identity-not-known", audit.Unknown, audit.Medium, true, audit.High, true},
	{"unreadable", audit.Unknown, audit.Medium, true, audit.High, true},
	{"role-session", audit.Unknown, audit.Info, false, audit.Info, false},
	{"mfa-at-identity-provider", audit.NotApplicable, audit.Info, false, audit.Info, false},
	{"failed-sign-in", audit.NotApplicable, audit.Info, false, audit.Info, false},
	{"failed-at-mfa", audit.NotApplicable, audit.Info, false, audit.Info, false},
	{"refused-by-policy", audit.NotApplicable, audit.Info, false, audit.Info, false},
	{"not-a-sign-in", audit.NotApplicable, audit.Info, false, audit.Info, false},
}

func TestDefinitionsAreTheDesign(t *testing.T) {
	var want, got []signin.Definition
	for _, row := range table {
		want = append(want, signin.Definition{Reason: row.reason, Outcome: row.outcome, Severity: row.severity, Alert: row.alert,
			Root: signin.RootDefault{Severity: row.rootSeverity, Alert: row.rootAlert}})
	}
	for _, d := range signin.Definitions() {
		if d.When == "" {
			t.Errorf("reason %s does not say when it is given", d.Reason)
		}
		d.When = ""
		got = append(got, d)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Definitions() (-want +got):\n%s", diff)
	}
}

func TestReasonsFollowTheTable(t *testing.T) {
	var want []signin.Reason
	for _, row := range table {
		want = append(want, row.reason)
	}
	if diff := cmp.Diff(want, signin.Reasons()); diff != "" {
		t.Errorf("Reasons() (-want +got):\n%s", diff)
	}
}

// What nobody foresaw alerts; role-session alone is an unknown that is only
// listed.
func TestEveryUnknownButRoleSessionAlerts(t *testing.T) {
	for _, d := range signin.Definitions() {
		if want := d.Reason != signin.ReasonRoleSession; d.Outcome == audit.Unknown && d.Alert != want {
			t.Errorf("reason %s alerts: %v, want %v", d.Reason, d.Alert, want)
		}
	}
}

func TestRootIsNeverHeldMilderThanOthers(t *testing.T) {
	for _, d := range signin.Definitions() {
		if d.Root.Severity < d.Severity || d.Alert && !d.Root.Alert {
			t.Errorf("reason %s: root has %s, alert %v; others have %s, alert %v", d.Reason, d.Root.Severity, d.Root.Alert, d.Severity, d.Alert)
		}
	}
}

func TestDefinitionsCannotBeChangedFromOutside(t *testing.T) {
	signin.Definitions()[4].Alert = false
	if v := signin.Judge(caseNamed(t, "iam-no-mfa"), signin.Rules{}); !v.Alert || !signin.Definitions()[4].Alert {
		t.Error("a change of what Definitions() returned changed a verdict")
	}
}

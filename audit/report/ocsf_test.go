package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"mfawatch/audit"
)

func ocsfOf(t *testing.T, a Audit, o AuditOptions) []ocsfFinding {
	t.Helper()
	var all []ocsfFinding
	d := json.NewDecoder(bytes.NewReader(written(t, AuditOCSF, a, o)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOCSFLifeCycle(t *testing.T) {
	const uid = "mfawatch/111122223333/user-any-mfa/AIDA1"
	who := func(o audit.Outcome) *audit.Finding { f := finding("user-any-mfa", "AIDA1", "", o); return &f }
	exempt := *who(audit.NotApplicable)
	exempt.Exemption = &audit.Exemption{}
	other := finding("user-any-mfa", "AIDA2", "", audit.Pass)
	whole := audit.Finding{Check: "user-any-mfa", Subject: audit.Subject{Kind: audit.AccountSubject, ID: "111122223333"}}
	fails := []audit.Outcome{audit.Fail}
	for _, c := range []struct {
		name        string
		before, now *audit.Finding
		only        []audit.Outcome
		want        string
	}{
		{"new", nil, who(audit.Fail), nil, "Create New FAIL"},
		{"passed before", who(audit.Pass), who(audit.Fail), nil, "Create New FAIL"},
		{"still open", who(audit.Fail), who(audit.Fail), nil, "Update New FAIL"},
		{"resolved", who(audit.Fail), who(audit.Pass), nil, "Close Resolved PASS"},
		{"resolved, failures only", who(audit.Fail), who(audit.Pass), fails, "Close Resolved PASS"},
		{"cannot be told", who(audit.Fail), who(audit.Unknown), nil, "Update Unknown UNKNOWN"},
		{"passes", nil, who(audit.Pass), nil, "Create Pass PASS"},
		{"passes still", who(audit.Pass), who(audit.Pass), nil, "Create Pass PASS"},
		{"passes, failures only", who(audit.Pass), who(audit.Pass), fails, ""},
		{"exempt", who(audit.Fail), &exempt, nil, "Update Suppressed NOT_APPLICABLE"},
		{"does not apply", nil, who(audit.NotApplicable), nil, "Create Not applicable NOT_APPLICABLE"},
		{"deleted", who(audit.Fail), &other, nil, "Close Resolved GONE"},
		{"deleted, had passed", who(audit.Pass), &other, nil, ""},
		{"users not known", who(audit.Fail), &whole, nil, ""},
	} {
		o := AuditOptions{Only: c.only}
		if c.before != nil {
			before := auditOf(taken.Add(-week), *c.before)
			o.Previous = &before
		}
		got := ""
		for _, f := range ocsfOf(t, auditOf(taken, *c.now), o) {
			if f.FindingInfo.UID == uid {
				got += f.ActivityName + " " + f.Status + " " + f.StatusCode
			}
			if f.TypeUID != 200400+f.ActivityID || f.Time != taken.UnixMilli() {
				t.Errorf("%s: type %d of activity %d, time %d", c.name, f.TypeUID, f.ActivityID, f.Time)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOCSFSeverities(t *testing.T) {
	for i, s := range audit.Severities() {
		f := finding("user-any-mfa", "AIDA1", "", audit.Fail)
		f.Severity = s
		if got := ocsfOf(t, auditOf(taken, f), AuditOptions{})[0]; got.SeverityID != i+1 {
			t.Errorf("severity %s is %d %s, want %d", s, got.SeverityID, got.Severity, i+1)
		}
	}
}

func TestOCSFHoldsEveryFinding(t *testing.T) {
	for name, a := range exampleAudits() {
		n := 0
		for _, account := range a.Accounts {
			n += len(account.Findings)
		}
		if got := len(ocsfOf(t, a, AuditOptions{})); got != n {
			t.Errorf("%s: %d findings, want %d", name, got, n)
		}
	}
}

package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"

	"mfawatch/audit"
)

func asffOf(t *testing.T, a Audit, o AuditOptions) []asffFinding {
	t.Helper()
	var all []asffFinding
	d := json.NewDecoder(bytes.NewReader(written(t, AuditASFF, a, o)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Security Hub drops a field that it does not know without an error: each is one
// of the SDK's own type, and comes out of it as it went in.
func TestASFFIsTheSDKsFormat(t *testing.T) {
	seen := 0
	for name, a := range exampleAudits() {
		text := written(t, AuditASFF, a, AuditOptions{})
		var all []types.AwsSecurityFinding
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&all); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		seen += len(all)
		for i, f := range asffOf(t, a, AuditOptions{}) {
			if g := all[i]; f.ID != aws.ToString(g.Id) || f.ProductARN != aws.ToString(g.ProductArn) || f.AWSAccountID != aws.ToString(g.AwsAccountId) ||
				f.Compliance.Status != string(g.Compliance.Status) || f.RecordState != string(g.RecordState) || len(f.Resources) != len(g.Resources) {
				t.Errorf("%s: finding %d reads as %v", name, i, aws.ToString(g.Id))
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d findings prove nothing", seen)
	}
}

func TestASFFLimits(t *testing.T) {
	a := exampleAudits()["hostile"]
	for i := range a.Accounts[0].Findings {
		f := &a.Accounts[0].Findings[i]
		f.Detail, f.Remediation, f.Subject.Name = strings.Repeat("é", 5000), strings.Repeat("r", 5000), strings.Repeat("n", 500)
		for range 500 {
			f.Missing = append(f.Missing, audit.FactTags.Gap("x", strings.Repeat("m", 2000)))
			f.Controls = append(f.Controls, audit.Control{Framework: strings.Repeat("f", 100), ID: "1"})
		}
	}
	for _, f := range asffOf(t, a, AuditOptions{}) {
		b, _ := json.Marshal(f)
		if len(f.Title) > 256 || len(f.Description) > 1024 || len(f.ID) > 512 || len(f.Compliance.RelatedRequirements) > 32 || len(b) > 240_000 {
			t.Fatalf("%s is over a limit: %d bytes", f.ID, len(b))
		}
		if f.Remediation != nil && len(f.Remediation.Recommendation.Text) > 512 {
			t.Fatalf("%s: a recommendation of %d bytes", f.ID, len(f.Remediation.Recommendation.Text))
		}
	}
}

func TestASFFIdsAreUnique(t *testing.T) {
	for name, a := range exampleAudits() {
		ids := map[string]bool{}
		for _, f := range asffOf(t, a, AuditOptions{}) {
			if ids[f.ID] {
				t.Errorf("%s: the id %s is there twice", name, f.ID)
			}
			ids[f.ID] = true
			if f.FirstObservedAt > f.LastObservedAt || f.CreatedAt > f.UpdatedAt {
				t.Errorf("%s: %s was first seen after it was seen", name, f.ID)
			}
		}
	}
}

func TestASFFNeedsARegion(t *testing.T) {
	err := WriteAudit(io.Discard, AuditASFF, exampleAudits()["mixed"], AuditOptions{})
	if err == nil || !strings.Contains(err.Error(), "--security-hub-region") {
		t.Errorf("error %v, want one that names --security-hub-region", err)
	}
}

// TestASFFNeedsALaterAudit: Security Hub drops an update that is not later
// without an error, so mfawatch says it.
func TestASFFNeedsALaterAudit(t *testing.T) {
	now := auditOf(taken, finding("user-any-mfa", "AIDA1", "", audit.Fail))
	for _, c := range []struct {
		at   time.Time
		good bool
	}{{taken, false}, {taken.Add(time.Second), false}, {taken.Add(-time.Nanosecond), true}} {
		before := auditOf(c.at)
		err := WriteAudit(io.Discard, AuditASFF, now, AuditOptions{Region: "eu-north-1", Previous: &before})
		if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "111122223333") {
			t.Errorf("after an audit of %s: error %v", c.at, err)
		}
	}
}

// TestASFFLifeCycle: what is over is archived once, and what cannot be told is
// not archived.
func TestASFFLifeCycle(t *testing.T) {
	const id = "mfawatch/111122223333/user-any-mfa/AIDA1"
	who := func(o audit.Outcome) *audit.Finding { f := finding("user-any-mfa", "AIDA1", "", o); return &f }
	other := finding("user-any-mfa", "AIDA2", "", audit.Pass)
	whole := audit.Finding{Check: "user-any-mfa", Subject: audit.Subject{Kind: audit.AccountSubject, ID: "111122223333"}}
	fails := []audit.Outcome{audit.Fail}
	for _, c := range []struct {
		name        string
		before, now *audit.Finding
		only        []audit.Outcome
		want        string
	}{
		{"new", nil, who(audit.Fail), nil, "ACTIVE FAILED"},
		{"still open", who(audit.Fail), who(audit.Fail), nil, "ACTIVE FAILED"},
		{"resolved", who(audit.Fail), who(audit.Pass), nil, "ACTIVE PASSED"},
		{"resolved, failures only", who(audit.Fail), who(audit.Pass), fails, "ARCHIVED PASSED"},
		{"unknown, failures only", who(audit.Fail), who(audit.Unknown), fails, "ARCHIVED WARNING"},
		{"passes still, failures only", who(audit.Pass), who(audit.Pass), fails, ""},
		{"exempt now", who(audit.Fail), who(audit.NotApplicable), nil, "ARCHIVED NOT_AVAILABLE"},
		{"exempt still", who(audit.NotApplicable), who(audit.NotApplicable), nil, ""},
		{"exempt, new", nil, who(audit.NotApplicable), nil, ""},
		{"deleted", who(audit.Fail), &other, nil, "ARCHIVED NOT_AVAILABLE"},
		{"deleted, had passed", who(audit.Pass), &other, nil, "ARCHIVED NOT_AVAILABLE"},
		{"deleted, had passed, failures only", who(audit.Pass), &other, fails, ""},
		{"deleted, was exempt", who(audit.NotApplicable), &other, nil, ""},
		{"users not known", who(audit.Fail), &whole, nil, ""},
		{"unknown", who(audit.Fail), who(audit.Unknown), nil, "ACTIVE WARNING"},
	} {
		o := AuditOptions{Only: c.only}
		if c.before != nil {
			before := auditOf(taken.Add(-week), *c.before)
			o.Previous = &before
		}
		got := ""
		for _, f := range asffOf(t, auditOf(taken, *c.now), o) {
			if f.ID == id {
				got += f.RecordState + " " + f.Compliance.Status
			}
			if f.UpdatedAt != "2026-11-20T07:12:00Z" {
				t.Errorf("%s: updated at %s", c.name, f.UpdatedAt)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestIdsLastWhereTheIdCannotBeRead: an update must find what it updates.
func TestIdsLastWhereTheIdCannotBeRead(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:user/ada"
	known, unread := finding("user-any-mfa", "AIDA1", arn, audit.Fail), finding("user-any-mfa", "", arn, audit.Fail)
	var ids []string
	var last *Audit
	for i, f := range []audit.Finding{known, unread, known} {
		a := auditOf(taken.AddDate(0, 0, i), f)
		all := asffOf(t, a, AuditOptions{Previous: last})
		if len(all) != 1 || all[0].RecordState != "ACTIVE" {
			t.Fatalf("audit %d: %+v", i, all)
		}
		ids, last = append(ids, all[0].ID), &a
	}
	if ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("ids %q, want one", ids)
	}
}

func TestASFFWritesNothingThatIsIgnored(t *testing.T) {
	var all []map[string]any
	if err := json.Unmarshal(written(t, AuditASFF, exampleAudits()["mixed"], AuditOptions{}), &all); err != nil || len(all) < 20 {
		t.Fatalf("%d findings, error %v", len(all), err)
	}
	for _, f := range all {
		for _, key := range []string{"Note", "UserDefinedFields", "VerificationState", "Workflow", "Severity"} {
			if f[key] != nil {
				t.Errorf("%s is written", key)
			}
		}
	}
}

func TestASFFPartitions(t *testing.T) {
	a := exampleAudits()["mixed"]
	a.Accounts[0].Partition = "aws-us-gov"
	if f := asffOf(t, a, AuditOptions{Region: "us-gov-west-1"})[0]; f.ProductARN != "arn:aws-us-gov:securityhub:us-gov-west-1:111122223333:product/111122223333/default" {
		t.Errorf("product %s", f.ProductARN)
	}
}

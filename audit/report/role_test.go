package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// A role is a subject like any other: every format names it, and those that have types
// of resources call it a role.
func TestRolesInEveryFormat(t *testing.T) {
	role := audit.Subject{Kind: audit.RoleSubject, ID: "AROAEXAMPLE", Name: "deploy", ARN: "arn:aws:iam::111122223333:role/deploy"}
	account := posture.Account{Account: "111122223333", Partition: "aws", TakenAt: time.Date(2026, 11, 20, 7, 12, 0, 0, time.UTC), Summary: posture.NewSummary(), Gaps: []audit.Gap{},
		Findings: []audit.Finding{{Check: "role-trust-mfa", Subject: role, Outcome: audit.Fail, Severity: audit.High, Detail: "assumed without a second factor", Evidence: []audit.Evidence{}, Controls: []audit.Control{}}}}
	want := map[AuditFormat]string{
		AuditTable: "deploy", AuditCSV: "iam_role", AuditJSON: `"kind":"iam_role"`, AuditOCSF: `"type":"AwsIamRole"`, AuditASFF: `"Type":"AwsIamRole"`,
		AuditSARIF: "aws-account/111122223333/iam/role/deploy", AuditJUnit: "deploy", AuditMarkdown: "deploy", AuditHTML: `"k":"iam_role"`,
	}
	for _, f := range AuditFormats() {
		var b bytes.Buffer
		if err := WriteAudit(&b, f, Audit{Accounts: []posture.Account{account}}, AuditOptions{Region: "eu-north-1"}); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if got := strings.ReplaceAll(b.String(), `": `, `":`); want[f] == "" || !strings.Contains(got, want[f]) {
			t.Errorf("%s does not say %s", f, want[f])
		}
	}
	if subjectWords[audit.RoleSubject] != "role" || !strings.Contains(htmlScript, `iam_role: "role"`) {
		t.Error("people are told a role by another word")
	}
}

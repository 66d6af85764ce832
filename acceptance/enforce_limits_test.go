//go:build acceptance

package acceptance

import (
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/enforcetest"
)

// Where the two judges differ for a reason. Each row is what both say today: when
// one of them changes its mind, the row goes.
func TestKnownLimits(t *testing.T) {
	user := enforce.Caller{Partition: "aws", Account: enforcetest.Account, Kind: audit.IAMUser, Path: "/", Name: "ada", ID: "AIDAEXAMPLEADA", TagsKnown: true, Tags: map[string]string{"team": "*"}, Credential: enforce.AccessKey, OwnDevice: enforce.Yes}
	role := user
	role.Kind, role.Name, role.Session, role.Tags, role.Credential = audit.Role, "ci", "run-7", nil, enforce.RoleCredentials
	const self, object, everything = "arn:aws:iam::111122223333:user/ada", "arn:aws:s3:::reports/ada/2026", enforcetest.Everything
	for _, c := range []struct {
		why              string
		caller           enforce.Caller
		action, resource string
		policies         []string
		theirs, ours     string
	}{
		{"variables are text in a document of 2008 (IAM user guide, policy variables)", user, "s3:GetObject", object,
			[]string{`{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::reports/${aws:username}/*"}]}`}, "Allowed", "ImplicitlyDenied"},
		{"a negated operator matches a variable without value (IAM user guide, policy variables with no value)", role, "s3:GetObject", object,
			[]string{everything, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"${aws:PrincipalTag/team}"}}}]}`}, "Allowed", "ExplicitlyDenied"},
		{"${*} is a star where no wildcard is meant, too (IAM user guide, special characters)", user, "s3:GetObject", object,
			[]string{everything, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"${*}"}}}]}`}, "Allowed", "ExplicitlyDenied"},
		{"AWS does not say what ForAnyValue with IfExists is without the key", user, "s3:GetObject", object,
			[]string{everything, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEqualsIfExists":{"aws:CalledVia":"athena.amazonaws.com"}}}]}`}, "Allowed", "Unknown"},
		{"AWS's pages differ on NotResource with a variable without value (IAM user guide, policy variables with no value, and principal key values)", role, "iam:EnableMFADevice", self,
			[]string{everything, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","NotResource":"arn:aws:iam::*:user/${aws:username}"}]}`}, "Allowed", "Unknown"},
		{"AWS's own rule on one's own factor (bulletin AWS-2023-001)", user, "iam:DeactivateMFADevice", self, []string{everything}, "Allowed", "ExplicitlyDenied"},
		{"nobody needs a permission for GetSessionToken (IAM user guide, secure API access with MFA)", user, "sts:GetSessionToken", "*", nil, "ImplicitlyDenied", "Allowed"},
	} {
		q := enforcetest.Question{Request: c.caller.Request(enforce.NewContext(), c.action, c.resource)}
		for _, text := range c.policies {
			q.Allow(text)
		}
		theirs, ours := simulate(t, []simulation{simulationOf(q)})[0], enforce.Evaluate(q.Request, q.Policies)
		if theirs.Answer != c.theirs || said(ours.Answer) != c.ours {
			t.Errorf("%s: the judge says %s%s, want %s; we say %s, want %s", c.why, theirs.Answer, theirs.Error, c.theirs, said(ours.Answer), c.ours)
		}
	}
}

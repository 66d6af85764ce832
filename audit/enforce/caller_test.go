package enforce

import (
	"strings"
	"testing"
	"time"

	"mfawatch/audit"
)

// Who calls decides these keys (IAM user guide, principal key values, and the MFA
// keys' own entries). - is an absent key.
func TestCallers(t *testing.T) {
	base := Caller{Partition: "aws-cn", Account: "111122223333", Path: "/dev/team/", Name: "ada", ID: "AIDAEXAMPLEADA", Tags: map[string]string{"Team": "red"}, TagsKnown: true, MFAAge: 90 * time.Second}
	as := func(kind audit.PrincipalKind, c Credential, session string) Caller {
		next := base
		next.Kind, next.Credential, next.Session = kind, c, session
		return next
	}
	const user, role = "arn:aws-cn:iam::111122223333:user/dev/team/ada", "arn:aws-cn:iam::111122223333:role/dev/team/ada"
	for _, c := range []struct {
		caller Caller
		arn    string
		role   string
		keys   string
	}{
		{as(audit.IAMUser, AccessKey, ""), user, "", "PrincipalArn=" + user + " PrincipalType=User username=ada userid=AIDAEXAMPLEADA PrincipalAccount=111122223333 MultiFactorAuthPresent=- MultiFactorAuthAge=- ViaAWSService=false PrincipalTag/Team=red PrincipalTag/x=-"},
		{as(audit.IAMUser, PasswordNoMFA, ""), user, "", "MultiFactorAuthPresent=false MultiFactorAuthAge=-"},
		{as(audit.IAMUser, WithMFA, ""), user, "", "MultiFactorAuthPresent=true MultiFactorAuthAge=90"},
		{as(audit.Role, RoleCredentials, "run"), "arn:aws-cn:sts::111122223333:assumed-role/ada/run", role, "PrincipalArn=" + role + " PrincipalType=AssumedRole username=- userid=AIDAEXAMPLEADA:run MultiFactorAuthPresent=false MultiFactorAuthAge=-"},
		{as(audit.Federated, FederationToken, ""), "arn:aws-cn:sts::111122223333:federated-user/ada", "", "PrincipalArn=arn:aws-cn:sts::111122223333:federated-user/ada PrincipalType=FederatedUser username=- userid=111122223333:ada MultiFactorAuthPresent=false"},
		{as(audit.Root, AccessKey, ""), "arn:aws-cn:iam::111122223333:root", "", "PrincipalArn=arn:aws-cn:iam::111122223333:root PrincipalType=Account username=- userid=111122223333 MultiFactorAuthPresent=-"},
	} {
		q := c.caller.Request(NewContext(), "s3:GetObject", "*")
		if q.Principal.ARN != c.arn || q.Principal.RoleARN != c.role || q.Principal.Account != "111122223333" || q.Principal.ID != base.ID || q.Principal.Kind != c.caller.Kind {
			t.Errorf("%s with %s: principal %+v", c.caller.Kind, c.caller.Credential, q.Principal)
		}
		if q.Facts.Partition != "aws-cn" || q.Facts.Credential != c.caller.Credential || q.Action != "s3:GetObject" || q.Resource != "*" {
			t.Errorf("%s with %s: %+v", c.caller.Kind, c.caller.Credential, q)
		}
		for _, pair := range strings.Fields(c.keys) {
			key, want, _ := strings.Cut(pair, "=")
			got := "-"
			if values, present := q.Context.Lookup("aws:" + key); present == Yes {
				got = strings.Join(values, "|")
			}
			if got != want {
				t.Errorf("%s with %s: aws:%s is %s, want %s", c.caller.Kind, c.caller.Credential, key, got, want)
			}
		}
	}
}

// A call that a service makes keeps saying so.
func TestCallerViaService(t *testing.T) {
	q := ada(AccessKey).Request(NewContext().With(KeyViaService, "true"), "s3:GetObject", "*")
	if v, _ := q.Context.Lookup(KeyViaService); len(v) != 1 || v[0] != "true" {
		t.Errorf("%s is %v", KeyViaService, v)
	}
}

func TestContext(t *testing.T) {
	open := OpenContext().With("A", "1").Without("b").WithUnknown("c")
	for key, want := range map[string]Tri{"a": Yes, "B": No, "c": Maybe, "d": Maybe} {
		if _, got := open.Lookup(key); got != want {
			t.Errorf("open: %s is %v, want %v", key, got, want)
		}
	}
	closed := NewContext().WithUnknown("k").With("K", "1").WithUnknown("tag/*").With("tag/x", "2")
	for key, want := range map[string]Tri{"k": Yes, "tag/x": Yes, "tag/y": Maybe, "ta": No} {
		if _, got := closed.Lookup(key); got != want {
			t.Errorf("closed: %s is %v, want %v", key, got, want)
		}
	}
	if _, got := closed.WithUnknown("k").Lookup("k"); got != Maybe {
		t.Errorf("a key that is not known any more: %v", got)
	}
	if _, got := (Context{}).Lookup("k"); got != No {
		t.Errorf("the zero value knows a key: %v", got)
	}
}

// A reason says where it stands.
func TestReasons(t *testing.T) {
	d := mustParse(t, "p", "{\"Version\":\"2012-10-17\",\"Statement\":[\n{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},\n{\"Sid\":\"No\",\"Effect\":\"Deny\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}")
	got := Evaluate(ada(AccessKey).Request(NewContext(), "s3:GetObject", "*"), Policies{Identity: []Document{d}, SCPs: [][]Document{{}}})
	want := Reason{Layer: Identity, Policy: "p", Sid: "No", Statement: 1, Line: 3, Effect: Deny, Certain: true, Text: `statement 2 (No) of policy "p" denies it`}
	if got.Answer != ExplicitlyDenied || len(got.Because) != 1 || got.Because[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	got = Evaluate(ada(AccessKey).Request(NewContext(), "ec2:RunInstances", "*"), Policies{Identity: []Document{d}, SCPs: [][]Document{{}}})
	if got.Answer != Allowed || got.Because[0].Effect != Allow || got.Because[0].Line != 2 {
		t.Errorf("a level without policies: %+v", got)
	}
}

package enforce

import (
	"testing"

	"mfawatch/audit"
)

func mustParse(t *testing.T, name, text string) Document {
	t.Helper()
	d, err := Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ada(c Credential) Caller {
	return Caller{Partition: "aws", Account: "111122223333", Kind: audit.IAMUser, Path: "/", Name: "ada", ID: "AIDAEXAMPLEADA", TagsKnown: true, Credential: c, OwnDevice: No}
}

const admin = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// The truth table of the three ways to write "without MFA" (IAM user guide,
// aws:MultiFactorAuthPresent).
func TestWithoutMFA(t *testing.T) {
	policies := map[string]string{
		"BoolIfExists": `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}}`,
		"Bool":         `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":false}}}}`,
		"Null":         `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Null":{"aws:MultiFactorAuthPresent":"true"}}}}`,
	}
	role := ada(RoleCredentials)
	role.Kind, role.Session = audit.Role, "s"
	for _, c := range []struct {
		caller                   Caller
		boolIfExists, bool, null Answer
	}{
		{ada(AccessKey), ExplicitlyDenied, Allowed, ExplicitlyDenied},
		{ada(PasswordNoMFA), ExplicitlyDenied, ExplicitlyDenied, Allowed},
		{ada(WithMFA), Allowed, Allowed, Allowed},
		{role, ExplicitlyDenied, ExplicitlyDenied, Allowed},
	} {
		for name, want := range map[string]Answer{"BoolIfExists": c.boolIfExists, "Bool": c.bool, "Null": c.null} {
			p := Policies{Identity: []Document{mustParse(t, "admin", admin), mustParse(t, name, policies[name])}}
			got := Evaluate(c.caller.Request(NewContext(), "ec2:RunInstances", "*"), p)
			if got.Answer != want {
				t.Errorf("%s with %s: %v, want %v: %+v", name, c.caller.Credential, got.Answer, want, got.Because)
			}
		}
	}
}

// Every value has its line, and every operator that is listed is known.
func TestLinesAndOperators(t *testing.T) {
	d := mustParse(t, "lines", "{\"Statement\":{\"Effect\":\"Deny\",\n\"NotAction\":[\"iam:A\",\n\"iam:B\"],\n\"Resource\":\"*\"}}")
	s := d.Statements[0]
	if got := s.Entries["NotAction"]; len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("the values of NotAction are in lines %v, want 2 and 3", got)
	}
	if got := s.Entries["Resource"]; len(got) != 1 || got[0] != 4 {
		t.Errorf("the value of Resource is in lines %v, want 4", got)
	}
	for _, o := range Operators() {
		if !KnownOperator(o) || o != "Null" && !KnownOperator("ForAnyValue:"+o+"IfExists") {
			t.Errorf("%s is listed and not known", o)
		}
	}
	if KnownOperator("Boolean") || KnownOperator("NullIfExists") {
		t.Error("Boolean or NullIfExists is known")
	}
}

func TestAbout(t *testing.T) {
	d := mustParse(t, "p", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"S3:get*","Resource":"*"},{"Effect":"Deny","NotAction":"s3:GetObject","Resource":"*"},{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}]}`)
	got := d.About("s3:GetObject")
	if len(got.Statements) != 2 || got.Statements[0].Index != 0 || got.Statements[1].Index != 2 || got.Name != "p" || got.Version != d.Version || len(d.Statements) != 3 {
		t.Errorf("About(s3:GetObject) = %+v of %+v", got, d)
	}
	if got := d.About("iam:GetUser"); len(got.Statements) != 1 || got.Statements[0].Index != 1 {
		t.Errorf("About(iam:GetUser) = %+v", got)
	}
}

// What is not among known tags is absent, also where nothing else is known.
func TestKnownTags(t *testing.T) {
	for _, base := range []Context{NewContext(), OpenContext()} {
		c := ada(AccessKey)
		c.Tags = map[string]string{"team": "blue"}
		x := c.Request(base, "s3:GetObject", "*").Context
		if v, is := x.Lookup("aws:PrincipalTag/Team"); is != Yes || v[0] != "blue" {
			t.Errorf("a tag: %v %v", v, is)
		}
		if _, is := x.Lookup("aws:PrincipalTag/other"); is != No {
			t.Errorf("a tag that is not there: %v, want No", is)
		}
		c.TagsKnown = false
		if _, is := c.Request(base, "s3:GetObject", "*").Context.Lookup("aws:PrincipalTag/other"); is != Maybe {
			t.Errorf("a tag of unknown ones: %v, want Maybe", is)
		}
	}
	if _, is := OpenContext().Lookup("aws:PrincipalTag/team"); is != Maybe {
		t.Errorf("a tag of nobody: %v, want Maybe", is)
	}
}

// Who comes from an identity provider is no session of GetFederationToken: the
// role's trust policy decides (STS API reference, AssumeRoleWithSAML).
func TestIdentityProviders(t *testing.T) {
	provider := "arn:aws:iam::111122223333:saml-provider/adfs"
	trust := mustParse(t, "trust", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"`+provider+`"},"Action":["sts:AssumeRoleWithSAML","sts:TagSession"]}}`)
	for arn, want := range map[string]Answer{
		provider: Allowed, "arn:aws:iam::111122223333:saml-provider/other": ImplicitlyDenied,
		"arn:aws:sts::111122223333:federated-user/ada": ExplicitlyDenied,
	} {
		for _, action := range []string{"sts:AssumeRoleWithSAML", "sts:TagSession"} {
			q := Request{
				Principal: Principal{Kind: audit.Federated, ARN: arn, Account: "111122223333"},
				Action:    action, Resource: "arn:aws:iam::111122223333:role/x", Context: NewContext(),
			}
			all := Document{Version: "2012-10-17", Statements: []Statement{{Effect: Allow, Actions: []string{"*"}, Resources: []string{"*"}}}}
			if d := Evaluate(q, Policies{Identity: []Document{all}, Resource: &trust}); d.Answer != want {
				t.Errorf("%s by %s: %v, want %v (%v)", action, arn, d.Answer, want, d.Because)
			}
		}
	}
}

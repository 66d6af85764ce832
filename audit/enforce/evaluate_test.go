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

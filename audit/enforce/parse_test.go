package enforce

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	d, err := Parse("p", `{
 "Version": "2012-10-17", "Id": "i",
 "Statement": [
  {"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": ["*"]},
  {"Effect": "Deny", "NotAction": ["iam:GetUser"], "NotResource": "arn:aws:s3:::b",
   "NotPrincipal": {"AWS": ["111122223333"], "Service": "ec2.amazonaws.com"},
   "Condition": {
    "Bool": {"aws:SecureTransport": false},
    "NumericLessThan": {"aws:MultiFactorAuthAge": [900, "901"]}
   }}
 ]
}`)
	if err != nil {
		t.Fatal(err)
	}
	want := Document{Name: "p", Version: "2012-10-17", ID: "i", Statements: []Statement{
		{Index: 0, Line: 4, Sid: "A", Effect: Allow, Actions: []string{"s3:*"}, Resources: []string{"*"}, Lines: map[string]int{"Sid": 4, "Effect": 4, "Action": 4, "Resource": 4}, Entries: map[string][]int{"Action": {4}, "Resource": {4}}},
		{
			Index: 1, Line: 5, Effect: Deny, NotActions: []string{"iam:GetUser"}, NotResources: []string{"arn:aws:s3:::b"},
			NotPrincipals: []PrincipalPattern{{"AWS", "111122223333"}, {"Service", "ec2.amazonaws.com"}},
			Conditions:    []Condition{{"Bool", "aws:SecureTransport", []string{"false"}, 8}, {"NumericLessThan", "aws:MultiFactorAuthAge", []string{"900", "901"}, 9}},
			Lines:         map[string]int{"Effect": 5, "NotAction": 5, "NotResource": 5, "NotPrincipal": 6, "Condition": 7},
			Entries:       map[string][]int{"NotAction": {5}, "NotResource": {5}},
		},
	}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	one, err := Parse("p", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}`)
	if err != nil || len(one.Statements) != 1 || one.Statements[0].Principals[0] != (PrincipalPattern{"AWS", "*"}) || one.variables() {
		t.Errorf("%+v, error %v", one, err)
	}
}

// What IAM would not take is an error that names the policy, the line and what is
// wrong there.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                 `policy "p": line 1: not JSON: it breaks off here`,
		`nonsense`:                         `policy "p": line 1: not JSON: invalid character`,
		`[]`:                               `policy "p": line 1: the document is no object`,
		`{}`:                               `policy "p": line 1: Statement is missing`,
		"{\n\"Version\": \"2020-01-01\"}":  `policy "p": line 2: Version is "2020-01-01": it is one of 2012-10-17, 2008-10-17`,
		`{"version":"2012-10-17"}`:         `"version" is no element of a policy: Version, Id, Statement`,
		`{"Id":7}`:                         `Id is no text`,
		`{"Statement":[],"Statement":[]}`:  `the document has "Statement" twice`,
		`{"Statement":"x"}`:                `Statement holds something that is no object`,
		`{"Statement":[[]]}`:               `Statement holds a list in a list`,
		`{"Statement":{"Effect":"allow"}}`: `Effect is "allow": it is one of Allow, Deny`,
		`{"Statement":{"Action":"*"}}`:     `statement 1 has no Effect: Allow or Deny`,
		`{"Statement":{"Effect":"Allow"}}`: `statement 1 has neither Action nor NotAction`,
		`{"Statement":{"Sid":"S","Effect":"Allow","Action":"*","NotAction":"*"}}`:          `statement 1 (S) has both Action and NotAction`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}}`:   `statement 1 has both Resource and NotResource`,
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":"*","NotPrincipal":"*"}}`: `statement 1 has both Principal and NotPrincipal`,
		`{"Statement":{"Effect":"Allow","Action":"*","Actoin":"*"}}`:                       `statement 1: "Actoin" is no element of a statement`,
		`{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*"}}`:                    `statement 1 has "Effect" twice`,
		`{"Statement":{"Effect":"Allow","Action":[7]}}`:                                    `Action holds something that is no text`,
		`{"Statement":{"Effect":"Allow","Action":{"a":"b"}}}`:                              `Action holds something that is no text`,
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":"x"}}`:                    `Principal is neither "*" nor an object`,
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":{"Aws":"x"}}}`:            `Principal: "Aws" is no type of principal`,
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":{"AWS":"x","AWS":"y"}}}`:  `Principal has "AWS" twice`,
		`{"Statement":{"Effect":"Allow","Action":"*","Condition":[]}}`:                     `Condition is no object`,
		`{"Statement":{"Effect":"Allow","Action":"*","Condition":{"Bool":7}}}`:             `Bool is no object`,
		`{"Statement":{"Effect":"Allow","Action":"*","Condition":{"Bool":{"a":{}}}}}`:      `the condition on a has a value that is neither text, number nor true or false`,
		`{"Statement":{"Effect":"Allow","Action":"*","Condition":{"Bool":{"a":null}}}}`:    `the condition on a has a value that is neither`,
		`{"Statement":{"Effect":"Allow","Action":"*","Condition":{"Bool":{"a":1,"a":2}}}}`: `Bool has "a" twice`,
		`{"Statement":{"Effect":"Allow","Action":"*"}} {}`:                                 `something follows the policy`,
		`{"Statement":{"Effect":"Allow","Action":"*"`:                                      `not JSON: it breaks off here`,
		strings.Repeat(" ", mostBytes+1):                                                   `bytes are more than any policy has`,
		`{"Statement":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`:    `list in a list`,
	} {
		d, err := Parse("p", text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `policy "p": `) {
			t.Errorf("%.80s: error %v, want %q", text, err, want)
		}
		if len(d.Statements) > 0 {
			t.Errorf("%.80s: statements beside an error", text)
		}
	}
}

// FuzzParse: whatever a policy is, reading it ends, and what was read can be
// evaluated.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/decisions/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatal("no cases", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(admin)
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"*","NotResource":"${a,'b'}*?","Condition":{"ForAllValues:StringLikeIfExists":{"k":["${*}",true,1]}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse("p", text)
		if err != nil {
			return
		}
		for _, x := range []Context{NewContext(), OpenContext()} {
			got := Evaluate(ada(AccessKey).Request(x, "iam:EnableMFADevice", "arn:aws:iam::111122223333:user/ada"), Policies{Identity: []Document{d}, Resource: &d})
			if got.Answer != Allowed && len(got.Because) == 0 {
				t.Errorf("%v without a reason", got.Answer)
			}
		}
	})
}

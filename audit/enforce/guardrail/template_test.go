package guardrail

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// Both templates carry the document, and in Terraform no ${ of the document is a
// template any more.
func TestTemplatesCarryTheDocument(t *testing.T) {
	for _, d := range everyDocument(t) {
		want := decode(t, d.JSON())
		terraform := d.Terraform()
		_, rest, _ := strings.Cut(terraform, "jsonencode(")
		text, _, closed := strings.Cut(rest, ")\n}\n")
		if !closed || strings.Contains(strings.ReplaceAll(text, "$${", ""), "${") {
			t.Fatalf("%+v: no expression that Terraform leaves alone:\n%s", d.Options, terraform)
		}
		if got := decode(t, strings.ReplaceAll(text, "$${", "${")); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: Terraform's document differs", d.Options)
		}
		if got := inTemplate(t, d.CloudFormation()); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: CloudFormation's document differs", d.Options)
		}
	}
}

func inTemplate(t *testing.T, text string) any {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct{ PolicyDocument, Content, AssumeRolePolicyDocument any }
		}
	}
	if err := json.Unmarshal([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	r := template.Resources["Guardrail"]
	return map[string]any{
		"AWS::IAM::ManagedPolicy": r.Properties.PolicyDocument, "AWS::Organizations::Policy": r.Properties.Content, "AWS::IAM::Role": r.Properties.AssumeRolePolicyDocument,
	}[r.Type]
}

// What AWS stores of a description is short (IAM API reference, CreatePolicy;
// Organizations API reference, CreatePolicy).
func TestDescriptionsFit(t *testing.T) {
	for _, d := range everyDocument(t) {
		if n := len(d.says()); n > 512 {
			t.Errorf("%+v: %d characters of description", d.Options, n)
		}
	}
}

// Two documents of one guardrail and form stand in one account, and in one
// template, under names of their own.
func TestNames(t *testing.T) {
	for _, form := range []Form{Identity, SCP, Trust} {
		o := combination(MFAOnly, form, "aws", 0)
		o.Name = "people-1st_floor"
		d, err := Generate(o)
		if err != nil {
			t.Fatal(err)
		}
		for text, all := range map[string][]string{
			d.Terraform():      {`" "people_1st_floor" {`, `= "people-1st_floor"`},
			d.CloudFormation(): {`"people1stfloor": {`, `Name": "people-1st_floor"`},
		} {
			for _, want := range all {
				if !strings.Contains(text, want) {
					t.Errorf("%s: no %s in\n%s", form, want, text)
				}
			}
		}
	}
}

package deployed_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mfawatch/audit/pattern/deployed"
)

const emergencyRole = "arn:aws:iam::111122223333:role/mfawatch-break-glass"

func emergency(t testing.TB) deployed.Rule {
	t.Helper()
	r, err := deployed.Emergency(emergencyRole)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEmergencyKnowsEveryUse(t *testing.T) {
	p := parsed(t, emergency(t))
	const refused = `"errorCode":"AccessDenied","errorMessage":"User: arn:aws:iam::111122223333:user/ada is not authorized to perform: sts:AssumeRole on resource: `
	for _, c := range []struct {
		source, detail string
		want           bool
	}{
		{"aws.sts", `{"eventName":"AssumeRole","readOnly":true,"requestParameters":{"roleArn":"` + emergencyRole + `","roleSessionName":"fire"}}`, true},
		{"aws.sts", `{"eventName":"AssumeRole","requestParameters":null,"responseElements":{"assumedRoleUser":{"arn":"arn:aws:sts::111122223333:assumed-role/mfawatch-break-glass/fire"}}}`, true},
		{"aws.sts", `{"eventName":"AssumeRole","requestParameters":null,` + refused + emergencyRole + `"}`, true},
		{"aws.signin", `{"eventName":"SwitchRole","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/mfawatch-break-glass/grace"}}`, true},
		{"aws.sts", `{"eventName":"AssumeRole","requestParameters":{"roleArn":"` + emergencyRole + `-not"}}`, false},
		{"aws.sts", `{"eventName":"AssumeRole","responseElements":{"assumedRoleUser":{"arn":"arn:aws:sts::111122223333:assumed-role/mfawatch-break-glass-not/fire"}}}`, false},
		{"aws.sts", `{"eventName":"AssumeRole","requestParameters":null,` + refused + `arn:aws:iam::111122223333:role/other"}`, false},
		{"aws.sts", `{"eventName":"GetCallerIdentity","userIdentity":{"arn":"arn:aws:sts::111122223333:assumed-role/mfawatch-break-glass/fire"}}`, false},
		{"mfa.canary", `{"eventName":"AssumeRole","requestParameters":{"roleArn":"` + emergencyRole + `"}}`, false},
	} {
		if got := matches(t, p, envelope(t, c.source, []byte(c.detail))); got != c.want {
			t.Errorf("%s of %s: %v, want %v", c.detail, c.source, got, c.want)
		}
	}
}

// Of several roles, the use of each is known, and what is said names the one.
func TestEmergencyOfSeveralRoles(t *testing.T) {
	const second = emergencyRole + "-reader"
	r, err := deployed.Emergency(emergencyRole, second)
	if err != nil {
		t.Fatal(err)
	}
	p := parsed(t, r)
	for _, c := range []struct {
		detail string
		want   bool
	}{
		{`{"eventName":"AssumeRole","requestParameters":{"roleArn":"` + emergencyRole + `"}}`, true}, {`{"eventName":"AssumeRole","requestParameters":{"roleArn":"` + second + `"}}`, true}, {`{"eventName":"AssumeRole","requestParameters":{"roleArn":"` + second + `s"}}`, false},
		{`{"eventName":"AssumeRole","responseElements":{"assumedRoleUser":{"arn":"arn:aws:sts::111122223333:assumed-role/mfawatch-break-glass-reader/fire"}}}`, true},
		{`{"eventName":"AssumeRole","errorMessage":"not authorized to perform: sts:AssumeRole on resource: ` + second + `"}`, true}, {`{"eventName":"AssumeRole","errorMessage":"not authorized to perform: sts:AssumeRole on resource: ` + second + `s"}`, false},
	} {
		if got := matches(t, p, envelope(t, "aws.sts", []byte(c.detail))); got != c.want {
			t.Errorf("%s: %v, want %v", c.detail, got, c.want)
		}
	}
	if text := variable.ReplaceAllString(r.Input.Template, "x"); r.Input.Paths["role"] != "$.detail.requestParameters.roleArn" || !strings.Contains(text, "Role: x (empty: it does not say), of "+emergencyRole+", "+second+".") || !json.Valid([]byte(text)) {
		t.Errorf("it says %s, with the role of %s", text, r.Input.Paths["role"])
	}
	var long []string // as long as the file lets five be: AWS takes patterns of 4096 characters (EventBridge quotas)
	for i := range 5 {
		long = append(long, "arn:aws-us-gov:iam::111122223333:role/"+strings.Repeat("r", 63)+fmt.Sprint(i))
	}
	if r, err := deployed.Emergency(long...); err != nil || len(r.Pattern) > 4096 {
		t.Errorf("a pattern of %d characters, %v", len(r.Pattern), err)
	}
	if _, err := deployed.Emergency(emergencyRole, "x"); err == nil {
		t.Error("the second is no role")
	}
}

func TestEmergencyRefusesWhatIsNoRole(t *testing.T) {
	for _, arn := range []string{"", "*", "mfawatch-break-glass", "arn:aws:iam::111122223333:user/ada", "arn:aws:iam::*:role/a", "arn:aws:iam::111122223333:role/path/a", `arn:aws:iam::111122223333:role/a"`} {
		if _, err := deployed.Emergency(arn); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("role %q", arn)) {
			t.Errorf("Emergency(%q) says %v", arn, err)
		}
	}
}

// People are told who, where and when, and not what STS answered, which holds the
// session's token.
func TestEmergencySaysWho(t *testing.T) {
	in := emergency(t).Input
	var sent struct {
		Version, Source string
		Content         struct{ Title, Description string }
	}
	filled := variable.ReplaceAllString(in.Template, "x")
	if err := json.Unmarshal([]byte(filled), &sent); err != nil || sent.Version != "1.0" || sent.Source != "custom" || !strings.Contains(sent.Content.Description, emergencyRole) {
		t.Errorf("%+v, error %v, of %s", sent, err, filled)
	}
	used := map[string]bool{}
	for _, v := range variable.FindAllStringSubmatch(in.Template, -1) {
		used[v[1]] = true
		if in.Paths[v[1]] == "" {
			t.Errorf("<%s> is taken from nowhere", v[1])
		}
	}
	for v, path := range in.Paths {
		if !used[v] || strings.Contains(path, "responseElements") {
			t.Errorf("%s (%s) is not used, or of the answer", v, path)
		}
	}
}

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

package deployed_test

import (
	"fmt"
	"strings"
	"testing"

	"mfawatch/audit/pattern/deployed"
)

func memberChanges(t testing.TB) deployed.Rule {
	t.Helper()
	r, err := deployed.MemberChanges(own.Prefix)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a member account sends home is told there: a rule of the bus matches each.
func TestMemberChangesAreTold(t *testing.T) {
	const person, stackSet, user = `{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"userName":"Admin"}}}`,
		`{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"userName":"stacksets-exec-0123456789abcdef"}}}`, `{"type":"IAMUser","userName":"ada"}`
	for _, c := range []struct {
		source, event, fields, who string
		want                       bool
	}{
		{"aws.events", "DisableRule", `{"name":"mfawatch-sign-in-console"}`, person, true},
		{"aws.events", "DisableRule", `{"name":"mfawatch-sign-in-console"}`, user, true},
		{"aws.events", "DisableRule", `{"name":"mfawatch-sign-in-console"}`, stackSet, false},
		{"aws.events", "DisableRule", `{"name":"other"}`, person, false},
		{"aws.events", "PutRule", `{"name":"mfawatch-sign-in-console","state":"DISABLED"}`, person, true},
		{"aws.events", "PutRule", `{"name":"mfawatch-sign-in-console"}`, stackSet, false},
		{"aws.events", "RemoveTargets", `{"rule":"mfawatch-sign-in-console","ids":["mfawatch"]}`, person, true},
		{"aws.events", "PutTargets", `{"rule":"other"}`, person, false},
		{"aws.events", "DescribeRule", `{"name":"mfawatch-sign-in-console"}`, person, false},
		{"aws.iam", "DeleteRole", `{"roleName":"mfawatch-forward"}`, person, true},
		{"aws.iam", "UpdateAssumeRolePolicy", `{"roleName":"mfawatch-audit-member"}`, person, true},
		{"aws.iam", "DetachRolePolicy", `{"roleName":"mfawatch-forward"}`, stackSet, false},
		{"aws.iam", "DeleteRole", `{"roleName":"other"}`, person, false},
	} {
		service := strings.TrimPrefix(c.source, "aws.")
		detail := fmt.Sprintf(`{"eventSource":"%s.amazonaws.com","eventName":"%s","requestParameters":%s,"userIdentity":%s`, service, c.event, c.fields, c.who)
		sent := matches(t, parsed(t, memberChanges(t)), envelope(t, c.source, []byte(detail+"}")))
		if sent != c.want {
			t.Errorf("%s: sent %v, want %v", detail, sent, c.want)
		}
		if told := matched(t, c.source, detail+"}"); sent && told != "monitor-rules" && told != "monitor-policies" {
			t.Errorf("%s is sent home, where %q matches it", detail, told)
		}
		if matches(t, parsed(t, memberChanges(t)), envelope(t, c.source, []byte(detail+`,"errorCode":"AccessDenied"}`))) {
			t.Errorf("%s, refused, is sent", detail)
		}
	}
}

func TestMemberChangesRefusesWhatIsNoName(t *testing.T) {
	if _, err := deployed.MemberChanges("a"); err == nil || !strings.HasPrefix(err.Error(), `prefix "a"`) {
		t.Errorf("error %v", err)
	}
}

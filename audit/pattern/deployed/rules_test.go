package deployed_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/detect"
	"mfawatch/audit/pattern"
	"mfawatch/audit/pattern/deployed"
)

// patterns keeps what was parsed: every rule meets every case.
var patterns = map[string]*pattern.EventPattern{}

func parsed(t testing.TB, r deployed.Rule) *pattern.EventPattern {
	t.Helper()
	if patterns[r.Pattern] == nil {
		p, err := pattern.ParseEventPattern(r.Pattern)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		patterns[r.Pattern] = p
	}
	return patterns[r.Pattern]
}

func matches(t testing.TB, p *pattern.EventPattern, event []byte) bool {
	t.Helper()
	got, err := p.Match(event)
	if err != nil {
		t.Fatalf("%v in %.200s", err, event)
	}
	return got
}

// serves tells whether a rule among these that serves this matches the event.
func serves(t *testing.T, event []byte, what string, optIn bool) bool {
	return slices.ContainsFunc(deployed.Rules(), func(r deployed.Rule) bool {
		return (r.OptIn == "" || optIn) && slices.Contains(r.Serves, what) && matches(t, parsed(t, r), event)
	})
}

// noEvents are the cases that EventBridge cannot send: a detail is an object.
var noEvents = []string{
	"export-whole-event-in-text", "rules-unreadable", "unreadable-cut-off", "unreadable-list", "unreadable-text-cut-off",
}

// lists are the cases that no event pattern can tell from quiet ones: to
// EventBridge a list matches as its elements do (user guide, arrays in event
// patterns). AWS writes no such record; the trail's files are judged in full.
var lists = []string{"iam-mfaused-list", "identity-list"}

func TestNoAlertIsMissed(t *testing.T) {
	var none []string
	wanted, ruled, served := 0, 0, 0
	for _, c := range testcases(t) {
		if c.fields == nil {
			none = append(none, c.name)
			continue
		}
		event := c.envelope(t)
		if c.verdict.Alert {
			wanted++
			if got := serves(t, event, "verdict", false); got == slices.Contains(lists, c.name) {
				t.Errorf("%s: %s alerts, a rule matches: %v", c.name, c.verdict.Reason, got)
			}
		}
		if c.ruled {
			ruled++
			if !serves(t, event, "verdict", true) {
				t.Errorf("%s: alerts by rules of its own, and no rule matches, opt-in included", c.name)
			}
		}
		for _, d := range c.detections {
			served++
			if !serves(t, event, d.ID, false) {
				t.Errorf("%s: no rule that serves %s matches", c.name, d.ID)
			}
		}
	}
	if diff := cmp.Diff(noEvents, none); diff != "" {
		t.Errorf("cases that are no events (-want +got):\n%s", diff)
	}
	t.Logf("%d verdicts that alert, %d by rules of their own, %d detections", wanted, ruled, served)
	if wanted < 100 || ruled < 2 || served < 50 {
		t.Errorf("too few cases to tell")
	}
}

// extra is what each rule matches although nobody is told of it, by reason and
// number of cases: the whole noise of the fast path over all cases.
var extra = []string{
	"assume-root: detection that is quiet by default 4",
	"client-credentials: detection that is quiet by default 3",
	"client-credentials: not-a-sign-in 1",
	"factor-changes: detection that is quiet by default 35",
	"factor-changes: not-a-sign-in 7",
	"sign-in-changes: not-a-sign-in 8",
	"sign-in-console: failed-sign-in 1",
	"sign-in-console: mfa 7",
	"sign-in-console: mfa-in-session 1",
	"sign-in-console: refused-by-policy 2",
	"sign-in-console: role-session 1",
	"sign-in-portal: mfa-at-identity-provider 3",
	"sign-in-portal: refused-by-policy 1",
	"sign-in-portal: second-factor 16",
	"sign-in-unreadable: mfa 4",
	"trail-changes: not-a-sign-in 13",
}

func TestExtraMatchesAreCounted(t *testing.T) {
	counts := map[string]int{}
	records := 0
	for _, c := range testcases(t) {
		if c.fields == nil {
			continue
		}
		records++
		for _, r := range deployed.Rules() {
			if r.OptIn == "" && !c.wanted() && matches(t, parsed(t, r), c.envelope(t)) {
				why := string(c.verdict.Reason)
				if len(c.detections) > 0 {
					why = "detection that is quiet by default"
				}
				counts[r.Name+": "+why]++
			}
		}
	}
	var got []string
	for what, n := range counts {
		got = append(got, fmt.Sprintf("%s %d", what, n))
	}
	slices.Sort(got)
	if diff := cmp.Diff(extra, got); diff != "" {
		t.Errorf("extra matches over %d records (-want +got):\n%s", records, diff)
	}
}

func TestEveryDetectionOfOneEventIsServed(t *testing.T) {
	served := map[string]bool{"verdict": true}
	for _, c := range detect.Checks() {
		if !c.Sequence {
			served[c.ID] = false
		}
	}
	for _, r := range deployed.Rules() {
		for _, id := range r.Serves {
			if _, known := served[id]; !known {
				t.Errorf("%s serves %q, which is no detection of one event", r.Name, id)
			}
			served[id] = true
		}
	}
	for id, ok := range served {
		if !ok {
			t.Errorf("no rule serves %s", id)
		}
	}
}

// readOnly are the names that CloudTrail marks as read-only, as far as is known
// (EventBridge user guide, management events; AWS Sign-In user guide), and
// AssumeRoot, of which it is not.
var readOnly = []string{"CreateOAuth2Token", "CreateOAuth2TokenWithIAM", "AuthorizeOAuth2Access", "AssumeRole", "AssumeRoot", "GetSigninToken", "GetSessionToken", "GetFederationToken"}

func TestRulesAreDeployable(t *testing.T) {
	names := map[string]bool{}
	for _, r := range append(deployed.Rules(), monitor(t), emergency(t)) {
		p := parsed(t, r)
		reads := slices.ContainsFunc(readOnly, func(name string) bool { return strings.Contains(r.Pattern, `"`+name+`"`) })
		switch {
		case names[r.Name], r.Purpose == "":
			t.Errorf("%q: a name given twice, or no purpose", r.Name)
		case reads != (r.State == deployed.EnabledWithRead), !reads && r.State != deployed.Enabled:
			t.Errorf("%s: state %s, read-only events %v", r.Name, r.State, reads)
		case p.Wildcards(), strings.Contains(r.Pattern, "null"), strings.Contains(r.Pattern, "detail-type"):
			t.Errorf("%s: wildcard, null or detail-type in the pattern", r.Name)
		case r.Canary != strings.Contains(r.Pattern, deployed.CanarySource):
			t.Errorf("%s: canary %v, but its pattern says otherwise", r.Name, r.Canary)
		case r.Regions != deployed.EveryRegion && r.Regions != deployed.HomeRegion:
			t.Errorf("%s: Regions %q", r.Name, r.Regions)
		}
		names[r.Name] = true
	}
}

// canary is an event such as the canary sends: the shape of the sign-in that
// must never go unseen.
const canary = `{"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","userIdentity":{"type":"IAMUser"},"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"}}`

func TestCanaryTakesTheWayOfASignIn(t *testing.T) {
	for _, r := range deployed.Rules() {
		if got := matches(t, parsed(t, r), envelope(t, deployed.CanarySource, []byte(canary))); got != r.Canary {
			t.Errorf("%s: matches the canary: %v, want %v", r.Name, got, r.Canary)
		}
		if matches(t, parsed(t, r), envelope(t, "someone.else", []byte(canary))) {
			t.Errorf("%s matches an event of any source", r.Name)
		}
	}
}

// AWS sends one event of sign-in that is no record of CloudTrail.
func TestAnomalyAlertIsNoSignIn(t *testing.T) {
	for _, r := range deployed.Rules() {
		if matches(t, parsed(t, r), envelope(t, "aws.signin", []byte(`{"version":"0","anomaly":"x"}`))) {
			t.Errorf("%s matches a Sign-in Anomaly Alert", r.Name)
		}
	}
}

var own = deployed.Own{
	Prefix: "mfawatch", FunctionARN: "arn:aws:lambda:us-east-1:111122223333:function:mfawatch", TopicARN: "arn:aws:sns:us-east-1:111122223333:mfawatch-alerts",
	KeyARN: "arn:aws:kms:us-east-1:111122223333:key/1b0f6a2c-5a9e-4a35-8f2d-0d5d0e6c7b12", PolicyARN: "arn:aws:iam::111122223333:policy/mfawatch-enforce",
}

func monitor(t testing.TB) deployed.Rule {
	t.Helper()
	r, err := deployed.Monitor(own)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMonitorKnowsItsOwnParts(t *testing.T) {
	p := parsed(t, monitor(t))
	for _, c := range []struct {
		source, event, parameters, more string
		want                            bool
	}{
		{"aws.events", "DisableRule", `{"name":"mfawatch-sign-in"}`, "", true},
		{"aws.events", "DisableRule", `{"name":"other"}`, "", false},
		{"aws.events", "DisableRule", `{"name":"mfawatch-sign-in"}`, `,"errorCode":"AccessDenied"`, false},
		{"aws.events", "EnableRule", `{"name":"mfawatch-sign-in"}`, "", false},
		{"aws.events", "RemoveTargets", `{"rule":"mfawatch-sign-in","ids":["1"]}`, "", true},
		{"aws.monitoring", "DeleteAlarms", `{"alarmNames":["other","mfawatch-dlq"]}`, "", true},
		{"aws.monitoring", "DisableAlarmActions", `{"alarmNames":["other"]}`, "", false},
		{"aws.sns", "DeleteTopic", `{"topicArn":"` + own.TopicARN + `"}`, "", true},
		{"aws.sns", "Unsubscribe", `{"subscriptionArn":"` + own.TopicARN + `:d0ac193c"}`, "", true},
		{"aws.sns", "Unsubscribe", `{"subscriptionArn":"` + own.TopicARN + `-other:d0ac193c"}`, "", false},
		{"aws.lambda", "PutFunctionConcurrency20171031", `{"functionName":"mfawatch-signin"}`, "", true},
		{"aws.lambda", "PutFunctionConcurrency20171031", `{"functionName":"` + own.FunctionARN + `-signin"}`, "", true},
		{"aws.kms", "ScheduleKeyDeletion", `{"keyId":"1b0f6a2c-5a9e-4a35-8f2d-0d5d0e6c7b12"}`, "", true},
		{"aws.kms", "ScheduleKeyDeletion", `{"keyId":"` + own.KeyARN + `"}`, "", true},
		{"aws.kms", "ScheduleKeyDeletion", `{"keyId":"other"}`, "", false},
		{"aws.iam", "CreatePolicyVersion", `{"policyArn":"` + own.PolicyARN + `"}`, "", true},
		{"mfa.canary", "DisableRule", `{"name":"mfawatch-sign-in"}`, "", false},
	} {
		detail := `{"eventName":"` + c.event + `","requestParameters":` + c.parameters + c.more + `}`
		if got := matches(t, p, envelope(t, c.source, []byte(detail))); got != c.want {
			t.Errorf("%s of %s: %v, want %v", detail, c.source, got, c.want)
		}
	}
}

func TestMonitorRefusesWhatIsNoName(t *testing.T) {
	for want, change := range map[string]func(*deployed.Own){
		`prefix ""`:      func(o *deployed.Own) { o.Prefix = "" },
		`prefix "a\"b1"`: func(o *deployed.Own) { o.Prefix = `a"b1` },
		`topic "alerts"`: func(o *deployed.Own) { o.TopicARN = "alerts" },
		`key ""`:         func(o *deployed.Own) { o.KeyARN = "" },
		`function "arn:`: func(o *deployed.Own) { o.FunctionARN = "arn:aws:lambda:us-east-1::function:x" },
		`policy "*"`:     func(o *deployed.Own) { o.PolicyARN = "*" },
	} {
		o := own
		change(&o)
		if _, err := deployed.Monitor(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Monitor(%+v) says %v, want %s …", o, err, want)
		}
	}
}

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

package deployed_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit/pattern/deployed"
)

var own = deployed.Own{
	Prefix: "mfawatch", FunctionARN: "arn:aws:lambda:us-east-1:111122223333:function:mfawatch", TopicARN: "arn:aws:sns:us-east-1:111122223333:mfawatch-alerts",
	KeyARN: "arn:aws:kms:us-east-1:111122223333:key/1b0f6a2c-5a9e-4a35-8f2d-0d5d0e6c7b12", PolicyARN: "arn:aws:iam::111122223333:policy/mfawatch-enforce",
}

func monitors(t testing.TB) []deployed.Rule {
	t.Helper()
	all, err := deployed.MonitorRules(own)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func canaryTrail(t testing.TB) deployed.Rule {
	t.Helper()
	r, err := deployed.CanaryTrail(own.Prefix)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each row names the rule that must match, or none.
func TestMonitorKnowsItsOwnParts(t *testing.T) {
	const queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/"
	for _, c := range []struct{ source, event, fields, want string }{
		{"aws.events", "PutRule", `{"name":"mfawatch-sign-in-console","state":"DISABLED"}`, "monitor-rules"},
		{"aws.events", "DisableRule", `{"name":"mfawatch-sign-in-console"}`, "monitor-rules"},
		{"aws.events", "DisableRule", `{"name":"other"}`, ""},
		{"aws.events", "DisableRule", `{"name":"mfawatchdog-1"}`, ""},
		{"aws.events", "EnableRule", `{"name":"mfawatch-sign-in-console"}`, ""},
		{"aws.events", "DeleteEventBus", `{"name":"mfawatch"}`, "monitor-rules"},
		{"aws.events", "PutPermission", `{"eventBusName":"mfawatch"}`, "monitor-rules"},
		{"aws.events", "PutPermission", `{"eventBusName":"default"}`, ""},
		{"aws.events", "PutTargets", `{"rule":"mfawatch-sign-in-console"}`, "monitor-rules"},
		{"aws.events", "RemoveTargets", `{"rule":"mfawatch-sign-in-console","ids":["1"]}`, "monitor-rules"},
		{"aws.monitoring", "PutMetricAlarm", `{"alarmName":"mfawatch-round-trip"}`, "monitor-rules"},
		{"aws.monitoring", "DeleteAlarms", `{"alarmNames":["other","mfawatch-dlq"]}`, "monitor-rules"},
		{"aws.monitoring", "DisableAlarmActions", `{"alarmNames":["other"]}`, ""},
		{"aws.monitoring", "PutAlarmMuteRule", `{"name":"quiet","muteTargets":{"alarmNames":["mfawatch-canary-silent"]}}`, "monitor-rules"},
		{"aws.sns", "PutDataProtectionPolicy", `{"resourceArn":"` + own.TopicARN + `"}`, "monitor-delivery"},
		{"aws.sns", "PutDataProtectionPolicy", `{"resourceArn":"` + own.TopicARN + `-other"}`, ""},
		{"aws.sqs", "PurgeQueue", `{"queueUrl":"` + queue + `mfawatch-sign-ins"}`, "monitor-rules"},
		{"aws.sqs", "SetQueueAttributes", `{"queueUrl":"` + queue + `mfawatch-rules-dead"}`, "monitor-rules"},
		{"aws.sqs", "DeleteQueue", `{"queueUrl":"` + queue + `other-sign-ins"}`, ""},
		{"aws.sqs", "SendMessage", `{"queueUrl":"` + queue + `mfawatch-sign-ins"}`, ""},
		{"aws.sns", "DeleteTopic", `{"topicArn":"` + own.TopicARN + `"}`, "monitor-delivery"},
		{"aws.sns", "Subscribe", `{"topicArn":"` + own.TopicARN + `","protocol":"email"}`, "monitor-delivery"},
		{"aws.sns", "Publish", `{"topicArn":"` + own.TopicARN + `"}`, ""},
		{"aws.sns", "Unsubscribe", `{"subscriptionArn":"` + own.TopicARN + `:d0ac193c"}`, "monitor-delivery"},
		{"aws.sns", "SetSubscriptionAttributes", `{"subscriptionArn":"` + own.TopicARN + `-other:d0ac193c"}`, ""},
		{"aws.kms", "ScheduleKeyDeletion", `{"keyId":"1b0f6a2c-5a9e-4a35-8f2d-0d5d0e6c7b12"}`, "monitor-delivery"},
		{"aws.kms", "PutKeyPolicy", `{"keyId":"` + own.KeyARN + `"}`, "monitor-delivery"},
		{"aws.kms", "DisableKey", `{"keyId":"other"}`, ""},
		{"aws.lambda", "UpdateFunctionCode20150331v2", `{"functionName":"mfawatch-signin"}`, "monitor-functions"},
		{"aws.lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"111122223333:function:mfawatch-signin"}`, "monitor-functions"},
		{"aws.lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"111122223333:function:other"}`, ""},
		{"aws.lambda", "PutFunctionConcurrency20171031", `{"functionName":"` + own.FunctionARN + `-signin"}`, "monitor-functions"},
		{"aws.lambda", "AddPermission20150331v2", `{"functionName":"mfawatch-signin"}`, "monitor-functions"},
		{"aws.lambda", "DeleteFunction20150331", `{"functionName":"other"}`, ""},
		{"aws.lambda", "CreateEventSourceMapping20150331", `{"functionName":"mfawatch-signin"}`, "monitor-functions"},
		{"aws.lambda", "UpdateEventSourceMapping20150331", `{"uUID":"1"},"responseElements":{"functionArn":"` + own.FunctionARN + `-signin"}`, "monitor-functions"},
		{"aws.lambda", "DeleteEventSourceMapping20150331", `{"uUID":"1"},"responseElements":{"functionArn":"arn:aws:lambda:us-east-1:111122223333:function:other"}`, ""},
		{"aws.scheduler", "UpdateSchedule", `{"name":"mfawatch-canary"}`, "monitor-functions"},
		{"aws.s3", "DeleteBucketPolicy", `{"bucketName":"mfawatch-evidence-111122223333-us-east-1"}`, "monitor-storage"},
		{"aws.s3", "PutBucketLifecycle", `{"bucketName":"mfawatch-trail-111122223333-us-east-1"}`, "monitor-storage"},
		{"aws.s3", "PutBucketPolicy", `{"bucketName":"other"}`, ""},
		{"aws.dynamodb", "DeleteTable", `{"tableName":"mfawatch-events"}`, "monitor-storage"},
		{"aws.dynamodb", "DeleteTable", `{"tableName":"arn:aws:dynamodb:us-east-1:111122223333:table/mfawatch-events"}`, "monitor-storage"},
		{"aws.logs", "DeleteLogGroup", `{"logGroupName":"/aws/lambda/mfawatch-signin"}`, "monitor-storage"},
		{"aws.iam", "CreatePolicyVersion", `{"policyArn":"` + own.PolicyARN + `"}`, "monitor-policies"},
		{"aws.iam", "DetachGroupPolicy", `{"groupName":"humans","policyArn":"` + own.PolicyARN + `"}`, "monitor-policies"},
		{"aws.iam", "PutRolePolicy", `{"roleName":"mfawatch-signin"}`, "monitor-policies"},
		{"aws.iam", "TagRole", `{"roleName":"mfawatch-canary-target"}`, "canary-trail"},
		{"aws.iam", "TagRole", `{"roleName":"mfawatch-canary"}`, ""},
		{"mfa.canary", "DisableRule", `{"name":"mfawatch-sign-in"}`, ""},
	} {
		service, _ := strings.CutPrefix(c.source, "aws.")
		detail := `{"eventSource":"` + service + `.amazonaws.com","eventName":"` + c.event + `","requestParameters":` + c.fields
		if got := matched(t, c.source, detail+"}"); got != c.want {
			t.Errorf("%s of %s: %q, want %q", detail, c.source, got, c.want)
		}
		if got := matched(t, c.source, detail+`,"errorCode":"AccessDenied"}`); got != "" {
			t.Errorf("%s of %s, refused: %q, want none", detail, c.source, got)
		}
	}
}

// matched are the rules among these that match an event.
func matched(t *testing.T, source, detail string) string {
	t.Helper()
	var all []string
	for _, r := range append(monitors(t), canaryTrail(t)) {
		if matches(t, parsed(t, r), envelope(t, source, []byte(detail))) {
			all = append(all, r.Name)
		}
	}
	return strings.Join(all, " ")
}

// The longest prefix that names of buckets leave room for still fits.
func TestMonitorPatternsFit(t *testing.T) {
	o := own
	o.Prefix = strings.Repeat("a", 20)
	for name, arn := range map[string]*string{"ap-southeast-2": &o.TopicARN, "us-gov-west-1": &o.FunctionARN} {
		*arn = strings.ReplaceAll(strings.ReplaceAll(*arn, "mfawatch", o.Prefix), "us-east-1", name)
	}
	if _, err := deployed.MonitorRules(o); err != nil {
		t.Error(err)
	}
	o.Prefix = strings.Repeat("a", 200)
	if _, err := deployed.MonitorRules(o); err == nil || !strings.Contains(err.Error(), "shorter prefix") {
		t.Errorf("error %v, want one about the prefix", err)
	}
}

// A key that is not made yet stands in the patterns by its placeholders, and
// the enforce-MFA policy may be missing.
func TestMonitorBeforeTheKeyIsMade(t *testing.T) {
	o := own
	o.KeyARN, o.PolicyARN = deployed.KeyARNPlaceholder, ""
	all, err := deployed.MonitorRules(o)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(all)
	if !strings.Contains(text, `"keyId":["${KEY_ARN}","${KEY_ID}"]`) {
		t.Errorf("no placeholders in %s", text)
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
		if _, err := deployed.MonitorRules(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("MonitorRules(%+v) says %v, want %s …", o, err, want)
		}
	}
	if _, err := deployed.CanaryTrail(`a"b1`); err == nil || !strings.HasPrefix(err.Error(), `prefix "a\"b1"`) {
		t.Errorf("CanaryTrail says %v", err)
	}
}

var variable = regexp.MustCompile(`<(\w+)>`)

// The text that people get is a custom notification, uses every variable that is
// taken out of the event, and no other; each parameter that a pattern asks for is
// shown, except a list.
func TestMonitorSaysWhatWhichWhoWhenWhere(t *testing.T) {
	in := monitors(t)[0].Input
	var sent struct {
		Version, Source string
		Content         struct{ Title, Description string }
	}
	filled := variable.ReplaceAllStringFunc(in.Template, func(v string) string {
		return map[string]string{"<event>": "DisableRule", "<prule>": "", "<pname>": "mfawatch-x", "<who>": "arn:aws:iam::111122223333:user/ada"}[v]
	})
	if err := json.Unmarshal([]byte(filled), &sent); err != nil || sent.Version != "1.0" || sent.Source != "custom" ||
		sent.Content.Title != "mfawatch itself was changed: DisableRule" || !strings.Contains(sent.Content.Description, "Who: arn:aws:iam::111122223333:user/ada") {
		t.Errorf("%+v, error %v, of %s", sent, err, filled)
	}
	for _, v := range variable.FindAllStringSubmatch(in.Template, -1) {
		if in.Paths[v[1]] == "" {
			t.Errorf("<%s> is taken from nowhere", v[1])
		}
	}
	for v, path := range in.Paths {
		if !strings.Contains(in.Template, "<"+v+">") || !strings.HasPrefix(path, "$.") {
			t.Errorf("%s (%s) is not used, or no path", v, path)
		}
	}
	for _, r := range monitors(t) {
		for _, parameter := range regexp.MustCompile(`"requestParameters":\{"(\w+)"`).FindAllStringSubmatch(r.Pattern, -1) {
			if known := in.Paths["p"+parameter[1]]; known == "" && !slices.Contains([]string{"alarmNames"}, parameter[1]) {
				t.Errorf("%s asks for %s, which the text does not show", r.Name, parameter[1])
			}
		}
	}
}

// Names that infra and the canary share, and where each rule stands.
func TestNamesOfTheCanaryAndTheMonitor(t *testing.T) {
	got := []string{deployed.CanarySource, deployed.CanaryDetailType, deployed.CanaryTag, deployed.CanaryTarget("p"), deployed.DeadRules("p"), fmt.Sprint(deployed.MaxPattern)}
	for _, r := range append(monitors(t), canaryTrail(t)) {
		got = append(got, r.Name+" "+string(r.Regions))
	}
	want := []string{"mfa.canary", "mfawatch canary", "mfawatch-canary", "p-canary-target", "p-rules-dead", "2048",
		"monitor-rules every", "monitor-delivery stacks", "monitor-functions stacks", "monitor-storage stacks", "monitor-policies home", "canary-trail home"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	const detail = `{"additionalEventData":{"MFAUsed":"No"},"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","nonce":"n","responseElements":{"ConsoleLogin":"Success"},"userIdentity":{"type":"IAMUser"}}`
	if got := string(deployed.CanaryDetail("n")); got != detail {
		t.Errorf("detail %s", got)
	}
}

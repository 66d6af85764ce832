package deployed

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Own names what a stack made and somebody might take apart. Everything that it
// names itself begins with Prefix and a hyphen; FunctionARN begins the ARNs of
// its functions. KeyARN may be KeyARNPlaceholder. PolicyARN may be empty.
type Own struct {
	Prefix, FunctionARN, TopicARN, KeyARN, PolicyARN string
}

// What stands for a KMS key that is not made yet, in patterns and in Expected.
const (
	KeyARNPlaceholder = "${KEY_ARN}"
	KeyIDPlaceholder  = "${KEY_ID}"
)

// MaxPattern is how long a pattern may be by default (EventBridge user guide,
// quotas).
const MaxPattern = 2048

var (
	ownName = regexp.MustCompile(`^[A-Za-z0-9-]{2,}$`)
	ownARN  = regexp.MustCompile(`^arn:[a-z-]+:[a-z]+:[a-z0-9-]*:[0-9]{12}:[A-Za-z0-9/_+=,.@:-]+$`)
)

func (o Own) check() error {
	if !ownName.MatchString(o.Prefix) {
		return fmt.Errorf("prefix %q: wants two letters, digits or hyphens at least", o.Prefix)
	}
	for _, a := range []struct {
		name, arn, instead string
	}{{"function", o.FunctionARN, "x"}, {"topic", o.TopicARN, "x"}, {"key", o.KeyARN, KeyARNPlaceholder}, {"policy", o.PolicyARN, ""}} {
		if a.arn != a.instead && !ownARN.MatchString(a.arn) {
			return fmt.Errorf("%s %q is no ARN with an account", a.name, a.arn)
		}
	}
	return nil
}

// keyID is what follows the last slash of the key's ARN.
func (o Own) keyID() string {
	if o.KeyARN == KeyARNPlaceholder {
		return KeyIDPlaceholder
	}
	return o.KeyARN[strings.LastIndex(o.KeyARN, "/")+1:]
}

// MonitorRules are the rules about the monitor's own parts: somebody takes them
// apart, or changes what they do, by calls that succeeded. No judge reads these
// events, so their target is the topic itself, which gets a text. A deployment of
// the stacks themselves sets them off too.
//
// The names of Lambda's calls carry dates and versions (Lambda developer guide,
// CloudTrail), so they are matched by how they begin. What the request parameters
// are called is not verified for all (docs/live-checks.md).
func MonitorRules(own Own) ([]Rule, error) {
	if err := own.check(); err != nil {
		return nil, err
	}
	var all []Rule
	for _, m := range []monitored{own.rules(), own.delivery(), own.functions(), own.storage(), own.policies()} {
		pattern, _ := json.Marshal(object{"source": m.sources, "detail": object{"errorCode": []any{object{"exists": false}}, "$or": m.calls}}) // texts alone cannot fail
		if len(pattern) > MaxPattern {
			return nil, fmt.Errorf("pattern of %s has %d characters, more than EventBridge's %d: choose a shorter prefix", m.name, len(pattern), MaxPattern)
		}
		all = append(all, Rule{Name: m.name, State: Enabled, Regions: m.regions, Pattern: string(pattern), Purpose: m.purpose, Input: monitorInput()})
	}
	return all, nil
}

type object = map[string]any

// monitored is what one rule watches.
type monitored struct {
	name, purpose string
	regions       Regions
	sources       []string
	calls         []object
}

func begins(with string) any { return object{"prefix": with} }

func ends(with string) any { return object{"suffix": with} }

// names are eventNames; one that ends in * is the beginning of one.
func names(all ...string) []any {
	var list []any
	for _, name := range all {
		if begin, open := strings.CutSuffix(name, "*"); open {
			list = append(list, begins(begin))
		} else {
			list = append(list, name)
		}
	}
	return list
}

// call is calls with one of the values as a request parameter.
func call(parameter string, values []any, events ...string) object {
	return object{"eventName": names(events...), "requestParameters": object{parameter: values}}
}

// named are the names of what is ours.
func (o Own) named() []any { return []any{begins(o.Prefix + "-")} }

// part is the ARN's field of a number, from 0: arn:partition:service:region:account:….
func part(arn string, n int) string { return strings.SplitN(arn, ":", 6)[n] }

func (o Own) rules() monitored {
	var queues []any
	for _, name := range []string{"sign-ins", "sign-ins-dead", "canary", "canary-dead", "rules-dead"} {
		queues = append(queues, ends("/"+part(o.TopicARN, 4)+"/"+o.Prefix+"-"+name))
	}
	return monitored{
		name: "monitor-rules", regions: EveryRegion, sources: []string{"aws.events", "aws.monitoring", "aws.sqs"},
		purpose: "The monitor's own rules, targets, event bus, alarms and queues changed or taken apart.",
		calls: []object{
			call("name", append(o.named(), o.Prefix), "PutRule", "DisableRule", "DeleteRule", "DeleteEventBus", "UpdateEventBus"),
			call("rule", o.named(), "PutTargets", "RemoveTargets"),
			call("eventBusName", []any{o.Prefix}, "PutPermission", "RemovePermission"),
			call("alarmName", o.named(), "PutMetricAlarm", "PutCompositeAlarm", "SetAlarmState"),
			call("alarmNames", o.named(), "DeleteAlarms", "DisableAlarmActions"),
			// Which alarms a rule mutes is not verified to be in its event.
			{"eventName": names("PutAlarmMuteRule")},
			call("queueUrl", queues, "SetQueueAttributes", "DeleteQueue", "PurgeQueue", "AddPermission", "RemovePermission"),
		},
	}
}

func (o Own) delivery() monitored {
	return monitored{
		name: "monitor-delivery", regions: StackRegion, sources: []string{"aws.sns", "aws.kms"},
		purpose: "The monitor's own topic, its subscriptions and its key changed or taken apart.",
		calls: []object{
			call("topicArn", []any{o.TopicARN}, "DeleteTopic", "SetTopicAttributes", "Subscribe", "AddPermission", "RemovePermission"),
			call("resourceArn", []any{o.TopicARN}, "PutDataProtectionPolicy"), // can refuse messages, or take words out of them
			call("subscriptionArn", []any{begins(o.TopicARN + ":")}, "Unsubscribe", "SetSubscriptionAttributes"),
			call("keyId", []any{o.KeyARN, o.keyID()}, "ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy"),
		},
	}
}

// functions: a function goes by its name, its ARN or a part of it (Lambda API
// reference, FunctionName); a mapping by an id, and the answer names the function.
func (o Own) functions() monitored {
	list := append(o.named(), begins(o.FunctionARN), begins(part(o.FunctionARN, 4)+":"+part(o.FunctionARN, 5)))
	return monitored{
		name: "monitor-functions", regions: StackRegion, sources: []string{"aws.lambda", "aws.scheduler"},
		purpose: "The monitor's own functions, what calls them, and their schedules changed or taken apart.",
		calls: []object{
			call("functionName", list, "UpdateFunctionCode*", "UpdateFunctionConfiguration*", "DeleteFunction*", "PutFunctionConcurrency*",
				"AddPermission*", "RemovePermission*", "PutFunctionEventInvokeConfig*", "UpdateFunctionEventInvokeConfig*", "CreateEventSourceMapping*"),
			{"eventName": names("UpdateEventSourceMapping*", "DeleteEventSourceMapping*"), "responseElements": object{"functionArn": []any{begins(o.FunctionARN)}}},
			call("name", o.named(), "UpdateSchedule", "DeleteSchedule"),
		},
	}
}

func (o Own) storage() monitored {
	table := "arn:" + part(o.TopicARN, 1) + ":dynamodb:" + part(o.TopicARN, 3) + ":" + part(o.TopicARN, 4) + ":table/"
	return monitored{
		name: "monitor-storage", regions: StackRegion, sources: []string{"aws.s3", "aws.dynamodb", "aws.logs"},
		purpose: "The monitor's own buckets, tables and log groups changed or taken apart.",
		calls: []object{
			call("bucketName", o.named(), "DeleteBucket", "PutBucketPolicy", "DeleteBucketPolicy", "PutBucketLifecycle*", "DeleteBucketLifecycle*", "PutBucketVersioning",
				"PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock", "PutBucketEncryption", "DeleteBucketEncryption", "PutBucketLogging", "PutBucketNotification*", "PutBucketObjectLockConfiguration"),
			call("tableName", append(o.named(), begins(table+o.Prefix+"-")), "DeleteTable", "UpdateTable", "UpdateTimeToLive", "UpdateContinuousBackups"),
			call("logGroupName", append(o.named(), begins("/"+o.Prefix+"/"), begins("/aws/lambda/"+o.Prefix+"-")), "DeleteLogGroup", "DeleteRetentionPolicy", "PutRetentionPolicy", "DeleteMetricFilter", "PutMetricFilter"),
		},
	}
}

func (o Own) policies() monitored {
	list := []any{begins("arn:" + part(o.TopicARN, 1) + ":iam::" + part(o.TopicARN, 4) + ":policy/" + o.Prefix + "-")}
	if o.PolicyARN != "" {
		list = append(list, o.PolicyARN)
	}
	return monitored{
		name: "monitor-policies", regions: HomeRegion, sources: []string{"aws.iam"},
		purpose: "The monitor's own roles and policies, and the guardrail, changed or taken off.",
		calls: []object{
			call("roleName", o.named(), "DeleteRole", "PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy", "DetachRolePolicy", "UpdateAssumeRolePolicy", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
			call("policyArn", list, "CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion", "DeletePolicy", "DetachUserPolicy", "DetachGroupPolicy"),
		},
	}
}

// monitorInput makes one text of an event: what, which, who, when, where. It is a
// custom notification of Amazon Q Developer, because chat shows nothing else, and
// words enough for the other protocols, which all get the same. A variable that
// the event does not have leaves nothing in the text. What stands in it was
// chosen by AWS, or begins with our own names; alarmNames is left out, because a
// list in a text may spoil it.
func monitorInput() *Input {
	which := " <mapped>"
	paths := map[string]string{
		"event": "$.detail.eventName", "who": "$.detail.userIdentity.arn", "issuer": "$.detail.userIdentity.sessionContext.sessionIssuer.arn", "by": "$.detail.userIdentity.invokedBy",
		"at": "$.detail.eventTime", "account": "$.account", "region": "$.region", "address": "$.detail.sourceIPAddress", "id": "$.detail.eventID",
		"mapped": "$.detail.responseElements.functionArn",
	}
	for _, parameter := range []string{"name", "rule", "eventBusName", "alarmName", "queueUrl", "topicArn", "subscriptionArn", "resourceArn", "keyId", "functionName", "bucketName", "tableName", "logGroupName", "roleName", "policyArn"} {
		paths["p"+parameter] = "$.detail.requestParameters." + parameter
		which += " <p" + parameter + ">"
	}
	return &Input{Paths: paths, Template: `{"version":"1.0","source":"custom","content":{"textType":"client-markdown",
"title":"mfawatch itself was changed: <event>",
"description":"What: <event>. Which:` + which + `. Who: <who> <issuer> <by>. When: <at>. Where: account <account>, <region>, from <address>. Event <id>.",
"nextSteps":["A deployment of mfawatch does this. If there was none, ask who did it and why.","Not explained: set it back (cdk deploy), and treat the actor's credentials as stolen."]}}`}
}

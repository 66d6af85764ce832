package stacks

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
)

// canaryTimeout is how long the canary may run: its wait, the calls before and
// after it, and their retries.
const canaryTimeout = 300

// makeCanaryQueue makes the queue in which the canary finds what it sent: alerts
// from the topic, and the tag's event from its rule.
func (b *builder) makeCanaryQueue(s awscdk.Stack) {
	dead := awssqs.NewCfnQueue(s, jsii.String("CanaryDeadQueue"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(b.of("canary-dead")), SqsManagedSseEnabled: jsii.Bool(true), MessageRetentionPeriod: jsii.Number(deadLetterDays * 24 * 3600),
		RedriveAllowPolicy: object{"redrivePermission": "byQueue", "sourceQueueArns": []string{b.queue("canary", b.home)}},
	})
	b.queuePolicy(s, dead, "canary-dead")
	q := awssqs.NewCfnQueue(s, jsii.String("CanaryQueue"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(b.of("canary")), SqsManagedSseEnabled: jsii.Bool(true), VisibilityTimeout: jsii.Number(canaryTimeout),
		MessageRetentionPeriod: jsii.Number(24 * oneHour), // what nobody took by then is no canary's any more
		RedrivePolicy:          object{"deadLetterTargetArn": dead.AttrArn(), "maxReceiveCount": attempts},
	})
	send := []string{"sqs:SendMessage"}
	b.queuePolicy(s, q, "canary",
		allow("TopicSends", send, b.queue("canary", b.home)).to(service("sns.amazonaws.com")).when(object{"ArnEquals": object{"aws:SourceArn": b.topic()}}),
		allow("RulesSend", send, b.queue("canary", b.home)).to(service("events.amazonaws.com")).
			when(object{"ArnEquals": object{"aws:SourceArn": []string{b.rule(b.home, "", b.of("canary-trail")), b.rule(b.home, b.prefix, b.of("canary-trail"))}}}))
	subscription := awssns.NewCfnSubscription(s, jsii.String("CanarySubscription"), &awssns.CfnSubscriptionProps{
		TopicArn: jsii.String(b.topic()), Protocol: jsii.String("sqs"), Endpoint: jsii.String(b.queue("canary", b.home)), FilterPolicy: object{"kind": []string{"canary"}},
	})
	subscription.AddResourceDependency(q, nil)
}

// makeWatchdog makes what watches the monitor itself.
func (b *builder) makeWatchdog(after ...awscdk.Stack) {
	s := b.stack("watchdog", b.home, "whether the monitor itself works", after...)
	// Nobody can assume it: it is there to be tagged.
	awsiam.NewCfnRole(s, jsii.String("CanaryTargetRole"), &awsiam.CfnRoleProps{
		RoleName: jsii.String(deployed.CanaryTarget(b.prefix)), Description: jsii.String("Tagged every day, to see its event come back through CloudTrail. Nobody can assume it."),
		AssumeRolePolicyDocument: document(statement{Sid: "Nobody", Effect: "Deny", Action: "sts:AssumeRole"}.to(object{"AWS": "*"})),
	})
	fn := b.function(s, lambda{
		name: "canary", why: "Sends canaries through every Region's way of alerts, and compares what stands deployed", memory: 256, timeout: canaryTimeout, scheduled: true,
		environment: b.canarySettings(),
	}, b.canaryStatements()...)
	b.invoked(s, "canary", fn, 0) // the next round comes by itself, and a second one beside it would take the first one's canaries
	// Both rarer ones run oftener than their alarms' period, a day: schedules are late
	// by up to a minute, and a day without a value would be one too many.
	for _, one := range []struct{ mode, expression string }{{"send", "rate(" + minutes(b.d.Watchdog.Every) + ")"}, {"trail", "rate(6 hours)"}, {"check", "rate(12 hours)"}} {
		b.scheduleWith(s, "canary-"+one.mode, one.expression, *fn.AttrArn(), `{"mode":"`+one.mode+`"}`, "lambda:InvokeFunction")
	}
	for _, a := range b.watches() {
		b.makeAlarm(s, a)
	}
}

// minutes is a time as the scheduler's rate expressions have it.
func minutes(d time.Duration) string {
	if d == time.Minute {
		return "1 minute"
	}
	return number(int(d/time.Minute)) + " minutes"
}

func (b *builder) trailARN() string {
	if b.d.Trail.Adopt != "" {
		return b.d.Trail.Adopt
	}
	return b.trail()
}

func (b *builder) canarySettings() settings.Canary {
	return settings.Canary{
		Common: b.common(), Prefix: b.prefix, Regions: b.d.Regions, TopicARN: b.topic(), QueueARN: b.queue("canary", b.home),
		TrailARN: b.trailARN(), KeyARN: *b.key, Wait: time.Minute, Heartbeat: b.d.Watchdog.Heartbeat,
	}
}

// canaryStatements: no list of rules or of mappings can be narrowed to ours
// (service authorization reference, EventBridge and Lambda).
func (b *builder) canaryStatements() []statement {
	var buses, dead, rules []string
	for _, region := range b.d.Regions {
		buses = append(buses, b.arn("events", region, "event-bus/default"))
		dead = append(dead, b.queue("rules-dead", region))
		rules = append(rules, b.rule(region, "", b.prefix+"-*"))
	}
	rules = append(rules, b.rule(b.home, b.prefix, b.prefix+"-*"))
	return []statement{
		allow("SendCanaries", []string{"events:PutEvents"}, buses...).when(object{"StringEquals": object{"events:source": deployed.CanarySource}}),
		allow("TakeThemBack", []string{"sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"}, b.queue("canary", b.home)),
		allow("CountDeadLetters", []string{"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}, dead...),
		allow("TagItsRole", []string{"iam:TagRole"}, b.arn("iam", "", "role/"+deployed.CanaryTarget(b.prefix))).when(object{"ForAllValues:StringEquals": object{"aws:TagKeys": []string{deployed.CanaryTag}}}),
		allow("ListRules", []string{"events:ListRules"}, "*"),
		allow("ReadRules", []string{"events:ListTargetsByRule"}, rules...),
		allow("ReadSubscriptions", []string{"sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"}, b.topic(), b.topic()+":*"),
		allow("ReadTrail", []string{"cloudtrail:GetTrailStatus"}, b.trailARN()),
		allow("ReadFunctions", []string{"lambda:GetFunctionConcurrency"}, b.functionARN("*")),
		allow("ListSources", []string{"lambda:ListEventSourceMappings"}, "*"),
		allow("Tell", []string{"sns:Publish"}, b.topic()),
		b.useKey(),
	}
}

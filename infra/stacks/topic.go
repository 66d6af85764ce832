package stacks

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awschatbot"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
	"mfawatch/audit/pattern/deployed"
)

// makeTopic makes the topic that everything is told on, who is told, and who may
// tell. It stays with the data: people confirmed their subscriptions.
func (b *builder) makeTopic(s awscdk.Stack) {
	topic := awssns.NewCfnTopic(s, jsii.String("AlertsTopic"), &awssns.CfnTopicProps{
		TopicName: jsii.String(b.of("alerts")), DisplayName: jsii.String("mfawatch"), KmsMasterKeyId: b.key,
	})
	retained(topic)
	retained(awssns.NewCfnTopicPolicy(s, jsii.String("AlertsTopicPolicy"), &awssns.CfnTopicPolicyProps{Topics: jsii.Strings(*topic.Ref()), PolicyDocument: document(b.topicStatements()...)}))
	dead := b.makeDeadLetters(s, "alerts-dead", "sns.amazonaws.com", b.topic())
	var chats []config.Target
	for _, target := range b.d.Targets {
		if target.Kind == config.Slack || target.Kind == config.Teams {
			chats = append(chats, target)
			continue
		}
		b.subscribe(s, topic, dead, target)
	}
	b.makeChats(s, topic, chats)
}

// topicStatements let alarms and rules of this deployment publish; the functions
// may by their own roles.
func (b *builder) topicStatements() []statement {
	publish := []string{"sns:Publish"}
	alarms := object{"StringEquals": object{"aws:SourceAccount": b.account}, "ArnLike": object{"aws:SourceArn": []string{b.alarms()}}}
	return []statement{
		allow("AlarmsPublish", publish, b.topic()).to(service("cloudwatch.amazonaws.com")).when(alarms),
		// No condition: EventBridge takes none in the policy of a topic, and publishes
		// nothing where one stands (EventBridge user guide, resource-based policies).
		allow("RulesPublish", publish, b.topic()).to(service("events.amazonaws.com")),
		{Sid: "TLSOnly", Effect: "Deny", Principal: "*", Action: []string{"sns:Publish"}, Resource: []string{b.topic()}, Condition: object{"Bool": object{"aws:SecureTransport": "false"}}},
	}
}

// subscribe makes one subscription. What can be tried again, and is lost after
// that, goes to a queue instead: an address of e-mail has no such end.
func (b *builder) subscribe(s awscdk.Stack, topic awssns.CfnTopic, dead awssqs.CfnQueue, t config.Target) {
	protocol := map[config.TargetKind]string{config.Email: "email", config.HTTPS: "https", config.PagerDuty: "https", config.SQS: "sqs"}[t.Kind]
	props := &awssns.CfnSubscriptionProps{TopicArn: topic.Ref(), Protocol: jsii.String(protocol), Endpoint: jsii.String(t.Address), FilterPolicy: heard(t)}
	if protocol != "email" {
		props.RedrivePolicy = object{"deadLetterTargetArn": b.queue("alerts-dead", b.home)}
	}
	awssns.NewCfnSubscription(s, jsii.String("Target"+pascal(string(t.Kind))+short(t.Address)), props).AddResourceDependency(dead, nil)
}

// short names a target by what it is, never by its place in the file: by place,
// another order in the file would be other endpoints of the same resources.
// CloudFormation would subscribe anew, which answers with the subscription that is
// there (SNS API reference, Subscribe), and then end that one as the old one.
func short(parts ...string) string {
	return deployed.EndpointDigest(strings.Join(parts, "\n"))[:12]
}

var severities = []string{"info", "low", "medium", "high", "critical"}

// heard is the filter policy of a target that wants to hear of its severity and worse.
// Alarms and the rules about the monitor itself have no attributes: they are
// heard by everybody but who hears of some accounts only. The canary is heard by nobody
// but its queue.
func heard(t config.Target) object {
	least := max(slices.Index(severities, t.Severity), 0)
	if len(t.Accounts) > 0 {
		// Values of all keys multiply, and 150 is the most (SNS developer guide, filter policy
		// constraints): 30 accounts by four severities.
		of := object{"account": t.Accounts, "kind": []any{object{"anything-but": []string{"canary"}}}}
		if least > 0 {
			of["severity"] = severities[least:]
		}
		return of
	}
	levels := []any{object{"exists": false}}
	for _, severity := range severities[least:] {
		levels = append(levels, severity)
	}
	return object{"severity": levels, "kind": []any{object{"exists": false}, object{"anything-but": []string{"canary"}}}}
}

// makeChats connects chat channels by Amazon Q Developer in chat applications.
// The role is what a person in the channel may do with AWS: nothing.
func (b *builder) makeChats(s awscdk.Stack, topic awssns.CfnTopic, chats []config.Target) {
	if len(chats) == 0 {
		return
	}
	deny := "arn:" + b.partition + ":iam::aws:policy/AWSDenyAll"
	r := awsiam.NewCfnRole(s, jsii.String("ChatRole"), &awsiam.CfnRoleProps{
		RoleName: jsii.String(b.of("chat")), Description: jsii.String("What may be done from a chat channel: nothing"), ManagedPolicyArns: anys([]string{deny}),
		AssumeRolePolicyDocument: document(statement{Sid: "Trust", Effect: "Allow", Action: "sts:AssumeRole"}.to(service("chatbot.amazonaws.com"))),
	})
	for _, t := range chats {
		id := short(t.Workspace, t.Tenant, t.Team, t.Channel)
		name := b.of(id)
		if t.Kind == config.Slack {
			awschatbot.NewCfnSlackChannelConfiguration(s, jsii.String("Slack"+id), &awschatbot.CfnSlackChannelConfigurationProps{
				ConfigurationName: jsii.String(name), IamRoleArn: r.AttrArn(), SlackWorkspaceId: jsii.String(t.Workspace), SlackChannelId: jsii.String(t.Channel),
				SnsTopicArns: anys([]string{b.topic()}), GuardrailPolicies: jsii.Strings(deny), LoggingLevel: jsii.String("ERROR"),
			})
			continue
		}
		awschatbot.NewCfnMicrosoftTeamsChannelConfiguration(s, jsii.String("Teams"+id), &awschatbot.CfnMicrosoftTeamsChannelConfigurationProps{
			ConfigurationName: jsii.String(name), IamRoleArn: r.AttrArn(), TeamId: jsii.String(t.Team), TeamsTenantId: jsii.String(t.Tenant), TeamsChannelId: jsii.String(t.Channel),
			SnsTopicArns: jsii.Strings(*topic.Ref()), GuardrailPolicies: jsii.Strings(deny), LoggingLevel: jsii.String("ERROR"),
		})
	}
}

// deadLetterDays is how long what could not be delivered waits for a person: the
// longest that SQS keeps anything.
const deadLetterDays = 14

// makeDeadLetters makes a queue for what a service could not deliver. It is
// encrypted by SQS's own key: a key of KMS would be one more thing that can keep a
// message from arriving.
func (b *builder) makeDeadLetters(s awscdk.Stack, name, from string, sources ...string) awssqs.CfnQueue {
	q := awssqs.NewCfnQueue(s, jsii.String(pascal(name)+"Queue"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(b.of(name)), SqsManagedSseEnabled: jsii.Bool(true), MessageRetentionPeriod: jsii.Number(deadLetterDays * 24 * 3600),
	})
	if from == "" { // who sends here does so by its own role
		b.queuePolicy(s, q, name)
		return q
	}
	b.queuePolicy(s, q, name, allow("Arrive", []string{"sqs:SendMessage"}, b.queue(name, *s.Region())).to(service(from)).when(object{"ArnLike": object{"aws:SourceArn": sources}}))
	return q
}

// queuePolicy lets in who is named, over TLS.
func (b *builder) queuePolicy(s awscdk.Stack, q awssqs.CfnQueue, name string, statements ...statement) {
	tls := statement{Sid: "TLSOnly", Effect: "Deny", Principal: "*", Action: []string{"sqs:*"}, Resource: []string{b.queue(name, *s.Region())}, Condition: object{"Bool": object{"aws:SecureTransport": "false"}}}
	awssqs.NewCfnQueuePolicy(s, jsii.String(pascal(name)+"QueuePolicy"), &awssqs.CfnQueuePolicyProps{Queues: jsii.Strings(*q.Ref()), PolicyDocument: document(append([]statement{tls}, statements...)...)})
}

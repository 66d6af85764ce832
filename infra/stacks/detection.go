package stacks

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/functions/settings"
)

// Times of the hot path. A message that is being worked on stays hidden for
// longer than the claim of a function that died holds, and six times as long as
// the function may run (Lambda developer guide, SQS event source).
const (
	signinTimeout   = 60
	visibility      = 6 * signinTimeout
	attempts        = 5
	deliveryHours   = 24  // EventBridge tries a target for so long at most,
	deliveryRetries = 185 // and so often (EventBridge user guide, retry policy)
	oneHour         = 3600
	signinAtOnce    = 10

	lease    = 2 * time.Minute
	keep     = 90 * 24 * time.Hour
	lookBack = 6 * time.Hour
	silence  = 2 * time.Hour
)

// makeDetection makes the fast path and its safety net in the home Region.
func (b *builder) makeDetection() awscdk.Stack {
	s := b.stack("detection", b.home, "sign-ins as they come, and hourly what was missed", b.data)
	b.makeDeadLetters(s, "rules-dead", "events.amazonaws.com", b.rule(b.home, "", b.prefix+"-*"), b.rule(b.home, b.prefix, b.prefix+"-*"))
	b.makeDeadLetters(s, "schedules-dead", "")
	b.makeSignInQueue(s)
	b.makeBus(s)
	b.makeForwarder(s)
	if b.d.Watchdog.Enabled {
		b.makeCanaryQueue(s)
	}
	for _, r := range b.on(b.home) {
		b.makeRule(s, r, "")
	}
	for _, r := range b.arriving() {
		b.makeRule(s, r, b.prefix)
	}
	b.makeSignin(s)
	b.makeReconcile(s)
	return s
}

// makeSignInQueue makes the queue between rules and function, and where a message
// ends that failed too often.
func (b *builder) makeSignInQueue(s awscdk.Stack) {
	dead := awssqs.NewCfnQueue(s, jsii.String("SignInsDeadQueue"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(b.of("sign-ins-dead")), SqsManagedSseEnabled: jsii.Bool(true), MessageRetentionPeriod: jsii.Number(deadLetterDays * 24 * 3600),
		RedriveAllowPolicy: object{"redrivePermission": "byQueue", "sourceQueueArns": []string{b.queue("sign-ins", b.home)}},
	})
	b.queuePolicy(s, dead, "sign-ins-dead")
	q := awssqs.NewCfnQueue(s, jsii.String("SignInsQueue"), &awssqs.CfnQueueProps{
		QueueName: jsii.String(b.of("sign-ins")), SqsManagedSseEnabled: jsii.Bool(true), VisibilityTimeout: jsii.Number(visibility), MessageRetentionPeriod: jsii.Number(4 * 24 * 3600),
		RedrivePolicy: object{"deadLetterTargetArn": dead.AttrArn(), "maxReceiveCount": attempts},
	})
	b.queuePolicy(s, q, "sign-ins", allow("RulesSend", []string{"sqs:SendMessage"}, b.queue("sign-ins", b.home)).to(service("events.amazonaws.com")).
		when(object{"ArnLike": object{"aws:SourceArn": []string{b.rule(b.home, "", b.prefix+"-*"), b.rule(b.home, b.prefix, b.prefix+"-*")}}}))
}

// makeBus makes the bus that other Regions, and in an organisation other accounts,
// send to. The default bus would show their events to every rule of this account.
func (b *builder) makeBus(s awscdk.Stack) {
	bus := awsevents.NewCfnEventBus(s, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name: jsii.String(b.prefix), // no description: GovCloud's resource does not know one
	})
	if b.organizational() {
		sends := allow("MembersSend", []string{"events:PutEvents"}, b.bus()).to("*").when(object{"StringEquals": object{"aws:PrincipalOrgID": b.d.Organization.ID}, "ArnLike": object{"aws:PrincipalArn": "arn:" + b.partition + ":iam::*:role/" + b.of("forward")}})
		awsevents.NewCfnEventBusPolicy(s, jsii.String("BusPolicy"), &awsevents.CfnEventBusPolicyProps{
			EventBusName: bus.Ref(), StatementId: jsii.String("MembersSend"), Statement: plain(sends),
		})
	}
}

// makeForwarder makes the role with which this account's other Regions send.
func (b *builder) makeForwarder(s awscdk.Stack) {
	role(s, b.names, "forward", "events.amazonaws.com", "Sends what rules of other Regions match to the home Region", allow("Forward", []string{"events:PutEvents"}, b.bus()))
}

func cut(text string, most int) string { return text[:min(len(text), most)] }

func (b *builder) common() settings.Common {
	return settings.Common{Partition: b.partition, Account: b.account, LogLevel: "info"}
}

func (b *builder) alerting() settings.Alerting {
	d := settings.Alerting{TopicARN: b.topic(), EventsTable: b.of("events"), EvidenceBucket: b.bucket("evidence")}
	d.Lease, d.Keep = lease, keep
	return d
}

// alertStatements are what sending alerts needs, as functions/delivery does it.
func (b *builder) alertStatements(alsoPending bool) []statement {
	table := []string{"dynamodb:UpdateItem"}
	resources := []string{b.table("events")}
	if alsoPending {
		table = append(table, "dynamodb:BatchGetItem", "dynamodb:Query")
		resources = append(resources, b.table("events")+"/index/pending")
	}
	return []statement{
		allow("ClaimAndMark", table, resources...),
		allow("KeepEvidence", []string{"s3:GetObject", "s3:PutObject"}, b.objects("evidence", "")),
		// Without it S3 answers 403 for what is not there yet.
		allow("KnowWhatIsThere", []string{"s3:ListBucket"}, b.bucketARN("evidence")),
		allow("Tell", []string{"sns:Publish"}, b.topic()),
		b.useKey(),
	}
}

// useKey is encryption of what a function reads, writes and publishes.
func (b *builder) useKey() statement {
	return allow("UseKey", []string{"kms:Decrypt", "kms:GenerateDataKey"}, *b.key)
}

func (b *builder) makeSignin(s awscdk.Stack) {
	fn := b.function(s, lambda{
		name: "signin", why: "Judges sign-ins as they come and tells people of those without a second factor", memory: 512, timeout: signinTimeout,
		environment: settings.Signin{Common: b.common(), Alerting: b.alerting(), Queues: []string{b.queue("sign-ins", b.home)}},
	}, append(b.alertStatements(false),
		allow("TakeFromQueue", []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}, b.queue("sign-ins", b.home)))...)
	source := awslambda.NewCfnEventSourceMapping(s, jsii.String("SigninSource"), &awslambda.CfnEventSourceMappingProps{
		FunctionName: fn.Ref(), EventSourceArn: jsii.String(b.queue("sign-ins", b.home)), BatchSize: jsii.Number(10), FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
		// Bounds a storm without reserving anything of an account's concurrency, of
		// which a new account has ten.
		ScalingConfig: object{"maximumConcurrency": signinAtOnce},
	})
	source.AddResourceDependency(s.Node().FindChild(jsii.String("SignInsQueue")).(awssqs.CfnQueue), nil)
}

// makeReconcile makes the hourly reading of the trail's files.
func (b *builder) makeReconcile(s awscdk.Stack) {
	bucket, prefix := b.bucket("trail"), ""
	if b.d.Trail.Adopt != "" {
		bucket, prefix = b.d.Trail.Bucket, b.d.Trail.KeyPrefix
	}
	bucketARN, only, files := "arn:"+b.partition+":s3:::"+bucket, "", "AWSLogs/*"
	if !b.organizational() { // an organisation's bucket holds everybody's files
		only, files = b.account, "AWSLogs/*"+b.account+"/*"
	}
	statements := append(b.alertStatements(true),
		allow("ReadTrail", []string{"s3:GetObject"}, bucketARN+"/"+prefix+files),
		allow("ListTrail", []string{"s3:ListBucket"}, bucketARN),
	)
	if b.d.Trail.KeyARN != "" {
		statements = append(statements, allow("ReadTrailKey", []string{"kms:Decrypt"}, b.d.Trail.KeyARN))
	}
	fn := b.function(s, lambda{
		name: "reconcile", scheduled: true, why: "Reads the trail's files every hour and tells what the fast path has not", memory: 1024, timeout: 900,
		environment: settings.Reconcile{Common: b.common(), Alerting: b.alerting(), TrailBucket: bucket, TrailPrefix: prefix, TrailAccount: only, LookBack: lookBack, Silence: silence},
	}, statements...)
	b.schedule(s, "reconcile", "rate(1 hour)", fn, object{})
}

// schedule invokes a function again and again, with constant input.
func (b *builder) schedule(s awscdk.Stack, name, expression string, fn awslambda.CfnFunction, input object) {
	text, _ := json.Marshal(input)
	b.invoked(s, name, fn, 2)
	b.scheduleWith(s, name, expression, *fn.AttrArn(), string(text), "lambda:InvokeFunction")
}

// invoked says what becomes of an invocation that failed: it is tried again, and
// then kept for a person.
func (b *builder) invoked(s awscdk.Stack, name string, fn awslambda.CfnFunction, retries float64) {
	invoke := awslambda.NewCfnEventInvokeConfig(s, jsii.String(pascal(name)+"Invoke"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName: fn.Ref(), Qualifier: jsii.String("$LATEST"), MaximumRetryAttempts: jsii.Number(retries), MaximumEventAgeInSeconds: jsii.Number(oneHour),
		DestinationConfig: object{"onFailure": object{"destination": b.queue("schedules-dead", b.home)}},
	})
	if dead, here := s.Node().TryFindChild(jsii.String("SchedulesDeadQueue")).(awssqs.CfnQueue); here {
		invoke.AddResourceDependency(dead, nil)
	}
}

// scheduleWith makes a schedule and the role that it calls its target as.
func (b *builder) scheduleWith(s awscdk.Stack, name, expression, target, input, action string) {
	r := role(s, b.names, name+"-schedule", scheduler, "Starts "+name+" on its schedule", allow("Start", []string{action}, target))
	r.before(awsscheduler.NewCfnSchedule(s, jsii.String(pascal(name)+"Schedule"), &awsscheduler.CfnScheduleProps{
		Name: jsii.String(b.of(name)), ScheduleExpression: jsii.String(expression), ScheduleExpressionTimezone: jsii.String("UTC"),
		FlexibleTimeWindow: object{"mode": "OFF"},
		Target:             object{"arn": target, "roleArn": *r.arn(), "input": input, "retryPolicy": object{"maximumEventAgeInSeconds": oneHour, "maximumRetryAttempts": 5}},
	}))
}

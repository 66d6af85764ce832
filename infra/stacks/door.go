package stacks

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/functions/settings"
)

// What functions/breakglass says of itself to others: the context that its secrets are
// sealed with, the tags of its sessions, and what its schedule sends.
const (
	doorContext = "kms:EncryptionContext:mfawatch:door"
	requestTag  = "mfawatch:request"
	ticketTag   = "mfawatch:ticket"
	tend        = `{"mfawatch":"tend"}`
)

// Of the function. Few people call it, so ten at once are many; kept for it, so that
// nothing else of the account can use them up in an emergency.
const (
	doorTimeout = 30
	doorAtOnce  = 10
	drillDays   = 90
	unarchived  = 600 // seconds that an entry may be in the table alone: the schedule copies it each minute
)

// makeDoor makes the function behind its URL, who may call it, and what watches it.
// topicKey is the key of the topic, which is not the door's own.
func (b *builder) makeDoor(s awscdk.Stack, topicKey string) {
	fn := b.function(s, lambda{
		name: emergencyFunction, why: "Checks codes of the emergency door and opens it", memory: 512, timeout: doorTimeout, scheduled: true, reserved: doorAtOnce,
		environment: settings.BreakGlass{
			Common: b.common(), Region: b.home, Table: b.of(emergencyFunction), LedgerTable: b.of(emergencyLedger),
			TopicARN: b.topic(), KeyARN: *b.key, RecordBucket: b.bucket(emergencyRecord),
		},
	}, b.doorStatements(topicKey)...)
	b.invoked(s, emergencyFunction, fn, 0) // the next minute comes by itself
	b.scheduleWith(s, emergencyFunction, "rate(1 minute)", *fn.AttrArn(), tend, "lambda:InvokeFunction")
	b.makeDoorURL(s, fn)
	b.makeCallers(s)
	for _, a := range b.doorAlarms() {
		b.makeAlarm(s, a)
	}
}

// makeDoorURL makes the address that people call. The function has no policy of its
// own: callers are of this account, whose own policies are enough, and a permission
// in another place would be one more to watch (Lambda developer guide, control access
// to function URLs).
func (b *builder) makeDoorURL(s awscdk.Stack, fn awslambda.CfnFunction) {
	url := awslambda.NewCfnUrl(s, jsii.String("BreakglassUrl"), &awslambda.CfnUrlProps{
		TargetFunctionArn: fn.AttrArn(), AuthType: jsii.String("AWS_IAM"), InvokeMode: jsii.String("BUFFERED"),
	})
	awscdk.NewCfnOutput(s, jsii.String("DoorUrl"), &awscdk.CfnOutputProps{Value: url.AttrFunctionUrl(), Description: jsii.String("Where mfawatch breakglass calls the door")})
}

// doorStatements are what functions/breakglass does, and no more.
func (b *builder) doorStatements(topicKey string) []statement {
	rows := []string{"dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"}
	key := []string{"kms:Decrypt", "kms:GenerateDataKey"}
	by := func(service string) string { return service + "." + b.home + "." + b.suffix() }
	roles := b.emergencyRoles()
	return []statement{
		allow("KeepRows", rows, b.table(emergencyFunction), b.table(emergencyLedger)),
		allow("OpenDevices", key, *b.key).when(equals(doorContext, b.rules.Door)),
		allow("ReadEnvironment", []string{"kms:Decrypt"}, *b.key).when(equals("kms:EncryptionContext:aws:lambda:FunctionArn", b.functionARN(emergencyFunction))),
		allow("UseKeyOfRowsAndRecord", key, *b.key).when(equals("kms:ViaService", []string{by("dynamodb"), by("s3")})),
		allow("KeepRecord", []string{"s3:GetObject", "s3:PutObject"}, b.objects(emergencyRecord, "record/"+b.rules.Door+"/")),
		// Without it S3 answers 403 for what is not there yet.
		allow("KnowWhatIsThere", []string{"s3:ListBucket"}, b.bucketARN(emergencyRecord)),
		allow("Tell", []string{"sns:Publish"}, b.topic()),
		allow("UseKeyOfTopic", key, topicKey).when(equals("kms:EncryptionContext:aws:sns:topicArn", b.topic())),
		allow("OpenDoor", []string{"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}, roles...),
		allow("ShutDoor", []string{"iam:PutRolePolicy"}, roles...), // a session that was taken back is denied there
	}
}

// onlyTheDoorOpens keeps everybody else from what is sealed for the door: the policies
// of the account let administrators use the key.
func (b *builder) onlyTheDoorOpens() statement {
	return statement{Sid: "OnlyTheDoorOpens", Effect: "Deny", Principal: "*", Action: []string{"kms:Decrypt", "kms:ReEncryptFrom"}, Resource: []string{"*"}, Condition: object{
		"Null":         object{doorContext: "false"},
		"ArnNotEquals": object{"aws:PrincipalArn": b.role(emergencyFunction)},
	}}
}

// doorOpens lets the function assume the role, for a request that its session names
// and for a person of the rules. Each action knows its own condition keys only
// (service authorization reference, STS).
func (b *builder) doorOpens(who []string) []statement {
	fn := object{"AWS": b.role(emergencyFunction)}
	return []statement{
		{Sid: "DoorOpens", Effect: "Allow", Principal: fn, Action: "sts:AssumeRole", Condition: object{
			"StringEquals": object{"sts:SourceIdentity": who},
			"StringLike":   object{"sts:RoleSessionName": "mfawatch-*", "aws:RequestTag/" + requestTag: "?*"},
		}},
		{Sid: "DoorSaysWho", Effect: "Allow", Principal: fn, Action: "sts:SetSourceIdentity", Condition: equals("sts:SourceIdentity", who)},
		{Sid: "DoorSaysWhy", Effect: "Allow", Principal: fn, Action: "sts:TagSession", Condition: object{"ForAllValues:StringEquals": object{"aws:TagKeys": []string{requestTag, ticketTag}}}},
	}
}

// callerStatements let people call the function by its URL, with MFA that AWS checked.
// A new URL asks for both actions. Each call proves besides who makes it, by a signed
// call of sts:GetCallerIdentity: that needs no permission, and no policy can deny it
// (STS API reference). It does not say that MFA was there, so the second condition stays:
// who may invoke a function directly needs none.
func (b *builder) callerStatements() []statement {
	fn, mfa := b.functionARN(emergencyFunction), object{"aws:MultiFactorAuthPresent": "true"}
	return []statement{
		allow("CallDoor", []string{"lambda:InvokeFunctionUrl"}, fn).when(object{"Bool": mfa, "StringEquals": object{"lambda:FunctionUrlAuthType": "AWS_IAM"}}),
		allow("ByItsUrl", []string{"lambda:InvokeFunction"}, fn).when(object{"Bool": object{"aws:MultiFactorAuthPresent": "true", "lambda:InvokedViaFunctionUrl": "true"}}),
		// Whatever another policy of the user allows.
		deny("NeverWithoutMfa", []string{"lambda:InvokeFunction", "lambda:InvokeFunctionUrl"}, fn).when(object{"BoolIfExists": object{"aws:MultiFactorAuthPresent": "false"}}),
		deny("NeverDirectly", []string{"lambda:InvokeFunction"}, fn).when(object{"BoolIfExists": object{"lambda:InvokedViaFunctionUrl": "false"}}),
	}
}

// makeCallers makes the policy of the people's users, and attaches it.
func (b *builder) makeCallers(s awscdk.Stack) {
	awsiam.NewCfnManagedPolicy(s, jsii.String("BreakglassCallersPolicy"), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(b.of("breakglass-callers")), PolicyDocument: document(b.callerStatements()...), Users: anys(b.callers()),
	})
}

// callers are the names of the people's users: an ARN without its path.
func (b *builder) callers() []string {
	var all []string
	for _, p := range b.rules.People {
		for _, arn := range p.Principals {
			all = append(all, arn[strings.LastIndex(arn, "/")+1:])
		}
	}
	slices.Sort(all)
	return all
}

// doorAlarms are what a person has to hear of the door, beside its own notices and the
// rule about the role's use.
func (b *builder) doorAlarms() []alarm {
	door, fn := map[string]string{"function": emergencyFunction}, map[string]string{"FunctionName": b.of(emergencyFunction)}
	name := b.of(emergencyFunction)
	return []alarm{
		{name: "breakglass-errors", namespace: "AWS/Lambda", metric: "Errors", statistic: "Sum", period: fiveMinutes, dimensions: fn, silence: notBreaching,
			why: name + " failed, or could not do each minute's work: notices, revocations, or the copy of the record in " + b.bucket(emergencyRecord) + ", which is not archived then. Its log says what."},
		{name: "breakglass-throttles", namespace: "AWS/Lambda", metric: "Throttles", statistic: "Sum", period: fiveMinutes, dimensions: fn, silence: notBreaching,
			why: name + " was not let run: somebody calls it without end, or took its concurrency away."},
		{name: "breakglass-failures", namespace: own, metric: settings.DoorFailures, statistic: "Sum", period: fiveMinutes, dimensions: door, silence: notBreaching, event: true,
			why: "Somebody called the emergency door and something that it needs was not there: a table, a key, or the role. The offline way is there meanwhile (docs/break-glass.md)."},
		{name: "breakglass-unproved", namespace: own, metric: settings.DoorUnproved, statistic: "Sum", period: fiveMinutes, dimensions: door, silence: notBreaching, event: true,
			why: "Somebody called the emergency door and AWS does not confirm who: past its URL, with a proof of something else, or by a machine whose clock is off. The log of " + name + " says as whom."},
		{name: "breakglass-unarchived", namespace: own, metric: settings.UnarchivedAge, statistic: "Minimum", period: 60, of: 5, in: 5, most: unarchived, dimensions: door, silence: notBreaching,
			why: "For " + number(unarchived/60) + " minutes an entry of the emergency door's record is not in " + b.bucket(emergencyRecord) + ": who has the table could change it unseen. The log of " + name + " says why."},
		{name: "breakglass-untold", namespace: own, metric: settings.NoticesWaiting, statistic: "Minimum", period: 60, of: 5, in: 5, dimensions: door, silence: breaching,
			why: "For five minutes notices of the emergency door wait untold, or its schedule " + name + " does nothing."},
		{name: "breakglass-owed", namespace: own, metric: settings.GrantsOwed, statistic: "Minimum", period: 60, of: 5, in: 5, dimensions: door, silence: notBreaching,
			why: "Credentials of the emergency door were taken back, and AWS does not refuse them yet. Deny the role's sessions by hand (docs/break-glass.md)."},
		{name: "breakglass-drill-age", namespace: own, metric: settings.DrillAge, statistic: "Maximum", period: oneHour, most: drillDays * oneDay, dimensions: door, silence: notBreaching,
			why: "For " + number(drillDays) + " days nobody has practised one of the roles of the emergency door, or nobody ever has: mfawatch breakglass drill --role, for each."},
	}
}

package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// emergencyFunction is the function that checks codes. Its stack does without while
// it is not built.
const emergencyFunction = "breakglass"

// makeBreakGlass makes the emergency door: a role for named users, and apart from
// it what has to be kept about it.
func (b *builder) makeBreakGlass() {
	if b.guards.emergency == nil {
		return
	}
	data := b.stack("breakglass-data", b.home, "what the emergency door keeps: key, tables and log group. Kept when the stack is deleted.", b.data)
	own := *b
	own.key = b.makeEmergencyKey(data)
	own.makeEmergencyTables(data)
	own.makeEmergencyLogs(data)
	s := b.stack("breakglass", b.home, "the emergency door: a role for named users with MFA", data)
	b.makeEmergencyRole(s)
	own.makeEmergencyFunction(s)
}

// makeEmergencyKey makes a key of its own, so that whoever loses or breaks the
// monitor's key does not lock the emergency door too.
func (b *builder) makeEmergencyKey(s awscdk.Stack) *string {
	key := awskms.NewCfnKey(s, jsii.String("Key"), &awskms.CfnKeyProps{
		Description: jsii.String("mfawatch: the emergency door's tables and log"), EnableKeyRotation: jsii.Bool(true), PendingWindowInDays: jsii.Number(30),
		KeyPolicy: document(
			allow("AccountDecides", []string{"kms:*"}, "*").to(object{"AWS": "arn:" + b.partition + ":iam::" + b.account + ":root"}),
			grantsOnlyForServices(),
			allow("LogGroupEncrypts", []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}, "*").
				to(service("logs."+b.home+"."+b.suffix())).
				when(object{"ArnEquals": object{"kms:EncryptionContext:aws:logs:arn": b.logs(b.logGroup(emergencyFunction))}}),
		),
	})
	retained(key)
	retained(awskms.NewCfnAlias(s, jsii.String("KeyAlias"), &awskms.CfnAliasProps{AliasName: jsii.String("alias/" + b.of(emergencyFunction)), TargetKeyId: key.AttrKeyId()}))
	return key.AttrArn()
}

// makeEmergencyTables makes the table of requests and their record, and the one of
// codes that were spent. Nothing in them runs out: a spent code stays spent, and the
// record is evidence.
func (b *builder) makeEmergencyTables(s awscdk.Stack) {
	hash, sort := object{"attributeName": "key", "keyType": "HASH"}, object{"attributeName": "sort", "keyType": "RANGE"}
	b.makeEmergencyTable(s, emergencyFunction, hash, sort)
	b.makeEmergencyTable(s, "ledger", hash)
}

func (b *builder) makeEmergencyTable(s awscdk.Stack, name string, schema ...object) {
	var keys, attributes []any
	for _, part := range schema {
		keys = append(keys, part)
		attributes = append(attributes, object{"attributeName": part["attributeName"], "attributeType": "S"})
	}
	retained(awsdynamodb.NewCfnTable(s, jsii.String(pascal(name)+"Table"), &awsdynamodb.CfnTableProps{
		TableName: jsii.String(b.of(name)), BillingMode: jsii.String("PAY_PER_REQUEST"), KeySchema: keys, AttributeDefinitions: attributes,
		PointInTimeRecoverySpecification: object{"pointInTimeRecoveryEnabled": true},
		SseSpecification:                 object{"sseEnabled": true, "sseType": "KMS", "kmsMasterKeyId": *b.key},
		DeletionProtectionEnabled:        jsii.Bool(true),
	}))
}

func (b *builder) makeEmergencyLogs(s awscdk.Stack) {
	retained(awslogs.NewCfnLogGroup(s, jsii.String("BreakglassLogs"), &awslogs.CfnLogGroupProps{
		LogGroupName: jsii.String(b.logGroup(emergencyFunction)), RetentionInDays: jsii.Number(float64(b.d.Retention.Logs)), KmsKeyId: b.key,
	}))
}

// makeEmergencyRole makes the role, which has what the file gives it and nothing of
// its own.
func (b *builder) makeEmergencyRole(s awscdk.Stack) {
	session := b.d.BreakGlass.Session
	if session == 0 {
		session = emergencySession
	}
	roleTrusting(s, b.names, "break-glass", "The emergency door: named users assume it with fresh MFA, and everybody is told", written(*b.guards.emergency), session.Seconds(), b.d.BreakGlass.Policies)
}

// makeEmergencyFunction makes the function where it is built. Its role writes its
// log and reads its environment, until the function's own issue says what else it
// does.
func (b *builder) makeEmergencyFunction(s awscdk.Stack) {
	if b.staged[emergencyFunction] == "" {
		return
	}
	b.function(s, lambda{
		name: emergencyFunction, why: "Checks codes of the emergency door", memory: 256, timeout: 30, environment: b.common(),
	}, allow("UseKey", []string{"kms:Decrypt"}, *b.key))
}

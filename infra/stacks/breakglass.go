package stacks

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// The names of the emergency door: the function that checks codes, its tables, and
// the role that it opens.
const (
	emergencyFunction = "breakglass"
	emergencyLedger   = "ledger"
	emergencyRecord   = "record"
	emergencyRole     = "break-glass"
)

// makeBreakGlass makes the emergency door: a role for named users, the function that
// opens it where the file has people, and apart from both what has to be kept.
func (b *builder) makeBreakGlass(detection awscdk.Stack) {
	if !b.d.BreakGlass.There() {
		return
	}
	data := b.stack("breakglass-data", b.home, "what the emergency door keeps: key, tables and log group. Kept when the stack is deleted.", b.data)
	own := *b
	own.key = b.makeEmergencyKey(data)
	own.makeEmergencyTables(data)
	own.makeEmergencyLogs(data)
	if b.d.BreakGlass.Door.There() {
		own.makeRecord(data)
		s := b.stack("breakglass", b.home, "the emergency door: a function that checks codes, and the roles that it opens", data, detection)
		own.makeDoor(s, *b.key)
		for _, role := range append(b.makeOtherRoles(s), b.makeEmergencyRole(s)) {
			role.AddResourceDependency(made(s, pascal(emergencyFunction)+"Role"), nil) // which it trusts by name
		}
		return
	}
	b.makeEmergencyRole(b.stack("breakglass", b.home, "the emergency door: a role for named users with MFA", data))
}

// makeEmergencyKey makes a key of its own, so that whoever loses or breaks the
// monitor's key does not lock the emergency door too.
func (b *builder) makeEmergencyKey(s awscdk.Stack) *string {
	statements := []statement{
		allow("AccountDecides", []string{"kms:*"}, "*").to(object{"AWS": "arn:" + b.partition + ":iam::" + b.account + ":root"}),
		grantsOnlyForServices(),
		allow("LogGroupEncrypts", []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}, "*").
			to(service("logs." + b.home + "." + b.suffix())).
			when(object{"ArnEquals": object{"kms:EncryptionContext:aws:logs:arn": b.logs(b.logGroup(emergencyFunction))}}),
	}
	if b.d.BreakGlass.Door.There() {
		statements = append(statements, b.onlyTheDoorOpens())
	}
	key := awskms.NewCfnKey(s, jsii.String("Key"), &awskms.CfnKeyProps{
		Description: jsii.String("mfawatch: the emergency door's tables and log"), EnableKeyRotation: jsii.Bool(true), PendingWindowInDays: jsii.Number(30),
		KeyPolicy: document(statements...),
	})
	retained(key)
	retained(awskms.NewCfnAlias(s, jsii.String("KeyAlias"), &awskms.CfnAliasProps{AliasName: jsii.String("alias/" + b.of(emergencyFunction)), TargetKeyId: key.Ref()}))
	return key.AttrArn()
}

// makeEmergencyTables makes the table of requests and their record, and the one of
// codes that were spent. Nothing in them runs out: a spent code stays spent, and the
// record is evidence.
func (b *builder) makeEmergencyTables(s awscdk.Stack) {
	hash, sort := object{"attributeName": "key", "keyType": "HASH"}, object{"attributeName": "sort", "keyType": "RANGE"}
	b.makeEmergencyTable(s, emergencyFunction, hash, sort)
	b.makeEmergencyTable(s, emergencyLedger, hash)
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

// makeRecord makes the bucket of the record's copy. Its lock is of mode compliance:
// who came through the door is an administrator, and governance lets administrators
// delete (S3 user guide, Object Lock). Nobody deletes an entry before
// retention.evidence has passed, the account's root included.
func (b *builder) makeRecord(s awscdk.Stack) {
	b.makeBucket(s, vault{name: emergencyRecord, days: b.d.Retention.Evidence, lock: "compliance", lockDays: b.d.Retention.Evidence})
}

// emergencyName is what AWS's role of the file's nth is called. The first is the one that
// was always there.
func emergencyName(n int, name string) string {
	if n == 0 {
		return emergencyRole
	}
	return emergencyRole + "-" + name
}

// emergencyRoles are all roles of the door, by ARN.
func (b *builder) emergencyRoles() []string {
	all := []string{b.role(emergencyRole)}
	for i, r := range b.d.BreakGlass.Door.Roles {
		if i > 0 {
			all = append(all, b.role(emergencyName(i, r.Name)))
		}
	}
	return all
}

// makeOtherRoles makes the roles after the first. The function alone opens them, for an
// hour at the most, which is the least that AWS takes as a role's longest session.
func (b *builder) makeOtherRoles(s awscdk.Stack) (all []awsiam.CfnRole) {
	const why = "The emergency door: its function opens it, nobody assumes it without, and everybody is told"
	for i, r := range b.d.BreakGlass.Door.Roles {
		if i > 0 {
			all = append(all, roleTrusting(s, b.names, emergencyName(i, r.Name), why, document(b.doorOpens(r.Requesters)...), emergencySession.Seconds(), r.Policies).role)
		}
	}
	return all
}

// makeEmergencyRole makes the first role, which has what the file gives it and nothing of
// its own.
func (b *builder) makeEmergencyRole(s awscdk.Stack) awsiam.CfnRole {
	session := b.d.BreakGlass.Session
	if session == 0 {
		session = emergencySession
	}
	return roleTrusting(s, b.names, emergencyRole, b.emergencyWhy(), b.emergencyTrust(), session.Seconds(), b.d.BreakGlass.Policies).role
}

func (b *builder) emergencyWhy() string {
	if b.d.BreakGlass.Door.There() {
		return "The emergency door: its function opens it, named users assume it with fresh MFA where it cannot, and everybody is told"
	}
	return "The emergency door: named users assume it with fresh MFA, and everybody is told"
}

// emergencyTrust is who may assume the role: the function, and the users whom the
// file lets in by themselves.
func (b *builder) emergencyTrust() object {
	if !b.d.BreakGlass.Door.There() {
		return written(*b.guards.emergency)
	}
	trust := document(b.doorOpens(b.rules.Roles[0].Requesters)...)
	if b.guards.emergency != nil {
		trust["Statement"] = slices.Concat(written(*b.guards.emergency)["Statement"].([]any), trust["Statement"].([]any))
	}
	return trust
}

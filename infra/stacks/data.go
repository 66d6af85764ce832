package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

// makeData makes what holds data and outlives every stack: key, buckets, table,
// log groups, and the topic that people confirmed their subscriptions to.
func (b *builder) makeData() {
	s := b.stack("data", b.home, "what is kept: key, buckets, table, log groups and topic. Kept when the stack is deleted.")
	b.data = s
	b.key = b.makeKey(s)
	b.makeAccessLogs(s)
	if b.d.Trail.Adopt == "" {
		b.makeTrailBucket(s)
	}
	b.makeBucket(s, vault{name: "evidence", days: b.d.Retention.Evidence})
	b.makeBucket(s, vault{name: "reports", days: b.d.Retention.Reports})
	b.makeLogGroups(s)
	b.makeTopic(s)
	// The table comes last. It is protected from deletion, so that a creation which
	// failed after it could not be taken back.
	others := *s.Node().Children()
	table := b.makeEvents(s)
	for _, other := range others {
		if r, ok := other.(awscdk.CfnResource); ok && *r.CfnResourceType() != "AWS::KMS::Key" { // which it names
			table.AddResourceDependency(r, nil)
		}
	}
}

// makeKey is the ARN of the key: the one that was named, or a new one.
func (b *builder) makeKey(s awscdk.Stack) *string {
	if b.d.KMS != "" {
		return jsii.String(b.d.KMS)
	}
	key := awskms.NewCfnKey(s, jsii.String("Key"), &awskms.CfnKeyProps{
		Description: jsii.String("mfawatch: trail, evidence, reports, events, alerts and logs"), EnableKeyRotation: jsii.Bool(true),
		KeyPolicy: document(b.keyStatements()...), PendingWindowInDays: jsii.Number(30),
	})
	retained(key)
	retained(awskms.NewCfnAlias(s, jsii.String("KeyAlias"), &awskms.CfnAliasProps{AliasName: jsii.String(b.alias()), TargetKeyId: key.Ref()}))
	return key.AttrArn()
}

// keyStatements are who may use the key. In a key's policy "*" is the key itself
// (KMS developer guide, key policies).
func (b *builder) keyStatements() []statement {
	use := []string{"kms:Decrypt", "kms:GenerateDataKey*"}
	mine := equals("aws:SourceAccount", b.account)
	all := []statement{
		allow("AccountDecides", []string{"kms:*"}, "*").to(object{"AWS": "arn:" + b.partition + ":iam::" + b.account + ":root"}),
		grantsOnlyForServices(),
		// Both publish to the topic, which is encrypted: without this an alarm fires and nobody hears of it.
		allow("AlarmsEncrypt", use, "*").to(service("cloudwatch.amazonaws.com")).when(mine),
		// EventBridge sets neither aws:SourceAccount nor aws:SourceArn there and would be
		// refused by them; the encryption context is SNS's (SNS developer guide, key
		// management, encryption of a topic).
		allow("RulesEncrypt", use, "*").to(service("events.amazonaws.com")).when(equals("kms:EncryptionContext:aws:sns:topicArn", b.topic())),
		allow("LogGroupsEncrypt", []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}, "*").
			to(service("logs." + b.home + "." + b.suffix())).
			when(object{"ArnLike": object{"kms:EncryptionContext:aws:logs:arn": []string{b.logs("/aws/lambda/" + b.prefix + "-*"), b.logs(b.prefix + "-*"), b.logs("/aws/vendedlogs/states/" + b.prefix + "-*")}}}),
	}
	if b.d.Trail.Adopt == "" {
		all = append(all,
			allow("TrailEncrypts", []string{"kms:GenerateDataKey*"}, "*").to(service("cloudtrail.amazonaws.com")).when(object{
				"StringEquals": object{"aws:SourceArn": b.trail()},
				"StringLike":   object{"kms:EncryptionContext:aws:cloudtrail:arn": b.trails("*", "*")},
			}),
			allow("TrailLooks", []string{"kms:DescribeKey"}, "*").to(service("cloudtrail.amazonaws.com")).when(equals("aws:SourceArn", b.trail())),
		)
	}
	return all
}

// grantsOnlyForServices lets nobody but AWS's services hand on the use of a key:
// a grant is in no policy that somebody reads. It is what Control Tower's control
// CT.KMS.PR.3 asks for, word for word.
func grantsOnlyForServices() statement {
	return statement{Sid: "GrantsOnlyForServices", Effect: "Deny", Action: []string{"kms:CreateGrant"}, Resource: []string{"*"}, Principal: "*",
		Condition: object{"BoolIfExists": object{"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false"}}}
}

// makeAccessLogs makes the bucket of the other buckets' access logs. S3 delivers
// them to no bucket that is encrypted with a key of KMS by a target grant, and
// into one without Object Lock only (S3 user guide, server access logging).
func (b *builder) makeAccessLogs(s awscdk.Stack) {
	b.makeBucket(s, vault{
		name: "access", days: b.d.Retention.Logs, plain: true,
		extra: []statement{
			allow("LogsArrive", []string{"s3:PutObject"}, b.objects("access", "")).to(service("logging.s3.amazonaws.com")).when(object{
				"StringEquals": object{"aws:SourceAccount": b.account},
				"ArnLike":      object{"aws:SourceArn": "arn:" + b.partition + ":s3:::" + b.prefix + "-*"},
			}),
		},
	})
}

// makeTrailBucket makes the bucket of the trail's files: CloudTrail writes there
// for this trail and no other (CloudTrail user guide, bucket policy).
func (b *builder) makeTrailBucket(s awscdk.Stack) {
	trail := equals("aws:SourceArn", b.trail())
	write := object{"StringEquals": object{"aws:SourceArn": b.trail(), "s3:x-amz-acl": "bucket-owner-full-control"}}
	paths := []string{b.objects("trail", "AWSLogs/"+b.trailAccount+"/")}
	if b.organizational() {
		paths = append(paths, b.objects("trail", "AWSLogs/"+b.d.Organization.ID+"/"))
	}
	b.makeBucket(s, vault{
		name: "trail", days: b.d.Retention.Trail, lock: b.d.Trail.ObjectLock, lockDays: b.d.Trail.LockDays,
		extra: []statement{
			allow("TrailLooks", []string{"s3:GetBucketAcl"}, b.bucketARN("trail")).to(service("cloudtrail.amazonaws.com")).when(trail),
			allow("TrailWrites", []string{"s3:PutObject"}, paths...).to(service("cloudtrail.amazonaws.com")).when(write),
		},
	})
}

// vault is a bucket: private, versioned, encrypted, over TLS only, and kept.
type vault struct {
	name     string
	days     int    // until an object is deleted; 0: never
	plain    bool   // encrypted with S3's own key, and itself not logged
	lock     string // governance or compliance
	lockDays int
	extra    []statement
}

func (b *builder) makeBucket(s awscdk.Stack, v vault) {
	props := &awss3.CfnBucketProps{
		BucketName:                     jsii.String(b.bucket(v.name)),
		BucketEncryption:               b.encryption(v),
		LifecycleConfiguration:         lifecycle(v),
		OwnershipControls:              &awss3.CfnBucket_OwnershipControlsProperty{Rules: []any{object{"objectOwnership": "BucketOwnerEnforced"}}},
		PublicAccessBlockConfiguration: object{"blockPublicAcls": true, "blockPublicPolicy": true, "ignorePublicAcls": true, "restrictPublicBuckets": true},
		VersioningConfiguration:        object{"status": "Enabled"},
	}
	if !v.plain {
		props.LoggingConfiguration = &awss3.CfnBucket_LoggingConfigurationProperty{DestinationBucketName: jsii.String(b.bucket("access")), LogFilePrefix: jsii.String(v.name + "/")}
	}
	if v.lock != "" {
		props.ObjectLockEnabled = jsii.Bool(true)
		props.ObjectLockConfiguration = object{"objectLockEnabled": "Enabled", "rule": object{"defaultRetention": object{"mode": strings.ToUpper(v.lock), "days": v.lockDays}}}
	}
	bucket := awss3.NewCfnBucket(s, jsii.String(pascal(v.name)+"Bucket"), props)
	retained(bucket)
	// S3 refuses to log to a bucket that is not there. Of another stack's it is the
	// stack that waits.
	if access := s.Node().TryFindChild(jsii.String("AccessBucketPolicy")); !v.plain && access != nil {
		bucket.AddResourceDependency(access.(awscdk.CfnResource), nil)
	}
	tls := statement{Sid: "TLSOnly", Effect: "Deny", Principal: "*", Action: "s3:*", Resource: []string{b.bucketARN(v.name), b.objects(v.name, "")}, Condition: object{"Bool": object{"aws:SecureTransport": "false"}}}
	policy := awss3.NewCfnBucketPolicy(s, jsii.String(pascal(v.name)+"BucketPolicy"), &awss3.CfnBucketPolicyProps{
		Bucket: bucket.Ref(), PolicyDocument: document(append([]statement{tls}, v.extra...)...),
	})
	retained(policy)
}

func (b *builder) encryption(v vault) *awss3.CfnBucket_BucketEncryptionProperty {
	by := &awss3.CfnBucket_ServerSideEncryptionByDefaultProperty{SseAlgorithm: jsii.String("aws:kms"), KmsMasterKeyId: b.key}
	if v.plain {
		by = &awss3.CfnBucket_ServerSideEncryptionByDefaultProperty{SseAlgorithm: jsii.String("AES256")}
	}
	return &awss3.CfnBucket_BucketEncryptionProperty{ServerSideEncryptionConfiguration: []any{
		&awss3.CfnBucket_ServerSideEncryptionRuleProperty{BucketKeyEnabled: jsii.Bool(!v.plain), ServerSideEncryptionByDefault: by},
	}}
}

// lifecycle ends what is older than it is kept, and what is left over.
func lifecycle(v vault) *awss3.CfnBucket_LifecycleConfigurationProperty {
	rules := []any{&awss3.CfnBucket_RuleProperty{
		Id: jsii.String("left-over"), Status: jsii.String("Enabled"),
		AbortIncompleteMultipartUpload: &awss3.CfnBucket_AbortIncompleteMultipartUploadProperty{DaysAfterInitiation: jsii.Number(7)},
		NoncurrentVersionExpiration:    &awss3.CfnBucket_NoncurrentVersionExpirationProperty{NoncurrentDays: jsii.Number(90)},
	}}
	if v.days > 0 {
		rules = append(rules, &awss3.CfnBucket_RuleProperty{Id: jsii.String("kept-long-enough"), Status: jsii.String("Enabled"), ExpirationInDays: jsii.Number(float64(v.days))})
	}
	return &awss3.CfnBucket_LifecycleConfigurationProperty{Rules: rules}
}

// makeEvents makes the table of functions/delivery, as internal/dynamo says it is.
func (b *builder) makeEvents(s awscdk.Stack) awsdynamodb.CfnTable {
	table := awsdynamodb.NewCfnTable(s, jsii.String("EventsTable"), &awsdynamodb.CfnTableProps{
		TableName: jsii.String(b.of("events")), BillingMode: jsii.String("PAY_PER_REQUEST"),
		AttributeDefinitions: []any{object{"attributeName": "key", "attributeType": "S"}, object{"attributeName": "pending", "attributeType": "S"}},
		KeySchema:            []any{object{"attributeName": "key", "keyType": "HASH"}},
		GlobalSecondaryIndexes: []any{object{
			"indexName": "pending", "projection": object{"projectionType": "INCLUDE", "nonKeyAttributes": []string{"ready"}},
			"keySchema": []any{object{"attributeName": "pending", "keyType": "HASH"}, object{"attributeName": "key", "keyType": "RANGE"}},
		}},
		TimeToLiveSpecification:          object{"attributeName": "expires", "enabled": true},
		PointInTimeRecoverySpecification: object{"pointInTimeRecoveryEnabled": true},
		SseSpecification:                 object{"sseEnabled": true, "sseType": "KMS", "kmsMasterKeyId": *b.key},
		DeletionProtectionEnabled:        jsii.Bool(true),
	})
	retained(table)
	return table
}

func (b *builder) makeLogGroups(s awscdk.Stack) {
	for _, function := range sortedKeys(b.staged) {
		if function != emergencyFunction { // whose log group stands with its own key
			b.makeLogGroup(s, pascal(b.of(function)), b.logGroup(function))
		}
	}
	if b.d.Trail.Adopt == "" && b.d.Trail.Logs {
		b.makeLogGroup(s, pascal(b.of("trail")), b.of("trail"))
	}
	if b.audits() {
		b.makeLogGroup(s, "AuditStates", b.statesLog())
	}
}

func (b *builder) makeLogGroup(s awscdk.Stack, id, name string) {
	retained(awslogs.NewCfnLogGroup(s, jsii.String(id+"Logs"), &awslogs.CfnLogGroupProps{
		LogGroupName: jsii.String(name), RetentionInDays: jsii.Number(float64(b.d.Retention.Logs)), KmsKeyId: b.key,
	}))
}

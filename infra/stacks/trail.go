package stacks

import (
	"mfawatch/audit/config"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudtrail"
	"github.com/aws/jsii-runtime-go"
)

// organizational says whether the deployment is for an organisation.
func (b *builder) organizational() bool { return b.d.Mode == config.Organizational }

// makeTrail makes the trail: all Regions, management events read and written,
// with validation, encrypted.
func (b *builder) makeTrail() {
	s := b.stack("trail", b.home, "the CloudTrail trail", b.data)
	props := &awscloudtrail.CfnTrailProps{
		TrailName: jsii.String(b.prefix), S3BucketName: jsii.String(b.bucket("trail")), KmsKeyId: b.key,
		IsLogging: jsii.Bool(true), IsMultiRegionTrail: jsii.Bool(true), IncludeGlobalServiceEvents: jsii.Bool(true), EnableLogFileValidation: jsii.Bool(true),
		EventSelectors: []any{&awscloudtrail.CfnTrail_EventSelectorProperty{IncludeManagementEvents: jsii.Bool(true), ReadWriteType: jsii.String("All")}},
	}
	if b.organizational() {
		props.IsOrganizationTrail = jsii.Bool(true)
	}
	trail := awscloudtrail.NewCfnTrail(s, jsii.String("Trail"), props)
	if !b.d.Trail.Logs {
		return
	}
	group := b.logs(b.of("trail"))
	owner := b.names
	owner.account = b.trailAccount // CloudTrail acts for the trail's account
	r := role(s, owner, "trail-logs", "cloudtrail.amazonaws.com", "Writes the trail's events to its log group",
		allow("WriteTrail", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, group+":log-stream:*"))
	trail.SetCloudWatchLogsLogGroupArn(jsii.String(group + ":*"))
	trail.SetCloudWatchLogsRoleArn(r.arn())
	r.before(trail)
}

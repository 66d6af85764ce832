package deployed

import (
	"fmt"
	"slices"
)

// DefaultValue is what a filter writes for a log event that it does not count. A
// log group that receives events then always has data points, so that missing
// data means that nothing arrives.
const DefaultValue = 0

// Namespace is the metrics' namespace in the control's remediation (Security Hub
// user guide, CloudWatch controls).
const Namespace = "LogMetrics"

// Filter is one metric filter in its two forms. Compat is the text that AWS
// prescribes: Security Hub's control fails when a word is added to it. Precise
// counts what the name says. Alarms use one of the two.
type Filter struct {
	ID         string
	Name       string // what it counts
	Metric     string
	Section    int    // of the monitoring chapter of the CIS AWS benchmark
	Control    string // of Security Hub; "": none
	Default    bool   // filter and alarm are made unless somebody says no
	Threshold  int    // an alarm's, in 300 seconds
	Compat     string
	Precise    string
	CompatSays string // in what compat counts otherwise than its name
}

// Versions are the CIS AWS Foundations Benchmark's versions whose numbers are
// known here, oldest first.
func Versions() []string {
	return []string{"1.2", "1.4", "1.5", "2.0", "3.0", "4.0.1", "5.0", "6.0", "7.0"}
}

// chapters are the numbers of the monitoring chapter: the section keeps its
// place, the chapter moved twice.
var chapters = map[string]int{"1.2": 3, "1.4": 4, "1.5": 4, "2.0": 4, "3.0": 4, "4.0.1": 4, "5.0": 4, "6.0": 5, "7.0": 5}

// Number is the filter's number in a version of the benchmark, "" when that
// version does not have it.
func (f Filter) Number(version string) string {
	chapter := chapters[version]
	if chapter == 0 || version == "1.2" && f.Section > 14 {
		return ""
	}
	return fmt.Sprintf("%d.%d", chapter, f.Section)
}

// Filters are the metric filters, in the order of the benchmark.
func Filters() []Filter {
	return slices.Concat(accessFilters(), serviceFilters(), networkFilters())
}

// notAssumed leaves out root sessions of sts:AssumeRoot, which mfawatch's own
// audit of member accounts takes daily and nobody signed in for.
const notAssumed = `($.userIdentity.sessionContext.assumedRoot NOT EXISTS || $.userIdentity.sessionContext.assumedRoot = "false")`

func accessFilters() []Filter {
	return []Filter{
		{
			ID: "unauthorized-calls", Name: "calls that were refused", Metric: "UnauthorizedCalls", Section: 1, Control: "CloudWatch.2", Threshold: 1,
			Compat:  `{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}`,
			Precise: `{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}`,
		}, {
			ID: "sign-in-without-mfa", Name: "console sign-ins of IAM users and root without MFA", Metric: "SignInWithoutMFA", Section: 2, Control: "CloudWatch.3", Default: true, Threshold: 1,
			Compat: `{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }`,
			Precise: `{ ($.eventSource = "signin.amazonaws.com*") && ($.eventName = "ConsoleLogin") && ($.responseElements.ConsoleLogin = "Success") && ($.userIdentity.type = "IAMUser" || $.userIdentity.type = "Root") && ` + notAssumed +
				` && ($.additionalEventData.MFAUsed NOT EXISTS || $.additionalEventData.MFAUsed IS NULL || $.additionalEventData.MFAUsed IS FALSE || ($.additionalEventData.MFAUsed != "Yes" && $.additionalEventData.MFAUsed != "YES")) }`,
			CompatSays: "leaves root out; AWS does not say whether a sign-in without the field MFAUsed is counted",
		}, {
			ID: "root-use", Name: "what root did or tried with its own credentials", Metric: "RootUse", Section: 3, Control: "CloudWatch.1", Default: true, Threshold: 1,
			Compat:     `{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}`,
			Precise:    `{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && ($.eventType NOT EXISTS || ($.eventType != "AwsServiceEvent" && $.eventType != "AWSServiceEvent")) && ` + notAssumed + ` }`,
			CompatSays: "counts root sessions of sts:AssumeRoot, an audit's own too",
		}, {
			ID: "iam-policy-changes", Name: "IAM policies changed", Metric: "IAMPolicyChanges", Section: 4, Control: "CloudWatch.4", Threshold: 1,
			Compat:     `{($.eventSource=iam.amazonaws.com) && (($.eventName=DeleteGroupPolicy) || ($.eventName=DeleteRolePolicy) || ($.eventName=DeleteUserPolicy) || ($.eventName=PutGroupPolicy) || ($.eventName=PutRolePolicy) || ($.eventName=PutUserPolicy) || ($.eventName=CreatePolicy) || ($.eventName=DeletePolicy) || ($.eventName=CreatePolicyVersion) || ($.eventName=DeletePolicyVersion) || ($.eventName=AttachRolePolicy) || ($.eventName=DetachRolePolicy) || ($.eventName=AttachUserPolicy) || ($.eventName=DetachUserPolicy) || ($.eventName=AttachGroupPolicy) || ($.eventName=DetachGroupPolicy))}`,
			Precise:    `{($.eventSource=iam.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=DeleteGroupPolicy) || ($.eventName=DeleteRolePolicy) || ($.eventName=DeleteUserPolicy) || ($.eventName=PutGroupPolicy) || ($.eventName=PutRolePolicy) || ($.eventName=PutUserPolicy) || ($.eventName=CreatePolicy) || ($.eventName=DeletePolicy) || ($.eventName=CreatePolicyVersion) || ($.eventName=DeletePolicyVersion) || ($.eventName=AttachRolePolicy) || ($.eventName=DetachRolePolicy) || ($.eventName=AttachUserPolicy) || ($.eventName=DetachUserPolicy) || ($.eventName=AttachGroupPolicy) || ($.eventName=DetachGroupPolicy))}`,
			CompatSays: failedToo,
		}, {
			ID: "trail-changes", Name: "CloudTrail trails made, changed or stopped", Metric: "TrailChanges", Section: 5, Control: "CloudWatch.5", Threshold: 1,
			Compat:     `{($.eventName=CreateTrail) || ($.eventName=UpdateTrail) || ($.eventName=DeleteTrail) || ($.eventName=StartLogging) || ($.eventName=StopLogging)}`,
			Precise:    `{($.eventSource=cloudtrail.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=CreateTrail) || ($.eventName=UpdateTrail) || ($.eventName=DeleteTrail) || ($.eventName=StartLogging) || ($.eventName=StopLogging))}`,
			CompatSays: failedToo,
		}, {
			ID: "console-failures", Name: "console sign-ins that failed by wrong credentials", Metric: "ConsoleFailures", Section: 6, Control: "CloudWatch.6", Threshold: 3,
			Compat:     `{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}`,
			Precise:    `{ ($.eventSource = "signin.amazonaws.com*") && ($.eventName = "ConsoleLogin") && ($.responseElements.ConsoleLogin = "Failure") && ($.errorMessage NOT EXISTS || $.errorMessage IS NULL || $.errorMessage != "Authorization denied because of*") }`,
			CompatSays: "leaves out failures with another message, such as of a user name that does not exist",
		},
	}
}

// failedToo is how most compat forms differ.
const failedToo = "counts calls that failed, and may count the same name of another service"

func serviceFilters() []Filter {
	return []Filter{
		{
			ID: "key-changes", Name: "customer managed KMS keys disabled or scheduled for deletion", Metric: "KeyChanges", Section: 7, Control: "CloudWatch.7", Threshold: 1,
			Compat:     `{($.eventSource=kms.amazonaws.com) && (($.eventName=DisableKey) || ($.eventName=ScheduleKeyDeletion))}`,
			Precise:    `{($.eventSource=kms.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=DisableKey) || ($.eventName=ScheduleKeyDeletion))}`,
			CompatSays: failedToo,
		}, {
			ID: "bucket-policy-changes", Name: "S3 bucket policies and settings changed", Metric: "BucketPolicyChanges", Section: 8, Control: "CloudWatch.8", Threshold: 1,
			Compat:     `{($.eventSource=s3.amazonaws.com) && (($.eventName=PutBucketAcl) || ($.eventName=PutBucketPolicy) || ($.eventName=PutBucketCors) || ($.eventName=PutBucketLifecycle) || ($.eventName=PutBucketReplication) || ($.eventName=DeleteBucketPolicy) || ($.eventName=DeleteBucketCors) || ($.eventName=DeleteBucketLifecycle) || ($.eventName=DeleteBucketReplication))}`,
			Precise:    `{($.eventSource=s3.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=PutBucketAcl) || ($.eventName=PutBucketPolicy) || ($.eventName=PutBucketCors) || ($.eventName=PutBucketLifecycle) || ($.eventName=PutBucketReplication) || ($.eventName=DeleteBucketPolicy) || ($.eventName=DeleteBucketCors) || ($.eventName=DeleteBucketLifecycle) || ($.eventName=DeleteBucketReplication))}`,
			CompatSays: failedToo,
		}, {
			ID: "config-changes", Name: "AWS Config stopped or changed", Metric: "ConfigChanges", Section: 9, Control: "CloudWatch.9", Threshold: 1,
			Compat:     `{($.eventSource=config.amazonaws.com) && (($.eventName=StopConfigurationRecorder) || ($.eventName=DeleteDeliveryChannel) || ($.eventName=PutDeliveryChannel) || ($.eventName=PutConfigurationRecorder))}`,
			Precise:    `{($.eventSource=config.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=StopConfigurationRecorder) || ($.eventName=DeleteDeliveryChannel) || ($.eventName=PutDeliveryChannel) || ($.eventName=PutConfigurationRecorder))}`,
			CompatSays: failedToo,
		},
	}
}

// networkFilters are those of VPCs, and the one that the benchmark added last.
func networkFilters() []Filter {
	return []Filter{
		{
			ID: "security-group-changes", Name: "security groups changed", Metric: "SecurityGroupChanges", Section: 10, Control: "CloudWatch.10", Threshold: 1,
			Compat:     `{($.eventName=AuthorizeSecurityGroupIngress) || ($.eventName=AuthorizeSecurityGroupEgress) || ($.eventName=RevokeSecurityGroupIngress) || ($.eventName=RevokeSecurityGroupEgress) || ($.eventName=CreateSecurityGroup) || ($.eventName=DeleteSecurityGroup)}`,
			Precise:    `{($.eventSource=ec2.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=AuthorizeSecurityGroupIngress) || ($.eventName=AuthorizeSecurityGroupEgress) || ($.eventName=RevokeSecurityGroupIngress) || ($.eventName=RevokeSecurityGroupEgress) || ($.eventName=CreateSecurityGroup) || ($.eventName=DeleteSecurityGroup))}`,
			CompatSays: failedToo,
		}, {
			ID: "network-acl-changes", Name: "network access control lists changed", Metric: "NetworkACLChanges", Section: 11, Control: "CloudWatch.11", Threshold: 1,
			Compat:     `{($.eventName=CreateNetworkAcl) || ($.eventName=CreateNetworkAclEntry) || ($.eventName=DeleteNetworkAcl) || ($.eventName=DeleteNetworkAclEntry) || ($.eventName=ReplaceNetworkAclEntry) || ($.eventName=ReplaceNetworkAclAssociation)}`,
			Precise:    `{($.eventSource=ec2.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=CreateNetworkAcl) || ($.eventName=CreateNetworkAclEntry) || ($.eventName=DeleteNetworkAcl) || ($.eventName=DeleteNetworkAclEntry) || ($.eventName=ReplaceNetworkAclEntry) || ($.eventName=ReplaceNetworkAclAssociation))}`,
			CompatSays: failedToo,
		}, {
			ID: "gateway-changes", Name: "network gateways changed", Metric: "GatewayChanges", Section: 12, Control: "CloudWatch.12", Threshold: 1,
			Compat:     `{($.eventName=CreateCustomerGateway) || ($.eventName=DeleteCustomerGateway) || ($.eventName=AttachInternetGateway) || ($.eventName=CreateInternetGateway) || ($.eventName=DeleteInternetGateway) || ($.eventName=DetachInternetGateway)}`,
			Precise:    `{($.eventSource=ec2.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=CreateCustomerGateway) || ($.eventName=DeleteCustomerGateway) || ($.eventName=AttachInternetGateway) || ($.eventName=CreateInternetGateway) || ($.eventName=DeleteInternetGateway) || ($.eventName=DetachInternetGateway))}`,
			CompatSays: failedToo,
		}, {
			ID: "route-table-changes", Name: "route tables changed", Metric: "RouteTableChanges", Section: 13, Control: "CloudWatch.13", Threshold: 1,
			Compat:     `{($.eventSource=ec2.amazonaws.com) && (($.eventName=CreateRoute) || ($.eventName=CreateRouteTable) || ($.eventName=ReplaceRoute) || ($.eventName=ReplaceRouteTableAssociation) || ($.eventName=DeleteRouteTable) || ($.eventName=DeleteRoute) || ($.eventName=DisassociateRouteTable))}`,
			Precise:    `{($.eventSource=ec2.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=CreateRoute) || ($.eventName=CreateRouteTable) || ($.eventName=ReplaceRoute) || ($.eventName=ReplaceRouteTableAssociation) || ($.eventName=DeleteRouteTable) || ($.eventName=DeleteRoute) || ($.eventName=DisassociateRouteTable))}`,
			CompatSays: failedToo,
		}, {
			ID: "vpc-changes", Name: "VPCs changed", Metric: "VPCChanges", Section: 14, Control: "CloudWatch.14", Threshold: 1,
			Compat:     `{($.eventName=CreateVpc) || ($.eventName=DeleteVpc) || ($.eventName=ModifyVpcAttribute) || ($.eventName=AcceptVpcPeeringConnection) || ($.eventName=CreateVpcPeeringConnection) || ($.eventName=DeleteVpcPeeringConnection) || ($.eventName=RejectVpcPeeringConnection) || ($.eventName=AttachClassicLinkVpc) || ($.eventName=DetachClassicLinkVpc) || ($.eventName=DisableVpcClassicLink) || ($.eventName=EnableVpcClassicLink)}`,
			Precise:    `{($.eventSource=ec2.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName=CreateVpc) || ($.eventName=DeleteVpc) || ($.eventName=ModifyVpcAttribute) || ($.eventName=AcceptVpcPeeringConnection) || ($.eventName=CreateVpcPeeringConnection) || ($.eventName=DeleteVpcPeeringConnection) || ($.eventName=RejectVpcPeeringConnection) || ($.eventName=AttachClassicLinkVpc) || ($.eventName=DetachClassicLinkVpc) || ($.eventName=DisableVpcClassicLink) || ($.eventName=EnableVpcClassicLink))}`,
			CompatSays: failedToo,
		}, {
			ID: "organization-changes", Name: "AWS Organizations changed", Metric: "OrganizationChanges", Section: 15, Threshold: 1,
			Compat:     `{ ($.eventSource = organizations.amazonaws.com) && (($.eventName = "AcceptHandshake") || ($.eventName = "AttachPolicy") || ($.eventName = "CreateAccount") || ($.eventName = "CreateOrganizationalUnit") || ($.eventName = "CreatePolicy") || ($.eventName = "DeclineHandshake") || ($.eventName = "DeleteOrganization") || ($.eventName = "DeleteOrganizationalUnit") || ($.eventName = "DeletePolicy") || ($.eventName = "DetachPolicy") || ($.eventName = "DisablePolicyType") || ($.eventName = "EnablePolicyType") || ($.eventName = "InviteAccountToOrganization") || ($.eventName = "LeaveOrganization") || ($.eventName = "MoveAccount") || ($.eventName = "RemoveAccountFromOrganization") || ($.eventName = "UpdatePolicy") || ($.eventName = "UpdateOrganizationalUnit")) }`,
			Precise:    `{ ($.eventSource = organizations.amazonaws.com) && $.errorCode NOT EXISTS && (($.eventName = "AcceptHandshake") || ($.eventName = "AttachPolicy") || ($.eventName = "CreateAccount") || ($.eventName = "CreateOrganizationalUnit") || ($.eventName = "CreatePolicy") || ($.eventName = "DeclineHandshake") || ($.eventName = "DeleteOrganization") || ($.eventName = "DeleteOrganizationalUnit") || ($.eventName = "DeletePolicy") || ($.eventName = "DetachPolicy") || ($.eventName = "DisablePolicyType") || ($.eventName = "EnablePolicyType") || ($.eventName = "InviteAccountToOrganization") || ($.eventName = "LeaveOrganization") || ($.eventName = "MoveAccount") || ($.eventName = "RemoveAccountFromOrganization") || ($.eventName = "UpdatePolicy") || ($.eventName = "UpdateOrganizationalUnit")) }`,
			CompatSays: failedToo,
		},
	}
}

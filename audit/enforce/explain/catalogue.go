package explain

import (
	"strings"

	"mfawatch/audit/enforce/catalogue"
)

// What AWS documents, as of the service authorization reference of September 2026
// and the page of global condition keys. Names have no case.

// condition keys by type. Those that end in / are followed by a tag's key or the
// like.
const (
	boolKeys = `aws:MultiFactorAuthPresent aws:ViaAWSService aws:ViaAWSMCPService aws:SecureTransport aws:PrincipalIsAWSService
		aws:AssumedRoot aws:IsMcpServiceAction sts:RoleAuthorizedByIdp`
	numericKeys = `aws:MultiFactorAuthAge sts:DurationSeconds iam:ServiceSpecificCredentialAgeDays`
	manyKeys    = `aws:TagKeys aws:CalledVia aws:PrincipalOrgPaths aws:ResourceOrgPaths aws:SourceOrgPaths aws:VpceOrgPaths
		aws:PrincipalServiceNamesList sts:IdentityTokenAudience sts:RequestContextProviders sts:TransitiveTagKeys iam:AccountPropertyNamespaces`
	otherKeys = `aws:CalledViaAWSMCP aws:CalledViaFirst aws:CalledViaLast aws:ChatbotSourceArn aws:CurrentTime aws:Ec2InstanceSourcePrivateIPv4
		aws:Ec2InstanceSourceVpc aws:EpochTime aws:FederatedProvider aws:PrincipalAccount aws:PrincipalArn
		aws:PrincipalOrgID aws:PrincipalServiceName aws:PrincipalTag/ aws:PrincipalType aws:referer aws:RequestedRegion aws:RequestTag/
		aws:ResourceAccount aws:ResourceOrgID aws:ResourceTag/ aws:SignInSessionArn aws:SourceAccount aws:SourceArn
		aws:SourceIdentity aws:SourceIp aws:SourceOrgID aws:SourceOwner aws:SourceVpc aws:SourceVpcArn aws:SourceVpce
		aws:TokenIssueTime aws:UserAgent aws:userid aws:username aws:VpceAccount aws:VpceOrgID aws:VpcSourceIp
		iam:AssociatedResourceArn iam:AWSServiceName iam:DelegationDuration iam:DelegationRequestOwner iam:FIDO-certification
		iam:FIDO-FIPS-140-2-certification iam:FIDO-FIPS-140-3-certification iam:NotificationChannel iam:OrganizationsPolicyId
		iam:PassedToService iam:PermissionsBoundary iam:PolicyARN iam:RegisterSecurityKey iam:ResourceTag/ iam:RoleTemplateARN
		iam:ServiceSpecificCredentialServiceName iam:TemplateArn
		sts:AWSServiceName sts:ExternalId sts:RequestContext/ sts:RoleSessionName sts:SigningAlgorithm sts:SourceIdentity sts:TaskPolicyArn
		signin:OAuthClientAuthentication signin:OAuthClientId signin:OAuthGrantType signin:OAuthRedirectUri signin:OAuthTokenType
		signin:PrincipalArn`
)

// listed are the services whose keys and actions the catalogue has in full.
var listed = []string{"aws", "iam", "sts", "signin"}

// keysByName are the keys by their name in lower case, as AWS spells them.
var keysByName = spelled(boolKeys, numericKeys, manyKeys, otherKeys)

func spelled(lists ...string) map[string]string {
	all := map[string]string{}
	for _, list := range lists {
		for _, name := range strings.Fields(list) {
			all[strings.ToLower(name)] = name
		}
	}
	return all
}

// The keys of a type, by their names in lower case.
var boolNames, numericNames, manyNames = spelled(boolKeys), spelled(numericKeys), spelled(manyKeys)

// in tells whether a set of names has one, in any case.
func in(set map[string]string, name string) bool {
	_, ok := set[strings.ToLower(name)]
	return ok
}

// action is one of the catalogue's.
type action catalogue.Action

// actionNamed is the catalogue's action of a name, in any case.
func actionNamed(name string) (action, bool) {
	a, known := catalogue.Named(name)
	return action(a), known
}

// core is what enrolling a first device in the console needs (IAM user guide, the
// documented policies).
var core = []string{"iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetMFADevice", "iam:GetUser", "iam:ListMFADevices", "iam:ListVirtualMFADevices", "iam:ResyncMFADevice"}

// sensitive are actions that grant access and need no second factor where they are
// exempt; the ones with a mistake of their own are not here.
var sensitive = []string{
	"iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreatePolicyVersion",
	"iam:CreateUser", "iam:DeleteUserPermissionsBoundary", "iam:DeleteUserPolicy", "iam:DetachUserPolicy", "iam:PassRole", "iam:PutGroupPolicy",
	"iam:PutRolePolicy", "iam:PutUserPermissionsBoundary", "iam:PutUserPolicy", "iam:RemoveUserFromGroup", "iam:SetDefaultPolicyVersion",
	"iam:UpdateAccessKey", "iam:UpdateAssumeRolePolicy", "iam:UploadSSHPublicKey", "iam:UploadSigningCertificate", "iam:CreateServiceSpecificCredential",
	"iam:ResetServiceSpecificCredential", "sts:AssumeRole", "sts:GetFederationToken", "sts:AssumeRoot",
}

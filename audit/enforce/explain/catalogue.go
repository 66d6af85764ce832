package explain

import "strings"

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

// actionTypes are the resource types of the actions: "*" where an action has
// none. An action that takes one of several types has them with a comma.
var actionTypes = map[string]string{
	"iam user": `AttachUserPolicy ChangePassword CreateAccessKey CreateLoginProfile CreateServiceSpecificCredential CreateUser
		DeactivateMFADevice DeleteAccessKey DeleteLoginProfile DeleteSSHPublicKey DeleteServiceSpecificCredential DeleteSigningCertificate
		DeleteUser DeleteUserPermissionsBoundary DeleteUserPolicy DetachUserPolicy EnableMFADevice GetAccessKeyLastUsed GetLoginProfile
		GetMFADevice GetSSHPublicKey GetUser GetUserPolicy ListAccessKeys ListAttachedUserPolicies ListGroupsForUser ListMFADevices
		ListSSHPublicKeys ListServiceSpecificCredentials ListSigningCertificates ListUserPolicies ListUserTags PutUserPermissionsBoundary
		PutUserPolicy ResetServiceSpecificCredential ResyncMFADevice TagUser UntagUser UpdateAccessKey UpdateLoginProfile UpdateSSHPublicKey
		UpdateServiceSpecificCredential UpdateSigningCertificate UpdateUser UploadSSHPublicKey UploadSigningCertificate`,
	"iam mfa":         `CreateVirtualMFADevice ListMFADeviceTags TagMFADevice UntagMFADevice`,
	"iam mfa,sms-mfa": `DeleteVirtualMFADevice`,
	"iam role": `AttachRolePolicy CreateRole CreateServiceLinkedRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy
		DeleteServiceLinkedRole DetachRolePolicy GetRole GetRolePolicy GetServiceLinkedRoleDeletionStatus ListAttachedRolePolicies
		ListInstanceProfilesForRole ListRolePolicies ListRoleTags PassRole PutRolePermissionsBoundary PutRolePolicy TagRole UntagRole
		UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription`,
	"iam group": `AddUserToGroup AttachGroupPolicy CreateGroup DeleteGroup DeleteGroupPolicy DetachGroupPolicy GetGroup GetGroupPolicy
		ListAttachedGroupPolicies ListGroupPolicies PutGroupPolicy RemoveUserFromGroup UpdateGroup`,
	"iam policy": `CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion ListEntitiesForPolicy
		ListPolicyTags ListPolicyVersions SetDefaultPolicyVersion TagPolicy UntagPolicy`,
	"iam instance-profile": `AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile
		ListInstanceProfileTags RemoveRoleFromInstanceProfile TagInstanceProfile UntagInstanceProfile`,
	"iam oidc-provider": `AddClientIDToOpenIDConnectProvider CreateOpenIDConnectProvider DeleteOpenIDConnectProvider
		GetOpenIDConnectProvider ListOpenIDConnectProviderTags RemoveClientIDFromOpenIDConnectProvider TagOpenIDConnectProvider
		UntagOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint`,
	"iam saml-provider": `CreateSAMLProvider DeleteSAMLProvider GetSAMLProvider ListSAMLProviderTags TagSAMLProvider UntagSAMLProvider
		UpdateSAMLProvider`,
	"iam server-certificate": `DeleteServerCertificate GetServerCertificate ListServerCertificateTags TagServerCertificate
		UntagServerCertificate UpdateServerCertificate UploadServerCertificate`,
	"iam delegation-request": `AcceptDelegationRequest AssociateDelegationRequest CreateDelegationRequest GetDelegationRequest
		GetHumanReadableSummary RejectDelegationRequest SendDelegationToken`,
	"iam access-report":          `GenerateOrganizationsAccessReport`,
	"iam role-template":          `GetRoleTemplateVersion`,
	"iam group,policy,role,user": `GenerateServiceLastAccessedDetails`,
	"iam group,role,user":        `GetContextKeysForPrincipalPolicy ListPoliciesGrantingServiceAccess SimulatePrincipalPolicy`,
	"iam *": `CreateAccountAlias DeleteAccountAlias DeleteAccountPasswordPolicy DeleteCloudFrontPublicKey
		DisableOrganizationsRootCredentialsManagement DisableOrganizationsRootSessions DisableOutboundWebIdentityFederation
		EnableOrganizationsRootCredentialsManagement EnableOrganizationsRootSessions EnableOutboundWebIdentityFederation
		GenerateCredentialReport GetAccountAuthorizationDetails GetAccountEmailAddress GetAccountName GetAccountPasswordPolicy
		GetAccountProperties GetAccountSummary GetCloudFrontPublicKey GetContextKeysForCustomPolicy GetCredentialReport
		GetOrganizationsAccessReport GetOutboundWebIdentityFederationInfo GetServiceLastAccessedDetails
		GetServiceLastAccessedDetailsWithEntities ListAccountAliases ListCloudFrontPublicKeys ListDelegationRequests ListGroups
		ListInstanceProfiles ListOpenIDConnectProviders ListOrganizationsFeatures ListPolicies ListRoles ListSAMLProviders
		ListSTSRegionalEndpointsStatus ListServerCertificates ListUsers ListVirtualMFADevices PutAccountProperties
		SetSTSRegionalEndpointStatus SetSecurityTokenServicePreferences SimulateCustomPolicy UpdateAccountEmailAddress UpdateAccountName
		UpdateAccountPasswordPolicy UpdateCloudFrontPublicKey UploadCloudFrontPublicKey`,
	"sts role": `AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity SetSourceIdentity TagSession`,
	// What these take besides is not in a policy's Resource, or several types are
	// possible: the catalogue knows them and says nothing of their resources.
	"sts ?": `AssumeRoot DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity GetDelegatedAccessToken GetFederationToken
		GetServiceBearerToken GetSessionToken GetWebIdentityToken SetContext TagGetWebIdentityToken`,
	"signin ?": `Authenticate AuthorizeOAuth2Access CreateAccount CreateOAuth2PublicClient CreateOAuth2Token
		CreateTrustedIdentityPropagationApplicationForConsole DeleteConsoleAuthorizationConfiguration DeleteResourcePermissionStatement
		GetConsoleAuthorizationConfiguration GetResourcePolicy IntrospectOAuth2Token ListResourcePermissionStatements
		ListTrustedIdentityPropagationApplicationsForConsole PutConsoleAuthorizationConfiguration PutResourcePermissionStatement
		RevokeOAuth2Token`,
}

// action is one of the catalogue's.
type action struct {
	name  string   // iam:EnableMFADevice
	types []string // of resources; nil where the catalogue says nothing of them
}

// actionsByName are the catalogue's actions by their names in lower case.
var actionsByName = catalogued()

func catalogued() map[string]action {
	all := map[string]action{}
	for key, names := range actionTypes {
		service, types, _ := strings.Cut(key, " ")
		for _, name := range strings.Fields(names) {
			a := action{name: service + ":" + name}
			if types != "?" {
				a.types = strings.Split(types, ",")
			}
			all[strings.ToLower(a.name)] = a
		}
	}
	return all
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

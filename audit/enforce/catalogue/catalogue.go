// Package catalogue names what AWS's policies can name: the actions of the services
// that decide who is who, and the services.
//
// It promises names as AWS spells them, as of the service authorization reference of
// September 2026, and decides nothing: an action that it has not may be newer than
// it is.
package catalogue

import (
	"slices"
	"strings"
)

// Action is an action and what it is about.
type Action struct {
	Name  string   // iam:EnableMFADevice
	Types []string // of resources, "*" where it has none; nil where the catalogue says nothing of them
}

// Listed tells a service whose actions are here in full.
func Listed(service string) bool {
	return slices.Contains([]string{"iam", "sts", "signin"}, strings.ToLower(service))
}

// Named is the action of a name, in any case.
func Named(name string) (Action, bool) {
	a, known := byName[strings.ToLower(name)]
	return a, known
}

// Names are the names of all actions, in order.
func Names() []string {
	var all []string
	for _, a := range byName {
		all = append(all, a.Name)
	}
	slices.Sort(all)
	return all
}

// byName are the actions by their names in lower case.
var byName = index()

func index() map[string]Action {
	all := map[string]Action{}
	for key, names := range actionTypes {
		service, types, _ := strings.Cut(key, " ")
		for _, name := range strings.Fields(names) {
			a := Action{Name: service + ":" + name}
			if types != "?" {
				a.Types = strings.Split(types, ",")
			}
			all[strings.ToLower(a.Name)] = a
		}
	}
	return all
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

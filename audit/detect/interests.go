package detect

import "mfawatch/audit/signin"

// The sources that checks read beside the sign-ins'.
const (
	iamSource   = "iam.amazonaws.com"
	stsSource   = "sts.amazonaws.com"
	trailSource = "cloudtrail.amazonaws.com"
)

// Interests are the events that some check reads beyond signin.Interests.
// AssumeRole is up to 5 % of a log; only calls that gave a device's serial
// number say anything here (whose device it is), as with GetSessionToken.
func Interests() []signin.Interest {
	is := []signin.Interest{
		{Name: "GetSessionToken", Source: stsSource, Key: "serialNumber"},
		{Name: "AssumeRole", Source: stsSource, Key: "serialNumber"},
	}
	for _, group := range []struct {
		source string
		names  []string
	}{
		{iamSource, []string{
			"CreateVirtualMFADevice", "EnableMFADevice", "ResyncMFADevice", "DeactivateMFADevice", "DeleteVirtualMFADevice",
			"CreateLoginProfile", "UpdateLoginProfile", "DeleteLoginProfile",
		}},
		{stsSource, []string{"AssumeRoot", "GetFederationToken"}},
		{trailSource, []string{"StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"}},
		{signin.Source, []string{
			"CheckMfa", "CredentialVerification", "GetSigninToken", "SwitchRole",
			"PasswordRecoveryRequested", "PasswordRecoveryCompleted", "PasswordUpdated", "EmailUpdated",
			"PutResourcePermissionStatement", "DeleteResourcePermissionStatement",
			"PutConsoleAuthorizationConfiguration", "DeleteConsoleAuthorizationConfiguration",
			"AuthorizeOAuth2Access", "CreateOAuth2Token", "CreateOAuth2TokenWithIAM",
		}},
	} {
		for _, name := range group.names {
			is = append(is, signin.Interest{Name: name, Source: group.source})
		}
	}
	return is
}

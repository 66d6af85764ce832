package corpus

// scene is what one person does around a sign-in, in order.
type scene struct {
	weight int
	lines  []line
}

func (s scene) share() int { return s.weight }

// line is one record of a scene. A sign-in has the reason that its verdict must
// give; other events have none.
type line struct {
	name   string
	reason string
	text   template
}

// The identities of people who sign in. A failed sign-in has no ARN and an
// empty access key id (CloudTrail user guide, console sign-in events).
const (
	byUser    = `{"type":"IAMUser","principalId":"<userid>","arn":"arn:aws:iam::<account>:user/<user>","accountId":"<account>","userName":"<user>"}`
	byFailed  = `{"type":"IAMUser","principalId":"<userid>","accountId":"<account>","accessKeyId":"","userName":"<user>"}`
	byNobody  = `{"type":"IAMUser","accountId":"<account>","accessKeyId":"","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}`
	byRoot    = `{"type":"Root","principalId":"<account>","arn":"arn:aws:iam::<account>:root","accountId":"<account>","accessKeyId":""}`
	byUserKey = `{"type":"IAMUser","principalId":"<userid>","arn":"arn:aws:iam::<account>:user/<user>","accountId":"<account>","accessKeyId":"<key>","userName":"<user>","sessionContext":{"attributes":{"creationDate":"<earlier>","mfaAuthenticated":"false"}}}`
	bySAML    = `{"type":"AssumedRole","principalId":"AROAEXAMPLESAMLROLE00:<user>@example.com","arn":"arn:aws:sts::<account>:assumed-role/corp-admin/<user>@example.com","accountId":"<account>"}`
	bySSO     = `{"type":"AssumedRole","principalId":"AROAEXAMPLESSOROLE000:<user>@example.com","arn":"arn:aws:sts::<account>:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/<user>@example.com","accountId":"<account>","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLESSOROLE000","arn":"arn:aws:iam::<account>:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_AdministratorAccess_0123456789abcdef","accountId":"<account>","userName":"AWSReservedSSO_AdministratorAccess_0123456789abcdef"},"attributes":{"creationDate":"<earlier>","mfaAuthenticated":"false"}}}`
	byRole    = `{"type":"AssumedRole","principalId":"AROAEXAMPLEPLAINROLE0:<user>","arn":"arn:aws:sts::<account>:assumed-role/operator/<user>","accountId":"<account>","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEPLAINROLE0","arn":"arn:aws:iam::<account>:role/operator","accountId":"<account>","userName":"operator"},"attributes":{"creationDate":"<earlier>","mfaAuthenticated":"false"}}}`
	byRoleMFA = `{"type":"AssumedRole","principalId":"AROAEXAMPLEPLAINROLE0:<user>","arn":"arn:aws:sts::<account>:assumed-role/operator/<user>","accountId":"<account>","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEPLAINROLE0","arn":"arn:aws:iam::<account>:role/operator","accountId":"<account>","userName":"operator"},"attributes":{"creationDate":"<earlier>","mfaAuthenticated":"true"}}}`
	byFed     = `{"type":"FederatedUser","principalId":"<account>:<user>","arn":"arn:aws:sts::<account>:federated-user/<user>","accountId":"<account>","sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"<userid>","arn":"arn:aws:iam::<account>:user/<user>","accountId":"<account>","userName":"<user>"},"attributes":{"creationDate":"<earlier>","mfaAuthenticated":"false"}}}`
	byPortal  = `{"type":"IdentityCenterUser","accountId":"<account>","onBehalfOf":{"userId":"<workflow>","identityStoreArn":"arn:aws:identitystore::<account>:identitystore/d-0123456789"},"credentialId":"<workflow>"}`
	byNew     = `{"type":"BuilderID","principalId":"<userid>","accountId":"<account>"}`
)

const (
	virtual   = `"MFAIdentifier":"arn:aws:iam::<account>:mfa/<user>","MFAUsed":"Yes"`
	passkey   = `"MFAIdentifier":"arn:aws:iam::<account>:u2f/user/<user>/laptop-<id 26>","MFAUsed":"Yes"`
	token     = `"MFAIdentifier":"GAKT<num 99999999>","MFAUsed":"Yes"`
	rootMFA   = `"MFAIdentifier":"arn:aws:iam::<account>:mfa/root-account-mfa-device","MFAUsed":"Yes"`
	noMFA     = `"MFAUsed":"No"`
	saml      = `"SamlProviderArn":"arn:aws:iam::<account>:saml-provider/corp","MFAUsed":"No"`
	asked     = `"MFAUsed":"Yes"`
	unsaid    = `"MobileVersion":"No"`
	wrong     = `"errorMessage":"Failed authentication",`
	noUser    = `"errorMessage":"No username found in supplied account",`
	policed   = `"errorMessage":"Authorization denied because of a resource-based policy",`
	succeeded = `{"ConsoleLogin":"Success"}`
	failed    = `{"ConsoleLogin":"Failure"}`
)

// scenes are all kinds of sign-ins, with what CloudTrail logs around them.
func scenes() []scene {
	checked := signinEvent("CheckMfa", byUser, `{"CheckMfa":"Success"}`, `"MfaType":"<pick Virtual MFA|U2F MFA|Multiple MFA Devices>"`)
	traded := signinEvent("GetSigninToken", bySSO, `{"GetSigninToken":"Success"}`, noMFA)
	guess := login("failed-sign-in", byFailed, wrong, failed, noMFA)
	return []scene{
		{30, []line{checked, login("mfa", byUser, "", succeeded, virtual)}},
		{20, []line{checked, login("mfa", byUser, "", succeeded, passkey)}},
		{4, []line{checked, login("mfa", byUser, "", succeeded, token)}},
		{2, []line{login("mfa", byRoot, "", succeeded, rootMFA)}},
		{8, []line{login("no-mfa", byUser, "", succeeded, noMFA)}},
		{1, []line{login("no-mfa", byRoot, "", succeeded, noMFA)}},
		{2, []line{login("mfa-not-recorded", byUser, "", succeeded, unsaid)}},
		{1, []line{login("outcome-missing", byUser, "", "null", virtual)}},
		{1, []line{login("identity-not-known", byNew, "", succeeded, noMFA)}},
		{5, []line{login("role-session", byRole, "", succeeded, noMFA)}},
		{5, []line{login("mfa-in-session", byRoleMFA, "", succeeded, noMFA)}},
		{20, []line{login("mfa-at-identity-provider", bySAML, "", succeeded, saml)}},
		{30, []line{traded, login("mfa-at-identity-provider", bySSO, "", succeeded, noMFA)}},
		{2, []line{federationToken(), login("mfa-at-identity-provider", byFed, "", succeeded, noMFA)}},
		{8, []line{guess}},
		{3, []line{guess, guess, guess, guess, guess, guess, login("no-mfa", byUser, "", succeeded, noMFA)}},
		{3, []line{login("failed-sign-in", byNobody, noUser, failed, noMFA)}},
		{6, []line{checked, login("failed-at-mfa", byFailed, wrong, failed, asked)}},
		{1, []line{login("refused-by-policy", byUser, policed, failed, noMFA)}},
		{20, []line{challenge("PASSWORD"), challenge("TOTP"), portal("second-factor", "Success", "PASSWORD,TOTP")}},
		{10, []line{challenge("WEBAUTHN"), portal("second-factor", "Success", "PASSWORD,WEBAUTHN")}},
		{3, []line{challenge("PASSWORD"), portal("single-factor", "Success", "PASSWORD")}},
		{6, []line{portal("mfa-at-identity-provider", "Success", "EXTERNAL_IDP")}},
		{2, []line{portal("failed-sign-in", "Failure", "PASSWORD")}},
		{2, []line{iamEvent("CreateVirtualMFADevice", `{"virtualMFADeviceName":"<user>"}`), iamEvent("EnableMFADevice", device), login("mfa", byUser, "", succeeded, virtual)}},
		{2, []line{iamEvent("DeactivateMFADevice", device), login("no-mfa", byUser, "", succeeded, noMFA)}},
		{1, []line{login("mfa", byUser, "", succeeded, virtual), api("StopLogging", "cloudtrail.amazonaws.com", `{"name":"arn:aws:cloudtrail:<region>:<account>:trail/main"}`)}},
		{6, []line{login("mfa", byUser, "", succeeded, passkey), oauth("AuthorizeOAuth2Access"), oauth("CreateOAuth2Token")}},
		{6, []line{api("GetSessionToken", "sts.amazonaws.com", `{"durationSeconds":43200,"serialNumber":"arn:aws:iam::<account>:mfa/<user>"}`), login("mfa", byUser, "", succeeded, virtual)}},
	}
}

const device = `{"userName":"<user>","serialNumber":"arn:aws:iam::<account>:mfa/<user>"}`

// signinText is a record of the console's sign-in service.
const signinText = `{"eventVersion":"1.08","userIdentity":IDENTITY,"eventTime":"<time>","eventSource":"signin.amazonaws.com","eventName":"NAME",` +
	`"awsRegion":"<region>","sourceIPAddress":"<ip>","userAgent":"<browser>",ERROR"requestParameters":null,"responseElements":RESPONSE,` +
	`"additionalEventData":{ADD},"eventID":"<uuid>","readOnly":false,"eventType":"AwsConsoleSignIn","managementEvent":true,` +
	`"recipientAccountId":"<account>","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256",` +
	`"clientProvidedHostHeader":"<region>.signin.aws.amazon.com"}}`

const loginTo = `"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&nc2=h_ct&src=header-signin&state=hashArgsFromTB_<region>_<hex 16>",`

func login(reason, identity, message, response, add string) line {
	return line{"ConsoleLogin", reason, fill(signinText, identity, "ConsoleLogin", message, response, loginTo+add)}
}

func signinEvent(name, identity, response, add string) line {
	return line{name, "", fill(signinText, identity, name, "", response, add)}
}

package guardrail

import (
	"slices"
	"strconv"
	"time"

	"mfawatch/audit/enforce"
)

// The pages that statements stand on.
const (
	keysPage      = "IAM user guide, AWS global condition context keys"
	variablesPage = "IAM user guide, IAM policy elements: variables and tags"
	ownMFAPage    = "IAM user guide, allows MFA-authenticated IAM users to manage their own credentials"
	fidoPage      = "IAM user guide, supported configurations for using passkeys and security keys"
	mfaPage       = "IAM user guide, AWS multi-factor authentication in IAM"
	apiMFAPage    = "IAM user guide, secure API access with MFA"
	iamActions    = "service authorization reference, AWS Identity and Access Management"
	signinActions = "service authorization reference, AWS Signin"
	consolePage   = "AWS Sign-In user guide, console access control"
	tagPage       = "IAM user guide, tags for IAM resources, case sensitivity"
	fasPage       = "IAM user guide, forward access sessions"
	boundaryPage  = "IAM user guide, permissions boundaries for IAM entities"
	principalPage = "IAM user guide, IAM policy elements: variables and tags, principal key values; STS API reference, GetFederationToken"
	rcpPage       = "Organizations user guide, RCP syntax"
	deletePage    = "IAM user guide, allows IAM users to self-manage an MFA device"
)

// The actions that documents are about.
const (
	createVirtual  = "iam:CreateVirtualMFADevice"
	enable         = "iam:EnableMFADevice"
	resync         = "iam:ResyncMFADevice"
	deactivate     = "iam:DeactivateMFADevice"
	deleteVirtual  = "iam:DeleteVirtualMFADevice"
	changePassword = "iam:ChangePassword"
	passwordPolicy = "iam:GetAccountPasswordPolicy"
	listVirtual    = "iam:ListVirtualMFADevices"
	loginProfile   = "iam:GetLoginProfile"
	authenticate   = "signin:Authenticate"
	authorize      = "signin:AuthorizeOAuth2Access"
	createToken    = "signin:CreateOAuth2Token"
)

// freeOfPolicies are the calls that no policy governs. They stand in the exemption
// so that nobody reads the document as forbidding them.
var freeOfPolicies = []string{"sts:GetCallerIdentity", "sts:GetSessionToken"}

// consoleSignIn are the calls on the way into the console where console authorization
// is switched on (AWS Sign-In user guide, console access control).
var consoleSignIn = []string{authenticate, authorize, createToken}

// ownReads are what a user reads of himself on the way to a factor.
var ownReads = []string{"iam:GetMFADevice", "iam:GetUser", "iam:ListMFADevices"}

// comfort are the reads without which the console's pages show errors to a user who
// enrols. All of them only read.
var comfort = []string{"iam:GetAccountSummary", passwordPolicy, loginProfile, "iam:ListAccountAliases", "iam:ListUsers"}

// ownCredentials are what self-service lets users manage of their own. What signs by
// itself and never with MFA is listed, switched off and deleted, and not made: under
// the guardrail it does nothing, and where a service does not ask the guardrail it is
// a way round it.
var ownCredentials = []string{
	changePassword, "iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:DeleteSSHPublicKey", "iam:DeleteServiceSpecificCredential",
	"iam:DeleteSigningCertificate", "iam:GetAccessKeyLastUsed", "iam:GetSSHPublicKey", "iam:ListAccessKeys", "iam:ListSSHPublicKeys",
	"iam:ListServiceSpecificCredentials", "iam:ListSigningCertificates", "iam:UpdateAccessKey", "iam:UpdateSSHPublicKey",
	"iam:UpdateServiceSpecificCredential", "iam:UpdateSigningCertificate",
}

// factorActions are all that touch a factor.
var factorActions = []string{createVirtual, deactivate, deleteVirtual, enable, resync, "iam:TagMFADevice", "iam:UntagMFADevice"}

// enrolment are the calls that a user needs to enrol a factor in a guardrail.
func enrolment(k Kind) []string {
	needed := append([]string{listVirtual}, ownReads...)
	if k == AdminManaged {
		return needed
	}
	needed = append(needed, enable, resync)
	if k != Hardware {
		needed = append(needed, createVirtual)
	}
	return needed
}

// exempt are the actions that users may call without MFA.
func exempt(o Options) []string {
	all := append(enrolment(o.Kind), freeOfPolicies...)
	all = append(all, consoleSignIn...)
	if !o.NoConsoleComfort {
		all = append(all, comfort...)
	}
	if o.PasswordChange {
		all = append(all, changePassword, passwordPolicy)
	}
	return sorted(all)
}

func sorted(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// statements are a document's statements: what it grants, then what it refuses.
func statements(o Options) []Statement {
	if o.Form == Trust {
		return []Statement{assume(o)}
	}
	var all []Statement
	switch {
	case o.Form == Boundary:
		all = append(all, withinBoundary())
	case o.Form == Identity && o.Kind != Actions:
		all = append(all, grants(o)...)
	}
	if o.Kind == Actions {
		return append(all, namedActions(o))
	}
	return append(all, refusals(o)...)
}

// own are the two forms of the calling user's ARN: IAM does not put the path into
// aws:username. A name is unique in its account whatever the path, so the second
// form reaches nobody else.
func own(o Options) []string {
	return []string{"arn:" + o.Partition + ":iam::*:user/${aws:username}", "arn:" + o.Partition + ":iam::*:user/*/${aws:username}"}
}

func devices(o Options) []string { return []string{"arn:" + o.Partition + ":iam::*:mfa/*"} }

var everything = []string{"*"}

// withinBoundary: a boundary is the most that a user may have, so without an Allow
// of its own it would refuse everything.
func withinBoundary() Statement {
	return Statement{Sid: "AllowWithinBoundary", Effect: enforce.Allow, Actions: everything, Resources: everything, Source: boundaryPage,
		Why: "A boundary grants nothing and must allow: without this it would refuse everything."}
}

// grants are what an identity policy gives.
func grants(o Options) []Statement {
	all := []Statement{readAccount(o), ownDevice(o)}
	if o.Kind == SelfService || o.Kind == MFAOnly {
		all = append(all, Statement{Sid: "AllowCreateVirtualDevice", Effect: enforce.Allow, Actions: []string{createVirtual}, Resources: devices(o), Source: iamActions,
			Why: "A code generator is made before it is anybody's; since November 2022 its name is free, so mfa/${aws:username} would refuse most names."})
	}
	if o.enrols() {
		all = append(all, takeAway(o)...)
	}
	if o.Kind == SelfService {
		all = append(all, Statement{Sid: "AllowManageOwnCredentials", Effect: enforce.Allow, Actions: ownCredentials, Resources: own(o), Source: ownMFAPage,
			Why: "Password and access keys of oneself. Certificates, SSH keys and service credentials sign without MFA for good: they may be looked at, switched off and deleted, and not made. Tags are left out, for who tags himself may change what policies say of him."})
	}
	return all
}

func readAccount(o Options) Statement {
	actions := []string{listVirtual}
	if !o.NoConsoleComfort {
		actions = append(actions, "iam:GetAccountSummary", passwordPolicy, "iam:ListAccountAliases", "iam:ListUsers")
	}
	if o.PasswordChange || o.Kind == SelfService {
		actions = append(actions, passwordPolicy)
	}
	return Statement{Sid: "AllowReadAccount", Effect: enforce.Allow, Actions: sorted(actions), Resources: everything, Source: ownMFAPage,
		Why: "What the console asks about the account while somebody enrols. These actions know no resource."}
}

func ownDevice(o Options) Statement {
	actions := slices.Clone(ownReads)
	if o.enrols() {
		actions = append(actions, enable, resync)
	}
	if !o.NoConsoleComfort {
		actions = append(actions, loginProfile)
	}
	if o.PasswordChange && o.Kind != SelfService {
		actions = append(actions, changePassword)
	}
	why := "Enrolling is what the device is bound to a user by, so it is limited to oneself, with and without a path."
	if !o.enrols() {
		why = "One's own factors may be looked at, by users with and without a path."
	}
	return Statement{Sid: "AllowOwnDevice", Effect: enforce.Allow, Actions: sorted(actions), Resources: own(o), Why: why, Source: variablesPage}
}

// takeAway: with MFA only. The condition is Bool, not BoolIfExists: in an Allow the
// latter lets access keys in.
func takeAway(o Options) []Statement {
	with := []Condition{{"Bool", enforce.KeyMFAPresent, []string{"true"}}}
	if o.MFAAge > 0 {
		with = append(with, Condition{"NumericLessThan", enforce.KeyMFAAge, []string{seconds(o.MFAAge)}})
	}
	return []Statement{
		{Sid: "AllowDeactivateOwnDevice", Effect: enforce.Allow, Actions: []string{deactivate}, Resources: own(o), Conditions: with, Source: mfaPage,
			Why: "Who takes off a factor shows a factor. What an AWS service does on the user's behalf carries no MFA and is not granted either."},
		{Sid: "AllowDeleteUnusedDevice", Effect: enforce.Allow, Actions: []string{deleteVirtual}, Resources: devices(o), Conditions: with, Source: deletePage,
			Why: "Tidies up a device that nobody uses any more; AWS refuses to delete one that is somebody's."},
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// refusals are the Deny statements, the same in every form.
func refusals(o Options) []Statement {
	all := []Statement{withoutMFA(o), tokens(o), federated(o)}
	if o.Kind == AdminManaged {
		return append(all, registrarOnly(o))
	}
	all = append(all, others(o))
	if o.MFAAge > 0 {
		all = append(all, deny(o, Statement{Sid: "DenyTakingAwayWithOldMFA", Actions: []string{deactivate, deleteVirtual}, Resources: everything, Source: keysPage,
			Conditions: []Condition{{"NumericGreaterThanIfExists", enforce.KeyMFAAge, []string{seconds(o.MFAAge)}}},
			Why:        "A session that was left open, or stolen, takes no factor away, whatever another policy allows. A call without an age is refused too, one by an AWS service on the user's behalf included."}))
	}
	if o.Kind == Hardware {
		all = append(all, hardware(o)...)
	}
	if o.TagGuard {
		all = append(all, tagGuard(o)...)
	}
	return all
}

// deny makes a statement a refusal of users. Roles are left out: their sessions
// never carry MFA. Root of a member account is left out too, it is asked elsewhere.
func deny(o Options, s Statement) Statement {
	return refuse(s, users(o))
}

func users(o Options) string { return "arn:" + o.Partition + ":iam::*:user/*" }

// federatedSessions are those of GetFederationToken. An access key makes them
// without MFA, and their principal is no user's ARN: left out, they would be the
// way round.
func federatedSessions(o Options) string { return "arn:" + o.Partition + ":sts::*:federated-user/*" }

func refuse(s Statement, who ...string) Statement {
	s.Effect = enforce.Deny
	s.Conditions = append([]Condition{{"ArnLike", "aws:PrincipalArn", who}}, s.Conditions...)
	return s
}

// federated has no exemption: such a session never carries MFA and enrols nobody.
// It has no aws:username, and AWS's pages differ on what NotResource makes of that.
func federated(o Options) Statement {
	return refuse(Statement{Sid: "DenyFederatedSessions", Actions: everything, Resources: everything, Source: principalPage,
		Why: "A session of GetFederationToken is made by an access key without MFA, lives 36 hours at the most, and its principal is no user's ARN. Nothing is left for it to do."}, federatedSessions(o))
}

// notMFA is a request without MFA. The key is absent for access keys and false for
// a console session without: only BoolIfExists matches both.
var notMFA = Condition{"BoolIfExists", enforce.KeyMFAPresent, []string{"false"}}

// notThroughService is a request of the user's own making.
var notThroughService = Condition{"BoolIfExists", enforce.KeyViaService, []string{"false"}}

func withoutMFA(o Options) Statement {
	return deny(o, Statement{Sid: "DenyWithoutMFA", NotActions: exempt(o), Resources: everything, Conditions: []Condition{notMFA, notThroughService}, Source: keysPage,
		Why: "Everything but the way to a factor needs MFA. What an AWS service does on the user's behalf carries no MFA and passes: the call that set it off was held to this statement. Taking a factor away is never exempt."})
}

// tokens: of the three sign-in actions the first, Authenticate, is asked before there
// is a session and is about consoles and nothing else (service authorization
// reference), so it is exempt wherever it is asked. The two others are on the way into the console where console
// authorization is switched on, and the way to credentials everywhere else.
func tokens(o Options) Statement {
	return deny(o, Statement{Sid: "DenyTokensWithoutMFA", Actions: []string{authorize, createToken}, NotResources: []string{"arn:" + o.Partition + ":signin:::console/*"},
		Conditions: []Condition{notMFA}, Source: consolePage + "; " + signinActions,
		Why: "The console lets a user without a factor in, so that one can be enrolled; aws login and agents give credentials, and need MFA."})
}

func others(o Options) Statement {
	return deny(o, Statement{Sid: "DenyOthersDevicesWithoutMFA", Actions: []string{enable, resync}, NotResources: own(o), Conditions: []Condition{notMFA}, Source: iamActions,
		Why: "The exemption is for oneself. Without this, a user whom another policy lets administer IAM enrols a device of the thief's for any user, by a stolen access key alone."})
}

// hardware lets in what says of itself, in a certificate, that it is one.
func hardware(o Options) []Statement {
	all := []Statement{
		deny(o, Statement{Sid: "DenyVirtualDevices", Actions: []string{createVirtual}, Resources: everything, Source: iamActions,
			Why: "No code generators. A YubiKey's OATH codes are one to AWS."}),
		deny(o, Statement{Sid: "DenyOtherThanSecurityKeys", Actions: []string{enable}, Resources: everything, Conditions: []Condition{{"Null", "iam:RegisterSecurityKey", []string{"true"}}}, Source: fidoPage,
			Why: "The key is absent when codes enrol a device, virtual or hardware. A hardware token for codes is enrolled by a role."}),
	}
	for _, c := range []struct {
		sid, key, of string
		levels       []string
	}{
		{"DenyUncertifiedKeys", "iam:FIDO-certification", "FIDO", o.FIDOLevels},
		{"DenyKeysWithoutFIPS1402", "iam:FIDO-FIPS-140-2-certification", "FIPS 140-2", o.FIPS1402Levels},
		{"DenyKeysWithoutFIPS1403", "iam:FIDO-FIPS-140-3-certification", "FIPS 140-3", o.FIPS1403Levels},
	} {
		if len(c.levels) > 0 {
			all = append(all, deny(o, Statement{Sid: c.sid, Actions: []string{enable}, Resources: everything, Source: fidoPage,
				Conditions: []Condition{{"StringEquals", "iam:RegisterSecurityKey", []string{"Activate"}}, {"StringNotEquals", c.key, c.levels}},
				Why:        "A " + c.of + " certification of a listed level, as it is known when the key is activated; none at all, as of a synced passkey, is refused."}))
		}
	}
	return all
}

// tagGuard holds the first device's door shut where AWS does not.
func tagGuard(o Options) []Statement {
	return []Statement{
		deny(o, Statement{Sid: "DenyEnrolmentOfMarkedUsers", Actions: []string{enable, resync}, Resources: everything, Source: iamActions,
			Conditions: []Condition{notMFA, {"StringEquals", "aws:ResourceTag/" + TagKey, []string{"true"}}},
			Why:        "A user who has a factor adds no second one without it. In the partition aws AWS itself sees to that since 21 April 2023 (AWS-2023-001); elsewhere nobody has verified it."}),
		registrars(o, Statement{Sid: "DenyMarkingUsers", Actions: []string{"iam:TagUser", "iam:UntagUser"}, Resources: everything, Source: tagPage,
			Conditions: []Condition{{"ForAnyValue:StringEqualsIgnoreCase", "aws:TagKeys", []string{TagKey}}},
			Why:        "Who may take the mark off takes the guard off. Case is ignored because IAM ignores it in tag keys. It is about roles too."}),
	}
}

func registrarOnly(o Options) Statement {
	return registrars(o, Statement{Sid: "DenyFactorsToAllButRegistrar", Actions: factorActions, Resources: everything, Source: iamActions,
		Why: "Nobody but the registrar touches a factor, with or without MFA, through a service or not. It is about roles too: an administrator's role is not the registrar."})
}

// registrars makes a statement a refusal of everybody but the registrars. As a
// service control policy it leaves out root of the member accounts, whom AWS asks
// to enrol a factor of its own.
func registrars(o Options, s Statement) Statement {
	but := slices.Clone(o.Registrars)
	if o.Form == SCP {
		but = append(but, "arn:"+o.Partition+":iam::*:root")
	}
	s.Effect = enforce.Deny
	s.Conditions = append([]Condition{{"ArnNotLike", "aws:PrincipalArn", but}}, s.Conditions...)
	return s
}

// namedActions refuses the named actions. Unlike with everything-but, the call that
// sets a service off is not held to the guardrail: who may create a stack starts
// instances through it. So services are let through only on request. An age asks
// for MFA as well: the key is there only with it.
func namedActions(o Options) Statement {
	s := Statement{Sid: "DenyActionsWithoutMFA", Actions: o.Actions, Resources: everything, Conditions: []Condition{notMFA}, Source: keysPage + "; " + fasPage,
		Why: "The named actions need MFA. Through an AWS service they are refused even with it, because such a call carries none: otherwise an access key without MFA starts with CloudFormation what it may not start itself."}
	if o.MFAAge > 0 {
		s.Sid, s.Conditions = "DenyActionsWithoutFreshMFA", []Condition{{"NumericGreaterThanIfExists", enforce.KeyMFAAge, []string{seconds(o.MFAAge)}}}
		s.Why = "The named actions need MFA that is young enough; a call without MFA has no age and is refused. So is one through an AWS service, which carries none: otherwise an access key without MFA starts with CloudFormation what it may not start itself."
	}
	if o.ThroughServices {
		s.Conditions = append(s.Conditions, notThroughService)
		s.Why = "The named actions need MFA when a user calls them. Calls of an AWS service on the user's behalf pass, also those that an access key without MFA has set off."
	}
	if o.Form == RCP {
		s.Principals = everything
		s.Source += "; " + rcpPage
	}
	return refuse(s, users(o), federatedSessions(o))
}

// assume is a role's trust policy.
func assume(o Options) Statement {
	return Statement{Sid: "AllowAssumeWithMFA", Effect: enforce.Allow, Principals: o.Principals, Actions: []string{"sts:AssumeRole"}, Source: apiMFAPage,
		Conditions: []Condition{{"Bool", enforce.KeyMFAPresent, []string{"true"}}, {"NumericLessThan", enforce.KeyMFAAge, []string{seconds(o.MFAAge)}}},
		Why:        "Only these users, and only with MFA that is young enough. It is asked once: a session of the role lives on without it, so its length is the other half. Bool, because BoolIfExists in an Allow lets access keys in."}
}

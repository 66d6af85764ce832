package explain

import "mfawatch/audit"

// Mistake is a known mistake. Its ID is an interface: it never changes meaning.
// Severity is the worst; some findings are milder, as their Why says.
type Mistake struct {
	ID       string         `json:"id"`
	Severity audit.Severity `json:"severity"`
	Says     string         `json:"says"`    // what is wrong
	Why      string         `json:"why"`     // what comes of it
	Instead  string         `json:"instead"` // what to write
	Source   string         `json:"source"`  // where that is said in public
}

// Found is a mistake in a document.
type Found struct {
	ID        string         `json:"id"`
	Severity  audit.Severity `json:"severity"`
	Statement int            `json:"statement"` // from 1; 0 where it is the document's
	Sid       string         `json:"sid"`
	Line      int            `json:"line"`
	Text      string         `json:"text"` // what stands there
	Why       string         `json:"why"`
	Instead   string         `json:"instead"`
	Source    string         `json:"source"`
}

// The public pages and papers.
const (
	pageKeys       = "IAM user guide, AWS global condition context keys"
	pagePresent    = pageKeys + ", aws:MultiFactorAuthPresent"
	pageAge        = pageKeys + ", aws:MultiFactorAuthAge"
	pageOperators  = "IAM user guide, JSON policy elements: condition operators"
	pageValued     = "IAM user guide, single-valued and multivalued context keys"
	pageSelf       = "IAM user guide, AWS: allows MFA-authenticated IAM users to manage their own credentials on the Security credentials page"
	pageAPI        = "IAM user guide, secure API access with MFA"
	pageActions    = "Service authorization reference, actions, resources and condition keys for AWS Identity and Access Management"
	pageReferences = "Service authorization reference"
	pageVersion    = "IAM user guide, JSON policy elements: Version"
	pagePrincipal  = "IAM user guide, JSON policy elements: Principal"
	pageConsole    = "AWS Sign-In user guide, controlling access to the console"
	pageLogin      = "AWS Sign-In user guide, sign in through the command line"
	pageVariables  = "IAM user guide, policy elements: variables"
	pageBoundaries = "IAM user guide, permissions boundaries for IAM entities"
	pageSCP        = "Organizations user guide, service control policies"
	pageForward    = "IAM user guide, forward access sessions"
	pageChecks     = "IAM user guide, Access Analyzer policy check reference"
	pageAnd        = "IAM user guide, conditions with multiple context keys or values"

	pageNotPrincipal = "IAM user guide, JSON policy elements: NotPrincipal"
)

// Mistakes is the registry, and its documentation, in the order of the page.
func Mistakes() []Mistake {
	var all []Mistake
	for _, part := range [][]Mistake{conditionMistakes(), ageMistakes(), exemptionMistakes(), resourceMistakes(), reachMistakes(), trustMistakes(), spellingMistakes()} {
		all = append(all, part...)
	}
	return all
}

// The ids.
const (
	idBoolInDeny      = "bool-instead-of-bool-if-exists"
	idNullInDeny      = "null-misses-console"
	idIfExistsInAllow = "bool-if-exists-in-allow"
	idInverted        = "mfa-condition-inverted"
	idForAllValues    = "for-all-values-on-single-key"
	idValue           = "wrong-value-type"
	idType            = "wrong-operator-type"
	idMoot            = "mfa-condition-moot"
	idNobody          = "mfa-deny-denies-nobody"
	idConsoleIn       = "mfa-false-in-allow"
	idLiteral         = "wildcard-in-string-equals"

	idAgeInDeny   = "mfa-age-without-if-exists-in-deny"
	idAgeInAllow  = "mfa-age-if-exists-in-allow"
	idAgeOfAll    = "mfa-age-on-everything"
	idAgeInverted = "mfa-age-inverted"

	idDelete       = "delete-virtual-exempt"
	idDeactivate   = "deactivate-exempt"
	idProfile      = "login-profile-exempt"
	idPassword     = "change-password-exempt"
	idSensitive    = "sensitive-exempt"
	idScope        = "notaction-not-scoped-to-self"
	idLoginExempt  = "aws-login-exempt"
	idConsole      = "console-sign-in-denied"
	idEnrolDenied  = "enrolment-denied"
	idEnrolPartial = "enrolment-incomplete"
	idOwnTag       = "exemption-by-own-tag"
	idChosen       = "exemption-by-caller"

	idNamed     = "mfa-username-resource"
	idDead      = "dead-action-resource"
	idPath      = "missing-path-form"
	idAdjacent  = "username-beside-wildcard"
	idVariables = "variables-in-2008-document"

	idRoles   = "deny-on-roles"
	idFree    = "cannot-be-denied"
	idForward = "service-calls-denied"
	idNoAllow = "boundary-allows-nothing"
	idDenyAll = "unconditional-deny-all"
	idLong    = "longer-than-quota"

	idWhole         = "whole-account-principal"
	idEverybody     = "everybody-principal"
	idTrustNoMFA    = "trust-without-mfa"
	idAskedOfRole   = "mfa-asked-of-role"
	idNotPrincipal  = "not-principal-in-allow"
	idButPrincipal  = "not-principal-in-deny"
	idKey           = "misspelt-condition-key"
	idKeyUnknown    = "unknown-condition-key"
	idKeyUnchecked  = "unchecked-condition-key"
	idOperator      = "misspelt-operator"
	idAction        = "misspelt-action"
	idActionUnknown = "unknown-action"
)

func conditionMistakes() []Mistake {
	return []Mistake{
		{idBoolInDeny, audit.High, "A Deny asks with Bool whether MFA is false.",
			"With an access key the key is not in the request at all, and Bool is not met: access keys are not denied.",
			`"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}`, pagePresent},
		{idNullInDeny, audit.High, "A Deny asks with Null whether the MFA key is absent.",
			"In a console session without MFA the key is there, and false: console sessions without MFA are not denied.",
			`"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}`, pagePresent},
		{idIfExistsInAllow, audit.High, "An Allow asks for MFA only where the key is in the request.",
			"With an access key the key is not in the request, and the condition is met: access keys are allowed without MFA.",
			`"Bool": {"aws:MultiFactorAuthPresent": "true"}`, pagePresent},
		{idInverted, audit.Medium, "A Deny is met with MFA and not without.",
			"It denies exactly those who have given a second factor.",
			`"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}`, pagePresent},
		{idForAllValues, audit.High, "ForAllValues stands before a key that has one value.",
			"It is met when the key is absent, and an Allow then lets access keys in. In a Deny it does what IfExists does: said as low.",
			"the operator without ForAllValues; IfExists in a Deny, never in an Allow", pageValued},
		{idValue, audit.High, "A value is of no form that the operator compares.",
			"The condition is never met.",
			`"true" or "false" for Bool and Null, a number for Numeric operators`, pageOperators},
		{idType, audit.High, "An operator is of another type than the key.",
			"The condition is never met, or not as meant. A text operator compares true and false as text, which Access Analyzer warns of: said as low.",
			"Bool for aws:MultiFactorAuthPresent, a Numeric operator for aws:MultiFactorAuthAge", pageOperators + "; " + pageChecks},
		{idMoot, audit.Medium, "An Allow asks for MFA, and another one allows the same without.",
			"One Allow is enough: the condition on MFA changes nothing.",
			"a Deny without MFA, or the condition in both statements", "IAM user guide, how AWS enforcement code logic evaluates requests"},
		{idNobody, audit.High, "A Deny about MFA denies no credential.",
			"Its conditions exclude each other, or ask for a caller whom nobody is: no call of one's own meets them, with an access key, in a console session, with MFA of any age, in a role's session or with a federation token.",
			`"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}, beside it only what a caller without MFA meets, as "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}; a limit of age in a statement of its own`, pageAnd + "; " + pagePresent},
		{idConsoleIn, audit.High, "The MFA condition of an Allow is met without MFA.",
			"In a console session without MFA the key is there, and false, which is enough here: such sessions are allowed.",
			`"Bool": {"aws:MultiFactorAuthPresent": "true"}`, pagePresent},
		{idLiteral, audit.Medium, "StringEquals has a value with a wildcard.",
			"StringEquals compares letter by letter, and a star is a star: what is meant is never equal to it.",
			"StringLike, or for an ARN ArnLike", pageOperators},
	}
}

func ageMistakes() []Mistake {
	return []Mistake{
		{idAgeInDeny, audit.Medium, "A Deny tests the age of MFA without IfExists.",
			"Without MFA there is no age, and the condition is not met: who gave no second factor is not denied, who gave one long ago is.",
			`"NumericGreaterThanIfExists": {"aws:MultiFactorAuthAge": "…"}`, pageAge},
		{idAgeInAllow, audit.High, "An Allow tests the age of MFA with IfExists.",
			"Without MFA there is no age, and the condition is met: access keys and sessions without MFA are allowed.",
			`"NumericLessThan": {"aws:MultiFactorAuthAge": "…"}`, pageAge},
		{idAgeOfAll, audit.Low, "A Deny of nearly everything tests the age of MFA.",
			"A console session lasts up to 12 hours and its MFA ages with it: people are cut off in the middle of their work.",
			"the limit on the few actions that need fresh MFA", pageAge},
		{idAgeInverted, audit.Medium, "The age of MFA is compared the wrong way round.",
			"An old second factor is let in and a fresh one is not.",
			`"NumericLessThan": {"aws:MultiFactorAuthAge": "…"} in an Allow, "NumericGreaterThanIfExists" in a Deny`, pageAge},
	}
}

func exemptionMistakes() []Mistake {
	return []Mistake{
		{idDelete, audit.Medium, "iam:DeleteVirtualMFADevice is exempt from the Deny without MFA.",
			"Whoever has a stolen key or password deletes devices that are being enrolled. AWS advises against it: a user whose enrolment was cut off can take another name for the device.",
			"leave it out of NotAction; let an administrator delete abandoned devices", pageSelf + "; " + pageAPI},
		{idDeactivate, audit.High, "iam:DeactivateMFADevice is exempt from the Deny without MFA.",
			"Whoever has a stolen key takes second factors off other users, and, where AWS's own rule does not hold, off this one.",
			"leave it out of NotAction", pageSelf},
		{idProfile, audit.High, "iam:CreateLoginProfile or iam:UpdateLoginProfile is exempt from the Deny without MFA.",
			"Both set a password without asking for the old one: a stolen key becomes a console password.",
			"leave it out of NotAction; iam:ChangePassword asks for the old password", "IAM API reference, UpdateLoginProfile, CreateLoginProfile"},
		{idPassword, audit.Low, "iam:ChangePassword is exempt from the Deny without MFA.",
			"A password can be changed by whoever knows it, without MFA. AWS offers it for the first sign-in and advises against it.",
			"leave it out of NotAction and create users without a password that must be changed", pageSelf},
		{idSensitive, audit.High, "An action that grants access is exempt from the Deny without MFA.",
			"It needs no second factor where any policy allows it.",
			"list in NotAction only what enrolling a first device needs", pageSelf},
		{idScope, audit.Medium, "The exemption for enrolling is not limited to one's own user.",
			"NotAction exempts the action on every resource: where another policy allows it broadly, a device can be enabled for another user without MFA.",
			`a second Deny of iam:EnableMFADevice and iam:ResyncMFADevice without MFA with "NotResource": ["arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::*:user/*/${aws:username}"]`,
			"IAM user guide, JSON policy elements: NotAction; duo.com, gaps in AWS's MFA policies"},
		{idLoginExempt, audit.Medium, "The sign-in of the command line is exempt from the Deny without MFA.",
			"Without MFA, aws login and agents get credentials and tokens.",
			"a second Deny of signin:AuthorizeOAuth2Access and signin:CreateOAuth2Token without MFA with the console as NotResource: arn:aws:signin:::console/*", pageLogin},
		{idConsole, audit.Low, "The Deny without MFA reaches the console's own sign-in.",
			"Where console authorization is switched on, nobody without MFA reaches the console to enrol a device. It is off by default, and how it meets this Deny is not verified on a live account.",
			"signin:AuthorizeOAuth2Access and signin:CreateOAuth2Token in NotAction, denied again for every resource but arn:aws:signin:::console/*", pageConsole},
		{idEnrolDenied, audit.Low, "Without MFA nobody can enable a first device.",
			"A user without a device can never get one: an administrator must enrol every user.",
			"iam:CreateVirtualMFADevice, iam:EnableMFADevice and what the console reads in NotAction, unless administrators are to enrol users", pageSelf},
		{idEnrolPartial, audit.Low, "Of what enrolling needs, something is denied without MFA.",
			"A device can be enabled, but the console page that does it fails.",
			"all of iam:CreateVirtualMFADevice, iam:EnableMFADevice, iam:GetMFADevice, iam:GetUser, iam:ListMFADevices, iam:ListVirtualMFADevices, iam:ResyncMFADevice in NotAction", pageSelf},
		{idOwnTag, audit.High, "A tag decides about the Deny, and the document lets users tag themselves.",
			"Who may set or remove the tag exempts himself.",
			"deny iam:TagUser and iam:UntagUser of that tag to everybody but the role that sets it", "IAM user guide, controlling access to and for IAM users and roles using tags"},
		{idChosen, audit.High, "A value that the caller chooses decides about the Deny without MFA.",
			"Programs send what they like as user agent or referer: who has a stolen key sends what exempts him. AWS says that these keys must not keep anybody out.",
			`"ArnNotLike": {"aws:PrincipalArn": "…"} for a role that is exempt, or no exemption`, pageKeys + ", aws:UserAgent, aws:referer"},
	}
}

func resourceMistakes() []Mistake {
	return []Mistake{
		{idNamed, audit.Medium, "The virtual device must be called as its user.",
			"Since November 2022 people choose a device's name, and with any other name enrolling fails. With a star beside it the user's name must still be part of it.",
			`"arn:aws:iam::*:mfa/*"; iam:EnableMFADevice on one's own user is what attaches it`, pageSelf},
		{idDead, audit.Medium, "An action has no resource of its own type in its statement.",
			"The action never meets the resource: the statement does nothing for it.",
			"the resource type that the action has", pageActions},
		{idPath, audit.Medium, "Users with a path are forgotten.",
			"A user with the path /dev/ is user/dev/NAME, which user/${aws:username} does not match: such users are shut out of what is theirs.",
			`both "arn:aws:iam::*:user/${aws:username}" and "arn:aws:iam::*:user/*/${aws:username}"`, "IAM user guide, IAM identifiers: friendly names and paths"},
		{idAdjacent, audit.Medium, "A wildcard stands beside ${aws:username}.",
			"It also matches users whose names begin or end with this one's.",
			`"arn:aws:iam::*:user/${aws:username}" and "arn:aws:iam::*:user/*/${aws:username}"`, pageVariables},
		{idVariables, audit.High, "A variable stands in a document without the Version 2012-10-17.",
			"In the older version, which is also the default, ${…} is plain text and matches nobody.",
			`"Version": "2012-10-17"`, pageVersion},
	}
}

func reachMistakes() []Mistake {
	return []Mistake{
		{idRoles, audit.High, "The Deny without MFA reaches sessions of roles.",
			"A role's session never carries MFA, whoever assumed it and how: what the statement denies is denied to the roles of people, machines and workloads alike. A service control policy does not reach service-linked roles and service principals. In a resource's policy it may be meant: said as low.",
			`"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"} beside it, or the policy on users and groups only`, pageAPI + "; " + pageSCP},
		{idFree, audit.Medium, "A Deny names an action that no policy governs.",
			"sts:GetSessionToken and sts:GetCallerIdentity work whatever policies say.",
			"deny what the session may do without MFA", pageAPI + "; STS API reference, GetCallerIdentity"},
		{idForward, audit.Low, "The Deny without MFA also meets calls that services make for a user.",
			"A service that calls on with a user's rights carries no MFA: with MFA, such calls are denied all the same.",
			`"BoolIfExists": {"aws:MultiFactorAuthPresent": "false", "aws:ViaAWSService": "false"}; the user's first call was already denied without MFA`, pageForward},
		{idNoAllow, audit.High, "A permissions boundary allows nothing.",
			"What a boundary does not allow no policy grants: its users can do nothing at all.",
			`a statement that allows what the boundary admits, as "Action": "*", "Resource": "*"`, pageBoundaries},
		{idDenyAll, audit.High, "A Deny of everything has no condition.",
			"Nobody it reaches can do anything, with or without MFA.",
			`"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}`, pagePresent},
		{idLong, audit.Medium, "The document is longer than AWS stores.",
			"It cannot be saved. What fits only without white space, or only after a raised quota, is said as low.",
			"fewer statements, or two documents", "IAM user guide, IAM and STS quotas; Organizations user guide, quotas"},
	}
}

func trustMistakes() []Mistake {
	return []Mistake{
		{idWhole, audit.Medium, "A whole account may assume the role.",
			"Whoever administers users there can make one with a device of his own: the second factor is then theirs, not yours.",
			"the ARNs of the users", pagePrincipal},
		{idEverybody, audit.High, "Everybody may assume the role.",
			"Any user of any AWS account, with a device that he enrolled himself, is let in.",
			"the ARNs of the users", pagePrincipal},
		{idTrustNoMFA, audit.High, "Users may assume the role without MFA.",
			"A stolen access key is enough. A whole account without a named user is said as medium.",
			`"Bool": {"aws:MultiFactorAuthPresent": "true"}`, pageAPI},
		{idAskedOfRole, audit.High, "MFA is asked of somebody who never has it.",
			"The sessions of roles, services and identity providers never carry MFA: they can never assume this role.",
			"ask for MFA where the first role is assumed, or at the identity provider", pageAPI},
		{idNotPrincipal, audit.High, "An Allow has a NotPrincipal.",
			"AWS does not support it. Where a service takes it all the same, it allows everybody whom it does not list, in every account.",
			"Principal, with the ARNs of the users", pageNotPrincipal},
		{idButPrincipal, audit.Medium, "A Deny has a NotPrincipal.",
			"It always denies who has a permissions boundary, also who is listed, and may deny the whole account of who is listed unless the account's ARN is listed too.",
			`"Principal": "*" with "ArnNotEquals": {"aws:PrincipalArn": "…"}`, pageNotPrincipal},
	}
}

func spellingMistakes() []Mistake {
	return []Mistake{
		{idKey, audit.High, "A condition key is misspelt.",
			"A key that is never in a request decides wrongly for everybody: with IfExists the condition is always met, without it never.",
			"the key as AWS spells it", pageKeys + "; " + pageReferences},
		{idKeyUnknown, audit.Low, "A condition key is none that AWS documented.",
			"It may be newer than this list, of September 2026, or never be in a request.",
			"a key of the list", pageKeys + "; " + pageReferences},
		{idKeyUnchecked, audit.Info, "A condition key of a service was not checked.",
			"mfawatch has no list of that service's keys.",
			"look it up", pageReferences},
		{idOperator, audit.High, "A condition operator is misspelt.",
			"IAM refuses the document, or the condition decides as nobody meant.",
			"the operator as AWS spells it", pageOperators},
		{idAction, audit.Medium, "An action is misspelt.",
			"It is no action: an Allow grants nothing by it, a Deny leaves the action that was meant open, and so does a NotAction the other way round.",
			"the action as AWS spells it", pageReferences},
		{idActionUnknown, audit.Info, "An action is none that AWS documented.",
			"It may be newer than this list, of September 2026.",
			"an action of the list", pageReferences},
	}
}

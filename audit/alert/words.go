package alert

import (
	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// phrase says what happened in a few words. Most are what the principal did;
// alone is for what has no one person who did it.
type phrase struct {
	words string
	alone bool
	do    playbook
}

// playbook is what to do, in the order to do it.
type playbook []string

// The steps name no user: a command line with a name in it that an attacker
// chose is one that somebody pastes.
var (
	askUser      = "Ask them, by telephone or in person and not by replying to a message, whether it was them."
	stopUser     = "Not them, or no answer: delete their login profile (console password) and make their access keys inactive. A session that is open lasts up to 12 hours: attach AWSDenyAll."
	enrolUser    = "It was them: have them register an MFA device today."
	sessionTrail = "Look through CloudTrail at what this principal did since."

	askRoot  = "Ask whoever holds root's password, by telephone, whether it was them."
	stopRoot = "Not them, or no answer: reset root's password, delete root's access keys and look at root's MFA devices; check who reads root's mailbox. Call AWS Support if you are locked out."
	askActor = "Ask the person who did it, by telephone, whether it was them and why."
	noRecord = "Look at the record itself with the command below; what it does not say is not proof of anything."
)

var (
	userWithout   = playbook{askUser, stopUser, enrolUser, sessionTrail}
	rootWithout   = playbook{askRoot, stopRoot, "It was them: register an MFA device for root now (console, Security credentials), and a spare.", "Look through CloudTrail at what root did since."}
	rootUsed      = playbook{askRoot, stopRoot, "It was them: note why root was needed, and whether a role would do."}
	portalWithout = playbook{askUser, "Not them, or no answer: disable the user in IAM Identity Center and end their sessions there.",
		"It was them: set Identity Center to ask for MFA at every sign-in, and have them register a device.", sessionTrail}
	portalDevice = playbook{askUser, "Not them: delete that device in IAM Identity Center, reset the password and end the user's sessions.", sessionTrail}
	unclear      = playbook{noRecord, "Find out who it was, and ask them by telephone.", "Not explained: treat it as a sign-in without MFA."}
	looked       = playbook{"Nothing needs to be done if this was expected.", "Not expected: " + lower(askUser)}
	factorGone   = playbook{askActor, "Not explained: the user it was done to can now sign in with the password alone. Delete their login profile until they have a device again.",
		"Explained: see that a new device is registered today.", "Not explained: make the actor's access keys inactive and look at what else they did."}
	factorGiven = playbook{askActor, "Not explained: deactivate that device. Whoever registered or resynchronised it can make its codes.",
		"Not explained: delete the user's login profile and make the actor's access keys inactive."}
	passwordGiven = playbook{askActor, "Not explained: delete the login profile of the user it was done to; whoever chose the password can sign in as that user.",
		"Not explained: make the actor's access keys inactive and look at what else they did."}
	rootDoor  = playbook{askRoot, "Not explained: recover root through its mailbox now, before somebody else does; secure that mailbox first.", "Look through CloudTrail at what root did since."}
	rootLease = playbook{askActor, "Not explained: revoke the actor's sessions in the account it came from.", "Look through CloudTrail in both accounts at what the root session did."}
	trailDown = playbook{"Switch the trail on again: aws cloudtrail start-logging, or make it anew. Until then nobody sees what happens.",
		askActor, "Not explained: make the actor's access keys inactive, revoke their sessions and treat the account as broken into.",
		"What happened meanwhile: Event history in the CloudTrail console still holds management events of 90 days."}
	trailLess = playbook{"Set the trail back as it was: all Regions, management events read and write, file validation on.", askActor,
		"Not explained: make the actor's access keys inactive and treat the account as broken into."}
	doorPolicy = playbook{askActor, "Not explained: set the sign-in policy back to what it was, and make the actor's access keys inactive."}
	guessing   = playbook{askUser, "Not them: reset their password, and delete any MFA device that they do not know.", "Look for other users who were tried from the same address."}
	gotIn      = playbook{askUser, stopUser, "Look for other users who were tried from the same address.", sessionTrail}
	keyConsole = playbook{askUser, "Not explained: make the access key inactive. A federation session cannot be ended: deny the user everything (AWSDenyAll) until it is over, at most 36 hours.", sessionTrail}
	tokens     = playbook{askUser, "Not explained: deny the principal everything (AWSDenyAll), or revoke the role's sessions.", sessionTrail}
	blind      = playbook{"See whether the trail is logging: aws cloudtrail get-trail-status --name TRAIL.", "See whether its bucket and key still let CloudTrail write (LatestDeliveryError).",
		"Until it is back, sign-ins there are not seen: look in the account's Event history."}
	tried = playbook{"Nothing needs to be done: this tries the way that alerts take."}
	amiss = playbook{"Ask who changed it, and why: CloudTrail's Event history of that Region has the call.", "Not explained: treat that person's or role's credentials as stolen.",
		"Set it back: deploy the stacks again (cdk deploy). Until then sign-ins may go unseen.", "What is not known was refused to the function or not answered: see that its role may ask."}
)

var phrases = map[string]phrase{
	string(signin.ReasonMFA):              {"signed in with MFA", false, looked},
	string(signin.ReasonMFAInSession):     {"opened a console from an MFA session", false, looked},
	string(signin.ReasonSecondFactor):     {"signed in to the portal with a second factor", false, looked},
	string(signin.ReasonSingleFactor):     {"signed in to the portal with one factor only", false, portalWithout},
	string(signin.ReasonNoMFA):            {"signed in without MFA", false, userWithout},
	string(signin.ReasonMFANotRecorded):   {"signed in, MFA not recorded", false, userWithout},
	string(signin.ReasonOutcomeMissing):   {"sign-in with no outcome recorded", true, unclear},
	string(signin.ReasonIdentityNotKnown): {"signed in, of an identity not known", false, unclear},
	string(signin.ReasonUnreadable):       {"a sign-in record that cannot be read", true, unclear},
	string(signin.ReasonRoleSession):      {"opened a role console, MFA not known", false, looked},
	string(signin.ReasonMFAAtProvider):    {"signed in through an identity provider", false, looked},
	string(signin.ReasonFailedSignIn):     {"failed to sign in", false, guessing},
	string(signin.ReasonFailedAtMFA):      {"failed at the second factor", false, guessing},
	string(signin.ReasonRefusedByPolicy):  {"was refused by a sign-in policy", false, guessing},
	string(signin.ReasonNotASignIn):       {"did something that is no sign-in", false, looked},

	"mfa-deactivated":                          {"took off their own MFA device", false, factorGone},
	"mfa-deactivated-for-other":                {"took off somebody else's MFA device", false, factorGone},
	"mfa-device-deleted":                       {"deleted a virtual MFA device", false, factorGone},
	"mfa-device-created":                       {"made a virtual MFA device", false, factorGiven},
	"mfa-enabled":                              {"registered an MFA device of their own", false, factorGiven},
	"mfa-enabled-for-other":                    {"registered an MFA device for somebody else", false, factorGiven},
	"mfa-resynced":                             {"resynchronised their own MFA device", false, factorGiven},
	"mfa-resynced-for-other":                   {"resynchronised somebody else's MFA device", false, factorGiven},
	"login-profile-created-for-other":          {"gave somebody else a console password", false, passwordGiven},
	"login-profile-changed-for-other":          {"changed somebody else's console password", false, passwordGiven},
	"root-login-profile-changed":               {"root's password was made possible or taken away", true, rootDoor},
	"root-sign-in":                             {"signed in", false, rootUsed},
	"root-password-recovery-requested":         {"somebody asked to recover root's password", true, rootDoor},
	"root-password-recovery-completed":         {"root's password was replaced by recovery", true, rootDoor},
	"root-password-updated":                    {"root's password was changed", true, rootDoor},
	"root-email-updated":                       {"root's e-mail address was changed", true, rootDoor},
	"assume-root":                              {"took a root session in a member account", false, rootLease},
	"assume-root-audit":                        {"took a read-only root session", false, rootLease},
	"trail-stopped":                            {"stopped a CloudTrail trail", false, trailDown},
	"trail-deleted":                            {"deleted a CloudTrail trail", false, trailDown},
	"trail-narrowed":                           {"made a CloudTrail trail record less", false, trailLess},
	"trail-bucket-set":                         {"set the bucket of a CloudTrail trail", false, trailLess},
	"trail-selectors-narrowed":                 {"made a CloudTrail trail leave out events", false, trailLess},
	"sign-in-policy-changed":                   {"changed who may sign in from where", false, doorPolicy},
	"console-authorization-changed":            {"changed whether policies govern sign-in", false, doorPolicy},
	"portal-device-registered":                 {"registered a first device while signing in", false, portalDevice},
	"oauth-client-credentials":                 {"got an OAuth token without a person", false, tokens},
	"sign-in-after-failures":                   {"got in after failing several times", false, gotIn},
	"sign-in-after-failures-from-address":      {"got in from an address that failed as others", false, gotIn},
	"second-factor-failures":                   {"failed at the second factor many times", false, guessing},
	"second-factor-prompts-abandoned":          {"left many prompts for the second factor", false, guessing},
	"many-users-from-address":                  {"one address tried to sign in as many users", true, guessing},
	"console-link-from-access-key":             {"opened a console with an access key", false, keyConsole},
	"oauth-token-without-console-login":        {"got tokens without signing in", false, tokens},
	"sign-in-without-mfa-after-factor-removed": {"signed in without MFA, device just taken off", false, userWithout},

	string(Coverage): {"CloudTrail records are missing", true, blind},
	string(Canary):   {"the way of an alert was tried", true, tried},
	string(Watchdog): {"the monitor itself is not as it was deployed", true, amiss},
}

// other is for a reason that these pages do not know: it is named, not hidden.
func phraseOf(reason string) phrase {
	if p, ok := phrases[reason]; ok {
		return p
	}
	return phrase{ascii(defang(bound(reason, 60))), true, unclear}
}

// steps is what to do about an alert.
func steps(a Alert) []string {
	do := phraseOf(a.Reason).do
	if a.Principal.Kind == audit.Root {
		do = rootSteps(a.Reason, do)
	}
	if a.Principal.Kind == audit.IdentityCenter && (a.Reason == string(signin.ReasonMFANotRecorded) || a.Reason == string(signin.ReasonNoMFA)) {
		do = portalWithout
	}
	return append([]string{}, do...)
}

// rootSteps: root has no login profile that an administrator could delete, and
// nobody's policy binds it.
func rootSteps(reason string, do playbook) playbook {
	switch reason {
	case string(signin.ReasonNoMFA), string(signin.ReasonMFANotRecorded), "sign-in-without-mfa-after-factor-removed":
		return rootWithout
	case string(signin.ReasonMFA), "sign-in-after-failures", "sign-in-after-failures-from-address", "second-factor-failures", "second-factor-prompts-abandoned",
		"console-link-from-access-key", "oauth-token-without-console-login", "oauth-client-credentials",
		"mfa-deactivated", "mfa-deactivated-for-other", "mfa-device-deleted", "mfa-device-created", "mfa-enabled", "mfa-enabled-for-other",
		"mfa-resynced", "mfa-resynced-for-other", "login-profile-created-for-other", "login-profile-changed-for-other":
		return append(playbook{}, append(rootUsed[:2:2], do[len(do)-1])...)
	}
	return do
}

func lower(s string) string { return string(s[0]|0x20) + s[1:] }

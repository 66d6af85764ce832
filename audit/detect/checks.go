package detect

import (
	"time"

	"mfawatch/audit"
)

// The ids of the checks. They are an interface: they never change meaning,
// they are added and retired in CHANGELOG.md.
const (
	idDeactivated         = "mfa-deactivated"
	idDeactivatedForOther = "mfa-deactivated-for-other"
	idDeviceDeleted       = "mfa-device-deleted"
	idDeviceCreated       = "mfa-device-created"
	idEnabled             = "mfa-enabled"
	idEnabledForOther     = "mfa-enabled-for-other"
	idResynced            = "mfa-resynced"
	idResyncedForOther    = "mfa-resynced-for-other"

	idProfileCreated = "login-profile-created-for-other"
	idProfileChanged = "login-profile-changed-for-other"
	idRootProfile    = "root-login-profile-changed"

	idRootSignIn            = "root-sign-in"
	idRootRecoveryRequested = "root-password-recovery-requested"
	idRootRecoveryCompleted = "root-password-recovery-completed"
	idRootPassword          = "root-password-updated"
	idRootEmail             = "root-email-updated"
	idAssumeRoot            = "assume-root"
	idAssumeRootAudit       = "assume-root-audit"

	idTrailStopped   = "trail-stopped"
	idTrailDeleted   = "trail-deleted"
	idTrailNarrowed  = "trail-narrowed"
	idTrailBucket    = "trail-bucket-set"
	idTrailSelectors = "trail-selectors-narrowed"

	idSignInPolicy   = "sign-in-policy-changed"
	idConsoleAuthz   = "console-authorization-changed"
	idPortalDevice   = "portal-device-registered"
	idClientToken    = "oauth-client-credentials"
	idGuessed        = "sign-in-after-failures"
	idSprayed        = "sign-in-after-failures-from-address"
	idFactorFailures = "second-factor-failures"
	idPrompts        = "second-factor-prompts-abandoned"
	idSpray          = "many-users-from-address"
	idConsoleLink    = "console-link-from-access-key"
	idOrphanToken    = "oauth-token-without-console-login"
	idFactorRemoved  = "sign-in-without-mfa-after-factor-removed"
)

// Checks is the registry of every check, and its documentation. Attack holds
// MITRE ATT&CK technique ids (Enterprise, IaaS and Identity Provider).
func Checks() []Check {
	var all []Check
	for _, group := range [][]Check{factorChecks(), rootChecks(), trailChecks(), accessChecks(), sequenceChecks()} {
		all = append(all, group...)
	}
	return all
}

func factorChecks() []Check {
	return []Check{
		{
			ID: idDeactivated, Severity: audit.Medium, Root: audit.Critical, Alert: true,
			Question: "Did somebody take off their own MFA device?",
			Attack:   []string{"T1556.006"},
			Why:      "From now on the password alone may be enough. AWS asks for the factor before it lets a user take off their own, so this is a new telephone, or a thief inside an MFA session.",
			Quiet:    "A call that failed.",
		}, {
			ID: idDeactivatedForOther, Severity: audit.High, Root: audit.Critical, Alert: true,
			Question: "Did somebody take off somebody else's MFA device?",
			Attack:   []string{"T1556.006"},
			Why:      "A lost telephone is replaced this way, and so is a victim's factor before the password is used. An AssumeRoot session that takes off root's device counts here.",
			Quiet:    "A call that failed; one's own device, which is mfa-deactivated.",
		}, {
			ID: idDeviceDeleted, Severity: audit.Low, Root: audit.High,
			Question: "Was a virtual MFA device deleted?",
			Attack:   []string{"T1556.006"},
			Why:      "A device can be deleted only once nobody uses it, so the harm was done by the deactivation before; the record names the device and not the user.",
			Quiet:    "A call that failed. It does not alert by itself: AWS deletes unassigned devices whenever somebody adds one.",
		}, {
			ID: idDeviceCreated, Severity: audit.Info, Root: audit.Medium,
			Question: "Was a virtual MFA device made?",
			Attack:   []string{"T1098.005"},
			Why:      "It is the first step of registering a code generator. Security keys and passkeys never show it.",
			Quiet:    "A call that failed. It does not alert by itself: the device is nobody's until it is enabled.",
		}, {
			ID: idEnabled, Severity: audit.Low, Root: audit.Medium,
			Question: "Did somebody register an MFA device of their own?",
			Attack:   []string{"T1098.005"},
			Why:      "Whoever holds a user's access key can register the first device without any factor and from then on pass as protected.",
			Quiet:    "A call that failed. It does not alert by itself: it is how everybody enrols.",
		}, {
			ID: idEnabledForOther, Severity: audit.Medium, Root: audit.High, Alert: true,
			Question: "Did somebody register an MFA device for somebody else?",
			Attack:   []string{"T1098.005", "T1556.006"},
			Why:      "The one who registers a device holds its secret. For somebody else's user that is a way in that stays.",
			Quiet:    "A call that failed; one's own device, which is mfa-enabled.",
		}, {
			ID: idResynced, Severity: audit.Low, Root: audit.Medium,
			Question: "Did somebody resynchronise their own MFA device?",
			Attack:   []string{"T1556.006"},
			Why:      "It needs two codes and moves the device's clock by up to hours; an access key without MFA is enough to call it.",
			Quiet:    "A call that failed. It does not alert by itself: tokens drift.",
		}, {
			ID: idResyncedForOther, Severity: audit.Medium, Root: audit.High, Alert: true,
			Question: "Did somebody resynchronise somebody else's MFA device?",
			Attack:   []string{"T1556.006"},
			Why:      "Two consecutive codes of the device were in the caller's hands, so the caller may hold its secret.",
			Quiet:    "A call that failed; one's own device, which is mfa-resynced.",
		}, {
			ID: idProfileCreated, Severity: audit.Medium, Root: audit.High, Alert: true,
			Question: "Did somebody give somebody else's user a console password?",
			Attack:   []string{"T1098"},
			Why:      "A user that could only use keys can now sign in, and whoever chose the password can sign in as that user until it is changed.",
			Quiet:    "A call that failed; a user that makes its own login profile.",
		}, {
			ID: idProfileChanged, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Did somebody change somebody else's console password?",
			Attack:   []string{"T1098"},
			Why:      "Whoever chose the password can sign in as that user, or has locked them out.",
			Quiet:    "A call that failed; a user that changes its own password.",
		},
	}
}

func rootChecks() []Check {
	return []Check{
		{
			ID: idRootProfile, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Was root's own console password made possible, or taken away?",
			Attack:   []string{"T1098", "T1078.004"},
			Why:      "In an organisation that keeps member accounts without root passwords, making one is how root gets back in; it is done by an AssumeRoot session and looks like root itself.",
			Quiet:    "A call that failed; an IAM user's login profile.",
		}, {
			ID: idRootSignIn, Severity: audit.Medium, Root: audit.Medium, Alert: true,
			Question: "Did root sign in?",
			Attack:   []string{"T1078.004"},
			Why:      "Root can do everything and no policy of the account binds it. With MFA or without, somebody should know why.",
			Quiet:    "A failed attempt; an AssumeRoot session, which has no password (assume-root).",
		}, {
			ID: idRootRecoveryRequested, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Did somebody ask to recover root's password?",
			Attack:   []string{"T1098", "T1078.004"},
			Why:      "Anybody who knows root's e-mail address can ask; whoever reads that mailbox can finish.",
			Quiet:    "A request that failed.",
		}, {
			ID: idRootRecoveryCompleted, Severity: audit.Critical, Root: audit.Critical, Alert: true,
			Question: "Was root's password replaced through recovery?",
			Attack:   []string{"T1098", "T1078.004"},
			Why:      "Whoever holds root's mailbox now also holds root's password.",
			Quiet:    "A recovery that failed.",
		}, {
			ID: idRootPassword, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Was root's password changed?",
			Attack:   []string{"T1098"},
			Why:      "The owner may be locked out of the account.",
			Quiet:    "A change that failed; an IAM user's password.",
		}, {
			ID: idRootEmail, Severity: audit.Critical, Root: audit.Critical, Alert: true,
			Question: "Was root's e-mail address changed?",
			Attack:   []string{"T1098"},
			Why:      "The mailbox decides who can recover root's password: this is how an account is taken over for good.",
			Quiet:    "A change that failed; an IAM user's record.",
		}, {
			ID: idAssumeRoot, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Did somebody take a privileged root session in a member account?",
			Attack:   []string{"T1548.005", "T1078.004"},
			Why:      "What follows in the member account appears as root without any sign-in.",
			Quiet:    "A call that failed; the read-only audit task, which is assume-root-audit.",
		}, {
			ID: idAssumeRootAudit, Severity: audit.Low, Root: audit.High,
			Question: "Did somebody take a read-only root session to audit a member account?",
			Attack:   []string{"T1548.005"},
			Why:      "It can list root's credentials and change nothing. mfawatch's own audit does this.",
			Quiet:    "A call that failed; any other task, which is assume-root. It does not alert by itself.",
		},
	}
}

func trailChecks() []Check {
	return []Check{
		{
			ID: idTrailStopped, Severity: audit.Critical, Root: audit.Critical, Alert: true,
			Question: "Was a trail stopped?",
			Attack:   []string{"T1562.008"},
			Why:      "From now on sign-ins may leave no record: mfawatch is blind where this trail was its only one.",
			Quiet:    "A call that failed.",
		}, {
			ID: idTrailDeleted, Severity: audit.Critical, Root: audit.Critical, Alert: true,
			Question: "Was a trail deleted?",
			Attack:   []string{"T1562.008"},
			Why:      "From now on sign-ins may leave no record: mfawatch is blind where this trail was its only one.",
			Quiet:    "A call that failed.",
		}, {
			ID: idTrailNarrowed, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Was a trail told to record less, or to leave out what proves its files unchanged?",
			Attack:   []string{"T1562.008"},
			Why:      "Sign-ins land in several Regions; a single-Region trail, or one without global service events, misses them. Without log file validation nobody can prove that a file is whole.",
			Quiet:    "A call that failed; a change that only widens, or does not mention these settings.",
		}, {
			ID: idTrailBucket, Severity: audit.Medium, Root: audit.High, Alert: true,
			Question: "Was a trail's bucket set anew?",
			Attack:   []string{"T1562.008"},
			Why:      "The records may now go where nobody looks, or to somebody else. The record does not say which bucket it was before: the console repeats the same one.",
			Quiet:    "A call that failed; a change that does not name a bucket.",
		}, {
			ID: idTrailSelectors, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Was a trail told to leave out management events that change something?",
			Attack:   []string{"T1562.008"},
			Why:      "Sign-ins and changes of factors are such events. Selectors that the record leaves out or that cannot be read count too: padding them is a known way to hide.",
			Quiet:    "A call that failed; selectors that still record every management write (KMS and RDS Data left out is AWS's own offer).",
		},
	}
}

func accessChecks() []Check {
	return []Check{
		{
			ID: idSignInPolicy, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Was the account's sign-in resource policy changed?",
			Attack:   []string{"T1556.009"},
			Why:      "It says from where people may sign in to the console; a statement taken out opens it, one put in can lock everybody out.",
			Quiet:    "A call that failed.",
		}, {
			ID: idConsoleAuthz, Severity: audit.High, Root: audit.High, Alert: true,
			Question: "Was console authorization switched on, off or changed?",
			Attack:   []string{"T1556.009"},
			Why:      "While it is off, no policy governs the sign-in itself; switching it on can lock out people whom an older policy denies.",
			Quiet:    "A call that failed.",
		}, {
			ID: idPortalDevice, Severity: audit.Medium, Root: audit.High, Alert: true,
			Question: "Did somebody register their first device while signing in to the Identity Center portal?",
			Attack:   []string{"T1098.005"},
			Why:      "The first use is trusted: whoever has only the password of a user without a device registers one and passes as protected.",
			Quiet:    "A sign-in that failed; a sign-in with a device registered before.",
		}, {
			ID: idClientToken, Severity: audit.Low, Root: audit.High,
			Question: "Did credentials get an OAuth token without a person?",
			Attack:   []string{"T1550.001"},
			Why:      "The client_credentials grant turns any AWS credentials into a bearer token; no sign-in and no second factor belongs to it.",
			Quiet:    "A call that failed; other grants. It does not alert by itself: it is how agents work.",
		},
	}
}

func sequenceChecks() []Check {
	return []Check{
		{
			ID: idGuessed, Severity: audit.High, Root: audit.Critical, Alert: true, Sequence: true,
			Threshold: 5, Window: 15 * time.Minute,
			Question: "Did a user get in after failing several times?",
			Attack:   []string{"T1110.001", "T1078.004"},
			Why:      "It is what a guessed password looks like from outside.",
			Quiet:    "Fewer failures; failures before an earlier success; refusals by a sign-in policy; failures under names that do not exist, which AWS hides.",
		}, {
			ID: idSprayed, Severity: audit.Medium, Root: audit.High, Alert: true, Sequence: true,
			Threshold: 5, Window: 15 * time.Minute,
			Question: "Did somebody get in from an address that had just failed under several other names?",
			Attack:   []string{"T1110.003", "T1078.004"},
			Why:      "One password tried on many users works on one of them.",
			Quiet:    "Fewer names; failures of the one who got in; refusals by a sign-in policy. Each failure under a name that AWS hides counts as a name of its own.",
		}, {
			ID: idFactorFailures, Severity: audit.Medium, Root: audit.High, Alert: true, Sequence: true,
			Threshold: 3, Window: 15 * time.Minute,
			Question: "Did a user's second factor fail several times?",
			Attack:   []string{"T1110"},
			Why:      "The password was right each time: somebody may have it and be guessing codes.",
			Quiet:    "Fewer failures; wrong passwords; refusals by a sign-in policy. It fires once for a burst.",
		}, {
			ID: idPrompts, Severity: audit.Medium, Root: audit.High, Alert: true, Sequence: true,
			Threshold: 5, Window: 10 * time.Minute,
			Question: "Was a user asked for the second factor again and again without answering?",
			Attack:   []string{"T1621"},
			Why:      "The prompt comes after a right password. Whoever turns back each time may have nothing but the password.",
			Quiet:    "Fewer prompts; prompts before a successful sign-in; a prompt that was answered wrongly, which is second-factor-failures. It fires once for a burst.",
		}, {
			ID: idSpray, Severity: audit.High, Root: audit.High, Alert: true, Sequence: true,
			Threshold: 10, Window: time.Hour,
			Question: "Did one address fail to sign in as many different users?",
			Attack:   []string{"T1110.003"},
			Why:      "One password tried on many users stays under every lock-out of a single user.",
			Quiet:    "Fewer users; one user many times; refusals by a sign-in policy. Each failure under a name that AWS hides counts as a user of its own. It fires once for a burst.",
		}, {
			ID: idConsoleLink, Severity: audit.High, Root: audit.Critical, Alert: true, Sequence: true,
			Window:   12 * time.Hour,
			Question: "Did long-term credentials open a console through GetFederationToken?",
			Attack:   []string{"T1550.001", "T1078.004"},
			Why:      "An access key became a browser session, under a name of the caller's choice and without any second factor.",
			Quiet:    "A federation token that opens no console; a token from a role's credentials; a sign-in after the window. It fires once for a token.",
		}, {
			ID: idOrphanToken, Severity: audit.Medium, Root: audit.High, Alert: true, Sequence: true,
			Window:   12 * time.Hour,
			Question: "Did `aws login` or an agent get tokens for somebody who had not signed in to the console?",
			Attack:   []string{"T1550.001"},
			Why:      "Such tokens come out of a console session. Without a sign-in in sight, the session or its refresh token may have been carried elsewhere.",
			Quiet:    "A ConsoleLogin or SwitchRole by the same principal in the window; a refresh after a token that was in order; the first window of a stream, and whatever had to be forgotten for lack of room; the client_credentials grant. It fires once for a principal in a window.",
		}, {
			ID: idFactorRemoved, Severity: audit.Critical, Root: audit.Critical, Alert: true, Sequence: true,
			Window:   24 * time.Hour,
			Question: "Did a user sign in without MFA soon after their device was taken off?",
			Attack:   []string{"T1556.006", "T1078.004"},
			Why:      "This is what the removal was for. A deleted device is joined to its user by its serial, or by its name when nothing else is known.",
			Quiet:    "A sign-in with MFA; one after the window; a device that was made and never used. It fires once for a removal.",
		},
	}
}

package detect

import (
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// finding is a detection before the rules weigh it.
type finding struct {
	id        string
	event     *signin.Event // that completed it
	principal audit.Principal
	detail    string
	marks     []mark // the events it is made of, oldest first
}

func one(e *signin.Event, id, detail string) []finding {
	return []finding{{id: id, event: e, principal: e.Principal, detail: detail, marks: []mark{markOf(e)}}}
}

// Single runs the checks that need one event only. It keeps nothing between
// calls.
func Single(e signin.Event, rules Rules) []Detection {
	return report(single(&e), rules.settle())
}

// single runs the one-event checks: all of them are about what was carried
// out, so a call that failed is none of theirs.
func single(e *signin.Event) []finding {
	if !e.Succeeded() {
		return nil
	}
	switch e.Source {
	case iamSource:
		return iamCall(e)
	case stsSource:
		return assumeRoot(e)
	case trailSource:
		return trailCall(e)
	case signin.Source:
		return signinEvent(e)
	}
	return nil
}

func iamCall(e *signin.Event) []finding {
	switch e.Name {
	case "DeactivateMFADevice":
		return deviceCall(e, idDeactivated, idDeactivatedForOther, "deactivated")
	case "EnableMFADevice":
		return deviceCall(e, idEnabled, idEnabledForOther, "registered")
	case "ResyncMFADevice":
		return deviceCall(e, idResynced, idResyncedForOther, "resynchronised")
	case "CreateVirtualMFADevice":
		return one(e, idDeviceCreated, name(e)+" made the virtual MFA device "+quote(e.Request["virtualMFADeviceName"])+"; the record does not say for whom")
	case "DeleteVirtualMFADevice":
		return one(e, idDeviceDeleted, name(e)+" deleted the virtual "+device(e)+"; the record does not say whose")
	case "CreateLoginProfile":
		return profileCall(e, idProfileCreated, "created")
	case "UpdateLoginProfile":
		return profileCall(e, idProfileChanged, "changed")
	case "DeleteLoginProfile":
		return profileCall(e, "", "deleted")
	}
	return nil
}

// deviceCall tells one's own device from somebody else's: an administrator's
// hand on another person's factor weighs more.
func deviceCall(e *signin.Event, ownID, otherID, did string) []finding {
	if own(e) {
		return one(e, ownID, name(e)+" "+did+" their own "+device(e))
	}
	return one(e, otherID, name(e)+" "+did+" the "+device(e)+" of somebody else: "+targetName(e))
}

func device(e *signin.Event) string {
	if e.SerialNumber == "" {
		return "MFA device"
	}
	return "MFA device " + quote(e.SerialNumber)
}

// profileCall judges a login profile: the thing that holds a user's console
// password. Root's is made possible or deleted by an AssumeRoot session (IAM
// user guide, privileged tasks for member accounts). With an empty id an IAM
// user's profile is nobody's business: deleting one takes access away.
func profileCall(e *signin.Event, id, did string) []finding {
	switch {
	case target(e) == rootKey:
		return one(e, idRootProfile, name(e)+" "+did+" root's own login profile"+map[bool]string{true: ": root's password can be set again"}[did == "created"])
	case id == "" || own(e):
		return nil
	}
	reset := "the password stays until somebody changes it"
	if strings.EqualFold(e.Request["passwordResetRequired"], "true") {
		reset = "it must be changed at the next sign-in"
	}
	return one(e, id, name(e)+" "+did+" the console password of somebody else: "+targetName(e)+"; "+reset)
}

// auditTask is the one task of AssumeRoot that can only read: a policy of AWS's
// own (IAM user guide, IAMAuditRootUserCredentials).
const auditTask = ":iam::aws:policy/root-task/IAMAuditRootUserCredentials"

func assumeRoot(e *signin.Event) []finding {
	if e.Name != "AssumeRoot" {
		return nil
	}
	task := taskPolicy(e.Request["taskPolicyArn"])
	id := idAssumeRoot
	if strings.HasSuffix(task, auditTask) {
		id = idAssumeRootAudit
	}
	return one(e, id, name(e)+" took a root session in "+quote(e.Request["targetPrincipal"])+" with the task policy "+quote(task))
}

// signinEvent judges the other events of signin.amazonaws.com. The four
// control-plane names are those of the AWS Sign-In API reference; that their
// events carry this eventSource is presumed from the service prefix and not
// verified against a live account.
func signinEvent(e *signin.Event) []finding {
	switch e.Name {
	case "ConsoleLogin":
		return rootSignIn(e)
	case "PasswordRecoveryRequested":
		return rootEvent(e, idRootRecoveryRequested, "somebody asked to recover root's password")
	case "PasswordRecoveryCompleted":
		return rootEvent(e, idRootRecoveryCompleted, "root's password was replaced through recovery")
	case "PasswordUpdated":
		return rootEvent(e, idRootPassword, "root's password was changed")
	case "EmailUpdated":
		return rootEvent(e, idRootEmail, "root's e-mail address was changed")
	case "PutResourcePermissionStatement", "DeleteResourcePermissionStatement":
		return one(e, idSignInPolicy, name(e)+" changed who may sign in from where: "+e.Name)
	case "PutConsoleAuthorizationConfiguration", "DeleteConsoleAuthorizationConfiguration":
		return one(e, idConsoleAuthz, name(e)+" changed whether policies govern console sign-in: "+e.Name)
	case "UserAuthentication":
		return portalDevice(e)
	case "CreateOAuth2Token", "CreateOAuth2TokenWithIAM":
		return clientToken(e)
	}
	return nil
}

func rootSignIn(e *signin.Event) []finding {
	if e.Result != signin.Success || who(e) != rootKey {
		return nil
	}
	mfa := "the record does not say whether with MFA"
	switch signin.Classify(*e, signin.Rules{}).Reason { // the verdict's words, so that the two never differ
	case signin.ReasonMFA:
		mfa = "with MFA"
	case signin.ReasonNoMFA:
		mfa = "WITHOUT MFA"
	}
	return one(e, idRootSignIn, "root signed in from "+quote(e.SourceIP)+", "+mfa)
}

// rootEvent is for events that only root's record has. An identity that the
// record does not describe is taken for root: these names exist for nobody
// else, and looking away would be the worse error.
func rootEvent(e *signin.Event, id, detail string) []finding {
	if e.Principal.Kind != audit.Root && e.Principal.Kind != audit.UnknownPrincipal {
		return nil
	}
	return one(e, id, detail+", from "+quote(e.SourceIP))
}

func portalDevice(e *signin.Event) []finding {
	if e.Result != signin.Success || !e.DeviceAdded {
		return nil
	}
	return one(e, idPortalDevice, name(e)+" registered a device during this sign-in from "+quote(e.SourceIP)+": ask whether it was them")
}

// clientToken is the grant that signs with AWS credentials instead of a
// person's session. CreateOAuth2TokenWithIAM has no other grant (AWS Sign-In
// API reference); whether the record bears that name or CreateOAuth2Token is
// not documented, so both are read.
func clientToken(e *signin.Event) []finding {
	if !withoutPerson(e) {
		return nil
	}
	return one(e, idClientToken, name(e)+" got an OAuth token with credentials alone, no person and no second factor")
}

func withoutPerson(e *signin.Event) bool {
	return e.Name == "CreateOAuth2TokenWithIAM" || e.GrantType == "client_credentials"
}

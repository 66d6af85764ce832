package posture

import (
	"strings"

	"mfawatch/audit"
)

// The ids of the checks. They are an interface: they never change meaning, they
// are added and retired in CHANGELOG.md.
const (
	idRootMFA       = "root-mfa"
	idRootHardware  = "root-hardware-mfa"
	idRootKey       = "root-access-key"
	idRootUse       = "root-recent-use"
	idRootSingle    = "root-single-device"
	idRootCentral   = "root-credentials-management"
	idConsoleMFA    = "user-console-mfa"
	idAnyMFA        = "user-any-mfa"
	idHardware      = "user-hardware-mfa"
	idAdminMFA      = "admin-mfa"
	idAdminHardware = "admin-hardware-mfa"
	idSingle        = "user-single-device"
	idSMS           = "user-sms-mfa"
	idNeverUsed     = "device-never-used"
	idConsoleUnused = "user-console-unused"
	idKeyWithoutMFA = "access-key-without-mfa"
	idEnforced      = "mfa-enforced"
	idEnforcedKeys  = "mfa-enforced-keys"
	idTampering     = "factor-tampering"
	idRoleTrust     = "role-trust-mfa"
	idUnassigned    = "virtual-device-unassigned"
	idStale         = "credential-report-stale"
	idExpired       = "exemption-expired"
	idUnknownExempt = "exemption-unknown"
	idBreakGlass    = "break-glass-user"
)

// Check describes one check: what it asks, why, what to do about a failure and
// what it looks at. Severity is that of a failure or an unknown; some failures
// are milder, as Rationale says.
type Check struct {
	ID          string         `json:"id"`
	Question    string         `json:"question"`
	Severity    audit.Severity `json:"severity"`
	Rationale   string         `json:"rationale"`
	Remediation Remediation    `json:"remediation"`
	Evidence    []string       `json:"evidence"`   // the calls it can be answered from
	Exemptable  bool           `json:"exemptable"` // whether an exemption can turn a failure away
}

// Remediation is what to do about a failure. Words in capitals in a command are
// for the reader to fill in.
type Remediation struct {
	Console []string `json:"console"`
	CLI     []string `json:"cli"`
	// Elsewhere is what is done neither in AWS's console nor by its CLI.
	Elsewhere []string `json:"elsewhere,omitempty"`
}

// Steps are what to do without a command: where, and what.
func (r Remediation) Steps() string {
	steps := strings.Join(r.Elsewhere, " ")
	if len(r.Console) > 0 {
		steps = strings.TrimSpace(steps + " Console: " + strings.Join(r.Console, " "))
	}
	return steps
}

// String is the remediation as a finding carries it.
func (r Remediation) String() string {
	text := r.Steps()
	if len(r.CLI) > 0 {
		text += " CLI: " + strings.Join(r.CLI, "; ") + "."
	}
	return text
}

// Checks is the registry of every check, and its documentation, in the order of
// the findings.
func Checks() []Check {
	var all []Check
	for _, group := range [][]Check{rootChecks(), userChecks(), adminChecks(), deviceChecks(), idleChecks(), enforcedChecks(), accountChecks(), declaredChecks()} {
		for _, c := range group {
			c.Remediation.Console = append([]string{}, c.Remediation.Console...) // [] in JSON
			c.Remediation.CLI = append([]string{}, c.Remediation.CLI...)
			all = append(all, c)
		}
	}
	return all
}

const (
	theReport   = "credential report"
	theSummary  = "iam:GetAccountSummary"
	theDevices  = "iam:ListMFADevices"
	theVirtual  = "iam:ListVirtualMFADevices"
	theFeatures = "iam:ListOrganizationsFeatures"
	theLevels   = "iam:GetMFADevice"
	theProfile  = "iam:GetLoginProfile"
	theKeys     = "iam:ListAccessKeys"
	theKeyUse   = "iam:GetAccessKeyLastUsed"
	theDetails  = "iam:GetAccountAuthorizationDetails"
	asRoot      = "sts:AssumeRoot with the audit task policy"
)

const (
	openUser = "IAM, Users, the user, Security credentials."
	openRoot = "Sign in as root; account name, Security credentials."
)

func rootChecks() []Check {
	return []Check{
		{
			ID: idRootMFA, Severity: audit.Critical, Exemptable: true,
			Question:  "Does root, where it can sign in, have a second factor?",
			Rationale: "Nothing limits root, and its password can be reset by whoever reads its mail. Root without password and access key has nothing to protect; GovCloud's root cannot hold a device.",
			Remediation: Remediation{
				Console: []string{openRoot, "Multi-factor authentication (MFA), Assign MFA device. In an organisation, rather delete the member account's root credentials: IAM, Root access management."},
				CLI:     []string{"aws iam enable-organizations-root-credentials-management (from the management account)"},
			},
			Evidence: []string{theSummary, theReport, asRoot, theFeatures},
		}, {
			ID: idRootHardware, Severity: audit.High, Exemptable: true,
			Question:  "Is root's second factor hardware, as the rules ask?",
			Rationale: "A code generator on a telephone can be copied with its backup, and its codes can be phished; a security key cannot. From inside the account root's devices cannot be listed: without AssumeRoot only virtual ones are seen, so a virtual one with MFA on leaves open whether there is a key beside it.",
			Remediation: Remediation{
				Console: []string{openRoot, "Assign MFA device, Passkey or security key; then take the virtual one off if the rules say all."},
			},
			Evidence: []string{theVirtual, theSummary, theReport, asRoot, theLevels},
		}, {
			ID: idRootKey, Severity: audit.Critical, Exemptable: true,
			Question:  "Is root free of access keys?",
			Rationale: "An access key of root works without any second factor, and no policy in the account holds it back. One that is switched off counts: root can switch it on.",
			Remediation: Remediation{
				Console: []string{openRoot, "Access keys, Actions, Deactivate, then Delete."},
				CLI:     []string{"aws iam delete-access-key --access-key-id KEY (as root)"},
			},
			Evidence: []string{theSummary, theReport, asRoot},
		}, {
			ID: idRootUse, Severity: audit.High, Exemptable: true,
			Question:  "Has root been left alone lately?",
			Rationale: "Root is for the few tasks that need it. Every use should be one that somebody can name. The youngest of the password's and both keys' dates counts.",
			Remediation: Remediation{
				Console: []string{"CloudTrail, Event history, user name root: name each use, and move the work to a role."},
				CLI:     []string{"aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=root"},
			},
			Evidence: []string{theReport},
		}, {
			ID: idRootSingle, Severity: audit.Medium, Exemptable: true,
			Question:  "Does root have a spare device?",
			Rationale: "With one device, losing it means recovering the account by mail and telephone. Root can hold eight.",
			Remediation: Remediation{
				Console: []string{openRoot, "Assign a second MFA device, and keep it elsewhere."},
			},
			Evidence: []string{asRoot, theVirtual, theSummary},
		}, {
			ID: idRootCentral, Severity: audit.Low, Exemptable: true,
			Question:  "Can the organisation take root's credentials away?",
			Rationale: "Member accounts need no root password. Switching the feature on removes none that exist: root-mfa still asks.",
			Remediation: Remediation{
				Console: []string{"In the management account: IAM, Root access management, Enable."},
				CLI:     []string{"aws iam enable-organizations-root-credentials-management"},
			},
			Evidence: []string{theFeatures},
		},
	}
}

func userChecks() []Check {
	return []Check{
		{
			ID: idConsoleMFA, Severity: audit.High, Exemptable: true,
			Question:  "Does a user with a console password have a second factor?",
			Rationale: "The password alone opens the console. A password that was not used lately, or never, is ranked medium; one of which the last use is not known is ranked as used.",
			Remediation: Remediation{
				Console: []string{openUser, "Multi-factor authentication (MFA), Assign MFA device; or Manage console access, Disable."},
				CLI:     []string{"aws iam delete-login-profile --user-name USER (where the console is not needed)"},
			},
			Evidence: []string{theReport, theProfile, theDevices, theVirtual},
		}, {
			ID: idAnyMFA, Severity: audit.Medium, Exemptable: true,
			Question:  "Does every IAM user have a second factor?",
			Rationale: "Also a user with keys only can be asked for a factor before what matters. A user with neither password nor active key is ranked low.",
			Remediation: Remediation{
				Console: []string{openUser, "Assign MFA device; for programs, replace the user by a role."},
				CLI:     []string{"aws iam create-virtual-mfa-device --virtual-mfa-device-name NAME --outfile QR.png --bootstrap-method QRCodePNG", "aws iam enable-mfa-device --user-name USER --serial-number SERIAL --authentication-code1 CODE --authentication-code2 NEXT"},
			},
			Evidence: []string{theReport, theDevices, theVirtual},
		}, {
			ID: idHardware, Severity: audit.Medium, Exemptable: true,
			Question:  "Are the devices of a user hardware, as the rules ask?",
			Rationale: "Codes of a virtual device can be phished and its secret copied. Users without password and without device are not asked. AWS does not say whether a FIDO device is a synced passkey: only a named certification tells, and it is read when the device is registered.",
			Remediation: Remediation{
				Console: []string{openUser, "Assign MFA device, Passkey or security key (there is no API for it); then remove the virtual one if the rules say all."},
				CLI:     []string{"aws iam deactivate-mfa-device --user-name USER --serial-number SERIAL"},
			},
			Evidence: []string{theDevices, theLevels, theVirtual, theReport},
		},
	}
}

func adminChecks() []Check {
	return []Check{
		{
			ID: idAdminMFA, Severity: audit.Critical, Exemptable: true,
			Question:  "Does a user who is an administrator have a second factor?",
			Rationale: "AdministratorAccess, or policies that together allow everything, or all that manages IAM, on every resource: by attachment, inline or through a group, and stopped by no deny statement, control policy or boundary. A condition that a call can meet stops nobody, and a second factor is taken as given. Of who may do only some of what manages IAM it is not known. Without password and active key it is ranked medium.",
			Remediation: Remediation{
				Console: []string{openUser, "Assign MFA device, or take the policy away: IAM, Users, the user, Permissions."},
				CLI:     []string{"aws iam detach-user-policy --user-name USER --policy-arn POLICY", "aws iam remove-user-from-group --user-name USER --group-name GROUP"},
			},
			Evidence: []string{theDetails, theReport, theDevices, theVirtual},
		}, {
			ID: idAdminHardware, Severity: audit.High, Exemptable: true,
			Question:  "Are an administrator's devices hardware, as the rules ask?",
			Rationale: "Who can do everything is worth phishing.",
			Remediation: Remediation{
				Console: []string{openUser, "Assign MFA device, Passkey or security key; then remove the virtual one if the rules say all."},
				CLI:     []string{"aws iam deactivate-mfa-device --user-name USER --serial-number SERIAL"},
			},
			Evidence: []string{theDetails, theDevices, theLevels, theVirtual},
		},
	}
}

func deviceChecks() []Check {
	return []Check{
		{
			ID: idSingle, Severity: audit.Low, Exemptable: true,
			Question:  "Does a user with a device have a spare one?",
			Rationale: "Whoever loses the only device is locked out, or talks a helpdesk into taking it off. A user can hold eight.",
			Remediation: Remediation{
				Console: []string{openUser, "Assign a second MFA device."},
			},
			Evidence: []string{theDevices, theVirtual, theReport},
		}, {
			ID: idSMS, Severity: audit.Medium, Exemptable: true,
			Question:  "Is a user's second factor something other than text messages?",
			Rationale: "A text message goes to whoever has the telephone number.",
			Remediation: Remediation{
				Console: []string{openUser, "Assign another MFA device, then remove the SMS one."},
				CLI:     []string{"aws iam deactivate-mfa-device --user-name USER --serial-number SERIAL"},
			},
			Evidence: []string{theDevices},
		}, {
			ID: idNeverUsed, Severity: audit.Low, Exemptable: true,
			Question:  "Did a user with password and device ever sign in?",
			Rationale: "A device that nobody used may be anybody's: whoever held the first password could register it.",
			Remediation: Remediation{
				Console: []string{openUser, "Ask whose device it is; otherwise remove it and disable console access."},
				CLI:     []string{"aws iam delete-login-profile --user-name USER"},
			},
			Evidence: []string{theReport, theProfile, theDevices},
		}, {
			ID: idUnassigned, Severity: audit.Low, Exemptable: true,
			Question:  "Is every virtual device somebody's?",
			Rationale: "A device that was made and never assigned is half an enrolment; whoever made it knows its secret. AWS deletes such devices itself when somebody adds one in the console.",
			Remediation: Remediation{
				Console: []string{"IAM, Users, any user, Security credentials. Assign any MFA device here: AWS then deletes the unassigned ones."},
				CLI:     []string{"aws iam delete-virtual-mfa-device --serial-number SERIAL"},
			},
			Evidence: []string{theVirtual},
		},
	}
}

func idleChecks() []Check {
	return []Check{
		{
			ID: idConsoleUnused, Severity: audit.Low, Exemptable: true,
			Question:  "Is every console password in use?",
			Rationale: "A password that nobody needs is one that nobody misses when it is stolen. A password never used counts from when it was set. Declared emergency users are not asked.",
			Remediation: Remediation{
				Console: []string{openUser, "Manage console access, Disable."},
				CLI:     []string{"aws iam delete-login-profile --user-name USER"},
			},
			Evidence: []string{theReport, theProfile},
		}, {
			ID: idKeyWithoutMFA, Severity: audit.Medium, Exemptable: true,
			Question:  "Does a user with an active access key have a second factor?",
			Rationale: "Without a device no policy can ask for one, and whoever holds the key can register the first device. A key not used lately is ranked low.",
			Remediation: Remediation{
				Console: []string{openUser, "Access keys, Actions, Deactivate; use a role or IAM Identity Center instead."},
				CLI:     []string{"aws iam update-access-key --user-name USER --access-key-id KEY --status Inactive"},
			},
			Evidence: []string{theReport, theKeys, theKeyUse, theDevices},
		},
	}
}

func enforcedChecks() []Check {
	const guard = "mfawatch policy generate --guardrail self-service --format json > guardrail.json"
	attach := []string{guard, "mfawatch enforce --plan --policy guardrail.json (tells first whom it would lock out)", "aws iam create-policy --policy-name require-mfa --policy-document file://guardrail.json", "aws iam attach-group-policy --group-name GROUP --policy-arn POLICY"}
	return []Check{
		{
			ID: idEnforced, Severity: audit.High, Exemptable: true,
			Question:  "Is a user's password of no use without a second factor?",
			Rationale: "A device that is asked for is not one that is enforced: who has none signs in without, and does what the policies allow. The policies are evaluated for a session without MFA. It is ranked by the worst that is possible; with a device low, because AWS asks for it at sign-in. What a guard leaves open so that somebody can enrol is no failure.",
			Remediation: Remediation{
				Console: []string{"IAM, Policies, Create policy, JSON: a generated guardrail; attach it to a group that every user is in."},
				CLI:     attach,
			},
			Evidence: []string{theDetails, theReport, theProfile, theDevices},
		}, {
			ID: idEnforcedKeys, Severity: audit.High, Exemptable: true,
			Question:  "Is a user's access key of no use without a second factor?",
			Rationale: "A key leaks more easily than a password, and a condition that is written with Bool in the place of BoolIfExists does not hold it. Of a user without a device whoever has the key can register the first one, and then has MFA: where the policies leave that open it is ranked medium, whatever they deny.",
			Remediation: Remediation{
				Console: []string{openUser, "For programs: use a role, and delete the key. For people: attach a guardrail, register a device, and ask STS for a session with a code."},
				CLI:     attach,
			},
			Evidence: []string{theDetails, theReport, theKeys, theDevices},
		}, {
			ID: idTampering, Severity: audit.Critical, Exemptable: true,
			Question:  "Are factors, and what asks for them, out of reach without a second factor?",
			Rationale: "Who can register a device on another user, take one off, change another's password, leave the group that asks for MFA or rewrite its policy has undone the factor without one. AWS itself asks a user who has a device for MFA before it changes one of his own; it does not for other users'.",
			Remediation: Remediation{
				Console: []string{"IAM, Policies: deny iam:EnableMFADevice on other users, and everything that takes the guardrail off, without MFA. A generated guardrail does."},
				CLI:     attach,
			},
			Evidence: []string{theDetails, theReport, theDevices},
		}, {
			ID: idRoleTrust, Severity: audit.High, Exemptable: true,
			Question:  "Do users need a second factor to assume a role?",
			Rationale: "A session of a role never shows MFA: only the trust policy, or the user's own policies, can ask for it. Users of this account are evaluated one by one, also over other roles where the role manages IAM; of other accounts nothing is known but what the trust policy says. A condition that a call can meet, such as an external id, is no second factor, and ranks a stranger low. Services, identity providers and roles are not asked.",
			Remediation: Remediation{
				Console: []string{"IAM, Roles, the role, Trust relationships: Condition Bool aws:MultiFactorAuthPresent true (not BoolIfExists), and principals by name."},
				CLI:     []string{"aws iam update-assume-role-policy --role-name ROLE --policy-document file://trust.json (mfawatch policy generate makes trust policies)"},
			},
			Evidence: []string{theDetails},
		},
	}
}

func accountChecks() []Check {
	return []Check{{
		ID: idStale, Severity: audit.Medium,
		Question:  "Is the credential report young enough to judge by?",
		Rationale: "AWS makes one at most every four hours and does not change it afterwards: users deleted since are in it, users made since are not.",
		Remediation: Remediation{
			Console: []string{"IAM, Credential report, Download."},
			CLI:     []string{"aws iam generate-credential-report"},
		},
		Evidence: []string{theReport, theDetails},
	}}
}

func declaredChecks() []Check {
	return []Check{
		{
			ID: idExpired, Severity: audit.Medium,
			Question:  "Does every exemption still last?",
			Rationale: "An exemption ends on its date: what it hid is a failure again, and somebody should decide anew.",
			Remediation: Remediation{
				Elsewhere: []string{"In the file of exemptions: remove this one once what it hid is put right, or have its owner decide on a new date."},
			},
			Evidence: []string{"rules"},
		}, {
			ID: idUnknownExempt, Severity: audit.Low,
			Question:  "Does every exemption match somebody?",
			Rationale: "An exemption that matches nobody is a typing error, or of a user who is gone. Names can be given again; immutable ids cannot.",
			Remediation: Remediation{
				Elsewhere: []string{"In the file of exemptions: remove this one, or correct its id."},
				CLI:       []string{"aws iam get-user --user-name USER --query User.UserId"},
			},
			Evidence: []string{"rules", theDetails},
		}, {
			ID: idBreakGlass, Severity: audit.High,
			Question:  "Is every emergency user ready and safe?",
			Rationale: "An emergency user must get in when nothing else works, and nobody else may: a password, at least two devices, all of them hardware, no access key. Nobody can be exempt from it.",
			Remediation: Remediation{
				Console: []string{openUser, "Assign two security keys, remove other devices, delete access keys."},
				CLI:     []string{"aws iam delete-access-key --user-name USER --access-key-id KEY", "aws iam deactivate-mfa-device --user-name USER --serial-number SERIAL"},
			},
			Evidence: []string{theDetails, theReport, theProfile, theDevices, theLevels, theKeys},
		},
	}
}

package signin

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"mfawatch/audit"
)

// Source is the eventSource of every sign-in, of the console and of Identity
// Center alike (their event names differ).
const Source = "signin.amazonaws.com"

// chinaSuffix is what some services of the China partition write behind their
// source. Whether sign-ins do is not known (docs/live-checks.md), so both forms
// are read; any other source of that name is called unreadable, not passed over.
const chinaSuffix = ".cn"

// Names are the event names that Classify judges as sign-ins.
func Names() []string { return []string{"ConsoleLogin", "UserAuthentication"} }

// Classify judges one event. It answers by Definitions' table and fills in the
// facts that decided; Seen is 1 and Origin empty. It never passes what the
// record does not prove.
func Classify(e Event, rules Rules) Verdict {
	reason, detail := judge(&e)
	return verdict(&e, reason, detail, rules)
}

// Judge parses and classifies one record. A record that cannot be read is a
// verdict too: unreadable, with the cause in its detail.
func Judge(record []byte, rules Rules) Verdict {
	e, err := Parse(record)
	if err != nil {
		return verdict(&e, ReasonUnreadable, Printable(err.Error()), rules)
	}
	return Classify(e, rules)
}

func verdict(e *Event, reason Reason, detail string, rules Rules) Verdict {
	d := define(reason)
	p := e.Principal
	if p.Kind == "" {
		p.Kind = audit.UnknownPrincipal
	}
	severity, alert := rules.weigh(d, p.Kind)
	return Verdict{
		Type: "verdict", EventID: e.ID, Time: e.Time, Account: e.Account, Region: e.Region, Event: e.Name,
		Principal: p, Outcome: d.Outcome, Reason: reason, Detail: detail, Severity: severity, Alert: alert,
		MFA: mfa(e, reason), SourceIP: e.SourceIP, UserAgent: e.UserAgent, Seen: 1,
	}
}

func judge(e *Event) (Reason, string) {
	if !slices.Contains(Names(), e.Name) {
		return ReasonNotASignIn, ""
	}
	switch {
	case e.Source == "":
		return ReasonUnreadable, "eventSource is missing"
	case !strings.HasPrefix(e.Source, "signin."):
		return ReasonNotASignIn, ""
	case strings.TrimSuffix(e.Source, chinaSuffix) != Source:
		return ReasonUnreadable, "eventSource is " + quote(e.Source)
	case !understood(e.Version):
		return ReasonUnreadable, fmt.Sprintf("eventVersion %s is newer than this program knows", quote(e.Version))
	case e.Result == Failure || refused(e):
		return failed(e), Printable(e.ErrorMessage)
	case e.Result != Success:
		return ReasonOutcomeMissing, outcomeDetail(e)
	case e.Name == "UserAuthentication":
		return portal(e)
	}
	return console(e)
}

// understood accepts major version 1 with any minor, and records without a
// readable version: CloudTrail promises that fields keep their meaning within a
// major version (CloudTrail user guide, record contents, eventVersion).
func understood(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	return major == "" || major == "1" || strings.Trim(major, "0123456789") != ""
}

// refused tells a refusal by a sign-in policy: since June 2026 a resource-based
// policy or a resource control policy can refuse a sign-in (AWS Sign-In user
// guide, console access control). It is not a guessed password.
func refused(e *Event) bool {
	const prefix = "authorization denied because of"
	return e.Result != Success && strings.HasPrefix(strings.ToLower(e.ErrorMessage), prefix)
}

// failed tells where the attempt ended. MFAUsed Yes on a failure means that the
// second factor was asked for; the error message is the same as for a bad
// password.
func failed(e *Event) Reason {
	switch {
	case refused(e):
		return ReasonRefusedByPolicy
	case e.Name == "ConsoleLogin" && e.MFAUsed == Yes:
		return ReasonFailedAtMFA
	case e.Name == "UserAuthentication" && second(e.Credentials) != "":
		return ReasonFailedAtMFA
	}
	return ReasonFailedSignIn
}

func outcomeDetail(e *Event) string {
	if e.ResultText == "" {
		return "the record has no outcome for " + e.Name
	}
	return fmt.Sprintf("the outcome is %s, neither Success nor Failure", quote(e.ResultText))
}

// console judges a successful ConsoleLogin. MFAUsed is a fact about AWS's own
// MFA, so it decides for IAM users and root only; for every other session it is
// No, whatever the provider asked for.
func console(e *Event) (Reason, string) {
	switch {
	case e.AssumedRoot:
		return ReasonIdentityNotKnown, "a root session from sts:AssumeRoot, not root's password"
	case e.IdentityType == "Root", e.IdentityType == "IAMUser":
		return ownFactor(e)
	case e.Provider != "", e.Principal.Kind == audit.Federated:
		return ReasonMFAAtProvider, Printable(e.Provider)
	case e.Principal.Kind != audit.Role: // also what is root by its ARN alone
		return ReasonIdentityNotKnown, unmet(e)
	case e.SessionMFA == Yes:
		return ReasonMFAInSession, "CloudTrail's mfaAuthenticated; the IAM condition key may differ"
	}
	return ReasonRoleSession, ""
}

func ownFactor(e *Event) (Reason, string) {
	switch {
	case e.MFAUsed == Yes:
		return ReasonMFA, ""
	case e.MFAUsed == No:
		return ReasonNoMFA, ""
	case e.MFAUsedText != "":
		return ReasonMFANotRecorded, fmt.Sprintf("MFAUsed is %s", quote(e.MFAUsedText))
	}
	return ReasonMFANotRecorded, "MFAUsed is missing"
}

// portal judges a successful Identity Center sign-in by the credentials that
// were verified during it.
func portal(e *Event) (Reason, string) {
	switch {
	case e.Principal.Kind != audit.IdentityCenter:
		return ReasonIdentityNotKnown, unmet(e)
	case slices.Contains(e.Credentials, "EXTERNAL_IDP"):
		return ReasonMFAAtProvider, "EXTERNAL_IDP"
	case second(e.Credentials) != "":
		return ReasonSecondFactor, ""
	case e.DeviceAdded:
		return ReasonSecondFactor, "the device was registered during this sign-in"
	case len(e.Credentials) == 0:
		return ReasonMFANotRecorded, "CredentialType is missing"
	case singles(e.Credentials):
		return ReasonSingleFactor, strings.Join(e.Credentials, ",")
	}
	return ReasonMFANotRecorded, fmt.Sprintf("CredentialType %s", quote(strings.Join(e.Credentials, ",")))
}

// second is the first second factor among an Identity Center sign-in's
// credentials, or "" (IAM Identity Center user guide, sign-in events).
func second(credentials []string) string {
	for _, c := range credentials {
		if c == "TOTP" || c == "RESYNC_TOTP" || c == "WEBAUTHN" {
			return c
		}
	}
	return ""
}

// singles tells whether all credentials are ones that are no second factor: a
// code sent by e-mail does not count as MFA (IAM Identity Center user guide,
// MFA device enforcement).
func singles(credentials []string) bool {
	return !slices.ContainsFunc(credentials, func(c string) bool { return c != "PASSWORD" && c != "EMAIL_OTP" })
}

func unmet(e *Event) string {
	if e.IdentityType == "" {
		return "userIdentity has no type"
	}
	return "identity type " + quote(e.IdentityType)
}

func mfa(e *Event, reason Reason) MFA {
	m := MFA{Used: "unknown", Device: e.MFADevice, Factor: audit.DeviceKind(e.MFADevice, nil)}
	own := (e.IdentityType == "Root" || e.IdentityType == "IAMUser") && !e.AssumedRoot && reason != ReasonUnreadable
	switch {
	case reason == ReasonMFAInSession, reason == ReasonSecondFactor, own && e.MFAUsed == Yes:
		m.Used = "yes"
	case reason == ReasonSingleFactor, own && e.MFAUsed == No:
		m.Used = "no"
	}
	if reason == ReasonSecondFactor {
		m.Factor = map[string]audit.FactorKind{
			"TOTP": audit.VirtualFactor, "RESYNC_TOTP": audit.VirtualFactor, "WEBAUTHN": audit.FIDOFactor, "": audit.UnknownFactor,
		}[second(e.Credentials)]
	}
	return m
}

// Printable makes a text that somebody else chose fit for a line of output:
// control and formatting characters become U+FFFD, and it is cut at 200
// characters.
func Printable(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > 200 {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

func quote(s string) string { return `"` + Printable(s) + `"` }

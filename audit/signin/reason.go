package signin

import (
	"slices"

	"mfawatch/audit"
)

// Reason is why a verdict is what it is. Reasons are an interface: they never
// change meaning, they are added and retired in CHANGELOG.md.
type Reason string

// The reasons, in the order of docs/events.md.
const (
	ReasonMFA              Reason = "mfa"
	ReasonMFAInSession     Reason = "mfa-in-session"
	ReasonSecondFactor     Reason = "second-factor"
	ReasonSingleFactor     Reason = "single-factor"
	ReasonNoMFA            Reason = "no-mfa"
	ReasonMFANotRecorded   Reason = "mfa-not-recorded"
	ReasonOutcomeMissing   Reason = "outcome-missing"
	ReasonIdentityNotKnown Reason = "identity-not-known"
	ReasonUnreadable       Reason = "unreadable"
	ReasonRoleSession      Reason = "role-session"
	ReasonMFAAtProvider    Reason = "mfa-at-identity-provider"
	ReasonFailedSignIn     Reason = "failed-sign-in"
	ReasonFailedAtMFA      Reason = "failed-at-mfa"
	ReasonRefusedByPolicy  Reason = "refused-by-policy"
	ReasonNotASignIn       Reason = "not-a-sign-in"
)

// Definition is what a reason means and what it does unless rules say else.
type Definition struct {
	Reason   Reason         `json:"reason"`
	Outcome  audit.Outcome  `json:"outcome"`
	Severity audit.Severity `json:"severity"`
	Alert    bool           `json:"alert"`
	When     string         `json:"when"`
	Root     RootDefault    `json:"root"`
}

// RootDefault is how a reason is held for root. It is also the floor under
// which no rule can go: root is never silenced.
type RootDefault struct {
	Severity audit.Severity `json:"severity"`
	Alert    bool           `json:"alert"`
}

var (
	quiet     = RootDefault{audit.Info, false}
	noted     = RootDefault{audit.Info, true}
	rootHigh  = RootDefault{audit.High, true}
	rootWorst = RootDefault{audit.Critical, true}
)

// Definitions is the table of reasons: the contract of Classify.
func Definitions() []Definition {
	return []Definition{
		{ReasonMFA, audit.Pass, audit.Info, false, "AWS recorded a second factor for an IAM user or root", noted},
		{ReasonMFAInSession, audit.Pass, audit.Info, false, "a role console whose session context says mfaAuthenticated true", quiet},
		{ReasonSecondFactor, audit.Pass, audit.Info, false, "Identity Center recorded a second factor", quiet},
		{ReasonSingleFactor, audit.Fail, audit.High, true, "Identity Center recorded one factor only", rootHigh},
		{ReasonNoMFA, audit.Fail, audit.High, true, "IAM user or root, success, MFAUsed no", rootWorst},
		{ReasonMFANotRecorded, audit.Unknown, audit.Medium, true, "success, but the record does not say which factors were used", rootHigh},
		{ReasonOutcomeMissing, audit.Unknown, audit.Medium, true, "the record says neither Success nor Failure", rootHigh},
		{ReasonIdentityNotKnown, audit.Unknown, audit.Medium, true, "an identity of a kind never met; its name is in the detail", rootHigh},
		{ReasonUnreadable, audit.Unknown, audit.Medium, true, "the record cannot be read", rootHigh},
		{ReasonRoleSession, audit.Unknown, audit.Info, false, "a role console that nothing attributes to a provider", quiet},
		{ReasonMFAAtProvider, audit.NotApplicable, audit.Info, false, "SAML, IAM Identity Center, federated user or outside provider: the second factor, if any, was asked there", quiet},
		{ReasonFailedSignIn, audit.NotApplicable, audit.Info, false, "nobody got in: bad credentials", quiet},
		{ReasonFailedAtMFA, audit.NotApplicable, audit.Info, false, "nobody got in: stopped at the second factor", quiet},
		{ReasonRefusedByPolicy, audit.NotApplicable, audit.Info, false, "nobody got in: a sign-in policy refused", quiet},
		{ReasonNotASignIn, audit.NotApplicable, audit.Info, false, "any other event", quiet},
	}
}

// Reasons lists every reason, in the order of the table.
func Reasons() []Reason {
	var rs []Reason
	for _, d := range definitions {
		rs = append(rs, d.Reason)
	}
	return rs
}

var definitions = Definitions()

func define(r Reason) Definition {
	return definitions[slices.IndexFunc(definitions, func(d Definition) bool { return d.Reason == r })]
}

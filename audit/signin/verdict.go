package signin

import (
	"time"

	"mfawatch/audit"
)

// Verdict is the judgement of one record. Its JSON is an interface.
type Verdict struct {
	Type      string          `json:"type"` // always "verdict"
	EventID   string          `json:"event_id"`
	Time      time.Time       `json:"time"`
	Account   string          `json:"account"`
	Region    string          `json:"region"`
	Event     string          `json:"event"`
	Principal audit.Principal `json:"principal"`
	Outcome   audit.Outcome   `json:"outcome"`
	Reason    Reason          `json:"reason"`
	Detail    string          `json:"detail"`
	Severity  audit.Severity  `json:"severity"`
	Alert     bool            `json:"alert"`
	MFA       MFA             `json:"mfa"`
	SourceIP  string          `json:"source_ip"`
	UserAgent string          `json:"user_agent"`
	Seen      int             `json:"seen"`   // copies of the same (account, event id)
	Origin    string          `json:"origin"` // the file the record came from
}

// MFA is what the record says of the second factor. Used is "yes", "no" or
// "unknown": for a session of a provider AWS writes MFAUsed No whatever the
// provider asked for, so that No is not repeated here.
type MFA struct {
	Used   string           `json:"used"`
	Device string           `json:"device"`
	Factor audit.FactorKind `json:"factor"`
}

// SignIn tells whether the verdict is about a sign-in (or a record that could
// not be read and so may be one), and not about some other event.
func (v *Verdict) SignIn() bool { return v.Reason != ReasonNotASignIn }

// Rules changes what a reason does: whether it alerts, and its severity. The
// zero value is the default, which suits an account with single sign-on.
type Rules struct {
	SignIn []Override
}

// Override sets alert or severity for one reason, for one principal kind or,
// when Principal is empty, for all. A later override wins over an earlier one.
// For root it can only raise.
type Override struct {
	Reason    Reason
	Principal audit.PrincipalKind
	Alert     *bool
	Severity  *audit.Severity
}

func (o Override) matches(r Reason, k audit.PrincipalKind) bool {
	return o.Reason == r && (o.Principal == "" || o.Principal == k)
}

// weigh gives the severity and alert of a reason for a kind of principal.
func (rules Rules) weigh(d Definition, kind audit.PrincipalKind) (audit.Severity, bool) {
	severity, alert := d.Severity, d.Alert
	for _, o := range rules.SignIn {
		if !o.matches(d.Reason, kind) {
			continue
		}
		if o.Severity != nil {
			severity = *o.Severity
		}
		if o.Alert != nil {
			alert = *o.Alert
		}
	}
	if kind == audit.Root { // its own default, which no rule silences
		severity, alert = max(severity, d.Root.Severity), alert || d.Root.Alert
	}
	return severity, alert
}

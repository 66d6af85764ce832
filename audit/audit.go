// Package audit holds the words that every judgement of mfawatch is made of:
// outcomes, severities, principals, factors and exemptions; what was read of an
// account, with its gaps, and what is found in it.
//
// It promises that the zero value of an answer is never a good answer: a
// forgotten Outcome is Unknown. It knows nothing of AWS clients, files, clocks
// or environment, and it imports the standard library only.
package audit

import "fmt"

// Outcome is the answer of a judgement. Its zero value is Unknown, so that an
// answer nobody set is never taken for a pass.
type Outcome uint8

// The outcomes. Their texts are an interface: "unknown", "pass", "fail",
// "not_applicable".
const (
	Unknown Outcome = iota
	Pass
	Fail
	NotApplicable
)

var outcomeTexts = []string{"unknown", "pass", "fail", "not_applicable"}

// Outcomes lists every outcome, Unknown first.
func Outcomes() []Outcome { return []Outcome{Unknown, Pass, Fail, NotApplicable} }

func (o Outcome) String() string { return text(outcomeTexts, int(o)) }

// MarshalText writes the outcome's text.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads an outcome's text; any other text is an error.
func (o *Outcome) UnmarshalText(b []byte) error {
	i, err := parse("outcome", outcomeTexts, string(b))
	*o = Outcome(i)
	return err
}

// Severity says how much a judgement matters. Higher is worse; the zero value
// is Info.
type Severity uint8

// The severities, mildest first. Their texts are an interface.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityTexts = []string{"info", "low", "medium", "high", "critical"}

// Severities lists every severity, mildest first.
func Severities() []Severity { return []Severity{Info, Low, Medium, High, Critical} }

func (s Severity) String() string { return text(severityTexts, int(s)) }

// MarshalText writes the severity's text.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's text; any other text is an error.
func (s *Severity) UnmarshalText(b []byte) error {
	i, err := parse("severity", severityTexts, string(b))
	*s = Severity(i)
	return err
}

// PrincipalKind says what sort of identity acted.
type PrincipalKind string

// The principal kinds. UnknownPrincipal is an identity that the record does
// not describe, or of a type never met.
const (
	IAMUser          PrincipalKind = "iam_user"
	Root             PrincipalKind = "root"
	Federated        PrincipalKind = "federated"
	Role             PrincipalKind = "role"
	IdentityCenter   PrincipalKind = "identity_center"
	Service          PrincipalKind = "service"
	UnknownPrincipal PrincipalKind = "unknown"
)

// PrincipalKinds lists every kind.
func PrincipalKinds() []PrincipalKind {
	return []PrincipalKind{IAMUser, Root, Federated, Role, IdentityCenter, Service, UnknownPrincipal}
}

// Principal is who acted, or who is judged. ID is the immutable identifier
// (AIDA…, AROA…:session, an Identity Center user id) where one is recorded.
type Principal struct {
	Kind PrincipalKind `json:"kind"`
	Name string        `json:"name"`
	ID   string        `json:"id"`
	ARN  string        `json:"arn"`
}

// FactorKind says what sort of device a second factor is, as far as AWS tells.
type FactorKind string

// The factor kinds. A YubiKey's OATH applet is VirtualFactor to AWS. FIDO is a
// security key or passkey without a known certification: it may be synced.
const (
	VirtualFactor       FactorKind = "virtual"
	HardwareTOTPFactor  FactorKind = "hardware_totp"
	FIDOCertifiedFactor FactorKind = "fido_certified"
	FIDOFactor          FactorKind = "fido"
	SMSFactor           FactorKind = "sms"
	UnknownFactor       FactorKind = "unknown"
)

func text(texts []string, i int) string {
	if i < len(texts) {
		return texts[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

func parse(what string, texts []string, s string) (int, error) {
	for i, t := range texts {
		if t == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s %q is not one of %q", what, s, texts)
}

package audit

import (
	"fmt"
	"time"
)

// SubjectKind says what a finding is about.
type SubjectKind string

// The kinds of subjects.
const (
	AccountSubject   SubjectKind = "account"
	RootSubject      SubjectKind = "root"
	UserSubject      SubjectKind = "iam_user"
	DeviceSubject    SubjectKind = "mfa_device"
	ExemptionSubject SubjectKind = "exemption"
	RoleSubject      SubjectKind = "iam_role"
)

// Subject is what a finding is about. ID is immutable; it is empty only where
// it could not be read.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	ID   string      `json:"id"`
	Name string      `json:"name"`
	ARN  string      `json:"arn"`
}

// Finding is the answer of one check about one subject.
type Finding struct {
	Check       string     `json:"check"`
	Subject     Subject    `json:"subject"`
	Outcome     Outcome    `json:"outcome"`
	Severity    Severity   `json:"severity"`
	Detail      string     `json:"detail"`
	Evidence    []Evidence `json:"evidence"`
	Missing     []Gap      `json:"missing,omitempty"` // why it is unknown
	Controls    []Control  `json:"controls"`
	Remediation string     `json:"remediation"`
	Exemption   *Exemption `json:"exemption,omitempty"` // the one that turned a failure away
	FirstSeen   time.Time  `json:"first_seen,omitzero"` // set by the report, from an earlier one
}

// Evidence is what one call said, and how old that is.
type Evidence struct {
	Source string            `json:"source"`
	At     time.Time         `json:"at"`
	Age    string            `json:"age"`
	Facts  map[string]string `json:"facts"`
}

// Control is a numbered requirement of a framework.
type Control struct {
	Framework string `json:"framework"`
	Version   string `json:"version"`
	ID        string `json:"id"`
}

// Age writes a duration to the minute, days apart: 12d3h0m, 1h12m, 0m. A
// negative one is 0m.
func Age(d time.Duration) string {
	minutes := int(max(d, 0) / time.Minute)
	days, hours, minutes := minutes/(24*60), minutes/60%24, minutes%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh%dm", days, hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	}
	return fmt.Sprintf("%dm", minutes)
}

// Package detect reads the time-ordered stream of events around sign-ins and
// says what a single verdict cannot: that a factor was taken away, that a trail
// was stopped, that a password was guessed before it worked.
//
// It promises bounded state, in time (each check forgets after its window) and
// in size, whatever the stream holds. It is pure: events and rules in,
// Detections out; time is the events' own time.
package detect

import (
	"time"

	"mfawatch/audit"
)

// Detection is one finding in the stream. Its JSON is an interface.
type Detection struct {
	Type      string          `json:"type"` // always "detection"
	ID        string          `json:"id"`   // the check's id
	Time      time.Time       `json:"time"` // of the event that completed it
	Account   string          `json:"account"`
	Region    string          `json:"region"`
	Principal audit.Principal `json:"principal"` // who acted
	Severity  audit.Severity  `json:"severity"`
	Alert     bool            `json:"alert"`
	Attack    []string        `json:"attack"` // MITRE ATT&CK technique ids
	Detail    string          `json:"detail"`
	SourceIP  string          `json:"source_ip"`
	Events    []string        `json:"events"`           // ids of the events it is made of, oldest first, at most 20
	Target    string          `json:"target,omitempty"` // TargetUser of the event that completed it: whom a change was about
}

// Check describes one detection: what it asks, why it matters and what keeps
// it quiet. IDs are an interface.
type Check struct {
	ID       string         `json:"id"`
	Question string         `json:"question"`
	Severity audit.Severity `json:"severity"`
	// Root is the severity when root acted: it then always alerts, and no rule
	// makes it milder or silent.
	Root     audit.Severity `json:"root_severity"`
	Alert    bool           `json:"alert"`
	Attack   []string       `json:"attack"`
	Why      string         `json:"why"`
	Quiet    string         `json:"quiet"`
	Sequence bool           `json:"sequence"` // made of several events
	// Threshold and Window are the defaults of a sequence: how many, within how long.
	// Zero where the check has no such setting.
	Threshold int           `json:"threshold,omitempty"`
	Window    time.Duration `json:"-"`
}

// Rules changes what a check does. The zero value is the default.
type Rules struct {
	Overrides []Override
}

// Override sets the given fields of one check; nil leaves the default. A later
// override of the same check wins.
type Override struct {
	ID        string
	Alert     *bool
	Severity  *audit.Severity
	Threshold *int
	Window    *time.Duration
}

package scan

import (
	"time"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
)

// Result is what a scan found.
type Result struct {
	Verdicts   []signin.Verdict   // ordered by time, then event id
	Detections []detect.Detection // ordered by time, then id
	Damaged    []DamagedFile      // ordered by path
	Summary    Summary
}

// DamagedFile is a file that could not be read to its end. Its complete records
// before the damage were judged.
type DamagedFile struct {
	Type    string `json:"type"` // always "damaged_file"
	Path    string `json:"path"`
	Offset  int64  `json:"offset"` // bytes of decompressed text before the damage
	Reason  string `json:"reason"`
	Records int    `json:"records"` // complete records before the damage
	// Unopened is true when not a byte could be read.
	Unopened bool `json:"-"`
}

// Summary counts what a scan saw. Its JSON is an interface.
type Summary struct {
	Type         string                `json:"type"`     // always "summary"
	Complete     bool                  `json:"complete"` // false when the scan was interrupted
	Files        int                   `json:"files"`    // files that held records
	Skipped      map[string]int        `json:"skipped"`  // files without records to judge, by kind: digest, insight, notification, other, …
	DamagedFiles int                   `json:"damaged_files"`
	Unopened     int                   `json:"-"`       // of these, how many could not even be opened
	Bytes        int64                 `json:"bytes"`   // of the files, as stored
	Records      int                   `json:"records"` // CloudTrail records
	SignIns      int                   `json:"sign_ins"`
	Duplicates   int                   `json:"duplicates"` // further copies of sign-ins already counted
	ByOutcome    map[audit.Outcome]int `json:"by_outcome"`
	ByReason     map[signin.Reason]int `json:"by_reason"`
	WithoutMFA   []WithoutMFA          `json:"without_mfa"` // most sign-ins first
	RoleSessions int                   `json:"role_sessions"`
	Detections   map[string]int        `json:"detections"` // by check id
	Forgotten    int                   `json:"forgotten"`  // things the detections had to forget for lack of room
	First        time.Time             `json:"first"`      // of the sign-ins judged; zero when none
	Last         time.Time             `json:"last"`
	Filtered     bool                  `json:"filtered"`      // some records were left out on purpose
	Accounts     []string              `json:"accounts"`      // whose records were read, as far as it is known
	RecordsFirst time.Time             `json:"records_first"` // of all records read, as far as it is known
	RecordsLast  time.Time             `json:"records_last"`
	LeftOut      *LeftOut              `json:"left_out,omitempty"` // where a filter left no sign-in
}

// WithoutMFA is a principal that signed in without MFA, and how often.
type WithoutMFA struct {
	Account   string          `json:"account"`
	Principal audit.Principal `json:"principal"`
	SignIns   int             `json:"sign_ins"`
	Last      time.Time       `json:"last"`
}

package settings

// Namespace is CloudWatch's for the functions' own metrics.
const Namespace = "mfawatch"

// The metrics of functions/audit, all with the dimension account. Dashboards and
// alarms name them, so they are an interface (docs/operations.md).
const (
	AuditAge            = "AuditAge"
	AuditDuration       = "AuditDuration"
	AccountsUnread      = "AccountsUnread"
	CredentialReportAge = "CredentialReportAge"
	FindingsByCheck     = "FindingsByCheck" // and check, outcome
	UsersByFactor       = "UsersByFactor"   // and factor
)

// The metrics of sending alerts, with the dimension function.
const (
	RecordsJudged    = "RecordsJudged"
	AlertsSent       = "AlertsSent"
	AlertsFolded     = "AlertsFolded"
	Unreadable       = "Unreadable" // records and files that cannot be read
	PoisonMessages   = "PoisonMessages"
	EnvelopeRejected = "EnvelopeRejected"
	DamagedFiles     = "DamagedFiles"
)

// The metrics of the canary, with the dimension function.
const (
	RoundTrip         = "RoundTrip" // seconds, of the slowest Region
	RegionsSilent     = "RegionsSilent"
	RegionDeadLetters = "RegionDeadLetters"
	TrailLegAge       = "TrailLegAge" // seconds, of the tag that came back through CloudTrail
)

// The metrics of functions/breakglass, with the dimension function.
const (
	DoorGrants     = "DoorGrants"     // credentials handed out, drills not among them
	DoorRefusals   = "DoorRefusals"   // by the door
	DoorUnproved   = "DoorUnproved"   // calls of which AWS does not confirm who makes them
	DoorFailures   = "DoorFailures"   // something that the door needs was not there
	NoticesWaiting = "NoticesWaiting" // not published yet, up to 50; each minute, as the three below
	GrantsOwed     = "GrantsOwed"     // taken back, and AWS does not refuse their tokens yet
	UnarchivedAge  = "UnarchivedAge"  // seconds, of the oldest entry of the record that is not in the bucket; 0 where all are
	DrillAge       = "DrillAge"       // seconds, of the role whose last drill is longest ago; none counts as a year
)

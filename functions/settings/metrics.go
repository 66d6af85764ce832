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
	RoundTrip     = "RoundTrip" // seconds, of the slowest Region
	RegionsSilent = "RegionsSilent"
)

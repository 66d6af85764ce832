package config

import (
	"time"

	"mfawatch/internal/partition"
)

// Deployment is what infra makes of mfawatch.yaml: where everything is deployed,
// and with which parts. All that the file leaves out is filled in.
type Deployment struct {
	Prefix       string // begins the name of all that is deployed: mfawatch
	Mode         Mode
	Account      string   // where the stacks are: twelve digits
	Home         string   // the Region of the stacks
	Regions      []string // that are watched, sorted, Home and the partition's IAM Region among them
	Organization Organization
	Trail        Trail
	Targets      []Target
	Guardrail    Guardrail
	MFARoles     []MFARole
	Reports      Reports
	Metrics      Metrics
	BreakGlass   BreakGlass
	Watchdog     Watchdog
	KMS          string // ARN of the key to use; "": one is created
	Retention    Retention
	Tags         map[string]string
	CostCeiling  int // US dollars a month that whoever deploys expects at most; 0: not said. A note for docs and dashboard, nothing is stopped
}

// Mode is what one deployment is for.
type Mode string

// The modes.
const (
	OneAccount     Mode = "account"
	Organizational Mode = "organization"
)

// Organization is what mode organization needs to know.
type Organization struct {
	ID         string   // o-…
	Root       string   // r-…: the whole organisation; or
	Units      []string // ou-…: the units whose accounts are watched
	Management string   // the management account, which no StackSet reaches: it needs the member stack by hand
	Delegated  bool     // Account is a delegated administrator of StackSets, not the management account
	Concurrent int      // accounts audited at once
	Tolerated  int      // percentage of accounts whose audit may fail before the run does
}

// Trail is the CloudTrail trail: one that is there, or one that is made.
type Trail struct {
	Adopt      string // ARN of a trail; "": one is created
	Bucket     string // of an adopted trail
	KeyPrefix  string // what stands before AWSLogs in it, with a slash at its end
	KeyARN     string // the KMS key of an adopted trail's files; "": none
	LogGroup   string // name of the adopted trail's log group, for metric filters; "": it has none
	ObjectLock string // of a created bucket: "", governance or compliance
	LockDays   int
	Logs       bool // a created trail writes a log group too, which Metrics needs
}

// Target is somebody who is told.
type Target struct {
	Kind     TargetKind
	Address  string // e-mail address; https URL; ARN of an SQS queue; integration URL of PagerDuty
	Severity string // the least that is told: info, low, medium, high, critical. Alarms of the monitor itself always are
	// Accounts are those of the organisation whose alerts alone are told, and then not
	// what the monitor says of itself; none: everything.
	Accounts []string
	// Of chat, by Amazon Q Developer in chat applications:
	Workspace, Team, Tenant, Channel string
}

// TargetKind is the way that a target is told.
type TargetKind string

// The kinds.
const (
	Email     TargetKind = "email"
	HTTPS     TargetKind = "https"
	SQS       TargetKind = "sqs"
	PagerDuty TargetKind = "pagerduty"
	Slack     TargetKind = "slack"
	Teams     TargetKind = "teams"
)

// Guardrail is the enforce-MFA policy and where it is attached. The zero value
// is none.
type Guardrail struct {
	Kind           string // self-service, mfa-only, hardware, admin-managed; "": none
	Attach         Attach
	Groups         []string // that exist; none: the group PREFIX-humans is made
	SCPTargets     []string // roots, units and accounts; none: the policy is made and attached to nothing
	PasswordChange bool
	TagGuard       bool
	MFAAge         time.Duration
	FIDOLevels     []string
	Registrars     []string // ARNs of who may assume the registrar role (of admin-managed)
}

// Attach is where a guardrail is attached.
type Attach string

// The places.
const (
	ToGroup    Attach = "group"
	ToBoundary Attach = "boundary"
	ToSCP      Attach = "scp"
)

// MFARole is a role that can only be assumed with a second factor.
type MFARole struct {
	Name       string
	Principals []string // ARNs of users
	Policies   []string // ARNs of managed policies
	Session    time.Duration
	MFAAge     time.Duration
}

// Reports is the scheduled audit.
type Reports struct {
	Schedule    string        // EventBridge Scheduler's: rate(1 day), cron(0 6 * * ? *)
	Every       time.Duration // how far apart two runs of Schedule are at most, for the alarm on their age
	Formats     []string
	SecurityHub bool
	Athena      bool
}

// Metrics are the metric filters of the CIS benchmark and their alarms.
type Metrics struct {
	Enabled bool
	Version string   // of the benchmark, for names and tags
	Filters []string // ids of deployed.Filters
	Form    string   // precise or compat
}

// BreakGlass is the emergency door. Without principals and people there is none.
type BreakGlass struct {
	Principals []string // ARNs of users who assume the role by themselves
	Policies   []string // ARNs of managed policies of the role
	Session    time.Duration
	MFAAge     time.Duration
	Door       Door
}

// There tells whether there is an emergency door, with its function or without.
func (b BreakGlass) There() bool { return len(b.Principals) > 0 || b.Door.There() }

// Door are the rules of the function that checks codes, in the file's words: what
// they mean, and whether they let anybody in, is totp/breakglass's. Without people
// there is no function.
type Door struct {
	Name         string // in the record, and in what seals devices
	Approve, Use time.Duration
	People       []Person
	Roles        []DoorRole // the first is the one that has BreakGlass.Policies
}

// There tells whether there is a function.
func (d Door) There() bool { return len(d.People) > 0 }

// Person is somebody who may call the function.
type Person struct {
	Name       string
	Principals []string // ARNs of users
	Devices    []Device
}

// Device is a second factor or a sheet of recovery codes.
type Device struct{ ID, Kind, Grade string }

// DoorRole is what can be asked for.
type DoorRole struct {
	Name                  string
	Policies              []string // ARNs of managed policies; none of the first
	Requesters, Approvers []string // by name
	Approvals             int
	Longest, CoolOff      time.Duration
	Grade                 string
	Sheets, Ticket        bool
	Alone                 Alone
}

// Alone is the emergency with one person.
type Alone struct {
	Allowed bool
	CoolOff time.Duration
	Grade   string
}

// Watchdog is what watches the monitor itself.
type Watchdog struct {
	Enabled   bool
	Every     time.Duration // between two canaries
	Heartbeat string        // an https URL outside AWS that is called after each round trip; "": none
}

// Retention is how long what is kept is kept.
type Retention struct {
	Trail    int // days of the trail's files
	Evidence int // days
	Reports  int // days
	Logs     int // days of log groups: a number that CloudWatch Logs knows
}

// Partition is AWS's partition that the home Region is of.
func (d Deployment) Partition() string { return partition.Known(d.Home).ID }

package report

import (
	"cmp"
	"io"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// ocsfVersion is the version of the Open Cybersecurity Schema Framework that
// the findings follow: class Detection Finding with the cloud profile.
const ocsfVersion = "1.3.0"

// The numbers of OCSF (schema 1.3.0, class detection_finding).
const (
	ocsfFindings         = 2
	ocsfDetectionFinding = 2004
	ocsfAWSAccount       = 10
	ocsfRule             = 1
)

var ocsfSeverities = map[audit.Severity]ocsfValue{
	audit.Info: {1, "Informational"}, audit.Low: {2, "Low"}, audit.Medium: {3, "Medium"},
	audit.High: {4, "High"}, audit.Critical: {5, "Critical"},
}

// ocsfValue is a number of an OCSF enumeration and its caption.
type ocsfValue struct {
	id      int
	caption string
}

var (
	ocsfCreate = ocsfValue{1, "Create"}
	ocsfUpdate = ocsfValue{2, "Update"}
	ocsfClose  = ocsfValue{3, "Close"}

	ocsfUnknown    = ocsfValue{0, "Unknown"}
	ocsfNew        = ocsfValue{1, "New"}
	ocsfSuppressed = ocsfValue{3, "Suppressed"}
	ocsfResolved   = ocsfValue{4, "Resolved"}
)

type ocsfFinding struct {
	ActivityID   int              `json:"activity_id"`
	ActivityName string           `json:"activity_name"`
	CategoryUID  int              `json:"category_uid"`
	CategoryName string           `json:"category_name"`
	ClassUID     int              `json:"class_uid"`
	ClassName    string           `json:"class_name"`
	TypeUID      int              `json:"type_uid"`
	TypeName     string           `json:"type_name"`
	Time         int64            `json:"time"`
	Metadata     ocsfMetadata     `json:"metadata"`
	Cloud        ocsfCloud        `json:"cloud"`
	SeverityID   int              `json:"severity_id"`
	Severity     string           `json:"severity"`
	StatusID     int              `json:"status_id"`
	Status       string           `json:"status"`
	StatusCode   string           `json:"status_code"`
	StatusDetail string           `json:"status_detail,omitempty"`
	Message      string           `json:"message"`
	FindingInfo  ocsfFindingInfo  `json:"finding_info"`
	Resources    []ocsfResource   `json:"resources"`
	Remediation  *ocsfRemediation `json:"remediation,omitempty"`
	Unmapped     ocsfUnmapped     `json:"unmapped"`
}

type ocsfMetadata struct {
	Version   string      `json:"version"`
	Profiles  []string    `json:"profiles"`
	Product   ocsfProduct `json:"product"`
	EventCode string      `json:"event_code"`
	TenantUID string      `json:"tenant_uid,omitempty"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type ocsfCloud struct {
	Provider string      `json:"provider"`
	Account  ocsfAccount `json:"account"`
	Org      *ocsfOrg    `json:"org,omitempty"`
}

type ocsfAccount struct {
	UID    string `json:"uid"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	TypeID int    `json:"type_id"`
}

type ocsfOrg struct {
	UID string `json:"uid"`
}

type ocsfFindingInfo struct {
	UID           string       `json:"uid"`
	Title         string       `json:"title"`
	Desc          string       `json:"desc,omitempty"`
	Types         []string     `json:"types"`
	Analytic      ocsfAnalytic `json:"analytic"`
	DataSources   []string     `json:"data_sources,omitempty"`
	CreatedTime   int64        `json:"created_time"`
	FirstSeenTime int64        `json:"first_seen_time,omitempty"`
	LastSeenTime  int64        `json:"last_seen_time"`
}

type ocsfAnalytic struct {
	UID    string `json:"uid"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	TypeID int    `json:"type_id"`
}

type ocsfResource struct {
	UID       string   `json:"uid"`
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	Partition string   `json:"cloud_partition,omitempty"`
	Labels    []string `json:"labels,omitempty"`
}

type ocsfRemediation struct {
	Desc string `json:"desc"`
}

// ocsfUnmapped holds what OCSF has no place for in this class.
type ocsfUnmapped struct {
	Check      string           `json:"check"`
	Outcome    audit.Outcome    `json:"outcome"`
	ReportMade time.Time        `json:"credential_report_generated,omitzero"`
	Controls   []audit.Control  `json:"controls"`
	Evidence   []audit.Evidence `json:"evidence"`
	Missing    []audit.Gap      `json:"missing,omitempty"`
	Exemption  *audit.Exemption `json:"exemption,omitempty"`
}

// writeOCSF writes an array of Detection Findings. With an earlier audit a
// failure that is over is closed once, also that of a subject which is gone.
func writeOCSF(w io.Writer, a Audit, o AuditOptions) error {
	x := &exporter{audit: a, options: o, about: described()}
	x.open(w)
	for i := range a.Accounts {
		account := &a.Accounts[i]
		for j := range account.Findings {
			f := &account.Findings[j]
			was := x.then.find(account.Account, f)
			if o.writes(f) || was != nil && was.Outcome == audit.Fail && o.writes(was) {
				x.item(x.ocsf(account, f, was))
			}
		}
		for _, f := range x.gone[account.Account] {
			if f.Outcome == audit.Fail && o.writes(&f) {
				x.item(x.ocsfGone(account, &f))
			}
		}
	}
	return x.close()
}

// exporter writes findings as an array of JSON, one a line, and knows the
// earlier audit where there is one.
type exporter struct {
	jsonWriter
	audit   Audit
	options AuditOptions
	about   func(string) posture.Check
	then    index
	gone    map[string][]audit.Finding
	items   int
}

func (x *exporter) open(w io.Writer) {
	x.w = w
	if x.options.Previous != nil {
		x.then = indexed(*x.options.Previous)
	}
	x.gone = departed(x.audit, x.options.Previous)
	x.text("[")
}

func (x *exporter) item(v any) {
	x.separate(x.items, ",\n")
	x.value(v)
	x.items++
}

func (x *exporter) close() error {
	x.text("\n]\n")
	return x.err
}

func (x *exporter) ocsf(a *posture.Account, f, was *audit.Finding) ocsfFinding {
	check := x.about(f.Check)
	activity, status := ocsfState(f, was)
	severity := ocsfSeverities[f.Severity]
	first := cmp.Or(milliseconds(f.FirstSeen), milliseconds(a.TakenAt))
	n := ocsfFinding{
		CategoryUID: ocsfFindings, CategoryName: "Findings", ClassUID: ocsfDetectionFinding, ClassName: "Detection Finding",
		Time: milliseconds(a.TakenAt), Metadata: x.ocsfMetadata(f.Check), Cloud: x.ocsfCloud(a),
		SeverityID: severity.id, Severity: severity.caption,
		StatusID: status.id, Status: status.caption, StatusCode: statusCodes[f.Outcome], StatusDetail: f.Detail,
		Message: f.Check + ", " + called(f.Subject) + ": " + f.Detail,
		FindingInfo: ocsfFindingInfo{
			UID: stableID(a.Account, f.Check, lasting(f, was)), Title: check.Question, Desc: check.Rationale,
			Types:       []string{"Software and Configuration Checks/AWS Security Best Practices"},
			Analytic:    ocsfAnalytic{UID: f.Check, Name: f.Check, Type: "Rule", TypeID: ocsfRule},
			DataSources: sources(f.Evidence), CreatedTime: first, FirstSeenTime: milliseconds(f.FirstSeen), LastSeenTime: milliseconds(a.TakenAt),
		},
		Resources: []ocsfResource{ocsfResourceOf(a, f.Subject)},
		Unmapped: ocsfUnmapped{
			Check: f.Check, Outcome: f.Outcome, ReportMade: a.ReportMade, Controls: list(f.Controls),
			Evidence: each(f.Evidence, wholeEvidence), Missing: f.Missing, Exemption: f.Exemption,
		},
	}
	if f.Remediation != "" {
		n.Remediation = &ocsfRemediation{f.Remediation}
	}
	n.during(activity)
	return n
}

// ocsfGone closes the failure of a subject that is not there any more.
func (x *exporter) ocsfGone(a *posture.Account, f *audit.Finding) ocsfFinding {
	n := x.ocsf(a, f, nil)
	n.StatusID, n.Status, n.StatusCode = ocsfResolved.id, ocsfResolved.caption, "GONE"
	n.StatusDetail = "the " + subjectWords[f.Subject.Kind] + " is not there any more; before: " + f.Detail
	n.Unmapped.Outcome = audit.NotApplicable
	n.during(ocsfClose)
	return n
}

func (n *ocsfFinding) during(activity ocsfValue) {
	n.ActivityID, n.ActivityName = activity.id, activity.caption
	n.TypeUID, n.TypeName = ocsfDetectionFinding*100+activity.id, "Detection Finding: "+activity.caption
}

// statusCodes are mfawatch's own answers.
var statusCodes = map[audit.Outcome]string{audit.Unknown: "UNKNOWN", audit.Pass: "PASS", audit.Fail: "FAIL", audit.NotApplicable: "NOT_APPLICABLE"}

// ocsfState is what happened to a finding and how it stands. Only a failure that
// was seen before is resolved by a pass; what always passed has no caption of
// its own.
func ocsfState(f, was *audit.Finding) (activity, status ocsfValue) {
	activity = ocsfCreate
	failed := was != nil && was.Outcome == audit.Fail
	if failed {
		activity = ocsfUpdate
	}
	switch {
	case f.Outcome == audit.Fail:
		return activity, ocsfNew
	case f.Outcome == audit.Unknown:
		return activity, ocsfUnknown
	case f.Exemption != nil:
		return activity, ocsfSuppressed
	case failed:
		return ocsfClose, ocsfResolved
	case f.Outcome == audit.Pass:
		return activity, ocsfValue{99, "Pass"}
	}
	return activity, ocsfValue{99, "Not applicable"}
}

func (x *exporter) ocsfMetadata(check string) ocsfMetadata {
	return ocsfMetadata{
		Version: ocsfVersion, Profiles: []string{"cloud"}, EventCode: check, TenantUID: x.audit.Organization,
		Product: ocsfProduct{Name: "mfawatch", VendorName: "mfawatch", Version: x.options.Version},
	}
}

func (x *exporter) ocsfCloud(a *posture.Account) ocsfCloud {
	c := ocsfCloud{
		Provider: "AWS",
		Account:  ocsfAccount{UID: a.Account, Name: cmp.Or(accountName(a), a.Account), Type: "AWS Account", TypeID: ocsfAWSAccount},
	}
	if x.audit.Organization != "" {
		c.Org = &ocsfOrg{x.audit.Organization}
	}
	return c
}

var ocsfResourceTypes = map[audit.SubjectKind]string{
	audit.AccountSubject: "AwsAccount", audit.RootSubject: "AwsIamRootUser", audit.UserSubject: "AwsIamUser", audit.RoleSubject: "AwsIamRole",
	audit.DeviceSubject: "AwsIamVirtualMfaDevice", audit.ExemptionSubject: "MfawatchExemption",
}

func ocsfResourceOf(a *posture.Account, s audit.Subject) ocsfResource {
	r := ocsfResource{UID: cmp.Or(s.ARN, identity(s)), Name: called(s), Type: ocsfResourceTypes[s.Kind], Partition: a.Partition}
	if s.ID != "" && s.ID != r.UID {
		r.Labels = []string{"id:" + s.ID}
	}
	return r
}

func sources(evidence []audit.Evidence) []string {
	return texts(evidence, func(e audit.Evidence) string { return e.Source })
}

// milliseconds is a time as OCSF has it; 0 is none.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

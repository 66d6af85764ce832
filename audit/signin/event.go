// Package signin turns one CloudTrail record into an Event and judges it: was
// this sign-in protected by a second factor?
//
// It promises that what a record does not say is never guessed: a missing or
// odd field gives an unknown outcome with its reason, an identity of a kind
// never met is named in the detail, and nothing but a recorded second factor is
// a pass. It is pure: bytes and rules in, a Verdict out. It never reads a file,
// a clock or the environment, and it never keeps codes, tokens or redirect
// addresses (LoginTo) of a record.
package signin

import (
	"time"

	"mfawatch/audit"
)

// Tri is a recorded yes, a recorded no, or neither.
type Tri uint8

// The values of Tri; the zero value is Unrecorded.
const (
	Unrecorded Tri = iota
	Yes
	No
)

// Result is what a record says became of the attempt.
type Result uint8

// The values of Result; the zero value is NoResult: the record does not say.
const (
	NoResult Result = iota
	Success
	Failure
)

// Event is what mfawatch keeps of one CloudTrail record: the facts that a
// verdict or a detection is made of, and no others.
type Event struct {
	ID      string
	Time    time.Time // zero when the record has no readable eventTime
	Account string    // recipientAccountId, else userIdentity.accountId
	Region  string
	Name    string
	Source  string
	Version string

	Principal    audit.Principal
	IdentityType string // userIdentity.type as written
	Provider     string // what attributes a session to a provider: a SAML provider's ARN, "IAM Identity Center", …
	AssumedRoot  bool   // sessionContext.assumedRoot: sts:AssumeRoot, not the root password
	AccessKeyID  string
	InvokedBy    string

	Result       Result
	ResultText   string // the outcome field as written, when it is neither Success nor Failure
	ErrorCode    string
	ErrorMessage string

	MFAUsed      Tri
	MFAUsedText  string // the field as written, when it is neither yes nor no
	MFADevice    string // additionalEventData.MFAIdentifier
	SessionMFA   Tri    // sessionContext.attributes.mfaAuthenticated
	Credentials  []string
	DeviceAdded  bool   // DeviceEnrollmentRequired: a device was registered during this sign-in
	Workflow     string // AuthWorkflowID: joins the Identity Center events of one sign-in
	SourceIP     string
	UserAgent    string
	TargetUser   string // requestParameters.userName, or UserName of an Identity Center event
	SerialNumber string // requestParameters.serialNumber: the MFA device of an STS or IAM call
	IssuedKeyID  string // responseElements.credentials.accessKeyId
	IssuedARN    string // responseElements.federatedUser.arn
	GrantType    string // OAuth grant of CreateOAuth2Token
	SessionARN   string // the console session an OAuth token comes from
	AddendumTo   string // addendum.originalEventID: this record corrects that one

	// Request holds the request parameters that detections read, as text;
	// objects and lists as compact JSON, at most 8 KiB each.
	Request map[string]string
}

// Succeeded tells whether what the event describes was carried out: no error
// code, and no recorded failure.
func (e *Event) Succeeded() bool { return e.ErrorCode == "" && e.Result != Failure }

// Key identifies the event for deduplication: CloudTrail may deliver a record
// more than once with the same eventID, and an addendum stands for the record
// it corrects (CloudTrail user guide, record contents). It is empty when the
// record has no id.
func (e *Event) Key() string {
	id := e.ID
	if e.AddendumTo != "" {
		id = e.AddendumTo
	}
	if id == "" {
		return ""
	}
	return e.Account + "#" + id
}

// Interest names an event that a judgement reads: its name and source and, for
// a name so frequent that most of its records matter to nobody, a key that the
// record must also hold.
type Interest struct {
	Name, Source, Key string
}

// Interests are the events that Classify judges.
func Interests() []Interest {
	var is []Interest
	for _, name := range Names() {
		is = append(is, Interest{Name: name, Source: Source})
	}
	return is
}

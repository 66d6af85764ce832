package signin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrNotARecord is what Parse wraps when the bytes are JSON of some other sort,
// or not JSON at all.
var ErrNotARecord = errors.New("not a CloudTrail record")

// maxParam bounds what is kept of one request parameter, in bytes.
const maxParam = 8 << 10

// keptParams are the request parameters that detections read. Nothing else of
// a request is kept: parameters can hold secrets.
var keptParams = []string{
	"name", "trailName", "isMultiRegionTrail", "includeGlobalServiceEvents", "enableLogFileValidation",
	"s3BucketName", "eventSelectors", "advancedEventSelectors", "virtualMFADeviceName", "passwordResetRequired",
	"targetPrincipal", "taskPolicyArn", "client_id", "roleArn", "roleSessionName", "assumeRolePolicyDocument",
}

// Parse reads one CloudTrail record: a JSON object, or a JSON text that holds
// one. It is lenient about fields that are missing, new or of an odd type (they
// read as not recorded) and fails, wrapping ErrNotARecord, only when there is
// no object or no eventName.
func Parse(record []byte) (Event, error) {
	f, err := decode(bytes.TrimSpace(record))
	if err != nil {
		return Event{}, err
	}
	e := header(f)
	if e.Name == "" {
		return e, fmt.Errorf("%w: eventName is missing", ErrNotARecord)
	}
	add := f.object("additionalEventData")
	e.identity(f.raw("userIdentity"), add)
	e.outcome(f, add)
	e.factors(add)
	e.request(f.object("requestParameters"), add)
	e.response(f.object("responseElements"))
	e.AddendumTo = f.object("addendum").text("originalEventID")
	return e, nil
}

func decode(record []byte) (fields, error) {
	if bytes.HasPrefix(record, []byte(`"`)) {
		record = []byte(scalar(record))
	}
	var f fields
	err := json.Unmarshal(record, &f)
	if mistyped := (*json.UnmarshalTypeError)(nil); errors.As(err, &mistyped) || err == nil && f == nil {
		return nil, fmt.Errorf("%w: it is not a JSON object", ErrNotARecord)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotARecord, err)
	}
	return f, nil
}

func header(f fields) Event {
	return Event{
		ID:           f.text("eventID"),
		Time:         when(f.text("eventTime")),
		Account:      f.text("recipientAccountId"),
		Region:       f.text("awsRegion"),
		Name:         f.text("eventName"),
		Source:       f.text("eventSource"),
		Version:      f.text("eventVersion"),
		ErrorCode:    f.text("errorCode"),
		ErrorMessage: f.text("errorMessage"),
		SourceIP:     f.text("sourceIPAddress"),
		UserAgent:    f.text("userAgent"),
	}
}

// timeLayouts are the forms of eventTime: raw records, derived stores (a space,
// up to nine decimals, no zone: UTC), and the compact form of creationDate.
var timeLayouts = []string{time.RFC3339, "2006-01-02 15:04:05", "20060102T150405Z"}

func when(s string) time.Time {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil && writable(t.UTC()) {
			return t.UTC()
		}
	}
	return time.Time{}
}

// writable tells whether a time can be written again: an offset can carry it
// out of the years that RFC 3339 has.
func writable(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }

// outcome reads what became of the attempt. A console event says so in
// responseElements under its own name, an Identity Center event in
// serviceEventDetails, an OAuth event in additionalEventData.success.
func (e *Event) outcome(f, add fields) {
	text := f.object("responseElements").text(e.Name)
	if text == "" {
		text = f.object("serviceEventDetails").text(e.Name)
	}
	if text == "" && !slices.Contains(Names(), e.Name) {
		text = map[string]string{"true": "Success", "false": "Failure"}[strings.ToLower(add.text("success"))]
	}
	switch {
	case strings.EqualFold(text, "Success"):
		e.Result = Success
	case strings.EqualFold(text, "Failure"):
		e.Result = Failure
	default:
		e.ResultText = text
	}
}

func (e *Event) factors(add fields) {
	e.MFAUsed, e.MFAUsedText = add.tri("MFAUsed")
	e.MFADevice = add.text("MFAIdentifier")
	e.Workflow = add.text("AuthWorkflowID")
	enrolled, _ := add.tri("DeviceEnrollmentRequired")
	e.DeviceAdded = enrolled == Yes
	for _, c := range strings.Split(add.text("CredentialType"), ",") {
		if c = strings.ToUpper(strings.TrimSpace(c)); c != "" {
			e.Credentials = append(e.Credentials, c)
		}
	}
}

func (e *Event) request(params, add fields) {
	e.TargetUser = params.text("userName")
	if e.TargetUser == "" {
		e.TargetUser = add.text("UserName")
	}
	e.SerialNumber = params.text("serialNumber")
	e.GrantType = firstText(params, add, "grant_type", "grantType")
	if s := firstText(add, params, "signInSessionArn"); s != "" {
		e.SessionARN = s
	}
	for _, name := range keptParams {
		if v := paramText(params.raw(name)); v != "" {
			if e.Request == nil {
				e.Request = make(map[string]string)
			}
			e.Request[name] = v
		}
	}
}

func (e *Event) response(resp fields) {
	e.IssuedKeyID = resp.object("credentials").text("accessKeyId")
	e.IssuedARN = resp.object("federatedUser").text("arn")
}

func firstText(a, b fields, keys ...string) string {
	for _, k := range keys {
		if s := a.text(k); s != "" {
			return s
		}
		if s := b.text(k); s != "" {
			return s
		}
	}
	return ""
}

func paramText(raw json.RawMessage) string {
	if bytes.HasPrefix(raw, []byte("{")) || bytes.HasPrefix(raw, []byte("[")) {
		var b bytes.Buffer
		if json.Compact(&b, bytes.ToValidUTF8(raw, []byte("\uFFFD"))) != nil || b.Len() > maxParam {
			return ""
		}
		return b.String()
	}
	s := scalar(raw)
	return strings.ToValidUTF8(s[:min(len(s), maxParam)], "") // the cut may be inside a character
}

package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// EvidenceSchema names the form of an evidence record.
const EvidenceSchema = "mfawatch/evidence/v1"

// maxEvidence bounds one value of an evidence record, in bytes.
const maxEvidence = 8 << 10

// keep is the allow-list: the fields of a CloudTrail record that evidence is
// made of. A field that is not here is never kept, so that neither a token of
// responseElements, nor a redirect address (LoginTo), nor a parameter nobody
// thought of ends in the bucket. nil keeps a scalar, a list is left out.
type keep map[string]keep

var kept = keep{
	"eventVersion": nil, "eventTime": nil, "eventSource": nil, "eventName": nil, "eventID": nil, "eventType": nil, "eventCategory": nil,
	"awsRegion": nil, "sourceIPAddress": nil, "userAgent": nil, "errorCode": nil, "errorMessage": nil, "recipientAccountId": nil,
	"readOnly": nil, "managementEvent": nil, "sharedEventID": nil,
	"userIdentity": {
		"type": nil, "principalId": nil, "arn": nil, "accountId": nil, "userName": nil, "accessKeyId": nil, "invokedBy": nil,
		"identityProvider": nil, "credentialId": nil, "onBehalfOf": {"userId": nil, "identityStoreArn": nil},
		"sessionContext": {
			"assumedRoot": nil, "signInSessionArn": nil, "attributes": {"mfaAuthenticated": nil, "creationDate": nil},
			"sessionIssuer":       {"type": nil, "principalId": nil, "arn": nil, "accountId": nil, "userName": nil},
			"webIdFederationData": {"federatedProvider": nil},
		},
	},
	"additionalEventData": {
		"MFAUsed": nil, "MFAIdentifier": nil, "MobileVersion": nil, "SamlProviderArn": nil, "UserName": nil, "CredentialType": nil,
		"AuthWorkflowID": nil, "DeviceEnrollmentRequired": nil,
	},
	"responseElements":    {"ConsoleLogin": nil},
	"serviceEventDetails": {"UserAuthentication": nil, "CredentialChallenge": nil, "CredentialVerification": nil},
	"requestParameters": {
		"userName": nil, "serialNumber": nil, "name": nil, "trailName": nil, "isMultiRegionTrail": nil, "includeGlobalServiceEvents": nil,
		"enableLogFileValidation": nil, "s3BucketName": nil, "virtualMFADeviceName": nil, "passwordResetRequired": nil, "targetPrincipal": nil,
		"taskPolicyArn": {"arn": nil}, "roleArn": nil, "roleSessionName": nil,
	},
	"addendum": {"reason": nil, "updatedFields": nil, "originalRequestID": nil, "originalEventID": nil},
}

// evidence is what is kept of an alert and the records it is made of. It holds
// nothing that is different when the same record is judged again: no clock, no
// origin, no account alias.
type evidence struct {
	Schema    string           `json:"schema"`
	ID        string           `json:"id"`
	Kind      Kind             `json:"kind"`
	Account   string           `json:"account"`
	Time      string           `json:"time"`
	Region    string           `json:"region"`
	Principal any              `json:"principal"`
	Target    string           `json:"target,omitempty"`
	Outcome   string           `json:"outcome"`
	Reason    string           `json:"reason"`
	Severity  string           `json:"severity"`
	Detail    string           `json:"detail"`
	MFA       any              `json:"mfa"`
	Events    []string         `json:"events"`
	Records   []map[string]any `json:"records"`
}

// EvidenceOf is the evidence of an alert, in canonical JSON: the judgement, and
// of each record the fields of an allow-list. The same event from EventBridge
// and from a log file gives the same bytes. What cannot be read as a record is
// left out, and its judgement says so.
func EvidenceOf(a Alert, records ...[]byte) []byte {
	e := evidence{
		Schema: EvidenceSchema, ID: a.ID, Kind: a.Kind, Account: a.Account, Time: a.Time.UTC().Format("2006-01-02T15:04:05Z"), Region: a.Region,
		Principal: a.Principal, Target: a.Target, Outcome: a.Outcome.String(), Reason: a.Reason, Severity: a.Severity.String(), Detail: a.Detail, MFA: a.MFA,
		Events: a.Events, Records: []map[string]any{},
	}
	for _, r := range records {
		if m, err := record(r); err == nil {
			e.Records = append(e.Records, kept.of(m))
		}
	}
	slices.SortFunc(e.Records, func(a, b map[string]any) int {
		return strings.Compare(fmt.Sprint(a["eventTime"], a["eventID"]), fmt.Sprint(b["eventTime"], b["eventID"]))
	})
	b, err := canonical(e)
	if err != nil { // numbers as written, texts and lists: there is nothing that JSON cannot hold
		return []byte(`{"schema":"` + EvidenceSchema + `"}`)
	}
	return b
}

// record reads a record's JSON object; a JSON text that holds one is read too,
// as signin.Parse does.
func record(b []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case string:
		var m map[string]any
		return m, json.Unmarshal([]byte(v), &m)
	}
	return nil, fmt.Errorf("evidence: not a record")
}

// of is what the allow-list leaves of an object. Exports write an inner object
// as JSON text; it is read as one.
func (k keep) of(m map[string]any) map[string]any {
	out := map[string]any{}
	for field, below := range k {
		switch v := m[field].(type) {
		case nil:
		case map[string]any:
			if below != nil {
				out[field] = below.of(v)
			}
		case string:
			if inner, err := record([]byte(v)); below != nil && err == nil {
				out[field] = below.of(inner)
			} else if below == nil {
				out[field] = bound(v, maxEvidence/4)
			}
		case bool, json.Number:
			out[field] = v
		}
	}
	return out
}

// EvidenceKey is the name of the object that holds an alert's evidence:
// evidence/ACCOUNT/YYYY/MM/DD/EVENTID.REASON.json.
func (a Alert) EvidenceKey() string {
	day := "undated"
	if !a.Time.IsZero() {
		day = a.Time.UTC().Format("2006/01/02")
	}
	account, rest, _ := strings.Cut(a.ID, "#")
	event, _, _ := strings.Cut(rest, "#")
	return "evidence/" + part(account) + "/" + day + "/" + part(event) + "." + part(a.Reason) + ".json"
}

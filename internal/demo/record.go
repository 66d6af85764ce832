package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// happening is one line of the story: when, where, who, from which address, and
// what he or she did.
type happening struct {
	at      string // day of November 2026 and time, UTC
	account string
	region  string
	who     actor
	from    string
	what    deed
	again   string // the Region in whose files a second copy lies, if any
}

// actor is a userIdentity as CloudTrail writes it. In it and in every other
// text of the story $account and $region stand for the happening's own.
type actor string

// deed is the rest of a record. Fields that are not set are left out or null,
// as in CloudTrail.
type deed struct {
	version, source, name, kind string
	agent                       string
	readOnly                    bool
	errorCode, errorMessage     string
	request, response           any
	additional, details         any
}

// object is a JSON object of parameters.
type object map[string]any

// record has the keys in the order in which CloudTrail writes them.
type record struct {
	EventVersion        string          `json:"eventVersion"`
	UserIdentity        json.RawMessage `json:"userIdentity"`
	EventTime           string          `json:"eventTime"`
	EventSource         string          `json:"eventSource"`
	EventName           string          `json:"eventName"`
	AwsRegion           string          `json:"awsRegion"`
	SourceIPAddress     string          `json:"sourceIPAddress"`
	UserAgent           string          `json:"userAgent"`
	ErrorCode           string          `json:"errorCode,omitempty"`
	ErrorMessage        string          `json:"errorMessage,omitempty"`
	RequestParameters   any             `json:"requestParameters"`
	ResponseElements    any             `json:"responseElements"`
	AdditionalEventData any             `json:"additionalEventData,omitempty"`
	RequestID           string          `json:"requestID,omitempty"`
	EventID             string          `json:"eventID"`
	ReadOnly            bool            `json:"readOnly"`
	EventType           string          `json:"eventType"`
	ManagementEvent     bool            `json:"managementEvent"`
	RecipientAccountID  string          `json:"recipientAccountId"`
	ServiceEventDetails any             `json:"serviceEventDetails,omitempty"`
	EventCategory       string          `json:"eventCategory"`
}

// record renders a happening as one CloudTrail record.
func (h happening) record() ([]byte, time.Time, error) {
	at, err := time.Parse("2006-01-02 15:04:05", "2026-11-"+h.at)
	if err != nil {
		return nil, at, fmt.Errorf("time of a line of the story: %w", err)
	}
	d := h.what
	r := record{
		EventVersion: d.version, UserIdentity: json.RawMessage(h.who), EventTime: at.Format(time.RFC3339),
		EventSource: d.source, EventName: d.name, AwsRegion: h.region, SourceIPAddress: h.from, UserAgent: d.agent,
		ErrorCode: d.errorCode, ErrorMessage: d.errorMessage, RequestParameters: d.request, ResponseElements: d.response,
		AdditionalEventData: d.additional, EventID: uuid(h.at + h.account + d.name), ReadOnly: d.readOnly, EventType: d.kind,
		ManagementEvent: true, RecipientAccountID: h.account, ServiceEventDetails: d.details, EventCategory: "Management",
	}
	if d.kind == apiCall {
		r.RequestID = uuid("request" + r.EventID)
	}
	text, err := marshal(r)
	return []byte(strings.NewReplacer("$account", h.account, "$region", h.region).Replace(text)), at, err
}

// marshal leaves & < > as they are: CloudTrail does not escape them.
func marshal(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// id makes an immutable identifier that shows whose it is.
func id(prefix, name string) string {
	name = strings.ToUpper(strings.ReplaceAll(name, "-", ""))
	return (prefix + "EXAMPLE" + name + "00000000000000")[:21]
}

// user is an IAM user at the console.
func user(name string) actor {
	return actor(fmt.Sprintf(`{"type":"IAMUser","principalId":%q,"arn":"arn:aws:iam::$account:user/%s","accountId":"$account","userName":%q}`,
		id("AIDA", name), name, name))
}

// byKey is an IAM user with an access key.
func byKey(name string) actor {
	return actor(fmt.Sprintf(`{"type":"IAMUser","principalId":%q,"arn":"arn:aws:iam::$account:user/%s","accountId":"$account","accessKeyId":%q,"userName":%q}`,
		id("AIDA", name), name, id("AKIA", name)[:20], name))
}

// inConsole is an IAM user working in the console, after a sign-in with or
// without MFA.
func inConsole(name, mfa string) actor {
	return actor(fmt.Sprintf(`{"type":"IAMUser","principalId":%q,"arn":"arn:aws:iam::$account:user/%s","accountId":"$account","accessKeyId":%q,"userName":%q,`+
		`"sessionContext":{"attributes":{"creationDate":"2026-11-16T07:00:00Z","mfaAuthenticated":%q}}}`,
		id("AIDA", name), name, id("ASIA", name)[:20], name, mfa))
}

// failing is an IAM user who did not get in: no ARN and an empty access key id
// (CloudTrail user guide, console sign-in events).
func failing(name string) actor {
	return actor(fmt.Sprintf(`{"type":"IAMUser","principalId":%q,"accountId":"$account","accessKeyId":"","userName":%q}`, id("AIDA", name), name))
}

// hidden is a sign-in with a user name that does not exist: it could have been
// a password, so AWS does not record it.
func hidden() actor {
	return `{"type":"IAMUser","accountId":"$account","accessKeyId":"","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}`
}

func root() actor {
	return `{"type":"Root","principalId":"$account","arn":"arn:aws:iam::$account:root","accountId":"$account","accessKeyId":""}`
}

// role is a role session; path is the role's, without leading slash.
func role(path, name, session, mfa string) actor {
	return actor(fmt.Sprintf(`{"type":"AssumedRole","principalId":"%[1]s:%[2]s","arn":"arn:aws:sts::$account:assumed-role/%[3]s/%[2]s","accountId":"$account",`+
		`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":%[1]q,"arn":"arn:aws:iam::$account:role/%[4]s%[3]s","accountId":"$account","userName":%[3]q},`+
		`"attributes":{"creationDate":"2026-11-16T07:00:00Z","mfaAuthenticated":%[5]q}}}`, id("AROA", name), session, name, path, mfa))
}

// identityCenter is a role that IAM Identity Center made, held by a person.
func identityCenter(permissionSet, person string) actor {
	return role("aws-reserved/sso.amazonaws.com/eu-north-1/", "AWSReservedSSO_"+permissionSet+"_0123456789abcdef", person, "false")
}

// corporate is a session that a SAML provider vouches for. Some such records
// have no sessionContext.
func corporate(name, person string) actor {
	return actor(fmt.Sprintf(`{"type":"AssumedRole","principalId":"%[1]s:%[2]s","arn":"arn:aws:sts::$account:assumed-role/%[3]s/%[2]s","accountId":"$account"}`,
		id("AROA", name), person, name))
}

func federated(name, by string) actor {
	return actor(fmt.Sprintf(`{"type":"FederatedUser","principalId":"$account:%[1]s","arn":"arn:aws:sts::$account:federated-user/%[1]s","accountId":"$account",`+
		`"sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":%[2]q,"arn":"arn:aws:iam::$account:user/%[3]s","accountId":"$account","userName":%[3]q},`+
		`"attributes":{"creationDate":"2026-11-19T07:20:00Z","mfaAuthenticated":"false"}}}`, name, id("AIDA", by), by))
}

// portalUser is a person at the Identity Center portal; the user name is in
// additionalEventData, not here.
func portalUser(name string) actor {
	return actor(fmt.Sprintf(`{"type":"IdentityCenterUser","accountId":"$account","onBehalfOf":{"userId":%q,`+
		`"identityStoreArn":"arn:aws:identitystore::$account:identitystore/d-0123456789"},"credentialId":%q}`, uuid("person"+name), uuid("credential"+name)))
}

func service(host string) actor {
	return actor(fmt.Sprintf(`{"type":"AWSService","invokedBy":%q}`, host))
}

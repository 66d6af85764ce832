package signin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

const (
	adaARN  = "arn:aws:iam::111122223333:user/ada"
	phone   = "arn:aws:iam::111122223333:mfa/pixel-9"
	session = "arn:aws:signin:eu-north-1:111122223333:session/8c1f0a52-6f0e-4a3b-9a0c-2f5d7e9b1c33"
	sts     = "sts.amazonaws.com"
	iam     = "iam.amazonaws.com"
	trail   = "cloudtrail.amazonaws.com"
)

func person(kind audit.PrincipalKind, name, id, arn string) audit.Principal {
	return audit.Principal{Kind: kind, Name: name, ID: id, ARN: arn}
}

var (
	ada    = person(audit.IAMUser, "ada", "AIDACKCEVSQ6C2EXAMPLE", adaARN)
	deploy = person(audit.Role, "deployer/ada", "AROADBQP57FF2AEXAMPLE:ada", "arn:aws:sts::111122223333:assumed-role/deployer/ada")
	portal = "d0ac193c-1081-70d5-4f3b-6c2e0a9b7d15"
)

// byKey is an event of ada's access key.
func byKey(name, source string, e signin.Event) signin.Event {
	e.Name, e.Source, e.Version, e.Principal, e.IdentityType = name, source, "1.08", ada, "IAMUser"
	e.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	return e
}

const workflow = "9de74b32-8362-4a01-a524-de21df59fd83"

// parsed is what is kept of a case's record, whole: a field that is not named
// here must be empty. ID, Time, Account, Region, SourceIP and UserAgent are in
// the case's verdict and are not repeated.
var parsed = map[string]signin.Event{
	"iam-mfa-virtual": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: ada, IdentityType: "IAMUser",
		Result: signin.Success, MFAUsed: signin.Yes, MFADevice: phone,
	},
	"iam-mfaused-odd": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: ada, IdentityType: "IAMUser",
		Result: signin.Success, MFAUsedText: "Maybe",
	},
	"iam-outcome-odd": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: ada, IdentityType: "IAMUser",
		ResultText: "Pending", MFAUsed: signin.Yes, MFADevice: phone,
	},
	"iam-success-despite-error-code": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: ada, IdentityType: "IAMUser",
		Result: signin.Success, ErrorCode: "ConcurrentAccess", MFAUsed: signin.No,
	},
	"iam-failed-with-arn": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: ada, IdentityType: "IAMUser",
		Result: signin.Failure, ErrorMessage: "Failed authentication", MFAUsed: signin.No,
	},
	"iam-addendum": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: ada, IdentityType: "IAMUser",
		Result: signin.Success, MFAUsed: signin.Yes, MFADevice: phone, AddendumTo: "7a5d2f60-0c5e-4f52-8a36-3c3a4f8d6e21",
	},
	"version-1-11": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.11", Principal: ada, IdentityType: "IAMUser",
		Result: signin.Success, MFAUsed: signin.Yes, MFADevice: phone,
	},
	"root-assume-root-text": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", IdentityType: "Root", AssumedRoot: true,
		Principal:   person(audit.Root, "root", "111122223333", "arn:aws:iam::111122223333:root"),
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Result: signin.Success, MFAUsed: signin.No, SessionMFA: signin.No,
	},
	"saml": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", IdentityType: "AssumedRole",
		Principal: person(audit.Federated, "sso-admin/ada@example.com", "AROADBQP57FF2AEXAMPLE:ada@example.com", "arn:aws:sts::111122223333:assumed-role/sso-admin/ada@example.com"),
		Provider:  "arn:aws:iam::111122223333:saml-provider/okta", Result: signin.Success, MFAUsed: signin.No, SessionMFA: signin.No,
	},
	"role-mfa-text": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: deploy, IdentityType: "AssumedRole",
		Result: signin.Success, MFAUsed: signin.No, SessionMFA: signin.Yes,
	},
	"identity-plain-text": {
		Name: "ConsoleLogin", Source: signin.Source, Version: "1.08", Principal: audit.Principal{Kind: audit.UnknownPrincipal, ARN: "arn:aws:iam::111122223333:user/ada"},
		IdentityType: "a userIdentity that is not an object", Result: signin.Success, MFAUsed: signin.Yes,
	},
	"portal-enrolled-text": {
		Name: "UserAuthentication", Source: signin.Source, Version: "1.08", Principal: person(audit.IdentityCenter, "", portal, ""),
		IdentityType: "IdentityCenterUser", Result: signin.Success, Credentials: []string{"PASSWORD"}, DeviceAdded: true, Workflow: workflow,
	},
	"portal-mixed-spelling": {
		Name: "UserAuthentication", Source: signin.Source, Version: "1.08", Principal: person(audit.IdentityCenter, "", portal, ""),
		IdentityType: "IdentityCenterUser", Result: signin.Success, Credentials: []string{"PASSWORD", "TOTP"}, Workflow: workflow,
	},
	"other-check-mfa": {
		Name: "CheckMfa", Source: signin.Source, Version: "1.08", Principal: ada, IdentityType: "IAMUser", Result: signin.Success,
	},
	"other-get-signin-token": {
		Name: "GetSigninToken", Source: signin.Source, Version: "1.08", IdentityType: "AssumedRole", Provider: "IAM Identity Center",
		Principal: person(audit.IdentityCenter, "AWSReservedSSO_AdministratorAccess_0123456789abcdef/ada", "AROADBQP57FF2AEXAMPLE:ada",
			"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/ada"),
		Result: signin.Success, MFAUsed: signin.No, SessionMFA: signin.No,
	},
	"other-exit-role": {
		Name: "ExitRole", Source: signin.Source, Version: "1.08", Principal: deploy, IdentityType: "AssumedRole",
		Result: signin.Failure, SessionMFA: signin.No,
	},
	"other-create-oauth2-token": {
		Name: "CreateOAuth2Token", Source: signin.Source, Version: "1.11", Principal: deploy, IdentityType: "AssumedRole",
		Result: signin.Success, SessionMFA: signin.No, GrantType: "refresh_token", SessionARN: session,
		Request: map[string]string{"client_id": "arn:aws:signin:::external-client/dcr/3b8e7c1a"},
	},
	"other-authorize-oauth2-access": {
		Name: "AuthorizeOAuth2Access", Source: signin.Source, Version: "1.11", Principal: deploy, IdentityType: "AssumedRole",
		Result: signin.Failure, SessionMFA: signin.No, SessionARN: session,
		Request: map[string]string{"client_id": "arn:aws:signin:::devtools/same-device"},
	},
	"other-credential-verification": {
		Name: "CredentialVerification", Source: signin.Source, Version: "1.08", Principal: person(audit.IdentityCenter, "ada", "", ""),
		IdentityType: "Unknown", Result: signin.Failure, Credentials: []string{"TOTP"}, Workflow: workflow, TargetUser: "ada",
	},
	"other-get-session-token": byKey("GetSessionToken", sts, signin.Event{SerialNumber: phone, IssuedKeyID: "ASIAIOSFODNN7EXAMPLE"}),
	"other-assume-role": byKey("AssumeRole", sts, signin.Event{SerialNumber: phone, IssuedKeyID: "ASIAIOSFODNN7EXAMPLE",
		Request: map[string]string{"roleArn": "arn:aws:iam::444455556666:role/deployer", "roleSessionName": "ada"}}),
	"other-assume-role-denied": byKey("AssumeRole", sts, signin.Event{ErrorCode: "AccessDenied", ErrorMessage: "not authorized to perform: sts:AssumeRole"}),
	"other-get-federation-token": byKey("GetFederationToken", sts, signin.Event{IssuedKeyID: "ASIAIOSFODNN7EXAMPLE",
		IssuedARN: "arn:aws:sts::111122223333:federated-user/alice", Request: map[string]string{"name": "alice"}}),
	"other-assume-root": {
		Name: "AssumeRoot", Source: sts, Version: "1.08", IdentityType: "AssumedRole",
		Principal:  person(audit.Role, "audit/ada", "AROADBQP57FF2AEXAMPLE:ada", "arn:aws:sts::111122223333:assumed-role/audit/ada"),
		SessionMFA: signin.No, IssuedKeyID: "ASIAIOSFODNN7EXAMPLE",
		Request: map[string]string{"targetPrincipal": "444455556666", "taskPolicyArn": `{"arn":"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}`},
	},
	"other-create-virtual-mfa": byKey("CreateVirtualMFADevice", iam, signin.Event{Request: map[string]string{"virtualMFADeviceName": "pixel-9"}}),
	"other-deactivate-mfa":     byKey("DeactivateMFADevice", iam, signin.Event{TargetUser: "grace", SerialNumber: "arn:aws:iam::111122223333:mfa/grace"}),
	"other-create-login-profile": byKey("CreateLoginProfile", iam, signin.Event{TargetUser: "grace",
		Request: map[string]string{"passwordResetRequired": "false"}}),
	"other-create-role": byKey("CreateRole", iam, signin.Event{Request: map[string]string{
		"assumeRolePolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`}}),
	"other-stop-logging": byKey("StopLogging", trail, signin.Event{Request: map[string]string{
		"name": "arn:aws:cloudtrail:eu-north-1:111122223333:trail/main"}}),
	"other-update-trail": byKey("UpdateTrail", trail, signin.Event{Request: map[string]string{"trailName": "main", "s3BucketName": "elsewhere",
		"isMultiRegionTrail": "false", "includeGlobalServiceEvents": "false", "enableLogFileValidation": "false"}}),
	"other-put-event-selectors": byKey("PutEventSelectors", trail, signin.Event{Request: map[string]string{"trailName": "main",
		"eventSelectors":         `[{"readWriteType":"WriteOnly","includeManagementEvents":true}]`,
		"advancedEventSelectors": `[{"name":"s3","fieldSelectors":[{"field":"eventCategory","equals":["Data"]}]}]`}}),
	"other-by-a-service": {
		Name: "AssumeRole", Source: sts, Version: "1.08", Principal: person(audit.Service, "lambda.amazonaws.com", "", ""),
		IdentityType: "AWSService", InvokedBy: "lambda.amazonaws.com",
		Request: map[string]string{"roleArn": "arn:aws:iam::111122223333:role/fn", "roleSessionName": "fn"},
	},
	"other-by-federated-user": {
		Name: "ListBuckets", Source: "s3.amazonaws.com", Version: "1.08", IdentityType: "FederatedUser", Provider: "sts:GetFederationToken",
		Principal:   person(audit.Federated, "alice", "111122223333:alice", "arn:aws:sts::111122223333:federated-user/alice"),
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SessionMFA: signin.Yes,
	},
}

func TestParseKeepsTheseFactsAndNoOthers(t *testing.T) {
	for name, want := range parsed {
		got, err := signin.Parse(caseNamed(t, name))
		if err != nil {
			t.Errorf("Parse(%s): %v", name, err)
			continue
		}
		want.ID, want.Time, want.Account, want.Region = got.ID, got.Time, got.Account, got.Region
		want.SourceIP, want.UserAgent = got.SourceIP, got.UserAgent
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%s) (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseReadsTheSessionWhereverItIs(t *testing.T) {
	for _, record := range []string{
		`{"eventName":"CreateOAuth2Token","additionalEventData":{"signInSessionArn":"S","grant_type":"G"}}`,
		`{"eventName":"CreateOAuth2Token","requestParameters":{"signInSessionArn":"S","grantType":"G"}}`,
		`{"eventName":"CreateOAuth2Token","userIdentity":{"sessionContext":{"signInSessionArn":"S"}},"additionalEventData":{"grantType":"G"}}`,
		`{"eventName":"CreateOAuth2Token","userIdentity":{"sessionContext":{"signInSessionArn":"older"}},
		  "additionalEventData":{"signInSessionArn":"S","grant_type":"other"},"requestParameters":{"signInSessionArn":"other","grant_type":"G"}}`,
	} {
		e, err := signin.Parse([]byte(record))
		if err != nil || e.SessionARN != "S" || e.GrantType != "G" {
			t.Errorf("Parse(%s) has session %q, grant %q (error %v), want S and G", record, e.SessionARN, e.GrantType, err)
		}
	}
}

func TestParseTimes(t *testing.T) {
	morning := time.Date(2022, 3, 16, 19, 17, 41, 0, time.UTC)
	for _, c := range []struct {
		text string
		want time.Time
	}{
		{"2022-03-16T19:17:41Z", morning},
		{"2022-03-16T20:17:41+01:00", morning},
		{"2022-03-16T19:17:41.123456789Z", morning.Add(123456789)},
		{"2022-03-16 19:17:41", morning},
		{"2022-03-16 19:17:41.000000000", morning},
		{"2022-03-16 19:17:41.123456789", morning.Add(123456789)},
		{"20220316T191741Z", morning},
		{"", time.Time{}},
		{"yesterday", time.Time{}},
		{"2022-13-16T19:17:41Z", time.Time{}},
		{"2022-03-16", time.Time{}},
		{"1647458261", time.Time{}},
		{"0000-01-01T00:00:00Z", time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"9999-12-31T23:59:59Z", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"0000-01-01T00:00:00+01:00", time.Time{}}, // the year -1 in UTC, which JSON cannot write
		{"9999-12-31T23:59:59-01:00", time.Time{}}, // the year 10000
	} {
		e, err := signin.Parse(fmt.Appendf(nil, `{"eventName":"ConsoleLogin","eventTime":%q}`, c.text))
		if err != nil || !e.Time.Equal(c.want) || e.Time.Location() != time.UTC {
			t.Errorf("eventTime %q is read as %v (error %v), want %v", c.text, e.Time, err, c.want)
		}
	}
}

func TestParseRefusesWhatIsNoRecord(t *testing.T) {
	for _, c := range []struct{ record, want string }{
		{"", "unexpected end of JSON input"},
		{"   ", "unexpected end of JSON input"},
		{`""`, "unexpected end of JSON input"},
		{`"no record"`, "invalid character"},
		{"CloudTrail", "invalid character"},
		{`{"eventName":"ConsoleLogin"} {}`, "invalid character"},
		{"null", "it is not a JSON object"},
		{"[]", "it is not a JSON object"},
		{"17", "it is not a JSON object"},
		{"true", "it is not a JSON object"},
		{`"[]"`, "it is not a JSON object"},
		{"{}", "eventName is missing"},
		{`{"eventName":null}`, "eventName is missing"},
		{`{"eventName":{"ConsoleLogin":1}}`, "eventName is missing"},
	} {
		_, err := signin.Parse([]byte(c.record))
		if !errors.Is(err, signin.ErrNotARecord) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%s) = %v, want ErrNotARecord with %q", c.record, err, c.want)
		}
	}
}

func TestParseKeepsWhatItCouldReadOfANamelessRecord(t *testing.T) {
	e, err := signin.Parse([]byte(`{"eventID":"e-1","recipientAccountId":"111122223333","awsRegion":"eu-north-1"}`))
	if err == nil || e.ID != "e-1" || e.Account != "111122223333" || e.Region != "eu-north-1" {
		t.Errorf("Parse of a record without eventName = %+v, %v, want its id, account and Region beside the error", e, err)
	}
}

func TestParseReadsStructTexts(t *testing.T) {
	for _, c := range []struct {
		text   string
		used   signin.Tri
		device string
	}{
		{"{MFAUsed=No, MFAIdentifier=a}", signin.No, "a"},
		{" {MFAUsed=No,MFAIdentifier=a} ", signin.No, "a"},
		{"{MFAIdentifier=a,b, MFAUsed=No}", signin.No, "a,b"},
		{"{MFAIdentifier=a,/b=c, MFAUsed=No}", signin.No, "a,/b=c"},
		{"{MFAIdentifier=null, MFAUsed=No}", signin.No, ""},
		{"{MFAIdentifier=, MFAUsed=No}", signin.No, ""},
		{"{MFAIdentifier=a=b, MFAUsed=No}", signin.No, "a=b"},
		{"{[x]=1, MFAUsed=No}", signin.No, ""},
		{"{MFAIdentifier=[a, b], MFAUsed=No}", signin.No, "[a, b]"},
		{"{a, MFAUsed=No}", signin.Unrecorded, ""},
		{"{=a, MFAUsed=No}", signin.Unrecorded, ""},
		{"(MFAUsed=Yes}", signin.Unrecorded, ""},
		{"{MFAUsed=Yes} of it", signin.Unrecorded, ""},
		{"{MFAUsed=Yes, mfaUSED=Yes}", signin.Unrecorded, ""},
		{"{MFAUsed=Yes, MFAIdentifier=a]}", signin.Unrecorded, ""},
		{"{}", signin.Unrecorded, ""},
		{"{", signin.Unrecorded, ""},
		{"}", signin.Unrecorded, ""},
	} {
		e, err := signin.Parse(fmt.Appendf(nil, `{"eventName":"ConsoleLogin","additionalEventData":%q}`, c.text))
		if err != nil || e.MFAUsed != c.used || e.MFADevice != c.device || e.MFAUsedText != "" {
			t.Errorf("%s is read as MFAUsed %d %q, device %q (error %v), want %d and %q", c.text, e.MFAUsed, e.MFAUsedText, e.MFADevice, err, c.used, c.device)
		}
	}
}

// A struct's text is read in one pass, however many commas and keys it holds:
// this test would run for minutes otherwise.
func TestParseReadsLongStructTexts(t *testing.T) {
	commas := strings.Repeat(",", 200_000)
	var keys strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&keys, ", k%d=v", i)
	}
	for _, text := range []string{"LoginTo=" + commas + ", MFAUsed=No", "LoginTo=x" + keys.String() + ", MFAUsed=No"} {
		e, err := signin.Parse([]byte(`{"eventName":"ConsoleLogin","additionalEventData":"{` + text + `}"}`))
		if err != nil || e.MFAUsed != signin.No {
			t.Errorf("MFAUsed at the end of %d bytes is read as %d (error %v), want a no", len(text), e.MFAUsed, err)
		}
	}
}

func TestParseBoundsRequestParameters(t *testing.T) {
	long := strings.Repeat("x", 8<<10)
	for _, c := range []struct{ about, params, want string }{
		{"a text of 8 KiB", `{"name":"` + long + `"}`, long},
		{"a longer text", `{"name":"` + long + `y"}`, long},
		{"a character on the border", `{"name":"` + long[1:] + `é"}`, long[1:]},
		{"a list of 8 KiB", `{"name":["` + long[4:] + `"]}`, `["` + long[4:] + `"]`},
		{"a longer list", `{"name":["` + long[3:] + `"]}`, ""},
		{"an object with spaces", "{\"name\": { \"a\" :\n1 }}", `{"a":1}`},
		{"bytes that are no text, in a list", "{\"name\":[\"a\xffb\"]}", "[\"a\uFFFDb\"]"},
		{"bytes that are no text", "{\"name\":\"a\xffb\"}", "a\uFFFDb"},
		{"a number", `{"name":17}`, "17"},
		{"null", `{"name":null}`, ""},
		{"an empty text", `{"name":""}`, ""},
		{"a parameter nobody reads", `{"password":"x"}`, ""},
		{"parameters as a text", `"{\"name\":\"main\"}"`, "main"},
		{"parameters that are no object", `["name"]`, ""},
	} {
		e, err := signin.Parse([]byte(`{"eventName":"StopLogging","requestParameters":` + c.params + `}`))
		if got := e.Request["name"]; err != nil || got != c.want || !utf8.ValidString(got) {
			t.Errorf("%s is kept as %.40q… of %d bytes (error %v), want %.40q… of %d", c.about, got, len(got), err, c.want, len(c.want))
		}
		if c.want == "" && e.Request != nil {
			t.Errorf("%s: Request = %v, want none", c.about, e.Request)
		}
	}
}

// hushed are the keys of a record whose values must not outlive Parse.
var hushed = map[string]bool{
	"LoginTo": true, "RedirectTo": true, "sessionToken": true, "password": true, "tokenCode": true,
	"refresh_token": true, "access_token": true,
}

// secrets collects the values of hushed keys, at any depth.
func secrets(v any, key string) []string {
	var found []string
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			found = append(found, secrets(x, k)...)
		}
	case []any:
		for _, x := range v {
			found = append(found, secrets(x, key)...)
		}
	case string:
		if hushed[key] {
			return []string{v}
		}
	}
	return found
}

func TestNothingSecretIsKept(t *testing.T) {
	met := map[string]int{}
	for _, c := range cases(t) {
		var record any
		if json.Unmarshal(c.event, &record) != nil {
			continue // no record: nothing is kept of it
		}
		e, _ := signin.Parse(c.event)
		kept := fmt.Sprintf("%+v %+v", e, signin.Classify(e, c.rules))
		for _, s := range append(secrets(record, ""), "https://console.aws.amazon.com", "not-to-be-kept") {
			met[s]++
			if strings.Contains(kept, s) {
				t.Errorf("%s: %q of the record is kept: %s", c.Name, s, kept)
			}
		}
	}
	if len(met) < 10 {
		t.Errorf("the cases hold %d secrets, want at least 10 for this test to mean something", len(met))
	}
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		event signin.Event
		want  string
	}{
		{signin.Event{Account: "111122223333", ID: "a"}, "111122223333#a"},
		{signin.Event{Account: "111122223333", ID: "b", AddendumTo: "a"}, "111122223333#a"},
		{signin.Event{Account: "111122223333", AddendumTo: "a"}, "111122223333#a"},
		{signin.Event{ID: "a"}, "#a"},
		{signin.Event{Account: "111122223333"}, ""},
		{signin.Event{}, ""},
	} {
		if got := c.event.Key(); got != c.want {
			t.Errorf("Key of %+v = %q, want %q", c.event, got, c.want)
		}
	}
}

func TestSucceeded(t *testing.T) {
	for _, c := range []struct {
		event signin.Event
		want  bool
	}{
		{signin.Event{}, true},
		{signin.Event{Result: signin.Success}, true},
		{signin.Event{Result: signin.Failure}, false},
		{signin.Event{ErrorCode: "AccessDenied"}, false},
		{signin.Event{Result: signin.Success, ErrorCode: "AccessDenied"}, false},
	} {
		if got := c.event.Succeeded(); got != c.want {
			t.Errorf("Succeeded of %+v = %v, want %v", c.event, got, c.want)
		}
	}
}

package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
)

func TestDeviceKind(t *testing.T) {
	certified := map[string]string{"FIDO": "L1"}
	for _, c := range []struct {
		serial         string
		certifications map[string]string
		want           audit.FactorKind
	}{
		{"", nil, audit.UnknownFactor},
		{"GAKT12345678", nil, audit.HardwareTOTPFactor},
		{"GAKT12345678", certified, audit.HardwareTOTPFactor},
		{"arn:aws:iam::111122223333:mfa/ada", nil, audit.VirtualFactor},
		{"arn:aws:iam::111122223333:mfa/ada", certified, audit.VirtualFactor},
		{"arn:aws-cn:iam::111122223333:mfa/u2f/ada", nil, audit.VirtualFactor},
		{"arn:aws:iam::111122223333:mfa/a:b/ada", nil, audit.VirtualFactor},
		{"arn:aws:iam::111122223333:u2f/user/ada/key-ABCDEFGHIJKLMNOPQRSTUVWXYZ", nil, audit.FIDOFactor},
		{"arn:aws:iam::111122223333:u2f/root/default", map[string]string{}, audit.FIDOFactor},
		{"arn:aws:iam::111122223333:u2f/root/default", map[string]string{"FIDO": ""}, audit.FIDOFactor},
		{"arn:aws-us-gov:iam::111122223333:u2f/user/ada/key", certified, audit.FIDOCertifiedFactor},
		{"arn:aws:iam::111122223333:u2f/user/ada/key", map[string]string{"FIDO": "", "FIDO-FIPS-140-3": "L2"}, audit.FIDOCertifiedFactor},
		{"arn:aws:iam::111122223333:sms-mfa/ada", nil, audit.SMSFactor},
		{"arn:aws:iam::111122223333:user/mfa/ada", nil, audit.UnknownFactor},
		{"arn:aws", nil, audit.UnknownFactor},
	} {
		if got := audit.DeviceKind(c.serial, c.certifications); got != c.want {
			t.Errorf("DeviceKind(%q, %v) = %s, want %s", c.serial, c.certifications, got, c.want)
		}
	}
	device := audit.MFADevice{Serial: "arn:aws:iam::111122223333:u2f/user/ada/key"}
	if got := device.Kind(); got != audit.FIDOFactor {
		t.Errorf("a key whose certifications were not read is %s, want fido", got)
	}
	device.Certifications = &audit.Read[map[string]string]{Value: certified}
	if got := device.Kind(); got != audit.FIDOCertifiedFactor {
		t.Errorf("a key with a certification is %s, want fido_certified", got)
	}
}

func TestVirtualDeviceOwner(t *testing.T) {
	for _, c := range []struct {
		device          audit.VirtualDevice
		id, arn         string
		assigned, owned bool
	}{
		{audit.VirtualDevice{}, "", "", false, false},
		{audit.VirtualDevice{}, "AIDA1", "arn:1", false, false},
		{audit.VirtualDevice{OwnerID: "AIDA1"}, "AIDA1", "", true, true},
		{audit.VirtualDevice{OwnerID: "AIDA1", OwnerARN: "arn:1"}, "AIDA2", "arn:1", true, false},
		{audit.VirtualDevice{OwnerID: "AIDA1", OwnerARN: "arn:1"}, "", "arn:1", true, true},
		{audit.VirtualDevice{OwnerARN: "arn:1"}, "AIDA1", "arn:1", true, true},
		{audit.VirtualDevice{OwnerARN: "arn:1"}, "AIDA1", "arn:2", true, false},
		{audit.VirtualDevice{OwnerID: "AIDA1"}, "", "", true, false},
	} {
		if assigned, owned := c.device.Assigned(), c.device.OwnedBy(c.id, c.arn); assigned != c.assigned || owned != c.owned {
			t.Errorf("%+v for %q, %q: assigned %v, owned %v, want %v, %v", c.device, c.id, c.arn, assigned, owned, c.assigned, c.owned)
		}
	}
}

func read[T any](call string, value T) *audit.Read[T] {
	return &audit.Read[T]{Call: call, At: time.Date(2026, 11, 20, 7, 10, 0, 123, time.UTC), Value: value}
}

// whole has every fact that a snapshot can hold.
func whole() audit.Snapshot {
	at := time.Date(2026, 11, 20, 7, 12, 0, 0, time.UTC)
	devices := []audit.MFADevice{{Serial: "GAKT12345678", Enabled: at}, {Serial: "arn:aws:iam::111122223333:u2f/user/ada/k", Certifications: read("iam:GetMFADevice", map[string]string{"FIDO": "L1", "FIDO-FIPS-140-2": "L2"})}}
	inline := []audit.InlinePolicy{{Name: "mine", Document: `{"Statement": [ {"Effect":"Allow","Action":"*","Resource":"*<>&"} ]}`}}
	keys := []audit.AccessKey{{ID: "AKIA1", Active: true, Created: at, LastUsed: read("iam:GetAccessKeyLastUsed", audit.KeyUse{At: at, Service: "s3", Region: "eu-north-1"})}, {ID: "AKIA2"}}
	return audit.Snapshot{
		Schema: audit.SnapshotSchema, Account: "111122223333", Alias: "example", Partition: "aws", TakenAt: at,
		Gaps:         []audit.Gap{{Fact: audit.FactTags, Subject: "AIDA2", Action: "iam:ListUserTags", Reason: "AccessDenied"}},
		Report:       read("iam:GetCredentialReport", audit.CredentialReport{Generated: at, Columns: []string{"user", "arn"}, Rows: [][]string{{"ada", "arn:a"}}}),
		Summary:      read("iam:GetAccountSummary", map[string]int{"Users": 1, "AccountMFAEnabled": 1}),
		Organization: read("iam:ListOrganizationsFeatures", audit.OrganizationFeatures{OrganizationID: "o-exampleorgid", Enabled: []string{"RootSessions"}}),
		Root:         audit.RootCredentials{LoginProfile: read("iam:GetLoginProfile", audit.LoginProfile{Exists: true, Created: at, ResetRequired: true}), MFADevices: read("iam:ListMFADevices", devices), AccessKeys: read("iam:ListAccessKeys", keys)},
		Users: read("iam:GetAccountAuthorizationDetails", []audit.User{{
			ID: "AIDA1", Name: "ada", ARN: "arn:a", Path: "/eng/", Created: at, Tags: read("iam:GetAccountAuthorizationDetails", map[string]string{"b": "2", "a": "1"}),
			Access:       read("iam:GetAccountAuthorizationDetails", audit.Access{Groups: []string{"g"}, Attached: []string{"arn:p"}, Inline: inline, Boundary: "arn:b"}),
			LoginProfile: read("iam:GetLoginProfile", audit.LoginProfile{}), MFADevices: read("iam:ListMFADevices", []audit.MFADevice{}), AccessKeys: read("iam:ListAccessKeys", keys),
		}, {ID: "AIDA2"}}),
		Groups:         read("iam:GetAccountAuthorizationDetails", []audit.Group{{ID: "AGPA1", Name: "g", ARN: "arn:g", Attached: []string{"arn:p"}, Inline: inline}}),
		Policies:       read("iam:GetAccountAuthorizationDetails", []audit.ManagedPolicy{{ARN: "arn:p", Document: "{}"}}),
		Roles:          read("iam:GetAccountAuthorizationDetails", []audit.RoleTrust{{ID: "AROA1", Name: "r", ARN: "arn:r", Trust: "{}", MaxSession: 3600, Attached: []string{"arn:p"}, Inline: inline, Boundary: "arn:b"}}),
		VirtualDevices: read("iam:ListVirtualMFADevices", []audit.VirtualDevice{{Serial: "arn:v", OwnerID: "AIDA1", OwnerARN: "arn:a", Enabled: at}, {Serial: "arn:w"}}),
		SCPs:           read("organizations:ListPoliciesForTarget", []audit.SCP{{ID: "p-1", Name: "n", Target: "ou-1", Document: "{}"}}),
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	empty := audit.Snapshot{Schema: audit.SnapshotSchema, Account: "111122223333", Partition: "aws", TakenAt: time.Date(2026, 11, 20, 7, 12, 0, 0, time.UTC)}
	for name, s := range map[string]audit.Snapshot{"every fact": whole(), "no fact": empty} {
		first, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := audit.DecodeSnapshot(first)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Errorf("%s: through JSON (-want +got):\n%s", name, diff)
		}
		if second, err := back.Encode(); err != nil || string(second) != string(first) {
			t.Errorf("%s: encoded again (error %v):\n%s", name, err, cmp.Diff(string(first), string(second)))
		}
	}
}

// The form of the file is an interface.
func TestSnapshotAsJSON(t *testing.T) {
	s := audit.Snapshot{
		Schema: audit.SnapshotSchema, Account: "111122223333", Partition: "aws-cn", TakenAt: time.Date(2026, 11, 20, 7, 12, 0, 0, time.UTC),
		Gaps:  []audit.Gap{{Fact: audit.FactGroups, Action: "iam:GetAccountAuthorizationDetails", Reason: "<denied>"}},
		Users: read("iam:ListUsers", []audit.User{}),
	}
	got, err := s.Encode()
	want := `{
 "schema": "mfawatch/snapshot/v1",
 "account": "111122223333",
 "partition": "aws-cn",
 "taken_at": "2026-11-20T07:12:00Z",
 "gaps": [
  {
   "fact": "groups",
   "action": "iam:GetAccountAuthorizationDetails",
   "reason": "<denied>"
  }
 ],
 "users": {
  "call": "iam:ListUsers",
  "at": "2026-11-20T07:10:00.000000123Z",
  "value": []
 }
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("snapshot (error %v) (-want +got):\n%s", err, diff)
	}
	if got := s.RootARN(); got != "arn:aws-cn:iam::111122223333:root" {
		t.Errorf("RootARN() = %q", got)
	}
}

func TestDecodeSnapshotErrors(t *testing.T) {
	const head = `{"schema":"mfawatch/snapshot/v1","account":"111122223333","partition":"aws","taken_at":"2026-11-20T07:12:00Z"`
	if _, err := audit.DecodeSnapshot([]byte(head + "}\n ")); err != nil {
		t.Fatal(err)
	}
	const report = `,"credential_report":{"call":"c","at":"2026-11-20T07:12:00Z","value":`
	for text, want := range map[string]string{
		"":                   "EOF",
		head:                 "unexpected EOF",
		head + "}{}":         "something follows the JSON object",
		head + `,"user":{}}`: `json: unknown field "user"`,
		`{}`:                 `schema is "", this program reads "mfawatch/snapshot/v1"`,
		strings.Replace(head, "v1", "v2", 1) + "}":                               `schema is "mfawatch/snapshot/v2", this program reads "mfawatch/snapshot/v1"`,
		strings.Replace(head, "111122223333", "", 1) + "}":                       "account is missing",
		strings.Replace(head, `"aws"`, `""`, 1) + "}":                            "partition is missing",
		strings.Replace(head, `,"taken_at":"2026-11-20T07:12:00Z"`, "", 1) + "}": "taken_at is missing",
		head + report + `{"columns":["user"],"rows":[]}}}`:                       `credential_report: column 1: no column "arn" in the header`,
		head + report + `{"columns":["user","arn"],"rows":[["a","b"],["c"]]}}}`:  "credential_report: row 1 has 1 cells, there are 2 columns",
	} {
		s, err := audit.DecodeSnapshot([]byte(text))
		if err == nil || err.Error() != "snapshot: "+want || s.Account != "" {
			t.Errorf("%s: account %q, error %v, want %s", text, s.Account, err, want)
		}
	}
}

func TestGaps(t *testing.T) {
	index := audit.IndexGaps([]audit.Gap{
		{Fact: audit.FactTags, Subject: "AIDA1", Action: "iam:ListUserTags", Reason: "AccessDenied"},
		{Fact: audit.FactUsers, Subject: "AIDA9", Action: "x", Reason: "another fact"},
		{Fact: audit.FactTags, Action: "iam:ListUserTags", Reason: "throttled"},
		{Fact: audit.FactTags, Subject: "AIDA2", Action: "iam:ListUserTags", Reason: "gone"},
		{Fact: audit.FactTags, Subject: "AIDA2", Action: "iam:ListUserTags", Reason: "a second one"},
	})
	for _, c := range []struct {
		fact    audit.Fact
		subject string
		want    string
	}{
		{audit.FactTags, "AIDA1", `tags of "AIDA1" not known (iam:ListUserTags: AccessDenied)`},
		{audit.FactTags, "AIDA2", `tags of "AIDA2" not known (iam:ListUserTags: gone)`},
		{audit.FactTags, "AIDA9", `tags of "AIDA9" not known (iam:ListUserTags: throttled)`},
		{audit.FactTags, "", "tags not known (iam:ListUserTags: throttled)"},
		{audit.FactUsers, "AIDA5", `users of "AIDA5" not known (iam:GetAccountAuthorizationDetails: not asked)`},
		{audit.FactUsers, "", "users not known (iam:GetAccountAuthorizationDetails: not asked)"},
	} {
		if got := index.Gap(c.fact, c.subject).String(); got != c.want {
			t.Errorf("gap of %s, %q: %s, want %s", c.fact, c.subject, got, c.want)
		}
	}
	for _, c := range []struct {
		fact    audit.Fact
		subject string
		want    bool
	}{{audit.FactTags, "AIDA1", true}, {audit.FactTags, "", true}, {audit.FactTags, "AIDA3", false}, {audit.FactUsers, "", false}} {
		if got := index.Has(c.fact, c.subject); got != c.want {
			t.Errorf("a gap of %s recorded for just %q: %v, want %v", c.fact, c.subject, got, c.want)
		}
	}
}

// The facts and their actions are an interface.
func TestFacts(t *testing.T) {
	const details = "iam:GetAccountAuthorizationDetails"
	want := [][2]string{
		{"credential-report", "iam:GetCredentialReport"}, {"account-summary", "iam:GetAccountSummary"}, {"organization-features", "iam:ListOrganizationsFeatures"},
		{"users", details}, {"tags", details}, {"access", details}, {"groups", details}, {"policies", details}, {"roles", details},
		{"login-profile", "iam:GetLoginProfile"}, {"mfa-devices", "iam:ListMFADevices"}, {"mfa-certifications", "iam:GetMFADevice"},
		{"access-keys", "iam:ListAccessKeys"}, {"access-key-last-used", "iam:GetAccessKeyLastUsed"}, {"virtual-devices", "iam:ListVirtualMFADevices"},
		{"root-mfa-devices", "sts:AssumeRoot"}, {"root-login-profile", "sts:AssumeRoot"}, {"root-access-keys", "sts:AssumeRoot"},
		{"service-control-policies", "organizations:ListPoliciesForTarget"},
	}
	var got [][2]string
	for _, f := range audit.Facts() {
		got = append(got, [2]string{string(f), f.Action()})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts and actions (-want +got):\n%s", diff)
	}
}

// A year of five digits has no form in JSON.
func TestSnapshotThatCannotBeEncoded(t *testing.T) {
	s := audit.Snapshot{Account: "111122223333", TakenAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	b, err := s.Encode()
	if err == nil || !strings.HasPrefix(err.Error(), "encode snapshot of account 111122223333: json: ") || strings.HasSuffix(err.Error(), "x") || b != nil {
		t.Errorf("%s, error %v", b, err)
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-90 * time.Minute: "0m", 0: "0m", 59 * time.Second: "0m", time.Minute: "1m", 59*time.Minute + 59*time.Second: "59m",
		time.Hour: "1h0m", 72 * time.Minute: "1h12m", 24*time.Hour - 1: "23h59m", 24 * time.Hour: "1d0h0m", 49*time.Hour + 3*time.Minute: "2d1h3m",
	} {
		if got := audit.Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestExemption(t *testing.T) {
	end := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	e := audit.Exemption{ID: "AIDA1", Expires: end}
	if e.Expired(end.Add(-1)) || !e.Expired(end) || !(audit.Exemption{}).Expired(end) {
		t.Error("an exemption ends on its expiry, and one without has ended")
	}
	some := audit.Exemption{ID: "AIDA1", Checks: []string{"a", "b"}}
	if !e.Covers("AIDA1", "c") || e.Covers("AIDA2", "c") || !some.Covers("AIDA1", "b") || some.Covers("AIDA1", "c") || some.Covers("AIDA2", "a") || (audit.Exemption{}).Covers("", "a") {
		t.Error("an exemption covers what it should not, or the other way round")
	}
}

func TestSubjectKinds(t *testing.T) {
	got := []audit.SubjectKind{audit.AccountSubject, audit.RootSubject, audit.UserSubject, audit.DeviceSubject, audit.ExemptionSubject, audit.RoleSubject}
	want := []audit.SubjectKind{"account", "root", "iam_user", "mfa_device", "exemption", "iam_role"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subject kinds (-want +got):\n%s", diff)
	}
}

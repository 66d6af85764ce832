package collect_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfawatch/audit"
	"mfawatch/audit/collect"
)

const iamARN = "arn:aws:iam::111122223333:"

var exportedAt = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)

func dateOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func seenAs[T any](call string, value T) *audit.Read[T] {
	return &audit.Read[T]{Call: call, At: exportedAt, Value: value}
}

const (
	detailsAction = "iam:GetAccountAuthorizationDetails"
	adaKey        = iamARN + "u2f/user/ada/blue-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func allowing(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + action + `"],"Resource":"*"}]}`
}

func accessOf(a audit.Access) *audit.Read[audit.Access] {
	for _, list := range []*[]string{&a.Groups, &a.Attached} {
		if *list == nil {
			*list = []string{}
		}
	}
	if a.Inline == nil {
		a.Inline = []audit.InlinePolicy{}
	}
	return seenAs(detailsAction, a)
}

// whole is the account that testdata/export/whole has the CLI's answers of.
func wholeAccount() audit.Snapshot {
	none := seenAs(detailsAction, map[string]string{})
	ada := audit.User{
		ID: "AIDAEXAMPLEADA0000001", Name: "ada", ARN: iamARN + "user/ada", Path: "/", Created: dateOf("2025-02-03T04:05:06Z"), Tags: none,
		Access:       accessOf(audit.Access{Groups: []string{"admins"}, Attached: []string{iamARN + "policy/scoped", "arn:aws:iam::aws:policy/ReadOnlyAccess"}, Boundary: iamARN + "policy/scoped"}),
		LoginProfile: seenAs("iam:GetLoginProfile", audit.LoginProfile{Exists: true, Created: dateOf("2025-02-03T04:10:00Z")}),
		MFADevices: seenAs("iam:ListMFADevices", []audit.MFADevice{
			{Serial: iamARN + "mfa/ada-phone", Enabled: dateOf("2025-02-03T05:00:00Z")},
			{Serial: adaKey, Enabled: dateOf("2025-02-03T06:00:00Z"), Certifications: seenAs("iam:GetMFADevice", map[string]string{"FIDO": "L1", "FIDO-FIPS-140-2": "L2"})},
		}),
	}
	bob := audit.User{
		ID: "AIDAEXAMPLEBOB0000001", Name: "bob", ARN: iamARN + "user/bob", Path: "/", Created: dateOf("2025-03-01T00:00:00Z"), Tags: none,
		Access: accessOf(audit.Access{}), MFADevices: seenAs("iam:ListMFADevices", []audit.MFADevice{}),
	}
	build := audit.User{
		ID: "AIDAEXAMPLEBUILD00001", Name: "build", ARN: iamARN + "user/robots/build", Path: "/robots/", Created: dateOf("2025-04-04T09:59:00Z"),
		Tags:         seenAs(detailsAction, map[string]string{"team": "build", "human": "no"}),
		Access:       accessOf(audit.Access{Inline: []audit.InlinePolicy{{Name: "a-get", Document: allowing("s3:GetObject")}, {Name: "z-put", Document: allowing("s3:PutObject")}}}),
		LoginProfile: seenAs("iam:GetLoginProfile", audit.LoginProfile{}),
		AccessKeys: seenAs("iam:ListAccessKeys", []audit.AccessKey{
			{ID: "AKIAEXAMPLE000000001", Active: true, Created: dateOf("2025-04-04T10:00:00Z"), LastUsed: seenAs("iam:GetAccessKeyLastUsed", audit.KeyUse{At: dateOf("2026-11-21T03:00:00Z"), Service: "s3", Region: "eu-north-1"})},
			{ID: "AKIAEXAMPLE000000002", Created: dateOf("2025-04-05T10:00:00Z"), LastUsed: seenAs("iam:GetAccessKeyLastUsed", audit.KeyUse{})},
		}),
	}
	carol := audit.User{
		ID: "AIDAEXAMPLECAROL00001", Name: "carol@example.com", ARN: iamARN + "user/eng/carol@example.com", Path: "/eng/", Created: dateOf("2025-05-05T05:05:05Z"), Tags: none,
		Access: accessOf(audit.Access{}), MFADevices: seenAs("iam:ListMFADevices", []audit.MFADevice{{Serial: "GAKT12345678", Enabled: dateOf("2025-05-06T00:00:00Z")}}),
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + iamARN + `root"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`
	return audit.Snapshot{
		Schema: audit.SnapshotSchema, Account: "111122223333", Partition: "aws", TakenAt: exportedAt,
		Summary: seenAs("iam:GetAccountSummary", map[string]int{
			"Users": 4, "Groups": 1, "Roles": 1, "Policies": 1, "MFADevices": 5, "MFADevicesInUse": 4,
			"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0, "AccountPasswordPresent": 1,
		}),
		Organization: seenAs("iam:ListOrganizationsFeatures", audit.OrganizationFeatures{OrganizationID: "o-exampleorgid", Enabled: []string{"RootCredentialsManagement", "RootSessions"}}),
		Root: audit.RootCredentials{
			MFADevices: seenAs("iam:ListMFADevices", []audit.MFADevice{
				{Serial: iamARN + "mfa/root-account-mfa-device", Enabled: dateOf("2024-01-01T09:00:00Z")},
				{Serial: iamARN + "u2f/root/safe-ABCDEFGHIJKLMNOPQRSTUVWXYZ", Enabled: dateOf("2024-01-02T09:00:00Z")},
			}),
			AccessKeys: seenAs("iam:ListAccessKeys", []audit.AccessKey{}),
		},
		Users:    seenAs(detailsAction, []audit.User{ada, bob, carol, build}), // by ARN: eng/ and robots/ are part of it
		Groups:   seenAs(detailsAction, []audit.Group{{ID: "AGPAEXAMPLEADMINS0001", Name: "admins", ARN: iamARN + "group/admins", Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}, Inline: []audit.InlinePolicy{}}}),
		Policies: seenAs(detailsAction, []audit.ManagedPolicy{{ARN: iamARN + "policy/scoped", Document: allowing("ec2:*")}}),
		Roles:    seenAs(detailsAction, []audit.RoleTrust{{ID: "AROAEXAMPLEAUDITOR0001", Name: "auditor", ARN: iamARN + "role/auditor", Trust: trust, Attached: []string{"arn:aws:iam::aws:policy/SecurityAudit"}}}),
		VirtualDevices: seenAs("iam:ListVirtualMFADevices", []audit.VirtualDevice{
			{Serial: iamARN + "mfa/ada-phone", OwnerID: "AIDAEXAMPLEADA0000001", OwnerARN: iamARN + "user/ada", Enabled: dateOf("2025-02-03T05:00:00Z")},
			{Serial: iamARN + "mfa/root-account-mfa-device", OwnerID: "111122223333", OwnerARN: iamARN + "root", Enabled: dateOf("2024-01-01T09:00:00Z")},
			{Serial: iamARN + "mfa/spare"},
		}),
	}
}

func TestFolderOfOneAccount(t *testing.T) {
	got, err := collect.Folder("testdata/export/whole", collect.FolderOptions{TakenAt: exportedAt})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wholeAccount(), got, cmpopts.IgnoreFields(audit.Snapshot{}, "Report", "Gaps")); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	report := got.Report
	if report == nil || report.Call != "iam:GetCredentialReport" || !report.Value.Generated.Equal(dateOf("2026-11-22T06:30:00Z")) || len(report.Value.Rows) != 5 || report.Value.Row(4).User() != "carol@example.com" {
		t.Errorf("credential report = %+v", report)
	}
	want := []audit.Gap{ // root's own password was not asked, and SCPs are the organisation's
		{Fact: audit.FactRootLoginProfile, Action: "sts:AssumeRoot", Reason: "no file for it: aws iam get-login-profile, in a session of root, into root-login-profile.json"},
		{Fact: audit.FactSCPs, Action: "organizations:ListPoliciesForTarget", Reason: noSCPs},
	}
	if diff := cmp.Diff(want, got.Gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	again, err := collect.Folder("testdata/export/whole", collect.FolderOptions{TakenAt: exportedAt})
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("read twice (error %v):\n%s", err, diff)
	}
}

// folder writes files, each a minute younger than the one before it in the
// alphabet, the first at exported.
func exportFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, at := t.TempDir(), exportedAt
	names := []string{}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, at, at); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Minute)
	}
	return dir
}

const (
	adaUser        = `{"Path":"/","UserName":"ada","UserId":"AIDAA","Arn":"arn:aws:iam::111122223333:user/ada","CreateDate":"2025-02-03T04:05:06Z"}`
	bobUser        = `{"Path":"/","UserName":"bob","UserId":"AIDAB","Arn":"arn:aws:iam::111122223333:user/bob","CreateDate":"2025-02-03T04:05:06Z"}`
	rootUser       = `{"Path":"/","UserName":"root","UserId":"AIDAR","Arn":"arn:aws:iam::111122223333:user/root","CreateDate":"2025-02-03T04:05:06Z"}`
	identityAnswer = `{"UserId":"x","Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/x"}`
	smallCSV       = "user,arn,mfa_active\n<root_account>,arn:aws:iam::111122223333:root,true\nada,arn:aws:iam::111122223333:user/ada,true"
	adaPhone       = `{"MFADevices":[{"UserName":"ada","SerialNumber":"arn:aws:iam::111122223333:mfa/a","EnableDate":"2025-02-03T04:05:06Z"}]}`
	deniedText     = "\nAn error occurred (AccessDenied) when calling the %s operation: User: arn:aws:sts::999999999999:assumed-role/secret-name/s is not authorized to perform: iam:%[1]s on resource: %s because no identity-based policy allows it\n"
	noProfile      = "\naws: [ERROR]: An error occurred (NoSuchEntity) when calling the GetLoginProfile operation: Login Profile for User ada cannot be found.\n"
)

func usersAnswer(all ...string) string { return `{"Users":[` + strings.Join(all, ",") + `]}` }

func reportJSON(generated, csv string) string {
	return `{"Content":"` + base64.StdEncoding.EncodeToString([]byte(csv)) + `","ReportFormat":"text/csv","GeneratedTime":` + generated + `}`
}

func utf16LE(text string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func utf16BE(text string) string {
	b := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return string(b)
}

func readFiles(t *testing.T, files map[string]string) audit.Snapshot {
	t.Helper()
	s, err := collect.Folder(exportFolder(t, files), collect.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The report comes in many clothes; only the CLI's JSON says when it was made.
func TestFolderReadsEveryFormOfTheReport(t *testing.T) {
	made := dateOf("2026-11-22T06:30:00Z")
	for name, c := range map[string]struct {
		text string
		made time.Time
	}{
		"csv":               {smallCSV, time.Time{}},
		"mark":              {"\ufeff" + smallCSV, time.Time{}},
		"carriage return":   {strings.ReplaceAll(smallCSV, "\n", "\r\n") + "\r\n", time.Time{}},
		"powershell":        {utf16LE(smallCSV), time.Time{}},
		"big end first":     {utf16BE(smallCSV), time.Time{}},
		"base64":            {base64.StdEncoding.EncodeToString([]byte(smallCSV)) + "\n", time.Time{}},
		"json, offset":      {reportJSON(`"2026-11-22T06:30:00+00:00"`, smallCSV), made},
		"json, other zone":  {reportJSON(`"2026-11-22T08:30:00+02:00"`, smallCSV), made},
		"json, Z":           {reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV), made},
		"json, number":      {reportJSON(`1795329000`, smallCSV), made},
		"json, fraction":    {reportJSON(`1795329000.25`, smallCSV), made.Add(250 * time.Millisecond)},
		"json, text":        {reportJSON(`"1795329000"`, smallCSV), made},
		"json, no time":     {reportJSON(`null`, smallCSV), time.Time{}},
		"json, powershell":  {utf16LE(reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV)), made},
		"json, a warning":   {"Warning: this Python is old\n  warnings.warn(x)\n" + reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV), made},
		"json, CSV in it":   {`{"Content":"user,arn\nx,arn:aws:iam::111122223333:user/x","ReportFormat":"text/csv"}`, time.Time{}},
		"json, mark before": {"\ufeff" + reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV), made},
	} {
		s := readFiles(t, map[string]string{"any.txt": c.text})
		if s.Report == nil || !s.Report.Value.Generated.Equal(c.made) || len(s.Report.Value.Rows) == 0 || !s.Report.At.Equal(exportedAt) || s.Account != "111122223333" || s.Partition != "aws" {
			t.Errorf("%s: account %s, report %+v, want one made %v", name, s.Account, s.Report, c.made)
		}
	}
}

// The CSV and the JSON it came from are one report.
func TestFolderTakesTheReportThatKnowsItsTime(t *testing.T) {
	for _, files := range []map[string]string{
		{"a.csv": smallCSV, "b.json": reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV)},
		{"a.json": reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV), "b.csv": smallCSV},
	} {
		if s := readFiles(t, files); !s.Report.Value.Generated.Equal(dateOf("2026-11-22T06:30:00Z")) {
			t.Errorf("%d files: made %v", len(files), s.Report.Value.Generated)
		}
	}
}

// Each fact has the time of its file, a list of several files the oldest, the
// snapshot the youngest.
func TestFolderTimes(t *testing.T) {
	files := map[string]string{"1.json": usersAnswer(adaUser), "2.json": usersAnswer(bobUser), "3.json": `{"SummaryMap":{"Users":2}}`, "4.json": adaPhone}
	s := readFiles(t, files)
	if !s.Users.At.Equal(exportedAt) || !s.Summary.At.Equal(exportedAt.Add(2*time.Minute)) || !s.Users.Value[0].MFADevices.At.Equal(exportedAt.Add(3*time.Minute)) || !s.TakenAt.Equal(exportedAt.Add(3*time.Minute)) {
		t.Errorf("users %v, summary %v, devices %v, taken %v", s.Users.At, s.Summary.At, s.Users.Value[0].MFADevices.At, s.TakenAt)
	}
	given := dateOf("2026-11-20T01:02:03+02:00")
	s, err := collect.Folder(exportFolder(t, files), collect.FolderOptions{TakenAt: given})
	if err != nil || !s.Users.At.Equal(given) || !s.TakenAt.Equal(given) || s.TakenAt.Location() != time.UTC {
		t.Errorf("with a time given: users %v, taken %v, error %v", s.Users.At, s.TakenAt, err)
	}
}

// Policy documents are objects in the CLI's JSON and URL-encoded texts in other
// programs' dumps. A plus sign is one.
func TestFolderPolicyDocuments(t *testing.T) {
	const want = `{"Statement":[{"Action":"s3:*","Resource":"a+b é"}]}`
	for name, document := range map[string]string{
		"object":  `{ "Statement": [ {"Action": "s3:*",` + "\n" + `"Resource": "a+b é"} ] }`,
		"encoded": `"%7B%22Statement%22%3A%5B%7B%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22a+b%20%C3%A9%22%7D%5D%7D"`,
		"text":    `"{\"Statement\": [{\"Action\": \"s3:*\", \"Resource\": \"a+b é\"}]}"`,
	} {
		s := readFiles(t, map[string]string{"d.json": `{"UserDetailList":[` + adaUser + `],"Policies":[{"Arn":"arn:aws:iam::111122223333:policy/p","DefaultVersionId":"v1","PolicyVersionList":[{"VersionId":"v1","IsDefaultVersion":true,"Document":` + document + `}]}]}`})
		if got := s.Policies.Value[0].Document; got != want {
			t.Errorf("%s: document %s, want %s", name, got, want)
		}
	}
	s := readFiles(t, map[string]string{"d.json": `{"UserDetailList":[` + adaUser + `],"Policies":[{"Arn":"arn:aws:iam::111122223333:policy/p","PolicyVersionList":[{"VersionId":"v1","IsDefaultVersion":true,"Document":"100%"}]}]}`})
	if got := s.Policies.Value[0].Document; got != "100%" {
		t.Errorf("a document that is none is kept as %q", got)
	}
}

func TestFolderJoinsPages(t *testing.T) {
	page := func(user string) string {
		return `{"UserDetailList":[` + user + `],"GroupDetailList":[],"RoleDetailList":[],"Policies":[]}`
	}
	s := readFiles(t, map[string]string{"2.json": page(adaUser), "1.json": page(bobUser), "3.json": page(adaUser), "v1.json": `{"VirtualMFADevices":[{"SerialNumber":"arn:aws:iam::111122223333:mfa/b"}]}`, "v2.json": `{"VirtualMFADevices":[{"SerialNumber":"arn:aws:iam::111122223333:mfa/a"}]}`})
	if len(s.Users.Value) != 2 || s.Users.Value[0].Name != "ada" || len(s.VirtualDevices.Value) != 2 || s.VirtualDevices.Value[0].Serial != iamARN+"mfa/a" {
		t.Errorf("users %+v, virtual devices %+v", s.Users.Value, s.VirtualDevices.Value)
	}
	s = readFiles(t, map[string]string{"all.json": adaPhone + "\n" + `{"MFADevices":[{"UserName":"bob","SerialNumber":"GAKT1"}]}` + "\n" + usersAnswer(adaUser, bobUser)})
	if s.Users.Value[0].MFADevices == nil || s.Users.Value[1].MFADevices == nil || s.Users.Value[1].MFADevices.Value[0].Serial != "GAKT1" {
		t.Errorf("answers one after the other in a file: %+v", s.Users.Value)
	}
}

func gapOf(f audit.Fact, subject, reason string) audit.Gap { return f.Gap(subject, reason) }

// What is missing, cut off or refused is said, with the file's name.
func TestFolderGaps(t *testing.T) {
	const page = "the export is one page of several (%s): export again without --max-items and --no-paginate"
	for name, c := range map[string]struct {
		files map[string]string
		fact  func(audit.Snapshot) bool // that it is there
		want  audit.Gap
		there bool
	}{
		"no file": {map[string]string{"i.json": identityAnswer}, func(s audit.Snapshot) bool { return s.Report != nil },
			gapOf(audit.FactCredentialReport, "", "no file for it: aws iam get-credential-report"), false},
		"the credential report only": {map[string]string{"r.csv": smallCSV}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactMFADevices, "", "no file for it: aws iam list-mfa-devices --user-name NAME"), false},
		"root's devices": {map[string]string{"r.csv": smallCSV}, func(s audit.Snapshot) bool { return s.Root.MFADevices != nil },
			gapOf(audit.FactRootMFADevices, "", "no file for it: aws iam list-mfa-devices, in a session of root, into root-mfa-devices.json"), false},
		"users cut off": {map[string]string{"u.json": `{"Users":[` + adaUser + `],"IsTruncated":true,"Marker":"m"}`}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactUsers, "", fmt.Sprintf(page, "u.json")), false},
		"details cut off": {map[string]string{"d.json": `{"UserDetailList":[` + adaUser + `],"NextToken":"t"}`, "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users != nil && s.Users.Call == "iam:ListUsers" },
			gapOf(audit.FactGroups, "", fmt.Sprintf(page, "d.json")), true},
		"first of two pages cut off": {map[string]string{"d1.json": `{"UserDetailList":[` + adaUser + `],"IsTruncated":true}`, "d2.json": `{"UserDetailList":[` + bobUser + `],"IsTruncated":false}`}, func(s audit.Snapshot) bool { return s.Roles != nil || s.Users != nil },
			gapOf(audit.FactAccess, "", fmt.Sprintf(page, "d1.json")), false},
		"virtual devices cut off": {map[string]string{"i.json": identityAnswer, "v.json": `{"VirtualMFADevices":[],"Marker":"m"}`}, func(s audit.Snapshot) bool { return s.VirtualDevices != nil },
			gapOf(audit.FactVirtualDevices, "", fmt.Sprintf(page, "v.json")), false},
		"a user's devices cut off": {map[string]string{"m.json": strings.Replace(adaPhone, "]}", `],"IsTruncated":true}`, 1), "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users.Value[0].MFADevices != nil },
			gapOf(audit.FactMFADevices, "AIDAA", fmt.Sprintf(page, "m.json")), false},
		"empty file": {map[string]string{"i.json": identityAnswer, "account-summary.json": ""}, func(s audit.Snapshot) bool { return s.Summary != nil },
			gapOf(audit.FactAccountSummary, "", "account-summary.json holds no answer, as a command that failed leaves it"), false},
		"empty file of a user": {map[string]string{"mfa-devices/ada.json": " \r\n", "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users.Value[0].MFADevices != nil },
			gapOf(audit.FactMFADevices, "AIDAA", "mfa-devices/ada.json holds no answer, as a command that failed leaves it"), false},
		"empty file of root": {map[string]string{"root-mfa-devices.json": "", "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Root.MFADevices != nil },
			gapOf(audit.FactRootMFADevices, "", "root-mfa-devices.json holds no answer, as a command that failed leaves it"), false},
		"the CLI's own error": {map[string]string{"virtual-mfa-devices.json": "Unable to locate credentials. You can configure credentials by running \"aws configure\".", "i.json": identityAnswer}, func(s audit.Snapshot) bool { return s.VirtualDevices != nil },
			gapOf(audit.FactVirtualDevices, "", "virtual-mfa-devices.json holds no answer, as a command that failed leaves it"), false},
		"denied, whatever the name": {map[string]string{"x.txt": fmt.Sprintf(deniedText, "GetAccountSummary", "*"), "i.json": identityAnswer}, func(s audit.Snapshot) bool { return s.Summary != nil },
			gapOf(audit.FactAccountSummary, "", "x.txt holds the error AccessDenied"), false},
		"denied details": {map[string]string{"x.txt": fmt.Sprintf(deniedText, "GetAccountAuthorizationDetails", "*"), "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactAccess, "", "x.txt holds the error AccessDenied"), true},
		"denied for a user": {map[string]string{"x.txt": fmt.Sprintf(deniedText, "ListMFADevices", "user ada"), "u.json": usersAnswer(adaUser, bobUser)}, func(s audit.Snapshot) bool { return s.Users.Value[0].MFADevices != nil },
			gapOf(audit.FactMFADevices, "AIDAA", "x.txt holds the error AccessDenied"), false},
		"denied for a user by ARN": {map[string]string{"x.txt": fmt.Sprintf(deniedText, "ListMFADevices", "arn:aws:iam::111122223333:user/eng/x/ada"), "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users.Value[0].MFADevices != nil },
			gapOf(audit.FactMFADevices, "AIDAA", "x.txt holds the error AccessDenied"), false},
		"denied, user in the file's name": {map[string]string{"mfa-devices-bob.json": fmt.Sprintf(deniedText, "ListMFADevices", "*"), "u.json": usersAnswer(adaUser, bobUser)}, func(s audit.Snapshot) bool { return s.Users.Value[1].MFADevices != nil },
			gapOf(audit.FactMFADevices, "AIDAB", "mfa-devices-bob.json holds the error AccessDenied"), false},
		"throttled": {map[string]string{"x.txt": "An error occurred (Throttling) when calling the ListVirtualMFADevices operation (reached max retries: 4): Rate exceeded", "i.json": identityAnswer}, func(s audit.Snapshot) bool { return s.VirtualDevices != nil },
			gapOf(audit.FactVirtualDevices, "", "x.txt holds the error Throttling"), false},
		"certifications denied": {map[string]string{"mfa-device/arn-aws-iam--111122223333-u2f-user-ada-k.json": fmt.Sprintf(deniedText, "GetMFADevice", "user ada"), "m.json": `{"MFADevices":[{"UserName":"ada","SerialNumber":"arn:aws:iam::111122223333:u2f/user/ada/k"}]}`, "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users.Value[0].MFADevices.Value[0].Certifications != nil },
			gapOf(audit.FactCertifications, iamARN+"u2f/user/ada/k", "mfa-device/arn-aws-iam--111122223333-u2f-user-ada-k.json holds the error AccessDenied"), false},
		"no certifications": {map[string]string{"m.json": `{"MFADevices":[{"UserName":"ada","SerialNumber":"arn:aws:iam::111122223333:u2f/user/ada/k"}]}`, "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users.Value[0].MFADevices.Value[0].Certifications != nil },
			gapOf(audit.FactCertifications, "", "no file for it: aws iam get-mfa-device --serial-number SERIAL --user-name NAME"), false},
		"nobody counted": {map[string]string{"u.json": usersAnswer(), "i.json": identityAnswer}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactUsers, "", "the export lists no user, and nothing confirms that there is none: export without --filter and --path-prefix, and the account summary"), false},
		"nobody counted, odd summary": {map[string]string{"u.json": usersAnswer(), "s.json": `{"SummaryMap":{"Groups":0}}`, "i.json": identityAnswer}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactUsers, "", "the export lists no user, and nothing confirms that there is none: export without --filter and --path-prefix, and the account summary"), false},
		"details of roles only": {map[string]string{"d.json": `{"UserDetailList":[],"RoleDetailList":[{"RoleName":"r","RoleId":"AROA","Arn":"arn:aws:iam::111122223333:role/r"}]}`, "s.json": `{"SummaryMap":{"Users":3}}`}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactUsers, "", "the export lists no user, and nothing confirms that there is none: export without --filter and --path-prefix, and the account summary"), false},
		"fewer than counted": {map[string]string{"u.json": usersAnswer(adaUser), "s.json": `{"SummaryMap":{"Users":3}}`}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactUsers, "", "1 users are listed, 3 counted elsewhere: export without --filter and --path-prefix if it was made so"), true},
		"a user in one list only": {map[string]string{"d.json": `{"UserDetailList":[` + adaUser + `]}`, "u.json": usersAnswer(adaUser, bobUser)}, func(s audit.Snapshot) bool { return len(s.Users.Value) == 1 },
			gapOf(audit.FactUsers, "AIDAB", "u.json has this user, d.json has not: export both again"), true},
		"devices of nobody": {map[string]string{"m.json": adaPhone, "u.json": usersAnswer(bobUser)}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactMFADevices, "ada", "m.json is about a user whom the list of users has not"), true},
		"no list of users": {map[string]string{"m.json": adaPhone}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactMFADevices, "", "answers about single users are there, but no complete list of users: aws iam get-account-authorization-details"), false},
		"use of a key of nobody": {map[string]string{"access-key-last-used/AKIA1.json": `{"UserName":"ada","AccessKeyLastUsed":{"ServiceName":"N/A","Region":"N/A"}}`, "u.json": usersAnswer(adaUser)}, func(s audit.Snapshot) bool { return s.Users != nil },
			gapOf(audit.FactKeyLastUsed, "AKIA1", "access-key-last-used/AKIA1.json is about a key that no list of access keys has"), true},
		"unassigned devices only": {map[string]string{"v.json": `{"VirtualMFADevices":[{"SerialNumber":"arn:aws:iam::111122223333:mfa/a"}]}`, "r.csv": smallCSV}, func(s audit.Snapshot) bool { return s.VirtualDevices != nil },
			gapOf(audit.FactVirtualDevices, "", "no device of the export is assigned, but root has one of some kind: export with --assignment-status Any, or root's own list as root-mfa-devices.json"), false},
	} {
		s := readFiles(t, c.files)
		if !slices.Contains(s.Gaps, c.want) || c.fact(s) != c.there {
			t.Errorf("%s: the fact is there: %v, want %v; gaps %+v, want among them %+v", name, c.fact(s), c.there, s.Gaps, c.want)
		}
		if text := fmt.Sprint(s.Gaps); strings.Contains(text, "999999999999") || strings.Contains(text, "secret-name") {
			t.Errorf("%s: the caller is in the gaps: %s", name, text)
		}
	}
}

// An answer makes up for an error in another file, and what the report denies
// needs no file.
func TestFolderWithoutGaps(t *testing.T) {
	s := readFiles(t, map[string]string{
		"account-summary.json": "", "summary-again.json": `{"SummaryMap":{"Users":1}}`,
		"mfa-devices/ada.json": "", "m.json": adaPhone, "u.json": usersAnswer(adaUser),
		"r.csv": "user,arn,mfa_active,password_enabled,access_key_1_active,access_key_2_active\nada,arn:aws:iam::111122223333:user/ada,true,false,false,false",
	})
	for _, g := range s.Gaps {
		if slices.Contains([]audit.Fact{audit.FactAccountSummary, audit.FactMFADevices, audit.FactLoginProfile, audit.FactAccessKeys}, g.Fact) {
			t.Errorf("gap %s", g)
		}
	}
	for name, files := range map[string]map[string]string{
		"root has no device": {"r.csv": strings.Replace(smallCSV, "root,true", "root,false", 1)},
		"root's list":        {"r.csv": smallCSV, "root-mfa-devices.json": `{"MFADevices":[{"SerialNumber":"GAKT1"}]}`},
	} {
		files["u.json"], files["v.json"], files["s.json"] = usersAnswer(adaUser), `{"VirtualMFADevices":[]}`, `{"SummaryMap":{"Users":0}}`
		if s := readFiles(t, files); s.VirtualDevices == nil || len(s.VirtualDevices.Value) != 0 {
			t.Errorf("%s: an empty list of virtual devices is %+v", name, s.VirtualDevices)
		}
	}
	s = readFiles(t, map[string]string{"d.json": `{"UserDetailList":[]}`, "s.json": `{"SummaryMap":{"Users":0}}`, "i.json": identityAnswer})
	if s.Users == nil || len(s.Users.Value) != 0 {
		t.Errorf("an account without users has %+v", s.Users)
	}
}

// No console password and no organisation are facts that AWS tells by an error.
func TestFolderErrorsThatAreFacts(t *testing.T) {
	s := readFiles(t, map[string]string{"any.txt": noProfile, "u.json": usersAnswer(adaUser, bobUser), "f.txt": "An error occurred (OrganizationNotFoundException) when calling the ListOrganizationsFeatures operation: x"})
	if p := s.Users.Value[0].LoginProfile; p == nil || p.Value.Exists || s.Users.Value[1].LoginProfile != nil {
		t.Errorf("login profile of ada %+v, of bob %+v, want none, not known", p, s.Users.Value[1].LoginProfile)
	}
	if o := s.Organization; o == nil || o.Value.OrganizationID != "" {
		t.Errorf("organisation = %+v, want none", o)
	}
	gone := "An error occurred (NoSuchEntity) when calling the GetLoginProfile operation: The user with name ada cannot be found."
	if s := readFiles(t, map[string]string{"any.txt": gone, "u.json": usersAnswer(adaUser)}); s.Users.Value[0].LoginProfile != nil {
		t.Errorf("a user that is gone has no password: %+v", s.Users.Value[0].LoginProfile)
	}
}

// Root's own answers are in a file called so, or AWS's serial number says it.
func TestFolderRootsOwnAnswers(t *testing.T) {
	const device = `{"MFADevices":[{%s"SerialNumber":"arn:aws:iam::111122223333:%s"}]}`
	for name, c := range map[string]struct {
		files map[string]string
		root  bool // else the user called root
	}{
		"nobody named":             {map[string]string{"root-mfa-devices.json": fmt.Sprintf(device, "", "mfa/x"), "u.json": usersAnswer(rootUser)}, true},
		"nobody named, of a user":  {map[string]string{"mfa-devices/root.json": fmt.Sprintf(device, "", "mfa/x"), "u.json": usersAnswer(rootUser)}, false},
		"key, nobody named":        {map[string]string{"m.json": fmt.Sprintf(device, "", "u2f/root/k"), "u.json": usersAnswer(rootUser)}, true},
		"key, of a user's file":    {map[string]string{"mfa-devices/root.json": fmt.Sprintf(device, `"UserName":"root",`, "u2f/root/k"), "u.json": usersAnswer(rootUser)}, true},
		"user's key, root's file":  {map[string]string{"root-mfa-devices.json": fmt.Sprintf(device, `"UserName":"root",`, "u2f/user/root/k"), "u.json": usersAnswer(rootUser)}, false},
		"a user called root":       {map[string]string{"m.json": fmt.Sprintf(device, `"UserName":"root",`, "mfa/x"), "u.json": usersAnswer(rootUser)}, false},
		"a device called as root":  {map[string]string{"m.json": fmt.Sprintf(device, `"UserName":"root",`, "mfa/root-account-mfa-device"), "u.json": usersAnswer(rootUser)}, false},
		"key of a user called so":  {map[string]string{"m.json": fmt.Sprintf(device, `"UserName":"root",`, "u2f/user/root/k"), "u.json": usersAnswer(rootUser)}, false},
		"key of root":              {map[string]string{"m.json": fmt.Sprintf(device, `"UserName":"root",`, "u2f/root/k"), "u.json": usersAnswer(rootUser)}, true},
		"empty, by the file":       {map[string]string{"root-mfa-devices.json": `{"MFADevices":[]}`, "u.json": usersAnswer(rootUser)}, true},
		"empty, of a user so":      {map[string]string{"mfa-devices/root.json": `{"MFADevices":[]}`, "u.json": usersAnswer(rootUser)}, false},
		"empty, of a user, folder": {map[string]string{"x/mfa-devices-root.json": `{"MFADevices":[]}`, "u.json": usersAnswer(rootUser)}, false},
	} {
		s := readFiles(t, c.files)
		if root, user := s.Root.MFADevices != nil, s.Users.Value[0].MFADevices != nil; root != c.root || user == c.root {
			t.Errorf("%s: root has a list: %v, the user: %v, want root: %v", name, root, user, c.root)
		}
	}
	s := readFiles(t, map[string]string{"root-login-profile.json": `{"LoginProfile":{"UserName":"root","CreateDate":"2024-01-01T00:00:00Z"}}`, "x/root-access-keys.json": `{"AccessKeyMetadata":[{"AccessKeyId":"AKIA1","Status":"Active"}]}`, "root-mfa-devices.json": `{"MFADevices":[]}`, "u.json": usersAnswer(adaUser)})
	if s.Root.LoginProfile == nil || s.Root.AccessKeys == nil || len(s.Root.AccessKeys.Value) != 1 || s.Root.MFADevices == nil {
		t.Errorf("root = %+v", s.Root)
	}
}

func TestFolderErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing":              {map[string]string{"README.txt": "x", ".hidden.json": "{", "notes.md": "x"}, []string{"no .json, .csv or .txt file"}},
		"unknown JSON":         {map[string]string{"i.json": identityAnswer, "x.json": `{"Accounts":[]}`}, []string{`x.json: no export that is known, it begins with "Accounts": take it out, or export with --output json; 'mfawatch collect --print-export' prints the commands`}},
		"a group's users":      {map[string]string{"g.json": `{"Group":{},"Users":[` + adaUser + `]}`}, []string{"g.json: no export that is known"}},
		"list-policies":        {map[string]string{"p.json": `{"Policies":[]}`}, []string{"p.json: no export that is known"}},
		"a list":               {map[string]string{"l.json": "[]"}, []string{"l.json: no export that is known"}},
		"a text":               {map[string]string{"t.txt": "USERS\tada"}, []string{"t.txt: no export that is known"}},
		"many":                 {map[string]string{"1.txt": "x", "2.txt": "x", "3.txt": "x", "4.txt": "x", "5.txt": "x", "6.txt": "x", "7.txt": "x"}, []string{"1.txt, 2.txt, 3.txt, 4.txt, 5.txt and 2 more: no exports that are known: take them out, or export with --output json; 'mfawatch collect --print-export' prints the commands"}},
		"broken":               {map[string]string{"b.json": `{"Users":[{"Path":`}, []string{"b.json: cut off: the JSON ends too early, at byte 18: export it again"}},
		"error after answer":   {map[string]string{"b.json": usersAnswer(adaUser) + "\nAn error"}, []string{fmt.Sprintf("b.json: broken JSON at byte %d: export it again", len(usersAnswer(adaUser))+2)}},
		"broken in the middle": {map[string]string{"b.json": "\n {\"Users\": x}"}, []string{"b.json: broken JSON at byte 13: export it again"}},
		"broken at the end":    {map[string]string{"b.json": `{"Users":[]` + "\x01"}, []string{"b.json: broken JSON at byte 12: export it again"}},
		"broken, a warning":    {map[string]string{"b.json": "warning: {\n{\"Users\":x"}, []string{"b.json: broken JSON at byte 21: export it again"}},
		"empty, no name":       {map[string]string{"e.json": ""}, []string{"e.json holds no answer", "export it again, or remove it"}},
		"empty snapshot":       {map[string]string{"snapshot.json": "", "i.json": identityAnswer}, []string{"snapshot.json holds no answer"}},
		"unknown operation":    {map[string]string{"e.txt": fmt.Sprintf(deniedText, "ListRoles", "*")}, []string{"e.txt holds the error AccessDenied"}},
		"empty list":           {map[string]string{"x.json": `{"MFADevices":[]}`, "u.json": usersAnswer(adaUser)}, []string{"x.json does not say whom it is about", "mfa-devices/ada.json"}},
		"empty keys":           {map[string]string{"mfa-devices.json": `{"AccessKeyMetadata":[]}`, "u.json": usersAnswer(adaUser)}, []string{"mfa-devices.json does not say whom"}},
		"use of which key":     {map[string]string{"x.json": `{"AccessKeyLastUsed":{}}`}, []string{"x.json does not say whom"}},
		"no account":           {map[string]string{"s.json": `{"SummaryMap":{"Users":0}}`}, []string{"no file names the account", "aws sts get-caller-identity"}},
		"odd account":          {map[string]string{"i.json": `{"Account":"12","Arn":"x"}`}, []string{`i.json: Account is "12"`}},
		"two accounts":         {map[string]string{"a.json": usersAnswer(adaUser), "b.json": usersAnswer(strings.Replace(bobUser, "111122223333", "444455556666", 1))}, []string{"a.json is of account 111122223333 (aws), b.json of account 444455556666 (aws): a folder holds one account"}},
		"two partitions":       {map[string]string{"a.json": usersAnswer(adaUser), "b.json": usersAnswer(strings.Replace(bobUser, "arn:aws:", "arn:aws-cn:", 1))}, []string{"a.json", "(aws)", "b.json", "(aws-cn)"}},
		"account of a key":     {map[string]string{"a.json": usersAnswer(adaUser), "b.json": strings.Replace(adaPhone, "111122223333", "444455556666", 1)}, []string{"a.json", "b.json", "444455556666"}},
		"account of owner":     {map[string]string{"a.json": usersAnswer(adaUser), "v.json": `{"VirtualMFADevices":[{"SerialNumber":"arn:aws:iam::111122223333:mfa/x","User":{"UserId":"A","Arn":"arn:aws:iam::444455556666:user/x"}}]}`}, []string{"a.json", "v.json", "444455556666"}},
		"contradiction":        {map[string]string{"a.json": `{"SummaryMap":{"Users":1}}`, "b.json": `{"SummaryMap":{"Users":2}}`}, []string{"a.json and b.json differ about the account: keep one"}},
		"two reports":          {map[string]string{"a.csv": smallCSV, "b.csv": smallCSV + "\nbob,arn:aws:iam::111122223333:user/bob,true"}, []string{"a.csv and b.csv differ"}},
		"same report, later":   {map[string]string{"a.json": reportJSON(`1795329000`, smallCSV), "b.json": reportJSON(`1795329001`, smallCSV)}, []string{"a.json and b.json differ"}},
		"a user differs":       {map[string]string{"a.json": usersAnswer(adaUser), "b.json": usersAnswer(strings.Replace(adaUser, "AIDAA", "AIDAZ", 1))}, []string{`a.json and b.json differ about "arn:aws:iam::111122223333:user/ada"`}},
		"devices differ":       {map[string]string{"a.json": adaPhone, "b.json": strings.Replace(adaPhone, "mfa/a", "mfa/b", 1)}, []string{`a.json and b.json differ about "ada"`}},
		"queried":              {map[string]string{"a.json": `{"Users":[{"UserName":"ada"}]}`}, []string{"a.json: entry 1 has no ARN, no name or no id"}},
		"queried devices":      {map[string]string{"a.json": `{"MFADevices":[{"UserName":"ada"}]}`}, []string{"a.json: entry 1 has no SerialNumber"}},
		"another shape":        {map[string]string{"a.json": `{"Users":"ada"}`}, []string{"a.json: not what AWS answers"}},
		"odd time":             {map[string]string{"a.json": strings.Replace(usersAnswer(adaUser), "2025-02-03T04:05:06Z", "yesterday", 1)}, []string{"a.json: not what AWS answers", `"yesterday" is no time`}},
		"odd CSV":              {map[string]string{"r.csv": smallCSV + ",extra"}, []string{"r.csv: credential report: line 3, column 45: 4 cells"}},
		"odd content":          {map[string]string{"r.json": `{"Content":"%%","ReportFormat":"text/csv"}`}, []string{"r.json: Content is no credential report in base64"}},
		"odd snapshot":         {map[string]string{"s.json": `{"schema":"mfawatch/snapshot/v9"}`}, []string{"s.json: snapshot: schema is"}},
	} {
		dir := exportFolder(t, c.files)
		s, err := collect.Folder(dir, collect.FolderOptions{})
		if err == nil {
			t.Errorf("%s: no error, account %s", name, s.Account)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q in it", name, err, want)
			}
		}
		if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret-name") || s.Account != "" {
			t.Errorf("%s: error %q", name, err)
		}
	}
	if _, err := collect.Folder(filepath.Join(t.TempDir(), "missing"), collect.FolderOptions{}); err == nil || strings.Count(err.Error(), "missing") != 1 {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestFolderOfOneFile(t *testing.T) {
	dir := exportFolder(t, map[string]string{"export": usersAnswer(adaUser), "other.json": "x"})
	s, err := collect.Folder(filepath.Join(dir, "export"), collect.FolderOptions{})
	if err != nil || len(s.Users.Value) != 1 {
		t.Errorf("users %+v, error %v", s.Users, err)
	}
}

func TestFolderOfASavedSnapshot(t *testing.T) {
	want := wholeAccount()
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	dir := exportFolder(t, map[string]string{"snapshot.json": string(text)})
	for _, p := range []string{dir, filepath.Join(dir, "snapshot.json")} {
		got, err := collect.Folder(p, collect.FolderOptions{})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
	_, err = collect.Folder(filepath.Join(dir, "snapshot.json"), collect.FolderOptions{TakenAt: exportedAt})
	if err == nil || !strings.HasSuffix(err.Error(), ": --taken-at is about exported files; a snapshot says itself when it was taken") {
		t.Errorf("with a time given: %v", err)
	}
	_, err = collect.Folder(exportFolder(t, map[string]string{"a.json": string(text), "b.json": identityAnswer}), collect.FolderOptions{})
	if err == nil || !strings.Contains(err.Error(), "a saved snapshot must be the only file, there are a.json, b.json") {
		t.Errorf("beside another file: %v", err)
	}
}

func TestFolderFollowsNoLinkOutOfIt(t *testing.T) {
	outside := exportFolder(t, map[string]string{"u.json": usersAnswer(bobUser)})
	dir := exportFolder(t, map[string]string{"u.json": usersAnswer(adaUser)})
	if err := os.Symlink(filepath.Join(outside, "u.json"), filepath.Join(dir, "out.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := collect.Folder(dir, collect.FolderOptions{}); err == nil || !strings.Contains(err.Error(), "out.json") {
		t.Errorf("a link out of the folder: %v", err)
	}
	inside := exportFolder(t, map[string]string{"u.json": usersAnswer(adaUser)})
	if err := os.Symlink("u.json", filepath.Join(inside, "again.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(inside, "folder")); err != nil {
		t.Fatal(err)
	}
	if s, err := collect.Folder(inside, collect.FolderOptions{}); err != nil || len(s.Users.Value) != 1 {
		t.Errorf("a link within the folder: %+v, error %v", s.Users, err)
	}
}

// fakeCLI prints the answers of testdata/export/whole; what is not there fails
// as the CLI does.
const fakeCLI = `#!/bin/sh
user=none; serial=none
for argument in "$@"; do
	case $argument in
	--user-name=*) user=${argument#--user-name=} ;;
	--serial-number=*) serial=$(echo "${argument#--serial-number=}" | tr ':/' '--') ;;
	esac
done
case $2 in
generate-credential-report) echo COMPLETE ;;
get-caller-identity) cat "$WHOLE/caller-identity.json" ;;
get-credential-report) cat "$WHOLE/credential-report.json" ;;
get-account-summary) cat "$WHOLE/account-summary.json" ;;
list-organizations-features) cat "$WHOLE/organizations-features.json" ;;
get-account-authorization-details) cat "$WHOLE/authorization-details.json" ;;
list-virtual-mfa-devices) cat "$WHOLE/virtual-mfa-devices.json" ;;
list-users) printf '%s\n' $USERS ;;
list-mfa-devices) cat "$WHOLE/mfa-devices/$user.json" 2>/dev/null || echo '{"MFADevices": []}' ;;
get-mfa-device) cat "$WHOLE/mfa-device/$serial.json" ;;
get-login-profile)
	if [ "$user" = build ]; then
		printf '\nAn error occurred (NoSuchEntity) when calling the GetLoginProfile operation: Login Profile for User %s cannot be found.\n' "$user" >&2
		exit 254
	fi
	echo "{\"LoginProfile\": {\"UserName\": \"$user\", \"CreateDate\": \"2025-02-03T04:10:00+00:00\"}}" ;;
*) echo "usage: aws" >&2; exit 252 ;;
esac
`

// What Commands lists runs in a shell, and Folder reads what it wrote.
func TestCommandsExportWhatFolderReads(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(fakeCLI), 0o700); err != nil {
		t.Fatal(err)
	}
	wholeAccount, err := filepath.Abs("testdata/export/whole")
	if err != nil {
		t.Fatal(err)
	}
	sh := exec.CommandContext(t.Context(), "sh", "-u")
	sh.Dir, sh.Stdin = dir, strings.NewReader(strings.Join(collect.Commands(), "\n")+"\n")
	sh.Env = []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "WHOLE=" + wholeAccount, "USERS=ada bob build carol@example.com --debug -x .dot README users root-mfa-devices"}
	if out, err := sh.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	s, err := collect.Folder(dir, collect.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Report == nil || s.Summary == nil || s.Organization == nil || s.Users == nil || s.Groups == nil || s.Policies == nil || s.Roles == nil || s.VirtualDevices == nil || len(s.Users.Value) != 4 {
		t.Fatalf("not every fact of the account is there: %+v", s.Gaps)
	}
	for _, u := range s.Users.Value {
		if u.MFADevices == nil || u.LoginProfile == nil || u.LoginProfile.Value.Exists != (u.Name != "build") {
			t.Errorf("%s: devices %v, login profile %v", u.Name, u.MFADevices, u.LoginProfile)
		}
	}
	for _, name := range []string{"--debug", "-x", ".dot", "README", "users", "root-mfa-devices"} { // beside the list, which was not read with them
		want := audit.FactMFADevices.Gap(name, "mfa-devices/"+name+".json is about a user whom the list of users has not")
		if !slices.Contains(s.Gaps, want) {
			t.Errorf("the devices of %s were not read: %+v", name, s.Gaps)
		}
	}
	if s.Root.MFADevices != nil {
		t.Errorf("devices of root: %+v", s.Root.MFADevices)
	}
	if ada := s.Users.Value[0]; len(ada.MFADevices.Value) != 2 || ada.MFADevices.Value[1].Kind() != audit.FIDOCertifiedFactor {
		t.Errorf("devices of ada: %+v", ada.MFADevices)
	}
}

// Every answer that a command writes is one that is recognised, by name where
// there is no content.
func TestCommandsWriteKnownNames(t *testing.T) {
	n := 0
	for _, line := range collect.Commands() {
		_, file, writes := strings.Cut(line, " > ")
		if !writes {
			continue
		}
		n++
		file, _, _ = strings.Cut(file, " 2>&1")
		file = strings.NewReplacer(`"`, "", "$user", "ada", `$(echo "$serial" | tr ':/' '--')`, "arn-aws-iam--111122223333-u2f-user-ada-k").Replace(file)
		if file == "caller-identity.json" {
			continue
		}
		s := readFiles(t, map[string]string{file: "", "i.json": identityAnswer, "u.json": usersAnswer(adaUser)})
		if !slices.ContainsFunc(s.Gaps, func(g audit.Gap) bool { return strings.HasPrefix(g.Reason, file+" holds no answer") }) {
			t.Errorf("%s: an empty %s is no gap: %+v", line, file, s.Gaps)
		}
	}
	if n < 9 {
		t.Errorf("%d commands write files", n)
	}
}

// noSCPs is why service control policies are not known from files.
const noSCPs = "no exported file has them: run the script of 'mfawatch collect --print-export --org' for the management account, and give its folder with --scps-from"

// The folder says when it was exported, unless somebody else does.
func TestExportedAtIsWhenTheFilesWere(t *testing.T) {
	dir := t.TempDir()
	at := func(text string, o collect.FolderOptions) (audit.Snapshot, error) {
		for name, text := range map[string]string{"i.json": identityAnswer, "exported-at.txt": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return collect.Folder(dir, o)
	}
	given := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	if s, err := at("2026-11-20T12:00:00Z\n", collect.FolderOptions{}); err != nil || !s.TakenAt.Equal(given.Add(-12*time.Hour)) {
		t.Errorf("taken %s, %v", s.TakenAt, err)
	}
	if s, err := at("2026-11-20T12:00:00Z\n", collect.FolderOptions{TakenAt: given}); err != nil || !s.TakenAt.Equal(given) {
		t.Errorf("with a time given: taken %s, %v", s.TakenAt, err)
	}
	if _, err := at("yesterday", collect.FolderOptions{}); err == nil || !strings.Contains(err.Error(), "exported-at.txt: not a time") {
		t.Errorf("of a file that says no time: %v", err)
	}
}

// What is something else is said to be that.
func TestWhatIsNoExport(t *testing.T) {
	for name, want := range map[string]string{
		"x.txt":                  "x.txt: a ZIP archive: unpack it",
		"x.zip":                  "only x.zip: unpack first",
		"x.json":                 "x.json: CloudTrail records: mfawatch scan judges those",
		"x.eml":                  "only x.eml: export with the AWS CLI first",
		"1_CloudTrail_x.json.gz": "files of CloudTrail: mfawatch scan judges those",
	} {
		dir := t.TempDir()
		text := "PK\x03\x04x"
		if name == "x.json" {
			text = `{"Records":[]}`
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := collect.Folder(dir, collect.FolderOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	file := filepath.Join(t.TempDir(), "y.txt")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := collect.Folder(file, collect.FolderOptions{}); err == nil || strings.Count(err.Error(), "y.txt") != 1 {
		t.Errorf("one file is named more than once: %v", err)
	}
}

// The actions that the commands need are those that audit has of its policy.
func TestCommandActions(t *testing.T) {
	actions := collect.CommandActions()
	for _, want := range []string{"iam:GenerateCredentialReport", "iam:GetMFADevice", "iam:ListUsers", "iam:GetAccountAuthorizationDetails"} {
		if !slices.Contains(actions, want) {
			t.Errorf("%s is missing: %v", want, actions)
		}
	}
	if n := strings.Count(strings.Join(collect.Commands(), "\n"), "aws iam "); n != len(actions) {
		t.Errorf("%d commands and %d actions: %v", n, len(actions), actions)
	}
}

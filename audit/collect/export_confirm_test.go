package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/collect"
)

// leavesOut is the Gap of a list of users that is not whole.
func leavesOut(s audit.Snapshot) (reason string) {
	for _, g := range s.Gaps {
		if g.Fact == audit.FactUsers && g.Subject == "" {
			reason += g.Reason + "\n"
		}
	}
	return strings.TrimSpace(reason)
}

// A user whom another file has and the list has not is said, unless the account
// summary, as young as the list, counts as many as are listed. The files are
// older the earlier their names are in the alphabet.
func TestFolderSaysWhomTheListLeavesOut(t *testing.T) {
	const narrowed = "the list of users leaves out %d whom %s, e.g. %s: deleted since, or the list is narrowed; export both again, and the account summary after them"
	report := reportOf(rowCalled("ada"), rowCalled("evil"))
	owned := `{"VirtualMFADevices":[{"SerialNumber":"arn:aws:iam::111122223333:mfa/x","User":{"UserId":"AIDAE","Arn":"arn:aws:iam::111122223333:user/eng/x/evil"}}]}`
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"report":                     {map[string]string{"r.csv": report}, fmt.Sprintf(narrowed, 1, "the credential report has", "evil")},
		"report, several":            {map[string]string{"r.csv": reportOf(rowCalled("zoe"), rowCalled("eve"), rowCalled("ada"), rowCalled("evil"), rowCalled("uma"))}, fmt.Sprintf(narrowed, 4, "the credential report has", "eve, evil, uma")},
		"report, deleted since":      {map[string]string{"r.csv": report, "z.json": `{"SummaryMap":{"Users":1}}`}, ""},
		"report, older summary":      {map[string]string{"r.csv": report, "a.json": `{"SummaryMap":{"Users":1}}`}, fmt.Sprintf(narrowed, 1, "the credential report has", "evil")},
		"report, summary counts two": {map[string]string{"r.csv": report, "z.json": `{"SummaryMap":{"Users":2}}`}, fmt.Sprintf(narrowed, 1, "the credential report has", "evil")},
		"report, summary of nothing": {map[string]string{"r.csv": report, "z.json": `{"SummaryMap":{"Groups":2}}`}, fmt.Sprintf(narrowed, 1, "the credential report has", "evil")},
		"report, summary counts 0":   {map[string]string{"r.csv": report, "z.json": `{"SummaryMap":{"Users":0}}`}, fmt.Sprintf(narrowed, 1, "the credential report has", "evil")},
		"report, moved":              {map[string]string{"r.csv": strings.Replace(smallCSV, "user/ada", "user/old/ada", 1)}, ""},
		"owner of a device":          {map[string]string{"v.json": owned}, fmt.Sprintf(narrowed, 1, "virtual devices belong to", "evil")},
		"root's device":              {map[string]string{"v.json": `{"VirtualMFADevices":[{"SerialNumber":"arn:aws:iam::111122223333:mfa/x","User":{"UserId":"111122223333","Arn":"arn:aws:iam::111122223333:root"}}]}`}, ""},
		"devices":                    {map[string]string{"mfa-devices/evil.json": `{"MFADevices":[]}`}, fmt.Sprintf(narrowed, 1, "answers about single users name", "evil")},
		"devices refused":            {map[string]string{"mfa-devices/evil.json": fmt.Sprintf(deniedText, "ListMFADevices", "user evil")}, fmt.Sprintf(narrowed, 1, "answers about single users name", "evil")},
		"devices, empty file":        {map[string]string{"mfa-devices/evil.json": ""}, fmt.Sprintf(narrowed, 1, "answers about single users name", "evil")},
		"devices, gone":              {map[string]string{"mfa-devices/evil.json": "An error occurred (NoSuchEntity) when calling the ListMFADevices operation: The user with name evil cannot be found."}, ""},
		"password":                   {map[string]string{"p.json": `{"LoginProfile":{"UserName":"evil"}}`}, fmt.Sprintf(narrowed, 1, "answers about single users name", "evil")},
		"keys":                       {map[string]string{"access-keys/evil.json": `{"AccessKeyMetadata":[]}`}, fmt.Sprintf(narrowed, 1, "answers about single users name", "evil")},
		"a device's file":            {map[string]string{"mfa-device/evil.json": ""}, ""},
		"root's password":            {map[string]string{"root-login-profile.json": strings.Replace(noProfile, "User ada", "User null", 1)}, ""},
		"the shorter list":           {map[string]string{"d.json": `{"UserDetailList":[` + adaUser + `]}`, "v.json": usersAnswer(adaUser, bobUser)}, fmt.Sprintf(narrowed, 1, "another list of users has", "bob")},
		"a page of the other list":   {map[string]string{"d.json": `{"UserDetailList":[` + bobUser + `],"NextToken":"t"}`}, fmt.Sprintf(narrowed, 1, "another list of users has", "bob")},
	} {
		c.files["u.json"] = usersAnswer(adaUser)
		s := readFiles(t, c.files)
		if got := leavesOut(s); got != c.want || s.Users == nil || len(s.Users.Value) != 1 {
			t.Errorf("%s: %+v is kept, gap %q, want %q", name, s.Users, got, c.want)
		}
	}
}

// Nobody is listed and the summary counts nobody, but it is older than a report
// that has somebody.
func TestFolderOfNobodyLeftOut(t *testing.T) {
	files := map[string]string{"a.json": `{"SummaryMap":{"Users":0}}`, "d.json": `{"UserDetailList":[]}`, "r.csv": reportOf(rowCalled("evil"))}
	if s := readFiles(t, files); s.Users == nil || !strings.Contains(leavesOut(s), "e.g. evil") {
		t.Errorf("users %+v, gaps %+v", s.Users, s.Gaps)
	}
}

// A user who is older than the report has a row in it.
func TestFolderSaysThatTheReportIsCutOff(t *testing.T) {
	const own = "the report has no row of a user who is older than it: it is incomplete, or the user was renamed since; export it again"
	const all = "the report has no row of %d users who are older than it, e.g. %s: it is incomplete, or they were renamed since; export it again"
	// of ada, and bob: made on 2025-02-03 at 04:05:06
	for name, c := range map[string]struct {
		report string
		want   string
	}{
		"whole":                 {reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV+"\nbob,arn:aws:iam::111122223333:user/bob,true"), ""},
		"cut":                   {reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV), fmt.Sprintf(all, 1, "bob")},
		"two are missing":       {reportJSON(`"2026-11-22T06:30:00Z"`, "user,arn,mfa_active"), fmt.Sprintf(all, 2, "ada, bob")},
		"just older":            {reportJSON(`"2025-02-03T04:06:07Z"`, smallCSV), fmt.Sprintf(all, 1, "bob")},
		"within a minute":       {reportJSON(`"2025-02-03T04:06:06Z"`, smallCSV), ""},
		"newer than the report": {reportJSON(`"2025-01-01T00:00:00Z"`, smallCSV), ""},
		"CSV without times":     {smallCSV, ""},
		"CSV of later times":    {"user,arn,password_last_used\nada,arn:aws:iam::111122223333:user/ada,2026-11-20T08:00:00Z", fmt.Sprintf(all, 1, "bob")},
		"CSV of earlier times":  {"user,arn,password_last_used,password_next_rotation\nada,arn:aws:iam::111122223333:user/ada,2025-01-01T08:00:00Z,2030-01-01T00:00:00Z", ""},
		"moved":                 {reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV+"\nbob,arn:aws:iam::111122223333:user/eng/bob,true"), fmt.Sprintf(all, 1, "bob")},
	} {
		s := readFiles(t, map[string]string{"r.txt": c.report, "u.json": usersAnswer(adaUser, bobUser)})
		want := audit.FactCredentialReport.Gap("", c.want)
		found := slices.ContainsFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactCredentialReport })
		if s.Report == nil || found != (c.want != "") || found && (!slices.Contains(s.Gaps, want) || !slices.Contains(s.Gaps, audit.FactCredentialReport.Gap("AIDAB", own))) {
			t.Errorf("%s: gaps %+v, want %q", name, s.Gaps, c.want)
		}
	}
	nobody := readFiles(t, map[string]string{"r.txt": reportJSON(`"2026-11-22T06:30:00Z"`, smallCSV), "u.json": usersAnswer(adaUser, strings.Replace(bobUser, `"CreateDate"`, `"Made"`, 1))})
	if slices.ContainsFunc(nobody.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactCredentialReport }) {
		t.Errorf("a user of whom no time is known: %+v", nobody.Gaps)
	}
}

// An empty list does not deny that root's device is virtual.
func TestFolderOfAnEmptyListOfVirtualDevices(t *testing.T) {
	s := readFiles(t, map[string]string{"u.json": usersAnswer(adaUser), "v.json": `{"VirtualMFADevices":[]}`, "s.json": `{"SummaryMap":{"Users":1,"AccountMFAEnabled":1}}`})
	want := audit.FactVirtualDevices.Gap("", "an empty list does not tell whether root has a virtual device: it may have been made with --assignment-status Unassigned; export root's own list as root-mfa-devices.json")
	if s.VirtualDevices != nil || !slices.Contains(s.Gaps, want) {
		t.Errorf("virtual devices %+v, gaps %+v", s.VirtualDevices, s.Gaps)
	}
}

// Null is not a list, and not an empty one.
func TestFolderRefusesNull(t *testing.T) {
	for file, text := range map[string]string{
		"v.json": `{"VirtualMFADevices": null}`, "mfa-devices/ada.json": `{"MFADevices": null}`, "d.json": `{"UserDetailList": null}`,
		"e.json": `{"UserDetailList": [], "Policies": null}`, "g.json": `{"UserDetailList": [], "GroupDetailList": null}`, "u.json": `{"Users": null}`,
		"s.json": `{"SummaryMap": null}`, "p.json": `{"LoginProfile": null}`, "access-keys/ada.json": `{"AccessKeyMetadata": null}`,
		"access-key-last-used/A.json": `{"AccessKeyLastUsed": null}`, "f.json": `{"OrganizationId":"o-x","EnabledFeatures": null}`, "r.json": `{"UserDetailList": [], "RoleDetailList": null}`,
	} {
		_, err := collect.Folder(exportFolder(t, map[string]string{"l.json": usersAnswer(adaUser), file: text}), collect.FolderOptions{})
		if err == nil || !strings.Contains(err.Error(), file+": ") || !strings.HasSuffix(err.Error(), " is null, which AWS does not answer: export it again") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// What is no export is said in one line, without what may be secret.
func TestFolderErrorsOfStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a page":       {map[string]string{"x.txt": "<html> <b>\x1b[31m proxy\x00\nmore"}, `x.txt: no export that is known, it begins with "<html> <b> [31m proxy"; 'mfawatch collect --print-export' prints the commands`},
		"a secret":     {map[string]string{"k.csv": "Access;AKIAEXAMPLE000000001;wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY x"}, `k.csv: no export that is known, it begins with "Access;…;… x"; 'mfawatch collect --print-export' prints the commands`},
		"keys of JSON": {map[string]string{"k.json": `{"Credentials":{"SecretAccessKey":"wJalr"},"AssumedRoleUser":{}}`}, `k.json: no export that is known, it begins with "AssumedRoleUser Credentials"; 'mfawatch collect --print-export' prints the commands`},
		"long":         {map[string]string{"l.txt": strings.Repeat("word ", 40)}, `l.txt: no export that is known, it begins with "` + strings.Repeat("word ", 12)[:59] + ` "; 'mfawatch collect --print-export' prints the commands`},
		"two":          {map[string]string{"l.txt": "x", "m.txt": "x"}, `l.txt, m.txt: no exports that are known; 'mfawatch collect --print-export' prints the commands`},
		"an audit":     {map[string]string{"a.json": `{"schema":"mfawatch/audit/v1","account":"111122223333"}`, "i.json": identityAnswer}, "a.json: an audit, not an export: move it out of the folder"},
		"of many":      {map[string]string{"a.json": `{"schema":"mfawatch/audit-organization/v1"}`}, "a.json: an audit, not an export: move it out of the folder"},
		"a scan":       {map[string]string{"a.json": `{"schema":"mfawatch/scan/v1"}`}, "a.json: the output of another command (mfawatch/scan/v1), not an export: move it out of the folder"},
		"compressed":   {map[string]string{"a.json": "\x1f\x8b\x08\x00"}, "a.json: compressed: unpack it"},
		"not read":     {map[string]string{"b.json.gz": "x", "a.jsonl": "x", "README.md": "x", ".x": "x"}, "no .json, .csv or .txt file in it, only a.jsonl, b.json.gz: export with the AWS CLI first"},
		"mixed keys":   {map[string]string{"m.json": `{"MFADevices":[{"UserName":"root","SerialNumber":"arn:aws:iam::111122223333:u2f/root/k"},{"UserName":"ada","SerialNumber":"GAKT1"}]}`}, "m.json: a security key of root is among a user's devices: export it again, root's as root-mfa-devices.json"},
	} {
		dir := exportFolder(t, c.files)
		if _, err := collect.Folder(dir, collect.FolderOptions{}); err == nil || err.Error() != dir+": "+c.want {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

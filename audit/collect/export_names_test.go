package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/collect"
)

// userCalled is a row of a list of users.
func userCalled(name string) string {
	return fmt.Sprintf(`{"Path":"/","UserName":%q,"UserId":"AIDA1","Arn":"arn:aws:iam::111122223333:user/%s","CreateDate":"2025-02-03T04:05:06Z"}`, name, name)
}

func reportOf(rows ...string) string {
	return "user,arn,mfa_active,user_creation_time\n" + strings.Join(rows, "\n")
}

func rowCalled(name string) string {
	return name + ",arn:aws:iam::111122223333:user/" + name + ",false,2025-02-03T04:05:06Z"
}

// oddNames are what IAM lets users be called: letters, digits and +=,.@_- (IAM
// user guide, reference_iam-quotas).
var oddNames = []string{
	"users", "credential-report", "account-summary", "caller-identity", "authorization-details", "snapshot", "mfa-devices", "mfa-device",
	"login-profile", "access-keys-x", "root", "root-users", "root-mfa-devices", "root-login-profile", "root-access-keys", "README", "readme-bot",
	".profile", ".", "..", "-x", "--debug", "a.json", "b.csv", "c.gz", "null", "mfa-devices-root", "111122223333",
}

// A user's answers are theirs whatever they are called, and nothing of them is
// root's.
func TestFolderOfUsersCalledOddly(t *testing.T) {
	noPassword := "\nAn error occurred (NoSuchEntity) when calling the GetLoginProfile operation: Login Profile for User %s cannot be found.\n"
	for _, name := range oddNames {
		s := readFiles(t, map[string]string{
			"details.json": `{"UserDetailList":[` + userCalled(name) + `],"GroupDetailList":[],"RoleDetailList":[],"Policies":[]}`, "summary.json": `{"SummaryMap":{"Users":1}}`,
			"mfa-devices/" + name + ".json": `{"MFADevices":[]}`, "login-profile/" + name + ".json": fmt.Sprintf(noPassword, name), "access-keys/" + name + ".json": `{"AccessKeyMetadata":[]}`,
		})
		u := s.Users.Value[0]
		if u.MFADevices == nil || u.LoginProfile == nil || u.LoginProfile.Value.Exists || u.AccessKeys == nil {
			t.Errorf("%s: devices %v, login profile %v, keys %v", name, u.MFADevices, u.LoginProfile, u.AccessKeys)
		}
		if s.Root.MFADevices != nil || s.Root.LoginProfile != nil || s.Root.AccessKeys != nil || s.Summary == nil {
			t.Errorf("%s: root = %+v, summary %v", name, s.Root, s.Summary)
		}
		if slices.ContainsFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactUsers }) {
			t.Errorf("%s: %v", name, s.Gaps)
		}
	}
	if len(oddNames) < 20 {
		t.Error("names are missing")
	}
}

// What the CLI writes where it does not understand a name is that user's Gap, and
// the others are read.
func TestFolderOfAUserThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct{ file, text, reason string }{
		"usage, version 1": {"mfa-devices/-x.json", "usage: Note: AWS CLI version 2 is recommended.\n\nusage: aws [options]\naws: error: argument --user-name: expected one argument\n", " holds no answer, as a command that failed leaves it"},
		"usage, version 2": {"mfa-devices/-x.json", "\nusage: aws [options] <command>\n\naws: error: argument --user-name: expected one argument\n", " holds no answer, as a command that failed leaves it"},
		"debug log":        {"mfa-devices/-x.json", "2026-11-22 - DEBUG - CLI version: aws-cli/1.45\n{'x': [\n", ": broken JSON at byte 49: export it again"},
		"a page":           {"mfa-devices/-x.json", "<html>proxy</html>", ": no export that is known"},
		"a list":           {"mfa-devices/-x.json", "[]", ": no export that is known"},
		"another object":   {"mfa-devices/-x.json", `{"Accounts":[]}`, ": no export that is known"},
		"half known":       {"mfa-devices/-x.json", `{"MFADevices":[]}{"Accounts":[]}`, ": no export that is known"},
		"cut off":          {"mfa-devices/-x.json", `{"MFADevices":[`, ": cut off: the JSON ends too early, at byte 15: export it again"},
		"compressed":       {"mfa-devices/-x.json.gz", "\x1f\x8b\x08\x00", ": compressed: unpack it"},
		"other extension":  {"mfa-devices/-x.jsonl", "x", ": no export that is known"},
		"beside":           {"mfa-devices--x.json", "[]", ": no export that is known"},
		"a key of root":    {"mfa-devices/-x.json", `{"MFADevices":[{"SerialNumber":"GAKT1"},{"SerialNumber":"arn:aws:iam::111122223333:u2f/root/k"}]}`, ": a security key of root is among a user's devices: export it again, root's as root-mfa-devices.json"},
	} {
		s := readFiles(t, map[string]string{c.file: c.text, "mfa-devices/ada.json": adaPhone, "u.json": usersAnswer(userCalled("-x"), adaUser)})
		want := audit.FactMFADevices.Gap("AIDA1", c.file+c.reason)
		if !slices.Contains(s.Gaps, want) {
			t.Errorf("%s: gaps %+v, want among them %+v", name, s.Gaps, want)
		}
		if s.Users.Value[0].MFADevices != nil || s.Users.Value[1].MFADevices == nil || s.Root.MFADevices != nil {
			t.Errorf("%s: users %+v", name, s.Users.Value)
		}
	}
	s := readFiles(t, map[string]string{"root-mfa-devices.json": "<html>", "u.json": usersAnswer(adaUser)})
	if want := audit.FactRootMFADevices.Gap("", "root-mfa-devices.json: no export that is known"); !slices.Contains(s.Gaps, want) {
		t.Errorf("gaps %+v, want among them %+v", s.Gaps, want)
	}
	s = readFiles(t, map[string]string{"mfa-devices/.DS_Store": "\x00\x00\x00\x01Bud1", "u.json": usersAnswer(adaUser)})
	if slices.ContainsFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactUsers }) {
		t.Errorf("a file of another program is taken for a user: %+v", s.Gaps)
	}
}

// Every file below a folder of a kind is read; elsewhere what is not read says so
// where it is missed.
func TestFolderReadsOddExtensions(t *testing.T) {
	s := readFiles(t, map[string]string{"mfa-devices/ada.jsonl": adaPhone, "mfa-devices/bob": `{"MFADevices":[]}`, "u.json": usersAnswer(adaUser, bobUser), "account-summary.json.gz": "\x1f\x8b", "notes.md": "x"})
	if s.Users.Value[0].MFADevices == nil || s.Users.Value[1].MFADevices == nil {
		t.Errorf("users %+v", s.Users.Value)
	}
	if want := audit.FactAccountSummary.Gap("", "account-summary.json.gz is not read: only .json, .csv and .txt are"); !slices.Contains(s.Gaps, want) {
		t.Errorf("gaps %+v, want among them %+v", s.Gaps, want)
	}
	s = readFiles(t, map[string]string{"u.json": usersAnswer(adaUser), "account-summary.json.gz": "\x1f\x8b", "s.json": `{"SummaryMap":{"Users":1}}`})
	if slices.ContainsFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactAccountSummary }) {
		t.Errorf("a file that another makes up for: %+v", s.Gaps)
	}
}

// Who is called root is not root.
func TestFolderTellsRootFromAUserCalledSo(t *testing.T) {
	const named = `{"MFADevices":[{"UserName":"root","SerialNumber":"%s","EnableDate":"2025-01-01T00:00:00Z"}]}`
	key, token := iamARN+"u2f/user/root/k", "GAKT1"
	const unclear = "root-mfa-devices.json names root, and an IAM user is called so: it does not tell whose it is"
	for name, c := range map[string]struct {
		files map[string]string
		root  bool
		want  audit.Gap
	}{
		"user's key, no list":           {map[string]string{"mfa-devices/root.json": fmt.Sprintf(named, key)}, false, audit.FactMFADevices.Gap("", "answers about single users are there, but no complete list of users: aws iam get-account-authorization-details")},
		"token, no list":                {map[string]string{"mfa-devices/root.json": fmt.Sprintf(named, token)}, false, audit.FactMFADevices.Gap("", "answers about single users are there, but no complete list of users: aws iam get-account-authorization-details")},
		"token, any file, no list":      {map[string]string{"m.json": fmt.Sprintf(named, token)}, false, audit.FactMFADevices.Gap("", "answers about single users are there, but no complete list of users: aws iam get-account-authorization-details")},
		"token, any file, listed":       {map[string]string{"m.json": fmt.Sprintf(named, token), "u.json": usersAnswer(adaUser)}, false, audit.FactMFADevices.Gap("root", "m.json is about a user called root, whom the list of users has not: call root's own files root-KIND.json, as in root-mfa-devices.json")},
		"user's key in root's file":     {map[string]string{"root-mfa-devices.json": fmt.Sprintf(named, key), "u.json": usersAnswer(adaUser)}, false, audit.FactRootMFADevices.Gap("", "no file for it: aws iam list-mfa-devices, in a session of root, into root-mfa-devices.json")},
		"root's file, no such user":     {map[string]string{"root-mfa-devices.json": fmt.Sprintf(named, token), "u.json": usersAnswer(adaUser)}, true, audit.FactSCPs.Gap("", noSCPs)},
		"root's file, user listed":      {map[string]string{"root-mfa-devices.json": fmt.Sprintf(named, token), "u.json": usersAnswer(rootUser)}, false, audit.FactRootMFADevices.Gap("", unclear)},
		"root's file, user in a report": {map[string]string{"root-mfa-devices.json": fmt.Sprintf(named, token), "r.csv": reportOf(rowCalled("root"))}, false, audit.FactRootMFADevices.Gap("", unclear)},
	} {
		c.files["i.json"] = identityAnswer
		s := readFiles(t, c.files)
		if (s.Root.MFADevices != nil) != c.root || !slices.Contains(s.Gaps, c.want) {
			t.Errorf("%s: root has %+v, want a list: %v; gaps %+v, want among them %+v", name, s.Root.MFADevices, c.root, s.Gaps, c.want)
		}
	}
}

// AWS's message says whose password it is, whatever the file is called.
func TestFolderBelievesAWSAboutWhom(t *testing.T) {
	s := readFiles(t, map[string]string{"root-login-profile.json": noProfile, "u.json": usersAnswer(adaUser)})
	if p := s.Users.Value[0].LoginProfile; s.Root.LoginProfile != nil || p == nil || p.Value.Exists {
		t.Errorf("login profile of root %+v, of ada %+v", s.Root.LoginProfile, p)
	}
	ofRoot := strings.Replace(noProfile, "User ada", "User root", 1)
	s = readFiles(t, map[string]string{"root-login-profile.json": ofRoot, "u.json": usersAnswer(adaUser)})
	if p := s.Root.LoginProfile; p == nil || p.Value.Exists {
		t.Errorf("login profile of root %+v", p)
	}
	s = readFiles(t, map[string]string{"root-login-profile.json": ofRoot, "u.json": usersAnswer(rootUser)})
	if s.Root.LoginProfile != nil || s.Users.Value[0].LoginProfile != nil {
		t.Errorf("login profile of root %+v, of the user %+v", s.Root.LoginProfile, s.Users.Value[0].LoginProfile)
	}
}

// A list that names nobody is about whom its file is.
func TestFolderOfAListThatNamesNobody(t *testing.T) {
	const nobody = `{"MFADevices":[{"SerialNumber":"GAKT1"}]}`
	s := readFiles(t, map[string]string{"mfa-devices/bob.json": nobody, "u.json": usersAnswer(bobUser)})
	if s.Root.MFADevices != nil || s.Users.Value[0].MFADevices == nil || len(s.Users.Value[0].MFADevices.Value) != 1 {
		t.Errorf("root %+v, bob %+v", s.Root.MFADevices, s.Users.Value[0].MFADevices)
	}
	for name, files := range map[string]map[string]string{
		"devices":      {"m.json": nobody},
		"keys":         {"k.json": `{"AccessKeyMetadata":[{"AccessKeyId":"AKIA1","Status":"Active"}]}`},
		"profile":      {"p.json": `{"LoginProfile":{"CreateDate":"2024-01-01T00:00:00Z"}}`},
		"of a key":     {"access-key-last-used/AKIA1.json": nobody},
		"of a device":  {"mfa-device/bob.json": `{"MFADevices":[]}`},
		"use, of bob":  {"mfa-devices/bob.json": `{"AccessKeyLastUsed":{}}`},
		"root's users": {"root-users.json": `{"MFADevices":[]}`},
	} {
		files["u.json"] = usersAnswer(bobUser)
		if _, err := collect.Folder(exportFolder(t, files), collect.FolderOptions{}); err == nil || !strings.Contains(err.Error(), " does not say whom it is about: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

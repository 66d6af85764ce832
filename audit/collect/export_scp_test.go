package collect_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
)

const member = "111122223333"

// organizationFiles are the AWS CLI's answers about an organisation of one unit.
func organizationFiles() map[string]string {
	listed := func(ids ...string) string {
		var all []string
		for _, id := range ids {
			all = append(all, fmt.Sprintf(`{"Id": "p-%s", "Arn": "arn:aws:organizations::999999999999:policy/x", "Name": "%s", "Type": "SERVICE_CONTROL_POLICY", "AwsManaged": false}`, id, id))
		}
		return `{"Policies": [` + strings.Join(all, ", ") + `]}`
	}
	return map[string]string{
		"exported-at.txt":                 "2026-11-22T06:00:00Z",
		"organization.json":               `{"Organization": {"Id": "o-exampleorgid", "MasterAccountId": "999999999999"}}`,
		"scp-targets/" + member + ".json": listed("full"),
		"scp-targets/ou-abcd-low.json":    listed("full", "mfa"),
		"scp-targets/r-abcd.json":         listed("full"),
		"scp-parents/" + member + ".json": `{"Parents": [{"Id": "ou-abcd-low", "Type": "ORGANIZATIONAL_UNIT"}]}`,
		"scp-parents/ou-abcd-low.json":    `{"Parents": [{"Id": "r-abcd", "Type": "ROOT"}]}`,
		"scp-documents/p-full.json":       `{"Policy": {"PolicySummary": {"Id": "p-full"}, "Content": "{\"all\": 1}"}}`,
		"scp-documents/p-mfa.json":        `{"Policy": {"PolicySummary": {"Id": "p-mfa"}, "Content": "{\"mfa\": 1}"}}`,
	}
}

func withSCPs(t *testing.T, files map[string]string) (audit.Snapshot, error) {
	t.Helper()
	return collect.Folder("testdata/export/whole", collect.FolderOptions{TakenAt: exportedAt, SCPs: exportFolder(t, files)})
}

func scpGap(s audit.Snapshot) (audit.Gap, bool) {
	for _, g := range s.Gaps {
		if g.Fact == audit.FactSCPs {
			return g, true
		}
	}
	return audit.Gap{}, false
}

// The policies above the account are those that AWS itself tells, from a folder of
// their own or from among the account's files.
func TestFolderOfServiceControlPolicies(t *testing.T) {
	want := []audit.SCP{
		{ID: "p-full", Name: "full", Target: member, Document: `{"all": 1}`},
		{ID: "p-full", Name: "full", Target: "ou-abcd-low", Document: `{"all": 1}`},
		{ID: "p-full", Name: "full", Target: "r-abcd", Document: `{"all": 1}`},
		{ID: "p-mfa", Name: "mfa", Target: "ou-abcd-low", Document: `{"mfa": 1}`},
	}
	s, err := withSCPs(t, organizationFiles())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&audit.Read[[]audit.SCP]{Call: "organizations:ListPoliciesForTarget", At: dateOf("2026-11-22T06:00:00Z"), Value: want}, s.SCPs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if g, lacking := scpGap(s); lacking || !s.TakenAt.Equal(exportedAt) {
		t.Errorf("gap %s, taken %s", g, s.TakenAt)
	}
	among := organizationFiles()
	among["i.json"] = identityAnswer
	if s := readFiles(t, among); s.SCPs == nil || cmp.Diff(want, s.SCPs.Value) != "" {
		t.Errorf("among the account's files: %+v, gaps %+v", s.SCPs, s.Gaps)
	}
	later := organizationFiles()
	later["exported-at.txt"] = "2026-11-22T09:00:00Z"
	if s, err := withSCPs(t, later); err != nil || !s.TakenAt.Equal(exportedAt) || !s.SCPs.At.After(exportedAt) {
		t.Errorf("of policies exported later: taken %s, %v", s.TakenAt, err)
	}
}

// Nothing restricts the management account, whatever is attached to it.
func TestFolderOfTheManagementAccount(t *testing.T) {
	files := organizationFiles()
	files["organization.json"] = strings.Replace(files["organization.json"], "999999999999", member, 1)
	s, err := withSCPs(t, files)
	if err != nil || s.SCPs == nil || len(s.SCPs.Value) != 0 || s.SCPs.Call != "organizations:DescribeOrganization" {
		t.Errorf("policies %+v, error %v", s.SCPs, err)
	}
}

// What is missing on the way to the root is said, with the command that tells it.
func TestFolderWhereServiceControlPoliciesAreMissing(t *testing.T) {
	const denied = "An error occurred (AccessDeniedException) when calling the %s operation: You don't have permissions to access this resource."
	for name, c := range map[string]struct{ file, text, action, reason string }{
		"not this account": {"scp-targets/" + member + ".json", "-", "ListPoliciesForTarget", "no file scp-targets/111122223333.json: aws organizations list-policies-for-target --filter SERVICE_CONTROL_POLICY --target-id 111122223333"},
		"no parent":        {"scp-parents/ou-abcd-low.json", "-", "ListParents", "no file scp-parents/ou-abcd-low.json: aws organizations list-parents --child-id ou-abcd-low"},
		"no text":          {"scp-documents/p-mfa.json", "-", "DescribePolicy", "no file scp-documents/p-mfa.json: aws organizations describe-policy --policy-id p-mfa"},
		"no organisation":  {"organization.json", "-", "DescribeOrganization", "no file organization.json: aws organizations describe-organization"},
		"refused list":     {"scp-targets/r-abcd.json", fmt.Sprintf(denied, "ListPoliciesForTarget"), "ListPoliciesForTarget", "scp-targets/r-abcd.json holds the error AccessDeniedException"},
		"refused text":     {"scp-documents/p-mfa.json", fmt.Sprintf(denied, "DescribePolicy"), "DescribePolicy", "scp-documents/p-mfa.json holds the error AccessDeniedException"},
		"refused at all":   {"organization.json", fmt.Sprintf(denied, "DescribeOrganization"), "DescribeOrganization", "organization.json holds the error AccessDeniedException"},
		"empty":            {"scp-parents/ou-abcd-low.json", "", "ListParents", "scp-parents/ou-abcd-low.json holds no answer, as a command that failed leaves it"},
		"cut off":          {"scp-documents/p-mfa.json", `{"Policy": {`, "DescribePolicy", "scp-documents/p-mfa.json: cut off: the JSON ends too early, at byte 12: export it again"},
		"one page":         {"scp-targets/r-abcd.json", `{"Policies": [], "NextToken": "x"}`, "ListPoliciesForTarget", "the export is one page of several (scp-targets/r-abcd.json): export again without --max-items and --no-paginate"},
	} {
		files := organizationFiles()
		if files[c.file] = c.text; c.text == "-" {
			delete(files, c.file)
		}
		s, err := withSCPs(t, files)
		want := audit.Gap{Fact: audit.FactSCPs, Action: "organizations:" + c.action, Reason: c.reason}
		if g, _ := scpGap(s); err != nil || g != want || s.SCPs != nil {
			t.Errorf("%s: gap %+v, policies %+v, error %v, want %+v", name, g, s.SCPs, err, want)
		}
	}
}

func TestFolderErrorsOfServiceControlPolicies(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"another organisation": {"organization.json", `{"Organization": {"Id": "o-other", "MasterAccountId": "999999999999"}}`, "organization.json is of organisation o-other, account 111122223333 is in o-exampleorgid"},
		"queried organisation": {"organization.json", `{"Organization": {"Id": "o-x"}}`, "organization.json: Id or MasterAccountId is missing"},
		"another type":         {"scp-targets/r-abcd.json", `{"Policies": [{"Id": "p-x", "Type": "TAG_POLICY"}]}`, `scp-targets/r-abcd.json: entry 1 is of type "TAG_POLICY": export it with --filter SERVICE_CONTROL_POLICY`},
		"queried list":         {"scp-targets/r-abcd.json", `{"Policies": [{"Name": "x"}]}`, "entry 1 has no Id: export it without --query"},
		"two parents":          {"scp-parents/ou-abcd-low.json", `{"Parents": [{"Id": "r-a"}, {"Id": "r-b"}]}`, "2 parents, and AWS gives each account and unit one"},
		"no text":              {"scp-documents/p-mfa.json", `{"Policy": {"PolicySummary": {"Id": "p-mfa"}}}`, "the policy's Id or Content is missing"},
		"null":                 {"scp-targets/r-abcd.json", `{"Policies": null}`, "Policies is null, which AWS does not answer"},
		"of which policy":      {"p.json", `{"Policies": []}`, "p.json: no export that is known"},
		"a policy of IAM":      {"p.json", `{"Policy": {"PolicyName": "x"}}`, "p.json: no export that is known"},
		"parents of whom":      {"p.json", `{"Parents": [{"Id": "r-a"}]}`, "p.json does not say whom it is about"},
		"an odd time":          {"exported-at.txt", "now", "exported-at.txt: not a time"},
	} {
		files := organizationFiles()
		files[c.file] = c.text
		if _, err := withSCPs(t, files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := withSCPs(t, map[string]string{"i.json": identityAnswer}); err == nil || !strings.Contains(err.Error(), "collect --print-export --org") {
		t.Errorf("of an account's folder: %v", err)
	}
	if _, err := collect.Folder(exportFolder(t, organizationFiles()), collect.FolderOptions{}); err == nil || !strings.Contains(err.Error(), "give it with --scps-from") {
		t.Errorf("in the account's place: %v", err)
	}
}

// A snapshot that was saved without them takes them too.
func TestSnapshotTakesServiceControlPolicies(t *testing.T) {
	s, err := collect.Folder("testdata/export/whole", collect.FolderOptions{TakenAt: exportedAt})
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snapshot.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = collect.Folder(file, collect.FolderOptions{SCPs: exportFolder(t, maps.Clone(organizationFiles()))})
	if g, lacking := scpGap(s); err != nil || s.SCPs == nil || len(s.SCPs.Value) != 4 || lacking {
		t.Errorf("policies %+v, gap %s, error %v", s.SCPs, g, err)
	}
}

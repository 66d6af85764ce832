package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config/compiled"
)

const company = `version: 1
account: "111122223333"
home_region: eu-north-1
sign_in: [{reason: role-session, principal: role, alert: true, severity: medium}]
detections: [{id: many-users-from-address, threshold: 20, window: 30m}]
audit: {hardware: all, overrides: [{group: robots, hardware: at-least-one}], unused_console: 60d, break_glass: [AIDAGLASS]}
accounts: {"444455556666": shop}
exemptions: [{id: AIDAOWN, owner: a, reason: b, expires: 2027-03-31}]
exemption_files:
  - {path: exemptions/shop, accounts: ["444455556666"]}
  - {path: exemptions/pay.yaml}
`

func exempting(entries ...string) *fstest.MapFile {
	text := "version: 1\nexemptions:\n"
	for _, e := range entries {
		text += "  - {owner: a, reason: b, " + e + "}\n"
	}
	return &fstest.MapFile{Data: []byte(text)}
}

// TestSource: the exemptions of files are joined, each bound to the accounts that
// its file may speak for; and the whole, written as JSON, is one file that says it.
func TestSource(t *testing.T) {
	folder := fstest.MapFS{
		"exemptions/shop/a.yaml":      exempting("id: AIDASHOP, expires: 2027-03-31"),
		"exemptions/shop/sub/b.yml":   exempting(`id: "444455556666", checks: [root-mfa], expires: 2027-03-31`),
		"exemptions/shop/README.md":   {Data: []byte("no exemptions")},
		"exemptions/shop/.draft.yaml": {Data: []byte("no YAML: [")},
		"exemptions/pay.yaml":         exempting(`id: AIDAPAY, expires: 2027-03-31, accounts: ["555566667777"]`),
	}
	s := Source{Name: "x/mfawatch.yaml", Data: []byte(company), Folder: folder}
	f, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range f.Posture.Exemptions {
		got = append(got, e.ID+" "+strings.Join(e.Accounts, ","))
	}
	if diff := cmp.Diff([]string{"AIDAOWN ", "AIDASHOP 444455556666", "444455556666 444455556666", "AIDAPAY 555566667777"}, got); diff != "" {
		t.Errorf("exemptions (-want +got)\n%s", diff)
	}
	d, err := ReadDeployment(s.Name, s.Data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(Whole{d, f})
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadFile("again", text)
	if diff := cmp.Diff(f, again); err != nil || diff != "" {
		t.Errorf("written and read again: %v\n%s", err, diff)
	}
	first, err := s.Compile()
	if read, wrong := compiled.Read("f", first); err != nil || wrong != nil || !cmp.Equal(read, f) {
		t.Errorf("compiled: %v, %v", err, wrong)
	}
	folder["exemptions/pay.yaml"].Data = append(folder["exemptions/pay.yaml"].Data, "# another\n"...)
	if second, err := s.Compile(); err != nil || bytes.Equal(first, second) {
		t.Errorf("a change of a file that is named does not show in what is compiled: %v", err)
	}
}

// TestSourceFaults: faults of all files come at once, each with its file and entry.
func TestSourceFaults(t *testing.T) {
	for name, c := range map[string]struct {
		folder fstest.MapFS
		want   string
	}{
		"twice, and of others": {fstest.MapFS{
			"exemptions/shop/a.yaml": exempting("id: AIDASHOP, expires: 2027-03-31", `id: "777788889999", checks: [root-mfa], expires: 2027-03-31`, `id: AIDAX, expires: 2027-03-31, accounts: ["777788889999"]`),
			"exemptions/pay.yaml":    exempting("id: AIDASHOP, expires: 2027-02-31", "id: AIDAOWN, expires: 2027-03-31"),
		}, `exemptions/shop/a.yaml:4:31: exemptions[1].id: it is of account 777788889999, and only 444455556666 may be spoken for here
exemptions/shop/a.yaml:5:70: exemptions[2].accounts[0]: this file may not speak for 777788889999, only for 444455556666
exemptions/pay.yaml:3:31: exemptions[0].id: it is exempt from root-mfa already, in exemptions/shop/a.yaml, line 3; keep one
exemptions/pay.yaml:3:50: exemptions[0].expires: "2027-02-31" is no day or time that there is
exemptions/pay.yaml:4:31: exemptions[1].id: it is exempt from root-mfa already, in mfawatch.yaml, line 8; keep one`},
		"not there, and empty": {fstest.MapFS{"exemptions/shop/README.md": {}},
			`mfawatch.yaml:10:12: exemption_files[0].path: folder "exemptions/shop" holds no .yaml file
mfawatch.yaml:11:12: exemption_files[1].path: open exemptions/pay.yaml: file does not exist`},
		"nowhere": {nil, "mfawatch.yaml:10:12: exemption_files[0].path: other files are not read here\nmfawatch.yaml:11:12: exemption_files[1].path: other files are not read here"},
	} {
		s := Source{Name: "mfawatch.yaml", Data: []byte(company)}
		if c.folder != nil {
			s.Folder = c.folder
		}
		if _, err := s.File(); err == nil || err.Error() != c.want {
			t.Errorf("%s: error\n%v\nwant\n%s", name, err, c.want)
		}
	}
	if _, err := OpenExemptions(fstest.MapFS{}, "../x.yaml"); err == nil || !strings.Contains(err.Error(), "without ..") {
		t.Errorf("out of the folder: %v", err)
	}
}

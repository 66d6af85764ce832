package collect_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

// liveWhole is the account of testdata/export/whole as AWS itself has it.
func liveWhole() *fakeaws.Account {
	a := fakeaws.NewAccount("111122223333")
	spaced := func(action string) string { // AWS keeps the white space that people write
		return "{\"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"" + action + "\"], \"Resource\": \"*\"}]}"
	}
	scoped := a.Policy("scoped", spaced("ec2:*"))
	a.Policies[0].Superseded = spaced("*")
	made := func(name, id, path, at string) *fakeaws.User {
		u := a.User(name)
		u.ID, u.Path, u.Created = id, path, dateOf(at)
		return u
	}
	build := made("build", "AIDAEXAMPLEBUILD00001", "/robots/", "2025-04-04T09:59:00Z")
	build.Tags = map[string]string{"team": "build", "human": "no"}
	build.Inline = map[string]string{"z-put": spaced("s3:PutObject"), "a-get": spaced("s3:GetObject")}
	ada := made("ada", "AIDAEXAMPLEADA0000001", "/", "2025-02-03T04:05:06Z")
	ada.Groups, ada.Attached, ada.Boundary = []string{"admins"}, []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", scoped}, scoped
	ada.Devices = []fakeaws.Device{
		{Serial: adaKey, Enabled: dateOf("2025-02-03T06:00:00Z"), Certifications: map[string]string{"FIDO": "L1", "FIDO-FIPS-140-2": "L2"}},
		{Serial: iamARN + "mfa/ada-phone", Enabled: dateOf("2025-02-03T05:00:00Z")},
	}
	made("bob", "AIDAEXAMPLEBOB0000001", "/", "2025-03-01T00:00:00Z")
	carol := made("carol@example.com", "AIDAEXAMPLECAROL00001", "/eng/", "2025-05-05T05:05:05Z")
	carol.Devices = []fakeaws.Device{{Serial: "GAKT12345678", Enabled: dateOf("2025-05-06T00:00:00Z")}}
	admins := a.Group("admins")
	admins.ID, admins.Attached = "AGPAEXAMPLEADMINS0001", []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
	auditor := a.Role("auditor")
	auditor.ID, auditor.Attached = "AROAEXAMPLEAUDITOR0001", []string{"arn:aws:iam::aws:policy/SecurityAudit"}
	auditor.Trust = wholeAccount().Roles.Value[0].Trust
	a.Unassigned = []string{iamARN + "mfa/spare"}
	a.Root.Devices = []fakeaws.Device{{Serial: iamARN + "mfa/root-account-mfa-device", Enabled: dateOf("2024-01-01T09:00:00Z")}}
	return a
}

// What was exported is what is read live, but for the time, and for what only
// one of them asks.
func TestFolderTellsWhatAccountReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := liveWhole()
		c := company{srv: fakeaws.New(a), accounts: []*fakeaws.Account{a}}
		live, err := collect.Account(t.Context(), c.config(0), collect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		files, err := collect.Folder("testdata/export/whole", collect.FolderOptions{TakenAt: exportedAt})
		if err != nil {
			t.Fatal(err)
		}
		if files.Schema != live.Schema || files.Account != live.Account || files.Partition != live.Partition || files.Report.Call != live.Report.Call || files.Summary.Call != live.Summary.Call {
			t.Errorf("exported: account %s, %s, %s; live: account %s, %s, %s", files.Account, files.Report.Call, files.Summary.Call, live.Account, live.Report.Call, live.Summary.Call)
		}
		for _, s := range []*audit.Snapshot{&files, &live} {
			for i := range s.Users.Value {
				u := &s.Users.Value[i]
				u.LoginProfile, u.AccessKeys = nil, nil
				if u.Name == "bob" || u.Name == "build" {
					u.MFADevices = nil
				}
			}
		}
		type facts struct{ Users, Groups, Policies, Roles, VirtualDevices any }
		of := func(s audit.Snapshot) facts {
			return facts{s.Users, s.Groups, s.Policies, s.Roles, s.VirtualDevices}
		}
		times := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".At" }, cmp.Ignore())
		if diff := cmp.Diff(of(live), of(files), times, cmpopts.IgnoreFields(audit.RoleTrust{}, "Inline")); diff != "" {
			t.Errorf("facts (-live +exported):\n%s", diff)
		}
	})
}

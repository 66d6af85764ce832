package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

const nameless = "the user answered under no name: renamed or deleted meanwhile"

// renaming renames a user each time before they are asked about, at most n times.
func renaming(srv *fakeaws.Server, u *fakeaws.User, n int) func(fakeaws.Call) {
	return func(c fakeaws.Call) {
		srv.Change(func() {
			if c.User == u.Name && n > 0 {
				n--
				u.Name = fmt.Sprintf("renamed%d", n)
			}
		})
	}
}

// userByID is nil for who is not in a snapshot.
func userByID(s audit.Snapshot, id string) *audit.User {
	i := slices.IndexFunc(s.Users.Value, func(u audit.User) bool { return u.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Users.Value[i]
}

// A user who is renamed while the account is read is asked under the new name,
// about everything: the report knows the old one only.
func TestUserRenamedMeanwhile(t *testing.T) {
	for name, times := range map[string]int{"once": 1, "twice": 2, "three times": 3} {
		a := crowd(20)
		srv := frozen(a)
		evil := a.Users[8]
		evil.Password, evil.Keys = true, []fakeaws.Key{a.Key()}
		srv.Before = renaming(srv, evil, times)
		srv.PageSize = 7
		s := readWhole(t, srv, a, collect.Options{})
		u := userByID(s, evil.ID)
		if u == nil || u.Name != "renamed0" || u.ARN != "arn:aws:iam::111122223333:user/renamed0" || u.Access == nil || len(s.Users.Value) != 20 || len(s.Gaps) != 0 {
			t.Fatalf("%s: %+v among %d users, gaps %v", name, u, len(s.Users.Value), s.Gaps)
		}
		if len(u.MFADevices.Value) != 2 || u.MFADevices.Value[1].Certifications == nil || !u.LoginProfile.Value.Exists || len(u.AccessKeys.Value) != 1 {
			t.Errorf("%s: %+v", name, u)
		}
		if !slices.IsSortedFunc(s.Users.Value, func(x, y audit.User) int { return strings.Compare(x.ARN, y.ARN) }) {
			t.Errorf("%s: users are out of order", name)
		}
		want := map[string]int{"iam:ListMFADevices": 12 + times, "iam:GetMFADevice": 12, "iam:GetLoginProfile": 1, "iam:ListAccessKeys": 1}
		if diff := cmp.Diff(want, singles(srv)); diff != "" || srv.Counts()["iam:ListUsers"] != 3*times {
			t.Errorf("%s: %d pages of users, calls (-want +got):\n%s", name, srv.Counts()["iam:ListUsers"], diff)
		}
	}
}

// Whoever is never met under a name stays in the snapshot, unknown.
func TestUserWhoIsAlwaysRenamed(t *testing.T) {
	a := crowd(20)
	srv := frozen(a)
	evil := a.Users[7]
	srv.Before = renaming(srv, evil, 1000)
	s := readWhole(t, srv, a, collect.Options{})
	var want []audit.Gap
	for _, fact := range []audit.Fact{audit.FactAccessKeys, audit.FactCredentialReport, audit.FactLoginProfile, audit.FactMFADevices} {
		want = append(want, fact.Gap(evil.ID, nameless))
	}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	u := userByID(s, evil.ID)
	if u == nil || !strings.HasPrefix(u.Name, "renamed") || u.MFADevices != nil || u.LoginProfile != nil || u.AccessKeys != nil || len(s.Users.Value) != 20 {
		t.Errorf("%+v among %d users", u, len(s.Users.Value))
	}
	if got := srv.Counts()["iam:ListUsers"]; got != 3 || srv.Counts()["iam:ListMFADevices"] != 12+3 {
		t.Errorf("calls %v", srv.Counts())
	}
}

// Where nobody may list the users, nobody knows who was deleted.
func TestMissingUserWhereUsersAreNotListed(t *testing.T) {
	for name, change := range map[string]func(a *fakeaws.Account, u *fakeaws.User){
		"renamed": func(_ *fakeaws.Account, u *fakeaws.User) { u.Name = "other" },
		"deleted": func(a *fakeaws.Account, u *fakeaws.User) { a.Delete(u.Name) },
	} {
		a := crowd(20)
		srv := frozen(a)
		srv.Fault(fakeaws.Denied("iam:ListUsers"))
		evil := a.Users[7]
		old := evil.Name
		srv.Before = func(c fakeaws.Call) {
			if c.User == old {
				srv.Change(func() { change(a, evil) })
			}
		}
		s := readWhole(t, srv, a, collect.Options{})
		var want []audit.Gap
		for _, fact := range []audit.Fact{audit.FactAccessKeys, audit.FactCredentialReport, audit.FactLoginProfile, audit.FactMFADevices} {
			want = append(want, audit.Gap{Fact: fact, Subject: evil.ID, Action: "iam:ListUsers", Reason: nameless})
		}
		if diff := cmp.Diff(want, s.Gaps); diff != "" {
			t.Errorf("%s: gaps (-want +got):\n%s", name, diff)
		}
		if u := userByID(s, evil.ID); u == nil || u.Name != old || u.MFADevices != nil || len(lists(s)) != 11 {
			t.Errorf("%s: %+v, %d lists", name, u, len(lists(s)))
		}
	}
}

// Credentials that end during the search are no answer either: it is gone on
// with later.
func TestSearchThatIsInterrupted(t *testing.T) {
	a := crowd(20)
	srv := frozen(a)
	evil := a.Users[7]
	rename := renaming(srv, evil, 1)
	srv.Before = func(c fakeaws.Call) {
		rename(c)
		if c.Action == "iam:ListUsers" {
			srv.Expire(liveAccount)
		}
	}
	half, err := reading(t, srv, a, collect.Options{})
	if err == nil {
		// The call that expires them is answered: the next is not.
		t.Fatal("not interrupted")
	}
	if userByID(half, evil.ID) == nil || !slices.Contains(half.Gaps, audit.FactMFADevices.Gap("", "interrupted")) {
		t.Errorf("gaps %v", half.Gaps)
	}
	srv.Before = nil
	srv.Renew(liveAccount)
	s := readWhole(t, srv, a, collect.Options{Resume: again(t, half)})
	if u := userByID(s, evil.ID); len(s.Gaps) != 0 || u == nil || u.Name != "renamed0" || u.MFADevices == nil {
		t.Errorf("gaps %v, %+v", s.Gaps, u)
	}
}

// A name may be nobody's in the middle of a user's questions: that there is no
// password then is no fact about them.
func TestUserRenamedBetweenTheirQuestions(t *testing.T) {
	for _, action := range []string{"iam:ListMFADevices", "iam:GetLoginProfile", "iam:ListAccessKeys", "iam:GetMFADevice"} {
		a := fakeaws.NewAccount(liveAccount)
		a.MakeReport(noon)
		evil := a.User("evil") // newer than the report
		evil.Password, evil.Devices, evil.Keys = true, []fakeaws.Device{a.FIDO("evil", "key", nil)}, []fakeaws.Key{a.Key()}
		srv := frozen(a)
		srv.Before = func(c fakeaws.Call) {
			if c.Action == action && c.N == 1 {
				srv.Change(func() { evil.Name = "other" })
			}
		}
		s := readWhole(t, srv, a, collect.Options{})
		u := userByID(s, evil.ID)
		if u == nil || u.Name != "other" || !u.LoginProfile.Value.Exists || len(u.AccessKeys.Value) != 1 || u.MFADevices.Value[0].Certifications == nil || len(s.Gaps) != 0 {
			t.Errorf("renamed before %s: %+v, gaps %v", action, u, s.Gaps)
		}
	}
}

// Whose name somebody else has taken was answered for by them: once the users
// are listed anew, that shows.
func TestNameTakenOver(t *testing.T) {
	a := fakeaws.NewAccount(liveAccount)
	evil, good, left := a.User("a-evil"), a.User("b-good"), a.User("c-left")
	for _, u := range a.Users {
		u.Devices = []fakeaws.Device{fakeaws.Token("GAKT" + u.Name)}
	}
	evil.Password = true
	srv := frozen(a)
	a.MakeReport(noon)
	evil.Devices = nil
	refused := fakeaws.Denied("iam:ListMFADevices") // under the name that was not theirs
	refused.User, refused.Times = "b-good", 1
	srv.Fault(refused)
	srv.Before = func(c fakeaws.Call) {
		if c.Action == "iam:ListMFADevices" && c.N == 1 { // the first name is nobody's now, the second another's
			srv.Change(func() { evil.Name, good.Name = "b-good", "good"; a.Delete(left.Name) })
		}
	}
	s := readWhole(t, srv, a, collect.Options{})
	for _, u := range []*fakeaws.User{evil, good} {
		got := userByID(s, u.ID)
		if got == nil || got.Name != u.Name || got.MFADevices == nil || len(got.MFADevices.Value) != len(u.Devices) {
			t.Errorf("%s: %+v", u.Name, got)
		}
	}
	if userByID(s, left.ID) != nil || len(s.Gaps) != 1 {
		t.Errorf("%d users, gaps %v", len(s.Users.Value), s.Gaps)
	}
}

// What was refused under the old name counts no more under the new one, and a
// list of an earlier run is not taken over for it.
func TestRenamedInAWarmRun(t *testing.T) {
	a := fakeaws.NewAccount(liveAccount)
	evil := a.User("evil")
	evil.Devices = []fakeaws.Device{a.FIDO("evil", "key", nil)}
	srv := frozen(a)
	before := readWhole(t, srv, a, collect.Options{})
	before.Users.Value[0].MFADevices.Value[0].Certifications = nil
	evil.Devices = append(evil.Devices, fakeaws.Token("GAKT1"))
	srv.Before = renaming(srv, evil, 1)
	s := readWhole(t, srv, a, collect.Options{Since: &collect.Since{Snapshot: before, Changes: changed(t)}})
	if u := s.Users.Value[0]; u.Name != "renamed0" || len(u.MFADevices.Value) != 2 || len(s.Gaps) != 0 {
		t.Errorf("%+v, gaps %v", u, s.Gaps)
	}
}

package collect_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

const liveAccount = "111122223333"

// noon is the time that frozen clocks show.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// asAuditor are the settings of a caller of an account, without a socket.
func asAuditor(srv *fakeaws.Server, a *fakeaws.Account) aws.Config {
	return aws.Config{
		Region: "eu-north-1", HTTPClient: srv.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey(), "secret", ""),
	}
}

// frozen is a server whose clock stands still at noon.
func frozen(a *fakeaws.Account) *fakeaws.Server {
	srv := fakeaws.New(a)
	srv.Now = atNoon
	return srv
}

// reading reads an account while waiting takes no time.
func reading(t *testing.T, srv *fakeaws.Server, a *fakeaws.Account, o collect.Options) (audit.Snapshot, error) {
	t.Helper()
	return readingUntil(t, context.Background(), srv, a, o)
}

func readingUntil(t *testing.T, ctx context.Context, srv *fakeaws.Server, a *fakeaws.Account, o collect.Options) (s audit.Snapshot, err error) {
	t.Helper()
	if o.Now == nil {
		o.Now = atNoon
	}
	synctest.Test(t, func(*testing.T) { s, err = collect.Account(ctx, asAuditor(srv, a), o) })
	return s, err
}

// readWhole reads an account and expects no error.
func readWhole(t *testing.T, srv *fakeaws.Server, a *fakeaws.Account, o collect.Options) audit.Snapshot {
	t.Helper()
	s, err := reading(t, srv, a, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// crowd is an account of n users: of every five, two without a device, one with
// a virtual one, one with a virtual one and a key, one with a token and two keys.
func crowd(n int) *fakeaws.Account {
	a := fakeaws.NewAccount(liveAccount)
	for i := range n {
		u := a.User(fmt.Sprintf("user%04d", i))
		u.Password = i%2 == 0
		switch i % 5 {
		case 2:
			u.Devices = []fakeaws.Device{a.Virtual(u.Name)}
		case 3:
			u.Devices = []fakeaws.Device{a.Virtual(u.Name), a.FIDO(u.Name, "key", nil)}
		case 4:
			u.Devices = []fakeaws.Device{fakeaws.Token("GAKT" + u.ID), a.FIDO(u.Name, "a", map[string]string{"FIDO": "L1"}), a.FIDO(u.Name, "b", nil)}
		}
	}
	return a
}

// holders counts users of a crowd: with MFA, virtual devices, security keys.
func holders(a *fakeaws.Account) (m, v, f int) {
	for _, u := range a.Users {
		m += min(1, len(u.Devices))
		for _, d := range u.Devices {
			v += strings.Count(d.Serial, ":mfa/")
			f += strings.Count(d.Serial, ":u2f/")
		}
	}
	return m, v + len(a.Unassigned), f
}

func pagesFor(n, size int) int { return max(1, (n+size-1)/size) }

// The promise: the calls for an account of n users, m of them with MFA, who have
// f security keys, and v virtual devices.
func TestCallsForAnAccount(t *testing.T) {
	for _, c := range []struct{ n, page, polls int }{
		{0, 0, 0}, {1, 0, 0}, {4, 0, 3}, {100, 0, 1}, {100, 7, 0}, {100, 3, 2}, {5000, 0, 1}, {5000, 300, 0},
	} {
		t.Run(fmt.Sprintf("%d users, pages of %d, %d polls", c.n, c.page, c.polls), func(t *testing.T) {
			a := crowd(c.n)
			a.Unassigned = []string{"arn:aws:iam::" + liveAccount + ":mfa/nobody"}
			a.Group("admins")
			a.Report.Polls = c.polls
			srv := frozen(a)
			srv.PageSize = c.page
			s := readWhole(t, srv, a, collect.Options{})
			m, v, f := holders(a)
			size := 1000
			if c.page > 0 {
				size = c.page
			}
			want := map[string]int{
				"iam:GenerateCredentialReport": 1 + c.polls, "iam:GetCredentialReport": 1, "iam:GetAccountSummary": 1, "iam:ListOrganizationsFeatures": 1,
				"iam:ListVirtualMFADevices": pagesFor(v, size), "iam:GetAccountAuthorizationDetails": pagesFor(c.n+1, size),
			}
			if m > 0 {
				want["iam:ListMFADevices"] = m
			}
			if f > 0 {
				want["iam:GetMFADevice"] = f
			}
			if diff := cmp.Diff(want, srv.Counts()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if got := lists(s); len(got) != m || len(s.Users.Value) != c.n || len(s.Gaps) != 0 {
				t.Errorf("%d users, %d with a list of devices, gaps %v; want %d and %d", len(s.Users.Value), len(got), s.Gaps, c.n, m)
			}
			if srv.MostInFlight() > 2 {
				t.Errorf("%d calls in flight", srv.MostInFlight())
			}
		})
	}
}

// lists are the names of users whose devices were listed.
func lists(s audit.Snapshot) []string {
	var names []string
	for _, u := range s.Users.Value {
		if u.MFADevices != nil {
			names = append(names, u.Name)
		}
	}
	return names
}

// A user's own list may come in pages too.
func TestShortPagesOfOneUser(t *testing.T) {
	a := crowd(5)
	srv := frozen(a)
	srv.PageSize = 1
	s := readWhole(t, srv, a, collect.Options{})
	if got := srv.Counts()["iam:ListMFADevices"]; got != 1+2+3 {
		t.Errorf("ListMFADevices was called %d times, want once a device", got)
	}
	if last := s.Users.Value[4]; len(last.MFADevices.Value) != 3 {
		t.Errorf("devices of the last user: %v", last.MFADevices)
	}
}

// Nobody is asked who the caller is while a fact says whose account it is.
func TestWhoseAccount(t *testing.T) {
	virtual := "arn:aws-cn:iam::" + liveAccount + ":mfa/nobody"
	for name, c := range map[string]struct {
		with  func(a *fakeaws.Account)
		asked int
	}{
		"nothing at all":      {func(a *fakeaws.Account) {}, 1},
		"a user":              {func(a *fakeaws.Account) { a.User("ada") }, 0},
		"a group":             {func(a *fakeaws.Account) { a.Group("g") }, 0},
		"a role":              {func(a *fakeaws.Account) { a.Role("r") }, 0},
		"a policy":            {func(a *fakeaws.Account) { a.Policy("p", "{}") }, 0},
		"a policy of AWS":     {func(a *fakeaws.Account) { a.Policies = []*fakeaws.Policy{{ARN: "arn:aws:iam::aws:policy/P"}} }, 1},
		"a virtual device":    {func(a *fakeaws.Account) { a.Unassigned = []string{virtual} }, 0},
		"the root row alone":  {func(a *fakeaws.Account) { a.Root.NoRow = false }, 0},
		"no report, one user": {func(a *fakeaws.Account) { a.Report.Never = true; a.User("ada") }, 0},
	} {
		a := fakeaws.NewAccount(liveAccount)
		a.Partition, a.Root.NoRow = "aws-cn", true
		c.with(a)
		srv := frozen(a)
		s := readWhole(t, srv, a, collect.Options{})
		if got := srv.Counts()["sts:GetCallerIdentity"]; got != c.asked || s.Account != liveAccount || s.Partition != "aws-cn" {
			t.Errorf("%s: asked %d times, account %q, partition %q, want %d", name, got, s.Account, s.Partition, c.asked)
		}
	}
}

// rich is an account with one of everything.
func rich() *fakeaws.Account {
	a := fakeaws.NewAccount(liveAccount)
	a.Root.Password, a.Root.Devices = true, []fakeaws.Device{a.Virtual("root-device")}
	own := a.Policy("own", "{\n \"Statement\": [ {\"Effect\":\"Allow\", \"Action\":\"s3:*\", \"Resource\":\"100% + <ä>\"} ]}")
	a.Policies[0].Superseded = `{"Statement":"old"}`
	ada := a.User("ada")
	ada.Path, ada.Password, ada.Tags, ada.Groups = "/eng/", true, map[string]string{"team": "a & b", "cost": ""}, []string{"ops", "admins"}
	ada.Attached, ada.Inline, ada.Boundary = []string{own, "arn:aws:iam::aws:policy/ReadOnlyAccess"}, map[string]string{"z": `{"a": 1}`, "b": `{}`}, own
	ada.Devices = []fakeaws.Device{a.Virtual("phone"), a.FIDO("ada", "key", map[string]string{"FIDO": "L2"}), fakeaws.Token("GAKT1"), a.FIDO("ada", "passkey", nil)}
	a.User("Bob").Password = true
	a.Group("ops").Attached = []string{own}
	a.Group("admins").Inline = map[string]string{"all": `{"Statement":[]}`}
	role := a.Role("deploy")
	role.Attached, role.Boundary, role.Inline = []string{own}, own, map[string]string{"x": `{}`}
	a.Unassigned = []string{"arn:aws:iam::" + liveAccount + ":mfa/unused"}
	return a
}

func noticed[T any](call string, value T) *audit.Read[T] {
	return &audit.Read[T]{Call: call, At: noon, Value: value}
}

func TestFactsOfAnAccount(t *testing.T) {
	a := rich()
	s := readWhole(t, frozen(a), a, collect.Options{})
	const details, arn = "iam:GetAccountAuthorizationDetails", "arn:aws:iam::111122223333:"
	own, document := arn+"policy/own", `{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"100% + <ä>"}]}`
	made := time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)
	enabled := made.Add(time.Hour)
	report, err := audit.ParseCredentialReport([]byte(a.CredentialReport()))
	if err != nil {
		t.Fatal(err)
	}
	report.Generated = noon
	ada := audit.User{
		ID: a.Users[0].ID, Name: "ada", ARN: arn + "user/eng/ada", Path: "/eng/", Created: made, Tags: noticed(details, map[string]string{"team": "a & b", "cost": ""}),
		Access: noticed(details, audit.Access{Groups: []string{"admins", "ops"}, Attached: []string{own, "arn:aws:iam::aws:policy/ReadOnlyAccess"}, Inline: []audit.InlinePolicy{{Name: "b", Document: "{}"}, {Name: "z", Document: `{"a":1}`}}, Boundary: own}),
		MFADevices: noticed("iam:ListMFADevices", []audit.MFADevice{
			{Serial: "GAKT1", Enabled: enabled}, {Serial: arn + "mfa/phone", Enabled: enabled},
			{Serial: arn + "u2f/user/ada/key-ABCDEFGHIJKLMNOPQRSTUVWXYZ", Enabled: enabled, Certifications: noticed("iam:GetMFADevice", map[string]string{"FIDO": "L2"})},
			{Serial: arn + "u2f/user/ada/passkey-ABCDEFGHIJKLMNOPQRSTUVWXYZ", Enabled: enabled, Certifications: noticed("iam:GetMFADevice", map[string]string{})},
		}),
	}
	bob := audit.User{
		ID: a.Users[1].ID, Name: "Bob", ARN: arn + "user/Bob", Path: "/", Created: made, Tags: noticed(details, map[string]string{}),
		Access: noticed(details, audit.Access{Groups: []string{}, Attached: []string{}, Inline: []audit.InlinePolicy{}}),
	}
	want := audit.Snapshot{
		Schema: audit.SnapshotSchema, Account: liveAccount, Partition: "aws", TakenAt: noon,
		Report: noticed("iam:GetCredentialReport", report),
		Summary: noticed("iam:GetAccountSummary", map[string]int{"Users": 2, "Groups": 2, "Roles": 1, "MFADevices": 6, "AccountMFAEnabled": 1, "AccountPasswordPresent": 1,
			"AccountAccessKeysPresent": 0, "GlobalEndpointTokenVersion": 1}),
		Organization: noticed("iam:ListOrganizationsFeatures", audit.OrganizationFeatures{Enabled: []string{}}),
		Users:        noticed(details, []audit.User{bob, ada}),
		Groups: noticed(details, []audit.Group{
			{ID: a.Groups[1].ID, Name: "admins", ARN: arn + "group/admins", Attached: []string{}, Inline: []audit.InlinePolicy{{Name: "all", Document: `{"Statement":[]}`}}},
			{ID: a.Groups[0].ID, Name: "ops", ARN: arn + "group/ops", Attached: []string{own}, Inline: []audit.InlinePolicy{}},
		}),
		Policies: noticed(details, []audit.ManagedPolicy{{ARN: own, Document: document}}),
		Roles: noticed(details, []audit.RoleTrust{{ID: a.Roles[0].ID, Name: "deploy", ARN: arn + "role/deploy", Trust: `{"Version":"2012-10-17","Statement":[]}`,
			Attached: []string{own}, Inline: []audit.InlinePolicy{{Name: "x", Document: "{}"}}, Boundary: own}}),
		VirtualDevices: noticed("iam:ListVirtualMFADevices", []audit.VirtualDevice{
			{Serial: arn + "mfa/phone", OwnerID: a.Users[0].ID, OwnerARN: arn + "user/eng/ada", Enabled: enabled},
			{Serial: arn + "mfa/root-device", OwnerID: liveAccount, OwnerARN: arn + "root", Enabled: enabled},
			{Serial: arn + "mfa/unused"},
		}),
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

// The same account gives the same bytes, however AWS cuts its lists, in whatever
// order, and whoever answers first.
func TestSameAccountSameBytes(t *testing.T) {
	first := encode(t, readWhole(t, frozen(rich()), rich(), collect.Options{}))
	for page := range 5 {
		a := rich()
		slices.Reverse(a.Users)
		slices.Reverse(a.Groups)
		slices.Reverse(a.Unassigned)
		slices.Reverse(a.Users[1].Devices)
		srv := frozen(a)
		srv.PageSize = page
		srv.Latency = time.Duration(page) * time.Second
		if diff := cmp.Diff(first, encode(t, readWhole(t, srv, a, collect.Options{Rate: float64(1 + page)}))); diff != "" {
			t.Errorf("pages of %d (-first +got):\n%s", page, diff)
		}
	}
}

func encode(t *testing.T, s audit.Snapshot) string {
	t.Helper()
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.DecodeSnapshot(b); err != nil {
		t.Errorf("the snapshot cannot be read back: %v", err)
	}
	return string(b)
}

// Whom the report does not tell enough about, and what is asked of them.
func TestWhoIsAsked(t *testing.T) {
	minutes := func(n int) time.Time { return noon.Add(-time.Duration(n) * time.Minute) }
	all := map[string]int{"iam:ListMFADevices": 1, "iam:GetLoginProfile": 1, "iam:ListAccessKeys": 1}
	one := map[string]int{"iam:ListMFADevices": 1}
	for name, c := range map[string]struct {
		made  time.Time
		after func(a *fakeaws.Account) // what changes after the report
		want  map[string]int
	}{
		"nothing, young report":         {minutes(5), func(a *fakeaws.Account) {}, nil},
		"nothing, old report":           {minutes(5).Add(-1), func(a *fakeaws.Account) {}, one},
		"a device that is not virtual":  {minutes(1), func(a *fakeaws.Account) { a.Users[0].Devices = []fakeaws.Device{fakeaws.Token("X")} }, nil},
		"a virtual device":              {minutes(1), func(a *fakeaws.Account) { a.Users[0].Devices = []fakeaws.Device{a.Virtual("v")} }, one},
		"another user, new":             {minutes(1), func(a *fakeaws.Account) { a.User("new") }, all},
		"deleted and made again":        {minutes(1), func(a *fakeaws.Account) { a.Users[0].Created = minutes(0); a.Users[0].ID = "AIDANEW" }, all},
		"deleted":                       {minutes(1), func(a *fakeaws.Account) { a.Delete("ada") }, nil},
		"moved to another path":         {minutes(1), func(a *fakeaws.Account) { a.Users[0].Path = "/x/" }, all},
		"report without a date":         {time.Time{}, func(a *fakeaws.Account) {}, one},
		"a report that is not of today": {minutes(239), func(a *fakeaws.Account) { a.User("new") }, map[string]int{"iam:ListMFADevices": 2, "iam:GetLoginProfile": 1, "iam:ListAccessKeys": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			a := fakeaws.NewAccount(liveAccount)
			a.User("ada").Password = true
			srv := frozen(a)
			a.MakeReport(c.made)
			if c.made.IsZero() {
				a.MakeReport(noon)
				a.Report.Undated = true
			}
			c.after(a)
			s := readWhole(t, srv, a, collect.Options{})
			if diff := cmp.Diff(c.want, singles(srv)); diff != "" {
				t.Errorf("calls for single users (-want +got):\n%s", diff)
			}
			if len(s.Gaps) != 0 {
				t.Errorf("gaps %v", s.Gaps)
			}
		})
	}
}

// singles are the counts of the calls for single users, nil without any.
func singles(srv *fakeaws.Server) map[string]int {
	var counts map[string]int
	for _, action := range []string{"iam:ListMFADevices", "iam:GetMFADevice", "iam:GetLoginProfile", "iam:ListAccessKeys"} {
		if n := srv.Counts()[action]; n > 0 {
			if counts == nil {
				counts = map[string]int{}
			}
			counts[action] = n
		}
	}
	return counts
}

// Each cell of the report is believed for itself.
func TestCellsThatTellNothing(t *testing.T) {
	for cell, want := range map[string]map[string]int{
		"mfa_active": {"iam:ListMFADevices": 1}, "password_enabled": {"iam:GetLoginProfile": 1}, "access_key_2_active": {"iam:ListAccessKeys": 1}, "access_key_1_active": {"iam:ListAccessKeys": 1},
		"cert_1_active": nil, "user_creation_time": nil,
	} {
		a := fakeaws.NewAccount(liveAccount)
		u := a.User("ada")
		u.Keys, u.Password = []fakeaws.Key{a.Key(), {ID: "AKIAOLD", Inactive: true}}, true
		a.Report.Cell = func(column, text string) string {
			if column == cell {
				return "not_supported"
			}
			return text
		}
		srv := frozen(a)
		s := readWhole(t, srv, a, collect.Options{})
		if diff := cmp.Diff(want, singles(srv)); diff != "" {
			t.Errorf("%s is not_supported, calls (-want +got):\n%s", cell, diff)
		}
		got := s.Users.Value[0]
		if got.AccessKeys != nil && (len(got.AccessKeys.Value) != 2 || !got.AccessKeys.Value[0].Active || got.AccessKeys.Value[1].Active) {
			t.Errorf("keys %v", got.AccessKeys.Value)
		}
		if got.LoginProfile != nil && !got.LoginProfile.Value.Exists {
			t.Error("the password is not seen")
		}
	}
}

// What a user without a row turns out to have.
func TestUserNewerThanTheReport(t *testing.T) {
	a := fakeaws.NewAccount(liveAccount)
	srv := frozen(a)
	a.MakeReport(noon.Add(-time.Minute))
	without, with := a.User("key-only"), a.User("signs-in")
	without.Keys = []fakeaws.Key{a.Key()}
	with.Password, with.ResetRequired, with.PasswordMade = true, true, noon.Add(-30*time.Second)
	s := readWhole(t, srv, a, collect.Options{})
	want := []audit.LoginProfile{{}, {Exists: true, ResetRequired: true, Created: with.PasswordMade}}
	for i, u := range s.Users.Value {
		if u.LoginProfile == nil || u.LoginProfile.Value != want[i] || u.MFADevices == nil || len(u.MFADevices.Value) != 0 || len(u.AccessKeys.Value) != 1-i {
			t.Errorf("%s: %+v", u.Name, u)
		}
	}
}

// --fast asks nobody, and says of whom it would have had to.
func TestFast(t *testing.T) {
	a := crowd(10)
	srv := frozen(a)
	s := readWhole(t, srv, a, collect.Options{Fast: true})
	if got := singles(srv); got != nil {
		t.Errorf("calls for single users: %v", got)
	}
	want := []audit.Gap{audit.FactMFADevices.Gap("", "not asked (--fast)")}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	a.User("new")
	want = []audit.Gap{audit.FactAccessKeys.Gap("", "not asked (--fast)"), audit.FactLoginProfile.Gap("", "not asked (--fast)"), want[0]}
	if diff := cmp.Diff(want, readWhole(t, srv, a, collect.Options{Fast: true}).Gaps); diff != "" {
		t.Errorf("gaps with a new user (-want +got):\n%s", diff)
	}
	empty := fakeaws.NewAccount(liveAccount)
	if s := readWhole(t, frozen(empty), empty, collect.Options{Fast: true}); len(s.Gaps) != 0 {
		t.Errorf("gaps of an account without users: %v", s.Gaps)
	}
}

// A user who is deleted while the account is read is in the snapshot no more:
// what the report said about them is no fact.
func TestUserDeletedMeanwhile(t *testing.T) {
	a := crowd(20)
	srv := frozen(a)
	gone := a.Users[7]
	srv.Before = func(c fakeaws.Call) {
		if c.User == gone.Name {
			srv.Change(func() { a.Delete(gone.Name) })
		}
	}
	s := readWhole(t, srv, a, collect.Options{})
	want := []audit.Gap{audit.FactMFADevices.Gap(gone.ID, "the user was deleted meanwhile")}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(s.Users.Value, func(u audit.User) bool { return u.ID == gone.ID }) || len(s.Users.Value) != 19 {
		t.Errorf("%d users, %s among them or somebody lost", len(s.Users.Value), gone.Name)
	}
}

func TestDeviceRemovedMeanwhile(t *testing.T) {
	a := fakeaws.NewAccount(liveAccount)
	u := a.User("ada")
	key := a.FIDO("ada", "key", nil)
	u.Devices = []fakeaws.Device{key}
	srv := frozen(a)
	srv.Before = func(c fakeaws.Call) {
		if c.Action == "iam:GetMFADevice" {
			srv.Change(func() { u.Devices = nil })
		}
	}
	s := readWhole(t, srv, a, collect.Options{})
	want := []audit.Gap{audit.FactCertifications.Gap(key.Serial, "the device was removed meanwhile")}
	if diff := cmp.Diff(want, s.Gaps); diff != "" || s.Users.Value[0].MFADevices.Value[0].Certifications != nil {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// The rate holds for every call; answers that take their time do not slow it
// down while two calls are in flight.
func TestRate(t *testing.T) {
	for _, c := range []struct{ rate, holds float64 }{{0, collect.DefaultRate}, {2, 2}, {100, 100}} {
		a := crowd(100)
		srv := frozen(a)
		srv.Latency = time.Duration(1.5 / c.holds * float64(time.Second))
		var took time.Duration
		synctest.Test(t, func(*testing.T) {
			began := time.Now()
			if _, err := collect.Account(context.Background(), asAuditor(srv, a), collect.Options{Rate: c.rate, Now: atNoon}); err != nil {
				t.Error(err)
			}
			took = time.Since(began)
		})
		calls := float64(len(srv.Calls()))
		if got := calls / took.Seconds(); got > c.holds*calls/(calls-3) || got < c.holds*0.9 {
			t.Errorf("rate %v: %v calls a second, want %v", c.rate, got, c.holds)
		}
	}
}

func TestProgress(t *testing.T) {
	a := crowd(60)
	srv := frozen(a)
	srv.Latency = time.Second
	srv.Fault(fakeaws.Fault{Action: "iam:ListMFADevices", User: "user0003", Status: 404, Code: "NoSuchEntity"})
	last, most := 0, 0
	calls := func(done, total int) {
		if done < last || done > total || done > last+1 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last, most = done, total
	}
	readWhole(t, srv, a, collect.Options{Progress: calls})
	if want := srv.Counts()["iam:ListMFADevices"] + srv.Counts()["iam:GetMFADevice"]; last != want || most != want || want == 0 {
		t.Errorf("progress ended at %d of %d, there were %d calls", last, most, want)
	}
	if srv.MostInFlight() != 2 {
		t.Errorf("%d calls in flight, want 2", srv.MostInFlight())
	}
}

// What the printed policy allows is what is asked.
func TestPolicyIsWhatIsAsked(t *testing.T) {
	a := rich()
	a.MakeReport(noon)
	a.User("new")
	srv := frozen(a)
	srv.Before = renaming(srv, a.Users[0], 1)
	readWhole(t, srv, a, collect.Options{})
	got := slices.Sorted(maps.Keys(srv.Counts()))
	if diff := cmp.Diff(allowedActions(t, collect.Policy()), got); diff != "" {
		t.Errorf("actions allowed and asked (-allowed +asked):\n%s", diff)
	}
}

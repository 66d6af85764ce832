package posture_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// Every case is judged as it is evaluated, and its counts are those of its
// findings.
func TestJudgeCountsWhatEvaluateFinds(t *testing.T) {
	for _, c := range cases(t) {
		findings := posture.Evaluate(c.snapshot, c.rules)
		j := posture.Judge(c.snapshot, c.rules)
		if diff := cmp.Diff(findings, j.Findings); diff != "" {
			t.Fatalf("%s: Evaluate and Judge differ:\n%s", c.Path, diff)
		}
		if got := recount(findings); !cmp.Equal(got, j.Summary.ByOutcome) {
			t.Errorf("%s: by outcome %v, want %v", c.Path, j.Summary.ByOutcome, got)
		}
		total := 0
		for _, outcomes := range j.Summary.ByCheck {
			for _, n := range outcomes {
				total += n
			}
		}
		if total != len(findings) {
			t.Errorf("%s: %d findings by check, want %d", c.Path, total, len(findings))
		}
		ranked(t, c.Path, j.Roster)
	}
}

func recount(findings []audit.Finding) map[audit.Outcome]int {
	n := map[audit.Outcome]int{}
	for _, f := range findings {
		n[f.Outcome]++
	}
	return n
}

func ranked(t *testing.T, file string, roster []posture.Holder) {
	t.Helper()
	if !slices.IsSortedFunc(roster, func(a, b posture.Holder) int { return int(b.Worst) - int(a.Worst) }) {
		t.Errorf("%s: the roster is not ranked", file)
	}
	if n := len(slices.DeleteFunc(slices.Clone(roster), func(h posture.Holder) bool { return h.Kind != audit.RootSubject })); n != 1 {
		t.Errorf("%s: root is in the roster %d times", file, n)
	}
}

// roster writes one line for each holder.
func rosterOf(j posture.Account) string {
	var b strings.Builder
	for _, h := range j.Roster {
		fmt.Fprintf(&b, "%s password=%s key=%s admin=%s mfa=%s %v complete=%v signed=%s worst=%s failures=%d unknowns=%d risk=%d\n",
			h.Name, h.Password, h.AccessKey, h.Admin, h.MFA, h.Factors, h.Complete, h.SignedIn.Format(time.DateOnly), h.Worst, h.Failures, h.Unknowns, h.Risk)
	}
	return b.String()
}

func TestRosterAndSummary(t *testing.T) {
	j := posture.Judge(small(), posture.Rules{})
	want := `ada password=yes key=no admin=yes mfa=no [] complete=true signed=2026-11-18 worst=critical failures=5 unknowns=2 risk=1220
root password=yes key=no admin=yes mfa=yes [] complete=false signed=2025-01-02 worst=info failures=0 unknowns=2 risk=0
ben password=yes key=no admin=no mfa=yes [fido virtual] complete=true signed=2026-11-19 worst=info failures=0 unknowns=0 risk=0
cyd password=no key=unknown admin=unknown mfa=unknown [] complete=false signed=0001-01-01 worst=info failures=0 unknowns=9 risk=0
`
	if diff := cmp.Diff(want, rosterOf(j)); diff != "" {
		t.Errorf("roster (-want +got):\n%s", diff)
	}
	s := j.Summary
	got := []int{s.Users, s.Console, s.ConsoleWithoutMFA, s.ConsoleUnknown, s.WithoutMFA, s.MFAUnknown, s.Admins, s.AdminsWithoutMFA, s.Factors[audit.VirtualFactor], s.Factors[audit.FIDOFactor]}
	if diff := cmp.Diff([]int{3, 2, 1, 0, 1, 1, 1, 1, 1, 1}, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[audit.Severity]int{audit.Critical: 1, audit.High: 2, audit.Medium: 2}, s.BySeverity); diff != "" {
		t.Errorf("failures by severity (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[audit.Outcome]int{audit.Fail: 1, audit.Pass: 1, audit.NotApplicable: 1}, s.ByCheck["user-console-mfa"]); diff != "" {
		t.Errorf("user-console-mfa by outcome (-want +got):\n%s", diff)
	}
}

// Without a report there is no time it was made at, and no gap is an empty list:
// a reader of the JSON need not tell null from [].
func TestJudgeSaysWhoseAccountItIs(t *testing.T) {
	s := small()
	s.Alias = "example"
	s.TakenAt = s.TakenAt.Add(time.Hour)
	s.Gaps = []audit.Gap{audit.FactKeyLastUsed.Gap("AIDACYD", "throttled")}
	bare := audit.Snapshot{Schema: audit.SnapshotSchema, Account: "111122223333", Partition: "aws-cn", TakenAt: s.TakenAt}
	for name, c := range map[string]struct {
		snapshot audit.Snapshot
		want     posture.Account
	}{
		"read":        {s, posture.Account{Account: "111122223333", Alias: "example", Partition: "aws", TakenAt: s.TakenAt, ReportMade: s.TakenAt.Add(-time.Hour), Gaps: s.Gaps}},
		"hardly read": {bare, posture.Account{Account: "111122223333", Partition: "aws-cn", TakenAt: s.TakenAt, Gaps: []audit.Gap{}}},
	} {
		j := posture.Judge(c.snapshot, posture.Rules{})
		j.Summary, j.Roster, j.Findings = posture.Summary{}, nil, nil
		if diff := cmp.Diff(c.want, j); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is not known is counted as not known: never as a user without password,
// never as one without a device, and not at all where the other fact settles it.
func TestUsersAreCounted(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	profiles := map[posture.Known]*audit.Read[audit.LoginProfile]{
		posture.Yes: read("iam:GetLoginProfile", at, audit.LoginProfile{Exists: true}), posture.No: read("iam:GetLoginProfile", at, audit.LoginProfile{}),
	}
	devices := map[posture.Known]*audit.Read[[]audit.MFADevice]{
		posture.Yes: read("iam:ListMFADevices", at, []audit.MFADevice{{Serial: "GAKT12345678"}}), posture.No: read("iam:ListMFADevices", at, []audit.MFADevice{}),
	}
	access := map[posture.Known]*audit.Read[audit.Access]{
		posture.Yes: read("iam:GetAccountAuthorizationDetails", at, audit.Access{Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}),
		posture.No:  read("iam:GetAccountAuthorizationDetails", at, audit.Access{}),
	}
	for _, c := range []struct {
		password, mfa, admin posture.Known
		want                 posture.Summary
	}{
		{posture.Yes, posture.Yes, posture.Yes, posture.Summary{Console: 1, Admins: 1}},
		{posture.Yes, posture.No, posture.Yes, posture.Summary{Console: 1, ConsoleWithoutMFA: 1, WithoutMFA: 1, Admins: 1, AdminsWithoutMFA: 1}},
		{posture.Yes, posture.NotKnown, posture.No, posture.Summary{Console: 1, ConsoleUnknown: 1, MFAUnknown: 1}},
		{posture.No, posture.Yes, posture.No, posture.Summary{}},
		{posture.No, posture.No, posture.No, posture.Summary{WithoutMFA: 1}},
		{posture.No, posture.NotKnown, posture.NotKnown, posture.Summary{MFAUnknown: 1}},
		{posture.NotKnown, posture.Yes, posture.NotKnown, posture.Summary{}},
		{posture.NotKnown, posture.No, posture.NotKnown, posture.Summary{ConsoleUnknown: 1, WithoutMFA: 1}},
		{posture.NotKnown, posture.NotKnown, posture.Yes, posture.Summary{ConsoleUnknown: 1, MFAUnknown: 1, Admins: 1}},
	} {
		s := small()
		s.Report = nil
		s.Users.Value = []audit.User{{
			ID: "AIDAADA", Name: "ada", ARN: "arn:aws:iam::111122223333:user/ada", Path: "/",
			LoginProfile: profiles[c.password], MFADevices: devices[c.mfa], Access: access[c.admin],
		}}
		j := posture.Judge(s, posture.Rules{})
		h := j.Roster[slices.IndexFunc(j.Roster, func(h posture.Holder) bool { return h.Name == "ada" })]
		if h.Password != c.password || h.MFA != c.mfa || h.Admin != c.admin {
			t.Fatalf("password %s, MFA %s, admin %s; want %+v", h.Password, h.MFA, h.Admin, c)
		}
		got := j.Summary
		got.ByOutcome, got.BySeverity, got.ByCheck, got.Factors = nil, nil, nil, nil
		c.want.Users = 1
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("password %s, MFA %s, admin %s (-want +got):\n%s", c.password, c.mfa, c.admin, diff)
		}
	}
}

// Accepted failures are counted apart: they are not clean.
func TestExemptFailuresAreCounted(t *testing.T) {
	rules := posture.Rules{Exemptions: []audit.Exemption{exemption("AIDAADA", "user-any-mfa", "admin-mfa"), exemption("AIDABEN")}}
	before, after := posture.Judge(small(), posture.Rules{}).Summary, posture.Judge(small(), rules).Summary
	if before.Exempt != 0 || after.Exempt != 2 || after.ByOutcome[audit.Fail] != before.ByOutcome[audit.Fail]-2 {
		t.Errorf("%d of %d failures are exempt, then %d and %d are left; want 0 and 2", before.Exempt, before.ByOutcome[audit.Fail], after.Exempt, after.ByOutcome[audit.Fail])
	}
}

func TestSummariesAreAdded(t *testing.T) {
	one := func() posture.Summary {
		return posture.Summary{
			ByOutcome: map[audit.Outcome]int{audit.Fail: 2, audit.Pass: 3}, BySeverity: map[audit.Severity]int{audit.High: 5},
			ByCheck: map[string]map[audit.Outcome]int{"root-mfa": {audit.Fail: 7}, "admin-mfa": {audit.Pass: 11}},
			Exempt:  13, Users: 17, Console: 19, ConsoleWithoutMFA: 23, ConsoleUnknown: 29, WithoutMFA: 31, MFAUnknown: 37,
			Admins: 41, AdminsWithoutMFA: 43, Factors: map[audit.FactorKind]int{audit.FIDOFactor: 47},
		}
	}
	other := posture.NewSummary()
	other.Users, other.Exempt = 100, 200
	other.ByCheck["root-mfa"] = map[audit.Outcome]int{audit.Fail: 300, audit.Unknown: 400}
	first, total := one(), posture.NewSummary()
	total.Add(first)
	if diff := cmp.Diff(one(), total); diff != "" {
		t.Errorf("nothing and one account (-want +got):\n%s", diff)
	}
	total.Add(other)
	want := one()
	want.Users, want.Exempt = 117, 213
	want.ByCheck["root-mfa"] = map[audit.Outcome]int{audit.Fail: 307, audit.Unknown: 400}
	if diff := cmp.Diff(want, total); diff != "" {
		t.Errorf("two accounts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(one(), first); diff != "" {
		t.Errorf("the first account, after it was added (-want +got):\n%s", diff)
	}
}

// The worst failure decides, then how many there are; then root, then who
// signed in last, then the ARN.
func TestRosterIsRanked(t *testing.T) {
	s := small()
	report, users := &s.Report.Value, &s.Users.Value
	row, like := report.Rows[2], (*users)[1]
	add := func(name, used, mfa string, devices ...string) {
		r, u := slices.Clone(row), like
		r[0], r[1], r[4], r[6] = name, "arn:aws:iam::111122223333:user/"+name, used, mfa
		u.ID, u.Name, u.ARN = "AIDA"+strings.ToUpper(name), name, r[1]
		list := []audit.MFADevice{}
		for _, serial := range devices {
			list = append(list, audit.MFADevice{Serial: serial})
		}
		u.MFADevices = read("iam:ListMFADevices", s.TakenAt, list)
		report.Rows, *users = append(report.Rows, r), append(*users, u)
	}
	const key, app = "arn:aws:iam::111122223333:u2f/user/x/key-A", "arn:aws:iam::111122223333:mfa/x"
	add("xia", "2026-11-19T00:00:00Z", "true", key)
	add("wim", "2026-11-18T00:00:00Z", "true", key)
	add("vic", "2026-11-18T00:00:00Z", "true", key)
	add("una", "2026-08-12T00:00:00Z", "true", key)
	add("tom", "2026-11-19T00:00:00Z", "true", app)
	add("sam", "2026-11-19T00:00:00Z", "false")
	want := `ada password=yes key=no admin=yes mfa=no [] complete=true signed=2026-11-18 worst=critical failures=5 unknowns=2 risk=1220
sam password=yes key=no admin=no mfa=no [] complete=true signed=2026-11-19 worst=high failures=3 unknowns=0 risk=120
tom password=yes key=no admin=no mfa=yes [virtual] complete=true signed=2026-11-19 worst=medium failures=2 unknowns=0 risk=11
una password=yes key=no admin=no mfa=yes [fido] complete=true signed=2026-08-12 worst=low failures=2 unknowns=0 risk=2
xia password=yes key=no admin=no mfa=yes [fido] complete=true signed=2026-11-19 worst=low failures=1 unknowns=0 risk=1
vic password=yes key=no admin=no mfa=yes [fido] complete=true signed=2026-11-18 worst=low failures=1 unknowns=0 risk=1
wim password=yes key=no admin=no mfa=yes [fido] complete=true signed=2026-11-18 worst=low failures=1 unknowns=0 risk=1
root password=yes key=no admin=yes mfa=yes [] complete=false signed=2025-01-02 worst=info failures=0 unknowns=2 risk=0
ben password=yes key=no admin=no mfa=yes [fido virtual] complete=true signed=2026-11-19 worst=info failures=0 unknowns=0 risk=0
cyd password=no key=unknown admin=unknown mfa=unknown [] complete=false signed=0001-01-01 worst=info failures=0 unknowns=9 risk=0
`
	if diff := cmp.Diff(want, rosterOf(posture.Judge(s, posture.Rules{}))); diff != "" {
		t.Errorf("roster (-want +got):\n%s", diff)
	}
}

// small is an account of three: an administrator without a device, one with
// two, and one of whom little was read.
func small() audit.Snapshot {
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	columns := strings.Split("user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,mfa_active,access_key_1_active,access_key_1_last_used_date,access_key_2_active,access_key_2_last_used_date", ",")
	row := func(name, password, used, mfa, key string) []string {
		return []string{name, "arn:aws:iam::111122223333:user/" + name, "2024-01-01T00:00:00Z", password, used, "2026-11-01T00:00:00Z", mfa, key, "N/A", "false", "N/A"}
	}
	root := row(audit.RootRow, "true", "2025-01-02T00:00:00Z", "true", "false")
	root[1] = "arn:aws:iam::111122223333:root"
	user := func(name string, devices ...audit.MFADevice) audit.User {
		u := audit.User{ID: "AIDA" + strings.ToUpper(name), Name: name, ARN: "arn:aws:iam::111122223333:user/" + name, Path: "/"}
		u.Access = read("iam:GetAccountAuthorizationDetails", at, audit.Access{})
		u.MFADevices = read("iam:ListMFADevices", at, devices)
		return u
	}
	ada, ben, cyd := user("ada"), user("ben", audit.MFADevice{Serial: "arn:aws:iam::111122223333:mfa/ben"}, audit.MFADevice{Serial: "arn:aws:iam::111122223333:u2f/user/ben/key-A"}), user("cyd")
	ada.Access.Value.Attached = []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
	cyd.MFADevices, cyd.Access = nil, nil
	cyd.LoginProfile = read("iam:GetLoginProfile", at, audit.LoginProfile{})
	return audit.Snapshot{
		Schema: audit.SnapshotSchema, Account: "111122223333", Partition: "aws", TakenAt: at,
		Report: read("iam:GetCredentialReport", at, audit.CredentialReport{Generated: at, Columns: columns, Rows: [][]string{
			root, row("ada", "true", "2026-11-18T00:00:00Z", "false", "false"), row("ben", "true", "2026-11-19T00:00:00Z", "true", "false"),
		}}),
		Users: read("iam:GetAccountAuthorizationDetails", at, []audit.User{ada, ben, cyd}),
	}
}

func read[T any](call string, at time.Time, v T) *audit.Read[T] {
	return &audit.Read[T]{Call: call, At: at, Value: v}
}

// A large account is judged in a time that grows with its users, not with their
// square.
func TestJudgeIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	took := func(n int) time.Duration { // the best of three: the machine may be busy
		best := time.Hour
		for range 3 {
			s := large(n)
			start := time.Now()
			posture.Judge(s, posture.Rules{})
			best = min(best, time.Since(start))
		}
		return best
	}
	few, many := took(1000), took(8000)
	t.Logf("1,000 users in %v, 8,000 in %v", few, many)
	if many > 40*few { // the square would be 64 times
		t.Errorf("1,000 users took %v, 8,000 took %v", few, many)
	}
}

// large repeats the small account's people.
func large(n int) audit.Snapshot {
	s := small()
	rows := s.Report.Value.Rows[:1]
	var users []audit.User
	var devices []audit.VirtualDevice
	for i := range n {
		from := s.Users.Value[i%3]
		u := from
		u.Name = fmt.Sprintf("%s-%d", from.Name, i)
		u.ARN, u.ID = "arn:aws:iam::111122223333:user/"+u.Name, fmt.Sprintf("%s%d", from.ID, i)
		users = append(users, u)
		row := slices.Clone(s.Report.Value.Rows[1+i%2])
		row[0], row[1] = u.Name, u.ARN
		rows = append(rows, row)
		devices = append(devices, audit.VirtualDevice{Serial: "arn:aws:iam::111122223333:mfa/" + u.Name, OwnerID: u.ID, OwnerARN: u.ARN})
		s.Gaps = append(s.Gaps, audit.FactMFADevices.Gap(u.ID, "throttled"))
	}
	s.Report.Value.Rows, s.Users.Value = rows, users
	s.VirtualDevices = read("iam:ListVirtualMFADevices", s.TakenAt, devices)
	return s
}

// In an organisation nobody is asked for another account's emergency users and
// exemptions.
func TestJudgeAllAsksEachAccountForItsOwn(t *testing.T) {
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	first, second, third := small(), small(), small()
	for i, s := range []*audit.Snapshot{&second, &third} {
		s.Account = fmt.Sprintf("11112222333%d", i)
		for j := range s.Users.Value {
			s.Users.Value[j].ID += fmt.Sprint(i)
		}
	}
	exempt := func(id string) audit.Exemption {
		return audit.Exemption{ID: id, Owner: "o", Reason: "r", Expires: end, Checks: []string{"root-mfa"}}
	}
	rules := posture.Rules{
		Exemptions: []audit.Exemption{exempt("AIDAADA0"), exempt(third.Account), exempt("arn:aws:iam::" + second.Account + ":mfa/x"), exempt("AIDANOBODY")},
		BreakGlass: []string{"AIDABEN", "AIDABEN1", "AIDANEVER"},
	}
	asked := func(judged []posture.Account) string {
		var b strings.Builder
		for i, j := range judged {
			for _, f := range j.Findings {
				if f.Check == "exemption-unknown" || f.Check == "break-glass-user" {
					fmt.Fprintln(&b, i, f.Check, f.Outcome, f.Subject.ID)
				}
			}
		}
		return b.String()
	}
	const own = `0 exemption-unknown fail AIDANOBODY#root-mfa
0 break-glass-user fail AIDANEVER
0 break-glass-user fail AIDABEN
1 exemption-unknown pass AIDAADA0#root-mfa
1 exemption-unknown unknown arn:aws:iam::111122223330:mfa/x#root-mfa
1 break-glass-user not_applicable 111122223330
2 exemption-unknown pass 111122223331#root-mfa
2 break-glass-user fail AIDABEN1
`
	if diff := cmp.Diff(own, asked(posture.JudgeAll([]audit.Snapshot{first, second, third}, rules))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	third.Gaps = append(third.Gaps, audit.FactUsers.Gap("", "one page of several"))
	got := asked(posture.JudgeAll([]audit.Snapshot{first, second, third}, rules))
	for _, line := range []string{"0 break-glass-user fail AIDABEN\n", "2 break-glass-user unknown AIDANEVER\n", "2 exemption-unknown unknown AIDANOBODY#root-mfa\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("%s does not hold %s", got, line)
		}
	}
}

// outcomeOf is the answer of one check about one subject.
func outcomeOf(t *testing.T, s audit.Snapshot, rules posture.Rules, check, name string) audit.Finding {
	t.Helper()
	for _, f := range posture.Evaluate(s, rules) {
		if f.Check == check && f.Subject.Name == name {
			return f
		}
	}
	t.Fatalf("%s says nothing of %q", check, name)
	return audit.Finding{}
}

// Somebody whom the report has and the list lacks is judged by the report when
// something speaks against the list, and whether there are more is not known.
func TestAListWithAGapHidesNobody(t *testing.T) {
	s := small()
	s.Users.Value = s.Users.Value[1:] // ada is left out
	if n := len(posture.Judge(s, posture.Rules{}).Roster); n != 3 {
		t.Fatalf("%d holders, want root, ben and cyd: ada was deleted since", n)
	}
	s.Gaps = append(s.Gaps, audit.FactUsers.Gap("", "the list leaves out 1"))
	if f := outcomeOf(t, s, posture.Rules{}, "user-console-mfa", "ada"); f.Outcome != audit.Fail || f.Subject.ID != "" {
		t.Errorf("ada: %s %s", f.Outcome, f.Detail)
	}
	if f := outcomeOf(t, s, posture.Rules{}, "user-console-mfa", ""); f.Outcome != audit.Unknown || len(f.Missing) != 1 {
		t.Errorf("the account: %s %s", f.Outcome, f.Detail)
	}
}

// A report that is younger than the snapshot was made by another clock: it
// overrules no list.
func TestAReportOfAnotherClockOverrulesNoList(t *testing.T) {
	s := small()
	s.Users.Value[1].MFADevices.Value = nil // ben's devices were removed; the report says yes
	for _, c := range []struct {
		made time.Duration
		want audit.Outcome
	}{{-time.Hour, audit.Fail}, {0, audit.Fail}, {time.Second, audit.Fail}, {time.Hour, audit.Fail}} {
		s.Report.Value.Generated = s.TakenAt.Add(c.made)
		if f := outcomeOf(t, s, posture.Rules{}, "user-console-mfa", "ben"); f.Outcome != c.want {
			t.Errorf("report of %v: %s %s", c.made, f.Outcome, f.Detail)
		}
	}
}

func TestTextMessagesAloneAreNoPass(t *testing.T) {
	s := small()
	sms := audit.MFADevice{Serial: "arn:aws:iam::111122223333:sms-mfa/ben"}
	s.Users.Value[1].MFADevices.Value = []audit.MFADevice{sms}
	if f := outcomeOf(t, s, posture.Rules{}, "user-console-mfa", "ben"); f.Outcome != audit.Unknown {
		t.Errorf("%s %s", f.Outcome, f.Detail)
	}
	s.Users.Value[1].MFADevices.Value = append(s.Users.Value[1].MFADevices.Value, audit.MFADevice{Serial: "GAKT12345678"})
	if f := outcomeOf(t, s, posture.Rules{}, "user-console-mfa", "ben"); f.Outcome != audit.Pass {
		t.Errorf("%s %s", f.Outcome, f.Detail)
	}
}

// There is no exemption for ever, and none of root as a whole.
func TestExemptionsThatExemptNobody(t *testing.T) {
	for _, c := range []struct {
		id, name string
		checks   []string
		years    int
		exempt   bool
	}{
		{"AIDAADA", "ada", nil, 1, true}, {"AIDAADA", "ada", nil, 3, false}, {"AIDAADA", "ada", nil, 8000, false},
		{"111122223333", "root", []string{"root-recent-use"}, 1, true}, {"111122223333", "root", nil, 1, false},
	} {
		s, check := small(), "user-console-mfa"
		if c.name == "root" {
			check = "root-recent-use"
			s.Report.Value.Rows[0][4] = "2026-11-19T00:00:00Z"
		}
		e := audit.Exemption{ID: c.id, Owner: "o", Reason: "r", Checks: c.checks, Expires: s.TakenAt.AddDate(c.years, 0, 0)}
		rules := posture.Rules{Exemptions: []audit.Exemption{e}}
		want := map[bool]audit.Outcome{true: audit.NotApplicable, false: audit.Fail}[c.exempt]
		if f := outcomeOf(t, s, rules, check, c.name); f.Outcome != want || f.Exemption != nil != c.exempt {
			t.Errorf("%+v: %s %s", c, f.Outcome, f.Detail)
		}
		for _, f := range posture.Evaluate(s, rules) {
			if f.Check == "exemption-expired" && (f.Outcome == audit.Pass) != c.exempt {
				t.Errorf("%+v: %s %s", c, f.Outcome, f.Detail)
			}
		}
	}
}

// Whose row it is was put in doubt: then it is nobody's.
func TestARowWithAGapIsNobodys(t *testing.T) {
	s := small()
	ben := &s.Users.Value[1]
	ben.MFADevices = nil
	s.Gaps = append(s.Gaps, audit.FactCredentialReport.Gap(ben.ID, "renamed or deleted meanwhile"))
	f := outcomeOf(t, s, posture.Rules{}, "user-console-mfa", "ben")
	if f.Outcome != audit.Unknown || !strings.Contains(f.Detail, "renamed or deleted meanwhile") {
		t.Errorf("%s %s", f.Outcome, f.Detail)
	}
}

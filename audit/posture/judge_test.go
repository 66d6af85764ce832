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
			t.Fatalf("%s: Evaluate and Judge differ:\n%s", c.file, diff)
		}
		if got := recount(findings); !cmp.Equal(got, j.Summary.ByOutcome) {
			t.Errorf("%s: by outcome %v, want %v", c.file, j.Summary.ByOutcome, got)
		}
		total := 0
		for _, outcomes := range j.Summary.ByCheck {
			for _, n := range outcomes {
				total += n
			}
		}
		if total != len(findings) {
			t.Errorf("%s: %d findings by check, want %d", c.file, total, len(findings))
		}
		ranked(t, c.file, j.Roster)
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
	want := `ada password=yes key=no admin=yes mfa=no [] complete=true signed=2026-11-18 worst=critical failures=5 unknowns=0 risk=1220
root password=yes key=no admin=yes mfa=yes [] complete=false signed=2025-01-02 worst=info failures=0 unknowns=2 risk=0
ben password=yes key=no admin=no mfa=yes [fido virtual] complete=true signed=2026-11-19 worst=info failures=0 unknowns=0 risk=0
cyd password=no key=unknown admin=unknown mfa=unknown [] complete=false signed=0001-01-01 worst=info failures=0 unknowns=7 risk=0
`
	if diff := cmp.Diff(want, rosterOf(j)); diff != "" {
		t.Errorf("roster (-want +got):\n%s", diff)
	}
	s := j.Summary
	got := []int{s.Users, s.Console, s.ConsoleWithoutMFA, s.ConsoleUnknown, s.WithoutMFA, s.MFAUnknown, s.Admins, s.AdminsWithoutMFA, s.Factors[audit.VirtualFactor], s.Factors[audit.FIDOFactor]}
	if diff := cmp.Diff([]int{3, 2, 1, 0, 1, 1, 1, 1, 1, 1}, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	total := posture.NewSummary()
	total.Add(s)
	total.Add(s)
	if total.Users != 6 || total.Factors[audit.FIDOFactor] != 2 || total.ByOutcome[audit.Fail] != 2*s.ByOutcome[audit.Fail] ||
		total.ByCheck["user-console-mfa"][audit.Fail] != 2 || total.BySeverity[audit.Critical] != 2 {
		t.Errorf("twice the account is %+v", total)
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
	took := func(n int) time.Duration {
		s := large(n)
		start := time.Now()
		posture.Judge(s, posture.Rules{})
		return time.Since(start)
	}
	took(500)
	few, many := took(1000), took(8000)
	t.Logf("1,000 users in %v, 8,000 in %v", few, many)
	if many > 20*few+200*time.Millisecond {
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

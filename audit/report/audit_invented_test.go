package report

import (
	"fmt"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// The audits of the tests are of invented accounts, judged for real.

var taken = time.Date(2026, 11, 20, 7, 12, 0, 0, time.UTC)

// made is an IAM user of an invented account. The words of its sort: password,
// key, admin, virtual, fido, token, sms, lost (its devices cannot be read).
type made struct{ name, sort string }

func (m made) is(word string) bool { return strings.Contains(" "+m.sort+" ", " "+word+" ") }

func (m made) arn(account string) string { return "arn:aws:iam::" + account + ":user/" + m.name }

func (m made) id(i int) string { return fmt.Sprintf("AIDAEXAMPLE%05d", i) }

func (m made) serials(account string) []string {
	serials := []string{}
	for word, serial := range map[string]string{
		"virtual": "arn:aws:iam::" + account + ":mfa/" + m.name, "sms": "arn:aws:iam::" + account + ":sms-mfa/" + m.name,
		"fido": "arn:aws:iam::" + account + ":u2f/user/" + m.name + "/key-7F", "token": "GAHT12345678",
	} {
		if m.is(word) {
			serials = append(serials, serial)
		}
	}
	return serials
}

func told[T any](call string, value T) *audit.Read[T] {
	return &audit.Read[T]{Call: call, At: taken.Add(-4 * time.Minute), Value: value}
}

var reportColumns = strings.Fields("user arn user_creation_time password_enabled password_last_used password_last_changed mfa_active access_key_1_active access_key_1_last_used_date access_key_2_active access_key_2_last_used_date")

func cell(b bool) string { return fmt.Sprint(b) }

func reportRow(name, arn string, m made) []string {
	used := "no_information"
	if m.is("password") {
		used = "2026-11-18T06:00:00Z"
	}
	return []string{name, arn, "2025-01-01T00:00:00Z", cell(m.is("password")), used, "2026-10-20T00:00:00Z", cell(len(m.serials("")) > 0 || m.is("lost")), cell(m.is("key")), "N/A", "false", "N/A"}
}

// account is an invented account; root is a sort of user.
func account(id, root string, people ...made) audit.Snapshot {
	rootARN := "arn:aws:iam::" + id + ":root"
	table := audit.CredentialReport{Generated: taken.Add(-72 * time.Minute), Columns: reportColumns}
	r := made{"root", root}
	table.Rows = append(table.Rows, reportRow(audit.RootRow, rootARN, r))
	table.Rows[0][4] = "2026-01-02T09:00:00Z" // not lately
	s := audit.Snapshot{
		Schema: audit.SnapshotSchema, Account: id, Alias: "example-" + id[:4], Partition: "aws", TakenAt: taken,
		Summary:      told("iam:GetAccountSummary", map[string]int{"AccountMFAEnabled": len(r.serials(id)), "AccountAccessKeysPresent": 0, "AccountPasswordPresent": 1}),
		Organization: told("iam:ListOrganizationsFeatures", audit.OrganizationFeatures{OrganizationID: "o-exampleorgid", Enabled: []string{"RootCredentialsManagement"}}),
		Groups:       told("iam:GetAccountAuthorizationDetails", []audit.Group{}),
		Policies:     told("iam:GetAccountAuthorizationDetails", []audit.ManagedPolicy{}),
		Roles:        told("iam:GetAccountAuthorizationDetails", []audit.RoleTrust{}),
	}
	s.Root.MFADevices = told("sts:AssumeRoot", devices(r, id))
	users, virtual := []audit.User{}, []audit.VirtualDevice{}
	for i, m := range people {
		users = append(users, user(id, i, m))
		table.Rows = append(table.Rows, reportRow(m.name, m.arn(id), m))
		if m.is("lost") {
			s.Gaps = append(s.Gaps, audit.FactMFADevices.Gap(m.id(i), "AccessDenied"))
		}
		if m.is("virtual") {
			virtual = append(virtual, audit.VirtualDevice{Serial: "arn:aws:iam::" + id + ":mfa/" + m.name, OwnerID: m.id(i), OwnerARN: m.arn(id)})
		}
	}
	s.Users, s.VirtualDevices = told("iam:GetAccountAuthorizationDetails", users), told("iam:ListVirtualMFADevices", virtual)
	s.Report = told("iam:GetCredentialReport", table)
	return s
}

func user(account string, i int, m made) audit.User {
	u := audit.User{ID: m.id(i), Name: m.name, ARN: m.arn(account), Path: "/", Created: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	u.Access = told("iam:GetAccountAuthorizationDetails", audit.Access{Groups: []string{}, Attached: []string{}})
	if m.is("admin") {
		u.Access.Value.Attached = []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
	}
	if !m.is("lost") {
		u.MFADevices = told("iam:ListMFADevices", devices(m, account))
	}
	return u
}

func devices(m made, account string) []audit.MFADevice {
	all := []audit.MFADevice{}
	for _, serial := range m.serials(account) {
		d := audit.MFADevice{Serial: serial}
		if m.is("fido") {
			d.Certifications = told("iam:GetMFADevice", map[string]string{"FIDO": "L1"})
		}
		all = append(all, d)
	}
	return all
}

func judged(s audit.Snapshot, exempt ...audit.Exemption) posture.Account {
	return posture.Judge(s, posture.Rules{Exemptions: exempt})
}

func one(s audit.Snapshot, exempt ...audit.Exemption) Audit {
	return Audit{Accounts: []posture.Account{judged(s, exempt...)}}
}

// exampleAudits are those that the formats are held to, by name.
func exampleAudits() map[string]Audit {
	hostile := one(account("111122223333", "password virtual", hostilePeople()...), audit.Exemption{
		ID: "AIDAEXAMPLE00000", Owner: "=cmd|' /C calc'!A0", Reason: "a | b \\| c\n# heading <img src=x> @someone", Ticket: "`tick` [x](http://192.0.2.7)",
		Expires: taken.AddDate(0, 1, 0),
	})
	hostile.Accounts[0].Name = "<script>alert(1)</script>\x1b[31m\u202E"
	suspended := posture.Account{Account: "333344445555", Name: "old", Status: "SUSPENDED", Partition: "aws", TakenAt: taken, Summary: posture.NewSummary(),
		Gaps: []audit.Gap{audit.FactUsers.Gap("", "AccessDenied")}}
	return map[string]Audit{
		"mixed":        one(account("111122223333", "password virtual", people()...), exemption(2)),
		"clean":        one(account("111122223333", "password fido token", made{"ada", "password fido token"}, made{"bela", "password fido token"})),
		"exempt":       one(account("111122223333", "password fido token", made{"ada", "password fido token"}, made{"bela", ""}), exemption(1)),
		"no-users":     one(account("111122223333", "password fido token")),
		"nothing-read": one(audit.Snapshot{Account: "111122223333", Partition: "aws", TakenAt: taken}),
		"many":         one(account("111122223333", "password", crowd(30)...)),
		"hostile":      hostile,
		"organisation": {Organization: "o-exampleorgid", Accounts: []posture.Account{
			judged(account("111122223333", "password fido", people()...), exemption(2)),
			judged(account("222233334444", "password fido token", made{"nadia", "password fido token"})), suspended,
		}},
		"no-accounts": {Organization: "o-exampleorgid"},
		"unread":      {Organization: "o-exampleorgid", Accounts: []posture.Account{suspended}},
	}
}

func exemption(i int) audit.Exemption {
	return audit.Exemption{ID: made{}.id(i), Owner: "platform", Reason: "a robot, to be a role", Ticket: "SEC-12", Expires: taken.AddDate(0, 1, 0)}
}

func people() []made {
	return []made{
		{"ada", "password admin"}, {"bela", "password virtual"}, {"ci-robot", "key"}, {"dunya", "password fido token"},
		{"emil", "password lost"}, {"farida", "password sms"}, {"goran", "password"},
	}
}

// crowd are n users of every sort.
func crowd(n int) []made {
	var all []made
	for i := range n {
		m := people()[i%len(people())]
		all = append(all, made{fmt.Sprintf("%s.%d", m.name, i), m.sort})
	}
	return all
}

// hostilePeople have names that AWS does not allow; a file can hold any.
func hostilePeople() []made {
	var all []made
	for _, name := range []string{
		"=cmd|'/C calc'!A1", "+1+1", "@SUM(A1)", "<script>alert(1)</script>", "![x](http://192.0.2.7/x.png)", "a|b", `a\|b`, "``", "`x`",
		"line\nbreak\r\nmore", "\x1b[2J\x1b[31mred", "\u202Egnp.exe", "nul\x00byte", "bad\xff\xfeutf8", "]]>", "&amp;&lt;", "..", ".", "\u2028x\u2029",
		strings.Repeat("n", 64), strings.Repeat("é", 64), "emoji\U0001F600", "@everyone", "#1", "http://192.0.2.7/", "a_b_c*d*", "quote\"'", " leading",
	} {
		all = append(all, made{name, "password"})
	}
	return all
}

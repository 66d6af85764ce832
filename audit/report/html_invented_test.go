package report_test

import (
	"fmt"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// invention makes an account of which everything is made up. Which sort of user
// a number is follows from the number alone, so the same account comes out of
// the same call.
type invention struct {
	id      string
	users   int
	refused bool // the devices and policies of a part of the users cannot be read
	root    string
}

var invented = time.Date(2026, 11, 20, 7, 12, 0, 0, time.UTC)

// sorts are the sorts of users, weighted by repetition: password, key, device
// serials (a verb takes the account and the name), whether an administrator,
// days since the last sign-in (-1: never).
var sorts = []struct {
	password, key bool
	devices       []string
	admin         bool
	last          int
}{
	{true, false, []string{virtualSerial}, false, 2},
	{true, false, []string{virtualSerial}, false, 11},
	{true, true, []string{keySerial}, false, 1},
	{true, false, []string{keySerial, keySerial + "-SPARE"}, true, 0},
	{false, true, nil, false, -1},
	{true, false, []string{virtualSerial, keySerial}, false, 4},
	{true, false, []string{"GAHT12345678"}, false, 9},
	{false, true, nil, false, -1},
	{true, true, []string{virtualSerial}, true, 3},
	{true, false, nil, false, 70},
	{true, false, []string{textSerial}, false, 30},
	{true, false, []string{virtualSerial}, false, -1},
	{false, false, nil, false, -1},
	{true, false, []string{keySerial}, false, 120},
	{true, true, nil, true, 6},
	{true, false, nil, false, 5},
}

const (
	virtualSerial = "arn:aws:iam::%[1]s:mfa/%[2]s"
	keySerial     = "arn:aws:iam::%[1]s:u2f/user/%[2]s/key-7F"
	textSerial    = "arn:aws:iam::%[1]s:sms-mfa/%[2]s"
)

var names = strings.Fields("ada bela chidi dunya emil farida goran hana idris jana kofi lena mirza nadia oskar petra quim rosa samir tove ulla vera wim xenia yusuf zora")

func (v invention) name(i int) string {
	name := names[i%len(names)]
	if !sorts[i%len(sorts)].password {
		return fmt.Sprintf("ci-%s-%d", name, i)
	}
	return fmt.Sprintf("%s.%c%d", name, 'a'+i%26, i)
}

func (v invention) snapshot() audit.Snapshot {
	s := audit.Snapshot{
		Schema: audit.SnapshotSchema, Account: v.id, Partition: "aws", TakenAt: invented,
		Summary: read("iam:GetAccountSummary", map[string]int{"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}),
		Groups:  read("iam:GetAccountAuthorizationDetails", []audit.Group{}), Roles: read("iam:GetAccountAuthorizationDetails", []audit.RoleTrust{}),
		Policies:     read("iam:GetAccountAuthorizationDetails", []audit.ManagedPolicy{{ARN: admin, Document: `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}}),
		Organization: read("iam:ListOrganizationsFeatures", audit.OrganizationFeatures{OrganizationID: "o-exampleorgid"}),
	}
	if v.root == "false" {
		s.Summary.Value["AccountMFAEnabled"] = 0
	}
	table := audit.CredentialReport{Generated: invented.Add(-72 * time.Minute), Columns: columns}
	table.Rows = append(table.Rows, v.cells(audit.RootRow, s.RootARN(), true, v.root, "2026-11-02T09:00:00Z", false))
	users, all := []audit.User{}, []audit.VirtualDevice{}
	for i := range v.users {
		u, cells := v.user(i)
		users = append(users, u)
		table.Rows = append(table.Rows, cells)
		if u.MFADevices == nil {
			s.Gaps = append(s.Gaps, audit.FactMFADevices.Gap(u.ID, "AccessDenied"))
			continue
		}
		for _, d := range u.MFADevices.Value {
			if d.Kind() == audit.VirtualFactor {
				all = append(all, audit.VirtualDevice{Serial: d.Serial, OwnerID: u.ID, OwnerARN: u.ARN, Enabled: d.Enabled})
			}
		}
	}
	all = append(all, audit.VirtualDevice{Serial: fmt.Sprintf(virtualSerial, v.id, "left-behind")})
	s.Users, s.VirtualDevices = read("iam:GetAccountAuthorizationDetails", users), read("iam:ListVirtualMFADevices", all)
	s.Report = read("iam:GetCredentialReport", table)
	return s
}

const admin = "arn:aws:iam::aws:policy/AdministratorAccess"

var columns = strings.Fields("user arn user_creation_time password_enabled password_last_used password_last_changed mfa_active access_key_1_active access_key_1_last_used_date access_key_2_active access_key_2_last_used_date")

func (v invention) cells(user, arn string, password bool, mfa, last string, key bool) []string {
	used := "N/A"
	if key {
		used = "2026-11-19T20:00:00Z"
	}
	return []string{user, arn, "2025-01-01T00:00:00Z", fmt.Sprint(password), last, "2025-06-01T00:00:00Z", mfa, fmt.Sprint(key), used, "false", "N/A"}
}

func (v invention) user(i int) (audit.User, []string) {
	sort, name := sorts[i%len(sorts)], v.name(i)
	u := audit.User{ID: fmt.Sprintf("AIDAEXAMPLE%s%05d", v.id[:4], i), Name: name, ARN: "arn:aws:iam::" + v.id + ":user/" + name, Path: "/", Created: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	u.Access = read("iam:GetAccountAuthorizationDetails", audit.Access{Groups: []string{}, Attached: []string{}})
	if sort.admin {
		u.Access.Value.Attached = []string{admin}
	}
	if !v.refused || i%3 > 0 {
		u.MFADevices = read("iam:ListMFADevices", v.devices(i, sort.devices, name))
	}
	last := "no_information"
	if sort.last >= 0 {
		last = invented.AddDate(0, 0, -sort.last).Add(-time.Hour).Format(time.RFC3339)
	}
	return u, v.cells(name, u.ARN, sort.password, fmt.Sprint(len(sort.devices) > 0), last, sort.key)
}

func (v invention) devices(i int, serials []string, name string) []audit.MFADevice {
	devices := []audit.MFADevice{}
	for _, serial := range serials {
		if strings.Contains(serial, "%") {
			serial = fmt.Sprintf(serial, v.id, name)
		}
		d := audit.MFADevice{Serial: serial, Enabled: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)}
		if d.Kind() == audit.FIDOFactor {
			d.Certifications = read("iam:GetMFADevice", map[string]string{})
			if i%2 == 1 {
				d.Certifications.Value["FIDO"] = "FIDO_L1"
			}
		}
		devices = append(devices, d)
	}
	return devices
}

func read[T any](call string, value T) *audit.Read[T] {
	return &audit.Read[T]{Call: call, At: invented.Add(-4 * time.Minute), Value: value}
}

// rules exempt three users, one of them no longer, and somebody who is nobody.
func rules() posture.Rules {
	exempt := func(id, owner, reason, ticket string, expires time.Time, checks ...string) audit.Exemption {
		return audit.Exemption{ID: id, Owner: owner, Reason: reason, Ticket: ticket, Expires: expires, Checks: checks}
	}
	return posture.Rules{Exemptions: []audit.Exemption{
		exempt("AIDAEXAMPLE111100009", "Platform team", "contractor, leaves at the end of the year", "SEC-412", invented.AddDate(0, 0, 41)),
		exempt("AIDAEXAMPLE111100004", "Build team", "replaced by a role in January", "SEC-398", invented.AddDate(0, 0, 12), "user-any-mfa", "access-key-without-mfa"),
		exempt("AIDAEXAMPLE111100015", "Sales tools", "was to get a key", "SEC-201", invented.AddDate(0, 0, -20)),
		exempt("AIDAEXAMPLENOBODY", "Sales tools", "left long ago", "", invented.AddDate(0, 3, 0)),
	}}
}

// organisation is three accounts of about sixty users and all kinds of answers.
func organisation() report.Audit {
	first := posture.Judge(invention{id: "111122223333", users: 34, root: "true"}.snapshot(), rules())
	first.Name, first.Status = "production", "ACTIVE"
	second := posture.Judge(invention{id: "444455556666", users: 22, root: "false", refused: true}.snapshot(), posture.Rules{})
	second.Name, second.Status = "data-platform", "ACTIVE"
	third := posture.Judge(closed("777788889999"), posture.Rules{})
	third.Name, third.Status = "sandbox", "ACTIVE"
	return report.Audit{Organization: "o-exampleorgid", Accounts: []posture.Account{first, second, third}}
}

// closed is an account that let nobody in.
func closed(id string) audit.Snapshot {
	s := audit.Snapshot{Schema: audit.SnapshotSchema, Account: id, Partition: "aws", TakenAt: invented}
	for _, fact := range audit.Facts() {
		s.Gaps = append(s.Gaps, audit.Gap{Fact: fact, Action: "sts:AssumeRole", Reason: "AccessDenied"})
	}
	return s
}

// large is one account of n users.
func large(n int) report.Audit {
	return report.Audit{Accounts: []posture.Account{posture.Judge(invention{id: "111122223333", users: n, root: "true"}.snapshot(), posture.Rules{})}}
}

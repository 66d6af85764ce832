package posture_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// asked are what the accounts were asked about exemptions and emergency users.
func asked(judged []posture.Account) string {
	var b strings.Builder
	for _, j := range judged {
		for _, f := range j.Findings {
			if slices.Contains([]string{"exemption-unknown", "break-glass-user"}, f.Check) && f.Outcome != audit.NotApplicable {
				fmt.Fprintln(&b, j.Account, f.Check, f.Outcome, f.Subject.ID)
			}
		}
	}
	return b.String()
}

// two accounts of an organisation, with a user each.
func two() []audit.Snapshot {
	a, b := small(), small()
	b.Account = "444455556666"
	users := *b.Users
	users.Value = slices.Clone(users.Value)
	for i := range users.Value {
		users.Value[i].ID += "B"
	}
	b.Users = &users
	return []audit.Snapshot{a, b}
}

// TestMembersApart: judged one by one, as the functions do, the accounts of an
// organisation are asked what they are asked together: each exemption and
// emergency user once, and not of every account that does not know it.
func TestMembersApart(t *testing.T) {
	all := two()
	first, second := all[0].Users.Value[0].ID, all[1].Users.Value[0].ID
	rules := posture.Rules{
		BreakGlass: []string{second, "AIDANOBODY"},
		Exemptions: []audit.Exemption{exemption(first, "user-any-mfa"), exemption(second, "user-any-mfa"), exemption("444455556666", "root-mfa"), exemption("AIDAGONE", "user-any-mfa")},
	}
	apart := []posture.Account{posture.JudgeMember(all[0], rules), posture.JudgeMember(all[1], rules)}
	posture.AskRest(apart, rules)
	want := asked(posture.JudgeAll(all, rules))
	if n := strings.Count(want, "\n"); n != 6 {
		t.Fatalf("together %d were asked, want 6:\n%s", n, want)
	}
	if diff := cmp.Diff(want, asked(apart)); diff != "" {
		t.Errorf("(-together +apart)\n%s", diff)
	}
	summary := posture.NewSummary()
	for _, f := range apart[0].Findings {
		summary.Count(f)
	}
	if diff := cmp.Diff(summary.ByCheck, apart[0].Summary.ByCheck); diff != "" {
		t.Errorf("what was added is not counted (-findings +summary)\n%s", diff)
	}
}

// TestAskRestOfWhom: an id that no account knows may be of one whose users could not
// be listed, and is not known there; an account that was not judged is not asked.
func TestAskRestOfWhom(t *testing.T) {
	all := two()
	unlisted := audit.Snapshot{Schema: audit.SnapshotSchema, Account: "777788889999", Partition: "aws", TakenAt: all[0].TakenAt, Gaps: []audit.Gap{audit.FactUsers.Gap("", "refused")}}
	rules := posture.Rules{BreakGlass: []string{"AIDANOBODY"}, Exemptions: []audit.Exemption{exemption("AIDAGONE", "user-any-mfa")}}
	for _, c := range []struct {
		name   string
		judged []posture.Account
		want   string
	}{
		{"unlisted", []posture.Account{posture.JudgeMember(all[0], rules), posture.JudgeMember(unlisted, rules)}, "777788889999 exemption-unknown unknown AIDAGONE#user-any-mfa\n777788889999 break-glass-user unknown AIDANOBODY\n"},
		{"suspended", []posture.Account{{Account: "1"}, posture.JudgeMember(all[1], rules)}, "444455556666 exemption-unknown fail AIDAGONE#user-any-mfa\n444455556666 break-glass-user fail AIDANOBODY\n"},
		{"nobody judged", []posture.Account{{Account: "1"}}, ""},
	} {
		posture.AskRest(c.judged, rules)
		if got := asked(c.judged); got != c.want {
			t.Errorf("%s: asked\n%swant\n%s", c.name, got, c.want)
		}
	}
}

// TestRestOfWhom: each exemption that is surely of no account is asked about once: where
// it may speak and cannot be ruled out, and it fails where it can be. What is judged
// apart, and written in between, is what is judged together.
func TestRestOfWhom(t *testing.T) {
	bound := func(id string, accounts ...string) audit.Exemption {
		e := exemption(id, "root-mfa")
		e.Accounts = accounts
		return e
	}
	const a, b, c, d = "111122223333", "444455556666", "777788889999", "777788889990"
	for name, x := range map[string]struct {
		e    audit.Exemption
		want string
	}{
		"of anybody":                         {bound("AIDAGONE"), c + " unknown"},
		"of a user who is there":             {bound("AIDAADAB", b), b + " pass"},
		"bound to where nobody could look":   {bound("AIDAGONE", d), d + " unknown"},
		"bound to both such":                 {bound("AIDAGONE", d, c), c + " unknown"},
		"bound to one that was read":         {bound("AIDAGONE", b), b + " fail"},
		"bound to several that were read":    {bound("AIDAGONE", b, a), a + " fail"},
		"bound to none of the organisation":  {bound("AIDAGONE", "999999999999"), a + " fail"},
		"of a user, bound to another":        {bound("AIDAADAB", a), b + " fail"},
		"of a user, bound to nowhere":        {bound("AIDAADAB", "999999999999"), b + " fail"},
		"of root of an account not read":     {bound(c), c + " pass"},
		"of root of no account":              {bound("999999999999"), a + " fail"},
		"of a device of no account":          {bound("arn:aws:iam::999999999999:mfa/x"), a + " fail"},
		"of a device of one not read":        {bound("arn:aws:iam::" + d + ":mfa/x"), d + " unknown"},
		"of a role, where roles are missing": {bound("AROAGONE", a, b), b + " unknown"},
		"of a role, where roles are known":   {bound("AROAGONE", a), a + " fail"},
	} {
		t.Run(name, func(t *testing.T) {
			all := two()
			for i := range all {
				all[i].Roles = &audit.Read[[]audit.RoleTrust]{}
			}
			all[1].Roles, all[1].Gaps = nil, []audit.Gap{audit.FactRoles.Gap("", "refused")}
			for _, account := range []string{c, d} {
				s := audit.Snapshot{Schema: audit.SnapshotSchema, Account: account, Partition: "aws", TakenAt: all[0].TakenAt}
				for _, fact := range audit.Facts() {
					s.Gaps = append(s.Gaps, fact.Gap("", "refused"))
				}
				all = append(all, s)
			}
			rules := posture.Rules{Exemptions: []audit.Exemption{x.e}}
			together, apart := posture.JudgeAll(all, rules), throughFiles(t, all, rules)
			var got []string
			for _, j := range together {
				for _, f := range j.Findings {
					if f.Check == "exemption-unknown" && f.Outcome != audit.NotApplicable {
						got = append(got, fmt.Sprint(j.Account, " ", f.Outcome))
					}
				}
			}
			if diff := cmp.Diff([]string{x.want}, got); diff != "" {
				t.Errorf("who was asked (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(asJSON(t, together), asJSON(t, apart)); diff != "" {
				t.Errorf("(-together +apart)\n%s", diff)
			}
		})
	}
}

// throughFiles judges as the functions do: each member alone, written and read again.
func throughFiles(t *testing.T, all []audit.Snapshot, rules posture.Rules) []posture.Account {
	t.Helper()
	var members []posture.Account
	for _, s := range all {
		var j posture.Account
		if err := json.Unmarshal([]byte(asJSON(t, posture.JudgeMember(s, rules))), &j); err != nil {
			t.Fatal(err)
		}
		members = append(members, j)
	}
	posture.AskRest(members, rules)
	return members
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBoundToAccounts: an exemption that may speak for one account exempts nobody of
// another, and its account is asked when nobody has the id.
func TestBoundToAccounts(t *testing.T) {
	all := two()
	theirs := exemption(all[1].Users.Value[0].ID, "user-any-mfa")
	theirs.Accounts = []string{all[0].Account}
	typo := exemption("AIDATYPO", "user-any-mfa")
	typo.Accounts = []string{all[1].Account}
	judged := posture.JudgeAll(all, posture.Rules{Exemptions: []audit.Exemption{theirs, typo}})
	want := all[1].Account + " exemption-unknown fail " + theirs.ID + "#user-any-mfa\n" + all[1].Account + " exemption-unknown fail AIDATYPO#user-any-mfa\n"
	if got := asked(judged); !equalLines(got, want) {
		t.Errorf("asked\n%swant\n%s", got, want)
	}
	for _, f := range judged[1].Findings {
		if f.Exemption != nil {
			t.Errorf("%s: %s is exempt by another account's exemption", f.Check, f.Subject.ID)
		}
		if f.Check == "exemption-unknown" && strings.HasPrefix(f.Subject.ID, theirs.ID) && !strings.Contains(f.Detail, "may speak for "+all[0].Account+" only") {
			t.Errorf("detail %q does not say why", f.Detail)
		}
	}
	theirs.Accounts = append(theirs.Accounts, all[1].Account)
	exempt := 0
	for _, f := range posture.JudgeAll(all, posture.Rules{Exemptions: []audit.Exemption{theirs}})[1].Findings {
		if f.Exemption != nil {
			exempt++
		}
	}
	if exempt != 1 {
		t.Errorf("bound to the account itself it exempts from %d failures, want 1", exempt)
	}
}

func equalLines(a, b string) bool {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/internal/fakeaws"
	"mfawatch/internal/securityhub"
)

const orgDir = "audit/o-exampleorgid/"

// Of the company's twelve accounts one has no role to assume and one is
// suspended.
const (
	deniedAccount    = "100000000003"
	suspendedAccount = "100000000007"
)

func company() *stage {
	all := []*fakeaws.Account{office()}
	o := fakeaws.NewOrganization(ownAccount)
	o.Features = []string{"RootCredentialsManagement"}
	for i := 1; i < 12; i++ {
		id := fmt.Sprintf("1000000000%02d", i)
		m := o.Member(id, fmt.Sprintf("team%d", i))
		if id == suspendedAccount {
			m.Status = "SUSPENDED"
		}
		a := fakeaws.NewAccount(id)
		a.User("dev").Password = true
		if id != deniedAccount {
			role := a.Role("MfawatchAudit")
			role.Path, role.ExternalID = "/audit/", "x-1"
		}
		all = append(all, a)
	}
	s := newStage(all...)
	s.srv.Organization = o
	s.srv.PageSize = 5
	s.Names = map[string]string{"100000000001": "payments"}
	return s
}

// member is an item of the map.
func (s *stage) items(t *testing.T, r Result) []Event {
	t.Helper()
	var items []Event
	if err := json.Unmarshal([]byte(s.objects[r.ItemsKey]), &items); err != nil {
		t.Fatal(err)
	}
	return items
}

// audited runs list, the map and reduce, leaving out some items.
func (s *stage) audited(t *testing.T, run string, leave ...string) Result {
	t.Helper()
	listed := s.ok(t, Event{Mode: ModeList, Run: run})
	for _, item := range s.items(t, listed) {
		if len(leave) == 0 || item.Account != leave[0] {
			s.ok(t, item)
		}
	}
	return s.ok(t, Event{Mode: ModeReduce, Run: run, Organization: listed.Organization, Results: json.RawMessage(`[{"any":"thing"}]`)})
}

func TestOrganization(t *testing.T) {
	s := company()
	const lostAccount = "100000000009"
	var r Result
	synctest.Test(t, func(t *testing.T) { r = s.audited(t, "r1", lostAccount) })
	if r.Accounts != 12 || r.Unread != 2 || r.Summary != "sent" || len(s.sent) != 1 || r.Failures == 0 {
		t.Errorf("result %+v, %d messages", r, len(s.sent))
	}
	a := s.findings(t, orgDir+"runs/r1/findings.json")
	if len(a.Accounts) != 12 || a.Organization != "o-exampleorgid" {
		t.Fatalf("%d accounts of %q", len(a.Accounts), a.Organization)
	}
	for _, p := range a.Accounts {
		unknown, all := p.Summary.ByOutcome[audit.Unknown], len(p.Findings)
		switch p.Account {
		case suspendedAccount:
			if p.Status != "SUSPENDED" || all != 0 {
				t.Errorf("the suspended account: status %q, %d findings", p.Status, all)
			}
		case deniedAccount, lostAccount:
			passes := 1 // the organisation's features are known
			if p.Account == deniedAccount {
				passes = 2 // and root's credentials
			}
			if unknown == 0 || p.Summary.ByOutcome[audit.Fail] != 0 || p.Summary.ByOutcome[audit.Pass] > passes {
				t.Errorf("account %s: %v", p.Account, p.Summary.ByOutcome)
			}
		default:
			if p.Summary.ConsoleWithoutMFA != 1 || p.Status != "ACTIVE" {
				t.Errorf("account %s: %d without MFA, status %q", p.Account, p.Summary.ConsoleWithoutMFA, p.Status)
			}
		}
	}
	if a.Accounts[0].Name != "payments" || a.Accounts[1].Name != "team2" {
		t.Errorf("names %q and %q", a.Accounts[0].Name, a.Accounts[1].Name)
	}
	text := s.sent[0].body["email"]
	for _, want := range []string{"- team3 (100000000003), all of it (sts:AssumeRole: role audit/MfawatchAudit cannot be assumed: AccessDenied)", `in payments (100000000001)`, "(12 accounts)", "its part of the run did not end"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q:\n%s", want, text)
		}
	}
	if got := s.sent[0].attributes["account"]; got != "o-exampleorgid" {
		t.Errorf("attribute account %q", got)
	}
	if got := s.order[len(s.order)-1]; got != orgDir+"latest.json" {
		t.Errorf("%s was written last", got)
	}
}

// What only the organisation knows is asked once, and every member has it.
func TestOrganizationIsAskedOnce(t *testing.T) {
	s := company()
	synctest.Test(t, func(t *testing.T) { s.audited(t, "r1", "100000000009") })
	counts := s.srv.Counts()
	if counts["organizations:DescribeOrganization"] != 1 || counts["organizations:ListAccounts"] != 3 {
		t.Errorf("calls %v", counts)
	}
	for _, p := range s.findings(t, orgDir+"runs/r1/findings.json").Accounts {
		for _, g := range p.Gaps {
			if g.Fact == audit.FactOrganization {
				t.Errorf("account %s: %s", p.Account, g)
			}
		}
	}
}

func TestItems(t *testing.T) {
	s := company()
	synctest.Test(t, func(t *testing.T) {
		r := s.ok(t, Event{Mode: ModeList, Run: "r1"})
		want := Event{Mode: ModeMember, Run: "r1", Organization: "o-exampleorgid", Account: "100000000001", Name: "team1", Began: noon}
		if len(r.Items) != 11 || r.Accounts != 11 || r.ItemsKey != orgDir+"runs/r1/items.json" {
			t.Fatalf("%d items, result %+v", len(r.Items), r)
		}
		if diff := cmp.Diff(want, r.Items[0]); diff != "" {
			t.Errorf("an item (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(r.Items, s.items(t, r)); diff != "" {
			t.Errorf("the result's items and the object's (-result +object):\n%s", diff)
		}
		text, err := json.Marshal(r.Items[0])
		if err != nil || string(text) != `{"mode":"member","run":"r1","organization":"o-exampleorgid","account":"100000000001","name":"team1","began":"2026-11-20T12:00:00Z"}` {
			t.Errorf("an item in JSON: %s (%v)", text, err)
		}
		was := s.objects[r.ItemsKey]
		s.at(day(1))
		s.srv.Organization.Member("100000000099", "late")
		if s.ok(t, Event{Mode: ModeList, Run: "r1"}); s.objects[r.ItemsKey] != was {
			t.Error("the repeat of a run lists other accounts")
		}
	})
}

// A result holds a state's output; thousands of accounts are in S3 only.
func TestManyItems(t *testing.T) {
	s := company()
	for i := range 3000 {
		s.srv.Organization.Member(fmt.Sprintf("2%011d", i), "account")
	}
	s.srv.PageSize = 0
	synctest.Test(t, func(t *testing.T) {
		r := s.ok(t, Event{Mode: ModeList, Run: "r1"})
		if r.Items != nil || r.Accounts != 3011 || len(s.items(t, r)) != 3011 {
			t.Errorf("%d items in the result of %d accounts", len(r.Items), r.Accounts)
		}
	})
}

func TestListFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stage)
		want   string
	}{
		"no organisation": {func(s *stage) { s.srv.Organization = nil }, "account 111122223333 is in no organisation: audit it alone"},
		"denied":          {func(s *stage) { s.srv.Fault(fakeaws.Denied("organizations:ListAccounts")) }, "account 111122223333 may not call organizations:ListAccounts: use the management account or a delegated administrator, and allow it"},
		"no role":         {func(s *stage) { s.Settings.Role = "" }, "no role is named to assume in the accounts: set MFAWATCH_AUDIT_ROLE"},
		"S3": {func(s *stage) {
			s.fault = func(verb, _ string) error { return map[string]error{"put": errInjected}[verb] }
		}, "injected"},
	} {
		s := company()
		c.change(s)
		synctest.Test(t, func(t *testing.T) {
			_, err := s.Handle(context.Background(), Event{Mode: ModeList, Run: "r1"})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(s.objects) != 0 {
				t.Errorf("%s: error %v, want %s…; objects %v", name, err, c.want, s.keys())
			}
		})
	}
}

func TestFeaturesThatMayNotBeAsked(t *testing.T) {
	s := company()
	s.srv.Fault(fakeaws.Denied("iam:ListOrganizationsFeatures"))
	synctest.Test(t, func(t *testing.T) {
		s.ok(t, Event{Mode: ModeList, Run: "r1"})
		if got := s.objects[orgDir+"runs/r1/organization.json"]; !strings.Contains(got, `"no_features":"AccessDenied"`) {
			t.Errorf("organization.json: %s", got)
		}
	})
}

func TestReduceWithoutList(t *testing.T) {
	s := company()
	_, err := s.Handle(context.Background(), Event{Mode: ModeReduce, Run: "r1", Organization: "o-exampleorgid"})
	if err == nil || !strings.Contains(err.Error(), "run mode list first") || len(s.sent) != 0 {
		t.Errorf("error %v, %d messages", err, len(s.sent))
	}
}

// An item fails when S3 does, and only then.
func TestMemberFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := company()
		items := s.items(t, s.ok(t, Event{Mode: ModeList, Run: "r1"}))
		s.fault = func(verb, key string) error {
			return map[bool]error{true: errInjected}[verb == "put" && strings.HasSuffix(key, "/findings.json")]
		}
		if _, err := s.Handle(context.Background(), items[0]); !errors.Is(err, errInjected) {
			t.Errorf("S3 refuses: error %v", err)
		}
		s.revive()
		s.Settings.SecurityHub = true
		s.hubOf(items[1].Account).err = securityhub.ErrOff
		if r := s.ok(t, items[1]); r.Hub != "off" {
			t.Errorf("Security Hub is off: %q", r.Hub)
		}
		s.srv.Fault(fakeaws.Fault{Account: items[3].Account, Status: 403, Code: "ExpiredToken", Message: "m"})
		if r := s.ok(t, items[3]); r.Unknowns == 0 || r.Failures != 0 || r.Unread != 1 {
			t.Errorf("the session ends: %+v", r)
		}
	})
}

// Each member's findings go to its own Security Hub, the management account's
// to its own.
func TestMembersImportIntoTheirOwn(t *testing.T) {
	s := company()
	s.Settings.SecurityHub = true
	synctest.Test(t, func(t *testing.T) {
		s.audited(t, "r1")
		s.at(day(1))
		s.audited(t, "r2")
	})
	if n := strings.Count(s.log.String(), `"account":"`+deniedAccount+`","organization":"o-exampleorgid","continue":false,"accounts":1,"unread":1,`); n != 2 || strings.Contains(s.log.String(), "findings are not imported") {
		t.Errorf("the denied account was logged %d times:\n%s", n, s.log.String())
	}
	if len(s.hubs) != 10 { // neither the denied nor the suspended account's
		t.Errorf("%d hubs were given findings", len(s.hubs))
	}
	for account, h := range s.hubs {
		if len(h.findings) == 0 || h.dropped > 0 || strings.Contains(s.log.String(), "refused a finding") {
			t.Errorf("account %s: %d findings, %d dropped", account, len(h.findings), h.dropped)
		}
	}
}

// A member's findings say since when they are known, and a late repeat of an old
// item does not take Security Hub back.
func TestMembersLifeCycle(t *testing.T) {
	s := company()
	s.Settings.SecurityHub = true
	const account = "100000000001"
	synctest.Test(t, func(t *testing.T) {
		for n := range 3 {
			s.at(day(n))
			s.audited(t, fmt.Sprintf("r%d", n+1))
		}
		for _, f := range s.findings(t, orgDir+"runs/r3/members/"+account+"/findings.json").Accounts[0].Findings {
			if f.Outcome == audit.Fail && !f.FirstSeen.Equal(noon) {
				t.Errorf("%s is first seen at %v", f.Check, f.FirstSeen)
			}
		}
		was := s.objects[orgDir+"members/"+account+"/securityhub.json"]
		findings := s.objects[orgDir+"runs/r2/members/"+account+"/findings.json"]
		defer func() {
			if s.objects[orgDir+"runs/r2/members/"+account+"/findings.json"] != findings {
				t.Error("the repeat writes other findings")
			}
		}()
		item := s.items(t, Result{ItemsKey: orgDir + "runs/r2/items.json"})[0]
		if r := s.ok(t, item); item.Account != account || r.Hub != "superseded" || s.objects[orgDir+"members/"+account+"/securityhub.json"] != was || s.hubOf(account).dropped != 0 {
			t.Errorf("item %+v: %+v, %d dropped", item, r, s.hubOf(account).dropped)
		}
	})
}

func TestOrganizationChanges(t *testing.T) {
	s := company()
	s.Settings.Formats = []string{"asff", "html"}
	synctest.Test(t, func(t *testing.T) {
		s.audited(t, "r1")
		s.at(day(1))
		if r := s.audited(t, "r2"); r.Summary != "unchanged" {
			t.Errorf("unchanged: summary %q", r.Summary)
		}
		// What could not be told before is news where it fails.
		s.srv.Change(func() { s.srv.Organization.Member("100000000050", "new") })
		fresh := fakeaws.NewAccount("100000000050")
		fresh.User("dev").Password = true
		role := fresh.Role("MfawatchAudit")
		role.Path, role.ExternalID = "/audit/", "x-1"
		s.srv.Add(fresh)
		s.at(day(2))
		if r := s.audited(t, "r3"); r.Summary != "sent" || r.Accounts != 13 {
			t.Errorf("a new account: %+v", r)
		}
		// An account that cannot be read any more is not resolved.
		s.at(day(3))
		s.audited(t, "r4", "100000000050")
		if got := s.sent[len(s.sent)-1].subject; !strings.Contains(got, "not known any more") || strings.Contains(got, "resolved") {
			t.Errorf("subject %q", got)
		}
		was := s.objects[orgDir+"runs/r4/findings.json"]
		s.at(day(4))
		s.ok(t, Event{Mode: ModeReduce, Run: "r4", Organization: "o-exampleorgid"})
		if s.objects[orgDir+"runs/r4/findings.json"] != was {
			t.Error("a repeated reduce writes other findings")
		}
	})
}

func TestMemberInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := company()
		big := crowd(300)
		big.ID = "100000000060"
		role := big.Role("MfawatchAudit")
		role.Path, role.ExternalID = "/audit/", "x-1"
		s.srv.Add(big)
		s.srv.Organization.Member(big.ID, "big")
		s.running()
		listed := s.ok(t, Event{Mode: ModeList, Run: "r1"})
		e := s.items(t, listed)[10]
		if e.Account != big.ID {
			t.Fatalf("item %+v", e)
		}
		ctx, stop := context.WithTimeout(context.Background(), 40e9)
		r, err := s.Handle(ctx, e)
		stop()
		if err != nil || !r.Continue || r.Event.Account != big.ID || r.Event.Name != "big" {
			t.Fatalf("result %+v, error %v", r, err)
		}
		if r = s.ok(t, *r.Event); r.Continue || r.Unread != 0 {
			t.Errorf("result %+v", r)
		}
		if n := s.srv.CountsOf(big.ID)["iam:ListMFADevices"]; n < 300 || n > 302 {
			t.Errorf("%d users were asked", n)
		}
	})
}

// TestOrganizationAsksOnceAboutWhom: an exemption and an emergency user are of one
// account, and the others are not asked why they do not know them.
func TestOrganizationAsksOnceAboutWhom(t *testing.T) {
	s := company()
	end := noon.AddDate(0, 1, 0)
	s.Rules = posture.Rules{
		BreakGlass: []string{"AIDANOBODY"},
		Exemptions: []audit.Exemption{
			{ID: "100000000002", Owner: "a", Reason: "b", Expires: end, Checks: []string{"root-mfa"}},
			{ID: "AIDAGONE", Owner: "a", Reason: "b", Expires: end},
		},
	}
	synctest.Test(t, func(t *testing.T) { s.audited(t, "r1") })
	var got []string
	for _, p := range s.findings(t, orgDir+"runs/r1/findings.json").Accounts {
		for _, f := range p.Findings {
			if f.Subject.Kind == audit.ExemptionSubject && f.Check == "exemption-unknown" || f.Check == "break-glass-user" && f.Subject.ID == "AIDANOBODY" {
				got = append(got, fmt.Sprint(p.Account, " ", f.Check, " ", f.Outcome, " ", f.Subject.ID))
			}
		}
	}
	// Of the account that could not be read it is not known whose it is.
	want := []string{
		"100000000002 exemption-unknown pass 100000000002#root-mfa",
		deniedAccount + " exemption-unknown unknown AIDAGONE", deniedAccount + " break-glass-user unknown AIDANOBODY",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who was asked (-want +got):\n%s", diff)
	}
}

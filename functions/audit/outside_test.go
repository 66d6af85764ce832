package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

// guarded is the company with policies above its accounts and a factor of
// somebody's root.
func guarded() *stage {
	s := company()
	o := s.srv.Organization
	o.Units = []fakeaws.Unit{{ID: "ou-abcd-team", Name: "team"}}
	o.Policies = []fakeaws.SCP{
		{ID: "p-all", Name: "FullAWSAccess", Document: `{"all":1}`, Targets: []string{"r-abcd", "ou-abcd-team"}},
		{ID: "p-mfa", Name: "mfa", Document: `{"mfa":1}`, Targets: []string{"100000000001"}},
	}
	for _, id := range []string{"100000000001", deniedAccount} {
		for i := range o.Members {
			if o.Members[i].ID == id {
				o.Members[i].Parent = "ou-abcd-team"
			}
		}
	}
	return s
}

// snapshots are those that the run's members left.
func (s *stage) snapshots(t *testing.T, run string) map[string]audit.Snapshot {
	t.Helper()
	all := map[string]audit.Snapshot{}
	for _, item := range s.items(t, s.ok(t, Event{Mode: ModeList, Run: run})) {
		s.ok(t, item)
		snapshot, err := audit.DecodeSnapshot([]byte(s.objects[orgDir+"runs/"+run+"/members/"+item.Account+"/snapshot.json"]))
		if err != nil {
			t.Fatal(err)
		}
		all[item.Account] = snapshot
	}
	return all
}

// told is what a snapshot holds that a member cannot tell of itself.
type told struct {
	Features, SCPs, Root any
	Gaps                 []audit.Gap
}

func outside(s audit.Snapshot) told {
	var x told
	if s.Organization != nil {
		x.Features = s.Organization.Value
	}
	if s.SCPs != nil {
		x.SCPs = s.SCPs.Value
	}
	if r := s.Root; r.MFADevices != nil && r.LoginProfile != nil && r.AccessKeys != nil {
		x.Root = []any{r.MFADevices.Value, r.LoginProfile.Value, r.AccessKeys.Value}
	}
	for _, g := range s.Gaps {
		if g.Action == "sts:AssumeRole" {
			g.Reason = "" // the command's advice names its flags
		}
		if slices.Contains([]audit.Fact{audit.FactOrganization, audit.FactSCPs, audit.FactRootMFADevices, audit.FactRootLoginProfile, audit.FactRootAccessKeys}, g.Fact) {
			x.Gaps = append(x.Gaps, g)
		}
	}
	return x
}

// A member is told of what 'mfawatch audit --org' is told of, whatever is
// refused.
func TestMemberReadsWhatTheCommandReads(t *testing.T) {
	for name, c := range map[string]struct {
		change         func(*stage)
		action, reason string // of the gap in the root's devices or the policies; empty: none
		fact           audit.Fact
	}{
		"all":      {change: func(*stage) {}},
		"root off": {func(s *stage) { s.srv.Organization.Features = []string{"RootSessions"} }, "sts:AssumeRoot", "RootCredentialsManagement is off", audit.FactRootMFADevices},
		"features": {func(s *stage) { s.srv.Fault(fakeaws.Denied("iam:ListOrganizationsFeatures")) }, "sts:AssumeRoot", "whether RootCredentialsManagement is on is not known", audit.FactRootMFADevices},
		"root":     {func(s *stage) { s.srv.Fault(fakeaws.Denied("sts:AssumeRoot")) }, "sts:AssumeRoot", "AccessDenied", audit.FactRootMFADevices},
		"policies": {func(s *stage) { s.srv.Fault(fakeaws.Denied("organizations:ListPoliciesForTarget")) }, "organizations:ListPoliciesForTarget", "AccessDenied", audit.FactSCPs},
		"a policy": {func(s *stage) { s.srv.Fault(fakeaws.Denied("organizations:DescribePolicy")) }, "organizations:DescribePolicy", "AccessDenied", audit.FactSCPs},
		"parents":  {func(s *stage) { s.srv.Fault(fakeaws.Denied("organizations:ListParents")) }, "organizations:ListParents", "AccessDenied", audit.FactSCPs},
	} {
		s := guarded()
		c.change(s)
		synctest.Test(t, func(t *testing.T) {
			ours := s.snapshots(t, "r1")
			r, err := collect.Organization(t.Context(), s.AWS, collect.OrganizationOptions{RoleName: s.Settings.Role, ExternalID: s.Settings.ExternalID, Root: true})
			if err != nil || len(ours) != 11 {
				t.Fatalf("%s: %d members, error %v", name, len(ours), err)
			}
			for _, m := range r.Members {
				if m.ID == suspendedAccount {
					continue
				}
				if diff := cmp.Diff(outside(m.Snapshot), outside(ours[m.ID])); diff != "" {
					t.Errorf("%s: account %s (-command +function):\n%s", name, m.ID, diff)
				}
				if (m.ID == deniedAccount) != (ours[m.ID].Users == nil) {
					t.Errorf("%s: account %s: users %v", name, m.ID, ours[m.ID].Users)
				}
			}
			for _, id := range []string{"100000000001", deniedAccount} {
				if g := audit.IndexGaps(ours[id].Gaps).Gap(c.fact, ""); c.action != "" && (g.Action != c.action || g.Reason != c.reason) {
					t.Errorf("%s: account %s has gap %s", name, id, g)
				}
			}
		})
	}
}

// The texts of policies and root's credentials themselves, once.
func TestMemberFromOutside(t *testing.T) {
	s := guarded()
	synctest.Test(t, func(t *testing.T) {
		all := s.snapshots(t, "r1")
		team, management := all["100000000001"], all[ownAccount]
		if team.SCPs == nil || len(team.SCPs.Value) != 3 || team.SCPs.Value[2].ID != "p-mfa" || team.SCPs.Value[2].Document != `{"mfa":1}` {
			t.Errorf("policies %+v", team.SCPs)
		}
		if team.Root.MFADevices == nil || team.Root.LoginProfile == nil || team.Root.AccessKeys == nil {
			t.Errorf("root %+v", team.Root)
		}
		if g := audit.IndexGaps(management.Gaps).Gap(audit.FactRootMFADevices, ""); g.Reason != "sts:AssumeRoot takes member accounts only" || management.SCPs == nil || len(management.SCPs.Value) != 0 {
			t.Errorf("the management account: gap %s, policies %+v", g, management.SCPs)
		}
		counts := s.srv.Counts()
		if counts["sts:AssumeRoot"] != 10 || counts["iam:ListOrganizationsFeatures"] != 1 {
			t.Errorf("calls %v", counts)
		}
	})
}

// The time is over while the organisation is asked: the next part asks it, and
// the account no more.
func TestMemberOutOfTimeOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := guarded()
		s.running()
		item := s.items(t, s.ok(t, Event{Mode: ModeList, Run: "r1"}))[0]
		s.srv.Before = func(c fakeaws.Call) {
			if c.Action == "organizations:ListPoliciesForTarget" && c.N == 1 {
				time.Sleep(time.Minute)
			}
		}
		ctx, stop := context.WithTimeout(context.Background(), 40*time.Second)
		r, err := s.Handle(ctx, item)
		stop()
		if err != nil || !r.Continue || r.Event.Part != 1 || s.objects[orgDir+"runs/r1/members/"+item.Account+"/snapshot.json"] != "" {
			t.Fatalf("result %+v, error %v", r, err)
		}
		asked := s.srv.Counts()["iam:GetAccountAuthorizationDetails"]
		if r = s.ok(t, *r.Event); r.Continue || s.srv.Counts()["iam:GetAccountAuthorizationDetails"] != asked {
			t.Errorf("result %+v, %v", r, s.srv.Counts())
		}
		snapshot, err := audit.DecodeSnapshot([]byte(s.objects[orgDir+"runs/r1/members/"+item.Account+"/snapshot.json"]))
		if err != nil || snapshot.SCPs == nil || len(snapshot.SCPs.Value) != 3 || snapshot.Root.MFADevices == nil {
			t.Errorf("policies %+v, root %+v, gaps %v, error %v", snapshot.SCPs, snapshot.Root, snapshot.Gaps, err)
		}
	})
}

// An organisation that answers nothing ends no member: it is said what is not
// known.
func TestMemberWhereTheOrganisationIsOutOfReach(t *testing.T) {
	s := guarded()
	synctest.Test(t, func(t *testing.T) {
		item := s.items(t, s.ok(t, Event{Mode: ModeList, Run: "r1"}))[0]
		for _, action := range []string{"organizations:ListPoliciesForTarget", "sts:AssumeRoot"} {
			s.srv.Fault(fakeaws.Fault{Account: ownAccount, Action: action, Status: 403, Code: "ExpiredToken", Message: "m"})
		}
		if r := s.ok(t, item); r.Unread != 0 || r.Continue {
			t.Errorf("result %+v", r)
		}
		snapshot, err := audit.DecodeSnapshot([]byte(s.objects[orgDir+"runs/r1/members/"+item.Account+"/snapshot.json"]))
		if err != nil {
			t.Fatal(err)
		}
		for fact, action := range map[audit.Fact]string{audit.FactSCPs: "organizations:ListPoliciesForTarget", audit.FactRootMFADevices: "sts:AssumeRoot"} {
			if g := audit.IndexGaps(snapshot.Gaps).Gap(fact, ""); g.Action != action || g.Reason != action+": the credentials have expired (ExpiredToken): sign in again" {
				t.Errorf("gap %s", g)
			}
		}
		s.fault = func(verb, key string) error {
			return map[bool]error{true: errInjected}[verb == "put" && strings.HasSuffix(key, "/snapshot.json")]
		}
		item.Account = deniedAccount
		if _, err := s.Handle(context.Background(), item); !errors.Is(err, errInjected) {
			t.Errorf("S3 refuses: %v", err)
		}
	})
}

package collect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// company is an organisation of ten accounts. The first manages it, the third
// has no role to assume, the sixth is suspended, the seventh is being closed.
type company struct {
	srv      *fakeaws.Server
	org      *fakeaws.Organization
	accounts []*fakeaws.Account
}

func orgAccount(i int) string { return fmt.Sprintf("%012d", 100000000000+i) }

func newCompany() *company {
	c := &company{srv: fakeaws.New(), org: fakeaws.NewOrganization(orgAccount(0))}
	c.srv.Organization = c.org
	c.org.Features = []string{"RootCredentialsManagement", "RootSessions"}
	c.org.Units = []fakeaws.Unit{{ID: "ou-abcd-top", Name: "top"}, {ID: "ou-abcd-low", Name: "low", Parent: "ou-abcd-top"}}
	c.org.Policies = []fakeaws.SCP{
		{ID: "p-FullAWSAccess", Name: "FullAWSAccess", Document: `{"all":1}`, Targets: []string{"r-abcd", "ou-abcd-top", "ou-abcd-low", orgAccount(1)}},
		{ID: "p-mfa", Name: "mfa", Document: `{"mfa":1}`, Targets: []string{"ou-abcd-top"}},
	}
	for i := range 10 {
		a := fakeaws.NewAccount(orgAccount(i))
		u := a.User(fmt.Sprintf("user%d", i))
		u.Password, u.Devices = true, []fakeaws.Device{a.Virtual("phone")}
		if i != 2 {
			a.Role("auditor").ExternalID = "agreed"
		}
		a.Root.Devices = []fakeaws.Device{{Serial: "arn:aws:iam::" + a.ID + ":u2f/root/safe-ABCDEFGHIJKLMNOPQRSTUVWXYZ", Enabled: u.Created}}
		c.srv.Add(a)
		c.accounts = append(c.accounts, a)
		if i > 0 {
			c.org.Member(a.ID, fmt.Sprintf("account %d", i)).Parent = "ou-abcd-low"
		}
	}
	c.org.Members[5].Status, c.org.Members[6].Status = "SUSPENDED", "PENDING_CLOSURE"
	return c
}

func (c *company) config(by int) aws.Config {
	return aws.Config{Region: "eu-north-1", HTTPClient: c.srv.Client(), Credentials: credentials.NewStaticCredentialsProvider(c.accounts[by].AccessKey(), "secret", "")}
}

func orgOptions() collect.OrganizationOptions {
	return collect.OrganizationOptions{RoleName: "auditor", ExternalID: "agreed"}
}

func readCompany(t *testing.T, c *company, o collect.OrganizationOptions) collect.OrganizationResult {
	t.Helper()
	r, err := collect.Organization(t.Context(), c.config(0), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Members) != 10 {
		t.Fatalf("%d members, want 10", len(r.Members))
	}
	return r
}

func TestOrganizationOfTenAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		r := readCompany(t, c, orgOptions())
		if r.ID != "o-exampleorgid" || r.ManagementAccount != orgAccount(0) {
			t.Errorf("organisation %s, managed by %s", r.ID, r.ManagementAccount)
		}
		for i, m := range r.Members {
			want := ""
			if i == 5 || i == 6 {
				want = []string{"SUSPENDED", "PENDING_CLOSURE"}[i-5]
			}
			if m.ID != orgAccount(i) || m.Skipped != want || (m.Err != nil) != (i == 2) || m.Status == "" || m.Name == "" {
				t.Errorf("member %d = %s %q, %s, skipped %q, error %v", i, m.ID, m.Name, m.Status, m.Skipped, m.Err)
			}
			if want != "" || i == 2 {
				continue
			}
			s := m.Snapshot
			if s.Account != m.ID || s.Users == nil || len(s.Users.Value) != 1 || s.Users.Value[0].Name != fmt.Sprintf("user%d", i) || s.Users.Value[0].MFADevices == nil {
				t.Errorf("snapshot of member %d: account %s, users %+v", i, s.Account, s.Users)
			}
			if s.Organization == nil || !slices.Contains(s.Organization.Value.Enabled, "RootSessions") || s.Organization.Value.OrganizationID != "o-exampleorgid" {
				t.Errorf("organisation's features in member %d: %+v", i, s.Organization)
			}
		}
		if n := c.srv.Counts()["sts:AssumeRole"]; n != 7 {
			t.Errorf("%d times AssumeRole, want 7: once for each active account but the own", n)
		}
	})
}

// An account without the role is a member of Gaps, and what is told from
// outside is not one.
func TestOrganizationWhereARoleIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		m := readCompany(t, c, orgOptions()).Members[2]
		s := m.Snapshot
		const why = "role arn:aws:iam::100000000002:role/auditor cannot be assumed: AccessDenied (an external id was sent): check its trust policy, and --external-id"
		if m.Err == nil || m.Err.Error() != "account 100000000002: "+why {
			t.Errorf("error %v", m.Err)
		}
		if s.Schema != audit.SnapshotSchema || s.Account != orgAccount(2) || s.Partition != "aws" || s.TakenAt.IsZero() || s.Users != nil || s.SCPs == nil || s.Organization == nil {
			t.Errorf("snapshot %+v", s)
		}
		for _, f := range audit.Facts() {
			told := f == audit.FactSCPs || f == audit.FactOrganization
			g := slices.IndexFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == f })
			if told != (g < 0) || !told && (s.Gaps[g].Action != "sts:AssumeRole" || s.Gaps[g].Reason != why || s.Gaps[g].Subject != "") {
				t.Errorf("gap of %s in %+v", f, s.Gaps)
			}
		}
		if _, err := s.Encode(); err != nil {
			t.Error(err)
		}
	})
}

func TestOrganizationWithAWrongExternalID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		o := orgOptions()
		o.ExternalID = "guessed"
		for i, m := range readCompany(t, c, o).Members {
			if (m.Err != nil) != (i != 0 && m.Skipped == "") || strings.Contains(fmt.Sprint(m.Err), "guessed") {
				t.Errorf("member %d: %v", i, m.Err)
			}
		}
	})
}

// Whoever reads the report learns which role it was, and what to look at.
func TestWhyARoleIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		role, id string
		fault    *fakeaws.Fault
		want     string
	}{
		"no such role":      {"Nope", "", nil, "role arn:aws:iam::100000000004:role/Nope cannot be assumed: AccessDenied (no external id was sent): check its trust policy; if that asks for an external id, give --external-id"},
		"no id":             {"auditor", "", nil, "role arn:aws:iam::100000000004:role/auditor cannot be assumed: AccessDenied (no external id was sent): check its trust policy; if that asks for an external id, give --external-id"},
		"a wrong id":        {"/path/auditor", "secret", nil, "role arn:aws:iam::100000000004:role/path/auditor cannot be assumed: AccessDenied (an external id was sent): check its trust policy, and --external-id"},
		"a policy above it": {"auditor", "agreed", &fakeaws.Fault{Action: "sts:AssumeRole", Status: 403, Code: "AccessDenied", Message: "with an explicit deny in a service control policy"}, "role arn:aws:iam::100000000004:role/auditor cannot be assumed: AccessDenied: explicit deny in a policy of this kind: service control policy (an external id was sent): check its trust policy, and --external-id"},
		"an outage":         {"auditor", "agreed", &fakeaws.Fault{Action: "sts:AssumeRole", Status: 500, Code: "InternalFailure"}, "role arn:aws:iam::100000000004:role/auditor cannot be assumed: InternalFailure (HTTP 500)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			co, o := newCompany(), orgOptions()
			if c.fault != nil {
				co.srv.Fault(*c.fault)
			}
			o.RoleName, o.ExternalID, o.Accounts = c.role, c.id, []string{orgAccount(4)}
			m := readCompany(t, co, o).Members[4]
			if got := fmt.Sprint(m.Err); got != "account 100000000004: "+c.want {
				t.Errorf("%s: error %s, want %s", name, got, c.want)
			}
			if g := audit.IndexGaps(m.Snapshot.Gaps).Gap(audit.FactUsers, ""); g.Reason != c.want || g.Action != "sts:AssumeRole" {
				t.Errorf("%s: gap %s, want %s", name, g, c.want)
			}
		})
	}
}

func TestOrganizationOfChosenAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		o := orgOptions()
		o.Accounts = []string{orgAccount(4), orgAccount(5)}
		for i, m := range readCompany(t, c, o).Members {
			want := map[int]string{4: "", 5: "SUSPENDED"}
			skipped, chosen := want[i]
			if !chosen {
				skipped = "not asked"
			}
			if m.Skipped != skipped || (m.Snapshot.Users != nil) != (i == 4) {
				t.Errorf("member %d skipped %q, want %q", i, m.Skipped, skipped)
			}
		}
		if c.srv.CountsOf(orgAccount(0))["iam:GetAccountSummary"] != 0 {
			t.Error("the own account was read and is not chosen")
		}
	})
}

func TestOrganizationErrors(t *testing.T) {
	for name, c := range map[string]struct {
		by   int
		do   func(*company, *collect.OrganizationOptions)
		want string
	}{
		"no organisation":    {0, func(c *company, _ *collect.OrganizationOptions) { c.srv.Organization = nil }, "account " + orgAccount(0) + " is in no organisation"},
		"a plain member":     {1, func(*company, *collect.OrganizationOptions) {}, "account " + orgAccount(1) + " may not call organizations:ListAccounts"},
		"no role":            {0, func(_ *company, o *collect.OrganizationOptions) { o.RoleName = "" }, "--role"},
		"an unknown account": {0, func(_ *company, o *collect.OrganizationOptions) { o.Accounts = []string{"444455556666"} }, "account 444455556666 is not in the organisation"},
		"credentials that ended": {0, func(c *company, _ *collect.OrganizationOptions) {
			c.srv.Fault(fakeaws.Fault{Action: "organizations:ListAccounts", Status: 400, Code: "ExpiredTokenException", Message: "x"})
		}, "ExpiredToken"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				co, o := newCompany(), orgOptions()
				c.do(co, &o)
				r, err := collect.Organization(t.Context(), co.config(c.by), o)
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || r.Members != nil {
					t.Errorf("error %v, %d members, want %q", err, len(r.Members), c.want)
				}
			})
		})
	}
}

// A delegated administrator reads its own account itself and assumes the role in
// the management account.
func TestOrganizationByADelegatedAdministrator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		c.org.Delegated = []string{orgAccount(1)}
		c.accounts[1].Roles = nil
		r, err := collect.Organization(t.Context(), c.config(1), orgOptions())
		if err != nil || r.Members[0].Err != nil || r.Members[1].Err != nil || r.Members[0].Snapshot.Users == nil {
			t.Errorf("error %v, management account %v, own account %v", err, r.Members[0].Err, r.Members[1].Err)
		}
	})
}

func TestOrganizationSCPs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		c.srv.PageSize = 1
		r := readCompany(t, c, orgOptions())
		low := []audit.SCP{
			{ID: "p-FullAWSAccess", Name: "FullAWSAccess", Target: "ou-abcd-low", Document: `{"all":1}`},
			{ID: "p-FullAWSAccess", Name: "FullAWSAccess", Target: "ou-abcd-top", Document: `{"all":1}`},
			{ID: "p-FullAWSAccess", Name: "FullAWSAccess", Target: "r-abcd", Document: `{"all":1}`},
			{ID: "p-mfa", Name: "mfa", Target: "ou-abcd-top", Document: `{"mfa":1}`},
		}
		own := append([]audit.SCP{{ID: "p-FullAWSAccess", Name: "FullAWSAccess", Target: orgAccount(1), Document: `{"all":1}`}}, low...)
		for i, want := range map[int][]audit.SCP{0: {}, 1: own, 3: low} {
			s := r.Members[i].Snapshot.SCPs
			if s == nil {
				t.Errorf("member %d has no list of SCPs", i)
			} else if diff := cmp.Diff(want, s.Value); diff != "" {
				t.Errorf("member %d (-want +got):\n%s", i, diff)
			}
		}
		n := c.srv.Counts()
		// Seven accounts, two units and the root; one of each more for a second page.
		if n["organizations:ListParents"] != 9 || n["organizations:DescribePolicy"] != 2 || n["organizations:ListPoliciesForTarget"] != 11 {
			t.Errorf("calls %v", n)
		}
	})
}

func TestOrganizationWhereSCPsAreRefused(t *testing.T) {
	for _, action := range []string{"organizations:ListPoliciesForTarget", "organizations:DescribePolicy", "organizations:ListParents"} {
		t.Run(action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCompany()
				c.srv.Fault(fakeaws.Fault{Action: action, Status: 400, Code: "AccessDeniedException", Message: "x"})
				m := readCompany(t, c, orgOptions()).Members[3]
				g := audit.IndexGaps(m.Snapshot.Gaps).Gap(audit.FactSCPs, "")
				if m.Err != nil || m.Snapshot.SCPs != nil || g.Action != action || !strings.HasPrefix(g.Reason, "AccessDenied") {
					t.Errorf("error %v, SCPs %+v, gap %s", m.Err, m.Snapshot.SCPs, g)
				}
			})
		})
	}
}

func TestOrganizationRootSessions(t *testing.T) {
	const noTask = "the audit task policy of sts:AssumeRoot leaves it out"
	for name, c := range map[string]struct {
		do     func(*company, *collect.OrganizationOptions)
		read   bool
		reason string
	}{
		"on":         {func(*company, *collect.OrganizationOptions) {}, true, ""},
		"no Region":  {func(*company, *collect.OrganizationOptions) {}, true, ""},
		"not wanted": {func(_ *company, o *collect.OrganizationOptions) { o.Root = false }, false, "not asked"},
		"off":        {func(c *company, _ *collect.OrganizationOptions) { c.org.Features = []string{"RootSessions"} }, false, "RootCredentialsManagement is off"},
		"not known": {func(c *company, _ *collect.OrganizationOptions) {
			c.srv.Fault(fakeaws.Denied("iam:ListOrganizationsFeatures"))
		}, false, "whether RootCredentialsManagement is on is not known"},
		"denied": {func(c *company, _ *collect.OrganizationOptions) { c.srv.Fault(fakeaws.Denied("sts:AssumeRoot")) }, false, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				co, o := newCompany(), orgOptions()
				o.Root = true
				c.do(co, &o)
				cfg := co.config(0)
				if name == "no Region" {
					cfg.Region = ""
				}
				r, err := collect.Organization(t.Context(), cfg, o)
				if err != nil {
					t.Fatal(err)
				}
				s := r.Members[3].Snapshot
				if got := s.Root.MFADevices != nil && s.Root.LoginProfile != nil && s.Root.AccessKeys != nil; got != c.read || r.Members[3].Err != nil {
					t.Fatalf("root %+v, gaps %+v, error %v", s.Root, s.Gaps, r.Members[3].Err)
				}
				if c.read {
					devices := s.Root.MFADevices.Value
					if len(devices) != 1 || devices[0].Kind() != audit.FIDOFactor || audit.IndexGaps(s.Gaps).Gap(audit.FactCertifications, devices[0].Serial).Reason != noTask || s.Root.LoginProfile.Value.Exists || len(s.Root.AccessKeys.Value) != 0 {
						t.Errorf("root %+v, gaps %+v", s.Root, s.Gaps)
					}
				} else if g := audit.IndexGaps(s.Gaps).Gap(audit.FactRootMFADevices, ""); !strings.HasPrefix(g.Reason, c.reason) || g.Action != "sts:AssumeRoot" {
					t.Errorf("gap %s, want %s", g, c.reason)
				}
				if m := r.Members[0].Snapshot; o.Root && (m.Root.MFADevices != nil || audit.IndexGaps(m.Gaps).Gap(audit.FactRootMFADevices, "").Reason != "sts:AssumeRoot takes member accounts only") {
					t.Errorf("the management account's root: %+v, %s", m.Root, audit.IndexGaps(m.Gaps).Gap(audit.FactRootMFADevices, ""))
				}
				if c.read && r.Members[2].Snapshot.Root.MFADevices == nil {
					t.Error("root of the account without role was not read")
				}
			})
		})
	}
}

// Members whose own question is refused have the organisation's answer, or, when
// that is missing too, their own Gap.
func TestOrganizationWhoseFeaturesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		c.srv.Fault(fakeaws.Denied("iam:ListOrganizationsFeatures"))
		s := readCompany(t, c, orgOptions()).Members[3].Snapshot
		if g := audit.IndexGaps(s.Gaps).Gap(audit.FactOrganization, ""); s.Organization != nil || g.Action != "iam:ListOrganizationsFeatures" || g.Reason == "not asked" {
			t.Errorf("features %+v, gap %s", s.Organization, g)
		}
	})
}

// Ten accounts cost one question about the organisation, answered or not.
func TestOrganizationFeaturesAreAskedOnce(t *testing.T) {
	for _, denied := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCompany()
			if denied {
				c.srv.Fault(fakeaws.Denied("iam:ListOrganizationsFeatures"))
			}
			readCompany(t, c, orgOptions())
			if n := c.srv.Counts()["iam:ListOrganizationsFeatures"]; n != 1 {
				t.Errorf("denied %v: asked %d times, want once", denied, n)
			}
		})
	}
}

func TestOrganizationThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		for _, action := range []string{"sts:AssumeRole", "sts:AssumeRoot", "organizations:ListAccounts", "organizations:ListParents", "iam:ListMFADevices"} {
			c.srv.Fault(fakeaws.Throttled(action, 4))
		}
		o := orgOptions()
		o.Root = true
		for i, m := range readCompany(t, c, o).Members {
			if m.Skipped == "" && i != 2 && (m.Err != nil || m.Snapshot.SCPs == nil || i > 0 && m.Snapshot.Root.MFADevices == nil) {
				t.Errorf("member %d: error %v, gaps %+v", i, m.Err, m.Snapshot.Gaps)
			}
		}
	})
}

// saver keeps what was saved, as a folder of a run does.
type keeper struct {
	mu    sync.Mutex
	saved map[string]audit.Snapshot
}

func (s *keeper) save(snapshot audit.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved[snapshot.Account] = snapshot
	return nil
}

func (s *keeper) load(account string) *audit.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if snapshot, exists := s.saved[account]; exists {
		return &snapshot
	}
	return nil
}

// An interrupted run returns what it has; the next reads only the rest, and both
// together give what one run gives.
func TestOrganizationInterruptedAndResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kept := newCompany(), &keeper{saved: map[string]audit.Snapshot{}}
		o := orgOptions()
		o.Concurrency, o.Save, o.Load = 1, kept.save, kept.load
		o.Options.Now = func() time.Time { return exportedAt }
		c.srv.Now = o.Options.Now
		ctx, cancel := context.WithCancel(t.Context())
		c.srv.Before = func(call fakeaws.Call) {
			if call.Account == orgAccount(3) && call.Action == "iam:ListMFADevices" {
				cancel()
			}
		}
		r, err := collect.Organization(ctx, c.config(0), o)
		if !errors.Is(err, context.Canceled) || len(r.Members) != 10 {
			t.Fatalf("%d members, error %v", len(r.Members), err)
		}
		if len(kept.saved) != 2 || kept.load(orgAccount(0)) == nil || kept.load(orgAccount(1)) == nil {
			t.Errorf("%d accounts saved, want the first two: the third cannot be read, the fourth was cut off", len(kept.saved))
		}
		if m := r.Members[3]; m.Err == nil || m.Snapshot.Account != orgAccount(3) {
			t.Errorf("the account that was cut off: %+v, error %v", m.Snapshot, m.Err)
		}
		if m := r.Members[9]; m.Skipped != "interrupted" || m.Snapshot.Account != "" {
			t.Errorf("the last account: skipped %q, snapshot %+v", m.Skipped, m.Snapshot)
		}
		c.srv.Before = nil
		c.srv.Reset()
		resumed := readCompany(t, c, o)
		for _, read := range []int{0, 1} {
			if n := c.srv.CountsOf(orgAccount(read))["iam:GetAccountSummary"]; n != 0 {
				t.Errorf("account %d was read again", read)
			}
		}
		o.Load, o.Save = nil, nil
		whole := readCompany(t, c, o)
		for i := range whole.Members {
			if diff := cmp.Diff(encodedText(t, whole.Members[i].Snapshot), encodedText(t, resumed.Members[i].Snapshot)); diff != "" {
				t.Errorf("member %d, resumed (-want +got):\n%s", i, diff)
			}
		}
	})
}

func encodedText(t *testing.T, s audit.Snapshot) string {
	t.Helper()
	text, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// When the caller's own credentials end, no account after it is called
// unreadable: the run ends and can be resumed.
func TestOrganizationWhoseCallersCredentialsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := newCompany(), orgOptions()
		o.Concurrency = 1
		c.srv.Fault(fakeaws.Fault{Action: "sts:AssumeRole", Status: 403, Code: "ExpiredToken", Message: "x", After: 1})
		r, err := collect.Organization(t.Context(), c.config(0), o)
		if want := "sts:AssumeRole: the credentials have expired (ExpiredToken): sign in again; 2 of 8 accounts were read: with --snapshots a run can go on where it ended"; fmt.Sprint(err) != want {
			t.Fatalf("error %v, want %s", err, want)
		}
		if r.Members[1].Err != nil || r.Members[1].Skipped != "" || r.Members[2].Skipped != "interrupted" || r.Members[9].Skipped != "interrupted" {
			t.Errorf("members %+v", r.Members)
		}
	})
}

// What was saved until then is kept, and the next run reads the others.
func TestOrganizationGoesOnWithNewCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, kept := newCompany(), orgOptions(), &keeper{saved: map[string]audit.Snapshot{}}
		o.Concurrency, o.Save, o.Load = 1, kept.save, kept.load
		c.srv.Fault(fakeaws.Fault{Action: "sts:AssumeRole", Status: 403, Code: "ExpiredToken", Message: "x", After: 1})
		_, err := collect.Organization(t.Context(), c.config(0), o)
		if want := "sts:AssumeRole: the credentials have expired (ExpiredToken): sign in again; 2 of 8 accounts were read and are kept: run again to go on with the others"; fmt.Sprint(err) != want || len(kept.saved) != 2 {
			t.Errorf("%d accounts saved, error %v, want %s", len(kept.saved), err, want)
		}
		c.srv.Mend()
		c.srv.Reset()
		readCompany(t, c, o)
		for i, want := range map[int]int{0: 0, 1: 0, 3: 1, 9: 1} {
			if n := c.srv.CountsOf(orgAccount(i))["iam:GetAccountSummary"]; n != want {
				t.Errorf("account %d was read %d times, want %d", i, n, want)
			}
		}
	})
}

// A snapshot that nobody asked about root for does not stand for a run that does.
func TestOrganizationLoadsWhatWasAskedAboutRoot(t *testing.T) {
	for name, c := range map[string]struct{ before, now, again bool }{
		"never asked": {false, false, false}, "asked now": {false, true, true}, "asked before": {true, false, false}, "always asked": {true, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			co, o, kept := newCompany(), orgOptions(), &keeper{saved: map[string]audit.Snapshot{}}
			o.Save, o.Load, o.Root = kept.save, kept.load, c.before
			readCompany(t, co, o)
			co.srv.Reset()
			o.Root = c.now
			readCompany(t, co, o)
			for _, i := range []int{0, 3} { // root of the management account has a reason instead
				if n := co.srv.CountsOf(orgAccount(i))["iam:GetAccountSummary"]; (n > 0) != c.again {
					t.Errorf("%s: account %d was read %d times", name, i, n)
				}
			}
		})
	}
}

func TestOrganizationProgressAndConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := newCompany(), orgOptions()
		c.srv.Latency = time.Second
		var seen []string
		o.Progress = func(done, total int, account string) { seen = append(seen, fmt.Sprintf("%d/%d", done, total)) }
		readCompany(t, c, o)
		if want := []string{"1/8", "2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8"}; !slices.Equal(seen, want) {
			t.Errorf("progress %v, want %v", seen, want)
		}
		if most := c.srv.MostInFlight(); most < 3 || most > 2*collect.DefaultConcurrency {
			t.Errorf("%d calls at once, want several, and two an account at most", most)
		}
	})
}

func TestOrganizationThatCannotSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := newCompany(), orgOptions()
		full := errors.New("disk full")
		o.Concurrency, o.Save = 1, func(audit.Snapshot) error { return full }
		r, err := collect.Organization(t.Context(), c.config(0), o)
		if !errors.Is(err, full) || r.Members[9].Skipped != "interrupted" {
			t.Errorf("error %v, the last member %+v", err, r.Members[9])
		}
	})
}

// A session lasts a quarter of an hour; reading an account may last longer.
func TestOrganizationRenewsItsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := newCompany(), orgOptions()
		for i := range 400 {
			u := c.accounts[1].User(fmt.Sprintf("more%d", i))
			u.Devices = []fakeaws.Device{fakeaws.Token(fmt.Sprintf("GAKT%d", i))}
		}
		o.Accounts, o.Rate = []string{orgAccount(1)}, 0.25
		began := time.Now()
		m := readCompany(t, c, o).Members[1]
		if took := time.Since(began); took < 15*time.Minute {
			t.Fatalf("it took %v only", took)
		}
		if n := c.srv.Counts()["sts:AssumeRole"]; m.Err != nil || n < 2 || len(m.Snapshot.Gaps) > 5 {
			t.Errorf("%d times AssumeRole, error %v, %d gaps", n, m.Err, len(m.Snapshot.Gaps))
		}
	})
}

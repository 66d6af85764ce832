package collect_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

// itself is a member by its own credentials: what its role would see.
func (c *company) itself(i int) aws.Config {
	cfg := c.config(0)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(c.accounts[i].AccessKey(), "secret", "")
	return cfg
}

func TestDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		c.srv.PageSize = 3
		r, b, err := collect.Directory(t.Context(), c.config(0), collect.Options{})
		if err != nil || r.ID != "o-exampleorgid" || r.ManagementAccount != orgAccount(0) || len(r.Members) != 10 || r.Members[5].Status != "SUSPENDED" || r.Members[1].Name != "account 1" {
			t.Fatalf("%+v, error %v", r, err)
		}
		if b.Partition != "aws" || b.ManagementAccount != orgAccount(0) || b.Features == nil || len(b.Features.Value.Enabled) != 2 || b.NoFeatures != "" {
			t.Errorf("belonging %+v", b)
		}
		if n := c.srv.Counts(); n["sts:AssumeRole"]+n["iam:GetAccountSummary"]+n["organizations:ListPoliciesForTarget"] != 0 {
			t.Errorf("an account was read: %v", n)
		}
	})
}

func TestDirectoryRefused(t *testing.T) {
	for _, c := range []struct {
		f              fakeaws.Fault
		want, features string
	}{
		{fakeaws.Denied("organizations:ListAccounts"), "account 100000000000 may not call organizations:ListAccounts: use the management account or a delegated administrator, and allow it", ""},
		{fakeaws.Fault{Action: "organizations:DescribeOrganization", Status: 403, Code: "ExpiredToken"}, "organizations:DescribeOrganization: the credentials have expired (ExpiredToken): sign in again", ""},
		{fakeaws.Denied("iam:ListOrganizationsFeatures"), "", "AccessDenied"},
		{fakeaws.Fault{Action: "iam:ListOrganizationsFeatures", Status: 403, Code: "ExpiredToken"}, "", "AWS could not be asked"},
	} {
		synctest.Test(t, func(t *testing.T) {
			co := newCompany()
			co.srv.Fault(c.f)
			_, b, err := collect.Directory(t.Context(), co.config(0), collect.Options{})
			if text := ""; err != nil {
				if text = err.Error(); text != c.want {
					t.Errorf("%s: error %v, want %s", c.f.Action, err, c.want)
				}
			} else if c.want != "" || b.Features != nil || b.NoFeatures != c.features {
				t.Errorf("%s: %+v, want %s", c.f.Action, b, c.features)
			}
		})
	}
}

// A member that is read alone has the facts that Organization reads of it,
// whatever an interrupted reading brought along.
func TestManagementReadsAsOrganizationDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		o := orgOptions()
		o.Root = true
		want := readCompany(t, c, o).Members[3].Snapshot
		_, b, err := collect.Directory(t.Context(), c.config(0), collect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		stale := want
		stale.SCPs = &audit.Read[[]audit.SCP]{Call: "x", At: want.TakenAt, Value: []audit.SCP{{ID: "p-old"}}}
		for name, resume := range map[string]*audit.Snapshot{"fresh": nil, "resumed": &stale} {
			got, err := collect.NewManagement(c.config(0), b, collect.OrganizationOptions{}).Account(t.Context(), c.itself(3), collect.Options{Resume: resume})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.SCPs.Value, got.SCPs.Value); diff != "" {
				t.Errorf("%s: policies (-organization +alone):\n%s", name, diff)
			}
			if diff := cmp.Diff(want.Gaps, got.Gaps); diff != "" {
				t.Errorf("%s: gaps (-organization +alone):\n%s", name, diff)
			}
			if diff := cmp.Diff(want.Root.MFADevices.Value, got.Root.MFADevices.Value); diff != "" || got.Users == nil || got.Organization == nil {
				t.Errorf("%s: root (-organization +alone):\n%s", name, diff)
			}
		}
	})
}

// The end of the time is an error with what was read, which is kept.
func TestManagementInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany()
		_, b, err := collect.Directory(t.Context(), c.config(0), collect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		c.srv.Before = func(call fakeaws.Call) {
			if call.Action == "organizations:ListParents" {
				stop()
			}
		}
		var kept *audit.Snapshot
		m := collect.NewManagement(c.config(0), b, collect.OrganizationOptions{})
		s, err := m.Account(ctx, c.itself(3), collect.Options{Checkpoint: func(s audit.Snapshot) error { kept = &s; return nil }})
		if !errors.Is(err, context.Canceled) || s.Users == nil || s.SCPs != nil || kept == nil || kept.Users == nil {
			t.Errorf("error %v, users %v, policies %v, kept %v", err, s.Users, s.SCPs, kept != nil)
		}
		unkept := errors.New("disk full")
		if _, err := m.Account(ctx, c.itself(3), collect.Options{Checkpoint: func(audit.Snapshot) error { return unkept }}); !errors.Is(err, context.Canceled) && !errors.Is(err, unkept) {
			t.Errorf("where nothing can be kept: %v", err)
		}
		if err := m.Add(ctx, &s); !errors.Is(err, context.Canceled) || s.SCPs != nil {
			t.Errorf("after the end: error %v, policies %v", err, s.SCPs)
		}
	})
}

package collect_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/collect"
)

type policyDocument struct {
	Version   string
	Statement []struct {
		Sid, Effect, Resource string
		Action                []string
		Condition             map[string]map[string]string
	}
}

func parsePolicy(t *testing.T, text []byte) policyDocument {
	t.Helper()
	var p policyDocument
	if err := json.Unmarshal(text, &p); err != nil || p.Version != "2012-10-17" || !strings.HasSuffix(string(text), "}\n") {
		t.Fatalf("%s, error %v", text, err)
	}
	return p
}

func allowedActions(t *testing.T, text []byte) []string {
	t.Helper()
	var actions []string
	for _, s := range parsePolicy(t, text).Statement {
		if s.Effect != "Allow" {
			t.Errorf("%s: %s", s.Sid, s.Effect)
		}
		actions = append(actions, s.Action...)
	}
	slices.Sort(actions)
	return actions
}

// Policies that people attach: an action more would be a permission that nobody
// needs.
func TestPolicies(t *testing.T) {
	read := []string{
		"iam:GenerateCredentialReport", "iam:GetAccountAuthorizationDetails", "iam:GetAccountSummary", "iam:GetCredentialReport", "iam:GetLoginProfile",
		"iam:GetMFADevice", "iam:ListAccessKeys", "iam:ListMFADevices", "iam:ListOrganizationsFeatures", "iam:ListUsers", "iam:ListVirtualMFADevices",
	}
	if diff := cmp.Diff(read, allowedActions(t, collect.Policy())); diff != "" {
		t.Errorf("Policy (-want +got):\n%s", diff)
	}
	organization := []string{"organizations:DescribeOrganization", "organizations:DescribePolicy", "organizations:ListAccounts", "organizations:ListParents", "organizations:ListPoliciesForTarget", "sts:AssumeRole", "sts:AssumeRoot"}
	if diff := cmp.Diff(append(read, organization...), allowedActions(t, collect.OrganizationPolicy("aws"))); diff != "" {
		t.Errorf("OrganizationPolicy (-want +got):\n%s", diff)
	}
	for _, s := range parsePolicy(t, collect.OrganizationPolicy("")).Statement {
		task := s.Condition["StringEquals"]["sts:TaskPolicyArn"]
		if slices.Contains(s.Action, "sts:AssumeRoot") && (len(s.Action) != 1 || !strings.HasSuffix(task, ":iam::aws:policy/root-task/IAMAuditRootUserCredentials")) {
			t.Errorf("AssumeRoot is allowed with %v", s)
		}
		if s.Sid == "" || strings.Trim(s.Sid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			t.Errorf("Sid %q", s.Sid)
		}
	}
}

// A policy of one partition names nothing of another: AWS refuses it there.
func TestPolicyOfAPartition(t *testing.T) {
	for given, want := range map[string]string{"": "aws", "aws": "aws", "aws-us-gov": "aws-us-gov", "aws-cn": "aws-cn"} {
		var got []string
		for _, s := range parsePolicy(t, collect.OrganizationPolicy(given)).Statement {
			if s.Resource != "*" {
				got = append(got, s.Resource)
			}
			if task := s.Condition["StringEquals"]["sts:TaskPolicyArn"]; task != "" {
				got = append(got, task)
			}
		}
		arn := "arn:" + want + ":iam::"
		if diff := cmp.Diff([]string{arn + "*:role/*", arn + "*:root", arn + "aws:policy/root-task/IAMAuditRootUserCredentials"}, got); diff != "" {
			t.Errorf("ARNs in %q (-want +got):\n%s", given, diff)
		}
	}
}

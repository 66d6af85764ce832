package collect

import (
	"bytes"
	"encoding/json"
)

// accountActions are the actions that Account asks for when it is allowed to.
// iam:ListUsers is not among them: it stands in where the authorization details
// are refused.
func accountActions() []string {
	return []string{
		generateCall, detailsCall, summaryCall, reportCall, profileCall, deviceCall,
		keysCall, devicesCall, featuresCall, virtualCall,
	}
}

// organizationActions are the further actions that Organization asks for, all in
// the account that its credentials are of.
func organizationActions() []string {
	return []string{
		"organizations:DescribeOrganization", "organizations:DescribePolicy", "organizations:ListAccounts",
		"organizations:ListParents", "organizations:ListPoliciesForTarget",
	}
}

type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// Policy is the smallest IAM policy with which Account reads everything: it
// allows reading only.
func Policy() []byte { return policy{"2012-10-17", []statement{ofAccount()}}.text() }

// OrganizationPolicy is Policy and what Organization needs besides. The role to
// assume in each account should be named in place of the asterisk. AssumeRoot is
// held to the task policy that reads (STS condition keys, sts:TaskPolicyArn).
func OrganizationPolicy() []byte {
	return policy{"2012-10-17", []statement{
		ofAccount(),
		{Sid: "ReadOrganization", Effect: "Allow", Action: organizationActions(), Resource: "*"},
		{Sid: "ReadMembers", Effect: "Allow", Action: []string{"sts:AssumeRole"}, Resource: "arn:aws:iam::*:role/*"},
		{Sid: "ReadMembersRoot", Effect: "Allow", Action: []string{"sts:AssumeRoot"}, Resource: "arn:aws:iam::*:root",
			Condition: map[string]map[string]string{"StringEquals": {"sts:TaskPolicyArn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}}},
	}}.text()
}

func ofAccount() statement {
	return statement{Sid: "ReadWhoHoldsWhichFactor", Effect: "Allow", Action: accountActions(), Resource: "*"}
}

func (p policy) text() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(p) // strings only: there is nothing to fail
	return b.Bytes()
}

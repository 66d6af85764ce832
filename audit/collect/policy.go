package collect

import (
	"bytes"
	"cmp"
	"encoding/json"
)

// accountActions are the actions that Account asks for when it is allowed to.
// iam:ListUsers is asked for only when a user is not known by the name that the
// authorization details gave, and tells whether they were renamed or deleted.
func accountActions() []string {
	return []string{
		generateCall, detailsCall, summaryCall, reportCall, profileCall, deviceCall,
		keysCall, devicesCall, featuresCall, usersCall, virtualCall,
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

// OrganizationPolicy is Policy and what Organization needs besides, in a
// partition: aws, aws-us-gov, aws-cn, …; empty is aws. The role to assume in each
// account should be named in place of the asterisk. AssumeRoot is held to the task
// policy that reads (STS condition keys, sts:TaskPolicyArn).
func OrganizationPolicy(partition string) []byte {
	arn := "arn:" + cmp.Or(partition, "aws") + ":iam::"
	return policy{"2012-10-17", []statement{
		ofAccount(),
		{Sid: "ReadOrganization", Effect: "Allow", Action: organizationActions(), Resource: "*"},
		{Sid: "ReadMembers", Effect: "Allow", Action: []string{"sts:AssumeRole"}, Resource: arn + "*:role/*"},
		{Sid: "ReadMembersRoot", Effect: "Allow", Action: []string{"sts:AssumeRoot"}, Resource: arn + "*:root",
			Condition: map[string]map[string]string{"StringEquals": {"sts:TaskPolicyArn": arn + auditTask}}},
	}}.text()
}

// auditTask is the policy that AssumeRoot is asked with, after its partition (IAM
// user guide, id_root-user-privileged-task).
const auditTask = "aws:policy/root-task/IAMAuditRootUserCredentials"

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

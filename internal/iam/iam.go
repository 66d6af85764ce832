// Package iam puts a tag on a role, or denies a role's sessions all, the changes of IAM
// that mfawatch's own functions make; and it makes and removes access keys of one user,
// for the rotation of what a break-glass bundle holds.
//
// It promises to change nothing else, and to allow nothing. Its errors name the action,
// the role or user and AWS's code, and never a secret.
package iam

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"mfawatch/internal/awserr"
)

// Roles are an account's roles.
type Roles struct{ client *iam.Client }

// New takes the configuration of any Region: IAM has one endpoint a partition.
func New(cfg aws.Config) Roles { return Roles{iam.NewFromConfig(cfg)} }

// Tag sets one tag of a role. A tag of that key is replaced.
func (r Roles) Tag(ctx context.Context, role, key, value string) error {
	_, err := r.client.TagRole(ctx, &iam.TagRoleInput{RoleName: &role, Tags: []types.Tag{{Key: aws.String(key), Value: aws.String(value)}}})
	if err != nil {
		return fmt.Errorf("iam:TagRole of %s: %s", role, awserr.Code(err))
	}
	return nil
}

// revoked is the name of the policy that Deny writes.
const revoked = "mfawatch-revoked"

// document is an IAM policy.
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect, Action, Resource string
	Condition                     map[string]map[string][]string
}

// Deny writes the role's inline policy that denies everything to sessions with a tag of
// one of these values, in the place of an earlier one. It holds for what the sessions
// do from then on: IAM takes some seconds to tell all Regions. An inline policy of a
// role holds about 400 values of 16 letters (IAM user guide, quotas).
func (r Roles) Deny(ctx context.Context, role, tag string, values []string) error {
	if len(values) == 0 {
		return fmt.Errorf("deny sessions of %s: none is named", role)
	}
	text, err := json.Marshal(document{"2012-10-17", []statement{{
		Sid: "MfawatchRevoked", Effect: "Deny", Action: "*", Resource: "*",
		Condition: map[string]map[string][]string{"StringEquals": {"aws:PrincipalTag/" + tag: values}},
	}}})
	if err != nil {
		return fmt.Errorf("deny sessions of %s: %w", role, err)
	}
	_, err = r.client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String(revoked), PolicyDocument: aws.String(string(text))})
	if err != nil {
		return fmt.Errorf("iam:PutRolePolicy of %s: %s", role, awserr.Code(err))
	}
	return nil
}

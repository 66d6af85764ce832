// Package iam puts a tag on a role, the one change of IAM that mfawatch's own
// functions make, and makes and removes access keys of one user, for the rotation of
// what a break-glass bundle holds.
//
// It promises to change nothing else. Its errors name the action, the role or user and
// AWS's code, and never a secret.
package iam

import (
	"context"
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

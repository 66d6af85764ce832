package iam

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"mfawatch/internal/awserr"
)

// AccessKeys are users' access keys. A user is named by ARN.
type AccessKeys struct{ client *iam.Client }

// NewAccessKeys takes the configuration of any Region.
func NewAccessKeys(cfg aws.Config) AccessKeys { return AccessKeys{iam.NewFromConfig(cfg)} }

// name is what IAM calls a user: the end of the ARN, whose path is left out.
func name(user string) *string {
	return aws.String(user[strings.LastIndexByte(user, '/')+1:])
}

func refused(action, user string, err error) error {
	return fmt.Errorf("iam:%s of %s: %s", action, user, awserr.Code(err))
}

// List tells when each of a user's access keys was made, by its id: two at most, which
// is one page.
func (k AccessKeys) List(ctx context.Context, user string) (made map[string]time.Time, err error) {
	out, err := k.client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: name(user)})
	if err != nil {
		return nil, refused("ListAccessKeys", user, err)
	}
	made = map[string]time.Time{}
	for _, m := range out.AccessKeyMetadata {
		made[aws.ToString(m.AccessKeyId)] = aws.ToTime(m.CreateDate)
	}
	return made, nil
}

// noneMade is AWS's answer that it made no key.
type noneMade struct{ error }

func (noneMade) NoneMade() {}

func (n noneMade) Unwrap() error { return n.error }

// Make makes an access key. It is not repeated where the answer is lost: there would
// be two. Where AWS has answered that it made none, the error has a method NoneMade.
func (k AccessKeys) Make(ctx context.Context, user string) (id string, secret []byte, err error) {
	out, err := k.client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name(user)}, func(o *iam.Options) { o.RetryMaxAttempts = 1 })
	if full := (*types.LimitExceededException)(nil); errors.As(err, &full) {
		return "", nil, noneMade{fmt.Errorf("iam:CreateAccessKey of %s: the user has two access keys meanwhile, and IAM makes no third: another rotation is on its way; wait for its end, and look which copy of the bundle it sealed", user)}
	}
	if awserr.Refused(err) {
		return "", nil, noneMade{refused("CreateAccessKey", user, err)}
	}
	if err != nil {
		return "", nil, refused("CreateAccessKey", user, err)
	}
	if out.AccessKey == nil || aws.ToString(out.AccessKey.SecretAccessKey) == "" {
		return "", nil, fmt.Errorf("iam:CreateAccessKey of %s: the answer has no key: is the endpoint AWS's?", user)
	}
	return aws.ToString(out.AccessKey.AccessKeyId), []byte(*out.AccessKey.SecretAccessKey), nil
}

// Deactivate makes AWS refuse a key.
func (k AccessKeys) Deactivate(ctx context.Context, user, id string) error {
	_, err := k.client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: name(user), AccessKeyId: &id, Status: types.StatusTypeInactive})
	if err != nil {
		return refused("UpdateAccessKey", user, err)
	}
	return nil
}

// Delete removes a key.
func (k AccessKeys) Delete(ctx context.Context, user, id string) error {
	_, err := k.client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name(user), AccessKeyId: &id})
	if err != nil {
		return refused("DeleteAccessKey", user, err)
	}
	return nil
}

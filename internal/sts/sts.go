// Package sts assumes roles for somebody else, by name and for a time, and finds out who
// signed a call that was handed on.
//
// It promises that a session carries just the name, source identity, tags and policies
// that were asked for, or there is none; and that nobody is who AWS did not say, at its
// own address and in answer to the one question that it asks. Its errors name the
// action, the role and AWS's code, and nothing of AWS's messages. Nothing that prints
// Credentials or Signed shows them.
//
// A Lambda function's role is assumed already, so what it assumes is chained: an hour
// is the most there is, whatever the role's own maximum says (STS API reference,
// AssumeRole). Who calls needs sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity
// on the role, and the role has to trust the caller for all three (IAM user guide,
// passing session tags; monitor and control actions taken with assumed roles).
package sts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"mfawatch/internal/awserr"
)

// Session is what is asked for.
type Session struct {
	Role, Name, SourceIdentity string
	Tags                       map[string]string
	Policies                   []string // ARNs of managed policies
	Duration                   time.Duration
}

// Credentials are what AWS gave.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
}

// Format is for everything of fmt.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[credentials]")) }

// MarshalText is for encoders.
func (Credentials) MarshalText() ([]byte, error) { return []byte("[credentials]"), nil }

// Roles are roles to assume.
type Roles struct{ client *sts.Client }

// New takes the configuration of a Region: STS is asked there, not at its global
// endpoint.
func New(cfg aws.Config) Roles { return Roles{sts.NewFromConfig(cfg)} }

// Assume assumes a role.
func (r Roles) Assume(ctx context.Context, s Session) (Credentials, error) {
	in := &sts.AssumeRoleInput{
		RoleArn: &s.Role, RoleSessionName: &s.Name, SourceIdentity: &s.SourceIdentity, DurationSeconds: aws.Int32(int32(s.Duration / time.Second)),
	}
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(s.Tags[key])})
	}
	for _, arn := range s.Policies {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(arn)})
	}
	out, err := r.client.AssumeRole(ctx, in)
	if err != nil {
		return Credentials{}, &Refused{s.Role, awserr.Code(err)}
	}
	c := out.Credentials
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" || aws.ToString(c.SessionToken) == "" || c.Expiration == nil {
		return Credentials{}, &Refused{s.Role, "no credentials in the answer"}
	}
	return Credentials{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, *c.Expiration}, nil
}

// Refused is an AWS that gave no credentials.
type Refused struct{ Role, Code string }

func (r *Refused) Error() string {
	said := fmt.Sprintf("sts:AssumeRole of %s: %s", r.Role, r.Code)
	if advice, known := todo[r.Code]; known {
		said += ": " + advice
	}
	return said
}

// Code is in a word why there are no credentials.
func Code(err error) string {
	if r := (*Refused)(nil); errors.As(err, &r) {
		return r.Code
	}
	return awserr.Code(err)
}

var todo = map[string]string{
	"AccessDenied":            "let the role trust the caller, and the caller assume it, for sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity",
	"RegionDisabledException": "STS is switched off in this Region for the role's account: switch it on",
	"PackedPolicyTooLarge":    "session policies and tags are too large together: name fewer policies",
	"ValidationError":         "the duration is more than the role's maximum, or than the hour of chained roles",
}

package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"mfawatch/internal/awserr"
	"mfawatch/internal/partition"
)

// conflict is an object that is not the one that reading began with.
type conflict struct{}

func (conflict) Error() string { return "the object was replaced while it was read: scan again" }

// explain says in one line what went wrong and what to do. AWS's own message
// names people and keys, and is left out.
func (b *Bucket) explain(ctx context.Context, action, key string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) || awserr.OfCredentials(err) {
		return awserr.Unanswered(err)
	}
	code := answer.ErrorCode()
	if advice, ok := advice[code]; ok {
		return errors.New(advice)
	}
	if advice, ok := awserr.Credentials(code); ok {
		return errors.New(advice.String())
	}
	switch status := awserr.Status(err); {
	case status == http.StatusForbidden:
		return b.denied(action, key, answer.ErrorMessage())
	case status == http.StatusPreconditionFailed:
		return conflict{}
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		return fmt.Errorf("S3 throttles %s and did so for every attempt (%s): scan again later", action, code)
	default:
		return fmt.Errorf("S3 answered %s with %s (HTTP %d)", action, awserr.OneLine(code), status)
	}
}

// denied names the permission that is missing (S3 user guide, troubleshoot
// access denied errors: a refusal by KMS comes as S3's own).
func (b *Bucket) denied(action, key, message string) error {
	if strings.Contains(message, "kms:") || strings.Contains(message, "KMS") {
		return errors.New("access denied: allow kms:Decrypt on the key that encrypts the object")
	}
	arn := "arn:" + partition.Of(b.region).ID + ":s3:::" + b.name
	if key != "" {
		arn += "/" + key
	}
	if strings.Contains(message, "explicit deny") {
		return fmt.Errorf("access denied: a policy denies %s on %s explicitly", action, arn)
	}
	return fmt.Errorf("access denied: allow %s on %s", action, arn)
}

// advice is for answers that say enough by their code (S3 API reference, error
// responses).
var advice = map[string]string{
	"NoSuchBucket":       "there is no such bucket: check its name",
	"NoSuchKey":          "the object was removed after it was listed",
	"InvalidObjectState": "the object is archived: restore it (s3:RestoreObject), then scan again",
	"PermanentRedirect":  "the bucket is in another Region than S3 says: name the Region with AWS_REGION",
	"AllAccessDisabled":  "all access to the bucket is disabled",
}

package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
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
	if !errors.As(err, &answer) || ofCredentials(err) {
		return connection(err)
	}
	code := answer.ErrorCode()
	if advice, ok := advice[code]; ok {
		return errors.New(advice)
	}
	switch status := statusOf(err); {
	case status == http.StatusForbidden:
		return b.denied(action, key, answer.ErrorMessage())
	case status == http.StatusPreconditionFailed:
		return conflict{}
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		return fmt.Errorf("S3 throttles %s and did so for every attempt (%s): scan again later", action, code)
	default:
		return fmt.Errorf("S3 answered %s with %s (HTTP %d)", action, oneLine(code), status)
	}
}

// denied names the permission that is missing (S3 user guide, troubleshoot
// access denied errors: a refusal by KMS comes as S3's own).
func (b *Bucket) denied(action, key, message string) error {
	if strings.Contains(message, "kms:") || strings.Contains(message, "KMS") {
		return errors.New("access denied: allow kms:Decrypt on the key that encrypts the object")
	}
	arn := "arn:" + partition(b.region) + ":s3:::" + b.name
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
	"NoSuchBucket":          "there is no such bucket: check its name",
	"NoSuchKey":             "the object was removed after it was listed",
	"InvalidObjectState":    "the object is archived: restore it (s3:RestoreObject), then scan again",
	"PermanentRedirect":     "the bucket is in another Region than S3 says: name the Region with AWS_REGION",
	"ExpiredToken":          "the credentials have expired: sign in again",
	"TokenRefreshRequired":  "the credentials have expired: sign in again",
	"InvalidAccessKeyId":    "AWS does not know these credentials: check the access key and the profile",
	"InvalidToken":          "AWS does not know these credentials: check the session token and the profile",
	"SignatureDoesNotMatch": "AWS does not take the signature: check the secret key",
	"RequestTimeTooSkewed":  "AWS does not take the time of the signature: set this machine's clock",
	"AllAccessDisabled":     "all access to the bucket is disabled",
}

// ofCredentials tells an error on the way to credentials: it is no answer of S3.
func ofCredentials(err error) bool {
	var asked, inner *smithy.OperationError
	return errors.As(err, &asked) && errors.As(asked.Err, &inner)
}

func connection(err error) error {
	if strings.Contains(err.Error(), "get identity") || ofCredentials(err) {
		return fmt.Errorf("no usable AWS credentials: sign in or name a profile (%s)", oneLine(root(err)))
	}
	return fmt.Errorf("S3 cannot be reached: check the network, the proxy and the endpoint (%s)", oneLine(root(err)))
}

func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// root is the innermost cause: what wraps it repeats the request.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func oneLine(v any) string {
	text, _, _ := strings.Cut(fmt.Sprint(v), "\n")
	return text
}

// partition is the one that a Region belongs to.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

package cloudtrail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// explain says in one line what went wrong and what to do. AWS's own message
// names people, and is left out.
func explain(ctx context.Context, action string, err error) error {
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
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return fmt.Errorf("AWS throttles %s and did so for every attempt (%s): scan again later", action, code)
	}
	if status := statusOf(err); status != http.StatusForbidden && !strings.HasPrefix(code, "AccessDenied") {
		return fmt.Errorf("AWS answered %s with %s (HTTP %d)", action, oneLine(code), status)
	}
	return denied(action, answer.ErrorMessage())
}

// denied says what kind of policy refused, as far as AWS's message tells (IAM
// user guide, troubleshoot access denied error messages).
func denied(action, message string) error {
	for _, sort := range []string{"service control policy", "resource control policy", "permissions boundary", "session policy", "VPC endpoint policy"} {
		if strings.Contains(message, sort) {
			return fmt.Errorf("access denied by a %s: it must let %s pass", sort, action)
		}
	}
	if strings.Contains(message, "explicit deny") {
		return fmt.Errorf("access denied: a policy denies %s explicitly", action)
	}
	return fmt.Errorf("access denied: allow %s", action)
}

// advice is for answers that say enough by their code (CloudTrail API
// reference, common errors). A Region that is off does not know the
// credentials.
var advice = map[string]string{
	"ExpiredToken":                "the credentials have expired: sign in again",
	"ExpiredTokenException":       "the credentials have expired: sign in again",
	"UnrecognizedClientException": "AWS does not know these credentials here: check them, and whether the Region is switched on for the account",
	"InvalidClientTokenId":        "AWS does not know these credentials here: check them, and whether the Region is switched on for the account",
	"InvalidSignatureException":   "AWS does not take the signature: check the secret key and this machine's clock",
	"SignatureDoesNotMatch":       "AWS does not take the signature: check the secret key and this machine's clock",
}

// ofCredentials tells an error on the way to credentials: it is no answer to the
// question.
func ofCredentials(err error) bool {
	var asked, inner *smithy.OperationError
	return errors.As(err, &asked) && errors.As(asked.Err, &inner)
}

func connection(err error) error {
	if strings.Contains(err.Error(), "get identity") || ofCredentials(err) {
		return fmt.Errorf("no usable AWS credentials: sign in or name a profile (%s)", oneLine(root(err)))
	}
	return fmt.Errorf("AWS cannot be reached: check the network, the proxy, the Region and the endpoint (%s)", oneLine(root(err)))
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

package cloudtrail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"mfawatch/internal/awserr"
)

// explain says in one line what went wrong and what to do. AWS's own message
// names people, and is left out.
func explain(ctx context.Context, action string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) || awserr.OfCredentials(err) {
		return awserr.Unanswered(err)
	}
	code := answer.ErrorCode()
	if code == "UnrecognizedClientException" || code == "InvalidClientTokenId" {
		return errors.New("AWS does not know these credentials here: check them, and whether the Region is switched on for the account")
	}
	if advice, known := awserr.Credentials(code); known {
		return errors.New(advice.String())
	}
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return fmt.Errorf("AWS throttles %s and did so for every attempt (%s): scan again later", action, code)
	}
	if status := awserr.Status(err); status != http.StatusForbidden && !strings.HasPrefix(code, "AccessDenied") {
		return fmt.Errorf("AWS answered %s with %s (HTTP %d)", action, awserr.OneLine(code), status)
	}
	return denied(action, answer.ErrorMessage())
}

// denied says what kind of policy refused, as far as AWS's message tells.
func denied(action, message string) error {
	kind, explicit := awserr.Policy(message)
	switch {
	case kind != "" && kind != awserr.IdentityBased:
		return fmt.Errorf("access denied by a %s: it must let %s pass", kind, action)
	case explicit:
		return fmt.Errorf("access denied: a policy denies %s explicitly", action)
	}
	return fmt.Errorf("access denied: allow %s", action)
}

package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"mfawatch/internal/awserr"
)

// plainReason is an error that is a reason for a gap as it stands.
type plainReason string

func (p plainReason) Error() string { return string(p) }

// explain tells what an error of a call means: a reason for a gap, where AWS
// refused this question, or an error that ends the reading, where it would
// refuse every question. Neither holds AWS's message, which names people.
func explain(ctx context.Context, action string, err error) (reason string, fatal error) {
	if ended := endOf(ctx, err); ended != nil {
		return "", fmt.Errorf("%s: interrupted: %w", action, ended)
	}
	var answer smithy.APIError
	var broken *smithy.DeserializationError
	var plain plainReason
	switch {
	case errors.As(err, &plain):
		return string(plain), nil
	case awserr.OfCredentials(err):
		return "", fmt.Errorf("%s: %w", action, awserr.Unanswered(err))
	case errors.As(err, &answer):
		return explainAnswer(action, err, answer)
	case errors.As(err, &broken):
		return "the answer cannot be read", nil
	}
	return "", fmt.Errorf("%s: %w", action, awserr.Unanswered(err))
}

// endOf is why the context ended, or will before the rate limit allows a call.
func endOf(ctx context.Context, err error) error {
	if _, limited := ctx.Deadline(); limited && errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// unreadable is the error of a call that the reading cannot do without.
func unreadable(ctx context.Context, action string, err error) error {
	reason, fatal := explain(ctx, action, err)
	if fatal != nil {
		return fatal
	}
	return fmt.Errorf("%s: %s", action, reason)
}

func explainAnswer(action string, err error, answer smithy.APIError) (string, error) {
	code, status := answer.ErrorCode(), awserr.Status(err)
	if advice, known := awserr.Credentials(code); known {
		return "", fmt.Errorf("%s: %s (%s): %s", action, advice.What, code, advice.Todo)
	}
	switch {
	case isThrottle(err):
		return "throttled", nil
	case deniedCodes[code] || status == http.StatusForbidden:
		return denied(answer.ErrorMessage()), nil
	case code == "" || code == "UnknownError":
		return fmt.Sprintf("HTTP %d", status), nil
	}
	return fmt.Sprintf("%s (HTTP %d)", code, status), nil
}

// deniedCodes mean that the question is not allowed.
var deniedCodes = map[string]bool{"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true, "AuthorizationError": true}

// accessDenied is how the reason of a refused question begins.
const accessDenied = "AccessDenied"

func isDenial(reason string) bool { return strings.HasPrefix(reason, accessDenied) }

// denied says what kind of policy refused, as far as AWS's message tells.
func denied(message string) string {
	kind, explicit := awserr.Policy(message)
	switch {
	case explicit && kind != "":
		return accessDenied + ": explicit deny in a policy of this kind: " + kind
	case explicit:
		return accessDenied + ": explicit deny"
	case kind != "" && kind != awserr.IdentityBased:
		return accessDenied + ": not allowed by this kind of policy: " + kind
	}
	return accessDenied
}

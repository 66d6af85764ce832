package collect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
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
	case ofCredentials(err):
		return "", fmt.Errorf("%s: no usable AWS credentials: sign in or name a profile (%s)", action, root(err))
	case errors.As(err, &answer):
		return explainAnswer(action, err, answer)
	case errors.As(err, &broken):
		return "the answer cannot be read", nil
	}
	return "", explainConnection(action, err)
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

// ofCredentials tells an error on the way to credentials, among them a refused
// AssumeRole of the profile: it is no answer to the question.
func ofCredentials(err error) bool {
	var asked, inner *smithy.OperationError
	if errors.As(err, &asked) && errors.As(asked.Err, &inner) {
		return true
	}
	return statusOf(err) == 0 && strings.Contains(err.Error(), "get identity")
}

func explainAnswer(action string, err error, answer smithy.APIError) (string, error) {
	code, status := answer.ErrorCode(), statusOf(err)
	if advice, known := credentialCodes[code]; known {
		return "", fmt.Errorf("%s: %s (%s): %s", action, advice.what, code, advice.todo)
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

func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// deniedCodes mean that the question is not allowed.
var deniedCodes = map[string]bool{"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true, "AuthorizationError": true}

// accessDenied is how the reason of a refused question begins.
const accessDenied = "AccessDenied"

func isDenial(reason string) bool { return strings.HasPrefix(reason, accessDenied) }

// denied says what kind of policy refused, as far as AWS's message tells (IAM
// user guide, troubleshoot access denied error messages).
func denied(message string) string {
	const reason = accessDenied
	explicit := strings.Contains(message, "explicit deny")
	for _, sort := range []string{"service control policy", "resource control policy", "permissions boundary", "session policy", "VPC endpoint policy", "identity-based policy"} {
		if !strings.Contains(message, sort) {
			continue
		}
		switch {
		case explicit:
			return reason + ": explicit deny in a policy of this kind: " + sort
		case sort != "identity-based policy":
			return reason + ": not allowed by this kind of policy: " + sort
		}
	}
	if explicit {
		return reason + ": explicit deny"
	}
	return reason
}

// advice is what to do about credentials that AWS does not take.
type advice struct{ what, todo string }

var (
	signInAgain = advice{"the credentials have expired", "sign in again"}
	notTaken    = advice{"AWS does not know these credentials", "check the access key, the profile, and whether the Region is of the right partition"}
	wrongClock  = advice{"AWS does not take the time of this signature, or the secret key", "check the secret key, and set this machine's clock"}
)

// credentialCodes are answers that every further question would get too (IAM
// API reference, common errors).
var credentialCodes = map[string]advice{
	"ExpiredToken": signInAgain, "ExpiredTokenException": signInAgain, "TokenRefreshRequired": signInAgain,
	"InvalidClientTokenId": notTaken, "UnrecognizedClientException": notTaken, "InvalidAccessKeyId": notTaken, "AuthFailure": notTaken,
	"MissingAuthenticationToken": notTaken, "MissingAuthenticationTokenException": notTaken, "MissingAuthentication": notTaken, "IncompleteSignature": notTaken,
	"SignatureDoesNotMatch": wrongClock, "InvalidSignatureException": wrongClock, "RequestTimeTooSkewed": wrongClock, "RequestExpired": wrongClock,
}

// explainConnection names the host that could not be reached.
func explainConnection(action string, err error) error {
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("%s: %s has no address: check the network, the Region and the endpoint", action, name.Name)
	case strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "tls:"):
		return fmt.Errorf("%s: no safe connection: check the proxy and AWS_CA_BUNDLE (%s)", action, root(err))
	}
	return fmt.Errorf("%s: AWS cannot be reached: check the network, the proxy, the Region and the endpoint (%s)", action, root(err))
}

// root is the innermost cause in one line: what wraps it repeats the request.
func root(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			text, _, _ := strings.Cut(err.Error(), "\n")
			return text
		}
		err = inner
	}
}

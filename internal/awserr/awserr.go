// Package awserr words what an error of the AWS SDK means, in one line and with
// what to do, where that is the same whatever was asked: credentials that AWS does
// not take, an AWS that cannot be reached, a policy that refuses.
//
// It promises to repeat nothing of AWS's own messages, which name people, keys
// and resources; only the innermost cause of an error that is no answer of AWS,
// which names hosts. What a refusal means for one service is that service's room's
// to say.
package awserr

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// OfCredentials tells an error on the way to credentials, among them a refused
// AssumeRole of the profile: it is no answer to the question.
func OfCredentials(err error) bool {
	var asked, inner *smithy.OperationError
	if errors.As(err, &asked) && errors.As(asked.Err, &inner) {
		return true
	}
	return Status(err) == 0 && strings.Contains(err.Error(), "get identity")
}

// LogIn is what to do where a profile signs in through IAM Identity Center.
const LogIn = "nobody is signed in through IAM Identity Center, or no more: run aws sso login with the same profile"

// OfSingleSignOn tells an error on the way to the credentials of IAM Identity
// Center. The SDK names it in its text, and in no one type: a token that is not
// there, has expired, or was refused when it was to be refreshed.
func OfSingleSignOn(err error) bool { return strings.Contains(err.Error(), "SSO") }

// Unanswered words an error that is no answer to the question: there are no
// credentials to ask with, or nobody answers.
func Unanswered(err error) error {
	var name *net.DNSError
	switch {
	case OfCredentials(err) && OfSingleSignOn(err):
		return fmt.Errorf("no usable AWS credentials: %s (%s)", LogIn, Cause(err))
	case OfCredentials(err):
		return fmt.Errorf("no usable AWS credentials: sign in or name a profile (%s)", Cause(err))
	case errors.As(err, &name):
		return fmt.Errorf("%s has no address: check the network, the Region and the endpoint", name.Name)
	case strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "tls:"):
		return fmt.Errorf("no safe connection: check the proxy and AWS_CA_BUNDLE (%s)", Cause(err))
	}
	return fmt.Errorf("AWS cannot be reached: check the network, the proxy, the Region and the endpoint (%s)", Cause(err))
}

// Status is the HTTP status of an answer, 0 where there was none.
func Status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// Cause is the innermost cause in one line: what wraps it repeats the request.
func Cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return OneLine(err.Error())
		}
		err = inner
	}
}

// OneLine is the first line of a text that AWS chose.
func OneLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// Advice is what is wrong, and what to do about it.
type Advice struct{ What, Todo string }

func (a Advice) String() string { return a.What + ": " + a.Todo }

var (
	signInAgain = Advice{"the credentials have expired", "sign in again"}
	notTaken    = Advice{"AWS does not know these credentials", "check the access key, the profile, and whether the Region is of the right partition"}
	wrongClock  = Advice{"AWS does not take the time of this signature, or the secret key", "check the secret key, and set this machine's clock"}
)

// credentials are answers that every further question would get too (IAM API
// reference, common errors; S3 API reference, error responses).
var credentials = map[string]Advice{
	"ExpiredToken": signInAgain, "ExpiredTokenException": signInAgain, "TokenRefreshRequired": signInAgain,
	"InvalidClientTokenId": notTaken, "UnrecognizedClientException": notTaken, "InvalidAccessKeyId": notTaken, "InvalidToken": notTaken, "AuthFailure": notTaken,
	"MissingAuthenticationToken": notTaken, "MissingAuthenticationTokenException": notTaken, "MissingAuthentication": notTaken, "IncompleteSignature": notTaken,
	"SignatureDoesNotMatch": wrongClock, "InvalidSignatureException": wrongClock, "RequestTimeTooSkewed": wrongClock, "RequestExpired": wrongClock,
}

// Credentials tells the codes by which AWS does not take the credentials.
func Credentials(code string) (Advice, bool) {
	a, known := credentials[code]
	return a, known
}

// IdentityBased is the kind of policy that refuses by not allowing.
const IdentityBased = "identity-based policy"

// kinds are those of policies that AWS's messages name (IAM user guide,
// troubleshoot access denied error messages).
var kinds = []string{"service control policy", "resource control policy", "permissions boundary", "session policy", "VPC endpoint policy", IdentityBased}

// Policy tells by AWS's message what kind of policy refused, empty where it does
// not say, and whether it says Deny.
func Policy(message string) (kind string, explicit bool) {
	explicit = strings.Contains(message, "explicit deny")
	for _, k := range kinds {
		if strings.Contains(message, k) {
			return k, explicit
		}
	}
	return "", explicit
}

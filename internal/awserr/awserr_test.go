package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"mfawatch/internal/awserr"
)

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// fails is the SDK's own error of a call that ends like this.
func fails(t *testing.T, credentials, network error) error {
	t.Helper()
	return call(t, credentials, func(*http.Request) (*http.Response, error) { return nil, network })
}

// answered is the SDK's own error of a call with such an answer.
func answered(t *testing.T, answer transport) error {
	t.Helper()
	return call(t, nil, answer)
}

func call(t *testing.T, credentials error, network transport) error {
	t.Helper()
	client := iam.New(iam.Options{
		Region: "eu-north-1", RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: network},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "x"}, credentials
		}),
	})
	_, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
	if err == nil {
		t.Fatal("the call succeeded")
	}
	return err
}

func TestUnanswered(t *testing.T) {
	refusedRole := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: errors.New("refused\nby arn:aws:iam::111122223333:user/ada")}
	for name, c := range map[string]struct {
		err           error
		want          string
		ofCredentials bool
	}{
		"no credentials":             {fails(t, errors.New("nothing in the environment"), nil), "no usable AWS credentials: sign in or name a profile (nothing in the environment)", true},
		"no token of single sign-on": {fails(t, errors.New("failed to read cached SSO token file, open x.json: no such file"), nil), "no usable AWS credentials: " + awserr.LogIn + " (failed to read cached SSO token file, open x.json: no such file)", true},
		"a refused role":             {fails(t, refusedRole, nil), "no usable AWS credentials: sign in or name a profile (refused)", true},
		"no address":                 {fails(t, nil, &net.DNSError{Name: "iam.example", Err: "no such host"}), "iam.example has no address: check the network, the Region and the endpoint", false},
		"a wrong CA":                 {fails(t, nil, errors.New("x509: certificate signed by unknown authority")), "no safe connection: check the proxy and AWS_CA_BUNDLE (x509: certificate signed by unknown authority)", false},
		"nobody there":               {fails(t, nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "AWS cannot be reached: check the network, the proxy, the Region and the endpoint (connection refused)", false},
	} {
		if got := awserr.Unanswered(c.err); got.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", name, got, c.want)
		}
		if got := awserr.OfCredentials(c.err); got != c.ofCredentials {
			t.Errorf("%s: of credentials %v", name, got)
		}
		if awserr.Status(c.err) != 0 {
			t.Errorf("%s: status %d", name, awserr.Status(c.err))
		}
	}
}

func TestStatusAndCause(t *testing.T) {
	answer := &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 403}}, Err: errors.New("get identity: first\nsecond")}
	wrapped := fmt.Errorf("call: %w", answer)
	if awserr.Status(wrapped) != 403 || awserr.Cause(wrapped) != "get identity: first" || awserr.OfCredentials(wrapped) {
		t.Errorf("status %d, cause %q, of credentials %v", awserr.Status(wrapped), awserr.Cause(wrapped), awserr.OfCredentials(wrapped))
	}
}

func TestCredentials(t *testing.T) {
	for code, want := range map[string]string{
		"ExpiredToken": "the credentials have expired: sign in again", "TokenRefreshRequired": "the credentials have expired: sign in again",
		"InvalidAccessKeyId": "AWS does not know these credentials: check the access key,", "InvalidToken": "AWS does not know these credentials: check ",
		"SignatureDoesNotMatch": "AWS does not take the time of this signature, or the secret key: ", "RequestTimeTooSkewed": "AWS does not take the time of this signature",
	} {
		if a, known := awserr.Credentials(code); !known || !strings.HasPrefix(a.String(), want) {
			t.Errorf("%s: %s, want %s…", code, a, want)
		}
	}
	for _, code := range []string{"AccessDenied", "Throttling", ""} {
		if a, known := awserr.Credentials(code); known {
			t.Errorf("%q is of credentials: %s", code, a)
		}
	}
}

func TestPolicy(t *testing.T) {
	for message, want := range map[string]struct {
		kind     string
		explicit bool
	}{
		"because no identity-based policy allows the iam:ListUsers action":  {awserr.IdentityBased, false},
		"with an explicit deny in an identity-based policy":                 {awserr.IdentityBased, true},
		"with an explicit deny in a service control policy":                 {"service control policy", true},
		"because no permissions boundary allows the iam:ListUsers action":   {"permissions boundary", false},
		"because no VPC endpoint policy allows the cloudtrail:LookupEvents": {"VPC endpoint policy", false},
		"with an explicit deny": {"", true},
		"User: arn:aws:iam::111122223333:user/ada is not authorized":             {"", false},
		"because no session policy allows the sts:AssumeRole action on resource": {"session policy", false},
	} {
		if kind, explicit := awserr.Policy(message); kind != want.kind || explicit != want.explicit {
			t.Errorf("%q: %q, explicit %v; want %+v", message, kind, explicit, want)
		}
	}
}

package sns_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/fakeaws/plumbing"
	"mfawatch/internal/sns"
)

func TestSubscriptions(t *testing.T) {
	srv := plumbing.Start()
	defer srv.Close()
	srv.Page = 2
	srv.Subscriptions = []plumbing.Subscription{
		{ARN: "PendingConfirmation", Protocol: "email", Endpoint: "a@example.com"}, {ARN: arn + ":1", Protocol: "https", Endpoint: "https://192.0.2.1/key", Authenticated: true},
		{ARN: arn + ":2", Protocol: "email", Endpoint: "b@example.com"},
	}
	cfg := aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")}
	s := sns.Subscriptions{Client: awssns.NewFromConfig(cfg), ARN: arn}
	got, err := s.List(t.Context())
	want := []sns.Subscription{
		{Protocol: "email", Endpoint: "a@example.com", Pending: true}, {Protocol: "https", Endpoint: "https://192.0.2.1/key", Authenticated: true}, {Protocol: "email", Endpoint: "b@example.com"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	refuse := func(denied string) func(string, string) (int, string) {
		return func(call, _ string) (int, string) {
			if call == denied {
				return 403, "AuthorizationError"
			}
			return 0, ""
		}
	}
	srv.Fault = refuse("sns:GetSubscriptionAttributes")
	got, err = s.List(t.Context())
	if err != nil || len(got) != 3 || got[0].Unread != nil || got[1].Authenticated || got[1].Unread == nil || got[1].Unread.Error() != "sns:GetSubscriptionAttributes: AuthorizationError" {
		t.Errorf("%+v, error %v", got, err)
	}
	srv.Fault = refuse("sns:ListSubscriptionsByTopic")
	if _, err = s.List(t.Context()); err == nil || err.Error() != "sns:ListSubscriptionsByTopic of "+arn+": AuthorizationError" || strings.Contains(err.Error(), "private") {
		t.Errorf("error %v", err)
	}
}

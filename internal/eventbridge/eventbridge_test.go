package eventbridge_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/internal/eventbridge"
	"mfawatch/internal/fakeaws/plumbing"
)

func started(t *testing.T) (eventbridge.Buses, *plumbing.Server) {
	t.Helper()
	srv := plumbing.Start()
	t.Cleanup(srv.Close)
	return eventbridge.New(aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")}), srv
}

func TestPut(t *testing.T) {
	b, srv := started(t)
	var got []plumbing.Event
	srv.Event = func(e plumbing.Event) { got = append(got, e) }
	if err := b.Put(t.Context(), "us-east-1", "mfa.canary", "x", []byte(`{"nonce":"n"}`)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]plumbing.Event{{Region: "us-east-1", Source: "mfa.canary", DetailType: "x", Detail: `{"nonce":"n"}`}}, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// An event that was not taken is an error, in whatever way EventBridge says so.
func TestPutRefused(t *testing.T) {
	b, srv := started(t)
	srv.Refused["x"] = "InternalFailure"
	if err := b.Put(t.Context(), "us-east-1", "s", "x", []byte("{}")); err == nil || err.Error() != "events:PutEvents in us-east-1: InternalFailure" {
		t.Errorf("an entry refused: %v", err)
	}
	srv.Fault = func(string, string) (int, string) { return 400, "AccessDeniedException" }
	if err := b.Put(t.Context(), "us-east-1", "s", "y", []byte("{}")); err == nil || err.Error() != "events:PutEvents in us-east-1: AccessDeniedException" {
		t.Errorf("the call refused: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ctx, "us-east-1", "s", "y", []byte("{}")); err == nil || err.Error() != "events:PutEvents in us-east-1: out of time" {
		t.Errorf("no time: %v", err)
	}
}

func TestRulesAreReadWhole(t *testing.T) {
	for _, size := range []int{0, 1, 2} {
		b, srv := started(t)
		srv.Page = size
		srv.Rules["us-east-1/bus"] = []plumbing.Rule{
			{Name: "mfawatch-a", State: "ENABLED", Pattern: `{"a":["b"]}`, Targets: []plumbing.Target{{ARN: "arn:1", Role: "r", DeadLetter: "d"}, {ARN: "arn:2", Text: "<x>"}, {ARN: "arn:3", Input: "{}"}}},
			{Name: "other"}, {Name: "mfawatch-b", State: "DISABLED"}, {Name: "mfawatch-c", State: "ENABLED"},
		}
		got, err := b.Rules(t.Context(), "us-east-1", "bus", "mfawatch-")
		want := []deployed.Placed{
			{Name: "mfawatch-a", State: "ENABLED", Pattern: `{"a":["b"]}`, Targets: []deployed.Target{{ARN: "arn:1", Role: "r", DeadLetter: "d"}, {ARN: "arn:2", Text: "<x>", Paths: map[string]string{"x": "$.x"}}, {ARN: "arn:3", Text: "{}"}}},
			{Name: "mfawatch-b", State: "DISABLED"}, {Name: "mfawatch-c", State: "ENABLED"},
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("pages of %d: error %v (-want +got):\n%s", size, err, diff)
		}
	}
}

// Half a list is none: a rule that is not read would be taken for missing.
func TestRulesRefused(t *testing.T) {
	for _, call := range []string{"events:ListRules", "events:ListTargetsByRule"} {
		b, srv := started(t)
		srv.Rules["us-east-1/default"] = []plumbing.Rule{{Name: "mfawatch-a"}}
		srv.Fault = func(asked, _ string) (int, string) {
			if asked == call {
				return 400, "ThrottlingException"
			}
			return 0, ""
		}
		got, err := b.Rules(t.Context(), "us-east-1", "default", "mfawatch-")
		if got != nil || err == nil || err.Error() != call+" in us-east-1: ThrottlingException" || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: %v, %v", call, got, err)
		}
	}
}

package lambda_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/fakeaws/plumbing"
	"mfawatch/internal/lambda"
)

func TestFunctions(t *testing.T) {
	srv := plumbing.Start()
	defer srv.Close()
	srv.Page = 1
	srv.Functions = map[string]plumbing.Function{
		"free": {Reserved: -1}, "bounded": {Reserved: 5}, "stopped": {Reserved: 0, Mappings: []plumbing.Mapping{{Source: "arn:1", State: "Enabled"}, {Source: "arn:2", State: "Disabled"}}},
	}
	f := lambda.New(aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")})
	for name, want := range map[string]bool{"free": false, "bounded": false, "stopped": true} {
		if got, err := f.Stopped(t.Context(), name); got != want || err != nil {
			t.Errorf("%s is stopped: %v, error %v", name, got, err)
		}
	}
	got, err := f.Mappings(t.Context(), "stopped")
	if diff := cmp.Diff([]lambda.Mapping{{Source: "arn:1", State: "Enabled"}, {Source: "arn:2", State: "Disabled"}}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := f.Stopped(t.Context(), "gone"); err == nil || err.Error() != "lambda:GetFunctionConcurrency of gone: ResourceNotFoundException" {
		t.Errorf("error %v", err)
	}
	if _, err := f.Mappings(t.Context(), "gone"); err == nil || err.Error() != "lambda:ListEventSourceMappings of gone: ResourceNotFoundException" {
		t.Errorf("error %v", err)
	}
}

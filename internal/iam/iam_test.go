package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"mfawatch/internal/fakeaws/plumbing"
	"mfawatch/internal/iam"
)

func TestTag(t *testing.T) {
	srv := plumbing.Start()
	defer srv.Close()
	roles := iam.New(aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")})
	if err := roles.Tag(t.Context(), "mfawatch-canary-target", "mfawatch-canary", "v"); err != nil || srv.Tags()["mfawatch-canary-target/mfawatch-canary"] != "v" {
		t.Errorf("tags %v, error %v", srv.Tags(), err)
	}
	srv.Fault = func(string, string) (int, string) { return 403, "AccessDenied" }
	if err := roles.Tag(t.Context(), "r", "k", "v"); err == nil || err.Error() != "iam:TagRole of r: AccessDenied" {
		t.Errorf("error %v", err)
	}
}

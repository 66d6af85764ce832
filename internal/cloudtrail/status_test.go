package cloudtrail_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/fakeaws/plumbing"
)

// A trail is asked for in the Region that its ARN names.
func TestStatus(t *testing.T) {
	const good, never, gone = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/org", "arn:aws:cloudtrail:us-east-1:111122223333:trail/new", "arn:aws:cloudtrail:us-east-1:111122223333:trail/gone"
	srv := plumbing.Start()
	defer srv.Close()
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	srv.Trails = map[string]plumbing.Trail{good: {Logging: true, Delivered: at}, never: {BucketError: "NoSuchBucket\nprivate"}}
	trails := cloudtrail.NewTrails(aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")})
	if s, err := trails.Status(t.Context(), good); err != nil || !s.Logging || !s.Delivered.Equal(at) || s.BucketError != "" {
		t.Errorf("%+v, error %v", s, err)
	}
	if s, err := trails.Status(t.Context(), never); err != nil || s.Logging || !s.Delivered.IsZero() || s.BucketError != "NoSuchBucket" {
		t.Errorf("%+v, error %v", s, err)
	}
	for arn, want := range map[string]string{
		gone:   "cloudtrail:GetTrailStatus in us-east-1: TrailNotFoundException",
		"name": `"name" is no ARN of a trail`,
	} {
		if _, err := trails.Status(t.Context(), arn); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", arn, err, want)
		}
	}
}

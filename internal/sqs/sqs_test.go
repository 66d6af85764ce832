package sqs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"mfawatch/internal/fakeaws/plumbing"
	"mfawatch/internal/sqs"
)

const arn = "arn:aws:sqs:eu-north-1:111122223333:mfawatch-canary"

func started(t *testing.T) (aws.Config, *plumbing.Server) {
	t.Helper()
	srv := plumbing.Start()
	t.Cleanup(srv.Close)
	return aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")}, srv
}

func opened(t *testing.T) (*sqs.Queue, *plumbing.Server) {
	t.Helper()
	cfg, srv := started(t)
	q, err := sqs.New(cfg, arn)
	if err != nil {
		t.Fatal(err)
	}
	return q, srv
}

func TestReceiveAndDelete(t *testing.T) {
	q, srv := opened(t)
	for i := range 12 {
		srv.Enqueue("eu-north-1", "mfawatch-canary", fmt.Sprint(i))
	}
	before := time.Now().Add(-time.Minute)
	seen := map[string]bool{}
	for range 2 {
		got, err := q.Receive(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			seen[m.Body] = true
			if m.ID == "" || m.Sent.Before(before) {
				t.Errorf("%+v", m)
			}
		}
		if err := q.Delete(t.Context(), got); err != nil {
			t.Error(err)
		}
	}
	if n := srv.Held("eu-north-1", "mfawatch-canary"); len(seen) != 12 || n != 0 {
		t.Errorf("received %d of 12, %d are left", len(seen), n)
	}
	if n := srv.Calls()["sqs:GetQueueUrl eu-north-1"]; n != 1 {
		t.Errorf("asked for the URL %d times", n)
	}
}

// Waiting ends when a message comes, and without one when the time is over.
func TestReceiveWaits(t *testing.T) {
	q, srv := opened(t)
	srv.Enqueue("eu-north-1", "mfawatch-canary", "first")
	if _, err := q.Receive(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := q.Receive(t.Context(), time.Second); err != nil || len(got) != 0 {
		t.Errorf("%v, error %v", got, err)
	}
	go func() { time.Sleep(200 * time.Millisecond); srv.Enqueue("eu-north-1", "mfawatch-canary", "second") }()
	start := time.Now()
	if got, err := q.Receive(t.Context(), time.Hour); err != nil || len(got) != 1 || got[0].Body != "second" || time.Since(start) > 10*time.Second {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	q, srv := opened(t)
	if _, err := q.Receive(t.Context(), 0); err == nil || !strings.HasPrefix(err.Error(), "sqs:GetQueueUrl of queue mfawatch-canary in eu-north-1: ") {
		t.Errorf("no queue: %v", err)
	}
	srv.Enqueue("eu-north-1", "mfawatch-canary", "private body")
	if err := q.Delete(t.Context(), []sqs.Message{{Handle: "gone"}, {Handle: "gone"}}); err == nil || err.Error() != "sqs:DeleteMessage of queue mfawatch-canary in eu-north-1: 2 of 2 messages: ReceiptHandleIsInvalid" {
		t.Errorf("not deleted: %v", err)
	}
	if err := q.Delete(t.Context(), nil); err != nil {
		t.Errorf("nothing to delete: %v", err)
	}
	srv.Fault = func(call, _ string) (int, string) { return 400, "AccessDeniedException" }
	for _, err := range []error{func() error { _, err := q.Receive(t.Context(), 0); return err }(), q.Delete(t.Context(), []sqs.Message{{Handle: "x"}})} {
		if err == nil || !strings.HasSuffix(err.Error(), " of queue mfawatch-canary in eu-north-1: AccessDeniedException") {
			t.Errorf("refused: %v", err)
		}
	}
	for _, bad := range []string{"", "mfawatch-canary", "arn:aws:sns:eu-north-1:111122223333:x", "arn:aws:sqs:eu-north-1:111122223333:"} {
		if _, err := sqs.New(aws.Config{}, bad); err == nil {
			t.Errorf("%q is taken for a queue", bad)
		}
	}
}

func TestDepth(t *testing.T) {
	cfg, srv := started(t)
	d := sqs.NewDepths(cfg, "111122223333")
	for range 3 {
		srv.Enqueue("ap-south-1", "mfawatch-rules-dead", "x")
	}
	if n, err := d.Depth(t.Context(), "ap-south-1", "mfawatch-rules-dead"); n != 3 || err != nil {
		t.Errorf("depth %d, error %v", n, err)
	}
	if _, err := d.Depth(t.Context(), "us-east-1", "mfawatch-rules-dead"); err == nil || !strings.Contains(err.Error(), "mfawatch-rules-dead in us-east-1: ") {
		t.Errorf("another Region's queue: %v", err)
	}
	srv.Fault = func(call, _ string) (int, string) {
		if call == "sqs:GetQueueAttributes" {
			return 403, "AccessDeniedException"
		}
		return 0, ""
	}
	if _, err := d.Depth(t.Context(), "ap-south-1", "mfawatch-rules-dead"); err == nil || err.Error() != "sqs:GetQueueAttributes of queue mfawatch-rules-dead in ap-south-1: AccessDeniedException" {
		t.Errorf("refused: %v", err)
	}
}

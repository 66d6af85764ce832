package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"mfawatch/internal/fakeaws"
	"mfawatch/internal/s3"
)

// Kept lists over pages and reads back, no more than it was told.
func TestKept(t *testing.T) {
	a := fakeaws.NewAccount("111122223333")
	srv := fakeaws.New(a)
	b := srv.Bucket("record-bucket", "eu-north-1")
	srv.PageSize = 2
	for i := range 5 {
		b.Put(fmt.Sprintf("record/main/entries-%012d.jsonl", i), []byte("12345"))
	}
	b.Put("record/main/head-1.json", nil)
	k := s3.NewKept(aws.Config{Region: "eu-north-1", HTTPClient: srv.Client(), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey(), "x", "")}, "record-bucket")
	for after, want := range map[string]string{"": "record/main/entries-000000000004.jsonl", "record/main/entries-000000000003.jsonl": "record/main/entries-000000000004.jsonl", "record/main/entries-000000000004.jsonl": ""} {
		if got, err := k.Last(t.Context(), "record/main/entries-", after); got != want || err != nil {
			t.Errorf("Last after %q = %q, %v, want %q", after, got, err, want)
		}
	}
	if text, err := k.Read(t.Context(), "record/main/entries-000000000001.jsonl", 5); string(text) != "12345" || err != nil {
		t.Errorf("Read = %s, %v", text, err)
	}
	if _, err := k.Read(t.Context(), "record/main/entries-000000000001.jsonl", 4); err == nil || !strings.Contains(err.Error(), "more than 4 bytes") {
		t.Errorf("Read of too much = %v", err)
	}
	if _, err := k.Read(t.Context(), "nothing", 4); err == nil || !strings.Contains(err.Error(), "nothing in record-bucket") {
		t.Errorf("Read of nothing = %v", err)
	}
}

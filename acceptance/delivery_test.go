//go:build acceptance

package acceptance

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"mfawatch/functions/delivery/deliverytest"
	"mfawatch/internal/dynamo"
	mfas3 "mfawatch/internal/s3"
)

// dynamoDB starts AWS's DynamoDB Local with an empty table of events.
func dynamoDB(t *testing.T) *dynamodb.Client {
	t.Helper()
	lib, err := filepath.Abs("../.cache/acceptance/dynamodb")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lib); err != nil {
		t.Fatalf("DynamoDB Local is missing: run make acceptance, which installs it: %v", err)
	}
	port := freePort(t)
	cmd := exec.Command(peer(t, "java"), "-Djava.library.path="+lib, "-cp", lib+"/*", "software.amazon.dynamodb.services.local.main.ServerRunner", "-inMemory", "-port", port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	url := "http://127.0.0.1:" + port
	answers := false
	for range 300 {
		if r, err := http.Get(url); err == nil {
			_ = r.Body.Close()
			answers = true
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !answers {
		t.Fatal("DynamoDB Local does not answer")
	}
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// TestDynamoDBKeepsClaims: AWS's own DynamoDB Local keeps the contract of the
// store of claims, conditional writes and all.
func TestDynamoDBKeepsClaims(t *testing.T) {
	c := dynamoDB(t)
	if _, err := c.CreateTable(t.Context(), dynamo.CreateTable("events")); err != nil {
		t.Fatal(err)
	}
	deliverytest.TestStore(t, &dynamo.Store{Client: c, Table: "events", Page: 3})
}

// TestMotoKeepsEvidence: what was written once is never written over.
func TestMotoKeepsEvidence(t *testing.T) {
	m := startMoto(t, 0)
	c := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(m.url), UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("evidence")}); err != nil {
		t.Fatal(err)
	}
	deliverytest.TestEvidence(t, &mfas3.Creator{Client: c, Bucket: "evidence"}, func(uri string) ([]byte, error) {
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("evidence"), Key: aws.String(uri[len("s3://evidence/"):])})
		if err != nil {
			return nil, err
		}
		defer out.Body.Close()
		return io.ReadAll(out.Body)
	})
}

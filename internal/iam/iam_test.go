package iam_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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

func TestDeny(t *testing.T) {
	var got url.Values
	status := 200
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, _ = url.ParseQuery(string(text))
		w.WriteHeader(status)
		body := "<PutRolePolicyResponse/>"
		if status != 200 {
			body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>private</Message></Error></ErrorResponse>"
		}
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	roles := iam.New(aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")})
	if err := roles.Deny(t.Context(), "break-glass", "mfawatch:request", []string{"A", "B"}); err != nil {
		t.Fatal(err)
	}
	want := `{"Version":"2012-10-17","Statement":[{"Sid":"MfawatchRevoked","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/mfawatch:request":["A","B"]}}}]}`
	if got.Get("Action") != "PutRolePolicy" || got.Get("RoleName") != "break-glass" || got.Get("PolicyName") != "mfawatch-revoked" || got.Get("PolicyDocument") != want {
		t.Errorf("asked %v", got)
	}
	if err := roles.Deny(t.Context(), "r", "t", nil); err == nil {
		t.Error("a policy that denies nobody is written")
	}
	status = 403
	if err := roles.Deny(t.Context(), "r", "t", []string{"A"}); err == nil || err.Error() != "iam:PutRolePolicy of r: AccessDenied" {
		t.Errorf("error %v", err)
	}
}

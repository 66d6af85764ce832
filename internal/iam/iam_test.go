package iam_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"mfawatch/internal/fakeaws"
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

// IAM makes no third access key, and the error says what that means.
func TestMakeOfAThirdKey(t *testing.T) {
	a := fakeaws.NewAccount("111122223333")
	a.User("ada").Keys = []fakeaws.Key{a.Key()}
	srv := fakeaws.New(a)
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	keys := iam.NewAccessKeys(aws.Config{Region: "eu-north-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider(a.AccessKey(), "x", "")})
	const user = "arn:aws:iam::111122223333:user/ada"
	began := time.Now().Add(-time.Minute)
	id, _, err := keys.Make(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := keys.List(t.Context(), user); err != nil || len(made) != 2 || made[id].Before(began) {
		t.Errorf("keys %v, %v", made, err)
	}
	if _, _, err := keys.Make(t.Context(), user); err == nil || !strings.Contains(err.Error(), "another rotation is on its way") {
		t.Errorf("a third: %v", err)
	}
}

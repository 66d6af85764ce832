package sts_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"mfawatch/internal/sts"
)

const role = "arn:aws:iam::111122223333:role/break-glass"

// asked starts an STS that answers with a status and a body, and keeps what it was
// asked.
func asked(t *testing.T, status int, body string) (sts.Roles, *url.Values) {
	t.Helper()
	got := &url.Values{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		*got, _ = url.ParseQuery(string(text))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return sts.New(aws.Config{Region: "eu-north-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "x", "")}), got
}

const given = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>hunter2</SecretAccessKey>` +
	`<SessionToken>token3</SessionToken><Expiration>2027-01-15T08:15:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`

func session() sts.Session {
	return sts.Session{Role: role, Name: "mfawatch-X", SourceIdentity: "ada", Tags: map[string]string{"mfawatch:ticket": "INC-7", "mfawatch:request": "X"}, Policies: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, Duration: 15 * time.Minute}
}

func TestAssume(t *testing.T) {
	roles, got := asked(t, 200, given)
	c, err := roles.Assume(t.Context(), session())
	if err != nil || c != (sts.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "hunter2", SessionToken: "token3", Expiration: time.Date(2027, 1, 15, 8, 15, 0, 0, time.UTC)}) {
		t.Errorf("Assume: %v", err)
	}
	for name, want := range map[string]string{
		"Action": "AssumeRole", "RoleArn": role, "RoleSessionName": "mfawatch-X", "SourceIdentity": "ada", "DurationSeconds": "900",
		"Tags.member.1.Key": "mfawatch:request", "Tags.member.1.Value": "X", "Tags.member.2.Key": "mfawatch:ticket", "Tags.member.2.Value": "INC-7",
		"PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
	} {
		if got.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Get(name), want)
		}
	}
	text := fmt.Sprintf("%v %+v %#v %s", c, &c, c, c)
	if strings.Contains(text, "hunter2") || strings.Contains(text, "token3") {
		t.Error("credentials are printed")
	}
}

func TestRefused(t *testing.T) {
	for want, c := range map[string]struct {
		status int
		body   string
	}{
		"sts:AssumeRole of " + role + ": AccessDenied: let the role trust the caller": {403, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>private</Message></Error></ErrorResponse>`},
		"sts:AssumeRole of " + role + ": Throttling":                                  {400, `<ErrorResponse><Error><Code>Throttling</Code><Message>private</Message></Error></ErrorResponse>`},
		"sts:AssumeRole of " + role + ": no credentials in the answer":                {200, strings.Replace(given, "token3", "", 1)},
	} {
		roles, _ := asked(t, c.status, c.body)
		_, err := roles.Assume(t.Context(), session())
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "private") {
			t.Errorf("%v, want %s", err, want)
		}
		if code := sts.Code(err); !strings.Contains(want, code) || code == "" {
			t.Errorf("Code = %q", code)
		}
	}
	if code := sts.Code(fmt.Errorf("x")); code != "no answer" {
		t.Errorf("Code = %q", code)
	}
}

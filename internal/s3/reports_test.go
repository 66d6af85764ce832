package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// shelf is a bucket on the wire. It knows its owner.
type shelf struct {
	objects map[string]string
	types   map[string]string
	status  int // what it answers, where it refuses
	code    string
	cut     int // bytes of an answer that get lost
}

func (s *shelf) RoundTrip(r *http.Request) (*http.Response, error) {
	key := strings.TrimPrefix(r.URL.Path, "/reports/")
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Header: http.Header{"Content-Length": {fmt.Sprint(len(body))}}, ContentLength: int64(len(body)),
			Body: io.NopCloser(strings.NewReader(body[:max(0, len(body)-s.cut)])), Request: r,
		}, nil
	}
	refuse := func(status int, code string) (*http.Response, error) {
		return answer(status, "<Error><Code>"+code+"</Code><Message>User ada</Message></Error>")
	}
	switch {
	case s.status != 0:
		return refuse(s.status, s.code)
	case r.Header.Get("X-Amz-Expected-Bucket-Owner") != account:
		return refuse(http.StatusForbidden, "AccessDenied")
	case r.Method == http.MethodPut:
		body, err := []byte(nil), error(nil)
		if r.Body != nil {
			body, err = io.ReadAll(r.Body)
		}
		if err != nil {
			return nil, err
		}
		s.objects[key], s.types[key] = string(body), r.Header.Get("Content-Type")
		return answer(http.StatusOK, "")
	}
	if text, ok := s.objects[key]; ok {
		return answer(http.StatusOK, text)
	}
	return refuse(http.StatusNotFound, "NoSuchKey")
}

func (s *shelf) reports() *Reports {
	cfg := aws.Config{Region: "eu-north-1", HTTPClient: &http.Client{Transport: s}, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""), RetryMaxAttempts: 1}
	client := awss3.NewFromConfig(cfg, func(o *awss3.Options) {
		o.UsePathStyle = true
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired // plain bodies on the wire
	})
	return &Reports{Client: client, Bucket: "reports", Owner: account}
}

func newShelf() *shelf { return &shelf{objects: map[string]string{}, types: map[string]string{}} }

func TestReports(t *testing.T) {
	ctx, s := context.Background(), newShelf()
	r := s.reports()
	if _, err := r.Get(ctx, "a/b.json"); !errors.Is(err, fs.ErrNotExist) || err.Error() != "read s3://reports/a/b.json: file does not exist" {
		t.Errorf("nothing there: error %v", err)
	}
	for _, body := range []string{"one", "", "another"} {
		if err := r.Put(ctx, "a/b.json", "application/json", []byte(body)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Get(ctx, "a/b.json"); err != nil || string(got) != body {
			t.Errorf("got %q (%v), want %q", got, err, body)
		}
	}
	if s.types["a/b.json"] != "application/json" {
		t.Errorf("the type is %q", s.types["a/b.json"])
	}
	if got := r.URI("a/b.json"); got != "s3://reports/a/b.json" {
		t.Errorf("URI %q", got)
	}
}

// Half an object is none.
func TestReportsBreakOff(t *testing.T) {
	s := newShelf()
	s.objects["k"], s.cut = "0123456789", 4
	if got, err := s.reports().Get(context.Background(), "k"); err == nil || got != nil || !strings.Contains(err.Error(), "s3://reports/k") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestReportsRefused(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		owner  string
		want   string
	}{
		{403, "AccessDenied", account, "access denied: allow s3:%sObject on the object"},
		{0, "", "999999999999", "access denied: allow s3:%sObject on the object"},
		{404, "NoSuchBucket", account, "there is no such bucket: check MFAWATCH_REPORT_BUCKET"},
		{503, "SlowDown", account, "S3 answered SlowDown: try again"},
	} {
		s := newShelf()
		s.status, s.code = c.status, c.code
		r := s.reports()
		r.Owner = c.owner
		_, get := r.Get(context.Background(), "k")
		put := r.Put(context.Background(), "k", "text/plain", []byte("x"))
		for verb, err := range map[string]error{"Get": get, "Put": put} {
			want := c.want
			if strings.Contains(want, "%s") {
				want = fmt.Sprintf(want, verb)
			}
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "s3://reports/k") || strings.Contains(err.Error(), "ada") || strings.Contains(err.Error(), "\n") || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s after %s: error %v, want …%s…", verb, c.code, err, want)
			}
		}
	}
}

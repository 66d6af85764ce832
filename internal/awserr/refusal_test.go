package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"mfawatch/internal/awserr"
)

func TestCode(t *testing.T) {
	for want, err := range map[string]error{
		"":             nil,
		"AccessDenied": fmt.Errorf("x: %w", &smithy.GenericAPIError{Code: "AccessDenied\nprivate", Message: "private"}),
		"out of time":  fmt.Errorf("private: %w", context.DeadlineExceeded),
		"no answer":    errors.New("private"),
	} {
		if got := awserr.Code(err); got != want {
			t.Errorf("Code(%v) = %q, want %q", err, got, want)
		}
	}
	if got := awserr.Code(fmt.Errorf("private: %w", context.Canceled)); got != "out of time" {
		t.Errorf("canceled: %q", got)
	}
}

// Nothing was done after a refusal with a code; after anything else it may have been.
func TestRefused(t *testing.T) {
	const text = `<ErrorResponse><Error><Code>%s</Code><Message>private</Message></Error></ErrorResponse>`
	for _, c := range []struct {
		status int
		body   string
		want   bool
	}{
		{403, fmt.Sprintf(text, "AccessDenied"), true},
		{409, fmt.Sprintf(text, "LimitExceeded"), true},
		{400, fmt.Sprintf(text, "Throttling"), true},
		{408, fmt.Sprintf(text, "RequestTimeout"), false},
		{500, fmt.Sprintf(text, "ServiceFailure"), false},
		{503, fmt.Sprintf(text, "ServiceUnavailable"), false},
		{403, fmt.Sprintf(text, ""), false},
		{403, "", false},
		{403, "<html>of a proxy</html>", false},
		{200, "<html>", false},
	} {
		err := answered(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body))}, nil
		})
		if got := awserr.Refused(err); got != c.want {
			t.Errorf("%d %q: %v, want %v", c.status, c.body, got, c.want)
		}
	}
	if awserr.Refused(nil) || awserr.Refused(fails(t, nil, errors.New("no route"))) || awserr.Refused(fails(t, errors.New("no profile"), nil)) {
		t.Error("no answer is taken for a refusal")
	}
}

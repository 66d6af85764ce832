package awserr_test

import (
	"context"
	"errors"
	"fmt"
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

package awserr

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go"
)

// Code is in a word why AWS was of no help: the code of its answer, or that there
// was none. It repeats nothing of a message.
func Code(err error) string {
	var answer smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "out of time"
	case errors.As(err, &answer):
		return OneLine(answer.ErrorCode())
	}
	return "no answer"
}

// Refused tells an answer of AWS by which nothing was done: one of the 4xx with a code of
// AWS's. After one of the 5xx, or none at all, it may have been; nor is 408 an answer.
func Refused(err error) bool {
	var answer smithy.APIError
	status := Status(err)
	return errors.As(err, &answer) && answer.ErrorCode() != unknown && status/100 == 4 && status != http.StatusRequestTimeout
}

// unknown is the SDK's word for an answer without a code.
const unknown = "UnknownError"

package awserr

import (
	"context"
	"errors"

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

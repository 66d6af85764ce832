// Package lambda reads what could have switched a Lambda function off: its
// reserved concurrency and its event source mappings.
//
// It promises to change nothing. Its errors name the action, the function and
// AWS's code.
package lambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"mfawatch/internal/awserr"
)

// Mapping is an event source that a function reads.
type Mapping struct{ Source, State string }

// Functions are the functions of an account in one Region.
type Functions struct{ client *lambda.Client }

// New takes the configuration of the Region.
func New(cfg aws.Config) Functions { return Functions{lambda.NewFromConfig(cfg)} }

// Stopped tells whether a function's reserved concurrency is zero: it is never
// run then, and nothing says so.
func (f Functions) Stopped(ctx context.Context, name string) (bool, error) {
	out, err := f.client.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
	if err != nil {
		return false, refused("GetFunctionConcurrency", name, err)
	}
	return out.ReservedConcurrentExecutions != nil && *out.ReservedConcurrentExecutions == 0, nil
}

// Mappings are a function's event sources.
func (f Functions) Mappings(ctx context.Context, name string) ([]Mapping, error) {
	in := &lambda.ListEventSourceMappingsInput{FunctionName: &name}
	var all []Mapping
	for {
		out, err := f.client.ListEventSourceMappings(ctx, in)
		if err != nil {
			return nil, refused("ListEventSourceMappings", name, err)
		}
		for _, m := range out.EventSourceMappings {
			all = append(all, Mapping{aws.ToString(m.EventSourceArn), aws.ToString(m.State)})
		}
		if aws.ToString(out.NextMarker) == "" {
			return all, nil
		}
		in.Marker = out.NextMarker
	}
}

func refused(action, name string, err error) error {
	return fmt.Errorf("lambda:%s of %s: %s", action, name, awserr.Code(err))
}

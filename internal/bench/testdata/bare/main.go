// Command bare is the least that a Lambda function in Go can be: what the
// functions' starts are compared with.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.StartWithOptions(func(context.Context, json.RawMessage) (string, error) { return "", nil })
}

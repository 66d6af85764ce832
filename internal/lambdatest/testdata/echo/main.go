// Command echo is the function that lambdatest is tested with.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	if os.Getenv("BROKEN") != "" {
		fmt.Println("no settings")
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, in string) (string, error) {
		switch in {
		case "error":
			return "", errors.New("refused")
		case "panic":
			panic("lost")
		case "exit":
			os.Exit(3)
		case "hang":
			time.Sleep(time.Minute)
		case "deadline":
			d, _ := ctx.Deadline()
			return fmt.Sprint(time.Until(d) > time.Second), nil
		}
		fmt.Println("heard", in)
		return in + in, nil
	})
}

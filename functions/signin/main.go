// Command signin is the hot path as a Lambda function: it judges sign-ins within
// seconds of CloudTrail's record of them, from SQS, EventBridge, S3, SNS and
// CloudWatch Logs alike, and tells people of those without a second factor.
//
// It promises that an item is done when each of its alerts is published, or held
// back in a row that a digest will name, and else fails, so that its source
// sends it again or puts it where a person looks; that one item that is forged,
// damaged or harmful never takes another with it; and that what is logged holds
// ids, accounts, reasons and sizes, and never a message or a record.
package main

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"mfawatch/functions/alerting"
	"mfawatch/functions/settings"
	"mfawatch/functions/start"
	"mfawatch/internal/s3"
)

// version is set when the function is built.
var version = "dev"

func main() {
	h, err := wire(os.LookupEnv, os.Stdout)
	if err != nil {
		os.Exit(start.Refused(os.Stdout, err))
	}
	h.Log.Info().Str("version", version).Msg("started")
	lambda.StartWithOptions(h)
}

// wire makes the handler of the environment.
func wire(env func(string) (string, bool), out io.Writer) (*Handler, error) {
	set, parts, err := start.From[settings.Signin](env, out)
	if err != nil {
		return nil, err
	}
	p, err := alerting.Open(parts, set.Alerting)
	if err != nil {
		return nil, err
	}
	b := &buckets{cfg: p.AWS, open: map[string]Objects{}}
	return &Handler{Settings: set, Judge: p.Judge, Deliverer: p.Deliverer, Open: b.Open, Metrics: out, Log: parts.Log, Now: time.Now}, nil
}

// buckets opens each bucket once: finding its Region costs a call.
type buckets struct {
	cfg  aws.Config
	mu   sync.Mutex
	open map[string]Objects
}

func (b *buckets) Open(ctx context.Context, name string) (Objects, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o := b.open[name]; o != nil {
		return o, nil
	}
	o, err := s3.Open(ctx, b.cfg, name, s3.Options{})
	if err != nil {
		return nil, err
	}
	b.open[name] = o
	return o, nil
}

// Command reconcile is the safety net as a Lambda function: every hour it reads
// the trail's log files of the last hours once more, tells people of whatever
// the hot path has not, sends the digests of storms, and watches that the trail
// itself goes on.
//
// It promises that each alert of each record in the files of its window is
// covered when it ends without an error, and that it can be repeated at any time:
// it keeps no place of its own, so that a run that fails or runs out of time is
// made good by the next one, whose window overlaps. It sees the sequences that
// the hot path, event by event, cannot. What is damaged is logged, counted and
// named in the coverage record, and never ends a run.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

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
	lambda.StartWithOptions(h.Handle)
}

// wire makes the handler of the environment.
func wire(env func(string) (string, bool), out io.Writer) (*Handler, error) {
	set, parts, err := start.From[settings.Reconcile](env, out)
	if err != nil {
		return nil, err
	}
	p, err := alerting.Open(parts, set.Alerting)
	if err != nil {
		return nil, err
	}
	open := func(ctx context.Context) (Files, error) {
		return s3.Open(ctx, p.AWS, set.TrailBucket, s3.Options{Whole: 8 << 20})
	}
	return &Handler{
		Settings: set, Judge: p.Judge, Deliverer: p.Deliverer, Store: p.Store, Open: open,
		Coverage: &s3.Reports{Client: p.Evidence, Bucket: set.EvidenceBucket, Owner: set.Account},
		Metrics:  out, Log: parts.Log, Now: time.Now,
	}, nil
}

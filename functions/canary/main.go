// Command canary watches the monitor itself as a Lambda function. Its input says
// what to do: send an event of its own through every Region's way of alerts and
// wait until each came back as an alert (send); set a tag, whose event has to come
// back through CloudTrail (trail); compare what stands deployed with what was
// (check).
//
// It promises that a Region whose canary does not come back is counted and named,
// whatever fails in the others; that what it cannot ask is told as not known,
// never left out; and that it ends well before its deadline with what it knows.
// People hear of it through alarms on its metrics, also on their absence, and
// of a check's findings in one message. It logs no message, no address of an
// integration and no event.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
	"mfawatch/functions/start"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/eventbridge"
	"mfawatch/internal/iam"
	awslambda "mfawatch/internal/lambda"
	"mfawatch/internal/sns"
	"mfawatch/internal/sqs"
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

// A call to AWS takes at most attempts times patience and the waits between. The
// longest that SQS keeps one open is twenty seconds.
const (
	patience = 25 * time.Second
	attempts = 3
)

// wire makes the handler of the environment and of rules.json in its folder.
func wire(env func(string) (string, bool), out io.Writer) (*Handler, error) {
	set, parts, err := start.From[settings.Canary](env, out)
	if err != nil {
		return nil, err
	}
	expected, err := readExpected(parts, set.KeyARN)
	if err != nil {
		return nil, err
	}
	cfg := parts.AWS
	cfg.RetryMaxAttempts = attempts
	cfg.HTTPClient = awshttp.NewBuildableClient().WithTimeout(patience)
	queue, err := sqs.New(cfg, set.QueueARN)
	if err != nil {
		return nil, fmt.Errorf("the function's environment: MFAWATCH_CANARY_QUEUE_ARN: %w", err)
	}
	topic := awssns.NewFromConfig(cfg)
	h := &Handler{
		Settings: set, Expected: expected, Buses: eventbridge.New(cfg), Queue: queue, Depths: sqs.NewDepths(cfg, set.Account), Roles: iam.New(cfg),
		Subscriptions: sns.Subscriptions{Client: topic, ARN: set.TopicARN}, Trails: cloudtrail.NewTrails(cfg), Functions: awslambda.New(cfg),
		Topic: &sns.Topic{Client: topic, ARN: set.TopicARN}, Metrics: out, Log: parts.Log, Now: time.Now,
	}
	if set.Heartbeat != "" {
		h.Heart = newHeart(set.Heartbeat, http.DefaultTransport)
	}
	return h, nil
}

func readExpected(parts start.Parts, key string) (deployed.Expected, error) {
	text, err := parts.File(deployed.ExpectedName)
	if err != nil {
		return deployed.Expected{}, err
	}
	e, err := deployed.ReadExpected(text)
	if err != nil {
		return deployed.Expected{}, err
	}
	if e, err = e.WithKey(key); err != nil {
		return deployed.Expected{}, fmt.Errorf("%w: set MFAWATCH_KEY_ARN", err)
	}
	return e, nil
}

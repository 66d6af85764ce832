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
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/rs/zerolog"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
	"mfawatch/internal/awsenv"
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
		log := zerolog.New(os.Stdout)
		log.Error().Err(err).Msg("the function cannot start")
		os.Exit(1)
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
	set, err := settings.FromEnv[settings.Canary](env)
	if err != nil {
		return nil, err
	}
	root, _ := env("LAMBDA_TASK_ROOT")
	expected, err := readExpected(filepath.Join(root, deployed.ExpectedName), set.KeyARN)
	if err != nil {
		return nil, err
	}
	level, err := zerolog.ParseLevel(set.LogLevel)
	if err != nil {
		return nil, fmt.Errorf("the function's environment: MFAWATCH_LOG_LEVEL: %w", err)
	}
	cfg, err := awsenv.Config(env)
	if err != nil {
		return nil, err
	}
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
		Topic: &sns.Topic{Client: topic, ARN: set.TopicARN}, Metrics: out, Log: zerolog.New(out).Level(level).With().Timestamp().Logger(), Now: time.Now,
	}
	if set.Heartbeat != "" {
		h.Heart = newHeart(set.Heartbeat, http.DefaultTransport)
	}
	return h, nil
}

func readExpected(path, key string) (deployed.Expected, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return deployed.Expected{}, fmt.Errorf("read %s: %w: put it into the function's folder", deployed.ExpectedName, err)
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

// Command audit is the scheduled audit as a Lambda function: it reads one
// account, or each account of an organisation, judges it as mfawatch audit does,
// and keeps reports, what changed since the last run, and findings in Security
// Hub CSPM.
//
// It promises that an audit is told of once it is written, and pointed to only
// then; that a run which is cut short leaves the one before in force, and goes
// on when it is invoked again with the same run; that what people were not told
// of is still a change to the next run; and that an account that cannot be read
// is reported as not known, never left out. It changes nothing in the accounts
// that it audits but their findings in Security Hub, where that is switched on.
//
// Every reading is cold, without the devices of an earlier run: nothing here
// knows CloudTrail's changes since.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/rs/zerolog"

	"mfawatch/functions/settings"
	"mfawatch/internal/awsenv"
	"mfawatch/internal/s3"
	"mfawatch/internal/securityhub"
	"mfawatch/internal/sns"
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
	lambda.StartWithOptions(h.Handle)
}

// wire makes the handler of the environment.
func wire(env func(string) (string, bool), out io.Writer) (*Handler, error) {
	set, err := settings.FromEnv[settings.Audit](env)
	if err != nil {
		return nil, err
	}
	if _, err := formats(set.Formats); err != nil {
		return nil, fmt.Errorf("the function's environment: MFAWATCH_FORMATS: %w", err)
	}
	root, _ := env("LAMBDA_TASK_ROOT")
	file, err := readFile(filepath.Join(root, configName))
	if err != nil {
		return nil, err
	}
	cfg, err := awsenv.Config(env)
	if err != nil {
		return nil, err
	}
	level, err := zerolog.ParseLevel(set.LogLevel)
	if err != nil {
		return nil, fmt.Errorf("the function's environment: MFAWATCH_LOG_LEVEL: %w", err)
	}
	bucket := awss3.NewFromConfig(cfg, func(o *awss3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
	return &Handler{
		Settings: set, Rules: file.Posture, Names: file.Accounts, AWS: cfg,
		Reports: &s3.Reports{Client: bucket, Bucket: set.ReportBucket, Owner: set.Account},
		Topic:   &sns.Topic{Client: awssns.NewFromConfig(cfg), ARN: set.TopicARN},
		Hub:     func(cfg aws.Config) Hub { return securityhub.New(cfg, set.Region) },
		Metrics: out, Log: zerolog.New(out).Level(level).With().Timestamp().Logger(), Now: time.Now,
	}, nil
}

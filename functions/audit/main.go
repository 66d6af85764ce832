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
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/audit/config/compiled"
	"mfawatch/functions/settings"
	"mfawatch/functions/start"
	"mfawatch/internal/s3"
	"mfawatch/internal/securityhub"
	"mfawatch/internal/sns"
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
	set, parts, err := start.From[settings.Audit](env, out)
	if err != nil {
		return nil, err
	}
	if _, err := formats(set.Formats); err != nil {
		return nil, fmt.Errorf("the function's environment: MFAWATCH_FORMATS: %w", err)
	}
	text, err := parts.File(compiled.Name)
	if err != nil {
		return nil, err
	}
	file, err := compiled.Read(compiled.Name, text)
	if err != nil {
		return nil, err
	}
	return &Handler{
		Settings: set, Rules: file.Posture, Names: file.Accounts, AWS: parts.AWS,
		Reports: &s3.Reports{Client: s3.Client(parts.AWS), Bucket: set.ReportBucket, Owner: set.Account},
		Topic:   &sns.Topic{Client: awssns.NewFromConfig(parts.AWS), ARN: set.TopicARN},
		Hub:     func(cfg aws.Config) Hub { return securityhub.New(cfg, set.Region) },
		Metrics: out, Log: parts.Log, Now: time.Now,
	}, nil
}

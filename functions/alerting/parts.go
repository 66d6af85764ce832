package alerting

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/config/compiled"
	"mfawatch/functions/delivery"
	"mfawatch/functions/settings"
	"mfawatch/internal/awsenv"
	"mfawatch/internal/dynamo"
	"mfawatch/internal/s3"
	"mfawatch/internal/sns"
)

// configName is the file in the function's own folder that holds rules and the
// accounts' names, compiled.
const configName = "mfawatch.yaml"

// Parts are what a function is made of that alerts.
type Parts struct {
	Judge     Judge
	Deliverer *delivery.Deliverer
	Store     delivery.Store
	Evidence  *awss3.Client
	AWS       aws.Config // for reading files: nothing but the context bounds how long
	Log       zerolog.Logger
}

// One call to AWS takes at most attempts times patience and the waits between,
// so that the four calls of a delivery end before its claim does.
const (
	patience = 5 * time.Second
	attempts = 3
)

// Open makes the parts that an environment names.
func Open(env func(string) (string, bool), common settings.Common, to settings.Alerting, out io.Writer) (Parts, error) {
	root, _ := env("LAMBDA_TASK_ROOT")
	file, err := readFile(filepath.Join(root, configName))
	if err != nil {
		return Parts{}, err
	}
	level, err := zerolog.ParseLevel(common.LogLevel)
	if err != nil {
		return Parts{}, fmt.Errorf("the function's environment: MFAWATCH_LOG_LEVEL: %w", err)
	}
	cfg, err := awsenv.Config(env)
	if err != nil {
		return Parts{}, err
	}
	cfg.RetryMaxAttempts = attempts
	quick := cfg.Copy()
	quick.HTTPClient = awshttp.NewBuildableClient().WithTimeout(patience)
	cfg.HTTPClient = awshttp.NewBuildableClient()
	p := Parts{
		Judge: Judge{SignIn: file.SignIn, Detect: file.Detect, Names: file.Accounts}, AWS: cfg,
		Store:    &dynamo.Store{Client: awsdynamodb.NewFromConfig(quick), Table: to.EventsTable},
		Evidence: awss3.NewFromConfig(quick, func(o *awss3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }),
		Log:      zerolog.New(out).Level(level).With().Timestamp().Logger(),
	}
	p.Deliverer = &delivery.Deliverer{
		Evidence: &s3.Creator{Client: p.Evidence, Bucket: to.EvidenceBucket}, Claims: p.Store,
		Topic: &sns.Topic{Client: awssns.NewFromConfig(quick), ARN: to.TopicARN},
		Storm: alert.Storm{Singles: file.FoldAfter, Window: file.FoldWindow, Never: emergency(file)},
		Clock: time.Now, Log: p.Log, Lease: to.Lease, KeepFor: to.Keep,
	}
	return p, nil
}

func readFile(path string) (compiled.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return compiled.File{}, fmt.Errorf("read %s: %w: put it, compiled, into the function's folder", configName, err)
	}
	return compiled.Read(configName, data)
}

// emergency are the ids of the declared emergency users.
func emergency(file compiled.File) []string { return file.Posture.BreakGlass }

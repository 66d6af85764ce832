package alerting

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/audit/alert"
	"mfawatch/audit/config/compiled"
	"mfawatch/functions/delivery"
	"mfawatch/functions/settings"
	"mfawatch/functions/start"
	"mfawatch/internal/dynamo"
	"mfawatch/internal/s3"
	"mfawatch/internal/sns"
)

// Parts are what a function is made of that alerts.
type Parts struct {
	Judge     Judge
	Deliverer *delivery.Deliverer
	Store     delivery.Store
	Evidence  *awss3.Client
	AWS       aws.Config // for reading files: nothing but the context bounds how long
}

// One call to AWS takes at most attempts times patience and the waits between,
// so that the four calls of a delivery end before its claim does.
const (
	patience = 5 * time.Second
	attempts = 3
)

// Open makes the parts of what every function begins with, of the rules in its folder,
// and of where it delivers to.
func Open(with start.Parts, to settings.Alerting) (Parts, error) {
	text, err := with.File(compiled.Name)
	if err != nil {
		return Parts{}, err
	}
	file, err := compiled.Read(compiled.Name, text)
	if err != nil {
		return Parts{}, err
	}
	cfg := with.AWS
	cfg.RetryMaxAttempts = attempts
	quick := cfg.Copy()
	quick.HTTPClient = awshttp.NewBuildableClient().WithTimeout(patience)
	cfg.HTTPClient = awshttp.NewBuildableClient()
	p := Parts{
		Judge: Judge{SignIn: file.SignIn, Detect: file.Detect, Names: file.Accounts}, AWS: cfg,
		Store:    &dynamo.Store{Client: awsdynamodb.NewFromConfig(quick), Table: to.EventsTable},
		Evidence: s3.Client(quick),
	}
	p.Deliverer = &delivery.Deliverer{
		Evidence: &s3.Creator{Client: p.Evidence, Bucket: to.EvidenceBucket}, Claims: p.Store,
		Topic: &sns.Topic{Client: awssns.NewFromConfig(quick), ARN: to.TopicARN},
		Storm: alert.Storm{Singles: file.FoldAfter, Window: file.FoldWindow, Never: emergency(file)},
		Clock: time.Now, Log: with.Log, Lease: to.Lease, KeepFor: to.Keep,
	}
	return p, nil
}

// emergency are the ids of the declared emergency users.
func emergency(file compiled.File) []string { return file.Posture.BreakGlass }

// Command breakglass is the emergency door as a Lambda function behind a function URL
// with IAM authentication: it takes the commands of totp/breakglass/wire, has the door
// decide, has AWS give what a grant says, tells everybody, and revokes. A schedule
// invokes it each minute with {"mfawatch":"tend"}, for what time ends and for what an
// earlier invocation could not do.
//
// It promises that who calls is whom AWS says, twice: in the event, and in answer to a
// call of sts:GetCallerIdentity that the caller signed for this door and this command,
// and that the function makes; and nobody where AWS says nothing, or two things; that
// nothing is granted which the record has not; that credentials are recorded as issued
// before they leave, and leave encrypted to who asked for them; that a panic, a deadline
// or a service that is down leaves a door that is shut, or a grant that the same request
// may use again within the minute; that a notice waits until it was published; and that
// nothing it logs holds a code, a secret, a proof, credentials or an event's body.
//
// Whoever may call lambda:InvokeFunction directly makes the event themselves: the proof
// keeps them from being anybody else. It does not say that AWS saw a second factor, as
// the way through the URL does (aws:MultiFactorAuthPresent in the callers' policy): so
// nobody may invoke directly but the schedule, and through the URL (condition key
// lambda:InvokedViaFunctionUrl) those who come in by it.
package main

import (
	"crypto/rand"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/functions/settings"
	"mfawatch/functions/start"
	"mfawatch/internal/iam"
	"mfawatch/internal/kms"
	"mfawatch/internal/s3"
	"mfawatch/internal/sns"
	"mfawatch/internal/sts"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/breakglass/table"
)

// version is set when the function is built.
var version = "dev"

func main() {
	h, err := wired(os.LookupEnv, os.Stdout)
	if err != nil {
		os.Exit(start.Refused(os.Stdout, err))
	}
	h.Log.Info().Str("version", version).Str("door", h.Door.Rules.Door).Msg("started")
	lambda.StartWithOptions(h)
}

// A call to AWS takes at most attempts times patience and the waits between: somebody
// waits for the answer.
const (
	patience = 4 * time.Second
	attempts = 3
)

// rulesName is the file of the door's rules, in the function's own folder.
const rulesName = "breakglass.json"

// wired makes the handler of the environment and of the rules in its folder.
func wired(env func(string) (string, bool), out io.Writer) (*Handler, error) {
	set, parts, err := start.From[settings.BreakGlass](env, out)
	if err != nil {
		return nil, err
	}
	rules, err := readRules(parts)
	if err != nil {
		return nil, err
	}
	cfg := parts.AWS
	cfg.Region, cfg.RetryMaxAttempts = set.Region, attempts
	http := awshttp.NewBuildableClient().WithTimeout(patience)
	cfg.HTTPClient = http
	store := &table.Store{Client: dynamodb.NewFromConfig(cfg), Place: table.Places(set.Table, set.LedgerTable)}
	keys := devices.Keys(kms.New(cfg), set.KeyARN, rules.Door)
	return &Handler{
		Door:    &breakglass.Door{Store: store, Rules: rules, Factors: devices.Sealed{Store: store, Keys: keys, Rules: rules}, Random: rand.Reader},
		Callers: sts.NewIdentities(cfg, http.GetTransport(), patience),
		Roles:   sts.New(cfg), Denials: iam.New(cfg), Topic: &sns.Topic{Client: awssns.NewFromConfig(cfg), ARN: set.TopicARN},
		Archive: &archive{Objects: s3.NewKept(cfg, set.RecordBucket), Prefix: "record/" + rules.Door + "/"},
		Signer:  &signer{Store: store, Keys: keys, Random: rand.Reader},
		Metrics: out, Log: parts.Log, Now: time.Now,
	}, nil
}

func readRules(parts start.Parts) (breakglass.Rules, error) {
	text, err := parts.File(rulesName)
	if err != nil {
		return breakglass.Rules{}, err
	}
	return breakglass.ParseRules(rulesName, text)
}

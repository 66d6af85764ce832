//go:build acceptance

package acceptance

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/audit/config/compiled"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
	"mfawatch/internal/lambdatest"
	"mfawatch/internal/sts"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/wire"
)

// cloud is moto as the cdk command deploys to it (moto/server.py).
type cloud struct{ *estate }

const deployHome = "eu-north-1"

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{estate: &estate{moto: startMotoAs(t, 0, "python", "moto/server.py"), t: t, region: deployHome}}
	c.s3 = s3.NewFromConfig(c.at(deployHome), func(o *s3.Options) { o.UsePathStyle = true })
	return c
}

func (c *cloud) at(region string) aws.Config {
	cfg := c.config("test", "test", "")
	cfg.Region = region
	return cfg
}

// cdk runs the cdk command as README and docs/deploy.md have it, and returns what
// it printed.
func (c *cloud) cdk(dir string, args ...string) (string, error) {
	c.t.Helper()
	bin, err := filepath.Abs("../.cache/node/node_modules/.bin")
	if err != nil {
		c.t.Fatal(err)
	}
	// A command takes seconds; one that waits for what never comes must say so.
	ctx, cancel := context.WithTimeout(c.t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "cdk"), append(args, "--ci", "--no-color", "-c", "config="+filepath.Join(dir, "mfawatch.yaml"), "-c", "guardrail.groups=[staff]", "-c", "functions="+filepath.Join(dir, "functions"), "--output", filepath.Join(dir, "cdk.out"))...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "AWS_ENDPOINT_URL="+c.url,
		"AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION="+strings.Replace(c.url, "127.0.0.1", "localhost", 1),
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION="+deployHome, "AWS_EC2_METADATA_DISABLED=true", "CDK_DISABLE_CLI_TELEMETRY=true", "CDK_HOME="+filepath.Join(dir, "home"))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *cloud) mustCDK(dir string, args ...string) string {
	c.t.Helper()
	begin := time.Now()
	out, err := c.cdk(dir, args...)
	if err != nil {
		c.t.Fatalf("cdk %s: %v\n%s", args[0], err, tail(out, 4000))
	}
	c.t.Logf("cdk %s took %v", args[0], time.Since(begin).Round(100*time.Millisecond))
	return out
}

func tail(text string, n int) string { return text[max(len(text)-n, 0):] }

// folder is what a person deploys from: mfawatch.yaml of the whole deployment, and
// the functions as they are released.
func (c *cloud) folder() string {
	c.t.Helper()
	dir := c.t.TempDir()
	text, err := os.ReadFile("../infra/stacks/testdata/full.yaml")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "mfawatch.yaml"), bytes.ReplaceAll(text, []byte("111122223333"), []byte(motoAccount)), 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	build := exec.CommandContext(c.t.Context(), "go", "run", "./internal/release", "-arch", "arm64", "-out", filepath.Join(dir, "zip"), "-unpacked", filepath.Join(dir, "functions"))
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// TestDeploy deploys everything that one account can have, looks at what came of
// it, sends a sign-in through it, deploys again, and takes it down. What moto
// leaves out of a stack without a word (trail, alarms, filters, subscriptions,
// policies of queues, topics and buckets) is proved by the templates' own tests
// and listed in docs/live-checks.md.
func TestDeploy(t *testing.T) {
	c := newCloud(t)
	dir := c.folder()
	// moto does not make groups out of templates, and the policy needs one.
	if _, err := iam.NewFromConfig(c.at(deployHome)).CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("staff")}); err != nil {
		t.Fatal(err)
	}
	// Users of the emergency door are there before its stack (docs/deploy.md).
	for _, name := range []string{"ada", "grace", "edsger"} {
		if _, err := iam.NewFromConfig(c.at(deployHome)).CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Path: aws.String("/door/")}); err != nil {
			t.Fatal(err)
		}
	}
	c.mustCDK(dir, "bootstrap", "aws://"+motoAccount+"/"+deployHome, "aws://"+motoAccount+"/us-east-1", "aws://"+motoAccount+"/us-east-2")
	c.mustCDK(dir, "deploy", "--all", "--require-approval", "never")
	c.environments()
	c.assets()
	c.throughDeployedRule()
	c.throughDeployedDoor()
	if out := c.mustCDK(dir, "deploy", "--all", "--require-approval", "never"); strings.Count(out, "(no changes)") < 6 || strings.Contains(out, "UPDATE_COMPLETE") {
		t.Errorf("a second deployment changes something:\n%s", tail(out, 3000))
	}
	if out := c.mustCDK(dir, "diff", "--fail", "--method", "template"); !strings.Contains(out, "Number of stacks with differences: 0") {
		t.Errorf("cdk diff:\n%s", tail(out, 3000))
	}
	c.destroy(dir)
}

// environments reads each function's environment back, as the function will.
func (c *cloud) environments() {
	c.t.Helper()
	lookup := func(name string) func(string) (string, bool) {
		variables := c.variables(name)
		return func(key string) (string, bool) { v, ok := variables[key]; return v, ok }
	}
	signin, err := settings.FromEnv[settings.Signin](lookup("signin"))
	if err != nil || signin.Account != motoAccount || !slices.Equal(signin.Queues, []string{"arn:aws:sqs:" + deployHome + ":" + motoAccount + ":mfawatch-sign-ins"}) {
		c.t.Errorf("signin: %+v, error %v", signin, err)
	}
	if s, err := settings.FromEnv[settings.Reconcile](lookup("reconcile")); err != nil || s.TrailBucket != "mfawatch-trail-"+motoAccount+"-"+deployHome {
		c.t.Errorf("reconcile: %+v, error %v", s, err)
	}
	if s, err := settings.FromEnv[settings.Audit](lookup("audit")); err != nil || s.ReportBucket != "mfawatch-reports-"+motoAccount+"-"+deployHome || !s.SecurityHub {
		c.t.Errorf("audit: %+v, error %v", s, err)
	}
	s, err := settings.FromEnv[settings.Canary](lookup("canary"))
	if err != nil || !strings.Contains(s.KeyARN, ":key/") || len(s.Regions) != 3 || s.Heartbeat == "" {
		c.t.Errorf("canary: %+v, error %v", s, err)
	}
	door, err := settings.FromEnv[settings.BreakGlass](lookup("breakglass"))
	if err != nil || !strings.Contains(door.KeyARN, ":key/") || door.Table != "mfawatch-breakglass" || door.RecordBucket != "mfawatch-record-"+motoAccount+"-"+deployHome {
		c.t.Errorf("breakglass: %+v, error %v", door, err)
	}
}

func (c *cloud) variables(function string) map[string]string {
	c.t.Helper()
	out, err := lambda.NewFromConfig(c.at(deployHome)).GetFunctionConfiguration(c.t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("mfawatch-" + function)})
	if err != nil || out.Environment == nil {
		c.t.Fatalf("function %s: %v", function, err)
	}
	if out.Runtime != "provided.al2023" || out.Handler == nil || *out.Handler != "bootstrap" { // moto does not keep the architecture
		c.t.Errorf("function %s runs by %s", function, out.Runtime)
	}
	return out.Environment.Variables
}

// assets reads the functions' code back from the bucket it was published to: each
// holds what the function looks for in its folder.
func (c *cloud) assets() {
	c.t.Helper()
	bucket := "cdk-hnb659fds-assets-" + motoAccount + "-" + deployHome
	list, err := c.s3.ListObjectsV2(c.t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		c.t.Fatal(err)
	}
	functions, canaries, doors := 0, 0, 0
	for _, o := range list.Contents {
		if !strings.HasSuffix(*o.Key, ".zip") {
			continue
		}
		files := c.unzip(bucket, *o.Key)
		if _, err := compiled.Read("mfawatch.yaml", files["mfawatch.yaml"]); err != nil || len(files["bootstrap"]) < 1<<20 {
			c.t.Errorf("%s: bootstrap of %d bytes, %v", *o.Key, len(files["bootstrap"]), err)
		}
		functions++
		if text, ok := files["breakglass.json"]; ok {
			doors++
			if rules, err := breakglass.ParseRules("breakglass.json", text); err != nil || rules.Roles[0].ARN != "arn:aws:iam::"+motoAccount+":role/mfawatch-break-glass" {
				c.t.Errorf("%v", err)
			}
		}
		if text, ok := files[deployed.ExpectedName]; ok {
			canaries++
			if e, err := deployed.ReadExpected(text); err != nil || len(e.Buses) != 4 || len(e.Functions) != 5 {
				c.t.Errorf("%s: %v", deployed.ExpectedName, err)
			}
		}
	}
	if functions != 5 || canaries != 1 || doors != 1 {
		c.t.Errorf("%d functions, %d rules.json and %d breakglass.json were published, want 5, 1 and 1", functions, canaries, doors)
	}
}

func (c *cloud) unzip(bucket, key string) map[string][]byte {
	c.t.Helper()
	out, err := c.s3.GetObject(c.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		c.t.Fatal(err)
	}
	data, err := io.ReadAll(out.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		c.t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			c.t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			c.t.Fatal(err)
		}
		if f.Name == "bootstrap" && f.Mode().Perm()&0o111 == 0 {
			c.t.Errorf("%s: bootstrap cannot be executed: %v", key, f.Mode())
		}
	}
	return files
}

// throughDeployedRule sends sign-ins to the bus: the deployed rule, the deployed
// queue, the real function with the environment and the folder that were deployed,
// the deployed table, bucket and topic.
func (c *cloud) throughDeployedRule() {
	c.t.Helper()
	topic := "arn:aws:sns:" + deployHome + ":" + motoAccount + ":mfawatch-alerts"
	c.call("AmazonSQS.CreateQueue", map[string]any{"QueueName": "people"}, nil)
	if _, err := sns.NewFromConfig(c.at(deployHome)).Subscribe(c.t.Context(), &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:" + deployHome + ":" + motoAccount + ":people")}); err != nil {
		c.t.Fatal(err)
	}
	at := time.Now().Add(-time.Minute)
	for _, record := range []string{signIn("aaaa-no", "ada", "No", at), signIn("bbbb-yes", "ben", "Yes", at)} {
		c.call("AWSEvents.PutEvents", map[string]any{"Entries": []any{map[string]any{"Source": "aws.signin", "DetailType": "AWS Console Sign In via CloudTrail", "Detail": record}}}, nil)
	}
	queue := "arn:aws:sqs:" + deployHome + ":" + motoAccount + ":mfawatch-sign-ins"
	var batch []any
	for _, m := range c.take("mfawatch-sign-ins") {
		batch = append(batch, map[string]any{"messageId": m.MessageId, "body": withAccount(c.t, m.Body), "eventSource": "aws:sqs", "eventSourceARN": queue, "attributes": map[string]any{}})
	}
	if len(batch) != 1 {
		c.t.Fatalf("%d messages in the deployed queue, want the sign-in without MFA alone", len(batch))
	}
	if out := c.invoke(c.deployedFunction("signin"), map[string]any{"Records": batch}); fmt.Sprint(out["batchItemFailures"]) != "[]" {
		c.t.Fatalf("%v", out)
	}
	if got := c.alerts(); !slices.Equal(got, []string{"aaaa-no"}) {
		c.t.Fatalf("told of %v, want of the one sign-in without MFA", got)
	}
	table, err := dynamodb.NewFromConfig(c.at(deployHome)).Scan(c.t.Context(), &dynamodb.ScanInput{TableName: aws.String("mfawatch-events")})
	if err != nil || len(table.Items) == 0 {
		c.t.Errorf("%v, %d rows in the deployed table", err, len(table.Items))
	}
}

// throughDeployedDoor calls the real function with what was deployed for it: a person
// of the rules may look, nobody else is let in, and the schedule's own input is done. moto
// answers nothing at a function's URL, so what that sends is written here.
func (c *cloud) throughDeployedDoor() {
	c.t.Helper()
	url, err := lambda.NewFromConfig(c.at(deployHome)).GetFunctionUrlConfig(c.t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: aws.String("mfawatch-breakglass")})
	if err != nil || url.AuthType != "AWS_IAM" || url.Cors != nil {
		c.t.Errorf("the door's address: %+v, error %v", url, err)
	}
	held, err := iam.NewFromConfig(c.at(deployHome)).ListAttachedUserPolicies(c.t.Context(), &iam.ListAttachedUserPoliciesInput{UserName: aws.String("ada")})
	if err != nil || len(held.AttachedPolicies) != 1 || *held.AttachedPolicies[0].PolicyName != "mfawatch-breakglass-callers" {
		c.t.Errorf("ada may call the door by %+v, error %v", held, err)
	}
	f := c.deployedFunction("breakglass")
	if _, err := iam.NewFromConfig(c.at(deployHome)).CreateUser(c.t.Context(), &iam.CreateUserInput{UserName: aws.String("mallory")}); err != nil {
		c.t.Fatal(err)
	}
	for user, want := range map[string]string{"door/ada": "200", "mallory": "403"} {
		out := c.invoke(f, map[string]any{
			"body":           c.proved(path.Base(user), wire.Command{Command: wire.Open}),
			"requestContext": map[string]any{"http": map[string]any{"method": "POST"}, "authorizer": map[string]any{"iam": map[string]any{"userArn": "arn:aws:iam::" + motoAccount + ":user/" + user}}},
		})
		if fmt.Sprint(out["statusCode"]) != want {
			c.t.Errorf("%s: %v, want %s", user, out, want)
		}
	}
	if out := c.invoke(f, map[string]any{"mfawatch": "tend"}); out["errorMessage"] != nil {
		c.t.Errorf("each minute's work: %v", out)
	}
}

// proved is a command with the proof that a user sends it, as the function takes it.
func (c *cloud) proved(user string, command wire.Command) string {
	c.t.Helper()
	made, err := iam.NewFromConfig(c.at(deployHome)).CreateAccessKey(c.t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "bin", "staged", "breakglass", "breakglass.json"))
	if err != nil {
		c.t.Fatal(err)
	}
	rules, err := breakglass.ParseRules("breakglass.json", text)
	if err != nil {
		c.t.Fatal(err)
	}
	call := command.Call()
	call.Proof.Door = rules.Door
	key := aws.Credentials{AccessKeyID: *made.AccessKey.AccessKeyId, SecretAccessKey: *made.AccessKey.SecretAccessKey}
	s, err := sts.Sign(c.t.Context(), key, deployHome, call.Signed(), time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	call.Proof = wire.Proof{Door: rules.Door, Key: s.Key, At: s.At, Token: s.Token, Signature: s.Signature}
	return string(call.JSON())
}

// deployedFunction is a function's real binary, for this machine, with what was
// deployed for it.
func (c *cloud) deployedFunction(name string) *lambdatest.Function {
	c.t.Helper()
	dir := c.t.TempDir()
	bin, err := lambdatest.Build("../functions/"+name, dir)
	if err != nil {
		c.t.Fatal(err)
	}
	staged := filepath.Join("..", "bin", "staged", name)
	files, err := os.ReadDir(staged)
	for _, f := range files {
		if f.Name() == "bootstrap" { // for another machine
			continue
		}
		text, bad := os.ReadFile(filepath.Join(staged, f.Name()))
		err = errors.Join(err, bad, os.WriteFile(filepath.Join(dir, f.Name()), text, 0o600))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	env := []string{"AWS_ENDPOINT_URL=" + c.url, "AWS_REGION=" + deployHome, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	for k, v := range c.variables(name) {
		env = append(env, k+"="+v)
	}
	f := &lambdatest.Function{Binary: bin, Env: env, Handler: name}
	c.t.Cleanup(f.Close)
	return f
}

// destroy takes the stacks down as docs/uninstall.md says: not before their
// protection is taken off.
func (c *cloud) destroy(dir string) {
	c.t.Helper()
	if out, err := c.cdk(dir, "destroy", "--all", "--force"); err == nil || !strings.Contains(out, "TerminationProtection is enabled") {
		c.t.Fatalf("protected stacks were deleted, error %v:\n%s", err, tail(out, 2000))
	}
	c.unprotect(filepath.Join(dir, "cdk.out", "manifest.json"))
	c.mustCDK(dir, "destroy", "--all", "--force")
	if _, err := lambda.NewFromConfig(c.at(deployHome)).GetFunctionConfiguration(c.t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("mfawatch-signin")}); err == nil {
		c.t.Error("the function outlived its stack")
	}
	if _, err := c.s3.HeadBucket(c.t.Context(), &s3.HeadBucketInput{Bucket: aws.String("mfawatch-evidence-" + motoAccount + "-" + deployHome)}); err != nil {
		c.t.Errorf("the evidence went with its stack: %v", err)
	}
	if _, err := dynamodb.NewFromConfig(c.at(deployHome)).DescribeTable(c.t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("mfawatch-events")}); err != nil {
		c.t.Errorf("the table went with its stack: %v", err)
	}
}

// unprotect is aws cloudformation update-termination-protection for each stack.
func (c *cloud) unprotect(manifest string) {
	c.t.Helper()
	var m struct {
		Artifacts map[string]struct{ Type, Environment string }
	}
	data, err := os.ReadFile(manifest)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	for name, artifact := range m.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		region := artifact.Environment[strings.LastIndex(artifact.Environment, "/")+1:]
		form := url.Values{"Action": {"UpdateTerminationProtection"}, "StackName": {name}, "EnableTerminationProtection": {"false"}}
		r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url, strings.NewReader(form.Encode()))
		if err != nil {
			c.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261120/"+region+"/cloudformation/aws4_request, SignedHeaders=host, Signature=x")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			c.t.Fatal(err)
		}
		if _ = answer.Body.Close(); answer.StatusCode != http.StatusOK {
			c.t.Fatalf("the protection of %s stays: %s", name, answer.Status)
		}
	}
}

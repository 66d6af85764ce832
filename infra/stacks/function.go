package stacks

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
)

// Assets is where the functions' code is, and what goes with it.
type Assets struct {
	Bootstraps string            // the folder with NAME/arm64/bootstrap, which make functions writes
	Staging    string            // a folder for the assets, one each: emptied and written anew
	Files      map[string][]byte // what every function finds in its folder: mfawatch.yaml
}

// architecture is what the functions are built for.
const architecture = "arm64"

// stage puts together the folder of each function.
func (b *builder) stage() error {
	b.staged = map[string]string{}
	for _, name := range b.functions() {
		bootstrap, err := os.ReadFile(filepath.Join(b.assets.Bootstraps, name, architecture, "bootstrap"))
		if err != nil {
			return fmt.Errorf("the code of function %s: %w: build it with make functions", name, err)
		}
		if err := b.stageOne(name, bootstrap); err != nil {
			return fmt.Errorf("stage function %s: %w", name, err)
		}
	}
	return b.stageDoorPolicy()
}

// functions are those that this deployment has.
func (b *builder) functions() []string {
	all := []string{"signin", "reconcile", "audit", "canary"}
	if b.d.BreakGlass.Door.There() {
		all = append(all, emergencyFunction)
	}
	return all
}

func (b *builder) stageOne(name string, bootstrap []byte) error {
	dir := filepath.Join(b.assets.Staging, name)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	errs := []error{os.WriteFile(filepath.Join(dir, "bootstrap"), bootstrap, 0o755)}
	files := maps.Clone(b.assets.Files)
	switch name {
	case "canary":
		expected, err := b.expected().JSON()
		if err != nil {
			return err
		}
		files[deployed.ExpectedName] = expected
	case emergencyFunction:
		files[rulesName] = b.rules.JSON()
	}
	for file, data := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, file), data, 0o644))
	}
	b.staged[name] = dir
	return errors.Join(errs...)
}

// lambda is what a function needs of its stack beside code and role.
type lambda struct {
	name, why   string
	environment any     // a struct of functions/settings
	memory      float64 // MB
	timeout     float64 // seconds
	scheduled   bool    // its failures go to a queue, after Lambda tried again
	reserved    float64 // how many of it may run at once, kept for it; 0: the account's
}

// function makes a function of what was staged, with its role. Its log group is
// the data stack's.
func (b *builder) function(s awscdk.Stack, f lambda, statements ...statement) awslambda.CfnFunction {
	asset := awss3assets.NewAsset(s, jsii.String(pascal(f.name)+"Code"), &awss3assets.AssetProps{Path: jsii.String(b.staged[f.name])})
	statements = append([]statement{
		allow("WriteLog", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, b.logs(b.logGroup(f.name))+":*"),
	}, statements...)
	if f.scheduled {
		statements = append(statements, allow("KeepFailures", []string{"sqs:SendMessage"}, b.queue("schedules-dead", b.home)))
	}
	r := role(s, b.names, f.name, "lambda.amazonaws.com", f.why, statements...)
	fn := awslambda.NewCfnFunction(s, jsii.String(pascal(f.name)+"Function"), &awslambda.CfnFunctionProps{
		FunctionName: jsii.String(b.of(f.name)), Description: jsii.String(f.why), Role: r.arn(),
		Runtime: jsii.String("provided.al2023"), Handler: jsii.String("bootstrap"), Architectures: jsii.Strings(architecture),
		Code:       &awslambda.CfnFunction_CodeProperty{S3Bucket: asset.S3BucketName(), S3Key: asset.S3ObjectKey()},
		MemorySize: jsii.Number(f.memory), Timeout: jsii.Number(f.timeout),
		KmsKeyArn:     b.key, // of the environment
		Environment:   &awslambda.CfnFunction_EnvironmentProperty{Variables: environment(f.environment)},
		LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{LogGroup: jsii.String(b.logGroup(f.name))},
	})
	if f.reserved > 0 {
		fn.SetReservedConcurrentExecutions(jsii.Number(f.reserved))
	}
	r.before(fn)
	return fn
}

func environment(v any) map[string]*string {
	variables := map[string]*string{}
	for name, value := range settings.Env(v) {
		variables[name] = jsii.String(value)
	}
	return variables
}

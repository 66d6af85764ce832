// Command infra is mfawatch's CDK app: it reads mfawatch.yaml and synthesizes the
// stacks that the file describes. The cdk command runs it (cdk.json).
//
// It promises that whatever is wrong with the file, an override or the functions
// is told on standard error, in lines that name file, line and field, before
// anything is synthesized, and that it asks nothing of AWS and of the network.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
	"mfawatch/infra/stacks"
)

func main() {
	defer jsii.Close()
	if err := run(os.Getenv, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "mfawatch: %v\n", err)
		jsii.Close()
		os.Exit(1)
	}
}

// run synthesizes what the file says, with what the cdk command was given.
func run(env func(string) string, _ io.Writer) (err error) {
	context, err := contextOf(env("CDK_CONTEXT_JSON"))
	if err != nil {
		return err
	}
	name := "mfawatch.yaml"
	if given, ok := context["config"].(string); ok {
		name = given
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read %s: %w: write one with mfawatch config init, or name another with -c config=FILE", name, err)
	}
	d, err := config.ReadDeployment(name, data, overrides(context)...)
	if err != nil {
		return err
	}
	return synth(d, data)
}

// synth is the CDK's part. Its kernel reports by panics what it does not like: a
// person gets the first line of it, and not its stack.
func synth(d config.Deployment, data []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the CDK cannot synthesize this: %s", firstLine(fmt.Sprint(p)))
		}
	}()
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	assets := stacks.Assets{Bootstraps: "bin/functions", Staging: "bin/staged", Files: map[string][]byte{"mfawatch.yaml": data}}
	if err := stacks.Build(app, d, assets); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// contextOf is the context that the cdk command passes on: of cdk.json and of -c.
func contextOf(text string) (map[string]any, error) {
	context := map[string]any{}
	if text == "" {
		return context, nil
	}
	if err := json.Unmarshal([]byte(text), &context); err != nil {
		return nil, errors.New("CDK_CONTEXT_JSON is no JSON object: it is the cdk command's")
	}
	return context, nil
}

// overrides are the keys of the context that are keys of mfawatch.yaml. What has a
// slash or a colon in its name is the CDK's own.
func overrides(context map[string]any) []config.Override {
	var all []config.Override
	for key, value := range context {
		if key != "config" && !strings.ContainsAny(key, "/:@") {
			all = append(all, config.Override{Key: key, Value: fmt.Sprint(value)})
		}
	}
	slices.SortFunc(all, func(a, b config.Override) int { return strings.Compare(a.Key, b.Key) })
	return all
}

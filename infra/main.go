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
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
	"mfawatch/infra/stacks"
)

func main() {
	err := do(os.Args[1:], os.Getenv, os.Stdout)
	quietly(jsii.Close)
	if err != nil {
		fmt.Fprintf(os.Stderr, "mfawatch: %v\n", err)
		os.Exit(1)
	}
}

// quietly ends the CDK's kernel, which tells of its own end as of an accident: that
// its process was not there to be waited for any more.
func quietly(end func()) {
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	if nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = nowhere
	}
	end()
}

// do is what the arguments ask for: nothing, as the cdk command runs it, or
// destroy-dry-run and the folder that was synthesized.
func do(args []string, env func(string) string, out io.Writer) error {
	switch {
	case len(args) == 0:
		return run(env)
	case len(args) == 2 && args[0] == "destroy-dry-run":
		return destroyDryRun(args[1], out)
	}
	return errors.New("usage: infra, or infra destroy-dry-run cdk.out")
}

// run synthesizes what the file says, with what the cdk command was given.
func run(env func(string) string) error {
	context, err := contextOf(env("CDK_CONTEXT_JSON"))
	if err != nil {
		return err
	}
	plan, err := planned(context)
	if err != nil {
		return err
	}
	return synth(plan)
}

// planned finds everything that may be wrong with the file and what it names, and
// stages the functions with what they go by.
func planned(context map[string]any) (stacks.Plan, error) {
	name := "mfawatch.yaml"
	if given, ok := context["config"].(string); ok {
		name = given
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return stacks.Plan{}, fmt.Errorf("read %s: %w: write one with mfawatch config init, or name another with -c config=FILE", name, err)
	}
	given := overrides(context)
	d, err := config.ReadDeployment(name, data, given...)
	if err != nil {
		return stacks.Plan{}, err
	}
	forFunctions, err := config.Source{Name: name, Data: data, Overrides: given, Folder: os.DirFS(filepath.Dir(name))}.Compile()
	if err != nil {
		return stacks.Plan{}, err
	}
	plan, err := stacks.Prepare(d, assets(context, forFunctions))
	if err != nil {
		return stacks.Plan{}, each(name, err)
	}
	return plan, nil
}

// each puts the file's name before every line of an error.
func each(name string, err error) error {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", name, err)
	}
	var all []error
	for _, one := range several.Unwrap() {
		all = append(all, fmt.Errorf("%s: %w", name, one))
	}
	return errors.Join(all...)
}

// assets are where make functions puts the functions, and where they are staged.
func assets(context map[string]any, file []byte) stacks.Assets {
	built := "bin/functions"
	if given, ok := context["functions"].(string); ok {
		built = given
	}
	return stacks.Assets{Bootstraps: built, Staging: "bin/staged", Files: map[string][]byte{"mfawatch.yaml": file}}
}

// synth is the CDK's part. Its kernel reports by panics what it does not like: a
// person gets the first line of it, and not its stack.
func synth(p stacks.Plan) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the CDK cannot synthesize this: %s", firstLine(fmt.Sprint(p)))
		}
	}()
	app := stacks.NewApp(nil)
	p.Build(app)
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
		return nil, errors.New("CDK_CONTEXT_JSON is not a JSON object: it is the cdk command's")
	}
	return context, nil
}

// overrides are the keys of the context that are keys of mfawatch.yaml. What has a
// slash or a colon in its name is the CDK's own.
func overrides(context map[string]any) []config.Override {
	var all []config.Override
	for key, value := range context {
		if key != "config" && key != "functions" && !strings.ContainsAny(key, "/:@") {
			all = append(all, config.Override{Key: key, Value: fmt.Sprint(value)})
		}
	}
	slices.SortFunc(all, func(a, b config.Override) int { return strings.Compare(a.Key, b.Key) })
	return all
}

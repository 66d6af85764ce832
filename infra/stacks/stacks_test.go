package stacks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
)

// TestMain takes the Node that make test installs, where it is there. All tests
// that start the CDK's kernel are in this package: another would start its own.
func TestMain(m *testing.M) {
	bin, _ := filepath.Abs("../../.cache/node/node_modules/.bin")
	if _, err := os.Stat(filepath.Join(bin, "node")); err == nil && os.Getenv("JSII_NODE") == "" {
		again(append(os.Environ(), "JSII_NODE="+filepath.Join(bin, "node")))
	}
	if _, err := exec.LookPath(cmp.Or(os.Getenv("JSII_NODE"), "node")); err != nil {
		fmt.Fprintln(os.Stderr, "infra/stacks: no Node on PATH, which the CDK runs on: run make test, or bash infra/node/install.sh")
		os.Exit(1)
	}
	scratch, _ = os.MkdirTemp("", "infra-stacks-")
	code := m.Run()
	jsii.Close()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// scratch is a folder for all tests.
var scratch string

// again runs these tests in an environment: what the CDK's packages do when they
// are loaded reads it before TestMain could change it.
func again(env []string) {
	c := exec.Command(os.Args[0], os.Args[1:]...)
	c.Env, c.Stdout, c.Stderr = env, os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// template is a synthesized stack.
type template struct {
	Resources map[string]resource
	Outputs   map[string]any
}

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
	DependsOn           any
}

// synthesized are the templates of a deployment by the stacks' names, and the
// folder that they are in.
func synthesized(t *testing.T, d config.Deployment) (map[string]template, string) {
	t.Helper()
	out := t.TempDir()
	return synthesizedTo(t, d, out), out
}

func synthesizedTo(t *testing.T, d config.Deployment, out string) map[string]template {
	t.Helper()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(out), AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{"@aws-cdk/core:validateAgainstDefaultRules": true}})
	if err := Build(app, d, bootstraps(t)); err != nil {
		t.Fatal(err)
	}
	app.Synth(nil)
	paths, _ := filepath.Glob(filepath.Join(out, "*.template.json"))
	templates := map[string]template{}
	for _, path := range paths {
		var tpl template
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &tpl)
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		templates[name[:len(name)-len(".template.json")]] = tpl
	}
	return templates
}

// bootstraps are functions of one byte.
func bootstraps(t *testing.T) Assets {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"signin", "reconcile", "audit", "canary"} {
		path := filepath.Join(dir, "built", name, architecture, "bootstrap")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte{'x'}, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Assets{Bootstraps: filepath.Join(dir, "built"), Staging: filepath.Join(dir, "staged"), Files: map[string][]byte{"mfawatch.yaml": []byte("version: 1\n")}}
}

func full() config.Deployment {
	return config.Deployment{
		Prefix: "mfawatch", Mode: config.OneAccount, Account: "111122223333", Home: "eu-north-1",
		Regions:   []string{"eu-north-1", "us-east-1", "us-east-2"},
		Trail:     config.Trail{Logs: true, ObjectLock: "governance", LockDays: 30},
		Targets:   []config.Target{{Kind: config.Email, Address: "security@example.com", Severity: "medium"}, {Kind: config.Slack, Workspace: "T0123ABCD", Channel: "C0123ABCD"}},
		Retention: config.Retention{Trail: 400, Evidence: 400, Reports: 400, Logs: 400},
		Tags:      map[string]string{"owner": "security"},
	}
}

func minimal() config.Deployment {
	return config.Deployment{
		Prefix: "mfawatch", Mode: config.OneAccount, Account: "111122223333", Home: "us-east-1", Regions: []string{"us-east-1"},
		Targets:   []config.Target{{Kind: config.Email, Address: "security@example.com", Severity: "low"}},
		Retention: config.Retention{Trail: 400, Evidence: 400, Reports: 400, Logs: 400},
	}
}

func adopted() config.Deployment {
	d := full()
	d.Trail = config.Trail{Adopt: "arn:aws:cloudtrail:eu-west-1:444455556666:trail/organization", Bucket: "aws-controltower-logs-444455556666-eu-west-1", KeyPrefix: "o-exampleorgid/", KeyARN: "arn:aws:kms:eu-west-1:444455556666:key/00000000-0000-0000-0000-000000000000"}
	d.KMS = "arn:aws:kms:eu-north-1:111122223333:key/11111111-1111-1111-1111-111111111111"
	d.Targets = []config.Target{{Kind: config.PagerDuty, Address: "https://events.pagerduty.com/integration/0123456789/enqueue", Severity: "critical"}, {Kind: config.SQS, Address: "arn:aws:sqs:eu-north-1:444455556666:soc", Severity: "info"}}
	return d
}

func organization() config.Deployment {
	d := full()
	d.Mode = config.Organizational
	d.Organization = config.Organization{ID: "o-exampleorgid", Root: "r-abcd", Management: "999999999999", Delegated: true, Concurrent: 5, Tolerated: 10}
	return d
}

func govcloud() config.Deployment {
	d := minimal()
	d.Home, d.Regions = "us-gov-west-1", []string{"us-gov-east-1", "us-gov-west-1"}
	return d
}

package stacks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

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
	return synthesizedWith(t, d, bootstraps(t))
}

func synthesizedWith(t *testing.T, d config.Deployment, a Assets) (map[string]template, string) {
	t.Helper()
	out := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(out), AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{"@aws-cdk/core:validateAgainstDefaultRules": true}})
	if err := Build(app, d, a); err != nil {
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
	return templates, out
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

func TestFull(t *testing.T) {
	begin := time.Now()
	templates, dir := synthesized(t, full())
	t.Log(dir, time.Since(begin))
	for name, tpl := range templates {
		t.Log(name, len(tpl.Resources))
	}
}

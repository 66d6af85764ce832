package stacks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	return synthesizedWith(t, d, bootstraps(t))
}

// synthesizedWith does so with functions that are built otherwise.
func synthesizedWith(t *testing.T, d config.Deployment, a Assets) (map[string]template, string) {
	t.Helper()
	out := t.TempDir()
	return synthesizedTo(t, d, a, out), out
}

func synthesizedTo(t *testing.T, d config.Deployment, a Assets, out string) map[string]template {
	t.Helper()
	app := NewApp(jsii.String(out))
	plan, err := Prepare(d, a)
	if err != nil {
		t.Fatal(err)
	}
	plan.Build(app)
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
	for _, name := range []string{"signin", "reconcile", "audit", "canary", "breakglass"} {
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

// deployment reads testdata/NAME.yaml, with overrides as KEY=VALUE.
func deployment(t *testing.T, name string, overrides ...string) config.Deployment {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var given []config.Override
	for _, o := range overrides {
		key, value, _ := strings.Cut(o, "=")
		given = append(given, config.Override{Key: key, Value: value})
	}
	d, err := config.ReadDeployment(name+".yaml", data, given...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config"
	"mfawatch/audit/config/compiled"
)

// These tests never start the CDK's kernel: what is wrong has to be found before.

const good = `version: 1
account: "111122223333"
home_region: eu-north-1
`

// environment is what the cdk command gives.
func environment(context map[string]any) func(string) string {
	text, _ := json.Marshal(context)
	return func(name string) string {
		if name == "CDK_CONTEXT_JSON" {
			return string(text)
		}
		return ""
	}
}

func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, c := range map[string]struct {
		file    string // "": there is none
		context map[string]any
		want    []string
	}{
		"no file":             {"", nil, []string{"read mfawatch.yaml: open mfawatch.yaml: no such file", "write one with mfawatch config init"}},
		"another file":        {"", map[string]any{"config": "other.yaml"}, []string{"read other.yaml"}},
		"no YAML":             {"version: 1\n\taccount: x\n", nil, []string{"mfawatch.yaml:2:"}},
		"rules only":          {"version: 1\n", nil, []string{"mfawatch.yaml:1:1: account", "home_region"}},
		"a key misspelt":      {good + "trial: {}\n", nil, []string{"mfawatch.yaml:4:1: trial: no such field"}},
		"an account of five":  {strings.Replace(good, "111122223333", "12345", 1), nil, []string{"mfawatch.yaml:2:10: account"}},
		"a Region of nowhere": {strings.Replace(good, "eu-north-1", "eu-nowhere-1", 1), nil, []string{"mfawatch.yaml:3:14: home_region"}},
		"an override":         {good, map[string]any{"trail.create.object_lock": "perhaps"}, []string{"-c trail.create.object_lock", "governance"}},
		"an override of none": {good, map[string]any{"trial": "x"}, []string{"-c trial"}},
		"no functions":        {good, map[string]any{"functions": filepath.Join(dir, "none")}, []string{"mfawatch.yaml: the code of function signin", "make functions"}},
		"a door for nobody": {good + `break_glass:
  people: [{name: ada, principals: ["arn:aws:iam::111122223333:user/ada"], devices: [{id: ada-1, kind: totp, grade: sealed-remote}]}]
  roles: [{name: administrator, requesters: [ada], approvers: [grace], grade: yubikey-touch}]
`, nil, []string{"\nmfawatch.yaml: break_glass.roles[0]: role administrator names \"grace\"", "mfawatch.yaml: break_glass.roles[0]: role administrator: ada has no device"}},
		"a guardrail in vain": {good + "guardrail: {profile: self-service, attach: scp, groups: [staff]}\n", nil, []string{"mfawatch.yaml:4:"}},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove("mfawatch.yaml")
			if c.file != "" {
				if err := os.WriteFile("mfawatch.yaml", []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := do(nil, environment(c.context), nil)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want …%s…", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "goroutine") {
				t.Errorf("a stack trace: %v", err)
			}
		})
	}
}

// Every function carries the exemptions of each team's file, bound to the team's
// accounts; the files are beside the configuration, wherever that is. A change of one
// is a change of what is staged, and so of the stacks.
func TestExemptionFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	const functions = "signin reconcile audit canary"
	for _, name := range strings.Fields(functions) {
		write(filepath.Join("built", name, "arm64", "bootstrap"), "x")
	}
	const entry = "version: 1\nexemptions: [{id: %s, owner: a, reason: b, expires: 2027-03-31}]\n"
	write("private/mfawatch.yaml", good+"exemption_files:\n  - {path: teams/shop, accounts: [\"444455556666\"]}\n  - {path: teams/pay.yaml}\n")
	write("private/teams/shop/robots.yaml", fmt.Sprintf(entry, "AIDASHOP"))
	write("private/teams/pay.yaml", fmt.Sprintf(entry, "AIDAPAY"))
	context := map[string]any{"config": "private/mfawatch.yaml", "functions": "built"}
	staged := func(name string) string {
		t.Helper()
		if _, err := planned(context); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join("bin", "staged", name, compiled.Name))
		if err != nil {
			t.Fatal(err)
		}
		file, err := compiled.Read(compiled.Name, text)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, e := range file.Posture.Exemptions {
			all = append(all, e.ID+" "+strings.Join(e.Accounts, ","))
		}
		return strings.Join(all, "; ")
	}
	for _, name := range strings.Fields(functions) {
		if got, want := staged(name), "AIDASHOP 444455556666; AIDAPAY "; got != want {
			t.Errorf("%s carries %q, want %q", name, got, want)
		}
	}
	write("private/teams/shop/robots.yaml", fmt.Sprintf(entry, "AIDAOTHER"))
	if got, want := staged("audit"), "AIDAOTHER 444455556666; AIDAPAY "; got != want {
		t.Errorf("after a change: %q, want %q", got, want)
	}
	write("private/teams/pay.yaml", "version: 1\nexemptions: [{id: AIDAPAY}]\n")
	if err := do(nil, environment(context), nil); err == nil || !strings.Contains(err.Error(), "teams/pay.yaml:2:") {
		t.Errorf("a fault of a team's file: %v", err)
	}
}

func TestContext(t *testing.T) {
	context, err := contextOf(`{"@aws-cdk/core:x":true,"aws:cdk:y":1,"config":"a.yaml","functions":"d","prefix":"watch","retention.logs":"90d","watchdog.enabled":false}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Override{{Key: "prefix", Value: "watch"}, {Key: "retention.logs", Value: "90d"}, {Key: "watchdog.enabled", Value: "false"}}
	if diff := cmp.Diff(want, overrides(context)); diff != "" {
		t.Error(diff)
	}
	if _, err := contextOf("{"); err == nil || !strings.Contains(err.Error(), "CDK_CONTEXT_JSON is not a JSON object") {
		t.Errorf("error %v", err)
	}
}

func TestUsage(t *testing.T) {
	if err := do([]string{"deploy"}, environment(nil), nil); err == nil || !strings.Contains(err.Error(), "usage: infra") {
		t.Errorf("error %v", err)
	}
}

func TestDestroyDryRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"manifest.json": `{"artifacts":{
			"b":{"type":"aws:cloudformation:stack","environment":"aws://111122223333/us-gov-west-1","dependencies":["a","b.assets"],"properties":{"templateFile":"b.json"}},
			"b.assets":{"type":"cdk:asset-manifest"},
			"a":{"type":"aws:cloudformation:stack","environment":"aws://111122223333/us-gov-west-1","properties":{"templateFile":"a.json"}}}}`,
		"a.json": `{"Resources":{"T":{"Type":"AWS::SNS::Topic","DeletionPolicy":"RetainExceptOnCreate","Properties":{"TopicName":"alerts"}},"P":{"Type":"AWS::SNS::TopicPolicy","DeletionPolicy":"RetainExceptOnCreate"},
			"B":{"Type":"AWS::S3::Bucket","DeletionPolicy":"RetainExceptOnCreate","Properties":{"BucketName":"evidence"}},"BP":{"Type":"AWS::S3::BucketPolicy","DeletionPolicy":"RetainExceptOnCreate","Properties":{"Bucket":{"Ref":"B"}}},"Q":{"Type":"AWS::SQS::Queue"}}}`,
		"b.json": `{"Resources":{"R":{"Type":"AWS::CloudFormation::StackSet"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := do([]string{"destroy-dry-run", dir}, nil, &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"b (aws://111122223333/us-gov-west-1): 1 resources deleted, 0 kept", ": 1 resources deleted, 4 kept", "kept  S3::BucketPolicy       evidence\n", `{"B":{"BucketName":"evidence"},"BP":{"Bucket":"evidence"},"T":{"TopicArn":"arn:aws-us-gov:sns:us-gov-west-1:111122223333:alerts"}}`, "--region us-gov-west-1 --stack-name a\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nwant %s", text, want)
		}
	}
	if strings.Count(text, "by its StackSet") != 1 || strings.Index(text, "by its StackSet") > strings.Index(text, "\na (") {
		t.Errorf("not told of the members, or of those of no StackSet:\n%s", text)
	}
	if strings.Index(text, "\nb (") > strings.Index(text, "\na (") {
		t.Errorf("what others need is deleted first:\n%s", text)
	}
	if err := do([]string{"destroy-dry-run", t.TempDir()}, nil, &out); err == nil || !strings.Contains(err.Error(), "run make synth first") {
		t.Errorf("error %v", err)
	}
}

// What a change of the file changes is told stack by stack; a template that an earlier
// synthesis left behind is none of the stacks.
func TestDiffOffline(t *testing.T) {
	dir := t.TempDir()
	manifest := func(names ...string) string {
		text := "{\n"
		for _, name := range names {
			text += "\"templateFile\": \"" + name + ".template.json\",\n"
		}
		return text + "}\n"
	}
	for name, text := range map[string]string{
		"old/manifest.json": manifest("same", "gone", "edited"), "new/manifest.json": manifest("same", "made", "edited"),
		"old/same.template.json": "1", "new/same.template.json": "1", "old/gone.template.json": "1", "new/gone.template.json": "2", "new/made.template.json": "1",
		"old/edited.template.json": "1", "new/edited.template.json": "2", "old/made.template.json": "left behind",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	cdk := "#!/bin/sh\necho \"$5 against $(cat $7)\"\n" // diff --app NEW --exclusively NAME --template OLD
	if err := os.WriteFile(filepath.Join(dir, "cdk"), []byte(cdk), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		script, err := filepath.Abs("node/diff.sh")
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command("bash", append([]string{script}, args...)...)
		c.Dir, c.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for want, args := range map[string][]string{
		"edited against 1\nStack gone is not there any more\nmade against {}\n3 stacks differ\n": {"new", "old"},
		"edited against {}\nmade against {}\nsame against {}\n3 stacks differ\n":                 {"new"},
		"0 stacks differ\n": {"old", "old"},
	} {
		if got, err := run(args...); err != nil || got != want {
			t.Errorf("%v: %v\n%s\nwant\n%s", args, err, got, want)
		}
	}
	if got, err := run("new", "nowhere"); err == nil || !strings.Contains(got, "nowhere is no cdk.out, and no copy of one") {
		t.Errorf("%v: %s", err, got)
	}
}

package stacks

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config"
	"mfawatch/functions/settings"
)

var update = flag.Bool("update", false, "write what is synthesized into testdata/golden")

// names of the deployments that every rule of the house is held to: the files of
// testdata.
var deployments = []string{"adopted", "full", "govcloud", "minimal", "organization"}

// each calls look for every template of every deployment.
func each(t *testing.T, look func(t *testing.T, d config.Deployment, templates map[string]template)) {
	t.Helper()
	for _, name := range deployments {
		t.Run(name, func(t *testing.T) {
			templates, _ := once(t, name)
			look(t, deployment(t, name), templates)
		})
	}
}

// assembly is what a deployment was synthesized to.
type assembly struct {
	templates map[string]template
	dir       string
}

var assemblies = map[string]assembly{}

// once synthesizes a deployment of testdata a single time for all tests.
func once(t *testing.T, name string) (map[string]template, string) {
	t.Helper()
	a, done := assemblies[name]
	if !done {
		dir, err := os.MkdirTemp(scratch, name+"-")
		if err != nil {
			t.Fatal(err)
		}
		a = assembly{synthesizedTo(t, deployment(t, name), bootstraps(t), dir), dir}
		assemblies[name] = a
	}
	return a.templates, a.dir
}

// found is a resource and where it is.
type found struct {
	stack, id string
	resource
}

// of are the resources of a type in all templates, ordered.
func of(templates map[string]template, kind string) []found {
	var all []found
	for _, stack := range slices.Sorted(maps.Keys(templates)) {
		for _, id := range slices.Sorted(maps.Keys(templates[stack].Resources)) {
			if r := templates[stack].Resources[id]; r.Type == kind {
				all = append(all, found{stack, id, r})
			}
		}
	}
	return all
}

func (f found) String() string { return f.stack + "/" + f.id }

// at is what stands below a path of keys; nil where there is nothing.
func (f found) at(path ...string) any {
	var v any = f.Properties
	for _, step := range path {
		m, _ := v.(map[string]any)
		v = m[step]
	}
	return v
}

func (f found) text(path ...string) string { return compact(f.at(path...)) }

// compact is JSON on one line; a text is itself.
func compact(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}

// What is deleted with its stack is gone: everything that holds data is kept, when
// it is replaced too.
func TestDataIsKept(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		n := 0
		for _, kind := range []string{"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::Logs::LogGroup", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"} {
			for _, r := range of(templates, kind) {
				n++
				if r.DeletionPolicy != "RetainExceptOnCreate" || r.UpdateReplacePolicy != "Retain" {
					t.Errorf("%s (%s): DeletionPolicy %q, UpdateReplacePolicy %q", r, kind, r.DeletionPolicy, r.UpdateReplacePolicy)
				}
				if !strings.Contains(r.stack, "data") {
					t.Errorf("%s (%s) is in a stack that may be deleted", r, kind)
				}
			}
		}
		if n < 10 {
			t.Errorf("only %d things are kept", n)
		}
	})
}

func TestBuckets(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		policies := map[string]string{}
		for _, p := range of(templates, "AWS::S3::BucketPolicy") {
			policies[p.text("Bucket", "Ref")] = p.text("PolicyDocument")
		}
		for _, bucket := range of(templates, "AWS::S3::Bucket") {
			if got := bucket.text("PublicAccessBlockConfiguration"); strings.Count(got, "true") != 4 {
				t.Errorf("%s: public access block %s", bucket, got)
			}
			if bucket.text("VersioningConfiguration", "Status") != "Enabled" {
				t.Errorf("%s is not versioned", bucket)
			}
			if !strings.Contains(bucket.text("BucketEncryption"), `"aws:kms"`) && bucket.id != "AccessBucket" {
				t.Errorf("%s: encryption %s", bucket, bucket.text("BucketEncryption"))
			}
			if !strings.Contains(policies[bucket.id], `"Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny"`) {
				t.Errorf("%s is open to plain HTTP: %s", bucket, policies[bucket.id])
			}
			if !strings.Contains(bucket.text("LifecycleConfiguration"), "ExpirationInDays") {
				t.Errorf("%s keeps everything", bucket)
			}
		}
	})
}

func TestQueues(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		policies := map[string]string{}
		for _, p := range of(templates, "AWS::SQS::QueuePolicy") {
			policies[p.stack+compact(p.at("Queues"))] = p.text("PolicyDocument")
		}
		for _, q := range of(templates, "AWS::SQS::Queue") {
			if q.text("SqsManagedSseEnabled") != "true" && q.at("KmsMasterKeyId") == nil {
				t.Errorf("%s is not encrypted", q)
			}
			if !strings.Contains(policies[q.stack+`[{"Ref":"`+q.id+`"}]`], `"aws:SecureTransport":"false"`) {
				t.Errorf("%s is open to plain HTTP", q)
			}
		}
	})
}

// A rule whose target cannot be reached keeps the event for a person, in a queue
// of its own Region; and it asks for a day.
func TestRuleTargets(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		for _, r := range of(templates, "AWS::Events::Rule") {
			for _, target := range r.at("Targets").([]any) {
				text := compact(target)
				if !strings.Contains(text, `"DeadLetterConfig":{"Arn":`) || !strings.Contains(text, `"MaximumEventAgeInSeconds":86400`) {
					t.Errorf("%s: target %s", r, text)
				}
			}
		}
	})
}

// Both rules of a way from one bus to another need the state that lets read-only
// events through (EventBridge user guide, management events).
func TestForwardedStates(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		arriving := map[string]string{}
		for _, r := range of(templates, "AWS::Events::Rule") {
			if r.at("EventBusName") != nil {
				arriving[r.text("Name")] = r.text("State") + r.text("EventPattern")
			}
		}
		n := 0
		for _, r := range of(templates, "AWS::Events::Rule") {
			if r.at("EventBusName") == nil && strings.Contains(compact(r.at("Targets")), ":event-bus/") {
				n++
				if r.text("Name") == d.Prefix+"-member-changes" { // which two others tell of (deployed.TestMemberChangesAreTold)
					for _, tells := range []string{"-monitor-rules", "-monitor-policies"} {
						if !strings.HasPrefix(arriving[d.Prefix+tells], r.text("State")+"{") {
							t.Errorf("%s is not told of by %s", r, tells)
						}
					}
					continue
				}
				if got := r.text("State") + r.text("EventPattern"); got != arriving[r.text("Name")] {
					t.Errorf("%s sends what %s does not let in: %q, want %q", r, r.text("Name"), got, arriving[r.text("Name")])
				}
			}
		}
		if n == 0 && len(d.Regions) > 1 {
			t.Error("nothing is forwarded")
		}
	})
}

func TestAlarms(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		for _, a := range of(templates, "AWS::CloudWatch::Alarm") {
			if missing := a.text("TreatMissingData"); missing != "breaching" && missing != "notBreaching" {
				t.Errorf("%s: missing data is %s", a, missing)
			}
			if !strings.Contains(a.text("AlarmActions"), ":"+d.Prefix+"-alerts") || !strings.HasPrefix(a.text("AlarmName"), d.Prefix+"-") || a.text("AlarmDescription") == "null" {
				t.Errorf("%s: %v", a, a.Properties)
			}
		}
	})
}

func TestFunctions(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		groups := map[string]bool{}
		for _, g := range of(templates, "AWS::Logs::LogGroup") {
			groups[g.text("LogGroupName")] = g.at("KmsKeyId") != nil && g.at("RetentionInDays") != nil
		}
		for _, f := range of(templates, "AWS::Lambda::Function") {
			if f.text("Runtime") != "provided.al2023" || f.text("Architectures") != `["arm64"]` || f.at("KmsKeyArn") == nil {
				t.Errorf("%s: %v", f, f.Properties)
			}
			if !groups[f.text("LoggingConfig", "LogGroup")] {
				t.Errorf("%s: log group %s is not kept, or not encrypted", f, f.text("LoggingConfig", "LogGroup"))
			}
			if err := parses(f); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	})
}

// parses reads a function's environment as the function does.
func parses(f found) error {
	lookup := func(name string) (string, bool) {
		v := f.at("Environment", "Variables", name)
		if m, isReference := v.(map[string]any); isReference && len(m) == 1 {
			return "arn:aws:kms:eu-north-1:111122223333:key/00000000-0000-0000-0000-000000000000", true // the one thing that is passed by reference
		}
		s, ok := v.(string)
		return s, ok
	}
	name := f.text("FunctionName")
	switch name[strings.LastIndex(name, "-")+1:] {
	case "signin":
		_, err := settings.FromEnv[settings.Signin](lookup)
		return err
	case "reconcile":
		_, err := settings.FromEnv[settings.Reconcile](lookup)
		return err
	case "canary":
		_, err := settings.FromEnv[settings.Canary](lookup)
		return err
	case "audit":
		_, err := settings.FromEnv[settings.Audit](lookup)
		return err
	case "breakglass":
		_, err := settings.FromEnv[settings.BreakGlass](lookup)
		return err
	}
	return fmt.Errorf("no settings are known of %s", name)
}

// Nothing is looked up, nothing is made by a function of the CDK's, nothing is
// written inline.
func TestNothingHidden(t *testing.T) {
	for _, name := range deployments {
		t.Run(name, func(t *testing.T) {
			templates, dir := once(t, name)
			manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
			if err != nil || bytes.Contains(manifest, []byte(`"missing"`)) {
				t.Errorf("the manifest misses something, error %v", err)
			}
			for stack, tpl := range templates {
				for id, r := range tpl.Resources {
					if strings.HasPrefix(r.Type, "Custom::") || r.Type == "AWS::CloudFormation::CustomResource" || r.Type == "AWS::IAM::Policy" || r.Properties["Policies"] != nil && r.Type == "AWS::IAM::Role" {
						t.Errorf("%s/%s is a %s", stack, id, r.Type)
					}
				}
			}
		})
	}
}

// unscoped are the statements that name all resources, and why.
var unscoped = map[string]string{
	"FindPeople":              "ListUsers and ListVirtualMFADevices list the account (service authorization reference, IAM)",
	"ReadWhoHoldsWhichFactor": "IAM's lists and reports have no resource, and users are not known before they are read",
	"ReadOrganization":        "accounts, units and policies are not known before they are listed",
	"DeliverLog":              "log deliveries have no ARN (Step Functions developer guide, logging)",
	"ListRules":               "events:ListRules has no resource type (service authorization reference, EventBridge)",
	"ListSources":             "lambda:ListEventSourceMappings has no resource type (service authorization reference, Lambda)",
}

// TestRoles holds every role's trust and permissions to testdata/golden, and each
// "*" to a reason.
func TestRoles(t *testing.T) {
	used := map[string]bool{}
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		var b strings.Builder
		for _, role := range of(templates, "AWS::IAM::Role") {
			fmt.Fprintf(&b, "%s  %s\n  trust\n%s", role, role.text("RoleName"), statements(role.at("AssumeRolePolicyDocument")))
			if managed := role.at("ManagedPolicyArns"); managed != nil {
				fmt.Fprintf(&b, "  managed %s\n", compact(managed))
			}
			for _, policy := range of(templates, "AWS::IAM::ManagedPolicy") {
				if policy.stack == role.stack && strings.Contains(compact(policy.at("Roles")), `"`+role.id+`"`) {
					fmt.Fprintf(&b, "  policy %s\n%s", policy.text("ManagedPolicyName"), statements(policy.at("PolicyDocument")))
					star(t, policy, used)
					if strings.Contains(policy.text("PolicyDocument"), "MultiFactorAuthPresent") {
						t.Errorf("%s asks the role for MFA: roles never have it (IAM user guide, MFA-protected API access)", policy)
					}
				}
			}
			b.WriteString("\n")
		}
		golden(t, filepath.Join(filepath.Base(t.Name()), "roles.txt"), []byte(b.String()))
	})
	for sid := range unscoped {
		if !used[sid] {
			t.Errorf("%s names all resources no more: take it from the list", sid)
		}
	}
}

func statements(document any) string {
	var b strings.Builder
	d, _ := document.(map[string]any)
	list, _ := d["Statement"].([]any)
	for _, s := range list {
		m := maps.Clone(s.(map[string]any))
		fmt.Fprintf(&b, "    %v %v", m["Effect"], m["Sid"])
		delete(m, "Effect")
		delete(m, "Sid")
		for _, key := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(&b, "\n      %s %s", key, compact(m[key]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func star(t *testing.T, policy found, used map[string]bool) {
	for _, s := range policy.at("PolicyDocument").(map[string]any)["Statement"].([]any) {
		m := s.(map[string]any)
		resource := compact(m["Resource"])
		if m["Effect"] != "Allow" || resource != "*" && resource != `["*"]` {
			continue
		}
		sid := compact(m["Sid"])
		used[sid] = true
		if unscoped[sid] == "" {
			t.Errorf("%s: %s names all resources, and nobody says why", policy, sid)
		}
	}
}

// golden compares with a file of testdata/golden, which -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (write it with -update, and read what changed): -want +got\n%s", path, diff)
	}
}

// TestTemplates holds every template to testdata/golden. The hash of a function's
// code is left out: what is in its folder has tests of its own.
func TestTemplates(t *testing.T) {
	hash := regexp.MustCompile(`[0-9a-f]{64}`)
	for _, name := range deployments {
		t.Run(name, func(t *testing.T) {
			templates, dir := once(t, name)
			for stack := range templates {
				data, err := os.ReadFile(filepath.Join(dir, stack+".template.json"))
				if err != nil {
					t.Fatal(err)
				}
				var lines bytes.Buffer // the member template is written without any
				if err := json.Indent(&lines, data, "", " "); err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join(name, stack+".json"), append(hash.ReplaceAll(lines.Bytes(), []byte("HASH")), '\n'))
			}
			extra(t, filepath.Join("testdata", "golden", name), templates)
		})
	}
}

// extra are goldens of stacks that are made no more.
func extra(t *testing.T, dir string, templates map[string]template) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	for _, path := range paths {
		if _, made := templates[strings.TrimSuffix(filepath.Base(path), ".json")]; !made {
			t.Errorf("%s is of no stack: remove it", path)
		}
	}
}

// The same deployment gives the same bytes.
func TestSameBytes(t *testing.T) {
	_, first := once(t, "full")
	_, second := synthesized(t, deployment(t, "full"))
	paths, _ := filepath.Glob(filepath.Join(first, "*.json"))
	if len(paths) < 6 {
		t.Fatalf("only %d files", len(paths))
	}
	for _, path := range paths {
		a, err := os.ReadFile(path)
		b, err2 := os.ReadFile(filepath.Join(second, filepath.Base(path)))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs, errors %v, %v", filepath.Base(path), err, err2)
		}
	}
}

//go:build acceptance

package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// infraPeers is where acceptance/infra/install.sh puts the judges of templates.
const infraPeers = "../.cache/acceptance/infra"

// infraDeployments are the files of infra/stacks/testdata.
var infraDeployments = []string{"adopted", "full", "govcloud", "minimal", "organization"}

// reasoned is a judge's finding that stands, where, and why. Places are
// STACK/RESOURCE, without the prefix; the same in all deployments.
type reasoned struct {
	finding string
	at      []string
	why     string
}

// TestTemplates synthesizes five deployments with the app itself and asks four
// judges. A finding without a reason fails, and so does a reason without a finding.
func TestTemplates(t *testing.T) {
	dir := synthesize(t)
	t.Run("cfn-lint", func(t *testing.T) { settle(t, cfnLint(t, dir), lintReasons) })
	t.Run("our rules", func(t *testing.T) {
		found, applied := cfnGuard(t, dir, "infra/mfawatch.guard")
		settle(t, found, nil)
		ruleNames(t, applied)
	})
	t.Run("rules that bite", func(t *testing.T) { broken(t, dir) })
	t.Run("Control Tower", func(t *testing.T) {
		found, applied := cfnGuard(t, dir, infraPeers+"/node_modules/@cdklabs/cdk-validator-cfnguard/rules/control-tower/cfn-guard")
		settle(t, found, towerReasons)
		if len(applied) < 15 {
			t.Errorf("only %d of Control Tower's rules had something to judge", len(applied))
		}
	})
	t.Run("checkov", func(t *testing.T) { settle(t, checkov(t, dir), checkovReasons) })
}

// synthesize runs the app, as the cdk command does, on each file, with functions of
// one byte: their code is no part of a template. It returns a folder with the
// templates of each deployment.
func synthesize(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	work, to := t.TempDir(), t.TempDir()
	app := filepath.Join(work, "infra")
	build := exec.Command("go", "build", "-o", app, "./infra")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ./infra: %v\n%s", err, out)
	}
	for _, function := range []string{"signin", "reconcile", "audit", "canary", "breakglass"} {
		bootstrap := filepath.Join(work, "bin/functions", function, "arm64/bootstrap")
		if err := errors.Join(os.MkdirAll(filepath.Dir(bootstrap), 0o755), os.WriteFile(bootstrap, []byte{'x'}, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range infraDeployments {
		out := filepath.Join(work, "out", name)
		c := exec.Command(app)
		c.Dir = work
		c.Env = append(os.Environ(), "CDK_OUTDIR="+out, "CDK_CONTEXT_JSON="+cdkContext(filepath.Join(root, "infra/stacks/testdata", name+".yaml")),
			"JSII_NODE="+filepath.Join(root, ".cache/node/node_modules/.bin/node"))
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, said)
		}
		collect(t, out, filepath.Join(to, name))
	}
	return to
}

// cdkContext is what the cdk command passes on: the file to read.
func cdkContext(file string) string {
	text, _ := json.Marshal(map[string]string{"config": file})
	return string(text)
}

// collect copies the templates of an assembly: judges take other JSON for templates.
func collect(t *testing.T, from, to string) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(from, "*.template.json"))
	if len(paths) < 3 {
		t.Fatalf("%s: %d templates", from, len(paths))
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(path)), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// place is a resource of a template's file.
func place(file, resource string) string {
	stack := strings.TrimSuffix(filepath.Base(file), ".template.json")
	return strings.TrimPrefix(stack, "mfawatch-") + "/" + resource
}

// settle compares findings, as FINDING PLACE, with what is known of them.
func settle(t *testing.T, found map[string]bool, reasons []reasoned) {
	t.Helper()
	known := map[string]bool{}
	for _, r := range reasons {
		if len(r.at) == 0 || len(r.why) < 20 {
			t.Errorf("%s: no place, or no reason", r.finding)
		}
		for _, at := range r.at {
			row := r.finding + " " + at
			if known[row] {
				t.Errorf("%s has two reasons", row)
			}
			known[row] = true
			if !found[row] {
				t.Errorf("%s has a reason, and nobody finds it: take the row away", row)
			}
		}
	}
	for _, row := range slices.Sorted(maps.Keys(found)) {
		if !known[row] {
			t.Errorf("%s: put it right, or give it a reason", row)
		}
	}
}

// asked runs a program and returns what it printed. An exit code that it does not
// use for findings is an error, and so is a program that is missing.
func asked(t *testing.T, codes []int, program string, args ...string) []byte {
	t.Helper()
	c := exec.Command(program, args...)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !slices.Contains(codes, exit.ExitCode())) {
		t.Fatalf("%s: %v\n%s%s", program, err, out, errs.String())
	}
	return out
}

// cfnLint asks for errors and warnings, by the Regions of each partition.
func cfnLint(t *testing.T, dir string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, run := range []struct{ regions, names []string }{
		{[]string{"eu-north-1", "us-east-1"}, []string{"adopted", "full", "minimal", "organization"}},
		{[]string{"us-gov-west-1"}, []string{"govcloud"}},
	} {
		args := append([]string{"--format", "json", "--include-checks", "W", "--regions"}, run.regions...)
		args = append(args, "--")
		for _, name := range run.names {
			paths, _ := filepath.Glob(filepath.Join(dir, name, "*.json"))
			args = append(args, paths...)
		}
		var all []struct {
			Filename, Level, Message string
			Rule                     struct{ ID string }
			Location                 struct{ Path []any }
		}
		if err := json.Unmarshal(asked(t, []int{2, 4, 6}, "../.cache/acceptance/venv-infra/bin/cfn-lint", args...), &all); err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			t.Logf("%s %s %s: %s", f.Level, f.Rule.ID, filepath.Base(f.Filename), f.Message)
			at := "?"
			if len(f.Location.Path) > 1 {
				at = fmt.Sprint(f.Location.Path[1])
			}
			found[f.Rule.ID+" "+place(f.Filename, at)] = true
		}
	}
	return found
}

// resourcePath finds the resources that cfn-guard's answer is about.
var resourcePath = regexp.MustCompile(`"path":"/Resources/(\w+)`)

// cfnGuard asks for what breaks rules, and which rules had something to judge.
func cfnGuard(t *testing.T, data, rules string) (found, applied map[string]bool) {
	t.Helper()
	out := asked(t, []int{19}, infraPeers+"/cfn-guard", "validate", "--rules", rules, "--data", data, "--structured", "--output-format", "json", "--show-summary", "none")
	var files []struct {
		Name         string
		Compliant    []string
		NotCompliant []struct{ Rule json.RawMessage } `json:"not_compliant"`
	}
	if err := json.Unmarshal(out, &files); err != nil || len(files) == 0 {
		t.Fatalf("%d files judged, error %v", len(files), err)
	}
	found, applied = map[string]bool{}, map[string]bool{}
	for _, f := range files {
		for _, rule := range f.Compliant {
			applied[rule] = true
		}
		for _, broken := range f.NotCompliant {
			var rule struct{ Name string }
			var compact []byte
			if err := json.Unmarshal(broken.Rule, &rule); err != nil {
				t.Fatal(err)
			}
			compact, _ = json.Marshal(broken.Rule)
			applied[rule.Name] = true
			for _, at := range resourcePath.FindAllSubmatch(compact, -1) {
				found[rule.Name+" "+place(f.Name, string(at[1]))] = true
			}
			if !resourcePath.Match(compact) {
				found[rule.Name+" "+place(f.Name, "?")] = true
			}
		}
	}
	return found, applied
}

// ruleNames holds the file's rules to have been asked.
func ruleNames(t *testing.T, applied map[string]bool) {
	t.Helper()
	text, err := os.ReadFile("infra/mfawatch.guard")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^rule (\w+)`).FindAllStringSubmatch(string(text), -1)
	if len(names) < 15 {
		t.Fatalf("%d rules", len(names))
	}
	for _, name := range names {
		if !applied[name[1]] {
			t.Errorf("rule %s had nothing to judge", name[1])
		}
	}
}

// damage is a template changed so that one rule has to say so: the property of the
// first resource of a kind, below a path, set to a value; nil takes it away.
type damage struct {
	rule, file, kind, path string
	value                  any
}

const serviceless = `[{"Sid":"Open","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]`

var damages = []damage{
	{"trail_sees_everything", "trail", "AWS::CloudTrail::Trail", "Properties.IsMultiRegionTrail", false},
	{"trail_sees_everything", "trail", "AWS::CloudTrail::Trail", "Properties.EnableLogFileValidation", nil},
	{"trail_sees_everything", "trail", "AWS::CloudTrail::Trail", "Properties.EventSelectors.0.ReadWriteType", "WriteOnly"},
	{"trail_sees_everything", "trail", "AWS::CloudTrail::Trail", "Properties.EventSelectors.0.ExcludeManagementEventSources", []string{"kms.amazonaws.com"}},
	{"trail_sees_everything", "trail", "AWS::CloudTrail::Trail", "Properties.KMSKeyId", nil},
	{"bucket_is_private", "data", "AWS::S3::Bucket", "Properties.PublicAccessBlockConfiguration.BlockPublicPolicy", false},
	{"bucket_is_private", "data", "AWS::S3::Bucket", "Properties.VersioningConfiguration", nil},
	{"bucket_refuses_http", "data", "AWS::S3::BucketPolicy", "Properties.PolicyDocument.Statement.0.Effect", "Allow"},
	{"topic_is_encrypted", "data", "AWS::SNS::Topic", "Properties.KmsMasterKeyId", "alias/aws/sns"},
	{"topic_is_encrypted", "data", "AWS::SNS::Topic", "Properties.KmsMasterKeyId", nil},
	{"topic_refuses_http", "data", "AWS::SNS::TopicPolicy", "Properties.PolicyDocument.Statement.2.Condition", nil},
	{"topic_knows_its_publishers", "data", "AWS::SNS::TopicPolicy", "Properties.PolicyDocument.Statement.0.Principal", "*"},
	{"topic_knows_its_publishers", "data", "AWS::SNS::TopicPolicy", "Properties.PolicyDocument.Statement.0.Condition.StringEquals", nil},
	{"queue_is_encrypted", "detection", "AWS::SQS::Queue", "Properties.SqsManagedSseEnabled", false},
	{"queue_is_encrypted", "detection", "AWS::SQS::Queue", "Properties.MessageRetentionPeriod", 60},
	{"queue_is_encrypted", "forward-us-east-1", "AWS::SQS::Queue", "Properties.MessageRetentionPeriod", 345600}, // a dead-letter queue
	{"queue_refuses_http", "detection", "AWS::SQS::QueuePolicy", "Properties.PolicyDocument.Statement.0.Condition.Bool", map[string]any{"aws:SecureTransport": "true"}},
	{"queue_knows_its_senders", "forward-us-east-1", "AWS::SQS::QueuePolicy", "Properties.PolicyDocument.Statement.1.Condition", nil},
	{"key_turns_over", "data", "AWS::KMS::Key", "Properties.EnableKeyRotation", false},
	{"key_turns_over", "data", "AWS::KMS::Key", "Properties.PendingWindowInDays", 7},
	{"key_turns_over", "data", "AWS::KMS::Key", "Properties.KeyPolicy.Statement.2.Condition", nil},
	{"data_is_kept", "breakglass-data", "AWS::DynamoDB::Table", "DeletionPolicy", "Delete"},
	{"data_is_kept", "data", "AWS::Logs::LogGroup", "UpdateReplacePolicy", nil},
	{"table_is_safe", "breakglass-data", "AWS::DynamoDB::Table", "Properties.DeletionProtectionEnabled", false},
	{"table_is_safe", "data", "AWS::DynamoDB::Table", "Properties.SSESpecification.KMSMasterKeyId", nil},
	{"log_group_is_encrypted_and_ends", "data", "AWS::Logs::LogGroup", "Properties.RetentionInDays", nil},
	{"function_is_ours", "detection", "AWS::Lambda::Function", "Properties.ReservedConcurrentExecutions", 0},
	{"function_is_ours", "detection", "AWS::Lambda::Function", "Properties.KmsKeyArn", nil},
	{"event_rule_loses_nothing", "forward-us-east-1", "AWS::Events::Rule", "Properties.Targets.0.DeadLetterConfig", nil},
	{"event_rule_loses_nothing", "detection", "AWS::Events::Rule", "Properties.State", "DISABLED"},
	{"role_trusts_a_service_or_mfa", "breakglass", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.0.Condition.Bool", map[string]any{"aws:MultiFactorAuthPresent": "false"}},
	{"role_trusts_a_service_or_mfa", "enforcement", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.0.Condition.NumericLessThan", nil},
	{"role_trusts_a_service_or_mfa", "detection", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement", json.RawMessage(serviceless)},
	{"role_trusts_a_service_or_mfa", "detection", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.0.Principal", "*"},
	{"role_trusts_a_service_or_mfa", "member", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.0.Condition.ArnEquals", nil},
	{"role_trusts_a_service_or_mfa", "member", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.0.Condition.StringEquals", map[string]any{"sts:ExternalId": "x"}},
	{"role_trusts_a_service_or_mfa", "member", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.0.Condition", nil},
	{"role_has_nothing_inline", "detection", "AWS::IAM::Role", "Properties.Policies", []any{map[string]any{"PolicyName": "more"}}},
	{"role_is_not_asked_for_mfa", "detection", "AWS::IAM::ManagedPolicy", "Properties.PolicyDocument.Statement.0.Condition", map[string]any{"BoolIfExists": map[string]any{"aws:MultiFactorAuthPresent": "false"}}},
	{"role_is_not_asked_for_mfa", "detection", "AWS::IAM::ManagedPolicy", "Properties.PolicyDocument.Statement.0.Action", []string{"s3:*"}},
	{"role_is_not_asked_for_mfa", "detection", "AWS::IAM::ManagedPolicy", "Properties.PolicyDocument.Statement.0.Action", "*"},
	{"alarm_is_heard", "watchdog", "AWS::CloudWatch::Alarm", "Properties.AlarmActions", []string{}},
	{"alarm_is_heard", "watchdog", "AWS::CloudWatch::Alarm", "Properties.ActionsEnabled", false},
	{"alarm_is_heard", "watchdog", "AWS::CloudWatch::Alarm", "Properties.TreatMissingData", "missing"},
	{"role_trusts_a_service_or_mfa", "breakglass", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.1.Condition", nil},
	{"role_trusts_a_service_or_mfa", "breakglass", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.1.Action", "sts:*"},
	{"role_trusts_a_service_or_mfa", "breakglass", "AWS::IAM::Role", "Properties.AssumeRolePolicyDocument.Statement.1.Principal", map[string]any{"AWS": "arn:aws:iam::111122223333:role/other"}},
	{"door_asks_who_calls", "breakglass", "AWS::Lambda::Url", "Properties.AuthType", "NONE"},
	{"door_asks_who_calls", "breakglass", "AWS::Lambda::Url", "Properties.Cors", map[string]any{"AllowOrigins": []string{"*"}}},
	{"callers_only_call", "breakglass", "AWS::IAM::ManagedPolicy", "Properties.PolicyDocument.Statement.0.Condition.Bool", nil},
	{"callers_only_call", "breakglass", "AWS::IAM::ManagedPolicy", "Properties.PolicyDocument.Statement.1.Condition.Bool", map[string]any{"aws:MultiFactorAuthPresent": "true"}},
	{"callers_only_call", "breakglass", "AWS::IAM::ManagedPolicy", "Properties.PolicyDocument.Statement.0.Action", []string{"lambda:InvokeFunctionUrl", "sts:AssumeRole"}},
	{"callers_only_call", "breakglass", "AWS::IAM::ManagedPolicy", "Properties.PolicyDocument.Statement.0.Resource", []string{"*"}},
	{"record_outlives_administrators", "breakglass-data", "AWS::S3::Bucket", "Properties.ObjectLockConfiguration.Rule.DefaultRetention.Mode", "GOVERNANCE"},
	{"policy_can_be_updated", "enforcement", "AWS::IAM::ManagedPolicy", "Properties.Users", []string{"ada"}},
	{"policy_can_be_updated", "enforcement", "AWS::IAM::ManagedPolicy", "Properties.Description", "asks for MFA"},
}

// broken holds our rules to say so when a template is worse.
func broken(t *testing.T, dir string) {
	t.Helper()
	to := t.TempDir()
	for i, d := range damages {
		data, err := os.ReadFile(filepath.Join(dir, d.of(), "mfawatch-"+d.file+".template.json"))
		var tpl map[string]any
		if err == nil {
			err = json.Unmarshal(data, &tpl)
		}
		if err == nil {
			err = d.apply(tpl)
		}
		if err != nil {
			t.Fatalf("%+v: %v", d, err)
		}
		text, _ := json.Marshal(tpl)
		if err := os.WriteFile(filepath.Join(to, fmt.Sprintf("mfawatch-%d.template.json", i)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, _ := cfnGuard(t, to, "infra/mfawatch.guard")
	for i, d := range damages {
		says := slices.ContainsFunc(slices.Collect(maps.Keys(found)), func(row string) bool { return strings.HasPrefix(row, fmt.Sprintf("%s %d/", d.rule, i)) })
		if !says {
			t.Errorf("%s says nothing to %s of %s as %v", d.rule, d.path, d.kind, d.value)
		}
	}
	if len(found) < len(damages) {
		t.Errorf("%d findings of %d damages", len(found), len(damages))
	}
}

// of is the deployment that has the template.
func (d damage) of() string {
	if d.file == "member" {
		return "organization"
	}
	return "full"
}

// apply changes the first resource of the kind, by name.
func (d damage) apply(tpl map[string]any) error {
	resources, _ := tpl["Resources"].(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		if r := resources[id].(map[string]any); r["Type"] == d.kind {
			return setAt(r, strings.Split(d.path, "."), d.value)
		}
	}
	return fmt.Errorf("no %s", d.kind)
}

func setAt(in any, path []string, value any) error {
	switch in := in.(type) {
	case map[string]any:
		switch {
		case len(path) > 1:
			return setAt(in[path[0]], path[1:], value)
		case value == nil && in[path[0]] == nil:
			return fmt.Errorf("%s is not there", path[0])
		case value == nil:
			delete(in, path[0])
		default:
			in[path[0]] = value
		}
		return nil
	case []any:
		if n, err := strconv.Atoi(path[0]); err == nil && n < len(in) && len(path) > 1 {
			return setAt(in[n], path[1:], value)
		}
	}
	return fmt.Errorf("%s leads nowhere", path[0])
}

// checkov asks for what fails.
func checkov(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := asked(t, []int{1}, "../.cache/acceptance/venv-infra/bin/checkov", "--directory", dir, "--framework", "cloudformation", "--output", "json", "--compact", "--quiet", "--skip-download")
	var report struct {
		Results struct {
			Failed []struct {
				ID       string `json:"check_id"`
				File     string `json:"file_path"`
				Resource string
			} `json:"failed_checks"`
			Errors []string `json:"parsing_errors"`
		}
		Summary struct{ Passed int }
	}
	if err := json.Unmarshal(out, &report); err != nil || report.Summary.Passed < 300 || len(report.Results.Errors) > 0 {
		t.Fatalf("%d checks passed, files that cannot be read %v, error %v", report.Summary.Passed, report.Results.Errors, err)
	}
	found := map[string]bool{}
	for _, f := range report.Results.Failed {
		found[f.ID+" "+place(f.File, f.Resource[strings.LastIndex(f.Resource, ".")+1:])] = true
	}
	return found
}

package stacks

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config"
	"mfawatch/audit/pattern/deployed"
)

func TestEmergencyDataIsKept(t *testing.T) {
	templates, _ := synthesized(t, enforcing(t))
	tpl := templates["mfawatch-breakglass-data"]
	for id, r := range tpl.Resources {
		if r.DeletionPolicy != "RetainExceptOnCreate" || r.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s (%s) is kept as %q and %q", id, r.Type, r.DeletionPolicy, r.UpdateReplacePolicy)
		}
	}
	key := only(t, tpl, "AWS::KMS::Key")
	if key.Properties["EnableKeyRotation"] != true || only(t, tpl, "AWS::KMS::Alias").Properties["AliasName"] != "alias/mfawatch-breakglass" {
		t.Errorf("key %v, want rotation and alias/mfawatch-breakglass", key.Properties)
	}
	arn := map[string]any{"Fn::GetAtt": []any{"Key", "Arn"}}
	for name, keys := range map[string]any{
		"mfawatch-breakglass": []any{map[string]any{"AttributeName": "key", "KeyType": "HASH"}, map[string]any{"AttributeName": "sort", "KeyType": "RANGE"}},
		"mfawatch-ledger":     []any{map[string]any{"AttributeName": "key", "KeyType": "HASH"}},
	} {
		p := named(t, tpl, "TableName", name).Properties
		want := map[string]any{
			"KeySchema": keys, "DeletionProtectionEnabled": true, "TimeToLiveSpecification": nil,
			"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
			"SSESpecification":                 map[string]any{"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": arn},
		}
		for property, value := range want {
			if diff := cmp.Diff(value, p[property]); diff != "" {
				t.Errorf("%s: %s: %s", name, property, diff)
			}
		}
	}
	if diff := cmp.Diff(arn, named(t, tpl, "LogGroupName", "/aws/lambda/mfawatch-breakglass").Properties["KmsKeyId"]); diff != "" {
		t.Errorf("log group: %s", diff)
	}
}

// Without people the stack is the role alone, however much is built.
func TestEmergencyRoleAlone(t *testing.T) {
	templates, _ := synthesized(t, enforcing(t))
	for id, r := range templates["mfawatch-breakglass"].Resources {
		if r.Type != "AWS::IAM::Role" && r.Type != "AWS::CDK::Metadata" {
			t.Errorf("%s is a %s", id, r.Type)
		}
	}
	if key := only(t, templates["mfawatch-breakglass-data"], "AWS::KMS::Key"); strings.Contains(compact(key.Properties), "OnlyTheDoorOpens") {
		t.Error("the key is shut for a door that is not there")
	}
	a := bootstraps(t)
	if _, err := Prepare(enforcing(t), a); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"breakglass", doorPolicyName} {
		if _, err := os.Stat(filepath.Join(a.Staging, name)); err == nil {
			t.Errorf("%s is staged for a door that is not there", name)
		}
	}
}

// Any use of the role pages, from every Region: at home and on the bus to the topic,
// elsewhere to the bus.
func TestEmergencyPages(t *testing.T) {
	templates, _ := synthesized(t, enforcing(t))
	var got []string
	for name, tpl := range templates {
		for _, r := range tpl.Resources {
			if r.Type != "AWS::Events::Rule" || r.Properties["Name"] != "mfawatch-break-glass-use" {
				continue
			}
			target := r.Properties["Targets"].([]any)[0].(map[string]any)
			bus, _ := r.Properties["EventBusName"].(string)
			transformed := target["InputTransformer"] != nil
			got = append(got, strings.Join([]string{name, bus, target["Arn"].(string)}, " "))
			if r.Properties["State"] != deployed.EnabledWithRead {
				t.Errorf("%s: state %v", name, r.Properties["State"])
			}
			if atHome := name == "mfawatch-detection"; transformed != atHome {
				t.Errorf("%s: whole event %v, want that from other Regions alone", name, !transformed)
			}
			if transformed && !strings.Contains(target["InputTransformer"].(map[string]any)["InputTemplate"].(string), "role/mfawatch-break-glass") {
				t.Errorf("%s: %v", name, target["InputTransformer"])
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"mfawatch-detection  arn:aws:sns:eu-north-1:111122223333:mfawatch-alerts",
		"mfawatch-detection mfawatch arn:aws:sns:eu-north-1:111122223333:mfawatch-alerts",
		"mfawatch-forward-us-east-1  arn:aws:events:eu-north-1:111122223333:event-bus/mfawatch",
		"mfawatch-forward-us-east-2  arn:aws:events:eu-north-1:111122223333:event-bus/mfawatch",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	quiet, _ := synthesized(t, with(t, func(d *config.Deployment) { d.BreakGlass = config.BreakGlass{} }))
	for name, tpl := range quiet {
		for _, r := range tpl.Resources {
			if r.Properties["Name"] == "mfawatch-break-glass-use" {
				t.Errorf("%s: a rule about a role that is not there", name)
			}
		}
	}
}

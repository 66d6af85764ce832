package stacks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config"
	"mfawatch/audit/pattern/deployed"
)

// stackSet is the StackSet's properties, and the template in it.
func stackSet(t *testing.T, templates map[string]template) (object, string) {
	t.Helper()
	p := templates["mfawatch-organization"].Resources["Members"].Properties
	body, _ := p["TemplateBody"].(string)
	return p, body
}

func TestStackSet(t *testing.T) {
	templates, dir := synthesized(t, everybody())
	p, body := stackSet(t, templates)
	compareSome(t, "the StackSet", object{
		"StackSetName": "mfawatch-member", "PermissionModel": "SERVICE_MANAGED", "CallAs": "DELEGATED_ADMIN", "Capabilities": []any{"CAPABILITY_NAMED_IAM"},
		"AutoDeployment": object{"Enabled": true, "RetainStacksOnAccountRemoval": false}, "ManagedExecution": object{"Active": true},
		"OperationPreferences": object{
			"RegionConcurrencyType": "SEQUENTIAL", "RegionOrder": []any{"eu-north-1", "us-east-1", "us-east-2"},
			"MaxConcurrentPercentage": 25.0, "FailureTolerancePercentage": 10.0, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
		},
		"StackInstancesGroup": []any{object{
			"Regions":           []any{"eu-north-1", "us-east-1", "us-east-2"},
			"DeploymentTargets": object{"OrganizationalUnitIds": []any{"r-ab12"}, "AccountFilterType": "DIFFERENCE", "Accounts": []any{"111122223333"}},
		}},
	}, p)
	if len(body) == 0 || len(body) > longestBody {
		t.Errorf("the template has %d bytes", len(body))
	}
	file, err := os.ReadFile(filepath.Join(dir, "mfawatch-member.template.json"))
	if err != nil || string(file) != body {
		t.Errorf("the file for the management account is not the StackSet's: %v", err)
	}
}

// From the management account the StackSet is its own, and reaches everybody else.
func TestStackSetOfTheManagementAccount(t *testing.T) {
	d := everybody()
	d.Home, d.Regions = "us-east-2", []string{"eu-north-1", "us-east-1", "us-east-2"}
	d.Organization = config.Organization{ID: "o-exampleorgid", Units: []string{"ou-ab12-aaaaaaaa", "ou-ab12-bbbbbbbb"}, Management: d.Account, Concurrent: 1}
	templates, _ := synthesized(t, d)
	p, _ := stackSet(t, templates)
	if p["CallAs"] != "SELF" {
		t.Errorf("call as %v", p["CallAs"])
	}
	want := []any{object{"Regions": []any{"us-east-2", "eu-north-1", "us-east-1"}, "DeploymentTargets": object{"OrganizationalUnitIds": []any{"ou-ab12-aaaaaaaa", "ou-ab12-bbbbbbbb"}}}}
	if diff := cmp.Diff(want, p["StackInstancesGroup"]); diff != "" {
		t.Errorf("the groups (-want +got):\n%s", diff)
	}
}

// The template stands in any account and in every Region of the deployment.
func TestMemberTemplate(t *testing.T) {
	templates, _ := synthesized(t, everybody())
	_, body := stackSet(t, templates)
	var tpl struct {
		Parameters, Rules, Conditions object
		Resources                     map[string]struct {
			resource
			Condition string
		}
	}
	if err := json.Unmarshal([]byte(body), &tpl); err != nil {
		t.Fatal(err)
	}
	if len(tpl.Parameters)+len(tpl.Rules) > 0 || strings.Contains(body, "cdk-hnb659fds") {
		t.Error("the template wants a bootstrapped account")
	}
	wantConditions := object{"IsHome": object{"Fn::Equals": []any{object{"Ref": "AWS::Region"}, "eu-north-1"}}, "IsIAMRegion": object{"Fn::Equals": []any{object{"Ref": "AWS::Region"}, "us-east-1"}}}
	if diff := cmp.Diff(wantConditions, tpl.Conditions); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	conditions, kinds := map[string][]string{}, map[string]int{}
	for id, r := range tpl.Resources {
		conditions[r.Condition] = append(conditions[r.Condition], id)
		kinds[r.Type]++
	}
	if kinds["AWS::Lambda::Function"] > 0 || kinds["AWS::IAM::Role"] != 2 || kinds["AWS::IAM::ManagedPolicy"] != 2 || kinds["AWS::SQS::Queue"] != 1 {
		t.Errorf("kinds of resources: %v", kinds)
	}
	if queue := tpl.Resources["RulesDeadQueue"].Properties; queue["SqsManagedSseEnabled"] != true || queue["MessageRetentionPeriod"] != 1209600.0 {
		t.Errorf("the queue: %v", queue)
	}
	slices.Sort(conditions["IsHome"])
	if want := []string{"AuditMemberPolicy", "AuditMemberRole", "ForwardPolicy", "ForwardRole"}; !slices.Equal(conditions["IsHome"], want) || !slices.Equal(conditions["IsIAMRegion"], []string{"FactorChanges"}) {
		t.Errorf("conditions of resources: %v", conditions)
	}
	for _, r := range deployed.Rules() {
		if r.OptIn != "" {
			continue
		}
		rule, there := tpl.Resources[pascal(r.Name)]
		if !there {
			t.Errorf("rule %s is not there", r.Name)
			continue
		}
		var pattern any
		if json.Unmarshal([]byte(r.Pattern), &pattern) != nil || !cmp.Equal(pattern, rule.Properties["EventPattern"]) || rule.Properties["State"] != r.State || rule.Properties["EventBusName"] != nil {
			t.Errorf("rule %s is another one: %v", r.Name, rule.Properties)
		}
		target := rule.Properties["Targets"].([]any)[0].(object)
		if target["Arn"] != "arn:aws:events:eu-north-1:111122223333:event-bus/mfawatch" || !strings.Contains(compact(target["RoleArn"]), `["",["arn:aws:iam::",{"Ref":"AWS::AccountId"},":role/mfawatch-forward"]]`) ||
			joined(target["DeadLetterConfig"].(object)["Arn"]) != "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:mfawatch-rules-dead" {
			t.Errorf("rule %s sends %v", r.Name, target)
		}
	}
}

// EventBridge assumes a target's role when it is given it: at home, where role and
// rules are made in one stack, the rules wait for it.
func TestMemberRulesWaitForTheirRole(t *testing.T) {
	for _, home := range []string{"eu-north-1", "us-east-1"} {
		d := everybody()
		d.Home = home
		d.Regions = []string{"eu-north-1", "us-east-1"}
		templates, _ := synthesized(t, d)
		_, body := stackSet(t, templates)
		var tpl template
		if err := json.Unmarshal([]byte(body), &tpl); err != nil {
			t.Fatal(err)
		}
		for id, r := range tpl.of("AWS::Events::Rule") {
			role := compact(r.Properties["Targets"].([]any)[0].(object)["RoleArn"])
			waits := strings.HasPrefix(role, `{"Fn::If":["IsHome",{"Fn::GetAtt":["ForwardRole","Arn"]},`) || id == "FactorChanges" && home == "us-east-1" && role == `{"Fn::GetAtt":["ForwardRole","Arn"]}`
			if elsewhere := id == "FactorChanges" && home != "us-east-1"; waits == elsewhere {
				t.Errorf("home %s: rule %s has the role %s", home, id, role)
			}
		}
	}
}

// In the member account nothing has the number of the central one but what it
// sends to and whom it trusts.
func TestMemberNamesItsOwnAccount(t *testing.T) {
	templates, _ := synthesized(t, everybody())
	for id, r := range templates["mfawatch-member"].Resources {
		text, _ := json.Marshal(r.Properties)
		for _, known := range []string{"arn:aws:events:eu-north-1:111122223333:event-bus/mfawatch", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/mfawatch-audit", "to account 111122223333"} {
			text = []byte(strings.ReplaceAll(string(text), known, ""))
		}
		if strings.Contains(string(text), "111122223333") {
			t.Errorf("%s has the central account's number: %s", id, text)
		}
	}
}

func TestNoStackSetForOneAccount(t *testing.T) {
	templates, _ := synthesized(t, audited())
	for _, name := range []string{"mfawatch-organization", "mfawatch-member"} {
		if _, there := templates[name]; there {
			t.Errorf("%s without an organisation", name)
		}
	}
}

// A template that no StackSet takes is an error before anything is deployed.
func TestMemberTemplateTooLong(t *testing.T) {
	if err := fits(make([]byte, 51_200)); err != nil {
		t.Errorf("error %v", err)
	}
	if err := fits(make([]byte, 51_201)); err == nil || !strings.Contains(err.Error(), "it has 51201 bytes, and a StackSet takes 51200") {
		t.Errorf("error %v", err)
	}
}

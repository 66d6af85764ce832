package stacks

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config"
	"mfawatch/totp/breakglass"
)

const doorFunction = "arn:aws:lambda:eu-north-1:111122223333:function:mfawatch-breakglass"

func TestDoorHasAnAddress(t *testing.T) {
	templates, _ := once(t, "full")
	url := only(t, templates["mfawatch-breakglass"], "AWS::Lambda::Url").Properties
	want := map[string]any{"AuthType": "AWS_IAM", "InvokeMode": "BUFFERED", "TargetFunctionArn": map[string]any{"Fn::GetAtt": []any{"BreakglassFunction", "Arn"}}}
	if diff := cmp.Diff(want, url); diff != "" {
		t.Errorf("no Cors, and IAM alone: %s", diff)
	}
	if out := compact(templates["mfawatch-breakglass"].Outputs["DoorUrl"]); !strings.Contains(out, `{"Fn::GetAtt":["BreakglassUrl","FunctionUrl"]}`) {
		t.Errorf("the address is told as %s", out)
	}
	// Callers are let in by their own policy. A permission of the function would let
	// in who is not in the rules.
	if all := of(templates, "AWS::Lambda::Permission"); len(all) > 0 {
		t.Errorf("%v let somebody in", all)
	}
}

func TestDoorFunction(t *testing.T) {
	templates, _ := once(t, "full")
	fn := named(t, templates["mfawatch-breakglass"], "FunctionName", "mfawatch-breakglass").Properties
	if fn["ReservedConcurrentExecutions"] != 10.0 || fn["Timeout"] != 30.0 {
		t.Errorf("concurrency %v, timeout %v", fn["ReservedConcurrentExecutions"], fn["Timeout"])
	}
	d := deployment(t, "full")
	a := bootstraps(t)
	if err := os.RemoveAll(filepath.Join(a.Bootstraps, "breakglass")); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(d, a); err == nil || !strings.Contains(err.Error(), "function breakglass") || !strings.Contains(err.Error(), "make functions") {
		t.Errorf("not built: error %v", err)
	}
}

// Callers may call the function by its URL with MFA, and do nothing else: directly
// invoked it would believe that they are anybody.
func TestDoorCallers(t *testing.T) {
	templates, _ := once(t, "full")
	policy := named(t, templates["mfawatch-breakglass"], "ManagedPolicyName", "mfawatch-breakglass-callers").Properties
	want := []any{
		map[string]any{"Sid": "CallDoor", "Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": doorFunction, "Condition": map[string]any{
			"Bool": map[string]any{"aws:MultiFactorAuthPresent": "true"}, "StringEquals": map[string]any{"lambda:FunctionUrlAuthType": "AWS_IAM"},
		}},
		map[string]any{"Sid": "ByItsUrl", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": doorFunction, "Condition": map[string]any{
			"Bool": map[string]any{"aws:MultiFactorAuthPresent": "true", "lambda:InvokedViaFunctionUrl": "true"},
		}},
		map[string]any{"Sid": "NeverWithoutMfa", "Effect": "Deny", "Action": []any{"lambda:InvokeFunction", "lambda:InvokeFunctionUrl"}, "Resource": doorFunction, "Condition": map[string]any{
			"BoolIfExists": map[string]any{"aws:MultiFactorAuthPresent": "false"},
		}},
		map[string]any{"Sid": "NeverDirectly", "Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": doorFunction, "Condition": map[string]any{
			"BoolIfExists": map[string]any{"lambda:InvokedViaFunctionUrl": "false"},
		}},
	}
	if diff := cmp.Diff(want, plainly(policy["PolicyDocument"].(map[string]any)["Statement"])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"ada", "edsger", "grace"}, policy["Users"]); diff != "" || policy["Roles"] != nil || policy["Groups"] != nil {
		t.Errorf("attached to others: %s", diff)
	}
	// Who else may invoke it at all.
	var others []string
	for _, p := range of(templates, "AWS::IAM::ManagedPolicy") {
		if text := p.text("PolicyDocument"); strings.Contains(text, "lambda:InvokeFunction") && (strings.Contains(text, "mfawatch-breakglass") || p.stack == "mfawatch-breakglass") && p.id != "BreakglassCallersPolicy" {
			others = append(others, p.id)
		}
	}
	if diff := cmp.Diff([]string{"BreakglassSchedulePolicy"}, others); diff != "" {
		t.Errorf("others may invoke the function: %s", diff)
	}
}

// plainly makes lists of one what they hold.
func plainly(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 1 {
			return plainly(v[0])
		}
		for i := range v {
			v[i] = plainly(v[i])
		}
	case map[string]any:
		v = maps.Clone(v)
		for key := range v {
			v[key] = plainly(v[key])
		}
		return v
	}
	return v
}

// What the function may do to the role the role lets it do, and both name the same.
func TestDoorOpensFromBothEnds(t *testing.T) {
	templates, _ := once(t, "full")
	role := named(t, templates["mfawatch-breakglass"], "RoleName", "mfawatch-break-glass")
	asks := granted(t, templates, "mfawatch-breakglass", "BreakglassPolicy")["OpenDoor"]
	both := `["arn:aws:iam::111122223333:role/mfawatch-break-glass","arn:aws:iam::111122223333:role/mfawatch-break-glass-viewer"]`
	if shuts := granted(t, templates, "mfawatch-breakglass", "BreakglassPolicy")["ShutDoor"]; compact(asks.Resource) != both || compact(shuts.Resource) != both {
		t.Errorf("the function opens %v and shuts %v", asks.Resource, shuts.Resource)
	}
	var let []any
	for _, s := range role.Properties["AssumeRolePolicyDocument"].(map[string]any)["Statement"].([]any) {
		if s := s.(map[string]any); compact(s["Principal"]) == `{"AWS":"arn:aws:iam::111122223333:role/mfawatch-breakglass"}` {
			let = append(let, s["Action"])
			if s["Condition"] == nil {
				t.Errorf("%v is let in for anybody and anything", s["Sid"])
			}
		}
	}
	if diff := cmp.Diff(asks.Action, any(let)); diff != "" {
		t.Errorf("asked for and let in: %s", diff)
	}
	if !strings.Contains(compact(role.DependsOn), "BreakglassRole") {
		t.Errorf("the role may be made before the one that it trusts: %v", role.DependsOn)
	}
}

// A role after the first is opened by the function alone, for its own people and with its
// own policies; the first stays what it was, and every use of either pages.
func TestDoorOfSeveralRoles(t *testing.T) {
	templates, _ := once(t, "full")
	tpl := templates["mfawatch-breakglass"]
	other := named(t, tpl, "RoleName", "mfawatch-break-glass-viewer")
	if diff := cmp.Diff([]any{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, other.Properties["ManagedPolicyArns"]); diff != "" || other.Properties["MaxSessionDuration"] != 3600.0 {
		t.Errorf("its longest session is %v, its policies: %s", other.Properties["MaxSessionDuration"], diff)
	}
	if !strings.Contains(compact(other.DependsOn), "BreakglassRole") {
		t.Errorf("the role may be made before the one that it trusts: %v", other.DependsOn)
	}
	trust := compact(other.Properties["AssumeRolePolicyDocument"])
	if strings.Contains(trust, ":user/") || strings.Count(trust, `"Principal":`) != 3 || strings.Count(trust, `"Principal":{"AWS":"arn:aws:iam::111122223333:role/mfawatch-breakglass"}`) != 3 || strings.Count(trust, `"sts:SourceIdentity":["ada","edsger"]`) != 2 {
		t.Errorf("it trusts %s", trust)
	}
	first := named(t, tpl, "RoleName", "mfawatch-break-glass")
	if text := compact(first.Properties); !strings.Contains(text, `"sts:SourceIdentity":["ada","grace"]`) || strings.Contains(text, `"edsger"`) || strings.Contains(text, "ReadOnly") || !strings.Contains(text, ":user/glass-1") {
		t.Errorf("the first is %s", text)
	}
	for _, r := range of(templates, "AWS::Events::Rule") {
		if r.Properties["Name"] != "mfawatch-break-glass-use" {
			continue
		}
		pattern := compact(r.Properties["EventPattern"])
		for _, part := range []string{`"arn:aws:iam::111122223333:role/mfawatch-break-glass"`, `"arn:aws:iam::111122223333:role/mfawatch-break-glass-viewer"`, `assumed-role/mfawatch-break-glass/"`, `assumed-role/mfawatch-break-glass-viewer/"`} {
			if !strings.Contains(pattern, part) {
				t.Errorf("%s does not look for %s: %s", r.stack, part, pattern)
			}
		}
	}
}

// Where nobody assumes the role by themselves, the function alone does.
func TestDoorWithoutPrincipals(t *testing.T) {
	templates, _ := synthesized(t, doorWith(t, func(b *config.BreakGlass) { b.Principals = nil }))
	trust := compact(named(t, templates["mfawatch-breakglass"], "RoleName", "mfawatch-break-glass").Properties["AssumeRolePolicyDocument"])
	if strings.Contains(trust, ":user/") || !strings.Contains(trust, "DoorOpens") {
		t.Error(trust)
	}
}

// The key opens what is sealed for the door to the function alone, and the function
// asks for no more of it.
func TestDoorKey(t *testing.T) {
	templates, _ := once(t, "full")
	key := compact(only(t, templates["mfawatch-breakglass-data"], "AWS::KMS::Key").Properties["KeyPolicy"])
	for _, part := range []string{
		`"Action":["kms:Decrypt","kms:ReEncryptFrom"],"Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/mfawatch-breakglass"},"Null":{"kms:EncryptionContext:mfawatch:door":"false"}},"Effect":"Deny"`,
	} {
		if !strings.Contains(key, part) {
			t.Errorf("the key's policy lacks %s: %s", part, key)
		}
	}
	for sid, s := range granted(t, templates, "mfawatch-breakglass", "BreakglassPolicy") {
		if strings.Contains(compact(s.Action), "kms:") && s.Condition == nil {
			t.Errorf("%s takes the key for everything", sid)
		}
	}
	if got := compact(granted(t, templates, "mfawatch-breakglass", "BreakglassPolicy")["OpenDevices"].Condition); got != `{"StringEquals":{"kms:EncryptionContext:mfawatch:door":"night-door"}}` {
		t.Error(got)
	}
}

// An administrator may delete under governance, and whoever came through the door is
// one.
func TestDoorRecord(t *testing.T) {
	d := deployment(t, "full", "retention.evidence=90d")
	templates, _ := synthesized(t, d)
	bucket := named(t, templates["mfawatch-breakglass-data"], "BucketName", "mfawatch-record-111122223333-eu-north-1").Properties
	if got := compact(bucket["ObjectLockConfiguration"]); bucket["ObjectLockEnabled"] != true || got != `{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Days":90,"Mode":"COMPLIANCE"}}}` {
		t.Errorf("lock %v %s", bucket["ObjectLockEnabled"], got)
	}
	if got := compact(bucket["BucketEncryption"]); !strings.Contains(got, `{"Fn::GetAtt":["Key","Arn"]}`) {
		t.Errorf("encrypted with another key: %s", got)
	}
}

func TestDoorTends(t *testing.T) {
	templates, _ := once(t, "full")
	s := named(t, templates["mfawatch-breakglass"], "Name", "mfawatch-breakglass").Properties
	target := s["Target"].(map[string]any)
	if s["ScheduleExpression"] != "rate(1 minute)" || target["Input"] != `{"mfawatch":"tend"}` || s["State"] != nil {
		t.Errorf("%v sends %v", s["ScheduleExpression"], target["Input"])
	}
	invoke := only(t, templates["mfawatch-breakglass"], "AWS::Lambda::EventInvokeConfig").Properties
	if invoke["MaximumRetryAttempts"] != 0.0 || !strings.Contains(compact(invoke["DestinationConfig"]), ":mfawatch-schedules-dead") {
		t.Errorf("%v", invoke)
	}
}

// A role may be called what IAM takes, though CloudFormation's ids take less.
func TestDoorRoleOfAnyName(t *testing.T) {
	templates, _ := synthesized(t, doorWith(t, func(b *config.BreakGlass) { b.Door.Roles[1].Name = "-read--on.ly_@-"[1:] }))
	named(t, templates["mfawatch-breakglass"], "RoleName", "mfawatch-break-glass-read--on.ly_@-")
}

// A schedule of another account, or of another group, does not call as the role of ours.
func TestSchedulesTrustTheirOwnGroup(t *testing.T) {
	templates, _ := once(t, "full")
	roles := 0
	for _, r := range of(templates, "AWS::IAM::Role") {
		for _, s := range r.Properties["AssumeRolePolicyDocument"].(map[string]any)["Statement"].([]any) {
			if s := s.(map[string]any); strings.Contains(compact(s["Principal"]), "scheduler.") {
				roles++
				if got, want := compact(s["Condition"]), `{"ArnEquals":{"aws:SourceArn":"arn:aws:scheduler:eu-north-1:111122223333:schedule-group/default"},"StringEquals":{"aws:SourceAccount":"111122223333"}}`; got != want {
					t.Errorf("%s: %s, want %s", r, got, want)
				}
			}
		}
	}
	if schedules := len(of(templates, "AWS::Scheduler::Schedule")); roles == 0 || roles != schedules {
		t.Errorf("%d roles of %d schedules", roles, schedules)
	}
	for _, s := range of(templates, "AWS::Scheduler::Schedule") {
		if s.Properties["GroupName"] != nil {
			t.Errorf("%s is in group %v", s, s.Properties["GroupName"])
		}
	}
}

func TestDoorWaits(t *testing.T) {
	_, dir := once(t, "full")
	var manifest struct {
		Artifacts map[string]struct{ Dependencies []string }
	}
	read(t, filepath.Join(dir, "manifest.json"), &manifest)
	for stack, needs := range map[string][]string{"mfawatch-breakglass": {"mfawatch-breakglass-data", "mfawatch-detection"}, "mfawatch-breakglass-data": {"mfawatch-data"}} {
		for _, need := range needs {
			if !slices.Contains(manifest.Artifacts[stack].Dependencies, need) {
				t.Errorf("%s does not wait for %s", stack, need)
			}
		}
	}
}

func TestDoorAlarms(t *testing.T) {
	templates, _ := once(t, "full")
	got := map[string]string{}
	for _, a := range of(templates, "AWS::CloudWatch::Alarm") {
		if a.stack == "mfawatch-breakglass" {
			got[a.text("AlarmName")] = strings.Join([]string{a.text("MetricName"), a.text("Dimensions"), a.text("Threshold"), a.text("TreatMissingData")}, " ")
		}
	}
	const door, fn = `[{"Name":"function","Value":"breakglass"}]`, `[{"Name":"FunctionName","Value":"mfawatch-breakglass"}]`
	want := map[string]string{
		"mfawatch-breakglass-errors":    "Errors " + fn + " 0 notBreaching",
		"mfawatch-breakglass-throttles": "Throttles " + fn + " 0 notBreaching",
		"mfawatch-breakglass-failures":  "DoorFailures " + door + " 0 notBreaching",
		"mfawatch-breakglass-untold":    "NoticesWaiting " + door + " 0 breaching",
		"mfawatch-breakglass-owed":      "GrantsOwed " + door + " 0 notBreaching",
		"mfawatch-breakglass-unproved":  "DoorUnproved " + door + " 0 notBreaching",
		// Ten minutes, in seconds.
		"mfawatch-breakglass-unarchived": "UnarchivedAge " + door + " 600 notBreaching",
		// Ninety days, in seconds.
		"mfawatch-breakglass-drill-age": "DrillAge " + door + " 7776000 notBreaching",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The function finds the rules that the file says.
func TestDoorRulesAreStaged(t *testing.T) {
	a := bootstraps(t)
	if _, err := Prepare(deployment(t, "full"), a); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(a.Staging, "breakglass", "breakglass.json"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := breakglass.ParseRules("breakglass.json", text)
	if err != nil {
		t.Fatal(err)
	}
	user := func(name string) []string { return []string{"arn:aws:iam::111122223333:user/door/" + name} }
	want := breakglass.Rules{
		Door: "night-door", Approve: 30 * time.Minute, Use: 30 * time.Minute,
		People: []breakglass.Person{
			{Name: "ada", Principals: user("ada"), Devices: []breakglass.Device{{ID: "ada-yubikey", Kind: breakglass.TOTP, Grade: breakglass.Touch}, {ID: "ada-sheet", Kind: breakglass.RecoveryCodes}}},
			{Name: "grace", Principals: user("grace"), Devices: []breakglass.Device{{ID: "grace-yubikey", Kind: breakglass.YubicoOTP, Grade: breakglass.Touch}}},
			{Name: "edsger", Principals: user("edsger"), Devices: []breakglass.Device{{ID: "edsger-phone", Kind: breakglass.TOTP, Grade: breakglass.Sealed}}},
		},
		Roles: []breakglass.Role{{
			Name: "administrator", ARN: "arn:aws:iam::111122223333:role/mfawatch-break-glass", Requesters: []string{"ada", "grace"}, Approvers: []string{"ada", "grace", "edsger"}, Approvals: 1,
			Longest: 30 * time.Minute, Grade: breakglass.Sealed, Sheets: true, Alone: breakglass.Alone{Allowed: true, CoolOff: 30 * time.Minute, Grade: breakglass.Touch},
		}, {
			Name: "viewer", ARN: "arn:aws:iam::111122223333:role/mfawatch-break-glass-viewer", Requesters: []string{"ada", "edsger"}, Approvers: []string{"grace", "edsger"}, Approvals: 1,
			Longest: time.Hour, Grade: breakglass.Sealed,
		}},
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"signin", "reconcile", "audit", "canary"} {
		if _, err := os.Stat(filepath.Join(a.Staging, name, "breakglass.json")); err == nil {
			t.Errorf("%s is given the door's rules", name)
		}
	}
}

func doorWith(t *testing.T, change func(*config.BreakGlass)) config.Deployment {
	t.Helper()
	d := deployment(t, "full")
	change(&d.BreakGlass)
	return d
}

// Rules that let nobody in are found before anything is made, and the error names the
// field of the file.
func TestDoorFaults(t *testing.T) {
	for want, change := range map[string]func(*config.Door){
		`break_glass.door: door "x"`:                                   func(d *config.Door) { d.Name = "x" },
		"break_glass.approve: approve: 25h":                            func(d *config.Door) { d.Approve = 25 * time.Hour },
		"break_glass.use: use: 0s":                                     func(d *config.Door) { d.Use = 0 },
		"break_glass.people[1]: person ada is there twice":             func(d *config.Door) { d.People[1].Name = "ada" },
		"break_glass.people[2]: person edsger: \"x\" is no IAM user":   func(d *config.Door) { d.People[2].Principals = []string{"x"} },
		"break_glass.people[1].principals[0]: principal arn:aws:iam:":  func(d *config.Door) { d.People[1].Principals = d.People[0].Principals },
		"break_glass.people[1].devices[0]: device ada-yubikey is ada":  func(d *config.Door) { d.People[1].Devices = d.People[0].Devices[:1] },
		"break_glass.people[2].devices[0]: device edsger-phone: ungr":  func(d *config.Door) { d.People[2].Devices[0].Grade = "" },
		"break_glass.people[2].devices[0].grade: \"good\" is no grade": func(d *config.Door) { d.People[2].Devices[0].Grade = "good" },
		"break_glass.roles[0]: role administrator names \"mallory\"":   func(d *config.Door) { d.Roles[0].Approvers = append(d.Roles[0].Approvers, "mallory") },
		"break_glass.roles[0]: role administrator: for ada there are":  func(d *config.Door) { d.Roles[0].Approvals = 3 },
		"break_glass.roles[0]: role administrator: edsger has no dev":  func(d *config.Door) { d.Roles[0].Grade = "yubikey-touch" },
		"break_glass.roles[2]: role administrator is there twice":      func(d *config.Door) { d.Roles = append(d.Roles, d.Roles[0]) },
		"break_glass.roles: roles: there are none":                     func(d *config.Door) { d.Roles = nil },
		"break_glass.roles[1]: role viewer: edsger has no device of":   func(d *config.Door) { d.Roles[1].Grade = "yubikey-touch" },
	} {
		_, err := Prepare(doorWith(t, func(b *config.BreakGlass) { change(&b.Door) }), bootstraps(t))
		if err == nil || !slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	// All that is wrong is told at once, and nothing of it without a field.
	_, err := Prepare(doorWith(t, func(b *config.BreakGlass) {
		b.Door = config.Door{Name: "?", People: []config.Person{{Name: "?", Principals: []string{"?"}, Devices: []config.Device{{ID: "?", Kind: "?"}}}}, Roles: []config.DoorRole{{Name: "?", Longest: time.Hour * 9, CoolOff: -1}}}
	}), bootstraps(t))
	lines := strings.Split(err.Error(), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, "break_glass.") {
			t.Errorf("no field: %s", line)
		}
	}
	if len(lines) < 8 {
		t.Errorf("only %q", lines)
	}
}

// The words of mfawatch.yaml are the door's.
func TestDoorWords(t *testing.T) {
	var schema struct {
		Defs struct{ Grade struct{ Enum []string } } `json:"$defs"`
	}
	text := config.FileSchema()
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var want []string
	for g := breakglass.Software; g <= breakglass.TouchPassword; g++ {
		want = append(want, g.String())
	}
	if diff := cmp.Diff(want, schema.Defs.Grade.Enum); diff != "" {
		t.Error(diff)
	}
	for _, kind := range []breakglass.Kind{breakglass.TOTP, breakglass.HOTP, breakglass.YubicoOTP, breakglass.RecoveryCodes} {
		if !strings.Contains(string(text), `"`+string(kind)+`"`) {
			t.Errorf("the file knows no %s", kind)
		}
	}
}

// mostSCP is how long a service control policy may be (Organizations user guide,
// quotas).
const mostSCP = 5120

func TestDoorPolicy(t *testing.T) {
	d := deployment(t, "full")
	a := bootstraps(t)
	plan, err := Prepare(d, a)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(a.Staging, doorPolicyName))
	if err != nil {
		t.Fatal(err)
	}
	var policy map[string]any
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatal(err)
	}
	if short := compact(policy); len(short) > mostSCP {
		t.Errorf("%d characters, at most %d", len(short), mostSCP)
	}
	whole := string(text)
	for _, s := range plan.b.doorPolicy() {
		if s.Effect != "Deny" || s.Condition["ArnNotLike"] == nil || s.Principal != nil {
			t.Errorf("%s: a control policy denies, and somebody has to deploy: %v", s.Sid, s)
		}
	}
	held := map[string]bool{}
	for _, s := range plan.b.doorPolicy() {
		for _, r := range s.Resource.([]string) {
			held[r] = true
		}
	}
	for _, s := range plan.b.doorPolicy() { // who could make what is spared would be spared
		for _, spared := range s.Condition["ArnNotLike"].(object)["aws:PrincipalArn"].([]string) {
			if strings.Contains(spared, "*") || !held[spared] {
				t.Errorf("%s spares %s, which nothing holds", s.Sid, spared)
			}
		}
	}
	// Everything that the stack makes of the door is named.
	templates, _ := once(t, "full")
	for kind, property := range map[string]string{"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::Lambda::Function": "FunctionName", "AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName", "AWS::Scheduler::Schedule": "Name", "AWS::Logs::LogGroup": "LogGroupName", "AWS::KMS::Alias": "AliasName"} {
		for _, r := range of(templates, kind) {
			if name := r.text(property); strings.HasPrefix(r.stack, "mfawatch-breakglass") && !strings.Contains(whole, name) && !(strings.HasPrefix(name, "mfawatch-break-glass") && strings.Contains(whole, `role/mfawatch-break-glass*"`)) {
				t.Errorf("%s is not held by the control policy", r)
			}
		}
	}
	for _, principal := range append([]string{"door/ada", "door/grace", "door/edsger"}, offlineUsers(t, d.BreakGlass.Principals)...) {
		if !strings.Contains(whole, "arn:aws:iam::111122223333:user/"+principal+`"`) {
			t.Errorf("%s is not held by the control policy", principal)
		}
	}
}

// offlineUsers are the users of the offline way, as they stand after user/.
func offlineUsers(t *testing.T, arns []string) []string {
	t.Helper()
	var all []string
	for _, arn := range arns {
		_, name, _ := strings.Cut(arn, ":user/")
		all = append(all, name)
	}
	if len(all) == 0 {
		t.Fatal("the deployment has no users of the offline way")
	}
	return all
}

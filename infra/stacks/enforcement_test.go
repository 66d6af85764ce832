package stacks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/config"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/guardrail"
)

const (
	adaARN   = "arn:aws:iam::111122223333:user/ada"
	graceARN = "arn:aws:iam::111122223333:user/ops/grace"
	readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	adminARN = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// enforcing is a deployment with everything that asks for a second factor.
func enforcing(t *testing.T) config.Deployment {
	t.Helper()
	d := deployment(t, "full")
	d.Guardrail = config.Guardrail{Kind: "self-service", Attach: config.ToGroup, TagGuard: true, MFAAge: 15 * time.Minute, Registrars: []string{adaARN}}
	d.MFARoles = []config.MFARole{
		{Name: "billing", Principals: []string{adaARN}, Policies: []string{readOnly}},
		{Name: "ops.admin", Principals: []string{adaARN, graceARN}, Policies: []string{adminARN}, Session: 4 * time.Hour, MFAAge: 10 * time.Minute},
	}
	d.BreakGlass = config.BreakGlass{Principals: []string{graceARN}, Policies: []string{adminARN}}
	return d
}

func with(t *testing.T, change func(*config.Deployment)) config.Deployment {
	t.Helper()
	d := enforcing(t)
	change(&d)
	return d
}

// only is the one resource of a type in a stack.
func only(t *testing.T, tpl template, kind string) resource {
	t.Helper()
	var found []resource
	for _, r := range tpl.Resources {
		if r.Type == kind {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d resources of type %s, want one", len(found), kind)
	}
	return found[0]
}

// named is the resource whose physical name is in a property.
func named(t *testing.T, tpl template, property, name string) resource {
	t.Helper()
	for _, r := range tpl.Resources {
		if r.Properties[property] == name {
			return r
		}
	}
	t.Fatalf("no resource whose %s is %s", property, name)
	return resource{}
}

// policyOf is a document of a template as audit/enforce reads it.
func policyOf(t *testing.T, name string, document any) enforce.Document {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	d, err := enforce.Parse(name, string(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func caller(credential enforce.Credential) enforce.Caller {
	return enforce.Caller{
		Partition: "aws", Account: "111122223333", Kind: audit.IAMUser, Path: "/", Name: "ada", ID: "AIDAEXAMPLEADA", TagsKnown: true,
		Credential: credential, MFAAge: time.Minute, OwnDevice: enforce.No,
	}
}

// answer is what the deployed document comes to beside a policy that allows
// everything.
func answer(t *testing.T, who enforce.Caller, p enforce.Policies, action, resource string) enforce.Answer {
	t.Helper()
	context := enforce.NewContext().With(enforce.KeyViaService, "false")
	return enforce.Evaluate(who.Request(context, action, resource), p).Answer
}

func TestDeployedGuardrailRefusesAndLetsEnrol(t *testing.T) {
	all := enforce.Document{Name: "all", Version: "2012-10-17", Statements: []enforce.Statement{{Effect: enforce.Allow, Actions: []string{"*"}, Resources: []string{"*"}}}}
	for _, place := range []config.Attach{config.ToGroup, config.ToBoundary, config.ToSCP} {
		templates, _ := synthesized(t, with(t, func(d *config.Deployment) { d.Guardrail.Attach = place }))
		tpl := templates["mfawatch-enforcement"]
		var p enforce.Policies
		switch place {
		case config.ToSCP:
			scp := named(t, tpl, "Name", "mfawatch-enforce-mfa")
			p = enforce.Policies{Identity: []enforce.Document{all}, SCPs: [][]enforce.Document{{all, policyOf(t, "scp", scp.Properties["Content"])}}}
		case config.ToBoundary:
			boundary := policyOf(t, "boundary", named(t, tpl, "ManagedPolicyName", "mfawatch-enforce-mfa").Properties["PolicyDocument"])
			p = enforce.Policies{Identity: []enforce.Document{all}, Boundary: &boundary}
		default:
			p = enforce.Policies{Identity: []enforce.Document{all, policyOf(t, "group", named(t, tpl, "ManagedPolicyName", "mfawatch-enforce-mfa").Properties["PolicyDocument"])}}
		}
		for _, row := range []struct {
			credential       enforce.Credential
			action, resource string
			want             enforce.Answer
		}{
			{enforce.AccessKey, "s3:GetObject", "arn:aws:s3:::reports/2026", enforce.ExplicitlyDenied},
			{enforce.PasswordNoMFA, "ec2:TerminateInstances", "arn:aws:ec2:eu-north-1:111122223333:instance/i-0123456789abcdef0", enforce.ExplicitlyDenied},
			{enforce.PasswordNoMFA, "iam:CreateVirtualMFADevice", "arn:aws:iam::111122223333:mfa/phone", enforce.Allowed},
			{enforce.PasswordNoMFA, "iam:EnableMFADevice", adaARN, enforce.Allowed},
			{enforce.PasswordNoMFA, "iam:EnableMFADevice", graceARN, enforce.ExplicitlyDenied},
			{enforce.PasswordNoMFA, "iam:DeactivateMFADevice", adaARN, enforce.ExplicitlyDenied},
			{enforce.WithMFA, "iam:TagUser", adaARN, enforce.Allowed}, // another tag than the guard's
			{enforce.WithMFA, "s3:GetObject", "arn:aws:s3:::reports/2026", enforce.Allowed},
		} {
			if got := answer(t, caller(row.credential), p, row.action, row.resource); got != row.want {
				t.Errorf("%s: %s by %s comes to %v, want %v", place, row.action, row.credential, got, row.want)
			}
		}
	}
}

func TestGuardrailOfGroup(t *testing.T) {
	for _, c := range []struct {
		groups []string
		want   any
	}{
		{nil, []any{map[string]any{"Ref": "Humans"}}},
		{[]string{"people", "ops"}, []any{"people", "ops"}},
	} {
		templates, _ := synthesized(t, with(t, func(d *config.Deployment) { d.Guardrail.Groups = c.groups }))
		tpl := templates["mfawatch-enforcement"]
		policy := named(t, tpl, "ManagedPolicyName", "mfawatch-enforce-mfa")
		if diff := cmp.Diff(c.want, policy.Properties["Groups"]); diff != "" {
			t.Error(diff)
		}
		if policy.Properties["Description"] != nil || policy.Properties["Roles"] != nil || policy.Properties["Users"] != nil {
			t.Errorf("the policy has a description, or is attached beyond groups: %v", policy.Properties)
		}
		humans, made := tpl.Resources["Humans"]
		if made != (c.groups == nil) {
			t.Errorf("groups %v, and group Humans made: %v", c.groups, made)
		}
		if made && (humans.DeletionPolicy != "RetainExceptOnCreate" || humans.UpdateReplacePolicy != "Retain" || humans.Properties["GroupName"] != "mfawatch-humans") {
			t.Errorf("group %+v, want mfawatch-humans, kept", humans)
		}
	}
}

// Each option of the file is in the text.
func TestGuardrailTakesEveryOption(t *testing.T) {
	for _, want := range []guardrail.Options{
		{Kind: "self-service"},
		{Kind: "mfa-only", PasswordChange: true, MFAAge: 15 * time.Minute},
		{Kind: "self-service", TagGuard: true, Registrars: []string{"arn:aws:iam::111122223333:role/mfawatch-mfa-registrar"}},
		{Kind: "hardware", FIDOLevels: []string{"L2", "L2plus"}},
		{Kind: "admin-managed", Registrars: []string{"arn:aws:iam::111122223333:role/mfawatch-mfa-registrar"}},
	} {
		text, err := guardrail.Generate(want)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := Prepare(with(t, func(d *config.Deployment) {
			d.Guardrail = config.Guardrail{Kind: string(want.Kind), Attach: config.ToGroup, PasswordChange: want.PasswordChange, MFAAge: want.MFAAge, TagGuard: want.TagGuard, FIDOLevels: want.FIDOLevels}
			if want.Registrars != nil {
				d.Guardrail.Registrars = []string{adaARN}
			}
		}), bootstraps(t))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text.JSON(), plan.b.guards.policy.JSON()); diff != "" {
			t.Errorf("%+v: %s", want, diff)
		}
	}
}

func TestGuardrailElsewhere(t *testing.T) {
	templates, _ := synthesized(t, with(t, func(d *config.Deployment) { d.Guardrail.Attach = config.ToBoundary }))
	tpl := templates["mfawatch-enforcement"]
	if got := named(t, tpl, "ManagedPolicyName", "mfawatch-enforce-mfa").Properties["Groups"]; got != nil {
		t.Errorf("a boundary is attached to %v", got)
	}
	if got := fmt.Sprint(tpl.Outputs["BoundaryARN"]); !strings.Contains(got, "arn:aws:iam::111122223333:policy/mfawatch-enforce-mfa") {
		t.Errorf("output %s does not name the policy", got)
	}
	for _, targets := range [][]string{nil, {"r-abcd", "ou-abcd-12345678"}} {
		templates, _ := synthesized(t, with(t, func(d *config.Deployment) { d.Guardrail.Attach, d.Guardrail.SCPTargets = config.ToSCP, targets }))
		scp := only(t, templates["mfawatch-enforcement"], "AWS::Organizations::Policy")
		var want any
		for _, target := range targets {
			list, _ := want.([]any)
			want = append(list, target)
		}
		if diff := cmp.Diff(want, scp.Properties["TargetIds"]); diff != "" || scp.Properties["Type"] != "SERVICE_CONTROL_POLICY" {
			t.Errorf("type %v, targets: %s", scp.Properties["Type"], diff)
		}
		// Each account's own registrar enrols there: this account's alone would leave none.
		if text, _ := json.Marshal(scp.Properties["Content"]); !strings.Contains(string(text), `"arn:aws:iam::*:role/mfawatch-mfa-registrar"`) {
			t.Error("the policy does not leave the registrars of all accounts out")
		}
	}
}

// trusted asks who may assume a role.
func trusted(t *testing.T, tpl template, role string, who enforce.Caller) enforce.Answer {
	t.Helper()
	trust := policyOf(t, role, named(t, tpl, "RoleName", role).Properties["AssumeRolePolicyDocument"])
	request := who.Request(enforce.NewContext().With(enforce.KeyViaService, "false"), "sts:AssumeRole", "arn:aws:iam::111122223333:role/"+role)
	return enforce.Evaluate(request, enforce.Policies{Resource: &trust}).Answer
}

func TestRolesOfPeopleNeedMFA(t *testing.T) {
	templates, _ := synthesized(t, enforcing(t))
	grace, other := caller(enforce.WithMFA), caller(enforce.WithMFA)
	grace.Path, grace.Name, grace.ID, other.Name, other.ID = "/ops/", "grace", "AIDAEXAMPLEGRACE", "mallory", "AIDAEXAMPLEMALLORY"
	for _, c := range []struct {
		stack, role string
		who         enforce.Caller
		age         time.Duration // the oldest MFA, which is refused itself
		session     any
		policies    any
	}{
		{"enforcement", "mfawatch-mfa-registrar", caller(enforce.WithMFA), time.Hour, nil, nil},
		{"enforcement", "billing", caller(enforce.WithMFA), time.Hour, nil, []any{readOnly}},
		{"enforcement", "ops.admin", grace, 10 * time.Minute, 14400.0, []any{adminARN}},
		{"breakglass", "mfawatch-break-glass", grace, 15 * time.Minute, 3600.0, []any{adminARN}},
	} {
		tpl := templates["mfawatch-"+c.stack]
		ask := func(credential enforce.Credential, age time.Duration, want enforce.Answer) {
			t.Helper()
			who := c.who
			who.Credential, who.MFAAge = credential, age
			if got := trusted(t, tpl, c.role, who); got != want {
				t.Errorf("%s by %s with %s, %s old: %v, want %v", c.role, who.Name, credential, age, got, want)
			}
		}
		ask(enforce.WithMFA, c.age-time.Second, enforce.Allowed)
		ask(enforce.WithMFA, c.age, enforce.ImplicitlyDenied)
		ask(enforce.PasswordNoMFA, 0, enforce.ImplicitlyDenied)
		ask(enforce.AccessKey, 0, enforce.ImplicitlyDenied)
		if got := trusted(t, tpl, c.role, other); got != enforce.ImplicitlyDenied {
			t.Errorf("%s by %s: %v", c.role, other.Name, got)
		}
		r := named(t, tpl, "RoleName", c.role)
		if diff := cmp.Diff([]any{c.session, c.policies}, []any{r.Properties["MaxSessionDuration"], r.Properties["ManagedPolicyArns"]}); diff != "" {
			t.Errorf("%s: session and policies: %s", c.role, diff)
		}
	}
}

// A role's session never carries MFA: asking one for it would stop it.
func TestNoRoleIsAskedForMFA(t *testing.T) {
	templates, _ := synthesized(t, enforcing(t))
	roles := 0
	for name, tpl := range templates {
		for id, r := range tpl.Resources {
			text, _ := json.Marshal(r.Properties)
			switch {
			case r.Type == "AWS::IAM::Role":
				roles++
				if strings.Contains(string(text), "enforce-mfa") || r.Properties["PermissionsBoundary"] != nil {
					t.Errorf("%s: role %s has the guardrail", name, id)
				}
			case r.Type == "AWS::IAM::ManagedPolicy" && r.Properties["Roles"] != nil, r.Type == "AWS::IAM::Policy", r.Type == "AWS::IAM::RolePolicy":
				if strings.Contains(string(text), "MultiFactorAuth") {
					t.Errorf("%s: policy %s of a role asks for MFA", name, id)
				}
			}
		}
	}
	if roles < 8 {
		t.Errorf("%d roles were looked at", roles)
	}
}

func TestRegistrarDoesWhatRegisteringNeeds(t *testing.T) {
	users, devices := "arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:mfa/*"
	look := []any{
		map[string]any{"Sid": "FindPeople", "Effect": "Allow", "Action": []any{"iam:ListUsers", "iam:ListVirtualMFADevices"}, "Resource": "*"},
		map[string]any{"Sid": "LookAtFactors", "Effect": "Allow", "Action": []any{"iam:GetMFADevice", "iam:GetUser", "iam:ListMFADevices"}, "Resource": users},
	}
	for _, c := range []struct {
		kind string
		tag  bool
		want []any
	}{
		{"admin-managed", false, []any{
			map[string]any{"Sid": "MakeDevices", "Effect": "Allow", "Action": []any{"iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"}, "Resource": devices},
			map[string]any{"Sid": "GiveAndTakeFactors", "Effect": "Allow", "Action": []any{"iam:DeactivateMFADevice", "iam:EnableMFADevice", "iam:ResyncMFADevice"}, "Resource": users},
		}},
		{"mfa-only", true, []any{
			map[string]any{"Sid": "MarkPeople", "Effect": "Allow", "Action": []any{"iam:TagUser", "iam:UntagUser"}, "Resource": users, "Condition": map[string]any{
				"ForAllValues:StringEquals": map[string]any{"aws:TagKeys": []any{"mfa-enrolled"}}, "Null": map[string]any{"aws:TagKeys": "false"},
			}},
		}},
	} {
		templates, _ := synthesized(t, with(t, func(d *config.Deployment) {
			d.Guardrail = config.Guardrail{Kind: c.kind, Attach: config.ToGroup, TagGuard: c.tag, Registrars: []string{adaARN}}
		}))
		policy := named(t, templates["mfawatch-enforcement"], "ManagedPolicyName", "mfawatch-mfa-registrar")
		want := map[string]any{"Version": "2012-10-17", "Statement": slices.Concat(look, c.want)}
		got := lists(policy.Properties["PolicyDocument"])
		if diff := cmp.Diff(lists(want), got); diff != "" {
			t.Errorf("%s: %s", c.kind, diff)
		}
	}
}

// lists makes a list of each single action and resource: which of the two a
// template has decides nothing.
func lists(v any) any {
	switch v := v.(type) {
	case map[string]any:
		same := map[string]any{}
		for key, value := range v {
			if text, single := value.(string); single && (key == "Action" || key == "Resource") {
				value = []any{text}
			}
			same[key] = lists(value)
		}
		return same
	case []any:
		var same []any
		for _, value := range v {
			same = append(same, lists(value))
		}
		return same
	}
	return v
}

func TestWithoutGuardrailThereIsNoStack(t *testing.T) {
	templates, _ := synthesized(t, deployment(t, "minimal"))
	for name := range templates {
		if strings.Contains(name, "enforcement") || strings.Contains(name, "breakglass") {
			t.Errorf("stack %s", name)
		}
	}
}

// What IAM would not store is told before anything is made, by the key that it is
// about.
func TestGuardrailFaultsNameTheKey(t *testing.T) {
	many := func(n int) []string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf("arn:aws:iam::111122223333:user/%s%d", strings.Repeat("a", 60), i))
		}
		return all
	}
	for want, change := range map[string]func(*config.Deployment){
		`guardrail.attach: "role" is not one of group, boundary, scp`: func(d *config.Deployment) { d.Guardrail.Attach = "role" },
		`guardrail.profile: "all" is not one of`:                      func(d *config.Deployment) { d.Guardrail.Kind = "all" },
		"guardrail.fido_levels: it says nothing":                      func(d *config.Deployment) { d.Guardrail.FIDOLevels = []string{"L1"} },
		`guardrail.fido_levels: "L9"`: func(d *config.Deployment) {
			d.Guardrail.Kind, d.Guardrail.FIDOLevels = "hardware", []string{"L9"}
		},
		"guardrail.mfa_age: 1s": func(d *config.Deployment) { d.Guardrail.MFAAge = time.Second },
		"guardrail.tag_guard: it says nothing": func(d *config.Deployment) {
			d.Guardrail.Kind, d.Guardrail.MFAAge = "admin-managed", 0
		},
		"guardrail.registrars: a trust policy needs the users": func(d *config.Deployment) { d.Guardrail.Registrars = nil },
		"guardrail.registrars: the document would have":        func(d *config.Deployment) { d.Guardrail.Registrars = many(30) },
		"mfa_roles[1].principals: the document would have":     func(d *config.Deployment) { d.MFARoles[1].Principals = many(30) },
		`mfa_roles[0].principals: "arn:aws:iam::111122223333:role/a" is a role`: func(d *config.Deployment) {
			d.MFARoles[0].Principals = []string{"arn:aws:iam::111122223333:role/a"}
		},
		"mfa_roles[0].session: 13h0m0s is not between": func(d *config.Deployment) { d.MFARoles[0].Session = 13 * time.Hour },
		"mfa_roles[0].policies: 11 policies":           func(d *config.Deployment) { d.MFARoles[0].Policies = many(11) },
		`mfa_roles[1].name: "mfawatch-signin" begins`:  func(d *config.Deployment) { d.MFARoles[1].Name = "mfawatch-signin" },
		`mfa_roles[0].name: "a b" is no name`:          func(d *config.Deployment) { d.MFARoles[0].Name = "a b" },
		"break_glass.mfa_age: 48h0m0s":                 func(d *config.Deployment) { d.BreakGlass.MFAAge = 48 * time.Hour },
		"break_glass.session: 30m0s is not between":    func(d *config.Deployment) { d.BreakGlass.Session = 30 * time.Minute },
		"break_glass.principals: \"*\" is a whole":     func(d *config.Deployment) { d.BreakGlass.Principals = []string{"*"} },
	} {
		_, err := Prepare(with(t, change), bootstraps(t))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Prepare says %v, want one line that begins %s", err, want)
		}
	}
}

// IAM's quotas count characters without white space (IAM user guide, IAM and AWS STS
// quotas).
func TestPoliciesFit(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		n := 0
		for kind, most := range map[string]struct {
			property string
			length   int
		}{
			"AWS::IAM::ManagedPolicy": {"PolicyDocument", 6144}, "AWS::IAM::Role": {"AssumeRolePolicyDocument", 2048}, "AWS::Organizations::Policy": {"Content", 10240},
		} {
			for _, r := range of(templates, kind) {
				n++
				if got := len(r.text(most.property)); got > most.length {
					t.Errorf("%s has %d characters, IAM stores %d", r, got, most.length)
				}
			}
		}
		if n < 8 {
			t.Errorf("only %d documents", n)
		}
	})
}

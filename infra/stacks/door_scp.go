package stacks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// doorPolicyName is the file beside the functions' folders that make synth writes:
// the control policy for the account of the emergency door.
const doorPolicyName = "break-glass-scp.json"

// doorPolicy is a service control policy that keeps everybody in the account, its
// administrators and root included, from changing the door: but CloudFormation's
// role when it deploys, the function where it writes itself, and PREFIX-door-keeper,
// a role that whoever enrols has to be in. It allows nothing. The management account
// is bound by no control policy.
func (b *builder) doorPolicy() []statement {
	fn, callers := b.functionARN(emergencyFunction), []string{}
	for _, p := range b.rules.People {
		callers = append(callers, p.Principals...)
	}
	deployer, itself, keeper := b.cdkRole("cfn-exec"), b.role(emergencyFunction), b.role("door-keeper")
	assume := []string{"iam:Get*", "iam:List*", "sts:*"}
	all := []statement{
		denyBut("FunctionStays", []string{"lambda:Get*", "lambda:Invoke*", "lambda:List*"}, fn, fn+":*").unless(deployer),
		// Who invokes the function directly needs no MFA to be who they are.
		deny("NobodyPretends", []string{"lambda:InvokeFunction"}, fn, fn+":*").unless(b.role(emergencyFunction+"-schedule")).
			also("BoolIfExists", object{"lambda:InvokedViaFunctionUrl": "false"}),
		// iam:PassRole is among what is not listed.
		// The door's roles are PREFIX-break-glass and what goes on with a name: a control policy has no room for each.
		denyBut("RolesStay", assume,
			itself, b.role(emergencyFunction+"-schedule"), b.role(emergencyRole+"*"), b.policy(emergencyFunction), b.policy(emergencyFunction+"-callers"), b.policy(emergencyFunction+"-schedule")).unless(deployer, itself),
		// Who could make, change or pass what is spared would be spared.
		denyBut("SparedStay", assume, deployer, b.cdkRole("deploy"), keeper).unless(b.cdkRole("deploy")),
		denyBut("CallersStay", []string{"iam:Get*", "iam:List*"}, callers...).unless(deployer, keeper),
		deny("KeyStays", []string{"kms:*Alias", "kms:DisableKey*", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"}, "*").unless(deployer).
			also("ForAnyValue:StringEquals", object{"kms:ResourceAliases": "alias/" + b.of(emergencyFunction)}),
		denyBut("RowsStay", []string{"dynamodb:ConditionCheckItem", "dynamodb:CreateBackup", "dynamodb:Describe*", "dynamodb:GetItem", "dynamodb:List*", "dynamodb:Query", "dynamodb:Scan"},
			b.table(emergencyFunction), b.table(emergencyLedger)).unless(deployer, itself, keeper),
		denyBut("RecordStays", []string{"s3:Get*", "s3:List*"}, b.bucketARN(emergencyRecord), b.objects(emergencyRecord, "")).unless(deployer, itself),
		deny("WatchStays", []string{"cloudwatch:DeleteAlarms", "cloudwatch:DisableAlarmActions", "cloudwatch:PutMetricAlarm", "cloudwatch:SetAlarmState", "logs:Delete*", "logs:PutRetentionPolicy", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"},
			b.arn("cloudwatch", b.home, "alarm:"+b.of(emergencyFunction)+"-*"), b.logs(b.logGroup(emergencyFunction))+"*", b.arn("scheduler", b.home, "schedule/default/"+b.of(emergencyFunction))).unless(deployer),
		deny("StacksStay", []string{"cloudformation:CreateChangeSet", "cloudformation:DeleteStack", "cloudformation:ExecuteChangeSet", "cloudformation:UpdateStack", "cloudformation:UpdateTerminationProtection"},
			b.arn("cloudformation", b.home, "stack/"+b.of(emergencyFunction)+"*/*")).unless(b.cdkRole("deploy")),
	}
	if users := b.d.BreakGlass.Principals; len(users) > 0 {
		// The session of the offline way rotates its user's access key, which opens
		// nothing without the user's MFA device.
		all = append(all, denyBut("OfflineStays", []string{"iam:*AccessKey*", "iam:Get*", "iam:List*"}, users...).unless(deployer, keeper))
	}
	return all
}

// cdkRole is a role that cdk bootstrap made, under the qualifier that it uses unless it
// is told another. A star in its place would spare whoever makes a role of such a name.
func (b *builder) cdkRole(name string) string {
	return b.arn("iam", "", "role/cdk-hnb659fds-"+name+"-role-"+b.account+"-"+b.home)
}

func deny(sid string, actions []string, resources ...string) statement {
	return statement{Sid: sid, Effect: "Deny", Action: actions, Resource: resources}
}

// denyBut denies every action on resources but some.
func denyBut(sid string, actions []string, resources ...string) statement {
	return statement{Sid: sid, Effect: "Deny", NotAction: actions, Resource: resources}
}

func (s statement) unless(principals ...string) statement {
	return s.when(object{"ArnNotLike": object{"aws:PrincipalArn": principals}})
}

// also adds a condition to those that it has.
func (s statement) also(operator string, condition object) statement {
	s.Condition[operator] = condition
	return s
}

// stageDoorPolicy writes the control policy where the functions are staged: it is no
// part of a stack, since it belongs to the organisation's management account.
func (b *builder) stageDoorPolicy() error {
	if !b.d.BreakGlass.Door.There() {
		return nil
	}
	text, err := json.MarshalIndent(document(b.doorPolicy()...), "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", doorPolicyName, err)
	}
	return os.WriteFile(filepath.Join(b.assets.Staging, doorPolicyName), append(text, '\n'), 0o644)
}

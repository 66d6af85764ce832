package stacks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsorganizations"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
	"mfawatch/audit/enforce/guardrail"
)

// makeEnforcement makes the guardrail where it is attached, the role that enrols
// for others, and the roles that only MFA opens. IAM is the same in every Region:
// the stack stands in the home Region because the others do.
func (b *builder) makeEnforcement() {
	if b.guards.policy == nil && len(b.guards.roles) == 0 {
		return
	}
	s := b.stack("enforcement", b.home, "what asks people for a second factor")
	if b.guards.policy != nil {
		b.makeGuardrail(s, *b.guards.policy)
	}
	if b.guards.registrar != nil {
		b.makeRegistrar(s, *b.guards.registrar)
	}
	for i, r := range b.d.MFARoles {
		b.makeMFARole(s, i, r)
	}
}

func (b *builder) makeGuardrail(s awscdk.Stack, d guardrail.Document) {
	switch b.d.Guardrail.Attach {
	case config.ToSCP:
		b.makeControlPolicy(s, d)
	case config.ToBoundary:
		b.makeManagedPolicy(s, d, nil)
		// A boundary attaches itself to nobody: it is named when a user is made.
		awscdk.NewCfnOutput(s, jsii.String("BoundaryARN"), &awscdk.CfnOutputProps{
			Value: jsii.String(b.policy("enforce-mfa")), Description: jsii.String("Permissions boundary to give to users: iam put-user-permissions-boundary, and condition iam:PermissionsBoundary on CreateUser"),
		})
	default:
		b.makeManagedPolicy(s, d, b.groups(s))
	}
}

// makeManagedPolicy has no description: IAM never changes one, and CloudFormation
// could not replace a policy that has a name.
func (b *builder) makeManagedPolicy(s awscdk.Stack, d guardrail.Document, groups *[]any) {
	awsiam.NewCfnManagedPolicy(s, jsii.String("EnforceMFA"), &awsiam.CfnManagedPolicyProps{
		ManagedPolicyName: jsii.String(b.of("enforce-mfa")), PolicyDocument: written(d), Groups: groups,
	})
}

// groups are the groups that the guardrail is attached to: those that are named, or
// a new one. The new one is kept with the people in it, whom CloudFormation does
// not know.
func (b *builder) groups(s awscdk.Stack) *[]any {
	if len(b.d.Guardrail.Groups) > 0 {
		return anys(b.d.Guardrail.Groups)
	}
	group := awsiam.NewCfnGroup(s, jsii.String("Humans"), &awsiam.CfnGroupProps{GroupName: jsii.String(b.of("humans"))})
	retained(group)
	return &[]any{group.Ref()}
}

// makeControlPolicy makes the policy of the organisation. Its id is its own:
// CloudFormation turns no resource into one of another kind. Without targets it is
// stored and binds nobody. Only the management account, or an account to which
// Organizations has delegated policies, can deploy it (Organizations user guide,
// delegated administrator).
func (b *builder) makeControlPolicy(s awscdk.Stack, d guardrail.Document) {
	p := awsorganizations.NewCfnPolicy(s, jsii.String("EnforceMFAInOrganization"), &awsorganizations.CfnPolicyProps{
		Name: jsii.String(b.of("enforce-mfa")), Description: jsii.String("mfawatch: asks IAM users for a second factor"), Type: jsii.String("SERVICE_CONTROL_POLICY"),
		Content: written(d), TargetIds: list(b.d.Guardrail.SCPTargets),
	})
	awscdk.NewCfnOutput(s, jsii.String("ControlPolicyID"), &awscdk.CfnOutputProps{
		Value: p.AttrId(), Description: jsii.String("Service control policy: organizations attach-policy attaches it to what guardrail.scp_targets does not name"),
	})
}

func (b *builder) makeRegistrar(s awscdk.Stack, trust guardrail.Document) {
	roleTrusting(s, b.names, "mfa-registrar", "Enrols second factors for others; assumed with MFA", written(trust), 0, nil, b.registrarStatements()...)
}

// registrarStatements are what the registrar does: factors where nobody enrols his
// own, the tag where the guardrail asks for it, and no password, key or policy.
func (b *builder) registrarStatements() []statement {
	users, devices := b.arn("iam", "", "user/*"), b.arn("iam", "", "mfa/*")
	all := []statement{
		// Both list the account and know no resource that is narrower.
		allow("FindPeople", []string{"iam:ListUsers", "iam:ListVirtualMFADevices"}, "*"),
		allow("LookAtFactors", []string{"iam:GetMFADevice", "iam:GetUser", "iam:ListMFADevices"}, users),
	}
	if b.d.Guardrail.Kind == string(guardrail.AdminManaged) {
		return append(all,
			allow("MakeDevices", []string{"iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"}, devices),
			allow("GiveAndTakeFactors", []string{"iam:DeactivateMFADevice", "iam:EnableMFADevice", "iam:ResyncMFADevice"}, users),
		)
	}
	return append(all, allow("MarkPeople", []string{"iam:TagUser", "iam:UntagUser"}, users).when(object{
		"ForAllValues:StringEquals": object{"aws:TagKeys": []string{guardrail.TagKey}},
		"Null":                      object{"aws:TagKeys": "false"}, // ForAllValues is content with none
	}))
}

// makeMFARole makes one of mfa_roles. Its name is the file's own, so it is no role
// of the deployment's.
func (b *builder) makeMFARole(s awscdk.Stack, i int, r config.MFARole) {
	props := &awsiam.CfnRoleProps{
		RoleName: jsii.String(r.Name), Description: jsii.String("mfawatch: named users assume this role with MFA"),
		AssumeRolePolicyDocument: written(b.guards.roles[i]), ManagedPolicyArns: anys(r.Policies),
	}
	if r.Session > 0 {
		props.MaxSessionDuration = jsii.Number(r.Session.Seconds())
	}
	awsiam.NewCfnRole(s, jsii.String("MFARole"+letters(r.Name)), props)
}

// letters is a name as a logical id has it, which is letters and digits: anything
// else by its number. The id goes by the name, so that the order of the roles in
// the file decides nothing.
func letters(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "x%02x", c)
	}
	return b.String()
}

package stacks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/collect"
	"mfawatch/audit/pattern/deployed"
)

// longestBody is what CloudFormation takes as a template's text (CloudFormation
// user guide, quotas).
const longestBody = 51_200

// makeTemplate makes the template of what stands in every account of the
// organisation, as a text for the StackSet and as a file beside the others to
// deploy by hand in the management account, which no StackSet reaches.
func (b *builder) makeTemplate() (string, error) {
	template, err := b.memberTemplate()
	if err == nil {
		err = fits(template)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(*b.app.Outdir(), b.of("member")+".template.json"), template, 0o644)
	}
	if err != nil {
		return "", fmt.Errorf("the template for member accounts: %w", err)
	}
	return string(template), nil
}

func fits(template []byte) error {
	if len(template) > longestBody {
		return fmt.Errorf("it has %d bytes, and a StackSet takes %d: choose a shorter prefix", len(template), longestBody)
	}
	return nil
}

// memberTemplate is synthesized in an app of its own: cdk deploy --all must not
// deploy it where the functions are, whose stacks have the same names in them. It
// says AWS::AccountId and AWS::Region where its names have an account and a Region;
// an organisation has one partition, which is written down.
func (b *builder) memberTemplate() ([]byte, error) {
	out := filepath.Join(b.assets.Staging, "member")
	app := NewApp(jsii.String(out))
	in := *b
	in.app, in.account = app, *awscdk.Aws_ACCOUNT_ID()
	in.makeMember(b.names)
	app.Synth(nil)
	text, err := os.ReadFile(filepath.Join(out, b.of("member")+".template.json"))
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, text)
	return compact.Bytes(), err
}

// makeMember makes the stack: rules in every Region, whose target is the central
// bus, and in the home Region the roles. It has no code, so no bucket for it.
func (b *builder) makeMember(central names) {
	s := awscdk.NewStack(b.app, jsii.String(b.of("member")), &awscdk.StackProps{
		Description: jsii.String("mfawatch: sends sign-ins and changes of this account to account " + central.account + ", and lets it read who holds which factor"),
		Synthesizer: awscdk.NewLegacyStackSynthesizer(), AnalyticsReporting: jsii.Bool(false),
	})
	home := where(s, "IsHome", b.home)
	here := *s.Region()
	b.makeDeadLetters(s, "rules-dead", "events.amazonaws.com", b.rule(here, "", b.prefix+"-*"))
	// IAM writes its events in one Region of the partition.
	iam := home
	if b.home != central.iamRegion() {
		iam = where(s, "IsIAMRegion", central.iamRegion())
	}
	forward := role(s, b.names, "forward", "events.amazonaws.com", "Sends what the rules match to account "+central.account, allow("Forward", []string{"events:PutEvents"}, central.bus()))
	// EventBridge tries to assume the role when it takes the target: at home the rules
	// wait for it, and elsewhere it is there.
	sender := *awscdk.Fn_ConditionIf(home.LogicalId(), forward.arn(), b.role("forward")).ToString()
	atHome := b.role("forward")
	if iam == home {
		atHome = *forward.arn()
	}
	for _, r := range b.all {
		switch {
		case r.target != central.queue("sign-ins", central.home): // is about this deployment's own parts
		case r.Regions != deployed.HomeRegion:
			b.makeRule(s, standing{Rule: r.Rule, target: central.bus(), role: sender}, "")
		default:
			b.makeRule(s, standing{Rule: r.Rule, target: central.bus(), role: atHome}, "")
			conditioned(iam, s, pascal(r.Name))
		}
	}
	if b.memberChanges.Name != "" {
		b.makeRule(s, standing{Rule: b.memberChanges, target: central.bus(), role: sender}, "")
	}
	b.makeAudited(s, central)
	conditioned(home, s, "ForwardRole", "ForwardPolicy", "AuditMemberRole", "AuditMemberPolicy")
}

// makeAudited makes the role that the audit assumes. It trusts the function's
// role by name: an ARN as principal would have to be there first, and would not
// outlive that role (IAM user guide, principal element).
func (b *builder) makeAudited(s awscdk.Stack, central names) {
	trust := statement{Sid: "AuditAssumes", Effect: "Allow", Action: "sts:AssumeRole"}.
		to(object{"AWS": "arn:" + central.partition + ":iam::" + central.account + ":root"}).
		when(object{
			"ArnEquals":    object{"aws:PrincipalArn": central.role("audit")},
			"StringEquals": object{"aws:PrincipalOrgID": b.d.Organization.ID, "sts:ExternalId": b.externalID()},
		})
	reads := collected(collect.Policy())
	if b.d.Reports.SecurityHub {
		reads = append(reads, b.importFindings())
	}
	roleTrusting(s, b.names, "audit-member", "Lets the scheduled audit read who holds which second factor", document(trust), 0, nil, reads...)
}

// where is a condition: the stack stands in a Region.
func where(s awscdk.Stack, id, region string) awscdk.CfnCondition {
	return awscdk.NewCfnCondition(s, jsii.String(id), &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionEquals(awscdk.Aws_REGION(), region)})
}

// conditioned puts a condition to resources of a stack.
func conditioned(c awscdk.CfnCondition, s awscdk.Stack, ids ...string) {
	for _, id := range ids {
		made(s, id).CfnOptions().SetCondition(c)
	}
}

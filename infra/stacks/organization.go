package stacks

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// How a StackSet goes through the accounts, in percent of them.
const (
	accountsAtOnce = 25
	accountsFailed = 10
)

// makeOrganization makes the StackSet that deploys the member template into every
// account of the organisation or of some units, and into those that join.
func (b *builder) makeOrganization(detection awscdk.Stack) {
	if !b.organizational() {
		return
	}
	s := b.stack("organization", b.home, "the StackSet of the member accounts", detection)
	template, err := b.makeTemplate()
	if err != nil {
		panic(err) // as the CDK tells of what it cannot synthesize
	}
	callAs := "SELF"
	if b.d.Organization.Delegated {
		callAs = "DELEGATED_ADMIN"
	}
	awscdk.NewCfnStackSet(s, jsii.String("Members"), &awscdk.CfnStackSetProps{
		StackSetName: jsii.String(b.of("member")), Description: jsii.String("mfawatch: rules and roles in the accounts of the organisation"),
		PermissionModel: jsii.String("SERVICE_MANAGED"), CallAs: jsii.String(callAs), Capabilities: jsii.Strings("CAPABILITY_NAMED_IAM"),
		AutoDeployment: object{"enabled": true, "retainStacksOnAccountRemoval": false}, ManagedExecution: object{"Active": true},
		OperationPreferences: &awscdk.CfnStackSet_OperationPreferencesProperty{
			// The home Region first: the roles that the rules send with are there.
			RegionConcurrencyType: jsii.String("SEQUENTIAL"), RegionOrder: list(b.homeFirst()),
			MaxConcurrentPercentage: jsii.Number(accountsAtOnce), FailureTolerancePercentage: jsii.Number(accountsFailed), ConcurrencyMode: jsii.String("SOFT_FAILURE_TOLERANCE"),
		},
		StackInstancesGroup: []any{object{"regions": b.homeFirst(), "deploymentTargets": b.targets()}},
		TemplateBody:        jsii.String(template),
	})
	awscdk.NewCfnOutput(s, jsii.String("ManagementAccount"), &awscdk.CfnOutputProps{
		Value:       jsii.String("aws cloudformation deploy --stack-name " + b.of("member") + " --template-file " + b.of("member") + ".template.json --capabilities CAPABILITY_NAMED_IAM --region REGION"),
		Description: jsii.String("No StackSet reaches the management account. Unless the stacks stand there, run this in it, in " + b.home + " first and then in each other Region"),
	})
}

// targets are the units whose accounts are meant. An account of the stacks that is
// a member itself has these rules and roles already, and is left out.
func (b *builder) targets() object {
	units := b.d.Organization.Units
	if len(units) == 0 {
		units = []string{b.d.Organization.Root}
	}
	if !b.d.Organization.Delegated {
		return object{"organizationalUnitIds": units}
	}
	return object{"organizationalUnitIds": units, "accountFilterType": "DIFFERENCE", "accounts": []string{b.account}}
}

// homeFirst are the Regions in the order of deployment.
func (b *builder) homeFirst() []string {
	others := slices.DeleteFunc(slices.Clone(b.d.Regions), func(r string) bool { return r == b.home })
	return append([]string{b.home}, others...)
}

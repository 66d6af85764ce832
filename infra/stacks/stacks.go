// Package stacks is what mfawatch deploys, as CDK stacks: trail, detection in
// every Region, metrics, audits, the guardrail, the emergency role, and what
// watches the monitor itself.
//
// It promises that the same mfawatch.yaml gives the same templates, byte for byte;
// that what holds data (buckets, table, key, log groups) is in stacks of its own
// and outlives them; that each role may do what its function does and nothing
// else; and that a deployment that cannot be made is one error before anything is
// synthesized. It looks nothing up in an account, needs no custom resource and no
// Docker.
//
// The constructs are CloudFormation's own (Cfn…), so that a template holds what is
// written here and nothing that a construct thought of, such as inline policies.
package stacks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/totp/breakglass"
)

// Plan is a deployment in which nothing wrong was found, and whose functions are
// staged.
type Plan struct{ b *builder }

// Prepare finds everything that may be wrong with a deployment, before the CDK is
// started.
func Prepare(d config.Deployment, a Assets) (Plan, error) {
	b := &builder{d: d, names: namesOf(d), assets: a}
	return Plan{b}, b.prepare()
}

// NewApp is an app whose templates are checked against CloudFormation's rules when
// they are synthesized, into the folder out or where the cdk command says.
func NewApp(out *string) awscdk.App {
	return awscdk.NewApp(&awscdk.AppProps{Outdir: out, AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{
		"@aws-cdk/core:validateAgainstDefaultRules": true,
		"@aws-cdk/core:defaultCrossStackReferences": "strong", // a key that others use cannot go first
	}})
}

// Build adds the stacks to an app.
func (p Plan) Build(app awscdk.App) {
	p.b.app = app
	p.b.tag()
	p.b.build()
}

// builder holds what all stacks are made of.
type builder struct {
	names
	app           awscdk.App
	d             config.Deployment
	assets        Assets
	staged        map[string]string // folders of the functions' code, by name
	key           *string           // ARN of the KMS key: a text, or what the data stack exports
	data          awscdk.Stack
	all           []standing    // every rule
	memberChanges deployed.Rule // of member accounts, told of by the rules about the monitor; empty: there is none
	guards        guards
	rules         breakglass.Rules // of the emergency door's function
	stacks        []awscdk.Stack   // that were made, in this order
}

// prepare finds everything that may be wrong before a construct is made.
func (b *builder) prepare() error {
	if b.iamRegion() == "" {
		return fmt.Errorf("home_region %s: its partition is not known", b.d.Home)
	}
	if err := b.prepareGuards(); err != nil {
		return err
	}
	if err := b.prepareDoor(); err != nil {
		return err
	}
	if err := b.checkMetrics(); err != nil {
		return err
	}
	if err := b.gather(); err != nil {
		return err
	}
	return b.stage()
}

// build makes the stacks in the order in which they are deployed.
func (b *builder) build() {
	b.makeData()
	if b.d.Trail.Adopt == "" {
		b.makeTrail()
	}
	detection := b.makeDetection()
	b.makeForwards(detection)
	b.makeAudit()
	if b.d.Watchdog.Enabled {
		// Its schedules begin at once, and look for all that was made so far.
		b.makeWatchdog(b.stacks...)
	}
	b.makeOrganization(detection)
	b.makeMetrics()
	b.makeEnforcement()
	b.makeBreakGlass(detection)
}

func (b *builder) tag() {
	tags := awscdk.Tags_Of(b.app)
	// A dashboard's tags are newer than what many tools know of templates.
	but := &awscdk.TagProps{ExcludeResourceTypes: jsii.Strings("AWS::CloudWatch::Dashboard")}
	tags.Add(jsii.String("application"), jsii.String("mfawatch"), but)
	for _, key := range sortedKeys(b.d.Tags) {
		tags.Add(jsii.String(key), jsii.String(b.d.Tags[key]), but)
	}
}

// stack makes a stack in a Region. after are those that have to be there first.
func (b *builder) stack(name, region, description string, after ...awscdk.Stack) awscdk.Stack {
	s := awscdk.NewStack(b.app, jsii.String(b.of(name)), &awscdk.StackProps{
		StackName: jsii.String(b.of(name)), Description: jsii.String("mfawatch: " + description),
		Env:                   &awscdk.Environment{Account: jsii.String(b.account), Region: jsii.String(region)},
		TerminationProtection: jsii.Bool(true), AnalyticsReporting: jsii.Bool(false),
	})
	for _, other := range after {
		s.AddStackDependency(other, nil)
	}
	b.stacks = append(b.stacks, s)
	return s
}

// retained keeps a resource when its stack is deleted or replaces it. When the
// stack's first creation fails it goes with the rest: what stayed of that would
// hold its name, and every later try would fail on it (CloudFormation user guide,
// DeletionPolicy, RetainExceptOnCreate).
func retained(r awscdk.CfnResource) {
	r.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE, &awscdk.RemovalPolicyOptions{ApplyToUpdateReplacePolicy: jsii.Bool(true)})
}

// list is a list of texts as constructs take it; nil where there is none.
func list(texts []string) *[]*string {
	if len(texts) == 0 {
		return nil
	}
	return jsii.Strings(texts...)
}

// anys is the same for the properties that take references too.
func anys(texts []string) *[]any {
	if len(texts) == 0 {
		return nil
	}
	var all []any
	for _, text := range texts {
		all = append(all, text)
	}
	return &all
}

// pascal makes a construct's id of a name: sign-in-console → SignInConsole.
func pascal(name string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func number(n int) string { return strconv.Itoa(n) }

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

package stacks

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
	"mfawatch/audit/pattern/deployed"
)

// standing is a rule as it stands on a bus, and what it sends to.
type standing struct {
	deployed.Rule
	target string // its ARN
	role   string // whom EventBridge sends as; "": the target's own policy lets it in
}

// gather finds the rules of this deployment: those about sign-ins, and those with
// which the monitor watches itself.
func (b *builder) gather() error {
	for _, r := range deployed.Rules() {
		if r.OptIn == "" {
			b.all = append(b.all, standing{Rule: r, target: b.queue("sign-ins", b.home)})
		}
	}
	if b.d.BreakGlass.There() {
		use, err := deployed.Emergency(b.emergencyRoles()...)
		if err != nil {
			return fmt.Errorf("the rule about the emergency roles: %w", err)
		}
		b.all = append(b.all, standing{Rule: use, target: b.topic()})
	}
	if !b.d.Watchdog.Enabled {
		return nil
	}
	monitor, err := deployed.MonitorRules(b.own())
	if err != nil {
		return fmt.Errorf("the rules about the monitor itself: %w", err)
	}
	for _, r := range monitor {
		b.all = append(b.all, standing{Rule: r, target: b.topic()})
	}
	trail, err := deployed.CanaryTrail(b.prefix)
	if err != nil {
		return fmt.Errorf("the canary's rule: %w", err)
	}
	b.all = append(b.all, standing{Rule: trail, target: b.queue("canary", b.home)})
	if b.organizational() {
		b.memberChanges, err = deployed.MemberChanges(b.prefix)
	}
	return err
}

// own is what the monitor's rules watch. The key that is made with the stacks has
// no ARN yet.
func (b *builder) own() deployed.Own {
	o := deployed.Own{Prefix: b.prefix, FunctionARN: b.functionARN(""), TopicARN: b.topic(), KeyARN: b.d.KMS}
	if o.KeyARN == "" {
		o.KeyARN = deployed.KeyARNPlaceholder
	}
	return o
}

// on are the rules of a Region's default bus. Those of other Regions send all that
// they match home.
func (b *builder) on(region string) []standing {
	var here []standing
	for _, r := range b.all {
		there := map[deployed.Regions]bool{deployed.EveryRegion: true, deployed.HomeRegion: region == b.iamRegion(), deployed.StackRegion: region == b.home}
		if !there[r.Regions] {
			continue
		}
		if region != b.home {
			r.target, r.role, r.Input = b.bus(), b.role("forward"), nil
		}
		here = append(here, r)
	}
	return here
}

// arriving are the rules of the bus at home: of all that other Regions and
// accounts send.
func (b *builder) arriving() []standing {
	var here []standing
	for _, r := range b.all {
		if r.Regions != deployed.StackRegion {
			here = append(here, r)
		}
	}
	return here
}

// makeRule makes a rule with one target, on the default bus or on ours.
func (b *builder) makeRule(s awscdk.Stack, r standing, bus string) {
	target := &awsevents.CfnRule_TargetProperty{
		Id: jsii.String("mfawatch"), Arn: jsii.String(r.target),
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: jsii.String(b.queue("rules-dead", *s.Region()))},
		RetryPolicy:      &awsevents.CfnRule_RetryPolicyProperty{MaximumEventAgeInSeconds: jsii.Number(deliveryHours * oneHour), MaximumRetryAttempts: jsii.Number(deliveryRetries)},
	}
	if r.role != "" {
		target.RoleArn = jsii.String(r.role)
	}
	if r.Input != nil {
		target.InputTransformer = object{"inputPathsMap": r.Input.Paths, "inputTemplate": r.Input.Template}
	}
	props := &awsevents.CfnRuleProps{
		Name: jsii.String(b.of(r.Name)), Description: jsii.String(cut(r.Purpose, 512)), State: jsii.String(r.State), EventPattern: b.withKey(parsed(r.Pattern)), Targets: []any{target},
	}
	if bus == "" {
		awsevents.NewCfnRule(s, jsii.String(pascal(r.Name)), props)
		return
	}
	props.EventBusName = jsii.String(bus)
	rule := awsevents.NewCfnRule(s, jsii.String("Arriving"+pascal(r.Name)), props)
	rule.AddResourceDependency(s.Node().FindChild(jsii.String("Bus")).(awsevents.CfnEventBus), nil)
}

// parsed is a pattern as constructs take it.
func parsed(pattern string) any {
	var v any
	if err := json.Unmarshal([]byte(pattern), &v); err != nil {
		panic(err) // the patterns' own tests read every one
	}
	return v
}

// withKey puts the key into the places that were kept for it.
func (b *builder) withKey(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = b.withKey(v[k])
		}
	case []any:
		for i := range v {
			v[i] = b.withKey(v[i])
		}
	case string:
		switch v {
		case deployed.KeyARNPlaceholder:
			return *b.key
		case deployed.KeyIDPlaceholder:
			return *awscdk.Fn_Select(jsii.Number(1), awscdk.Fn_Split(jsii.String("/"), b.key, nil))
		}
	}
	return v
}

// expected is what the canary's daily check compares with: what is made here, in
// the terms of what AWS answers.
func (b *builder) expected() deployed.Expected {
	var e deployed.Expected
	for _, region := range b.d.Regions {
		e.Buses = append(e.Buses, deployed.Bus{Region: region, Name: "default", Rules: b.stood(region, b.on(region))})
	}
	e.Buses = append(e.Buses, deployed.Bus{Region: b.home, Name: b.prefix, Rules: b.stood(b.home, b.arriving())})
	for _, t := range b.d.Targets {
		e.Subscriptions = append(e.Subscriptions, subscription(t))
	}
	e.Subscriptions = append(e.Subscriptions, deployed.Subscribed("sqs", b.queue("canary", b.home), false))
	for _, name := range b.functions() {
		f := deployed.Function{Name: b.of(name), Sources: []string{}}
		if name == "signin" {
			f.Sources = append(f.Sources, b.queue("sign-ins", b.home))
		}
		e.Functions = append(e.Functions, f)
	}
	return e
}

func (b *builder) stood(region string, rules []standing) []deployed.Placed {
	all := []deployed.Placed{}
	for _, r := range rules {
		t := deployed.Target{ARN: r.target, Role: r.role, DeadLetter: b.queue("rules-dead", region)}
		if r.Input != nil {
			t.Text, t.Paths = r.Input.Template, r.Input.Paths
		}
		all = append(all, deployed.Placed{Name: b.of(r.Name), State: r.State, Pattern: r.Pattern, Targets: []deployed.Target{t}})
	}
	return all
}

// chatEndpoint is what Amazon Q Developer in chat applications subscribes, by
// itself, for each channel (its administrator guide, troubleshooting; not
// verified).
const chatEndpoint = "https://global.sns-api.chatbot.amazonaws.com"

// subscription is what stands on the topic of a target. Services confirm by
// themselves, and so cannot ask that ending it be authenticated.
func subscription(t config.Target) deployed.Subscription {
	switch t.Kind {
	case config.Slack, config.Teams:
		return deployed.Subscribed("https", chatEndpoint, true)
	case config.PagerDuty:
		return deployed.Subscribed("https", t.Address, true)
	}
	return deployed.Subscribed(strings.ToLower(string(t.Kind)), t.Address, t.Kind == config.HTTPS)
}

// Package eventbridge sends events to the default bus of a Region, and reads which
// rules stand on a bus.
//
// It promises that an event which EventBridge did not take is an error, also where
// the call itself was answered; and that rules are read whole, each with its
// targets, or not at all. Its errors name the action, the Region and AWS's code,
// and nothing of an event.
package eventbridge

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/internal/awserr"
)

// Buses are the event buses of an account, in any Region of its partition.
type Buses struct{ cfg aws.Config }

// New takes the configuration of any Region.
func New(cfg aws.Config) Buses { return Buses{cfg} }

func (b Buses) in(region string) *eventbridge.Client {
	return eventbridge.NewFromConfig(b.cfg, func(o *eventbridge.Options) { o.Region = region })
}

// Put sends one event to the default bus of a Region.
func (b Buses) Put(ctx context.Context, region, source, detailType string, detail []byte) error {
	out, err := b.in(region).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{Source: &source, DetailType: &detailType, Detail: aws.String(string(detail))},
	}})
	if err != nil {
		return refused("PutEvents", region, err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil { // an entry can fail in an answer that is none (EventBridge API reference, PutEvents)
			return fmt.Errorf("events:PutEvents in %s: %s", region, awserr.OneLine(*e.ErrorCode))
		}
	}
	if out.FailedEntryCount > 0 || len(out.Entries) == 0 {
		return fmt.Errorf("events:PutEvents in %s: not taken, and EventBridge does not say why", region)
	}
	return nil
}

// Rules are the rules of a bus whose names begin with prefix, by name.
func (b Buses) Rules(ctx context.Context, region, bus, prefix string) ([]deployed.Placed, error) {
	client := b.in(region)
	in := &eventbridge.ListRulesInput{EventBusName: &bus, NamePrefix: &prefix}
	var all []deployed.Placed
	for {
		out, err := client.ListRules(ctx, in)
		if err != nil {
			return nil, refused("ListRules", region, err)
		}
		for _, r := range out.Rules {
			targets, err := targets(ctx, client, region, bus, aws.ToString(r.Name))
			if err != nil {
				return nil, err
			}
			all = append(all, deployed.Placed{Name: aws.ToString(r.Name), State: string(r.State), Pattern: aws.ToString(r.EventPattern), Targets: targets})
		}
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

func targets(ctx context.Context, client *eventbridge.Client, region, bus, rule string) ([]deployed.Target, error) {
	in := &eventbridge.ListTargetsByRuleInput{EventBusName: &bus, Rule: &rule}
	var all []deployed.Target
	for {
		out, err := client.ListTargetsByRule(ctx, in)
		if err != nil {
			return nil, refused("ListTargetsByRule", region, err)
		}
		for _, t := range out.Targets {
			all = append(all, target(t))
		}
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

func target(t types.Target) deployed.Target {
	got := deployed.Target{ARN: aws.ToString(t.Arn), Role: aws.ToString(t.RoleArn), Text: aws.ToString(t.Input) + aws.ToString(t.InputPath)}
	if t.DeadLetterConfig != nil {
		got.DeadLetter = aws.ToString(t.DeadLetterConfig.Arn)
	}
	if t.InputTransformer != nil {
		got.Text, got.Paths = aws.ToString(t.InputTransformer.InputTemplate), t.InputTransformer.InputPathsMap
	}
	return got
}

func refused(action, region string, err error) error {
	return fmt.Errorf("events:%s in %s: %s", action, region, awserr.Code(err))
}

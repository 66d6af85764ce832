package stacks

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/pattern/deployed"
)

// makeMetrics makes the metric filters of the CIS benchmark with their alarms,
// where they are wanted, and the dashboard.
func (b *builder) makeMetrics() {
	s := b.stack("metrics", b.home, "metric filters of the CIS benchmark, their alarms, and the dashboard", b.data)
	if b.d.Metrics.Enabled {
		for _, f := range b.filters() {
			b.makeFilter(s, f)
		}
		b.makeTrailSilent(s)
	}
	b.makeDashboard(s)
}

// checkMetrics finds what metric filters lack. A log group is named, not looked
// up: that it is in this account and Region only AWS can tell.
func (b *builder) checkMetrics() error {
	m := b.d.Metrics
	if !m.Enabled {
		return nil
	}
	for _, id := range m.Filters {
		if !slices.ContainsFunc(deployed.Filters(), func(f deployed.Filter) bool { return f.ID == id }) {
			return fmt.Errorf("metrics: there is no filter %q: take the ids of docs/patterns.md", id)
		}
	}
	if !slices.Contains(deployed.Versions(), m.Version) {
		return fmt.Errorf("metrics: version %q of the CIS benchmark is not known: take one of %v", m.Version, deployed.Versions())
	}
	if b.trailLog() == "" {
		return fmt.Errorf("metrics: the trail has no log group, which filters stand on: let a created trail write one, or name the adopted trail's, in this account and %s", b.home)
	}
	return nil
}

// trailLog is the name of the trail's log group, "" where it has none.
func (b *builder) trailLog() string {
	switch {
	case b.d.Trail.Adopt != "":
		return b.d.Trail.LogGroup
	case b.d.Trail.Logs:
		return b.of("trail")
	}
	return ""
}

// filters are those that were named; where none were, the default ones.
func (b *builder) filters() []deployed.Filter {
	named := b.d.Metrics.Filters
	return slices.DeleteFunc(deployed.Filters(), func(f deployed.Filter) bool {
		if len(named) == 0 {
			return !f.Default
		}
		return !slices.Contains(named, f.ID)
	})
}

// counts says whether a filter is deployed.
func (b *builder) counts(id string) bool {
	return b.d.Metrics.Enabled && slices.ContainsFunc(b.filters(), func(f deployed.Filter) bool { return f.ID == id })
}

// makeFilter makes a metric filter and the alarm on its metric.
func (b *builder) makeFilter(s awscdk.Stack, f deployed.Filter) {
	pattern, form := f.Precise, "precise"
	if b.d.Metrics.Form == "compat" {
		pattern, form = f.Compat, "compat"
	}
	awslogs.NewCfnMetricFilter(s, jsii.String(pascal(f.ID)+"Filter"), &awslogs.CfnMetricFilterProps{
		LogGroupName: b.trailLog(), FilterName: jsii.String(b.of(f.ID)), FilterPattern: jsii.String(pattern),
		MetricTransformations: []any{&awslogs.CfnMetricFilter_MetricTransformationProperty{
			MetricName: jsii.String(f.Metric), MetricNamespace: jsii.String(deployed.Namespace),
			MetricValue: jsii.String("1"), DefaultValue: jsii.Number(deployed.DefaultValue), Unit: jsii.String("Count"),
		}},
	})
	version := b.d.Metrics.Version
	number := cmp.Or(f.Number(version), "without a number")
	b.makeAlarm(s, alarm{
		name: "cis-" + f.ID, namespace: deployed.Namespace, metric: f.Metric, statistic: "Sum", period: fiveMinutes,
		most: float64(f.Threshold), reached: true, silence: notBreaching, event: true,
		why:  fmt.Sprintf("CIS AWS Foundations Benchmark %s, %s%s: %s. One message for as long as it lasts: each sign-in is told of by the alerts. Form of the filter: %s.", version, number, hub(f.Control), f.Name, form),
		tags: map[string]string{"cis-version": version, "cis-control": number},
	})
}

// hub names Security Hub's control, where there is one.
func hub(control string) string {
	if control == "" {
		return ""
	}
	return " (Security Hub CSPM " + control + ")"
}

// makeTrailSilent makes the alarm that the log group is a dead pipe. This
// deployment's own schedules make events every hour.
func (b *builder) makeTrailSilent(s awscdk.Stack) {
	b.makeAlarm(s, alarm{
		name: "trail-silent", namespace: "AWS/Logs", metric: "IncomingLogEvents", dimensions: map[string]string{"LogGroupName": b.trailLog()},
		statistic: "Sum", period: oneHour, of: 2, in: 2, most: 1, below: true, silence: breaching,
		why: "The trail's log group " + b.trailLog() + " has had no event for two hours: the metric filters see nothing. Look at the trail's status and its role.",
	})
}

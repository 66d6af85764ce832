package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// alarm is one alarm that tells the topic when a metric is beyond what it may be.
type alarm struct {
	name, why  string // PREFIX-name; what it means and what to look at
	namespace  string
	metric     string
	dimensions map[string]string
	statistic  string  // Sum, Maximum
	period     float64 // seconds
	most       float64 // what the metric may be: beyond it is an alarm
	below      bool    // most is the least instead
	reached    bool    // most itself is too much
	event      bool    // something that happened: that it is over is no news
	tags       map[string]string
	of, in     float64             // so many periods of so many; 0: one of one
	silence    string              // what missing data is: breaching, where data has to come; notBreaching
	sum        []map[string]string // the metric of each of these dimensions, added up; ten at most
	math       []any               // instead of all these: metrics and what is made of them
}

// What missing data is to an alarm.
const (
	breaching    = "breaching"
	notBreaching = "notBreaching"
)

func (b *builder) makeAlarm(s awscdk.Stack, a alarm) awscloudwatch.CfnAlarm {
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName: jsii.String(b.of(a.name)), AlarmDescription: jsii.String(a.why), TreatMissingData: jsii.String(a.silence),
		ComparisonOperator: jsii.String(a.comparison()), Threshold: jsii.Number(a.most),
		EvaluationPeriods: jsii.Number(max(a.in, 1)), DatapointsToAlarm: jsii.Number(max(a.of, 1)),
		AlarmActions: anys([]string{b.topic()}), Tags: tags(a.tags),
	}
	if !a.event {
		props.OkActions = anys([]string{b.topic()})
	}
	switch {
	case a.math != nil:
		props.Metrics = a.math
	case a.sum != nil:
		props.Metrics = a.added()
	default:
		props.Namespace, props.MetricName, props.Statistic, props.Period = jsii.String(a.namespace), jsii.String(a.metric), jsii.String(a.statistic), jsii.Number(a.period)
		if len(a.dimensions) > 0 {
			props.Dimensions = dimensions(a.dimensions)
		}
	}
	return awscloudwatch.NewCfnAlarm(s, jsii.String(pascal(a.name)+"Alarm"), props)
}

func (a alarm) comparison() string {
	switch {
	case a.below:
		return "LessThanThreshold"
	case a.reached:
		return "GreaterThanOrEqualToThreshold"
	}
	return "GreaterThanThreshold"
}

// tags are tags as constructs take them; nil where there are none.
func tags(all map[string]string) *[]*awscdk.CfnTag {
	if len(all) == 0 {
		return nil
	}
	var list []*awscdk.CfnTag
	for _, key := range sortedKeys(all) {
		list = append(list, &awscdk.CfnTag{Key: jsii.String(key), Value: jsii.String(all[key])})
	}
	return &list
}

func dimensions(all map[string]string) []any {
	var list []any
	for _, name := range sortedKeys(all) {
		list = append(list, object{"name": name, "value": all[name]})
	}
	return list
}

// added is the sum of several metrics: an alarm takes no search, and ten of them
// at most.
func (a alarm) added() []any {
	list := []any{object{"id": "all", "expression": "SUM(METRICS())", "label": a.metric, "returnData": true}}
	for i, d := range a.sum {
		list = append(list, object{
			"id": "m" + string(rune('0'+i)), "returnData": false,
			"metricStat": object{"stat": a.statistic, "period": a.period, "metric": object{"namespace": a.namespace, "metricName": a.metric, "dimensions": dimensions(d)}},
		})
	}
	return list
}

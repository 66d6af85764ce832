// Package metrics writes what a function counts as a line of its log that CloudWatch
// Logs makes metrics of (CloudWatch user guide, embedded metric format specification).
//
// It promises one line for one set of dimensions, in functions/settings' namespace. It
// asks no clock, calls nobody and writes nowhere. What a metric is called is in
// functions/settings, where alarms find it too: CloudWatch bills each name with each
// set of dimensions.
package metrics

import (
	"encoding/json"
	"time"

	"mfawatch/functions/settings"
)

// Value is one metric's.
type Value struct {
	Name, Unit string
	Value      float64
}

// Count is how many.
func Count(name string, n int) Value { return Value{name, "Count", float64(n)} }

// Seconds is how long.
func Seconds(name string, d time.Duration) Value { return Value{name, "Seconds", d.Seconds()} }

// Dimension is one of those that a metric is told apart by.
type Dimension struct{ Name, Value string }

// Function is the dimension of metrics that each function has for itself.
func Function(name string) Dimension { return Dimension{"function", name} }

// Line is values of the same dimensions as a log event, its newline included.
func Line(at time.Time, values []Value, by ...Dimension) []byte {
	type definition struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	d, names := directive{Namespace: settings.Namespace}, []string{}
	event := map[string]any{}
	for _, one := range by {
		event[one.Name] = one.Value
		names = append(names, one.Name)
	}
	for _, one := range values {
		event[one.Name] = one.Value
		d.Metrics = append(d.Metrics, definition{one.Name, one.Unit})
	}
	d.Dimensions = [][]string{names}
	event["_aws"] = struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}{at.UnixMilli(), []directive{d}}
	line, _ := json.Marshal(event) // texts and finite numbers cannot fail
	return append(line, '\n')
}

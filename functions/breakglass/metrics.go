package main

import (
	"encoding/json"
	"time"

	"mfawatch/functions/settings"
)

// measure is one metric's value.
type measure struct {
	name, unit string
	value      float64
}

type measures []measure

// add counts.
func (m *measures) add(name string, n float64) { *m = append(*m, measure{name, "Count", n}) }

// measure writes metrics. One that is lost is no reason to refuse anybody.
func (h *Handler) measure(m measures) {
	if len(m) > 0 {
		_, _ = h.Metrics.Write(m.line(h.Now()))
	}
}

// line is the metrics as a log event, its newline included, that CloudWatch Logs
// makes metrics of (CloudWatch user guide, embedded metric format specification).
func (m measures) line(at time.Time) []byte {
	type definition struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	d := directive{Namespace: settings.Namespace, Dimensions: [][]string{{"function"}}}
	event := map[string]any{"function": "breakglass"}
	for _, one := range m {
		event[one.name] = one.value
		d.Metrics = append(d.Metrics, definition{one.name, one.unit})
	}
	event["_aws"] = struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}{at.UnixMilli(), []directive{d}}
	line, _ := json.Marshal(event) // texts and finite numbers cannot fail
	return append(line, '\n')
}

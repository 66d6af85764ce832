package alerting

import (
	"maps"
	"slices"
	"time"

	"mfawatch/functions/delivery"
	"mfawatch/functions/metrics"
	"mfawatch/functions/settings"
)

// Counts are what one invocation did, by metric. A metric that is missing is
// not a zero, so each function names all of its metrics at the start.
type Counts map[string]int

// Delivered counts what became of an alert.
func (c Counts) Delivered(d delivery.Disposition) {
	switch d {
	case delivery.WasSent, delivery.WasRaised:
		c[settings.AlertsSent]++
	case delivery.WasFolded:
		c[settings.AlertsFolded]++
	}
}

// Line is the counts as a line of the log that CloudWatch makes metrics of.
func (c Counts) Line(function string, at time.Time) []byte {
	var values []metrics.Value
	for _, name := range slices.Sorted(maps.Keys(c)) {
		values = append(values, metrics.Count(name, c[name]))
	}
	return metrics.Line(at, values, metrics.Function(function))
}

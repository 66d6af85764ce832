package alerting

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfawatch/functions/delivery"
	"mfawatch/functions/settings"
)

// Counts are what one invocation did, by metric. A metric that is missing is
// not a zero, so each function names all of its metrics at the start.
type Counts map[string]int

// The metrics of delivering.
const (
	RecordsJudged = settings.RecordsJudged
	AlertsSent    = settings.AlertsSent
	AlertsFolded  = settings.AlertsFolded
	Unreadable    = settings.Unreadable
)

// Delivered counts what became of an alert.
func (c Counts) Delivered(d delivery.Disposition) {
	switch d {
	case delivery.WasSent, delivery.WasRaised:
		c[AlertsSent]++
	case delivery.WasFolded:
		c[AlertsFolded]++
	}
}

// Line is the counts as a log event, its newline included, that CloudWatch Logs
// makes metrics of (CloudWatch user guide, embedded metric format specification).
func (c Counts) Line(function string, at time.Time) []byte {
	type definition struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	d := directive{Namespace: settings.Namespace, Dimensions: [][]string{{"function"}}}
	event := map[string]any{"function": function}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		event[name] = c[name]
		d.Metrics = append(d.Metrics, definition{name, "Count"})
	}
	event["_aws"] = struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}{at.UnixMilli(), []directive{d}}
	line, _ := json.Marshal(event) // texts and whole numbers cannot fail
	return append(line, '\n')
}

// joined are several errors in one line.
type joined []error

// mostTexts is how many different errors are told of: one message can bring
// hundreds of thousands, and who reads the log learns no more from them.
const mostTexts = 8

func (j joined) Error() string {
	var texts []string
	more := 0
	for _, err := range j {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		if slices.Contains(texts, text) || len(texts) == mostTexts {
			more++
			continue
		}
		texts = append(texts, text)
	}
	line := strings.Join(texts, "; ")
	if more > 0 {
		line += fmt.Sprintf("; and %d more", more)
	}
	return line
}

func (j joined) Unwrap() []error { return j }

// Join joins errors in one line, nil where there is none.
func Join(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return joined(errs)
}

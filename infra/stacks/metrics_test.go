package stacks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit/config"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/audit/posture"
)

func dashboard(t *testing.T, tpl template) string {
	t.Helper()
	body, _ := tpl.Resources["Dashboard"].Properties["DashboardBody"].(string)
	if !json.Valid([]byte(body)) {
		t.Fatalf("the dashboard is no JSON: %q", body)
	}
	return body
}

// Every filter in every form, with its alarm.
func TestFiltersAndAlarms(t *testing.T) {
	var ids []string
	for _, f := range deployed.Filters() {
		ids = append(ids, f.ID)
	}
	for _, form := range []string{"precise", "compat"} {
		d := audited()
		d.Metrics = config.Metrics{Enabled: true, Version: "3.0", Filters: ids, Form: form}
		templates, _ := synthesized(t, d)
		tpl := templates["mfawatch-metrics"]
		for _, f := range deployed.Filters() {
			pattern := map[string]string{"precise": f.Precise, "compat": f.Compat}[form]
			compareSome(t, f.ID, object{
				"LogGroupName": "mfawatch-trail", "FilterName": "mfawatch-" + f.ID, "FilterPattern": pattern,
				"MetricTransformations": []any{object{"MetricName": f.Metric, "MetricNamespace": "LogMetrics", "MetricValue": "1", "DefaultValue": 0.0, "Unit": "Count"}},
			}, tpl.Resources[pascal(f.ID)+"Filter"].Properties)
			alarm := tpl.Resources["Cis"+pascal(f.ID)+"Alarm"].Properties
			compareSome(t, f.ID, object{
				"AlarmName": "mfawatch-cis-" + f.ID, "Namespace": "LogMetrics", "MetricName": f.Metric, "Statistic": "Sum", "Period": 300.0, "EvaluationPeriods": 1.0, "Threshold": float64(f.Threshold),
				"ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
			}, alarm)
			about := fmt.Sprint(alarm["AlarmDescription"])
			if !strings.Contains(about, "3.0, "+f.Number("3.0")) || f.Control != "" && !strings.Contains(about, f.Control+")") {
				t.Errorf("%s is described as %q", f.ID, about)
			}
			if tags, _ := json.Marshal(alarm["Tags"]); !strings.Contains(string(tags), `{"Key":"cis-control","Value":"`+f.Number("3.0")+`"}`) || !strings.Contains(string(tags), `{"Key":"cis-version","Value":"3.0"}`) {
				t.Errorf("%s has tags %s", f.ID, tags)
			}
			if !strings.Contains(dashboard(t, tpl), `["LogMetrics","`+f.Metric+`"`) {
				t.Errorf("no graph of %s", f.ID)
			}
		}
		if got := len(tpl.of("AWS::Logs::MetricFilter")); got != len(ids) {
			t.Errorf("%d filters, want %d", got, len(ids))
		}
	}
}

func TestDefaultFilters(t *testing.T) {
	templates, _ := synthesized(t, audited())
	var names []string
	for _, f := range templates["mfawatch-metrics"].of("AWS::Logs::MetricFilter") {
		names = append(names, f.Properties["FilterName"].(string))
	}
	slices.Sort(names)
	if want := []string{"mfawatch-root-use", "mfawatch-sign-in-without-mfa"}; !slices.Equal(names, want) {
		t.Errorf("filters %q, want %q", names, want)
	}
	compareSome(t, "trail-silent", object{
		"Namespace": "AWS/Logs", "MetricName": "IncomingLogEvents", "Dimensions": []any{object{"Name": "LogGroupName", "Value": "mfawatch-trail"}},
		"Threshold": 1.0, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching", "Period": 3600.0, "EvaluationPeriods": 2.0, "DatapointsToAlarm": 2.0,
	}, templates["mfawatch-metrics"].Resources["TrailSilentAlarm"].Properties)
}

// A dashboard has graphs of what is deployed, and its metrics are whole: a name
// and pairs of dimensions.
func TestDashboard(t *testing.T) {
	for name, c := range map[string]struct {
		d        config.Deployment
		has, not []string
	}{
		"everything":   {audited(), []string{`"AuditAge"`, `"RoundTrip"`, `"SignInWithoutMFA"`, `"RootUse"`, "mfawatch-canary-dead", `"mfawatch-audit"`, "at most 25 US dollars", `"region":"us-east-2"`}, nil},
		"little":       {little(), []string{"mfawatch-signin", "mfawatch-rules-dead", "Nobody said"}, []string{"AuditAge", "RoundTrip", "LogMetrics", "canary", "mfawatch-audit"}},
		"organisation": {everybody(), []string{"organisation o-exampleorgid, from account 111122223333", `"account","o-exampleorgid"`}, []string{`"account","111122223333"`}},
	} {
		templates, _ := synthesized(t, c.d)
		body := dashboard(t, templates["mfawatch-metrics"])
		for _, text := range c.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s: the dashboard has no %s:\n%s", name, text, body)
			}
		}
		for _, text := range c.not {
			if strings.Contains(body, text) {
				t.Errorf("%s: the dashboard has %s:\n%s", name, text, body)
			}
		}
		for _, check := range regexp.MustCompile(`"check","([^"]+)"`).FindAllStringSubmatch(body, -1) {
			if !slices.ContainsFunc(posture.Checks(), func(c posture.Check) bool { return c.ID == check[1] }) {
				t.Errorf("%s: a graph of check %s, which there is not", name, check[1])
			}
		}
		wholeGraphs(t, name, body)
	}
}

func wholeGraphs(t *testing.T, name, body string) {
	t.Helper()
	var parsed struct {
		Widgets []struct {
			Type                string
			X, Y, Width, Height int
			Properties          struct {
				Title, Region string
				Metrics       [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &parsed); err != nil {
		t.Fatal(err)
	}
	places := map[[2]int]bool{}
	for _, w := range parsed.Widgets {
		if places[[2]int{w.X, w.Y}] || w.X+w.Width > 24 {
			t.Errorf("%s: %q lies on another, or outside", name, w.Properties.Title)
		}
		places[[2]int{w.X, w.Y}] = true
		if w.Type == "metric" && (len(w.Properties.Metrics) == 0 || w.Properties.Region == "") {
			t.Errorf("%s: %q is empty", name, w.Properties.Title)
		}
		for _, m := range w.Properties.Metrics {
			if _, labelled := m[len(m)-1].(object); !labelled || len(m)%2 != 1 {
				t.Errorf("%s: %q has half a metric %v", name, w.Properties.Title, m)
			}
		}
	}
}

func TestMetricsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		change func(*config.Deployment)
		want   string
	}{
		{func(d *config.Deployment) { d.Metrics.Filters = []string{"root-use", "rootuse"} }, `metrics: there is no filter "rootuse"`},
		{func(d *config.Deployment) { d.Metrics.Version = "8.0" }, `metrics: version "8.0"`},
		{func(d *config.Deployment) { d.Trail.Logs = false }, "metrics: the trail has no log group"},
		{func(d *config.Deployment) {
			d.Trail = config.Trail{Adopt: "arn:aws:cloudtrail:us-east-1:111122223333:trail/all", Bucket: "b"}
		}, "metrics: the trail has no log group"},
	} {
		d := audited()
		c.change(&d)
		if _, err := Prepare(d, bootstraps(t)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want one that begins %q", err, c.want)
		}
	}
}

func TestAdoptedLogGroup(t *testing.T) {
	d := audited()
	d.Trail = config.Trail{Adopt: "arn:aws:cloudtrail:us-east-1:111122223333:trail/all", Bucket: "company-trail", LogGroup: "company/trail"}
	templates, _ := synthesized(t, d)
	for id, f := range templates["mfawatch-metrics"].of("AWS::Logs::MetricFilter") {
		if f.Properties["LogGroupName"] != "company/trail" {
			t.Errorf("%s stands on %v", id, f.Properties["LogGroupName"])
		}
	}
}

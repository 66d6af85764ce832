package stacks

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/config"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
)

// makeDashboard makes one dashboard of what is deployed. A part that is not has
// no graph: an empty one looks like silence.
func (b *builder) makeDashboard(s awscdk.Stack) {
	body, err := json.Marshal(object{"widgets": b.widgets()})
	if err != nil {
		panic(err) // texts, numbers, lists and maps
	}
	awscloudwatch.NewCfnDashboard(s, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String(b.prefix), DashboardBody: jsii.String(string(body)),
	})
}

// widgets are the dashboard's, two in a row below the text.
func (b *builder) widgets() []object {
	all := []object{{"type": "text", "x": 0, "y": 0, "width": 24, "height": 4, "properties": object{"markdown": b.about()}}}
	var graphs []object
	for _, part := range [][]object{b.auditGraphs(), b.signInGraphs(), b.watchdogGraphs(), b.functionGraphs()} {
		graphs = append(graphs, part...)
	}
	for i, g := range graphs {
		all = append(all, object{"type": "metric", "x": i % 2 * 12, "y": 4 + i/2*6, "width": 12, "height": 6, "properties": g})
	}
	return all
}

// about is the text: what this is, and what it may cost.
func (b *builder) about() string {
	cost := "Nobody said what it may cost a month."
	if b.d.CostCeiling > 0 {
		cost = fmt.Sprintf("Expected to cost at most %d US dollars a month. That is a note: nothing is stopped.", b.d.CostCeiling)
	}
	whose := "account " + b.account
	if b.organizational() {
		whose = "organisation " + b.d.Organization.ID + ", from account " + b.account
	}
	return "# " + b.prefix + "\nMFA in " + whose + ". Regions: " + strings.Join(b.d.Regions, ", ") + "; stacks in " + b.home + ".\n\n" + cost + "\n\nAlarms of the deployment begin with `" + b.prefix + "-`."
}

// graph draws metrics, each a list as the dashboard takes it.
func (b *builder) graph(title, statistic string, period int, metrics ...[]any) object {
	return object{"title": title, "view": "timeSeries", "region": b.home, "stat": statistic, "period": period, "metrics": metrics}
}

// line is one metric with its dimensions, and a label.
func line(label, namespace, metric string, dimensions ...string) []any {
	all := []any{namespace, metric}
	for _, d := range dimensions {
		all = append(all, d)
	}
	return append(all, object{"label": label})
}

// about whom the audit's metrics are (functions/audit).
func (b *builder) audited() string {
	if b.d.Mode == config.Organizational {
		return b.d.Organization.ID
	}
	return b.account
}

// auditGraphs: EMF may count a line twice, so nothing is summed up.
func (b *builder) auditGraphs() []object {
	if !b.audits() {
		return nil
	}
	of := func(label, metric string, more ...string) []any {
		return line(label, settings.Namespace, metric, append([]string{"account", b.audited()}, more...)...)
	}
	return []object{
		b.graph("Users without a second factor", "Maximum", oneDay,
			of("users without any", settings.UsersByFactor, "factor", "none"),
			of("not known", settings.UsersByFactor, "factor", "not_known"),
			of("console users without", settings.FindingsByCheck, "check", "user-console-mfa", "outcome", "fail"),
			of("root without", settings.FindingsByCheck, "check", "root-mfa", "outcome", "fail")),
		b.graph("Coverage of the audit", "Maximum", oneDay,
			of("accounts not read", settings.AccountsUnread),
			of("seconds between audits", settings.AuditAge),
			of("age of the credential report, seconds", settings.CredentialReportAge),
			of("seconds an audit takes", settings.AuditDuration)),
	}
}

func (b *builder) signInGraphs() []object {
	by := func(label, function, metric string) []any {
		return line(label, settings.Namespace, metric, "function", function)
	}
	all := []object{b.graph("Alerts and what was judged", "Sum", oneHour,
		by("alerts at once", "signin", settings.AlertsSent), by("alerts of what was missed", "reconcile", settings.AlertsSent),
		by("records at once", "signin", settings.RecordsJudged), by("records of the trail", "reconcile", settings.RecordsJudged),
		by("envelopes refused", "signin", settings.EnvelopeRejected), by("damaged files", "reconcile", settings.DamagedFiles))}
	var counted [][]any
	for _, f := range b.filters() {
		if b.counts(f.ID) {
			counted = append(counted, line(f.Name, deployed.Namespace, f.Metric))
		}
	}
	if len(counted) > 0 {
		all = append(all, b.graph("CIS metric filters", "Sum", 300, counted...))
	}
	return all
}

func (b *builder) watchdogGraphs() []object {
	if !b.d.Watchdog.Enabled {
		return nil
	}
	return []object{b.graph("Canary", "Maximum", 300,
		line("seconds of the slowest Region", settings.Namespace, settings.RoundTrip, "function", "canary"),
		line("Regions that are silent", settings.Namespace, settings.RegionsSilent, "function", "canary"))}
}

// functionGraphs are of Lambda's and SQS's own metrics.
func (b *builder) functionGraphs() []object {
	var errors, durations, dead [][]any
	for _, f := range b.deployedFunctions() {
		errors = append(errors, line(f+" errors", "AWS/Lambda", "Errors", "FunctionName", b.of(f)), line(f+" throttles", "AWS/Lambda", "Throttles", "FunctionName", b.of(f)))
		durations = append(durations, line(f, "AWS/Lambda", "Duration", "FunctionName", b.of(f)))
	}
	for _, q := range b.deadLetterQueues() {
		dead = append(dead, line(q, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", b.of(q)))
	}
	for _, region := range b.d.Regions {
		if region != b.home {
			dead = append(dead, []any{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", b.of("rules-dead"), object{"label": "rules-dead of " + region, "region": region}})
		}
	}
	return []object{
		b.graph("Functions: errors and throttles", "Sum", 300, errors...),
		b.graph("Functions: milliseconds", "Maximum", 300, durations...),
		b.graph("Dead letters", "Maximum", 300, dead...),
	}
}

// deployedFunctions are the functions that stand, by name.
func (b *builder) deployedFunctions() []string {
	all := []string{"signin", "reconcile"}
	if b.audits() {
		all = append(all, "audit")
	}
	if b.d.Watchdog.Enabled {
		all = append(all, "canary")
	}
	return all
}

// deadLetterQueues are those of the home Region.
func (b *builder) deadLetterQueues() []string {
	all := []string{"sign-ins-dead", "rules-dead", "schedules-dead", "alerts-dead"}
	if b.d.Watchdog.Enabled {
		all = append(all, "canary-dead")
	}
	return all
}

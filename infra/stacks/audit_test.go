package stacks

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/config"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
	"mfawatch/functions/settings"
)

// little is a deployment without audit, metrics and watchdog.
func little() config.Deployment {
	return config.Deployment{
		Prefix: "mfawatch", Mode: config.OneAccount, Account: "111122223333", Home: "eu-north-1", Regions: []string{"eu-north-1", "us-east-1", "us-east-2"},
		Trail:     config.Trail{Logs: true, ObjectLock: "governance", LockDays: 30},
		Targets:   []config.Target{{Kind: config.Email, Address: "security@example.com", Severity: "medium"}},
		Retention: config.Retention{Trail: 400, Evidence: 400, Reports: 400, Logs: 400}, Tags: map[string]string{"owner": "security"},
	}
}

// audited is a deployment with everything that the audit's stacks can have.
func audited() config.Deployment {
	d := little()
	d.Reports = config.Reports{Schedule: "rate(1 day)", Every: 24 * time.Hour, Formats: []string{"json", "html"}, SecurityHub: true, Athena: true}
	d.Metrics = config.Metrics{Enabled: true, Version: "6.0", Form: "precise"}
	d.Watchdog = config.Watchdog{Enabled: true, Every: 5 * time.Minute}
	d.CostCeiling = 25
	return d
}

// everybody is audited for an organisation, from a delegated administrator.
func everybody() config.Deployment {
	d := audited()
	d.Mode = config.Organizational
	d.Organization = config.Organization{ID: "o-exampleorgid", Root: "r-ab12", Management: "444455556666", Delegated: true, Concurrent: 8, Tolerated: 10}
	return d
}

// of are the resources of a type, by logical id.
func (tpl template) of(kind string) map[string]resource {
	all := map[string]resource{}
	for id, r := range tpl.Resources {
		if r.Type == kind {
			all[id] = r
		}
	}
	return all
}

// joined is a value of a policy as a person reads it. What CloudFormation fills
// in stands in ${}.
func joined(v any) string {
	switch v := v.(type) {
	case nil:
		return "always"
	case string:
		return v
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, joined(one))
		}
		return strings.Join(all, " ")
	case object:
		if parts, ok := v["Fn::Join"].([]any); ok {
			return strings.ReplaceAll(joined(parts[1]), " ", "")
		}
		if name, ok := v["Ref"]; ok {
			return fmt.Sprintf("${%s}", name)
		}
		if _, ok := v["Fn::ImportValue"]; ok {
			return "${key}"
		}
		text, _ := json.Marshal(v)
		return string(text)
	}
	return fmt.Sprint(v)
}

// environmentOf is what a function is told, read as the function reads it.
func environmentOf[T any](t *testing.T, tpl template, id string) T {
	t.Helper()
	variables := tpl.Resources[id].Properties["Environment"].(object)["Variables"].(object)
	got, err := settings.FromEnv[T](func(name string) (string, bool) { v, ok := variables[name].(string); return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAuditFunction(t *testing.T) {
	templates, _ := synthesized(t, everybody())
	got := environmentOf[settings.Audit](t, templates["mfawatch-audit"], "AuditFunction")
	want := settings.Audit{
		Common:       settings.Common{Partition: "aws", Account: "111122223333", LogLevel: "info"},
		ReportBucket: "mfawatch-reports-111122223333-eu-north-1", ReportPrefix: "audit/", TopicARN: "arn:aws:sns:eu-north-1:111122223333:mfawatch-alerts",
		Formats: []string{"json", "html", "csv"}, SecurityHub: true, Region: "eu-north-1", Role: "mfawatch-audit-member", ExternalID: "mfawatch-o-exampleorgid", Remind: 168 * time.Hour, Rate: 10,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the function's settings (-want +got):\n%s", diff)
	}
	trust := joined(templates["mfawatch-member"].Resources["AuditMemberRole"].Properties["AssumeRolePolicyDocument"])
	if !strings.Contains(trust, `"sts:ExternalId":"`+got.ExternalID+`"`) || !strings.Contains(trust, `"aws:PrincipalArn":"arn:aws:iam::111122223333:role/mfawatch-audit"`) {
		t.Errorf("the members' role does not trust the function: %s", trust)
	}
	one, _ := synthesized(t, audited())
	if got := environmentOf[settings.Audit](t, one["mfawatch-audit"], "AuditFunction"); got.Role != "" || got.ExternalID != "" {
		t.Errorf("an account's audit assumes %q with %q", got.Role, got.ExternalID)
	}
}

func TestStateMachineLogsNoFacts(t *testing.T) {
	for _, d := range []config.Deployment{audited(), everybody()} {
		templates, _ := synthesized(t, d)
		machine := templates["mfawatch-audit"].Resources["AuditMachine"]
		log := machine.Properties["LoggingConfiguration"].(object)
		if log["Level"] != "ERROR" || log["IncludeExecutionData"] != false || machine.Properties["StateMachineType"] != "STANDARD" {
			t.Errorf("the state machine: %v, log %v", machine.Properties["StateMachineType"], log)
		}
		group := templates["mfawatch-data"].Resources["AuditStatesLogs"]
		if group.Properties["LogGroupName"] != "/aws/vendedlogs/states/mfawatch-audit" || group.Properties["KmsKeyId"] == nil || group.Properties["RetentionInDays"] != 400.0 || group.DeletionPolicy != "RetainExceptOnCreate" {
			t.Errorf("its log group: %+v", group)
		}
		if want := "arn:aws:logs:eu-north-1:111122223333:log-group:/aws/vendedlogs/states/mfawatch-audit:*"; !strings.Contains(joined(log["Destinations"]), want) {
			t.Errorf("it logs to %v, want %s", log["Destinations"], want)
		}
		schedule := templates["mfawatch-audit"].Resources["AuditSchedule"].Properties
		if target := schedule["Target"].(object); target["Input"] != `{"run":"<aws.scheduler.execution-id>"}` || target["Arn"] != "arn:aws:states:eu-north-1:111122223333:stateMachine:mfawatch-audit" || schedule["ScheduleExpression"] != "rate(1 day)" {
			t.Errorf("the schedule: %v", schedule)
		}
	}
}

// An alarm of the audit, by what decides it.
func TestAuditAlarms(t *testing.T) {
	templates, _ := synthesized(t, everybody())
	age := templates["mfawatch-audit"].Resources["AuditAgeAlarm"].Properties
	want := object{"Namespace": "mfawatch", "MetricName": "AuditAge", "Statistic": "Maximum", "Period": 3600.0, "EvaluationPeriods": 36.0, "DatapointsToAlarm": 36.0, "Threshold": 129600.0,
		"ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "breaching", "Dimensions": []any{object{"Name": "account", "Value": "o-exampleorgid"}}}
	compareSome(t, "audit-age", want, age)
	failed := templates["mfawatch-audit"].Resources["AuditFailedAlarm"].Properties
	compareSome(t, "audit-failed", object{"Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching", "EvaluationPeriods": 1.0}, failed)
	for _, metric := range []string{"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"} {
		if text, _ := json.Marshal(failed["Metrics"]); !strings.Contains(string(text), `"MetricName":"`+metric+`"`) {
			t.Errorf("audit-failed does not look at %s", metric)
		}
	}
	if age["OKActions"] == nil || failed["OKActions"] != nil {
		t.Errorf("of what ends people are told, of an event's end not: %v, %v", age["OKActions"], failed["OKActions"])
	}
}

// compareSome compares the properties that are wanted, and no others.
func compareSome(t *testing.T, what string, want, got object) {
	t.Helper()
	some := object{}
	for key := range want {
		some[key] = got[key]
	}
	if diff := cmp.Diff(want, some); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAuditWindow(t *testing.T) {
	for _, c := range []struct {
		limit   time.Duration
		hours   float64
		missing string
	}{
		{90 * time.Minute, 2, "breaching"}, {time.Hour, 2, "breaching"}, {36 * time.Hour, 36, "breaching"}, {7 * 24 * time.Hour, 168, "breaching"}, {7*24*time.Hour + 1, 1, "notBreaching"},
	} {
		if hours, missing, _ := auditWindow(c.limit); hours != c.hours || missing != c.missing {
			t.Errorf("auditWindow(%s) = %v, %s, want %v, %s", c.limit, hours, missing, c.hours, c.missing)
		}
	}
}

func TestNoAudit(t *testing.T) {
	d := audited()
	d.Reports.Schedule = ""
	templates, _ := synthesized(t, d)
	if _, there := templates["mfawatch-audit"]; there {
		t.Error("a stack of the audit without a schedule")
	}
	if _, there := templates["mfawatch-data"].Resources["AuditStatesLogs"]; there {
		t.Error("a log group of the state machine without one")
	}
	if body := dashboard(t, templates["mfawatch-metrics"]); strings.Contains(body, "AuditAge") || strings.Contains(body, "mfawatch-audit") {
		t.Errorf("graphs of an audit that is not deployed: %s", body)
	}
}

// An organisation's trail belongs to the management account, and its files lie
// under that account's number too.
func TestTrailOfADelegatedAdministrator(t *testing.T) {
	templates, _ := synthesized(t, everybody())
	const trail = "arn:aws:cloudtrail:eu-north-1:444455556666:trail/mfawatch"
	policy, _ := json.Marshal(templates["mfawatch-data"].Resources["TrailBucketPolicy"])
	for _, want := range []string{`"aws:SourceArn":"` + trail, "/AWSLogs/444455556666/*", "/AWSLogs/o-exampleorgid/*"} {
		if !bytes.Contains(policy, []byte(want)) {
			t.Errorf("the trail's bucket does not know %s:\n%s", want, policy)
		}
	}
	key, _ := json.Marshal(templates["mfawatch-data"].Resources["Key"])
	if !bytes.Contains(key, []byte(trail)) || !bytes.Contains(key, []byte("arn:aws:cloudtrail:*:444455556666:trail/*")) || bytes.Contains(key, []byte("cloudtrail:*:111122223333")) {
		t.Errorf("the key does not know the trail:\n%s", key)
	}
	if wait := fmt.Sprint(templates["mfawatch-trail"].Resources["Trail"].DependsOn); !strings.Contains(wait, "TrailLogsPolicy") {
		t.Errorf("the trail waits for %s only", wait)
	}
	d := everybody()
	d.Organization.Delegated, d.Organization.Management = false, d.Account
	if got := namesOf(d).trail(); got != "arn:aws:cloudtrail:eu-north-1:111122223333:trail/mfawatch" {
		t.Errorf("the management account's own trail is %s", got)
	}
}

func TestNoAthena(t *testing.T) {
	d := audited()
	d.Reports.Athena = false
	templates, _ := synthesized(t, d)
	for id, r := range templates["mfawatch-audit"].Resources {
		if strings.HasPrefix(r.Type, "AWS::Athena") || strings.HasPrefix(r.Type, "AWS::Glue") {
			t.Errorf("%s without athena", id)
		}
	}
	if got := environmentOf[settings.Audit](t, templates["mfawatch-audit"], "AuditFunction").Formats; !slices.Equal(got, []string{"json", "html"}) {
		t.Errorf("formats %q", got)
	}
	if strings.Contains(joined(templates["mfawatch-audit"].Resources["AuditMachinePolicy"].Properties), "PublishFindings") {
		t.Error("the state machine may write what nobody reads")
	}
}

func TestWorkGroup(t *testing.T) {
	templates, _ := synthesized(t, audited())
	c := templates["mfawatch-audit"].Resources["WorkGroup"].Properties["WorkGroupConfiguration"].(object)
	result := c["ResultConfiguration"].(object)
	encryption := result["EncryptionConfiguration"].(object)
	if c["EnforceWorkGroupConfiguration"] != true || c["BytesScannedCutoffPerQuery"] != float64(scanLimit) || result["OutputLocation"] != "s3://mfawatch-reports-111122223333-eu-north-1/athena/" ||
		encryption["EncryptionOption"] != "SSE_KMS" || encryption["KmsKey"] == nil || result["ExpectedBucketOwner"] != "111122223333" {
		t.Errorf("the workgroup: %v", c)
	}
}

// columnsOf are a table's columns and partitions, with the members of structs.
func columnsOf(tpl template, id string) []string {
	input := tpl.Resources[id].Properties["TableInput"].(object)
	var all []string
	for _, c := range append(input["StorageDescriptor"].(object)["Columns"].([]any), input["PartitionKeys"].([]any)...) {
		c := c.(object)
		all = append(all, c["Name"].(string))
		for _, member := range regexp.MustCompile(`([a-z]+):`).FindAllStringSubmatch(c["Type"].(string), -1) {
			all = append(all, member[1])
		}
	}
	return all
}

// sql are the words of SQL that the queries use: what is none of them, and no
// name that the query gives itself, is a column.
var sql = strings.Fields(`all and as by coalesce concat count current_date current_timestamp date_diff date_format day dense_rank desc distinct from
	from_iso8601_timestamp full group in interval is join json_extract_scalar like max null nullif on or order outer over partition select upper where with findings trail`)

// TestQueriesNameColumns: every name in a query is a column of its table, and
// every query reads chosen partitions only.
func TestQueriesNameColumns(t *testing.T) {
	comments, texts, words := regexp.MustCompile(`--.*`), regexp.MustCompile(`'[^']*'`), regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]*`)
	given := regexp.MustCompile(`(?i)\bAS ([a-z_]+)|(?:WITH|,)\s+([a-z]+) AS \(`)
	for _, d := range []config.Deployment{audited(), everybody()} {
		templates, _ := synthesized(t, d)
		tpl := templates["mfawatch-audit"]
		queries := tpl.of("AWS::Athena::NamedQuery")
		if len(queries) != 5 {
			t.Errorf("%d queries", len(queries))
		}
		for id, q := range queries {
			text := q.Properties["QueryString"].(string)
			table, partitions := "TrailTable", []string{"account IN ('111122223333')", "region IN ('eu-north-1', 'us-east-1', 'us-east-2')", "AND day >= date_format(current_date - INTERVAL '"}
			if strings.Contains(text, "FROM findings") {
				table, partitions = "FindingsTable", []string{"WHERE day >= date_format(current_date - INTERVAL '31' DAY, '%Y-%m-%d')"}
			}
			for _, p := range partitions {
				if !strings.Contains(text, p) {
					t.Errorf("%s does not say %s:\n%s", id, p, text)
				}
			}
			known := append(columnsOf(tpl, table), sql...)
			for _, own := range given.FindAllStringSubmatch(text, -1) {
				known = append(known, own[1], own[2])
			}
			bare := texts.ReplaceAllString(comments.ReplaceAllString(text, ""), "")
			for _, word := range words.FindAllString(bare, -1) {
				if !slices.Contains(known, strings.ToLower(word)) {
					t.Errorf("%s: %s is no column of %s", id, word, table)
				}
			}
			if strings.ContainsAny(text, "{}") || strings.Count(text, "(") != strings.Count(text, ")") {
				t.Errorf("%s is not whole:\n%s", id, text)
			}
		}
	}
}

// TestFindingsAreWhatTheTableReads: the sheet that the audit writes has the
// table's columns, in its order, and no row of more than a line.
func TestFindingsAreWhatTheTableReads(t *testing.T) {
	at := time.Date(2026, 11, 26, 6, 0, 0, 0, time.UTC)
	a := report.Audit{Accounts: []posture.Account{{Account: "111122223333", Name: "prod", Partition: "aws", TakenAt: at, Summary: posture.NewSummary(), Findings: []audit.Finding{{
		Check: "user-any-mfa", Outcome: audit.Fail, Severity: audit.High, Subject: audit.Subject{Kind: audit.UserSubject, ID: "AIDAEXAMPLE", Name: "ada", ARN: "arn:aws:iam::111122223333:user/ada"},
		Detail: "no \"device\",\nsince a week", FirstSeen: at, Remediation: "enrol one",
	}}}}}
	var sheet bytes.Buffer
	if err := report.WriteAudit(&sheet, report.AuditCSV, a, report.AuditOptions{}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(sheet.String(), "\n"); lines != 2 {
		t.Errorf("%d lines of a head and one row:\n%s", lines, sheet.String())
	}
	rows, err := csv.NewReader(bytes.NewReader(sheet.Bytes())).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v, error %v", rows, err)
	}
	templates, _ := synthesized(t, audited())
	columns := columnsOf(templates["mfawatch-audit"], "FindingsTable")
	if diff := cmp.Diff(append(rows[0], "day"), columns); diff != "" {
		t.Errorf("the sheet's head and the table's columns (-sheet +table):\n%s", diff)
	}
	row := map[string]string{}
	for i, name := range rows[0] {
		row[name] = rows[1][i]
	}
	// What the queries compare, and sort as texts.
	if row["outcome"] != "fail" || row["check"] != "user-any-mfa" || row["taken_at"] != "2026-11-26T06:00:00Z" || row["first_seen"] != "2026-11-26T06:00:00Z" {
		t.Errorf("the row: %v", row)
	}
}

// A member account that adopts its organisation's trail does not know the folder
// of the files: it has the findings alone.
func TestForeignTrailHasNoTable(t *testing.T) {
	d := audited()
	d.Metrics = config.Metrics{}
	d.Trail = config.Trail{Adopt: "arn:aws:cloudtrail:eu-west-1:444455556666:trail/organization", Bucket: "logs-444455556666"}
	templates, _ := synthesized(t, d)
	tpl := templates["mfawatch-audit"]
	if _, there := tpl.Resources["TrailTable"]; there || len(tpl.of("AWS::Glue::Table")) != 1 || len(tpl.of("AWS::Athena::NamedQuery")) != 2 {
		t.Errorf("tables %v, queries %v", tpl.of("AWS::Glue::Table"), tpl.of("AWS::Athena::NamedQuery"))
	}
	d = everybody()
	d.Trail = config.Trail{Adopt: "arn:aws:cloudtrail:eu-west-1:444455556666:trail/organization", Bucket: "logs-444455556666", LogGroup: "x"}
	b := &builder{d: d, names: namesOf(d)}
	if len(b.athenaTables()) != 2 || len(b.queries()) != 5 {
		t.Error("an organisation does not read its own trail")
	}
}

func TestTablesOfFolders(t *testing.T) {
	for _, c := range []struct {
		name                string
		change              func(*config.Deployment)
		account, root, days string
	}{
		{"own", func(*config.Deployment) {}, "enum 111122223333", "s3://mfawatch-trail-111122223333-eu-north-1/AWSLogs/", "NOW-400DAYS,NOW"},
		{"adopted", func(d *config.Deployment) {
			d.Trail = config.Trail{Adopt: "arn:aws:cloudtrail:us-east-1:111122223333:trail/all", Bucket: "company-trail", KeyPrefix: "logs/", LogGroup: "all"}
		}, "enum 111122223333", "s3://company-trail/logs/AWSLogs/", "NOW-10YEARS,NOW"},
		{"organisation", func(d *config.Deployment) { *d = everybody() }, "injected", "s3://mfawatch-trail-111122223333-eu-north-1/AWSLogs/o-exampleorgid/", "NOW-400DAYS,NOW"},
	} {
		d := audited()
		c.change(&d)
		b := &builder{d: d, names: namesOf(d)}
		input := b.trailTable().input()
		p := input["parameters"].(object)
		account := strings.TrimSpace(fmt.Sprint(p["projection.account.type"], " ", orNothing(p["projection.account.values"])))
		if account != c.account || p["projection.day.range"] != c.days || p["storage.location.template"] != c.root+"${account}/CloudTrail/${region}/${day}/" || input["storageDescriptor"].(object)["location"] != c.root {
			t.Errorf("%s: account %q, properties %v", c.name, account, p)
		}
	}
}

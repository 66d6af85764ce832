package stacks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mfawatch/audit/config"
)

// S3 refuses to log a bucket to one that is not there.
func TestBucketsWaitForTheirLogs(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		for _, bucket := range of(templates, "AWS::S3::Bucket") {
			if bucket.id == "RecordBucket" { // whose whole stack waits (TestDoorWaits)
				continue
			}
			if waits := compact(bucket.DependsOn) == `["AccessBucketPolicy"]`; waits == (bucket.id == "AccessBucket") {
				t.Errorf("%s waits for %v", bucket, bucket.DependsOn)
			}
		}
	})
}

// The table cannot be deleted, so a first creation that fails must not have made it.
func TestTableIsLast(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		data := templates["mfawatch-data"].Resources
		after, _ := data["EventsTable"].DependsOn.([]any)
		for id := range data {
			if id != "EventsTable" && id != "Key" && !slices.Contains(after, any(id)) { // it names the key, and so waits for it
				t.Errorf("%s may fail after the table was made", id)
			}
		}
	})
}

// The canary's schedules begin at once: what it looks for has to be there.
func TestWatchdogComesLast(t *testing.T) {
	for _, name := range []string{"full", "organization"} {
		_, dir := once(t, name)
		var manifest struct {
			Artifacts map[string]struct{ Dependencies []string }
		}
		text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil || json.Unmarshal(text, &manifest) != nil {
			t.Fatalf("manifest: error %v", err)
		}
		for _, stack := range []string{"mfawatch-trail", "mfawatch-detection", "mfawatch-forward-us-east-1", "mfawatch-audit"} {
			if !slices.Contains(manifest.Artifacts["mfawatch-watchdog"].Dependencies, stack) {
				t.Errorf("%s: the watchdog does not wait for %s", name, stack)
			}
		}
	}
}

// A target goes by what it is. Were its place in the file its name, another order
// would end subscriptions that people confirmed.
func TestOrderOfTargets(t *testing.T) {
	endpoints := func(d config.Deployment) map[string]string {
		templates, _ := synthesized(t, d)
		all := map[string]string{}
		for _, kind := range []string{"AWS::SNS::Subscription", "AWS::Chatbot::SlackChannelConfiguration", "AWS::Chatbot::MicrosoftTeamsChannelConfiguration"} {
			for _, r := range of(templates, kind) {
				all[r.id] = compact(r.Properties)
			}
		}
		return all
	}
	d := deployment(t, "full")
	d.Targets = append(d.Targets, config.Target{Kind: config.Teams, Team: "00000000-0000-0000-0000-000000000001", Tenant: "00000000-0000-0000-0000-000000000002", Channel: "19%3Ac%40thread.tacv2"}, config.Target{Kind: config.Slack, Workspace: "T012ABCDEFG", Channel: "C012ABCDEFH"})
	before := endpoints(d)
	slices.Reverse(d.Targets)
	d.Targets = append([]config.Target{{Kind: config.Email, Address: "new@example.com", Severity: "low"}}, d.Targets...)
	after := endpoints(d)
	if len(before) != 6 || len(after) != 7 { // the canary's own among them
		t.Fatalf("%d and %d subscriptions and channels", len(before), len(after))
	}
	for id, properties := range before {
		if after[id] != properties {
			t.Errorf("%s was %s, is %s", id, properties, after[id])
		}
	}
}

// Alarms on what the canary's rarer schedules measure ask for a value a day. Half
// a day apart, one that is late leaves no day without.
func TestCanaryIsOftenerThanItsAlarms(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		got := map[string]string{}
		for _, s := range of(templates, "AWS::Scheduler::Schedule") {
			got[s.id] = s.text("ScheduleExpression")
		}
		for _, a := range of(templates, "AWS::CloudWatch::Alarm") {
			if (a.id == "TrailLegAlarm" || a.id == "CheckFindingsAlarm") && a.text("Period") != "86400" {
				t.Errorf("%s looks at %s seconds", a, a.text("Period"))
			}
		}
		if d.Watchdog.Enabled && (got["CanaryTrailSchedule"] != "rate(6 hours)" || got["CanaryCheckSchedule"] != "rate(12 hours)") {
			t.Errorf("schedules %v", got)
		}
	})
}

// What is no canary goes to a person, as docs/operations.md says.
func TestForeignMessages(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		alarms := 0
		for _, a := range of(templates, "AWS::CloudWatch::Alarm") {
			if a.text("MetricName") == "ForeignMessages" && a.text("Threshold") == "0" && a.text("TreatMissingData") == "notBreaching" {
				alarms++
			}
		}
		redrive := compact(templates["mfawatch-detection"].Resources["CanaryQueue"].Properties["RedrivePolicy"])
		if moved := redrive == `{"deadLetterTargetArn":{"Fn::GetAtt":["CanaryDeadQueue","Arn"]},"maxReceiveCount":5}`; moved != d.Watchdog.Enabled || (alarms == 1) != d.Watchdog.Enabled {
			t.Errorf("redrive policy %s, %d alarms", redrive, alarms)
		}
	})
}

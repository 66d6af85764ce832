package stacks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// acknowledged is a finding that stands, where, and why. A finding is a rule's id,
// with what it points at where the rule says so: AwsSolutions-IAM5[Resource::*].
type acknowledged struct {
	finding string
	at      []string // STACK/RESOURCE, the stack without the prefix
	why     string
}

// TestNag holds what is deployed to three sets of cdk-nag's rules: AWS's own
// solutions, NIST 800-53 and PCI DSS. A finding without a row fails, and so does a
// row without a finding.
func TestNag(t *testing.T) {
	found := map[string]bool{}
	for _, name := range []string{"full", "organization"} {
		for _, f := range nag(t, name) {
			found[f] = true
		}
	}
	known := map[string]bool{}
	for _, a := range acknowledgements {
		if len(a.at) == 0 || len(a.why) < 20 {
			t.Errorf("%s: no place, or no reason", a.finding)
		}
		for _, at := range a.at {
			row := a.finding + " " + at
			if known[row] {
				t.Errorf("%s is acknowledged twice", row)
			}
			known[row] = true
			if !found[row] {
				t.Errorf("%s is acknowledged, and nobody finds it: take the row away", row)
			}
		}
	}
	for _, f := range sortedKeys(found) {
		if !known[f] {
			t.Errorf("%s: put it right, or acknowledge it with a reason", f)
		}
	}
}

// naming reads a finding's text. A rule that broke off says CdkNagValidationFailure,
// which has no row and so fails.
var naming = regexp.MustCompile(`^((?:AwsSolutions-|NIST\.800\.53\.R5-|PCI\.DSS\.321-|CdkNag)\w+(?:\[.*?\](?::|$))?)`)

// nag are the findings of a deployment, as FINDING STACK/RESOURCE. They are the
// errors and warnings that the synthesis leaves in its folder.
func nag(t *testing.T, name string) []string {
	t.Helper()
	out := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(out), AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{"@aws-cdk/core:defaultCrossStackReferences": "strong"}})
	d := deployment(t, name)
	plan, err := Prepare(d, bootstraps(t))
	if err != nil {
		t.Fatal(err)
	}
	plan.Build(app)
	aspects, props := awscdk.Aspects_Of(app), &cdknag.NagPackProps{Reports: jsii.Bool(false)}
	aspects.Add(cdknag.NewAwsSolutionsChecks(props), nil)
	aspects.Add(cdknag.NewNIST80053R5Checks(props), nil)
	aspects.Add(cdknag.NewPCIDSS321Checks(props), nil)
	app.Synth(nil)
	var all []string
	for path, notes := range notes(t, out) {
		for _, note := range notes {
			finding := naming.FindString(note)
			if finding == "" {
				t.Errorf("%s: %s", path, note)
			}
			all = append(all, strings.TrimSuffix(finding, ":")+" "+strings.TrimPrefix(path, "/"+d.Prefix+"-"))
		}
	}
	slices.Sort(all)
	return all
}

// notes are the errors and warnings of an assembly, by construct.
func notes(t *testing.T, dir string) map[string][]string {
	t.Helper()
	type note struct {
		Type string
		Data any
	}
	all := map[string][]string{}
	add := func(metadata map[string][]note) {
		for path, notes := range metadata {
			for _, n := range notes {
				if n.Type == "aws:cdk:error" || n.Type == "aws:cdk:warning" {
					all[path] = append(all[path], fmt.Sprint(n.Data))
				}
			}
		}
	}
	var manifest struct {
		Artifacts map[string]struct {
			Metadata               map[string][]note
			AdditionalMetadataFile string
		}
	}
	read(t, filepath.Join(dir, "manifest.json"), &manifest)
	for _, a := range manifest.Artifacts {
		add(a.Metadata)
		if a.AdditionalMetadataFile != "" {
			var more map[string][]note
			read(t, filepath.Join(dir, a.AdditionalMetadataFile), &more)
			add(more)
		}
	}
	return all
}

func read(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const (
	noVPC       = "it calls AWS's own endpoints and nothing of a network of ours: in a VPC it would need endpoints or a way to the internet, and would be one more thing that can be cut off"
	noReplica   = "what is in it can be had again: CloudTrail's event history, a new audit; whoever needs a second Region replicates by a rule of their own, which the stack leaves alone"
	refusesHTTP = "it does, by the bucket's ARN; the rule looks for its logical id in the ARN (TestBuckets holds the statement)"
	isDead      = "it is where others end, by EventBridge, SNS or Lambda; the rule looks for queues alone. Its own end is a person, whom an alarm calls"
	onDemand    = "it is restored to any second of 35 days (point-in-time recovery), and deletion protection is on; a backup plan is the account's, and can take it in by its tags"
	logsPlain   = "S3 delivers access logs into no bucket with a key of KMS by default (S3 user guide, server access logging); it has S3's own key"
	bounded     = "a queue's mapping bounds it (maximum concurrency 10), or its schedule does; reserving some of a new account's ten is refused, and zero is a switch to turn it off unseen"
	elsewhere   = "what fails is kept: of the queue in its dead-letter queue, of the schedule by the destination on failure, which says why as well (Lambda developer guide)"
	streams     = "the log streams of one group, whose names Lambda or CloudTrail makes up"
	objects     = "the objects of one bucket, below what is written there; their names are not known before"
	people      = "whoever is enrolled is not known before: all users, or devices, of this account and nothing else"
	ownRules    = "it reads the rules of this deployment, which begin so: one that somebody put beside them is a finding too"
	runs        = "one file of each run, whose name is the execution's"
	isACopy     = "it is a copy itself, of the record in the table, and anybody of the rules fetches another with mfawatch breakglass log"
	byPerson    = "each user is one person's, whom the rules name; a group would let in whoever is put into it later, and be a second list to watch"
	byName      = "IAM's own variable for the user who calls, with and without a path"
)

var acknowledgements = []acknowledged{
	{"AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/AWSDenyAll]", []string{"data/ChatRole"}, "it allows nothing, for good: AWS's own is the one that stays so"},
	{"AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/AdministratorAccess]", []string{"breakglass/BreakGlassRole"}, "the emergency door opens everything; it asks for fresh MFA, lasts an hour, and everybody is told"},
	{"AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/ReadOnlyAccess]", []string{"breakglass/BreakGlassViewerRole"}, "the person who writes break_glass.roles says what the role may do"},
	{"AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/job-function/Billing]", []string{"enforcement/MFARolebilling"}, "the person who writes mfa_roles says what the role may do"},
	{"AwsSolutions-IAM5[Resource::*]", []string{"enforcement/EnforceMFA"}, "a guardrail refuses everything, and what it allows on all resources are reads of the account, which know no other"},
	{"AwsSolutions-IAM5[Resource::*]", []string{"enforcement/MfaRegistrarPolicy"}, "ListUsers and ListVirtualMFADevices list the account and know no resource"},
	{"AwsSolutions-IAM5[Resource::arn:aws:iam::*:user/*/<aws:username>]", []string{"enforcement/EnforceMFA"}, byName},
	{"AwsSolutions-IAM5[Resource::arn:aws:iam::*:user/<aws:username>]", []string{"enforcement/EnforceMFA"}, byName},
	{"AwsSolutions-IAM5[Resource::arn:aws:iam::111122223333:mfa/*]", []string{"enforcement/MfaRegistrarPolicy"}, people},
	{"AwsSolutions-IAM5[Resource::arn:aws:iam::111122223333:user/*]", []string{"enforcement/MfaRegistrarPolicy"}, people},
	{"AwsSolutions-IAM5[Resource::arn:aws:logs:eu-north-1:111122223333:log-group:/aws/lambda/mfawatch-reconcile:*]", []string{"detection/ReconcilePolicy"}, streams},
	{"AwsSolutions-IAM5[Resource::arn:aws:logs:eu-north-1:111122223333:log-group:/aws/lambda/mfawatch-signin:*]", []string{"detection/SigninPolicy"}, streams},
	{"AwsSolutions-IAM5[Resource::arn:aws:logs:eu-north-1:111122223333:log-group:mfawatch-trail:log-stream:*]", []string{"trail/TrailLogsPolicy"}, streams},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-evidence-111122223333-eu-north-1/*]", []string{"detection/ReconcilePolicy", "detection/SigninPolicy"}, objects},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-trail-111122223333-eu-north-1/AWSLogs/*]", []string{"detection/ReconcilePolicy"}, objects},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-trail-111122223333-eu-north-1/AWSLogs/*111122223333/*]", []string{"detection/ReconcilePolicy"}, objects},
	{"AwsSolutions-IAM5[Resource::arn:aws:logs:eu-north-1:111122223333:log-group:/aws/lambda/mfawatch-breakglass:*]", []string{"breakglass/BreakglassPolicy"}, streams},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-record-111122223333-eu-north-1/record/night-door/*]", []string{"breakglass/BreakglassPolicy"}, objects},
	{"AwsSolutions-IAM5[Resource::*]", []string{"watchdog/CanaryPolicy"}, "ListRules and ListEventSourceMappings know no resource (service authorization reference)"},
	{"AwsSolutions-IAM5[Resource::arn:aws:events:eu-north-1:111122223333:rule/mfawatch-*]", []string{"watchdog/CanaryPolicy"}, ownRules},
	{"AwsSolutions-IAM5[Resource::arn:aws:events:eu-north-1:111122223333:rule/mfawatch/mfawatch-*]", []string{"watchdog/CanaryPolicy"}, ownRules},
	{"AwsSolutions-IAM5[Resource::arn:aws:events:us-east-1:111122223333:rule/mfawatch-*]", []string{"watchdog/CanaryPolicy"}, ownRules},
	{"AwsSolutions-IAM5[Resource::arn:aws:events:us-east-2:111122223333:rule/mfawatch-*]", []string{"watchdog/CanaryPolicy"}, ownRules},
	{"AwsSolutions-IAM5[Resource::arn:aws:lambda:eu-north-1:111122223333:function:mfawatch-*]", []string{"watchdog/CanaryPolicy"}, "it reads the switches of this deployment's functions, which begin so"},
	{"AwsSolutions-IAM5[Resource::arn:aws:logs:eu-north-1:111122223333:log-group:/aws/lambda/mfawatch-canary:*]", []string{"watchdog/CanaryPolicy"}, streams},
	{"AwsSolutions-IAM5[Resource::arn:aws:sns:eu-north-1:111122223333:mfawatch-alerts:*]", []string{"watchdog/CanaryPolicy"}, "the subscriptions of one topic, whose ids SNS makes up"},
	{"AwsSolutions-IAM5[Resource::*]", []string{"audit/AuditMachinePolicy"}, "log deliveries have no ARN (Step Functions developer guide, logging)"},
	{"AwsSolutions-IAM5[Resource::*]", []string{"audit/AuditPolicy"}, "IAM's and Organizations' lists and reports know no resource; it is what mfawatch audit --print-policy prints"},
	{"AwsSolutions-IAM5[Resource::arn:aws:iam::*:role/mfawatch-audit-member]", []string{"audit/AuditPolicy"}, "one role by name, in accounts that are not known before they are listed"},
	{"AwsSolutions-IAM5[Resource::arn:aws:iam::*:root]", []string{"audit/AuditPolicy"}, "root of accounts that are not known before they are listed, for one task that only reads (its condition)"},
	{"AwsSolutions-IAM5[Resource::arn:aws:logs:eu-north-1:111122223333:log-group:/aws/lambda/mfawatch-audit:*]", []string{"audit/AuditPolicy"}, streams},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-reports-111122223333-eu-north-1/audit/*]", []string{"audit/AuditPolicy"}, objects},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-reports-111122223333-eu-north-1/audit/111122223333/runs/*/findings.csv]", []string{"audit/AuditMachinePolicy"}, runs},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-reports-111122223333-eu-north-1/audit/o-exampleorgid/runs/*/findings.csv]", []string{"audit/AuditMachinePolicy"}, runs},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-reports-111122223333-eu-north-1/audit/o-exampleorgid/runs/*/items.json]", []string{"audit/AuditMachinePolicy"}, runs},
	{"AwsSolutions-IAM5[Resource::arn:aws:s3:::mfawatch-reports-111122223333-eu-north-1/tables/findings/day=*]", []string{"audit/AuditMachinePolicy"}, "the sheet of the day, for Athena"},
	{"AwsSolutions-IAM5[Resource::arn:aws:states:eu-north-1:111122223333:execution:mfawatch-audit/Members:*]", []string{"audit/AuditMachinePolicy"}, "the runs of its own map, whose ids Step Functions makes up"},
	{"AwsSolutions-IAM5[Resource::arn:aws:states:eu-north-1:111122223333:execution:mfawatch-audit:*]", []string{"audit/AuditMachinePolicy"}, "its own executions, whose ids Step Functions makes up"},
	{"AwsSolutions-SF1", []string{"audit/AuditMachine"}, "errors are logged, and what the steps hand on is not: inputs and results name people's accounts, and the reports hold them"},
	{"AwsSolutions-SF2", []string{"audit/AuditMachine"}, "each step is one function whose log says what it did and how long it took; traces would be a third place for the same"},
	{"AwsSolutions-S10", []string{"breakglass-data/RecordBucketPolicy", "data/AccessBucketPolicy", "data/EvidenceBucketPolicy", "data/ReportsBucketPolicy", "data/TrailBucketPolicy"}, refusesHTTP},
	{"AwsSolutions-SQS3", []string{"data/AlertsDeadQueue", "detection/RulesDeadQueue", "detection/SchedulesDeadQueue", "forward-us-east-1/RulesDeadQueue", "forward-us-east-2/RulesDeadQueue"}, isDead},
	{"NIST.800.53.R5-DynamoDBInBackupPlan", []string{"breakglass-data/BreakglassTable", "breakglass-data/LedgerTable", "data/EventsTable"}, onDemand},
	{"NIST.800.53.R5-LambdaConcurrency", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction"}, bounded},
	{"NIST.800.53.R5-LambdaDLQ", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction", "breakglass/BreakglassFunction"}, elsewhere},
	{"NIST.800.53.R5-LambdaInsideVPC", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction", "breakglass/BreakglassFunction"}, noVPC},
	{"NIST.800.53.R5-S3BucketReplicationEnabled", []string{"data/AccessBucket", "data/EvidenceBucket", "data/ReportsBucket", "data/TrailBucket"}, noReplica},
	{"NIST.800.53.R5-S3BucketReplicationEnabled", []string{"breakglass-data/RecordBucket"}, isACopy},
	{"NIST.800.53.R5-IAMUserNoPolicies", []string{"breakglass/BreakglassCallersPolicy"}, byPerson},
	{"NIST.800.53.R5-S3BucketSSLRequestsOnly", []string{"breakglass-data/RecordBucketPolicy", "data/AccessBucketPolicy", "data/EvidenceBucketPolicy", "data/ReportsBucketPolicy", "data/TrailBucketPolicy"}, refusesHTTP},
	{"NIST.800.53.R5-S3DefaultEncryptionKMS", []string{"data/AccessBucket"}, logsPlain},
	{"PCI.DSS.321-IAMGroupHasUsers", []string{"enforcement/Humans"}, "people are put into the group by those who know them, one team after another (docs/guardrails.md)"},
	{"PCI.DSS.321-LambdaInsideVPC", []string{"detection/ReconcileFunction", "detection/SigninFunction", "watchdog/CanaryFunction", "audit/AuditFunction", "breakglass/BreakglassFunction"}, noVPC},
	{"PCI.DSS.321-S3BucketReplicationEnabled", []string{"data/AccessBucket", "data/EvidenceBucket", "data/ReportsBucket", "data/TrailBucket"}, noReplica},
	{"PCI.DSS.321-S3BucketReplicationEnabled", []string{"breakglass-data/RecordBucket"}, isACopy},
	{"PCI.DSS.321-IAMUserNoPolicies", []string{"breakglass/BreakglassCallersPolicy"}, byPerson},
	{"PCI.DSS.321-S3BucketSSLRequestsOnly", []string{"breakglass-data/RecordBucketPolicy", "data/AccessBucketPolicy", "data/EvidenceBucketPolicy", "data/ReportsBucketPolicy", "data/TrailBucketPolicy"}, refusesHTTP},
	{"PCI.DSS.321-S3DefaultEncryptionKMS", []string{"data/AccessBucket"}, logsPlain},
}

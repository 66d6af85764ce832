package stacks

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"mfawatch/audit/collect"
	"mfawatch/functions/settings"
)

// remind and callsASecond are what functions/audit is told.
const (
	remind       = 7 * 24 * time.Hour
	callsASecond = 10
)

// audits says whether there is a scheduled audit.
func (b *builder) audits() bool { return b.d.Reports.Schedule != "" }

// makeAudit makes the scheduled audit: the function, the state machine that
// invokes it until it is done, and the schedule that starts it.
func (b *builder) makeAudit() {
	if !b.audits() {
		return
	}
	s := b.stack("audit", b.home, "the scheduled audit: function, state machine, schedule", b.data)
	b.makeAuditFunction(s)
	b.makeStateMachine(s)
	b.scheduleWith(s, "audit", b.d.Reports.Schedule, b.stateMachine(), `{"run":"<aws.scheduler.execution-id>"}`, "states:StartExecution")
	// A rate without a date begins at once (EventBridge Scheduler user guide).
	made(s, "AuditSchedule").AddResourceDependency(made(s, "AuditMachine"), nil)
	b.makeAuditAlarms(s)
	if b.d.Reports.Athena {
		b.makeAthena(s)
	}
}

func (b *builder) makeAuditFunction(s awscdk.Stack) {
	memory := 1024.0
	if b.organizational() {
		memory = 3008 // mode reduce holds the findings of all accounts
	}
	b.function(s, lambda{
		name: "audit", why: "Audits who holds which second factor, keeps reports and tells what changed", memory: memory, timeout: auditTimeout,
		environment: b.auditSettings(),
	}, b.auditStatements()...)
}

func (b *builder) auditSettings() settings.Audit {
	formats := slices.Clone(b.d.Reports.Formats)
	if len(formats) == 0 {
		formats = []string{"json", "html"}
	}
	if b.d.Reports.Athena && !slices.Contains(formats, "csv") {
		formats = append(formats, "csv") // what the table of findings reads
	}
	a := settings.Audit{
		Common: b.common(), ReportBucket: b.bucket("reports"), ReportPrefix: reportPrefix, TopicARN: b.topic(), Formats: formats,
		SecurityHub: b.d.Reports.SecurityHub, Region: b.home, Remind: remind, Rate: callsASecond,
	}
	if b.organizational() {
		a.Role, a.ExternalID = b.auditedRole(), b.externalID()
	}
	return a
}

// externalID is what the audit says when it assumes a member's role, so that the
// role is assumed for this organisation's audit and no other. It is no secret.
func (b *builder) externalID() string { return b.prefix + "-" + b.d.Organization.ID }

// auditStatements are what functions/audit needs: what audit/collect says that it
// reads, and where it writes and tells.
func (b *builder) auditStatements() []statement {
	reads := collected(collect.Policy())
	if b.organizational() {
		reads = collected(collect.OrganizationPolicy(b.partition))
		for i := range reads {
			if reads[i].Sid == "ReadMembers" { // this deployment's role, in place of any
				reads[i].Resource = []string{"arn:" + b.partition + ":iam::*:role/" + b.auditedRole()}
			}
		}
	}
	all := append(reads,
		allow("KeepReports", []string{"s3:GetObject", "s3:PutObject"}, b.objects("reports", reportPrefix)),
		// Without it S3 answers 403 for what is not there yet.
		allow("KnowWhatIsThere", []string{"s3:ListBucket"}, b.bucketARN("reports")),
		allow("Tell", []string{"sns:Publish"}, b.topic()),
		b.useKey(),
	)
	if b.d.Reports.SecurityHub {
		all = append(all, b.importFindings())
	}
	return all
}

// collected are the statements of a policy of audit/collect. Where their resource
// is "*", the actions of IAM and Organizations know no narrower one, or are asked
// of every user and policy there is (service authorization reference).
func collected(policy []byte) []statement {
	var p struct{ Statement []statement }
	if err := json.Unmarshal(policy, &p); err != nil {
		panic(err) // its own test reads it
	}
	return p.Statement
}

// importFindings lets findings be imported for the product that every account
// has of itself (Security Hub user guide, BatchImportFindings).
func (b *builder) importFindings() statement {
	return allow("ImportFindings", []string{"securityhub:BatchImportFindings"}, b.arn("securityhub", b.home, "product/"+b.account+"/default"))
}

func (b *builder) makeStateMachine(s awscdk.Stack) {
	r := role(s, b.names, "audit-machine", "states.amazonaws.com", "Runs the scheduled audit's steps", b.machineStatements()...)
	machine := awsstepfunctions.NewCfnStateMachine(s, jsii.String("AuditMachine"), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName: jsii.String(b.of("audit")), StateMachineType: jsii.String("STANDARD"), RoleArn: r.arn(), DefinitionString: jsii.String(b.definition()),
		// Without execution data: names of accounts stay out of the log. Histories
		// hold them, encrypted with a key of AWS's, for ninety days.
		LoggingConfiguration: object{
			"level": "ERROR", "includeExecutionData": false,
			"destinations": []object{{"cloudWatchLogsLogGroup": object{"logGroupArn": b.logs(b.statesLog()) + ":*"}}},
		},
	})
	r.before(machine) // that it may log is checked when it is made
	machine.AddResourceDependency(made(s, "AuditFunction"), nil)
}

// made is a resource of a stack by its id.
func made(s awscdk.Stack, id string) awscdk.CfnResource {
	return s.Node().FindChild(jsii.String(id)).(awscdk.CfnResource)
}

// machineStatements are what the steps do, and no more.
func (b *builder) machineStatements() []statement {
	all := []statement{
		allow("Invoke", []string{"lambda:InvokeFunction"}, b.functionARN("audit")),
		// Log deliveries have no ARN that could be named (Step Functions developer
		// guide, logging: the resource must be *).
		allow("DeliverLog", []string{
			"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
			"logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
		}, "*"),
	}
	if b.organizational() {
		// What a distributed map needs of its own state machine (Step Functions
		// developer guide, IAM policies for using Distributed Map).
		all = append(all,
			allow("StartItems", []string{"states:StartExecution"}, b.stateMachine()),
			allow("FollowItems", []string{"states:DescribeExecution", "states:StopExecution"}, b.executions(":*"), b.executions("/"+mapLabel+":*")),
			allow("RedriveItems", []string{"states:RedriveExecution"}, b.executions("/"+mapLabel+":*")),
			allow("ReadItems", []string{"s3:GetObject"}, b.bucketARN("reports")+"/"+reportPrefix+b.d.Organization.ID+"/runs/*/items.json"),
		)
	}
	if b.d.Reports.Athena {
		all = append(all,
			allow("ReadFindings", []string{"s3:GetObject"}, b.bucketARN("reports")+"/"+reportPrefix+b.audited()+"/runs/*/findings.csv"),
			allow("PublishFindings", []string{"s3:PutObject"}, b.objects("reports", tables)),
		)
	}
	if b.organizational() || b.d.Reports.Athena {
		all = append(all, b.useKey())
	}
	return all
}

// makeAuditAlarms makes the alarms on an audit that failed and on one that never
// came.
func (b *builder) makeAuditAlarms(s awscdk.Stack) {
	var math []any
	for i, metric := range []string{"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"} {
		math = append(math, object{"id": fmt.Sprintf("m%d", i+1), "returnData": false, "metricStat": object{
			"stat": "Sum", "period": 300,
			"metric": object{"namespace": "AWS/States", "metricName": metric, "dimensions": []object{{"name": "StateMachineArn", "value": b.stateMachine()}}},
		}})
	}
	math = append(math, object{"id": "all", "expression": "FILL(m1,0)+FILL(m2,0)+FILL(m3,0)", "label": "executions that did not succeed", "returnData": true})
	b.makeAlarm(s, alarm{
		name: "audit-failed", math: math, most: 1, reached: true, silence: notBreaching, event: true,
		why: "An execution of " + b.of("audit") + " failed, timed out or was stopped. Its history says at which step; redrive it when the cause is mended: a run goes on where it was.",
	})
	limit := b.d.Reports.Every * 3 / 2
	hours, silence, says := auditWindow(limit)
	b.makeAlarm(s, alarm{
		name: "audit-age", namespace: settings.Namespace, metric: settings.AuditAge, dimensions: map[string]string{"account": b.audited()},
		statistic: "Maximum", period: oneHour, of: hours, in: hours, most: limit.Seconds(), silence: silence,
		why: fmt.Sprintf("Audits are further apart than %s%s. Look at the schedule and the executions of %s.", limit, says, b.of("audit")),
	})
}

// auditWindow is for how many hours an audit may be missing, what the alarm makes
// of missing data, and how that reads. CloudWatch looks back a week at most:
// longer silence than that no alarm can hear.
func auditWindow(limit time.Duration) (hours float64, silence, says string) {
	if limit > 7*24*time.Hour {
		return 1, notBreaching, ", which shows when the late one comes: alarms look back a week at most"
	}
	return max(math.Ceil(limit.Hours()), 2), breaching, ", or there was none for so long"
}

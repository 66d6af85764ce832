package stacks

import (
	"encoding/json"
	"strings"
)

// A definition in the Amazon States Language. The function does not invoke
// itself: where its result says "continue", the state machine goes back with the
// result's event (docs/operations.md, the scheduled audit).

// Seconds and tries of the state machine.
const (
	auditTimeout = 900                    // of the function: Lambda's longest
	auditParts   = 32                     // invocations for one account, at most (functions/audit)
	auditHours   = 9                      // of an execution of one account: all parts and what is tried again
	mapHours     = 48                     // of an execution of an organisation
	taskTimeout  = auditTimeout + 60      // of a state that waits for the function
	mapLabel     = "Members"              // of the map's runs, in their ARNs
	tables       = "tables/findings/day=" // where Athena's table of findings is, in the reports bucket
	reportPrefix = "audit/"               // where the function keeps what it writes
)

// definition is the state machine's, as JSON whose bytes follow from the
// deployment alone.
func (b *builder) definition() string {
	d := b.alone()
	if b.organizational() {
		d = b.everybody()
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // texts, numbers, lists and maps
	}
	return string(text)
}

// alone audits the account itself.
func (b *builder) alone() object {
	states := object{
		"Begin": pass(object{"event": object{"mode": "account", "run.$": "$.run"}}, "Audit"),
		"Done":  object{"Type": "Succeed"},
	}
	b.untilWhole(states, "Audit", b.afterAudit())
	b.named(states, "Begin")
	b.publish(states, "$.account", "$.summary", "$.run", "Done")
	return object{"Comment": "Audits this account", "StartAt": "Named", "TimeoutSeconds": auditHours * oneHour, "States": states}
}

// afterAudit is where an audit goes that is whole.
func (b *builder) afterAudit() string {
	if b.d.Reports.Athena {
		return "Written"
	}
	return "Done"
}

// everybody lists the organisation, audits its accounts side by side, and makes
// one report of all. Members that failed are not known in the report, which is
// made in any case; too many of them fail the execution after it.
func (b *builder) everybody() object {
	states := object{
		"List": b.invoke(object{"mode": "list", "run.$": "$.run"}, object{
			"ResultSelector": object{"run.$": "$.Payload.run", "organization.$": "$.Payload.organization", "items_key.$": "$.Payload.items_key"},
			"Next":           "Members",
		}),
		"Members": b.members(),
		"Reduce": b.invoke(object{"mode": "reduce", "run.$": "$.run", "organization.$": "$.organization"}, object{
			"ResultSelector": object{"result.$": "$.Payload"}, "ResultPath": "$.reduced", "Next": b.afterReduce(),
		}),
		"AllRead": object{"Type": "Choice", "Default": "Done", "Choices": []object{
			{"Variable": "$.failed", "IsPresent": true, "Next": "TooManyFailed"},
		}},
		"TooManyFailed": object{"Type": "Fail", "Error": "Mfawatch.MembersFailed", "Cause": "More accounts failed than are tolerated. The report is made and names them: look at the failed items of the map's run."},
		"Done":          object{"Type": "Succeed"},
	}
	b.named(states, "List")
	b.publish(states, "$.organization", "$.reduced.result.summary", "$.run", "AllRead")
	return object{"Comment": "Audits an organisation", "StartAt": "Named", "TimeoutSeconds": mapHours * oneHour, "States": states}
}

func (b *builder) afterReduce() string {
	if b.d.Reports.Athena {
		return "Written"
	}
	return "AllRead"
}

// members is the distributed map over the items that mode list wrote. A child
// ends with an empty answer: what all of them answer together is held to 256 KiB.
func (b *builder) members() object {
	child := object{
		"Begin": pass(object{"event.$": "$"}, "Audit"),
		"Done":  object{"Type": "Pass", "Result": object{}, "End": true},
	}
	b.untilWhole(child, "Audit", "Done")
	return object{
		"Type": "Map", "Label": mapLabel, "Next": "Reduce", "ResultPath": nil,
		"MaxConcurrency":             max(b.d.Organization.Concurrent, 1), // 0 is no limit
		"ToleratedFailurePercentage": b.d.Organization.Tolerated,
		"ItemReader": object{
			"Resource": b.integration("s3:getObject"), "ReaderConfig": object{"InputType": "JSON"},
			"Parameters": object{"Bucket": b.bucket("reports"), "Key.$": "$.items_key"},
		},
		"ItemProcessor": object{"ProcessorConfig": object{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Begin", "States": child},
		"Catch":         []object{{"ErrorEquals": []string{"States.ALL"}, "ResultPath": "$.failed", "Next": "Reduce"}},
	}
}

// named adds the states that give a run its name: the input's, so that a
// schedule that starts twice is one run; else the execution's.
func (b *builder) named(states object, next string) {
	states["Named"] = object{"Type": "Choice", "Default": "Name", "Choices": []object{{"Variable": "$.run", "IsPresent": true, "Next": next}}}
	states["Name"] = pass(object{"run.$": "$$.Execution.Name"}, next)
}

// untilWhole adds a state that invokes the function with $.event, and again with
// what it answers for as long as it says so.
func (b *builder) untilWhole(states object, name, next string) {
	task := b.invoke(nil, object{"OutputPath": "$.Payload", "Next": "Whole"})
	task["Parameters"].(object)["Payload.$"] = "$.event"
	states[name] = task
	states["Whole"] = object{"Type": "Choice", "Default": next, "Choices": []object{{"Variable": "$.continue", "BooleanEquals": true, "Next": name}}}
}

// publish adds the states that copy a run's findings to where Athena's table is:
// in a run's own folder lie other files, which a table would read too. A run that
// a newer one overtook wrote none.
func (b *builder) publish(states object, about, summary, run, next string) {
	if !b.d.Reports.Athena {
		return
	}
	states["Written"] = object{"Type": "Choice", "Default": "Publish", "Choices": []object{
		{"And": []object{{"Variable": summary, "IsPresent": true}, {"Variable": summary, "StringEquals": "superseded"}}, "Next": next},
	}}
	states["Publish"] = object{
		"Type": "Task", "Resource": b.integration("aws-sdk:s3:copyObject"), "TimeoutSeconds": taskTimeout, "ResultPath": nil, "Next": next,
		"Parameters": object{
			"Bucket": b.bucket("reports"), "ExpectedBucketOwner": b.account, "ExpectedSourceBucketOwner": b.account,
			"CopySource.$": "States.Format('" + b.bucket("reports") + "/" + reportPrefix + "{}/runs/{}/findings.csv', " + about + ", " + run + ")",
			"Key.$":        "States.Format('" + tables + "{}/{}-{}.csv', States.ArrayGetItem(States.StringSplit($$.Execution.StartTime, 'T'), 0), " + about + ", " + run + ")",
		},
		"Retry": []object{retry("States.ALL", 30, 3)},
	}
}

// invoke is a state that invokes the function with a payload.
func (b *builder) invoke(payload object, more object) object {
	parameters := object{"FunctionName": b.functionARN("audit")}
	if payload != nil {
		parameters["Payload"] = payload
	}
	task := object{
		"Type": "Task", "Resource": b.integration("lambda:invoke"), "Parameters": parameters, "TimeoutSeconds": taskTimeout,
		// What Lambda itself may answer now and then (Step Functions developer
		// guide, error handling), then what the function may: the same run again
		// does what is left of it.
		"Retry": []object{
			retry("Lambda.ServiceException Lambda.AWSLambdaException Lambda.SdkClientException Lambda.TooManyRequestsException", 2, 6),
			retry("States.ALL", 60, 3),
		},
	}
	for key, value := range more {
		task[key] = value
	}
	return task
}

// integration is the ARN of a call that Step Functions makes.
func (b *builder) integration(call string) string { return "arn:" + b.partition + ":states:::" + call }

// retry is a way to try again: errors apart by blanks, the first pause in
// seconds, and how often at most.
func retry(errors string, pause, tries int) object {
	return object{
		"ErrorEquals": strings.Fields(errors), "IntervalSeconds": pause, "MaxAttempts": tries,
		"BackoffRate": 2, "MaxDelaySeconds": 600, "JitterStrategy": "FULL",
	}
}

func pass(parameters object, next string) object {
	return object{"Type": "Pass", "Parameters": parameters, "Next": next}
}

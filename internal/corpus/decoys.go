package corpus

import "strings"

// decoy is a record that holds the words of a sign-in without being one.
type decoy struct {
	kind   string
	weight int
	call   *call
}

func (d decoy) share() int { return d.weight }

// forged is a whole sign-in record that somebody put into a request.
const forged = `{"eventVersion":"1.08","userIdentity":{"type":"Root","principalId":"<account>","arn":"arn:aws:iam::<account>:root","accountId":"<account>"},` +
	`"eventTime":"<time>","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"<region>","sourceIPAddress":"192.0.2.66",` +
	`"requestParameters":null,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"},"eventID":"<uuid>",` +
	`"eventType":"AwsConsoleSignIn","recipientAccountId":"<account>"}`

// decoys are the kinds, the realistic ones often. A record nested as an object
// is rare, and so is an escaped backslash before what looks like an escape: it
// makes a careful scanner decode the whole file.
func decoys() []decoy {
	quoted := strings.NewReplacer(`"`, `\"`).Replace(forged)
	agent := newCall("sts.amazonaws.com", "GetCallerIdentity", "", "")
	agent.userAgent = "AWS Signin, aws-internal/3 aws-sdk-java/1.12.750 (signin.amazonaws.com; ConsoleLogin)"
	other := newCall("console.vendor.example", "ConsoleLogin", `{"tenant":"<name>"}`, `{"ConsoleLogin":"Success"}`)
	return []decoy{
		{"event-pattern", 200, newCall("events.amazonaws.com", "PutRule",
			`{"name":"<name>","state":"ENABLED","eventPattern":"{\"source\":[\"aws.signin\"],\"detail\":{\"eventSource\":[\"signin.amazonaws.com\"],\"eventName\":[\"ConsoleLogin\"]}}"}`,
			`{"ruleArn":"arn:aws:events:<region>:<account>:rule/<name>"}`)},
		{"metric-filter", 100, newCall("logs.amazonaws.com", "PutMetricFilter",
			`{"logGroupName":"trail","filterName":"<name>","filterPattern":"{ ($.eventName = \"ConsoleLogin\") && ($.additionalEventData.MFAUsed != \"Yes\") }","metricTransformations":[{"metricName":"SignIn","metricNamespace":"<name>","metricValue":"1"}]}`, "")},
		{"query", 150, newCall("athena.amazonaws.com", "StartQueryExecution",
			`{"queryString":"SELECT eventtime, useridentity.arn FROM trail WHERE eventname = 'ConsoleLogin' AND eventsource = 'signin.amazonaws.com'","workGroup":"<name>"}`, `{"queryExecutionId":"<uuid>"}`)},
		{"lookup", 200, newCall("cloudtrail.amazonaws.com", "LookupEvents",
			`{"lookupAttributes":[{"attributeKey":"EventName","attributeValue":"ConsoleLogin"}],"maxResults":50}`, "")},
		{"escaped-record", 150, newCall("events.amazonaws.com", "PutEvents", `{"entries":[{"source":"replay","detailType":"copy","detail":"`+quoted+`"}]}`, "")},
		{"user-agent", 150, agent},
		{"insights-query", 48, newCall("logs.amazonaws.com", "StartQuery",
			`{"logGroupName":"trail","queryString":"fields @timestamp, eventName, \"eventName\" | filter eventName = \"ConsoleLogin\" and eventSource like /signin.amazonaws.com/"}`, "")},
		{"nested-record", 10, newCall("lambda.amazonaws.com", "Invoke", `{"functionName":"<fn>","payload":`+forged+`}`, "")},
		{"other-source", 10, other},
		{"escaped-escape", 2, newCall("ssm.amazonaws.com", "SendCommand",
			`{"documentName":"AWS-RunShellScript","parameters":{"commands":["grep -F '\\u0043onsoleLogin' trail.json"]}}`, "")},
	}
}

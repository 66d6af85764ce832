package stacks

import (
	"strings"

	"mfawatch/audit/config"
	"mfawatch/internal/partition"
)

// names is what everything is called. Names are written down instead of being
// made by CloudFormation, so that an ARN can stand in a policy, in another Region
// or in a function's environment, and no stack holds on to another by its exports.
type names struct {
	prefix, partition, account, home string
	trailAccount                     string // that the trail belongs to
}

func namesOf(d config.Deployment) names {
	n := names{prefix: d.Prefix, partition: d.Partition(), account: d.Account, home: d.Home, trailAccount: d.Account}
	if d.Mode == config.Organizational && d.Organization.Delegated {
		// A delegated administrator makes the organisation's trail; it belongs to
		// the management account (CloudTrail user guide, delegated administrator).
		n.trailAccount = d.Organization.Management
	}
	return n
}

// iamRegion is the Region in which a partition's IAM writes its events and root
// signs in by the global endpoint (CloudTrail user guide, global service events).
func (n names) iamRegion() string { return partition.Known(n.home).IAM }

// suffix ends the names of the partition's endpoints.
func (n names) suffix() string {
	if n.partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// of is the name of a thing of which there is one.
func (n names) of(what string) string { return n.prefix + "-" + what }

// bucket is a name that no other account can have: buckets share one space.
func (n names) bucket(what string) string {
	return strings.Join([]string{n.prefix, what, n.account, n.home}, "-")
}

// arn is the ARN of a thing in a Region: of sqs PREFIX-sign-ins, for example.
func (n names) arn(service, region, rest string) string {
	return strings.Join([]string{"arn", n.partition, service, region, n.account, rest}, ":")
}

func (n names) bucketARN(what string) string { return "arn:" + n.partition + ":s3:::" + n.bucket(what) }

// objects are the ARNs of a bucket's objects below a prefix.
func (n names) objects(what, prefix string) string { return n.bucketARN(what) + "/" + prefix + "*" }

func (n names) role(what string) string { return n.arn("iam", "", "role/"+n.of(what)) }

func (n names) policy(what string) string { return n.arn("iam", "", "policy/"+n.of(what)) }

func (n names) functionARN(what string) string {
	return n.arn("lambda", n.home, "function:"+n.of(what))
}

func (n names) queue(what, region string) string { return n.arn("sqs", region, n.of(what)) }

func (n names) topic() string { return n.arn("sns", n.home, n.of("alerts")) }

func (n names) table(what string) string { return n.arn("dynamodb", n.home, "table/"+n.of(what)) }

// bus is the event bus that other Regions and accounts send to.
func (n names) bus() string { return n.arn("events", n.home, "event-bus/"+n.prefix) }

func (n names) rule(region, bus, name string) string {
	if bus != "" {
		name = bus + "/" + name
	}
	return n.arn("events", region, "rule/"+name)
}

func (n names) trail() string { return n.trails(n.home, n.prefix) }

// trails are the ARNs of trails of the account that this deployment's belongs to.
func (n names) trails(region, name string) string {
	n.account = n.trailAccount
	return n.arn("cloudtrail", region, "trail/"+name)
}

func (n names) stateMachine() string { return n.arn("states", n.home, "stateMachine:"+n.of("audit")) }

// executions are those of the state machine, and of what the map in it starts.
func (n names) executions(which string) string {
	return n.arn("states", n.home, "execution:"+n.of("audit")+which)
}

// statesLog is a name that begins as CloudWatch wants it of what services
// deliver: others fill up its resource policy (Step Functions developer guide,
// logging).
func (n names) statesLog() string { return "/aws/vendedlogs/states/" + n.of("audit") }

// auditedRole is the role that the audit assumes in an account of the organisation.
func (n names) auditedRole() string { return n.of("audit-member") }

func (n names) alarms() string { return n.arn("cloudwatch", n.home, "alarm:"+n.prefix+"-*") }

// logGroup is the name of a function's log group, which Lambda decides.
func (n names) logGroup(function string) string { return "/aws/lambda/" + n.of(function) }

func (n names) logs(group string) string { return n.arn("logs", n.home, "log-group:"+group) }

// alias is the name of the key that a deployment creates.
func (n names) alias() string { return "alias/" + n.prefix }

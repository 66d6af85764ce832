package stacks

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

type object = map[string]any

// statement is one statement of a policy document, as it is deployed.
type statement struct {
	Sid       string
	Effect    string
	Principal any    `json:",omitempty"`
	Action    any    `json:",omitempty"` // a text or a list
	NotAction any    `json:",omitempty"`
	Resource  any    `json:",omitempty"`
	Condition object `json:",omitempty"`
}

// allow is a statement about resources, which are ARNs, or "*" where an action
// knows no narrower one: the caller says which in a comment.
func allow(sid string, actions []string, resources ...string) statement {
	return statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

func (s statement) when(condition object) statement { s.Condition = condition; return s }

// to makes a resource's statement of it: who is let in.
func (s statement) to(principal any) statement { s.Principal = principal; return s }

func service(name string) object { return object{"Service": name} }

func equals(key string, value any) object { return object{"StringEquals": object{key: value}} }

// document is a policy document in the shape that constructs take.
func document(statements ...statement) object {
	return plain(object{"Version": "2012-10-17", "Statement": statements})
}

// plain is v out of maps, lists and texts alone: the kernel takes no structs of
// ours.
func plain(v any) object {
	text, err := json.Marshal(v)
	var o object
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		panic(err) // statements are texts, lists and maps
	}
	return o
}

// identity is a role and the policy that it needs to be of use: what calls AWS as
// the role at once, when it is made, has to wait for both.
type identity struct {
	role   awsiam.CfnRole
	policy awsiam.CfnManagedPolicy // nil: it has none of its own
}

func (i identity) arn() *string { return i.role.AttrArn() }

// before makes another resource wait.
func (i identity) before(r awscdk.CfnResource) {
	if i.policy != nil {
		r.AddResourceDependency(i.policy, nil)
	}
}

// scheduler is EventBridge Scheduler. Our schedules are in its group default, at home.
const scheduler = "scheduler.amazonaws.com"

// role makes a role for an AWS service, with one policy of its own. Policies are
// managed, not inline: an inline one is counted against a smaller quota and shows
// up in no list (IAM user guide, managed and inline policies).
func role(s awscdk.Stack, n names, name, principal, why string, statements ...statement) identity {
	trust := statement{Sid: "Trust", Effect: "Allow", Action: "sts:AssumeRole"}.to(service(principal))
	if principal != "lambda.amazonaws.com" { // which sets no aws:SourceAccount when it assumes
		trust = trust.when(equals("aws:SourceAccount", n.account))
	}
	if principal == scheduler { // whose source is the group, never the schedule (Scheduler user guide, confused deputy prevention)
		trust = trust.also("ArnEquals", object{"aws:SourceArn": n.arn("scheduler", n.home, "schedule-group/default")})
	}
	return roleTrusting(s, n, name, why, document(trust), 0, nil, statements...)
}

// roleTrusting makes a role with any trust policy. session is its longest session
// in seconds; 0 is AWS's hour.
func roleTrusting(s awscdk.Stack, n names, name, why string, trust object, session float64, managed []string, statements ...statement) identity {
	props := &awsiam.CfnRoleProps{RoleName: jsii.String(n.of(name)), Description: jsii.String(why), AssumeRolePolicyDocument: trust, ManagedPolicyArns: anys(managed)}
	if session > 0 {
		props.MaxSessionDuration = jsii.Number(session)
	}
	i := identity{role: awsiam.NewCfnRole(s, jsii.String(pascal(name)+"Role"), props)}
	if len(statements) > 0 {
		// No description: IAM never changes one, and CloudFormation could not replace a
		// policy that has a name.
		i.policy = awsiam.NewCfnManagedPolicy(s, jsii.String(pascal(name)+"Policy"), &awsiam.CfnManagedPolicyProps{
			ManagedPolicyName: jsii.String(n.of(name)), PolicyDocument: document(statements...), Roles: &[]any{i.role.Ref()},
		})
	}
	return i
}

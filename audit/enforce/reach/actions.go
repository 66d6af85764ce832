package reach

import (
	"strings"

	"mfawatch/audit"
)

// Target is what an action is tried on.
type Target string

// The targets. Anything else is an ARN with {partition} and {account} in it. A star
// stands for one of its kind that no policy names: only what is about all of them is
// about it.
const (
	OwnUser     Target = "own user"
	OtherUser   Target = "arn:{partition}:iam::{account}:user/*"
	AnyGroup    Target = "arn:{partition}:iam::{account}:group/*"
	AnyRole     Target = "arn:{partition}:iam::{account}:role/*"
	AnyPolicy   Target = "arn:{partition}:iam::{account}:policy/*"
	AnyDevice   Target = "arn:{partition}:iam::{account}:mfa/*"
	NoResource  Target = "*"
	anyInRegion        = "arn:{partition}:"
)

// Sensitive is an action that nobody should be able to do without a second factor.
// What the user's own policies name of it is tried beside On.
type Sensitive struct {
	Action   string         `json:"action"`
	On       []Target       `json:"on"`
	Class    Class          `json:"class"`
	Severity audit.Severity `json:"severity"`
	Why      string         `json:"why"`
}

// SensitiveActions are the actions that are asked about. Roles are asked about by
// their trust policies, and what takes a guard off by where the guard is.
func SensitiveActions() []Sensitive {
	var all []Sensitive
	for _, group := range [][]Sensitive{takeOver(), factorChanges(), evidence(), secrets(), data(), keys(), compute(), accounts()} {
		all = append(all, group...)
	}
	return all
}

func takeOver() []Sensitive {
	ownAndOther, own, other := []Target{OwnUser, OtherUser}, []Target{OwnUser}, []Target{OtherUser}
	act := func(action, why string, on ...Target) Sensitive {
		return Sensitive{action, on, TakeOver, audit.Critical, why}
	}
	return []Sensitive{
		act("iam:AttachUserPolicy", "gives any user every permission", ownAndOther...),
		act("iam:PutUserPolicy", "gives any user every permission", ownAndOther...),
		act("iam:AttachGroupPolicy", "gives a group every permission", AnyGroup),
		act("iam:PutGroupPolicy", "gives a group every permission", AnyGroup),
		act("iam:AddUserToGroup", "puts a user into a group that may more", AnyGroup),
		act("iam:AttachRolePolicy", "gives a role every permission", AnyRole),
		act("iam:PutRolePolicy", "gives a role every permission", AnyRole),
		act("iam:UpdateAssumeRolePolicy", "lets anybody assume a role", AnyRole),
		act("iam:CreatePolicyVersion", "changes what a policy says", AnyPolicy),
		act("iam:SetDefaultPolicyVersion", "goes back to what a policy said once", AnyPolicy),
		act("iam:CreateAccessKey", "makes a key of another user", other...),
		{"iam:CreateAccessKey", own, TakeOver, audit.High, "makes a second key of one's own, which outlives the first"},
		{"iam:UpdateAccessKey", other, TakeOver, audit.High, "switches a key of another user on"},
		{"iam:CreateUser", other, TakeOver, audit.High, "makes a user that nobody knows of"},
		{"iam:PassRole", []Target{AnyRole}, TakeOver, audit.High, "gives a role to a service that one controls"},
	}
}

func factorChanges() []Sensitive {
	other := []Target{OtherUser}
	act := func(action string, severity audit.Severity, why string, on ...Target) Sensitive {
		return Sensitive{action, on, Factor, severity, why}
	}
	return []Sensitive{
		act("iam:EnableMFADevice", audit.Critical, "registers one's own device on another user", other...),
		act("iam:DeactivateMFADevice", audit.High, "takes another user's device off", other...),
		act("iam:DeactivateMFADevice", audit.High, "takes one's own device off", OwnUser),
		act("iam:ResyncMFADevice", audit.Low, "puts another user's device out of step", other...),
		act("iam:DeleteVirtualMFADevice", audit.Low, "deletes virtual devices that nobody uses yet: somebody's enrolment fails", AnyDevice),
		act("iam:CreateLoginProfile", audit.Critical, "gives another user a password", other...),
		act("iam:UpdateLoginProfile", audit.Critical, "changes another user's password without the old one", other...),
		act("iam:CreateLoginProfile", audit.High, "gives oneself a password", OwnUser),
		act("iam:UpdateLoginProfile", audit.High, "changes one's own password without the old one", OwnUser),
	}
}

func evidence() []Sensitive {
	act := func(action, resource, why string) Sensitive {
		return Sensitive{action, []Target{Target(anyInRegion + resource)}, Evidence, audit.High, why}
	}
	return []Sensitive{
		act("cloudtrail:StopLogging", "cloudtrail:*:{account}:trail/*", "stops the trail"),
		act("cloudtrail:DeleteTrail", "cloudtrail:*:{account}:trail/*", "deletes the trail"),
		act("cloudtrail:UpdateTrail", "cloudtrail:*:{account}:trail/*", "sends the trail elsewhere"),
		act("cloudtrail:PutEventSelectors", "cloudtrail:*:{account}:trail/*", "leaves events out of the trail"),
		act("logs:DeleteLogGroup", "logs:*:{account}:log-group:*", "deletes logs"),
		act("guardduty:DeleteDetector", "guardduty:*:{account}:detector/*", "switches threat detection off"),
		{"config:StopConfigurationRecorder", []Target{NoResource}, Evidence, audit.High, "stops the record of changes"},
	}
}

func secrets() []Sensitive {
	return []Sensitive{
		{"secretsmanager:GetSecretValue", []Target{anyInRegion + "secretsmanager:*:{account}:secret:*"}, Secrets, audit.High, "reads secrets"},
		{"ssm:GetParameter", []Target{anyInRegion + "ssm:*:{account}:parameter/*"}, Secrets, audit.Medium, "reads parameters, which often hold secrets"},
		{"sts:GetFederationToken", []Target{anyInRegion + "sts::{account}:federated-user/*"}, Secrets, audit.Medium, "makes credentials that outlive the key by up to 36 hours"},
	}
}

func data() []Sensitive {
	act := func(action, resource string, severity audit.Severity, why string) Sensitive {
		return Sensitive{action, []Target{Target(anyInRegion + resource)}, Data, severity, why}
	}
	return []Sensitive{
		act("s3:GetObject", "s3:::*/*", audit.High, "reads objects"),
		act("s3:DeleteObject", "s3:::*/*", audit.High, "deletes objects"),
		act("s3:DeleteBucket", "s3:::*", audit.High, "deletes buckets"),
		act("s3:PutBucketPolicy", "s3:::*", audit.High, "opens a bucket to anybody"),
		act("dynamodb:Scan", "dynamodb:*:{account}:table/*", audit.High, "reads tables"),
		act("dynamodb:DeleteTable", "dynamodb:*:{account}:table/*", audit.High, "deletes tables"),
		act("rds:DeleteDBInstance", "rds:*:{account}:db:*", audit.High, "deletes databases"),
		act("ec2:ModifySnapshotAttribute", "ec2:*::snapshot/*", audit.High, "gives disks to another account"),
	}
}

func keys() []Sensitive {
	key := []Target{anyInRegion + "kms:*:{account}:key/*"}
	return []Sensitive{
		{"kms:ScheduleKeyDeletion", key, Keys, audit.High, "deletes keys, and with them the data they encrypt"},
		{"kms:PutKeyPolicy", key, Keys, audit.High, "gives keys to anybody"},
		{"kms:Decrypt", key, Keys, audit.Medium, "decrypts data, where the key's policy leaves it to IAM"},
	}
}

func compute() []Sensitive {
	return []Sensitive{
		{"ec2:RunInstances", []Target{anyInRegion + "ec2:*:{account}:instance/*"}, Compute, audit.Medium, "starts machines at the account's cost"},
		{"ec2:TerminateInstances", []Target{anyInRegion + "ec2:*:{account}:instance/*"}, Compute, audit.High, "destroys machines"},
		{"ssm:SendCommand", []Target{anyInRegion + "ec2:*:{account}:instance/*"}, Compute, audit.High, "runs commands on machines, as their roles"},
		{"ssm:StartSession", []Target{anyInRegion + "ec2:*:{account}:instance/*"}, Compute, audit.High, "opens a shell on machines, as their roles"},
		{"lambda:UpdateFunctionCode", []Target{anyInRegion + "lambda:*:{account}:function:*"}, Compute, audit.High, "runs code as a function's role"},
		{"lambda:InvokeFunction", []Target{anyInRegion + "lambda:*:{account}:function:*"}, Compute, audit.Medium, "runs functions"},
	}
}

func accounts() []Sensitive {
	return []Sensitive{
		{"organizations:LeaveOrganization", []Target{NoResource}, Ownership, audit.High, "leaves the organisation, and its control policies behind"},
		{"organizations:DetachPolicy", []Target{anyInRegion + "organizations::{account}:policy/*"}, Ownership, audit.High, "takes control policies off accounts"},
		{"account:CloseAccount", []Target{NoResource}, Ownership, audit.High, "closes the account"},
		{"billing:UpdateBillingPreferences", []Target{NoResource}, Ownership, audit.Medium, "changes how the account is billed"},
		{"payments:UpdatePaymentPreferences", []Target{NoResource}, Ownership, audit.Medium, "changes how the account pays"},
		{"signin:CreateOAuth2Token", []Target{anyInRegion + "signin:*:{account}:oauth2/public-client/*"}, SignIn, audit.Medium, "gives the command line credentials of a console session (aws login)"},
	}
}

// witnesses stand for whole services where a policy allows everything but some.
var witnesses = []string{
	"ec2:DescribeInstances", "s3:ListAllMyBuckets", "iam:ListRoles", "sqs:SendMessage", "sns:Publish", "rds:DescribeDBInstances",
	"dynamodb:GetItem", "cloudwatch:GetMetricData", "ecs:RunTask", "route53:ChangeResourceRecordSets", "cloudformation:CreateStack", "support:CreateCase",
}

// byDesign are the actions that a guard leaves open so that somebody can enrol and
// find his way (docs/enforce.md): with the resources, where only some are meant.
var byDesign = map[string]func(c *caller, resource string) bool{
	"iam:createvirtualmfadevice": anywhere, "iam:enablemfadevice": onOwn, "iam:resyncmfadevice": onOwn,
	"iam:getmfadevice": anywhere, "iam:listmfadevices": anywhere, "iam:listvirtualmfadevices": anywhere, "iam:getuser": anywhere,
	"sts:getsessiontoken": anywhere, "sts:getcalleridentity": anywhere,
	"iam:getaccountsummary": anywhere, "iam:listaccountaliases": anywhere, "iam:getloginprofile": anywhere, "iam:listusers": anywhere,
	"iam:getaccountpasswordpolicy": anywhere, "iam:changepassword": anywhere, // it acts on the caller only
	"signin:authenticate":          anywhere, // comes before anybody is signed in
	"signin:authorizeoauth2access": onConsole, "signin:createoauth2token": onConsole,
}

func anywhere(*caller, string) bool             { return true }
func onOwn(c *caller, resource string) bool     { return resource == c.arn() }
func onConsole(_ *caller, resource string) bool { return strings.Contains(resource, ":console/") }

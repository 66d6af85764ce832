package explain

import (
	"slices"
	"strings"
)

// probe is one action that a document is asked about.
type probe struct {
	what     string // an infinitive, for people
	action   string
	resource string // with {own}, {other}, {iam}, {sts} and {signin} filled in by the world
	further  bool   // the user has a second factor already
	own      bool   // only a user can ask: it is about his own
}

// group is a topic as data.
type group struct {
	id, title, all string
	probes         []probe
}

// topics are what is asked of every document that is not a resource's. The
// actions and their resources are those of the service authorization reference.
func topics() []group {
	return []group{
		{"own-factor", "One's own second factor", "manage one's own second factor", []probe{
			{what: "create a virtual device", action: "iam:CreateVirtualMFADevice", resource: "{iam}mfa/telephone", own: true},
			{what: "enable a first device", action: "iam:EnableMFADevice", resource: "{own}", own: true},
			{what: "enable a further device", action: "iam:EnableMFADevice", resource: "{own}", further: true, own: true},
			{what: "list one's devices", action: "iam:ListMFADevices", resource: "{own}", further: true, own: true},
			{what: "resynchronise a device", action: "iam:ResyncMFADevice", resource: "{own}", further: true, own: true},
			{what: "deactivate a device", action: "iam:DeactivateMFADevice", resource: "{own}", further: true, own: true},
			{what: "delete a virtual device", action: "iam:DeleteVirtualMFADevice", resource: "{iam}mfa/telephone", further: true, own: true},
		}},
		{"other-factor", "Another user's second factor", "manage another user's second factor", []probe{
			{what: "enable another user's device", action: "iam:EnableMFADevice", resource: "{other}"},
			{what: "resynchronise another's", action: "iam:ResyncMFADevice", resource: "{other}"},
			{what: "deactivate another's", action: "iam:DeactivateMFADevice", resource: "{other}"},
		}},
		{"credentials", "Passwords and keys", "change passwords and keys", []probe{
			{what: "change one's password", action: "iam:ChangePassword", resource: "{own}", own: true},
			{what: "set one's password anew", action: "iam:UpdateLoginProfile", resource: "{own}", own: true},
			{what: "create an access key", action: "iam:CreateAccessKey", resource: "{own}", own: true},
			{what: "set another's password", action: "iam:UpdateLoginProfile", resource: "{other}"},
			{what: "create another's key", action: "iam:CreateAccessKey", resource: "{other}"},
		}},
		{"sessions", "Getting a session", "get a session", []probe{
			{what: "GetSessionToken", action: "sts:GetSessionToken", resource: "*", own: true},
			{what: assumeRole, action: "sts:AssumeRole", resource: "{iam}role/example-target"},
			{what: "GetFederationToken", action: "sts:GetFederationToken", resource: "{sts}federated-user/example", own: true},
			{what: "aws login", action: "signin:CreateOAuth2Token", resource: "{signin}oauth2/public-client/localhost"},
			{what: "console, where authorized", action: "signin:AuthorizeOAuth2Access", resource: "{console}"},
		}},
		{"guardrail", "Getting rid of the guardrail", "change policies and groups", []probe{
			{what: "leave a group", action: "iam:RemoveUserFromGroup", resource: "{iam}group/people"},
			{what: "detach a policy", action: "iam:DetachUserPolicy", resource: "{own}", own: true},
			{what: "write a policy of one's own", action: "iam:PutUserPolicy", resource: "{own}", own: true},
		}},
		{"examples", "Examples of the rest", "read costs and data and run machines", []probe{
			{what: "read the costs", action: "ce:GetCostAndUsage", resource: "*"},
			{what: "read an object in S3", action: "s3:GetObject", resource: "{s3}example-bucket/object"},
			{what: "start a machine", action: "ec2:RunInstances", resource: "{ec2}instance/*"},
			{what: "terminate a machine", action: "ec2:TerminateInstances", resource: "{ec2}instance/i-00000000000000001"},
		}},
		{"anything-else", "Anything else", "do anything else", []probe{anythingElse}},
	}
}

const assumeRole = "assume a role"

// anythingElse is an action that no document names.
var anythingElse = probe{what: "anything else", action: "example:Anything", resource: "{example}anything"}

// resourceOf fills in a probe's resource.
func (w world) resourceOf(p probe) string {
	region := map[string]string{"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[w.partition]
	if region == "" {
		region = "us-east-1"
	}
	arn := "arn:" + w.partition + ":"
	return strings.NewReplacer(
		"{own}", w.own(), "{other}", w.other(), "{iam}", w.iam(""), "{sts}", arn+"sts::"+w.account+":",
		"{signin}", arn+"signin:"+region+":"+w.account+":", "{console}", arn+"signin:::console/management",
		"{s3}", arn+"s3:::", "{ec2}", arn+"ec2:"+region+":"+w.account+":", "{example}", arn+"example:"+region+":"+w.account+":",
	).Replace(p.resource)
}

// mostNamed bounds the rows of what a document names itself.
const mostNamed = 24

// named is what the document names beyond the topics.
func (x *explainer) named(known []group) group {
	g := group{"named", "What the document names besides", "do what the document names besides", nil}
	seen := map[string]bool{}
	for _, k := range known {
		for _, p := range k.probes {
			seen[strings.ToLower(p.action)] = true
		}
	}
	for i := range x.document.Statements {
		s := &x.document.Statements[i]
		for _, action := range slices.Concat(s.Actions, s.NotActions) {
			key := strings.ToLower(action)
			if seen[key] || !strings.Contains(action, ":") || len(g.probes) == mostNamed {
				continue
			}
			seen[key] = true
			resource := "*"
			if s.Resources != nil {
				resource = x.world.sample(s.Resources)
			}
			g.probes = append(g.probes, probe{what: action, action: action, resource: resource, further: true})
		}
	}
	return g
}

// sample is a resource that a list of patterns is about.
func (w world) sample(patterns []string) string {
	for _, p := range patterns {
		if strings.Contains(strings.ToLower(p), "user/${aws:username}") {
			return w.own()
		}
	}
	if len(patterns) == 0 {
		return "*"
	}
	return patterns[0] // a star in the place of a resource's name is some resource
}

// Asked are the topics without a document: what every document that is not a
// resource's is asked.
func Asked() []Topic {
	var all []Topic
	for _, g := range topics() {
		t := Topic{ID: g.id, Title: g.title}
		for _, p := range g.probes {
			t.Rows = append(t.Rows, Row{What: p.what, Action: p.action})
		}
		all = append(all, t)
	}
	return all
}

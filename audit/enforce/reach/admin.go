package reach

import (
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// administration is what gives whoever may do it, on every resource of its sort,
// everything else: all that manages IAM. Who may do some of it may get as far.
var administration = []struct{ action, resource string }{
	{"iam:AttachUserPolicy", "user"}, {"iam:PutUserPolicy", "user"}, {"iam:AttachRolePolicy", "role"}, {"iam:PutRolePolicy", "role"},
	{"iam:CreatePolicyVersion", "policy"}, {"iam:UpdateAssumeRolePolicy", "role"}, {"iam:AddUserToGroup", "group"},
	{"iam:AttachGroupPolicy", "group"}, {"iam:CreateAccessKey", "user"}, {"iam:CreateLoginProfile", "user"},
}

// Powers is how much of what manages IAM somebody may do on every resource, by the
// policies that were read.
type Powers struct {
	Some   []string         // the actions that are allowed, perhaps under conditions that a call can meet
	All    bool             // and that is all of them
	Denied []enforce.Reason // the statements that forbid the rest
	Under  []enforce.Reason // the statements whose conditions a call has to meet, or not to
}

// Administration is how much of what manages IAM a user may do with a second factor.
type Administration struct {
	Powers
	Through []string    // the sources that allow some of it, as people say them
	Unread  []audit.Gap // policies that could allow the rest
	SCPs    *audit.Gap  // control policies could forbid it, and were not read

	Boundary       string // the ARN of the permissions boundary, if there is one
	Limit          Powers // what the boundary allows, whatever the policies grant
	BoundaryUnread *audit.Gap
}

// Administrator asks what of IAM a user may manage. Who may under a condition that a
// call can meet, from an address or at a time, may.
func (a *Account) Administrator(u *audit.User) Administration {
	x, _ := a.userSet(u)
	var read []source
	result := Administration{SCPs: a.scpGap, Boundary: x.bound}
	for _, s := range x.sources {
		if gap, unread := a.unread[s.doc.Name]; !unread {
			read = append(read, s)
		} else if !slices.Contains(result.Unread, gap) {
			result.Unread = append(result.Unread, gap)
		}
	}
	result.Powers = a.powers(a.userCaller(u, a.setOf(read, "", false), enforce.WithMFA, Yes))
	for _, s := range read {
		if len(a.powers(a.userCaller(u, a.setOf([]source{s}, "", true), enforce.WithMFA, Yes)).Some) > 0 {
			result.Through = append(result.Through, s.String())
		}
	}
	if x.boundary == nil {
		return result
	}
	if gap, unread := a.unread[x.boundary.Name]; unread {
		result.BoundaryUnread = &gap
		return result
	}
	limit := source{doc: x.boundary, arn: x.bound}
	result.Limit = a.powers(a.userCaller(u, a.setOf([]source{limit}, "", true), enforce.WithMFA, Yes))
	return result
}

func (a *Account) powers(c *caller) Powers {
	var p Powers
	some := false // of the kind, and not every one
	for _, x := range administration {
		if !a.allows(c, x.action) {
			continue
		}
		d := a.ask(c, x.action, "arn:"+a.s.Partition+":iam::"+a.s.Account+":"+x.resource+"/any/one")
		if can(d) == No {
			p.Denied = merge(p.Denied, d.Because, func(r enforce.Reason) bool { return r.Effect == enforce.Deny })
			if a.onSome(c, x.action) {
				p.Some, some = append(p.Some, x.action), true
			}
			continue
		}
		p.Some = append(p.Some, x.action)
		p.Under = merge(p.Under, d.Because, func(r enforce.Reason) bool { return !r.Certain && r.Statement >= 0 })
	}
	p.All = len(p.Some) == len(administration) && !some
	return p
}

// onSome tells whether a caller may do something to one of those that policies name.
func (a *Account) onSome(c *caller, action string) bool {
	return slices.ContainsFunc(a.named(c, action), func(r string) bool { return r != c.arn() && can(a.ask(c, action, r)) == Yes })
}

func merge(all, more []enforce.Reason, wanted func(enforce.Reason) bool) []enforce.Reason {
	for _, r := range more {
		if wanted(r) && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// Texts joins what reasons say into a sentence's end.
func Texts(reasons []enforce.Reason) string {
	var all []string
	for _, r := range reasons {
		all = append(all, r.Text)
	}
	return strings.Join(all, "; ")
}

package reach

import (
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// Guard is a Deny statement that asks for a second factor, and where the user has it
// from.
type Guard struct {
	Layer   enforce.Layer `json:"layer"`
	Policy  string        `json:"policy"`
	Sid     string        `json:"sid"`
	Line    int           `json:"line"`
	Through string        `json:"through"` // as people say it
	off     []takingOff
}

// takingOff is a call that takes a guard off.
type takingOff struct{ action, resource, why string }

// own stands for the caller's ARN.
const own = ""

// guards are the guards of a set.
func (a *Account) guards(x *set) []Guard {
	if x.guarded {
		return x.guards
	}
	x.guarded = true
	x.guards = []Guard{}
	for _, s := range x.sources {
		x.guards = append(x.guards, guardsIn(enforce.Identity, s.doc, s.String(), a.waysOff(s))...)
	}
	if x.boundary != nil {
		off := []takingOff{
			{"iam:DeleteUserPermissionsBoundary", own, "takes the boundary off that asks for a second factor"},
			{"iam:PutUserPermissionsBoundary", own, "puts another boundary in the place of the one that asks for a second factor"},
		}
		x.guards = append(x.guards, guardsIn(enforce.Boundary, x.boundary, "boundary \""+x.bound+"\"", append(off, a.rewrites(x.bound)...))...)
	}
	if !x.free {
		for _, level := range a.scps {
			for _, d := range level {
				x.guards = append(x.guards, guardsIn(enforce.SCP, d, "service control policy \""+d.Name+"\"", nil)...)
			}
		}
	}
	return x.guards
}

func guardsIn(layer enforce.Layer, d *document, through string, off []takingOff) []Guard {
	var all []Guard
	for _, s := range d.Statements {
		asks := func(c enforce.Condition) bool {
			return strings.EqualFold(c.Key, enforce.KeyMFAPresent) || strings.EqualFold(c.Key, enforce.KeyMFAAge)
		}
		if s.Effect == enforce.Deny && slices.ContainsFunc(s.Conditions, asks) {
			all = append(all, Guard{layer, d.Name, s.Sid, s.Line, through, append(slices.Clone(off), tagging(s)...)})
		}
	}
	return all
}

// tagging are the calls that change the tags by which a guard spares users.
func tagging(s enforce.Statement) []takingOff {
	byTag := func(c enforce.Condition) bool { return strings.HasPrefix(strings.ToLower(c.Key), "aws:principaltag/") }
	if !slices.ContainsFunc(s.Conditions, byTag) {
		return nil
	}
	return []takingOff{
		{"iam:TagUser", own, "gives oneself a tag by which the guard spares users"},
		{"iam:UntagUser", own, "takes a tag off oneself by which the guard tells users"},
	}
}

// waysOff are the calls that take a policy off whom it is on. A control policy is out
// of reach of the account.
func (a *Account) waysOff(s source) []takingOff {
	var all []takingOff
	switch {
	case s.group != "":
		group := a.groupARN(s.group)
		all = append(all, takingOff{"iam:RemoveUserFromGroup", group, "leaves the group that asks for a second factor"})
		if s.arn != "" {
			all = append(all, takingOff{"iam:DetachGroupPolicy", group, "takes the policy that asks for a second factor off the group"})
		} else {
			all = append(all, takingOff{"iam:DeleteGroupPolicy", group, "deletes the group's policy that asks for a second factor"},
				takingOff{"iam:PutGroupPolicy", group, "overwrites the group's policy that asks for a second factor"})
		}
	case s.arn != "":
		all = append(all, takingOff{"iam:DetachUserPolicy", own, "takes the policy that asks for a second factor off oneself"})
	default:
		all = append(all, takingOff{"iam:DeleteUserPolicy", own, "deletes one's own policy that asks for a second factor"},
			takingOff{"iam:PutUserPolicy", own, "overwrites one's own policy that asks for a second factor"})
	}
	return append(all, a.rewrites(s.arn)...)
}

// rewrites are the calls that change a customer's managed policy. Nobody changes
// AWS's.
func (a *Account) rewrites(arn string) []takingOff {
	if arn == "" || strings.Contains(arn, ":iam::aws:policy/") {
		return nil
	}
	return []takingOff{
		{"iam:CreatePolicyVersion", arn, "rewrites the policy that asks for a second factor"},
		{"iam:SetDefaultPolicyVersion", arn, "goes back to a version of the policy that does not ask for a second factor"},
	}
}

func (a *Account) groupARN(name string) string {
	if g := a.groups[name]; g != nil && g.ARN != "" {
		return g.ARN
	}
	return "arn:" + a.s.Partition + ":iam::" + a.s.Account + ":group/" + name
}

// tryEscapes asks whether a guard can be taken off without a second factor.
func (a *Account) tryEscapes(s *Session, c *caller) {
	asked := map[[2]string]bool{}
	for _, g := range a.guards(c.set) {
		for _, w := range g.off {
			resource := w.resource
			if resource == own {
				resource = c.arn()
			}
			if key := [2]string{w.action, resource}; !asked[key] {
				asked[key] = true
				s.add(Open{Action: w.action, Resource: resource, Class: Escape, Severity: audit.Critical, Why: w.why}, a.ask(c, w.action, resource))
			}
		}
	}
}

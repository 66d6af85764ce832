package enforce

import (
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
)

// applies tells whether a statement is about a request, and which clause leaves
// that open where it is not known.
func (s *Statement) applies(q *Request, d *Document) (Tri, string) {
	if !s.isAbout(q.Action) {
		return No, ""
	}
	result, open := s.hasResource(q, d.variables())
	if result == No {
		return No, ""
	}
	for _, c := range s.Conditions {
		met, why := c.holds(q.Context, d.variables())
		if met == No {
			return No, ""
		}
		if met == Maybe && open == "" {
			open = why
		}
		result = and(result, met)
	}
	return result, open
}

func (s *Statement) isAbout(action string) bool {
	named := func(pattern string) bool { return matchAction(pattern, action) }
	if s.NotActions != nil {
		return !slices.ContainsFunc(s.NotActions, named)
	}
	return slices.ContainsFunc(s.Actions, named)
}

// hasResource: a trust policy has no Resource, it is about its own role.
func (s *Statement) hasResource(q *Request, variables bool) (Tri, string) {
	switch {
	case s.NotResources != nil:
		return s.hasNoResource(q, variables)
	case s.Resources == nil:
		return Yes, ""
	}
	result, open := No, ""
	for _, text := range s.Resources {
		one, _ := matchResource(q, text, variables)
		if one == Maybe {
			open = fmt.Sprintf("a variable in the resource %q is not known", text)
		}
		result = or(result, one)
	}
	return result, open
}

// hasNoResource is NotResource. A variable in it that has no value matches no
// resource by one page of AWS, which makes the statement apply, and makes it invalid
// by another: the answer is open.
func (s *Statement) hasNoResource(q *Request, variables bool) (Tri, string) {
	result, open := Yes, ""
	for _, text := range s.NotResources {
		one, valued := matchResource(q, text, variables)
		if valued != Yes && one != Yes {
			one, open = Maybe, fmt.Sprintf("NotResource has %q, and a variable in it has no value or one that is not known", text)
		}
		result = and(result, not(one))
	}
	return result, open
}

// matchResource tells whether a pattern matches, and whether its variables have
// values.
func matchResource(q *Request, text string, variables bool) (match, valued Tri) {
	if text == "*" {
		return Yes, Yes
	}
	p, known := expand(text, variables, q.Context)
	return matched(known, p.matchesARN(q.Resource)), known
}

// naming is how a statement of a resource policy names a caller. It decides what
// else must allow the call (IAM user guide, how AWS evaluates requests).
type naming uint8

const (
	unnamed   naming = iota
	byAccount        // its whole account: the rest is left to the identity's policies
	byRole           // the role of a session: boundary and session policy limit it
	byName           // the user, the session, or everybody
)

// names tells how a statement names the caller. NotPrincipal names whom it does not
// list.
func (s *Statement) names(p Principal) naming {
	if s.NotPrincipals == nil {
		return strongest(s.Principals, p)
	}
	if strongest(s.NotPrincipals, p) == unnamed {
		return byAccount
	}
	return unnamed
}

func strongest(patterns []PrincipalPattern, p Principal) naming {
	how := unnamed
	for _, x := range patterns {
		how = max(how, x.names(p))
	}
	return how
}

// names: * is everybody, an account's number or root ARN everybody in it.
// Wildcards within ARNs are none here (IAM user guide, Principal element).
func (x PrincipalPattern) names(p Principal) naming {
	if x.Type != "AWS" {
		return x.otherNames(p)
	}
	switch {
	case x.Value == "*", x.Value == p.ARN, x.Value == p.ID && p.ID != "":
		return byName
	case p.RoleARN != "" && x.Value == p.RoleARN:
		return byRole
	case x.Value == p.Account, strings.HasPrefix(x.Value, "arn:") && strings.HasSuffix(x.Value, ":iam::"+p.Account+":root"):
		return byAccount
	}
	return unnamed
}

// otherNames: services and identity providers are named by what they are.
func (x PrincipalPattern) otherNames(p Principal) naming {
	kinds := map[string]audit.PrincipalKind{"Service": audit.Service, "Federated": audit.Federated}
	if kinds[x.Type] == p.Kind && p.Kind != "" && (x.Value == p.ARN || x.Value == "*") {
		return byName
	}
	return unnamed
}

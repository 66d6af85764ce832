package posture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
)

// admin is whether a user is an administrator, and through what.
type admin struct {
	said
	how string
}

// notEvaluated is said of every administrator.
const notEvaluated = "deny statements and service control policies are not evaluated"

// source is one policy text a user has, or the gap in its place.
type source struct {
	how      string
	document string
	known    bool // AWS's own AdministratorAccess needs no text
	gap      *audit.Gap
}

// administrator asks every policy of the user and of the user's groups what it
// allows, all of them together whether that is everything, then whether the
// permissions boundary allows it.
func (a *account) administrator(u *audit.User) admin {
	if u == nil {
		return admin{said: unsaid(a.Gap(audit.FactUsers, ""))}
	}
	if u.Access == nil {
		return admin{said: unsaid(a.Gap(audit.FactAccess, u.ID))}
	}
	access := u.Access.Value
	result := admin{said: said{answer: no}}
	together, through := powers(0), []string{}
	for _, s := range a.sources(access) {
		granted, gap := s.grants(a.Snapshot)
		together |= granted
		if granted != 0 {
			through = append(through, s.how)
		}
		if gap != nil {
			result.answer = maybe
			result.gaps = append(result.gaps, *gap)
		}
	}
	switch {
	case together == everything:
		result.answer = yes
	case together != 0 && len(result.gaps) == 0:
		result.answer = maybe
		result.gaps = []audit.Gap{audit.FactPolicies.Gap(u.ID, "of what manages IAM, "+together.String()+" is allowed on every resource; how far one gets by that is not evaluated")}
	}
	note := a.bound(&result, access.Boundary)
	switch result.answer {
	case yes:
		result.how = "administrator through " + strings.Join(through, ", ") + note
	case no:
		result.how = "not an administrator" + note
	default:
		result.how = "perhaps an administrator" + note
	}
	result.evidence = a.evidence(u.Access.Call, u.Access.At, "administrator", result.how)
	return result
}

func (a *account) sources(access audit.Access) []source {
	all := a.policiesOf(access.Attached, access.Inline, "")
	for _, name := range access.Groups {
		g, exists := a.groups[name]
		if !exists {
			gap := a.Gap(audit.FactGroups, name)
			all = append(all, source{gap: &gap})
			continue
		}
		all = append(all, a.policiesOf(g.Attached, g.Inline, fmt.Sprintf("group %q and ", name))...)
	}
	return all
}

func (a *account) policiesOf(attached []string, inline []audit.InlinePolicy, prefix string) []source {
	var all []source
	for _, arn := range attached {
		s := a.managed(arn)
		s.how = fmt.Sprintf("%spolicy %q", prefix, arn)
		all = append(all, s)
	}
	for _, p := range inline {
		all = append(all, source{how: fmt.Sprintf("%sinline policy %q", prefix, p.Name), document: p.Document})
	}
	return all
}

func (a *account) managed(arn string) source {
	document, exists := a.policies[arn]
	if exists || arn == "arn:"+a.Partition+":iam::aws:policy/AdministratorAccess" {
		return source{document: document, known: !exists}
	}
	gap := a.Gap(audit.FactPolicies, arn)
	return source{gap: &gap}
}

// grants are the powers that a policy allows; the gap says why they are not
// known.
func (s source) grants(account *audit.Snapshot) (powers, *audit.Gap) {
	switch {
	case s.gap != nil:
		return 0, s.gap
	case s.known:
		return everything, nil
	}
	granted, err := allowed(s.document, account)
	if err != nil {
		gap := audit.FactPolicies.Gap("", s.how+" is not readable: "+err.Error())
		return 0, &gap
	}
	return granted, nil
}

// bound holds an administrator, or who may be one, against a permissions
// boundary: what the boundary does not allow no policy grants (IAM user guide,
// permissions boundaries). It returns what to say of it.
func (a *account) bound(result *admin, arn string) string {
	if arn == "" || result.answer == no {
		return ""
	}
	s := a.managed(arn)
	s.how = fmt.Sprintf("boundary %q", arn)
	left, gap := s.grants(a.Snapshot)
	switch {
	case gap != nil:
		result.answer = maybe
		result.gaps = append(result.gaps, *gap)
		return ""
	case left == everything:
		return ", which " + s.how + " allows"
	case left == 0:
		result.answer = no
		return ": " + s.how + " does not allow to manage IAM"
	}
	result.answer = maybe
	result.gaps = append(result.gaps, audit.FactPolicies.Gap(arn, "of what manages IAM it allows "+left.String()+"; how far one gets by that is not evaluated"))
	return ""
}

// statement is what matters of a policy statement. Conditions do not: who is an
// administrator under a condition is one.
type statement struct {
	Effect      string
	Action      texts
	NotAction   texts
	Resource    texts
	NotResource texts
}

// texts is a JSON string or a list of them (IAM user guide, grammar of the JSON
// policy language).
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// statements is one statement or a list of them.
type statements []statement

func (s *statements) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(string(b), "{") {
		var one statement
		err := json.Unmarshal(b, &one)
		*s = statements{one}
		return err
	}
	return json.Unmarshal(b, (*[]statement)(s))
}

// powers are the actions that make a user an administrator, one bit each.
type powers uint16

// administration is what gives whoever may do it, on every resource of its sort,
// everything else: all that manages IAM. Who may do some of it may get as far.
var administration = []struct{ action, resource string }{
	{"iam:AttachUserPolicy", "user"}, {"iam:PutUserPolicy", "user"}, {"iam:AttachRolePolicy", "role"}, {"iam:PutRolePolicy", "role"},
	{"iam:CreatePolicyVersion", "policy"}, {"iam:UpdateAssumeRolePolicy", "role"}, {"iam:AddUserToGroup", "group"},
	{"iam:AttachGroupPolicy", "group"}, {"iam:CreateAccessKey", "user"}, {"iam:CreateLoginProfile", "user"},
}

var everything = powers(1)<<len(administration) - 1

func (p powers) String() string {
	var actions []string
	for i, a := range administration {
		if p&(1<<i) != 0 {
			actions = append(actions, a.action)
		}
	}
	return strings.Join(actions, ", ")
}

// allowed are the powers that a policy's Allow statements grant. A statement that
// is about a resource nobody named is taken for one about every resource.
func allowed(document string, account *audit.Snapshot) (powers, error) {
	var policy struct{ Statement statements }
	err := json.Unmarshal([]byte(document), &policy)
	granted := powers(0)
	for _, s := range policy.Statement {
		if s.Effect == "Allow" {
			granted |= s.allows("arn:" + account.Partition + ":iam::" + account.Account + ":")
		}
	}
	return granted, err
}

func (s statement) allows(arn string) powers {
	granted := powers(0)
	for i, a := range administration {
		if s.names(strings.ToLower(a.action)) && s.isAbout(arn+a.resource+"/any/one") {
			granted |= 1 << i
		}
	}
	return granted
}

func (s statement) names(action string) bool {
	if len(s.NotAction) > 0 {
		return !s.NotAction.matchAction(action)
	}
	return s.Action.matchAction(action)
}

func (s statement) isAbout(resource string) bool {
	if len(s.NotResource) > 0 {
		return !s.NotResource.match(resource)
	}
	return s.Resource.match(resource)
}

func (t texts) match(text string) bool {
	return slices.ContainsFunc(t, func(pattern string) bool { return glob(pattern, text) })
}

// matchAction ignores case, as IAM does in actions.
func (t texts) matchAction(action string) bool {
	return slices.ContainsFunc(t, func(pattern string) bool { return glob(strings.ToLower(pattern), action) })
}

// glob matches a pattern with * for any text and ? for one character (IAM user
// guide, Action and Resource elements). It remembers the last star only, which is
// enough: a later one can always take over.
func glob(pattern, text string) bool {
	star, from := -1, 0
	p, i := 0, 0
	for i < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

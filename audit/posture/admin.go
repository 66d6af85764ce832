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

// administrator asks every policy of the user and of the user's groups whether
// it allows everything, then whether the permissions boundary does.
func (a *account) administrator(u *audit.User) admin {
	if u == nil {
		return admin{said: unsaid(a.Gap(audit.FactUsers, ""))}
	}
	if u.Access == nil {
		return admin{said: unsaid(a.Gap(audit.FactAccess, u.ID))}
	}
	access := u.Access.Value
	result := admin{said: said{answer: no}}
	var through []string
	for _, s := range a.sources(access) {
		all, gap := s.everything()
		result.answer = either(result.answer, all)
		if all == yes {
			through = append(through, s.how)
		}
		if gap != nil {
			result.gaps = append(result.gaps, *gap)
		}
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

// everything tells whether a policy allows everything; the gap says why that is
// not known.
func (s source) everything() (tri, *audit.Gap) {
	switch {
	case s.gap != nil:
		return maybe, s.gap
	case s.known:
		return yes, nil
	}
	all, err := allowsEverything(s.document)
	if err != nil {
		gap := audit.FactPolicies.Gap("", s.how+" is not readable: "+err.Error())
		return maybe, &gap
	}
	return truth(all), nil
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
	all, gap := s.everything()
	switch all {
	case yes:
		return ", which " + s.how + " allows"
	case no:
		result.answer = no
		return ": " + s.how + " does not allow everything"
	}
	result.answer = maybe
	result.gaps = append(result.gaps, *gap)
	return ""
}

// statement is what matters of a policy statement. Conditions do not: who is an
// administrator under a condition is one.
type statement struct {
	Effect    string
	Action    texts
	NotAction texts
	Resource  texts
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

// allowsEverything tells whether one statement of a policy allows every action,
// or all but a list that leaves the whole of IAM in, on every resource. Who has
// the whole of IAM can have the rest.
func allowsEverything(document string) (bool, error) {
	var policy struct{ Statement statements }
	err := json.Unmarshal([]byte(document), &policy)
	return slices.ContainsFunc(policy.Statement, statement.everything), err
}

func (s statement) everything() bool {
	return s.Effect == "Allow" && slices.ContainsFunc(s.Resource, star) &&
		(slices.ContainsFunc(s.Action, star) || len(s.NotAction) > 0 && !slices.ContainsFunc(s.NotAction, ofIAM))
}

// star tells a pattern that matches everything: *, and for actions *:*.
func star(pattern string) bool {
	return pattern != "" && strings.ReplaceAll(pattern, "*", "") == "" || pattern == "*:*"
}

// ofIAM tells a pattern that may match an action of IAM.
func ofIAM(pattern string) bool {
	service, _, _ := strings.Cut(strings.ToLower(pattern), ":")
	return service == "iam" || strings.ContainsAny(service, "*?")
}

package explain

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// nobody looks for a Deny about MFA that no call of one's own meets. It asks for
// each kind of caller, also those whom the statement's own conditions name, with
// each credential and MFA of every age that its conditions tell apart. What is not
// known of a call may be met.
func (f *finder) nobody(s *statement) bool {
	if s.Effect != enforce.Deny || len(s.Conditions) > mostConditions {
		return false
	}
	callers, all := f.callers(s)
	ages := agesOf(s)
	if !all || len(ages) > mostAges {
		return false
	}
	for _, who := range callers {
		if slices.ContainsFunc(credentialsOf(who, ages), func(c credential) bool { return f.possible(s, who, c) != no }) {
			return false
		}
	}
	line, first := s.place()
	text := first
	for _, c := range s.Conditions {
		if also := written(c); also != first {
			text += "; " + also
		}
	}
	f.add(idNobody, s, line, text, "")
	s.nobody = true
	return true
}

// What bounds the work: a statement that names more callers, or tells more ages
// apart, is not asked about.
const mostCallers, mostAges = 16, 16

// callers are some of each kind, and whom the conditions on aws:PrincipalArn name.
func (f *finder) callers(s *statement) ([]enforce.Caller, bool) {
	user, role := f.world.caller(byKey), f.world.caller(byRole)
	root, someone, session := user, user, role
	root.Kind, someone.Name, session.Name = audit.Root, "someone-else", "something-else"
	all := []enforce.Caller{user, someone, role, session, root, f.world.caller(byFederation)}
	for _, c := range s.Conditions {
		if !strings.EqualFold(c.Key, "aws:PrincipalArn") {
			continue
		}
		for _, value := range c.Values {
			if len(all) == mostCallers {
				return nil, false
			}
			if who, ok := f.world.named(value); ok {
				all = append(all, who)
			}
		}
	}
	return all, true
}

// named is a caller whose aws:PrincipalArn a pattern matches: of a role's session
// it is the role's (IAM user guide, aws:PrincipalArn).
func (w world) named(pattern string) (enforce.Caller, bool) {
	parts := strings.SplitN(pattern, ":", 6)
	if len(parts) < 6 {
		return enforce.Caller{}, false
	}
	who := w.caller(byKey)
	who.Partition, who.Account = some(parts[1], w.partition), some(parts[4], w.account)
	kind, name, _ := strings.Cut(parts[5], "/")
	name = some(name, "x")
	last := name[strings.LastIndexByte(name, '/')+1:]
	who.Path, who.Name = "/"+strings.TrimSuffix(name, last), last
	switch some(parts[2], "iam") + " " + kind {
	case "iam user":
	case "iam role":
		who.Kind, who.Session, who.Credential = audit.Role, "session", enforce.RoleCredentials
	case "iam root":
		who.Kind = audit.Root
	case "sts federated-user":
		who.Kind, who.Credential = audit.Federated, enforce.FederationToken
	default:
		return who, strings.ContainsAny(kind, "*?") // any of those who are asked about
	}
	return who, true
}

// some is a text that a pattern matches.
func some(pattern, instead string) string {
	if pattern == "*" {
		return instead
	}
	return strings.NewReplacer("*", "x", "?", "x").Replace(pattern)
}

// credentialsOf are what a caller can have.
func credentialsOf(who enforce.Caller, ages []time.Duration) []credential {
	switch who.Kind {
	case audit.Role:
		return []credential{byRole}
	case audit.Federated:
		return []credential{byFederation}
	}
	all := []credential{byKey, byPassword}
	for _, age := range ages {
		all = append(all, credential{enforce: enforce.WithMFA, age: age})
	}
	return all
}

// agesOf are a session's possible ages that a statement's conditions tell apart.
func agesOf(s *statement) []time.Duration {
	ages := []time.Duration{byMFA.age, byMorning.age, longest}
	for _, c := range s.factor {
		for _, value := range c.Values[:min(len(c.Values), mostAges)] {
			seconds, err := strconv.Atoi(value)
			if err != nil {
				continue
			}
			for _, n := range []int{seconds - 1, seconds, seconds + 1} {
				age := time.Duration(n) * time.Second
				if n >= 0 && n <= int(longest/time.Second) && !slices.Contains(ages, age) {
					ages = append(ages, age)
				}
			}
		}
	}
	return ages
}

// possible tells whether a caller meets a statement's conditions. His name is the
// statement's matter only where aws:PrincipalArn asks for it; how the call came is
// not known.
func (f *finder) possible(s *statement, who enforce.Caller, c credential) enforce.Tri {
	who.Credential, who.MFAAge = c.enforce, c.age
	q := who.Request(f.world.context(c), anythingElse.action, "*")
	open := []string{"aws:userid", "aws:PrincipalAccount", "aws:SecureTransport", "aws:PrincipalIsAWSService", "aws:SourceAccount", "aws:SourceArn", "aws:AssumedRoot"}
	if who.Kind == audit.IAMUser {
		open = append(open, "aws:username")
	}
	for _, key := range open {
		q.Context = q.Context.WithUnknown(key)
	}
	return f.meets(enforce.Statement{Actions: []string{"*"}, Resources: []string{"*"}, Conditions: s.Conditions}, q)
}

package explain

import (
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// mostPrincipals bounds the rows of a trust policy.
const mostPrincipals = 24

// named is who a principal of a trust policy is.
type named struct {
	pattern enforce.PrincipalPattern
	what    string
	kind    audit.PrincipalKind // empty: everybody in an account, or everywhere
	world   world               // of a user: whose
	role    string              // of a role: its name, with the session's behind a slash
}

// principals are those that a document's statements of one effect name, each
// once.
func principals(d *enforce.Document, effect string, w world) []named {
	var all []named
	seen := map[enforce.PrincipalPattern]bool{}
	for _, s := range d.Statements {
		for _, p := range s.Principals {
			if s.Effect == effect && !seen[p] && len(all) < mostPrincipals {
				seen[p] = true
				all = append(all, whoIs(p, w))
			}
		}
	}
	return all
}

// whoIs reads a principal (IAM user guide, Principal element).
func whoIs(p enforce.PrincipalPattern, w world) named {
	n := named{pattern: p, what: p.Value, world: w}
	switch p.Type {
	case "Service":
		n.kind, n.what = audit.Service, "the service "+p.Value
		return n
	case "Federated":
		n.kind, n.what = audit.Federated, "who comes from "+p.Value
		return n
	case "CanonicalUser":
		n.kind, n.what = audit.UnknownPrincipal, "the canonical user "+p.Value
		return n
	}
	if p.Value == "*" {
		n.what = "everybody"
		return n
	}
	if accountNumber.MatchString(p.Value) {
		n.world.account, n.what = p.Value, "everybody in account "+p.Value
		return n
	}
	return n.byARN()
}

// byARN is the principal that its ARN names.
func (n named) byARN() named {
	parts := strings.SplitN(n.pattern.Value, ":", 6)
	if len(parts) < 6 {
		n.kind = audit.UnknownPrincipal
		return n
	}
	n.world.partition, n.world.account = parts[1], parts[4]
	kind, name, _ := strings.Cut(parts[5], "/")
	last := name[strings.LastIndexByte(name, '/')+1:]
	switch kind {
	case "root":
		n.what = "everybody in account " + parts[4]
	case "user":
		n.kind, n.what = audit.IAMUser, "user "+name
		n.world.user, n.world.path = last, "/"+strings.TrimSuffix(name, last)
	case "role":
		n.kind, n.what, n.role = audit.Role, "role "+name, "/"+name
	case "assumed-role":
		n.kind, n.what, n.role = audit.Role, "role session "+name, name
	default:
		n.kind, n.what = audit.UnknownPrincipal, n.pattern.Value
	}
	return n
}

// caller is the principal with a credential, where it can have that one.
func (n named) caller(c credential) (enforce.Caller, bool) {
	who := n.world.caller(c)
	switch n.kind {
	case audit.IAMUser:
		return who, who.Kind == audit.IAMUser
	case audit.Role:
		if path, ok := strings.CutPrefix(n.role, "/"); ok { // role/path/name
			who.Name = path[strings.LastIndexByte(path, '/')+1:]
			who.Path = "/" + strings.TrimSuffix(path, who.Name)
		} else {
			who.Name, who.Session, _ = strings.Cut(n.role, "/")
		}
		return who, who.Kind == audit.Role
	}
	return who, n.kind == ""
}

// trusted are the principals of a trust policy and whether they may assume the
// role.
func (x *explainer) trusted() []Topic {
	t := Topic{ID: "assume", Title: "Who may assume the role", all: "assume the role"}
	if refused(x.document, x.kind) {
		t.Rows = []Row{}
		return []Topic{t}
	}
	role := x.world.iam("role/example-target")
	for _, n := range principals(x.document, enforce.Allow, x.world) {
		row := Row{What: n.what, Action: "sts:AssumeRole", Resource: role}
		for _, c := range x.credentials() {
			who, can := n.caller(c)
			cell := Cell{Credential: c.id, Answer: NotApplicable, Because: []Reason{}}
			if can {
				cell = x.ask(who, c, row.Action, role)
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return []Topic{t}
}

// refused tells a trust policy that AWS does not store.
func refused(d *enforce.Document, k Kind) bool {
	return k == Trust && slices.ContainsFunc(d.Statements, func(s enforce.Statement) bool { return s.NotPrincipals != nil })
}

// outsider is whether a service or an identity provider may assume the role. None
// of them has a second factor that AWS knows of.
func (x *explainer) outsider(n named) string {
	action, never := "sts:AssumeRole", "MFA is not asked of a service"
	if n.kind == audit.Federated {
		action, never = "sts:AssumeRoleWithWebIdentity", "MFA is its identity provider's matter"
		if strings.Contains(n.pattern.Value, ":saml-provider/") {
			action = "sts:AssumeRoleWithSAML"
		}
	}
	q := enforce.Request{
		Principal: enforce.Principal{Kind: n.kind, ARN: n.pattern.Value}, Action: action,
		Resource: x.world.iam("role/example-target"), Context: x.world.context(byKey).Without(enforce.KeyMFAPresent).Without(enforce.KeyMFAAge).Without("aws:username"),
	}
	may := "may not"
	switch enforce.Evaluate(q, x.policies()).Answer {
	case enforce.Allowed:
		may = "may"
	case enforce.Unknown:
		may = "may, where the other conditions are met,"
	}
	return fmt.Sprintf("%s %s assume the role: %s.", upper(n.what), may, never)
}

// shared are the actions that a resource's policy names, asked for the first
// account or user that it names.
func (x *explainer) shared() []Topic {
	for _, effect := range []string{enforce.Allow, enforce.Deny} {
		for _, n := range principals(x.document, effect, x.world) {
			if n.kind == "" || n.kind == audit.IAMUser {
				x.world = n.world
				return x.sharedWith()
			}
		}
	}
	return x.sharedWith()
}

func (x *explainer) sharedWith() []Topic {
	g := x.named(nil)
	g.id, g.title, g.all = "resource", "What the document is about", "do what the document is about"
	rest := anythingElse
	if len(x.document.Statements) > 0 && len(x.document.Statements[0].Resources) > 0 {
		rest.resource = x.world.sample(x.document.Statements[0].Resources)
	}
	return []Topic{x.topic(g), x.topic(group{"anything-else", "Anything else", "do anything else", []probe{rest}})}
}

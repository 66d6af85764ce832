package explain

import (
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit/enforce"
)

// Kind is where a document is attached: it decides what a document means. Its
// texts are an interface.
type Kind string

// The kinds.
const (
	Identity Kind = "identity" // of a user or a group
	Role     Kind = "role"     // of a role or a permission set
	Boundary Kind = "boundary"
	SCP      Kind = "scp"
	RCP      Kind = "rcp"
	Trust    Kind = "trust"
	Resource Kind = "resource"
)

// Kinds are all kinds, with what people call them.
func Kinds() []Kind { return []Kind{Identity, Role, Boundary, SCP, RCP, Trust, Resource} }

var kindTitles = map[Kind]string{
	Identity: "identity policy of a user or group", Role: "identity policy of a role", Boundary: "permissions boundary",
	SCP: "service control policy", RCP: "resource control policy", Trust: "role trust policy", Resource: "resource policy",
}

// Title is what people call the kind.
func (k Kind) Title() string { return kindTitles[k] }

func (k Kind) known() bool { return slices.Contains(Kinds(), k) }

// organisation tells a kind that reaches every principal of an account.
func (k Kind) organisation() bool { return k == SCP || k == RCP }

func kindNames() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// kindOf tells a document's kind by its content: only policies of resources have
// a Principal, and of these only a trust policy has no Resource (IAM user guide,
// grammar of the JSON policy language). What is attached to users, what is a
// boundary and what is a service control policy look alike.
func kindOf(d *enforce.Document) (Kind, string) {
	if !slices.ContainsFunc(d.Statements, hasPrincipal) {
		return Identity, "it has no Principal; a boundary or an SCP looks the same: --as says so"
	}
	if slices.ContainsFunc(d.Statements, func(s enforce.Statement) bool { return s.Resources != nil || s.NotResources != nil }) {
		return Resource, "it has a Principal and a Resource; an RCP looks the same: --as says so"
	}
	return Trust, "it has a Principal and no Resource"
}

func hasPrincipal(s enforce.Statement) bool { return s.Principals != nil || s.NotPrincipals != nil }

// suits tells where a document cannot be of a kind.
func suits(name string, k Kind, d *enforce.Document) error {
	for _, s := range d.Statements {
		of := k == Trust || k == Resource || k == RCP
		switch {
		case of && !hasPrincipal(s):
			return fmt.Errorf("%s: line %d: statement %d has no Principal, which every %s has; --as says what it is", name, s.Line, s.Index+1, k.Title())
		case !of && hasPrincipal(s):
			return fmt.Errorf("%s: line %d: statement %d has a Principal, which no %s has; --as says what it is", name, s.Line, s.Index+1, k.Title())
		}
	}
	return nil
}

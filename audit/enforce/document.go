// Package enforce decides what IAM policies let a principal do, with and without
// a second factor.
//
// It evaluates the part of IAM's policy language that decides that question:
// identity policies, permissions boundaries, service and resource control
// policies, session policies and trust policies, with the service rules of AWS
// that no policy can change. Every decision names the statements that made it.
//
// It promises three answers. What it cannot decide, because a key of the request
// is not known or a clause is none that it reads, is Unknown with that clause, and
// never Allowed or Denied. It asks nobody: documents, facts and times are given to
// it.
package enforce

import (
	"slices"

	"mfawatch/audit"
)

// Document is an IAM policy document (IAM user guide, grammar of the JSON policy
// language). Name is what people call the policy: an ARN, an inline policy's name,
// a file.
type Document struct {
	Name       string
	Version    string // 2012-10-17, 2008-10-17, or empty, which AWS takes for 2008-10-17
	ID         string
	Statements []Statement
}

// variables tells whether ${…} is a variable in the document. In the older
// version it is plain text.
func (d *Document) variables() bool { return d.Version == "2012-10-17" }

// The effects.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// Statement is one statement of a document. Of each pair, Actions or NotActions,
// Resources or NotResources, Principals or NotPrincipals, one is set at the most.
type Statement struct {
	Index         int // from 0
	Line          int // of the document's text where it begins, from 1
	Sid           string
	Effect        string // Allow or Deny
	Actions       []string
	NotActions    []string
	Resources     []string
	NotResources  []string
	Principals    []PrincipalPattern
	NotPrincipals []PrincipalPattern
	Conditions    []Condition      // all of them must hold
	Lines         map[string]int   // of its elements, by name
	Entries       map[string][]int // of each value of Action, NotAction, Resource, NotResource
}

// PrincipalPattern is one principal of a resource policy: Type is AWS, Service,
// Federated or CanonicalUser. Everybody is Type AWS with the value *.
type PrincipalPattern struct {
	Type  string
	Value string
}

// Condition is one operator and key with its values, of which one must match, or
// none where the operator is a negated one.
type Condition struct {
	Operator string // as written: ForAnyValue:StringLikeIfExists
	Key      string // as written: key names have no case
	Values   []string
	Line     int
}

// Layer is the place in AWS's evaluation that a document is asked in.
type Layer string

// The layers, in the words that decisions are explained in.
const (
	Identity Layer = "identity policy"
	Boundary Layer = "permissions boundary"
	SCP      Layer = "service control policy"
	RCP      Layer = "resource control policy"
	Session  Layer = "session policy"
	Resource Layer = "resource policy"
	Service  Layer = "AWS's own rule"
)

// Policies are the documents that are asked about a request.
type Policies struct {
	Identity []Document
	Boundary *Document    // nil where there is none
	Session  *Document    // nil where none was passed
	SCPs     [][]Document // of each level from the root to the account; each level must allow
	RCPs     [][]Document // the same for the resource's account
	Resource *Document    // the resource's own: a role's trust policy, a bucket's policy
}

// All are the documents of every layer but the resource's own.
func (p *Policies) All() []Document {
	all := slices.Clone(p.Identity)
	all = append(append(all, some(p.Boundary)...), some(p.Session)...)
	for _, level := range slices.Concat(p.SCPs, p.RCPs) {
		all = append(all, level...)
	}
	return all
}

// Request is one call of an API.
type Request struct {
	Principal Principal
	Action    string // service:Operation
	Resource  string // an ARN, or * where the action has no resources
	Context   Context
	Facts     Facts
}

// Principal is who calls. ARN is that of the user, the role or the session.
type Principal struct {
	Kind    audit.PrincipalKind
	ARN     string
	ID      string // AIDA…
	Account string
	RoleARN string // of a role session, the role's
}

// Facts are what AWS knows beyond policies and asks its own rules about.
type Facts struct {
	Partition  string
	OwnDevice  Tri        // the calling user has a second factor
	Credential Credential // what the call is signed with, empty where that is not known
}

// Tri is yes, no or not known. The zero value is not known.
type Tri uint8

// The values of Tri.
const (
	Maybe Tri = iota
	No
	Yes
)

// Answer is what a request comes to. The zero value is Unknown: a forgotten answer
// allows and denies nothing.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	Allowed
	ImplicitlyDenied // nothing allows it
	ExplicitlyDenied // a Deny statement, or a rule of AWS, forbids it
)

// Decision is an answer and what decided it, in the order in which AWS asks.
type Decision struct {
	Answer  Answer
	Because []Reason
}

// Reason is one statement, rule, or absence of one, that decided.
type Reason struct {
	Layer     Layer
	Policy    string // the document's name
	Sid       string
	Statement int // its index, -1 where no statement is meant
	Line      int
	Effect    string
	Certain   bool   // false where it is not known whether the statement applies
	Text      string // a sentence for people: what it does here, or the clause that cannot be decided
	Source    string // for a rule of AWS: where AWS says so
}

// About is the document with only those of its statements that are about an action.
// Evaluate decides a request for that action by it as by the whole.
func (d Document) About(action string) Document {
	var about []Statement
	for i := range d.Statements {
		if d.Statements[i].isAbout(action) {
			about = append(about, d.Statements[i])
		}
	}
	d.Statements = about
	return d
}

package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// credential is one column: what a call is signed with, and how old its second
// factor is.
type credential struct {
	enforce enforce.Credential
	id      string
	short   string
	who     string
	age     time.Duration
}

// longest is as old as a session can get: GetSessionToken's 36 hours (STS API
// reference).
const longest = 36 * time.Hour

var (
	byKey        = credential{enforce.AccessKey, "access-key", "key", "With an access key and no MFA", 0}
	byCode       = credential{enforce.WithMFA, "access-key-and-code", "code", "With an access key and a code passed to AssumeRole", time.Second}
	byPassword   = credential{enforce.PasswordNoMFA, "password-no-mfa", "pass", "In a console session without MFA", 0}
	byMFA        = credential{enforce.WithMFA, "with-mfa", "MFA", "With MFA", time.Second}
	byOldMFA     = credential{enforce.WithMFA, "with-old-mfa", "old", "With MFA of 36 hours ago", longest}
	byRole       = credential{enforce.RoleCredentials, "role-credentials", "role", "In a role's session", 0}
	byFederation = credential{enforce.FederationToken, "federation-token", "fed", "With a federation token", 0}
)

// Credentials are the columns, with what they stand for.
func Credentials() []Column {
	var all []Column
	for _, c := range []credential{byKey, byCode, byPassword, byMFA, byOldMFA, byRole, byFederation} {
		all = append(all, Column{c.id, c.short, legends[c.id]})
	}
	return all
}

var legends = map[string]string{
	byKey.id:        "a user's access key by itself, which carries no MFA",
	byCode.id:       "a user's access key in a call of AssumeRole with SerialNumber and TokenCode, as a profile with mfa_serial makes it; of trust policies only",
	byPassword.id:   "a console session, or one of GetSessionToken, without MFA",
	byMFA.id:        "a session with MFA, a second old",
	byOldMFA.id:     "a session with MFA, 36 hours old",
	byRole.id:       "a role's session, which never carries MFA",
	byFederation.id: "a session of GetFederationToken, which never carries MFA; of STS it calls GetCallerIdentity only, of IAM nothing outside the console",
}

// explainer asks a document.
type explainer struct {
	document *enforce.Document
	kind     Kind
	world    world
}

// credentials are the columns of a kind: only a role's session has a role's
// policies.
func (x *explainer) credentials() []credential {
	if x.kind == Role {
		return []credential{byRole}
	}
	all := []credential{byKey}
	if x.kind == Trust {
		all = append(all, byCode)
	}
	all = append(all, byPassword, byMFA)
	if testsAge(x.document) {
		all = append(all, byOldMFA)
	}
	return append(all, byRole, byFederation)
}

func testsAge(d *enforce.Document) bool {
	return slices.ContainsFunc(d.Statements, func(s enforce.Statement) bool {
		return slices.ContainsFunc(s.Conditions, func(c enforce.Condition) bool { return strings.EqualFold(c.Key, enforce.KeyMFAAge) })
	})
}

func (x *explainer) columns() []Column {
	var all []Column
	for _, c := range x.credentials() {
		all = append(all, Column{c.id, c.short, legends[c.id]})
	}
	return all
}

// everything is what a caller is allowed besides.
func everything() enforce.Document {
	return enforce.Document{Name: "", Version: "2012-10-17", Statements: []enforce.Statement{{Effect: enforce.Allow, Actions: []string{"*"}, Resources: []string{"*"}}}}
}

func allows(d *enforce.Document) bool {
	return slices.ContainsFunc(d.Statements, func(s enforce.Statement) bool { return s.Effect == enforce.Allow })
}

// alone tells a document that is asked about what it allows itself, and not only
// about what it takes away.
func (x *explainer) alone() bool {
	return (x.kind == Identity || x.kind == Role || x.kind == Resource) && allows(x.document)
}

func (x *explainer) otherwise() string {
	switch {
	case x.alone():
		return "nothing: what is not allowed here is left to other policies"
	case x.kind == Trust:
		return "everything: a user or role also needs a policy of its own that allows it to assume the role, unless it is in the role's account and the trust policy names it"
	case x.kind == Boundary:
		return "everything: a boundary allows nothing, it limits what other policies allow"
	case x.kind.organisation():
		return "everything: a control policy allows nothing, it limits what other policies allow"
	}
	return "everything: the document only denies, so it is asked about a caller whom other policies allow everything"
}

// policies puts the document into its place.
func (x *explainer) policies() enforce.Policies {
	all := everything()
	p := enforce.Policies{Identity: []enforce.Document{all}, Resource: x.world.trusting()}
	switch x.kind {
	case Identity, Role:
		p.Identity = append(p.Identity, *x.document)
	case Boundary:
		p.Boundary = x.document
	case SCP:
		p.SCPs = [][]enforce.Document{{*x.document}}
		if !allows(x.document) { // FullAWSAccess beside it
			p.SCPs[0] = append(p.SCPs[0], all)
		}
	case RCP:
		p.RCPs = [][]enforce.Document{{*x.document}}
	case Trust, Resource:
		p.Resource = x.document
	}
	return p
}

// itself is the document without anything else that allows.
func (x *explainer) itself() enforce.Policies {
	if x.kind == Resource {
		return enforce.Policies{Resource: x.document}
	}
	return enforce.Policies{Identity: []enforce.Document{*x.document}, Resource: x.world.trusting()}
}

// trusting is the policy of a role or key that leaves the rest to its account, as
// most do: nothing works without one.
func (w world) trusting() *enforce.Document {
	return &enforce.Document{Version: "2012-10-17", Statements: []enforce.Statement{{
		Effect: enforce.Allow, Actions: []string{"*"}, Principals: []enforce.PrincipalPattern{{Type: "AWS", Value: w.account}},
	}}}
}

// cell asks about one action with one credential.
func (x *explainer) cell(p probe, c credential) Cell {
	who := x.world.caller(c)
	if p.own && who.Kind != audit.IAMUser || c.enforce == enforce.WithMFA && p.what == "enable a first device" {
		return Cell{Credential: c.id, Answer: NotApplicable, Because: []Reason{}}
	}
	if p.further {
		who.OwnDevice = enforce.Yes
	}
	return x.ask(who, c, p.action, x.world.resourceOf(p))
}

func (x *explainer) ask(who enforce.Caller, c credential, action, resource string) Cell {
	q := who.Request(x.world.context(c), action, resource)
	d := enforce.Evaluate(q, x.policies())
	cell := Cell{Credential: c.id, Because: x.reasons(d)}
	switch d.Answer {
	case enforce.ExplicitlyDenied:
		cell.Answer = Denied
	case enforce.ImplicitlyDenied:
		cell.Answer = NotAllowed
	case enforce.Unknown:
		cell.Answer = Depends
	default:
		cell.Answer = LetThrough
		if x.kind == Trust || byAWS(d) {
			cell.Answer = Allowed
		} else if x.alone() {
			cell = x.asked(q, cell)
		}
	}
	if cell.Answer != Denied && cell.Answer != Depends {
		if r, found := x.notPrincipal(q); found {
			return Cell{Credential: c.id, Answer: Depends, Because: []Reason{r}}
		}
	}
	return cell
}

const perhapsDenies = " perhaps denies it: "

// notPrincipal is a Deny that exempts the caller by NotPrincipal. AWS may deny the
// whole account all the same where its ARN is not listed, and always denies who has
// a permissions boundary.
func (x *explainer) notPrincipal(q enforce.Request) (Reason, bool) {
	if x.kind != Resource {
		return Reason{}, false // elsewhere AWS takes no NotPrincipal
	}
	for _, s := range x.document.Statements {
		if s.Effect != enforce.Deny || s.NotPrincipals == nil {
			continue
		}
		everybody := s
		everybody.NotPrincipals, everybody.Principals = nil, []enforce.PrincipalPattern{{Type: "AWS", Value: "*"}}
		d := enforce.Document{Version: x.document.Version, Statements: []enforce.Statement{everybody}}
		if a := enforce.Evaluate(q, enforce.Policies{Identity: []enforce.Document{everything()}, Resource: &d}).Answer; a == enforce.ExplicitlyDenied || a == enforce.Unknown {
			return Reason{
				Statement: s.Index + 1, Sid: s.Sid, Line: s.Line, Source: pageNotPrincipal,
				Text: fmt.Sprintf("statement %d%sNotPrincipal does not spare who has a permissions boundary, nor surely an account whose ARN it does not list", s.Index+1, perhapsDenies),
			}, true
		}
	}
	return Reason{}, false
}

func byAWS(d enforce.Decision) bool {
	return len(d.Because) > 0 && d.Because[0].Layer == enforce.Service
}

// asked tells what the document allows itself of what it does not deny.
func (x *explainer) asked(q enforce.Request, cell Cell) Cell {
	d := enforce.Evaluate(q, x.itself())
	switch d.Answer {
	case enforce.Allowed:
		cell.Answer = Allowed
	case enforce.Unknown:
		cell.Answer = Depends
	default:
		return Cell{Credential: cell.Credential, Answer: Left, Because: []Reason{}}
	}
	cell.Because = x.reasons(d)
	return cell
}

// mostReasons bounds what a cell tells.
const mostReasons = 8

func (x *explainer) reasons(d enforce.Decision) []Reason {
	all := []Reason{}
	for _, r := range d.Because {
		if r.Statement >= 0 && r.Policy == "" || len(all) == mostReasons {
			continue // of everything, which is not the document
		}
		reason := Reason{Sid: r.Sid, Line: r.Line, Text: x.said(r), Source: r.Source}
		if r.Statement >= 0 {
			reason.Statement = r.Statement + 1
		}
		all = append(all, reason)
	}
	return all
}

// said is a reason without the document's name, which is that of a file.
func (x *explainer) said(r enforce.Reason) string {
	return strings.ReplaceAll(r.Text, fmt.Sprintf(" of policy %q", x.document.Name), "")
}

// topics are the rows of the document's kind.
func (x *explainer) topics() []Topic {
	switch x.kind {
	case Trust:
		return x.trusted()
	case Resource:
		return x.shared()
	}
	groups := topics()
	last := len(groups) - 1
	groups = append(groups[:last], x.named(groups), groups[last])
	var all []Topic
	for _, g := range groups {
		if len(g.probes) > 0 {
			all = append(all, x.topic(g))
		}
	}
	return all
}

func (x *explainer) topic(g group) Topic {
	t := Topic{ID: g.id, Title: g.title, all: g.all}
	for _, p := range g.probes {
		row := Row{What: p.what, Action: p.action, Resource: x.world.resourceOf(p)}
		for _, c := range x.credentials() {
			row.Cells = append(row.Cells, x.cell(p, c))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

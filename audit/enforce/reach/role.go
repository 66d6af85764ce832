package reach

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// Role is who can get into one role without a second factor.
type Role struct {
	audit.Subject
	Privileged Can         `json:"privileged"` // it manages IAM: yes all of it, unknown some of it
	Ways       []Way       `json:"ways"`       // the principals that its trust policy names
	Users      []By        `json:"users"`      // of this account who can, or perhaps, yes first
	Missing    []audit.Gap `json:"missing"`
}

// Scope is whose principal a trust policy names.
type Scope string

// The scopes.
const (
	OwnAccount   Scope = "own account"     // everybody in it whose policies allow it
	OwnUsers     Scope = "own user"        // one user
	OtherAccount Scope = "another account" // whose policies are not read
	Everybody    Scope = "everybody"
	OtherRole    Scope = "role"     // a session of a role never shows a second factor
	Provider     Scope = "provider" // an identity provider, which asks for its own
	AService     Scope = "service"
	Nobody       Scope = "nobody" // a user or role that is deleted
)

// Way is one principal that a trust policy names, and whether it may assume the role
// without a second factor as far as the trust policy goes.
type Way struct {
	Principal string           `json:"principal"`
	Scope     Scope            `json:"scope"`
	NoMFA     Can              `json:"without_mfa"` // yes also under conditions that a call can meet
	Under     []string         `json:"under"`       // these conditions
	Because   []enforce.Reason `json:"because"`
}

// By is a user who can get into a role.
type By struct {
	Name       string             `json:"name"`
	Credential enforce.Credential `json:"credential"`
	Can        Can                `json:"can"`
	Path       []string           `json:"path"` // the roles on the way, by name
	Because    []enforce.Reason   `json:"because"`
}

// roles are the roles of an account, prepared: which a user or another role may be
// able to assume.
type roles struct {
	all   []*trusted
	edges map[int][]hop          // from a role to those that its session may assume
	found map[string][]reachable // by what can be assumed directly
}

type trusted struct {
	*audit.RoleTrust
	doc     *document
	set     *set
	manages Can
	account bool // it trusts the account, or everybody: policies of users decide
	named   bool // it names single users, or leaves some out
}

type hop struct {
	to  int
	can Can
}

type reachable struct {
	role int
	can  Can
	path []int // the roles before it
}

// mostHops bounds a chain of roles: each needs a call, and a chained session lasts an
// hour at the most (IAM user guide, role chaining).
const mostHops = 3

func (a *Account) trusts() *roles {
	if a.roles != nil {
		return a.roles
	}
	a.roles = &roles{edges: map[int][]hop{}, found: map[string][]reachable{}}
	if a.s.Roles == nil {
		return a.roles
	}
	for i := range a.s.Roles.Value {
		r := &a.s.Roles.Value[i]
		t := &trusted{RoleTrust: r, doc: a.document("trust policy of "+r.Name, r.Trust), set: a.roleSet(r)}
		t.account, t.named = a.openTo(t.doc)
		t.manages = a.manages(r, t.set)
		a.roles.all = append(a.roles.all, t)
	}
	audit.SortStable(a.roles.all, func(x, y *trusted) int { return cmp.Compare(x.ARN, y.ARN) })
	a.chain()
	return a.roles
}

// openTo tells whether a trust policy is about the whole account, or about users by
// name.
func (a *Account) openTo(d *document) (account, named bool) {
	if _, unread := a.unread[d.Name]; unread {
		return true, true
	}
	for _, s := range d.Statements {
		if s.NotPrincipals != nil || personal(s) {
			account, named = true, true
		}
		for _, p := range s.Principals {
			switch a.scope(p) {
			case OwnAccount, Everybody:
				account = true
			case OwnUsers:
				named = true
			}
		}
	}
	return account, named
}

// scope says whose principal it is.
func (a *Account) scope(p enforce.PrincipalPattern) Scope {
	switch p.Type {
	case "Service":
		return AService
	case "Federated":
		return Provider
	case "CanonicalUser":
		return Nobody // names users of S3, never a caller of STS
	}
	parts := strings.SplitN(p.Value, ":", 6)
	switch {
	case p.Value == "*":
		return Everybody
	case p.Value == a.s.Account:
		return OwnAccount
	case len(parts) < 6 && len(p.Value) == 12 && strings.Trim(p.Value, "0123456789") == "":
		return OtherAccount
	case len(parts) < 6:
		return Nobody // the id of a principal that was deleted (IAM user guide, Principal element)
	case strings.HasPrefix(parts[5], "role/"), strings.HasPrefix(parts[5], "assumed-role/"):
		return OtherRole
	case strings.HasPrefix(parts[5], "federated-user/"):
		return Provider
	case parts[4] != a.s.Account:
		return OtherAccount
	case parts[5] == "root":
		return OwnAccount
	}
	return OwnUsers
}

// manages tells whether a role manages IAM: all of it, or some.
func (a *Account) manages(r *audit.RoleTrust, x *set) Can {
	if known, before := a.counted[x]; before {
		return known
	}
	p := a.powers(a.roleCaller(r, x))
	answer := No
	switch {
	case p.All && len(a.missingOf(x)) == 0:
		answer = Yes
	case len(p.Some) > 0:
		answer = Unknown
	}
	a.counted[x] = answer
	return answer
}

// chain finds which roles can assume which.
func (a *Account) chain() {
	for i, from := range a.roles.all {
		c := a.roleCaller(from.RoleTrust, from.set)
		for j, to := range a.roles.all {
			if i == j || !a.namesRole(to, from) {
				continue
			}
			if answer := can(a.assume(c, to)); answer != No {
				a.roles.edges[i] = append(a.roles.edges[i], hop{j, answer})
			}
		}
	}
}

// namesRole tells whether a trust policy can be about a role's session at all.
func (a *Account) namesRole(to, from *trusted) bool {
	if to.account {
		return true
	}
	return slices.ContainsFunc(to.doc.Statements, func(s enforce.Statement) bool {
		return slices.ContainsFunc(s.Principals, func(p enforce.PrincipalPattern) bool {
			return p.Value == from.ARN || p.Value == from.ID || strings.Contains(p.Value, ":assumed-role/"+from.Name+"/")
		})
	})
}

// assume asks whether a caller may assume a role: his policies and the role's trust
// policy decide together.
func (a *Account) assume(c *caller, t *trusted) enforce.Decision {
	const action = "sts:AssumeRole"
	n := a.narrow(c.set, action)
	key := answered{t.ARN, c.Credential, c.Kind}
	shared := !n.personal && !t.named && c.Kind == audit.IAMUser
	if d, known := n.trusts[key]; known && shared {
		return d
	}
	d := a.answer(n.denials, c, action, t.ARN)
	if d.Answer != enforce.ExplicitlyDenied {
		p := n.policies
		trust := a.part(t.doc, action, a.number(action)).Document
		p.Resource = &trust
		d = a.evaluate(c, action, t.ARN, p)
	}
	if shared {
		if n.trusts == nil {
			n.trusts = map[answered]enforce.Decision{}
		}
		n.trusts[key] = d
	}
	return d
}

// tryRoles asks which roles can be assumed. Those that manage IAM, at once or by
// others, are told each; of the others some.
func (a *Account) tryRoles(s *Session, c *caller) {
	all := a.trusts()
	direct, decisions := a.direct(s, c, all)
	told := 0
	s.reached, s.direct = all.reach(direct), decisions
	for _, r := range s.reached {
		t := all.all[r.role]
		if first := decisions[append(slices.Clone(r.path), r.role)[0]]; slices.ContainsFunc(first, byUnreadPolicy) {
			s.unread = merge(s.unread, first, byUnreadPolicy)
			continue
		}
		o := Open{Action: "sts:AssumeRole", Resource: t.ARN, Class: Roles, Severity: audit.Medium, Why: "assumes a role, whose sessions need no second factor", Can: r.can, Because: decisions[r.role]}
		o.Path = a.names(r.path)
		switch t.manages {
		case Yes:
			o.Severity, o.Why = audit.Critical, "assumes a role that manages IAM"
		case Unknown:
			o.Severity, o.Why = audit.High, "assumes a role that manages some of IAM"
		case No:
			if told++; told > mostExamples || len(r.path) > 0 {
				continue
			}
		}
		if len(r.path) > 0 {
			o.Because = decisions[r.path[0]]
		}
		s.Open = append(s.Open, o)
	}
}

// byUnreadPolicy tells a reason that a policy of the caller was not read.
func byUnreadPolicy(r enforce.Reason) bool {
	return r.Policy == NotRead && r.Layer == enforce.Identity && r.Effect == enforce.Allow
}

// direct are the roles that the caller can assume at once.
func (a *Account) direct(s *Session, c *caller, all *roles) ([]hop, map[int][]enforce.Reason) {
	var direct []hop
	because := map[int][]enforce.Reason{}
	if _, closed := a.closed(c, a.narrow(c.set, "sts:AssumeRole")); closed {
		s.Denied++
		return nil, because
	}
	for i, t := range all.all {
		if !t.account && !(t.named && namesUser(t.doc, c)) {
			continue
		}
		d := a.assume(c, t)
		if answer := can(d); answer != No {
			direct = append(direct, hop{i, answer})
			because[i] = d.Because
		} else {
			s.Denied++
		}
	}
	return direct, because
}

func namesUser(d *document, c *caller) bool {
	return slices.ContainsFunc(d.Statements, func(s enforce.Statement) bool {
		return slices.ContainsFunc(s.Principals, func(p enforce.PrincipalPattern) bool { return p.Value == c.arn() || p.Value == c.ID })
	})
}

// reach follows roles from those that can be assumed at once, the shortest and surest
// way to each.
func (r *roles) reach(direct []hop) []reachable {
	key := fmt.Sprint(direct)
	if known, before := r.found[key]; before {
		return known
	}
	ways := ways{at: map[int]int{}}
	var front []reachable
	for _, h := range direct {
		x := reachable{role: h.to, can: h.can}
		ways.add(x)
		front = append(front, x)
	}
	for range mostHops - 1 {
		var next []reachable
		for _, from := range front {
			for _, h := range r.edges[from.role] {
				x := reachable{h.to, both(from.can, h.can), append(slices.Clone(from.path), from.role)}
				if ways.add(x) {
					next = append(next, x)
				}
			}
		}
		front = next
	}
	r.found[key] = ways.all
	return ways.all
}

// ways are the best ways to roles so far.
type ways struct {
	all []reachable
	at  map[int]int // by role
}

// add keeps a way that leads to a role not reached yet, or is surer than the one
// before, and tells whether it did.
func (w *ways) add(x reachable) bool {
	i, known := w.at[x.role]
	switch {
	case !known:
		w.at[x.role] = len(w.all)
		w.all = append(w.all, x)
	case w.all[i].can == Unknown && x.can == Yes:
		w.all[i] = x
	default:
		return false
	}
	return true
}

// everything stands for a caller whose own policies allow all: then only the trust
// policy decides.
var everything = enforce.Document{Name: "the caller's own policies", Version: "2012-10-17",
	Statements: []enforce.Statement{{Effect: enforce.Allow, Actions: []string{"*"}, Resources: []string{"*"}}}}

// ways asks the trust policy about each principal that it names.
func (a *Account) ways(t *trusted) []Way {
	all := []Way{}
	if _, unread := a.unread[t.doc.Name]; unread {
		return all
	}
	for _, s := range t.doc.Statements {
		principals := s.Principals
		if s.NotPrincipals != nil {
			principals = []enforce.PrincipalPattern{{Type: "AWS", Value: "*"}}
		}
		if s.Effect != enforce.Allow {
			continue
		}
		for _, p := range principals {
			if w := (Way{Principal: p.Value, Scope: a.scope(p), NoMFA: No, Under: []string{}, Because: []enforce.Reason{}}); !slices.ContainsFunc(all, func(o Way) bool { return o.Principal == w.Principal }) {
				a.tryWay(&w, t)
				all = append(all, w)
			}
		}
	}
	return all
}

// tryWay asks whether a user behind the principal needs a second factor. A condition
// that a call can meet, such as an external id or an address, is no second factor.
func (a *Account) tryWay(w *Way, t *trusted) {
	if !slices.Contains([]Scope{OwnAccount, OwnUsers, OtherAccount, Everybody}, w.Scope) {
		return
	}
	trust := a.part(t.doc, "sts:AssumeRole", a.number("sts:AssumeRole")).Document
	for _, credential := range []enforce.Credential{enforce.AccessKey, enforce.PasswordNoMFA} {
		q := a.somebody(w, credential).Request(a.base, "sts:AssumeRole", t.ARN)
		if w.Scope != OwnUsers && !strings.Contains(w.Principal, ":user/") { // it means many
			q.Context = q.Context.WithUnknown("aws:username").WithUnknown("aws:userid").WithUnknown("aws:PrincipalArn")
		}
		if w.Scope == OtherAccount || w.Scope == Everybody {
			q.Context = q.Context.WithUnknown("aws:PrincipalOrgID").WithUnknown("aws:PrincipalOrgPaths")
		}
		if w.Scope == Everybody {
			q.Context = q.Context.WithUnknown("aws:PrincipalAccount")
		}
		d := enforce.Evaluate(q, enforce.Policies{Identity: []enforce.Document{everything}, Resource: &trust})
		if d.Answer != enforce.Allowed && d.Answer != enforce.Unknown {
			continue
		}
		w.NoMFA, w.Because = Yes, d.Because
		for _, r := range d.Because {
			if !r.Certain && !slices.Contains(w.Under, r.Text) {
				w.Under = append(w.Under, r.Text)
			}
		}
	}
}

// somebody is a user as a principal means one. Of whom it means many, nothing is
// known but the account.
func (a *Account) somebody(w *Way, credential enforce.Credential) enforce.Caller {
	c := enforce.Caller{Partition: a.s.Partition, Account: a.s.Account, Kind: audit.IAMUser, Path: "/", Name: "somebody", ID: "AIDA", Credential: credential}
	parts := strings.SplitN(w.Principal, ":", 6)
	switch {
	case len(parts) == 6:
		c.Account = parts[4]
		if strings.HasPrefix(parts[5], "user/") {
			c.Path, c.Name = pathOf(w.Principal), w.Principal[strings.LastIndex(w.Principal, "/")+1:]
		}
	case w.Scope == OtherAccount:
		c.Account = w.Principal
	}
	return c
}

// RolesOf tells of each role who gets into it. users are the account's, as User gave
// them; what is missing there is missing here.
func (a *Account) RolesOf(users []User) []Role {
	all := []Role{}
	by := map[int][]By{}
	for _, u := range users {
		for _, s := range u.Sessions {
			for _, x := range s.reached {
				if is := both(x.can, u.Real(s)); is != No {
					first := append(slices.Clone(x.path), x.role)[0]
					by[x.role] = append(by[x.role], By{u.Name, s.Credential, is, a.names(x.path), s.direct[first]})
				}
			}
		}
	}
	for i, t := range a.trusts().all {
		r := Role{Subject: audit.Subject{Kind: audit.RoleSubject, ID: t.ID, Name: t.Name, ARN: t.ARN}, Privileged: t.manages, Ways: a.ways(t), Users: append([]By{}, by[i]...), Missing: []audit.Gap{}}
		if gap, unread := a.unread[t.doc.Name]; unread {
			r.Missing = append(r.Missing, gap)
		}
		audit.SortStable(r.Users, func(x, y By) int { // yes before unknown
			return cmp.Or(cmp.Compare(y.Can, x.Can), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Credential, y.Credential))
		})
		all = append(all, r)
	}
	return all
}

// Real tells whether a session without a second factor can be had at all: AWS
// asks whoever has a device for it at the console, and nobody for a key.
func (u User) Real(s Session) Can {
	if s.Credential != enforce.PasswordNoMFA {
		return s.Held
	}
	return both(s.Held, map[Can]Can{Yes: No, No: Yes, Unknown: Unknown}[u.Holds.Device])
}

// names are the names of roles.
func (a *Account) names(path []int) []string {
	all := []string{}
	for _, i := range path {
		all = append(all, a.roles.all[i].Name)
	}
	return all
}

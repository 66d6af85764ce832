package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// mostFound bounds what is told: a document with more mistakes is not read to its
// end.
const mostFound = 200

// find names the known mistakes of a document, worst first, then by line.
func find(d *enforce.Document, k Kind, w world, text string) []Found {
	f := &finder{document: d, kind: k, world: w, by: map[string]Mistake{}, found: []Found{}, names: map[naming]bool{}, held: map[holding]enforce.Tri{}, spared: map[naming]int{}, denials: map[denial]bool{}}
	for _, m := range Mistakes() {
		f.by[m.ID] = m
	}
	for i := range d.Statements {
		f.read = append(f.read, f.reading(&d.Statements[i]))
	}
	for i := range f.read {
		f.notPrincipal(&f.read[i])
	}
	if !refused(d, k) { // of what AWS does not store nothing else is worth saying
		for i := range f.read {
			f.statement(&f.read[i])
		}
		f.whole()
		f.length(text)
	}
	slices.SortStableFunc(f.found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID))
	})
	return f.found[:min(len(f.found), mostFound)]
}

// statement looks for the mistakes of one statement.
func (f *finder) statement(s *statement) {
	f.spelling(s)
	f.literal(s)
	f.conditions(s)
	f.ages(s)
	f.moot(s)
	f.exemptions(s)
	f.chosen(s)
	f.resources(s)
	f.reach(s)
	if f.kind == Trust {
		f.trust(s)
	}
}

// finder looks for mistakes in one document.
type finder struct {
	document *enforce.Document
	kind     Kind
	world    world
	by       map[string]Mistake
	read     []statement
	found    []Found
	names    map[naming]bool // what about has answered
	held     map[holding]enforce.Tri
	spared   map[naming]int // what sparing has answered
	denials  map[denial]bool
}

// denial is a call with a credential.
type denial struct {
	call
	credential string
}

// holding is a condition of a statement, by their indexes, and a credential.
type holding struct {
	statement, condition int
	credential           string
}

// naming is a statement, by its index, and a call.
type naming struct {
	statement int
	call
}

// statement is a statement with what its conditions say about second factors: met,
// not met or open, for each credential of a user.
type statement struct {
	*enforce.Statement
	factor []enforce.Condition // on the MFA keys
	rest   []enforce.Condition
	key    enforce.Tri // with an access key: the MFA keys are absent
	pass   enforce.Tri // in a session without MFA: false
	fresh  enforce.Tri // with MFA a second ago
	stale  enforce.Tri // with MFA 36 hours ago
	nobody bool        // meets what it asks besides
}

func onFactor(c enforce.Condition) bool {
	return strings.EqualFold(c.Key, enforce.KeyMFAPresent) || strings.EqualFold(c.Key, enforce.KeyMFAAge)
}

func (f *finder) reading(s *enforce.Statement) statement {
	r := statement{Statement: s}
	for _, c := range s.Conditions {
		if onFactor(c) {
			r.factor = append(r.factor, c)
		} else {
			r.rest = append(r.rest, c)
		}
	}
	r.key, r.pass = f.hold(r.factor, byKey), f.hold(r.factor, byPassword)
	r.fresh, r.stale = f.hold(r.factor, byMFA), f.hold(r.factor, byOldMFA)
	return r
}

// guards tells a Deny that is met without MFA and not with it.
func (s *statement) guards() bool {
	return !s.nobody && s.Effect == enforce.Deny && (s.key == enforce.Yes || s.pass == enforce.Yes) && s.fresh == enforce.No
}

// meets is what a statement's MFA conditions come to.
func (s *statement) meets(c credential) enforce.Tri {
	return map[string]enforce.Tri{byKey.id: s.key, byPassword.id: s.pass, byMFA.id: s.fresh, byOldMFA.id: s.stale}[c.id]
}

// hold tells whether conditions hold for the caller with a credential.
func (f *finder) hold(conditions []enforce.Condition, c credential) enforce.Tri {
	return f.applies(enforce.Statement{Actions: []string{"*"}, Resources: []string{"*"}, Conditions: conditions}, f.world.caller(c), c, "example:Anything", "*")
}

// applies tells whether a statement is about a call, whatever its effect and
// principals.
func (f *finder) applies(s enforce.Statement, who enforce.Caller, c credential, action, resource string) enforce.Tri {
	if ungoverned(action) {
		return enforce.No
	}
	return f.meets(s, who.Request(f.world.context(c), action, resource))
}

// meets tells whether a request meets a statement.
func (f *finder) meets(s enforce.Statement, q enforce.Request) enforce.Tri {
	s.Effect, s.Principals, s.NotPrincipals = enforce.Deny, nil, nil
	d := enforce.Document{Name: "x", Version: f.document.Version, Statements: []enforce.Statement{s}}
	q.Principal.Kind = audit.UnknownPrincipal // AWS's rule about own factors aside
	switch enforce.Evaluate(q, enforce.Policies{Identity: []enforce.Document{everything(), d}, Resource: f.world.trusting()}).Answer {
	case enforce.ExplicitlyDenied:
		return enforce.Yes
	case enforce.Allowed:
		return enforce.No
	}
	return enforce.Maybe
}

// ungoverned tells an action that works whatever policies say (enforce's service
// rules).
func ungoverned(action string) bool {
	return strings.EqualFold(action, "sts:GetSessionToken") || strings.EqualFold(action, "sts:GetCallerIdentity")
}

// about tells whether a statement names a call, whatever its conditions.
func (f *finder) about(s *statement, action, resource string) bool {
	key := naming{s.Index, call{action, resource}}
	if known, asked := f.names[key]; asked {
		return known
	}
	bare := *s.Statement
	bare.Conditions = nil
	f.names[key] = f.applies(bare, f.world.caller(byKey), byKey, action, resource) != enforce.No
	return f.names[key]
}

// covered tells whether another statement denies what s leaves open to a
// credential. Conditions on something else than MFA must hold for the caller, or
// be those of s.
func (f *finder) covered(s *statement, action, resource string, c credential) bool {
	return slices.ContainsFunc(f.read, func(t statement) bool {
		return t.Effect == enforce.Deny && (s == nil || t.Index != s.Index) && t.meets(c) == enforce.Yes &&
			f.about(&t, action, resource) && f.unless(&t, s, c)
	})
}

// mostConditions bounds the work: a statement with more of them covers nothing.
const mostConditions = 16

// unless tells whether what a statement asks beside MFA holds for the caller, or
// is asked by s too.
func (f *finder) unless(t, s *statement, c credential) bool {
	if len(t.rest) > mostConditions {
		return false
	}
	for i, condition := range t.rest {
		if (s == nil || !has(s.rest, condition)) && f.holdsRest(t, i, c) != enforce.Yes {
			return false
		}
	}
	return true
}

// holdsRest is hold for one of a statement's conditions beside MFA, asked once.
func (f *finder) holdsRest(t *statement, i int, c credential) enforce.Tri {
	key := holding{t.Index, i, c.id}
	known, asked := f.held[key]
	if !asked {
		known = f.hold(t.rest[i:i+1], c)
		f.held[key] = known
	}
	return known
}

func has(all []enforce.Condition, c enforce.Condition) bool {
	return slices.ContainsFunc(all, func(x enforce.Condition) bool {
		return x.Operator == c.Operator && strings.EqualFold(x.Key, c.Key) && slices.Equal(x.Values, c.Values)
	})
}

// call is an action on a resource.
type call struct{ action, resource string }

// calls are what a statement is about: of the topics' calls and of those that it
// names itself.
func (f *finder) calls(s *statement) []call {
	var all []call
	for _, g := range topics() {
		for _, p := range g.probes {
			c := call{p.action, f.world.resourceOf(p)}
			if !slices.Contains(all, c) && f.about(s, c.action, c.resource) {
				all = append(all, c)
			}
		}
	}
	resource := "*"
	if s.Resources != nil {
		resource = f.world.sample(s.Resources)
	}
	for _, a := range s.Actions[:min(len(s.Actions), mostNamed)] {
		if !ungoverned(a) {
			all = append(all, call{a, resource})
		}
	}
	return all
}

// leavesOpen tells whether a statement that should deny something to a credential
// does not, and no other statement does.
func (f *finder) leavesOpen(s *statement, c credential) bool {
	calls := f.calls(s)
	return len(calls) == 0 || slices.ContainsFunc(calls, func(x call) bool { return !f.covered(s, x.action, x.resource, c) })
}

// add takes in a mistake. why, where there is one, stands before the registry's.
func (f *finder) add(id string, s *statement, line int, text, why string) *Found {
	if len(f.found) > mostFound {
		return &Found{}
	}
	m, known := f.by[id]
	if !known {
		panic("explain: mistake " + id + " is not in the registry")
	}
	found := Found{ID: id, Severity: m.Severity, Line: line, Text: text, Why: strings.TrimSpace(why + " " + m.Why), Instead: m.Instead, Source: m.Source}
	if s != nil {
		found.Statement, found.Sid = s.Index+1, s.Sid
	}
	f.found = append(f.found, found)
	return &f.found[len(f.found)-1]
}

// entry is the line of a value of an element.
func (s *statement) entry(element string, i int) int {
	if lines := s.Entries[element]; i < len(lines) {
		return lines[i]
	}
	return s.Line
}

// written is a condition as a document has it.
func written(c enforce.Condition) string {
	values := c.Values
	if len(values) > 3 {
		values = append(slices.Clone(values[:3]), "…")
	}
	return fmt.Sprintf("%s %s: %s", c.Operator, c.Key, strings.Join(values, ", "))
}

// place is where to point at in a statement with MFA conditions: at that on
// whether there is a second factor, where there is one.
func (s *statement) place() (int, string) {
	i := slices.IndexFunc(s.factor, func(c enforce.Condition) bool { return strings.EqualFold(c.Key, enforce.KeyMFAPresent) })
	c := s.factor[max(i, 0)]
	return c.Line, written(c)
}

package reach

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// narrowed is what a set says of one action. Sets that say the same of it share it,
// and what was answered.
type narrowed struct {
	allows   bool // an identity policy says something that allows it
	action   string
	policies enforce.Policies
	personal bool
	answers  map[answered]enforce.Decision
	trusts   map[answered]enforce.Decision // of roles, with their trust policies
	named    []string                      // the resources that it names, where no variable is among them
	listed   bool                          // named was made
	variable bool                          // one of them depends on who calls
	denials  *narrowed                     // only what denies: most sets have the same of that
	wide     *narrowed                     // of that, only what denies on every resource
}

// answered is a question whose answer is the same for everybody with these
// policies.
type answered struct {
	resource   string
	credential enforce.Credential
	kind       audit.PrincipalKind
}

// caller is somebody with a credential, ready to ask.
type caller struct {
	enforce.Caller
	set     *set
	request enforce.Request // without action and resource
}

func (c *caller) arn() string { return c.request.Principal.ARN }

// userCaller is a user with a credential.
func (a *Account) userCaller(u *audit.User, x *set, credential enforce.Credential, device Can) *caller {
	c := &caller{set: x, Caller: enforce.Caller{
		Partition: a.s.Partition, Account: a.s.Account, Kind: audit.IAMUser, Path: pathOf(u.ARN), Name: u.Name, ID: u.ID,
		Credential: credential, OwnDevice: map[Can]enforce.Tri{Yes: enforce.Yes, No: enforce.No}[device],
	}}
	if u.Tags != nil {
		c.Tags, c.TagsKnown = u.Tags.Value, true
	}
	known := a.ofUsers
	if credential == enforce.AccessKey {
		known = a.ofKeys
	}
	c.request = c.Request(known, "", "")
	return c
}

// roleCaller is a session of a role.
func (a *Account) roleCaller(r *audit.RoleTrust, x *set) *caller {
	c := &caller{set: x, Caller: enforce.Caller{
		Partition: a.s.Partition, Account: a.s.Account, Kind: audit.Role, Path: pathOf(r.ARN), Name: r.Name, ID: r.ID, Session: "session", Credential: enforce.RoleCredentials,
	}}
	c.request = c.Request(a.base, "", "")
	return c
}

// pathOf is the path in the ARN of a user or role: / or /dev/.
func pathOf(arn string) string {
	_, rest, _ := strings.Cut(arn[strings.LastIndex(arn, ":")+1:], "/")
	if i := strings.LastIndex(rest, "/"); i >= 0 {
		return "/" + rest[:i+1]
	}
	return "/"
}

// narrow finds or makes what a set says of an action.
func (a *Account) narrow(x *set, action string) *narrowed {
	if n := x.parts[action]; n != nil {
		return n
	}
	b := narrowing{action: action, number: a.number(action), a: a, free: x.free}
	for _, d := range x.identity {
		b.add(d)
	}
	b.bound(x.boundary)
	n := b.find("all", b.all, func() *narrowed {
		return &narrowed{action: action, allows: b.allows, policies: b.policies(x, false), personal: b.personal}
	})
	if n.denials == nil {
		n.denials = b.find("denying", b.denying, func() *narrowed {
			d := &narrowed{policies: b.policies(x, true), personal: b.asks}
			d.wide = widened(d.policies)
			return d
		})
	}
	x.parts[action] = n
	return n
}

// narrowing gathers what documents say of an action, whole and what denies.
type narrowing struct {
	a              *Account
	action         string
	number         int
	free           bool
	parts          []*part
	limit          *part
	personal, asks bool
	allows         bool
	all, denying   []byte // keys
}

func (b *narrowing) take(d *document) *part {
	p := b.a.part(d, b.action, b.number)
	b.personal, b.asks = b.personal || p.personal, b.asks || p.asks
	return p
}

func (b *narrowing) add(d *document) {
	p := b.take(d)
	if len(p.Statements) == 0 {
		return
	}
	b.parts = append(b.parts, p)
	b.allows = b.allows || len(p.denies.Statements) < len(p.Statements)
	b.all = appendID(b.all, p.id)
	if len(p.denies.Statements) > 0 {
		b.denying = appendID(b.denying, p.id)
	}
}

// bound adds the boundary, and the control policies that are the same for all.
func (b *narrowing) bound(d *document) {
	if d != nil {
		b.limit = b.take(d)
		b.all = appendID(appendID(b.all, separator), b.limit.id)
		if len(b.limit.denies.Statements) > 0 {
			b.denying = appendID(appendID(b.denying, separator), b.limit.id)
		}
	}
	for _, level := range b.a.scps {
		for _, d := range level {
			if !b.free {
				b.take(d)
			}
		}
	}
}

// separator is no document's number.
const separator = 1<<32 - 1

func appendID(key []byte, id int) []byte { return binary.BigEndian.AppendUint32(key, uint32(id)) }

// find finds what was narrowed before to the same.
func (b *narrowing) find(what string, ids []byte, make func() *narrowed) *narrowed {
	key := append(fmt.Appendf(nil, "%s %d %t ", what, b.number, b.free), ids...)
	n := b.a.narrowed[string(key)]
	if n == nil {
		n = make()
		b.a.narrowed[string(key)] = n
	}
	return n
}

func (b *narrowing) policies(x *set, onlyDenials bool) enforce.Policies {
	of := func(p *part) enforce.Document {
		if onlyDenials {
			return p.denies
		}
		return p.Document
	}
	var p enforce.Policies
	for _, part := range b.parts {
		if d := of(part); len(d.Statements) > 0 {
			p.Identity = append(p.Identity, d)
		}
	}
	if b.limit != nil {
		d := of(b.limit)
		p.Boundary = &d
	}
	for _, level := range b.a.scps {
		var documents []enforce.Document
		for _, d := range level {
			documents = append(documents, of(b.a.part(d, b.action, b.number)))
		}
		if !x.free {
			p.SCPs = append(p.SCPs, documents)
		}
	}
	return p
}

// widened leaves of what denies the statements that do so on every resource; nil
// where there are none.
func widened(p enforce.Policies) *narrowed {
	w := &narrowed{}
	some := false
	keep := func(d enforce.Document) enforce.Document {
		all := d.Statements
		d.Statements = nil
		for _, s := range all {
			if slices.Equal(s.Resources, []string{"*"}) {
				d.Statements = append(d.Statements, s)
				some, w.personal = true, w.personal || personal(s)
			}
		}
		return d
	}
	for _, d := range p.Identity {
		w.policies.Identity = append(w.policies.Identity, keep(d))
	}
	if p.Boundary != nil {
		d := keep(*p.Boundary)
		w.policies.Boundary = &d
	}
	for _, level := range p.SCPs {
		var documents []enforce.Document
		for _, d := range level {
			documents = append(documents, keep(d))
		}
		w.policies.SCPs = append(w.policies.SCPs, documents)
	}
	if !some {
		return nil
	}
	return w
}

// closed tells whether an action is denied to a caller on whatever resource.
func (a *Account) closed(c *caller, n *narrowed) (enforce.Decision, bool) {
	if n.denials.wide == nil {
		return enforce.Decision{}, false
	}
	d := a.answer(n.denials.wide, c, n.action, "*")
	return d, d.Answer == enforce.ExplicitlyDenied
}

// allows tells whether a caller's policies allow an action on anything: what none allows
// need not be asked about.
func (a *Account) allows(c *caller, action string) bool { return a.narrow(c.set, action).allows }

// ask decides whether a caller may do something. What denies is asked first: it is
// the same for most, and where it denies nothing else matters.
func (a *Account) ask(c *caller, action, resource string) enforce.Decision {
	n := a.narrow(c.set, action)
	if d, closed := a.closed(c, n); closed {
		return d
	}
	if d := a.answer(n.denials, c, action, resource); d.Answer == enforce.ExplicitlyDenied {
		return d
	}
	return a.answer(n, c, action, resource)
}

// answer is what was answered before to anybody of whom it is the same, or asks.
func (a *Account) answer(n *narrowed, c *caller, action, resource string) enforce.Decision {
	if n.personal || resource == c.arn() {
		return a.evaluate(c, action, resource, n.policies)
	}
	key := answered{resource, c.Credential, c.Kind}
	d, known := n.answers[key]
	if !known {
		d = a.evaluate(c, action, resource, n.policies)
		if n.answers == nil {
			n.answers = map[answered]enforce.Decision{}
		}
		n.answers[key] = d
	}
	return d
}

// evaluate asks the evaluator. Control policies that were not read can only forbid:
// what is denied stays so, and what is allowed is not known.
func (a *Account) evaluate(c *caller, action, resource string, p enforce.Policies) enforce.Decision {
	q := c.request
	q.Action, q.Resource = action, resource
	if p.Resource == nil && strings.HasPrefix(action, "kms:") {
		p.Resource = a.keys
	}
	d := enforce.Evaluate(q, p)
	d.Because = a.ofGaps(d.Because)
	if d.Answer == enforce.Unknown {
		d = a.inSomeRegion(q, p, d)
	}
	if a.scpGap != nil && d.Answer == enforce.Allowed && !c.set.free {
		d.Answer = enforce.Unknown
		d.Because = append(append([]enforce.Reason(nil), d.Because...), enforce.Reason{Layer: enforce.SCP, Statement: -1, Text: a.scpGap.String()})
	}
	return d
}

// keyPolicy is what a key's policy is taken for, as no snapshot has it: KMS's default,
// which leaves the key to the account's IAM policies (KMS developer guide, default key
// policy).
func keyPolicy(account string) *enforce.Document {
	return &enforce.Document{Name: "of the key, taken for the default one", Version: "2012-10-17", Statements: []enforce.Statement{{
		Effect: enforce.Allow, Actions: []string{"kms:*"}, Principals: []enforce.PrincipalPattern{{Type: "AWS", Value: account}},
	}}}
}

// NotRead is the policy's name in reasons that a policy was not read.
const NotRead = "(not read)"

// ofGaps puts the gap in the place of a policy that was not read.
func (a *Account) ofGaps(reasons []enforce.Reason) []enforce.Reason {
	var all []enforce.Reason
	for _, r := range reasons {
		if gap, unread := a.unread[r.Policy]; unread && !r.Certain {
			r = enforce.Reason{Layer: r.Layer, Policy: NotRead, Statement: -1, Effect: r.Effect, Text: gap.String()}
		}
		i := slices.IndexFunc(all, func(o enforce.Reason) bool { return o.Policy == NotRead && o.Text == r.Text })
		switch {
		case i < 0:
			all = append(all, r)
		case r.Effect == enforce.Allow: // it may do both: what it may allow is the wider question
			all[i] = r
		}
	}
	return all
}

// inSomeRegion asks again where the answer may depend on the Region: that is the
// caller's to choose. The Regions that the policies name are tried.
func (a *Account) inSomeRegion(q enforce.Request, p enforce.Policies, open enforce.Decision) enforce.Decision {
	if !slices.ContainsFunc(open.Because, func(r enforce.Reason) bool { return strings.Contains(strings.ToLower(r.Text), "aws:requestedregion") }) {
		return open
	}
	for _, region := range regionsIn(p) {
		again := q
		again.Context = q.Context.With("aws:RequestedRegion", region)
		if d := enforce.Evaluate(again, p); d.Answer == enforce.Allowed {
			d.Because = append(d.Because, enforce.Reason{Layer: enforce.Service, Statement: -1, Certain: true, Text: "in Region " + region})
			return d
		}
	}
	return open
}

// regionsIn are the Regions that policies name, without wildcards, a few at most.
func regionsIn(p enforce.Policies) []string {
	var all []string
	take := func(documents ...enforce.Document) {
		for _, d := range documents {
			for _, s := range d.Statements {
				for _, c := range s.Conditions {
					for _, v := range c.Values {
						if strings.EqualFold(c.Key, "aws:RequestedRegion") && !strings.ContainsAny(v, "*?$") && !slices.Contains(all, v) && len(all) < mostRegions {
							all = append(all, v)
						}
					}
				}
			}
		}
	}
	take(p.Identity...)
	for _, level := range p.SCPs {
		take(level...)
	}
	if p.Boundary != nil {
		take(*p.Boundary)
	}
	return all
}

const mostRegions = 8

// place fills a target in.
func (a *Account) place(t Target, c *caller) string {
	if t == OwnUser {
		return c.arn()
	}
	filled, known := a.filled[t]
	if !known {
		filled = strings.NewReplacer("{partition}", a.s.Partition, "{account}", a.s.Account).Replace(string(t))
		a.filled[t] = filled
	}
	return filled
}

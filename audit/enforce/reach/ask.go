package reach

import (
	"encoding/binary"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// narrowed is what a set says of one action. Sets that say the same of it share it,
// and what was answered.
type narrowed struct {
	policies enforce.Policies
	personal bool
	answers  map[answered]enforce.Decision
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
	c.request = c.Request(a.base, "", "")
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
	key := append([]byte(action), 0)
	var identity []enforce.Document
	is := false
	take := func(d *document) *part {
		p := a.part(d, action)
		is = is || p.personal
		return p
	}
	for _, d := range x.identity {
		if p := take(d); len(p.Statements) > 0 {
			identity = append(identity, p.Document)
			key = binary.AppendUvarint(key, uint64(p.id))
		}
	}
	if x.boundary != nil {
		key = binary.AppendUvarint(append(key, 0xff, 0xff), uint64(take(x.boundary).id))
	}
	if x.free {
		key = append(key, 0xff, 0xff, 0xff)
	}
	policies := enforce.Policies{Identity: identity, SCPs: a.controls(x, take)}
	n := a.narrowed[string(key)]
	if n == nil {
		if x.boundary != nil {
			d := a.part(x.boundary, action).Document
			policies.Boundary = &d
		}
		n = &narrowed{policies: policies, personal: is, answers: map[answered]enforce.Decision{}}
		a.narrowed[string(key)] = n
	}
	x.parts[action] = n
	return n
}

// controls are the control policies that apply to a set.
func (a *Account) controls(x *set, take func(*document) *part) [][]enforce.Document {
	if x.free {
		return nil
	}
	var levels [][]enforce.Document
	for _, level := range a.scps {
		var documents []enforce.Document
		for _, d := range level {
			documents = append(documents, take(d).Document)
		}
		levels = append(levels, documents)
	}
	return levels
}

// ask decides whether a caller may do something.
func (a *Account) ask(c *caller, action, resource string) enforce.Decision {
	n := a.narrow(c.set, action)
	if n.personal || resource == c.arn() {
		return a.evaluate(c, action, resource, n.policies)
	}
	key := answered{resource, c.Credential, c.Kind}
	d, known := n.answers[key]
	if !known {
		d = a.evaluate(c, action, resource, n.policies)
		n.answers[key] = d
	}
	return d
}

// evaluate asks the evaluator. Control policies that were not read can only forbid:
// what is denied stays so, and what is allowed is not known.
func (a *Account) evaluate(c *caller, action, resource string, p enforce.Policies) enforce.Decision {
	q := c.request
	q.Action, q.Resource = action, resource
	d := enforce.Evaluate(q, p)
	d.Because = a.ofGaps(d.Because)
	if d.Answer == enforce.Unknown {
		d = a.inSomeRegion(q, p, d)
	}
	if a.scpGap != nil && d.Answer == enforce.Allowed && !c.set.free && !free(d) {
		d.Answer = enforce.Unknown
		d.Because = append(append([]enforce.Reason(nil), d.Because...), enforce.Reason{Layer: enforce.SCP, Statement: -1, Text: a.scpGap.String()})
	}
	return d
}

// notRead is the policy's name in reasons that a policy was not read.
const notRead = "(not read)"

// ofGaps puts the gap in the place of a policy that was not read.
func (a *Account) ofGaps(reasons []enforce.Reason) []enforce.Reason {
	var all []enforce.Reason
	for _, r := range reasons {
		if gap, unread := a.unread[r.Policy]; unread && !r.Certain {
			r = enforce.Reason{Layer: r.Layer, Policy: notRead, Statement: -1, Effect: r.Effect, Text: gap.String()}
		}
		i := slices.IndexFunc(all, func(o enforce.Reason) bool { return o.Policy == notRead && o.Text == r.Text })
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

// free tells what AWS allows whatever policies say.
func free(d enforce.Decision) bool {
	return len(d.Because) == 1 && d.Because[0].Layer == enforce.Service
}

// place fills a target in.
func (a *Account) place(t Target, c *caller) string {
	if t == OwnUser {
		return c.arn()
	}
	return strings.NewReplacer("{partition}", a.s.Partition, "{account}", a.s.Account).Replace(string(t))
}

package enforce

import (
	"fmt"
	"strings"

	"mfawatch/audit"
)

// Evaluate decides a request as AWS does (IAM user guide, how AWS enforcement code
// evaluates requests): its own rules, then any Deny that applies, then what must
// allow: control policies of every level, and either the resource's policy by name
// or the identity's policies within boundary and session.
//
// What is not known makes the answer Unknown only where it could change it.
func Evaluate(q Request, p Policies) Decision {
	rule, settled := serviceRule(&q)
	if settled {
		return rule
	}
	e := &evaluation{request: &q, policies: &p}
	e.denies(rule)
	if e.denied == Yes {
		return Decision{ExplicitlyDenied, e.certain()}
	}
	e.allows()
	switch {
	case e.allowed == No:
		return Decision{ImplicitlyDenied, e.missing()}
	case e.allowed == Yes && e.denied == No:
		return Decision{Allowed, e.allowing}
	}
	return Decision{Unknown, e.open()}
}

// evaluation is one request on its way.
type evaluation struct {
	request  *Request
	policies *Policies
	denied   Tri
	denying  []Reason
	allowed  Tri
	allowing []Reason
}

// ask tells what a layer's statements of one effect come to.
func (e *evaluation) ask(layer Layer, effect string, documents ...Document) (Tri, []Reason) {
	result := No
	var reasons []Reason
	for i := range documents {
		d := &documents[i]
		for j := range d.Statements {
			s := &d.Statements[j]
			if s.Effect != effect {
				continue
			}
			applies, open := s.applies(e.request, d)
			if applies == No {
				continue
			}
			result = or(result, applies)
			reasons = append(reasons, s.reason(layer, d, applies == Yes, open))
		}
	}
	return result, reasons
}

func (s *Statement) reason(layer Layer, d *Document, certain bool, open string) Reason {
	r := Reason{Layer: layer, Policy: d.Name, Sid: s.Sid, Statement: s.Index, Line: s.Line, Effect: s.Effect, Certain: certain}
	verb := map[string]string{Allow: "allows", Deny: "denies"}[s.Effect]
	if certain {
		r.Text = fmt.Sprintf("%s of policy %q %s it", s.called(), d.Name, verb)
	} else {
		r.Text = fmt.Sprintf("%s of policy %q %s it, unless its conditions are not met: %s", s.called(), d.Name, verb, open)
	}
	return r
}

// denies asks every layer for what forbids the request. rule is what AWS's own
// rules leave open.
func (e *evaluation) denies(rule Decision) {
	e.denied, e.denying = No, rule.Because
	if len(rule.Because) > 0 {
		e.denied = Maybe
	}
	add := func(result Tri, reasons []Reason) {
		e.denied = or(e.denied, result)
		e.denying = append(e.denying, reasons...)
	}
	p := e.policies
	for _, level := range p.SCPs {
		add(e.ask(SCP, Deny, level...))
	}
	for _, level := range p.RCPs {
		add(e.reaches(e.ask(RCP, Deny, level...)))
	}
	if p.Resource != nil {
		for _, x := range e.resource(Deny) {
			add(x.result, x.reasons)
		}
	}
	add(e.ask(Identity, Deny, p.Identity...))
	add(e.ask(Boundary, Deny, some(p.Boundary)...))
	add(e.ask(Session, Deny, some(p.Session)...))
}

func some(d *Document) []Document {
	if d == nil {
		return nil
	}
	return []Document{*d}
}

// finding is what some documents come to, and why.
type finding struct {
	result  Tri
	reasons []Reason
}

// resource asks the resource's policy, by how its statements name the caller.
func (e *evaluation) resource(effect string) map[naming]finding {
	all := map[naming]finding{byAccount: {result: No}, byRole: {result: No}, byName: {result: No}}
	d := e.policies.Resource
	for _, s := range d.Statements {
		how := s.names(e.request.Principal)
		if how == unnamed {
			continue
		}
		result, reasons := e.ask(Resource, effect, Document{Name: d.Name, Version: d.Version, Statements: []Statement{s}})
		all[how] = finding{or(all[how].result, result), append(all[how].reasons, reasons...)}
	}
	return all
}

// allows asks everything that must allow. A resource control policy's Allow is not
// asked for: RCPFullAWSAccess is always attached and cannot be taken off.
func (e *evaluation) allows() {
	e.allowed = Yes
	for i, level := range e.policies.SCPs {
		if len(level) > 0 {
			e.must(e.permits(SCP, fmt.Sprintf("no service control policy at level %d, counted from the root of the organisation, allows it", i+1), level...))
		}
	}
	e.must(e.granted())
}

// must takes in a layer that has to allow.
func (e *evaluation) must(f finding) {
	e.allowed = and(e.allowed, f.result)
	e.allowing = append(e.allowing, f.reasons...)
}

// permits asks a layer for an Allow. Where there is none, that is the reason.
func (e *evaluation) permits(layer Layer, none string, documents ...Document) finding {
	result, reasons := e.ask(layer, Allow, documents...)
	if result == No {
		reasons = []Reason{{Layer: layer, Statement: -1, Certain: true, Text: none}}
	}
	return finding{result, reasons}
}

// granted is what identity and resource come to together. Within an account a
// resource's policy that names the caller is enough; a trust policy, and any policy
// of another account, must allow beside the identity's own.
func (e *evaluation) granted() finding {
	own := e.own()
	if e.policies.Resource == nil {
		return join(own, e.unseen())
	}
	by := e.resource(Allow)
	if direct := e.direct(by); direct.result == Yes {
		return direct
	} else if direct.result == Maybe {
		return e.either(direct, e.both(own, by))
	}
	return e.both(own, by)
}

// unseen is what a resource's policy that was not given leaves open, where nothing
// is allowed without it: roles and keys (IAM user guide, how AWS evaluates
// requests: exceptions for trust policies and key policies).
func (e *evaluation) unseen() finding {
	if !e.trust() && !e.foreign() {
		return finding{result: Yes}
	}
	return finding{Maybe, []Reason{{Layer: Resource, Statement: -1, Text: "the policy of " + e.request.Resource + " must allow it too, and is not known"}}}
}

// direct is what the resource's policy grants without the identity's policies.
func (e *evaluation) direct(by map[naming]finding) finding {
	if e.foreign() {
		return finding{result: No}
	}
	return e.either(by[byName], join(by[byRole], e.ceiling()))
}

// either is the better of two findings.
func (e *evaluation) either(a, b finding) finding {
	switch {
	case a.result == Yes || b.result == No:
		return a
	case b.result == Yes || a.result == No:
		return b
	}
	return finding{Maybe, append(a.reasons, b.reasons...)}
}

// both is the identity's own policies, and the resource's where it must agree.
func (e *evaluation) both(own finding, by map[naming]finding) finding {
	if !e.trust() && !e.foreign() {
		return own
	}
	theirs := finding{No, []Reason{{Layer: Resource, Policy: e.policies.Resource.Name, Statement: -1, Certain: true,
		Text: fmt.Sprintf("policy %q does not allow it to this principal", e.policies.Resource.Name)}}}
	for _, how := range []naming{byAccount, byRole, byName} {
		if f := by[how]; f.result != No {
			theirs = e.either(f, theirs)
		}
	}
	return join(own, theirs)
}

func join(a, b finding) finding {
	switch {
	case a.result == No:
		return a
	case b.result == No:
		return b
	}
	return finding{and(a.result, b.result), append(a.reasons, b.reasons...)}
}

// own is what the identity's policies allow, within boundary and session policy.
// Root needs none.
func (e *evaluation) own() finding {
	if e.request.Principal.Kind == audit.Root {
		return finding{Yes, []Reason{{Layer: Service, Statement: -1, Certain: true, Text: "root may do everything that no control policy forbids", Source: logicPage}}}
	}
	own := e.permits(Identity, "no identity policy allows it", e.policies.Identity...)
	return join(own, e.ceiling())
}

const logicPage = "IAM user guide, how AWS enforcement code logic evaluates requests"

// ceiling is boundary and session policy, which grant nothing and must allow.
func (e *evaluation) ceiling() finding {
	all := finding{result: Yes}
	if b := e.policies.Boundary; b != nil {
		all = join(all, e.permits(Boundary, fmt.Sprintf("the permissions boundary %q does not allow it", b.Name), *b))
	}
	if s := e.policies.Session; s != nil {
		all = join(all, e.permits(Session, fmt.Sprintf("the session policy %q does not allow it", s.Name), *s))
	}
	return all
}

// trust tells a call that the resource's own policy must allow.
func (e *evaluation) trust() bool {
	service, operation, _ := strings.Cut(strings.ToLower(e.request.Action), ":")
	switch service {
	case "sts":
		// Tags and source identity of a session are permissions of their own in the
		// trust policy (IAM user guide, pass session tags in AWS STS).
		return strings.HasPrefix(operation, "assumerole") || operation == "tagsession" || operation == "setsourceidentity"
	case "kms":
		return strings.Contains(e.request.Resource, ":key/")
	}
	return false
}

// foreign tells a resource of another account than the caller's.
func (e *evaluation) foreign() bool {
	parts := strings.SplitN(e.request.Resource, ":", arnParts)
	return len(parts) == arnParts && parts[4] != "" && parts[4] != e.request.Principal.Account
}

// certain are the reasons of a denial that apply for sure.
func (e *evaluation) certain() []Reason {
	var all []Reason
	for _, r := range e.denying {
		if r.Certain {
			all = append(all, r)
		}
	}
	return all
}

// missing are the layers that do not allow.
func (e *evaluation) missing() []Reason {
	var all []Reason
	for _, r := range e.allowing {
		if r.Statement < 0 && r.Layer != Service {
			all = append(all, r)
		}
	}
	return all
}

// open are the reasons for which an answer is not known: what perhaps denies, and
// where it is the allowing that is open, all of that.
func (e *evaluation) open() []Reason {
	all := append([]Reason(nil), e.denying...)
	if e.allowed == Maybe {
		all = append(all, e.allowing...)
	}
	return all
}

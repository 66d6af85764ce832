package explain

import (
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// reach looks at whom a statement reaches.
func (f *finder) reach(s *statement) {
	if s.Effect == enforce.Deny && len(s.Conditions) == 0 && slices.Contains(s.Actions, "*") && slices.Contains(s.Resources, "*") && f.kind != RCP && f.kind != Resource {
		f.add(idDenyAll, s, s.Line, s.Sid, "")
	}
	if s.Effect == enforce.Deny {
		f.free(s)
	}
	if !s.guards() {
		return
	}
	f.roles(s)
	f.forward(s)
}

// free looks for what no policy governs (STS API reference).
func (f *finder) free(s *statement) {
	for i, name := range s.Actions {
		if ungoverned(name) {
			f.add(idFree, s, s.entry("Action", i), name, "")
		}
	}
}

// roles looks at whether a Deny without MFA reaches a role's session.
func (f *finder) roles(s *statement) {
	if f.kind == Identity || f.kind == Boundary || f.kind == Trust {
		return // a boundary may be a user's; a trust policy has its own mistakes
	}
	who := f.world.caller(byRole)
	if !slices.ContainsFunc(f.calls(s), func(c call) bool { return f.applies(*s.Statement, who, byRole, c.action, c.resource) == yes }) {
		return
	}
	line, text := s.place()
	found := f.add(idRoles, s, line, text, "To a role's session it denies "+s.denied()+".")
	if f.kind == Resource {
		found.Severity = audit.Low
	}
}

// denied is what a statement is about, in words.
func (s *statement) denied() string {
	what, on := few(s.Actions), ""
	switch {
	case s.NotActions != nil:
		what = "everything but " + few(s.NotActions)
	case slices.Contains(s.Actions, "*"):
		what = "everything"
	}
	switch {
	case s.NotResources != nil:
		on = " on every resource but " + few(s.NotResources)
	case s.Resources != nil && !slices.Contains(s.Resources, "*"):
		on = " on " + few(s.Resources)
	}
	return what + on
}

// forward looks at whether a Deny without MFA meets a service that calls on for a
// user.
func (f *finder) forward(s *statement) {
	if f.kind == Trust || f.kind == Resource || s.pass != yes || !slices.ContainsFunc(f.calls(s), call.forwarded) {
		return
	}
	if slices.ContainsFunc(s.rest, func(c enforce.Condition) bool { return strings.EqualFold(c.Key, enforce.KeyViaService) }) {
		return
	}
	line, text := s.place()
	f.add(idForward, s, line, text, "")
}

// forwarded tells a call that a service may well make for a user: of none that is
// about who one is.
func (c call) forwarded() bool {
	service, _, _ := strings.Cut(c.action, ":")
	return !slices.Contains(listed, strings.ToLower(service))
}

// whole looks at the document as a whole.
func (f *finder) whole() {
	if f.kind == Boundary && !allows(f.document) {
		f.add(idNoAllow, nil, 1, "", "")
	}
	if f.kind != Trust && f.kind != Resource && slices.ContainsFunc(f.read, func(s statement) bool { return s.guards() }) {
		f.enrolment()
		f.ownTag()
	}
}

// enrolment looks at whether a user without a device can get one.
func (f *finder) enrolment() {
	denies := func(action string, c credential) *statement {
		for i := range f.read {
			s := &f.read[i]
			if s.Effect == enforce.Deny && s.meets(c) == yes && f.about(s, action, f.world.sampleOf(action)) && f.unless(s, nil, c) {
				return s
			}
		}
		return nil
	}
	if s := denies("iam:EnableMFADevice", byPassword); s != nil {
		f.add(idEnrolDenied, s, s.elementLine(), "iam:EnableMFADevice on "+f.world.own(), "")
		return
	}
	var missing []string
	var at *statement
	for _, action := range core {
		if s := denies(action, byPassword); s != nil && s.guards() {
			missing, at = append(missing, action), s
		}
	}
	// Who denies virtual devices wants other ones.
	if at != nil && !slices.Equal(missing, core[:1]) {
		f.add(idEnrolPartial, at, at.elementLine(), strings.Join(missing, ", "), "")
	}
}

// ownTag looks at a guard that a tag decides about where users may tag
// themselves.
func (f *finder) ownTag() {
	tagged := slices.IndexFunc(f.read, func(s statement) bool {
		return s.guards() && slices.ContainsFunc(s.rest, func(c enforce.Condition) bool {
			key := strings.ToLower(c.Key)
			return strings.HasPrefix(key, "aws:principaltag/") || strings.HasPrefix(key, "aws:resourcetag/") || strings.HasPrefix(key, "iam:resourcetag/")
		})
	})
	if tagged < 0 {
		return
	}
	for i := range f.read {
		s := &f.read[i]
		for _, action := range []string{"iam:TagUser", "iam:UntagUser"} {
			if s.Effect == enforce.Allow && f.about(s, action, f.world.own()) && !f.deniesTags() {
				f.add(idOwnTag, s, s.elementLine(), action+" on "+f.world.own(), "")
				return
			}
		}
	}
}

// deniesTags tells whether a Deny without anything about MFA holds users off
// tags, whatever its conditions ask.
func (f *finder) deniesTags() bool {
	return slices.ContainsFunc(f.read, func(s statement) bool {
		return s.Effect == enforce.Deny && len(s.factor) == 0 && f.about(&s, "iam:TagUser", f.world.own()) && f.about(&s, "iam:UntagUser", f.world.own())
	})
}

// notPrincipal looks at an element that AWS takes in a Deny of some resources'
// policies only.
func (f *finder) notPrincipal(s *statement) {
	if s.NotPrincipals == nil {
		return
	}
	id := idNotPrincipal
	if s.Effect == enforce.Deny {
		id = idButPrincipal
	}
	found := f.add(id, s, s.Lines["NotPrincipal"], "NotPrincipal", "")
	switch f.kind {
	case Trust:
		found.Why = "A role's trust policy cannot have NotPrincipal: AWS refuses the document."
	case RCP:
		found.Why = "A resource control policy cannot have NotPrincipal."
	}
}

// trust looks at a statement of a trust policy.
func (f *finder) trust(s *statement) {
	if s.guards() {
		f.trustDeny(s)
	}
	if s.Effect != enforce.Allow {
		return
	}
	asks := s.key != yes && s.pass != yes
	for _, p := range s.Principals {
		n := whoIs(p, f.world)
		switch n.kind {
		case "":
			f.anybody(s, n, asks)
		case audit.IAMUser:
			if !asks && f.assumes(s, n) {
				f.add(idTrustNoMFA, s, s.Line, p.Value, "")
			}
		case audit.Role, audit.Service, audit.Federated:
			if asks && s.key == no && s.pass == no {
				f.add(idAskedOfRole, s, s.Line, p.Value, "")
			}
		}
	}
}

// anybody is a whole account, or everybody.
func (f *finder) anybody(s *statement, n named, asks bool) {
	if f.narrowed(s) {
		return
	}
	if n.pattern.Value == "*" {
		f.add(idEverybody, s, s.Lines["Principal"], n.pattern.Value, "")
		return
	}
	switch {
	case asks:
		f.add(idWhole, s, s.Lines["Principal"], n.pattern.Value, "")
	case f.assumes(s, n):
		f.add(idTrustNoMFA, s, s.Line, n.pattern.Value, "").Severity = audit.Medium
	}
}

// narrowed tells a statement whose conditions name whom its principals do not, or
// which is for another company's service (an external id).
func (f *finder) narrowed(s *statement) bool {
	return slices.ContainsFunc(s.rest, func(c enforce.Condition) bool {
		switch strings.ToLower(c.Key) {
		case "aws:principalarn", "aws:userid", "aws:username", "sts:externalid":
			return true
		}
		return strings.HasPrefix(strings.ToLower(c.Key), "aws:principaltag/")
	})
}

// assumes tells whether a user whom a statement names assumes the role with an
// access key or without MFA.
func (f *finder) assumes(s *statement, n named) bool {
	x := &explainer{document: f.document, kind: Trust, world: f.world}
	for _, c := range []credential{byKey, byPassword} {
		who, can := n.caller(c)
		answer := x.ask(who, c, "sts:AssumeRole", f.world.iam("role/example-target")).Answer
		if can && f.about(s, "sts:AssumeRole", "*") && (answer == Allowed || answer == Depends) {
			return true
		}
	}
	return false
}

// trustDeny looks at whether a Deny without MFA stops somebody whom the document
// lets in and who never has MFA.
func (f *finder) trustDeny(s *statement) {
	x := &explainer{document: f.document, kind: Trust, world: f.world}
	for _, n := range principals(f.document, enforce.Allow, f.world) {
		stopped := false
		switch n.kind {
		case audit.Role:
			who, _ := n.caller(byRole)
			stopped = x.ask(who, byRole, "sts:AssumeRole", f.world.iam("role/example-target")).Answer == Denied
		case audit.Service, audit.Federated:
			stopped = s.key == yes && len(s.rest) == 0 && slices.ContainsFunc(s.Principals, func(p enforce.PrincipalPattern) bool { return p.Value == "*" || p == n.pattern })
		}
		if stopped {
			line, text := s.place()
			f.add(idRoles, s, line, text, "It stops "+n.what+", whom this document lets in.")
			return
		}
	}
}

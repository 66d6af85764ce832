package explain

import (
	"slices"
	"strings"

	"mfawatch/audit/enforce"
)

// exemption is an action that may not be exempt from the Deny without MFA, be it
// by NotAction or by NotResource, and the mistake that it is.
type exemption struct {
	action   string
	resource string
	mistake  string
}

func (f *finder) dangerous() []exemption {
	w := f.world
	device := w.iam("mfa/telephone")
	all := []exemption{
		{"iam:DeactivateMFADevice", w.other(), idDeactivate},
		{"iam:DeleteVirtualMFADevice", device, idDelete},
		{"iam:CreateLoginProfile", w.own(), idProfile},
		{"iam:UpdateLoginProfile", w.own(), idProfile},
		{"iam:ChangePassword", w.own(), idPassword},
		{"iam:EnableMFADevice", w.other(), idScope},
		{"iam:ResyncMFADevice", w.other(), idScope},
		{"signin:CreateOAuth2Token", w.resourceOf(probe{resource: "{signin}oauth2/public-client/localhost"}), idLoginExempt},
		{"signin:AuthorizeOAuth2Access", w.resourceOf(probe{resource: "{signin}oauth2/public-client/localhost"}), idLoginExempt},
	}
	for _, a := range []string{"iam:CreateLoginProfile", "iam:UpdateLoginProfile"} {
		all = append(all, exemption{a, w.other(), idProfile})
	}
	for _, a := range sensitive {
		all = append(all, exemption{a, w.sampleOf(a), idSensitive})
		if w.sampleOf(a) == w.own() {
			all = append(all, exemption{a, w.other(), idSensitive})
		}
	}
	return all
}

// sampleOf is a resource that an action of the catalogue is about.
func (w world) sampleOf(name string) string {
	a, _ := actionNamed(name)
	switch types := a.Types; {
	case len(types) == 0 || types[0] == "*":
		return "*"
	case types[0] == "user":
		return w.own()
	}
	return w.iam(a.Types[0] + "/example")
}

// exempted is what values of an element exempt, of one mistake.
type exempted struct {
	mistake, element  string
	at                int // of the first value
	patterns, actions []string
}

// exemptions looks at what a Deny without MFA lets pass.
func (f *finder) exemptions(s *statement) {
	if !s.guards() || f.kind == Trust || f.kind == Resource {
		return
	}
	f.console(s)
	var all []exempted // one of each mistake for each value
	for _, x := range f.dangerous() {
		element, i := f.exempts(s, x)
		if element == "" || f.covered(s, x.action, x.resource, byKey) && f.covered(s, x.action, x.resource, byPassword) {
			continue
		}
		j := slices.IndexFunc(all, func(e exempted) bool {
			return e.mistake == x.mistake && e.element == element && (e.at == i || x.mistake == idScope)
		})
		if j < 0 {
			j, all = len(all), append(all, exempted{mistake: x.mistake, element: element, at: i})
		}
		all[j].take(s.values(element)[i], x.action)
	}
	for _, e := range all {
		found := f.add(e.mistake, s, s.entry(e.element, e.at), e.text(), "")
		if e.element == "NotResource" && e.mistake != idScope {
			found.Instead = "a second Deny of these actions without MFA, on every resource"
		}
	}
}

func (e *exempted) take(pattern, action string) {
	if !slices.Contains(e.patterns, pattern) {
		e.patterns = append(e.patterns, pattern)
	}
	if !slices.Contains(e.actions, action) {
		e.actions = append(e.actions, action)
	}
}

func (e *exempted) text() string {
	patterns := strings.Join(e.patterns, ", ")
	switch {
	case e.element == "NotResource":
		return patterns + " exempts " + strings.Join(e.actions, ", ")
	case len(e.patterns) == 1 && !strings.EqualFold(patterns, e.actions[0]):
		return patterns + ", which is also " + e.actions[0]
	}
	return patterns
}

func (s *statement) values(element string) []string {
	if element == "NotAction" {
		return s.NotActions
	}
	return s.NotResources
}

// exempts tells which value of a statement exempts an action that the statement
// would be about without it.
func (f *finder) exempts(s *statement, x exemption) (element string, i int) {
	if f.about(s, x.action, x.resource) {
		return "", 0
	}
	i = slices.IndexFunc(s.NotActions, func(pattern string) bool { return matches(pattern, x.action) })
	if i >= 0 && (s.NotResources != nil || f.resourceOf(s, x.resource)) {
		return "NotAction", i
	}
	if i >= 0 || !f.actionIn(s, x.action) {
		return "", 0
	}
	if i = f.sparing(s, x.resource); i < 0 {
		return "", 0
	}
	return "NotResource", i
}

// sparing is which value of NotResource spares a resource, or -1.
func (f *finder) sparing(s *statement, resource string) int {
	key := naming{s.Index, call{resource: resource}}
	i, asked := f.spared[key]
	if !asked {
		i = slices.IndexFunc(s.NotResources, func(pattern string) bool { return f.anyNames([]string{pattern}, resource) })
		f.spared[key] = i
	}
	return i
}

// actionIn tells whether a statement is about an action, were it about every
// resource.
func (f *finder) actionIn(s *statement, action string) bool {
	bare := enforce.Statement{Actions: s.Actions, NotActions: s.NotActions}
	return f.applies(bare, f.world.caller(byKey), byKey, action, "*") != no
}

// chosenKeys are keys whose values callers choose (IAM user guide, AWS global
// condition context keys).
var chosenKeys = []string{"aws:useragent", "aws:referer"}

// chosen looks for a Deny without MFA from which callers exempt themselves.
func (f *finder) chosen(s *statement) {
	i := slices.IndexFunc(s.rest, func(c enforce.Condition) bool { return slices.Contains(chosenKeys, strings.ToLower(c.Key)) })
	if i < 0 || !s.guards() {
		return
	}
	open := slices.ContainsFunc(f.calls(s), func(x call) bool {
		return !f.denied(x, byKey) || !f.denied(x, byPassword)
	})
	if open {
		f.add(idChosen, s, s.rest[i].Line, written(s.rest[i]), "")
	}
}

// denied tells whether some statement denies a call to a credential, asked once.
func (f *finder) denied(x call, c credential) bool {
	key := denial{x, c.id}
	known, asked := f.denials[key]
	if !asked {
		known = f.covered(nil, x.action, x.resource, c)
		f.denials[key] = known
	}
	return known
}

// resourceOf tells whether a statement is about a resource, were it about the
// action.
func (f *finder) resourceOf(s *statement, resource string) bool {
	every := statement{Statement: &enforce.Statement{Index: -1 - s.Index, Actions: []string{"*"}, Resources: s.Resources, NotResources: s.NotResources}}
	return f.about(&every, "example:Anything", resource)
}

// matches tells whether a pattern of NotAction names an action.
func matches(pattern, action string) bool {
	return overlap(strings.ToLower(pattern), strings.ToLower(action))
}

// console looks at the sign-in to the console, which may itself be a matter of
// policies.
func (f *finder) console(s *statement) {
	at := f.world.resourceOf(probe{resource: "{console}"})
	for _, action := range []string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"} {
		if f.about(s, action, at) && f.unless(s, nil, byPassword) && s.pass == yes {
			f.add(idConsole, s, s.elementLine(), action+" on "+at, "")
			return
		}
	}
}

// elementLine is where a statement says which actions it is about.
func (s *statement) elementLine() int {
	for _, element := range []string{"NotAction", "Action"} {
		if line := s.Lines[element]; line > 0 {
			return line
		}
	}
	return s.Line
}

// resources looks at the resources of a statement.
func (f *finder) resources(s *statement) {
	f.variables(s)
	f.dead(s)
	for element, texts := range map[string][]string{"Resource": s.Resources, "NotResource": s.NotResources} {
		for i, text := range texts {
			f.resource(s, element, i, text, texts)
		}
	}
}

// resource looks at one resource with the user's name in it.
func (f *finder) resource(s *statement, element string, i int, text string, all []string) {
	if f.document.Version != "2012-10-17" || len(f.found) > mostFound {
		return
	}
	lower := strings.ToLower(text)
	parts := strings.SplitN(lower, ":", 6) // the last has the colon of the variable
	if len(parts) < 6 || !strings.Contains(parts[5], "${aws:username}") {
		return
	}
	last := parts[5]
	line := s.entry(element, i)
	of := f.world // in which the pattern could match
	if of.partition = parts[1]; !accountNumber.MatchString(parts[4]) {
		parts[4] = of.account
	}
	of.account = parts[4]
	switch {
	case strings.HasPrefix(last, "mfa/") && !f.anyNames(all, of.iam("mfa/telephone")):
		f.add(idNamed, s, line, text, "")
	case strings.HasPrefix(last, "user/") && beside(last):
		f.add(idAdjacent, s, line, text, "")
	case last == "user/${aws:username}" && !f.anyNames(all, of.iam("user/any/"+of.user)):
		f.add(idPath, s, line, text, "")
	}
}

// beside tells a wildcard that touches the user's name.
func beside(text string) bool {
	before, after, _ := strings.Cut(text, "${aws:username}")
	return strings.HasSuffix(before, "*") || strings.HasSuffix(before, "?") || strings.HasPrefix(after, "*") || strings.HasPrefix(after, "?")
}

// anyNames tells whether one of a list of patterns matches a resource, for the
// caller.
func (f *finder) anyNames(patterns []string, resource string) bool {
	probe := enforce.Statement{Actions: []string{"*"}, Resources: patterns}
	return f.applies(probe, f.world.caller(byKey), byKey, "example:Anything", resource) == yes
}

// variables looks for variables where there are none.
func (f *finder) variables(s *statement) {
	if f.document.Version == "2012-10-17" {
		return
	}
	for _, element := range []string{"Resource", "NotResource"} {
		for i, text := range map[string][]string{"Resource": s.Resources, "NotResource": s.NotResources}[element] {
			if strings.Contains(text, "${") {
				f.add(idVariables, s, s.entry(element, i), text, "")
				return
			}
		}
	}
	for _, c := range s.Conditions {
		if slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(v, "${") }) {
			f.add(idVariables, s, c.Line, written(c), "")
			return
		}
	}
}

// dead looks for actions that are about none of their statement's resources.
func (f *finder) dead(s *statement) {
	if len(s.Resources) == 0 {
		return
	}
	fits := map[string]bool{}
	for i, name := range s.Actions {
		a, known := actionNamed(name)
		if !known || a.Types == nil {
			continue
		}
		key := strings.Join(a.Types, ",")
		if _, asked := fits[key]; !asked {
			fits[key] = slices.ContainsFunc(s.Resources, a.fits)
		}
		if !fits[key] {
			f.add(idDead, s, s.entry("Action", i), a.Name+" on "+few(s.Resources), a.about())
		}
	}
}

// fits tells whether a resource's pattern can be about the action.
func (a action) fits(pattern string) bool {
	if len(pattern) > 2048 {
		return true
	}
	star := !strings.ContainsFunc(pattern, func(r rune) bool { return r != '*' })
	return star || slices.ContainsFunc(a.Types, func(kind string) bool {
		return kind != "*" && ofType(starred(pattern), kind)
	})
}

// ofType tells whether a pattern can match an ARN of IAM of a type. A star inside
// a part stays in it; a pattern of fewer parts has one that reaches over colons.
func ofType(pattern, kind string) bool {
	parts := strings.SplitN(pattern, ":", 6)
	if len(parts) < 6 {
		return overlap(pattern, "arn:*:iam::*:"+kind+"/*")
	}
	return overlap(parts[2], "iam") && overlap(parts[5], kind+"/*")
}

// starred has a star in the place of each variable.
func starred(pattern string) string {
	for range 8 {
		before, rest, found := strings.Cut(pattern, "${")
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			break
		}
		pattern = before + "*" + after
	}
	return pattern
}

func (a action) about() string {
	if a.Types[0] == "*" {
		return `The action has no resources and needs "*".`
	}
	return "The action's resource is of type " + strings.Join(a.Types, " or ") + "."
}

func few(texts []string) string {
	if len(texts) > 3 {
		return strings.Join(texts[:3], ", ") + ", …"
	}
	return strings.Join(texts, ", ")
}

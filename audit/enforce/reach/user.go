package reach

import (
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// User analyses one user of the snapshot.
func (a *Account) User(u *audit.User, h Holds) User {
	x, missing := a.userSet(u)
	result := User{
		Subject: audit.Subject{Kind: audit.UserSubject, ID: u.ID, Name: u.Name, ARN: u.ARN},
		Holds:   h, Guards: a.guards(x), Missing: append([]audit.Gap{}, missing...), Sessions: []Session{},
	}
	if a.scpGap != nil {
		result.Missing = append(result.Missing, *a.scpGap)
	}
	for _, credential := range []struct {
		is   enforce.Credential
		held Can
	}{{enforce.PasswordNoMFA, h.Password}, {enforce.AccessKey, h.AccessKey}} {
		if credential.held != No {
			s := a.session(u, x, credential.is, h)
			s.Held = credential.held
			result.Sessions = append(result.Sessions, s)
		}
	}
	return result
}

// session asks about everything.
func (a *Account) session(u *audit.User, x *set, credential enforce.Credential, h Holds) Session {
	c := a.userCaller(u, x, credential, h.Device)
	s := Session{Credential: credential, Open: []Open{}}
	for i := range sensitive {
		a.trySensitive(&s, c, &sensitive[i])
	}
	a.tryEscapes(&s, c)
	a.tryRoles(&s, c)
	a.tryOthers(&s, c)
	s.addUnread()
	sortOpen(s.Open)
	s.EnrolFirst, s.ThenOpen = No, No
	if h.Device != Yes {
		s.EnrolFirst = a.enrols(c)
	}
	if s.EnrolFirst != No {
		s.ThenOpen = a.withFactor(u, x)
	}
	return s
}

var sensitive = SensitiveActions()

// add takes in what is possible, or perhaps.
func (s *Session) add(o Open, d enforce.Decision) {
	if o.Can = can(d); o.Can == No {
		s.Denied++
		return
	}
	o.Because = d.Because
	if granted := ofUnread(d); len(granted) > 0 { // anything is, perhaps: told once
		s.unread = merge(s.unread, granted, func(enforce.Reason) bool { return true })
		return
	}
	s.Open = append(s.Open, o)
}

// ofUnread are the reasons of an answer that are only that a policy was not read,
// which may allow it.
func ofUnread(d enforce.Decision) []enforce.Reason {
	var all []enforce.Reason
	for _, r := range d.Because {
		if d.Answer == enforce.Unknown && r.Policy == NotRead && r.Effect == enforce.Allow {
			all = append(all, r)
		}
	}
	return all
}

// addUnread tells once that a policy was not read that may allow anything.
func (s *Session) addUnread() {
	if len(s.unread) > 0 {
		s.Open = append(s.Open, Open{Action: "*", Resource: "*", Class: Other, Severity: audit.High, Why: "whatever a policy that was not read allows", Can: Unknown, Because: s.unread})
	}
}

// has tells whether something was found possible of an action already.
func (s *Session) has(action string) bool {
	return slices.ContainsFunc(s.Open, func(o Open) bool { return o.Can == Yes && strings.EqualFold(o.Action, action) })
}

// trySensitive asks about one action on its targets and on what the user's policies
// name of them. The first that is possible stands for all.
func (a *Account) trySensitive(s *Session, c *caller, x *Sensitive) {
	best, at := enforce.Decision{Answer: enforce.ImplicitlyDenied}, ""
	n := a.narrow(c.set, x.Action)
	if _, closed := a.closed(c, n); closed || !n.allows {
		s.Denied++
		return
	}
	for _, resource := range a.places(c, x) {
		d := a.ask(c, x.Action, resource)
		if can(d) == Yes || can(d) == Unknown && at == "" {
			best, at = d, resource
		}
		if can(d) == Yes {
			break
		}
	}
	s.add(Open{Action: x.Action, Resource: at, Class: x.Class, Severity: x.Severity, Why: x.Why}, best)
}

// places are the resources to try a sensitive action on.
func (a *Account) places(c *caller, x *Sensitive) []string {
	var all []string
	for _, t := range x.On {
		all = append(all, a.place(t, c))
	}
	if slices.Equal(x.On, []Target{OwnUser}) || slices.Contains(x.On, NoResource) {
		return all
	}
	for _, r := range a.named(c, x.Action) {
		if r != c.arn() && like(r, all[len(all)-1]) && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// like tells an ARN of the same sort as a target: an action named beside a resource
// that it is never about is dead text.
func like(arn, target string) bool {
	a, t := strings.SplitN(arn, ":", 6), strings.SplitN(target, ":", 6)
	if len(a) < 3 || len(t) < 6 || a[2] != t[2] {
		return false
	}
	if len(a) < 6 {
		return strings.Contains(arn, "*") // a star may reach over colons
	}
	if t[2] == "s3" { // a bucket, or an object in one
		return strings.Contains(a[5], "/") == strings.Contains(t[5], "/") || strings.Contains(a[5], "*")
	}
	if i := strings.IndexAny(a[5], "/:*?"); i >= 0 && (a[5][i] == '*' || a[5][i] == '?') {
		return strings.HasPrefix(t[5], a[5][:i]) // of this sort among others
	}
	kind := func(s string) string { return s[:max(strings.IndexAny(s, "/:*"), 0)] }
	return kind(a[5]) == kind(t[5])
}

// named are the resources that policies name of an action, where they allow it, limit
// it, or leave it out of a Deny, made into ones that can be asked about.
func (a *Account) named(c *caller, action string) []string {
	n := a.narrow(c.set, action)
	if n.listed && (n.named != nil || !n.variable) {
		return n.named
	}
	var all []string
	add := func(r string) {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	take := func(texts []string) {
		for _, text := range texts {
			n.variable = n.variable || strings.Contains(text, "${") || strings.Contains(text, ":user/")
			add(a.instance(c, text))
		}
	}
	for _, d := range n.policies.All() {
		for _, s := range d.Statements {
			switch {
			case s.Effect == enforce.Deny:
				take(s.NotResources) // what it leaves open
			case s.Resources == nil:
				add("*")
			default:
				take(s.Resources)
			}
		}
	}
	n.listed = true
	if !n.variable {
		n.named = all
	}
	return all
}

// instance makes a resource of a pattern: variables are put in, a star stays and
// stands for what only a star matches. A user's name is given once in an account,
// whatever the path: one of the caller's name is the caller.
func (a *Account) instance(c *caller, text string) string {
	parts := strings.SplitN(c.fill(text), ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return c.fill(text)
	}
	if strings.Contains(parts[1], "*") {
		parts[1] = a.s.Partition
	}
	if parts[4] == "*" {
		parts[4] = a.s.Account
	}
	if parts[2] == "iam" && parts[4] == a.s.Account && strings.HasPrefix(parts[5], "user/") && strings.HasSuffix(parts[5], "/"+c.Name) {
		return c.arn()
	}
	return strings.Join(parts, ":")
}

// fill puts in the variables that the caller decides. One that is not known is a
// star.
func (c *caller) fill(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return b.String()
		}
		key, _, _ := strings.Cut(name, ",")
		values, present := c.request.Context.Lookup(strings.TrimSpace(key))
		switch {
		case name == "*" || name == "?" || name == "$":
			b.WriteString(name)
		case present == enforce.Yes && len(values) == 1:
			b.WriteString(values[0])
		default:
			b.WriteString("*")
		}
		text = after
	}
}

// How much is tried of what policies name, and how much of it is told.
const (
	mostTries    = 5000
	mostExamples = 10
)

// tryOthers asks about everything else that the user's policies name.
func (a *Account) tryOthers(s *Session, c *caller) {
	told, tried := 0, 0
	for _, action := range a.tries(c.set) {
		if _, closed := a.closed(c, a.narrow(c.set, action)); closed {
			s.Denied++
			continue
		}
		for _, resource := range a.named(c, action) {
			o, asks := a.other(c, action, resource)
			if !asks || s.has(action) {
				continue
			}
			if tried++; tried > mostTries {
				o = Open{Action: "*", Resource: "*", Class: Other, Severity: audit.Medium, Why: "the policies name more than is tried"}
				s.add(o, enforce.Decision{Because: []enforce.Reason{{Layer: enforce.Identity, Statement: -1, Text: fmt.Sprintf("more than %d actions and resources are named", mostTries)}}})
				return
			}
			d := a.ask(c, action, resource)
			if foreignRole(o) && can(d) == Yes {
				d = enforce.Decision{Because: append(slices.Clone(d.Because), enforce.Reason{Layer: enforce.Resource, Statement: -1, Text: "the role's own account decides whom it trusts"})}
			}
			s.add(o, d)
			if can(d) == Yes {
				told++
			}
			if can(d) != No {
				break // one resource of an action is enough
			}
		}
		if told == mostExamples {
			return
		}
	}
}

// other makes the question about something that is not sensitive by itself. What a
// guard leaves open by design, and what is asked about elsewhere, is none.
func (a *Account) other(c *caller, action, resource string) (Open, bool) {
	low := strings.ToLower(action)
	if meant := byDesign[low]; meant != nil && meant(c, resource) {
		return Open{}, false
	}
	if x := isSensitive[low]; x != nil && (resource != c.arn() || slices.Contains(x.On, OwnUser)) {
		return Open{}, false // asked about already; of oneself only where a target says so
	}
	service, _, _ := strings.Cut(low, ":")
	if deadPair(service, resource) {
		return Open{}, false
	}
	o := Open{Action: action, Resource: resource, Class: Other, Severity: audit.Medium, Why: "allowed by the user's own policies"}
	if low == "sts:assumerole" {
		o.Class, o.Why = Roles, "assumes a role of another account"
		return o, foreignRole(o) && !strings.Contains(resource, ":"+a.s.Account+":")
	}
	return o, true
}

// deadPair tells an action that is never about a resource of that service. It knows
// IAM and S3, whose resources are theirs alone but for STS, which assumes IAM's roles.
func deadPair(service, resource string) bool {
	parts := strings.SplitN(resource, ":", 4)
	if len(parts) < 4 || parts[2] == service || strings.Contains(parts[2], "*") || service == "*" {
		return false
	}
	return service == "iam" || service == "s3" || parts[2] == "s3" || parts[2] == "iam" && service != "sts"
}

func foreignRole(o Open) bool { return strings.EqualFold(o.Action, "sts:AssumeRole") }

var isSensitive = sensitiveNames()

func sensitiveNames() map[string]*Sensitive {
	all := map[string]*Sensitive{}
	for i := range sensitive {
		all[strings.ToLower(sensitive[i].Action)] = &sensitive[i]
	}
	return all
}

// tries are the actions to try of a set: what Allow statements name, those of what
// limits it among them, and what any Deny leaves out; where one allows everything but
// something, some of each service. A pattern stands for what it matches.
func (a *Account) tries(x *set) []string {
	if x.tries != nil {
		return x.tries
	}
	all := []string{}
	seen := map[string]bool{}
	add := func(names ...string) {
		for _, n := range names {
			if low := strings.ToLower(n); !seen[low] {
				seen[low] = true
				all = append(all, n)
			}
		}
	}
	for _, d := range a.layers(x) {
		for _, s := range d.Statements {
			switch {
			case s.Effect == enforce.Deny:
				add(s.NotActions...)
			case s.NotActions != nil, slices.Contains(s.Actions, "*"):
				add(witnesses...)
			}
			if s.Effect == enforce.Allow {
				add(s.Actions...)
			}
		}
	}
	slices.Sort(all)
	x.tries = all
	return all
}

// layers are all documents that may deny.
func (a *Account) layers(x *set) []*document {
	all := slices.Clone(x.identity)
	if x.boundary != nil {
		all = append(all, x.boundary)
	}
	if !x.free {
		for _, level := range a.scps {
			all = append(all, level...)
		}
	}
	return all
}

// enrols tells whether a first device of one's own can be registered: in the console
// a passkey needs one action, by key a virtual device needs two (IAM user guide,
// enable a virtual MFA device).
func (a *Account) enrols(c *caller) Can {
	answer := can(a.ask(c, "iam:EnableMFADevice", c.arn()))
	if c.Credential != enforce.AccessKey || answer == No {
		return answer
	}
	made := No
	for _, device := range append([]string{a.place(AnyDevice, c)}, a.named(c, "iam:CreateVirtualMFADevice")...) {
		made = either(made, can(a.ask(c, "iam:CreateVirtualMFADevice", device)))
	}
	return both(answer, made)
}

// withFactor tells whether anything is possible with a second factor: what enrolling
// leads to. It is the same for all who share a set, unless policies ask who calls,
// and then it is asked of each.
func (a *Account) withFactor(u *audit.User, x *set) Can {
	c := a.userCaller(u, x, enforce.WithMFA, Yes)
	answer := a.intoRoles(c)
	if answer == Yes {
		return Yes
	}
	for i := range sensitive {
		if !a.allows(c, sensitive[i].Action) {
			continue
		}
		for _, resource := range a.places(c, &sensitive[i]) {
			if answer = either(answer, can(a.ask(c, sensitive[i].Action, resource))); answer == Yes {
				return Yes
			}
		}
	}
	for _, action := range a.tries(x) {
		for _, resource := range a.named(c, action) {
			if _, asks := a.other(c, action, resource); !asks {
				continue
			}
			if answer = either(answer, can(a.ask(c, action, resource))); answer == Yes {
				return Yes
			}
		}
	}
	return answer
}

// intoRoles tells whether a caller can assume any role.
func (a *Account) intoRoles(c *caller) Can {
	var s Session
	a.tryRoles(&s, c)
	answer := No
	for _, o := range s.Open {
		answer = either(answer, o.Can)
	}
	return answer
}

// Package reach tells what the users of an account can do without a second
// factor: with their password alone, and with each of their access keys.
//
// It asks the evaluator of package enforce about a list of sensitive actions, and
// about everything that a user's own policies name, so that an odd permission is
// found that nobody thought of. It follows roles that users can assume, tells whose
// factor can be exchanged, and by which way a guard can be taken off. It also tells
// what a guard would change before it is attached.
//
// It promises that nothing is guessed. What the caller decides is known (who he is,
// what he signs with); what the call decides (its address, its time, tags) is not,
// and an answer that depends on it is unknown, with the clause. A policy that was
// not read makes unknown what it could change. It is pure: the same snapshot gives
// the same answers, and nobody is asked.
package reach

import (
	"cmp"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// Can is whether something is possible.
type Can string

// The values of Can. The zero value is none of them: a forgotten answer is not a no.
const (
	Yes     Can = "yes"
	No      Can = "no"
	Unknown Can = "unknown"
)

// can is an evaluator's answer in this package's words.
func can(d enforce.Decision) Can {
	switch d.Answer {
	case enforce.Allowed:
		return Yes
	case enforce.ImplicitlyDenied, enforce.ExplicitlyDenied:
		return No
	}
	return Unknown
}

func both(a, b Can) Can {
	switch {
	case a == No || b == No:
		return No
	case a == Yes && b == Yes:
		return Yes
	}
	return Unknown
}

func either(a, b Can) Can {
	switch {
	case a == Yes || b == Yes:
		return Yes
	case a == No && b == No:
		return No
	}
	return Unknown
}

// Holds is which credentials a user has, as far as that is known: whoever judges
// the account combines several calls to know it.
type Holds struct {
	Password  Can `json:"password"`   // for the console
	AccessKey Can `json:"access_key"` // an active one
	Device    Can `json:"device"`     // a second factor that AWS asks for at sign-in
}

// Report is what the users of an account can do without a second factor, and who
// gets into its roles. Users and roles are in the snapshot's order.
type Report struct {
	Users []User
	Roles []Role
}

// Analyse asks about everybody.
func Analyse(s *audit.Snapshot, holds func(*audit.User) Holds) Report {
	a := Look(s)
	var r Report
	if s.Users != nil {
		for i := range s.Users.Value {
			u := &s.Users.Value[i]
			r.Users = append(r.Users, a.User(u, holds(u)))
		}
	}
	r.Roles = a.RolesOf(r.Users)
	return r
}

// User is what one user can do without a second factor.
type User struct {
	audit.Subject
	Holds    Holds       `json:"holds"`
	Sessions []Session   `json:"sessions"` // by password, then by access key; what the user does not have is left out
	Guards   []Guard     `json:"guards"`   // the statements that ask for a second factor
	Missing  []audit.Gap `json:"missing"`  // what was not read of the user's permissions
}

// Session is what one kind of credential can do without a second factor.
type Session struct {
	Credential enforce.Credential `json:"credential"`
	Held       Can                `json:"held"`
	Open       []Open             `json:"open"`        // what is possible, or perhaps: worst first, yes before unknown
	Denied     int                `json:"denied"`      // of what was asked about
	EnrolFirst Can                `json:"enrol_first"` // register a first device of one's own
	ThenOpen   Can                `json:"then_open"`   // whether anything is possible with one: what enrolling leads to

	reached []reachable              // every role
	direct  map[int][]enforce.Reason // why those that can be assumed at once can
	unread  []enforce.Reason
}

// Class says what sort of harm something does.
type Class string

// The classes, worst first.
const (
	TakeOver  Class = "take-over" // of the account: whoever manages IAM can do everything
	Factor    Class = "factor"    // somebody's second factor or password can be exchanged
	Escape    Class = "escape"    // the guard itself can be taken off
	Evidence  Class = "evidence"  // what happened is not recorded any more
	Roles     Class = "role"      // a role can be assumed
	Secrets   Class = "secrets"
	Data      Class = "data"
	Keys      Class = "keys" // encryption keys
	Compute   Class = "compute"
	Ownership Class = "account" // organisation, billing
	SignIn    Class = "sign-in"
	Other     Class = "other" // anything else that the user's policies name
)

// Open is one thing that is possible without a second factor. A star in Action or
// Resource stands for something that matches it.
type Open struct {
	Action   string           `json:"action"`
	Resource string           `json:"resource"`
	Class    Class            `json:"class"`
	Severity audit.Severity   `json:"severity"`
	Why      string           `json:"why"`
	Can      Can              `json:"can"` // yes or unknown
	Because  []enforce.Reason `json:"because"`
	Path     []string         `json:"path,omitempty"` // of roles: those assumed on the way
}

// Worst is the worst severity of what is possible for sure; ok is false when
// nothing is.
func (s Session) Worst() (worst audit.Severity, ok bool) {
	for _, o := range s.Open {
		if o.Can == Yes {
			worst, ok = max(worst, o.Severity), true
		}
	}
	return worst, ok
}

// Anything is whether anything at all is possible.
func (s Session) Anything() Can {
	answer := No
	for _, o := range s.Open {
		answer = either(answer, o.Can)
	}
	return answer
}

// Of are the open things of some classes.
func (s Session) Of(classes ...Class) []Open {
	var some []Open
	for _, o := range s.Open {
		if slices.Contains(classes, o.Class) {
			some = append(some, o)
		}
	}
	return some
}

// Forget lets go of what is possible. What RolesOf needs stays.
func (u *User) Forget() {
	for i := range u.Sessions {
		u.Sessions[i].Open = nil
	}
}

// Session is the user's session with a credential; ok is false where the user does
// not have it.
func (u User) Session(c enforce.Credential) (Session, bool) {
	for _, s := range u.Sessions {
		if s.Credential == c {
			return s, true
		}
	}
	return Session{}, false
}

// Text is the thing in a sentence: the action, and on what. What is about everything
// of its sort needs no resource.
func (o Open) Text() string {
	text := o.Action
	switch {
	case o.Action == "*" && o.Unread():
		return "whatever was not read allows"
	case strings.HasSuffix(o.Resource, ":user/*"):
		text += " on other users"
	case !strings.Contains(o.Resource, "*"):
		text += " on " + o.Resource
	}
	if len(o.Path) > 0 {
		text += " through " + strings.Join(o.Path, ", ")
	}
	return text
}

// Unread tells what is only not known because a policy was not read that may allow
// anything.
func (o Open) Unread() bool {
	return o.Can == Unknown && slices.ContainsFunc(o.Because, func(r enforce.Reason) bool { return r.Policy == NotRead && r.Effect == enforce.Allow })
}

// sortOpen orders by what matters: certain before perhaps, worst first.
func sortOpen(all []Open) {
	rank := map[Can]int{Yes: 0, Unknown: 1}
	slices.SortStableFunc(all, func(a, b Open) int {
		by := cmp.Or(cmp.Compare(rank[a.Can], rank[b.Can]), cmp.Compare(b.Severity, a.Severity))
		if by != 0 || a.Class != b.Class || a.Class != Other && a.Class != Roles {
			return by // what is sensitive stays in the order of the list
		}
		return cmp.Or(cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Resource, b.Resource))
	})
}

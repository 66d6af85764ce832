package reach

import (
	"cmp"
	"slices"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// Attach says where a guard is to be put.
type Attach string

// The places. A group's policy is one more of the user's own; a control policy grants
// nothing and limits everybody in the account.
const (
	ToGroup Attach = "group"
	ToSCP   Attach = "scp"
)

// Effect is what attaching a guard does to one user.
type Effect string

// The effects, worst first.
const (
	LockedOut    Effect = "locked-out"     // signs in to the console, has no device, and could not register one
	CannotReset  Effect = "cannot-reset"   // must change the password at sign-in, and may not without a second factor
	LosesWithMFA Effect = "loses-with-mfa" // the guard takes away what is done with a second factor
	KeyBreaks    Effect = "automation"     // a program's key stops working: nobody is there to give a code
	Undecided    Effect = "unknown"        // something that decides it was not read
	StillOpen    Effect = "still-open"     // the guard leaves something possible without a second factor
	KeyNeedsMFA  Effect = "key-needs-mfa"  // a person's key works on with GetSessionToken and a code only
	MustEnrol    Effect = "must-enrol"     // gets in and can do nothing but register a device
	Ready        Effect = "ready"          // nothing changes: a device is there, and no key
	Enforced     Effect = "enforced"       // nothing was possible without a second factor before
	Exempt       Effect = "exempt"         // somebody accepted it
	Unaffected   Effect = "unaffected"     // neither password nor active key
)

// effects are all of them, worst first.
var effects = []Effect{LockedOut, CannotReset, LosesWithMFA, KeyBreaks, Undecided, StillOpen, KeyNeedsMFA, MustEnrol, Ready, Enforced, Exempt, Unaffected}

// Planned is what attaching does to one user.
type Planned struct {
	audit.Subject
	Effects []Effect    `json:"effects"` // worst first
	Wave    int         `json:"wave"`    // when to attach it; 0 is never
	Lost    []string    `json:"lost"`    // actions that are lost even with a second factor
	Left    []Open      `json:"left"`    // what the guard leaves possible without one
	Missing []audit.Gap `json:"missing"`
}

// Plan is what attaching a guard would do, before it is attached.
type Plan struct {
	Attach      Attach    `json:"attach"`
	Users       []Planned `json:"users"` // by wave, worst first
	Roles       int       `json:"roles_unaffected"`
	RolesHit    []string  `json:"roles_hit"`               // roles whose sessions the guard would deny something
	NoSCPEffect string    `json:"no_scp_effect,omitempty"` // why a control policy would do nothing here
}

// The waves of a rollout, in order.
const (
	WaveReady  = 1 // nothing changes for them: shows that the guard does no harm
	WaveEnrol  = 2 // ask them to register a device first, then attach
	WaveKeys   = 3 // people with keys: show them sessions with a code first
	WaveRepair = 4 // programs to move to roles, and whoever would be locked out
)

// MakePlan evaluates the guard with every user's policies. exempt tells whom somebody
// exempted, and may be nil. A control policy that would do nothing in the account is
// told, and nobody is listed.
func MakePlan(s *audit.Snapshot, guard []enforce.Document, attach Attach, holds func(*audit.User) Holds, exempt func(*audit.User) bool) Plan {
	before, after := Look(s), Look(s)
	p := Plan{Attach: attach, Users: []Planned{}, RolesHit: []string{}}
	if nothing := noControl(s); attach == ToSCP && nothing != "" {
		p.NoSCPEffect = nothing
		return p
	}
	after.addGuard(guard, attach)
	if s.Users != nil {
		for i := range s.Users.Value {
			u := &s.Users.Value[i]
			if exempt != nil && exempt(u) {
				p.Users = append(p.Users, Planned{Subject: subject(u), Effects: []Effect{Exempt}, Lost: []string{}, Left: []Open{}, Missing: []audit.Gap{}})
				continue
			}
			p.Users = append(p.Users, planned(u, before, after, holds(u)))
		}
	}
	p.ofRoles(s, before, after, attach)
	slices.SortStableFunc(p.Users, func(x, y Planned) int {
		return cmp.Or(cmp.Compare(x.Wave, y.Wave), cmp.Compare(slices.Index(effects, x.Effects[0]), slices.Index(effects, y.Effects[0])), cmp.Compare(x.ARN, y.ARN))
	})
	return p
}

// noControl says why a control policy would do nothing in an account.
func noControl(s *audit.Snapshot) string {
	switch {
	case s.SCPs != nil && len(s.SCPs.Value) == 0:
		return "no control policy applies to this account: it is the organisation's management account, or control policies are not switched on"
	case s.SCPs == nil && s.Organization != nil && s.Organization.Value.OrganizationID == "":
		return "the account is in no organisation"
	}
	return ""
}

func subject(u *audit.User) audit.Subject {
	return audit.Subject{Kind: audit.UserSubject, ID: u.ID, Name: u.Name, ARN: u.ARN}
}

// addGuard puts the guard where it is to be. A level of control policies must allow,
// so it stands beside what AWS attaches everywhere.
func (a *Account) addGuard(guard []enforce.Document, attach Attach) {
	var documents []*document
	for _, d := range guard {
		documents = append(documents, a.made(d.Name, d))
	}
	if attach == ToSCP {
		a.scps = append(a.scps, append(documents, a.document("FullAWSAccess", administratorAccess)))
		return
	}
	a.extra = documents
}

func planned(u *audit.User, before, after *Account, h Holds) Planned {
	p := Planned{Subject: subject(u), Lost: []string{}, Left: []Open{}, Missing: []audit.Gap{}}
	was, is := before.User(u, h), after.User(u, h)
	p.Missing = append(p.Missing, is.Missing...)
	p.Lost = append(p.Lost, lost(u, before, after)...)
	p.judge(was, is)
	if after.cannotReset(u, is) {
		p.Effects = slices.Insert(p.Effects, 0, CannotReset)
		slices.SortStableFunc(p.Effects, worse)
	}
	p.Wave = wave(p.Effects)
	return p
}

// judge names what changes, worst first.
func (p *Planned) judge(was, is User) {
	add := func(e Effect, when bool) {
		if when && !slices.Contains(p.Effects, e) {
			p.Effects = append(p.Effects, e)
		}
	}
	add(LosesWithMFA, len(p.Lost) > 0)
	for _, s := range is.Sessions {
		real := is.Real(s)
		earlier, _ := was.Session(s.Credential)
		if real == No {
			add(Ready, true)
			continue
		}
		add(Undecided, real == Unknown || s.Anything() == Unknown)
		for _, o := range s.Open {
			if o.Can == Yes {
				p.Left = append(p.Left, o)
			}
		}
		add(StillOpen, s.Anything() == Yes)
		changes := earlier.Anything() != No && s.Anything() != Yes
		if s.Credential == enforce.AccessKey {
			add(KeyBreaks, real == Yes && changes && is.Holds.Password == No && is.Holds.Device != Yes)
			add(KeyNeedsMFA, real == Yes && changes && (is.Holds.Password != No || is.Holds.Device == Yes))
			add(Enforced, !changes && s.Anything() == No)
			continue
		}
		add(LockedOut, real == Yes && s.EnrolFirst == No)
		add(Undecided, s.EnrolFirst == Unknown)
		add(MustEnrol, real == Yes && s.EnrolFirst == Yes)
	}
	add(Unaffected, len(is.Sessions) == 0)
	slices.SortStableFunc(p.Effects, worse)
}

func worse(x, y Effect) int { return cmp.Compare(slices.Index(effects, x), slices.Index(effects, y)) }

// cannotReset tells a user without a device whose first sign-in asks for a new
// password, which is refused without a second factor: he never gets as far as enrolling.
func (a *Account) cannotReset(u *audit.User, is User) bool {
	s, has := is.Session(enforce.PasswordNoMFA)
	if !has || is.Real(s) != Yes || u.LoginProfile == nil || !u.LoginProfile.Value.ResetRequired {
		return false
	}
	x, _ := a.userSet(u)
	c := a.userCaller(u, x, enforce.PasswordNoMFA, is.Holds.Device)
	return can(a.ask(c, "iam:ChangePassword", c.arn())) == No
}

// wave is when to attach the guard to somebody.
func wave(all []Effect) int {
	has := func(some ...Effect) bool {
		return slices.ContainsFunc(some, func(e Effect) bool { return slices.Contains(all, e) })
	}
	switch {
	case has(LockedOut, CannotReset, LosesWithMFA, KeyBreaks, Undecided):
		return WaveRepair
	case has(KeyNeedsMFA):
		return WaveKeys
	case has(MustEnrol):
		return WaveEnrol
	case has(Exempt):
		return 0
	}
	return WaveReady
}

// lost are the actions that a user may do with a second factor before and not after.
func lost(u *audit.User, before, after *Account) []string {
	x, _ := before.userSet(u)
	y, _ := after.userSet(u)
	was, is := before.userCaller(u, x, enforce.WithMFA, Yes), after.userCaller(u, y, enforce.WithMFA, Yes)
	var all []string
	ask := func(action, resource string) {
		if !slices.Contains(all, action) && can(before.ask(was, action, resource)) != No && can(after.ask(is, action, resource)) == No {
			all = append(all, action)
		}
	}
	for i := range sensitive {
		for _, resource := range before.places(was, &sensitive[i]) {
			ask(sensitive[i].Action, resource)
		}
	}
	for _, action := range before.tries(x) {
		for _, resource := range before.named(was, action) {
			ask(action, resource)
		}
	}
	return all
}

// ofRoles counts the roles that the guard leaves alone, and names those that it does
// not: a session of a role never shows a second factor, so a guard that is about roles
// breaks them.
func (p *Plan) ofRoles(s *audit.Snapshot, before, after *Account, attach Attach) {
	if s.Roles == nil {
		return
	}
	for i := range s.Roles.Value {
		r := &s.Roles.Value[i]
		if attach == ToSCP && hits(r, before, after) {
			p.RolesHit = append(p.RolesHit, r.Name)
			continue
		}
		p.Roles++
	}
}

func hits(r *audit.RoleTrust, before, after *Account) bool {
	x, y := before.roleSet(r), after.roleSet(r)
	was, is := before.roleCaller(r, x), after.roleCaller(r, y)
	for i := range sensitive {
		for _, resource := range before.places(was, &sensitive[i]) {
			if can(before.ask(was, sensitive[i].Action, resource)) != No && can(after.ask(is, sensitive[i].Action, resource)) == No {
				return true
			}
		}
	}
	for _, action := range before.tries(x) {
		for _, resource := range before.named(was, action) {
			if can(before.ask(was, action, resource)) != No && can(after.ask(is, action, resource)) == No {
				return true
			}
		}
	}
	return false
}

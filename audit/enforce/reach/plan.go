package reach

import (
	"cmp"
	glob "path"
	"slices"
	"strings"

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
	LosesWithMFA Effect = "loses-with-mfa" // a second factor does not give back what the guard takes away
	CannotEnrol  Effect = "cannot-enrol"   // loses something at the console, has no device, and could not register one
	KeyBreaks    Effect = "automation"     // a program's key stops working: nobody is there to give a code
	NoCodes      Effect = "no-codes"       // a person's key needs a code, and the devices give none
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
var effects = []Effect{LockedOut, CannotReset, LosesWithMFA, CannotEnrol, KeyBreaks, NoCodes, Undecided, StillOpen, KeyNeedsMFA, MustEnrol, Ready, Enforced, Exempt, Unaffected}

// Planned is what attaching does to one user.
type Planned struct {
	audit.Subject
	Effects   []Effect    `json:"effects"`          // worst first
	Wave      int         `json:"wave"`             // when to attach it; 0 is never
	Lost      []string    `json:"lost"`             // actions that are lost even with a second factor
	LostNoMFA []string    `json:"lost_without_mfa"` // those that are lost without one
	Left      []Open      `json:"left"`             // what the guard leaves possible without one
	Missing   []audit.Gap `json:"missing"`
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
				p.Users = append(p.Users, Planned{Subject: subject(u), Effects: []Effect{Exempt}, Lost: []string{}, LostNoMFA: []string{}, Left: []Open{}, Missing: []audit.Gap{}})
				continue
			}
			p.Users = append(p.Users, planned(u, before, after, holds(u)))
		}
	}
	p.ofRoles(s, before, after, attach)
	audit.SortStable(p.Users, func(x, y Planned) int {
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
	p := Planned{Subject: subject(u), Lost: []string{}, LostNoMFA: []string{}, Left: []Open{}, Missing: []audit.Gap{}}
	was, is := before.User(u, h), after.User(u, h)
	p.Missing = append(p.Missing, is.Missing...)
	p.Lost = append(p.Lost, lost(u, before, after, enforce.WithMFA, Yes)...)
	p.add(LosesWithMFA, len(p.Lost) > 0)
	for _, s := range is.Sessions {
		if is.Real(s) == No {
			p.add(Ready, true)
			continue
		}
		earlier, _ := was.Session(s.Credential)
		gone := lost(u, before, after, s.Credential, h.Device)
		only := longTermOnly(u, after, gone)
		gone = union(gone, lostRoles(earlier, s))
		p.LostNoMFA = union(p.LostNoMFA, gone)
		p.left(s, is.Real(s))
		if s.Credential == enforce.AccessKey {
			p.ofKey(u, is, s, gone, only)
			continue
		}
		p.ofPassword(is.Real(s), earlier, s, gone)
	}
	p.add(Unaffected, len(is.Sessions) == 0)
	p.add(CannotReset, after.cannotReset(u, is) && !before.cannotReset(u, was))
	audit.SortStable(p.Effects, worse)
	p.Wave = wave(p.Effects)
	return p
}

func (p *Planned) add(e Effect, when bool) {
	if when && !slices.Contains(p.Effects, e) {
		p.Effects = append(p.Effects, e)
	}
}

// left tells what the guard leaves.
func (p *Planned) left(s Session, real Can) {
	for _, o := range s.Open {
		if o.Can == Yes {
			p.Left = append(p.Left, o)
		}
	}
	p.add(Undecided, real == Unknown || s.Anything() == Unknown)
	p.add(StillOpen, s.Anything() == Yes)
}

// ofKey judges a key that loses something. What only the key itself may call is lost
// with a code too. An administrator hardly uses it: what a policy grants with
// everything else is told, and is no reason to wait.
func (p *Planned) ofKey(u *audit.User, is User, s Session, gone []string, only []keyCall) {
	inSession := len(gone) > len(only) // a session with a code gives some of it back
	for _, c := range only {
		p.Lost = union(p.Lost, []string{c.action})
		p.add(LosesWithMFA, c.named || !inSession)
	}
	p.add(Enforced, len(gone) == 0 && s.Anything() == No)
	if len(gone) == 0 || is.Real(s) != Yes {
		return
	}
	program := is.Holds.Password == No && is.Holds.Device != Yes
	p.add(KeyBreaks, program)
	p.add(NoCodes, !program && inSession && noCodes(u))
	p.add(KeyNeedsMFA, !program && inSession && !noCodes(u))
}

// noCodes tells a user all whose devices are security keys or passkeys: the code of
// GetSessionToken comes from a virtual or hardware TOTP device (STS API reference,
// GetSessionToken).
func noCodes(u *audit.User) bool {
	if u.MFADevices == nil || len(u.MFADevices.Value) == 0 {
		return false
	}
	return !slices.ContainsFunc(u.MFADevices.Value, func(d audit.MFADevice) bool {
		return d.Kind() != audit.FIDOFactor && d.Kind() != audit.FIDOCertifiedFactor
	})
}

// ofPassword judges a console user who has no device, or perhaps none.
func (p *Planned) ofPassword(real Can, earlier, s Session, gone []string) {
	p.add(Undecided, s.EnrolFirst == Unknown)
	p.add(MustEnrol, real == Yes && s.EnrolFirst == Yes)
	if real != Yes || s.EnrolFirst != No {
		return
	}
	shut := earlier.EnrolFirst == Yes || len(gone) > 0 && s.Anything() == No
	p.add(LockedOut, shut)
	p.add(CannotEnrol, !shut && len(gone) > 0)
	p.add(Enforced, !shut && len(gone) == 0 && s.Anything() == No)
}

func worse(x, y Effect) int { return cmp.Compare(slices.Index(effects, x), slices.Index(effects, y)) }

// cannotReset tells a user without a device whose first sign-in asks for a new
// password, which is refused without a second factor: he never gets as far as enrolling. What no
// policy allows, the account's password policy may, unless something denies it (IAM user
// guide, permit users to change their own passwords).
func (a *Account) cannotReset(u *audit.User, is User) bool {
	s, has := is.Session(enforce.PasswordNoMFA)
	if !has || is.Real(s) != Yes || u.LoginProfile == nil || !u.LoginProfile.Value.ResetRequired {
		return false
	}
	x, _ := a.userSet(u)
	c := a.userCaller(u, x, enforce.PasswordNoMFA, is.Holds.Device)
	return a.ask(c, "iam:ChangePassword", c.arn()).Answer == enforce.ExplicitlyDenied
}

// wave is when to attach the guard to somebody.
func wave(all []Effect) int {
	has := func(some ...Effect) bool {
		return slices.ContainsFunc(some, func(e Effect) bool { return slices.Contains(all, e) })
	}
	switch {
	case has(LockedOut, CannotReset, LosesWithMFA, CannotEnrol, KeyBreaks, NoCodes, Undecided):
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

// lost are the actions that a user may do with a credential before and not after. Roles
// of the account are asked about with their trust policies, by lostRoles.
func lost(u *audit.User, before, after *Account, credential enforce.Credential, device Can) []string {
	x, _ := before.userSet(u)
	y, _ := after.userSet(u)
	was, is := before.userCaller(u, x, credential, device), after.userCaller(u, y, credential, device)
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
			if credential == enforce.WithMFA || before.counts(was, action, resource) {
				ask(action, resource)
			}
		}
	}
	return all
}

// counts leaves out dead text, and roles of the account. What a guard is meant to leave
// open counts: this one may close it.
func (a *Account) counts(c *caller, action, resource string) bool {
	if byDesign[strings.ToLower(action)] != nil {
		service, _, _ := strings.Cut(action, ":")
		return resource == "*" || strings.HasPrefix(resource, "arn:"+a.s.Partition+":"+strings.ToLower(service)+":")
	}
	_, asks := a.other(c, action, resource)
	return asks
}

// lostRoles tells whether a role cannot be assumed any more.
func lostRoles(earlier, s Session) []string {
	for _, r := range earlier.reached {
		if !slices.ContainsFunc(s.reached, func(o reachable) bool { return o.role == r.role }) {
			return []string{"sts:AssumeRole"}
		}
	}
	return nil
}

// keyCall is a call that only the key itself may make.
type keyCall struct {
	action string
	named  bool // a policy names it, or some of its service
}

// longTermOnly are those of the lost actions that a session with a code may not do
// either, such as sts:GetFederationToken.
func longTermOnly(u *audit.User, after *Account, gone []string) []keyCall {
	x, _ := after.userSet(u)
	c := after.userCaller(u, x, enforce.WithMFA, Yes)
	var all []keyCall
	for _, action := range gone {
		if !after.somewhere(c, action) {
			all = append(all, keyCall{action, namesAction(x, action)})
		}
	}
	return all
}

// somewhere tells whether an action is possible, or perhaps, on anything that is asked
// about.
func (a *Account) somewhere(c *caller, action string) bool {
	possible := func(resource string) bool { return can(a.ask(c, action, resource)) != No }
	for i := range sensitive {
		if sensitive[i].Action == action && slices.ContainsFunc(a.places(c, &sensitive[i]), possible) {
			return true
		}
	}
	return slices.ContainsFunc(a.named(c, action), possible)
}

// namesAction tells whether a policy grants an action by its service, not with
// everything else.
func namesAction(x *set, action string) bool {
	service, _, _ := strings.Cut(strings.ToLower(action), ":")
	return slices.ContainsFunc(x.identity, func(d *document) bool {
		return slices.ContainsFunc(d.Statements, func(s enforce.Statement) bool {
			return s.Effect == enforce.Allow && slices.ContainsFunc(s.Actions, func(pattern string) bool {
				low := strings.ToLower(pattern)
				matches, err := glob.Match(low, strings.ToLower(action))
				return strings.HasPrefix(low, service+":") && matches && err == nil
			})
		})
	})
}

// union adds what is not there.
func union(all, more []string) []string {
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
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

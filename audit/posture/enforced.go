package posture

import (
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/reach"
)

// enforcement is what the checks of enforcement say of a user. What is possible is a
// long list: it is asked for once, judged by all of them, and let go.
type enforcement struct {
	password, key, tampering answer
}

func (a *account) enforced(p *person) *enforcement {
	if p.enforced != nil {
		return p.enforced
	}
	if p.user != nil {
		u := a.reach.User(p.user, p.holds())
		p.reached = &u
	}
	p.enforced = &enforcement{a.passwordAlone(p), a.keyAlone(p), a.tampers(p)}
	if p.reached != nil {
		p.reached.Forget()
	}
	return p.enforced
}

func (a *account) mfaEnforced(p *person) answer     { return a.enforced(p).password }
func (a *account) mfaEnforcedKeys(p *person) answer { return a.enforced(p).key }
func (a *account) factorTampering(p *person) answer { return a.enforced(p).tampering }

// holds is what is known of the user's credentials. Whether AWS asks for codes by
// text message at sign-in is not verified.
func (p *person) holds() reach.Holds {
	can := map[tri]reach.Can{yes: reach.Yes, no: reach.No, maybe: reach.Unknown}
	h := reach.Holds{Password: can[p.password.answer], AccessKey: can[p.keys.answer], Device: can[p.factors.has]}
	if p.factors.onlySMS() {
		h.Device = reach.Unknown
	}
	return h
}

// session is the user's session with a credential, and the evidence. Without one the
// answer is given.
func (a *account) session(p *person, credential enforce.Credential, held said, without string) (reach.Session, answer, bool) {
	if held.answer == no {
		return reach.Session{}, notApplicable(without).because(held.evidence), false
	}
	u := p.reached
	if u == nil {
		return reach.Session{}, unknown("what this user may do is not known", a.Gap(audit.FactUsers, "")).because(held.evidence), false
	}
	s, _ := u.Session(credential)
	n := answer{}.because(held.evidence, p.factors.evidence, a.permissions(p, s))
	return s, n, true
}

// permissions is what the policies came to, as evidence.
func (a *account) permissions(p *person, s reach.Session) []audit.Evidence {
	if p.user == nil || p.user.Access == nil {
		return nil
	}
	return a.evidence(p.user.Access.Call, p.user.Access.At, "without_mfa_by_"+string(s.Credential), possible(s.Open, everythingTold))
}

const everythingTold = 10

// passwordAlone: what the password alone opens. Whoever has a device is asked for it at
// the console; without a guard that lasts as long as the device is there.
func (a *account) passwordAlone(p *person) answer {
	s, n, asked := a.session(p, enforce.PasswordNoMFA, p.password, "no console password")
	if !asked {
		return n
	}
	worst, open := s.Worst()
	switch {
	case open && p.password.answer == maybe:
		return unknown("console password not known; by password alone: "+possible(certain(s.Open), 3), p.password.gaps...).because(n.evidence)
	case open && p.holds().Device == reach.Yes:
		return fail("by password alone: " + possible(certain(s.Open), 3) + "; a device is there, so AWS asks for it at sign-in: nothing else does").at(audit.Low).because(n.evidence)
	case open:
		text := "by password alone: " + possible(certain(s.Open), 3)
		if p.holds().Device == reach.Unknown {
			text += "; whether a device is there that AWS asks for is not known"
		}
		return fail(text).at(capped(worst)).because(n.evidence)
	case s.Anything() == reach.Unknown:
		return a.undecided(p, "by password alone, perhaps: ", s.Open).because(n.evidence)
	}
	text := held(p.reached)
	if s.EnrolFirst == reach.Yes && p.holds().Device == reach.No {
		text += "; whoever has the password can register the first device"
	}
	return pass(text).because(n.evidence)
}

// keyAlone: what an access key alone opens, at once or by registering the first
// device and asking STS for a session with it.
func (a *account) keyAlone(p *person) answer {
	s, n, asked := a.session(p, enforce.AccessKey, p.keys, "no active access key")
	if !asked {
		return n
	}
	worst, open := s.Worst()
	switch {
	case open && p.keys.answer == maybe:
		return unknown("access keys not known; by key alone: "+possible(certain(s.Open), 3), p.keys.gaps...).because(n.evidence)
	case open:
		return fail("by key alone: " + possible(certain(s.Open), 3)).at(capped(worst)).because(n.evidence)
	case s.Anything() == reach.Unknown:
		return a.undecided(p, "by key alone, perhaps: ", s.Open).because(n.evidence)
	case s.EnrolFirst == reach.No || s.ThenOpen == reach.No:
		return pass(held(p.reached)).because(n.evidence)
	case s.EnrolFirst == reach.Yes && s.ThenOpen == reach.Yes && p.factors.has == no && p.keys.answer == yes:
		return fail("by key alone nothing but this: no device is registered, so whoever holds the key can register the first one (iam:CreateVirtualMFADevice, iam:EnableMFADevice) and get a session with it (sts:GetSessionToken)").at(audit.Medium).because(n.evidence)
	}
	gaps := slices.Concat(p.factors.doubts(), p.doubts(p.keys))
	if len(gaps) == 0 {
		gaps = []audit.Gap{audit.FactPolicies.Gap(p.subject.ID, "whether a first device can be registered by key depends on what the call decides")}
	}
	return unknown("by key alone nothing, but perhaps the first device can be registered with it", gaps...).because(n.evidence)
}

// capped is the severity of something open: an account is taken over, or less.
func capped(worst audit.Severity) audit.Severity { return max(worst, audit.Low) }

// held says what holds a session without a second factor.
func held(u *reach.User) string {
	if len(u.Guards) == 0 {
		return "nothing is allowed without a second factor"
	}
	var through []string
	for _, g := range u.Guards {
		if !slices.Contains(through, g.Through) {
			through = append(through, g.Through)
		}
	}
	return "nothing is possible without a second factor, which is asked for through " + strings.Join(through, ", ")
}

func certain(all []reach.Open) []reach.Open {
	return slices.DeleteFunc(slices.Clone(all), func(o reach.Open) bool { return o.Can != reach.Yes })
}

// possible names the first few of what is possible.
func possible(all []reach.Open, n int) string {
	if len(all) == 0 {
		return "nothing"
	}
	var some []string
	for _, o := range all[:min(len(all), n)] {
		some = append(some, o.Text())
	}
	text := strings.Join(some, ", ")
	if more := len(all) - len(some); more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// undecided is the answer where what is possible depends on what was not read, or on
// what a call decides.
func (a *account) undecided(p *person, text string, open []reach.Open) answer {
	var gaps []audit.Gap
	for _, o := range open {
		if o.Can != reach.Unknown {
			continue
		}
		for _, r := range o.Because {
			gap := audit.FactPolicies.Gap(p.subject.ID, r.Text)
			switch {
			case r.Certain:
				continue
			case r.Policy == reach.NotRead || r.Layer == enforce.SCP && r.Statement < 0:
				gaps = append(gaps, p.reached.Missing...)
				continue
			case len(gaps) < everythingTold && !slices.Contains(gaps, gap):
				gaps = append(gaps, gap)
			}
		}
	}
	return unknown(text+possible(open, 3), gaps...)
}

// tampers: whose factors, or what asks for them, can be changed without one.
func (a *account) tampers(p *person) answer {
	if p.password.answer == no && p.keys.answer == no {
		return notApplicable("no console password and no active access key").because(p.password.evidence, p.keys.evidence)
	}
	u := p.reached
	if u == nil {
		return unknown("what this user may do is not known", a.Gap(audit.FactUsers, ""))
	}
	var open []reach.Open
	n := answer{}.because(p.password.evidence, p.keys.evidence, p.factors.evidence)
	usable := false
	for _, s := range u.Sessions {
		is := u.Real(s)
		if is == reach.No {
			continue
		}
		usable = true
		n = n.because(a.permissions(p, s))
		for _, o := range slices.Concat(s.Of(reach.Factor, reach.Escape), unread(s)) {
			if is == reach.Unknown {
				o.Can = reach.Unknown
			}
			open = append(open, o)
		}
	}
	if !usable {
		return notApplicable("no access key is active, and a device is there that AWS asks for at sign-in").because(n.evidence)
	}
	return a.tampering(p, open).because(n.evidence)
}

// unread is what a session may do by policies that were not read.
func unread(s reach.Session) []reach.Open {
	return slices.DeleteFunc(s.Of(reach.Other), func(o reach.Open) bool { return !o.Unread() })
}

func (a *account) tampering(p *person, open []reach.Open) answer {
	done := certain(open)
	switch {
	case len(done) > 0:
		worst := audit.Info
		for _, o := range done {
			worst = max(worst, o.Severity)
		}
		return fail("without a second factor: " + possible(done, 3)).at(capped(worst))
	case len(open) == 0:
		return pass("neither factors nor what asks for them can be changed without a second factor")
	}
	n := a.undecided(p, "without a second factor, perhaps: ", open)
	if len(n.missing) == 0 { // it is the credentials that are not known
		n.missing = slices.Concat(p.doubts(p.password), p.doubts(p.keys), p.factors.doubts())
	}
	if len(n.missing) == 0 {
		n.missing = []audit.Gap{audit.FactMFADevices.Gap(p.subject.ID, "a device by text message")}
	}
	return n
}

// roleTrust asks about every role.
func (a *account) roleTrust(c Check) []audit.Finding {
	switch {
	case a.Roles == nil:
		return []audit.Finding{a.finding(c, a.subject(), unknown("the account's roles are not known", a.Gap(audit.FactRoles, "")))}
	case len(a.Roles.Value) == 0:
		return []audit.Finding{a.finding(c, a.subject(), notApplicable("the account has no role"))}
	}
	var users []reach.User
	for _, p := range a.people {
		if a.enforced(p); p.reached != nil {
			users = append(users, *p.reached)
		}
	}
	var all []audit.Finding
	for _, r := range a.reach.RolesOf(users) {
		facts := []string{"trust", trusted(r)}
		if len(r.Users) > 0 {
			facts = append(facts, "users_without_mfa", names(r.Users))
		}
		all = append(all, a.finding(c, r.Subject, a.trust(r).because(a.evidence(a.Roles.Call, a.Roles.At, facts...))))
	}
	return all
}

// trust judges who gets into one role without a second factor.
func (a *account) trust(r reach.Role) answer {
	if len(r.Missing) > 0 {
		return unknown("whom the role trusts is not known", r.Missing...)
	}
	who, severity, own := strangers(r)
	done, chained := direct(r.Users, reach.Yes), r.Privileged != reach.No
	switch {
	case len(done) > 0 || chained && has(r.Users, reach.Yes):
		who, severity = append(who, names(r.Users)), max(severity, ofRole(r))
	case len(who) == 0 && (len(direct(r.Users, reach.Unknown)) > 0 || chained && has(r.Users, reach.Unknown)):
		return unknown("perhaps without a second factor: "+names(r.Users), a.userGaps(r)...)
	}
	switch {
	case len(who) > 0:
		return fail("assumed without a second factor by " + strings.Join(who, "; ") + manages(r)).at(severity)
	case own && !a.complete():
		return unknown("the trust policy does not ask for a second factor; whether users besides those known may assume the role is not known", a.Gap(audit.FactUsers, ""))
	case own:
		return pass("the trust policy asks for no second factor, and no user's own policies allow to assume the role without one")
	case asksUsers(r):
		return pass("the trust policy lets no user in without a second factor")
	}
	return notApplicable("no user is trusted: " + trusted(r))
}

// strangers are those of other accounts who need no second factor, as bad as the worst
// of them; own tells that users of this account need none as far as the trust policy
// goes.
func strangers(r reach.Role) (who []string, severity audit.Severity, own bool) {
	for _, w := range r.Ways {
		switch {
		case w.NoMFA != reach.Yes:
		case w.Scope == reach.OwnAccount || w.Scope == reach.OwnUsers:
			own = true
		default:
			text, is := string(w.Scope), ofRole(r)
			if w.Scope == reach.OtherAccount {
				text += " (" + w.Principal + ")"
			}
			if len(w.Under) > 0 {
				text, is = text+", under a condition that a call can meet", milder(w, is)
			}
			who, severity = append(who, text), max(severity, is)
		}
	}
	return who, severity, own
}

// milder is how bad it is where a condition stands in the way that a call can meet: a
// secret or an address that only some have makes a named account harmless; anything
// else, and everybody, is one step better at the most.
func milder(w reach.Way, is audit.Severity) audit.Severity {
	narrow := slices.ContainsFunc(w.Under, func(clause string) bool {
		return strings.Contains(clause, "sts:ExternalId") || strings.Contains(clause, "aws:SourceIp")
	})
	if narrow && w.Scope == reach.OtherAccount {
		return min(is, audit.Low)
	}
	return max(is-1, min(is, audit.Low))
}

// ofRole is how bad it is to get into a role.
func ofRole(r reach.Role) audit.Severity {
	return map[reach.Can]audit.Severity{reach.Yes: audit.Critical, reach.Unknown: audit.High, reach.No: audit.Medium}[r.Privileged]
}

func manages(r reach.Role) string {
	return map[reach.Can]string{reach.Yes: "; the role manages IAM", reach.Unknown: "; the role manages some of IAM, or perhaps all of it", reach.No: ""}[r.Privileged]
}

func asksUsers(r reach.Role) bool {
	return slices.ContainsFunc(r.Ways, func(w reach.Way) bool {
		return slices.Contains([]reach.Scope{reach.OwnAccount, reach.OwnUsers, reach.OtherAccount, reach.Everybody}, w.Scope)
	})
}

func has(all []reach.By, can reach.Can) bool {
	return slices.ContainsFunc(all, func(b reach.By) bool { return b.Can == can })
}

// direct are those who need no other role on the way.
func direct(all []reach.By, can reach.Can) []reach.By {
	return slices.DeleteFunc(slices.Clone(all), func(b reach.By) bool { return b.Can != can || len(b.Path) > 0 })
}

// names are some of the users, and by what.
func names(all []reach.By) string {
	var some []string
	for _, b := range all[:min(len(all), 5)] {
		text := fmt.Sprintf("%q by %s", b.Name, map[enforce.Credential]string{enforce.AccessKey: "key", enforce.PasswordNoMFA: "password"}[b.Credential])
		if len(b.Path) > 0 {
			text += " through " + strings.Join(b.Path, ", ")
		}
		if b.Can == reach.Unknown {
			text += " (perhaps)"
		}
		some = append(some, text)
	}
	if more := len(all) - len(some); more > 0 {
		some = append(some, fmt.Sprintf("%d more", more))
	}
	return strings.Join(some, ", ")
}

// trusted says whom a trust policy names.
func trusted(r reach.Role) string {
	var all []string
	for _, w := range r.Ways {
		if text := string(w.Scope); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return "nobody"
	}
	return strings.Join(all, ", ")
}

// userGaps are why it is not known whether users get into a role.
func (a *account) userGaps(r reach.Role) []audit.Gap {
	var gaps []audit.Gap
	for _, p := range a.people {
		if u := p.reached; u != nil && slices.ContainsFunc(r.Users, func(b reach.By) bool { return b.Name == u.Name }) {
			gaps = append(gaps, slices.Concat(u.Missing, p.doubts(p.password), p.doubts(p.keys), p.factors.doubts())...)
		}
		if len(gaps) >= everythingTold {
			break
		}
	}
	for _, b := range r.Users {
		for _, why := range b.Because {
			if gap := audit.FactPolicies.Gap(r.ID, why.Text); !why.Certain && why.Policy != reach.NotRead && len(gaps) < everythingTold {
				gaps = append(gaps, gap)
			}
		}
	}
	return gaps
}

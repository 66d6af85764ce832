package posture

import (
	"slices"

	"mfawatch/audit"
)

// consoleMFA: a console password without a device. One that was used lately, or
// of which that is not known, is worse than one that lies idle.
func (a *account) consoleMFA(p *person) answer {
	facts := answer{}.because(p.password.evidence, p.factors.evidence)
	switch {
	case p.password.answer == no:
		return notApplicable("no console password").because(p.password.evidence)
	case p.factors.onlySMS():
		return unknown("the only devices are by text message, and whether AWS still asks for their codes at sign-in is not verified", audit.FactMFADevices.Gap(p.subject.ID, "a device by text message")).because(facts.evidence)
	case p.factors.has == yes:
		return pass(p.factors.holds()).because(facts.evidence)
	case p.password.answer == maybe || p.factors.has == maybe:
		return unknown("console password or MFA devices not known", slices.Concat(p.doubts(p.password), p.factors.doubts())...).because(facts.evidence)
	}
	n := fail("console password, no MFA device; "+a.ago("sign-in", p.signIn)).because(facts.evidence, p.signIn.evidence)
	if a.idle(p.signIn, a.rules.UserRecentUse) {
		return n.at(audit.Medium)
	}
	return n
}

// doubts are the gaps of a question that has no answer.
func (p *person) doubts(s said) []audit.Gap {
	if s.answer == maybe {
		return s.gaps
	}
	return nil
}

func (f factors) doubts() []audit.Gap {
	if f.has == maybe {
		return f.gaps
	}
	return nil
}

// anyMFA: no device, whether or not there is a password. A user without
// password and without active key can hardly do harm.
func (a *account) anyMFA(p *person) answer {
	n := a.byDevice(p, fail("no MFA device; "+p.credentials()).because(p.password.evidence, p.keys.evidence))
	if n.outcome == audit.Fail && p.powerless() {
		return n.at(audit.Low)
	}
	return n
}

// byDevice passes who has a device, and says the given of who has none.
func (a *account) byDevice(p *person, without answer) answer {
	switch p.factors.has {
	case yes:
		return pass(p.factors.holds()).because(p.factors.evidence)
	case no:
		return without.because(p.factors.evidence)
	}
	return unknown("MFA devices not known", p.factors.gaps...).because(p.factors.evidence)
}

func (p *person) credentials() string {
	words := map[tri]string{yes: "yes", no: "no", maybe: "not known"}
	return "console password: " + words[p.password.answer] + ", active access key: " + words[p.keys.answer]
}

// powerless tells that nobody can act as the user by password or access key.
func (p *person) powerless() bool { return either(p.password.answer, p.keys.answer) == no }

// hardwareMFA asks those who sign in to the console or hold a device at all: a
// robot with keys is asked for no hardware.
func (a *account) hardwareMFA(p *person) answer {
	if p.factors.has == no && p.password.answer != yes {
		if p.password.answer == no {
			return notApplicable("no console password and no MFA device").because(p.password.evidence, p.factors.evidence)
		}
		return unknown("no MFA device; console password not known", p.password.gaps...).because(p.factors.evidence)
	}
	return a.meetsDemand(p)
}

// meetsDemand holds the devices against what the rules ask of the user. Where
// that is not known the answer is, if the least and the most they could ask
// have the same.
func (a *account) meetsDemand(p *person) answer {
	d, gaps := a.demand(p)
	r := a.hardware(p.factors, d)
	if len(gaps) > 0 && r.answer != a.hardware(p.factors, demand{All, Certified}).answer {
		return unknown("what the rules ask of this user is not known; "+p.factors.holds(), gaps...).because(p.factors.evidence)
	}
	switch r.answer {
	case yes:
		return pass(r.detail).because(p.factors.evidence)
	case no:
		return fail(r.detail).because(p.factors.evidence)
	}
	return unknown(r.detail, r.gaps...).because(p.factors.evidence)
}

// adminMFA: an administrator without a device, by password or key.
func (a *account) adminMFA(p *person) answer {
	n := a.ofAdmins(p, a.byDevice(p, fail("no MFA device; "+p.credentials())).because(p.password.evidence, p.keys.evidence))
	if n.outcome == audit.Fail && p.powerless() {
		return n.at(audit.Medium)
	}
	return n
}

// adminHardware: an administrator whose devices are not what the rules ask.
func (a *account) adminHardware(p *person) answer { return a.ofAdmins(p, a.meetsDemand(p)) }

// ofAdmins makes an answer one about administrators. Of who may be one, a pass
// is a pass and anything else is not known.
func (a *account) ofAdmins(p *person, n answer) answer {
	switch {
	case p.admin.answer == no:
		return notApplicable(p.admin.how).because(p.admin.evidence)
	case p.admin.answer == maybe && n.outcome == audit.Pass:
		return n
	case p.admin.answer == maybe:
		return unknown("whether this user is an administrator is not known; "+n.detail, slices.Concat(p.admin.gaps, n.missing)...).because(p.admin.evidence, n.evidence)
	}
	how := p.admin.how
	if p.admin.caveat != "" {
		how += " (" + p.admin.caveat + ")"
	}
	n.detail = how + "; " + n.detail
	return n.because(p.admin.evidence)
}

// single: one device is one loss away from a locked door, or from a helpdesk
// that opens it.
func (a *account) single(p *person) answer { return p.factors.spare() }

func (f factors) spare() answer {
	switch {
	case f.has == no:
		return notApplicable("no MFA device").because(f.evidence)
	case len(f.devices) >= 2:
		return pass(f.holds()).because(f.evidence)
	case f.complete:
		return fail("the only device is " + string(f.devices[0].Kind())).because(f.evidence)
	}
	return unknown(f.holds(), f.gaps...).because(f.evidence)
}

// sms: a code by text message can be had with the telephone number.
func (a *account) sms(p *person) answer {
	f := p.factors
	switch {
	case f.has == no:
		return notApplicable("no MFA device").because(f.evidence)
	case f.with(audit.SMSFactor):
		return fail(f.holds()).because(f.evidence)
	case !f.complete || f.with(audit.UnknownFactor):
		return unknown(f.holds(), slices.Concat(f.gaps, a.strangers(f))...).because(f.evidence)
	}
	return pass(f.holds()).because(f.evidence)
}

func (a *account) strangers(f factors) []audit.Gap {
	var gaps []audit.Gap
	for _, d := range f.devices {
		if d.Kind() == audit.UnknownFactor {
			gaps = append(gaps, a.kindGap(d))
		}
	}
	return gaps
}

// neverUsed: a device of a user who never signed in proves nothing of who holds
// it.
func (a *account) neverUsed(p *person) answer {
	evidence := answer{}.because(p.password.evidence, p.factors.evidence, p.signIn.evidence).evidence
	switch {
	case p.factors.has == no:
		return notApplicable("no MFA device").because(p.factors.evidence)
	case p.password.answer == no:
		return notApplicable("no console password").because(p.password.evidence)
	case p.signIn.answer == yes:
		return pass(a.ago("sign-in", p.signIn)).because(evidence)
	case p.factors.has == maybe || p.password.answer == maybe || p.signIn.answer == maybe:
		gaps := slices.Concat(p.factors.doubts(), p.doubts(p.password), p.signIn.gaps)
		return unknown("MFA devices, console password or last sign-in not known", gaps...).because(evidence)
	}
	return fail(p.factors.holds() + ", but no sign-in so far").because(evidence)
}

// consoleUnused: a password that nobody needs is one that nobody misses.
func (a *account) consoleUnused(p *person) answer {
	switch {
	case p.password.answer == no:
		return notApplicable("no console password").because(p.password.evidence)
	case p.subject.ID != "" && slices.Contains(a.rules.BreakGlass, p.subject.ID):
		return notApplicable("a declared emergency user: not to be used is what it is for").because(p.password.evidence)
	}
	gaps := slices.Concat(p.doubts(p.password), p.signIn.gaps)
	if len(gaps) > 0 {
		return unknown("console password or last sign-in not known", gaps...).because(p.password.evidence, p.signIn.evidence)
	}
	since, detail := p.signIn, a.ago("sign-in", p.signIn)
	if since.answer == no {
		since = a.passwordSet(p)
		detail += "; " + a.ago("password change", since)
	}
	n := pass(detail)
	switch {
	case since.answer != yes:
		n = unknown(detail, since.gaps...)
	case a.age(since.last) >= a.rules.UnusedConsole:
		n = fail(detail)
	}
	return n.because(p.password.evidence, p.signIn.evidence, since.evidence)
}

// passwordSet is when the password was set, or at the latest when the user was
// made.
func (a *account) passwordSet(p *person) use {
	u := a.lastUse(p.row, "password_last_changed")
	if u.answer == no {
		u.answer = maybe
		u.gaps = []audit.Gap{p.row.odd("password_last_changed has no date")}
	}
	return u
}

// keyWithoutMFA: an active access key of a user without a device. Whether a key
// needs the device is up to the policies.
func (a *account) keyWithoutMFA(p *person) answer {
	evidence := answer{}.because(p.keys.evidence, p.factors.evidence).evidence
	switch {
	case p.keys.answer == no:
		return notApplicable("no active access key").because(p.keys.evidence)
	case p.factors.has == yes:
		return pass(p.factors.holds() + "; an access key works without it unless a policy asks for MFA").because(evidence)
	case p.keys.answer == maybe || p.factors.has == maybe:
		return unknown("access keys or MFA devices not known", slices.Concat(p.doubts(p.keys), p.factors.doubts())...).because(evidence)
	}
	used := a.keyUse(p)
	n := fail("active access key, no MFA device; "+a.ago("use of a key", used)).because(evidence, used.evidence)
	if a.idle(used, a.rules.UserRecentUse) {
		return n.at(audit.Low)
	}
	return n
}

// keyUse is when a key was used last: as the keys themselves were asked, else
// as the report has it.
func (a *account) keyUse(p *person) use {
	if p.user == nil || p.user.AccessKeys == nil {
		return a.lastUse(p.row, "access_key_1_last_used_date", "access_key_2_last_used_date")
	}
	u := use{said: said{answer: no}}
	for _, k := range p.user.AccessKeys.Value {
		if k.LastUsed == nil {
			return a.lastUse(p.row, "access_key_1_last_used_date", "access_key_2_last_used_date")
		}
		if k.LastUsed.Value.At.After(u.last) {
			u.answer, u.last = yes, k.LastUsed.Value.At
		}
		u.evidence = append(u.evidence, a.evidence(k.LastUsed.Call, k.LastUsed.At, k.ID, lastUsed(k.LastUsed.Value))...)
	}
	return u
}

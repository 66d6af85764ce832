package posture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// ofExemptions asks about each exemption that was declared.
func ofExemptions(judge func(*account, audit.Exemption) answer) func(*account, Check) []audit.Finding {
	return func(a *account, c Check) []audit.Finding {
		if len(a.rules.Exemptions) == 0 {
			return []audit.Finding{a.finding(c, a.subject(), notApplicable("no exemption is declared"))}
		}
		var all []audit.Finding
		for _, e := range a.rules.Exemptions {
			all = append(all, a.finding(c, exemptionSubject(e), judge(a, e)))
		}
		return all
	}
}

// exemptionSubject tells two exemptions of one user apart by their checks.
func exemptionSubject(e audit.Exemption) audit.Subject {
	id := e.ID
	if len(e.Checks) > 0 {
		id += "#" + strings.Join(e.Checks, ",")
	}
	return audit.Subject{Kind: audit.ExemptionSubject, ID: id, Name: e.Ticket}
}

// Void says why an exemption exempts nobody at a time, whoever it is of; empty: it
// may. Expiry is asked about apart, by Expired.
func Void(e audit.Exemption, at time.Time) string {
	switch {
	case e.Expires.Sub(at) > longest:
		return "it ends more than two years ahead, so it exempts nobody"
	case len(e.Checks) == 0 && accountNumber(e.ID):
		return "it is of root and names no checks, so it exempts nobody"
	}
	return ""
}

func accountNumber(id string) bool { return len(id) == 12 && strings.Trim(id, "0123456789") == "" }

func by(e audit.Exemption) string {
	text := fmt.Sprintf("owner %q", e.Owner)
	if e.Ticket != "" {
		text += fmt.Sprintf(", ticket %q", e.Ticket)
	}
	return text + fmt.Sprintf(", reason %q", e.Reason)
}

func (a *account) expired(e audit.Exemption) answer {
	switch {
	case e.Expires.IsZero():
		return fail("it names no expiry, so it exempts nobody; " + by(e))
	case a.endless(e):
		return fail("it would last until " + e.Expires.UTC().Format(time.DateOnly) + ", more than two years ahead, so it exempts nobody; " + by(e))
	case e.ID == a.Account && len(e.Checks) == 0:
		return fail("it is of root and names no checks, so it exempts nobody; " + by(e))
	case e.Expired(a.TakenAt):
		return fail("it ended on " + e.Expires.UTC().Format(time.DateOnly) + "; " + by(e))
	}
	return pass("it lasts until " + e.Expires.UTC().Format(time.DateOnly) + "; " + by(e))
}

// nobodys: an exemption that matches nobody is a typing error, or of a user who
// is gone. It may be for root, a user, a role or a virtual
// device. One that may not speak for the account of whom it names exempts nobody
// either, and nobody need know then whether the account has the id.
func (a *account) nobodys(e audit.Exemption) answer {
	n := a.whose(e)
	if n.outcome != audit.Fail && !e.In(a.Account) {
		return fail(n.detail + ", and it may speak for " + strings.Join(e.Accounts, ", ") + " only, so it exempts nobody; " + by(e)).because(n.evidence)
	}
	return n
}

func (a *account) whose(e audit.Exemption) answer {
	if e.ID == a.Account {
		return pass("it is for root")
	}
	if foreign(e.ID, a.Account) {
		return fail("it is for root, or a device, of another account")
	}
	if strings.HasPrefix(e.ID, "arn:") {
		return a.nobodysDevice(e)
	}
	if strings.HasPrefix(e.ID, "AROA") {
		return a.nobodysRole(e)
	}
	if p := a.byID(e.ID); p != nil {
		return pass(fmt.Sprintf("it is for %q", p.subject.Name)).because(a.listed())
	}
	if !a.complete() {
		return unknown("whose it is is not known", a.Gap(audit.FactUsers, ""))
	}
	evidence := a.listed()
	return fail("no user of this account has this id").because(evidence)
}

func (a *account) nobodysRole(e audit.Exemption) answer {
	list := a.Roles
	if list == nil {
		return unknown("whether there is such a role is not known", a.Gap(audit.FactRoles, ""))
	}
	evidence := a.evidence(list.Call, list.At, "roles", fmt.Sprint(len(list.Value)))
	if slices.ContainsFunc(list.Value, func(r audit.RoleTrust) bool { return r.ID == e.ID }) {
		return pass("it is for a role").because(evidence)
	}
	return fail("no role of this account has this id").because(evidence)
}

func (a *account) listed() []audit.Evidence {
	return a.evidence(a.Users.Call, a.Users.At, "users", fmt.Sprint(len(a.Users.Value)))
}

func (a *account) nobodysDevice(e audit.Exemption) answer {
	list := a.VirtualDevices
	if list == nil {
		return unknown("whether there is such a device is not known", a.Gap(audit.FactVirtualDevices, ""))
	}
	evidence := a.evidence(list.Call, list.At, "devices", fmt.Sprint(len(list.Value)))
	if slices.ContainsFunc(list.Value, func(d audit.VirtualDevice) bool { return d.Serial == e.ID }) {
		return pass("it is for a virtual device").because(evidence)
	}
	return fail("no virtual device of this account has this serial number").because(evidence)
}

func (a *account) byID(id string) *person {
	i := slices.IndexFunc(a.people, func(p *person) bool { return p.subject.ID == id })
	if i < 0 {
		return nil
	}
	return a.people[i]
}

// breakGlass asks more of the declared emergency users: a password, two
// hardware devices and nothing else, and no access key.
func (a *account) breakGlass(c Check) []audit.Finding {
	if len(a.rules.BreakGlass) == 0 {
		return []audit.Finding{a.finding(c, a.subject(), notApplicable("no emergency user is declared"))}
	}
	var all []audit.Finding
	for _, id := range a.rules.BreakGlass {
		subject, n := a.emergency(id)
		all = append(all, a.finding(c, subject, n))
	}
	return all
}

func (a *account) emergency(id string) (audit.Subject, answer) {
	subject := audit.Subject{Kind: audit.UserSubject, ID: id}
	p := a.byID(id)
	switch {
	case p == nil && !a.complete():
		return subject, unknown("the account's users are not known by id", a.Gap(audit.FactUsers, ""))
	case p == nil:
		return subject, fail("no user of this account has this id").because(a.listed())
	}
	evidence := answer{}.because(p.password.evidence, p.keys.evidence, p.factors.evidence).evidence
	misses, doubts := a.misses(p)
	switch {
	case len(misses) > 0:
		return p.subject, fail(strings.Join(misses, "; ")).because(evidence)
	case len(doubts) > 0:
		return p.subject, unknown("not everything asked of an emergency user is known", doubts...).because(evidence)
	}
	return p.subject, pass(p.factors.holds() + "; " + a.ago("sign-in", p.signIn)).because(evidence)
}

// misses is what an emergency user lacks, and what of it is not known.
func (a *account) misses(p *person) ([]string, []audit.Gap) {
	var misses []string
	gaps := slices.Concat(p.doubts(p.password), p.doubts(p.keys))
	if p.password.answer == no {
		misses = append(misses, "no console password")
	}
	if p.keys.answer == yes {
		misses = append(misses, "an active access key")
	}
	r := a.hardware(p.factors, demand{All, a.rules.FIDO})
	if p.factors.complete && len(p.factors.devices) < 2 {
		misses = append(misses, "fewer than two devices")
	}
	switch r.answer {
	case no:
		misses = append(misses, r.detail)
	case maybe:
		gaps = append(gaps, r.gaps...)
	}
	return misses, gaps
}

// unassigned asks about each virtual device: one that is nobody's is half an
// enrolment, and whoever made it holds its secret.
func (a *account) unassigned(c Check) []audit.Finding {
	if a.VirtualDevices == nil {
		return []audit.Finding{a.finding(c, a.subject(), unknown("the virtual devices are not known", a.Gap(audit.FactVirtualDevices, "")))}
	}
	list := a.VirtualDevices
	if len(list.Value) == 0 {
		none := notApplicable("the account has no virtual device").because(a.evidence(list.Call, list.At, "devices", "none"))
		return []audit.Finding{a.finding(c, a.subject(), none)}
	}
	var all []audit.Finding
	for _, d := range list.Value {
		n := fail("nobody's device")
		if d.Assigned() {
			n = pass("assigned")
		}
		subject := audit.Subject{Kind: audit.DeviceSubject, ID: d.Serial, Name: d.Serial[strings.LastIndex(d.Serial, "/")+1:], ARN: d.Serial}
		all = append(all, a.finding(c, subject, n.because(a.evidence(list.Call, list.At, "owner", d.OwnerARN))))
	}
	return all
}

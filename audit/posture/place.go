package posture

import (
	"cmp"
	"slices"
	"strings"

	"mfawatch/audit"
)

// place says where an id belongs: which of several accounts.
type place struct {
	of      map[string]int
	nowhere int // who is asked about ids of none; elsewhere: nobody
}

const elsewhere = -1

func places(snapshots []audit.Snapshot) place {
	at := place{of: map[string]int{}}
	for i := range snapshots {
		s := &snapshots[i]
		at.add(s, i)
		if s.Users == nil || audit.IndexGaps(s.Gaps).Has(audit.FactUsers, "") {
			at.nowhere = i
		}
	}
	return at
}

func (p place) add(s *audit.Snapshot, i int) {
	p.of[s.Account] = i
	if s.Users != nil {
		for _, u := range s.Users.Value {
			p.of[u.ID] = i
		}
	}
	if s.Roles != nil {
		for _, r := range s.Roles.Value {
			p.of[r.ID] = i
		}
	}
}

// index finds the account of an id: of a user, of an account, or of the ARN of a
// device. One that is nowhere and may be in a single account is asked of that.
func (p place) index(id string, may []string) int {
	if parts := strings.Split(id, ":"); len(parts) > 5 && parts[0] == "arn" {
		id = parts[4]
	}
	if i, known := p.of[id]; known {
		return i
	}
	if len(may) == 1 {
		if i, known := p.of[may[0]]; known {
			return i
		}
	}
	return p.nowhere
}

// own are the rules of the account i: of the exemptions and emergency users those
// that are about it.
func (p place) own(i int, rules Rules) Rules {
	own := rules
	own.Exemptions, own.BreakGlass = nil, nil
	for _, e := range rules.Exemptions {
		if p.index(e.ID, e.Accounts) == i {
			own.Exemptions = append(own.Exemptions, e)
		}
	}
	for _, id := range rules.BreakGlass {
		if p.index(id, nil) == i {
			own.BreakGlass = append(own.BreakGlass, id)
		}
	}
	return own
}

// JudgeMember judges one account of an organisation whose others are not at hand.
// Of the exemptions and emergency users it is asked about those that are surely
// of it; AskRest asks about those that no account was asked about.
func JudgeMember(s audit.Snapshot, rules Rules) Account {
	at := place{of: map[string]int{}, nowhere: elsewhere}
	at.add(&s, 0)
	return Judge(s, at.own(0, rules))
}

// AskRest asks about the exemptions and emergency users that none of the accounts,
// each judged by JudgeMember, was asked about. It adds what comes of it to an
// account whose users are not all known, where they may be, else to the first.
func AskRest(judged []Account, rules Rules) {
	asked := map[string]bool{}
	for _, j := range judged {
		for _, f := range j.Findings {
			asked[f.Check+" "+f.Subject.ID] = true
		}
	}
	rest := rules
	rest.Exemptions, rest.BreakGlass = nil, nil
	for _, e := range rules.Exemptions {
		if !asked[idUnknownExempt+" "+exemptionSubject(e).ID] {
			rest.Exemptions = append(rest.Exemptions, e)
		}
	}
	for _, id := range rules.BreakGlass {
		if !asked[idBreakGlass+" "+id] {
			rest.BreakGlass = append(rest.BreakGlass, id)
		}
	}
	if i := restIndex(judged); i >= 0 && len(rest.Exemptions)+len(rest.BreakGlass) > 0 {
		judged[i].ask(rest)
	}
}

// restIndex is who is asked about what is about no account; an account of which
// nothing was judged, such as a suspended one, cannot be.
func restIndex(judged []Account) int {
	best := elsewhere
	for i, j := range judged {
		switch {
		case len(j.Findings) == 0:
		case j.unlisted():
			return i
		case best == elsewhere:
			best = i
		}
	}
	return best
}

func (j *Account) unlisted() bool {
	return slices.ContainsFunc(j.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactUsers && g.Subject == "" })
}

// ask adds what comes of exemptions and emergency users that are of no account.
func (j *Account) ask(rest Rules) {
	s := audit.Snapshot{Account: j.Account, Partition: j.Partition, TakenAt: j.TakenAt, Gaps: j.Gaps}
	if !j.unlisted() {
		s.Users, s.Roles, s.VirtualDevices = &audit.Read[[]audit.User]{}, &audit.Read[[]audit.RoleTrust]{}, &audit.Read[[]audit.VirtualDevice]{}
	}
	a := look(&s, rest.settle())
	order := map[string]int{}
	for i, c := range Checks() {
		order[c.ID] = i
		if len(rest.Exemptions) > 0 && (c.ID == idExpired || c.ID == idUnknownExempt) || len(rest.BreakGlass) > 0 && c.ID == idBreakGlass {
			j.Findings = append(slices.DeleteFunc(j.Findings, nothingDeclared(c.ID)), ofNoAccount(a.findings(c))...)
		}
	}
	audit.SortStable(j.Findings, func(a, b audit.Finding) int {
		return cmp.Compare(order[a.Check], order[b.Check])
	})
	j.Summary = summarise(*j)
}

// nothingDeclared are findings that say of an account that nothing was declared.
func nothingDeclared(check string) func(audit.Finding) bool {
	return func(f audit.Finding) bool { return f.Check == check && f.Subject.Kind == audit.AccountSubject }
}

// ofNoAccount says of failures that name one account that they are of all.
func ofNoAccount(found []audit.Finding) []audit.Finding {
	for i, f := range found {
		if f.Check != idExpired && f.Outcome == audit.Fail {
			found[i].Detail, found[i].Evidence = "nobody and nothing in the accounts that were read has this id", []audit.Evidence{}
		}
	}
	return found
}

package posture

import (
	"cmp"
	"slices"
	"strings"

	"mfawatch/audit"
)

// place are the ids that are surely of an account.
type place map[string]bool

func placeOf(s *audit.Snapshot) place {
	p := place{s.Account: true}
	if s.Users != nil {
		for _, u := range s.Users.Value {
			p[u.ID] = true
		}
	}
	if s.Roles != nil {
		for _, r := range s.Roles.Value {
			p[r.ID] = true
		}
	}
	return p
}

// has tells whether an id is surely of the account: of a user, a role, the
// account itself, or the ARN of a device.
func (p place) has(id string) bool {
	return p[id] || p[deviceAccount(id)]
}

// deviceAccount is the account of a device's ARN, empty for everything else.
func deviceAccount(id string) string {
	if parts := strings.Split(id, ":"); len(parts) > 5 && parts[0] == "arn" {
		return parts[4]
	}
	return ""
}

// own are the rules of the account: of the exemptions and emergency users those that
// are surely about it.
func (p place) own(rules Rules) Rules {
	own := rules
	own.Exemptions, own.BreakGlass = nil, nil
	for _, e := range rules.Exemptions {
		if p.has(e.ID) {
			own.Exemptions = append(own.Exemptions, e)
		}
	}
	for _, id := range rules.BreakGlass {
		if p.has(id) {
			own.BreakGlass = append(own.BreakGlass, id)
		}
	}
	return own
}

// JudgeMember judges one account of an organisation whose others are not at hand.
// Of the exemptions and emergency users it is asked about those that are surely
// of it; AskRest asks about those that no account was asked about.
func JudgeMember(s audit.Snapshot, rules Rules) Account {
	return Judge(s, placeOf(&s).own(rules))
}

// JudgeAll judges the accounts of an organisation by the same rules, as
// JudgeMember and AskRest do.
func JudgeAll(snapshots []audit.Snapshot, rules Rules) []Account {
	var judged []Account
	for _, s := range snapshots {
		judged = append(judged, JudgeMember(s, rules))
	}
	askRest(judged, rules, func(i int, fact audit.Fact) bool {
		return unlisted(&snapshots[i], fact) || judged[i].lacks(fact)
	})
	return judged
}

// unlisted tells whether a list was not read, though perhaps no gap says why.
func unlisted(s *audit.Snapshot, fact audit.Fact) bool {
	switch fact {
	case audit.FactUsers:
		return s.Users == nil
	case audit.FactRoles:
		return s.Roles == nil
	case audit.FactVirtualDevices:
		return s.VirtualDevices == nil
	}
	return false
}

// AskRest asks about the exemptions and emergency users that none of the accounts,
// each judged by JudgeMember, was asked about. Each is asked of one account: where
// it may speak and where it cannot be ruled out, since who is there is not all known;
// else where it may speak; else the first.
func AskRest(judged []Account, rules Rules) {
	askRest(judged, rules, func(i int, fact audit.Fact) bool { return judged[i].lacks(fact) })
}

// lacks tells whether a fact of all the account is missing, or is not whole.
func (j *Account) lacks(fact audit.Fact) bool {
	return slices.ContainsFunc(j.Gaps, func(g audit.Gap) bool { return g.Fact == fact && g.Subject == "" })
}

func askRest(judged []Account, rules Rules, lacks func(int, audit.Fact) bool) {
	asked := map[string]bool{}
	for _, j := range judged {
		for _, f := range j.Findings {
			asked[f.Check+" "+f.Subject.ID] = true
		}
	}
	rest := map[int]*Rules{}
	of := func(i int) *Rules {
		if rest[i] == nil {
			own := rules
			own.Exemptions, own.BreakGlass = nil, nil
			rest[i] = &own
		}
		return rest[i]
	}
	for _, e := range rules.Exemptions {
		if i := whereRest(judged, e, lacks); i >= 0 && !asked[idUnknownExempt+" "+exemptionSubject(e).ID] {
			of(i).Exemptions = append(of(i).Exemptions, e)
		}
	}
	for _, id := range rules.BreakGlass {
		if i := whereRest(judged, audit.Exemption{ID: id}, lacks); i >= 0 && !asked[idBreakGlass+" "+id] {
			of(i).BreakGlass = append(of(i).BreakGlass, id)
		}
	}
	for i, own := range rest {
		judged[i].ask(*own, func(fact audit.Fact) bool { return lacks(i, fact) })
	}
}

// whereRest is who is asked about what is about no account; an account of which
// nothing was judged, such as a suspended one, cannot be. Below zero: nobody.
func whereRest(judged []Account, e audit.Exemption, lacks func(int, audit.Fact) bool) int {
	fact, best, most := listedBy(e.ID), -1, 0
	for i, j := range judged {
		fits := 1
		switch {
		case len(j.Findings) == 0:
			continue
		case e.In(j.Account) && lacks(i, fact) && !foreign(e.ID, j.Account):
			fits = 3
		case e.In(j.Account):
			fits = 2
		}
		if fits > most {
			best, most = i, fits
		}
	}
	return best
}

// listedBy is the fact that tells whether an account has an id.
func listedBy(id string) audit.Fact {
	switch {
	case strings.HasPrefix(id, "AROA"):
		return audit.FactRoles
	case deviceAccount(id) != "":
		return audit.FactVirtualDevices
	}
	return audit.FactUsers
}

// foreign tells whether an id says by itself that it is of another account: of its
// root, or of one of its devices.
func foreign(id, account string) bool {
	if of := deviceAccount(id); of != "" {
		id = of
	}
	return accountNumber(id) && id != account
}

// ask adds what comes of exemptions and emergency users that are of no account.
func (j *Account) ask(rest Rules, lacks func(audit.Fact) bool) {
	s := audit.Snapshot{Account: j.Account, Partition: j.Partition, TakenAt: j.TakenAt, Gaps: j.Gaps}
	if !lacks(audit.FactUsers) {
		s.Users = &audit.Read[[]audit.User]{}
	}
	if !lacks(audit.FactRoles) {
		s.Roles = &audit.Read[[]audit.RoleTrust]{}
	}
	if !lacks(audit.FactVirtualDevices) {
		s.VirtualDevices = &audit.Read[[]audit.VirtualDevice]{}
	}
	a := look(&s, rest.settle())
	for _, c := range Checks() {
		if len(rest.Exemptions) > 0 && (c.ID == idExpired || c.ID == idUnknownExempt) || len(rest.BreakGlass) > 0 && c.ID == idBreakGlass {
			j.Findings = append(slices.DeleteFunc(j.Findings, nothingDeclared(c.ID)), ofNoAccount(a.findings(c))...)
		}
	}
	j.inOrder()
	j.Summary = summarise(*j)
}

// inOrder puts findings where they would be had all been asked at once.
func (j *Account) inOrder() {
	order := map[string]int{}
	for i, c := range Checks() {
		order[c.ID] = i
	}
	audit.SortStable(j.Findings, func(a, b audit.Finding) int {
		return cmp.Or(cmp.Compare(order[a.Check], order[b.Check]), bySubject(a, b))
	})
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

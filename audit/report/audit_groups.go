package report

import (
	"cmp"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// located is a finding and the account it is of.
type located struct {
	account *posture.Account
	*audit.Finding
}

// who names the subject, with its account where there are several.
func (l located) who(several bool) string {
	name := called(l.Subject)
	if several {
		return plain(l.account.Account) + "  " + name
	}
	return name
}

// group is what one check found, in one way to answer.
type group struct {
	check posture.Check
	worst audit.Severity
	found []located
}

// grouped gives the findings that are wanted by check: the worst check first,
// and in it the worst finding first.
func grouped(a Audit, wanted func(*audit.Finding) bool) []group {
	byCheck := map[string]*group{}
	var all []*group
	about := described()
	for i := range a.Accounts {
		account := &a.Accounts[i]
		for j := range account.Findings {
			f := &account.Findings[j]
			if !wanted(f) {
				continue
			}
			g := byCheck[f.Check]
			if g == nil {
				g = &group{check: about(f.Check)}
				byCheck[f.Check], all = g, append(all, g)
			}
			g.worst = max(g.worst, f.Severity)
			g.found = append(g.found, located{account, f})
		}
	}
	return ranked(all)
}

func ranked(all []*group) []group {
	order := map[string]int{}
	for i, c := range posture.Checks() {
		order[c.ID] = i - len(posture.Checks()) // what is not known here comes last
	}
	audit.SortStable(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.worst, a.worst), cmp.Compare(order[a.check.ID], order[b.check.ID]), cmp.Compare(a.check.ID, b.check.ID))
	})
	var sorted []group
	for _, g := range all {
		audit.SortStable(g.found, func(a, b located) int { return cmp.Compare(b.Severity, a.Severity) })
		sorted = append(sorted, *g)
	}
	return sorted
}

func failing(f *audit.Finding) bool    { return f.Outcome == audit.Fail }
func unanswered(f *audit.Finding) bool { return f.Outcome == audit.Unknown }
func exempted(f *audit.Finding) bool   { return f.Exemption != nil }

// remediation is what to do about a failure of the group: in steps, and as
// commands. A text of another version stands whole.
func (g group) remediation() (steps string, commands []string) {
	for _, f := range g.found {
		switch f.Remediation {
		case "":
		case g.check.Remediation.String():
			return g.check.Remediation.Steps(), pasteable(g.check.Remediation.CLI)
		default:
			return f.Remediation, nil
		}
	}
	return "", nil
}

// pasteable makes a comment of a command's note: a shell takes a bracket for something
// else.
func pasteable(commands []string) []string {
	var all []string
	for _, line := range commands {
		if command, note, noted := strings.Cut(line, " ("); noted {
			line = command + "  # " + strings.TrimSuffix(note, ")")
		}
		all = append(all, line)
	}
	return all
}

// lacking are the facts that every one of these answers is without.
func (g group) lacking() []string {
	var facts []string
	for i, f := range g.found {
		var own []string
		for _, m := range f.Missing {
			if fact := plain(string(m.Fact)); !slices.Contains(own, fact) && (i == 0 || slices.Contains(facts, fact)) {
				own = append(own, fact)
			}
		}
		facts = own
	}
	return facts
}

// short is the detail without the gaps, which are listed once for all.
func short(f *audit.Finding) string {
	if len(f.Missing) == 0 {
		return f.Detail
	}
	text, _, _ := strings.Cut(f.Detail, "; "+f.Missing[0].String())
	return text
}

// lack is what was not read, and of how many subjects.
type lack struct {
	action, reason string
	subjects       int
}

// lacks are the gaps of an audit, each action and reason once, in their order.
func lacks(a Audit) []lack {
	type subject struct{ action, reason, account, fact, id string }
	once := map[subject]bool{}
	n := map[lack]int{}
	for i := range a.Accounts {
		account := &a.Accounts[i]
		add := func(g audit.Gap) {
			s := subject{g.Action, g.Reason, account.Account, string(g.Fact), g.Subject}
			if !once[s] {
				once[s] = true
				n[lack{action: g.Action, reason: g.Reason}]++
			}
		}
		for _, g := range account.Gaps {
			add(g)
		}
		for j := range account.Findings {
			for _, g := range account.Findings[j].Missing {
				add(g)
			}
		}
	}
	return sortedLacks(n)
}

func sortedLacks(n map[lack]int) []lack {
	var all []lack
	for l, subjects := range n {
		l.subjects = subjects
		all = append(all, l)
	}
	audit.SortStable(all, func(a, b lack) int {
		return cmp.Or(cmp.Compare(a.action, b.action), cmp.Compare(a.reason, b.reason))
	})
	return all
}

// String says what to allow where AWS refused, and else why nothing is known.
func (l lack) String() string {
	text := plain(l.action) + ": " + plain(l.reason)
	if l.refused() {
		text = "allow " + plain(l.action) + ": " + plain(l.reason)
	}
	if l.subjects > 1 {
		text += " (" + count(l.subjects, "time", "times") + ")"
	}
	return text
}

// refused tells whether a permission was missing, by the names that AWS gives
// the error (IAM API reference, common errors; the organisations' the same).
func (l lack) refused() bool {
	reason := strings.ToLower(l.reason)
	return slices.ContainsFunc([]string{"accessdenied", "access denied", "unauthorized", "not authorized"}, func(s string) bool {
		return strings.Contains(reason, s)
	})
}

// exemption says who answers for an exemption, and until when.
func exemptionText(e audit.Exemption) string {
	text := "until " + day(e.Expires) + ", owner " + plain(e.Owner)
	if e.Ticket != "" {
		text += ", ticket " + plain(e.Ticket)
	}
	return text + ": " + plain(e.Reason)
}

package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"mfawatch/audit"
)

// htmlGap is what one action would have told, and why it did not.
type htmlGap struct {
	Action, Facts, Reason, For string
	Refused                    bool // allowing the action closes it
	Open                       int  // findings it leaves unknown
}

// htmlGapCount is of whom something was not read: whole accounts, and else
// single users, devices or policies.
type htmlGapCount struct {
	facts    map[string]bool
	whole    map[string]bool
	subjects map[[2]string]bool // account and subject
	open     int
}

// htmlGaps joins the gaps of an audit by action and reason, with those that
// findings name and nobody recorded because nobody asked.
func htmlGaps(a Audit) []htmlGap {
	all := map[lack]*htmlGapCount{}
	for _, account := range a.Accounts {
		for _, g := range account.Gaps {
			htmlAddGap(all, account.Account, g)
		}
		for _, f := range account.Findings {
			once := map[*htmlGapCount]bool{}
			for _, g := range f.Missing {
				n := htmlAddGap(all, account.Account, g)
				if !once[n] {
					once[n] = true
					n.open++
				}
			}
		}
	}
	return htmlGapRows(all, len(a.Accounts) > 1)
}

func htmlAddGap(all map[lack]*htmlGapCount, account string, g audit.Gap) *htmlGapCount {
	key := lack{action: g.Action, reason: g.Reason}
	n := all[key]
	if n == nil {
		n = &htmlGapCount{facts: map[string]bool{}, whole: map[string]bool{}, subjects: map[[2]string]bool{}}
		all[key] = n
	}
	n.facts[plain(string(g.Fact))] = true
	if g.Subject == "" {
		n.whole[account] = true
	} else {
		n.subjects[[2]string{account, g.Subject}] = true
	}
	return n
}

func htmlGapRows(all map[lack]*htmlGapCount, several bool) []htmlGap {
	rows := []htmlGap{}
	for key, n := range all {
		facts := strings.Join(slices.Sorted(maps.Keys(n.facts)), ", ")
		rows = append(rows, htmlGap{
			Action: plain(key.action), Facts: facts, Reason: plain(key.reason), For: n.whose(several), Refused: key.refused(), Open: n.open,
		})
	}
	audit.SortStable(rows, func(a, b htmlGap) int {
		return cmp.Or(cmp.Compare(b.Open, a.Open), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Facts, b.Facts))
	})
	return rows
}

// whose words what is missing for whom. What is missing for a whole account is
// not said once more for each of its users.
func (n *htmlGapCount) whose(several bool) string {
	users, others := 0, 0
	for s := range n.subjects {
		switch {
		case n.whole[s[0]]:
		case strings.HasPrefix(s[1], "AIDA"): // the prefix of a user's id (IAM user guide, unique identifiers)
			users++
		default:
			others++
		}
	}
	var parts []string
	switch {
	case len(n.whole) > 0 && !several:
		parts = append(parts, "the whole account")
	case len(n.whole) > 0:
		parts = append(parts, htmlMany(len(n.whole), "whole account", "whole accounts"))
	}
	if users > 0 {
		parts = append(parts, htmlMany(users, "user", "users"))
	}
	if others > 0 {
		parts = append(parts, htmlMany(others, "single user, device or policy", "single users, devices or policies"))
	}
	return and(parts)
}

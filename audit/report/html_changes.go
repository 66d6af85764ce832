package report

import (
	"cmp"
	"slices"

	"mfawatch/audit"
)

// htmlChanges is one group of changes since the previous audit.
type htmlChanges struct {
	Name, Meaning, Tone string
	Total, More         int
	Rows                []htmlChange
}

// htmlChange is a line of a group.
type htmlChange struct {
	Severity                             audit.Severity
	Check, Subject, Account, Detail, Age string
}

// htmlMostChanges bounds each list: a page is for reading, the json format has
// them all. The worst are shown.
const htmlMostChanges = 500

func htmlAllChanges(c *Changes) []htmlChanges {
	if c == nil {
		return nil
	}
	return []htmlChanges{
		htmlChangeGroup("new", "fails now and did not before", "alarming", c.New),
		htmlChangeGroup("lost", "failed before and cannot be told now: not resolved", "doubtful", c.Lost),
		htmlChangeGroup("still open", "failed before and fails still", "doubtful", c.Open),
		htmlChangeGroup("resolved", "failed before; passes or does not apply now", "calming", c.Resolved),
		htmlChangeGroup("gone", "failed before, and is not there any more", "plain", c.Gone),
	}
}

func htmlChangeGroup(name, meaning, tone string, all []Change) htmlChanges {
	g := htmlChanges{Name: name, Meaning: meaning, Tone: tone, Total: len(all), More: max(0, len(all)-htmlMostChanges)}
	if g.Total == 0 {
		g.Tone = "plain"
	}
	worst := slices.Clone(all)
	audit.SortStable(worst, func(a, b Change) int { return cmp.Compare(b.Severity, a.Severity) })
	for _, c := range worst[:len(all)-g.More] {
		g.Rows = append(g.Rows, htmlChange{
			Severity: c.Severity, Check: plain(c.Check), Subject: called(c.Subject), Account: plain(c.Account), Age: c.Age,
			Detail: plain(cmp.Or(c.Reason, c.Detail)),
		})
	}
	return g
}

// htmlSince is when the earlier audit was taken.
func htmlSince(c *Changes) string {
	if c == nil {
		return ""
	}
	return htmlTime(c.Since)
}

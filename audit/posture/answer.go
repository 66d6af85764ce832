package posture

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// answer is what a check says of one subject, before it becomes a finding.
type answer struct {
	outcome  audit.Outcome
	severity audit.Severity // of a failure that is not as bad as the check's own
	milder   bool
	detail   string
	evidence []audit.Evidence
	missing  []audit.Gap
}

func pass(detail string) answer          { return answer{outcome: audit.Pass, detail: detail} }
func fail(detail string) answer          { return answer{outcome: audit.Fail, detail: detail} }
func notApplicable(detail string) answer { return answer{outcome: audit.NotApplicable, detail: detail} }

func unknown(detail string, missing ...audit.Gap) answer {
	return answer{outcome: audit.Unknown, detail: detail, missing: missing}
}

// at gives a failure a severity of its own.
func (n answer) at(s audit.Severity) answer {
	n.severity, n.milder = s, true
	return n
}

func (n answer) because(evidence ...[]audit.Evidence) answer {
	n.evidence = slices.Concat(append([][]audit.Evidence{n.evidence}, evidence...)...)
	return n
}

// finding makes an answer a finding: failures are exempted, evidence is merged,
// gaps are named in the detail.
func (a *account) finding(c Check, subject audit.Subject, n answer) audit.Finding {
	f := audit.Finding{
		Check: c.ID, Subject: subject, Outcome: n.outcome, Severity: severity(c, n), Detail: n.detail,
		Evidence: merge(n.evidence), Controls: a.controls[c.ID],
	}
	switch n.outcome {
	case audit.Fail:
		f.Remediation = c.Remediation.String()
		a.exempt(c, &f)
	case audit.Unknown:
		f.Missing = distinct(n.missing)
		f.Detail = withGaps(f.Detail, f.Missing)
	}
	return f
}

func severity(c Check, n answer) audit.Severity {
	switch {
	case n.outcome == audit.Pass, n.outcome == audit.NotApplicable:
		return audit.Info
	case n.milder:
		return n.severity
	}
	return c.Severity
}

// exempt turns a failure away that somebody accepted and whose term has not
// ended. What is not known stays unknown: nobody accepted it.
func (a *account) exempt(c Check, f *audit.Finding) {
	if !c.Exemptable {
		return
	}
	for _, e := range a.exemptions[f.Subject.ID] {
		if a.holds(e, f.Subject) && e.Covers(f.Subject.ID, c.ID) {
			f.Outcome, f.Severity, f.Remediation, f.Exemption = audit.NotApplicable, audit.Info, "", &e
			f.Detail = "exempt until " + e.Expires.UTC().Format(time.DateOnly) + ", " + by(e) + "; without the exemption: " + f.Detail
			return
		}
	}
}

// holds tells whether an exemption stands at all: it has an end that is not yet
// reached and not for ever, it may speak for this account, and one of root names
// what it is for.
func (a *account) holds(e audit.Exemption, s audit.Subject) bool {
	return !e.Expired(a.TakenAt) && !a.endless(e) && e.In(a.Account) && (s.Kind != audit.RootSubject || len(e.Checks) > 0)
}

// longest is how far ahead an exemption may end: one that outlives who granted it
// is for ever.
const longest = 2 * 366 * day

func (a *account) endless(e audit.Exemption) bool { return e.Expires.Sub(a.TakenAt) > longest }

func withGaps(detail string, gaps []audit.Gap) string {
	texts := []string{detail}
	for _, g := range gaps {
		texts = append(texts, g.String())
	}
	return strings.Join(texts, "; ")
}

func distinct(gaps []audit.Gap) []audit.Gap {
	var once []audit.Gap
	for _, g := range gaps {
		if !slices.Contains(once, g) {
			once = append(once, g)
		}
	}
	return once
}

// merge joins what the same call said at the same time into one row, in the
// order of the calls' names.
func merge(rows []audit.Evidence) []audit.Evidence {
	merged := []audit.Evidence{}
	for _, e := range rows {
		same := func(m audit.Evidence) bool { return m.Source == e.Source && m.At.Equal(e.At) }
		if i := slices.IndexFunc(merged, same); i >= 0 {
			maps.Copy(merged[i].Facts, e.Facts)
			continue
		}
		e.Facts = maps.Clone(e.Facts)
		merged = append(merged, e)
	}
	audit.SortStable(merged, func(a, b audit.Evidence) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), a.At.Compare(b.At))
	})
	return merged
}

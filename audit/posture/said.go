package posture

import (
	"slices"
	"strconv"
	"time"

	"mfawatch/audit"
)

// tri is a yes, a no, or neither.
type tri uint8

const (
	maybe tri = iota
	yes
	no
)

func truth(b bool) tri {
	if b {
		return yes
	}
	return no
}

// either is yes when one of them is, and no when both are.
func either(a, b tri) tri {
	switch {
	case a == yes || b == yes:
		return yes
	case a == no && b == no:
		return no
	}
	return maybe
}

// said is the answer to a yes-or-no question, who gave it and when; gaps say
// why there is none, and matter only then.
type said struct {
	answer   tri
	at       time.Time
	evidence []audit.Evidence
	gaps     []audit.Gap
}

func unsaid(gaps ...audit.Gap) said { return said{gaps: gaps} }

// newest takes the younger of two answers, the first when they are of an age:
// a credential report is up to four hours old, so what another call said since
// corrects it.
func newest(first, second said) said {
	switch {
	case first.answer == maybe && second.answer == maybe:
		first.gaps = slices.Concat(first.gaps, second.gaps)
		return first
	case first.answer == maybe, second.answer != maybe && second.at.After(first.at):
		return second
	}
	return first
}

// evidence is a row of evidence; its facts are pairs of name and value.
func (a *account) evidence(source string, at time.Time, facts ...string) []audit.Evidence {
	e := audit.Evidence{Source: source, At: at, Age: audit.Age(a.TakenAt.Sub(at)), Facts: map[string]string{}}
	for fact := range slices.Chunk(facts, 2) {
		e.Facts[fact[0]] = fact[1]
	}
	return []audit.Evidence{e}
}

// reportSource is the name of the credential report as evidence: unlike the
// other calls it tells of the time it was made, not of when it was asked.
const reportSource = "credential-report"

// cell asks a yes-or-no column of a row of the report.
func (a *account) cell(r row, column string) said {
	text, exists := r.Text(column)
	value, known := r.Bool(column)
	switch {
	case r.gap != nil:
		return unsaid(*r.gap)
	case !exists:
		return unsaid(r.odd("the report has no column " + column))
	case !known:
		return unsaid(r.odd(column + " is " + strconv.Quote(text)))
	}
	return said{answer: truth(value), at: r.since(a), evidence: a.evidence(reportSource, r.made, column, text)}
}

// since is from when the row's answers count against others. A report that is
// younger than the snapshot was made by another clock than the calls were timed
// by: which of them is younger cannot be told, and the calls asked directly.
func (r row) since(a *account) time.Time {
	if r.made.After(a.TakenAt) {
		return time.Time{}
	}
	return r.made
}

// row is a row of the credential report, or the gap in its place.
type row struct {
	audit.ReportRow
	made    time.Time
	subject string
	gap     *audit.Gap
}

func (r row) odd(reason string) audit.Gap {
	return audit.FactCredentialReport.Gap(r.subject, reason)
}

// summary asks a number of the account summary: is it more than zero?
func (a *account) summary(key string) said {
	if a.Summary == nil {
		return unsaid(a.Gap(audit.FactAccountSummary, ""))
	}
	n, exists := a.Summary.Value[key]
	if !exists {
		return unsaid(audit.FactAccountSummary.Gap("", "the summary has no "+key))
	}
	return said{answer: truth(n > 0), at: a.Summary.At, evidence: a.evidence(a.Summary.Call, a.Summary.At, key, strconv.Itoa(n))}
}

// profile asks whether there is a console password.
func (a *account) profile(l *audit.Read[audit.LoginProfile], missing audit.Gap) said {
	if l == nil {
		return unsaid(missing)
	}
	return said{answer: truth(l.Value.Exists), at: l.At, evidence: a.evidence(l.Call, l.At, "login_profile", strconv.FormatBool(l.Value.Exists))}
}

package posture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// skew is how far two clocks may be apart: AWS refuses requests of a clock that
// is more than five minutes off (IAM user guide, signing requests).
const skew = 5 * time.Minute

// stale asks how old the credential report is, and whom it names that is gone
// or leaves out that is new.
func (a *account) stale() answer {
	if a.Report == nil {
		return unknown("the credential report is not known", a.Gap(audit.FactCredentialReport, ""))
	}
	made := a.Report.Value.Generated
	evidence := a.evidence(reportSource, made, "rows", fmt.Sprint(len(a.Report.Value.Rows)))
	odd := row{}.odd
	switch {
	case made.IsZero():
		return unknown("the report's age is not known", odd("the report does not say when it was made"))
	case made.After(a.TakenAt.Add(skew)):
		return unknown("the report's age is not known", odd("the report is younger than the snapshot")).because(evidence)
	}
	age := a.age(made)
	detail := fmt.Sprintf("the report is %s old, the limit is %s%s", audit.Age(age), audit.Age(a.rules.StaleReport), a.drift())
	if age > a.rules.StaleReport {
		return fail(detail).because(evidence)
	}
	return pass(detail).because(evidence)
}

// drift names the users by which report and list of users differ.
func (a *account) drift() string {
	if a.Users == nil {
		return ""
	}
	var gone, fresh []string
	for i := range a.Report.Value.Rows {
		if r := a.Report.Value.Row(i); r.User() != audit.RootRow && !a.live[r.ARN()] {
			gone = append(gone, r.User())
		}
	}
	for _, u := range a.Users.Value {
		if _, reported := a.rows[u.ARN]; !reported {
			fresh = append(fresh, u.Name)
		}
	}
	return named("deleted or renamed since", gone) + named("not in it", fresh)
}

// named lists at most five names.
func named(what string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	shown := []string{}
	for _, n := range names[:min(len(names), 5)] {
		shown = append(shown, fmt.Sprintf("%q", n))
	}
	text := fmt.Sprintf("; %s: %s", what, strings.Join(shown, ", "))
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

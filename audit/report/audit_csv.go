package report

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// auditColumns are those of the sheet, in order: an interface. New ones are
// added at the end.
var auditColumns = []string{
	"account", "account_name", "taken_at", "check", "outcome", "severity",
	"subject_kind", "subject_id", "subject_name", "subject_arn", "detail",
	"controls", "evidence", "evidence_age", "missing_actions",
	"exemption_owner", "exemption_ticket", "exemption_expires", "first_seen", "remediation", "evidence_facts",
}

func writeAuditCSV(w io.Writer, a Audit, o AuditOptions) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true      // RFC 4180
	c.Write(auditColumns) // an error stays in c and is asked for at the end
	for i := range a.Accounts {
		account := &a.Accounts[i]
		for j := range account.Findings {
			if f := &account.Findings[j]; o.writes(f) {
				c.Write(findingRow(account, f).of(auditColumns))
			}
		}
	}
	c.Flush()
	return c.Error()
}

// of gives the row's cells in the order of the columns.
func (r row) of(columns []string) []string {
	cells := make([]string, len(columns))
	for i, column := range columns {
		cells[i] = plain(harmless(r[column]))
	}
	return cells
}

func findingRow(a *posture.Account, f *audit.Finding) row {
	r := row{
		"account": a.Account, "account_name": accountName(a), "taken_at": rfc3339(a.TakenAt),
		"check": f.Check, "outcome": f.Outcome.String(), "severity": f.Severity.String(),
		"subject_kind": string(f.Subject.Kind), "subject_id": f.Subject.ID, "subject_name": f.Subject.Name, "subject_arn": f.Subject.ARN,
		"detail": f.Detail, "controls": strings.Join(texts(f.Controls, controlText), " "),
		"evidence": strings.Join(texts(f.Evidence, evidenceText), "; "), "evidence_age": oldest(f.Evidence),
		"missing_actions": strings.Join(missingActions(f.Missing), " "),
		"first_seen":      rfc3339(f.FirstSeen), "remediation": f.Remediation,
		"evidence_facts": strings.Join(texts(f.Evidence, factsText), "; "),
	}
	if e := f.Exemption; e != nil {
		r["exemption_owner"], r["exemption_ticket"], r["exemption_expires"] = e.Owner, e.Ticket, rfc3339(e.Expires)
	}
	return r
}

// accountName is what people call an account: its name in the organisation,
// else its alias.
func accountName(a *posture.Account) string {
	if a.Name != "" {
		return a.Name
	}
	return a.Alias
}

func texts[T any](items []T, text func(T) string) []string {
	var all []string
	for _, item := range items {
		all = append(all, text(item))
	}
	return all
}

func evidenceText(e audit.Evidence) string { return e.Source + "@" + rfc3339(e.At) }

// factsText is what the evidence said, in the order of the names.
func factsText(e audit.Evidence) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(e.Facts)) {
		all = append(all, name+"="+e.Facts[name])
	}
	return e.Source + ": " + strings.Join(all, ", ")
}

// oldest is the age of the oldest evidence.
func oldest(evidence []audit.Evidence) string {
	var first time.Time
	age := ""
	for _, e := range evidence {
		if age == "" || e.At.Before(first) {
			first, age = e.At, e.Age
		}
	}
	return age
}

// missingActions are the IAM actions that the gaps name, each once.
func missingActions(gaps []audit.Gap) []string {
	actions := texts(gaps, func(g audit.Gap) string { return g.Action })
	slices.Sort(actions)
	return slices.Compact(actions)
}

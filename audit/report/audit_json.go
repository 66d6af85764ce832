package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// accountHead is a posture.Account without its lists, which are written one
// item a line.
type accountHead struct {
	Schema     string          `json:"schema,omitempty"`
	Account    string          `json:"account"`
	Alias      string          `json:"alias,omitempty"`
	Name       string          `json:"name,omitempty"`
	Status     string          `json:"status,omitempty"`
	Partition  string          `json:"partition"`
	TakenAt    time.Time       `json:"taken_at"`
	ReportMade time.Time       `json:"credential_report_generated,omitzero"`
	Summary    posture.Summary `json:"summary"`
}

// organizationHead is an audit of an organisation without its accounts.
type organizationHead struct {
	Schema       string          `json:"schema"`
	Organization string          `json:"organization"`
	TakenAt      time.Time       `json:"taken_at"`
	Summary      posture.Summary `json:"summary"`
}

// single tells whether an audit is written as that of one account.
func (a Audit) single() bool { return a.Organization == "" && len(a.Accounts) == 1 }

// writeAuditJSON writes all of an audit, whatever is asked for: what was left
// out would look resolved to the next comparison.
func writeAuditJSON(w io.Writer, a Audit, o AuditOptions) error {
	j := &jsonWriter{w: w}
	if a.single() {
		j.account(AuditSchema, &a.Accounts[0])
	} else {
		j.object(organizationHead{OrganizationSchema, a.Organization, a.TakenAt(), wholeSummary(a.Summary())})
		j.text(`,"accounts":[`)
		for i := range a.Accounts {
			j.separate(i, ",\n")
			j.account("", &a.Accounts[i])
			j.text("}")
		}
		j.text("\n]")
	}
	if o.Changes != nil {
		j.text(`,"changes":`)
		j.value(o.Changes)
	}
	j.text("}\n")
	return j.err
}

// jsonWriter writes JSON piece by piece and keeps the first error.
type jsonWriter struct {
	w   io.Writer
	err error
}

func (j *jsonWriter) text(s string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, s)
	}
}

// separate stands before item i of a list: every one has a line of its own.
func (j *jsonWriter) separate(i int, between string) {
	if i == 0 {
		between = "\n"
	}
	j.text(between)
}

func (j *jsonWriter) value(v any) {
	if b, err := auditJSON(v); err != nil && j.err == nil {
		j.err = err
	} else {
		j.text(string(b))
	}
}

// object writes a struct without its closing brace: more follows.
func (j *jsonWriter) object(v any) {
	if b, err := auditJSON(v); err != nil && j.err == nil {
		j.err = err
	} else {
		j.text(string(bytes.TrimSuffix(b, []byte("}"))))
	}
}

// account writes an account without its closing brace.
func (j *jsonWriter) account(schema string, a *posture.Account) {
	j.object(accountHead{
		Schema: schema, Account: a.Account, Alias: a.Alias, Name: a.Name, Status: a.Status,
		Partition: a.Partition, TakenAt: a.TakenAt, ReportMade: a.ReportMade, Summary: wholeSummary(a.Summary),
	})
	writeList(j, "roster", a.Roster, wholeHolder)
	writeList(j, "gaps", a.Gaps, func(g audit.Gap) audit.Gap { return g })
	writeList(j, "findings", a.Findings, wholeFinding)
}

func writeList[T any](j *jsonWriter, key string, items []T, whole func(T) T) {
	j.text(",\n" + `"` + key + `":[`)
	for i, item := range items {
		j.separate(i, ",\n")
		j.value(whole(item))
	}
	if len(items) > 0 {
		j.text("\n")
	}
	j.text("]")
}

// auditJSON is a value as JSON in one line, fit for a terminal. What is no
// UTF-8 comes out as U+FFFD, which is escaped whoever wrote it: so that a text
// that was read and is written again has the same bytes.
func auditJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write the audit as JSON: %w", err)
	}
	line := Visible(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return bytes.ReplaceAll(line, []byte("\uFFFD"), []byte(`\ufffd`)), nil
}

// The functions below put [] and {} where nothing was set.

func wholeSummary(s posture.Summary) posture.Summary {
	s.ByOutcome, s.BySeverity = counts(s.ByOutcome), counts(s.BySeverity)
	s.ByCheck, s.Factors = orEmpty(s.ByCheck), counts(s.Factors)
	return s
}

func wholeHolder(h posture.Holder) posture.Holder {
	h.Factors = list(h.Factors)
	return h
}

func wholeFinding(f audit.Finding) audit.Finding {
	f.Evidence, f.Controls = each(f.Evidence, wholeEvidence), list(f.Controls)
	return f
}

func wholeEvidence(e audit.Evidence) audit.Evidence {
	e.Facts = orEmpty(e.Facts)
	return e
}

func orEmpty[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

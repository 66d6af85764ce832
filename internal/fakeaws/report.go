package fakeaws

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lifetime is how long AWS keeps a credential report: it makes at most one in
// four hours (IAM user guide, getting credential reports).
const lifetime = 4 * time.Hour

// storedReport is a report as it was made; later changes do not alter it.
type storedReport struct {
	made    time.Time
	content string
	polls   int // answers that are left before it is complete
}

// MakeReport makes a complete report from the state as it is, dated then. It is
// what the account hands out for four hours.
func (a *Account) MakeReport(made time.Time) {
	a.stored = &storedReport{made: made, content: a.CredentialReport()}
}

func (a *Account) generate(now time.Time) (string, *refusal) {
	if a.stored == nil || now.Sub(a.stored.made) >= lifetime {
		a.stored = &storedReport{made: now, content: a.CredentialReport(), polls: a.Report.Polls}
		if a.stored.polls > 0 || a.Report.Never {
			return state("STARTED", "No report exists. Starting a new report generation task"), nil
		}
	}
	if a.stored.polls > 1 || a.Report.Never {
		a.stored.polls--
		return state("INPROGRESS", ""), nil
	}
	a.stored.polls = 0
	return state("COMPLETE", ""), nil
}

func state(s, description string) string {
	return wrap("GenerateCredentialReportResult", element("State", s)+optional("Description", description))
}

// report refuses as AWS does, with no more message than Unknown.
func (a *Account) report(now time.Time) (string, *refusal) {
	if len(a.Report.Refuse) > 0 {
		code := a.Report.Refuse[0]
		a.Report.Refuse = a.Report.Refuse[1:]
		return "", reportRefusal(code)
	}
	switch {
	case a.stored == nil:
		return "", reportRefusal("ReportNotPresent")
	case a.stored.polls > 0 || a.Report.Never:
		return "", reportRefusal("ReportInProgress")
	case now.Sub(a.stored.made) >= lifetime:
		return "", reportRefusal("ReportExpired")
	}
	answer := element("Content", base64.StdEncoding.EncodeToString([]byte(a.stored.content))) + element("ReportFormat", "text/csv")
	if !a.Report.Undated {
		answer += date("GeneratedTime", a.stored.made)
	}
	return wrap("GetCredentialReportResult", answer), nil
}

func reportRefusal(code string) *refusal {
	status := http.StatusGone
	if code == "ReportInProgress" {
		status = http.StatusNotFound
	}
	return refuse(status, code, "Unknown")
}

// columns are those of live reports: two fewer than the guide lists.
const columns = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"

// CredentialReport is the CSV of the account as it is: root first, users
// ordered without case, lower-case booleans, no newline at the end.
func (a *Account) CredentialReport() string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(strings.Split(columns, ","))
	if !a.Root.NoRow {
		w.Write(a.rootRow())
	}
	users := slices.Clone(a.Users)
	slices.SortStableFunc(users, func(x, y *User) int {
		return cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
	})
	for _, u := range users {
		w.Write(a.odd(a.userRow(u)))
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

func (a *Account) rootRow() []string {
	r := a.Root
	row := []string{"<root_account>", a.arn("root"), stamp(r.Created), strconv.FormatBool(r.Password), "no_information", stamp(r.Created), "not_supported", strconv.FormatBool(len(r.Devices) > 0)}
	return append(append(row, keyCells(r.Keys)...), certificates...)
}

// odd is a row as Report.Cell changes it.
func (a *Account) odd(row []string) []string {
	if a.Report.Cell != nil {
		for i, column := range strings.Split(columns, ",") {
			row[i] = a.Report.Cell(column, row[i])
		}
	}
	return row
}

var certificates = []string{"false", "N/A", "false", "N/A"}

func (a *Account) userRow(u *User) []string {
	row := []string{u.Name, a.ARN(u), stamp(u.Created), strconv.FormatBool(u.Password)}
	if u.Password {
		row = append(row, cmp.Or(used(u.PasswordUsed), "no_information"), stamp(made(u)), "N/A")
	} else {
		row = append(row, "N/A", "N/A", "N/A")
	}
	row = append(row, strconv.FormatBool(len(u.Devices) > 0))
	return append(append(row, keyCells(u.Keys)...), certificates...)
}

// made is when the password was.
func made(u *User) time.Time {
	if u.PasswordMade.IsZero() {
		return u.Created
	}
	return u.PasswordMade
}

// keyCells are the cells of two keys: the report tells of no more.
func keyCells(keys []Key) []string {
	var cells []string
	for i := range 2 {
		if i >= len(keys) {
			cells = append(cells, "false", "N/A", "N/A", "N/A", "N/A")
			continue
		}
		k := keys[i]
		cells = append(cells, strconv.FormatBool(!k.Inactive), stamp(k.Created))
		if k.Used.IsZero() {
			cells = append(cells, "N/A", "N/A", "N/A")
		} else {
			cells = append(cells, stamp(k.Used), "us-east-1", "s3")
		}
	}
	return cells
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func used(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

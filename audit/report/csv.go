package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
)

// columns are those of the sheet, in order: an interface. New ones are added at
// the end.
var columns = []string{
	"type", "event_id", "time", "account", "region", "event",
	"principal_kind", "principal_name", "principal_id", "principal_arn",
	"outcome", "reason", "check", "severity", "alert", "detail",
	"mfa_used", "mfa_device", "mfa_factor", "source_ip", "user_agent",
	"seen", "origin", "attack", "events", "offset", "records",
}

// row is one row by column name; what it leaves out is empty.
type row map[string]string

func writeCSV(w io.Writer, r scan.Result) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180
	c.Write(columns) // an error stays in c and is asked for at the end
	for _, v := range r.Verdicts {
		c.Write(verdictRow(v).cells())
	}
	for _, d := range r.Detections {
		c.Write(detectionRow(d).cells())
	}
	for _, d := range r.Damaged {
		c.Write(damagedRow(d).cells())
	}
	c.Flush()
	return c.Error()
}

func (r row) cells() []string {
	cells := make([]string, len(columns))
	for i, column := range columns {
		cells[i] = plain(harmless(r[column]))
	}
	return cells
}

// harmless keeps a spreadsheet from taking a text for a formula: a leading
// apostrophe makes it text (OWASP, CSV injection). The wide forms of the signs
// are formulas too where East Asian input is usual.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

func verdictRow(v signin.Verdict) row {
	r := row{
		"type": "verdict", "event_id": v.EventID, "time": rfc3339(v.Time), "account": v.Account, "region": v.Region,
		"event": v.Event, "outcome": v.Outcome.String(), "reason": string(v.Reason), "severity": v.Severity.String(),
		"alert": strconv.FormatBool(v.Alert), "detail": v.Detail, "mfa_used": v.MFA.Used, "mfa_device": v.MFA.Device,
		"mfa_factor": string(v.MFA.Factor), "source_ip": v.SourceIP, "user_agent": v.UserAgent,
		"seen": strconv.Itoa(v.Seen), "origin": v.Origin,
	}
	r.principal(v.Principal)
	return r
}

func detectionRow(d detect.Detection) row {
	r := row{
		"type": "detection", "time": rfc3339(d.Time), "account": d.Account, "region": d.Region, "check": d.ID,
		"severity": d.Severity.String(), "alert": strconv.FormatBool(d.Alert), "detail": d.Detail,
		"source_ip": d.SourceIP, "attack": strings.Join(d.Attack, " "), "events": strings.Join(d.Events, " "),
	}
	r.principal(d.Principal)
	return r
}

func damagedRow(d scan.DamagedFile) row {
	return row{
		"type": "damaged_file", "detail": d.Reason, "origin": d.Path,
		"offset": strconv.FormatInt(d.Offset, 10), "records": strconv.Itoa(d.Records),
	}
}

func (r row) principal(p audit.Principal) {
	r["principal_kind"], r["principal_name"] = string(p.Kind), p.Name
	r["principal_id"], r["principal_arn"] = p.ID, p.ARN
}

// rfc3339 is empty for a time that is not known.
func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

package main

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
	"mfawatch/functions/settings"
)

// metric is one value. CloudWatch makes a metric of each name with each set of
// dimensions, and bills it.
type metric struct {
	name       string
	unit       string
	value      float64
	dimensions [][2]string
}

// measure writes the audit's metrics, a line each, for CloudWatch Logs to take
// out (CloudWatch user guide, embedded metric format specification). An
// organisation's are of all its accounts together: a thousand accounts with
// metrics of their own would cost more than the audit.
func (h *Handler) measure(e Event, a report.Audit, previous *report.Audit) {
	about := [2]string{"account", newSummary(a, nil, "").about()}
	now := h.now()
	all := []metric{
		{settings.AuditDuration, "Seconds", now.Sub(e.Began).Seconds(), [][2]string{about}},
		{settings.AccountsUnread, "Count", float64(e.result(a).Unread), [][2]string{about}},
	}
	age := 0.0 // of the first audit too: the alarm takes missing data for a schedule that stopped
	if previous != nil {
		age = max(a.TakenAt().Sub(previous.TakenAt()), 0).Seconds()
	}
	all = append(all, metric{settings.AuditAge, "Seconds", age, [][2]string{about}})
	if made := oldest(a); !made.IsZero() {
		all = append(all, metric{settings.CredentialReportAge, "Seconds", max(now.Sub(made), 0).Seconds(), [][2]string{about}})
	}
	all = append(all, byCheck(about, a.Summary())...)
	all = append(all, byFactor(about, a)...)
	for _, m := range all {
		_, _ = h.Metrics.Write(m.line(now)) // a metric that is lost is no reason to fail an audit
	}
}

// oldest is when the oldest credential report was made.
func oldest(a report.Audit) time.Time {
	var first time.Time
	for _, account := range a.Accounts {
		if made := account.ReportMade; !made.IsZero() && (first.IsZero() || made.Before(first)) {
			first = made
		}
	}
	return first
}

// byCheck counts failures and what is not known, of every check, also none: a
// metric that is missing is not a zero.
func byCheck(about [2]string, s posture.Summary) []metric {
	var all []metric
	for _, c := range posture.Checks() {
		for _, outcome := range []audit.Outcome{audit.Fail, audit.Unknown} {
			all = append(all, metric{settings.FindingsByCheck, "Count", float64(s.ByCheck[c.ID][outcome]),
				[][2]string{about, {"check", c.ID}, {"outcome", outcome.String()}}})
		}
	}
	return all
}

// byFactor counts the users who hold each kind of factor; one who holds two
// counts twice. "none" and "not_known" are about having any.
func byFactor(about [2]string, a report.Audit) []metric {
	users := map[string]int{"none": 0, "not_known": 0}
	for _, kind := range []audit.FactorKind{
		audit.VirtualFactor, audit.HardwareTOTPFactor, audit.FIDOCertifiedFactor, audit.FIDOFactor, audit.SMSFactor, audit.UnknownFactor,
	} {
		users[string(kind)] = 0
	}
	for _, account := range a.Accounts {
		for _, holder := range account.Roster {
			if holder.Kind == audit.UserSubject {
				countFactors(users, holder)
			}
		}
	}
	var all []metric
	for _, factor := range slices.Sorted(maps.Keys(users)) {
		all = append(all, metric{settings.UsersByFactor, "Count", float64(users[factor]), [][2]string{about, {"factor", factor}}})
	}
	return all
}

func countFactors(users map[string]int, holder posture.Holder) {
	switch holder.MFA {
	case posture.No:
		users["none"]++
	case posture.NotKnown:
		users["not_known"]++
	}
	for _, kind := range slices.Compact(slices.Sorted(slices.Values(holder.Factors))) {
		users[string(kind)]++
	}
}

// line is the metric as a log event, its newline included.
func (m metric) line(at time.Time) []byte {
	type definition struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	type metadata struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}
	event, names := map[string]any{m.name: m.value}, []string{}
	for _, d := range m.dimensions {
		event[d[0]] = d[1]
		names = append(names, d[0])
	}
	event["_aws"] = metadata{at.UnixMilli(), []directive{{settings.Namespace, [][]string{names}, []definition{{m.name, m.unit}}}}}
	line, _ := json.Marshal(event) // texts and finite numbers cannot fail
	return append(line, '\n')
}

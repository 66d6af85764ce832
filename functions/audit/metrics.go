package main

import (
	"maps"
	"slices"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
	"mfawatch/functions/metrics"
	"mfawatch/functions/settings"
)

// metric is one value with its own dimensions.
type metric struct {
	metrics.Value
	by []metrics.Dimension
}

// measure writes the audit's metrics, a line each. An organisation's
// are of all its accounts together: a thousand accounts with metrics of their own
// would cost more than the audit.
func (h *Handler) measure(e Event, a report.Audit, previous *report.Audit) {
	about := metrics.Dimension{Name: "account", Value: newSummary(a, nil, "").about()}
	now := h.now()
	all := []metric{
		{metrics.Seconds(settings.AuditDuration, now.Sub(e.Began)), []metrics.Dimension{about}},
		{metrics.Count(settings.AccountsUnread, e.result(a).Unread), []metrics.Dimension{about}},
	}
	age := time.Duration(0) // of the first audit too: the alarm takes missing data for a schedule that stopped
	if previous != nil {
		age = max(a.TakenAt().Sub(previous.TakenAt()), 0)
	}
	all = append(all, metric{metrics.Seconds(settings.AuditAge, age), []metrics.Dimension{about}})
	if made := oldest(a); !made.IsZero() {
		all = append(all, metric{metrics.Seconds(settings.CredentialReportAge, max(now.Sub(made), 0)), []metrics.Dimension{about}})
	}
	all = append(all, byCheck(about, a.Summary())...)
	all = append(all, byFactor(about, a)...)
	for _, m := range all {
		_, _ = h.Metrics.Write(metrics.Line(now, []metrics.Value{m.Value}, m.by...)) // a metric that is lost is no reason to fail an audit
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
func byCheck(about metrics.Dimension, s posture.Summary) []metric {
	var all []metric
	for _, c := range posture.Checks() {
		for _, outcome := range []audit.Outcome{audit.Fail, audit.Unknown} {
			all = append(all, metric{metrics.Count(settings.FindingsByCheck, s.ByCheck[c.ID][outcome]),
				[]metrics.Dimension{about, {Name: "check", Value: c.ID}, {Name: "outcome", Value: outcome.String()}}})
		}
	}
	return all
}

// byFactor counts the users who hold each kind of factor; one who holds two
// counts twice. "none" and "not_known" are about having any.
func byFactor(about metrics.Dimension, a report.Audit) []metric {
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
		all = append(all, metric{metrics.Count(settings.UsersByFactor, users[factor]), []metrics.Dimension{about, {Name: "factor", Value: factor}}})
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

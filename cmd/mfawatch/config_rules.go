package main

import (
	"fmt"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/config"
	"mfawatch/audit/posture"
)

// ruleRows are the rules of the file, and who is exempt, one a line: a change of
// the file is a change of these lines.
func ruleRows(rules config.File, now time.Time) [][2]string {
	var all []string
	for _, o := range rules.SignIn.SignIn {
		who := ""
		if o.Principal != "" {
			who = " of " + string(o.Principal)
		}
		all = append(all, fmt.Sprintf("sign-in %s%s: %s", o.Reason, who, changed(o.Alert, o.Severity)))
	}
	for _, o := range rules.Detect.Overrides {
		all = append(all, fmt.Sprintf("detection %s: %s", o.ID, changed(o.Alert, o.Severity, detectionParts(o.Threshold, o.Window)...)))
	}
	all = append(all, auditParts(rules.Posture)...)
	all = append(all, fmt.Sprintf("alerts fold after %d in %s", rules.FoldAfter, short(rules.FoldWindow)))
	var exempt []string
	for _, e := range rules.Posture.Exemptions {
		exempt = append(exempt, exemptText(e, now))
	}
	if len(exempt) == 0 {
		exempt = []string{"nobody"}
	}
	return append(block("Rules", all), block("Exempt", exempt)...)
}

// block is a heading before the first of some lines.
func block(heading string, lines []string) [][2]string {
	var rows [][2]string
	for i, line := range lines {
		rows = append(rows, [2]string{map[bool]string{true: heading}[i == 0], line})
	}
	return rows
}

// changed is what a rule makes of a verdict or a detection.
func changed(alert *bool, severity *audit.Severity, more ...string) string {
	var parts []string
	if alert != nil {
		parts = append(parts, map[bool]string{true: "alerts", false: "silent"}[*alert])
	}
	if severity != nil {
		parts = append(parts, severity.String())
	}
	return strings.Join(append(parts, more...), ", ")
}

func detectionParts(threshold *int, window *time.Duration) []string {
	var parts []string
	if threshold != nil {
		parts = append(parts, fmt.Sprintf("%d or more", *threshold))
	}
	if window != nil {
		parts = append(parts, "within "+short(*window))
	}
	return parts
}

// auditParts are what is asked of accounts otherwise than by default.
func auditParts(r posture.Rules) []string {
	var all []string
	add := func(name, value string) {
		if value != "" {
			all = append(all, "audit: "+name+" "+value)
		}
	}
	add("hardware", string(r.Hardware))
	add("fido", string(r.FIDO))
	for _, d := range []struct {
		name string
		time.Duration
	}{{"stale_report", r.StaleReport}, {"root_recent_use", r.RootRecentUse}, {"user_recent_use", r.UserRecentUse}, {"unused_console", r.UnusedConsole}} {
		if d.Duration > 0 {
			add(d.name, inDays(d.Duration))
		}
	}
	for _, o := range r.Overrides {
		add("of", overrideText(o))
	}
	add("emergency users", strings.Join(r.BreakGlass, ", "))
	return all
}

// inDays is a length of time as the file says it.
func inDays(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return short(d)
}

func overrideText(o posture.Override) string {
	var whom, what []string
	for _, p := range [][2]string{{"group ", o.Group}, {"tag ", o.Tag}, {"value ", o.TagValue}, {"path ", o.Path}} {
		if p[1] != "" {
			whom = append(whom, p[0]+p[1])
		}
	}
	for _, p := range [][2]string{{"hardware ", string(o.Hardware)}, {"fido ", string(o.FIDO)}} {
		if p[1] != "" {
			what = append(what, p[0]+p[1])
		}
	}
	return strings.Join(whom, ", ") + ": " + strings.Join(what, ", ")
}

// endsSoon is how long before its end an exemption is marked.
const endsSoon = 30 * 24 * time.Hour

// exemptText is one exemption: whose, from what, until when, and who answers.
func exemptText(e audit.Exemption, now time.Time) string {
	from := "everything that can be exempt"
	if len(e.Checks) > 0 {
		from = strings.Join(e.Checks, ", ")
	}
	text := fmt.Sprintf("%s from %s until %s%s; owner %s", e.ID, from, endText(e), marked(e, now), e.Owner)
	if e.Ticket != "" {
		text += ", ticket " + e.Ticket
	}
	text += ": " + e.Reason
	if len(e.Accounts) > 0 {
		text += "; in " + strings.Join(e.Accounts, ", ") + " only"
	}
	return text
}

func endText(e audit.Exemption) string {
	if e.Expires.Equal(e.Expires.Truncate(24 * time.Hour)) {
		return e.Expires.UTC().Format(time.DateOnly)
	}
	return e.Expires.UTC().Format(time.RFC3339)
}

// marked says what has ended, ends soon, or exempts nobody.
func marked(e audit.Exemption, now time.Time) string {
	switch void := posture.Void(e, now); {
	case void != "":
		return " (VOID: " + void + ")"
	case e.Expired(now):
		return " (ENDED)"
	case e.Expired(now.Add(endsSoon)):
		return " (ends within 30 days)"
	}
	return ""
}

// exemptionDoubts are what is amiss with exemptions today.
func exemptionDoubts(list []audit.Exemption, now time.Time) []string {
	var ended, soon, doubts []string
	for _, e := range list {
		switch void := posture.Void(e, now); {
		case void != "":
			doubts = append(doubts, "the exemption of "+e.ID+": "+void)
		case e.Expired(now):
			ended = append(ended, e.ID)
		case e.Expired(now.Add(endsSoon)):
			soon = append(soon, e.ID)
		}
	}
	if len(ended) > 0 {
		doubts = append(doubts, counted(len(ended), "exemption")+" ended, and what was exempt is a failure again: "+strings.Join(ended, ", "))
	}
	if len(soon) > 0 {
		doubts = append(doubts, counted(len(soon), "exemption")+" will end within 30 days: "+strings.Join(soon, ", "))
	}
	return doubts
}

package main

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/config"
	"mfawatch/audit/report"
)

func newConfigCheck(t terminal) *cobra.Command {
	var format string
	var context overriding
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check mfawatch.yaml and tell what it deploys",
		Long: strings.TrimSpace(`
Checks FILE (mfawatch.yaml unless another is named; - is standard input) as a
deployment does, and the files of exemptions that it names, which are beside it
and with - in the current folder, tells all faults with
line and field, and else prints what would be deployed, with everything that the
file leaves to us, every rule, and who is exempt from what until when. AWS is
not asked.

The table shortens URLs, which may hold keys. --format json is the file itself
with nothing left out, the exemptions of other files in it, and a mfawatch.yaml
again: keep it as you keep the file.`),
		Example: "  mfawatch config check\n  git show main:mfawatch.yaml | mfawatch config check -\n  mfawatch config check -c account=444455556666 --format json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := configName
			if len(args) > 0 {
				name = args[0]
			}
			return checkConfig(t, name, format, context)
		},
	}
	formatFlag(c, &format, "table", "json")
	context.add(c)
	return c
}

func checkConfig(t terminal, name, format string, context overriding) error {
	overrides, err := context.read()
	if err != nil {
		return err
	}
	d, rules, err := readConfig(t, name, overrides)
	if err != nil {
		return err
	}
	now := time.Now()
	doubts := append(d.Doubts(rules), exemptionDoubts(rules.Posture.Exemptions, now)...)
	if format == "json" {
		for _, doubt := range doubts {
			fmt.Fprintf(t.err, "mfawatch: %s\n", report.Plain(doubt))
		}
		return printJSON(t, config.Whole{Deployment: d, File: rules})
	}
	_, err = io.WriteString(t.out, screen(name, d, rules, doubts, now, width(t.out)))
	return err
}

// screen is what is deployed, in one screen.
func screen(name string, d config.Deployment, rules config.File, doubts []string, now time.Time, columns int) string {
	if columns == 0 || columns > 100 {
		columns = 100
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s deploys:\n\n", report.Plain(name))
	for _, row := range slices.Concat(placeRows(d), partRows(d), keptRows(d), nameRows(rules.Accounts), ruleRows(rules, now)) {
		fmt.Fprintf(&b, "  %-12s %s\n", row[0], wrappedTo(columns, report.Plain(row[1]), strings.Repeat(" ", 15)))
	}
	for i, doubt := range doubts {
		if i == 0 {
			b.WriteString("\nPerhaps a mistake:\n\n")
		}
		fmt.Fprintf(&b, "  - %s\n", wrappedTo(columns, report.Plain(doubt), "    "))
	}
	return b.String()
}

func placeRows(d config.Deployment) [][2]string {
	rows := [][2]string{
		{"Account", fmt.Sprintf("%s, partition %s; names begin with %s-", d.Account, d.Partition(), d.Prefix)},
	}
	if o := d.Organization; d.Mode == config.Organizational {
		watched := "root " + o.Root
		if o.Root == "" {
			watched = "units " + strings.Join(o.Units, ", ")
		}
		as := "as the management account"
		if o.Delegated {
			as = "as a delegated administrator; management account " + o.Management
		}
		rows = append(rows, [2]string{"Organization", fmt.Sprintf("%s, %s, %s; %d accounts audited at once, %d%% may fail", o.ID, watched, as, o.Concurrent, o.Tolerated)})
	}
	return append(rows,
		[2]string{"Region", d.Home},
		[2]string{"Watched", counted(len(d.Regions), "Region") + ": " + strings.Join(d.Regions, ", ")},
		[2]string{"Trail", trailText(d)},
	)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func trailText(d config.Deployment) string {
	t := d.Trail
	if t.Adopt != "" {
		text := fmt.Sprintf("adopted: %s, files in %s", t.Adopt, t.Bucket+"/"+t.KeyPrefix+"AWSLogs")
		if t.LogGroup != "" {
			text += ", log group " + t.LogGroup
		}
		return text
	}
	text := fmt.Sprintf("created; files kept for %d days, ", d.Retention.Trail)
	if t.ObjectLock == "" {
		text += "not locked"
	} else {
		text += fmt.Sprintf("locked for %d (%s)", t.LockDays, t.ObjectLock)
	}
	if t.Logs {
		return text + "; with a log group"
	}
	return text + "; without a log group"
}

func partRows(d config.Deployment) [][2]string {
	var rows [][2]string
	for i, told := range toldTexts(d.Targets) {
		rows = append(rows, [2]string{map[bool]string{true: "Told"}[i == 0], told})
	}
	rows = append(rows, [2]string{"Guardrail", guardrailText(d.Guardrail, d.Prefix)})
	for i, r := range d.MFARoles {
		rows = append(rows, [2]string{map[bool]string{true: "MFA roles"}[i == 0], fmt.Sprintf("%s: %s, sessions up to %s, MFA at most %s old", r.Name, counted(len(r.Principals), "user"), short(r.Session), short(r.MFAAge))})
	}
	rows = append(rows, [2]string{"Audit", auditText(d.Reports)}, [2]string{"Metrics", metricsText(d.Metrics)}, [2]string{"Break-glass", glassText(d.BreakGlass)})
	return append(rows, [2]string{"Watchdog", watchdogText(d.Watchdog)})
}

func toldTexts(targets []config.Target) []string {
	if len(targets) == 0 {
		return []string{"nobody"}
	}
	var all []string
	for _, t := range targets {
		switch t.Kind {
		case config.Slack:
			all = append(all, fmt.Sprintf("Slack channel %s of workspace %s: everything", t.Channel, t.Workspace))
		case config.Teams:
			all = append(all, fmt.Sprintf("Teams channel %s of team %s: everything", t.Channel, t.Team))
		case config.Email, config.SQS:
			all = append(all, fmt.Sprintf("%s: %s", t.Address, heard(t)))
		default:
			all = append(all, fmt.Sprintf("%s %s: %s", map[config.TargetKind]string{config.HTTPS: "a URL of", config.PagerDuty: "PagerDuty,"}[t.Kind], host(t.Address), heard(t)))
		}
	}
	return all
}

// heard is what a target with an address is told.
func heard(t config.Target) string {
	if len(t.Accounts) == 0 {
		return orWorse(t.Severity)
	}
	return orWorse(t.Severity) + " of " + strings.Join(t.Accounts, ", ")
}

func orWorse(severity string) string {
	switch severity {
	case "info":
		return "everything"
	case "critical":
		return "critical"
	}
	return severity + " or worse"
}

// host is the part of a URL that is no secret.
func host(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL"
	}
	return u.Host
}

func guardrailText(g config.Guardrail, prefix string) string {
	if g.Kind == "" {
		return "none"
	}
	text := g.Kind
	switch g.Attach {
	case config.ToGroup:
		text += ", on groups " + strings.Join(g.Groups, ", ")
		if len(g.Groups) == 0 {
			text = g.Kind + ", on the new group " + prefix + "-humans"
		}
	case config.ToBoundary:
		text += ", as a permissions boundary"
	case config.ToSCP:
		text += ", as a service control policy of " + strings.Join(g.SCPTargets, ", ")
		if len(g.SCPTargets) == 0 {
			text = g.Kind + ", as a service control policy that is attached to nothing"
		}
	}
	for _, more := range []struct {
		on   bool
		text string
	}{
		{g.PasswordChange, "password change before a factor"}, {g.TagGuard, "tag guard"}, {g.MFAAge > 0, "MFA at most " + short(g.MFAAge) + " old to take a factor away"},
		{len(g.FIDOLevels) > 0, "FIDO " + strings.Join(g.FIDOLevels, ", ")}, {len(g.Registrars) > 0, counted(len(g.Registrars), "registrar")},
	} {
		if more.on {
			text += "; " + more.text
		}
	}
	return text
}

// short is a length of time without its empty ends.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func auditText(r config.Reports) string {
	apart := short(r.Every)
	if r.Every%(24*time.Hour) == 0 {
		apart = counted(int(r.Every/(24*time.Hour)), "day")
	}
	text := fmt.Sprintf("%s UTC, at most %s apart; %s", r.Schedule, apart, strings.Join(r.Formats, ", "))
	if r.SecurityHub {
		text += "; to Security Hub"
	}
	if r.Athena {
		text += "; tables of Athena"
	}
	return text
}

func metricsText(m config.Metrics) string {
	if !m.Enabled {
		return "none"
	}
	return fmt.Sprintf("%s, %s form, numbered as CIS %s: %s", counted(len(m.Filters), "filter"), m.Form, m.Version, strings.Join(m.Filters, ", "))
}

func glassText(g config.BreakGlass) string {
	var parts []string
	if len(g.Principals) > 0 {
		parts = append(parts, fmt.Sprintf("%s, sessions up to %s, MFA at most %s old, with %s", counted(len(g.Principals), "user"), short(g.Session), short(g.MFAAge), strings.Join(g.Policies, ", ")))
	}
	if g.Door.There() {
		var people, roles []string
		for _, p := range g.Door.People {
			people = append(people, p.Name)
		}
		for i, r := range g.Door.Roles {
			policies := r.Policies
			if i == 0 {
				policies = g.Policies
			}
			roles = append(roles, fmt.Sprintf("%s for up to %s with %s", r.Name, short(r.Longest), strings.Join(policies, ", ")))
		}
		parts = append(parts, fmt.Sprintf("a door for %s: %s", strings.Join(people, ", "), strings.Join(roles, "; ")))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

func watchdogText(w config.Watchdog) string {
	switch {
	case !w.Enabled:
		return "none"
	case w.Heartbeat == "":
		return "every " + short(w.Every) + ", no heartbeat outside AWS"
	}
	return "every " + short(w.Every) + ", heartbeat to " + host(w.Heartbeat)
}

// nameRows are what people call their accounts, where the file says it.
func nameRows(names map[string]string) [][2]string {
	var all []string
	for _, account := range slices.Sorted(maps.Keys(names)) {
		all = append(all, account+" "+names[account])
	}
	return block("Names", all)
}

func keptRows(d config.Deployment) [][2]string {
	key := "created"
	if d.KMS != "" {
		key = d.KMS
	}
	r := d.Retention
	rows := [][2]string{
		{"KMS key", key},
		{"Kept", fmt.Sprintf("evidence %d days, reports %d, logs %d", r.Evidence, r.Reports, r.Logs)},
	}
	if len(d.Tags) > 0 {
		var tags []string
		for _, name := range slices.Sorted(maps.Keys(d.Tags)) {
			tags = append(tags, name+"="+d.Tags[name])
		}
		rows = append(rows, [2]string{"Tags", strings.Join(tags, ", ")})
	}
	if d.CostCeiling > 0 {
		rows = append(rows, [2]string{"Cost", fmt.Sprintf("$%d a month expected at the most; nothing is stopped by it", d.CostCeiling)})
	}
	return rows
}

package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// bound is how many subjects of a check a terminal shows.
const bound = 20

// few are the first of a list on a terminal, so that the headline stays in
// sight. One more than the bound is shown: saying so would take its place.
func few[T any](width int, items []T) []T {
	if width > 0 && len(items) > bound+1 {
		return items[:bound]
	}
	return items
}

// auditPage is a table of an audit being written.
type auditPage struct {
	page
	audit   Audit
	options AuditOptions
}

func writeAuditTable(w io.Writer, a Audit, o AuditOptions) error {
	p := &auditPage{page: page{paint: painter(o.Color)}, audit: a, options: o}
	if o.Width > 0 {
		p.width = max(o.Width, narrowest)
	}
	p.headline()
	p.about()
	p.accounts()
	p.changes()
	p.failures()
	p.unknowns()
	p.exemptions()
	p.others()
	p.totals()
	if p.width > 0 { // where the first line has gone up
		p.WriteString("\n")
		p.headline()
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *auditPage) several() bool { return !p.audit.single() }

// wanted narrows a choice of findings to those that were asked for.
func (p *auditPage) wanted(choice func(*audit.Finding) bool) func(*audit.Finding) bool {
	return func(f *audit.Finding) bool { return choice(f) && p.options.writes(f) }
}

func (p *auditPage) headline() {
	text, tone := auditHeadline(p.audit)
	p.styled(text, []func(string) string{doubtful: p.paint.doubt, alarming: p.paint.alarm, calming: p.paint.calm}[tone])
	p.WriteString("\n")
}

// about says what was audited, and how old what it was judged by is.
func (p *auditPage) about() {
	if p.several() {
		p.fact("Organisation", cmp.Or(plain(p.audit.Organization), "not known"))
		p.fact("Accounts", fmt.Sprint(len(p.audit.Accounts)))
	} else {
		p.fact("Account", accountText(&p.audit.Accounts[0]))
	}
	p.fact("Taken", takenText(p.audit))
	if !p.several() {
		p.fact("Report", reportAge(&p.audit.Accounts[0]))
	}
}

func takenText(a Audit) string {
	if a.TakenAt().IsZero() {
		return stamp(a.TakenAt())
	}
	return stamp(a.TakenAt()) + " UTC"
}

func accountText(a *posture.Account) string {
	text := plain(a.Account)
	if name := accountName(a); name != "" {
		text += "  " + plain(name)
	}
	if a.Status != "" && a.Status != "ACTIVE" {
		text += "  " + plain(a.Status)
	}
	return text
}

// reportAge says how old the credential report is.
func reportAge(a *posture.Account) string {
	if a.ReportMade.IsZero() {
		return "no credential report, or none that says when it was made"
	}
	return "credential report of " + stamp(a.ReportMade) + " UTC, " + audit.Age(a.TakenAt.Sub(a.ReportMade)) + " old"
}

// accounts lists those of an organisation, the worst first.
func (p *auditPage) accounts() {
	if !p.several() || len(p.audit.Accounts) == 0 {
		return
	}
	p.WriteString("\n")
	rows := accountRows(p.audit)
	shown := few(p.width, rows)
	p.grid([]string{"ACCOUNT", "FAIL", "UNKNOWN", "USERS", "NO MFA", "NAME"}, shown)
	p.more(len(rows)-len(shown), "account", "accounts", "json")
}

// accountRows are the cells of the table of accounts, the worst first.
func accountRows(a Audit) [][]string {
	var order []*posture.Account
	for i := range a.Accounts {
		order = append(order, &a.Accounts[i])
	}
	audit.SortStable(order, func(a, b *posture.Account) int {
		x, y := a.Summary, b.Summary
		return cmp.Or(
			cmp.Compare(y.BySeverity[audit.Critical], x.BySeverity[audit.Critical]), cmp.Compare(y.BySeverity[audit.High], x.BySeverity[audit.High]),
			cmp.Compare(y.ByOutcome[audit.Fail], x.ByOutcome[audit.Fail]), cmp.Compare(y.ByOutcome[audit.Unknown], x.ByOutcome[audit.Unknown]),
			cmp.Compare(a.Account, b.Account))
	})
	var rows [][]string
	for _, account := range order {
		rows = append(rows, accountRow(account))
	}
	return rows
}

func accountRow(a *posture.Account) []string {
	s := a.Summary
	name := plain(accountName(a))
	if a.Status != "" && a.Status != "ACTIVE" {
		name = strings.TrimSpace(name + " " + plain(a.Status))
	}
	if len(a.Findings) == 0 {
		return []string{plain(a.Account), "not", "judged", "", "", name}
	}
	without := fmt.Sprint(s.WithoutMFA)
	if s.MFAUnknown > 0 {
		without += fmt.Sprintf("+%d?", s.MFAUnknown)
	}
	users := fmt.Sprint(s.Users)
	if unlisted(Audit{Accounts: []posture.Account{*a}}) > 0 {
		users, without = "?", "?"
	}
	return []string{plain(a.Account), fmt.Sprint(s.ByOutcome[audit.Fail]), fmt.Sprint(s.ByOutcome[audit.Unknown]), users, without, name}
}

// grid writes rows under titles; the last column is cut where there is no room.
func (p *auditPage) grid(titles []string, rows [][]string) {
	widths := make([]int, len(titles))
	for _, r := range append([][]string{titles}, rows...) {
		for i, cell := range r {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for i, r := range append([][]string{titles}, rows...) {
		var cells []string
		for j, cell := range r {
			if j < len(r)-1 {
				cell = fit(cell, widths[j])
			}
			cells = append(cells, cell)
		}
		line := p.cut(strings.TrimRight("  "+strings.Join(cells, gap), " "))
		if i == 0 {
			line = p.paint.title(line)
		}
		p.WriteString(line + "\n")
	}
}

// more says how many were left out, and which format has them.
func (p *auditPage) more(n int, one, many, format string) {
	if n > 0 {
		p.WriteString(wrap("and "+count(n, "more "+one, "more "+many)+": --format "+format+" lists all", p.width, "      "))
	}
}

func (p *auditPage) section(title string) { p.WriteString("\n" + p.paint.title(title) + "\n") }

func (p *auditPage) failures() {
	groups := grouped(p.audit, p.wanted(failing))
	if len(groups) == 0 {
		return
	}
	p.section("FAILURES")
	for _, g := range groups {
		p.check(g)
		p.subjects(g)
		p.remediation(g)
	}
}

// remediation says what to do, each command on a line of its own.
func (p *auditPage) remediation(g group) {
	text, commands := g.remediation()
	if text != "" {
		p.WriteString(wrap("To do: "+plain(text), p.width, "    "))
	}
	for _, command := range commands {
		p.WriteString(wrap(command, p.width, "      "))
	}
}

// check writes a group's heading: how bad, which check, of how many.
func (p *auditPage) check(g group) {
	head := "  " + fit(g.worst.String(), 8) + "  " + plain(g.check.ID) + "  " + fmt.Sprint(len(g.found))
	p.WriteString(p.paint.severity(g.worst, p.cut(head)) + "\n")
	p.WriteString(wrap(g.check.Question, p.width, "    "))
}

// subjects lists whom a group is about.
func (p *auditPage) subjects(g group) {
	shown := few(p.width, g.found)
	for _, f := range shown {
		detail := short(f.Finding)
		if f.Severity != g.worst {
			detail = f.Severity.String() + "; " + detail
		}
		if f.Outcome == audit.Fail && f.FirstSeen.Before(f.account.TakenAt) && !f.FirstSeen.IsZero() {
			detail += "; for " + age(f.account.TakenAt, f.FirstSeen)
		}
		p.entry(f.who(p.several()), plain(detail))
	}
	p.more(len(g.found)-len(shown), "of this check", "of this check", "csv")
}

// entry writes a name and what is said of it on one line, or on two or more
// where there is no room.
func (p *auditPage) entry(name, text string) {
	one := strings.TrimRight("      "+name+"  "+text, " ")
	if p.cut(one) == one {
		p.WriteString(one + "\n")
		return
	}
	p.WriteString(p.cut("      "+name) + "\n" + wrap(text, p.width, "        "))
}

// unknowns are what could not be answered, and then what would answer it.
func (p *auditPage) unknowns() {
	groups := grouped(p.audit, p.wanted(unanswered))
	missing := lacks(p.audit)
	if len(groups) == 0 && len(missing) == 0 {
		return
	}
	p.section("NOT KNOWN")
	for _, g := range groups {
		p.check(g)
		if facts := g.lacking(); len(facts) > 0 {
			p.WriteString(wrap("Not known without: "+strings.Join(facts, ", "), p.width, "    "))
		}
		p.subjects(g)
	}
	if len(missing) == 0 {
		return
	}
	p.WriteString(p.paint.title("  What was not read") + "\n")
	shown := few(p.width, missing)
	for _, l := range shown {
		p.WriteString(wrap(l.String(), p.width, "    "))
	}
	p.more(len(missing)-len(shown), "gap", "gaps", "json")
}

func (p *auditPage) exemptions() {
	groups := grouped(p.audit, p.wanted(exempted))
	if len(groups) == 0 {
		return
	}
	p.section("EXEMPT")
	for _, g := range groups {
		p.WriteString(p.cut("  "+plain(g.check.ID)+"  "+fmt.Sprint(len(g.found))) + "\n")
		shown := few(p.width, g.found)
		for _, f := range shown {
			p.entry(f.who(p.several()), exemptionText(*f.Exemption))
		}
		p.more(len(g.found)-len(shown), "of this check", "of this check", "csv")
	}
}

// others lists what passes or does not apply, where it was asked for by name.
func (p *auditPage) others() {
	for _, o := range []audit.Outcome{audit.Pass, audit.NotApplicable} {
		if !slices.Contains(p.options.Only, o) {
			continue
		}
		groups := grouped(p.audit, func(f *audit.Finding) bool { return f.Outcome == o && f.Exemption == nil })
		if len(groups) == 0 {
			continue
		}
		p.section(map[audit.Outcome]string{audit.Pass: "PASSES", audit.NotApplicable: "NOT APPLICABLE"}[o])
		for _, g := range groups {
			p.WriteString(p.cut("  "+plain(g.check.ID)+"  "+fmt.Sprint(len(g.found))) + "\n")
			p.subjects(g)
		}
	}
}

// totals counts, passes included: of all findings, whatever was asked for.
func (p *auditPage) totals() {
	s := p.audit.Summary()
	p.section("COUNTS")
	p.fact("Findings", outcomesText(s))
	p.fact("Users", usersText(p.audit))
	p.fact("Factors", factorsText(s))
}

func outcomesText(s posture.Summary) string {
	var parts []string
	for _, o := range []audit.Outcome{audit.Fail, audit.Unknown, audit.Pass, audit.NotApplicable} {
		parts = append(parts, fmt.Sprintf("%d %s", s.ByOutcome[o], outcomeText(o)))
	}
	text := strings.Join(parts, ", ")
	if s.Exempt > 0 {
		text += fmt.Sprintf(" (%d exempt)", s.Exempt)
	}
	return text
}

func usersText(a Audit) string {
	s := a.Summary()
	unknown := unlisted(a) + unjudgedAccounts(a)
	if unknown == len(a.Accounts) {
		return "not known"
	}
	text := fmt.Sprintf("%d, %d with a console password, %s", s.Users, s.Console, count(s.Admins, "administrator", "administrators"))
	text += fmt.Sprintf("; without MFA: %d, %d of them with a console password", s.WithoutMFA, s.ConsoleWithoutMFA)
	if s.AdminsWithoutMFA > 0 {
		text += ", " + count(s.AdminsWithoutMFA, "administrator", "administrators")
	}
	if s.MFAUnknown > 0 {
		text += fmt.Sprintf("; not known of %d", s.MFAUnknown)
	}
	if unknown > 0 {
		text += "; " + usersNotKnown(a, unknown)
	}
	return text
}

// factorsText is the mix of the devices that are known, the most frequent
// first.
func factorsText(s posture.Summary) string {
	m := map[string]int{}
	for kind, n := range s.Factors {
		m[string(kind)] = n
	}
	return cmp.Or(tally(m), "none known")
}

// day is a date, or that there is none.
func day(t time.Time) string {
	if t.IsZero() {
		return "no date"
	}
	return t.UTC().Format(time.DateOnly)
}

// changes says what is otherwise than in the earlier audit. What is still open
// is in the list of failures, with its age.
func (p *auditPage) changes() {
	ch := p.options.Changes
	if ch == nil {
		return
	}
	p.section("SINCE " + stamp(ch.Since) + " UTC")
	p.WriteString(wrap(changesText(ch), p.width, "  "))
	for _, part := range ch.parts() {
		if len(part.changes) == 0 || part.title == "Open" {
			continue
		}
		p.WriteString(p.paint.title("  "+part.title) + "\n")
		shown := few(p.width, part.changes)
		for _, c := range shown {
			p.entry(c.who(p.several()), plain(c.text()))
		}
		p.more(len(part.changes)-len(shown), "change", "changes", "json")
	}
}

// part is one list of Changes with its title.
type part struct {
	title   string
	changes []Change
}

func (ch *Changes) parts() []part {
	return []part{{"New", ch.New}, {"Lost", ch.Lost}, {"Resolved", ch.Resolved}, {"Gone", ch.Gone}, {"Open", ch.Open}}
}

func changesText(ch *Changes) string {
	return fmt.Sprintf("%d new, %d still open, %d resolved, %d of subjects that are gone, %d that cannot be told any more.",
		len(ch.New), len(ch.Open), len(ch.Resolved), len(ch.Gone), len(ch.Lost))
}

func (c Change) who(several bool) string {
	if several {
		return plain(c.Account) + "  " + called(c.Subject)
	}
	return called(c.Subject)
}

// text is what happened to a failure, in a sentence's place.
func (c Change) text() string {
	text := c.Severity.String() + " " + c.Check + ": "
	switch {
	case c.Reason != "":
		text += c.Reason
	default:
		text += c.Detail
	}
	if c.Now == audit.Fail.String() {
		return text
	}
	if c.Age != "" {
		text += "; failed for " + c.Age
	}
	return text
}

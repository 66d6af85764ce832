package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"mfawatch/audit"
)

// ticketBound is how many subjects of a check a ticket lists: one of GitHub
// takes 65,536 characters.
const ticketBound = 25

// ticket is an audit in Markdown being written.
type ticket struct {
	strings.Builder
	audit   Audit
	options AuditOptions
}

// writeMarkdown writes an audit for a ticket, in GitHub's dialect. Texts that
// somebody else chose stand in code spans: they make no link, image, mention or
// HTML and end no cell.
func writeMarkdown(w io.Writer, a Audit, o AuditOptions) error {
	t := &ticket{audit: a, options: o}
	text, _ := auditHeadline(a)
	t.WriteString("# " + auditKind(a) + "\n\n**" + text + "**\n\n")
	t.about()
	t.changes()
	t.groups("Failures", failing, true)
	t.groups("Not known", unanswered, false)
	t.lacks()
	t.groups("Exempt", exempted, false)
	t.counts()
	_, err := io.WriteString(w, t.String())
	return err
}

func (t *ticket) several() bool { return !t.audit.single() }

func (t *ticket) about() {
	if !t.several() {
		a := &t.audit.Accounts[0]
		t.line("- Account: " + code(accountText(a)))
		t.line("- Taken: " + takenText(t.audit))
		t.line("- Judged by: " + reportAge(a))
		return
	}
	t.line("- Organisation: " + code(t.audit.Organization))
	t.line("- Taken: " + takenText(t.audit))
	if len(t.audit.Accounts) == 0 {
		return
	}
	t.line("\n## Accounts\n")
	t.row("Account", "Fail", "Unknown", "Users", "No MFA", "Name")
	t.row("---", "---:", "---:", "---:", "---:", "---")
	rows := accountRows(t.audit)
	for _, r := range rows[:min(len(rows), ticketBound)] {
		t.row(code(r[0]), r[1], r[2], r[3], r[4], code(r[5]))
	}
	t.more(len(rows)-ticketBound, "accounts", "json")
}

func (t *ticket) line(s string)       { t.WriteString(s + "\n") }
func (t *ticket) row(cells ...string) { t.line("| " + strings.Join(cells, " | ") + " |") }

func (t *ticket) more(n int, what, format string) {
	if n > 0 {
		t.line(fmt.Sprintf("\nand %d more %s: `--format %s` lists all", n, what, format))
	}
}

// groups writes a section with a table for each check.
func (t *ticket) groups(title string, choice func(*audit.Finding) bool, todo bool) {
	groups := grouped(t.audit, func(f *audit.Finding) bool { return choice(f) && t.options.writes(f) })
	if len(groups) == 0 {
		return
	}
	t.line("\n## " + title)
	for _, g := range groups {
		t.line(fmt.Sprintf("\n### %s: %s (%d)\n", g.worst, code(g.check.ID), len(g.found)))
		t.line(prose(g.check.Question) + "\n")
		t.table(g)
		if todo {
			t.remediation(g)
		}
	}
}

func (t *ticket) remediation(g group) {
	text, commands := g.remediation()
	if text != "" {
		t.line("\nTo do: " + prose(text))
	}
	if len(commands) > 0 {
		t.line("\n```sh\n" + strings.Join(commands, "\n") + "\n```")
	}
}

func (t *ticket) table(g group) {
	head, rule := []string{"Severity", "Who", "What"}, []string{"---", "---", "---"}
	since := slices.ContainsFunc(g.found, func(l located) bool { return !l.FirstSeen.IsZero() })
	if since {
		head, rule = append(head, "Since"), append(rule, "---")
	}
	if t.several() {
		head, rule = append([]string{"Account"}, head...), append([]string{"---"}, rule...)
	}
	t.row(head...)
	t.row(rule...)
	shown := g.found[:min(len(g.found), ticketBound)]
	for _, f := range shown {
		cells := []string{f.Severity.String(), code(called(f.Subject)), prose(short(f.Finding))}
		if since {
			cells = append(cells, code(rfc3339(f.FirstSeen)))
		}
		if t.several() {
			cells = append([]string{code(f.account.Account)}, cells...)
		}
		t.row(cells...)
	}
	t.more(len(g.found)-len(shown), "of this check", "csv")
}

func (t *ticket) lacks() {
	all := lacks(t.audit)
	if len(all) == 0 {
		return
	}
	t.line("\n## What was not read\n")
	shown := all[:min(len(all), ticketBound)]
	for _, l := range shown {
		t.line("- " + code(l.String()))
	}
	t.more(len(all)-len(shown), "gaps", "json")
}

func (t *ticket) changes() {
	ch := t.options.Changes
	if ch == nil {
		return
	}
	t.line("\n## Since " + stamp(ch.Since) + " UTC\n")
	t.line(changesText(ch))
	for _, part := range ch.parts() {
		if len(part.changes) == 0 || part.title == "Open" {
			continue
		}
		t.line("\n### " + part.title + "\n")
		shown := part.changes[:min(len(part.changes), ticketBound)]
		for _, c := range shown {
			t.line("- " + code(c.who(t.several())) + " " + prose(c.text()))
		}
		t.more(len(part.changes)-len(shown), "changes", "json")
	}
}

func (t *ticket) counts() {
	s := t.audit.Summary()
	t.line("\n## Counts\n")
	t.line("- Findings: " + outcomesText(s))
	t.line("- Users: " + usersText(t.audit))
	t.line("- Factors: " + code(factorsText(s)))
}

// code is a text in a code span, where nothing is markup (CommonMark 6.1). Its
// fence is longer than any in the text. A bar would end the cell of a table: it
// is escaped, and kept apart from a backslash that would undo that (GitHub
// Flavored Markdown, tables).
func code(s string) string {
	s = strings.TrimSpace(plain(s))
	if s == "" {
		return ""
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\|`, `\ |`), "|", `\|`)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// prose is a text as it is where nothing in it could be markup to any dialect,
// else a code span.
func prose(s string) string {
	runes := []rune(s)
	for i, r := range runes {
		last := i == len(runes)-1
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)), strings.ContainsRune(" ,;()'\"?", r):
		case r == '-' && i > 0 && !last && unicode.IsLetter(runes[i+1]): // in a word, not a list, a rule or a ticket's number
		case strings.ContainsRune(".:", r) && i > 0 && (last || runes[i+1] == ' '): // ends a sentence, not www.
		default:
			return code(s)
		}
	}
	if strings.HasPrefix(s, " ") || s != "" && unicode.IsDigit(runes[0]) && strings.ContainsAny(s, ".)") { // a block of code, or a list
		return code(s)
	}
	return s
}

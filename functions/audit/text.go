package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// What a message holds at most: a person reads no more, and SNS takes 256 KiB.
const (
	maxListed  = 20
	maxSubject = 99 // SNS takes less than 100 characters (SNS API reference, Publish)
	maxSMS     = 306
	maxName    = 80
	maxDetail  = 300
)

// subject is the summary in one line of ASCII.
func (s summary) subject() string {
	return cut(ascii("MFA audit of "+s.named(40)+": "+s.news()), maxSubject)
}

// news is what changed, in a few words.
func (s summary) news() string {
	if !s.first && !s.changed() {
		return "unchanged, " + count(len(s.changes.Open), "failure", "failures")
	}
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, text))
		}
	}
	add(len(s.changes.New), "new "+plural(len(s.changes.New), "failure", "failures")+s.worst())
	add(len(s.changes.Resolved)+len(s.changes.Gone), "resolved")
	add(len(s.changes.Lost), "not known any more")
	if len(parts) == 0 {
		return "no failure"
	}
	return strings.Join(parts, ", ")
}

func (s summary) worst() string {
	if v := s.severity(); v >= audit.High {
		return " (worst " + v.String() + ")"
	}
	return ""
}

// named is what is audited, as people call it.
func (s summary) named(n int) string {
	if s.audit.Organization != "" || len(s.audit.Accounts) == 0 {
		return s.about()
	}
	return named(s.audit.Accounts[0], n)
}

func named(a posture.Account, n int) string {
	if name := cmp.Or(a.Name, a.Alias); name != "" {
		return harmless(name, n) + " (" + a.Account + ")"
	}
	return a.Account
}

// text is the summary for a person.
func (s summary) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("MFA audit of %s%s, facts as of %s", s.named(maxName), s.size(), s.audit.TakenAt().UTC().Format("2 January 2006 15:04 UTC"))
	line("\n%s", report.Headline(s.audit))
	if !s.first && !s.changed() {
		line("\nNothing changed since %s. This is a reminder of what is open.", s.changes.Since.UTC().Format(time.DateOnly))
		s.list(line, "Open, the worst first", s.changes.Open)
	}
	s.list(line, "New failures, the worst first", s.changes.New)
	s.list(line, "Failed before, and cannot be told now", s.changes.Lost)
	if n := len(s.changes.Resolved) + len(s.changes.Gone); n > 0 {
		line("\nResolved: %d (of which %d because who or what failed is not there any more).", n, len(s.changes.Gone))
	}
	if n := len(s.changes.Open); n > 0 && s.changed() {
		line("\nOpen since before: %d.", n)
	}
	s.missing(line)
	line("\nThe report: %s", s.uri)
	return b.String()
}

func (s summary) size() string {
	if s.audit.Organization == "" {
		return ""
	}
	return " (" + count(len(s.audit.Accounts), "account", "accounts") + ")"
}

// list lists changes, the worst first.
func (s summary) list(line func(string, ...any), title string, changes []report.Change) {
	worst := worstFirst(changes)
	bounded(line, title, len(worst), func(i int) string {
		c := worst[i]
		return fmt.Sprintf("%s %s: %s: %s", strings.ToUpper(c.Severity.String()), c.Check, s.who(c), harmless(cmp.Or(c.Reason, c.Detail), maxDetail))
	})
}

func worstFirst(changes []report.Change) []report.Change {
	worst := slices.Clone(changes)
	slices.SortStableFunc(worst, func(a, b report.Change) int { return cmp.Compare(b.Severity, a.Severity) })
	return worst
}

// subjects are the kinds of subjects in a person's words.
var subjects = map[audit.SubjectKind]string{
	audit.AccountSubject: "the account", audit.RootSubject: "root", audit.UserSubject: "user", audit.RoleSubject: "role", audit.DeviceSubject: "MFA device", audit.ExemptionSubject: "exemption",
}

func (s summary) who(c report.Change) string {
	text := subjects[c.Subject.Kind]
	if c.Subject.Kind != audit.AccountSubject && c.Subject.Kind != audit.RootSubject {
		text += ` "` + harmless(cmp.Or(c.Subject.Name, c.Subject.ID, c.Subject.ARN), maxName) + `"`
	}
	if s.audit.Organization == "" {
		return text
	}
	return text + " in " + s.account(c.Account)
}

func (s summary) account(id string) string {
	for _, a := range s.audit.Accounts {
		if a.Account == id {
			return named(a, maxName)
		}
	}
	return id
}

// missing says what could not be read: whole accounts with the reason, and of
// the others the IAM actions that were missing, and in how many.
func (s summary) missing(line func(string, ...any)) {
	var shut []posture.Account
	accounts, reasons := map[string]map[string]bool{}, map[string]string{}
	for _, a := range s.audit.Accounts {
		if unread(a) {
			shut = append(shut, a)
			continue
		}
		for _, g := range a.Gaps {
			if accounts[g.Action] == nil {
				accounts[g.Action], reasons[g.Action] = map[string]bool{}, g.Reason
			}
			accounts[g.Action][a.Account] = true
		}
	}
	bounded(line, "Accounts that could not be read", len(shut), func(i int) string {
		return fmt.Sprintf("%s, all of it (%s)", named(shut[i], maxName), harmless(why(shut[i]), maxDetail))
	})
	often := slices.SortedFunc(maps.Keys(accounts), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(accounts[b]), len(accounts[a])), cmp.Compare(a, b))
	})
	bounded(line, "IAM actions that were missing", len(often), func(i int) string {
		return fmt.Sprintf("%s in %s (%s)", often[i], count(len(accounts[often[i]]), "account", "accounts"), harmless(reasons[often[i]], maxDetail))
	})
}

// why is the reason for which an account could not be read.
func why(a posture.Account) string {
	for _, g := range a.Gaps {
		if g.Fact == audit.FactUsers && g.Subject == "" {
			return g.Action + ": " + g.Reason
		}
	}
	return "not known"
}

// bounded lists the first n items, as many as a person reads.
func bounded(line func(string, ...any), title string, n int, item func(i int) string) {
	if n == 0 {
		return
	}
	line("\n%s:", title)
	for i := range min(n, maxListed) {
		line("- %s", item(i))
	}
	if n > maxListed {
		line("- and %d more", n-maxListed)
	}
}

// document is the summary for machines: counts, and where the rest is.
type document struct {
	Schema    string         `json:"schema"`
	About     string         `json:"about"` // account or organisation
	Accounts  int            `json:"accounts"`
	Why       string         `json:"why"` // first, changed, reminder
	TakenAt   time.Time      `json:"taken_at"`
	Severity  audit.Severity `json:"severity"`
	Headline  string         `json:"headline"`
	New       int            `json:"new"`
	Resolved  int            `json:"resolved"`
	Gone      int            `json:"gone"`
	Lost      int            `json:"lost"`
	Open      int            `json:"open"`
	ReportURI string         `json:"report"`
}

// summarySchema names the form of a summary's JSON.
const summarySchema = "mfawatch/audit-summary/v1"

func (s summary) document() document {
	c := s.changes
	return document{
		Schema: summarySchema, About: s.about(), Accounts: len(s.audit.Accounts), Why: s.why(), TakenAt: s.audit.TakenAt(), Severity: s.severity(),
		Headline: report.Headline(s.audit), New: len(c.New), Resolved: len(c.Resolved), Gone: len(c.Gone), Lost: len(c.Lost), Open: len(c.Open), ReportURI: s.uri,
	}
}

// chat is the form that Amazon Q Developer in chat applications shows, the only
// one it does (administrator guide, custom notifications).
func (s summary) chat() string {
	return encode(map[string]any{"version": "1.0", "source": "custom", "content": map[string]any{
		"textType": "client-markdown", "title": s.subject(), "description": cut(s.text(), 4000),
	}})
}

// body has a form for each protocol: machines get JSON, people text (SNS API
// reference, Publish, MessageStructure).
func (s summary) body() string {
	short := cut(ascii(s.subject()+". "+s.uri), maxSMS)
	return encode(map[string]string{"default": encode(s.document()), "email": s.text(), "email-json": short, "sms": short, "https": s.chat()})
}

// encode writes maps, texts and numbers, which cannot fail.
func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

func count(n int, one, many string) string { return fmt.Sprintf("%d %s", n, plural(n, one, many)) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

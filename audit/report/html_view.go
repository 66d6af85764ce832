package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// htmlView is what the page shows also to readers without its script.
type htmlView struct {
	Kind, Title      string
	Headline, Doubts string
	Tone             string
	Meta             []htmlFact
	Figures          []htmlFigure
	Factors          []htmlFactor
	FactorNote       string
	Accounts         []htmlAccount
	People           []*htmlPerson // the worst
	PeopleTotal      int
	Checks           []htmlCheckRow
	Framework        string
	Gaps             []htmlGap
	Exemptions       []htmlExemption
	Changes          []htmlChanges
	Changed          bool   // a previous audit was given
	Since            string // when that was taken
	Several          bool   // accounts

	data *htmlData
}

// htmlFact is a line about the audit itself.
type htmlFact struct{ Name, Value string }

// htmlWorst is how many rows are there without the script.
const htmlWorst = 50

func newHTMLView(a Audit, o AuditOptions) *htmlView {
	d := newHTMLData(a)
	s := a.Summary()
	h := htmlCount(a)
	v := &htmlView{
		Kind: auditKind(a), Title: htmlTitle(a), Meta: htmlMeta(a, o), Figures: htmlFigures(s, h), Factors: h.mix(s), FactorNote: h.note(),
		Accounts: htmlAccounts(a), PeopleTotal: len(d.People), People: d.People[:min(len(d.People), htmlWorst)],
		Checks: htmlCheckRows(a, s, d), Framework: htmlFrameworkLabel(d.Chosen), Gaps: htmlGaps(a), Exemptions: htmlExemptions(a),
		Changes: htmlAllChanges(o.Changes), Changed: o.Changes != nil, Since: htmlSince(o.Changes), Several: len(a.Accounts) > 1, data: d,
	}
	var t tone
	v.Headline, v.Doubts, t = htmlHeadline(a, s, h)
	v.Tone = []string{doubtful: "doubtful", alarming: "alarming", calming: "calming"}[t]
	return v
}

func htmlTitle(a Audit) string {
	switch {
	case a.Organization != "":
		return "Organisation " + plain(a.Organization)
	case len(a.Accounts) != 1:
		return htmlMany(len(a.Accounts), "account", "accounts")
	}
	title := "Account " + plain(a.Accounts[0].Account)
	if name := htmlAccountName(a.Accounts[0]); name != "" {
		title += " (" + name + ")"
	}
	return title
}

func htmlMeta(a Audit, o AuditOptions) []htmlFact {
	facts := []htmlFact{}
	if n := len(a.Accounts); n > 1 {
		facts = append(facts, htmlFact{"Accounts", thousands(n)})
	}
	facts = append(facts, htmlFact{"Taken", htmlTime(a.TakenAt())}, htmlFact{"Credential report", htmlReportAge(a)})
	if o.Version != "" {
		facts = append(facts, htmlFact{"mfawatch", plain(o.Version)})
	}
	return facts
}

// htmlReportAge is the age of the oldest report. One that was not read, or that
// does not say when it was made, is no young one.
func htmlReportAge(a Audit) string {
	var oldest time.Duration
	dated := 0
	for _, account := range a.Accounts {
		if !account.ReportMade.IsZero() {
			dated++
			oldest = max(oldest, account.TakenAt.Sub(account.ReportMade))
		}
	}
	text := audit.Age(oldest) + " old"
	undated := len(a.Accounts) - dated
	switch {
	case dated == 0:
		return "age not known"
	case len(a.Accounts) > 1:
		text = "the oldest " + text
	}
	if undated > 0 {
		text += "; age not known in " + htmlMany(undated, "account", "accounts")
	}
	return text
}

// htmlAccount is a row of the table of accounts.
type htmlAccount struct {
	Index                      int
	ID, Name, Status, Root     string
	Users, WithoutMFA          int
	Critical, High, Medium     int
	Low, Unknowns, NotKnownMFA int
	Unread                     bool // nothing tells who its users are
}

func htmlAccounts(a Audit) []htmlAccount {
	var rows []htmlAccount
	for i, account := range a.Accounts {
		s := account.Summary
		rows = append(rows, htmlAccount{
			Index: i, ID: plain(account.Account), Name: htmlAccountName(account), Status: strings.ToLower(plain(account.Status)), Root: htmlRootWords[rootState(account)],
			Users: s.Users, WithoutMFA: s.WithoutMFA, NotKnownMFA: s.MFAUnknown,
			Critical: s.BySeverity[audit.Critical], High: s.BySeverity[audit.High], Medium: s.BySeverity[audit.Medium], Low: s.BySeverity[audit.Low],
			Unknowns: s.ByOutcome[audit.Unknown], Unread: htmlUnread(account),
		})
	}
	audit.SortStable(rows, func(a, b htmlAccount) int {
		return cmp.Or(cmp.Compare(b.Critical, a.Critical), cmp.Compare(b.High, a.High), cmp.Compare(b.Medium, a.Medium), cmp.Compare(b.Low, a.Low),
			cmp.Compare(b.Unknowns, a.Unknowns), cmp.Compare(a.ID, b.ID))
	})
	return rows
}

// htmlRootWords say how root of an account stands.
var htmlRootWords = map[string]string{
	"none": "no", "unknown": "not known", "exempt": "exempt", "soft": "yes, not hardware", "kind": "yes, kind not known",
	"mfa": "yes", "notapp": "yes, not virtual", "fido": "yes, key or passkey", "hardware": "yes, hardware", "needless": "not needed",
}

// htmlUnread tells that the checks on users had nobody to ask about, because
// the users are not known.
func htmlUnread(a posture.Account) bool {
	return len(a.Findings) == 0 || slices.ContainsFunc(a.Findings, func(f audit.Finding) bool {
		return f.Check == consoleMFACheck && f.Subject.Kind == audit.AccountSubject && f.Outcome == audit.Unknown
	})
}

// htmlCheckRow is a row of the table of checks.
type htmlCheckRow struct {
	Index int
	htmlCheck
	Fail, Unknown, Pass, NotApplicable, Exempt int
	Shown                                      string // control numbers in the chosen framework
	Calls                                      string
}

func htmlCheckRows(a Audit, s posture.Summary, d *htmlData) []htmlCheckRow {
	exempt := map[string]int{}
	for _, account := range a.Accounts {
		for _, f := range account.Findings {
			if f.Exemption != nil {
				exempt[f.Check]++
			}
		}
	}
	var rows []htmlCheckRow
	for i, c := range d.Checks {
		n := s.ByCheck[c.ID]
		rows = append(rows, htmlCheckRow{
			Index: i, htmlCheck: c, Fail: n[audit.Fail], Unknown: n[audit.Unknown], Pass: n[audit.Pass],
			NotApplicable: n[audit.NotApplicable] - exempt[c.ID], Exempt: exempt[c.ID],
			Shown: strings.Join(c.Controls[d.Chosen], ", "), Calls: htmlCalls(c.ID),
		})
	}
	return rows
}

func htmlCalls(check string) string {
	for _, c := range posture.Checks() {
		if c.ID == check {
			return strings.Join(c.Evidence, ", ")
		}
	}
	return ""
}

// htmlExemption is a failure that somebody accepted, or one that ended or is
// nobody's.
type htmlExemption struct {
	Who, Account, Checks  string
	Owner, Reason, Ticket string
	Expires, Left, State  string
	Why                   string // of one that exempts nobody
	Turned                int    // failures it turned away

	ends time.Time
}

// htmlExemptions lists those in use, soonest ending first, after those that
// the checks on exemptions fail.
func htmlExemptions(a Audit) []htmlExemption {
	var rows []htmlExemption
	at := map[string]int{}
	for _, account := range a.Accounts {
		for _, f := range account.Findings {
			if f.Subject.Kind == audit.ExemptionSubject && f.Outcome == audit.Fail {
				rows = append(rows, htmlEnded(account, f))
			}
			if f.Exemption == nil {
				continue
			}
			key := strings.Join(append([]string{account.Account, f.Exemption.ID}, f.Exemption.Checks...), "\x00")
			if _, seen := at[key]; !seen {
				at[key] = len(rows)
				rows = append(rows, htmlInUse(account, f))
			}
			rows[at[key]].Turned++
		}
	}
	audit.SortStable(rows, func(a, b htmlExemption) int {
		return cmp.Or(a.ends.Compare(b.ends), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Who, b.Who))
	})
	return rows
}

// exemptName is what the account calls somebody of this id.
func exemptName(a posture.Account, id string) string {
	for _, h := range a.Roster {
		if h.ID == id {
			return h.Name
		}
	}
	return ""
}

func htmlInUse(a posture.Account, f audit.Finding) htmlExemption {
	e := f.Exemption
	return htmlExemption{
		Who: plain(cmp.Or(f.Subject.Name, e.ID)), Account: plain(a.Account), Checks: plain(cmp.Or(strings.Join(e.Checks, ", "), "all")),
		Owner: plain(e.Owner), Reason: plain(e.Reason), Ticket: plain(e.Ticket), State: "in use",
		Expires: e.Expires.UTC().Format("2 Jan 2006"), Left: htmlLeft(e.Expires.Sub(a.TakenAt)), ends: e.Expires,
	}
}

func htmlLeft(d time.Duration) string {
	if days := int(d / (24 * time.Hour)); days > 0 {
		return htmlMany(days, "day left", "days left")
	}
	return "less than a day left"
}

// htmlEnded is an exemption that its own check fails. The finding of its expiry says
// who gave it and why, be it failed or passed.
func htmlEnded(a posture.Account, f audit.Finding) htmlExemption {
	state := "ended"
	if f.Check == "exemption-unknown" {
		state = "matches nobody"
	}
	id, checks, _ := strings.Cut(f.Subject.ID, "#")
	why, _, _ := htmlGiven(f.Detail)
	row := htmlExemption{Who: plain(cmp.Or(exemptName(a, id), id)), Account: plain(a.Account), Checks: plain(cmp.Or(checks, "all")), Ticket: plain(f.Subject.Name), State: state, Why: plain(why)}
	for _, expiry := range a.Findings {
		if expiry.Check == "exemption-expired" && expiry.Subject == f.Subject {
			_, owner, reason := htmlGiven(expiry.Detail)
			row.Owner, row.Reason = plain(owner), plain(reason)
		}
	}
	return row
}

// htmlGiven takes a finding of an exemption's expiry apart, which ends with
// owner "…", ticket "…", reason "…", the ticket where there is one. Anything else is
// all in why.
func htmlGiven(detail string) (why, owner, reason string) {
	why, given, _ := strings.Cut(detail, "; owner ")
	said := map[string]string{}
	for name := "owner"; name != ""; {
		quoted, err := strconv.QuotedPrefix(given)
		if err != nil {
			return detail, "", ""
		}
		said[name], _ = strconv.Unquote(quoted)
		name, given, _ = strings.Cut(strings.TrimPrefix(given[len(quoted):], ", "), " ")
	}
	return why, said["owner"], said["reason"]
}

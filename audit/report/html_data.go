package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// htmlData is what the page's script reads. Texts and rows of evidence that
// occur again and again are written once and meant by their index.
type htmlData struct {
	Strings    []string         `json:"strings"`
	Evidence   [][]int          `json:"evidence"` // source, time, age, then names and values of facts
	Checks     []htmlCheck      `json:"checks"`
	Frameworks []htmlFramework  `json:"frameworks"`
	Chosen     string           `json:"chosen"` // framework
	Accounts   []htmlAccountRef `json:"accounts"`
	People     []*htmlPerson    `json:"people"`

	strings  map[string]int
	evidence map[string]int
	checks   map[string]int
	judged   map[int]bool // checks that a finding answers
}

// htmlAccountRef names an account; ages are counted from when it was read.
type htmlAccountRef struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Taken time.Time `json:"taken"`
}

// htmlCheck is a check with the controls that its findings carry, by framework.
type htmlCheck struct {
	ID        string              `json:"id"`
	Question  string              `json:"question"`
	Severity  string              `json:"-"`
	Rationale string              `json:"-"`
	Console   []string            `json:"console"`
	CLI       []string            `json:"cli"`
	Elsewhere []string            `json:"elsewhere,omitempty"`
	Controls  map[string][]string `json:"controls"`

	remediation string
}

// htmlPerson is a row of the list: root, a user, or another subject of a
// finding, for which the answers about passwords and devices are empty.
type htmlPerson struct {
	Kind     audit.SubjectKind  `json:"k"`
	Account  int                `json:"a"`
	ID       string             `json:"i"`
	Name     string             `json:"n"`
	ARN      string             `json:"r"`
	Password posture.Known      `json:"p,omitempty"`
	Key      posture.Known      `json:"y,omitempty"`
	Admin    posture.Known      `json:"d,omitempty"`
	MFA      posture.Known      `json:"m,omitempty"`
	Factors  []audit.FactorKind `json:"f,omitempty"`
	Complete bool               `json:"c,omitempty"`
	SignedIn string             `json:"s,omitempty"`
	Worst    audit.Severity     `json:"w"`
	Failures int                `json:"b"`
	Unknowns int                `json:"u"`
	Risk     int                `json:"z"`
	Findings [][]any            `json:"x"` // check, outcome, severity, detail, evidence, the rest by name

	failing []string // the questions that failed, for readers without the script
}

// Label is the name a row is shown by. An exemption's name is its ticket, so it
// goes by the id it is for.
func (p *htmlPerson) Label() string {
	if p.Kind == audit.ExemptionSubject {
		return cmp.Or(p.ID, p.Name, "(not named)")
	}
	return cmp.Or(p.Name, p.ARN, p.ID, "(not named)")
}

// Failing names the checks that failed.
func (p *htmlPerson) Failing() string { return strings.Join(p.failing, ", ") }

// SignedDay is the day of the last sign-in that is known.
func (p *htmlPerson) SignedDay() string {
	day, _, _ := strings.Cut(p.SignedIn, "T")
	return day
}

// FactorNames words the devices that are known.
func (p *htmlPerson) FactorNames() string {
	var names []string
	for _, kind := range p.Factors {
		names = append(names, htmlFactorLabel(kind))
	}
	return strings.Join(names, ", ")
}

func newHTMLData(a Audit) *htmlData {
	d := &htmlData{
		Strings: []string{}, Evidence: [][]int{}, Frameworks: []htmlFramework{}, People: []*htmlPerson{},
		strings: map[string]int{}, evidence: map[string]int{}, checks: map[string]int{}, judged: map[int]bool{},
	}
	for _, c := range posture.Checks() {
		d.check(c)
	}
	for i, account := range a.Accounts {
		d.Accounts = append(d.Accounts, htmlAccountRef{plain(account.Account), htmlAccountName(account), account.TakenAt.UTC()})
		d.account(i, account)
	}
	d.frameworks()
	audit.SortStable(d.People, htmlRiskier)
	return d
}

// htmlAccountName is the account's name in its organisation, else its alias.
func htmlAccountName(a posture.Account) string { return plain(cmp.Or(a.Name, a.Alias)) }

// htmlRiskier is the order of an account's roster, over accounts, but that of
// equal failures the one with more unknowns comes first: it may be worse.
func htmlRiskier(a, b *htmlPerson) int {
	return cmp.Or(cmp.Compare(b.Worst, a.Worst), cmp.Compare(b.Risk, a.Risk), cmp.Compare(b.Unknowns, a.Unknowns), cmp.Compare(b.SignedIn, a.SignedIn),
		cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}

func (d *htmlData) check(c posture.Check) int {
	i, known := d.checks[c.ID]
	if !known {
		i = len(d.Checks)
		d.checks[c.ID] = i
		d.Checks = append(d.Checks, htmlCheck{
			ID: c.ID, Question: cmp.Or(c.Question, c.ID), Severity: c.Severity.String(), Rationale: c.Rationale, Console: list(c.Remediation.Console), Elsewhere: c.Remediation.Elsewhere,
			CLI: list(pasteable(c.Remediation.CLI)), Controls: map[string][]string{}, remediation: c.Remediation.String(),
		})
	}
	return i
}

// account adds the roster, and a row for each other subject.
func (d *htmlData) account(index int, a posture.Account) {
	rows := map[audit.Subject]*htmlPerson{}
	for _, h := range a.Roster {
		p := htmlHolder(index, h)
		rows[h.Subject] = p
		d.People = append(d.People, p)
	}
	for _, f := range a.Findings {
		p := rows[f.Subject]
		if p == nil {
			p = htmlSubject(index, f.Subject)
			rows[f.Subject] = p
			d.People = append(d.People, p)
		}
		d.finding(p, f, a.TakenAt)
	}
}

func htmlSubject(account int, s audit.Subject) *htmlPerson {
	return &htmlPerson{Kind: s.Kind, Account: account, ID: plain(s.ID), Name: plain(s.Name), ARN: plain(s.ARN), Findings: [][]any{}}
}

func htmlHolder(account int, h posture.Holder) *htmlPerson {
	p := htmlSubject(account, h.Subject)
	p.Password, p.Key, p.Admin, p.MFA = h.Password, h.AccessKey, h.Admin, h.MFA
	p.Factors, p.Complete = h.Factors, h.Complete
	p.Worst, p.Failures, p.Unknowns, p.Risk = h.Worst, h.Failures, h.Unknowns, h.Risk
	if !h.SignedIn.IsZero() {
		p.SignedIn = h.SignedIn.UTC().Format(time.RFC3339)
	}
	return p
}

// htmlWeights are those by which posture ranks people.
var htmlWeights = map[audit.Severity]int{audit.Critical: 1000, audit.High: 100, audit.Medium: 10, audit.Low: 1}

// weigh counts a finding of a subject that no roster has counted.
func (p *htmlPerson) weigh(f audit.Finding) {
	switch f.Outcome {
	case audit.Fail:
		p.Failures++
		p.Risk += htmlWeights[f.Severity]
		p.Worst = max(p.Worst, f.Severity)
	case audit.Unknown:
		p.Unknowns++
	}
}

func (d *htmlData) finding(p *htmlPerson, f audit.Finding, taken time.Time) {
	if p.MFA == "" {
		p.weigh(f)
	}
	check := d.check(posture.Check{ID: f.Check, Severity: f.Severity})
	if f.Outcome == audit.Fail {
		p.failing = append(p.failing, d.Checks[check].ID)
	}
	if !d.judged[check] { // every finding of a check carries the same
		d.judged[check] = true
		d.control(check, f.Controls)
	}
	row := []any{check, int(f.Outcome), int(f.Severity), d.text(f.Detail), d.allEvidence(f.Evidence)}
	if rest := d.rest(check, f, taken); len(rest) > 0 {
		row = append(row, rest)
	}
	p.Findings = append(p.Findings, row)
}

// rest is what few findings have: IAM actions that would tell, an exemption,
// when it was first seen, a remediation that is not the check's.
func (d *htmlData) rest(check int, f audit.Finding, taken time.Time) map[string]any {
	rest := map[string]any{}
	if actions := htmlActions(f.Missing); len(actions) > 0 {
		texts := []int{}
		for _, action := range actions {
			texts = append(texts, d.text(action))
		}
		rest["allow"] = texts
	}
	if f.Exemption != nil {
		rest["exempt"] = true
	}
	if !f.FirstSeen.IsZero() && f.FirstSeen.Before(taken) {
		rest["since"] = d.text(htmlTime(f.FirstSeen) + ", " + audit.Age(taken.Sub(f.FirstSeen)) + " before this audit")
	}
	if f.Remediation != "" && f.Remediation != d.Checks[check].remediation {
		rest["todo"] = d.text(f.Remediation)
	}
	return rest
}

// htmlActions are the IAM actions of gaps, once each.
func htmlActions(gaps []audit.Gap) []string {
	var actions []string
	for _, g := range gaps {
		if g.Action != "" && !slices.Contains(actions, g.Action) {
			actions = append(actions, g.Action)
		}
	}
	return actions
}

func (d *htmlData) text(s string) int {
	s = plain(s)
	i, known := d.strings[s]
	if !known {
		i = len(d.Strings)
		d.strings[s] = i
		d.Strings = append(d.Strings, s)
	}
	return i
}

func (d *htmlData) allEvidence(rows []audit.Evidence) []int {
	indexes := []int{}
	for _, e := range rows {
		row := []int{d.text(e.Source), d.text(htmlTime(e.At)), d.text(e.Age)}
		for _, name := range slices.Sorted(maps.Keys(e.Facts)) {
			row = append(row, d.text(name), d.text(e.Facts[name]))
		}
		indexes = append(indexes, d.oneEvidence(row))
	}
	return indexes
}

func (d *htmlData) oneEvidence(row []int) int {
	key := fmt.Sprint(row)
	i, known := d.evidence[key]
	if !known {
		i = len(d.Evidence)
		d.evidence[key] = i
		d.Evidence = append(d.Evidence, row)
	}
	return i
}

// htmlTime is a time for people, to the minute.
func htmlTime(t time.Time) string {
	if t.IsZero() {
		return "time not known"
	}
	return t.UTC().Format("2 Jan 2006 15:04 UTC")
}

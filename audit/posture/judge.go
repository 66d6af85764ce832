package posture

import (
	"cmp"
	"slices"
	"time"

	"mfawatch/audit"
)

// Account is everything that was judged of one account. The schema's name is
// the report's to write.
type Account struct {
	Account    string          `json:"account"`
	Alias      string          `json:"alias,omitempty"`
	Name       string          `json:"name,omitempty"`   // as its organisation calls it
	Status     string          `json:"status,omitempty"` // in its organisation: ACTIVE, SUSPENDED, …
	Partition  string          `json:"partition"`
	TakenAt    time.Time       `json:"taken_at"`
	ReportMade time.Time       `json:"credential_report_generated,omitzero"`
	Summary    Summary         `json:"summary"`
	Roster     []Holder        `json:"roster"`
	Gaps       []audit.Gap     `json:"gaps"`
	Findings   []audit.Finding `json:"findings"`
}

// Holder is root or an IAM user: who holds which second factor, as far as it is
// known, and how much of what was asked about them failed. The list is ranked,
// the worst risk first, root first among equals.
type Holder struct {
	audit.Subject
	Password  Known              `json:"password"`
	AccessKey Known              `json:"access_key"` // an active one
	Admin     Known              `json:"admin"`
	MFA       Known              `json:"mfa"`
	Factors   []audit.FactorKind `json:"factors"`          // of the devices that are known
	Complete  bool               `json:"factors_complete"` // and there are no others
	SignedIn  time.Time          `json:"last_sign_in,omitzero"`
	Worst     audit.Severity     `json:"worst"` // of the failures; info without any
	Failures  int                `json:"failures"`
	Unknowns  int                `json:"unknowns"`
	Risk      int                `json:"risk"` // the sum of the failures' weights: critical 1000, high 100, medium 10, low 1
}

// Known is a yes, a no, or unknown.
type Known string

// The values of Known. Unknown is written out: nothing is left empty to be
// taken for a no.
const (
	Yes      Known = "yes"
	No       Known = "no"
	NotKnown Known = "unknown"
)

func (t tri) known() Known {
	switch t {
	case yes:
		return Yes
	case no:
		return No
	}
	return NotKnown
}

// Summary counts. Users are IAM users, without root; Factors counts their
// devices and root's, as far as they are known.
type Summary struct {
	ByOutcome  map[audit.Outcome]int            `json:"by_outcome"`
	BySeverity map[audit.Severity]int           `json:"failures_by_severity"`
	ByCheck    map[string]map[audit.Outcome]int `json:"by_check"`
	Exempt     int                              `json:"exempt"`

	Users             int                      `json:"users"`
	Console           int                      `json:"console_users"` // users with a password
	ConsoleWithoutMFA int                      `json:"console_users_without_mfa"`
	ConsoleUnknown    int                      `json:"console_users_mfa_unknown"` // or password unknown
	WithoutMFA        int                      `json:"users_without_mfa"`
	MFAUnknown        int                      `json:"users_mfa_unknown"`
	Admins            int                      `json:"administrators"`
	AdminsWithoutMFA  int                      `json:"administrators_without_mfa"`
	Factors           map[audit.FactorKind]int `json:"factors"`
}

// Judge evaluates a snapshot and counts what came of it.
func Judge(s audit.Snapshot, rules Rules) Account {
	a := look(&s, rules.settle())
	findings := a.evaluate()
	judged := Account{
		Account: s.Account, Alias: s.Alias, Partition: s.Partition, TakenAt: s.TakenAt,
		Roster: a.roster(findings), Gaps: slices.Clone(s.Gaps), Findings: findings,
	}
	if s.Report != nil {
		judged.ReportMade = s.Report.Value.Generated
	}
	if judged.Gaps == nil {
		judged.Gaps = []audit.Gap{}
	}
	judged.Summary = summarise(judged)
	return judged
}

func (a *account) roster(findings []audit.Finding) []Holder {
	all := []Holder{a.holder(&a.root)}
	all[0].Admin = Yes
	for _, p := range a.people {
		h := a.holder(&p.holder)
		h.Admin = p.admin.answer.known()
		all = append(all, h)
	}
	weigh(all, findings)
	audit.SortStable(all, riskier)
	return all
}

func (a *account) holder(h *holder) Holder {
	kinds := []audit.FactorKind{}
	for _, d := range h.factors.devices {
		kinds = append(kinds, d.Kind())
	}
	slices.Sort(kinds)
	return Holder{
		Subject: h.subject, Password: h.password.answer.known(), AccessKey: h.keys.answer.known(),
		MFA: h.factors.has.known(), Factors: kinds, Complete: h.factors.complete,
		SignedIn: a.lastUse(h.row, "password_last_used").last,
	}
}

// weights make the worst failures of different subjects comparable: a hundred
// small ones do not outrank one that opens the account.
var weights = map[audit.Severity]int{audit.Critical: 1000, audit.High: 100, audit.Medium: 10, audit.Low: 1}

// weigh adds to each holder what failed about them.
func weigh(all []Holder, findings []audit.Finding) {
	at := map[string]*Holder{}
	for i := range all {
		at[all[i].ARN] = &all[i]
	}
	for _, f := range findings {
		h := at[f.Subject.ARN]
		switch {
		case h == nil || f.Subject.ARN == "":
		case f.Outcome == audit.Fail:
			h.Failures++
			h.Risk += weights[f.Severity]
			h.Worst = max(h.Worst, f.Severity)
		case f.Outcome == audit.Unknown:
			h.Unknowns++
		}
	}
}

func riskier(a, b Holder) int {
	return cmp.Or(cmp.Compare(b.Worst, a.Worst), cmp.Compare(b.Risk, a.Risk), rootFirst(a, b), b.SignedIn.Compare(a.SignedIn), cmp.Compare(a.ARN, b.ARN))
}

func rootFirst(a, b Holder) int {
	return cmp.Compare(b.Kind, a.Kind) // "root" sorts after "iam_user"
}

func summarise(j Account) Summary {
	s := NewSummary()
	for _, f := range j.Findings {
		s.Count(f)
	}
	for _, h := range j.Roster {
		for _, kind := range h.Factors {
			s.Factors[kind]++
		}
		if h.Kind == audit.UserSubject {
			s.user(h)
		}
	}
	return s
}

// NewSummary is a summary of nothing, its maps made.
func NewSummary() Summary {
	return Summary{
		ByOutcome: map[audit.Outcome]int{}, BySeverity: map[audit.Severity]int{},
		ByCheck: map[string]map[audit.Outcome]int{}, Factors: map[audit.FactorKind]int{},
	}
}

// Count counts a finding.
func (s *Summary) Count(f audit.Finding) {
	s.ByOutcome[f.Outcome]++
	if s.ByCheck[f.Check] == nil {
		s.ByCheck[f.Check] = map[audit.Outcome]int{}
	}
	s.ByCheck[f.Check][f.Outcome]++
	if f.Outcome == audit.Fail {
		s.BySeverity[f.Severity]++
	}
	if f.Exemption != nil {
		s.Exempt++
	}
}

func (s *Summary) user(h Holder) {
	s.Users++
	add := func(n *int, when bool) {
		if when {
			*n++
		}
	}
	add(&s.Console, h.Password == Yes)
	add(&s.ConsoleWithoutMFA, h.Password == Yes && h.MFA == No)
	add(&s.ConsoleUnknown, h.Password != No && h.MFA == NotKnown || h.Password == NotKnown && h.MFA == No)
	add(&s.WithoutMFA, h.MFA == No)
	add(&s.MFAUnknown, h.MFA == NotKnown)
	add(&s.Admins, h.Admin == Yes)
	add(&s.AdminsWithoutMFA, h.Admin == Yes && h.MFA == No)
}

// Add adds another account's counts.
func (s *Summary) Add(o Summary) {
	addAll(s.ByOutcome, o.ByOutcome)
	addAll(s.BySeverity, o.BySeverity)
	addAll(s.Factors, o.Factors)
	for check, outcomes := range o.ByCheck {
		if s.ByCheck[check] == nil {
			s.ByCheck[check] = map[audit.Outcome]int{}
		}
		addAll(s.ByCheck[check], outcomes)
	}
	s.Exempt += o.Exempt
	s.Users += o.Users
	s.Console += o.Console
	s.ConsoleWithoutMFA += o.ConsoleWithoutMFA
	s.ConsoleUnknown += o.ConsoleUnknown
	s.WithoutMFA += o.WithoutMFA
	s.MFAUnknown += o.MFAUnknown
	s.Admins += o.Admins
	s.AdminsWithoutMFA += o.AdminsWithoutMFA
}

func addAll[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

// Of is what was judged by some checks only, counted anew.
func (j Account) Of(checks ...string) Account {
	j.Findings = slices.DeleteFunc(slices.Clone(j.Findings), func(f audit.Finding) bool { return !slices.Contains(checks, f.Check) })
	j.Roster = slices.Clone(j.Roster)
	for i := range j.Roster {
		h := &j.Roster[i]
		h.Worst, h.Failures, h.Unknowns, h.Risk = audit.Info, 0, 0, 0
	}
	weigh(j.Roster, j.Findings)
	audit.SortStable(j.Roster, riskier)
	j.Summary = summarise(j)
	return j
}

// EnforcementChecks are the checks that ask whether a second factor is enforced.
func EnforcementChecks() []string {
	return []string{idEnforced, idEnforcedKeys, idTampering, idRoleTrust}
}

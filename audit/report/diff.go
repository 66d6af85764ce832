package report

import (
	"cmp"
	"slices"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// Changes is what two audits of the same accounts tell together. Only failures
// change: what never failed is in no list. A failure that cannot be told any
// more is lost, never resolved.
type Changes struct {
	Since    time.Time `json:"since"`    // when the earlier audit was taken
	New      []Change  `json:"new"`      // fails now and did not before
	Open     []Change  `json:"open"`     // failed before and fails still
	Resolved []Change  `json:"resolved"` // failed before; passes or does not apply now
	Gone     []Change  `json:"gone"`     // failed before, and its subject is not there any more
	Lost     []Change  `json:"lost"`     // failed before, and cannot be told now
}

// Absent stands in a Change for the outcome of a subject that is not there.
const Absent = "absent"

// Change is a failure of one of the two audits and what the other one says.
type Change struct {
	Account   string         `json:"account"`
	Check     string         `json:"check"`
	Subject   audit.Subject  `json:"subject"`
	Was       string         `json:"was"` // an outcome, or absent
	Now       string         `json:"now"`
	Severity  audit.Severity `json:"severity"` // of the failure
	Detail    string         `json:"detail"`   // of now; where nothing is said now, of the failure
	FirstSeen time.Time      `json:"first_seen,omitzero"`
	Age       string         `json:"age,omitempty"`    // since first seen
	Reason    string         `json:"reason,omitempty"` // why it is lost or gone
}

// Diff compares an audit with an earlier one. A finding is known again by
// account, check and the subject's id; by its ARN where one of the two audits
// could not read the id. A user who was deleted and made again is another one.
func Diff(now, before Audit) Changes {
	ch := Changes{Since: before.TakenAt(), New: []Change{}, Open: []Change{}, Resolved: []Change{}, Gone: []Change{}, Lost: []Change{}}
	then, today := indexed(before), indexed(now)
	for i := range now.Accounts {
		account := &now.Accounts[i]
		for j := range account.Findings {
			f := &account.Findings[j]
			ch.add(account, f, then.find(account.Account, f), then.taken(account.Account))
		}
	}
	for i := range before.Accounts {
		account := &before.Accounts[i]
		for j := range account.Findings {
			if f := &account.Findings[j]; f.Outcome == audit.Fail && today.find(account.Account, f) == nil {
				ch.missing(today, account, f)
			}
		}
	}
	return ch
}

// add files a finding of now, with the earlier one or nil.
func (ch *Changes) add(account *posture.Account, f, was *audit.Finding, last time.Time) {
	failed := was != nil && was.Outcome == audit.Fail
	if f.Outcome != audit.Fail && !failed {
		return
	}
	c := Change{
		Account: account.Account, Check: f.Check, Subject: f.Subject, Was: Absent, Now: f.Outcome.String(),
		Severity: f.Severity, Detail: f.Detail, FirstSeen: since(account, f, was, last),
	}
	if was != nil {
		c.Was = was.Outcome.String()
	}
	if f.Outcome != audit.Fail {
		c.Severity, c.FirstSeen = was.Severity, seen(was, last)
	}
	c.Age = age(account.TakenAt, c.FirstSeen)
	switch {
	case f.Outcome == audit.Unknown:
		c.Reason = "it cannot be told now"
		ch.Lost = append(ch.Lost, c)
	case f.Outcome != audit.Fail:
		ch.Resolved = append(ch.Resolved, c)
	case failed:
		ch.Open = append(ch.Open, c)
	default:
		ch.New = append(ch.New, c)
	}
}

// missing files an earlier failure of which nothing is said now.
func (ch *Changes) missing(today index, account *posture.Account, f *audit.Finding) {
	c := Change{
		Account: account.Account, Check: f.Check, Subject: f.Subject, Was: f.Outcome.String(), Now: Absent,
		Severity: f.Severity, Detail: f.Detail, FirstSeen: seen(f, account.TakenAt), Reason: today.silence(account.Account, f),
	}
	if a := today.accounts[account.Account]; a != nil {
		c.Age = age(a.TakenAt, c.FirstSeen)
	}
	if c.Reason != "" {
		ch.Lost = append(ch.Lost, c)
		return
	}
	c.Reason = "the " + subjectWords[f.Subject.Kind] + " is not there any more"
	ch.Gone = append(ch.Gone, c)
}

// SetFirstSeen says of every failure since when it is known: since the earlier
// audit or what that one knew, else since this one. A failure that the earlier
// audit could not tell, but the one before it had, keeps its age.
func (a *Audit) SetFirstSeen(before *Audit) {
	var then index
	if before != nil {
		then = indexed(*before)
	}
	for i := range a.Accounts {
		account := &a.Accounts[i]
		for j := range account.Findings {
			f := &account.Findings[j]
			f.FirstSeen = since(account, f, then.find(account.Account, f), then.taken(account.Account))
		}
	}
}

// since is when what fails now was first seen to fail. What cannot be told now
// hands on what was known.
func since(account *posture.Account, f, was *audit.Finding, last time.Time) time.Time {
	switch {
	case f.Outcome != audit.Fail && f.Outcome != audit.Unknown:
		return time.Time{}
	case was != nil && was.Outcome == audit.Fail:
		return seen(was, last)
	case was != nil && was.Outcome == audit.Unknown && !was.FirstSeen.IsZero():
		return was.FirstSeen
	case f.Outcome == audit.Unknown:
		return time.Time{}
	}
	return account.TakenAt
}

// seen is when an earlier failure was first seen: at the latest then.
func seen(was *audit.Finding, last time.Time) time.Time {
	if was.FirstSeen.IsZero() {
		return last
	}
	return was.FirstSeen
}

func age(at, first time.Time) string {
	if first.IsZero() || at.IsZero() {
		return ""
	}
	return audit.Age(at.Sub(first))
}

// place is where a finding is in an audit: id is the subject's id or its ARN.
type place struct{ account, check, id string }

// index finds the findings of an audit again.
type index struct {
	accounts map[string]*posture.Account
	byID     map[place]*audit.Finding
	byARN    map[place]*audit.Finding
	unlisted map[string]bool // the accounts whose users are known from the credential report only, if at all
}

func indexed(a Audit) index {
	x := index{map[string]*posture.Account{}, map[place]*audit.Finding{}, map[place]*audit.Finding{}, map[string]bool{}}
	for i := range a.Accounts {
		account := &a.Accounts[i]
		x.accounts[account.Account], x.unlisted[account.Account] = account, withoutList(account)
		for j := range account.Findings {
			f := &account.Findings[j]
			x.byID[place{account.Account, f.Check, identity(f.Subject)}] = f
			if f.Subject.ARN != "" {
				x.byARN[place{account.Account, f.Check, f.Subject.ARN}] = f
			}
		}
	}
	return x
}

// withoutList tells whether nobody listed the users: only the list knows their
// ids, and a report leaves out whoever is newer.
func withoutList(a *posture.Account) bool {
	return slices.ContainsFunc(a.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactUsers && g.Subject == "" }) ||
		slices.ContainsFunc(a.Roster, func(h posture.Holder) bool { return h.Kind == audit.UserSubject && h.ID == "" })
}

// identity is what tells a subject from every other one of its account.
func identity(s audit.Subject) string {
	for _, text := range []string{s.ID, s.ARN, s.Name} {
		if text != "" {
			return text
		}
	}
	return string(s.Kind)
}

// find gives the finding of the same check about the same subject, or nil.
func (x index) find(account string, f *audit.Finding) *audit.Finding {
	if same := x.byID[place{account, f.Check, identity(f.Subject)}]; same != nil {
		return same
	}
	same := x.byARN[place{account, f.Check, f.Subject.ARN}]
	if same != nil && (same.Subject.ID == "" || f.Subject.ID == "") {
		return same
	}
	return nil
}

// taken is when the account was read, zero where it was not.
func (x index) taken(account string) time.Time {
	if a := x.accounts[account]; a != nil {
		return a.TakenAt
	}
	return time.Time{}
}

// silence is why the audit says nothing of a finding's subject although that may
// still be there; it is empty where the audit saw that it is not.
func (x index) silence(account string, f *audit.Finding) string {
	a := x.accounts[account]
	switch {
	case a == nil:
		return "the account was not audited"
	case len(a.Findings) == 0:
		return "nothing of the account could be judged"
	case f.Subject.Kind == audit.UserSubject && x.unlisted[account]:
		return "the users were not listed, and the credential report may be older than this one"
	}
	whole := x.byID[place{account, f.Check, account}]
	if whole != nil && whole.Subject.Kind == audit.AccountSubject && whole.Outcome == audit.Unknown {
		return cmp.Or(whole.Detail, "it cannot be told now")
	}
	return ""
}

// departed are the findings of the earlier audit whose subjects are certainly
// not there any more, account by account.
func departed(now Audit, before *Audit) map[string][]audit.Finding {
	gone := map[string][]audit.Finding{}
	if before == nil {
		return gone
	}
	today := indexed(now)
	for _, account := range before.Accounts {
		for i := range account.Findings {
			f := &account.Findings[i]
			if today.find(account.Account, f) == nil && today.silence(account.Account, f) == "" {
				gone[account.Account] = append(gone[account.Account], *f)
			}
		}
	}
	return gone
}

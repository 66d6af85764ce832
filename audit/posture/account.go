package posture

import (
	"fmt"
	"slices"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce/reach"
)

// account is a snapshot looked at once: its people and its root, each with what
// every check asks about.
type account struct {
	*audit.Snapshot
	audit.GapIndex
	rules  Rules
	root   holder
	people []*person

	reach      *reach.Account
	controls   map[string][]audit.Control   // by check
	rows       map[string]int               // of the report, by ARN
	live       map[string]bool              // ARNs of the users that exist
	exemptions map[string][]audit.Exemption // by whose they are
	owners     map[string][]int             // places of virtual devices, by their owner's id and by the ARN
}

// holder is whoever may hold a password, keys and factors.
type holder struct {
	subject  audit.Subject
	row      row
	password said
	keys     said
	factors  factors
}

// person is an IAM user. Without a list of users it is a row of the report: then
// user is nil and the immutable id is not known.
type person struct {
	holder
	user     *audit.User
	signIn   use
	admin    admin
	enforced *enforcement // once it is asked
	reached  *reach.User  // what is possible without a second factor, while and after it is
}

func look(s *audit.Snapshot, rules Rules) *account {
	a := &account{
		Snapshot: s, GapIndex: audit.IndexGaps(s.Gaps), rules: rules,
		reach: reach.Look(s), controls: controlsOf(), rows: map[string]int{}, live: map[string]bool{},
		owners: map[string][]int{}, exemptions: map[string][]audit.Exemption{},
	}
	a.index()
	a.root = a.lookAtRoot()
	if s.Users != nil {
		for i := range s.Users.Value {
			u := &s.Users.Value[i]
			subject := audit.Subject{Kind: audit.UserSubject, ID: u.ID, Name: u.Name, ARN: u.ARN}
			a.people = append(a.people, a.person(subject, u, a.rowOf(u)))
			a.live[u.ARN] = true
		}
	}
	if !a.complete() {
		a.people = append(a.people, a.reported()...)
	}
	return a
}

// complete tells whether everybody is known: the users were listed, and nothing
// speaks against the list.
func (a *account) complete() bool { return a.Users != nil && !a.Has(audit.FactUsers, "") }

func (a *account) index() {
	for _, e := range a.rules.Exemptions {
		a.exemptions[e.ID] = append(a.exemptions[e.ID], e)
	}
	if a.VirtualDevices != nil {
		for i, d := range a.VirtualDevices.Value {
			a.owners[d.OwnerID] = append(a.owners[d.OwnerID], i)
			a.owners[d.OwnerARN] = append(a.owners[d.OwnerARN], i)
		}
	}
	if a.Report != nil {
		for i := range a.Report.Value.Rows {
			a.rows[a.Report.Value.Row(i).ARN()] = i
		}
	}
}

// subject is the account itself.
func (a *account) subject() audit.Subject {
	return audit.Subject{Kind: audit.AccountSubject, ID: a.Account, Name: a.Alias}
}

// reported are the users of the report whom no list has.
func (a *account) reported() []*person {
	if a.Report == nil {
		return nil
	}
	var all []*person
	for i := range a.Report.Value.Rows {
		r := a.Report.Value.Row(i)
		if r.User() == audit.RootRow || a.live[r.ARN()] {
			continue
		}
		subject := audit.Subject{Kind: audit.UserSubject, Name: r.User(), ARN: r.ARN()}
		all = append(all, a.person(subject, nil, row{ReportRow: r, made: a.Report.Value.Generated, subject: r.ARN()}))
	}
	return all
}

// rowOf is the user's row of the report. A row made for an earlier user of the
// same name is not theirs: the report knows no immutable id, but when its user
// was made.
func (a *account) rowOf(u *audit.User) row {
	if a.Has(audit.FactCredentialReport, u.ID) { // somebody knows better why none is theirs
		gap := a.Gap(audit.FactCredentialReport, u.ID)
		return row{gap: &gap}
	}
	r := a.rowAt(u.ARN, u.ID, "no row: the user is newer than the report")
	if r.Contradicts(u.Created) {
		gap := r.odd("the row is of an earlier user of this name")
		return row{gap: &gap}
	}
	return r
}

func (a *account) rowAt(arn, subject, without string) row {
	r := row{subject: subject}
	i, exists := a.rows[arn]
	switch {
	case a.Report == nil:
		gap := a.Gap(audit.FactCredentialReport, "")
		r.gap = &gap
	case !exists:
		gap := r.odd(without)
		r.gap = &gap
	default:
		r.ReportRow, r.made = a.Report.Value.Row(i), a.Report.Value.Generated
	}
	return r
}

func (a *account) person(s audit.Subject, u *audit.User, r row) *person {
	var facts audit.User // none read
	if u != nil {
		facts = *u
	}
	p := &person{user: u, holder: holder{subject: s, row: r}}
	p.password = newest(a.profile(facts.LoginProfile, a.Gap(audit.FactLoginProfile, s.ID)), a.cell(r, "password_enabled"))
	p.keys = newest(a.activeKeys(facts.AccessKeys, a.Gap(audit.FactAccessKeys, s.ID)), a.reportedKeys(r))
	p.factors = a.factors(s, facts.MFADevices, a.Gap(audit.FactMFADevices, s.ID), a.cell(r, "mfa_active"))
	p.signIn = a.lastUse(r, "password_last_used")
	p.admin = a.administrator(u)
	return p
}

// activeKeys asks whether the user has an active access key.
func (a *account) activeKeys(list *audit.Read[[]audit.AccessKey], missing audit.Gap) said {
	if list == nil {
		return unsaid(missing)
	}
	s := said{answer: no, at: list.At}
	facts := []string{"access_keys", fmt.Sprint(len(list.Value))}
	for _, k := range list.Value {
		if k.Active {
			s.answer = yes
			facts = append(facts, k.ID, "active")
		}
	}
	s.evidence = a.evidence(list.Call, list.At, facts...)
	return s
}

// reportedKeys asks the report, which tells of two keys: a user can have no
// more (IAM user guide, quotas).
func (a *account) reportedKeys(r row) said {
	first, second := a.cell(r, "access_key_1_active"), a.cell(r, "access_key_2_active")
	s := said{answer: either(first.answer, second.answer), at: r.since(a)}
	s.evidence = append(first.evidence, second.evidence...)
	s.gaps = slices.Concat(first.gaps, second.gaps)
	return s
}

// use is whether something was used, and when last: yes with the time, no for
// never. A yes may still have gaps: something else may have been used later.
type use struct {
	said
	last time.Time
}

// lastUse asks date columns of a row for the youngest date.
func (a *account) lastUse(r row, columns ...string) use {
	if r.gap != nil {
		return use{said: unsaid(*r.gap)}
	}
	var u use
	for _, column := range columns {
		a.readDate(&u, r, column)
	}
	switch {
	case !u.last.IsZero():
		u.answer = yes
	case len(u.gaps) == 0:
		u.answer = no
	}
	return u
}

// readDate reads one date. no_information is never used, N/A that there is
// nothing to use (IAM user guide, getting credential reports).
func (a *account) readDate(u *use, r row, column string) {
	text, exists := r.Text(column)
	if !exists {
		u.gaps = append(u.gaps, r.odd("the report has no column "+column))
		return
	}
	u.evidence = append(u.evidence, a.evidence(reportSource, r.made, column, text)...)
	at, isDate := r.Time(column)
	switch {
	case at.After(u.last):
		u.last = at
	case !isDate && text != "N/A" && text != "no_information":
		u.gaps = append(u.gaps, r.odd(fmt.Sprintf("%s is %q", column, text)))
	}
}

// age is how long before the snapshot something happened.
func (a *account) age(at time.Time) time.Duration { return a.TakenAt.Sub(at) }

// idle tells that something was certainly not used within a time. What was
// never used was used last in the year 1.
func (a *account) idle(u use, within time.Duration) bool {
	return len(u.gaps) == 0 && a.age(u.last) > within
}

// ago words a use of something.
func (a *account) ago(what string, u use) string {
	switch u.answer {
	case yes:
		return "last " + what + " " + span(a.age(u.last)) + " ago"
	case no:
		return "no " + what + " so far"
	}
	return "last " + what + " not known"
}

func span(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return "less than a minute"
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/reach"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// userOf is a user and the account he is in.
type userOf struct {
	account *analysed
	user    *reach.User
}

// accountPlan is what attaching a guardrail would do in one account.
type accountPlan struct {
	account *analysed
	plan    reach.Plan
	what    string
}

// called names an account.
func (a *analysed) called() string {
	text := "account " + a.account.Account
	if name := cmp.Or(a.account.Name, a.account.Alias); name != "" {
		text += " (" + report.Plain(name) + ")"
	}
	return text
}

var byWords = map[enforce.Credential]string{enforce.PasswordNoMFA: "password", enforce.AccessKey: "key"}

// row is one session as the table shows it.
type row struct {
	outcome  audit.Outcome
	severity audit.Severity
	user, by string
	what     string
	because  string
	exempt   string
}

// table prints users worst first, then roles.
func (all enforced) table(t terminal, only []audit.Outcome) error {
	var b strings.Builder
	for i := range all.read {
		all.read[i].table(&b, width(t.out), only)
	}
	for _, x := range all.audit.Accounts {
		if x.Status != "" && len(x.Findings) == 0 {
			fmt.Fprintf(&b, "account %s: nothing was read (%s)\n", x.Account, report.Plain(x.Status))
		}
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

func (a *analysed) table(b *strings.Builder, columns int, only []audit.Outcome) {
	rows := a.rows()
	counts := map[audit.Outcome]int{}
	for _, r := range rows {
		counts[r.outcome]++
	}
	lines := func(format string, args ...any) {
		b.WriteString(wrappedTo(cmp.Or(columns, math.MaxInt), fmt.Sprintf(format, args...), "") + "\n")
	}
	lines("WITHOUT A SECOND FACTOR, %s, as of %s", a.called(), a.account.TakenAt.UTC().Format("2006-01-02 15:04 UTC"))
	b.WriteString("\n")
	lines("%d users, %d sessions: something is possible by %d, perhaps by %d, nothing by %d; %d exempt", len(a.reach.Users), len(rows),
		counts[audit.Fail], counts[audit.Unknown], counts[audit.Pass], counts[audit.NotApplicable])
	doubt := commonDoubt(rows)
	if doubt != "" {
		lines("Why perhaps, where no other reason stands: %s", report.Plain(doubt))
	}
	for _, r := range rows {
		if len(only) > 0 && !slices.Contains(only, r.outcome) {
			continue
		}
		fmt.Fprintf(b, "\n%s  %s  by %s\n", stamp(r.outcome, r.severity), report.Plain(r.user), r.by)
		indented(b, columns, r.what)
		for _, text := range []string{r.because, r.exempt} {
			if text != "" && text != doubt {
				indented(b, columns, text)
			}
		}
	}
	a.roles(b, columns, only)
	b.WriteString("\n")
}

// commonDoubt is the reason for which most of what is not known is not, where it would
// otherwise stand there more than twice: it is said once for all.
func commonDoubt(rows []row) string {
	counts := map[string]int{}
	common, most := "", 2
	for _, r := range rows {
		if r.outcome != audit.Unknown || r.because == "" {
			continue
		}
		if counts[r.because]++; counts[r.because] > most {
			common, most = r.because, counts[r.because]
		}
	}
	return common
}

// stamp is a severity where something is possible, else the outcome.
func stamp(o audit.Outcome, s audit.Severity) string {
	text := map[audit.Outcome]string{audit.Fail: s.String(), audit.Unknown: "unknown", audit.Pass: "held", audit.NotApplicable: "exempt"}[o]
	return fmt.Sprintf("%-8s", text)
}

func indented(b *strings.Builder, columns int, text string) {
	if columns == 0 {
		b.WriteString("          " + report.Plain(text) + "\n")
		return
	}
	for _, line := range strings.Split(ansi.Wrap(report.Plain(text), max(columns-10, 20), ""), "\n") {
		b.WriteString("          " + line + "\n")
	}
}

// rows are the sessions, the worst first.
func (a *analysed) rows() []row {
	var rows []row
	for i := range a.reach.Users {
		u := &a.reach.Users[i]
		for _, s := range u.Sessions {
			rows = append(rows, a.sessionRow(u, s))
		}
	}
	order := map[audit.Outcome]int{audit.Fail: 0, audit.Unknown: 1, audit.Pass: 2, audit.NotApplicable: 3}
	slices.SortStableFunc(rows, func(x, y row) int {
		return cmp.Or(cmp.Compare(order[x.outcome], order[y.outcome]), cmp.Compare(y.severity, x.severity), cmp.Compare(x.user, y.user), cmp.Compare(x.by, y.by))
	})
	return rows
}

// judgedBy is the check that judges each kind of session.
var judgedBy = map[enforce.Credential]string{enforce.PasswordNoMFA: posture.EnforcementChecks()[0], enforce.AccessKey: posture.EnforcementChecks()[1]}

// sessionRow words a session as its finding judged it.
func (a *analysed) sessionRow(u *reach.User, s reach.Session) row {
	f := a.findings[[2]string{judgedBy[s.Credential], u.ARN}]
	if f == nil { // not judged is not known
		f = &audit.Finding{}
	}
	r := row{user: u.Name, by: byWords[s.Credential], outcome: f.Outcome, severity: f.Severity}
	_, open := s.Worst()
	switch {
	case open:
		r.what, r.because = first(s.Open, reach.Yes, 3), statementOf(s.Open[0])
	case s.Anything() == reach.Unknown:
		r.what, r.because = "perhaps "+first(s.Open, reach.Unknown, 3), statementOf(s.Open[0])
	default:
		r.what = "nothing" + holding(u)
	}
	if u.Real(s) == reach.No {
		r.what += "; a device is there, and AWS asks for it at sign-in"
	}
	if u.Real(s) == reach.Unknown {
		r.what += "; whether there is such a credential, or a device that AWS asks for, is not known"
	}
	if s.EnrolFirst != reach.No && s.ThenOpen != reach.No && u.Holds.Device != reach.Yes {
		r.what += "; " + enrolment(u, s)
	}
	if f.Exemption != nil {
		r.exempt = "exempt " + "until " + f.Exemption.Expires.UTC().Format("2006-01-02") + ", owner " + f.Exemption.Owner
	}
	return r
}

// enrolment says what registering the first device means.
func enrolment(u *reach.User, s reach.Session) string {
	text := "whoever has the password registers the first device"
	if s.Credential == enforce.AccessKey {
		text = "but whoever holds the key can register the first device and then has MFA"
	}
	if s.EnrolFirst == reach.Unknown || u.Holds.Device == reach.Unknown {
		text += " (perhaps)"
	}
	return text
}

func holding(u *reach.User) string {
	if len(u.Guards) == 0 {
		return ": no policy allows anything without one"
	}
	return ", held through " + u.Guards[0].Through
}

// first names some of what is possible.
func first(all []reach.Open, can reach.Can, n int) string {
	var some []string
	count := 0
	for _, o := range all {
		if o.Can != can {
			continue
		}
		if count++; len(some) < n {
			some = append(some, o.Text())
		}
	}
	text := strings.Join(some, ", ")
	if count > len(some) {
		text += fmt.Sprintf(", and %d more", count-len(some))
	}
	return text
}

// statementOf says by which statement something is possible, or why it is not known.
func statementOf(o reach.Open) string {
	for _, r := range o.Because {
		if o.Can == reach.Unknown && !r.Certain || o.Can == reach.Yes && r.Effect == enforce.Allow {
			return r.Text
		}
	}
	return reach.Texts(o.Because)
}

// roles prints who gets into roles.
func (a *analysed) roles(b *strings.Builder, columns int, only []audit.Outcome) {
	var found []audit.Finding
	for _, f := range a.account.Findings {
		listed := f.Outcome == audit.Fail || f.Outcome == audit.Unknown
		if f.Subject.Kind == audit.RoleSubject && listed && (len(only) == 0 || slices.Contains(only, f.Outcome)) {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return
	}
	slices.SortStableFunc(found, func(x, y audit.Finding) int {
		return cmp.Or(cmp.Compare(y.Outcome, x.Outcome), cmp.Compare(y.Severity, x.Severity))
	})
	b.WriteString("\nROLES\n")
	for _, f := range found {
		fmt.Fprintf(b, "\n%s  %s\n", stamp(f.Outcome, f.Severity), report.Plain(f.Subject.Name))
		indented(b, columns, f.Detail)
	}
}

// writeUsers explains users whole.
func writeUsers(w io.Writer, all []userOf) error {
	var b strings.Builder
	for _, x := range all {
		u := x.user
		fmt.Fprintf(&b, "%s, %s\n", report.Plain(u.ARN), x.account.called())
		fmt.Fprintf(&b, "password: %s, active access key: %s, second factor: %s\n", u.Holds.Password, u.Holds.AccessKey, u.Holds.Device)
		for _, g := range u.Guards {
			fmt.Fprintf(&b, "asked for a second factor by %s of %s, line %d, through %s\n", cmp.Or(report.Plain(g.Sid), "a statement"), report.Plain(g.Policy), g.Line, report.Plain(g.Through))
		}
		said := map[string]bool{}
		for _, g := range u.Missing {
			said[g.String()] = true
			fmt.Fprintf(&b, "%s\n", report.Plain(g.String()))
		}
		if len(u.Sessions) == 0 {
			b.WriteString("There is no credential: nothing can be done.\n")
		}
		for _, s := range u.Sessions {
			writeSession(&b, u, s, said)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeSession leaves out the reasons that were said of the user already.
func writeSession(b *strings.Builder, u *reach.User, s reach.Session, said map[string]bool) {
	fmt.Fprintf(b, "\nBy %s (held: %s; can be had without a second factor: %s): %d possible or perhaps, %d denied\n", byWords[s.Credential], s.Held, u.Real(s), len(s.Open), s.Denied)
	if s.EnrolFirst != reach.No && u.Holds.Device != reach.Yes {
		fmt.Fprintf(b, "  %s; then something is possible: %s\n", enrolment(u, s), s.ThenOpen)
	}
	for _, o := range s.Open {
		fmt.Fprintf(b, "  %-7s  %-8s  %s on %s: %s\n", o.Can, o.Severity, report.Plain(o.Action), report.Plain(o.Resource), o.Why)
		for _, r := range o.Because {
			if said[r.Text] {
				continue
			}
			fmt.Fprintf(b, "      %s%s\n", report.Plain(r.Text), onLine(r))
		}
		if len(o.Path) > 0 {
			fmt.Fprintf(b, "      through the roles %s\n", report.Plain(strings.Join(o.Path, ", ")))
		}
	}
}

func onLine(r enforce.Reason) string {
	if r.Statement < 0 || r.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", r.Line)
}

// waveWords say what to do in each wave.
var waveWords = map[int]string{
	reach.WaveReady:  "Wave 1: attach now; nothing changes for them",
	reach.WaveEnrol:  "Wave 2: ask them to register a device, then attach; they can still do so afterwards, and nothing else",
	reach.WaveKeys:   "Wave 3: show them sessions with a code (sts:GetSessionToken) for their keys, then attach",
	reach.WaveRepair: "Wave 4: repair first; move programs to roles, give whoever would be locked out a way to enrol, read what is missing",
	0:                "Never: exempt",
}

// effectWords say what each effect is.
var effectWords = map[reach.Effect]string{
	reach.LockedOut: "locked out: signs in to the console, has no device, and could not register one", reach.CannotReset: "locked out: must change the password at sign-in, which is refused without a second factor", reach.LosesWithMFA: "loses something that a second factor does not give back",
	reach.CannotEnrol: "loses something, has no device, and could not register one", reach.NoCodes: "the key works on with a code only, and security keys give none: register a code device, or use aws login",
	reach.KeyBreaks: "a program's key stops working", reach.Undecided: "not known", reach.StillOpen: "something stays possible without a second factor",
	reach.KeyNeedsMFA: "the key works on with a code only", reach.MustEnrol: "must register a device", reach.Ready: "has a device", reach.Enforced: "nothing was possible without a second factor",
	reach.Exempt: "exempt", reach.Unaffected: "has no credential",
}

func writePlans(w io.Writer, all []accountPlan) error {
	var b strings.Builder
	for _, p := range all {
		fmt.Fprintf(&b, "ATTACHING %s to a %s, %s, as of %s\n", report.Plain(p.what), p.plan.Attach, p.account.called(), p.account.account.TakenAt.UTC().Format("2006-01-02 15:04 UTC"))
		if p.plan.NoSCPEffect != "" {
			fmt.Fprintf(&b, "\nIt would do nothing: %s.\n\n", p.plan.NoSCPEffect)
			continue
		}
		for _, wave := range []int{reach.WaveReady, reach.WaveEnrol, reach.WaveKeys, reach.WaveRepair, 0} {
			writeWave(&b, wave, p.plan)
		}
		b.WriteString(undecidedBy(p))
		fmt.Fprintf(&b, "\nRoles that it leaves alone: %d%s.\n", p.plan.Roles, othersLeftAlone(p.plan.Attach))
		if len(p.plan.RolesHit) > 0 {
			fmt.Fprintf(&b, "It BREAKS roles, whose sessions never show a second factor: %s. Limit it to users (aws:PrincipalArn like user/*).\n", report.Plain(strings.Join(p.plan.RolesHit, ", ")))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// undecidedBy names what was not read, where somebody's answer hangs on it. Root's own
// facts decide nothing about users.
func undecidedBy(p accountPlan) string {
	if !slices.ContainsFunc(p.plan.Users, func(u reach.Planned) bool { return slices.Contains(u.Effects, reach.Undecided) }) {
		return ""
	}
	var open []string
	for _, g := range p.account.account.Gaps {
		text := fmt.Sprintf("%s (%s)", g.Fact, g.Action)
		if !strings.HasPrefix(string(g.Fact), "root-") && !slices.Contains(open, text) {
			open = append(open, text)
		}
	}
	if len(open) == 0 {
		return ""
	}
	return "\nNot known, because of what was not read: " + report.Plain(strings.Join(open, ", ")) + ".\n"
}

// othersLeftAlone tells who else has nothing to do with a policy of a group. Sessions
// of GetFederationToken have: they may do no more than the user (STS API reference,
// GetFederationToken).
func othersLeftAlone(attach reach.Attach) string {
	if attach != reach.ToGroup {
		return ""
	}
	return "; users of identity providers and services: all; sessions of sts:GetFederationToken are limited as their user is"
}

func writeWave(b *strings.Builder, wave int, p reach.Plan) {
	var in []reach.Planned
	for _, u := range p.Users {
		if u.Wave == wave {
			in = append(in, u)
		}
	}
	if len(in) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s (%d)\n", waveWords[wave], len(in))
	for _, u := range in {
		var words []string
		for _, e := range u.Effects {
			words = append(words, effectWords[e])
		}
		fmt.Fprintf(b, "  %s: %s\n", report.Plain(u.Name), strings.Join(words, "; "))
		if len(u.Lost) > 0 {
			fmt.Fprintf(b, "    lost with a second factor: %s\n", report.Plain(some(u.Lost, 5)))
		}
		if len(u.LostNoMFA) > 0 && slices.Contains(u.Effects, reach.StillOpen) { // else it is all
			fmt.Fprintf(b, "    lost without one: %s\n", report.Plain(some(u.LostNoMFA, 5)))
		}
		if len(u.Left) > 0 {
			fmt.Fprintf(b, "    left without one: %s\n", report.Plain(first(u.Left, reach.Yes, 3)))
		}
	}
}

func some(all []string, n int) string {
	text := strings.Join(all[:min(len(all), n)], ", ")
	if len(all) > n {
		text += fmt.Sprintf(", and %d more", len(all)-n)
	}
	return text
}

// The forms of JSON.
const (
	userSchema = "mfawatch/enforce-user/v1"
	planSchema = "mfawatch/enforce-plan/v1"
)

type reasonForm struct {
	Layer     enforce.Layer `json:"layer"`
	Policy    string        `json:"policy,omitempty"`
	Sid       string        `json:"sid,omitempty"`
	Statement int           `json:"statement"` // from 1; 0 where none is meant
	Line      int           `json:"line,omitempty"`
	Certain   bool          `json:"certain"`
	Text      string        `json:"text"`
	Source    string        `json:"source,omitempty"`
}

type openForm struct {
	reach.Open
	Because []reasonForm `json:"because"`
}

type sessionForm struct {
	reach.Session
	Real reach.Can  `json:"without_factor"` // whether such a session can be had at all
	Open []openForm `json:"open"`
}

type userForm struct {
	Account string `json:"account"`
	audit.Subject
	Holds    reach.Holds   `json:"holds"`
	Guards   []reach.Guard `json:"guards"`
	Sessions []sessionForm `json:"sessions"`
	Missing  []audit.Gap   `json:"missing"`
}

func openForms(all []reach.Open) []openForm {
	forms := []openForm{}
	for _, o := range all {
		f := openForm{Open: o, Because: []reasonForm{}}
		for _, r := range o.Because {
			f.Because = append(f.Because, reasonForm{r.Layer, r.Policy, r.Sid, r.Statement + 1, r.Line, r.Certain, r.Text, r.Source})
		}
		forms = append(forms, f)
	}
	return forms
}

func encodeUsers(w io.Writer, all []userOf) error {
	forms := []userForm{}
	for _, x := range all {
		f := userForm{Account: x.account.account.Account, Subject: x.user.Subject, Holds: x.user.Holds, Guards: x.user.Guards, Sessions: []sessionForm{}, Missing: x.user.Missing}
		for _, s := range x.user.Sessions {
			f.Sessions = append(f.Sessions, sessionForm{s, x.user.Real(s), openForms(s.Open)})
		}
		forms = append(forms, f)
	}
	return encode(w, struct {
		Schema string     `json:"schema"`
		Users  []userForm `json:"users"`
	}{userSchema, forms})
}

func encodePlans(w io.Writer, all []accountPlan) error {
	type plannedForm struct {
		reach.Planned
		Left []openForm `json:"left"`
	}
	type planForm struct {
		Account string `json:"account"`
		Policy  string `json:"policy"`
		reach.Plan
		Users []plannedForm `json:"users"`
	}
	forms := []planForm{}
	for _, p := range all {
		f := planForm{Account: p.account.account.Account, Policy: p.what, Plan: p.plan, Users: []plannedForm{}}
		for _, u := range p.plan.Users {
			f.Users = append(f.Users, plannedForm{u, openForms(u.Left)})
		}
		forms = append(forms, f)
	}
	return encode(w, struct {
		Schema   string     `json:"schema"`
		Accounts []planForm `json:"accounts"`
	}{planSchema, forms})
}

// verdict is what a summary came to.
func verdict(s posture.Summary, least audit.Severity) error {
	if len(s.ByOutcome) == 0 {
		return exit{code: exitUnchecked}
	}
	return found(s, least)
}

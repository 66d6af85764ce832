package explain

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// verbs say what an answer means, before a list.
var verbs = map[Answer]string{
	Allowed: "allowed", LetThrough: "not denied", Denied: "denied", NotAllowed: "not allowed", Left: "left to other policies", Depends: "not certain",
}

// order is the order in which a sentence tells.
var order = []Answer{Allowed, LetThrough, Denied, NotAllowed, Depends, Left}

// sentences are what the table says, for people.
func (x *explainer) sentences(e *Explanation) []string {
	if x.kind == Trust {
		return x.trustSentences(e)
	}
	var all []string
	if difference := x.difference(e); difference != "" {
		all = append(all, difference)
	}
	return slices.Concat(all, x.each(e), x.codes(e), e.rules())
}

// each is a sentence for each credential; those that may do the same share one.
func (x *explainer) each(e *Explanation) []string {
	var whos, tolds []string
	for i, c := range x.credentials() {
		who, told := c.who, x.told(e, i)
		if c == byRole && x.kind == Identity {
			who = "In the session of a role that has the policy"
		}
		if j := slices.Index(tolds, told); j >= 0 {
			whos[j] += ", or " + strings.ToLower(who[:1]) + who[1:]
			continue
		}
		whos, tolds = append(whos, who), append(tolds, told)
	}
	var all []string
	for i := range whos {
		all = append(all, whos[i]+": "+tolds[i]+".")
	}
	return all
}

// difference tells where MFA makes none.
func (x *explainer) difference(e *Explanation) string {
	if x.kind == Role || !e.same(0, 2) || !e.same(1, 2) {
		return ""
	}
	return "A second factor makes no difference to what this document does."
}

// same tells whether two credentials have the same answers, leaving aside what
// AWS's own rules decide and what one of them cannot ask.
func (e *Explanation) same(i, j int) bool {
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			a, b := r.Cells[i], r.Cells[j]
			if a.Answer != b.Answer && !a.byAWS() && !b.byAWS() && a.Answer != NotApplicable && b.Answer != NotApplicable {
				return false
			}
		}
	}
	return true
}

// byAWS tells an answer that a rule of AWS made and no policy can change.
func (c Cell) byAWS() bool {
	return len(c.Because) > 0 && c.Because[0].Statement == 0 && c.Because[0].Source != ""
}

// told is what one credential may do.
func (x *explainer) told(e *Explanation, i int) string {
	rest := e.rest(i)
	has := map[Answer]bool{}
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			if !r.Cells[i].byAWS() {
				has[r.Cells[i].Answer] = true
			}
		}
	}
	delete(has, NotApplicable)
	parts := []string{opening(e, i, rest, has)}
	for _, a := range order {
		if a == rest.Answer || !has[a] {
			continue
		}
		verb := verbs[a]
		if a == LetThrough && rest.Answer == NotAllowed {
			verb = verbs[Allowed] // of a list of what is
		}
		part := verb + ": " + strings.Join(e.list(i, a), ", ")
		if a == Depends {
			part += because(e.open(i))
		}
		parts = append(parts, part)
	}
	if len(parts) > 1 {
		parts = append(parts, map[Answer]string{Left: "the rest is left to other policies", LetThrough: "everything else goes through"}[rest.Answer])
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// rest is the answer about anything else: the last row of all.
func (e *Explanation) rest(i int) Cell {
	t := e.Topics[len(e.Topics)-1]
	return t.Rows[len(t.Rows)-1].Cells[i]
}

// opening tells what holds for whatever is not named.
func opening(e *Explanation, i int, rest Cell, has map[Answer]bool) string {
	only := len(has) == 1
	switch rest.Answer {
	case Denied:
		if only {
			return "everything is denied" + by(rest)
		}
		return "everything that is not named here is denied" + by(rest)
	case NotAllowed:
		if only {
			return "nothing is allowed"
		}
		return "nothing is allowed that is not named here"
	case LetThrough:
		if only {
			return "nothing is denied"
		}
	case Allowed:
		if only {
			return "everything is allowed"
		}
		return "everything is allowed but what is named here"
	case Depends:
		return "what is not named here is not certain" + because(e.open(i))
	}
	if only && rest.Answer == Left {
		return "the document neither allows nor denies anything"
	}
	return ""
}

// by names the statement that decided.
func by(c Cell) string {
	for _, r := range c.Because {
		if r.Statement > 0 {
			return fmt.Sprintf(" (%s)", reference(r.Statement, r.Sid, r.Line))
		}
	}
	return ""
}

func reference(number int, sid string, line int) string {
	if sid != "" {
		return fmt.Sprintf("statement %d, %s, line %d", number, sid, line)
	}
	return fmt.Sprintf("statement %d, line %d", number, line)
}

// list are the rows with an answer; a topic that has it throughout is named as
// one.
func (e *Explanation) list(i int, a Answer) []string {
	var all []string
	for _, t := range e.Topics[:len(e.Topics)-1] {
		var some []string
		whole := true
		for _, r := range t.Rows {
			c := r.Cells[i]
			switch {
			case c.Answer == a && !c.byAWS():
				some = append(some, r.What)
			case c.Answer != NotApplicable && !c.byAWS():
				whole = false
			}
		}
		if whole && len(some) > 2 && t.ID != "named" && t.ID != "resource" {
			some = []string{t.all}
		}
		all = append(all, some...)
	}
	return all
}

// open are the clauses that leave answers open, each once.
func (e *Explanation) open(i int) []string {
	var all []string
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			if r.Cells[i].Answer != Depends {
				continue
			}
			for _, b := range r.Cells[i].Because {
				if clause := clauseOf(b.Text); clause != "" && !slices.Contains(all, clause) && len(all) < 3 {
					all = append(all, clause)
				}
			}
		}
	}
	return all
}

// clauseOf is what a reason says is open.
func clauseOf(text string) string {
	for _, before := range []string{"not met: ", perhapsDenies} {
		if _, clause, found := strings.Cut(text, before); found {
			return clause
		}
	}
	return ""
}

func because(clauses []string) string {
	if len(clauses) == 0 {
		return ""
	}
	return " (" + strings.Join(clauses, "; ") + ")"
}

// rules are the sentences about what AWS decides whatever the document says.
func (e *Explanation) rules() []string {
	var all []string
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			for _, c := range r.Cells {
				if !c.byAWS() || c.Answer == NotApplicable {
					continue
				}
				sentence := fmt.Sprintf("Whatever policies say: %s (%s).", c.Because[0].Text, c.Because[0].Source)
				if !slices.Contains(all, sentence) {
					all = append(all, sentence)
				}
			}
		}
	}
	return all
}

// trustSentences say of each principal what it needs.
func (x *explainer) trustSentences(e *Explanation) []string {
	if refused(x.document, x.kind) {
		return []string{"AWS refuses this document: a role's trust policy cannot have NotPrincipal (" + pageNotPrincipal + ")."}
	}
	all := []string{}
	for _, n := range principals(x.document, enforce.Allow, x.world) {
		switch n.kind {
		case audit.Service, audit.Federated:
			all = append(all, x.outsider(n))
			continue
		case audit.UnknownPrincipal:
			all = append(all, fmt.Sprintf("Who %q is cannot be told from the document.", n.what))
			continue
		}
		for _, r := range e.Topics[0].Rows {
			if r.What == n.what {
				all = append(all, x.trustSentence(r, n))
				break
			}
		}
	}
	if len(all) == 0 {
		all = append(all, "Nobody may assume the role: no statement allows it to anybody.")
	}
	return append(all, x.codes(e)...)
}

// codes says of AssumeRole with an access key and a code what is not verified,
// where that matters: a Deny of a user's own that is met with an access key.
func (x *explainer) codes(e *Explanation) []string {
	const open = "whether a Deny without MFA in the user's own policies sees that code too is not verified"
	if x.kind == Trust {
		if slices.ContainsFunc(e.Topics[0].Rows, x.needsCode) {
			return []string{upper(open) + "."}
		}
		return nil
	}
	if x.kind != Identity && x.kind != Boundary && x.kind != SCP {
		return nil
	}
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			if r.What == assumeRole && r.Cells[0].Answer == Denied && r.Cells[2].Answer != Denied {
				return []string{"With an access key and a code passed to AssumeRole, a role's trust policy sees a second factor; whether this document sees it in that call too is not verified."}
			}
		}
	}
	return nil
}

// needsCode tells a row of somebody whose access key is let in with a code only.
func (x *explainer) needsCode(r Row) bool {
	key, code := r.of(byKey), r.of(byCode)
	return (code == Allowed || code == Depends) && (key == Denied || key == NotAllowed)
}

// of is the answer for a credential.
func (r Row) of(c credential) Answer {
	for _, cell := range r.Cells {
		if cell.Credential == c.id {
			return cell.Answer
		}
	}
	return NotApplicable
}

// words are a credential in a sentence about a trust policy. The code is told of
// where it makes a difference.
func (r Row) words(c credential) string {
	same := r.of(byKey) == r.of(byCode)
	switch {
	case c == byCode && same:
		return ""
	case c == byKey && same:
		return "with an access key"
	case c == byKey:
		return "with an access key and no code"
	}
	return strings.ToLower(c.who[:1]) + c.who[1:]
}

func (x *explainer) trustSentence(r Row, n named) string {
	var may, perhaps, never []string
	for i, c := range x.credentials() {
		words := r.words(c)
		if words == "" {
			continue
		}
		switch r.Cells[i].Answer {
		case Allowed:
			may = append(may, words)
		case Depends:
			perhaps = append(perhaps, words)
		case Denied, NotAllowed:
			never = append(never, words)
		}
	}
	var parts []string
	if len(may) > 0 {
		parts = append(parts, "may assume the role "+strings.Join(may, ", "))
	}
	if len(perhaps) > 0 {
		e := Explanation{Topics: []Topic{{Rows: []Row{r}}}}
		clauses := []string{}
		for i := range r.Cells {
			clauses = append(clauses, e.open(i)...)
		}
		slices.Sort(clauses)
		parts = append(parts, "perhaps "+strings.Join(perhaps, ", ")+because(slices.Compact(clauses)))
	}
	if len(never) > 0 {
		parts = append(parts, "not "+strings.Join(never, ", "))
	}
	return upper(n.what) + ": " + strings.Join(parts, "; ") + "."
}

func upper(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:size]) + text[size:]
}

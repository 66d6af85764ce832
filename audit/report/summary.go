package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
)

// summary writes what a person reads first when the screen stops moving.
func (p *page) summary(s scan.Summary, ds []detect.Detection) {
	text, tone := headline(s, ds)
	shout := []func(string) string{doubtful: p.paint.doubt, alarming: p.paint.alarm, calming: p.paint.calm}[tone]
	p.styled(text, shout)
	if left := LeftOut(s); left != "" && left != text && s.LeftOut.SignIns > 0 {
		p.styled(left, p.paint.doubt)
	}
	for _, c := range caveats(s, tone) {
		p.styled(c, p.paint.doubt)
	}
	p.outcomes(s)
	p.without(s.WithoutMFA)
	if n := roleSessions(s); n > 0 {
		p.fact("Role sessions", fmt.Sprintf("%d (the log does not say whether MFA was used)", n))
	}
	if len(s.Detections) > 0 {
		p.fact("Detections", tally(s.Detections))
	}
	p.read(s)
}

// styled wraps a sentence and styles it line by line.
func (p *page) styled(text string, style func(string) string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(wrap(text, p.width, ""), "\n"), "\n") {
		p.WriteString(style(line) + "\n")
	}
}

// caveats are what a reader of an alarming headline must also know; a doubtful
// one has said it. An interrupted scan is said in any case.
func caveats(s scan.Summary, t tone) []string {
	var cs []string
	if !s.Complete {
		cs = append(cs, "INTERRUPTED: this is only what was read before the scan was stopped.")
	}
	if t != alarming {
		return cs
	}
	if n := unjudged(s); n > 0 {
		cs = append(cs, count(n, "more sign-in", "more sign-ins")+" could not be judged.")
	}
	if s.Unopened > 0 {
		cs = append(cs, count(s.Unopened, "source", "sources")+" could not be opened.")
	}
	if n := s.DamagedFiles - s.Unopened; n > 0 {
		cs = append(cs, count(n, "file is damaged: there may be more in it.", "files are damaged: there may be more in them."))
	}
	return cs
}

// fact writes a name and what is known under it, the text wrapped beside it.
func (p *page) fact(name, text string) {
	const indent = "                 "
	lines := wrap(text, p.width, indent)
	p.WriteString(fit("  "+name, len(indent)) + strings.TrimPrefix(lines, indent))
}

func (p *page) outcomes(s scan.Summary) {
	p.WriteString("\n")
	text := "none"
	if s.SignIns > 0 {
		text = fmt.Sprintf("%d", s.SignIns)
	}
	switch {
	case s.First.IsZero():
	case s.Last.After(s.First):
		text += fmt.Sprintf(", %s to %s UTC", stamp(s.First), stamp(s.Last))
	default:
		text += fmt.Sprintf(", %s UTC", stamp(s.First))
	}
	p.fact("Sign-ins", text)
	for _, o := range []audit.Outcome{audit.Fail, audit.Unknown, audit.Pass, audit.NotApplicable} {
		if n := s.ByOutcome[o]; n > 0 {
			p.fact("  "+outcomeText(o), fmt.Sprintf("%d: %s", n, tally(reasonsOf(s.ByReason, o))))
		}
	}
}

// reasonsOf are the counts of the reasons that have an outcome.
func reasonsOf(byReason map[signin.Reason]int, o audit.Outcome) map[string]int {
	m := map[string]int{}
	for _, d := range signin.Definitions() {
		if n := byReason[d.Reason]; d.Outcome == o && n > 0 {
			m[string(d.Reason)] = n
		}
	}
	return m
}

// tally lists counts, the largest first: "10 digest, 2 insight".
func tally(m map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(-cmp.Compare(m[a], m[b]), cmp.Compare(a, b))
	})
	var parts []string
	for _, k := range keys {
		parts = append(parts, fmt.Sprintf("%d %s", m[k], plain(k)))
	}
	return strings.Join(parts, ", ")
}

// shown bounds the list on a terminal, so that the headline stays in sight.
const shown = 10

func (p *page) without(ws []scan.WithoutMFA) {
	if len(ws) == 0 {
		return
	}
	p.WriteString(p.paint.title("  Without MFA") + "\n")
	for i, w := range ws {
		if p.width > 0 && i == shown && len(ws) > shown+1 {
			p.WriteString(wrap(fmt.Sprintf("and %d more: --format json lists all", len(ws)-shown), p.width, "    "))
			return
		}
		facts := fmt.Sprintf("%s, last %s UTC", count(w.SignIns, "sign-in", "sign-ins"), stamp(w.Last))
		if w.Last.IsZero() {
			facts = count(w.SignIns, "sign-in", "sign-ins") + ", time not known"
		}
		name := plain(w.Account) + "  " + who(w.Principal)
		p.person(name, facts)
	}
}

// person writes a name and facts on one line, or on two where there is no room.
func (p *page) person(name, facts string) {
	one := "    " + name + "  " + facts
	if p.cut(one) == one {
		p.WriteString(one + "\n")
		return
	}
	p.WriteString(p.cut("    "+name) + "\n" + wrap(facts, p.width, "      "))
}

// read says what the scan went through.
func (p *page) read(s scan.Summary) {
	text := "nothing"
	if s.Files > 0 || s.Records > 0 {
		text = fmt.Sprintf("%s in %s, %s", count(s.Records, "record", "records"), count(s.Files, "file", "files"), bytesText(s.Bytes))
	}
	p.fact("Read", text)
	if len(s.Skipped) > 0 {
		p.fact("Skipped", "files without records to judge: "+tally(s.Skipped))
	}
	if s.Duplicates > 0 {
		p.fact("Duplicates", count(s.Duplicates, "further copy", "further copies")+" of sign-ins already counted")
	}
	p.instead(s.LeftOut)
	if s.Filtered && s.SignIns == 0 && len(s.Accounts) > 0 {
		p.fact("Records of", and(s.Accounts)+spanned(s))
	}
	if s.Unopened > 0 {
		p.fact("Not opened", count(s.Unopened, "source", "sources"))
	}
	if n := s.DamagedFiles - s.Unopened; n > 0 {
		p.fact("Damaged", count(n, "file, not read to its end", "files, not read to their end"))
	}
}

// instead names what there was where a filter left nothing: what was misspelt stands
// beside what was meant.
func (p *page) instead(l *scan.LeftOut) {
	if l == nil {
		return
	}
	for _, seen := range []struct {
		what  string
		names []string
	}{{"Users seen", l.Users}, {"Accounts seen", l.Accounts}, {"Regions seen", l.Regions}} {
		if n := len(seen.names); n > 0 {
			p.fact(seen.what, some(seen.names))
		}
	}
	if !l.First.IsZero() {
		p.fact("Sign-ins seen", fmt.Sprintf("%s to %s UTC", stamp(l.First), stamp(l.Last)))
	}
}

// some lists the first few of many names.
func some(names []string) string {
	var parts []string
	for i, name := range names {
		if i == shown && len(names) > shown+1 {
			return strings.Join(parts, ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
		}
		parts = append(parts, plain(name))
	}
	return and(parts)
}

// spanned is from when to when records were read.
func spanned(s scan.Summary) string {
	if s.RecordsFirst.IsZero() {
		return ""
	}
	return fmt.Sprintf(", %s to %s UTC", stamp(s.RecordsFirst), stamp(s.RecordsLast))
}

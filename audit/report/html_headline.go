package report

import (
	"fmt"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// htmlCounts are counts of people that a summary does not have.
type htmlCounts struct {
	users, doubtful, unread int
	adminsUnknown           int
	hardware, hardwareOpen  int
	strongest               map[string]int
	roots, rootWithout      int
	rootUnknown, rootExempt int
}

// The strongest factors beside the kinds of devices.
const (
	htmlNone    = "none"
	htmlNotTold = "not_known"
)

func htmlCount(a Audit) *htmlCounts {
	h := &htmlCounts{strongest: map[string]int{}}
	for _, account := range a.Accounts {
		h.root(rootState(account))
		if htmlUnread(account) {
			h.unread++
		}
		for _, holder := range account.Roster {
			if holder.Kind == audit.UserSubject {
				h.user(holder)
			}
		}
	}
	return h
}

func (h *htmlCounts) root(answer string) {
	h.roots++
	switch answer {
	case "none":
		h.rootWithout++
	case "unknown":
		h.rootUnknown++
	case "exempt":
		h.rootExempt++
	}
}

func (h *htmlCounts) user(p posture.Holder) {
	h.users++
	if p.MFA == posture.NotKnown || p.Password == posture.NotKnown && p.MFA == posture.No {
		h.doubtful++
	}
	if p.Admin == posture.NotKnown {
		h.adminsUnknown++
	}
	kind := htmlStrongest(p)
	h.strongest[kind]++
	switch kind {
	case string(audit.FIDOCertifiedFactor), string(audit.FIDOFactor), string(audit.HardwareTOTPFactor):
		h.hardware++
	case string(audit.UnknownFactor):
		h.hardwareOpen++
	}
}

// htmlStrength orders the kinds, those that cannot be phished first. FIDO
// without a certification may be a synced passkey, and still cannot be phished.
var htmlStrength = []audit.FactorKind{
	audit.FIDOCertifiedFactor, audit.FIDOFactor, audit.HardwareTOTPFactor, audit.VirtualFactor, audit.SMSFactor, audit.UnknownFactor,
}

// htmlStrongest is the best that somebody is known to hold. A list that is not
// complete proves what is on it and not that there is nothing better.
func htmlStrongest(p posture.Holder) string {
	switch p.MFA {
	case posture.No:
		return htmlNone
	case posture.Yes:
	default:
		return htmlNotTold
	}
	for i, kind := range htmlStrength {
		for _, have := range p.Factors {
			if have == kind && (p.Complete || i < 3) {
				return string(kind)
			}
		}
	}
	return string(audit.UnknownFactor)
}

// htmlHeadline is the one sentence of an audit and, below it, what could not be
// told. It is calming only when nothing failed and everything was answered.
func htmlHeadline(a Audit, s posture.Summary, h *htmlCounts) (string, string, tone) {
	if enforcementOnly(a) {
		return htmlEnforcement(s, unjudgedAccounts(a))
	}
	without, doubts := htmlWithout(s, h), htmlDoubts(s, h)
	fails, unknowns := s.ByOutcome[audit.Fail], s.ByOutcome[audit.Unknown]
	switch {
	case len(a.Accounts) == 0:
		return "No account was audited.", "", doubtful
	case len(without) > 0:
		return htmlSentence(without), htmlCannotTell(doubts), alarming
	case len(doubts) > 0:
		return "Cannot tell whether everybody has a second factor.", htmlCannotTell(doubts), doubtful
	case fails > 0:
		return "Nobody who signs in was found without a second factor, but " + htmlMany(fails, "other finding fails", "other findings fail") + ".",
			htmlExempted(s), alarming
	case unknowns > 0:
		return "No failure was found, but " + htmlMany(unknowns, "question has", "questions have") + " no answer.", htmlExempted(s), doubtful
	case s.Exempt > 0:
		return "No failure was found but those that are exempt.", htmlExempted(s), doubtful
	}
	return "Every question was answered, and no failure was found.", "", calming
}

// htmlEnforcement is the sentence of a report that asked only whether a second factor
// is enforced: who holds one was not asked.
func htmlEnforcement(s posture.Summary, unread int) (string, string, tone) {
	fails, unknowns := s.ByOutcome[audit.Fail], s.ByOutcome[audit.Unknown]
	open := capital(unansweredText(unknowns, unread)) + "."
	switch {
	case fails > 0 && unknowns+unread > 0:
		return "A second factor is not enforced everywhere: " + htmlMany(fails, "finding fails", "findings fail") + ".", open, alarming
	case fails > 0:
		return "A second factor is not enforced everywhere: " + htmlMany(fails, "finding fails", "findings fail") + ".", htmlExempted(s), alarming
	case unknowns+unread > 0:
		return "Cannot tell whether a second factor is enforced.", open, doubtful
	case s.Exempt > 0:
		return "A second factor is enforced, but for those that are exempt.", htmlExempted(s), doubtful
	}
	return "Every question about enforcement was answered, and no failure was found.", "", calming
}

func htmlExempted(s posture.Summary) string {
	if s.Exempt == 0 {
		return ""
	}
	return htmlMany(s.Exempt, "failure is", "failures are") + " exempt: see the exemptions."
}

func htmlSentence(parts []string) string {
	text := and(parts) + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

// htmlWithout are the worst answers there are: who can sign in without MFA.
func htmlWithout(s posture.Summary, h *htmlCounts) []string {
	var parts []string
	switch {
	case h.rootWithout > 0 && h.roots == 1:
		parts = append(parts, "root has no MFA")
	case h.rootWithout > 0:
		parts = append(parts, "root has no MFA in "+htmlOf(h.rootWithout, h.roots, "account", "accounts"))
	}
	if n := s.ConsoleWithoutMFA; n > 0 {
		parts = append(parts, htmlOf(n, s.Console, "console user", "console users")+" "+htmlHave(n)+" no MFA")
	}
	if n := s.AdminsWithoutMFA; n > 0 {
		parts = append(parts, htmlOf(n, s.Admins, "administrator", "administrators")+" "+htmlHave(n)+" none")
	}
	if len(parts) == 1 && s.ConsoleWithoutMFA == 0 && h.rootWithout == 0 {
		return []string{strings.TrimSuffix(parts[0], "none") + "no MFA"}
	}
	return parts
}

func htmlOf(n, all int, one, many string) string {
	if all == 1 {
		return "the only " + one
	}
	return thousands(n) + " of " + thousands(all) + " " + many
}

func htmlHave(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// htmlDoubts are those of whom nothing can be said.
func htmlDoubts(s posture.Summary, h *htmlCounts) []string {
	var parts []string
	if h.doubtful > 0 {
		parts = append(parts, "for "+htmlMany(h.doubtful, "user", "users"))
	}
	if h.rootUnknown > 0 {
		text := "for root"
		if h.roots > 1 {
			text += " in " + htmlMany(h.rootUnknown, "account", "accounts")
		}
		parts = append(parts, text)
	}
	if h.unread > 0 {
		text := "for the users of " + htmlMany(h.unread, "account", "accounts") + ", which could not be listed"
		if h.roots == 1 {
			text = "for the users, who could not be listed"
		}
		parts = append(parts, text)
	}
	return parts
}

// htmlMany is count with the digits grouped.
func htmlMany(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

func htmlCannotTell(doubts []string) string {
	if len(doubts) == 0 {
		return ""
	}
	return "Cannot tell " + and(doubts) + "."
}

// htmlFigure is one of the large numbers. Picks is the group of people that it
// counts, for the script.
type htmlFigure struct {
	Number, Of, Label, Note, Tone, Picks string
}

func htmlFigures(s posture.Summary, h *htmlCounts) []htmlFigure {
	return []htmlFigure{
		htmlPeopleFigure("Console users without MFA", "console", s.ConsoleWithoutMFA, s.Console, s.ConsoleUnknown, h),
		htmlPeopleFigure("Users without MFA", "without", s.WithoutMFA, s.Users, s.MFAUnknown, h),
		htmlPeopleFigure("Administrators without MFA", "admins", s.AdminsWithoutMFA, s.Admins, h.adminsUnknown, h),
		h.rootFigure(),
		h.hardwareFigure(s),
		htmlUnknownFigure(s),
	}
}

// htmlPeopleFigure is calm only where the zero is a fact.
func htmlPeopleFigure(label, picks string, n, of, open int, h *htmlCounts) htmlFigure {
	f := htmlFigure{Number: thousands(n), Of: "of " + thousands(of), Label: label, Tone: "calming", Picks: picks}
	var notes []string
	if open > 0 {
		notes = append(notes, thousands(open)+" more cannot be told")
	}
	if h.unread > 0 {
		notes = append(notes, htmlMany(h.unread, "account", "accounts")+" not read")
	}
	f.Note = strings.Join(notes, "; ")
	switch {
	case n > 0:
		f.Tone = "alarming"
	case f.Note != "":
		f.Of, f.Tone = "known, "+f.Of, "doubtful"
	}
	return f
}

func (h *htmlCounts) rootFigure() htmlFigure {
	f := htmlFigure{Number: thousands(h.rootWithout), Of: "of " + thousands(h.roots), Label: "Roots without MFA", Tone: "calming", Picks: "root"}
	var notes []string
	if h.rootUnknown > 0 {
		notes = append(notes, thousands(h.rootUnknown)+" cannot be told")
	}
	if h.rootExempt > 0 {
		notes = append(notes, thousands(h.rootExempt)+" more exempt")
	}
	f.Note = strings.Join(notes, "; ")
	switch {
	case h.rootWithout > 0:
		f.Tone = "alarming"
	case f.Note != "" || h.roots == 0:
		f.Tone = "doubtful"
	}
	if h.rootWithout == 0 && h.rootUnknown > 0 {
		f.Of = "known, " + f.Of
	}
	return f
}

// hardwareFigure is the share of those with MFA who are known to hold a
// hardware token, a security key or a passkey.
func (h *htmlCounts) hardwareFigure(s posture.Summary) htmlFigure {
	with := s.Users - s.WithoutMFA - s.MFAUnknown
	f := htmlFigure{Number: "—", Of: "", Label: "Hold hardware or FIDO", Tone: "plain", Picks: "hardware", Note: "nobody is known to have MFA"}
	if with > 0 {
		f.Number, f.Of, f.Note = fmt.Sprintf("%d%%", 100*h.hardware/with), thousands(h.hardware)+" of "+thousands(with)+" with MFA", ""
	}
	if h.hardwareOpen > 0 {
		f.Note = htmlMany(h.hardwareOpen, "user’s devices", "users’ devices") + " not known"
	}
	return f
}

func htmlUnknownFigure(s posture.Summary) htmlFigure {
	n := s.ByOutcome[audit.Unknown]
	all := 0
	for _, of := range s.ByOutcome {
		all += of
	}
	f := htmlFigure{Number: thousands(n), Of: "of " + thousands(all), Label: "Questions without an answer", Tone: "calming", Picks: "unknown"}
	if n > 0 {
		f.Tone, f.Note = "doubtful", "see what was not read"
	}
	return f
}

// htmlFactor is a row of the factor mix.
type htmlFactor struct {
	Kind, Label, Bar string
	Users, Devices   int
	HasDevices       bool
	Share            string
}

func htmlFactorLabel(kind audit.FactorKind) string {
	label, known := map[audit.FactorKind]string{
		audit.FIDOCertifiedFactor: "FIDO, certified", audit.FIDOFactor: "FIDO", audit.HardwareTOTPFactor: "Hardware token",
		audit.VirtualFactor: "Virtual (app)", audit.SMSFactor: "Text message", audit.UnknownFactor: "Kind not known",
	}[kind]
	if !known {
		return plain(string(kind))
	}
	return label
}

// mix counts each user once, by the strongest factor, so that the bars add up.
func (h *htmlCounts) mix(s posture.Summary) []htmlFactor {
	var rows []htmlFactor
	for _, kind := range htmlStrength {
		rows = append(rows, h.factor(string(kind), htmlFactorLabel(kind), s.Factors[kind], true))
	}
	return append(rows, h.factor(htmlNone, "No MFA", 0, false), h.factor(htmlNotTold, "Cannot tell", 0, false))
}

func (h *htmlCounts) factor(kind, label string, devices int, has bool) htmlFactor {
	n := h.strongest[kind]
	share := 100 * float64(n) / float64(max(1, h.users))
	return htmlFactor{Kind: kind, Label: label, Users: n, Devices: devices, HasDevices: has, Share: fmt.Sprintf("%.0f%%", share), Bar: fmt.Sprintf("%.2f", share)}
}

func (h *htmlCounts) note() string {
	if h.users == 0 {
		return "No IAM user is known."
	}
	return ""
}

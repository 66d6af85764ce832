package report

import (
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// The checks that the headline speaks of.
const (
	rootMFACheck      = "root-mfa"
	rootHardwareCheck = "root-hardware-mfa"
	consoleMFACheck   = "user-console-mfa"
)

// auditHeadline is what an audit comes to, in one or two sentences. It is
// calming only when every account was judged, no check failed, none is without
// an answer and nothing is exempt.
func auditHeadline(a Audit) (string, tone) {
	s := a.Summary()
	fails, unknowns, unread := s.ByOutcome[audit.Fail], s.ByOutcome[audit.Unknown], unjudgedAccounts(a)
	if len(a.Accounts) == 0 || unread == len(a.Accounts) {
		return "Nothing was judged: no account could be read.", doubtful
	}
	text := capital(consoleText(a, s)) + "; " + rootText(a) + ". "
	if unread > 0 {
		text += count(unread, "account was", "accounts were") + " not judged. "
	}
	switch {
	case fails > 0 || s.ConsoleWithoutMFA > 0:
		return text + failuresText(s), alarming
	case unknowns > 0 || unread > 0:
		return text + "No failure found, but " + unansweredText(unknowns, unread) + exemptText(s.Exempt) + ".", doubtful
	}
	if s.Exempt > 0 {
		return text + "No other check fails" + exemptText(s.Exempt) + ".", doubtful
	}
	return text + "No check fails.", calming
}

// enforcementOnly tells a report that asked nothing but whether a second factor is
// enforced.
func enforcementOnly(a Audit) bool {
	asked := false
	for _, account := range a.Accounts {
		for _, f := range account.Findings {
			if !slices.Contains(posture.EnforcementChecks(), f.Check) {
				return false
			}
			asked = true
		}
	}
	return asked
}

// auditKind is what a report calls itself.
func auditKind(a Audit) string {
	if enforcementOnly(a) {
		return "MFA enforcement"
	}
	return "MFA audit"
}

func unjudgedAccounts(a Audit) int {
	n := 0
	for _, account := range a.Accounts {
		if len(account.Findings) == 0 {
			n++
		}
	}
	return n
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// consoleText says who signs in to the console without a second factor.
func consoleText(a Audit, s posture.Summary) string {
	lists := unlisted(a)
	var doubts []string
	if s.ConsoleUnknown > 0 {
		doubts = append(doubts, "it is not known of "+count(s.ConsoleUnknown, "user", "users"))
	}
	if lists > 0 {
		doubts = append(doubts, usersNotKnown(a, lists))
	}
	doubt := strings.Join(doubts, ", and ")
	switch {
	case s.ConsoleWithoutMFA > 0:
		return joined(fmt.Sprintf("%d of %s without MFA", s.ConsoleWithoutMFA, signsIn(s.Console)), doubt)
	case doubt != "" && s.Users == 0:
		return "cannot tell whether console users have MFA: " + doubt
	case doubt != "":
		return "cannot tell whether every console user has MFA: " + doubt
	case s.Users == 0:
		return "there is no IAM user"
	case s.Console == 0:
		return "no IAM user has a console password"
	case s.Console == 1:
		return "the one console user has MFA"
	}
	return fmt.Sprintf("all %d console users have MFA", s.Console)
}

// usersNotKnown says of how many accounts the users are not known, none or not
// all of them.
func usersNotKnown(a Audit, lists int) string {
	switch {
	case len(a.Accounts) > 1:
		return "the users of " + count(lists, "account", "accounts") + " are not known"
	case a.Summary().Users > 0:
		return "whether these are all users is not known"
	}
	return "its users are not known"
}

func signsIn(users int) string {
	if users == 1 {
		return "1 console user can sign in"
	}
	return fmt.Sprintf("%d console users can sign in", users)
}

func joined(text, doubt string) string {
	if doubt == "" {
		return text
	}
	return text + ", " + doubt
}

// unlisted counts the accounts of which the users are not known: there the
// check on console users answers for the account as a whole.
func unlisted(a Audit) int {
	n := 0
	for _, account := range a.Accounts {
		if slices.ContainsFunc(account.Findings, func(f audit.Finding) bool {
			return f.Check == consoleMFACheck && f.Subject.Kind == audit.AccountSubject && f.Outcome == audit.Unknown
		}) {
			n++
		}
	}
	return n
}

// rootWords say how root stands, the worst first.
var rootWords = []struct{ state, one, many string }{
	{"none", "root has no MFA", "root has no MFA"},
	{"unknown", "whether root has MFA is not known", "whether root has MFA is not known"},
	{"exempt", "root is exempt from MFA", "root is exempt from MFA"},
	{"soft", "root has MFA, not hardware", "root has MFA, not hardware,"},
	{"kind", "root has MFA, of which kind is not known", "root has MFA, of which kind is not known,"},
	{"mfa", "root has MFA", "root has MFA"},
	{"notapp", "root has MFA that is not virtual", "root has MFA that is not virtual,"},
	{"fido", "root has a security key or passkey", "root has a security key or passkey"},
	{"hardware", "root has hardware MFA", "root has hardware MFA"},
	{"needless", "root needs no MFA", "root needs no MFA"},
}

// rootText says how root stands in the one account, or in how many of several.
func rootText(a Audit) string {
	states := map[string]int{}
	judged := 0
	for _, account := range a.Accounts {
		if len(account.Findings) > 0 {
			states[rootState(account)]++
			judged++
		}
	}
	var parts []string
	for _, w := range rootWords {
		switch n := states[w.state]; {
		case n > 0 && judged == 1:
			return w.one
		case n > 0 && n == judged:
			return w.one + " in all " + fmt.Sprint(n) + " accounts"
		case n > 0:
			parts = append(parts, fmt.Sprintf("%s in %d", w.many, n))
		}
	}
	return fmt.Sprintf("%s of %d accounts", and(parts), judged)
}

// rootState is how root of one account stands. Where the checks were of other things
// only, as those of enforce are, root has MFA if the list of people says so, and else
// it is not known: it may need none.
func rootState(account posture.Account) string {
	var mfa, hardware *audit.Finding
	holders := false // whether who holds what was asked at all
	for i := range account.Findings {
		switch f := &account.Findings[i]; f.Check {
		case rootMFACheck:
			mfa = f
		case rootHardwareCheck:
			hardware = f
		case consoleMFACheck:
			holders = true
		}
	}
	switch {
	case mfa == nil && !holders && rootOf(account).MFA == posture.Yes:
		return "mfa"
	case mfa == nil || mfa.Outcome == audit.Unknown:
		return "unknown"
	case mfa.Outcome == audit.Fail:
		return "none"
	case mfa.Exemption != nil:
		return "exempt"
	case mfa.Outcome == audit.NotApplicable:
		return "needless"
	case hardware == nil:
		return "mfa"
	}
	return hardwareState(hardware, account)
}

// hardwareState calls hardware only what certainly is: a FIDO device without a
// known certification may be a synced passkey, and what was inferred from there
// being no virtual device may be one too.
func hardwareState(f *audit.Finding, account posture.Account) string {
	kinds := rootKinds(account)
	switch {
	case f.Outcome == audit.Pass && (slices.Contains(kinds, audit.HardwareTOTPFactor) || slices.Contains(kinds, audit.FIDOCertifiedFactor)):
		return "hardware"
	case f.Outcome == audit.Pass && slices.Contains(kinds, audit.FIDOFactor):
		return "fido"
	case f.Outcome == audit.Pass:
		return "notapp"
	case f.Outcome == audit.Fail || f.Exemption != nil:
		return "soft"
	case f.Outcome == audit.Unknown:
		return "kind"
	}
	return "mfa"
}

// rootKinds are the kinds of root's devices, as far as they are known.
func rootKinds(account posture.Account) []audit.FactorKind {
	return rootOf(account).Factors
}

func rootOf(account posture.Account) posture.Holder {
	for _, h := range account.Roster {
		if h.Kind == audit.RootSubject {
			return h
		}
	}
	return posture.Holder{}
}

// failuresText counts failures by severity, the worst first, and what else a
// reader of them must know.
func failuresText(s posture.Summary) string {
	var parts []string
	severities := audit.Severities()
	slices.Reverse(severities)
	for _, v := range severities {
		if n := s.BySeverity[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	text := "No failure is left"
	if s.ByCheck[consoleMFACheck] == nil {
		text = "Nothing that was asked fails" // as of enforce, which asks other things
	}
	if n := s.ByOutcome[audit.Fail]; n > 0 {
		text = count(n, "failure", "failures") + " (" + strings.Join(parts, ", ") + ")"
	}
	if n := s.ByOutcome[audit.Unknown]; n > 0 {
		text += ", " + count(n, "question", "questions") + " without an answer"
	}
	return text + exemptText(s.Exempt) + "."
}

func unansweredText(unknowns, unread int) string {
	if unknowns == 0 {
		return count(unread, "account was", "accounts were") + " not judged"
	}
	return count(unknowns, "question has", "questions have") + " no answer"
}

func exemptText(n int) string {
	if n == 0 {
		return ""
	}
	return "; " + count(n, "failure is exempt", "failures are exempt")
}

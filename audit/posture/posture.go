// Package posture judges what is known of one account: who holds which second
// factor, and who should hold a better one.
//
// It promises an answer from every check: one finding for each subject the
// check asks about, passes included, and one about the account where there is
// no subject. A fact that was not read makes the outcome unknown and is named
// with the IAM action that would read it; it is never taken for a no. The same
// snapshot and rules give the same findings in the same order. It is pure: it
// never reads a file, a clock or the environment, ages are counted from the
// snapshot's own time. What policies allow is asked
// of package reach.
package posture

import (
	"cmp"

	"mfawatch/audit"
)

// evaluate answers every check. A wrong rule, which Rules.Validate names, never weakens
// one.
func (a *account) evaluate() []audit.Finding {
	var all []audit.Finding
	for _, c := range Checks() {
		found := a.findings(c)
		audit.SortStable(found, bySubject)
		all = append(all, found...)
	}
	a.tellEnrolled(all)
	return all
}

func bySubject(a, b audit.Finding) int {
	return cmp.Or(cmp.Compare(a.Subject.ARN, b.Subject.ARN), cmp.Compare(a.Subject.ID, b.Subject.ID))
}

// judges are how each check answers, by its id.
var judges = map[string]func(*account, Check) []audit.Finding{
	idRootMFA:       ofRoot((*account).rootMFA),
	idRootHardware:  ofRoot((*account).rootHardware),
	idRootKey:       ofRoot((*account).rootKey),
	idRootUse:       ofRoot((*account).rootUse),
	idRootSingle:    ofRoot((*account).rootSingle),
	idRootCentral:   ofAccount((*account).rootCentral),
	idConsoleMFA:    ofUsers((*account).consoleMFA),
	idAnyMFA:        ofUsers((*account).anyMFA),
	idHardware:      ofUsers((*account).hardwareMFA),
	idAdminMFA:      ofUsers((*account).adminMFA),
	idAdminHardware: ofUsers((*account).adminHardware),
	idSingle:        ofUsers((*account).single),
	idSMS:           ofUsers((*account).sms),
	idNeverUsed:     ofUsers((*account).neverUsed),
	idConsoleUnused: ofUsers((*account).consoleUnused),
	idKeyWithoutMFA: ofUsers((*account).keyWithoutMFA),
	idEnforced:      ofUsers((*account).mfaEnforced),
	idEnforcedKeys:  ofUsers((*account).mfaEnforcedKeys),
	idTampering:     ofUsers((*account).factorTampering),
	idRoleTrust:     (*account).roleTrust,
	idUnassigned:    (*account).unassigned,
	idStale:         ofAccount((*account).stale),
	idExpired:       ofExemptions((*account).expired),
	idUnknownExempt: ofExemptions((*account).nobodys),
	idBreakGlass:    (*account).breakGlass,
}

func (a *account) findings(c Check) []audit.Finding { return judges[c.ID](a, c) }

func ofRoot(judge func(*account) answer) func(*account, Check) []audit.Finding {
	return func(a *account, c Check) []audit.Finding {
		return []audit.Finding{a.finding(c, a.root.subject, judge(a))}
	}
}

func ofAccount(judge func(*account) answer) func(*account, Check) []audit.Finding {
	return func(a *account, c Check) []audit.Finding {
		return []audit.Finding{a.finding(c, a.subject(), judge(a))}
	}
}

func ofUsers(judge func(*account, *person) answer) func(*account, Check) []audit.Finding {
	return func(a *account, c Check) []audit.Finding {
		if len(a.people) == 0 {
			return []audit.Finding{a.finding(c, a.subject(), a.nobody())}
		}
		var all []audit.Finding
		for _, p := range a.people {
			all = append(all, a.finding(c, p.subject, judge(a, p)))
		}
		if !a.complete() {
			others := unknown("whether there are users besides these is not known", a.Gap(audit.FactUsers, ""))
			all = append(all, a.finding(c, a.subject(), others))
		}
		return all
	}
}

// nobody is the answer of a check on users where none is known.
func (a *account) nobody() answer {
	if a.known() {
		return notApplicable("the account has no IAM user")
	}
	return unknown("the account's users are not known", a.Gap(audit.FactUsers, ""), a.Gap(audit.FactCredentialReport, ""))
}

// known tells whether the account's users were listed by either call.
func (a *account) known() bool { return a.Users != nil || a.Report != nil }

package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

func TestAuditHeadline(t *testing.T) {
	for name, want := range map[string]struct {
		text string
		tone tone
	}{
		"clean":        {"All 2 console users have MFA; root has hardware MFA. No check fails.", calming},
		"mixed":        {"2 of 6 console users can sign in without MFA; root has MFA, not hardware.", alarming},
		"exempt":       {"1 failure is exempt", doubtful},
		"no-users":     {"There is no IAM user; root has hardware MFA.", calming},
		"nothing-read": {"Cannot tell whether console users have MFA: its users are not known; whether root has MFA is not known.", doubtful},
		"no-accounts":  {"Nothing was judged", doubtful},
		"unread":       {"Nothing was judged", doubtful},
		"organisation": {"1 account was not judged.", alarming},
	} {
		a, there := exampleAudits()[name]
		if !there {
			t.Fatalf("there is no audit %s", name)
		}
		text, tone := auditHeadline(a)
		if !strings.Contains(text, want.text) || tone != want.tone {
			t.Errorf("%s: headline %q, tone %d, want %q, tone %d", name, text, tone, want.text, want.tone)
		}
	}
}

// TestAuditDoesNotCountUsersThatNobodyListed: no users and users that are not
// known are different.
func TestAuditDoesNotCountUsersThatNobodyListed(t *testing.T) {
	unread := exampleAudits()["nothing-read"]
	if got := usersText(unread); got != "not known" {
		t.Errorf("users of an account that was not read: %q", got)
	}
	if got := accountRow(&unread.Accounts[0]); got[3] != "?" || got[4] != "?" {
		t.Errorf("the row of an account that was not read: %q", got)
	}
	unread.Accounts = append(unread.Accounts, exampleAudits()["no-users"].Accounts...)
	if got := usersText(unread); !strings.Contains(got, "the users of 1 account are not known") {
		t.Errorf("users of two accounts, one not read: %q", got)
	}
}

// TestAuditHeadlineComfortsOnlyWithReason takes a clean audit and puts one
// thing in doubt after the other.
func TestAuditHeadlineComfortsOnlyWithReason(t *testing.T) {
	clean := func() Audit { return exampleAudits()["clean"] }
	if _, tone := auditHeadline(clean()); tone != calming {
		t.Fatal("the clean audit is not clean")
	}
	for i, f := range clean().Accounts[0].Findings {
		for _, outcome := range []audit.Outcome{audit.Fail, audit.Unknown} {
			a := clean()
			account := &a.Accounts[0]
			account.Findings[i].Outcome = outcome
			account.Summary.ByOutcome[outcome]++
			if text, tone := auditHeadline(a); tone == calming {
				t.Errorf("%s is %s, and the headline is %q", f.Check, outcome, text)
			}
		}
	}
	a := clean()
	a.Accounts = append(a.Accounts, posture.Account{Account: "333344445555"})
	if text, tone := auditHeadline(a); tone == calming || !strings.Contains(text, "1 account was not judged") {
		t.Errorf("an account was not judged, and the headline is %q", text)
	}
	a = clean()
	a.Accounts[0].Findings = slices.DeleteFunc(a.Accounts[0].Findings, func(f audit.Finding) bool { return f.Check == rootMFACheck })
	if text, _ := auditHeadline(a); !strings.Contains(text, "whether root has MFA is not known") {
		t.Errorf("root was not judged, and the headline is %q", text)
	}
}

func TestHeadlineNamesChecksThatExist(t *testing.T) {
	about := described()
	for _, id := range []string{rootMFACheck, rootHardwareCheck, consoleMFACheck} {
		if about(id).Rationale == "" {
			t.Errorf("the headline speaks of %s, which is no check", id)
		}
	}
}

func TestRootWords(t *testing.T) {
	finding := func(check string, o audit.Outcome, e *audit.Exemption) audit.Finding {
		return audit.Finding{Check: check, Outcome: o, Exemption: e}
	}
	e := &audit.Exemption{}
	passes := []audit.Finding{finding(rootHardwareCheck, audit.Pass, nil), finding(rootMFACheck, audit.Pass, nil)}
	for _, c := range []struct {
		want     string
		findings []audit.Finding
		kinds    []audit.FactorKind
	}{
		{"root has no MFA", []audit.Finding{finding(rootMFACheck, audit.Fail, nil), finding(rootHardwareCheck, audit.Fail, nil)}, nil},
		{"root is exempt from MFA", []audit.Finding{finding(rootMFACheck, audit.NotApplicable, e), finding(rootHardwareCheck, audit.Fail, nil)}, nil},
		{"root needs no MFA", []audit.Finding{finding(rootMFACheck, audit.NotApplicable, nil), finding(rootHardwareCheck, audit.NotApplicable, nil)}, nil},
		{"root has MFA, not hardware", []audit.Finding{finding(rootMFACheck, audit.Pass, nil), finding(rootHardwareCheck, audit.NotApplicable, e)}, nil},
		{"root has MFA, of which kind is not known", []audit.Finding{finding(rootMFACheck, audit.Pass, nil), finding(rootHardwareCheck, audit.Unknown, nil)}, nil},
		{"root has MFA", []audit.Finding{finding(rootMFACheck, audit.Pass, nil)}, nil},
		{"root has MFA that is not virtual", passes, nil},
		{"root has a security key or passkey", passes, []audit.FactorKind{audit.VirtualFactor, audit.FIDOFactor}},
		{"root has hardware MFA", passes, []audit.FactorKind{audit.FIDOFactor, audit.FIDOCertifiedFactor}},
		{"root has hardware MFA", passes, []audit.FactorKind{audit.HardwareTOTPFactor}},
		{"whether root has MFA is not known", []audit.Finding{finding(consoleMFACheck, audit.Pass, nil)}, nil},
	} {
		if got := rootText(Audit{Accounts: []posture.Account{{Findings: c.findings, Roster: []posture.Holder{{Subject: audit.Subject{Kind: audit.RootSubject}, Factors: c.kinds}}}}}); got != c.want {
			t.Errorf("root of %v: %q, want %q", c.findings, got, c.want)
		}
	}
	several := Audit{Accounts: []posture.Account{
		{Findings: []audit.Finding{finding(rootMFACheck, audit.Fail, nil)}}, {Findings: []audit.Finding{finding(rootMFACheck, audit.Unknown, nil)}}, {},
	}}
	if got, want := rootText(several), "root has no MFA in 1 and whether root has MFA is not known in 1 of 2 accounts"; got != want {
		t.Errorf("root of several accounts: %q, want %q", got, want)
	}
}

func TestLacks(t *testing.T) {
	a := Audit{Accounts: []posture.Account{{Account: "111122223333",
		Gaps:     []audit.Gap{audit.FactMFADevices.Gap("A", "AccessDenied"), audit.FactMFADevices.Gap("B", "AccessDenied")},
		Findings: []audit.Finding{{Missing: []audit.Gap{audit.FactMFADevices.Gap("A", "AccessDenied"), audit.FactTags.Gap("", "not asked")}}},
	}}}
	got := fmt.Sprint(lacks(a))
	want := "[iam:GetAccountAuthorizationDetails: not asked allow iam:ListMFADevices: AccessDenied (2 times)]"
	if got != want {
		t.Errorf("lacks = %s, want %s", got, want)
	}
}

// TestHTMLOfEnforcementAlone: a page that asked only what can be done without a second
// factor says nothing of who holds one, and comforts only with reason.
func TestHTMLOfEnforcementAlone(t *testing.T) {
	of := func(outcomes ...audit.Outcome) Audit {
		var found []audit.Finding
		s := posture.Summary{ByOutcome: map[audit.Outcome]int{}}
		for i, o := range outcomes {
			found = append(found, audit.Finding{Check: posture.EnforcementChecks()[i], Outcome: o})
			s.ByOutcome[o]++
		}
		s.Console, s.ConsoleWithoutMFA = 13, 4
		return Audit{Accounts: []posture.Account{{Account: "111122223333", Findings: found, Summary: s}}}
	}
	unread := of(audit.Pass)
	unread.Accounts = append(unread.Accounts, posture.Account{Account: "444455556666", Status: "suspended"})
	exempt := of(audit.NotApplicable)
	exempt.Accounts[0].Summary.Exempt = 1
	for name, c := range map[string]struct {
		audit      Audit
		text, open string
		tone       tone
	}{
		"a failure":    {of(audit.Fail, audit.Pass), "A second factor is not enforced everywhere: 1 finding fails.", "", alarming},
		"and a doubt":  {of(audit.Fail, audit.Fail, audit.Unknown), "A second factor is not enforced everywhere: 2 findings fail.", "1 question has no answer.", alarming},
		"doubts":       {of(audit.Unknown, audit.Unknown), "Cannot tell whether a second factor is enforced.", "2 questions have no answer.", doubtful},
		"not judged":   {unread, "Cannot tell whether a second factor is enforced.", "1 account was not judged.", doubtful},
		"an exemption": {exempt, "A second factor is enforced, but for those that are exempt.", "1 failure is exempt: see the exemptions.", doubtful},
		"all well":     {of(audit.Pass, audit.Pass), "Every question about enforcement was answered, and no failure was found.", "", calming},
	} {
		v := newHTMLView(c.audit, AuditOptions{})
		if v.Kind != "MFA enforcement" || v.Headline != c.text || v.Doubts != c.open || v.Tone != map[tone]string{doubtful: "doubtful", alarming: "alarming", calming: "calming"}[c.tone] {
			t.Errorf("%s: %s, %q, %q, %s", name, v.Kind, v.Headline, v.Doubts, v.Tone)
		}
	}
	if v := newHTMLView(exampleAudits()["mixed"], AuditOptions{}); v.Kind != "MFA audit" {
		t.Errorf("a whole audit calls itself %s", v.Kind)
	}
}

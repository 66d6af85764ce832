package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// quarter is an account as it was, and as it is.
func quarter() (before, now report.Audit) {
	finding := func(check, name string, o audit.Outcome, v audit.Severity, detail string) audit.Finding {
		return audit.Finding{Check: check, Subject: audit.Subject{Kind: audit.UserSubject, ID: "AIDA" + name, Name: name}, Outcome: o, Severity: v, Detail: detail}
	}
	account := func(at time.Time, findings ...audit.Finding) report.Audit {
		p := posture.Account{Account: ownAccount, Name: "prod", Partition: "aws", TakenAt: at, Findings: findings, Summary: posture.NewSummary()}
		return report.Audit{Accounts: []posture.Account{p}}
	}
	before = account(noon.AddDate(0, 0, -7),
		finding("user-any-mfa", "ada", audit.Fail, audit.Medium, "no MFA device"), finding("user-any-mfa", "eve", audit.Fail, audit.Medium, "no MFA device"),
		finding("user-any-mfa", "kim", audit.Fail, audit.Medium, "no MFA device"), finding("user-any-mfa", "old", audit.Fail, audit.Medium, "no MFA device"))
	now = account(noon,
		finding("user-any-mfa", "ada", audit.Pass, audit.Medium, "virtual"), finding("user-any-mfa", "eve", audit.Fail, audit.Medium, "no MFA device"),
		finding("user-any-mfa", "kim", audit.Unknown, audit.Medium, "not known"),
		finding("user-single-device", "ada", audit.Fail, audit.Low, "the only device"), finding("user-console-mfa", "bob", audit.Fail, audit.Critical, "no MFA device; signed in from example.com"))
	now.Accounts[0].Gaps = []audit.Gap{audit.FactMFADevices.Gap("AIDAkim", "AccessDenied"), audit.FactTags.Gap("", "throttled")}
	return before, now
}

func TestText(t *testing.T) {
	before, now := quarter()
	s := newSummary(now, &before, "s3://reports/k/report.html")
	want := `MFA audit of prod (111122223333), facts as of 20 November 2026 12:00 UTC

` + report.Headline(now) + `

New failures, the worst first:
- CRITICAL user-console-mfa: user "bob": no MFA device; signed in from example[.]com
- LOW user-single-device: user "ada": the only device

Failed before, and cannot be told now:
- MEDIUM user-any-mfa: user "kim": it cannot be told now

Resolved: 2 (of which 1 because who or what failed is not there any more).

Open since before: 1.

IAM actions that were missing:
- iam:GetAccountAuthorizationDetails in 1 account (throttled)
- iam:ListMFADevices in 1 account (AccessDenied)

The report: s3://reports/k/report.html
`
	if diff := cmp.Diff(want, s.text()); diff != "" {
		t.Errorf("the text (-want +got):\n%s", diff)
	}
	if want := "MFA audit of prod (111122223333): 2 new failures (worst critical), 2 resolved, 1 not known any more"; s.subject() != want {
		t.Errorf("subject %q, want %q", s.subject(), want)
	}
	if want := map[string]string{"kind": "audit", "account": ownAccount, "severity": "critical"}; !cmp.Equal(want, s.attributes()) {
		t.Errorf("attributes %v, want %v", s.attributes(), want)
	}
}

func TestReminder(t *testing.T) {
	_, now := quarter()
	s := newSummary(now, &now, "s3://reports/k/report.html")
	if want := "MFA audit of prod (111122223333): unchanged, 3 failures"; s.subject() != want || s.severity() != audit.Critical || s.why() != "reminder" {
		t.Errorf("subject %q, severity %s, because %s", s.subject(), s.severity(), s.why())
	}
	if text := s.text(); !strings.Contains(text, "Nothing changed since 2026-11-20. This is a reminder of what is open.\n\nOpen, the worst first:\n- CRITICAL ") || strings.Contains(text, "New failures") {
		t.Errorf("the text:\n%s", text)
	}
}

// Machines get JSON, people text, chat clients the form that they show.
func TestForms(t *testing.T) {
	before, now := quarter()
	var got map[string]string
	if err := json.Unmarshal([]byte(newSummary(now, &before, "s3://reports/k/report.html").body()), &got); err != nil {
		t.Fatal(err)
	}
	var d document
	want := document{
		Schema: summarySchema, About: ownAccount, Accounts: 1, Why: "changed", TakenAt: noon, Severity: audit.Critical, Headline: report.Headline(now),
		New: 2, Resolved: 1, Gone: 1, Lost: 1, Open: 1, ReportURI: "s3://reports/k/report.html",
	}
	if err := json.Unmarshal([]byte(got["default"]), &d); err != nil || !cmp.Equal(want, d) {
		t.Errorf("the document (%v) (-want +got):\n%s", err, cmp.Diff(want, d))
	}
	if len(got["sms"]) > maxSMS || !strings.HasSuffix(got["sms"], "s3://reports/k/report.html") {
		t.Errorf("the short text %q", got["sms"])
	}
	var chat struct {
		Version, Source string
		Content         struct{ TextType, Title, Description string }
	}
	if err := json.Unmarshal([]byte(got["https"]), &chat); err != nil || chat.Version != "1.0" || chat.Source != "custom" || chat.Content.TextType != "client-markdown" || !strings.Contains(chat.Content.Description, `user "bob"`) {
		t.Errorf("the chat form %+v (%v)", chat, err)
	}
}

// loud is an organisation whose names were all chosen by somebody who wants to
// be clicked on.
func loud(n int) report.Audit {
	a := report.Audit{Organization: "o-exampleorgid"}
	nasty := "http://evil.example.com/pay\r\nSubject: you@evil.example [x](https://e.vil) www.evil.example\u202e é"
	p := posture.Account{Account: ownAccount, Name: nasty, TakenAt: noon, Summary: posture.NewSummary()}
	for i := range n {
		p.Findings = append(p.Findings, audit.Finding{
			Check: "user-console-mfa", Outcome: audit.Fail, Severity: audit.Severity(i % 5), Detail: nasty,
			Subject: audit.Subject{Kind: audit.UserSubject, ID: fmt.Sprintf("AIDA%06d", i), Name: nasty},
		})
	}
	p.Gaps = []audit.Gap{{Fact: audit.FactTags, Action: "iam:ListUserTags", Reason: nasty}}
	a.Accounts = []posture.Account{p}
	return a
}

func TestNamesAreHarmless(t *testing.T) {
	a := loud(3)
	for name, s := range map[string]summary{"organisation": newSummary(a, nil, "s3://b/k"), "account": newSummary(report.Audit{Accounts: a.Accounts}, nil, "s3://b/k")} {
		for form, text := range map[string]string{"text": s.text(), "subject": s.subject(), "body": s.body()} {
			for _, bad := range []string{"http:", "https://", "evil.example", "e.vil", "@", "\r", "\u202e", "]("} {
				if strings.Contains(strings.ReplaceAll(text, `"https":`, ""), bad) {
					t.Errorf("%s, %s has %q:\n%s", name, form, bad, text)
				}
			}
		}
		if !strings.Contains(s.text(), "evil[.]example[.]com") {
			t.Errorf("%s: nobody can read the name in:\n%s", name, s.text())
		}
		for _, r := range s.subject() {
			if r > unicode.MaxASCII || !unicode.IsPrint(r) {
				t.Errorf("%s: subject %q has %q", name, s.subject(), r)
			}
		}
		if n := len(s.subject()); n > maxSubject {
			t.Errorf("%s: the subject has %d characters", name, n)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	s := newSummary(loud(20_000), nil, "s3://b/k")
	if n := len(s.body()); n > 200_000 {
		t.Errorf("the body has %d bytes", n)
	}
	text := s.text()
	if got := strings.Count(text, "user-console-mfa"); got != maxListed || !strings.Contains(text, "- and 19980 more") {
		t.Errorf("%d failures are listed:\n%s", got, text)
	}
	if first := strings.Index(text, "\n- "); !strings.HasPrefix(text[first:], "\n- CRITICAL ") || strings.Contains(text, "\n- HIGH") {
		t.Errorf("not the worst first:\n%s", text)
	}
}

func TestNothingIsKnown(t *testing.T) {
	s := newSummary(report.Audit{}, nil, "s3://b/k")
	if s.subject() != "MFA audit of unknown: no failure" || s.severity() != audit.Info || !strings.Contains(s.text(), "Nothing was judged") {
		t.Errorf("subject %q, text:\n%s", s.subject(), s.text())
	}
}

func TestDue(t *testing.T) {
	a := loud(1)
	same, other := newSummary(a, &a, ""), newSummary(a, &report.Audit{Accounts: []posture.Account{{Account: ownAccount, TakenAt: noon}}}, "")
	for _, c := range []struct {
		name  string
		s     summary
		after time.Duration
		want  bool
	}{
		{"first", newSummary(a, nil, ""), 0, true}, {"first, without a failure", newSummary(loud(0), nil, ""), 0, true}, {"changed", other, 0, true},
		{"same, at once", same, 0, false}, {"same, a little early", same, time.Hour - 1, false}, {"same, in time", same, time.Hour, true},
	} {
		if got := c.s.due(noon, noon.Add(c.after), time.Hour); got != c.want {
			t.Errorf("%s: due %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"ada": "ada", "": "", "ada.lovelace@example.com": "ada[.]lovelace[at]example[.]com", "a.b.c.d": "a[.]b[.]c[.]d",
		"https://x": "https[:]//x", "<b>`x`": "(b)'x'", "two\nlines": "two�lines", "a\tb": "a�b", "12.5 and so on.": "12[.]5 and so on.",
		"[x](y)": "[x] (y)", "x。y": "x[.]y", "\u202egpj": "�gpj",
	} {
		if got := harmless(in, 100); got != want {
			t.Errorf("harmless(%q) = %q, want %q", in, got, want)
		}
	}
	if got := harmless("abcdefgh", 5); got != "abc.." {
		t.Errorf("cut to %q", got)
	}
}

func TestMetrics(t *testing.T) {
	s := newStage(office())
	synctest.Test(t, func(t *testing.T) {
		s.ok(t, accountEvent)
		if first := s.metrics.String(); !strings.Contains(first, `{"AuditAge":0,`) {
			t.Errorf("the first audit has no age, which an alarm would take for none:\n%s", first)
		}
		s.metrics.Reset()
		s.at(day(1))
		if _, err := s.Handle(context.Background(), Event{Mode: ModeAccount, Run: "r2", Began: day(1).Add(-90 * time.Second)}); err != nil {
			t.Fatal(err)
		}
	})
	got := map[string]float64{}
	for line := range strings.Lines(s.metrics.String()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, name := range []string{"AuditDuration", "AuditAge", "AccountsUnread", "CredentialReportAge", "FindingsByCheck", "UsersByFactor"} {
			if value, ok := v[name].(float64); ok {
				key := strings.TrimSuffix(strings.Join([]string{name, text(v["check"]), text(v["outcome"]), text(v["factor"])}, " "), " ")
				got[strings.Join(strings.Fields(key), " ")] = value
			}
		}
		if v["account"] != ownAccount {
			t.Errorf("no account in %s", line)
		}
	}
	for key, want := range map[string]float64{
		"AuditDuration": 90, "AuditAge": 86400, "AccountsUnread": 0, "CredentialReportAge": 0, "FindingsByCheck user-console-mfa fail": 1,
		"FindingsByCheck user-console-mfa unknown": 0, "FindingsByCheck root-mfa fail": 0, "UsersByFactor hardware_totp": 1, "UsersByFactor none": 1, "UsersByFactor fido": 0, "UsersByFactor not_known": 0,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s is %v (there: %v), want %v", key, value, ok, want)
		}
	}
	if want := 4 + 2*len(posture.Checks()) + 8; len(got) != want {
		t.Errorf("%d metrics, want %d: %v", len(got), want, got)
	}
}

func TestOldest(t *testing.T) {
	made := func(all ...time.Time) (a report.Audit) {
		for _, m := range all {
			a.Accounts = append(a.Accounts, posture.Account{ReportMade: m})
		}
		return a
	}
	for _, c := range []struct {
		all  []time.Time
		want time.Time
	}{
		{nil, time.Time{}}, {[]time.Time{{}}, time.Time{}}, {[]time.Time{day(1), noon, {}, day(2)}, noon}, {[]time.Time{noon, day(1)}, noon},
	} {
		if got := oldest(made(c.all...)); !got.Equal(c.want) {
			t.Errorf("the oldest of %v is %v", c.all, got)
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func TestWho(t *testing.T) {
	one, all := newSummary(report.Audit{Accounts: []posture.Account{{Account: ownAccount}}}, nil, ""), newSummary(loud(0), nil, "")
	all.audit.Accounts[0].Name = "prod"
	for _, c := range []struct {
		s       summary
		subject audit.Subject
		want    string
	}{
		{one, audit.Subject{Kind: audit.AccountSubject, ID: ownAccount, Name: "x"}, "the account"},
		{one, audit.Subject{Kind: audit.RootSubject, Name: "root"}, "root"},
		{one, audit.Subject{Kind: audit.UserSubject, ID: "AIDA1"}, `user "AIDA1"`},
		{all, audit.Subject{Kind: audit.DeviceSubject, ARN: "arn:d"}, `MFA device "arn:d" in prod (111122223333)`},
	} {
		if got := c.s.who(report.Change{Account: ownAccount, Subject: c.subject}); got != c.want {
			t.Errorf("who(%+v) = %q, want %q", c.subject, got, c.want)
		}
	}
}

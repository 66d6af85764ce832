package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

var pages = flag.String("pages", "", "write the invented reports into this folder, to look at them")

func page(t testing.TB, a report.Audit, o report.AuditOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteAudit(&b, report.AuditHTML, a, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// embedded is the data of a page, as its script reads it.
type embedded struct {
	Strings  []string
	Evidence [][]int
	Checks   []struct {
		ID, Question string
		Controls     map[string][]string
	}
	Frameworks []struct{ Key, Label string }
	Chosen     string
	Accounts   []struct{ ID string }
	People     []struct {
		Kind    string              `json:"k"`
		Account int                 `json:"a"`
		ID      string              `json:"i"`
		Name    string              `json:"n"`
		ARN     string              `json:"r"`
		Rows    [][]json.RawMessage `json:"x"`
	}
}

var dataBlock = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

func data(t testing.TB, text string) embedded {
	t.Helper()
	block := dataBlock.FindStringSubmatch(text)
	if block == nil {
		t.Fatal("the page has no data")
	}
	var d embedded
	if err := json.Unmarshal([]byte(block[1]), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// said is a finding as one line, from the audit or from the page.
func (d embedded) said(t testing.TB) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, p := range d.People {
		for _, row := range p.Rows {
			var check, outcome, severity, detail int
			var evidence []int
			for i, to := range []any{&check, &outcome, &severity, &detail, &evidence} {
				if err := json.Unmarshal(row[i], to); err != nil {
					t.Fatal(err)
				}
			}
			line := fmt.Sprint(d.Accounts[p.Account].ID, p.Kind, p.ID, p.Name, p.ARN, d.Checks[check].ID, audit.Outcome(outcome), audit.Severity(severity), d.Strings[detail])
			for _, e := range evidence {
				line += fmt.Sprint(" ", d.Strings[d.Evidence[e][0]], d.Strings[d.Evidence[e][2]])
				for j := 3; j < len(d.Evidence[e]); j += 2 {
					line += d.Strings[d.Evidence[e][j]] + "=" + d.Strings[d.Evidence[e][j+1]] + ";"
				}
			}
			all[line]++
		}
	}
	return all
}

func found(a report.Audit) map[string]int {
	all := map[string]int{}
	for _, account := range a.Accounts {
		for _, f := range account.Findings {
			s := f.Subject
			line := fmt.Sprint(account.Account, string(s.Kind), s.ID, s.Name, s.ARN, f.Check, f.Outcome, f.Severity, f.Detail)
			for _, e := range f.Evidence {
				line += fmt.Sprint(" ", e.Source, e.Age)
				facts, _ := json.Marshal(e.Facts) // sorts the names
				var ordered []string
				d := json.NewDecoder(bytes.NewReader(facts))
				for token, err := d.Token(); err == nil; token, err = d.Token() {
					if text, ok := token.(string); ok {
						ordered = append(ordered, text)
					}
				}
				for i := 0; i < len(ordered); i += 2 {
					line += ordered[i] + "=" + ordered[i+1] + ";"
				}
			}
			all[line]++
		}
	}
	return all
}

func TestHTMLHoldsEveryFinding(t *testing.T) {
	for name, a := range map[string]report.Audit{"organisation": organisation(), "large": large(300)} {
		want := found(a)
		if len(want) < 500 {
			t.Fatalf("%s: %d findings are too few to prove anything", name, len(want))
		}
		if diff := cmp.Diff(want, data(t, page(t, a, report.AuditOptions{})).said(t)); diff != "" {
			t.Errorf("%s: findings of the audit and of the page differ (-audit +page):\n%.3000s", name, diff)
		}
	}
}

func TestHTMLIsTheSameEachTime(t *testing.T) {
	first := page(t, organisation(), report.AuditOptions{Version: "1.0.0"})
	for range 3 {
		if again := page(t, organisation(), report.AuditOptions{Version: "1.0.0"}); again != first {
			t.Fatal("the same audit gives other bytes")
		}
	}
}

func TestHTMLOfManyUsersIsSmall(t *testing.T) {
	a := large(5000)
	start := time.Now()
	size := len(page(t, a, report.AuditOptions{}))
	t.Logf("5,000 users, %d findings: %.1f MB in %v", len(a.Accounts[0].Findings), float64(size)/1e6, time.Since(start))
	if size > 12<<20 {
		t.Errorf("%d bytes, want at most 12 MiB", size)
	}
}

var (
	policyTag = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`)
	tag       = regexp.MustCompile(`<[a-zA-Z/][^>]*>`)
	handler   = regexp.MustCompile(`(?i)\s(on[a-z]+|style|src|srcset|action|formaction|background|poster)\s*=`)
	link      = regexp.MustCompile(`(?i)\s(?:href|url)\s*=\s*"([^"]*)"`)
	remote    = regexp.MustCompile(`(?i)https?:|//[a-z]|url\(|@import`)
)

// blocks are the contents of elements of a name, without attributes.
func blocks(text, name string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?s)<`+name+`>(.*?)</`+name+`>`).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestHTMLPolicyAllowsItsOwnBlocksOnly(t *testing.T) {
	text := page(t, organisation(), report.AuditOptions{})
	content := policyTag.FindStringSubmatch(text)
	if content == nil {
		t.Fatal("the page has no policy")
	}
	policy := html.UnescapeString(content[1])
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %q: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
		t.Errorf("the policy is too wide: %s", policy)
	}
	for name, directive := range map[string]string{"style": "style-src", "script": "script-src"} {
		all := blocks(text, name)
		if len(all) != 1 || len(all[0]) < 1000 {
			t.Fatalf("%d blocks <%s>, want one", len(all), name)
		}
		sum := sha256.Sum256([]byte(all[0]))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	if at, style := strings.Index(text, content[0]), strings.Index(text, "<style>"); at > style {
		t.Error("the policy stands behind the style, which it does not rule then")
	}
}

// markup is the page without what is text to HTML: style, script and data.
func markup(text string) string {
	text = dataBlock.ReplaceAllString(text, "")
	for _, name := range []string{"style", "script"} {
		text = regexp.MustCompile(`(?s)<`+name+`>.*?</`+name+`>`).ReplaceAllString(text, "")
	}
	return text
}

func TestHTMLAsksNobody(t *testing.T) {
	text := page(t, organisation(), report.AuditOptions{})
	tags := tag.FindAllString(markup(text), -1)
	if len(tags) < 500 {
		t.Fatalf("%d tags: the page is empty", len(tags))
	}
	for _, tag := range tags {
		if handler.MatchString(tag) {
			t.Errorf("an attribute that runs, styles or loads: %s", tag)
		}
		if m := link.FindStringSubmatch(tag); m != nil && !strings.HasPrefix(m[1], "#") && m[1] != "data:," {
			t.Errorf("a link out of the page: %s", tag)
		}
	}
	for _, name := range []string{"style", "script"} {
		code := regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAllString(blocks(text, name)[0], "")
		if m := remote.FindString(code); m != "" {
			t.Errorf("<%s> holds %q", name, m)
		}
	}
	for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "XMLHttpRequest", "localStorage"} {
		if strings.Contains(text, sink) {
			t.Errorf("the script uses %s", sink)
		}
	}
}

var hostile = []string{
	`<script>alert(1)</script>`, `</script><img src=x onerror=alert(1)>`, `<!--<script>`, `"><svg onload=alert(1)>`, `' onfocus=alert(1) x='`,
	"user\u202Etxt.exe", "line\u2028break\u2029", "tab\tnew\nline\x00\x1b[31m", `{{.Policy}}`, `${alert(1)}`, "\xff\xfe", strings.Repeat("W", 64), "",
	`]]>`, `&lt;b&gt;`, "__proto__", "constructor", `" onmouseover="alert(1)`, `javascript:alert(1)`, `</title><script>alert(1)</script>`,
	`</pre></noscript></svg><script>alert(1)</script>`, `--></SCRIPT ><a href=javascript:alert(1)>`, "a+b=c`d",
}

func strange(name string) report.Audit {
	a := report.Audit{Organization: name, Accounts: []posture.Account{posture.Judge(invention{id: "111122223333", users: 20, root: "true"}.snapshot(), rules())}}
	account := &a.Accounts[0]
	account.Name, account.Alias, account.Status = name, name, name
	for i := range account.Roster {
		account.Roster[i].Name, account.Roster[i].ID, account.Roster[i].ARN = name, fmt.Sprint(name, i), name
	}
	for i := range account.Findings {
		f := &account.Findings[i]
		f.Subject.Name, f.Detail, f.Remediation = name, name, name
		if f.Exemption != nil {
			f.Exemption = &audit.Exemption{ID: name, Owner: name, Reason: name, Ticket: name, Expires: invented.AddDate(0, 1, 0)}
		}
		f.Missing = []audit.Gap{{Fact: audit.Fact(name), Subject: name, Action: name, Reason: name}}
		f.Evidence = []audit.Evidence{{Source: name, Age: name, Facts: map[string]string{name: name}}}
		f.Controls = []audit.Control{{Framework: name, Version: name, ID: name}}
	}
	account.Gaps = []audit.Gap{{Fact: audit.Fact(name), Subject: name, Action: name, Reason: name}}
	return a
}

func TestHTMLStrangeTextsStayTexts(t *testing.T) {
	want := len(tag.FindAllString(markup(page(t, strange("plain"), report.AuditOptions{Version: "plain"})), -1))
	for _, name := range hostile {
		if name == "" {
			page(t, strange(name), report.AuditOptions{}) // shows less, and must not break
			continue
		}
		changes := report.Changes{New: []report.Change{{Account: name, Check: name, Subject: audit.Subject{Name: name}, Detail: name, Reason: name}}}
		text := page(t, strange(name), report.AuditOptions{Version: name})
		if got := len(tag.FindAllString(markup(text), -1)); got != want {
			t.Errorf("%q: %d tags, a plain name makes %d", name, got, want)
		}
		withChanges := page(t, strange(name), report.AuditOptions{Changes: &changes})
		for _, s := range []string{"<img", "<svg onload", "alert(1)</script>", "\u202E", "\u2028", "\u2029", "\x1b", "\x00"} {
			if strings.Contains(markup(withChanges), s) || strings.Contains(dataBlock.FindString(text), s) {
				t.Errorf("%q: the page holds %q", name, s)
			}
		}
		data(t, text)
	}
}

var headlineTag = regexp.MustCompile(`(?s)<h1 class="headline (\w+)">(.*?)</h1>\n?(?:<p class="doubts">(.*?)</p>)?`)

func headline(t *testing.T, text string) (tone, sentence, doubts string) {
	t.Helper()
	m := headlineTag.FindStringSubmatch(text)
	if m == nil {
		t.Fatal("the page has no headline")
	}
	return m[1], html.UnescapeString(m[2]), html.UnescapeString(m[3])
}

// holders is an account of which root and users stand as given, and nothing
// else is known.
func holders(root audit.Outcome, users ...posture.Holder) posture.Account {
	a := posture.Account{Account: "111122223333", TakenAt: invented, Summary: posture.NewSummary(), Roster: users}
	a.Findings = []audit.Finding{{Check: "root-mfa", Outcome: root, Severity: audit.Critical, Subject: audit.Subject{Kind: audit.RootSubject}}}
	for i := range users {
		u := &users[i]
		u.Kind, u.Name, u.Complete = audit.UserSubject, fmt.Sprint("user", i), true
		count := func(n *int, when bool) {
			if when {
				*n++
			}
		}
		s := &a.Summary
		s.Users++
		count(&s.Console, u.Password == posture.Yes)
		count(&s.ConsoleWithoutMFA, u.Password == posture.Yes && u.MFA == posture.No)
		count(&s.WithoutMFA, u.MFA == posture.No)
		count(&s.MFAUnknown, u.MFA == posture.NotKnown)
		count(&s.Admins, u.Admin == posture.Yes)
		count(&s.AdminsWithoutMFA, u.Admin == posture.Yes && u.MFA == posture.No)
		f := audit.Finding{Check: "user-any-mfa", Subject: u.Subject, Severity: audit.Medium}
		f.Outcome = map[posture.Known]audit.Outcome{posture.Yes: audit.Pass, posture.No: audit.Fail, posture.NotKnown: audit.Unknown}[u.MFA]
		a.Findings = append(a.Findings, f)
	}
	for _, f := range a.Findings {
		a.Summary.ByOutcome[f.Outcome]++
		if f.Outcome == audit.Fail {
			a.Summary.BySeverity[f.Severity]++
		}
	}
	return a
}

func holder(password, mfa, admin posture.Known) posture.Holder {
	return posture.Holder{Password: password, MFA: mfa, Admin: admin}
}

func TestHTMLHeadline(t *testing.T) {
	const yes, no, open = posture.Yes, posture.No, posture.NotKnown
	safe, console, doubt := holder(yes, yes, no), holder(yes, no, no), holder(yes, open, no)
	exempt := holders(audit.NotApplicable, safe)
	exempt.Findings[0].Exemption = &audit.Exemption{ID: "111122223333", Expires: invented.AddDate(1, 0, 0)}
	exempt.Summary.Exempt = 1
	other := holders(audit.Pass, holder(no, no, no))
	unread := holders(audit.Pass)
	unread.Findings = append(unread.Findings, audit.Finding{Check: "user-console-mfa", Subject: audit.Subject{Kind: audit.AccountSubject}})
	unread.Summary.ByOutcome[audit.Unknown]++
	open1 := holders(audit.Pass, safe)
	open1.Findings = append(open1.Findings, audit.Finding{Check: "user-hardware-mfa", Subject: open1.Roster[0].Subject})
	open1.Summary.ByOutcome[audit.Unknown]++
	for name, c := range map[string]struct {
		accounts               []posture.Account
		tone, sentence, doubts string
	}{
		"all is well":          {[]posture.Account{holders(audit.Pass, safe)}, "calming", "Every question was answered, and no failure was found.", ""},
		"nobody":               {nil, "doubtful", "No account was audited.", ""},
		"nothing judged":       {[]posture.Account{{Account: "111122223333", Summary: posture.NewSummary()}}, "doubtful", "Cannot tell whether everybody has a second factor.", "Cannot tell for root and for the users, who could not be listed."},
		"one console user":     {[]posture.Account{holders(audit.Pass, console, safe)}, "alarming", "1 of 2 console users has no MFA.", ""},
		"the only one":         {[]posture.Account{holders(audit.Pass, console)}, "alarming", "The only console user has no MFA.", ""},
		"root":                 {[]posture.Account{holders(audit.Fail, safe)}, "alarming", "Root has no MFA.", ""},
		"two roots":            {[]posture.Account{holders(audit.Fail, safe), holders(audit.Pass), holders(audit.Fail)}, "alarming", "Root has no MFA in 2 of 3 accounts.", ""},
		"an administrator":     {[]posture.Account{holders(audit.Pass, holder(no, no, yes), holder(yes, yes, yes))}, "alarming", "1 of 2 administrators has no MFA.", ""},
		"both":                 {[]posture.Account{holders(audit.Pass, holder(yes, no, yes), holder(yes, no, yes), safe)}, "alarming", "2 of 3 console users have no MFA and 2 of 2 administrators have none.", ""},
		"a doubt":              {[]posture.Account{holders(audit.Pass, doubt, doubt, safe)}, "doubtful", "Cannot tell whether everybody has a second factor.", "Cannot tell for 2 users."},
		"password not known":   {[]posture.Account{holders(audit.Pass, holder(open, no, no))}, "doubtful", "Cannot tell whether everybody has a second factor.", "Cannot tell for 1 user."},
		"failure and doubt":    {[]posture.Account{holders(audit.Unknown, console, doubt)}, "alarming", "1 of 2 console users has no MFA.", "Cannot tell for 1 user and for root."},
		"users not listed":     {[]posture.Account{unread}, "doubtful", "Cannot tell whether everybody has a second factor.", "Cannot tell for the users, who could not be listed."},
		"another failure":      {[]posture.Account{other}, "alarming", "Nobody who signs in was found without a second factor, but 1 other finding fails.", ""},
		"another unknown":      {[]posture.Account{open1}, "doubtful", "No failure was found, but 1 question has no answer.", ""},
		"exempt is not a pass": {[]posture.Account{exempt}, "doubtful", "No failure was found but those that are exempt.", "1 failure is exempt: see the exemptions."},
	} {
		tone, sentence, doubts := headline(t, page(t, report.Audit{Accounts: c.accounts}, report.AuditOptions{}))
		if tone != c.tone || sentence != c.sentence || doubts != c.doubts {
			t.Errorf("%s:\n got %s: %q %q\nwant %s: %q %q", name, tone, sentence, doubts, c.tone, c.sentence, c.doubts)
		}
	}
}

var mixRow = regexp.MustCompile(`data-factor="(\w+)">.*?<td class="n">([\d,]+)</td><td class="n">([\d]+)%</td>`)

// A list that is not complete proves what is on it, and not that there is
// nothing better.
func TestHTMLFactorMix(t *testing.T) {
	has := func(complete bool, kinds ...audit.FactorKind) posture.Holder {
		return posture.Holder{Subject: audit.Subject{Kind: audit.UserSubject}, MFA: posture.Yes, Factors: kinds, Complete: complete}
	}
	for name, c := range map[string]struct {
		holder posture.Holder
		want   string
	}{
		"two kinds":            {has(true, audit.VirtualFactor, audit.FIDOFactor), "fido"},
		"certified":            {has(true, audit.FIDOFactor, audit.FIDOCertifiedFactor), "fido_certified"},
		"token":                {has(true, audit.HardwareTOTPFactor, audit.SMSFactor), "hardware_totp"},
		"virtual":              {has(true, audit.VirtualFactor, audit.SMSFactor), "virtual"},
		"text message":         {has(true, audit.SMSFactor), "sms"},
		"virtual, maybe more":  {has(false, audit.VirtualFactor), "unknown"},
		"fido, maybe more":     {has(false, audit.FIDOFactor), "fido"},
		"not listed":           {has(false), "unknown"},
		"a new kind":           {has(true, "brain"), "unknown"},
		"none":                 {posture.Holder{Subject: audit.Subject{Kind: audit.UserSubject}, MFA: posture.No}, "none"},
		"not known":            {posture.Holder{Subject: audit.Subject{Kind: audit.UserSubject}, MFA: posture.NotKnown}, "not_known"},
		"no answer is no none": {posture.Holder{Subject: audit.Subject{Kind: audit.UserSubject}}, "not_known"},
	} {
		a := posture.Account{Account: "111122223333", Summary: posture.NewSummary(), Roster: []posture.Holder{c.holder}}
		rows := mixRow.FindAllStringSubmatch(page(t, report.Audit{Accounts: []posture.Account{a}}, report.AuditOptions{}), -1)
		if len(rows) != 8 {
			t.Fatalf("%d rows of factors, want 8", len(rows))
		}
		for _, r := range rows {
			if want := map[bool]string{true: "1", false: "0"}[r[1] == c.want]; r[2] != want {
				t.Errorf("%s: %s counts %s, want %s", name, r[1], r[2], want)
			}
		}
	}
}

// shown is what a reader sees of a page without its script.
func shown(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(markup(page), " "))), " ")
}

func TestHTMLWithoutItsScript(t *testing.T) {
	seen := shown(page(t, organisation(), report.AuditOptions{Version: "1.2.3"}))
	for _, want := range []string{
		"Organisation o-exampleorgid", "Taken 20 Nov 2026 07:12 UTC", "the oldest 1h12m old; age not known in 1 account", "mfawatch 1.2.3",
		"Console users without MFA 9 of 46 1 account not read", "Roots without MFA 1 of 3 1 cannot be told",
		"sandbox 777788889999 not known not known", "data-platform 444455556666 no 22",
		"The first 50 of 86 rows are shown.", "critical emil.e30 user-console-mfa, user-any-mfa", "111122223333 no yes yes yes 2026-11-14",
		"allow sts:AssumeRole AccessDenied 1 whole account", "allow iam:ListMFADevices AccessDenied 8 users mfa-devices",
		"petra.p15 111122223333 all ended it ended on ", " Sales tools was to get a key SEC-201", "AIDAEXAMPLENOBODY 111122223333 all matches nobody no user of this account has this id Sales tools left long ago", "ci-emil-4 111122223333 user-any-mfa, access-key-without-mfa 2 Dec 2026 12 days left Build team",
		"CIS AWS Foundations 6.0",
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(seen, "Changes since") {
		t.Error("the page speaks of changes without an earlier audit")
	}
	if t.Failed() {
		t.Logf("%.6000s", seen)
	}
}

func TestHTMLChanges(t *testing.T) {
	before, now := organisation(), organisation()
	before.Accounts[0].TakenAt = invented.AddDate(0, 0, -7)
	for i := range before.Accounts[0].Findings {
		if f := &before.Accounts[0].Findings[i]; f.Subject.Name == "emil.e30" {
			f.Outcome = audit.Pass
		}
	}
	changes := report.Diff(now, before)
	if len(changes.New) == 0 || len(changes.Open) == 0 {
		t.Fatalf("%d new and %d open changes prove nothing", len(changes.New), len(changes.Open))
	}
	many := changes.Open[0]
	for range 600 {
		changes.Resolved = append(changes.Resolved, many)
	}
	seen := shown(page(t, now, report.AuditOptions{Changes: &changes, Previous: &before}))
	for _, want := range []string{
		fmt.Sprintf("%d new fails now and did not before", len(changes.New)), "0 lost failed before and cannot be told now: not resolved",
		fmt.Sprintf("%d still open", len(changes.Open)), "critical admin-mfa emil.e30 111122223333", "600 resolved", "100 more: the json format lists all",
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// A saved audit may have been made by another version, with other checks.
func TestHTMLOfAnotherVersion(t *testing.T) {
	a := holders(audit.Pass, holder(posture.Yes, posture.Yes, posture.No))
	a.Findings = append(a.Findings, audit.Finding{
		Check: "user-of-tomorrow", Outcome: audit.Fail, Severity: audit.High, Subject: a.Roster[0].Subject, Detail: "something new", Remediation: "Do it anew.",
		Controls: []audit.Control{{Framework: "cis-aws", Version: "9.0", ID: "1.1"}},
	})
	a.Summary.ByCheck["user-of-tomorrow"] = map[audit.Outcome]int{audit.Fail: 1}
	d := data(t, page(t, report.Audit{Accounts: []posture.Account{a}}, report.AuditOptions{}))
	last := d.Checks[len(d.Checks)-1]
	if last.ID != "user-of-tomorrow" || last.Question != "user-of-tomorrow" || !cmp.Equal(last.Controls["cis-aws 9.0"], []string{"1.1"}) {
		t.Errorf("the last check is %+v", last)
	}
	if got := d.Frameworks[len(d.Frameworks)-1].Label; got != "CIS AWS Foundations 9.0" {
		t.Errorf("the last framework is %q", got)
	}
	if d.Chosen != "cis-aws 6.0" {
		t.Errorf("chosen is %q", d.Chosen)
	}
	if !strings.Contains(strings.Join(d.Strings, "\n"), "Do it anew.") {
		t.Error("a remediation that is not the check's own was lost")
	}
}

var errFull = errors.New("the disk is full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestHTMLSaysThatItCouldNotWrite(t *testing.T) {
	if err := report.WriteAudit(full{}, report.AuditHTML, organisation(), report.AuditOptions{}); !errors.Is(err, errFull) {
		t.Errorf("error %v, want that of the writer", err)
	}
}

// A person looks at these pages, and the acceptance tests do.
func TestHTMLPages(t *testing.T) {
	dir := *pages
	if dir == "" {
		dir = t.TempDir()
	}
	before := large(200)
	before.Accounts[0].Findings = before.Accounts[0].Findings[:900]
	changed := large(180)
	changes := report.Diff(changed, before)
	for name, p := range map[string]struct {
		audit   report.Audit
		changes *report.Changes
	}{
		"organisation": {organisation(), nil}, "large": {large(5000), nil}, "strange": {strange(hostile[1]), nil}, "changed": {changed, &changes},
	} {
		text := page(t, p.audit, report.AuditOptions{Version: "0.0.0", Changes: p.changes})
		if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

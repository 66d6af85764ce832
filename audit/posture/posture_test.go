package posture_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/internal/casefile"
)

var update = flag.Bool("update", false, "write what the checks answer into the cases, and the checks into checks.golden")

// A posture case is one file of testdata: what it is about, a snapshot, the
// rules if any, and the findings of the checks that the section's name lists
// (patterns of path.Match), each with its evidence.
type postureCase struct {
	casefile.Case
	snapshot audit.Snapshot
	rules    posture.Rules
	section  string
	want     string
}

// wants tells whether the case lists the findings of a check.
func (c postureCase) wants(check string) bool {
	return slices.ContainsFunc(strings.Fields(c.section)[1:], func(pattern string) bool {
		ok, err := path.Match(pattern, check)
		return ok && err == nil
	})
}

func (c postureCase) findings() []audit.Finding {
	all := posture.Evaluate(c.snapshot, c.rules)
	return slices.DeleteFunc(all, func(f audit.Finding) bool { return !c.wants(f.Check) })
}

func cases(t testing.TB) []postureCase {
	t.Helper()
	var all []postureCase
	for _, c := range casefile.All(t, "testdata/*.txtar") {
		all = append(all, readCase(t, c))
	}
	return all
}

func readCase(t testing.TB, from casefile.Case) postureCase {
	t.Helper()
	c := postureCase{Case: from}
	var err error
	for _, f := range from.Files {
		switch {
		case f.Name == "snapshot.json":
			if c.snapshot, err = audit.DecodeSnapshot(f.Data); err != nil {
				t.Fatalf("%s: %v", from.Path, err)
			}
		case f.Name == "rules.json":
			c.rules = readRules(t, from.Path, f.Data)
		case strings.HasPrefix(f.Name, "findings "):
			c.section, c.want = f.Name, string(f.Data)
		default:
			t.Fatalf("%s: section %q is not known", from.Path, f.Name)
		}
	}
	if c.section == "" || c.snapshot.Account == "" {
		t.Fatalf("%s: wants the sections snapshot.json and findings CHECK...", from.Path)
	}
	return c
}

func readRules(t testing.TB, file string, data []byte) posture.Rules {
	t.Helper()
	var form struct {
		Hardware      posture.Hardware   `json:"hardware"`
		FIDO          posture.FIDO       `json:"fido"`
		Overrides     []posture.Override `json:"overrides"`
		StaleReport   string             `json:"stale_report"`
		RootRecentUse string             `json:"root_recent_use"`
		UserRecentUse string             `json:"user_recent_use"`
		UnusedConsole string             `json:"unused_console"`
		Exemptions    []audit.Exemption  `json:"exemptions"`
		BreakGlass    []string           `json:"break_glass"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&form); err != nil {
		t.Fatalf("%s: rules.json: %v", file, err)
	}
	duration := func(text string) time.Duration {
		if text == "" {
			return 0
		}
		v, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%s: rules.json: %v", file, err)
		}
		return v
	}
	return posture.Rules{
		Hardware: form.Hardware, FIDO: form.FIDO, Overrides: form.Overrides, Exemptions: form.Exemptions, BreakGlass: form.BreakGlass,
		StaleReport: duration(form.StaleReport), RootRecentUse: duration(form.RootRecentUse),
		UserRecentUse: duration(form.UserRecentUse), UnusedConsole: duration(form.UnusedConsole),
	}
}

// render writes findings as the cases have them: a line for the answer, then
// one for each row of evidence.
func render(findings []audit.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		name := f.Subject.Name
		if f.Subject.Kind == audit.ExemptionSubject || name == "" {
			name = f.Subject.ID
		}
		if f.Subject.Kind == audit.ExemptionSubject && f.Subject.Name != "" {
			name += " (" + f.Subject.Name + ")"
		}
		fmt.Fprintf(&b, "%s %s %s %s/%s: %s\n", f.Outcome, f.Severity, f.Check, f.Subject.Kind, name, f.Detail)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "    %s %s:", e.Source, e.Age)
			for _, k := range slices.Sorted(maps.Keys(e.Facts)) {
				fmt.Fprintf(&b, " %s=%s", k, e.Facts[k])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestCases(t *testing.T) {
	for _, c := range cases(t) {
		got := render(c.findings())
		if *update {
			c.Put(t, c.section, got)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%sfindings (-want +got):\n%s", c.Path, c.Comment, diff)
		}
	}
}

// impossible are the outcomes that a check cannot have.
var impossible = map[string]audit.Outcome{
	"credential-report-stale": audit.NotApplicable, // every account can have a report
	"exemption-expired":       audit.Unknown,       // a date is before another or not
}

func TestEveryOutcomeOfEveryCheckHasACase(t *testing.T) {
	got := map[string][]audit.Outcome{}
	for _, c := range cases(t) {
		for _, f := range c.findings() {
			got[f.Check] = append(got[f.Check], f.Outcome)
		}
	}
	for _, c := range posture.Checks() {
		for _, o := range audit.Outcomes() {
			never, exception := impossible[c.ID]
			if want := !exception || never != o; slices.Contains(got[c.ID], o) != want {
				t.Errorf("a case in which %s is %s: %v, want %v", c.ID, o, !want, want)
			}
		}
	}
}

// Every check answers about every snapshot, once for each subject.
func TestNoCheckIsSilentOrRepeatsItself(t *testing.T) {
	for _, c := range cases(t) {
		seen := map[string]int{}
		for _, f := range posture.Evaluate(c.snapshot, c.rules) {
			seen[f.Check]++
			key := fmt.Sprint(f.Check, f.Subject)
			if seen[key]++; seen[key] > 1 {
				t.Errorf("%s: %s answers twice about %v", c.Path, f.Check, f.Subject)
			}
		}
		for _, check := range posture.Checks() {
			if seen[check.ID] == 0 {
				t.Errorf("%s: %s says nothing", c.Path, check.ID)
			}
		}
	}
}

func TestFindingsAreComplete(t *testing.T) {
	for _, c := range cases(t) {
		for _, f := range posture.Evaluate(c.snapshot, c.rules) {
			if problem := incomplete(f); problem != "" {
				t.Errorf("%s: %s in %s %s %+v: %q", c.Path, problem, f.Outcome, f.Check, f.Subject, f.Detail)
			}
		}
	}
}

func incomplete(f audit.Finding) string {
	switch {
	case f.Detail == "" || f.Evidence == nil || f.Controls == nil || f.Subject.ID == "" && f.Subject.ARN == "":
		return "no detail, evidence, controls or subject"
	case f.Subject.ARN == "" && slices.Contains([]audit.SubjectKind{audit.RootSubject, audit.DeviceSubject}, f.Subject.Kind):
		return "no ARN"
	case (f.Remediation != "") != (f.Outcome == audit.Fail):
		return "remediation without failure, or the other way round"
	case (len(f.Missing) > 0) != (f.Outcome == audit.Unknown):
		return "gaps without unknown, or the other way round"
	case f.Severity != audit.Info && f.Outcome != audit.Fail && f.Outcome != audit.Unknown:
		return "a severity without need"
	case f.Severity == audit.Info && (f.Outcome == audit.Fail || f.Outcome == audit.Unknown):
		return "no severity"
	case f.Exemption != nil && f.Outcome != audit.NotApplicable:
		return "an exemption without effect"
	case strings.ContainsFunc(f.Detail, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "an unprintable character"
	}
	for _, g := range f.Missing {
		if g.Fact == "" || g.Action == "" || g.Reason == "" || !strings.Contains(f.Detail, g.Action) {
			return fmt.Sprintf("gap %+v is incomplete or not in the detail", g)
		}
	}
	return ""
}

// The order in which facts were collected changes nothing, and judging changes
// no fact.
func TestFindingsDoNotDependOnTheOrderOfFacts(t *testing.T) {
	for _, c := range cases(t) {
		before, err := c.snapshot.Encode()
		if err != nil {
			t.Fatal(err)
		}
		want := posture.Evaluate(c.snapshot, c.rules)
		if after, err := c.snapshot.Encode(); err != nil || !bytes.Equal(before, after) {
			t.Fatalf("%s: Evaluate changed the snapshot (error %v):\n%s", c.Path, err, cmp.Diff(string(before), string(after)))
		}
		turned, err := audit.DecodeSnapshot(before)
		if err != nil {
			t.Fatal(err)
		}
		turn(&turned)
		if diff := cmp.Diff(want, posture.Evaluate(turned, c.rules)); diff != "" {
			t.Errorf("%s: with the facts in reverse (-want +got):\n%s", c.Path, diff)
		}
	}
}

func turn(s *audit.Snapshot) {
	if s.Report != nil {
		slices.Reverse(s.Report.Value.Rows)
	}
	if s.VirtualDevices != nil {
		slices.Reverse(s.VirtualDevices.Value)
	}
	if s.Policies != nil {
		slices.Reverse(s.Policies.Value)
	}
	if s.Groups != nil {
		slices.Reverse(s.Groups.Value)
	}
	if s.Users != nil {
		slices.Reverse(s.Users.Value)
	}
}

func TestSnapshotsOfCasesRoundTrip(t *testing.T) {
	for _, c := range cases(t) {
		first, err := c.snapshot.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := audit.DecodeSnapshot(first)
		if err != nil {
			t.Fatalf("%s: %v", c.Path, err)
		}
		second, err := again.Encode()
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: encoded again (error %v):\n%s", c.Path, err, cmp.Diff(string(first), string(second)))
		}
	}
}

var accountNumber = regexp.MustCompile(`\b[0-9]{12}\b`)

func TestCasesHoldInventedIdentifiersOnly(t *testing.T) {
	for _, c := range cases(t) {
		if !strings.HasPrefix(string(c.Comment), "# ") {
			t.Errorf("%s does not say what it is about", c.Path)
		}
		data, err := os.ReadFile(c.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range accountNumber.FindAllString(string(data), -1) {
			if n != "111122223333" && n != "444455556666" { // the second is another account
				t.Errorf("%s holds the account number %s", c.Path, n)
			}
		}
	}
}

func TestRulesOfCasesAreValid(t *testing.T) {
	for _, c := range cases(t) {
		invalid := strings.Contains(c.Path, "invalid-rules")
		if err := c.rules.Validate(); (err != nil) != invalid {
			t.Errorf("%s: rules are refused: %v", c.Path, err)
		}
	}
}

func TestChecksAreDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range posture.Checks() {
		if c.ID != strings.ToLower(c.ID) || strings.ContainsAny(c.ID, " _.") || seen[c.ID] {
			t.Errorf("id %q is not in kebab case or taken", c.ID)
		}
		seen[c.ID] = true
		if !strings.HasSuffix(c.Question, "?") || c.Rationale == "" || len(c.Evidence) == 0 || c.Remediation.Steps() == "" || c.Severity == audit.Info {
			t.Errorf("%s: question, rationale, evidence, remediation or severity is missing: %+v", c.ID, c)
		}
	}
}

func TestRemediationInWords(t *testing.T) {
	for want, r := range map[string]posture.Remediation{
		"Console: One. Two. CLI: aws a; aws b.": {Console: []string{"One.", "Two."}, CLI: []string{"aws a", "aws b"}},
		"Console: One. CLI: aws a.":             {Console: []string{"One."}, CLI: []string{"aws a"}},
		"Console: One.":                         {Console: []string{"One."}},
		"In a file: one. CLI: aws a.":           {Elsewhere: []string{"In a file: one."}, CLI: []string{"aws a"}},
		"First. Console: One. Two.":             {Elsewhere: []string{"First."}, Console: []string{"One.", "Two."}},
	} {
		if got := r.String(); got != want {
			t.Errorf("remediation = %q, want %q", got, want)
		}
	}
}

// What is put right in a file of ours has no console.
func TestNoConsoleForExemptions(t *testing.T) {
	for _, c := range posture.Checks() {
		r := c.Remediation
		if files := strings.HasPrefix(c.ID, "exemption-"); files != (len(r.Console) == 0) || files != (len(r.Elsewhere) > 0) {
			t.Errorf("%s: console %q, elsewhere %q", c.ID, r.Console, r.Elsewhere)
		}
	}
}

// A finding's JSON is an interface.
func TestFindingAsJSON(t *testing.T) {
	c := readCase(t, casefile.Read(t, "testdata/console-password.txtar"))
	i := slices.IndexFunc(c.findings(), func(f audit.Finding) bool { return f.Subject.Name == "recent" })
	f := c.findings()[i]
	f.Controls, f.Remediation = f.Controls[:1], "…"
	got, err := json.Marshal(f)
	want := `{"check":"user-console-mfa","subject":{"kind":"iam_user","id":"AIDARECENT","name":"recent","arn":"arn:aws:iam::111122223333:user/recent"},` +
		`"outcome":"fail","severity":"high","detail":"console password, no MFA device; last sign-in 2 days ago",` +
		`"evidence":[{"source":"credential-report","at":"2026-11-20T06:00:00Z","age":"1h12m","facts":{"mfa_active":"false","password_enabled":"true","password_last_used":"2026-11-18T06:00:00Z"}}],` +
		`"controls":[{"framework":"cis-aws","version":"1.2","id":"1.2"}],"remediation":"…"}`
	if err != nil || string(got) != want {
		t.Errorf("finding in JSON (error %v):\n%s\nwant\n%s", err, got, want)
	}
}

// Ids, severities and who can be exempt are an interface.
func TestChecksAsTheyWere(t *testing.T) {
	want := []string{
		"root-mfa critical", "root-hardware-mfa high", "root-access-key critical", "root-recent-use high", "root-single-device medium",
		"root-credentials-management low", "user-console-mfa high", "user-any-mfa medium", "user-hardware-mfa medium", "admin-mfa critical",
		"admin-hardware-mfa high", "user-single-device low", "user-sms-mfa medium", "device-never-used low", "virtual-device-unassigned low",
		"user-console-unused low", "access-key-without-mfa medium", "mfa-enforced high", "mfa-enforced-keys high", "factor-tampering critical", "role-trust-mfa high",
		"credential-report-stale medium, for all", "exemption-expired medium, for all",
		"exemption-unknown low, for all", "break-glass-user high, for all",
	}
	var got []string
	for _, c := range posture.Checks() {
		line := c.ID + " " + c.Severity.String()
		if !c.Exemptable {
			line += ", for all"
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// The checks and all their words, as a program reads them: findings and
// docs/checks.md are made of them.
func TestChecksAsJSON(t *testing.T) {
	const golden = "testdata/checks.golden"
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(posture.Checks()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

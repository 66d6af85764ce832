package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

func written(t testing.TB, f AuditFormat, a Audit, o AuditOptions) []byte {
	t.Helper()
	if o.Version == "" {
		o.Version = "1.2.3"
	}
	if f == AuditASFF && o.Region == "" {
		o.Region = "eu-north-1"
	}
	var b bytes.Buffer
	if err := WriteAudit(&b, f, a, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// auditCase is a file of testdata/audit: audit.json, perhaps before.json, then
// outputs named by format and perhaps width, colour and an outcome.
func auditCases(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	all := map[string]*txtar.Archive{}
	paths, _ := filepath.Glob("testdata/audit/*.txtar")
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil || len(a.Files) < 2 || a.Files[0].Name != "audit.json" {
			t.Fatalf("%s: not a case (error %v)", path, err)
		}
		all[path] = a
	}
	if len(all) < 8 {
		t.Fatalf("only %d cases", len(all))
	}
	return all
}

func readCase(t testing.TB, path string, a *txtar.Archive) (Audit, AuditOptions) {
	t.Helper()
	now, err := ReadAudit(path, bytes.NewReader(a.Files[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	var o AuditOptions
	if a.Files[1].Name == "before.json" {
		before, err := ReadAudit(path, bytes.NewReader(a.Files[1].Data))
		if err != nil {
			t.Fatal(err)
		}
		ch := Diff(now, before)
		o.Previous, o.Changes = &before, &ch
	}
	return now, o
}

func (o AuditOptions) asked(name string) (AuditFormat, AuditOptions) {
	words := strings.Fields(name)
	for _, word := range words[1:] {
		var outcome audit.Outcome
		if n, err := strconv.Atoi(word); err == nil {
			o.Width = n
		} else if word == "color" {
			o.Color = true
		} else if outcome.UnmarshalText([]byte(word)) == nil {
			o.Only = append(o.Only, outcome)
		}
	}
	return AuditFormat(words[0]), o
}

func TestAuditGolden(t *testing.T) {
	formats := map[AuditFormat]bool{}
	for path, a := range auditCases(t) {
		now, o := readCase(t, path, a)
		for i, want := range a.Files {
			if strings.HasSuffix(want.Name, ".json") {
				if *update { // a field that is new
					again, _ := ReadAudit(path, bytes.NewReader(want.Data))
					a.Files[i].Data = written(t, AuditJSON, again, AuditOptions{})
				}
				continue
			}
			f, o := o.asked(want.Name)
			formats[f] = true
			got := shownBytes(written(t, f, now, o))
			if *update {
				a.Files[i].Data = got
			} else if diff := cmp.Diff(string(want.Data), string(got)); diff != "" {
				t.Errorf("%s, %s (-want +got)\n%s", path, want.Name, diff)
			}
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range AuditFormats() {
		if !formats[f] && f != AuditHTML && f != AuditJSON {
			t.Errorf("no case has the format %s", f)
		}
	}
}

// TestAuditJSONRoundTrip: the cases' audits are what the json format writes, to
// the byte, and so are audits that were only judged.
func TestAuditJSONRoundTrip(t *testing.T) {
	for name, a := range exampleAudits() {
		first := written(t, AuditJSON, a, AuditOptions{})
		again, err := ReadAudit(name, bytes.NewReader(first))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if second := written(t, AuditJSON, again, AuditOptions{}); !bytes.Equal(first, second) {
			t.Errorf("%s: read and written again it differs:\n%s", name, cmp.Diff(string(first), string(second)))
		}
		if !json.Valid(first) || bytes.ContainsFunc(first, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("%s: not JSON, or with characters that a terminal obeys", name)
		}
	}
	for path, a := range auditCases(t) {
		now, _ := readCase(t, path, a)
		if diff := cmp.Diff(string(a.Files[0].Data), string(written(t, AuditJSON, now, AuditOptions{}))); diff != "" {
			t.Errorf("%s: written again (-was +is)\n%s", path, diff)
		}
	}
}

// TestAuditJSONHoldsEveryField: what posture adds to an account is written too.
func TestAuditJSONHoldsEveryField(t *testing.T) {
	a := exampleAudits()["mixed"]
	a.Accounts[0].Name, a.Accounts[0].Status = "production", "ACTIVE"
	var got map[string]any
	if err := json.Unmarshal(written(t, AuditJSON, a, AuditOptions{}), &got); err != nil {
		t.Fatal(err)
	}
	fields := reflect.TypeFor[posture.Account]()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		if _, there := got[name]; !there {
			t.Errorf("posture.Account has the field %s, the json format does not", name)
		}
	}
	if len(got) != fields.NumField()+1 {
		t.Errorf("the json format has %d fields, want those of posture.Account and schema", len(got))
	}
}

func TestAuditJSONOrder(t *testing.T) {
	text := string(written(t, AuditJSON, exampleAudits()["mixed"], AuditOptions{Changes: &Changes{}}))
	last := -1
	for _, key := range []string{"schema", "account", "alias", "partition", "taken_at", "credential_report_generated", "summary", "roster", "gaps", "findings", "changes"} {
		at := strings.Index(text, `"`+key+`":`)
		if at < last {
			t.Errorf("%s is before what it should follow", key)
		}
		last = at
	}
}

func TestReadAuditRefuses(t *testing.T) {
	good := string(written(t, AuditJSON, exampleAudits()["mixed"], AuditOptions{}))
	whole := string(written(t, AuditJSON, exampleAudits()["organisation"], AuditOptions{}))
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "it is empty"},
		"null":              {"null", "not an object"},
		"list":              {"[]", "not an object"},
		"no JSON":           {"account,check\n", "want what 'mfawatch audit -o FILE.json' wrote"},
		"snapshot":          {`{"schema":"mfawatch/snapshot/v1","account":"111122223333"}`, "audit --from"},
		"scan":              {`{"schema":"mfawatch/scan/v1","verdicts":[]}`, "mfawatch/audit/v1"},
		"newer":             {`{"schema":"mfawatch/audit/v2"}`, "mfawatch/audit/v1"},
		"only a schema":     {`{"schema":"mfawatch/audit/v1"}`, `"account" is missing`},
		"cut":               {good[:len(good)/2], "ends in the middle"},
		"cut at the end":    {good[:len(good)-2], "ends in the middle"},
		"twice":             {good + good, "something follows"},
		"unknown field":     {strings.Replace(good, `"alias"`, `"nickname"`, 1), `"nickname"`},
		"unknown deeper":    {strings.Replace(good, `"remediation"`, `"mend"`, 1), `findings[`},
		"outcome":           {strings.Replace(good, `"outcome":"fail"`, `"outcome":"failed"`, 1), `"failed"`},
		"no findings":       {good[:strings.Index(good, `,`+"\n"+`"findings"`)] + "}", `"findings" is missing`},
		"findings twice":    {strings.Replace(good, `"gaps":`, `"findings":[],"gaps":`, 1), "twice"},
		"accounts in one":   {strings.Replace(good, `"gaps":`, `"accounts":[],"gaps":`, 1), `"accounts" is not one of`},
		"roster in many":    {strings.Replace(whole, `"accounts":`, `"roster":[],"accounts":`, 1), `"roster" is not one of`},
		"unknown in second": {strings.Replace(whole, `"222233334444","alias"`, `"222233334444","nick"`, 1), "accounts[1]"},
		"second cut":        {strings.Replace(whole, `"gaps":[`, `"gaps":7,"was":[`, 1), "accounts[0].gaps"},
	} {
		if c.text == good || c.text == whole {
			t.Fatalf("%s: the text was not changed", name)
		}
		_, err := ReadAudit("old.json", strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), "old.json: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, c.want)
		}
	}
}

// TestReadAuditTakesAnyOrder: other programs sort the keys of an object.
func TestReadAuditTakesAnyOrder(t *testing.T) {
	for _, name := range []string{"mixed", "organisation"} {
		first := written(t, AuditJSON, exampleAudits()[name], AuditOptions{Changes: &Changes{}})
		var any map[string]json.RawMessage
		if err := json.Unmarshal(first, &any); err != nil {
			t.Fatal(err)
		}
		sorted, _ := json.Marshal(any)
		a, err := ReadAudit(name, bytes.NewReader(sorted))
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, AuditJSON, a, AuditOptions{Changes: &Changes{}}); !bytes.Equal(got, first) {
			t.Errorf("%s: sorted, it reads otherwise", name)
		}
	}
}

func TestAuditFormats(t *testing.T) {
	for _, f := range AuditFormats() {
		if got, err := ParseAuditFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseAuditFormat(%q) = %q, %v", f, got, err)
		}
		if auditWriters[f] == nil {
			t.Errorf("nothing writes %s", f)
		}
	}
	for _, s := range []string{"", "JSON", "xml", "table "} {
		if _, err := ParseAuditFormat(s); err == nil || !strings.Contains(err.Error(), "sarif") {
			t.Errorf("ParseAuditFormat(%q): error %v, want the formats", s, err)
		}
		if err := WriteAudit(io.Discard, AuditFormat(s), Audit{}, AuditOptions{}); err == nil {
			t.Errorf("WriteAudit takes the format %q", s)
		}
	}
}

// TestAuditWritesAreAllOrAnError: a full disk is never a success.
func TestAuditWritesAreAllOrAnError(t *testing.T) {
	full := errors.New("no space left")
	for _, f := range AuditFormats() {
		if f == AuditHTML {
			continue
		}
		err := WriteAudit(fullDisk{full}, f, exampleAudits()["mixed"], AuditOptions{Region: "eu-north-1"})
		if !errors.Is(err, full) {
			t.Errorf("%s: error %v, want %v", f, err, full)
		}
	}
}

type fullDisk struct{ err error }

func (f fullDisk) Write([]byte) (int, error) { return 0, f.err }

func TestAuditIsDeterministic(t *testing.T) {
	for name := range exampleAudits() {
		for _, f := range AuditFormats() {
			if f == AuditHTML {
				continue
			}
			if a, b := written(t, f, exampleAudits()[name], AuditOptions{}), written(t, f, exampleAudits()[name], AuditOptions{}); !bytes.Equal(a, b) {
				t.Errorf("%s as %s is not twice the same", name, f)
			}
		}
	}
}

// TestAuditTextsObeyNobody: whatever somebody is called, no format has a
// character that moves a cursor or turns the direction of text.
func TestAuditTextsObeyNobody(t *testing.T) {
	for _, f := range AuditFormats() {
		if f == AuditHTML {
			continue
		}
		for r := range strings.SplitSeq(strings.ReplaceAll(string(written(t, f, exampleAudits()["hostile"], AuditOptions{})), "\r\n", "\n"), "\n") {
			if i := strings.IndexFunc(r, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s has %q", f, r[i:min(len(r), i+8)])
			}
		}
	}
}

func TestAuditTableWidth(t *testing.T) {
	for name, a := range exampleAudits() {
		for _, width := range []int{30, 40, 60, 61, 80, 100, 120, 200} {
			o := AuditOptions{Width: width, Only: audit.Outcomes()}
			text := string(written(t, AuditTable, a, o))
			o.Color = true
			if colored := string(written(t, AuditTable, a, o)); ansi.Strip(colored) != text {
				t.Fatalf("%s, width %d: colour changes the text", name, width)
			}
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if ansi.StringWidth(line) > width || line != strings.TrimRight(line, " ") {
					t.Errorf("%s, width %d: line of %d columns: %q", name, width, ansi.StringWidth(line), line)
				}
			}
		}
		for width := -1; width < 30; width++ {
			written(t, AuditTable, a, AuditOptions{Width: width})
		}
	}
}

// TestAuditTablePipeCutsNothing: without a terminal everybody who fails is
// named, and every detail is whole.
func TestAuditTablePipeCutsNothing(t *testing.T) {
	a := one(account("111122223333", "password", crowd(60)...))
	text := string(written(t, AuditTable, a, AuditOptions{}))
	fails := 0
	for i := range a.Accounts[0].Findings {
		if f := &a.Accounts[0].Findings[i]; f.Outcome == audit.Fail {
			fails++
			if !strings.Contains(text, called(f.Subject)+"  ") || !strings.Contains(text, plain(f.Detail)) {
				t.Fatalf("%s of %s is not whole in the table", f.Check, f.Subject.Name)
			}
		}
	}
	if fails < 50 || strings.Contains(text, "more of this check") {
		t.Errorf("%d failures, or the list is cut", fails)
	}
	if text := string(written(t, AuditTable, a, AuditOptions{Width: 80})); !strings.Contains(text, "more of this check: --format csv lists all") {
		t.Error("on a terminal the list is not bounded")
	}
}

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

func TestAuditCSV(t *testing.T) {
	a := exampleAudits()["hostile"]
	rows, err := csv.NewReader(bytes.NewReader(written(t, AuditCSV, a, AuditOptions{}))).ReadAll()
	if err != nil || len(rows) != len(a.Accounts[0].Findings)+1 {
		t.Fatalf("%d rows for %d findings (error %v)", len(rows), len(a.Accounts[0].Findings), err)
	}
	for _, r := range rows[1:] {
		for i, cell := range r {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				t.Errorf("column %s: the cell %q is a formula", rows[0][i], cell)
			}
		}
	}
	only, _ := csv.NewReader(bytes.NewReader(written(t, AuditCSV, a, AuditOptions{Only: []audit.Outcome{audit.Fail}}))).ReadAll()
	if n := a.Summary().ByOutcome[audit.Fail]; n == 0 || len(only) != n+1 {
		t.Errorf("%d rows of failures, want %d", len(only)-1, n)
	}
}

// TestAuditCSVHasAValueInEveryColumn: no column is forgotten.
func TestAuditCSVHasAValueInEveryColumn(t *testing.T) {
	a := exampleAudits()["mixed"]
	a.SetFirstSeen(nil)
	rows, err := csv.NewReader(bytes.NewReader(written(t, AuditCSV, a, AuditOptions{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range rows[0] {
		if !slices.ContainsFunc(rows[1:], func(r []string) bool { return r[i] != "" }) {
			t.Errorf("column %s is empty in every row", column)
		}
	}
}

func TestMarkdownEscapes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"ada", "`ada`"}, {"", ""}, {"  ", ""},
		{"a|b", "`a\\|b`"}, {`a\|b`, "`a\\ \\|b`"}, {`a\\|b`, "`a\\\\ \\|b`"},
		{"`", "`` ` ``"}, {"``", "``` `` ```"}, {"x`y``z", "```x`y``z```"}, {"`x`", "`` `x` ``"},
		{"a\nb", "`a\uFFFDb`"}, {"\u202Ex", "`\uFFFDx`"}, {"<b>", "`<b>`"}, {"@a", "`@a`"},
	} {
		if got := code(c.text); got != c.want {
			t.Errorf("code(%q) = %q, want %q", c.text, got, c.want)
		}
	}
	for _, text := range []string{
		"2 devices: fido, virtual; all must be hardware", "no MFA device", "it is off. Then it is on.", "root has credentials", "multi-factor", "the password's last use (never)",
	} {
		if got := prose(text); got != text {
			t.Errorf("prose(%q) = %q, want the text", text, got)
		}
	}
	for _, text := range []string{
		"www.example.com", "see http://192.0.2.7", "@ada", "#12", "a*b*", "a_b", "<b>", "![x](y)", "a|b", "- item", "1. item", "1) item", "    code", "GH-12", "a\nb", "a `b`", "~~x~~",
		":smile:", "a & b", "---", "\\", "é", "# x", "> x", "ada@example.com",
	} {
		if got := prose(text); !strings.HasPrefix(got, "`") {
			t.Errorf("prose(%q) = %q, want a code span", text, got)
		}
	}
}

// TestMarkdownTablesKeepTheirCells: no name ends a cell, on any row.
func TestMarkdownTablesKeepTheirCells(t *testing.T) {
	bars := func(line string) int {
		return strings.Count(line, "|") - strings.Count(line, `\|`)
	}
	cells, rows := 0, 0
	for line := range strings.Lines(string(written(t, AuditMarkdown, exampleAudits()["hostile"], AuditOptions{}))) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		if cells == 0 {
			cells = bars(line)
		}
		if bars(line) != cells {
			t.Errorf("a row of %d bars under a head of %d: %s", bars(line), cells, line)
		}
		rows++
	}
	if rows < 50 {
		t.Errorf("only %d rows", rows)
	}
}

func TestJUnit(t *testing.T) {
	for name, a := range exampleAudits() {
		var got struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Suites   []struct {
				Tests, Failures, Errors, Skipped int
				Cases                            []struct {
					Name    string    `xml:"name,attr"`
					Failure *struct{} `xml:"failure"`
					Error   *struct{} `xml:"error"`
					Skipped *struct{} `xml:"skipped"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal(written(t, AuditJUnit, a, AuditOptions{}), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var tests, failures, errors, skipped int
		for _, s := range got.Suites {
			for _, c := range s.Cases {
				tests++
				failures += truth(c.Failure != nil)
				errors += truth(c.Error != nil)
				skipped += truth(c.Skipped != nil)
			}
		}
		s := a.Summary().ByOutcome
		unread := unjudgedAccounts(a) + truth(len(a.Accounts) == 0)
		if failures != s[audit.Fail] || errors != s[audit.Unknown]+unread || skipped != s[audit.NotApplicable] || tests != failures+errors+skipped+s[audit.Pass] {
			t.Errorf("%s: %d tests, %d failures, %d errors, %d skipped for %v", name, tests, failures, errors, skipped, s)
		}
		if got.Tests != tests || got.Failures != failures || got.Errors != errors || tests == 0 {
			t.Errorf("%s: the totals say %d tests, %d failures, %d errors of %d, %d, %d", name, got.Tests, got.Failures, got.Errors, tests, failures, errors)
		}
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestSARIF(t *testing.T) {
	type log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Invocations []struct{ ExecutionSuccessful bool }
			Results     []struct {
				RuleID              string
				RuleIndex           *int
				Kind, Level         string
				PartialFingerprints map[string]string
				Locations           []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
		}
	}
	for name, a := range exampleAudits() {
		var got log
		if err := json.Unmarshal(written(t, AuditSARIF, a, AuditOptions{}), &got); err != nil || len(got.Runs) != len(a.Accounts) {
			t.Fatalf("%s: %d runs (error %v)", name, len(got.Runs), err)
		}
		n := 0
		prints := map[string]bool{}
		for i, run := range got.Runs {
			if run.Invocations[0].ExecutionSuccessful != (len(a.Accounts[i].Findings) > 0) {
				t.Errorf("%s: a run of which nothing was judged is called successful", name)
			}
			for _, r := range run.Results {
				n++
				if run.Tool.Driver.Rules[*r.RuleIndex].ID != r.RuleID || (r.Kind == "fail") == (r.Level == "none") {
					t.Errorf("%s: result %+v", name, r)
				}
				if uri := r.Locations[0].PhysicalLocation.ArtifactLocation.URI; strings.Contains(uri+"/", "/../") || strings.ContainsAny(uri, " \\|<>\"") {
					t.Errorf("%s: path %q", name, uri)
				}
				prints[r.PartialFingerprints["mfawatch/v1"]] = true
			}
		}
		s := a.Summary().ByOutcome
		if n != s[audit.Fail]+s[audit.Unknown] || len(prints) != n {
			t.Errorf("%s: %d results, %d fingerprints, want %d", name, n, len(prints), s[audit.Fail]+s[audit.Unknown])
		}
	}
}

// TestFiveThousandUsers: no format takes more than linear time. A square would
// be hours.
func TestFiveThousandUsers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	a := one(account("111122223333", "password virtual", crowd(5000)...))
	before := one(account("111122223333", "password virtual", crowd(4990)...))
	before.Accounts[0].TakenAt = taken.Add(-24 * time.Hour)
	ch := Diff(a, before)
	a.SetFirstSeen(&before)
	for _, f := range AuditFormats() {
		if f == AuditHTML {
			continue
		}
		start := time.Now()
		text := written(t, f, a, AuditOptions{Width: 80, Changes: &ch, Previous: &before})
		if f == AuditJSON {
			if _, err := ReadAudit("json", bytes.NewReader(text)); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s takes %s", f, took)
		} else {
			t.Logf("%-8s %9d bytes, %s", f, len(text), took.Round(time.Millisecond))
		}
	}
}

func TestStableID(t *testing.T) {
	long := strings.Repeat("p", 600)
	ids := map[string]bool{}
	for _, s := range []audit.Subject{{ID: "AIDAEXAMPLE00001"}, {ARN: "arn:aws:iam::111122223333:user/ada"}, {Name: "ada"}, {Kind: audit.RootSubject}, {ID: long}, {ID: long + "x"}} {
		id := stableID("111122223333", "user-any-mfa", s)
		if len(id) > longestID || ids[id] || id != stableID("111122223333", "user-any-mfa", s) {
			t.Errorf("id of %v is %q", s, id)
		}
		ids[id] = true
	}
}

func TestLeadingControls(t *testing.T) {
	for _, m := range posture.Controls() {
		var all []audit.Control
		for _, other := range posture.Controls() {
			if other.Check == m.Check {
				all = append(all, other.Control)
			}
		}
		for n := range len(all) + 2 {
			if got := leading(all, n); len(got) != min(n, len(all)) {
				t.Fatalf("leading(%s, %d) gives %d of %d", m.Check, n, len(got), len(all))
			}
		}
		if got := leading(all, 1)[0]; got.Framework == "cis-aws" && got.Version != "7.0" {
			t.Errorf("%s: the leading control is %v", m.Check, got)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcdef", 5, "ab…"}, {"éééé", 6, "é…"}, {"", 3, ""}} {
		if got := shorten(c.s, c.n); got != c.want || len(got) > c.n {
			t.Errorf("shorten(%q, %d) = %q, want %q", c.s, c.n, got, c.want)
		}
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

// FuzzReadAudit: what can be read is written and read again without a change,
// and every other format takes it.
func FuzzReadAudit(f *testing.F) {
	for _, a := range exampleAudits() {
		for i := range a.Accounts { // small seeds are changed faster
			account := &a.Accounts[i]
			account.Findings, account.Roster = account.Findings[:min(2, len(account.Findings))], account.Roster[:min(1, len(account.Roster))]
			for j := range account.Findings {
				account.Findings[j].Controls = account.Findings[j].Controls[:min(1, len(account.Findings[j].Controls))]
			}
		}
		f.Add(written(f, AuditJSON, a, AuditOptions{}))
	}
	f.Add([]byte(`{"schema":"mfawatch/audit/v1","account":"","partition":"","taken_at":"2026-11-20T07:12:00Z","summary":{},"roster":[],"gaps":[],"findings":[{"check":"","outcome":"fail"},{"subject":{"kind":"x"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ReadAudit("fuzz", bytes.NewReader(text))
		if err != nil {
			return
		}
		first := written(t, AuditJSON, a, AuditOptions{})
		again, err := ReadAudit("again", bytes.NewReader(first))
		if err != nil {
			t.Fatalf("%v in %s", err, first)
		}
		if second := written(t, AuditJSON, again, AuditOptions{}); !bytes.Equal(first, second) {
			t.Fatalf("written again it differs:\n%s\n%s", first, second)
		}
		ch := Diff(a, again)
		a.SetFirstSeen(&again)
		for _, format := range AuditFormats() {
			if format != AuditHTML {
				written(t, format, a, AuditOptions{Width: 80, Changes: &ch})
			}
		}
	})
}

// FuzzAuditTexts: whatever a text is, every format stays what it is, and no
// line of it moves a cursor.
func FuzzAuditTexts(f *testing.F) {
	for _, m := range hostilePeople() {
		f.Add(m.name)
	}
	f.Fuzz(func(t *testing.T, s string) {
		found := audit.Finding{
			Check: s, Outcome: audit.Fail, Detail: s, Remediation: s, Subject: audit.Subject{Kind: audit.UserSubject, ID: s, Name: s, ARN: s},
			Evidence: []audit.Evidence{{Source: s, Age: s, Facts: map[string]string{s: s}}}, Controls: []audit.Control{{Framework: s, Version: s, ID: s}},
		}
		unknown, exempt := found, found
		unknown.Outcome, unknown.Missing = audit.Unknown, []audit.Gap{{Fact: audit.Fact(s), Subject: s, Action: s, Reason: s}}
		exempt.Outcome, exempt.Exemption = audit.NotApplicable, &audit.Exemption{ID: s, Owner: s, Reason: s, Ticket: s}
		a := Audit{Organization: s, Accounts: []posture.Account{{Account: s, Name: s, Alias: s, Status: s, Partition: s, Findings: []audit.Finding{found, unknown, exempt}, Summary: posture.NewSummary()}}}
		for _, format := range AuditFormats() {
			if format == AuditHTML {
				continue
			}
			text := written(t, format, a, AuditOptions{Width: 60, Only: audit.Outcomes()})
			var err error
			switch format {
			case AuditJSON, AuditOCSF, AuditASFF, AuditSARIF:
				err = json.Unmarshal(text, new(any))
			case AuditJUnit:
				err = xml.Unmarshal(text, new(struct{ XMLName xml.Name }))
			case AuditCSV:
				_, err = csv.NewReader(bytes.NewReader(text)).ReadAll()
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", format, err, text)
			}
			if bytes.ContainsFunc(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Fatalf("%s has what is not printable: %q", format, text)
			}
		}
	})
}

// An account that was not read, then as now, has no time that could be later.
func TestASFFOfASuspendedAccount(t *testing.T) {
	now := exampleAudits()["clean"]
	now.Organization = "o-exampleorgid"
	now.Accounts = append(now.Accounts, posture.Account{Account: "777788889999", Status: "SUSPENDED", Summary: posture.NewSummary()})
	before := now
	before.Accounts = slices.Clone(now.Accounts)
	before.Accounts[0].TakenAt = now.Accounts[0].TakenAt.Add(-time.Hour)
	if err := WriteAudit(io.Discard, AuditASFF, now, AuditOptions{Region: "eu-north-1", Previous: &before}); err != nil {
		t.Error(err)
	}
	before.Accounts[0].TakenAt = now.Accounts[0].TakenAt
	if err := WriteAudit(io.Discard, AuditASFF, now, AuditOptions{Region: "eu-north-1", Previous: &before}); err == nil {
		t.Error("an earlier audit of the same time was taken")
	}
}

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
	"mfawatch/internal/casefile"
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
func auditCases(t testing.TB) []casefile.Case {
	t.Helper()
	all := casefile.All(t, "testdata/audit/*.txtar")
	for _, c := range all {
		if len(c.Files) < 2 || c.Files[0].Name != "audit.json" {
			t.Fatalf("%s: not a case", c.Path)
		}
	}
	if len(all) < 8 {
		t.Fatalf("only %d cases", len(all))
	}
	return all
}

func readCase(t testing.TB, c casefile.Case) (Audit, AuditOptions) {
	t.Helper()
	now, err := ReadAudit(c.Path, bytes.NewReader(c.Files[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	var o AuditOptions
	if c.Files[1].Name == "before.json" {
		before, err := ReadAudit(c.Path, bytes.NewReader(c.Files[1].Data))
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
	for _, a := range auditCases(t) {
		path := a.Path
		now, o := readCase(t, a)
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
			a.Write(t)
		}
	}
	for _, f := range AuditFormats() {
		if !formats[f] && f != AuditHTML && f != AuditJSON {
			t.Errorf("no case has the format %s", f)
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

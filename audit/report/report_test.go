package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
	"mfawatch/internal/casefile"
)

var update = flag.Bool("update", false, "write what the program says into the cases")

// result reads a result from the json format, which holds all of it.
func result(t testing.TB, text []byte) scan.Result {
	t.Helper()
	var in struct {
		Verdicts   []signin.Verdict
		Detections []detect.Detection
		Damaged    []scan.DamagedFile `json:"damaged_files"`
		Summary    scan.Summary
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		t.Fatal(err)
	}
	return scan.Result{Verdicts: in.Verdicts, Detections: in.Detections, Damaged: in.Damaged, Summary: in.Summary}
}

// shownBytes makes what a text file does not show visible: escapes and line
// ends of CSV.
func shownBytes(b []byte) []byte {
	return []byte(strings.NewReplacer("\x1b", "␛", "\r\n", "␍\n").Replace(string(b)))
}

// TestGolden reads testdata/*.txtar: result.json, then outputs named by format,
// width and colour: "table 80 color".
func TestGolden(t *testing.T) {
	for _, a := range cases(t) {
		path := a.Path
		r := result(t, a.Files[0].Data)
		for i, want := range a.Files[1:] {
			got := shownBytes(write(t, r, want.Name))
			if *update {
				a.Files[i+1].Data = got
			} else if diff := cmp.Diff(string(want.Data), string(got)); diff != "" {
				t.Errorf("%s, %s (-want +got)\n%s", path, want.Name, diff)
			}
		}
		if *update {
			a.Write(t)
		}
	}
}

func cases(t testing.TB) []casefile.Case {
	t.Helper()
	all := casefile.All(t, "testdata/*.txtar")
	if len(all) < 5 {
		t.Fatalf("only %d cases", len(all))
	}
	return all
}

func write(t testing.TB, r scan.Result, name string) []byte {
	t.Helper()
	var o Options
	words := strings.Fields(name)
	if len(words) > 1 {
		o.Width, _ = strconv.Atoi(words[1])
	}
	o.Color = len(words) > 2 && words[2] == "color"
	var b bytes.Buffer
	if err := Write(&b, Format(words[0]), r, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTableWidth: no line is wider than the terminal, but for the paths of
// damaged files; colour changes no text; nothing moves the cursor.
func TestTableWidth(t *testing.T) {
	for _, a := range cases(t) {
		path := a.Path
		r := result(t, a.Files[0].Data)
		r.Damaged = nil
		for width := 40; width < 260; width++ {
			text := string(write(t, r, fmt.Sprintf("table %d", width)))
			colored := string(write(t, r, fmt.Sprintf("table %d color", width)))
			if ansi.Strip(colored) != text {
				t.Fatalf("%s, width %d: colour changes the text", path, width)
			}
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if ansi.StringWidth(line) > width {
					t.Errorf("%s, width %d: line of %d columns: %s", path, width, ansi.StringWidth(line), line)
				}
				if line != strings.TrimRight(line, " ") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%s, width %d: line %q", path, width, line)
				}
			}
		}
	}
}

// TestTableNarrow: no width panics or loops.
func TestTableNarrow(t *testing.T) {
	for _, a := range cases(t) {
		r := result(t, a.Files[0].Data)
		for width := -1; width < 40; width++ {
			write(t, r, fmt.Sprintf("table %d", width))
		}
	}
}

// TestJSON: json and jsonl hold the result again, in lines that no terminal
// obeys.
func TestJSON(t *testing.T) {
	for _, a := range cases(t) {
		path := a.Path
		r := result(t, a.Files[0].Data)
		whole := write(t, r, "json")
		again := result(t, dropSchema(t, whole))
		if diff := cmp.Diff(write(t, again, "jsonl"), write(t, r, "jsonl")); diff != "" {
			t.Errorf("%s: read again, it differs\n%s", path, diff)
		}
		if strings.Contains(string(whole), ":null") {
			t.Errorf("%s: null in %s", path, whole)
		}
		for line := range bytes.Lines(write(t, r, "jsonl")) {
			if !json.Valid(line) || !bytes.HasPrefix(line, []byte(`{"type":"`)) || bytes.Count(line, []byte("\n")) != 1 {
				t.Errorf("%s: line %q", path, line)
			}
			if bytes.ContainsFunc(bytes.TrimSuffix(line, []byte("\n")), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%s: line %q is not printable", path, line)
			}
		}
	}
}

func dropSchema(t *testing.T, text []byte) []byte {
	t.Helper()
	const head = `{"schema":"mfawatch/scan/v1",`
	rest, ok := strings.CutPrefix(string(text), head)
	if !ok {
		t.Fatalf("no schema first: %.60s", text)
	}
	return []byte("{" + rest)
}

// TestCSV: the sheet reads back with a cell for each column, none of which is
// a formula.
func TestCSV(t *testing.T) {
	for _, a := range cases(t) {
		path := a.Path
		r := result(t, a.Files[0].Data)
		rows, err := csv.NewReader(bytes.NewReader(write(t, r, "csv"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if want := 1 + len(r.Verdicts) + len(r.Detections) + len(r.Damaged); len(rows) != want {
			t.Errorf("%s: %d rows, want %d", path, len(rows), want)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
					t.Errorf("%s: cell %q is a formula", path, cell)
				}
			}
		}
	}
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "ada": "ada", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\t=1": "'\t=1", "\r=1": "'\r=1",
		"＝1": "'＝1", "a=1": "a=1", "'=1": "'=1",
	} {
		if got := harmless(in); got != want {
			t.Errorf("harmless(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestVerdictLine(t *testing.T) {
	var b bytes.Buffer
	v := signin.Verdict{Principal: audit.Principal{Name: "a<b>&\u009b\u202e\U000e0041\x1b"}, Seen: 1}
	if err := VerdictLine(&b, v); err != nil {
		t.Fatal(err)
	}
	const want = `"name":"a<b>&\u009b\u202e\udb40\udc41\u001b"`
	if got := b.String(); !strings.HasPrefix(got, `{"type":"verdict",`) || !strings.Contains(got, want) {
		t.Errorf("VerdictLine = %s, want %s in it", got, want)
	}
	var again signin.Verdict
	if err := json.Unmarshal(b.Bytes(), &again); err != nil || again.Principal != v.Principal {
		t.Errorf("read again: %+v, %v", again.Principal, err)
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
	}
	_, err := ParseFormat("yaml")
	if want := `format "yaml" is not one of table, jsonl, json, csv`; err == nil || err.Error() != want {
		t.Errorf("ParseFormat(yaml): %v, want %s", err, want)
	}
	if err := Write(&bytes.Buffer{}, "yaml", scan.Result{}, Options{}); err == nil {
		t.Error("Write in format yaml: no error")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteError(t *testing.T) {
	for _, f := range Formats() {
		if err := Write(full{}, f, scan.Result{}, Options{}); err == nil {
			t.Errorf("%s: no error from a full disk", f)
		}
	}
}

// TestHeadline: the sentence that people act on, and above all when it may
// comfort.
func TestHeadline(t *testing.T) {
	alert := []detect.Detection{{Alert: true}, {Alert: true}, {}}
	type outcomes = map[audit.Outcome]int
	type reasons = map[signin.Reason]int
	clean := func(change func(*scan.Summary)) scan.Summary {
		s := scan.Summary{Complete: true, Records: 9, SignIns: 3, ByOutcome: outcomes{audit.Pass: 3}}
		change(&s)
		return s
	}
	for _, c := range []struct {
		s    scan.Summary
		ds   []detect.Detection
		want string
		tone tone
	}{
		{clean(func(s *scan.Summary) {}), nil, "No sign-in without MFA found: 3 with MFA.", calming},
		{clean(func(s *scan.Summary) {}), []detect.Detection{{}}, "No sign-in without MFA found: 3 with MFA.", calming},
		{clean(func(s *scan.Summary) {}), alert, "2 detections to look at; no sign-in without MFA found: 3 with MFA.", alarming},
		{clean(func(s *scan.Summary) { s.Complete = false }), nil, "Cannot tell whether every sign-in used MFA: the scan was interrupted.", doubtful},
		{clean(func(s *scan.Summary) { s.DamagedFiles = 1 }), nil, "Cannot tell whether every sign-in used MFA: 1 file is damaged.", doubtful},
		{clean(func(s *scan.Summary) { s.DamagedFiles, s.Complete = 2, false }), nil, "Cannot tell whether every sign-in used MFA: the scan was interrupted and 2 files are damaged.", doubtful},
		{clean(func(s *scan.Summary) { s.ByOutcome[audit.Unknown] = 1 }), nil, "Cannot tell whether every sign-in used MFA: 1 sign-in could not be judged.", doubtful},
		{clean(func(s *scan.Summary) { s.ByOutcome[audit.Unknown], s.RoleSessions = 3, 1 }), nil, "Cannot tell whether every sign-in used MFA: 2 sign-ins could not be judged.", doubtful},
		{clean(func(s *scan.Summary) { s.ByOutcome[audit.Unknown], s.RoleSessions = 1, 1 }), nil, "No sign-in without MFA found, but the log does not say for 1 role session.", doubtful},
		{clean(func(s *scan.Summary) {
			s.ByOutcome = outcomes{audit.NotApplicable: 3}
			s.ByReason = reasons{signin.ReasonMFAAtProvider: 2}
		}), nil, "No sign-in that shows MFA or its absence: 2 at an identity provider and 1 failed.", doubtful},
		{clean(func(s *scan.Summary) { s.SignIns, s.ByOutcome = 0, nil }), nil, "No sign-in in 9 records.", doubtful},
		{clean(func(s *scan.Summary) { s.SignIns, s.ByOutcome, s.Filtered = 0, nil, true }), nil, "No sign-in fits what --since, --until, --account, --region and --user ask for, in 9 records.", doubtful},
		{clean(func(s *scan.Summary) { s.DamagedFiles, s.Unopened = 1, 1 }), nil, "Cannot tell whether every sign-in used MFA: 1 source could not be opened.", doubtful},
		{clean(func(s *scan.Summary) { s.DamagedFiles, s.Unopened = 3, 2 }), nil, "Cannot tell whether every sign-in used MFA: 2 sources could not be opened and 1 file is damaged.", doubtful},
		{scan.Summary{Complete: true}, nil, "Cannot tell whether every sign-in used MFA: no CloudTrail record was read.", doubtful},
		{scan.Summary{}, nil, "Cannot tell whether every sign-in used MFA: the scan was interrupted and no CloudTrail record was read.", doubtful},
		{clean(func(s *scan.Summary) {
			s.ByOutcome[audit.Fail], s.WithoutMFA = 1, []scan.WithoutMFA{{SignIns: 1}}
		}), nil, "1 sign-in without MFA by 1 user.", alarming},
		{clean(func(s *scan.Summary) {
			s.ByOutcome[audit.Fail], s.WithoutMFA, s.Complete = 3, []scan.WithoutMFA{{SignIns: 2}, {SignIns: 1}}, false
		}), alert, "3 sign-ins without MFA by 2 users.", alarming},
		{clean(func(s *scan.Summary) { s.ByOutcome[audit.Fail] = 1 }), nil, "1 sign-in without MFA.", alarming},
	} {
		if got, tone := headline(c.s, c.ds); got != c.want || tone != c.tone {
			t.Errorf("headline = %q (%d), want %q (%d)", got, tone, c.want, c.tone)
		}
	}
}

// A reason that many Regions share is said once.
func TestNotOpenedForOneReason(t *testing.T) {
	var r scan.Result
	for _, region := range []string{"eu-north-1", "eu-west-1", "us-east-1"} {
		r.Damaged = append(r.Damaged, scan.DamagedFile{Path: "lookup://" + region, Reason: "cannot be opened: cloudtrail." + region + ".amazonaws.com has no address", Unopened: true})
	}
	r.Damaged = append(r.Damaged, scan.DamagedFile{Path: "lookup://us-west-2", Reason: "cannot be opened: AccessDenied", Unopened: true})
	var b strings.Builder
	if err := Write(&b, Table, r, Options{}); err != nil {
		t.Fatal(err)
	}
	want := `NOT OPENED
  lookup://eu-north-1
  lookup://eu-west-1
  lookup://us-east-1
    cannot be opened: cloudtrail.us-east-1.amazonaws.com has no address
  lookup://us-west-2
    cannot be opened: AccessDenied
`
	if !strings.HasPrefix(b.String(), want) {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestDamageText(t *testing.T) {
	for want, d := range map[string]scan.DamagedFile{
		"cannot be opened: permission denied":                                        {Reason: "cannot be opened: permission denied", Unopened: true},
		"unexpected EOF; nothing of it could be judged":                              {Reason: "unexpected EOF"},
		"unexpected EOF at byte 7 of its text; no record before it could be judged":  {Reason: "unexpected EOF", Offset: 7},
		"unexpected EOF at byte 12 of its text; the 1 record before it was judged":   {Reason: "unexpected EOF", Offset: 12, Records: 1},
		"unexpected EOF at byte 99 of its text; the 3 records before it were judged": {Reason: "unexpected EOF", Offset: 99, Records: 3},
	} {
		if got := damageText(d); got != want {
			t.Errorf("damageText = %q, want %q", got, want)
		}
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 5 << 30: "5.0 GiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", n, got, want)
		}
	}
}

func BenchmarkVerdictLine(b *testing.B) {
	v := signin.Verdict{EventID: "e", Time: time.Unix(0, 0).UTC(), Principal: audit.Principal{Name: "ada"}, UserAgent: "Mozilla/5.0"}
	var w bytes.Buffer
	for b.Loop() {
		w.Reset()
		if err := VerdictLine(&w, v); err != nil {
			b.Fatal(err)
		}
	}
}

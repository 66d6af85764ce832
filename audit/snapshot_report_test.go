package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
)

// live has the columns of a report of September 2026, as recorded by others:
// no additional_credentials_info, small letters, no newline at the end.
const live = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n" +
	"<root_account>,arn:aws:iam::111122223333:root,2025-01-01T00:00:00Z,true,no_information,2025-01-01T00:00:00Z,not_supported,true," +
	"false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A\n" +
	"ada,arn:aws:iam::111122223333:user/ada,2025-02-03T04:05:06Z,true,2026-11-19T08:00:00Z,2025-02-03T04:05:06Z,N/A,FALSE," +
	"true,2025-02-03T04:05:06Z,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"

func TestParseLiveCredentialReport(t *testing.T) {
	r, err := audit.ParseCredentialReport([]byte(live))
	if err != nil || len(r.Columns) != 22 || len(r.Rows) != 2 || !r.Generated.IsZero() {
		t.Fatalf("%d columns, %d rows, made %v, error %v; want 22, 2, none", len(r.Columns), len(r.Rows), r.Generated, err)
	}
	root, ada := r.Row(0), r.Row(1)
	if root.User() != audit.RootRow || root.ARN() != "arn:aws:iam::111122223333:root" || ada.User() != "ada" {
		t.Errorf("the rows are of %q, %q and %q", root.User(), root.ARN(), ada.User())
	}
	if used, isDate := ada.Time("password_last_used"); !isDate || !used.Equal(time.Date(2026, 11, 19, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("password_last_used of ada = %v, %v", used, isDate)
	}
	if used, isDate := root.Time("password_last_used"); isDate || !used.IsZero() {
		t.Errorf("no_information is the date %v, %v", used, isDate)
	}
}

func TestParseCredentialReportForms(t *testing.T) {
	want := [][]string{{"ada", "arn:a", "x"}, {"b,o\"b", "arn:b", ""}}
	for name, text := range map[string]string{
		"plain":           "user,arn,more\nada,arn:a,x\n\"b,o\"\"b\",arn:b,\n",
		"no newline":      "user,arn,more\nada,arn:a,x\n\"b,o\"\"b\",arn:b,",
		"carriage return": "user,arn,more\r\nada,arn:a,x\r\n\"b,o\"\"b\",arn:b,\r\n",
		"byte order mark": "\ufeffuser,arn,more\nada,arn:a,x\n\"b,o\"\"b\",arn:b,\n",
		"quoted header":   "\ufeff\"user\",\"arn\",\"more\"\nada,arn:a,x\n\"b,o\"\"b\",arn:b,\n",
		"blank lines":     "user,arn,more\n\nada,arn:a,x\n\n\"b,o\"\"b\",arn:b,\n\n",
	} {
		r, err := audit.ParseCredentialReport([]byte(text))
		if diff := cmp.Diff(want, r.Rows); diff != "" || err != nil || !slices.Equal(r.Columns, []string{"user", "arn", "more"}) {
			t.Errorf("%s: columns %q, error %v, rows (-want +got):\n%s", name, r.Columns, err, diff)
		}
	}
}

func TestParseCredentialReportOfNobody(t *testing.T) {
	r, err := audit.ParseCredentialReport([]byte("arn,user"))
	if err != nil || len(r.Rows) != 0 || !slices.Equal(r.Columns, []string{"arn", "user"}) {
		t.Errorf("a report of a header only = %+v, error %v", r, err)
	}
}

func TestParseCredentialReportErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "credential report: line 1: it is empty"},
		{"only a mark", "\ufeff", "credential report: line 1: it is empty"},
		{"only newlines", "\r\n\n", "credential report: line 1: it is empty"},
		{"no user", "name,arn\n", `credential report: line 1, column 1: no column "user" in the header`},
		{"no arn", "user\n", `credential report: line 1, column 1: no column "arn" in the header`},
		{"not a report", `{"Content": "dXNlcg=="}`, `credential report: line 1, column 2: bare " in non-quoted-field`},
		{"two columns of a name", "user,arn,mfa_active,arn\n", `credential report: line 1, column 21: a second column "arn"`},
		{"too few cells", "user,arn,mfa_active\nada,arn:a,true\nbob,arn:b\n", "credential report: line 3, column 5: 2 cells, the header has 3"},
		{"too many cells", "user,arn\n\nada,arn:a,true\n", "credential report: line 3, column 11: 3 cells, the header has 2"},
		{"open quote", "user,arn\nada,\"arn:a\nbob,arn:b\n", `credential report: line 3, column 11: extraneous or missing " in quoted-field`},
		{"quote in a cell", "user,arn\nada,arn:\"a\n", `credential report: line 2, column 9: bare " in non-quoted-field`},
		{"twice", "user,arn\nada,arn:a\nbob,arn:b\nada,arn:c\n", `credential report: line 4, column 1: user "ada" is on line 2 already`},
		{"an ARN twice", "user,more,arn\nada,x,arn:a\nbob,x,arn:b\neve,x,arn:a\n", `credential report: line 4, column 7: arn "arn:a" is on line 2 already`},
		{"root twice", "user,arn\n<root_account>,arn:r\n<root_account>,arn:q\n", `credential report: line 3, column 1: user "<root_account>" is on line 2 already`},
	} {
		r, err := audit.ParseCredentialReport([]byte(c.text))
		if err == nil || err.Error() != c.want || r.Columns != nil || r.Rows != nil {
			t.Errorf("%s: %+v, error %v, want %s", c.name, r, err, c.want)
		}
	}
}

func TestReportCells(t *testing.T) {
	r := audit.CredentialReport{Columns: []string{"user", "arn", "a"}, Rows: [][]string{{"ada", "arn:a", ""}}}
	for cell, want := range map[string][2]bool{
		"true": {true, true}, "TRUE": {true, true}, "True": {true, true}, "false": {false, true}, "FALSE": {false, true},
		"": {}, "N/A": {}, "no_information": {}, "not_supported": {}, " true": {}, "1": {}, "yes": {},
	} {
		r.Rows[0][2] = cell
		if value, known := r.Row(0).Bool("a"); value != want[0] || known != want[1] {
			t.Errorf("%q is %v, known %v, want %v", cell, value, known, want)
		}
	}
	for cell, want := range map[string]bool{"2026-11-19T08:00:00Z": true, "2026-11-19T08:00:00+00:00": true, "2026-11-19": false, "N/A": false, "": false} {
		r.Rows[0][2] = cell
		if at, known := r.Row(0).Time("a"); known != want || at.IsZero() == want {
			t.Errorf("%q is %v, known %v, want %v", cell, at, known, want)
		}
	}
	r.Rows[0][2] = "x"
	if text, exists := r.Row(0).Text("a"); !exists || text != "x" {
		t.Errorf("a cell = %q, %v, want x", text, exists)
	}
	if text, exists := r.Row(0).Text("b"); exists || text != "" {
		t.Errorf("a column that is not there = %q, %v", text, exists)
	}
	if _, known := r.Row(0).Bool("b"); known {
		t.Error("a column that is not there is known")
	}
	if text, exists := (audit.ReportRow{}).Text("user"); exists || text != "" {
		t.Errorf("a cell of no row = %q, %v", text, exists)
	}
}

// A row of a report that nobody checked may be short.
func TestShortRowIsNotKnown(t *testing.T) {
	r := audit.CredentialReport{Columns: []string{"user", "arn"}, Rows: [][]string{{"ada"}}}
	if text, exists := r.Row(0).Text("arn"); exists || text != "" {
		t.Errorf("a cell that is not there = %q, %v", text, exists)
	}
}

func FuzzParseCredentialReport(f *testing.F) {
	for _, seed := range []string{live, "user,arn\nada,\"arn:a\n", "\ufeffuser,arn\r\n\"a,b\",c", "", "\n", "user,arn,user\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := audit.ParseCredentialReport(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "credential report: line ") || r.Columns != nil {
				t.Fatalf("error %q with %d columns", err, len(r.Columns))
			}
			return
		}
		for i := range r.Rows {
			if row := r.Row(i); len(r.Rows[i]) != len(r.Columns) || row.User() == "" && r.Rows[i][slices.Index(r.Columns, "user")] != "" {
				t.Fatalf("row %d: %q under %q", i, r.Rows[i], r.Columns)
			}
		}
	})
}

func TestRowContradicts(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		cell    string
		created time.Time
		want    bool
	}{
		{"2026-11-20T08:00:00Z", at, false}, {"2026-11-20T08:00:00+00:00", at.Add(999 * time.Millisecond), false},
		{"2026-11-20T08:00:00.5Z", at, false}, {"2026-11-20T08:00:01Z", at, true}, {"2026-11-20T08:00:00Z", at.Add(time.Second), true},
		{"2026-11-20T08:00:00Z", time.Time{}, false}, {"N/A", at, false},
	} {
		report, err := audit.ParseCredentialReport([]byte("user,arn,user_creation_time\nada,arn:a," + c.cell))
		if err != nil {
			t.Fatal(err)
		}
		if got := report.Row(0).Contradicts(c.created); got != c.want {
			t.Errorf("row of %s, user of %v: %v, want %v", c.cell, c.created, got, c.want)
		}
	}
}

// A saved snapshot is held to the same: a second row would be taken or left by
// chance.
func TestDecodeSnapshotRefusesRowsTwice(t *testing.T) {
	for name, c := range map[string]struct {
		rows [][]string
		want string
	}{
		"one of each": {[][]string{{"ada", "arn:a"}, {"bob", "arn:b"}}, ""},
		"user twice":  {[][]string{{"ada", "arn:a"}, {"bob", "arn:b"}, {"ada", "arn:c"}}, `snapshot: credential_report: row 2: user "ada" is in row 0 already`},
		"ARN twice":   {[][]string{{"ada", "arn:a"}, {"eve", "arn:a"}}, `snapshot: credential_report: row 1: arn "arn:a" is in row 0 already`},
	} {
		at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		s := audit.Snapshot{Schema: audit.SnapshotSchema, Account: "111122223333", Partition: "aws", TakenAt: at}
		s.Report = &audit.Read[audit.CredentialReport]{At: at, Value: audit.CredentialReport{Columns: []string{"user", "arn"}, Rows: c.rows}}
		text, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = audit.DecodeSnapshot(text); err == nil && c.want != "" || err != nil && err.Error() != c.want {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

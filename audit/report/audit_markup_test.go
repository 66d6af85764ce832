package report

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"mfawatch/audit"
)

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

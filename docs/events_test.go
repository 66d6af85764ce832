// Package docs_test holds the pages of this folder to the code they describe.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

const testdata = "../audit/signin/testdata"

var quoted = regexp.MustCompile("`([^`]+)`")

// rows are the cells of each table row of a page, headers and rulers included.
func rows(t *testing.T, page string) [][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found [][]string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "|") && strings.HasSuffix(line, "|") {
			found = append(found, cells(line))
		}
	}
	return found
}

func cells(line string) []string {
	var cs []string
	for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
		cs = append(cs, strings.TrimSpace(c))
	}
	return cs
}

func isRuler(cell string) bool { return cell != "" && strings.Trim(cell, "-") == "" }

// caseReason is the reason in a case's verdict, "" when there is no such case.
func caseReason(name string) string {
	archive, err := txtar.ParseFile(filepath.Join(testdata, name+".txtar"))
	if err != nil {
		return ""
	}
	for _, f := range archive.Files {
		if words := strings.Fields(string(f.Data)); f.Name == "verdict" && len(words) > 1 {
			return words[1]
		}
	}
	return ""
}

func TestEveryRowOfEventsNamesItsFixtures(t *testing.T) {
	named := map[string]int{}
	for _, row := range rows(t, "events.md") {
		if len(row) != 3 || row[2] == "fixtures" || isRuler(row[0]) {
			continue
		}
		fixtures := quoted.FindAllStringSubmatch(row[2], -1)
		if len(fixtures) == 0 {
			t.Errorf("the row %q names no fixture", row[0])
		}
		for _, f := range fixtures {
			named[f[1]]++
			if got := caseReason(f[1]); "`"+got+"`" != row[1] {
				t.Errorf("the row %q has the reason %s, its fixture %s has %q", row[0], row[1], f[1], got)
			}
		}
	}
	checkAllNamedOnce(t, named)
}

func checkAllNamedOnce(t *testing.T, named map[string]int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testdata, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in %s (error %v)", testdata, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		if named[name] != 1 {
			t.Errorf("fixture %s is in %d rows of events.md, want 1", name, named[name])
		}
	}
}

func TestReasonsOfEventsAreTheCodes(t *testing.T) {
	var want, got []string
	for _, d := range signin.Definitions() {
		want = append(want, strings.Join([]string{"`" + string(d.Reason) + "`", d.Outcome.String(), d.Severity.String(), yesNo(d.Alert), rootCell(d.Root.Severity, d.Root.Alert)}, " | "))
	}
	for _, row := range rows(t, "events.md") {
		if len(row) == 5 && row[0] != "reason" && !isRuler(row[0]) {
			got = append(got, strings.Join(row, " | "))
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("the reasons of events.md are\n%s\nwant\n%s", g, w)
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func rootCell(s audit.Severity, alert bool) string {
	if alert {
		return s.String() + ", alerts"
	}
	return s.String()
}

//go:build acceptance

package acceptance

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reader is what Chromium saw of the reports: html/drive.mjs prints it.
type reader struct {
	Console, Requests, Violations []string

	Title, Headline, Count       string
	Rows                         int
	Searched                     []string
	SearchedCount                string
	Nothing                      []any
	ByName, ByFailures           []string
	ByNameSort, ByFailuresSort   string
	Unknown, Critical, SMS       []string
	AccountPicked                string
	AccountRows                  []string
	CheckPicked                  []string
	CheckRows                    int
	Framework                    []string
	Detail, Expanded             string
	Closed                       int
	TabsToSkip, TabsToSearch     int
	TabsToRow                    int
	Outline, KeyboardDetail      string
	Light, Dark                  map[string]float64
	LightPaper, DarkPaper        string
	Narrow, AfterPrint           int
	PrintedControls              int
	PrintedRows, BriefAfterPrint int
	PrintedFindings              []string
	PrintedIdentities            []string
	MoreShown                    bool
	Still                        still
	LargeOpened                  float64
	LargeRows, LargeMore         int
	LargeCount                   string
	Strokes                      []stroke
	Strange                      string
	StrangeImages, StrangeScript int
}

// still is the report in a browser that runs no script.
type still struct {
	Headline, Search bool
	Notice           string
	Rows             int
}

// stroke is a letter typed into the search: milliseconds until the script was
// done, and until the list was painted.
type stroke struct {
	Text, First     string
	Worked, Painted float64
}

// artefacts is where screenshots are kept.
func artefacts(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(cmp.Or(os.Getenv("ACCEPTANCE_ARTEFACTS"), "../.cache/acceptance/artefacts"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// read renders the invented reports of audit/report and has them read.
func read(t *testing.T) reader {
	t.Helper()
	chromium, golang := peer(t, "chromium"), peer(t, "go")
	node := peer(t, "../.cache/node/node_modules/.bin/node") // the CDK's: Debian 12's own is too old for Playwright
	if _, err := os.Stat("html/node_modules/playwright-core"); err != nil {
		t.Fatalf("playwright-core is missing: run make acceptance, which installs it")
	}
	dir := t.TempDir()
	output(t, nil, golang, "test", "-count=1", "-run", "^TestHTMLPages$", "../audit/report", "-args", "-pages", dir)
	page := func(name string) string { return filepath.Join(dir, name+".html") }
	out := output(t, nil, node, "html/drive.mjs", chromium, page("organisation"), page("large"), page("strange"), artefacts(t))
	var seen reader
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v in %.500s", err, out)
	}
	return seen
}

// TestChromiumReadsTheReport opens the HTML reports as a reader would.
func TestChromiumReadsTheReport(t *testing.T) {
	seen := read(t)
	for name, test := range map[string]func(*testing.T, reader){
		"asks nobody": asksNobody, "filters": filters, "sorts": sorts, "picks": picks, "expands": expands, "keyboard": byKeyboard,
		"contrast": contrast, "paper and telephone": otherMedia, "no more rows": noMore, "no script": noScript, "many users": manyUsers, "strange names": strangeNames,
	} {
		t.Run(name, func(t *testing.T) { test(t, seen) })
	}
}

func asksNobody(t *testing.T, seen reader) {
	if len(seen.Console) > 0 || len(seen.Requests) > 0 || len(seen.Violations) > 0 {
		t.Errorf("console %q, requests %q, violations of the policy %q; want none", seen.Console, seen.Requests, seen.Violations)
	}
	if seen.Title != "MFA audit: Organisation o-exampleorgid" || !strings.HasPrefix(seen.Headline, "Root has no MFA in 1 of 3 accounts") {
		t.Errorf("title %q, headline %q", seen.Title, seen.Headline)
	}
}

// every tells whether a list has entries and all of them are as wanted.
func every(list []string, want func(string) bool) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return !want(s) })
}

func filters(t *testing.T, seen reader) {
	if seen.Rows != 86 || seen.Count != "86 rows." {
		t.Errorf("%d rows, %q", seen.Rows, seen.Count)
	}
	if len(seen.Searched) != 2 || !every(seen.Searched, func(s string) bool { return s == "oskar.o14" }) || seen.SearchedCount != "2 of 86 rows match." {
		t.Errorf("the search for OSKAR leaves %q, %q", seen.Searched, seen.SearchedCount)
	}
	if len(seen.Nothing) != 2 || seen.Nothing[0] != 0.0 || !strings.HasPrefix(seen.Nothing[1].(string), "Nothing matches.") {
		t.Errorf("the search for nobody leaves %v", seen.Nothing)
	}
	if !every(seen.Unknown, func(s string) bool { return s != "0" }) || len(seen.Unknown) == seen.Rows {
		t.Errorf("outcome unknown leaves rows with %q unknowns", seen.Unknown)
	}
	if !every(seen.Critical, func(s string) bool { return s == "critical" }) || len(seen.Critical) == seen.Rows {
		t.Errorf("outcome fail, severity critical leaves %q", seen.Critical)
	}
	if !every(seen.SMS, func(s string) bool { return strings.Contains(s, "Text message") }) {
		t.Errorf("factor sms leaves %q", seen.SMS)
	}
}

func sorts(t *testing.T, seen reader) {
	lower := []string{}
	for _, name := range seen.ByName {
		lower = append(lower, strings.ToLower(name))
	}
	if len(lower) != seen.Rows || !slices.IsSorted(lower) || seen.ByNameSort != "ascending" {
		t.Errorf("by name, %s: %q", seen.ByNameSort, seen.ByName)
	}
	numbers := []int{}
	for _, s := range seen.ByFailures {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("a count of failures is %q", s)
		}
		numbers = append(numbers, -n)
	}
	if len(numbers) != seen.Rows || !slices.IsSorted(numbers) || numbers[0] == 0 || seen.ByFailuresSort != "descending" {
		t.Errorf("by failures, %s: %q", seen.ByFailuresSort, seen.ByFailures)
	}
}

func picks(t *testing.T, seen reader) {
	if !slices.Equal(seen.AccountRows, []string{"data-platform"}) || seen.AccountPicked != "1" {
		t.Errorf("a click on the second account leaves %q (account %q)", seen.AccountRows, seen.AccountPicked)
	}
	if !slices.Equal(seen.CheckPicked, []string{"0", "fail"}) || seen.CheckRows != 1 {
		t.Errorf("a click on the failures of a check picks %q and leaves %d rows, want 1", seen.CheckPicked, seen.CheckRows)
	}
	if !slices.Equal(seen.Framework, []string{"PCI DSS 4.0", "8.4.1, 8.4.2, 8.4.3"}) {
		t.Errorf("PCI DSS 4.0 shows %q for root-mfa", seen.Framework)
	}
}

func expands(t *testing.T, seen reader) {
	for _, want := range []string{
		"Does a user who is an administrator have a second factor?", "aws iam detach-user-policy", "iam:GetAccountAuthorizationDetails", "4m old",
		"Controls: PCI DSS 4.0 · 8.4.1", "password_enabled: true",
	} {
		if !strings.Contains(seen.Detail, want) {
			t.Errorf("an open row lacks %q", want)
		}
	}
	if seen.Expanded != "true" || seen.Closed != 0 {
		t.Errorf("aria-expanded %q; %d rows are open after closing", seen.Expanded, seen.Closed)
	}
}

func byKeyboard(t *testing.T, seen reader) {
	if seen.TabsToSkip != 1 || seen.TabsToSearch == 0 || seen.TabsToRow == 0 || seen.Outline != "solid" {
		t.Errorf("Tab reaches the skip link after %d, then the search after %d, then a row after %d presses, outline %q", seen.TabsToSkip, seen.TabsToSearch, seen.TabsToRow, seen.Outline)
	}
	if !strings.Contains(seen.KeyboardDetail, "aws iam detach-user-policy") {
		t.Errorf("Enter opens %.200q", seen.KeyboardDetail)
	}
}

// WCAG 2.2, 1.4.3: 4.5 to 1 for text. Large text would do with less.
func contrast(t *testing.T, seen reader) {
	if seen.LightPaper == seen.DarkPaper {
		t.Errorf("light and dark have the same paper, %s", seen.LightPaper)
	}
	for scheme, ratios := range map[string]map[string]float64{"light": seen.Light, "dark": seen.Dark} {
		if len(ratios) < 20 {
			t.Errorf("%s: %d sorts of text were measured, too few", scheme, len(ratios))
		}
		least := 21.0
		for what, ratio := range ratios {
			least = min(least, ratio)
			if ratio < 4.5 {
				t.Errorf("%s: %s has a contrast of %.2f", scheme, what, ratio)
			}
		}
		t.Logf("%s: %d sorts of text, the least contrast is %.2f", scheme, len(ratios), least)
	}
}

func otherMedia(t *testing.T, seen reader) {
	if seen.Narrow > 360 {
		t.Errorf("at 360 px the page is %d px wide", seen.Narrow)
	}
	if seen.PrintedControls != 0 || seen.AfterPrint != seen.Rows {
		t.Errorf("%d controls are printed; %d rows after printing, want %d", seen.PrintedControls, seen.AfterPrint, seen.Rows)
	}
	if len(seen.PrintedFindings) != seen.PrintedRows || seen.PrintedRows == 0 || seen.BriefAfterPrint != 0 {
		t.Errorf("%d rows are printed, %d with what was found; %d of these after printing", seen.PrintedRows, len(seen.PrintedFindings), seen.BriefAfterPrint)
	}
	twice := func(text string) bool { // a device's id is its ARN
		parts := strings.Split(text, " · ")
		return len(parts) > 1 && parts[0] == parts[1]
	}
	if len(seen.PrintedIdentities) != seen.PrintedRows || slices.Contains(seen.PrintedIdentities, "") || slices.ContainsFunc(seen.PrintedIdentities, twice) {
		t.Errorf("%d rows are printed, with these immutable ids: %q", seen.PrintedRows, seen.PrintedIdentities)
	}
	for _, text := range seen.PrintedFindings {
		if !strings.Contains(text, " old") && !strings.Contains(text, " not known (") && !strings.Contains(text, "exemption-") {
			t.Errorf("printed without its evidence, and without what is missing: %q", text)
		}
	}
}

// Eighty-six rows are all on the page, of which a hundred are shown at once.
func noMore(t *testing.T, seen reader) {
	if seen.MoreShown {
		t.Error("a button offers more rows where there are none")
	}
}

func noScript(t *testing.T, seen reader) {
	if s := seen.Still; !s.Headline || s.Search || s.Rows != 50 || !strings.Contains(s.Notice, "first 50 of 86") {
		t.Errorf("without script: %+v", s)
	}
}

// A slow machine is allowed for: 250 ms of script for a letter. When the list is painted
// depends on who else uses the machine, so that is printed.
func manyUsers(t *testing.T, seen reader) {
	if seen.LargeRows != 100 || seen.LargeMore != 200 || !strings.HasSuffix(seen.LargeCount, "the first 100 are shown.") {
		t.Errorf("5,000 users: %d rows, then %d, %q", seen.LargeRows, seen.LargeMore, seen.LargeCount)
	}
	if len(seen.Strokes) != 7 {
		t.Fatalf("%d letters were typed", len(seen.Strokes))
	}
	for _, s := range seen.Strokes {
		if s.Worked > 250 || s.First == "" {
			t.Errorf("searching %q takes %.0f ms of script, first row %q", s.Text, s.Worked, s.First)
		}
		t.Logf("search %-7q %5.1f ms of script, painted after %5.1f ms", s.Text, s.Worked, s.Painted)
	}
	t.Logf("opened after %.0f ms", seen.LargeOpened)
}

func strangeNames(t *testing.T, seen reader) {
	if want := `</script><img src=x onerror=alert(1)>`; seen.Strange != want || seen.StrangeImages != 0 || seen.StrangeScript != 2 {
		t.Errorf("a user named %q is shown as %q, with %d images and %d scripts on the page", want, seen.Strange, seen.StrangeImages, seen.StrangeScript)
	}
}

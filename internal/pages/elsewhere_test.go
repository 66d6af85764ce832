package pages

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// A line that TestPagesRun does not run has one entry in Elsewhere, and no entry speaks of
// lines that are gone: who writes a new line says what becomes of it.
func TestEachLineHasOnePlace(t *testing.T) {
	all, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	used, runs, does, ci, why := map[string]bool{}, 0, 0, 0, 0
	for _, l := range all {
		if l.Place() != Peers {
			continue
		}
		var of []Other
		for _, o := range Elsewhere {
			if o.Matches(l) {
				of = append(of, o)
			}
			for _, pattern := range o.Lines {
				used[pattern] = used[pattern] || Like(pattern, l.Text)
			}
		}
		switch {
		case len(of) != 1:
			t.Errorf("%s\nhas %d entries in pages.Elsewhere, want one: say which test runs it, or why none does", l, len(of))
		case of[0].Runs != "":
			runs++
		case of[0].Does != "":
			does++
		case of[0].CI != "":
			ci++
		default:
			why++
		}
	}
	t.Logf("%d lines are run by tests of make acceptance, %d are done in other words by a test, %d are a line of CI, %d have a reason", runs, does, ci, why)
	for _, o := range Elsewhere {
		for _, pattern := range o.Lines {
			if !used[pattern] {
				t.Errorf("pages.Elsewhere speaks of %q, and no page has such a line", pattern)
			}
		}
	}
}

// An entry says one thing, names a program, and what it names is there.
func TestEntriesHold(t *testing.T) {
	tests := testNames(t)
	live, ci := string(read(t, "docs/live-checks.md")), strings.Split(string(read(t, ".ci/run")), "\n")
	for _, o := range Elsewhere {
		said := slices.DeleteFunc([]string{o.Runs, o.Does, o.CI, o.Why}, func(s string) bool { return s == "" })
		if len(said) != 1 || len(o.Lines) == 0 || o.Row != "" && o.Why == "" {
			t.Errorf("%q: %d of Runs, Does, CI and Why are said, want one; Row only beside Why", o.Lines, len(said))
		}
		for _, name := range []string{o.Runs, o.Does} {
			if name != "" && !tests[name] {
				t.Errorf("%q: there is no test %s", o.Lines, name)
			}
		}
		for _, name := range regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(o.Why, -1) {
			if !tests[name] {
				t.Errorf("%q: there is no test %s", o.Lines, name)
			}
		}
		if o.CI != "" && !slices.Contains(ci, o.CI) {
			t.Errorf("%q: .ci/run has no line %q", o.Lines, o.CI)
		}
		if !strings.Contains(live, o.Row) {
			t.Errorf("%q: docs/live-checks.md does not say %q", o.Lines, o.Row)
		}
		for _, pattern := range o.Lines {
			if before, _, any := strings.Cut(pattern, "*"); any && !strings.Contains(strings.TrimSpace(before), " ") && !strings.HasSuffix(before, " ") && !strings.Contains(before, "=") {
				t.Errorf("%q speaks of lines of any program", pattern)
			}
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// testNames are the tests of the whole tree, acceptance's too.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	name, all := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`), map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range name.FindAllSubmatch(text, -1) {
			all[string(m[1])] = true
		}
		return err
	})
	if err != nil || len(all) < 500 {
		t.Fatalf("%d tests, %v", len(all), err)
	}
	return all
}

package explain_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"mfawatch/audit/enforce/explain"
)

var update = flag.Bool("update", false, "write what the package answers into the cases")

// A case of testdata/mistakes is named after a mistake: the document makes it, the
// corrected one does not.
type mistakeCase struct {
	file, id string
	archive  *txtar.Archive
	options  explain.Options
}

func mistakeCases(t testing.TB) []mistakeCase {
	t.Helper()
	files, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/mistakes has no cases (error %v)", err)
	}
	var all []mistakeCase
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		id, _, _ := strings.Cut(filepath.Base(file), ".")
		c := mistakeCase{file: file, id: id, archive: archive}
		c.options = options(t, file, c.section("options"))
		all = append(all, c)
	}
	return all
}

func options(t testing.TB, file, text string) (o explain.Options) {
	t.Helper()
	for _, word := range strings.Fields(text) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "as":
			o.Kind = explain.Kind(value)
		case "user":
			o.User = value
		case "path":
			o.Path = value
		case "partition":
			o.Partition = value
		default:
			t.Fatalf("%s: option %q is not known", file, name)
		}
	}
	return o
}

func (c mistakeCase) section(name string) string {
	for _, f := range c.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func (c mistakeCase) write(t *testing.T, name, text string) {
	t.Helper()
	i := slices.IndexFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		c.archive.Files = append(c.archive.Files, txtar.File{Name: name})
		i = len(c.archive.Files) - 1
	}
	c.archive.Files[i].Data = []byte(text)
	if err := os.WriteFile(c.file, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lines are mistakes as the cases have them: what is told of this one beyond the
// registry's words stands in brackets and behind an arrow.
func lines(found []explain.Found) string {
	var b strings.Builder
	for _, m := range found {
		fmt.Fprintf(&b, "%s %s line %d: %s", m.Severity, m.ID, m.Line, m.Text)
		for _, known := range explain.Mistakes() {
			if why := strings.TrimSuffix(m.Why, known.Why); known.ID == m.ID && why != "" {
				fmt.Fprintf(&b, " [%s]", strings.TrimSpace(why))
			}
			if known.ID == m.ID && known.Instead != m.Instead {
				fmt.Fprintf(&b, " -> %s", m.Instead)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestMistakes(t *testing.T) {
	told := map[string]bool{}
	for _, c := range mistakeCases(t) {
		told[c.id] = true
		for _, name := range []string{"policy", "corrected"} {
			makes := name == "policy"
			text := c.section(name + ".json")
			if text == "" {
				t.Errorf("%s: wants the sections policy.json and corrected.json", c.file)
				continue
			}
			e, err := explain.Explain(name+".json", []byte(text), c.options)
			if err != nil {
				t.Errorf("%s: %v", c.file, err)
				continue
			}
			got := lines(e.Mistakes)
			if has := slices.ContainsFunc(e.Mistakes, func(m explain.Found) bool { return m.ID == c.id }); has != makes {
				t.Errorf("%s: %s.json has the mistake: %v, want %v:\n%s", c.file, name, has, makes, got)
			}
			if *update {
				c.write(t, "found in "+name+".json", got)
			} else if want := c.section("found in " + name + ".json"); got != want {
				t.Errorf("%s: %s.json:\n%swant:\n%s", c.file, name, got, want)
			}
		}
	}
	for _, m := range explain.Mistakes() {
		if !told[m.ID] {
			t.Errorf("mistake %s has no case in testdata/mistakes", m.ID)
		}
	}
	for id := range told {
		if !slices.ContainsFunc(explain.Mistakes(), func(m explain.Mistake) bool { return m.ID == id }) {
			t.Errorf("testdata/mistakes has a case for %s, which is no mistake's id", id)
		}
	}
}

// Every mistake says all there is to say, once.
func TestRegistry(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range explain.Mistakes() {
		if seen[m.ID] || m.ID != strings.ToLower(m.ID) || strings.ContainsAny(m.ID, " _") {
			t.Errorf("%q is there twice, or not in kebab case", m.ID)
		}
		seen[m.ID] = true
		for what, text := range map[string]string{"says": m.Says, "why": m.Why, "instead": m.Instead, "source": m.Source} {
			if len(text) < 10 {
				t.Errorf("%s: %s is %q", m.ID, what, text)
			}
		}
	}
}

// The quota of each kind, to the character: what is a character longer does not
// fit (IAM and Organizations quotas).
func TestQuotas(t *testing.T) {
	const principal = `"Principal":"*",`
	for kind, c := range map[explain.Kind]struct {
		limit     int
		principal string
	}{
		explain.Identity: {6144, ""}, explain.Boundary: {6144, ""}, explain.Role: {10240, ""}, explain.Trust: {2048, principal},
		explain.SCP: {10240, ""}, explain.RCP: {5120, principal},
	} {
		text := func(length int) string {
			head, tail := `{"Version":"2012-10-17","Statement":{`+c.principal+`"Effect":"Deny","Action":"sts:AssumeRole`, `"}}`
			return head + strings.Repeat("x", length-len(head)-len(tail)) + tail
		}
		for length, want := range map[int]bool{c.limit: false, c.limit + 1: true} {
			e := mustExplain(t, text(length)+"\n", explain.Options{Kind: kind})
			if got := slices.ContainsFunc(e.Mistakes, func(m explain.Found) bool { return m.ID == "longer-than-quota" }); got != want {
				t.Errorf("%s of %d characters is too long: %v, want %v", kind, length, got, want)
			}
		}
	}
	long := mustExplain(t, `{"Version":"2012-10-17","Statement":{"Principal":"*","Effect":"Deny","Action":"`+strings.Repeat("x", 8200)+`"}}`, explain.Options{})
	if long.Worst().String() != "medium" {
		t.Errorf("a trust policy of more than 8,192 characters is %s", long.Worst())
	}
}

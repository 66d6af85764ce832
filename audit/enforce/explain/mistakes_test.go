package explain_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit/enforce/explain"
	"mfawatch/internal/casefile"
)

var update = flag.Bool("update", false, "write what the package answers into the cases")

// A case of testdata/mistakes is named after a mistake: the document makes it, the
// corrected one does not.
type mistakeCase struct {
	casefile.Case
	id      string
	options explain.Options
}

func mistakeCases(t testing.TB) []mistakeCase {
	t.Helper()
	var all []mistakeCase
	for _, c := range casefile.All(t, "testdata/mistakes/*.txtar") {
		id, _, _ := strings.Cut(c.Name, ".")
		all = append(all, mistakeCase{c, id, options(t, c)})
	}
	return all
}

// options are what the section options asks for.
func options(t testing.TB, c casefile.Case) (o explain.Options) {
	t.Helper()
	for _, word := range strings.Fields(c.Section("options")) {
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
			t.Fatalf("%s: option %q is not known", c.Path, name)
		}
	}
	return o
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
			text := c.Section(name + ".json")
			if text == "" {
				t.Errorf("%s: wants the sections policy.json and corrected.json", c.Path)
				continue
			}
			e, err := explain.Explain(name+".json", []byte(text), c.options)
			if err != nil {
				t.Errorf("%s: %v", c.Path, err)
				continue
			}
			got := lines(e.Mistakes)
			if has := slices.ContainsFunc(e.Mistakes, func(m explain.Found) bool { return m.ID == c.id }); has != makes {
				t.Errorf("%s: %s.json has the mistake: %v, want %v:\n%s", c.Path, name, has, makes, got)
			}
			if *update {
				c.Put(t, "found in "+name+".json", got)
			} else if want := c.Section("found in " + name + ".json"); got != want {
				t.Errorf("%s: %s.json:\n%swant:\n%s", c.Path, name, got, want)
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

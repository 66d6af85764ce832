package alert_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"mfawatch/audit/alert"
)

// docs/alerts.md shows the text as it is, and names every field, kind and
// attribute.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	a := ofVerdict()
	a.Evidence = "s3://evidence/x.json"
	if !strings.Contains(string(page), "```text\n"+a.Text()+"```\n") {
		t.Errorf("docs/alerts.md does not show this text:\n%s", a.Text())
	}
	d := alert.OfDetection(detection("trail-stopped", ada, 4), names)
	a.Target, a.Attack, a.Previous = d.Target, d.Attack, "mfa"
	a.Findings = []string{"x"}
	a.Digest = &alert.Contents{Items: []alert.Item{{ID: "x", Time: time.Time{}, Evidence: "x"}}}
	words := []string{alert.Schema}
	for _, k := range alert.Kinds() {
		words = append(words, string(k))
	}
	for k := range a.Attributes() {
		words = append(words, k)
	}
	for _, field := range append(fields(t, a.JSON()), words...) {
		if !strings.Contains(string(page), "`"+field+"`") {
			t.Errorf("docs/alerts.md does not speak of `%s`", field)
		}
	}
}

// fields are the names of an object's fields, and of those within.
func fields(t *testing.T, b []byte) []string {
	t.Helper()
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	var names []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, below := range v {
				names = append(names, k)
				walk(below)
			}
		case []any:
			for _, below := range v {
				walk(below)
			}
		}
	}
	walk(tree)
	if len(names) < 25 {
		t.Fatalf("only the fields %q", names)
	}
	return names
}

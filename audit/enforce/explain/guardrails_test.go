package explain_test

import (
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/explain"
	"mfawatch/audit/enforce/guardrail/matrix"
)

// What we generate has no mistake that we would tell others of: in any guardrail,
// form, partition and choice of options that the matrix asks about.
func TestGeneratedGuardrailsHaveNoMistakes(t *testing.T) {
	rows, err := matrix.Rows()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[enforce.Layer]explain.Kind{enforce.Identity: explain.Identity, enforce.Boundary: explain.Boundary, enforce.SCP: explain.SCP, enforce.RCP: explain.RCP, enforce.Resource: explain.Trust}
	seen, low := map[string]bool{}, map[string]int{}
	for _, r := range rows {
		for _, l := range r.Layers {
			if !l.Guardrail || seen[string(l.Layer)+l.Text] {
				continue
			}
			seen[string(l.Layer)+l.Text] = true
			e, err := explain.Explain(r.Variant, []byte(l.Text), explain.Options{Kind: kinds[l.Layer]})
			if err != nil {
				t.Fatalf("%s %s as %s: %v", r.Options.Kind, r.Variant, l.Layer, err)
			}
			for _, m := range e.Mistakes {
				if m.Severity == audit.Low || m.Severity == audit.Info {
					low[m.ID]++
					continue
				}
				t.Errorf("%s %s as %s in %s: %s %s, line %d: %s", r.Options.Kind, r.Variant, l.Layer, r.Options.Partition, m.Severity, m.ID, m.Line, m.Text)
			}
		}
	}
	t.Logf("%d documents; low or info: %v", len(seen), low)
	if len(seen) < 50 {
		t.Errorf("only %d documents", len(seen))
	}
}

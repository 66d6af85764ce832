package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/posture"
	"mfawatch/audit/signin"
)

// TestSchemaWords: the schema's lists are those of the code, in their order.
func TestSchemaWords(t *testing.T) {
	var doc struct {
		Defs map[string]struct{ Enum []string } `json:"$defs"`
	}
	if err := json.Unmarshal(RulesSchema(), &doc); err != nil {
		t.Fatal(err)
	}
	var checks []string
	for _, c := range detect.Checks() {
		checks = append(checks, c.ID)
	}
	for def, want := range map[string][]string{
		"reason":    texts(signin.Reasons()),
		"principal": texts(audit.PrincipalKinds()),
		"severity":  texts(audit.Severities()),
		"check":     checks,
	} {
		if diff := cmp.Diff(want, doc.Defs[def].Enum); diff != "" {
			t.Errorf("rules.schema.json, $defs.%s.enum (-code +schema)\n%s", def, diff)
		}
	}
}

func texts[T any](words []T) []string {
	var s []string
	for _, w := range words {
		s = append(s, fmt.Sprint(w))
	}
	return s
}

func accepted(t *testing.T, format string, args ...any) bool {
	t.Helper()
	_, err := Rules("rules.yaml", fmt.Appendf(nil, "version: 1\n"+format+"\n", args...))
	return err == nil
}

// TestSchemaRootFloor: for each reason the schema refuses exactly those rules
// for root that the floor of signin would overrule.
func TestSchemaRootFloor(t *testing.T) {
	for _, d := range signin.Definitions() {
		for _, s := range audit.Severities() {
			want := s >= d.Root.Severity
			if got := accepted(t, "sign_in: [{reason: %s, principal: root, severity: %s}]", d.Reason, s); got != want {
				t.Errorf("%s of root as %s: accepted %v, want %v", d.Reason, s, got, want)
			}
		}
		if got := accepted(t, "sign_in: [{reason: %s, principal: root, alert: false}]", d.Reason); got == d.Root.Alert {
			t.Errorf("%s of root, alert false: accepted %v, want %v", d.Reason, got, !d.Root.Alert)
		}
		for _, k := range audit.PrincipalKinds() {
			if k != audit.Root && !accepted(t, "sign_in: [{reason: %s, principal: %s, alert: false, severity: info}]", d.Reason, k) {
				t.Errorf("%s of %s cannot be silenced", d.Reason, k)
			}
		}
	}
}

// TestSchemaChecks: which checks have a threshold, a window or a floor.
func TestSchemaChecks(t *testing.T) {
	for _, c := range detect.Checks() {
		if got, want := accepted(t, "detections: [{id: %s, threshold: 4}]", c.ID), c.Threshold > 0; got != want {
			t.Errorf("%s: threshold accepted %v, want %v", c.ID, got, want)
		}
		if got, want := accepted(t, "detections: [{id: %s, window: 20m}]", c.ID), c.Window > 0; got != want {
			t.Errorf("%s: window accepted %v, want %v", c.ID, got, want)
		}
		ofRoot := strings.HasPrefix(c.ID, "root-")
		if got := accepted(t, "detections: [{id: %s, alert: false}]", c.ID); got == ofRoot {
			t.Errorf("%s: alert false accepted %v, want %v", c.ID, got, !ofRoot)
		}
		for _, s := range audit.Severities() {
			want := !ofRoot || s >= c.Severity
			if got := accepted(t, "detections: [{id: %s, severity: %s}]", c.ID, s); got != want {
				t.Errorf("%s as %s: accepted %v, want %v", c.ID, s, got, want)
			}
		}
	}
}

// TestExemptableChecks: the schema's list is that of the code, in its order.
func TestExemptableChecks(t *testing.T) {
	var doc struct {
		Defs map[string]struct{ Enum []string } `json:"$defs"`
	}
	if err := json.Unmarshal(ExemptionsSchema(), &doc); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range posture.Checks() {
		if c.Exemptable {
			want = append(want, c.ID)
		}
	}
	if diff := cmp.Diff(want, doc.Defs["check"].Enum); diff != "" {
		t.Errorf("exemptions.schema.json, $defs.check.enum (-code +schema)\n%s", diff)
	}
}

// TestSchemaIsACopy: nobody can change the schema that files are checked with.
func TestSchemaIsACopy(t *testing.T) {
	RulesSchema()[0] = 'x'
	ExemptionsSchema()[0] = 'x'
	FileSchema()[0] = 'x'
	if RulesSchema()[0] != '{' || ExemptionsSchema()[0] != '{' || FileSchema()[0] != '{' {
		t.Error("the schema itself was given away")
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"no-mfa", "no-mfa", 0}, {"no_mfa", "no-mfa", 0}, {"no-mfaa", "no-mfa", 1}, {"nomfa", "no-mfa", 1}, {"abc", "", 3}, {"kitten", "sitting", 3}} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("edits(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
	allowed := texts(signin.Reasons())
	if got := meant("something-else-entirely", allowed); got != ";" || !slices.Contains(allowed, "no-mfa") {
		t.Errorf("meant = %q, want no advice", got)
	}
}

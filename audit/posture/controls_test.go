package posture

import (
	"slices"
	"strings"
	"testing"

	"mfawatch/audit"
)

// Every mapping is whole, of a check that exists, and given once.
func TestControls(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Controls() {
		name := strings.Join([]string{m.Check, m.Framework, m.Version, m.ID}, " ")
		switch {
		case judges[m.Check] == nil:
			t.Errorf("%s: no such check", name)
		case m.Framework == "" || m.ID == "" || m.Source == "":
			t.Errorf("%s of %q: a cell is empty", name, m.Source)
		case seen[name]:
			t.Errorf("%s is given twice", name)
		}
		seen[name] = true
	}
	if len(seen) < 100 {
		t.Errorf("%d mappings", len(seen))
	}
}

// The CIS benchmark renumbered everything in 6.0 and again in 7.0.
func TestControlsOfTheCISBenchmark(t *testing.T) {
	versions := []string{"1.2", "1.4", "1.5", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0"}
	controls := controlsOf()
	for check, want := range map[string][]string{
		idRootMFA:       {"1.13", "1.5", "1.5", "1.5", "1.5", "1.5", "1.4", "2.4", "2.5"},
		idRootHardware:  {"1.14", "1.6", "1.6", "1.6", "1.6", "1.6", "1.5", "2.5", "2.6"},
		idRootKey:       {"", "1.4", "1.4", "1.4", "1.4", "1.4", "1.3", "2.3", "2.4"},
		idRootUse:       {"", "1.7", "1.7", "1.7", "1.7", "1.7", "1.6", "2.6", "2.7"},
		idConsoleMFA:    {"1.2", "1.10", "1.10", "1.10", "1.10", "1.10", "1.9", "2.9", "2.10"},
		idConsoleUnused: {"", "1.12", "1.12", "1.12", "1.12", "1.12", "1.11", "2.11", "2.11"},
		idRootCentral:   {"", "", "", "", "", "", "", "", "2.1.1"},
	} {
		for i, id := range want {
			c := audit.Control{Framework: "cis-aws", Version: versions[i], ID: id}
			if has := slices.Contains(controls[check], c); has != (id != "") {
				t.Errorf("%s answers to %+v: %v", check, c, has)
			}
		}
	}
}

func TestEveryCheckHasAJudge(t *testing.T) {
	controls := controlsOf()
	for _, c := range Checks() {
		if judges[c.ID] == nil || controls[c.ID] == nil {
			t.Errorf("%s has no judge or no list of controls", c.ID)
		}
	}
	if len(judges) != len(Checks()) {
		t.Errorf("%d judges for %d checks", len(judges), len(Checks()))
	}
}

package posture

import (
	"slices"
	"testing"

	"mfawatch/audit"
)

func TestEmbeddedControls(t *testing.T) {
	if errMappings != nil || len(mappings) == 0 {
		t.Fatalf("%d mappings, error %v", len(mappings), errMappings)
	}
	rows := Controls()
	rows[0].Check = "changed"
	if mappings[0].Check == "changed" {
		t.Error("Controls hands out its own rows")
	}
}

// The CIS benchmark renumbered everything in 6.0 and again in 7.0.
func TestControlsOfTheCISBenchmark(t *testing.T) {
	versions := []string{"1.2", "1.4", "1.5", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0"}
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
			if has := slices.Contains(controlsOf[check], c); has != (id != "") {
				t.Errorf("%s answers to %+v: %v", check, c, has)
			}
		}
	}
}

func TestEveryCheckHasAJudge(t *testing.T) {
	for _, c := range Checks() {
		if judges[c.ID] == nil || controlsOf[c.ID] == nil {
			t.Errorf("%s has no judge or no list of controls", c.ID)
		}
	}
	if len(judges) != len(Checks()) {
		t.Errorf("%d judges for %d checks", len(judges), len(Checks()))
	}
}

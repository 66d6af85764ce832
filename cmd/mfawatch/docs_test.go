package main

import (
	"bytes"
	"os"
	"testing"

	"mfawatch/audit/config"
)

// The pages that the program prints are the program's.
func TestGeneratedPages(t *testing.T) {
	var checks bytes.Buffer
	if err := markdownChecks(&checks); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"../../docs/checks.md": checks.Bytes(), "../../docs/rules.schema.json": config.RulesSchema()} {
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the program prints: run go test ./cmd/mfawatch -update", name)
		}
	}
}

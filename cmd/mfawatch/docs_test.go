package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mfawatch/audit/config"
	"mfawatch/internal/demo"
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

// Every command line of mfawatch in the README runs, on the demo's archive and
// with the README's own rules.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(readme, []byte("@@")) {
		t.Error("the README has a place that nobody filled in")
	}
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := demo.WriteTo(logs); err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(dir, "rules.yaml")
	yaml := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)
	if yaml == nil {
		t.Fatal("the README has no rules")
	}
	if err := os.WriteFile(rules, yaml[1], 0o600); err != nil {
		t.Fatal(err)
	}
	place := strings.NewReplacer("./AWSLogs", logs, "LOGS", logs, "rules.yaml", rules)
	commands := regexp.MustCompile(`(?m)^bin/mfawatch ([^#\n]*)`).FindAllSubmatch(readme, -1)
	if len(commands) < 6 {
		t.Fatalf("only %d commands found in the README", len(commands))
	}
	for _, c := range commands {
		args := strings.Fields(place.Replace(string(c[1])))
		var out, errs bytes.Buffer
		code := execute(context.Background(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, args)
		if code == exitCannotRun || code == exitUsage || out.Len() == 0 {
			t.Errorf("mfawatch %s ends with %d: %s", c[1], code, errs.String())
		}
	}
}

// The README and the design say the exit codes that the help says.
func TestExitCodesAreSaidEverywhere(t *testing.T) {
	for _, name := range []string{"../../README.md", "../../docs/design.md"} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(string(page)), " ")
		for _, words := range []string{"could not run", "usage", "findings", "could not be checked"} {
			if !strings.Contains(text, words) {
				t.Errorf("%s does not say %q", name, words)
			}
		}
	}
}

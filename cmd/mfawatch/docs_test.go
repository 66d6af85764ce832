package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mfawatch/audit/collect"
	"mfawatch/audit/config"
	"mfawatch/internal/demo"
	"mfawatch/internal/manual"
)

const commandsIntro = `# The commands

What ` + "`mfawatch COMMAND --help`" + ` says of each, on one page: made from the program, and held against
it by a test. ` + "`mfawatch man DIR`" + ` writes the same as man pages, ` + "`mfawatch completion SHELL`" + ` completes
them, ` + "`mfawatch doctor`" + ` tells what works on this machine.

The same everywhere:

- **Exit codes**: 0 clean or done · 1 could not run · 2 usage · 3 findings, or a code that was refused · 4 no findings,
  but something could not be checked · 5 no such key, device or request · 6 more than one fits · 7 not now: later ·
  8 no YubiKey, or it was not touched in time.
- **Errors** begin with the command and go to standard error: ` + "`mfawatch code: NAME is missing`" + `. One of usage is
  followed by whose help to see.
- **` + "`--format json`" + `** is one value, in lines indented by one blank, the same on a terminal and in a pipe; ` + "`jsonl`" + ` is a
  value in each line. Names of fields are written_so.
- **On a terminal** help and tables are as wide as it is, 40 columns are enough, and colours are left out with
  ` + "`NO_COLOR`" + `. In a pipe there are no colours, and tables are as wide as they need.
`

// The pages that the program prints are the program's.
func TestGeneratedPages(t *testing.T) {
	var checks bytes.Buffer
	if err := markdownChecks(&checks); err != nil {
		t.Fatal(err)
	}
	var mistakes bytes.Buffer
	if err := markdownMistakes(&mistakes); err != nil {
		t.Fatal(err)
	}
	page, err := configPage()
	if err != nil {
		t.Fatal(err)
	}
	var commands bytes.Buffer
	if err := manual.Markdown(&commands, newRoot(terminal{out: io.Discard, err: io.Discard}), commandsIntro); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"../../docs/cli.md": commands.Bytes(), "../../docs/config.md": []byte(page), "../../docs/checks.md": checks.Bytes(), "../../docs/policy-explain.md": mistakes.Bytes(), "../../docs/rules.schema.json": config.RulesSchema(), "../../docs/exemptions.schema.json": config.ExemptionsSchema(), "../../docs/mfawatch.schema.json": config.FileSchema()} {
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

// Every command line of bin/mfawatch in the README and in the pages about auditing and
// scanning runs, in their order, on the demo's files and a stand-in for AWS, with the
// pages' own rules.
func TestReadmeCommands(t *testing.T) {
	text := firstPages(t)
	t.Chdir(t.TempDir())
	readmeFiles(t, text)
	ownHome(t)
	place := strings.NewReplacer("./AWSLogs", "logs", "LOGS", "logs", "EXPORTED", "exported")
	commands := regexp.MustCompile(`(?m)^bin/mfawatch ([^#>\n]*)`).FindAllSubmatch(text, -1)
	if len(commands) < 30 {
		t.Fatalf("only %d commands found in the pages", len(commands))
	}
	for _, c := range commands {
		var out, errs bytes.Buffer
		args := strings.Fields(place.Replace(string(c[1])))
		code := execute(context.Background(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, args)
		if code == exitCannotRun || code == exitUsage || out.Len()+errs.Len() == 0 {
			t.Errorf("mfawatch %s ends with %d: %s", c[1], code, errs.String())
		}
		if findings, err := os.ReadFile("findings.json"); err == nil {
			put(t, "older.json", findings)
		}
	}
}

// firstPages are what is read first, one behind the other.
func firstPages(t *testing.T) []byte {
	t.Helper()
	var all []byte
	for _, name := range []string{"../../README.md", "../../docs/auditing.md", "../../docs/scanning.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, text...), '\n')
	}
	return all
}

// pageTexts are the README and the pages of docs, by path.
func pageTexts(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d pages: %v", len(paths), err)
	}
	all := map[string]string{}
	for _, path := range append(paths, "../../README.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(text)
	}
	return all
}

// What a page tells to make can be made.
func TestPagesNameMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllSubmatch(makefile, -1) {
		targets[string(m[1])] = true
	}
	named := map[string]bool{}
	for path, text := range pageTexts(t) {
		for _, m := range regexp.MustCompile("(?m)(?:^ *|`)make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
			named[m[1]] = true
			if !targets[m[1]] {
				t.Errorf("%s names make %s, which the Makefile has not", path, m[1])
			}
		}
	}
	for _, target := range []string{"build", "synth", "diff", "deploy", "cdk", "destroy-dry-run"} {
		if !named[target] {
			t.Errorf("no page names make %s", target)
		}
	}
}

// A page that another names is there.
func TestPagesLinkToPages(t *testing.T) {
	n := 0
	for path, text := range pageTexts(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#:\s]+)[^)]*\)`).FindAllStringSubmatch(text, -1) {
			n++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d links found", n)
	}
}

// readmeFiles makes the files that the README speaks of, and an AWS.
func readmeFiles(t *testing.T, readme []byte) {
	t.Helper()
	if err := errors.Join(demo.WriteTo("logs"), demo.WriteAccount("exported")); err != nil {
		t.Fatal(err)
	}
	yaml := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(yaml) != 2 {
		t.Fatalf("the pages have %d YAML files, want exemptions and rules", len(yaml))
	}
	put(t, "exemptions.yaml", yaml[0][1])
	put(t, "rules.yaml", yaml[1][1])
	policy := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(readme)
	if policy == nil {
		t.Fatal("the README has no policy document")
	}
	put(t, "policy.json", policy[1])
	put(t, "scanned.jsonl", changesFile())
	url, _, end, err := startAWS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	for i, value := range awsValues(url, ".") {
		t.Setenv(awsVariables[i], value)
	}
	put(t, "config", []byte("[profile PROFILE]\nregion = us-east-1\naws_access_key_id = AKIAAUDIT"+management+"\naws_secret_access_key = x\n"))
	t.Setenv("AWS_CONFIG_FILE", "config")
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The lines that export an account are those that Folder reads.
func TestPageExportsWhatIsRead(t *testing.T) {
	page, err := os.ReadFile("../../docs/auditing.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "```sh\n" + strings.Join(collect.Commands(), "\n") + "\n```"
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/auditing.md does not hold collect.Commands:\n%s", want)
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

// What the README quotes of an explanation is what the program says.
func TestReadmeQuotesExplanation(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	put(t, "policy.json", regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(readme)[1])
	quoted := regexp.MustCompile(`policy explain policy.json +# "(.*)"`).FindSubmatch(readme)
	if quoted == nil {
		t.Fatal("the README quotes no explanation")
	}
	var out, errs bytes.Buffer
	code := execute(context.Background(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, []string{"policy", "explain", "policy.json"})
	if code != exitFindings || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), string(quoted[1])) {
		t.Errorf("explain ends with %d and does not say %q:\n%s%s", code, quoted[1], out.String(), errs.String())
	}
}

// Every document that the pages about guardrails tell to make is made by the line
// that they give.
func TestGuardrailCommands(t *testing.T) {
	pages := map[string]int{"guardrails.md": 5, "live-checks.md": 2}
	for page, least := range pages {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		commands := regexp.MustCompile("mfawatch (policy generate --[^`;\n]*)").FindAllSubmatch(text, -1)
		if len(commands) < least {
			t.Fatalf("only %d commands found in %s", len(commands), page)
		}
		t.Run(page, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for _, c := range commands {
				var out, errs bytes.Buffer
				code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, strings.Fields(string(c[1])))
				if code != 0 || out.Len()+errs.Len() == 0 {
					t.Errorf("mfawatch %s ends with %d: %s", c[1], code, errs.String())
				}
			}
		})
	}
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"filippo.io/age"

	"mfawatch/internal/demo"
)

// homeBeside is a home with two keys, and the identity that opens them beside it, as onTerminal
// has them.
func homeBeside(t *testing.T) home {
	t.Helper()
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	h := home{filepath.Join(dir, "home")}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "id.txt"), []byte(id.String()+"\n"))
	if err := h.writeRecipients([]string{id.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MFAWATCH_HOME", h.dir)
	t.Setenv("MFAWATCH_IDENTITY_FILE", filepath.Join(dir, "id.txt"))
	for _, args := range [][]string{{"key", "add", "ada", "-", "--device", adaARN}, {"key", "add", "grace", "-", "--issuer", "Example"}} {
		if code, said := ends(t, rfcSeed32+"\n", args...); code != exitClean {
			t.Fatal(said)
		}
	}
	return h
}

// sequences are what a terminal obeys and does not show.
var sequences = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// What is printed on a terminal fits into it: a line is wider only by a word that has no
// blank, such as an ARN, which is left whole to be copied.
func TestOutputFitsTerminals(t *testing.T) {
	liveAWS(t)
	dir := filepath.Dir(homeBeside(t).dir)
	t.Chdir(dir)
	if err := demo.WriteTo("logs"); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteAccount("exported"); err != nil {
		t.Fatal(err)
	}
	put(t, "mfawatch.yaml", goodConfig(t))
	put(t, "policy.json", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	for _, line := range []string{
		"--help", "scan --help", "policy generate --help", "breakglass init --help", "yubikey oath add --help", "breakglass use --help",
		"checks", "checks --framework cis-6.0", "audit --from exported", "enforce --from exported", "scan logs", "policy explain policy.json", "policy explain --list",
		"config check", "doctor --offline", "version", "key list", "key show ada", "serve token list", "device list --user linus",
	} {
		for _, columns := range []uint16{80, 40} {
			screen, code := onTerminal(t, dir, columns, nil, strings.Fields(line)...)
			if code == exitUsage || code == exitCannotRun || screen == "" {
				t.Errorf("mfawatch %s ends with %d: %s", line, code, screen)
			}
			for _, shown := range strings.Split(sequences.ReplaceAllString(screen, ""), "\n") {
				shown = strings.TrimSuffix(shown, "\r")
				shown = shown[strings.LastIndex(shown, "\r")+1:] // a bar was there before
				wide := utf8.RuneCountInString(shown) > int(columns)
				if wide && !longWord(shown, int(columns)) && !commandLine.MatchString(shown) {
					t.Errorf("mfawatch %s in %d columns: %q", line, columns, shown)
				}
			}
		}
	}
}

// commandLine is to be copied, and stays whole.
var commandLine = regexp.MustCompile(`^ +(.*\W)?(mfawatch|aws) |^ +AttributeKey=|^ +credential_process`)

// longWord tells a line that cannot be broken: behind what indents it, a word goes over the
// edge of the terminal that would not fit beside its name either.
func longWord(line string, columns int) bool {
	words := strings.Fields(line)
	last := words[len(words)-1]
	return utf8.RuneCountInString(last) > columns/2 && utf8.RuneCountInString(line)-utf8.RuneCountInString(last) < columns
}

// Colours are for a terminal, and not for who does not want them.
func TestColours(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := demo.WriteTo("logs"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NO_COLOR", "")
	screen, _ := onTerminal(t, dir, 80, nil, "scan", "logs")
	if !strings.Contains(screen, "\x1b[3") && !strings.Contains(screen, "\x1b[1") {
		t.Errorf("no colours on a terminal: %q", screen)
	}
	t.Setenv("NO_COLOR", "1")
	if screen, _ := onTerminal(t, dir, 80, nil, "doctor", "--offline"); strings.Contains(screen, "\x1b") {
		t.Errorf("with NO_COLOR: %q", screen)
	}
	screen, _ = onTerminal(t, dir, 80, nil, "checks")
	if strings.Contains(screen, "\x1b[3") {
		t.Errorf("with NO_COLOR: %q", screen)
	}
	if _, said := ends(t, "", "scan", filepath.Join(dir, "logs")); strings.Contains(said, "\x1b") {
		t.Errorf("in a pipe: %q", said)
	}
	if err := os.Unsetenv("NO_COLOR"); err != nil {
		t.Fatal(err)
	}
	if _, said := ends(t, "", "scan", filepath.Join(dir, "logs")); strings.Contains(said, "\x1b") {
		t.Errorf("in a pipe: %q", said)
	}
}

package main

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mfawatch/internal/demo"
)

// The README's picture of a terminal shows what its command prints on one.
func TestTerminalPicture(t *testing.T) {
	pictures, err := filepath.Abs("../../docs/pictures")
	if err != nil {
		t.Fatal(err)
	}
	command, err := os.ReadFile(filepath.Join(pictures, "scan.sh"))
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadFile(filepath.Join(pictures, "scan.svg"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	if err := demo.WriteTo("demo"); err != nil {
		t.Fatal(err)
	}
	said := strings.TrimSpace(string(command))
	screen, _ := onTerminal(t, dir, 100, nil, strings.Fields(strings.TrimPrefix(said, "mfawatch "))...)
	want := append([]string{"$ " + said}, lines(painted.ReplaceAllString(screen, ""))...)
	got := lines(html.UnescapeString(tag.ReplaceAllString(strings.ReplaceAll(string(drawn), "</text>", "\n"), "")))
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("docs/pictures/scan.svg is not what the program shows: run make pictures\n%s\n--- want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var (
	tag     = regexp.MustCompile(`<[^>]*>`)
	painted = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")
)

// lines are those that have something on them: of one that was written over, as progress
// is, what it was written over with.
func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		if line = line[strings.LastIndex(line, "\r")+1:]; line != "" {
			all = append(all, line)
		}
	}
	return all
}

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/internal/manual"
)

// Every command has a man page, and the same mfawatch writes the same bytes.
func TestManPages(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1795680000")
	one, two := filepath.Join(t.TempDir(), "man1"), t.TempDir()
	for _, dir := range []string{one, two} {
		if code, said := ends(t, "", "man", dir); code != exitClean || !strings.Contains(said, "man pages into "+dir) {
			t.Fatalf("man ends with %d: %s", code, said)
		}
	}
	all := manual.Commands(newRoot(terminal{out: io.Discard, err: io.Discard}))
	files, err := os.ReadDir(one)
	if err != nil || len(files) != len(all) || len(all) < 80 {
		t.Fatalf("%d pages of %d commands, %v", len(files), len(all), err)
	}
	for _, c := range all {
		name := manual.Name(c) + ".1"
		page, err := os.ReadFile(filepath.Join(one, name))
		if err != nil {
			t.Fatal(err)
		}
		again, _ := os.ReadFile(filepath.Join(two, name))
		if !bytes.Equal(page, again) || !bytes.HasPrefix(page, []byte(`.TH "`+strings.ReplaceAll(strings.ToUpper(manual.Name(c)), "-", `\-`)+`" "1" "2026\-11\-26"`)) {
			t.Errorf("%s begins %.80s", name, page)
		}
	}
}

// What a program that formats man pages makes of each: no warning, and what the command
// says is there.
func TestManPagesAreFormatted(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff here; acceptance installs it, and fails without")
	}
	for _, c := range manual.Commands(newRoot(terminal{out: io.Discard, err: io.Discard})) {
		var page, out, errs bytes.Buffer
		if err := manual.Man(&page, c, manual.Edition{Version: "mfawatch test"}); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(groff, "-man", "-Tutf8", "-k", "-ww", "-P-cbou", "-rLL=200n")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = &page, &out, &errs
		if err := cmd.Run(); err != nil || errs.Len() > 0 {
			t.Errorf("%s: %v: %s", c.CommandPath(), err, errs.String())
		}
		for _, want := range []string{c.Short, c.CommandPath(), "--help"} {
			if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
				t.Errorf("the page of %s does not say %q:\n%s", c.CommandPath(), want, out.String())
			}
		}
	}
}

func TestManRefuses(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if code, said := ends(t, "", "man", t.TempDir()); code != exitUsage || !strings.Contains(said, `SOURCE_DATE_EPOCH "yesterday" is not a number`) {
		t.Errorf("ends with %d: %s", code, said)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, nil)
	if code, said := ends(t, "", "man", filepath.Join(file, "man1")); code != exitCannotRun || !strings.Contains(said, "make the folder of man pages") {
		t.Errorf("ends with %d: %s", code, said)
	}
}

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/tools/txtar"

	"mfawatch/audit/enforce/explain"
)

// Every explanation fits its terminal, from one of 60 columns on, and in a pipe
// people can read it too: nothing but the table is wider than 100.
func TestExplanationFits(t *testing.T) {
	files, err := filepath.Glob("../../audit/enforce/explain/testdata/*/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d cases, error %v", len(files), err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "policy.json" {
				continue
			}
			e, err := explain.Explain("policy.json", f.Data, explain.Options{})
			if err != nil {
				continue // of a kind that its content does not tell
			}
			for columns, most := range map[int]int{60: 60, 80: 80, 200: 200, 0: 130} {
				p := explained{columns: columns}
				p.explanation(e)
				for _, line := range strings.Split(p.String(), "\n") {
					if ansi.StringWidth(line) > most || strings.TrimRight(line, " ") != line {
						t.Errorf("%s at %d columns: %q is %d wide, or ends with a blank", file, columns, line, ansi.StringWidth(line))
					}
				}
			}
		}
	}
}

// What a document says of itself cannot reach the terminal as it is.
func TestExplanationIsPlain(t *testing.T) {
	text := `{"Version":"2012-10-17","Statement":{"Sid":"\u001b[2Jx\nKNOWN MISTAKES","Effect":"Deny","NotAction":["iam:EnableMFADevice","x:\u001b]0;y\u0007"],"Resource":"*",` +
		`"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"\u009bfalse"}}}}`
	e, err := explain.Explain("\x1b[31mpolicy.json", []byte(text), explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := explained{columns: 80}
	p.explanation(e)
	if strings.ContainsAny(p.String(), "\x1b\x07\u009b") || strings.Contains(p.String(), "\nKNOWN MISTAKES\n\nNone") {
		t.Errorf("the explanation holds control characters:\n%q", p.String())
	}
	if strings.Count(p.String(), "\nKNOWN MISTAKES\n") != 1 {
		t.Errorf("a statement's name makes a heading:\n%s", p.String())
	}
}

// Long words are cut, also those of wide letters, and nothing of them is lost.
func TestWrapped(t *testing.T) {
	for _, word := range []string{strings.Repeat("x", 150), strings.Repeat("鍵", 75), strings.Repeat("é", 200)} {
		p := explained{columns: 60}
		p.wrapped("  ", "a "+word+" b")
		var got string
		for line := range strings.Lines(p.String()) {
			if ansi.StringWidth(strings.TrimSuffix(line, "\n")) > 60 {
				t.Errorf("%q is wider than 60", line)
			}
			got += strings.TrimSpace(line)
		}
		if want := "a" + word + "b"; strings.ReplaceAll(got, " ", "") != want {
			t.Errorf("%q is left of %q", got, want)
		}
	}
}

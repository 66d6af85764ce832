package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every command line of mfawatch in the pages is one that the program knows, with its
// flags and its number of arguments. TestPagesRun runs them, on Linux.
func TestPagesCommands(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	count := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(text)) {
			count++
			if err := known(line); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(page), strings.Join(line, " "), err)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d command lines were found", count)
	}
}

var (
	fenced   = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```")
	commands = regexp.MustCompile(`(?m)(?:^|\$\(| = )(?:bin/)?mfawatch ([^#\n|<>)]*)`)
	word     = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
)

// commandLines are the commands inside fences, each as its words.
func commandLines(page string) (all [][]string) {
	for _, fence := range fenced.FindAllStringSubmatch(page, -1) {
		block := strings.ReplaceAll(fence[1], "\\\n", " ")
		for _, m := range commands.FindAllStringSubmatch(block, -1) {
			var words []string
			for _, w := range word.FindAllString(m[1], -1) {
				words = append(words, strings.Trim(w, `'"`))
			}
			all = append(all, words)
		}
	}
	return all
}

// known parses a command line and runs nothing.
func known(words []string) error {
	var out bytes.Buffer
	c, rest, err := newRoot(terminal{out: &out, err: &out}).Find(words)
	if err != nil {
		return err
	}
	both := []string{"session", "serve", "log"} // do something by themselves too
	if c.HasSubCommands() && (c.HasParent() || len(rest) == 0) && !slices.Contains(both, c.Name()) {
		return fmt.Errorf("%s wants a command of its own", c.CommandPath())
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}

// Package pages reads the command lines out of README.md and the pages of docs, for the
// tests that run them. It says of each where it is run; it runs nothing.
//
// Commands are in fences of sh, of console and of no language, and behind *_process in
// those of ini. What is no command is in a fence of another language: text, json, yaml.
package pages

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Line is a command of a page: one line, or several that the shell takes as one.
type Line struct {
	Page string // README.md, docs/keys.md
	At   int    // the line of the page that it begins in
	Text string // without comment
}

func (l Line) String() string { return fmt.Sprintf("%s:%d: %s", l.Page, l.At, l.Text) }

// Read gives the commands of README.md and of docs/*.md, page by page, in their order.
func Read(root string) (all []Line, err error) {
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		return nil, errors.Join(err, fmt.Errorf("%s: no page in docs", root))
	}
	for _, path := range append([]string{filepath.Join(root, "README.md")}, paths...) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		lines, err := Commands(filepath.ToSlash(name), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return all, nil
}

var (
	fence   = regexp.MustCompile("^( *)(?:[0-9]+\\. +)?```([a-z]*)$")
	process = regexp.MustCompile(`^\w+_process = (.*)$`)
	// card is a line of a list to be read aloud: a number, who does it, what they type.
	card    = regexp.MustCompile(`^[0-9]+\. (?:[^:]*: +)?`)
	typed   = regexp.MustCompile(`^(?:eval "\$\()?mfawatch `)
	comment = regexp.MustCompile(` +# .*$`)
)

// Commands are those of one page.
func Commands(page, text string) (all []Line, err error) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			if strings.Contains(lines[i], "```") {
				return nil, fmt.Errorf("%s:%d: write a fence as three backquotes and a language in small letters, alone on its line", page, i+1)
			}
			continue
		}
		first := i + 1
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
		}
		if i == len(lines) {
			return nil, fmt.Errorf("%s:%d: the fence is not shut", page, first)
		}
		switch open[2] {
		case "ini":
			all = append(all, processes(page, first, lines[first:i])...)
		case "", "sh", "console":
			found, err := shell(page, first, lines[first:i])
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		case "text", "json", "yaml":
		default:
			return nil, fmt.Errorf("%s:%d: a fence of %s: commands are in one of sh, and what is none in one of text, json and yaml", page, first, open[2])
		}
	}
	return all, nil
}

func processes(page string, first int, lines []string) (all []Line) {
	for i, line := range lines {
		if m := process.FindStringSubmatch(line); m != nil {
			all = append(all, Line{page, first + i + 1, m[1]})
		}
	}
	return all
}

// shell puts together what the shell reads as one: behind a backslash, inside quotes, and
// from while to its done.
func shell(page string, first int, lines []string) (all []Line, err error) {
	cards := len(lines) > 0 && strings.HasPrefix(lines[0], "1. ")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if cards {
			if line = card.ReplaceAllString(line, ""); !typed.MatchString(line) {
				continue
			}
		}
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		at := first + i + 1
		whole := comment.ReplaceAllString(line, "")
		for open(whole) {
			if i++; i == len(lines) {
				return nil, fmt.Errorf("%s:%d: the command does not end in its fence", page, at)
			}
			if before, continued := strings.CutSuffix(whole, "\\"); continued {
				whole = strings.TrimSpace(before) + " " + strings.TrimSpace(comment.ReplaceAllString(lines[i], ""))
			} else {
				whole += "\n" + comment.ReplaceAllString(lines[i], "")
			}
		}
		all = append(all, Line{page, at, whole})
	}
	return all, nil
}

var loop = regexp.MustCompile(`(?m)\bwhile .*; do$|\bdone$`)

// open tells that the shell reads on.
func open(text string) bool {
	if strings.HasSuffix(text, "\\") || strings.HasSuffix(text, "|") {
		return true
	}
	depth := 0
	for _, word := range loop.FindAllString(text, -1) {
		if word == "done" {
			depth--
		} else {
			depth++
		}
	}
	quote := rune(0)
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
	}
	return depth > 0 || quote != 0
}

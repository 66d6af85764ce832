package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mfawatch/internal/pages"
)

// TestPagesRun runs every line of README.md and docs/*.md that runs mfawatch, but for
// those that want programs beside Go (pages.Elsewhere) and those of pages.Unrun. A page is one
// sitting, its lines in their order; README, auditing.md and scanning.md are read one
// behind the other and are one too. In cli.md each line is an example of its own.
func TestPagesRun(t *testing.T) {
	t.Setenv("TMPDIR", inMemory())
	stock := t.TempDir()
	stocked(t, stock)
	all := sittings(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lines := all[name]
		t.Run(name, func(t *testing.T) {
			sit(t, stock, func(s *sitting) {
				for _, l := range lines {
					s.run(l)
				}
			})
		})
	}
}

// What is said not to be run still stands in the pages, and mfawatch knows it.
func TestPagesUnrun(t *testing.T) {
	all, err := pages.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	here, peers, left := 0, 0, map[string]bool{}
	for _, l := range all {
		switch l.Place() {
		case pages.Here:
			here++
		case pages.Peers:
			peers++
		case pages.Nowhere:
			left[l.Text] = true
		}
	}
	t.Logf("%d lines: %d are run, %d want programs beside Go, %d different ones are run nowhere", len(all), here, peers, len(left))
	if here < 350 {
		t.Errorf("only %d lines are run", here)
	}
	for text, why := range pages.Unrun {
		if !left[text] || why == "" {
			t.Errorf("pages.Unrun has %q, which no page has, or for no reason", text)
		}
		if words, err := steps(text); err != nil || known(words[0].words[1:]) != nil {
			t.Errorf("%s: mfawatch does not know it: %v", text, err)
		}
	}
}

// inMemory is a folder where nothing waits for a disk; two hundred laptops write much.
func inMemory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

// sittings are the lines that are run one behind the other.
func sittings(t *testing.T) map[string][]pages.Line {
	t.Helper()
	all, err := pages.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string][]pages.Line{}
	for _, l := range all {
		if l.Place() != pages.Here {
			continue
		}
		name := filepath.Base(l.Page)
		switch name {
		case "auditing.md", "scanning.md":
			name = "README.md"
		case "cli.md":
			name = fmt.Sprintf("cli.md:%d", l.At)
		}
		by[name] = append(by[name], l)
	}
	return by
}

// run runs a line as a shell would: its pipes one behind the other, each given whole what
// the one before it printed.
func (s *sitting) run(l pages.Line) {
	s.Helper()
	s.line = l.Text
	s.presuppose()
	line := s.put.Replace(inner(l.Text))
	if out, ok := s.pipe(line); ok && out == "" && !strings.Contains(line, " -o ") && l.Text != nothingNew {
		s.Errorf("%s: says nothing", l)
	}
	s.learn()
}

// nothingNew asks for entries that a young record has not yet.
const nothingNew = "mfawatch breakglass log --from 120"

var (
	evaluated = regexp.MustCompile(`^eval "\$\((.*)\)"$|^source <\((.*)\)$`)
	piece     = regexp.MustCompile(`^(?:[^\s'"<>|]|'[^']*'|"(?:[^"\\]|\\.)*")+`)
)

// inner is the command whose output the shell takes.
func inner(text string) string {
	if m := evaluated.FindStringSubmatch(text); m != nil {
		return m[1] + m[2]
	}
	return text
}

// step is one program of a pipe.
type step struct {
	words    []string
	from, to string
}

// steps takes a line apart. The shell's other arts are none of the lines that run here.
func steps(line string) (all []step, err error) {
	now, redirected := step{}, byte(0)
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		switch rest[0] {
		case '|':
			all, now, rest = append(all, now), step{}, rest[1:]
			continue
		case '<', '>':
			redirected, rest = rest[0], rest[1:]
			continue
		}
		raw := piece.FindString(rest)
		if raw == "" {
			return nil, fmt.Errorf("not understood: %s", rest)
		}
		rest = rest[len(raw):]
		word := strings.NewReplacer("'", "", `"`, "").Replace(raw)
		switch redirected {
		case '<':
			now.from = word
		case '>':
			now.to = word
		default:
			now.words = append(now.words, word)
		}
		redirected = 0
	}
	return append(all, now), nil
}

// pipe runs a line's programs and gives what they said; not ok: it has told why.
func (s *sitting) pipe(line string) (said string, ok bool) {
	s.Helper()
	all, err := steps(line)
	if err != nil {
		s.Errorf("%s: %v", line, err)
		return "", false
	}
	in := ""
	for i, one := range all {
		if one.from != "" {
			in = s.read(one.from)
		}
		out, errs, ok := s.program(one, in, i > 0 || one.from != "")
		if !ok {
			return "", false
		}
		if one.to != "" {
			put(s.T, one.to, []byte(out))
		}
		in, said = out, said+out+errs
	}
	return said, true
}

// program runs mfawatch in this process, or what stands in for another program.
func (s *sitting) program(one step, in string, given bool) (out, errs string, ok bool) {
	s.Helper()
	name, args := filepath.Base(one.words[0]), one.words[1:]
	if name != "mfawatch" {
		stand := s.others[name]
		if stand == nil {
			s.Errorf("%s: no stand-in for %s", s.line, name)
			return "", "", false
		}
		return stand(args, in), "", true
	}
	text := strings.Join(args, " ")
	if !given {
		in = s.answers(text)
	}
	s.whose(text)
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	var stdout bytes.Buffer
	stderr := &untilServing{stop: cancel}
	at := terminal{in: strings.NewReader(in), out: &stdout, err: stderr, cards: s.yubiDesk, aws: s.aws, asks: s.asks}
	if onScreen.MatchString(text) {
		at.out = s.tty
		defer func(before int64) {
			for s.shown.Load() == before {
				runtime.Gosched()
			}
			out = "a picture on the screen"
		}(s.shown.Load())
	}
	code := s.inside(args, func() int { return execute(ctx, at, args) })
	if !slices.Contains(mayEnd(args), code) {
		s.Errorf("%s\nmfawatch %s ends with %d\n%.600s\n%s", s.line, text, code, stdout.String(), stderr.String())
		return "", "", false
	}
	return stdout.String(), stderr.String(), true
}

// onScreen is what draws on a terminal and nowhere else.
var onScreen = regexp.MustCompile(`^key qr \S+$`)

// inside runs a command where waiting takes no time, but for one that leaves a reader of
// questions behind.
func (s *sitting) inside(args []string, run func() int) (code int) {
	if args[0] != "config" {
		return run()
	}
	s.outside <- func() { code = run() }
	<-s.ended
	return code
}

// judging are the commands whose answer may be that something is wrong, or not known.
var judging = []string{"audit", "scan", "enforce", "report", "policy", "doctor", "demo"}

func mayEnd(args []string) []int {
	if slices.Contains(judging, args[0]) {
		return []int{exitClean, exitFindings, exitUnchecked}
	}
	return []int{exitClean}
}

// untilServing is standard error of a command that may be a server: when it says where it
// listens, it is stopped.
type untilServing struct {
	bytes.Buffer
	stop    func()
	serving bool
}

func (u *untilServing) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if !u.serving && bytes.HasPrefix(p, []byte("Serving ")) || bytes.HasPrefix(p, []byte("Checking ")) {
		u.serving = true
		u.stop()
	}
	return n, err
}

func (s *sitting) read(name string) string {
	s.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		s.Errorf("%s: %v", s.line, err)
	}
	return string(text)
}

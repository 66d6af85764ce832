package mfawatch_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is the first block of code below a heading of docs/design.md.
func block(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+heading+"\n")
	_, after, open := strings.Cut(after, "\n```text\n")
	inside, _, shut := strings.Cut(after, "\n```\n")
	if !found || !open || !shut {
		t.Fatalf("docs/design.md has no block below %q", heading)
	}
	return inside
}

// below are rooms that a line names in its text: "matrix/".
var below = regexp.MustCompile(`^[a-z0-9]+/$`)

// picture are the rooms of the house as design.md draws it.
func picture(t *testing.T) []string {
	var rooms, at []string
	for line := range strings.Lines(block(t, "The house")) {
		branch, rest, drawn := strings.Cut(strings.TrimSuffix(line, "\n"), "── ")
		if !drawn {
			continue
		}
		depth := (len([]rune(branch)) - 1) / 4
		for name := range strings.FieldsSeq(rest) {
			if !strings.HasSuffix(name, "/") {
				break
			}
			at = append(at[:depth], path.Clean(name))
			rooms = append(rooms, path.Join(at...))
			_, rest, _ = strings.Cut(rest, name)
		}
		for word := range strings.FieldsSeq(rest) {
			if word = strings.TrimRight(word, ",;"); below.MatchString(word) {
				rooms = append(rooms, path.Join(path.Join(at...), word))
			}
		}
	}
	return rooms
}

// TestPictureIsTheHouse: what is drawn is there, once, and every package is drawn.
func TestPictureIsTheHouse(t *testing.T) {
	rooms := picture(t)
	for i, room := range rooms {
		if info, err := os.Stat(room); err != nil || !info.IsDir() {
			t.Errorf("docs/design.md draws %s, which is no folder", room)
		}
		if slices.Contains(rooms[:i], room) {
			t.Errorf("docs/design.md draws %s twice", room)
		}
	}
	for _, p := range house(t) {
		if !slices.Contains(rooms, p.dir) {
			t.Errorf("docs/design.md does not draw %s", p.dir)
		}
	}
	top, err := fs.Glob(os.DirFS("."), "*/")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range top {
		if tests, _ := filepath.Glob(dir + "/*_test.go"); len(tests) > 0 && !slices.Contains(rooms, dir) {
			t.Errorf("docs/design.md does not draw %s", dir)
		}
	}
}

// hop is a line of a way: a room, and functions of it.
var (
	hop      = regexp.MustCompile(`^  ([a-z][a-z0-9/]+) +(.+)$`)
	separate = regexp.MustCompile(` → |, `)
)

// TestWaysAreThere: every function that design.md has things go through is in the room
// that it says.
func TestWaysAreThere(t *testing.T) {
	there := map[string]bool{}
	for _, p := range house(t) {
		for _, f := range p.funcs {
			there[p.dir+" "+f.of+f.name] = true
		}
	}
	hops := 0
	for line := range strings.Lines(block(t, "The four ways, hop by hop")) {
		m := hop.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue // what goes this way
		}
		names, _, _ := strings.Cut(m[2], ": ") // why
		for _, name := range separate.Split(names, -1) {
			hops++
			if !there[m[1]+" "+name] {
				t.Errorf("docs/design.md goes through %s of %s, which is not there", name, m[1])
			}
		}
	}
	if hops < 60 {
		t.Errorf("only %d hops were read", hops)
	}
}

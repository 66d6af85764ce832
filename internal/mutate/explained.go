package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// note is one line of explained.txt: `file: the source line's text: change:
// reason`. The reason is why no test can tell the mutant from the program.
type note struct {
	where string // file and line of the note itself
	text  string
}

func readNotes(file string) ([]note, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var notes []note
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		notes = append(notes, note{where: fmt.Sprintf("%s:%d", file, n), text: line})
	}
	return notes, nil
}

// explains tells whether the note is about a mutant. A note without a reason
// explains nothing.
func (n note) explains(m *mutant) bool {
	reason, found := strings.CutPrefix(n.text, m.key()+": ")
	return found && strings.TrimSpace(reason) != ""
}

// about tells whether the note is about a file of the packages.
func (n note) about(targets []*target) bool {
	file, _, _ := strings.Cut(n.text, ": ")
	return slices.ContainsFunc(targets, func(t *target) bool {
		return slices.ContainsFunc(t.files, func(s *source) bool { return path.Dir(s.name) == path.Dir(file) })
	})
}

// stale tells whether a note explains nothing any more: its mutant is no
// longer made, or all that it is about were tested and none survived.
func (n note) stale(all []*mutant) bool {
	for _, m := range all {
		if n.explains(m) && (m.fate == survived || m.fate == untested) {
			return false
		}
	}
	return true
}

// Package casefile reads the cases of tests, each a file in txtar's form: on top where
// it comes from, then sections. It writes them too, where a test is asked to write what
// the program says.
//
// It promises that a pattern without a file, and a file without a section, fail the
// test: a test without cases would pass. It knows no section by name, and is for tests
// only.
package casefile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// Case is one file.
type Case struct {
	Path string
	Name string // the file's, without folder and ending
	*txtar.Archive
}

// All are the cases that a pattern of file names finds, in their order.
func All(t testing.TB, pattern string) []Case {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no cases (error %v)", pattern, err)
	}
	var all []Case
	for _, path := range paths {
		all = append(all, Read(t, path))
	}
	return all
}

// Read reads one case.
func Read(t testing.TB, path string) Case {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) == 0 {
		t.Fatalf("%s: no section", path)
	}
	return Case{path, strings.TrimSuffix(filepath.Base(path), ".txtar"), archive}
}

// Section is a section's text, none where there is no such section.
func (c Case) Section(name string) string {
	if i := c.index(name); i >= 0 {
		return string(c.Files[i].Data)
	}
	return ""
}

func (c Case) index(name string) int {
	return slices.IndexFunc(c.Files, func(f txtar.File) bool { return f.Name == name })
}

// Put writes a section into the file, at its end if it is a new one.
func (c Case) Put(t testing.TB, name, text string) {
	t.Helper()
	i := c.index(name)
	if i < 0 {
		c.Files = append(c.Files, txtar.File{Name: name})
		i = len(c.Files) - 1
	}
	c.Files[i].Data = []byte(text)
	c.Write(t)
}

// Write writes the file as the case has it.
func (c Case) Write(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(c.Path, txtar.Format(c.Archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Answer holds the one section behind the first n, which are questions, to what the
// program says, its name too; with update it writes that instead.
func (c Case) Answer(t testing.TB, n int, name, text string, update bool) {
	t.Helper()
	rest := c.Files[n:]
	if update {
		c.Files = append(c.Files[:n], txtar.File{Name: name, Data: []byte(text)})
		c.Write(t)
		return
	}
	if len(rest) != 1 {
		t.Fatalf("%s: %d answers, want one", c.Path, len(rest))
	}
	if diff := cmp.Diff(rest[0].Name+"\n"+string(rest[0].Data), name+"\n"+text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

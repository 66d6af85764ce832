package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// mutant is one change to one file.
type mutant struct {
	target     *target
	source     *source
	start, end int    // the bytes of source that text takes the place of
	text       string // what the compiler reads
	line       int
	column     int
	what, to   string // what a person reads
	fate       fate
}

// fate is what became of a mutant.
type fate int

// The fates; the zero value is a mutant that was not tested.
const (
	untested fate = iota
	killed
	hung
	notViable
	survived
)

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", m.source.name, m.line, m.column, m.change())
}

func (m *mutant) change() string { return m.what + " -> " + m.to }

// key names a mutant in explained.txt: by the text of its line and not by the
// line's number, so that it stays the same when the file changes elsewhere.
func (m *mutant) key() string {
	return m.source.name + ": " + m.source.line(m.line) + ": " + m.change()
}

func (m *mutant) mutated() []byte {
	return slices.Concat(m.source.text[:m.start], []byte(m.text), m.source.text[m.end:])
}

// line is the text of a line, counted from 1, without the space around it.
func (s *source) line(n int) string {
	lines := bytes.SplitN(s.text, []byte("\n"), n+1)
	return string(bytes.TrimSpace(lines[n-1]))
}

// mutants are the changes to the package, in the order of its files and lines;
// all of them, or without those that others imply.
func (t *target) mutants(all bool) []*mutant {
	var ms []*mutant
	for _, s := range t.files {
		ms = append(ms, t.mutantsOf(s, all)...)
	}
	return ms
}

func (t *target) mutantsOf(s *source, all bool) []*mutant {
	c := &collector{target: t, source: s, all: all, seen: map[string]bool{}}
	ast.PreorderStack(s.tree, nil, func(n ast.Node, stack []ast.Node) bool {
		if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == token.IMPORT {
			return false
		}
		c.conditions(n, stack)
		c.values(n, stack)
		c.statements(n, stack)
		return true
	})
	slices.SortStableFunc(c.found, func(a, b *mutant) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	return c.found
}

// collector gathers the mutants of one file, each change once.
type collector struct {
	target *target
	source *source
	all    bool // the implied ones, too
	found  []*mutant
	seen   map[string]bool
}

// replace puts text in the place of a node.
func (c *collector) replace(n ast.Node, text string) {
	c.change(n.Pos(), n.End(), text, c.text(n), text)
}

// change puts text in the place of what is between two positions; what and to
// describe it.
func (c *collector) change(from, to token.Pos, text, what, becomes string) {
	at := c.target.fset.Position(from)
	end := c.target.fset.Position(to).Offset
	id := fmt.Sprint(at.Offset, " ", end, " ", text)
	if c.seen[id] {
		return
	}
	c.seen[id] = true
	c.found = append(c.found, &mutant{
		target: c.target, source: c.source, start: at.Offset, end: end, text: text,
		line: at.Line, column: at.Column, what: brief(what), to: brief(becomes),
	})
}

// text is a node as written.
func (c *collector) text(n ast.Node) string {
	file := c.target.fset.File(n.Pos())
	return string(c.source.text[file.Offset(n.Pos()):file.Offset(n.End())])
}

// brief puts a text on one line of bounded length.
func brief(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit/signin"
)

// Fault is one thing wrong with a file, and where.
type Fault struct {
	File         string
	Line, Column int    // from 1; columns count characters
	Field        string // sign_in[0].reason; empty when the fault is not in a field
	Override     string // the key that was given from outside, when the fault is in its value: there is no line then
	Problem      string // what is wrong and what would be right, on one line
}

func (f *Fault) Error() string {
	where := fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Override != "" {
		where = "-c " + signin.Printable(f.Override) + ": "
	}
	if f.Field != "" && f.Field != f.Override {
		where += f.Field + ": "
	}
	return where + f.Problem
}

// maxFaults bounds how many faults are told of: nobody reads more at once.
const maxFaults = 50

// join puts faults into the order of the file and makes them one error.
func join(name string, faults []*Fault) error {
	slices.SortStableFunc(faults, func(a, b *Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Field, b.Field), strings.Compare(a.Problem, b.Problem))
	})
	if more := len(faults) - maxFaults; more > 0 {
		next := faults[maxFaults]
		faults = append(faults[:maxFaults:maxFaults], &Fault{
			Line: next.Line, Column: next.Column, Problem: fmt.Sprintf("%d more faults from here on are not shown", more),
		})
	}
	var errs []error
	for _, f := range faults {
		f.File = name
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// quote shows a text of the file on one line, shortened: it may hold anything.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return `"` + signin.Printable(s) + `"`
}

// meant is the end of a sentence about the word s: it advises the nearest
// allowed word, where one is near.
func meant(s string, allowed []string) string {
	best, distance := "", max(2, len(s)/3)+1
	if len(s) > 60 {
		return ";"
	}
	for _, a := range allowed {
		if d := edits(strings.ToLower(s), a); d < distance {
			best, distance = a, d
		}
	}
	if i := slices.IndexFunc(allowed, func(a string) bool { return len(s) > 2 && strings.Contains(a, s) }); best == "" && i >= 0 {
		best = allowed[i]
	}
	if best == "" {
		return ";"
	}
	return "; did you mean " + quote(best) + "?"
}

// edits is the Levenshtein distance: how many letters to change, add or take.
// Words written with _ for - count as the same word.
func edits(a, b string) int {
	a, b = strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-")
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

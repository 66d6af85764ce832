package main

import (
	"fmt"
	"math"
	"mfawatch/audit/report"
	"strings"
	"unicode/utf8"
)

// printTable prints rows in columns, under the first; an empty cell is a dash. On a terminal
// that is too narrow the last column is broken, or each row stands as a block of its own.
func printTable(t terminal, rows [][]string) error {
	return writeText(t, "", tableText(rows, width(t.out)))
}

func tableText(rows [][]string, columns int) string {
	widths := make([]int, len(rows[0]))
	total := 2 * (len(widths) - 1)
	for _, row := range rows {
		for i := range row {
			row[i] = dash(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, w := range widths {
		total += w
	}
	last := len(widths) - 1
	left := total - widths[last] // of the column in which words may stand
	switch {
	case columns == 0:
		columns = math.MaxInt
	case total > columns && columns-left < 24:
		return stacked(rows, columns)
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row[:last] {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		line.WriteString(wrappedTo(columns, row[last], strings.Repeat(" ", left)))
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// stacked is a block for each row: what is in it by name, and nothing of what is not.
func stacked(rows [][]string, columns int) string {
	longest := 0
	for _, name := range rows[0] {
		longest = max(longest, utf8.RuneCountInString(name))
	}
	var blocks []string
	for _, row := range rows[1:] {
		var all [][2]string
		for i, cell := range row {
			if cell != "-" {
				all = append(all, [2]string{rows[0][i], cell})
			}
		}
		blocks = append(blocks, byName(all, longest, columns))
	}
	return strings.Join(blocks, "\n")
}

// byName are things by their names, a line each; longest is the least width of the names. A
// word that is longer than the terminal is left whole, to be copied.
func byName(all [][2]string, longest, columns int) string {
	if columns == 0 {
		columns = math.MaxInt
	}
	for _, one := range all {
		longest = max(longest, utf8.RuneCountInString(one[0]))
	}
	var b strings.Builder
	for _, one := range all {
		fmt.Fprintf(&b, "%-*s  %s\n", longest, one[0], wrappedTo(columns, report.Plain(one[1]), strings.Repeat(" ", longest+2)))
	}
	return b.String()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return report.Plain(text)
}

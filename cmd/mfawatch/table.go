package main

import (
	"fmt"
	"mfawatch/audit/report"
	"strings"
	"unicode/utf8"
)

// printTable prints rows in columns, under the first; an empty cell is a dash. On a terminal
// that is too narrow each row stands as a block of its own.
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
	if columns > 0 && total > columns {
		return stacked(rows, columns)
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// stacked is a block for each row: what is in it by name, and nothing of what is not. A word
// that is longer than the terminal is left whole, to be copied.
func stacked(rows [][]string, columns int) string {
	names, longest := rows[0], 0
	for _, name := range names {
		longest = max(longest, utf8.RuneCountInString(name))
	}
	indent := strings.Repeat(" ", longest+2)
	var blocks []string
	for _, row := range rows[1:] {
		var b strings.Builder
		for i, cell := range row {
			if cell != "-" {
				fmt.Fprintf(&b, "%-*s  %s\n", longest, names[i], wrappedTo(columns, cell, indent))
			}
		}
		blocks = append(blocks, b.String())
	}
	return strings.Join(blocks, "\n")
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return report.Plain(text)
}

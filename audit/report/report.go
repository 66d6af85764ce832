// Package report writes what a scan or an audit found: a table for people, JSON
// for programs, CSV for spreadsheets; an audit also as OCSF, ASFF, SARIF, JUnit,
// Markdown and HTML, and against an earlier one.
//
// It promises that nothing is left out of jsonl, json and csv, that the same
// result gives the same bytes, and that texts which somebody else chose (names,
// user agents, paths) cannot move a terminal's cursor, break a line or become a
// spreadsheet formula. The table never comforts: it says that no sign-in
// without MFA was found only when everything was read and could be judged.
//
// It never judges. Tables and pages put the worst first and fold what is alike; what a
// person asked to leave out (AuditOptions.Only) is left out of neither json nor html.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"mfawatch/audit/scan"
)

// Format is a way to write a result. Its texts are an interface.
type Format string

// The formats.
const (
	Table Format = "table" // for people
	JSONL Format = "jsonl" // one object a line, "type" first
	JSON  Format = "json"  // one object
	CSV   Format = "csv"   // one sheet, RFC 4180
)

// Formats lists every format.
func Formats() []Format { return []Format{Table, JSONL, JSON, CSV} }

// ParseFormat reads a format's text; any other text is an error that names
// the formats.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats(), f) {
		return f, nil
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("format %q is not one of %s", s, strings.Join(names, ", "))
}

// Options are how a table is shown; the other formats ignore them.
type Options struct {
	Width int  // columns of the terminal; 0 when it is none: then nothing is cut
	Color bool // the same text in colour
}

// Write writes r in a format.
func Write(w io.Writer, format Format, r scan.Result, o Options) error {
	switch format {
	case Table:
		return writeTable(w, r, o)
	case JSONL:
		return writeJSONL(w, r)
	case JSON:
		return writeJSON(w, r)
	case CSV:
		return writeCSV(w, r)
	}
	_, err := ParseFormat(string(format))
	return err
}

package audit

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// RootRow is what a credential report calls the root user.
const RootRow = "<root_account>"

// CredentialReport is the table of iam:GetCredentialReport with the cells as
// AWS wrote them. Columns are found by name: the guide and the live report
// differ in how many there are.
type CredentialReport struct {
	Generated time.Time  `json:"generated,omitzero"` // AWS's GeneratedTime; the CSV does not hold it
	Columns   []string   `json:"columns"`
	Rows      [][]string `json:"rows"`
}

// ReportRow is one row of a credential report.
type ReportRow struct {
	columns []string
	cells   []string
}

// ParseCredentialReport reads the CSV of a credential report: with or without a
// byte order mark, with LF or CRLF, with or without a newline at the end. It
// keeps cells that it does not understand; whoever asks for a value is told
// that it is none. Its errors name line and column.
func ParseCredentialReport(data []byte) (CredentialReport, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	var report CredentialReport
	users, arns := map[string]int{}, map[string]int{}
	for {
		cells, err := r.Read()
		switch {
		case errors.Is(err, io.EOF) && report.Columns == nil:
			return CredentialReport{}, errors.New("credential report: line 1: it is empty")
		case errors.Is(err, io.EOF):
			return report, nil
		case err != nil:
			return CredentialReport{}, fmt.Errorf("credential report: %w", syntax(err))
		}
		line, _ := r.FieldPos(0)
		if report.Columns == nil {
			report.Columns = cells
			err = header(cells, r)
		} else {
			report.Rows = append(report.Rows, cells)
			err = report.row(cells, r, users, arns)
		}
		if err != nil {
			return CredentialReport{}, fmt.Errorf("credential report: line %d, %w", line, err)
		}
	}
}

// syntax drops the record's number, which is not a line.
func syntax(err error) error {
	var e *csv.ParseError
	if errors.As(err, &e) {
		return fmt.Errorf("line %d, column %d: %w", e.Line, e.Column, e.Err)
	}
	return err
}

func header(names []string, r *csv.Reader) error {
	for i, name := range names {
		if slices.Index(names, name) != i {
			_, column := r.FieldPos(i)
			return fmt.Errorf("column %d: a second column %q", column, name)
		}
	}
	return required(names)
}

// required are the columns without which a row is nobody's.
func required(names []string) error {
	for _, name := range []string{"user", "arn"} {
		if !slices.Contains(names, name) {
			return fmt.Errorf("column 1: no column %q in the header", name)
		}
	}
	return nil
}

func (c *CredentialReport) row(cells []string, r *csv.Reader, users, arns map[string]int) error {
	last := len(cells) - 1
	line, column := r.FieldPos(min(last, len(c.Columns)))
	if len(cells) != len(c.Columns) {
		return fmt.Errorf("column %d: %d cells, the header has %d", column, len(cells), len(c.Columns))
	}
	at, what, before, again := c.twice(cells, line, users, arns)
	if again {
		_, column := r.FieldPos(at)
		return fmt.Errorf("column %d: %s is on line %d already", column, what, before)
	}
	return nil
}

// twice tells a user or an ARN that an earlier row has: of two rows for one
// principal nobody can tell which is true.
func (c *CredentialReport) twice(cells []string, at int, users, arns map[string]int) (column int, what string, before int, again bool) {
	for _, k := range []struct {
		name string
		seen map[string]int
	}{{"user", users}, {"arn", arns}} {
		column = slices.Index(c.Columns, k.name)
		cell := cells[column]
		if before, again = k.seen[cell]; again {
			return column, fmt.Sprintf("%s %q", k.name, cell), before, true
		}
		k.seen[cell] = at
	}
	return
}

// check holds a report out of a saved snapshot to what the parser promises.
func (c *CredentialReport) check() error {
	if err := required(c.Columns); err != nil {
		return fmt.Errorf("credential_report: %w", err)
	}
	users, arns := map[string]int{}, map[string]int{}
	for i, cells := range c.Rows {
		if len(cells) != len(c.Columns) {
			return fmt.Errorf("credential_report: row %d has %d cells, there are %d columns", i, len(cells), len(c.Columns))
		}
		if _, what, before, again := c.twice(cells, i, users, arns); again {
			return fmt.Errorf("credential_report: row %d: %s is in row %d already", i, what, before)
		}
	}
	return nil
}

// Row is the i-th row.
func (c *CredentialReport) Row(i int) ReportRow { return ReportRow{c.Columns, c.Rows[i]} }

// Text is the cell as written, and whether there is such a column.
func (r ReportRow) Text(column string) (string, bool) {
	i := slices.Index(r.columns, column)
	if i < 0 || i >= len(r.cells) {
		return "", false
	}
	return r.cells[i], true
}

// User is the row's user name; root is RootRow.
func (r ReportRow) User() string { return r.text("user") }

// ARN is the row's ARN.
func (r ReportRow) ARN() string { return r.text("arn") }

func (r ReportRow) text(column string) string {
	s, _ := r.Text(column)
	return s
}

// Bool reads true or false in any case: the guide shows capitals, the live
// report small letters. Any other cell, not_supported among them, is not known.
func (r ReportRow) Bool(column string) (value, known bool) {
	switch strings.ToLower(r.text(column)) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// Time reads a date; N/A, no_information, not_supported or anything else is
// not one.
func (r ReportRow) Time(column string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, r.text(column))
	return t, err == nil
}

// Contradicts tells that the row is not of a user who was made at a time, but of
// an earlier one of the same name: the report knows no immutable id. Times are
// compared by the second, which is as fine as AWS tells them.
func (r ReportRow) Contradicts(created time.Time) bool {
	made, known := r.Time("user_creation_time")
	return known && !created.IsZero() && !made.Truncate(time.Second).Equal(created.Truncate(time.Second))
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"mfawatch/audit/posture"
)

// framework is a version of a framework and the checks that answer to its
// controls.
type framework struct {
	name string // cis-6.0
	rows []posture.Mapping
}

// frameworks are all that are known, by name, each with its rows by control.
func frameworks() []framework {
	by := map[string][]posture.Mapping{}
	for _, m := range posture.Controls() {
		name := frameworkName(m)
		by[name] = append(by[name], m)
	}
	var all []framework
	for name, rows := range by {
		slices.SortStableFunc(rows, func(a, b posture.Mapping) int {
			return cmp.Or(natural(a.ID, b.ID), cmp.Compare(a.Check, b.Check))
		})
		all = append(all, framework{name, rows})
	}
	slices.SortFunc(all, func(a, b framework) int { return natural(a.name, b.name) })
	return all
}

// frameworkName is how a person names a framework's version. Of those called
// ...-aws the short form is enough.
func frameworkName(m posture.Mapping) string {
	name := strings.TrimSuffix(m.Framework, "-aws")
	if m.Version == "" {
		return name
	}
	return name + "-" + m.Version
}

func frameworkNames() []string {
	var names []string
	for _, f := range frameworks() {
		names = append(names, f.name)
	}
	return names
}

// natural orders 1.10 after 1.9.
func natural(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da != "" && db != "" {
			if c := cmp.Or(cmp.Compare(len(da), len(db)), cmp.Compare(da, db)); c != 0 {
				return c
			}
			a, b = a[len(da):], b[len(db):]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

func printFramework(w io.Writer, name, format string) error {
	if name == "list" {
		_, err := fmt.Fprintln(w, strings.Join(frameworkNames(), "\n"))
		return err
	}
	all := frameworks()
	i := slices.IndexFunc(all, func(f framework) bool { return f.name == name })
	if i < 0 {
		return usage("--framework %q is not one of %s", name, strings.Join(frameworkNames(), ", "))
	}
	switch format {
	case "table":
		return all[i].table(w)
	case "json":
		return encode(w, all[i].rows)
	}
	return usage("--format: with --framework it is table or json, not %q", format)
}

// table says where the numbers are from once, where all are from one source, and
// what each check asks.
func (f framework) table(w io.Writer) error {
	questions := map[string]string{}
	for _, c := range posture.Checks() {
		questions[c.ID] = c.Question
	}
	one := !slices.ContainsFunc(f.rows, func(m posture.Mapping) bool { return m.Source != f.rows[0].Source })
	rows := [][]string{{"CONTROL", "CHECK", "QUESTION"}}
	head := ""
	if one {
		head = wrappedTo(cmp.Or(width(w), 80), f.rows[0].Source, "") + "\n\n"
	}
	for _, m := range f.rows {
		text := questions[m.Check]
		if !one {
			text += " (" + m.Source + ")"
		}
		rows = append(rows, []string{m.ID, m.Check, text})
	}
	_, err := io.WriteString(w, head+tableText(rows, width(w)))
	return err
}

// markdownCheck is one check of an account in docs/checks.md.
func markdownCheck(b *strings.Builder, c posture.Check) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n- Severity: %s.", c.ID, c.Question, c.Severity)
	if !c.Exemptable {
		b.WriteString(" Nobody can be exempt from it.")
	}
	fmt.Fprintf(b, "\n- Why: %s\n- Told by: %s.\n", c.Rationale, strings.Join(c.Evidence, ", "))
	if elsewhere := c.Remediation.Elsewhere; len(elsewhere) > 0 {
		fmt.Fprintf(b, "- To do: %s\n", strings.Join(elsewhere, " "))
	}
	if console := c.Remediation.Console; len(console) > 0 {
		fmt.Fprintf(b, "- Console: %s\n", strings.Join(console, " "))
	}
	for _, line := range c.Remediation.CLI {
		command, note, _ := strings.Cut(line, " (")
		if note != "" {
			note = " (" + note
		}
		fmt.Fprintf(b, "- CLI: `%s`%s\n", command, note)
	}
}

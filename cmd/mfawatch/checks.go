package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/detect"
	"mfawatch/audit/posture"
	"mfawatch/audit/signin"
)

func newChecks(t terminal) *cobra.Command {
	var format, framework string
	c := &cobra.Command{
		Use:   "checks",
		Short: "List what mfawatch judges, detects and asks of an account",
		Long: strings.TrimSpace(`
Lists the reasons of a verdict on a sign-in, the detections around sign-ins and
the checks of an account, each with its severity and why it matters. With
--framework it lists a framework's controls and the checks that answer them.`),
		Example: "  mfawatch checks\n  mfawatch checks --framework cis-6.0\n  mfawatch checks --framework list",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if framework != "" {
				return printFramework(t.out, framework, format)
			}
			switch format {
			case "json":
				return encodeChecks(t.out)
			case "markdown":
				return markdownChecks(t.out)
			}
			return printChecks(t.out, width(t.out))
		},
	}
	formatFlag(c, &format, "table", "json", "markdown")
	c.Flags().StringVar(&framework, "framework", "", "print this framework's controls and the checks that answer them: "+strings.Join(frameworkNames(), ", "))
	completeFlag(c, "framework", fixed(append(frameworkNames(), "list")...))
	return c
}

func encodeChecks(w io.Writer) error {
	return encode(w, struct {
		Schema     string              `json:"schema"`
		Reasons    []signin.Definition `json:"reasons"`
		Detections []detect.Check      `json:"detections"`
		Checks     []posture.Check     `json:"checks"`
		Controls   []posture.Mapping   `json:"controls"`
	}{"mfawatch/checks/v1", signin.Definitions(), detect.Checks(), posture.Checks(), posture.Controls()})
}

func printChecks(w io.Writer, columns int) error {
	if columns == 0 || columns > 100 {
		columns = 100
	}
	var b strings.Builder
	b.WriteString("VERDICTS ON SIGN-INS, by reason\n\n")
	for _, d := range signin.Definitions() {
		heading(&b, columns, string(d.Reason), fmt.Sprintf("%s, %s%s", d.Outcome, d.Severity, alerts(d.Alert)))
		if d.Root.Alert != d.Alert || d.Root.Alert && d.Root.Severity != d.Severity {
			fmt.Fprintf(&b, "    root: %s%s\n", d.Root.Severity, alerts(d.Root.Alert))
		}
		paragraph(&b, columns, d.When)
	}
	b.WriteString("\nDETECTIONS AROUND SIGN-INS, by id\n")
	for _, c := range detect.Checks() {
		b.WriteString("\n")
		heading(&b, columns, c.ID, fmt.Sprintf("%s%s  %s", c.Severity, alerts(c.Alert), strings.Join(c.Attack, " ")))
		paragraph(&b, columns, c.Question)
		paragraph(&b, columns, "Why: "+c.Why)
		paragraph(&b, columns, "Quiet: "+c.Quiet)
		if c.Threshold > 0 || c.Window > 0 {
			paragraph(&b, columns, settings(c))
		}
	}
	b.WriteString("\nCHECKS OF AN ACCOUNT, by id\n")
	for _, c := range posture.Checks() {
		fmt.Fprintf(&b, "\n%s  %s\n", c.ID, c.Severity)
		paragraph(&b, columns, c.Question)
		paragraph(&b, columns, "Why: "+c.Rationale)
		paragraph(&b, columns, c.Remediation.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownChecks prints docs/checks.md.
func markdownChecks(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# What mfawatch judges and detects\n\nPrinted by `mfawatch checks --format markdown`; a test holds this page against the code.\n" +
		"Reasons and ids are an interface: they never change meaning.\n\n## Verdicts on sign-ins, by reason\n\n" +
		"| reason | outcome | severity | root | when |\n| --- | --- | --- | --- | --- |\n")
	for _, d := range signin.Definitions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s%s | %s%s | %s |\n", d.Reason, d.Outcome, d.Severity, alerts(d.Alert), d.Root.Severity, alerts(d.Root.Alert), d.When)
	}
	b.WriteString("\n## Detections around sign-ins, by id\n")
	for _, c := range detect.Checks() {
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n- Severity: %s%s. When root acts: %s, alerts always.\n- ATT&CK: %s.\n", c.ID, c.Question, c.Severity, alerts(c.Alert), max(c.Severity, c.Root), strings.Join(c.Attack, ", "))
		if c.Threshold > 0 || c.Window > 0 {
			fmt.Fprintf(&b, "- %s.\n", settings(c))
		}
		fmt.Fprintf(&b, "- Why: %s\n- Quiet: %s\n", c.Why, c.Quiet)
	}
	b.WriteString("\n## Checks of an account, by id\n")
	for _, c := range posture.Checks() {
		markdownCheck(&b, c)
	}
	b.WriteString("\n## Controls, by framework\n\nA control that is not here was not found, not ruled out.\n")
	for _, f := range frameworks() {
		fmt.Fprintf(&b, "\n### %s\n\n| control | check | source |\n| --- | --- | --- |\n", f.name)
		for _, m := range f.rows {
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", m.ID, m.Check, m.Source)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func settings(c detect.Check) string {
	var parts []string
	if c.Threshold > 0 {
		parts = append(parts, fmt.Sprintf("threshold %d", c.Threshold))
	}
	if c.Window > 0 {
		parts = append(parts, "window "+strings.TrimSuffix(strings.TrimSuffix(c.Window.String(), "0s"), "0m"))
	}
	return "Defaults: " + strings.Join(parts, ", ")
}

func alerts(alert bool) string {
	if alert {
		return ", alerts"
	}
	return ""
}

// heading is an id and what is said of it in a word, under it where there is no room.
func heading(b *strings.Builder, columns int, id, words string) {
	if len(id)+2+len(words) > columns {
		b.WriteString(id + "\n")
		paragraph(b, columns, words)
		return
	}
	fmt.Fprintf(b, "%s  %s\n", id, words)
}

func paragraph(b *strings.Builder, columns int, text string) {
	for _, line := range strings.Split(wrappedTo(columns-4, text, ""), "\n") {
		b.WriteString("    " + line + "\n")
	}
}

package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Markdown writes one page about root and all that is under it. What is above its first
// heading of a command is intro.
func Markdown(w io.Writer, root *cobra.Command, intro string) error {
	var b strings.Builder
	b.WriteString(intro)
	for _, c := range Commands(root) {
		section(&b, c)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plain keeps Markdown from reading a text.
var plain = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", `\<`, "|", `\|`, "`", "\\`", "[", `\[`)

func section(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", c.CommandPath())
	text, codes := about(c)
	for _, p := range append(text, codes...) {
		if p.kept {
			fence(b, "text", p.text)
			continue
		}
		fmt.Fprintf(b, "%s\n\n", plain.Replace(p.text))
	}
	fmt.Fprintf(b, "`%s`\n\n", c.UseLine()) // no fence: it is no command line
	if lines := examples(c); len(lines) > 0 {
		fence(b, "sh", strings.Join(lines, "\n"))
	}
	subcommands(b, c)
	table(b, append(options(c.NonInheritedFlags()), options(c.InheritedFlags())...))
}

func fence(b *strings.Builder, language, text string) {
	fmt.Fprintf(b, "```%s\n%s\n```\n\n", language, text)
}

func subcommands(b *strings.Builder, c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	b.WriteString("| command | |\n|---|---|\n")
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(b, "| [%s](#%s) | %s |\n", sub.CommandPath(), Name(sub), plain.Replace(sub.Short))
		}
	}
	b.WriteString("\n")
}

// table leaves out --help: every command has it.
func table(b *strings.Builder, all []option) {
	rows := 0
	for _, o := range all {
		if o.long == "help" {
			continue
		}
		if rows++; rows == 1 {
			b.WriteString("| flag | |\n|---|---|\n")
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", o.name(), plain.Replace(o.meaning()))
	}
}

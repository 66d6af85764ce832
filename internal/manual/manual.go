// Package manual writes what a command line says of itself as pages: a man page for
// each command, and one page of Markdown for all.
//
// It promises that every command that a person is shown has a page, and that the same
// commands give the same bytes: it knows no clock. It adds nothing to what the commands
// say.
package manual

import (
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands are root and what is under it, in the order of help. Hidden ones are left out.
func Commands(root *cobra.Command) []*cobra.Command {
	root.InitDefaultHelpFlag() // as running does: pages are the same before and after
	root.InitDefaultVersionFlag()
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			all = append(all, Commands(c)...)
		}
	}
	return all
}

// block is a part of a help text: a paragraph to be filled, or lines to be left as they are.
type block struct {
	text  string
	kept  bool
	apart bool // a blank line is above
}

// blocks takes a help text apart. Lines that begin with a blank are examples and lists.
func blocks(text string) []block {
	var all []block
	for _, part := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		for i, line := range strings.Split(part, "\n") {
			kept, last := strings.HasPrefix(line, " "), len(all)-1
			if i == 0 || all[last].kept != kept {
				all = append(all, block{line, kept, i == 0 && last >= 0})
				continue
			}
			all[last].text += "\n" + line
		}
	}
	return all
}

// Fill breaks the paragraphs of a help text at so many columns. Lines that begin with a
// blank are left as they are, as long as there is room.
func Fill(text string, columns int) string {
	var b strings.Builder
	for i, p := range blocks(text) {
		if i > 0 {
			b.WriteString("\n")
		}
		if p.apart {
			b.WriteString("\n")
		}
		if p.kept {
			b.WriteString(narrowed(p.text, columns))
			continue
		}
		b.WriteString(filled(p.text, columns))
	}
	return b.String()
}

// narrowed breaks lines of a list that are too long. Command lines stay whole.
func narrowed(text string, columns int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if utf8.RuneCountInString(line) > columns && !strings.Contains(line, "mfawatch ") {
			lines[i] = "  " + strings.ReplaceAll(filled(line, columns-4), "\n", "\n    ")
		}
	}
	return strings.Join(lines, "\n")
}

func filled(text string, columns int) string {
	var b strings.Builder
	at := 0
	for _, w := range strings.Fields(text) {
		n := utf8.RuneCountInString(w)
		switch {
		case at == 0:
		case at+1+n > columns:
			b.WriteString("\n")
			at = 0
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(w)
		at += n
	}
	return b.String()
}

// option is a flag as people read it.
type option struct {
	short, long, value, usage, preset string
}

func options(flags *pflag.FlagSet) []option {
	var all []option
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		o := option{short: f.Shorthand, long: f.Name, value: value, usage: usage}
		if f.Value.Type() != "bool" && !strings.Contains("|false|0|0s|[]|<nil>|", "|"+f.DefValue+"|") && f.DefValue != "" {
			o.preset = f.DefValue
		}
		all = append(all, o)
	})
	return all
}

func (o option) name() string {
	text := "--" + o.long
	if o.short != "" {
		text = "-" + o.short + ", " + text
	}
	if o.value != "" {
		text += " " + o.value
	}
	return text
}

func (o option) meaning() string {
	if o.preset == "" {
		return o.usage
	}
	return o.usage + " (default " + o.preset + ")"
}

// about is the text about a command without the paragraph of its exit codes, and that one.
func about(c *cobra.Command) (text, codes []block) {
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	for _, p := range blocks(long) {
		if strings.HasPrefix(p.text, "Exit codes:") {
			codes = append(codes, p)
			continue
		}
		text = append(text, p)
	}
	return text, codes
}

// examples are the lines of a command's examples, without what indents them.
func examples(c *cobra.Command) []string {
	var all []string
	for line := range strings.Lines(c.Example) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

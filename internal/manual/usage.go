package manual

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// Usage is what stands under a command's text in its help, in so many columns. Command
// lines are left whole, to be copied.
func Usage(c *cobra.Command, columns int) string {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", c.CommandPath())
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAliases:\n  %s\n", c.NameAndAliases())
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	var commands, own, inherited []pair
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			commands = append(commands, pair{sub.Name(), sub.Short})
		}
	}
	for _, o := range options(c.NonInheritedFlags()) {
		own = append(own, pair{o.aligned(), o.meaning()})
	}
	for _, o := range options(c.InheritedFlags()) {
		inherited = append(inherited, pair{o.aligned(), o.meaning()})
	}
	listed(&b, "Commands", commands, columns)
	listed(&b, "Flags", own, columns)
	listed(&b, "Inherited flags", inherited, columns)
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s\n", filled("See '"+c.CommandPath()+" COMMAND --help' about a command.", columns))
	}
	return b.String()
}

// pair is a name and what it means.
type pair struct{ name, meaning string }

// listed writes pairs in two columns, or a meaning under its name where there is no room.
func listed(b *strings.Builder, title string, all []pair, columns int) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	const most = 30 // a longer name stands alone
	longest := 0
	for _, p := range all {
		if n := utf8.RuneCountInString(p.name); n <= most {
			longest = max(longest, n)
		}
	}
	indent := longest + 4
	if columns-indent < 30 {
		longest, indent = 0, 6
	}
	for _, p := range all {
		meaning := strings.ReplaceAll(filled(p.meaning, columns-indent), "\n", "\n"+strings.Repeat(" ", indent))
		between := "\n" + strings.Repeat(" ", indent)
		if n := utf8.RuneCountInString(p.name); n <= longest {
			between = strings.Repeat(" ", longest-n+2)
		}
		fmt.Fprintf(b, "  %s%s%s\n", p.name, between, meaning)
	}
}

// aligned is an option's name with room for a short one.
func (o option) aligned() string {
	if o.short == "" {
		return "    " + o.name()
	}
	return o.name()
}

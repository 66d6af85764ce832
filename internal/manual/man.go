package manual

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Edition is what stands at the foot of man pages.
type Edition struct {
	Version string
	Date    time.Time // zero: none
}

// Name is the name of a command's man page, as mfawatch-key-list.
func Name(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// Man writes the man page of a command, in section 1, with the macros of man(7).
func Man(w io.Writer, c *cobra.Command, e Edition) error {
	var p page
	date := ""
	if !e.Date.IsZero() {
		date = e.Date.UTC().Format(time.DateOnly)
	}
	p.macro("TH", strings.ToUpper(Name(c)), "1", date, e.Version, "mfawatch manual")
	p.macro("SH", "NAME")
	p.line(Name(c) + " - " + c.Short)
	p.macro("SH", "SYNOPSIS")
	p.synopsis(c)
	text, codes := about(c)
	p.macro("SH", "DESCRIPTION")
	p.blocks(text)
	p.commands(c)
	p.options("OPTIONS", options(c.NonInheritedFlags()))
	p.options("INHERITED OPTIONS", options(c.InheritedFlags()))
	if len(codes) > 0 {
		p.macro("SH", "EXIT STATUS")
		p.blocks(codes)
	}
	if lines := examples(c); len(lines) > 0 {
		p.macro("SH", "EXAMPLES")
		p.kept(strings.Join(lines, "\n"))
	}
	p.seeAlso(c)
	_, err := io.WriteString(w, p.String())
	return err
}

// page is a text of man(7).
type page struct{ strings.Builder }

// escape keeps roff from reading a text: its escape character, and dashes that are to be
// copied into a shell.
var escape = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "'", `\(aq`)

// line writes a line of text, which roff must not take for a request.
func (p *page) line(text string) {
	text = escape.Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	p.WriteString(text + "\n")
}

func (p *page) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, a := range args {
		fmt.Fprintf(p, ` "%s"`, strings.ReplaceAll(escape.Replace(a), `"`, `\(dq`))
	}
	p.WriteString("\n")
}

func (p *page) synopsis(c *cobra.Command) {
	name := c.CommandPath()
	use := strings.TrimSpace(strings.TrimPrefix(c.UseLine(), name))
	p.macro("B", name)
	if use != "" {
		p.line(use)
	}
	if c.HasAvailableSubCommands() {
		p.macro("br")
		p.macro("B", name)
		p.line("COMMAND")
	}
}

func (p *page) blocks(all []block) {
	for i, b := range all {
		switch {
		case b.kept:
			p.kept(b.text)
			continue
		case i > 0:
			p.macro("PP")
		}
		for line := range strings.Lines(b.text) {
			p.line(strings.TrimSuffix(line, "\n"))
		}
	}
}

// kept writes lines as they are.
func (p *page) kept(text string) {
	p.macro("PP")
	p.macro("RS", "4")
	p.macro("nf")
	for line := range strings.Lines(text) {
		p.line(strings.TrimSuffix(strings.TrimPrefix(line, "  "), "\n"))
	}
	p.macro("fi")
	p.macro("RE")
}

func (p *page) commands(c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	p.macro("SH", "COMMANDS")
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			p.macro("TP")
			p.macro("BR", Name(sub), "(1)")
			p.line(sub.Short)
		}
	}
}

func (p *page) options(title string, all []option) {
	if len(all) == 0 {
		return
	}
	p.macro("SH", title)
	for _, o := range all {
		p.macro("TP")
		p.macro("B", o.name())
		p.line(o.meaning())
	}
}

func (p *page) seeAlso(c *cobra.Command) {
	if !c.HasParent() {
		return
	}
	p.macro("SH", "SEE ALSO")
	p.macro("BR", Name(c.Parent()), "(1)")
}

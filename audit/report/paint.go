package report

import (
	"github.com/charmbracelet/x/ansi"

	"mfawatch/audit"
)

// paint puts texts in colour, or leaves them as they are. It uses the sixteen
// colours that a terminal's own theme defines.
type paint struct{ on bool }

// painter asks no terminal: whether there is colour is the caller's to know.
func painter(color bool) paint { return paint{color} }

// in is s in a colour, nil for the terminal's own.
func (p paint) in(color ansi.Color, bold bool, s string) string {
	if !p.on || s == "" {
		return s
	}
	var style ansi.Style
	if bold {
		style = style.Bold()
	}
	if color != nil {
		style = style.ForegroundColor(color)
	}
	return style.String() + s + ansi.Style{}.Reset().String()
}

const (
	red, green, yellow, grey = ansi.Red, ansi.Green, ansi.Yellow, ansi.BrightBlack
)

func (p paint) title(s string) string { return p.in(nil, true, s) }
func (p paint) alarm(s string) string { return p.in(red, true, s) }
func (p paint) doubt(s string) string { return p.in(yellow, true, s) }
func (p paint) calm(s string) string  { return p.in(green, true, s) }

func (p paint) outcome(o audit.Outcome, s string) string {
	switch o {
	case audit.Fail:
		return p.in(red, true, s)
	case audit.Pass:
		return p.in(green, false, s)
	case audit.NotApplicable:
		return p.in(grey, false, s)
	}
	return p.in(yellow, false, s)
}

func (p paint) severity(v audit.Severity, s string) string {
	switch {
	case v >= audit.High:
		return p.in(red, v == audit.Critical, s)
	case v == audit.Medium:
		return p.in(yellow, false, s)
	}
	return s
}

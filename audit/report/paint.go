package report

import (
	"io"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"mfawatch/audit"
)

// paint puts texts in colour, or leaves them as they are. It uses the sixteen
// colours that a terminal's own theme defines.
type paint struct{ renderer *lipgloss.Renderer }

func painter(color bool) paint {
	if !color {
		return paint{}
	}
	r := lipgloss.NewRenderer(io.Discard) // asks no terminal: whether there is colour is the caller's to know
	r.SetColorProfile(termenv.ANSI)
	return paint{r}
}

func (p paint) in(color string, bold bool, s string) string {
	if p.renderer == nil || s == "" {
		return s
	}
	style := p.renderer.NewStyle().Bold(bold)
	if color != "" {
		style = style.Foreground(lipgloss.Color(color))
	}
	return style.Render(s)
}

const (
	red, green, yellow, grey = "1", "2", "3", "8"
)

func (p paint) title(s string) string { return p.in("", true, s) }
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

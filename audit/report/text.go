package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"mfawatch/audit"
)

// plain is signin.Printable without its bound, for places where a cut would
// hide what is meant (a path): control and formatting characters become U+FFFD.
// Plain makes a text that somebody else chose fit for a terminal: control and
// formatting characters become U+FFFD, whole lines of escape sequences lose
// their effect.
func Plain(s string) string { return plain(s) }

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// fit makes s exactly width columns wide: cut with … or filled with blanks.
func fit(s string, width int) string {
	s = cut(s, width)
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

func cut(s string, width int) string {
	if ansi.StringWidth(s) <= width {
		return s
	}
	return ansi.Truncate(s, width, "…")
}

// wrap breaks s at blanks, and only words that are wider than a line within,
// into lines of at most width columns, each indented. A width of 0 does not
// break.
func wrap(s string, width int, indent string) string {
	room := max(width-len(indent), 10)
	var lines []string
	line := ""
	for i, word := range strings.Split(s, " ") {
		switch {
		case i == 0:
			line = word
		case width == 0 || ansi.StringWidth(line)+1+ansi.StringWidth(word) <= room:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
		if parts := strings.Split(ansi.Hardwrap(line, room, true), "\n"); width > 0 && len(parts) > 1 {
			lines, line = append(lines, parts[:len(parts)-1]...), parts[len(parts)-1]
		}
	}
	var b strings.Builder
	for _, l := range append(lines, line) {
		b.WriteString(strings.TrimRight(indent+l, " ") + "\n")
	}
	return b.String()
}

// count says how many there are of something: "1 file", "2 files".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// and joins parts as a sentence does.
func and(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// stamp is a time in UTC without its zone, which the heading names.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "time not known"
	}
	return t.UTC().Format(time.DateTime)
}

// who names a principal as a person would: by name, else by what there is.
func who(p audit.Principal) string {
	for _, s := range []string{p.Name, p.ARN, p.ID} {
		if s != "" {
			return plain(s)
		}
	}
	return "(not named)"
}

// bytesText is a size in the unit that suits it.
func bytesText(n int64) string {
	if n < 1024 {
		return count(int(n), "byte", "bytes")
	}
	f, units := float64(n)/1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for f >= 1023.95 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %s", f, units[0])
}

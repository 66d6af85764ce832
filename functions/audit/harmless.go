package main

import (
	"regexp"
	"strings"
	"unicode"

	"mfawatch/audit/report"
)

// The dots that mail and chat clients make links of, and what looks like them.
var (
	dots       = regexp.MustCompile(`([\p{L}\p{N}])[.。．｡]([\p{L}\p{N}])`)
	lookalikes = strings.NewReplacer("://", "[:]//", "@", "[at]", "＠", "[at]", "<", "(", ">", ")", "`", "'", `"`, "'", "](", "] (")
)

// harmless writes a text that somebody else chose so that it breaks no line and
// no client makes a link of it: a user may be named after a web address. A
// person still reads it.
func harmless(s string, n int) string {
	s = cut(report.Plain(s), n)
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, s)
	s = lookalikes.Replace(s)
	for range 2 { // a.b.c has dots that share a letter
		s = dots.ReplaceAllString(s, "$1[.]$2")
	}
	return s
}

// cut shortens a text to n characters, so that it says it was cut.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n-2, 0)]) + ".."
}

// ascii writes anything else as a question mark.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

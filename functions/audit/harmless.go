package main

import (
	"strings"
	"unicode"

	"mfawatch/audit/report"
)

// dots are those that mail and chat clients make links of.
const dots = ".。．｡"

// lookalikes are what they read as a mention, a tag or a link.
var lookalikes = strings.NewReplacer("://", "[:]//", "@", "[at]", "＠", "[at]", "<", "(", ">", ")", "`", "'", `"`, "'", "](", "] (")

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
	return undotted(lookalikes.Replace(s))
}

// undotted writes a dot between letters or digits as [.]. A regexp that knows every
// script's letters takes longer to compile than the rest of a cold start's own.
func undotted(s string) string {
	var b strings.Builder
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
	text := []rune(s)
	for i, r := range text {
		if i > 0 && i < len(text)-1 && strings.ContainsRune(dots, r) && letter(text[i-1]) && letter(text[i+1]) {
			b.WriteString("[.]")
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
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

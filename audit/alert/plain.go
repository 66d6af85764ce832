package alert

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"mfawatch/audit"
)

// bound makes a text that somebody else chose fit for a field: at most n
// characters, control and format characters (line breaks, direction marks,
// zero-width ones) as U+FFFD.
func bound(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		if n--; n < 0 {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

var (
	scheme   = regexp.MustCompile(`(?i)\bhttp(s?):`)
	slashes  = regexp.MustCompile(`:/[/\\]`)
	phone    = regexp.MustCompile(`\+\s?(\d)`)
	markLink = regexp.MustCompile(`\]\s*\(`)
)

// lookalikes are what chat clients and mail clients read as a mention, a tag, a
// code mark or the dot of a name (IDNA takes three more dots than ours).
var lookalikes = strings.NewReplacer(
	"@", "[at]", "＠", "[at]", "<", "(", ">", ")", "`", "'", `"`, "'",
	"。", ".", "．", ".", "｡", ".", "․", ".", "：", ":", "／", "/",
)

// defang writes a text so that no client makes a link of it, and a person still
// reads it: hxxp[:]//, a dot between letters or digits as [.], @ as [at]. It
// takes every such dot, because what is a domain grows and clients guess.
func defang(s string) string {
	s = lookalikes.Replace(bound(s, 4000))
	s = scheme.ReplaceAllString(s, "hxxp$1[:]")
	s = slashes.ReplaceAllString(s, "[:]//")
	s = joints(s)
	s = phone.ReplaceAllString(s, "[+]$1")
	return markLink.ReplaceAllString(s, "] (")
}

// joints writes dots between letters, digits and brackets as [.]. A regexp that knows
// every script's letters would be half of what this package costs a cold start.
func joints(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, ".")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		after := strings.TrimLeft(rest, ".")
		last, _ := utf8.DecodeLastRuneInString(before)
		next, _ := utf8.DecodeRuneInString(after)
		if (alphanumeric(last) || last == ')' || last == ']') && (alphanumeric(next) || next == '(' || next == '[') {
			b.WriteString("[.]")
		} else {
			b.WriteString(s[len(before) : len(s)-len(after)])
		}
		s = after
	}
}

func alphanumeric(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// name is a defanged text of at most n characters, in quotes: what is within
// was chosen by somebody else.
func name(s string, n int) string { return `"` + cut(defang(s), n) + `"` }

// cut shortens a text at the end, so that it says it was cut.
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
		if r == '…' {
			return '.'
		}
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// who is the principal in a few words.
func (a Alert) who(n int) string {
	p := a.Principal
	switch {
	case p.Kind == audit.Root:
		return "root"
	case p.Name != "":
		return name(p.Name, n)
	case p.ARN != "":
		return name(p.ARN, n)
	case p.ID != "":
		return name(p.ID, n)
	}
	return "somebody"
}

// where is the account in a few words: its name and number, or its number.
func (a Alert) where() string {
	switch {
	case a.AccountAlias != "" && a.Account != "":
		return defang(a.AccountAlias) + " (" + defang(a.Account) + ")"
	case a.Account != "":
		return defang(a.Account)
	}
	return "an account that the record does not name"
}

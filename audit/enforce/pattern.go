package enforce

import (
	"strings"
	"unicode/utf8"
)

// pattern is a text with wildcards. In written ones * and ? are wild; where a
// variable was put in, they may be part of its value, and a user named * is not
// everybody: there the wildcards are bytes that no valid text has.
type pattern struct {
	text     string
	any, one byte
	fold     bool // ASCII letters have no case
}

const (
	anyByte = 0xff
	oneByte = 0xfe
)

func written(text string) pattern { return pattern{text: text, any: '*', one: '?'} }

// expand puts in the variables of a pattern. The answer is No when one has no
// value, and Maybe when it is not known: such a pattern matches nothing, or perhaps
// something (IAM user guide, policy variables with no value). In the place of one
// that is not known stands a star.
func expand(text string, variables bool, c Context) (pattern, Tri) {
	if !variables || !strings.Contains(text, "${") {
		return written(text), Yes
	}
	var b strings.Builder
	known := Yes
	for text != "" {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(wild.Replace(before))
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("${" + wild.Replace(rest))
			break
		}
		value, is := c.variable(name)
		known = and(known, is)
		if is == Maybe {
			value = string([]byte{anyByte}) // whatever it is, it is some text
		}
		b.WriteString(value)
		text = after
	}
	return pattern{text: b.String(), any: anyByte, one: oneByte}, known
}

var wild = strings.NewReplacer("*", string([]byte{anyByte}), "?", string([]byte{oneByte}))

// variable is what ${name} stands for. A default stands behind a comma, in single
// quotes; *, ? and $ stand for themselves. A key with several values is none that
// a variable can name.
func (c Context) variable(name string) (string, Tri) {
	if name == "*" || name == "?" || name == "$" {
		return name, Yes
	}
	key, fallback, hasDefault := strings.Cut(name, ",")
	values, present := c.Lookup(strings.TrimSpace(key))
	switch {
	case present == Yes && len(values) == 1:
		return values[0], Yes
	case present == Maybe:
		return "", Maybe
	case hasDefault:
		return strings.Trim(strings.TrimSpace(fallback), "'"), Yes
	}
	return "", No
}

// matches tells whether the pattern is all of the text. It remembers the last star
// only, which is enough: a later one can always take over.
func (p pattern) matches(text string) bool {
	star, from := -1, 0
	at, i := 0, 0
	for i < len(text) {
		switch {
		case at < len(p.text) && p.text[at] == p.any:
			star, from = at, i
			at++
		case at < len(p.text) && p.text[at] == p.one:
			_, size := utf8.DecodeRuneInString(text[i:])
			at, i = at+1, i+size
		case at < len(p.text) && p.same(p.text[at], text[i]):
			at, i = at+1, i+1
		case star >= 0:
			_, size := utf8.DecodeRuneInString(text[from:])
			from += size
			at, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(p.text[at:], string([]byte{p.any})) == ""
}

// arnParts is how many parts of an ARN are separated by colons; what follows the
// fifth colon is the resource, and may have colons of its own.
const arnParts = 6

// matchesARN matches as the Resource element does: a star that is not the last
// character of its part stays inside it, any other may reach over colons (IAM user
// guide, wildcards in resource ARNs).
func (p pattern) matchesARN(arn string) bool {
	if !p.matches(arn) {
		return false
	}
	return !p.confined() || p.matchesParts(arn)
}

// confined tells whether a star in one of the first five parts is followed by
// something of that part.
func (p pattern) confined() bool {
	parts := strings.SplitN(p.text, ":", arnParts)
	for _, part := range parts[:len(parts)-1] {
		if i := strings.IndexByte(part, p.any); i >= 0 && i < len(part)-1 {
			return true
		}
	}
	return false
}

// matchesParts matches part by part, as ArnLike does (IAM user guide, ARN condition
// operators).
func (p pattern) matchesParts(arn string) bool {
	patterns, parts := strings.SplitN(p.text, ":", arnParts), strings.SplitN(arn, ":", arnParts)
	if len(patterns) != len(parts) {
		return false
	}
	for i, part := range parts {
		if !(pattern{text: patterns[i], any: p.any, one: p.one}).matches(part) {
			return false
		}
	}
	return true
}

func (p pattern) same(a, b byte) bool {
	return a == b || p.fold && lower(a) == lower(b)
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + ('a' - 'A')
	}
	return b
}

// matchAction ignores case, as IAM does in actions.
func matchAction(action, text string) bool {
	if action == "*" {
		return true
	}
	return pattern{text: action, any: '*', one: '?', fold: true}.matches(text)
}

package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parser reads a filter pattern from left to right.
type parser struct {
	text      string
	at        int
	depth     int
	wildcards int
}

// deepest bounds the parentheses, as a pattern is read by recursion.
const deepest = 100

func (p *parser) rest() string { return p.text[p.at:] }

func (p *parser) blank() {
	p.at = len(p.text) - len(strings.TrimLeft(p.rest(), " \t\r\n"))
}

// take moves over a token if it comes next.
func (p *parser) take(token string) bool {
	p.blank()
	if !strings.HasPrefix(p.rest(), token) {
		return false
	}
	p.at += len(token)
	return true
}

// word moves over a whole word if it comes next.
func (p *parser) word(w string) bool {
	before := p.at
	if p.take(w) && strings.IndexFunc(p.rest(), isName) != 0 {
		return true
	}
	p.at = before
	return false
}

func (p *parser) want(token string) error {
	if !p.take(token) {
		return fmt.Errorf("wants %q, has %q", token, p.next())
	}
	return nil
}

// next is the little that follows, for an error.
func (p *parser) next() string {
	p.blank()
	return p.rest()[:min(len(p.rest()), 12)]
}

func (p *parser) pattern() (condition, error) {
	if err := p.want("{"); err != nil {
		return nil, err
	}
	c, err := p.or()
	if err == nil {
		err = p.want("}")
	}
	if err == nil && p.next() != "" {
		err = fmt.Errorf("%q follows the pattern", p.next())
	}
	return c, err
}

// or and and hold the order of operations: () before && before || (CloudWatch
// Logs user guide, compound expressions).
func (p *parser) or() (condition, error) {
	parts, err := p.chain("||", p.and)
	return or(parts), err
}

func (p *parser) and() (condition, error) {
	parts, err := p.chain("&&", p.primary)
	return and(parts), err
}

func (p *parser) chain(operator string, part func() (condition, error)) ([]condition, error) {
	var parts []condition
	for {
		c, err := part()
		if err != nil {
			return nil, err
		}
		parts = append(parts, c)
		if !p.take(operator) {
			return parts, nil
		}
	}
}

func (p *parser) primary() (condition, error) {
	if !p.take("(") {
		return p.comparison()
	}
	p.depth++
	if p.depth > deepest {
		return nil, fmt.Errorf("more than %d parentheses", deepest)
	}
	c, err := p.or()
	p.depth--
	if err == nil {
		err = p.want(")")
	}
	return c, err
}

func (p *parser) comparison() (condition, error) {
	steps, err := p.selector()
	if err != nil {
		return nil, err
	}
	switch {
	case p.word("NOT"):
		if !p.word("EXISTS") {
			return nil, fmt.Errorf("wants EXISTS after NOT, has %q", p.next())
		}
		return missing{steps}, nil
	case p.word("IS"):
		return p.constant(steps)
	}
	for _, operator := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if p.take(operator) {
			return p.compared(steps, operator)
		}
	}
	return nil, fmt.Errorf("wants an operator, IS or NOT EXISTS, has %q", p.next())
}

func (p *parser) compared(steps []step, operator string) (condition, error) {
	o, err := p.operand()
	if err == nil && strings.ContainsAny(operator, "<>") && !o.numeric {
		err = fmt.Errorf("%s wants a number, has %q", operator, o.text)
	}
	return comparison{steps, operator, o}, err
}

func (p *parser) constant(steps []step) (condition, error) {
	for _, c := range []struct {
		word string
		want any
	}{{"NULL", nil}, {"TRUE", true}, {"FALSE", false}} {
		if p.word(c.word) {
			return constant{steps, c.want}, nil
		}
	}
	return nil, fmt.Errorf("wants NULL, TRUE or FALSE after IS, has %q", p.next())
}

// selector reads $ and its steps.
func (p *parser) selector() ([]step, error) {
	if !p.take("$") {
		return nil, fmt.Errorf(`wants a property selector such as $.eventName, has %q`, p.next())
	}
	var steps []step
	wildcards := 0
	for strings.HasPrefix(p.rest(), ".") || strings.HasPrefix(p.rest(), "[") {
		s, err := p.step()
		if err != nil {
			return nil, err
		}
		if s.kind == byAny {
			wildcards++
		}
		steps = append(steps, s)
	}
	p.wildcards += wildcards
	switch {
	case len(steps) == 0:
		return nil, errors.New("wants a property after $")
	case wildcards > 1:
		return nil, errors.New("more than one wildcard in a property selector")
	}
	return steps, nil
}

func (p *parser) step() (step, error) {
	dot := strings.HasPrefix(p.rest(), ".")
	if dot {
		p.at++
	}
	if strings.HasPrefix(p.rest(), "[") {
		return p.bracket()
	}
	if strings.HasPrefix(p.rest(), "*") {
		p.at++
		return step{kind: byAny}, nil
	}
	name := p.run(isName)
	if name == "" {
		return step{}, fmt.Errorf("wants a property's name, has %q", p.next())
	}
	return step{key: name}, nil
}

// bracket reads [0], [*] or ['a.name'].
func (p *parser) bracket() (step, error) {
	p.at++
	var s step
	switch quote := p.rest(); {
	case strings.HasPrefix(quote, "*"):
		p.at++
		s.kind = byAny
	case strings.HasPrefix(quote, "'"):
		key, _, closed := strings.Cut(quote[1:], "'")
		if !closed || key == "" {
			return s, errors.New("wants a name between ' and '")
		}
		p.at += len(key) + 2
		s.key = key
	default:
		i, err := strconv.Atoi(p.run(func(r rune) bool { return r >= '0' && r <= '9' }))
		if err != nil {
			return s, errors.New("wants a number, * or 'name' in brackets")
		}
		s.kind, s.index = byIndex, i
	}
	return s, p.want("]")
}

func isName(r rune) bool {
	return r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// run moves over the characters that fit.
func (p *parser) run(fits func(rune) bool) string {
	n := strings.IndexFunc(p.rest(), func(r rune) bool { return !fits(r) })
	if n < 0 {
		n = len(p.rest())
	}
	s := p.rest()[:n]
	p.at += n
	return s
}

// operand reads a text in quotes, or a bare one. The guide wants quotes around
// anything but letters, digits and underscores and writes dots and stars
// without, as AWS's own filters do, so a bare operand ends only where the
// grammar goes on.
func (p *parser) operand() (operand, error) {
	p.blank()
	switch {
	case strings.HasPrefix(p.rest(), "%"):
		return operand{}, errors.New("regular expressions are not read here")
	case strings.HasPrefix(p.rest(), `"`):
		return p.quoted()
	}
	text := p.run(func(r rune) bool { return isName(r) || strings.ContainsRune(".*:/@+", r) })
	if text == "" {
		return operand{}, fmt.Errorf("wants a value, has %q", p.next())
	}
	return newOperand(text, false), nil
}

// quoted reads a text in quotes. How to write a quote or a backslash in it the
// guide does not say.
func (p *parser) quoted() (operand, error) {
	text, _, closed := strings.Cut(p.rest()[1:], `"`)
	switch {
	case !closed:
		return operand{}, errors.New("the quotes are not closed")
	case strings.Contains(text, `\`):
		return operand{}, errors.New(`a backslash in quotes: what it means is not documented`)
	}
	p.at += len(text) + 2
	return newOperand(text, true), nil
}

package pattern

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxFilterPattern is how long a filter pattern may be (CloudWatch Logs API
// reference, PutMetricFilter).
const MaxFilterPattern = 1024

// Answer is what a metric filter says to one log event.
type Answer uint8

// The answers. Unknown is the zero value: AWS's guide does not say whether such
// an event is counted.
const (
	Unknown Answer = iota
	Counted
	NotCounted
)

func (a Answer) String() string {
	return [...]string{"unknown", "counted", "not counted"}[a]
}

// MetricFilter is a parsed JSON filter pattern of CloudWatch Logs.
type MetricFilter struct {
	root condition
}

// condition is one node of a filter: and, or, or a comparison.
type condition interface {
	judge(event any) verdict
}

// verdict is the answer of a condition. Container is set when a comparison met
// an array or an object: "the filter pattern won't match the log format"
// (CloudWatch Logs user guide, filter pattern syntax), which can be read of the
// comparison or of the whole pattern.
type verdict struct {
	Answer
	container bool
}

// ParseMetricFilter reads a JSON filter pattern. Regular expressions are not
// read: our filters do without, as a log group takes five filters with one.
// Errors name the position, in bytes from 1.
func ParseMetricFilter(text string) (*MetricFilter, error) {
	if n := utf8.RuneCountInString(text); n > MaxFilterPattern {
		return nil, fmt.Errorf("the filter pattern has %d characters, CloudWatch Logs takes %d", n, MaxFilterPattern)
	}
	p := &parser{text: text}
	root, err := p.pattern()
	if err != nil {
		return nil, fmt.Errorf("position %d: %w", p.at+1, err)
	}
	if p.wildcards > 3 {
		return nil, fmt.Errorf("%d wildcard selectors, CloudWatch Logs takes three in a pattern", p.wildcards)
	}
	return &MetricFilter{root}, nil
}

// Match answers for one log event. A text that is not a JSON object is not
// counted.
func (f *MetricFilter) Match(message []byte) Answer {
	v, err := decode(message)
	o, ok := v.(map[string]any)
	if err != nil || !ok {
		return NotCounted
	}
	got := f.root.judge(o)
	if got.container && got.Answer == Counted {
		return Unknown // by one reading of the guide it is, by the other it is not
	}
	return got.Answer
}

type and []condition

type or []condition

func (a and) judge(event any) verdict { return combine(a, event, NotCounted, Counted) }

func (o or) judge(event any) verdict { return combine(o, event, Counted, NotCounted) }

// combine joins answers: one that decides wins over unknown, and unknown over
// the rest. Every part is asked, since each may have met a container.
func combine(parts []condition, event any, decides, otherwise Answer) verdict {
	all := verdict{Answer: otherwise}
	for _, part := range parts {
		v := part.judge(event)
		all.container = all.container || v.container
		switch {
		case all.Answer == decides, v.Answer == otherwise:
		default:
			all.Answer = v.Answer
		}
	}
	return all
}

// step is one step of a property selector: a key, an index, or any of both.
type step struct {
	key   string
	index int
	kind  stepKind
}

type stepKind uint8

const (
	byKey stepKind = iota
	byIndex
	byAny
)

// find lists the values that a selector points to; none when the event does not
// have the field.
func find(v any, steps []step) []any {
	values := []any{v}
	for _, s := range steps {
		var next []any
		for _, v := range values {
			next = append(next, s.from(v)...)
		}
		values = next
	}
	return values
}

func (s step) from(v any) []any {
	switch v := v.(type) {
	case map[string]any:
		if inner, ok := v[s.key]; ok && s.kind == byKey {
			return []any{inner}
		}
		if s.kind == byAny {
			return members(v)
		}
	case []any:
		if s.kind == byIndex && s.index < len(v) {
			return v[s.index : s.index+1]
		}
		if s.kind == byAny {
			return v
		}
	}
	return nil
}

func members(o map[string]any) []any {
	var all []any
	for _, v := range o {
		all = append(all, v)
	}
	return all
}

// missing is NOT EXISTS: the log event does not contain the field.
type missing struct{ steps []step }

func (m missing) judge(event any) verdict {
	return verdict{Answer: yes(len(find(event, m.steps)) == 0)}
}

// constant is IS NULL, IS TRUE and IS FALSE.
type constant struct {
	steps []step
	want  any
}

func (c constant) judge(event any) verdict {
	return verdict{Answer: yes(slices.ContainsFunc(find(event, c.steps), func(v any) bool { return v == c.want }))}
}

func scalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func yes(b bool) Answer {
	if b {
		return Counted
	}
	return NotCounted
}

// comparison compares the values of a selector with an operand.
type comparison struct {
	steps    []step
	operator string
	operand  operand
}

// judge answers for each value that the selector finds. A pattern returns only
// log events that contain its terms (CloudWatch Logs user guide), so a field
// that is missing equals nothing; whether it differs from something the guide
// does not say. Of several values, by a wildcard selector, any may be the one;
// what that means for "differs" it does not say either.
func (c comparison) judge(event any) verdict {
	values := find(event, c.steps)
	var seen [3]bool
	container := false
	for _, v := range values {
		container = container || !scalar(v)
		seen[c.one(v)] = true
	}
	differ := c.operator == "!="
	switch {
	case differ && (len(values) == 0 || seen[Counted] && seen[NotCounted]):
		return verdict{Unknown, container}
	case seen[Unknown] && (differ || !seen[Counted]):
		return verdict{Unknown, container}
	}
	return verdict{yes(seen[Counted]), container}
}

// one answers for one value.
func (c comparison) one(v any) Answer {
	if !scalar(v) {
		return NotCounted
	}
	if c.operator == "=" || c.operator == "!=" {
		equal := c.operand.equals(v)
		if c.operator == "!=" {
			return [...]Answer{Unknown: Unknown, Counted: NotCounted, NotCounted: differs(v, c.operand)}[equal]
		}
		return equal
	}
	f, ok := number(v)
	if s, text := v.(string); text && looksNumeric(s) {
		return Unknown
	}
	return yes(ok && comparisons[c.operator](f, c.operand.number))
}

// differs is the answer to != of a value that is not equal. Value nodes can be
// strings or numbers (CloudWatch Logs user guide): of others, and of a number
// beside a text, the guide does not say.
func differs(v any, o operand) Answer {
	if _, text := v.(string); text && !o.numeric {
		return Counted
	}
	if _, isNumber := number(v); isNumber && (o.numeric || !o.quoted && len(o.pieces) > 1) {
		return Counted
	}
	return Unknown
}

// operand is what stands right of an operator.
type operand struct {
	text    string
	quoted  bool
	pieces  []string // between the stars
	numeric bool     // a bare number without stars
	number  float64
}

func newOperand(text string, quoted bool) operand {
	o := operand{text: text, quoted: quoted, pieces: strings.Split(text, "*")}
	if !quoted && looksNumeric(text) {
		o.numeric = true
		o.number, _ = number(json.Number(text))
	}
	return o
}

// looksNumeric leaves out what strconv takes and JSON does not write.
func looksNumeric(s string) bool {
	_, ok := number(json.Number(s))
	return ok && strings.Trim(s, "+-.eE0123456789") == ""
}

// equals compares texts with texts and numbers with numbers. Where kinds differ
// and the spelling is the same the guide does not say.
func (o operand) equals(v any) Answer {
	if f, isNumber := number(v); isNumber && o.numeric {
		return yes(f == o.number)
	}
	spelled := fmt.Sprint(v)
	fits := glob(o.pieces, spelled)
	_, text := v.(string)
	_, isNumber := number(v)
	switch {
	case text && !o.numeric:
		return yes(fits)
	case isNumber && !o.quoted:
		return yes(fits) // an asterisk matches numbers too, when it is not in quotes
	case fits, o.numeric && looksNumeric(spelled):
		return Unknown
	}
	return NotCounted
}

// Package pattern answers what AWS's two filter languages answer: whether an
// EventBridge event pattern matches an event, and whether a CloudWatch Logs
// metric filter's JSON pattern counts a log event.
//
// It promises the semantics that AWS's user guides state, and an error that
// names the place for what they do not allow. Where the CloudWatch guide is
// silent the answer is Unknown and never a guess. Where the EventBridge guide is
// silent the choice is written at the code that makes it, and the deployed
// patterns keep away from it. It is pure: texts in, an answer out. It is no
// service: only AWS's own test commands prove what AWS does
// (docs/live-checks.md).
package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The limits of an event pattern: its size (EventBridge quotas; adjustable, but
// what is deployed must fit the default), and the product of the lengths of all
// its $or arrays (EventBridge user guide, comparison operators). How complex
// wildcards may be AWS does not put in figures, so it is not judged here.
const (
	MaxEventPattern   = 2048
	MaxOrCombinations = 1000
)

// EventPattern is a parsed EventBridge event pattern.
type EventPattern struct {
	root         all
	combinations int
	wildcards    bool
}

// Combinations is the product of the lengths of the $or arrays, at most 1000.
func (p *EventPattern) Combinations() int { return p.combinations }

// Wildcards tells whether the pattern holds a wildcard: an event bus takes 30
// rules that do (EventBridge quotas).
func (p *EventPattern) Wildcards() bool { return p.wildcards }

// all is a conjunction: every field and every $or must match.
type all struct {
	fields []field
	ors    [][]all
}

// field is one leaf of the pattern: its path, joined with dots as EventBridge
// does (user guide, event pattern syntax, considerations), and what it may be.
type field struct {
	path string
	any  []matcher
}

// matcher judges the values that an event has at a path; none when the field is
// missing.
type matcher func(values []any) bool

// ParseEventPattern reads an event pattern. Errors name the path.
func ParseEventPattern(text string) (*EventPattern, error) {
	if n := utf8.RuneCountInString(text); n > MaxEventPattern {
		return nil, fmt.Errorf("the event pattern has %d characters, EventBridge takes %d: make it shorter or two rules", n, MaxEventPattern)
	}
	v, err := decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the event pattern is not JSON: %w", err)
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the event pattern is not a JSON object")
	}
	c := compiler{pattern: &EventPattern{combinations: 1}}
	c.pattern.root, err = c.object(o, "")
	if err == nil && c.pattern.combinations > MaxOrCombinations {
		err = fmt.Errorf("the $or arrays give more than %d combinations: make it two rules", MaxOrCombinations)
	}
	if err != nil {
		return nil, err
	}
	return c.pattern, nil
}

// Match tells whether the event, a JSON object with its envelope, matches.
//
// A field of an array of objects has the values of all elements: whether two
// fields must come from the same element AWS's guide does not say.
func (p *EventPattern) Match(event []byte) (bool, error) {
	v, err := decode(event)
	if err != nil {
		return false, fmt.Errorf("the event is not JSON: %w", err)
	}
	o, ok := v.(map[string]any)
	if !ok {
		return false, errors.New("the event is not a JSON object")
	}
	leaves := map[string][]any{}
	flatten(o, "", leaves)
	return p.root.match(leaves), nil
}

// decode keeps numbers as they are written. Of two equal keys the last counts,
// as it does for EventBridge (user guide, event pattern syntax).
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the first value")
	}
	return v, nil
}

// flatten lists the leaves of an event. An empty array or object has none, so
// its field does not exist: the guide says no more than that exists works on
// leaves only.
func flatten(v any, path string, leaves map[string][]any) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			flatten(inner, join(path, key), leaves)
		}
	case []any:
		for _, inner := range v {
			flatten(inner, path, leaves)
		}
	default:
		leaves[path] = append(leaves[path], v)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (a all) match(leaves map[string][]any) bool {
	for _, f := range a.fields {
		if !f.match(leaves[f.path]) {
			return false
		}
	}
	for _, or := range a.ors {
		if !anyOf(or, leaves) {
			return false
		}
	}
	return true
}

func anyOf(branches []all, leaves map[string][]any) bool {
	for _, b := range branches {
		if b.match(leaves) {
			return true
		}
	}
	return false
}

func (f field) match(values []any) bool {
	for _, m := range f.any {
		if m(values) {
			return true
		}
	}
	return false
}

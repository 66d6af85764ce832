package pattern

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// compiler turns a pattern's JSON into matchers.
type compiler struct {
	pattern *EventPattern
}

// object compiles one object of the pattern. One without fields would match
// everything, which nobody means.
func (c *compiler) object(o map[string]any, path string) (all, error) {
	var a all
	if len(o) == 0 {
		if path == "" {
			path = "the event pattern"
		}
		return a, fmt.Errorf("%s is an empty object: name a field", path)
	}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if err := c.entry(&a, path, key, o[key]); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (c *compiler) entry(a *all, path, key string, v any) error {
	at := join(path, key)
	list, isList := v.([]any)
	inner, isObject := v.(map[string]any)
	switch {
	case key == "$or":
		return c.or(a, path, v)
	case isList:
		f, err := c.field(at, list)
		a.fields = append(a.fields, f)
		return err
	case isObject:
		nested, err := c.object(inner, at)
		a.fields, a.ors = append(a.fields, nested.fields...), append(a.ors, nested.ors...)
		return err
	}
	return fmt.Errorf("%s is neither an array of values nor an object", at)
}

// or compiles a $or: alternatives that each hold whole fields.
func (c *compiler) or(a *all, path string, v any) error {
	list, ok := v.([]any)
	if !ok || len(list) < 2 {
		return fmt.Errorf("%s is no array of two objects or more", join(path, "$or"))
	}
	c.pattern.combinations = min(c.pattern.combinations*len(list), MaxOrCombinations+1)
	var branches []all
	for i, item := range list {
		at := fmt.Sprintf("%s[%d]", join(path, "$or"), i)
		o, ok := item.(map[string]any)
		if !ok || len(o) == 0 {
			return fmt.Errorf("%s is no object with fields", at)
		}
		b, err := c.object(o, path)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		branches = append(branches, b)
	}
	a.ors = append(a.ors, branches)
	return nil
}

func (c *compiler) field(path string, list []any) (field, error) {
	f := field{path: path}
	if len(list) == 0 {
		return f, fmt.Errorf("%s is an empty array: give a value", path)
	}
	for i, v := range list {
		m, err := c.value(v)
		if err != nil {
			return f, fmt.Errorf("%s[%d]: %w", path, i, err)
		}
		f.any = append(f.any, m)
	}
	return f, nil
}

// value compiles one element of a field's array: a value, or an operator.
func (c *compiler) value(v any) (matcher, error) {
	switch v := v.(type) {
	case []any:
		return nil, fmt.Errorf("an array within an array")
	case map[string]any:
		name, operand, err := single(v)
		if err != nil {
			return nil, err
		}
		m, err := c.operator(name, operand)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return m, nil
	default:
		return some(func(value any) bool { return same(value, v) }), nil
	}
}

// single takes apart an object with one key.
func single(o map[string]any) (string, any, error) {
	if len(o) == 1 {
		for name, operand := range o {
			return name, operand, nil
		}
	}
	return "", nil, fmt.Errorf("an object with %d keys where one operator is wanted", len(o))
}

func (c *compiler) operator(name string, operand any) (matcher, error) {
	switch name {
	case "exists":
		want, ok := operand.(bool)
		if !ok {
			return nil, fmt.Errorf("wants true or false")
		}
		return func(values []any) bool { return (len(values) > 0) == want }, nil
	case "anything-but":
		return c.anythingBut(operand)
	case "numeric":
		return numeric(operand)
	case "cidr":
		return cidr(operand)
	}
	judge, err := c.textual(name, operand, true)
	if err != nil {
		return nil, err
	}
	return some(onText(judge)), nil
}

// textual compiles the operators that judge a text: prefix, suffix,
// equals-ignore-case and wildcard.
func (c *compiler) textual(name string, operand any, fold bool) (func(string) bool, error) {
	if o, ok := operand.(map[string]any); ok && fold && (name == "prefix" || name == "suffix") {
		inner, text, err := single(o)
		if err == nil && inner != "equals-ignore-case" {
			err = fmt.Errorf("operator %q is not known inside it", inner)
		}
		if err != nil {
			return nil, err
		}
		return test(folds[name], text)
	}
	c.pattern.wildcards = c.pattern.wildcards || name == "wildcard"
	return test(texts[name], operand)
}

// test makes a test of an operand that must be a text.
func test(of testMaker, operand any) (func(string) bool, error) {
	text, ok := operand.(string)
	switch {
	case of == nil:
		return nil, fmt.Errorf("no such operator")
	case !ok:
		return nil, fmt.Errorf("wants a text")
	}
	return of(text)
}

// anythingBut matches a value that is there and is none of those: a field that
// is missing has no value (EventBridge user guide, event pattern syntax: the
// event must contain all the field names of the pattern). Of an array any
// element may be the one. The inner operators look at texts only, so a value
// that is no text is none of theirs.
func (c *compiler) anythingBut(operand any) (matcher, error) {
	var excluded func(any) bool
	var err error
	switch o := operand.(type) {
	case map[string]any:
		excluded, err = c.excludedTexts(o)
	case []any:
		err = uniform(o)
		excluded = func(v any) bool { return slices.ContainsFunc(o, func(x any) bool { return same(v, x) }) }
	default:
		err = uniform([]any{o})
		excluded = func(v any) bool { return same(v, o) }
	}
	if err != nil {
		return nil, err
	}
	return some(func(v any) bool { return !excluded(v) }), nil
}

// excludedTexts compiles what anything-but takes inside: one operator on a text
// or on a list of texts.
func (c *compiler) excludedTexts(o map[string]any) (func(any) bool, error) {
	name, operand, err := single(o)
	if err != nil {
		return nil, err
	}
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: an empty list", name)
	}
	var tests []func(string) bool
	for _, item := range list {
		one, err := c.textual(name, item, false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		tests = append(tests, one)
	}
	return onText(func(s string) bool {
		return slices.ContainsFunc(tests, func(test func(string) bool) bool { return test(s) })
	}), nil
}

// uniform holds anything-but to what the guide allows: texts only, or numbers
// only.
func uniform(list []any) error {
	texts, numbers := 0, 0
	for _, v := range list {
		switch v.(type) {
		case string:
			texts++
		case json.Number:
			numbers++
		}
	}
	if len(list) == 0 || texts != len(list) && numbers != len(list) {
		return fmt.Errorf("wants texts only, or numbers only, or one operator")
	}
	return nil
}

// some lifts a judgement of one value to a field: any element of an array may be
// the one (EventBridge user guide, arrays in event patterns).
func some(test func(any) bool) matcher {
	return func(values []any) bool { return slices.ContainsFunc(values, test) }
}

func onText(test func(string) bool) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && test(s)
	}
}

// same compares as EventBridge does: texts character by character, numbers by
// how they are written (300 is not 300.0: user guide, event pattern syntax).
func same(a, b any) bool { return a == b }

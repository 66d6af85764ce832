package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// Override is one key that is given from outside, as the CDK's context is (-c
// KEY=VALUE). It stands in for what the file says.
type Override struct {
	Key   string // trail.create.object_lock; alerts.targets.0.severity is the first entry's
	Value string // as YAML: a word, a number, or a list of those in brackets. null: as if the file did not say it
}

// apply sets the overrides in the file's tree, in their order. What they bring
// carries no line but a number that nameOverrides makes the key of.
func apply(root *node, s schema, overrides []Override) []*Fault {
	var faults []*Fault
	for i, o := range overrides {
		mark := &token.Token{Position: &token.Position{Line: -i - 1}}
		path := strings.Split(o.Key, ".")
		value, problem := o.read(mark)
		if problem == "" {
			value.asText(s, path)
			problem = root.set(path, value, mark)
		}
		if problem != "" {
			faults = append(faults, &Fault{Field: o.Key, Override: o.Key, Problem: problem})
		}
	}
	return faults
}

// read reads the value. What is wrong with it is told in words.
func (o Override) read(mark *token.Token) (*node, string) {
	const want = "write -c KEY=VALUE with a word, a number, or a list of those in brackets"
	if text := strings.TrimSpace(o.Value); text == "" || strings.HasPrefix(text, "#") {
		return nil, "it has no value; " + want
	}
	value, faults := parse([]byte(o.Value))
	switch {
	case len(faults) > 0:
		return nil, quote(o.Value) + " cannot be read: " + faults[0].Problem
	case value.simple():
		value.remark(mark)
		return value, ""
	case value.list:
		for _, item := range value.items {
			if !item.simple() {
				return nil, quote(o.Value) + " holds more than values; give a single key, or write it into the file"
			}
			item.remark(mark)
		}
		value.remark(mark)
		return value, ""
	}
	return nil, quote(o.Value) + " holds more than a value; give a single key, or write it into the file"
}

func (n *node) simple() bool { return n.fields == nil && !n.list }

// remark gives a value the override's mark for its place.
func (n *node) remark(mark *token.Token) {
	written := &token.Token{Position: mark.Position}
	if n.token != nil {
		written.Value, written.Type = n.token.Value, n.token.Type
	}
	n.token = written
}

// asText takes what is written for text where the file has nothing else: quotes do
// not survive a shell, and an account is a number to YAML.
func (n *node) asText(s schema, path []string) {
	for _, item := range n.items {
		item.asText(s, append(path, "0"))
	}
	if !n.list && n.scalar != nil && s.textual(fileID, path) {
		n.scalar = n.token.Value
	}
}

// set puts a value at a path and makes what is missing on the way there.
func (n *node) set(path []string, value *node, mark *token.Token) string {
	step := path[0]
	switch {
	case step == "":
		return "the key has an empty part; write it as trail.create.object_lock"
	case n.list:
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(n.items) {
			return fmt.Sprintf("%s is no entry: the list has %d, and the first is 0", quote(step), len(n.items))
		}
		if len(path) > 1 {
			return n.items[i].set(path[1:], value, mark)
		}
		n.items[i] = value
		return ""
	case n.fields == nil: // nothing, or a word such as create in kms: use is another way
		*n = node{token: mark, fields: map[string]field{}}
	}
	if len(path) > 1 {
		inner, ok := n.fields[step]
		if !ok {
			inner = field{mark, &node{token: mark}}
			n.fields[step] = inner
		}
		return inner.value.set(path[1:], value, mark)
	}
	if value.scalar == nil && value.simple() {
		delete(n.fields, step)
		return ""
	}
	n.fields[step] = field{mark, value}
	return ""
}

// nameOverrides makes the marks of overrides their keys again.
func nameOverrides(faults []*Fault, overrides []Override) {
	for _, f := range faults {
		if f.Line < 0 {
			f.Override, f.Line, f.Column = overrides[-f.Line-1].Key, 0, 0
		}
	}
}

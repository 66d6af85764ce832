package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// node is a value of a YAML file with its place, in the terms of JSON.
type node struct {
	token  *token.Token // where the value begins
	scalar any          // string, bool, float64, int64, uint64 or nil
	quoted bool
	fields map[string]field // of a mapping; nil for anything else
	items  []*node          // of a list, which list tells from nothing
	list   bool
	// partial says that a fault was already found in what this value should
	// be, so that missing parts are not reported as well.
	partial bool
}

type field struct {
	key   *token.Token
	value *node
}

// value is the node as encoding/json would have decoded it.
func (n *node) value() any {
	switch {
	case n.fields != nil:
		m := make(map[string]any, len(n.fields))
		for k, f := range n.fields {
			m[k] = f.value.value()
		}
		return m
	case n.list:
		items := make([]any, 0, len(n.items))
		for _, i := range n.items {
			items = append(items, i.value())
		}
		return items
	}
	return n.scalar
}

// child is the value at one step of a JSON Schema instance location. Nothing has
// no children.
func (n *node) child(step string) *node {
	if n == nil {
		return nil
	}
	if f, ok := n.fields[step]; ok {
		return f.value
	}
	if i, err := strconv.Atoi(step); err == nil && n.list && i < len(n.items) {
		return n.items[i]
	}
	return nil
}

// reader turns the parser's tree into nodes and collects what these
// files do not use of YAML: each such thing is refused by name. That leaves no
// aliases to expand.
type reader struct{ faults []*Fault }

func (r *reader) refuse(t *token.Token, path, problem string) {
	f := at(t, problem)
	f.Field = path
	r.faults = append(r.faults, f)
}

func (r *reader) read(n ast.Node, path string) *node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.mapping(n, n.Values, path)
	case *ast.MappingValueNode:
		return r.mapping(n, []*ast.MappingValueNode{n}, path)
	case *ast.SequenceNode:
		return r.sequence(n, path)
	case *ast.AnchorNode:
		r.refuse(n.GetToken(), path, "anchors and aliases are not read here; write the value out")
		return r.read(n.Value, path)
	case *ast.TagNode:
		r.refuse(n.GetToken(), path, "tags are not read here; remove "+quote(n.GetToken().Value))
		return &node{token: n.GetToken(), partial: true}
	case *ast.AliasNode:
		r.refuse(n.GetToken(), path, "anchors and aliases are not read here; write the value out")
		return &node{token: n.GetToken(), partial: true}
	case nil:
		return &node{}
	}
	return r.value(n, path)
}

func (r *reader) value(n ast.Node, path string) *node {
	v := &node{token: n.GetToken()}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		v.scalar = n.Value
		v.quoted = v.token.Type == token.SingleQuoteType || v.token.Type == token.DoubleQuoteType
	case *ast.LiteralNode:
		v.scalar, v.quoted = n.Value.Value, true
	case *ast.IntegerNode:
		v.scalar = n.Value
	case *ast.BoolNode:
		v.scalar = n.Value
	case *ast.FloatNode:
		v.scalar = n.Value
	default: // .inf and .nan, and whatever YAML has that JSON has not
		v.partial = true
		r.refuse(v.token, path, fmt.Sprintf("%s is not a value that is read here", quote(v.token.Value)))
	}
	if f, ok := v.scalar.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
		v.scalar, v.partial = nil, true
		r.refuse(v.token, path, fmt.Sprintf("%s is too large a number", quote(v.token.Value)))
	}
	return v
}

func (r *reader) sequence(n *ast.SequenceNode, path string) *node {
	v := &node{token: n.GetToken(), list: true}
	for i, item := range n.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		if m, is := item.(*ast.MappingNode); is && n.IsFlowStyle && !m.IsFlowStyle {
			// [arn:aws:iam::…] within braces is a field arn to the parser, and text to YAML.
			r.refuse(first(m), at, "in brackets a colon makes this a field (name: value); write text with a colon in quotes")
			v.items = append(v.items, &node{token: first(m), partial: true})
			continue
		}
		v.items = append(v.items, r.read(item, at))
	}
	return v
}

func (r *reader) mapping(n ast.Node, values []*ast.MappingValueNode, path string) *node {
	v := &node{token: first(n), fields: make(map[string]field, len(values))}
	for _, pair := range values {
		key := pair.Key.GetToken()
		switch pair.Key.(type) {
		case *ast.MergeKeyNode:
			v.partial = true
			r.refuse(key, path, `"<<" merges are not read here; write the fields out`)
			continue
		case *ast.MappingKeyNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
			v.partial = true
			r.refuse(key, path, "a key is a plain word and a colon")
			continue
		}
		r.field(v, key, pair.Value, path)
	}
	return v
}

func (r *reader) field(v *node, key *token.Token, value ast.Node, path string) {
	name := under(path, key.Value)
	if before, ok := v.fields[key.Value]; ok {
		r.refuse(key, name, fmt.Sprintf("given twice, first on line %d; keep one", before.key.Position.Line))
		return
	}
	v.fields[key.Value] = field{key, r.read(value, name)}
}

// under appends a key to a field path; a key that is no plain word is quoted.
func under(path, key string) string {
	plain := func(r rune) bool {
		return r == '_' || r == '-' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	if key == "" || len(key) > 60 || slices.ContainsFunc([]rune(key), func(r rune) bool { return !plain(r) }) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// first is the token a value begins with: the parser places a mapping at the
// colon of its first pair.
func first(n ast.Node) *token.Token {
	switch m := n.(type) {
	case *ast.MappingValueNode:
		return first(m.Key)
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return first(m.Values[0])
		}
	}
	return n.GetToken()
}

package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// swaps are predeclared names that take each other's place.
var swaps = map[string]string{"true": "false", "false": "true", "min": "max", "max": "min"}

// values changes literals and names: a text by one character, a number by one,
// a constant to the next one of its type, a truth to its opposite.
func (c *collector) values(n ast.Node, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.BasicLit:
		c.literal(n, stack)
	case *ast.Ident:
		c.name(n, stack)
	case *ast.KeyValueExpr:
		c.entry(n, stack)
	}
}

func (c *collector) literal(n *ast.BasicLit, stack []ast.Node) {
	switch n.Kind {
	case token.STRING:
		if !isTag(n, stack) && !isProse(n, stack) && (c.all || !matched(stack)) {
			c.replace(n, n.Value[:len(n.Value)-1]+"x"+n.Value[len(n.Value)-1:])
		}
	case token.INT:
		c.replace(n, plusOne(n.Value))
	case token.CHAR:
		c.replace(n, "("+n.Value+" + 1)")
	}
}

func plusOne(number string) string {
	if i, err := strconv.ParseInt(number, 0, 64); err == nil {
		return strconv.FormatInt(i+1, 10)
	}
	return "(" + number + " + 1)"
}

func isTag(n *ast.BasicLit, stack []ast.Node) bool {
	field, ok := stack[len(stack)-1].(*ast.Field)
	return ok && field.Tag == n
}

// matched tells whether a text is what a case or a condition compares with:
// with another text it is as good as false, which other mutants make it.
func matched(stack []ast.Node) bool {
	switch parent := stack[len(stack)-1].(type) {
	case *ast.CaseClause:
		return true
	case *ast.BinaryExpr:
		_, operand := stack[len(stack)-2].(*ast.BinaryExpr)
		return (parent.Op == token.EQL || parent.Op == token.NEQ) && !operand && decides(stack[:len(stack)-1])
	}
	return false
}

// isProse tells whether a text is a sentence in a table (three words or more):
// documentation, which tests do not repeat.
func isProse(n *ast.BasicLit, stack []ast.Node) bool {
	parent := stack[len(stack)-1]
	if _, ok := parent.(*ast.KeyValueExpr); ok {
		parent = stack[len(stack)-2]
	}
	_, table := parent.(*ast.CompositeLit)
	return table && strings.Count(n.Value, " ") > 1
}

func (c *collector) name(n *ast.Ident, stack []ast.Node) {
	switch object := c.target.info.Uses[n].(type) {
	case *types.Builtin:
		if to := swaps[n.Name]; to != "" {
			c.replace(n, to)
		}
	case *types.Const:
		if object.Pkg() == nil { // true, false and iota
			if to := swaps[n.Name]; to != "" {
				c.replace(n, to)
			}
			return
		}
		c.swap(n, object)
	case *types.Var:
		if c.isTruth(n, object, stack) && (c.all || !decides(stack)) {
			c.replace(n, "!"+n.Name)
		}
	}
}

// isTruth tells whether a variable or field is read as a truth.
func (c *collector) isTruth(n *ast.Ident, v *types.Var, stack []ast.Node) bool {
	if !isBool(v.Type()) {
		return false
	}
	switch parent := stack[len(stack)-1].(type) {
	case *ast.KeyValueExpr:
		return parent.Key != n
	case *ast.AssignStmt:
		return slices.Contains(parent.Rhs, ast.Expr(n))
	case *ast.ReturnStmt, *ast.BinaryExpr, *ast.CallExpr, *ast.ParenExpr:
		return true
	}
	return false
}

// swap puts the next constant in the place of one: of the same type, or, for a
// text or number of no type of its own, of the same declaration.
func (c *collector) swap(n *ast.Ident, object *types.Const) {
	var all []*types.Const
	if _, named := object.Type().(*types.Named); named {
		all = c.ofType(object)
	} else if object.Pkg().Path() == c.target.path {
		all = c.declaredWith(object)
	}
	at := slices.Index(all, object)
	for i := range all {
		next := all[(at+1+i)%len(all)]
		if !constant.Compare(next.Val(), token.EQL, object.Val()) {
			c.replace(n, next.Name())
			return
		}
	}
}

// ofType are the constants of one type, by name.
func (c *collector) ofType(like *types.Const) []*types.Const {
	var all []*types.Const
	for _, name := range like.Pkg().Scope().Names() {
		other, ok := like.Pkg().Scope().Lookup(name).(*types.Const)
		if ok && types.Identical(other.Type(), like.Type()) && (other.Exported() || like.Pkg().Path() == c.target.path) {
			all = append(all, other)
		}
	}
	return all
}

// declaredWith are the constants of one parenthesised declaration.
func (c *collector) declaredWith(like *types.Const) []*types.Const {
	var all []*types.Const
	for _, s := range c.target.files {
		for _, d := range s.tree.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || like.Pos() < decl.Pos() || like.Pos() >= decl.End() {
				continue
			}
			for _, spec := range decl.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					all = append(all, like.Pkg().Scope().Lookup(name.Name).(*types.Const))
				}
			}
		}
	}
	return all
}

// entry drops a field of a struct that is not a constant (those are changed by
// themselves).
func (c *collector) entry(n *ast.KeyValueExpr, stack []ast.Node) {
	table := stack[len(stack)-1].(*ast.CompositeLit)
	constant := c.target.info.Types[n.Value].Value != nil
	if _, ok := c.typeOf(table).Underlying().(*types.Struct); !ok || constant {
		return
	}
	end := n.End()
	for int(end)-int(c.source.tree.FileStart) < len(c.source.text) && c.source.text[end-c.source.tree.FileStart] == ',' {
		end++
	}
	c.change(n.Pos(), end, "", c.text(n), "(removed)")
}

package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// negations are the comparisons that say the contrary.
var negations = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
}

// comparisons are what each comparison becomes: for an order, the one with the
// boundary on the other side, and its negation.
var comparisons = map[token.Token][]token.Token{
	token.EQL: {token.NEQ},
	token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ},
	token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ},
	token.GEQ: {token.GTR, token.LSS},
}

// opposites are operators that take each other's place.
var opposites = map[token.Token]token.Token{
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
}

// conditions changes what decides: operators, their operands, and whole
// conditions to true and to false.
//
// A test that tells a condition from true sees the same of its negation, and a
// test that tells a && b from b sees the same of !a && b and of a || b. Such
// mutants are implied: they are made only when all are asked for.
func (c *collector) conditions(n ast.Node, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		c.operator(n, stack)
	case *ast.IfStmt:
		c.always(n.Cond, true)
		c.always(n.Cond, false)
	case *ast.ForStmt:
		if n.Cond != nil {
			c.always(n.Cond, false)
		}
	case *ast.SwitchStmt:
		c.cases(n)
	case *ast.CallExpr, *ast.IndexExpr, *ast.UnaryExpr:
		c.negate(n.(ast.Expr), stack)
	}
}

func (c *collector) operator(n *ast.BinaryExpr, stack []ast.Node) {
	x, y := c.text(n.X), c.text(n.Y)
	for _, op := range comparisons[n.Op] {
		if op != negations[n.Op] || c.all || !decides(stack) {
			c.replace(n, x+" "+op.String()+" "+y)
		}
	}
	switch n.Op {
	case token.LAND, token.LOR:
		if op := " " + opposites[n.Op].String() + " "; c.all {
			c.change(n.Pos(), n.End(), "(("+x+")"+op+"("+y+"))", c.text(n), x+op+y)
		}
		c.replace(n, x)
		c.replace(n, y)
	case token.ADD, token.SUB:
		if basic, ok := c.typeOf(n).Underlying().(*types.Basic); ok && basic.Info()&types.IsNumeric != 0 {
			c.replace(n, x+" "+opposites[n.Op].String()+" "+y)
		}
	}
}

// always keeps the condition in the text, so that what it uses stays in use.
func (c *collector) always(cond ast.Expr, value bool) {
	text, to := "false && (", "false"
	if value {
		text, to = "true || (", "true"
	}
	c.change(cond.Pos(), cond.End(), text+c.text(cond)+")", c.text(cond), to)
}

// cases drops each expression of each case, and makes each condition of a
// switch without a tag always true.
func (c *collector) cases(n *ast.SwitchStmt) {
	for _, s := range n.Body.List {
		clause := s.(*ast.CaseClause)
		switch {
		case len(clause.List) > 1:
			c.dropEach(clause.List)
		case len(clause.List) == 1 && n.Tag == nil:
			c.always(clause.List[0], false)
		default: // the only expression, or none: the whole clause
			c.change(clause.Pos(), clause.End(), "", c.text(clause)[:clause.Colon-clause.Pos()+1], "(removed)")
		}
		for _, cond := range clause.List {
			if n.Tag == nil {
				c.always(cond, true)
			}
		}
	}
}

func (c *collector) dropEach(list []ast.Expr) {
	for i, e := range list {
		if i+1 < len(list) {
			c.change(e.Pos(), list[i+1].Pos(), "", "case "+c.text(e), "(removed)")
			continue
		}
		c.change(list[i-1].End(), e.End(), "", "case "+c.text(e), "(removed)")
	}
}

// negate turns a truth that is no comparison round: a call, an element of a
// map, or a negation.
func (c *collector) negate(n ast.Expr, stack []ast.Node) {
	if !c.all && decides(stack) {
		return
	}
	if not, ok := n.(*ast.UnaryExpr); ok {
		if not.Op == token.NOT {
			c.replace(n, c.text(not.X))
		}
		return
	}
	if _, negated := stack[len(stack)-1].(*ast.UnaryExpr); negated {
		return
	}
	if v, ok := c.target.info.Types[n]; ok && v.IsValue() && isBool(v.Type) {
		c.replace(n, "!"+c.text(n))
	}
}

// decides tells whether an expression below stack is a whole condition, or a
// whole operand of && or ||: what other mutants take out altogether.
func decides(stack []ast.Node) bool {
	for i, parent := range slices.Backward(stack) {
		switch parent := parent.(type) {
		case *ast.ParenExpr:
			continue
		case *ast.IfStmt:
			return true
		case *ast.BinaryExpr:
			return parent.Op == token.LAND || parent.Op == token.LOR
		case *ast.CaseClause:
			of, ok := stack[i-2].(*ast.SwitchStmt)
			return ok && of.Tag == nil
		}
		return false
	}
	return false
}

func isBool(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

func (c *collector) typeOf(e ast.Expr) types.Type { return c.target.info.TypeOf(e) }

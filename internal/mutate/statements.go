package main

import (
	"go/ast"
	"go/token"
)

// statements removes what is done: assignments, calls, counting, and leaving
// or continuing a loop. It also turns counting round.
func (c *collector) statements(n ast.Node, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.IncDecStmt:
		c.remove(n, stack)
		c.change(n.TokPos, n.End(), map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok], c.text(n), c.text(n.X)+" the other way")
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			c.remove(n, stack)
		}
	case *ast.ExprStmt, *ast.BranchStmt:
		c.remove(n, stack)
	}
}

// remove drops a statement of a list: what a for, an if or a switch starts
// with stays.
func (c *collector) remove(n ast.Node, stack []ast.Node) {
	switch stack[len(stack)-1].(type) {
	case *ast.BlockStmt, *ast.CaseClause:
		c.change(n.Pos(), n.End(), "", c.text(n), "(removed)")
	}
}

package report_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mfawatch/audit"
	"mfawatch/audit/report"
)

// harmless is a name that occurs nowhere else in a page, and that stands on the
// same side of ids as name does where people are ordered by name.
func harmless(name string) string {
	if report.Plain(name) < "A" {
		return "!zqxword"
	}
	return "zqxword"
}

// flat is a page as a browser reads it: its nodes in order.
func flat(t *testing.T, text string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*html.Node
	for n := range root.Descendants() {
		nodes = append(nodes, n)
	}
	return nodes
}

// foreign is a page whose every foreign text is name.
func foreign(t *testing.T, name string) string {
	changes := report.Changes{New: []report.Change{{Account: name, Check: name, Subject: audit.Subject{Name: name}, Detail: name, Reason: name}}}
	return page(t, strange(name), report.AuditOptions{Version: name, Changes: &changes})
}

// A browser that is given a hostile name builds the same page as for a harmless
// one: no element, attribute, link, script or style more, less or other; only
// texts differ, and each by the name itself.
func TestHTMLHostileNamesMakeTheSamePage(t *testing.T) {
	pages := map[string][]*html.Node{"!zqxword": flat(t, foreign(t, "!zqxword")), "zqxword": flat(t, foreign(t, "zqxword"))}
	for _, name := range hostile {
		if strings.TrimSpace(name) == "" {
			continue // shows less
		}
		text := foreign(t, name)
		want, got := pages[harmless(name)], flat(t, text)
		if len(got) != len(want) {
			t.Errorf("%q: %d nodes, a harmless name makes %d", name, len(got), len(want))
			continue
		}
		differing := 0
		for i := range want {
			differing += sameNode(t, name, want[i], got[i])
		}
		if differing < 80 {
			t.Errorf("%q: %d texts differ: the page does not show it", name, differing)
		}
		heldAsData(t, name, text)
	}
}

// sameNode holds a node to that of the harmless page and counts differing texts.
func sameNode(t *testing.T, name string, want, got *html.Node) int {
	t.Helper()
	if want.Type != got.Type || len(want.Attr) != len(got.Attr) || want.Type == html.ElementNode && want.Data != got.Data {
		t.Errorf("%q: node %v %q %v, want %v %q %v", name, got.Type, got.Data, got.Attr, want.Type, want.Data, want.Attr)
		return 0
	}
	for i, a := range want.Attr {
		b := got.Attr[i]
		if a.Key != b.Key || a.Val != b.Val {
			t.Errorf("%q: <%s> has %s=%q, want %s=%q", name, want.Data, b.Key, b.Val, a.Key, a.Val)
		}
	}
	if want.Type != html.TextNode || want.Data == got.Data {
		return 0
	}
	isData := want.Parent.Data == "script" && len(want.Parent.Attr) > 0 // is looked at by itself
	if !isData && !says(want.Data, got.Data, name) {
		t.Errorf("%q: text %q, want that of %q", name, got.Data, want.Data)
	}
	return 1
}

// says tells that got is what want says with the hostile name for the harmless.
func says(want, got, name string) bool {
	for _, shown := range []string{report.Plain(name), strings.ToLower(report.Plain(name))} { // a status is lower case
		if got == strings.ReplaceAll(want, harmless(name), shown) {
			return true
		}
	}
	return false
}

// heldAsData: the data block is JSON that no HTML parser can end early.
func heldAsData(t *testing.T, name, text string) {
	t.Helper()
	block := dataBlock.FindStringSubmatch(text)
	if block == nil || strings.ContainsAny(block[1], "<>&") {
		t.Errorf("%q: the data block holds <, > or &", name)
		return
	}
	var d embedded
	if err := json.Unmarshal([]byte(block[1]), &d); err != nil || !slices.Contains(d.Strings, report.Plain(name)) {
		t.Errorf("%q: the data does not hold it as it is: error %v", name, err)
	}
}

// The library escapes texts and values of attributes. It cannot know which
// attributes are links, styles or code, and which names are somebody's: so the
// names of elements and attributes, and every link, are written in the source.
func TestHTMLValuesAreTexts(t *testing.T) {
	literal := map[string]int{"g.El": 1, "g.Attr": 2, "h.Href": 1, "h.Data": 1, "h.Aria": 1, "h.Type": 1, "h.Rel": 1} // how many arguments
	barred := []string{"g.Raw", "g.Rawf", "h.Script", "h.StyleEl", "h.Style", "h.StyleAttr", "h.Src", "h.SrcSet", "h.Action", "h.FormAction", "h.Poster", "h.IFrame", "h.Embed", "h.Object", "h.Base", "h.Img"}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "html_page.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(barred, called(s)) {
			t.Errorf("%s: %s has no place in the page", fset.Position(n.Pos()), called(s))
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if many, is := literal[called(call.Fun)]; is {
			seen++
			for _, a := range call.Args[:min(many, len(call.Args))] {
				if _, ok := a.(*ast.BasicLit); !ok {
					t.Errorf("%s: %s is given what is not written here", fset.Position(a.Pos()), called(call.Fun))
				}
			}
		}
		return true
	})
	if seen < 20 {
		t.Errorf("%d such calls: the page is made elsewhere", seen)
	}
}

// called is a selector of a package, as it is written.
func called(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The bounds of a file. The YAML parser takes time that grows with the square
// of the lines and of the depth, so both are bounded before it runs.
const (
	maxBytes = 1 << 20
	maxLines = 10_000
	maxDepth = 16 // no setting needs more than four
)

// parse reads data as one YAML document. root is nil when there is none to
// look into; faults are those of the YAML itself.
func parse(data []byte) (root *node, faults []*Fault) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // Windows editors write a byte order mark
	if f := legible(data); f != nil {
		return nil, []*Fault{f}
	}
	tokens := lexer.Tokenize(string(data))
	if f := cmp.Or(shallow(tokens), single(tokens)); f != nil {
		return nil, []*Fault{f}
	}
	body, f := document(tokens)
	if f != nil {
		return nil, []*Fault{f}
	}
	var r reader
	root = r.read(body, "")
	return root, r.faults
}

// legible refuses what is not a text file of reasonable size.
func legible(data []byte) *Fault {
	lines := bytes.Count(data, []byte("\n"))
	switch {
	case len(data) > maxBytes:
		return &Fault{Line: 1, Column: 1, Problem: fmt.Sprintf("the file has %d bytes; at most %d are read", len(data), maxBytes)}
	case lines > maxLines:
		return &Fault{Line: maxLines + 1, Column: 1, Problem: fmt.Sprintf("the file has %d lines; at most %d are read", lines, maxLines)}
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return &Fault{Line: 1, Column: 1, Problem: "the file is UTF-16; save it as UTF-8"}
	}
	return printable(data)
}

// printable refuses the first byte that is no text.
func printable(data []byte) *Fault {
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &Fault{Line: line, Column: column, Problem: fmt.Sprintf("byte 0x%02X is not UTF-8; save the file as UTF-8", data[i])}
		case unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t':
			return &Fault{Line: line, Column: column, Problem: fmt.Sprintf("control character %U; remove it", r)}
		case r == '\n':
			line, column = line+1, 0
		}
		column++
		i += size
	}
	return nil
}

// shallow refuses nesting that no such file has: brackets within brackets, or
// many list dashes or explicit keys on one line.
func shallow(tokens token.Tokens) *Fault {
	flow, row, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, row = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			row++
		}
		if flow > maxDepth || row > maxDepth {
			return at(t, fmt.Sprintf("nested more than %d deep; no setting is", maxDepth))
		}
	}
	return nil
}

// single refuses a second document. It looks at the tokens because the parser
// drops what follows an empty document.
func single(tokens token.Tokens) *Fault {
	begun, ended := false, false
	for _, t := range tokens {
		switch {
		case t.Type == token.CommentType:
		case t.Type == token.DirectiveType:
			return at(t, "a YAML directive is not read here; remove the line")
		case begun && t.Type == token.DocumentHeaderType, ended:
			return at(t, "a second document begins here; the file is one document")
		default:
			begun, ended = true, t.Type == token.DocumentEndType
		}
	}
	return nil
}

// document parses the one document of a file and returns its body. Duplicate
// keys are let through here: the reader reports all of them.
func document(tokens token.Tokens) (body ast.Node, f *Fault) {
	defer func() {
		// The parser has panicked on odd input before. The file is
		// foreign input, and refusing it is the right answer.
		if p := recover(); p != nil {
			body, f = nil, &Fault{Line: 1, Column: 1, Problem: fmt.Sprintf("not YAML that can be read: %s", quote(fmt.Sprint(p)))}
		}
	}()
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntax(err)
	}
	for _, doc := range file.Docs {
		if doc.Body != nil && body != nil {
			return nil, at(first(doc.Body), "a second document begins here; the file is one document")
		}
		body = cmp.Or(doc.Body, body)
	}
	if body == nil {
		return nil, &Fault{Line: 1, Column: 1, Problem: `the file is empty; a file that changes nothing is the line "version: 1"`}
	}
	return body, nil
}

// syntax makes the parser's error a fault. Its messages may quote a tab as it is.
func syntax(err error) *Fault {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return &Fault{Line: 1, Column: 1, Problem: "not YAML: " + strings.Join(strings.Fields(err.Error()), " ")}
	}
	message := e.GetMessage()
	if strings.Contains(message, "'\t'") {
		message = "a tab cannot indent; use spaces"
	}
	return at(e.GetToken(), "not YAML: "+strings.Join(strings.Fields(message), " "))
}

func at(t *token.Token, problem string) *Fault {
	f := &Fault{Line: 1, Column: 1, Problem: problem}
	switch {
	case t == nil || t.Position == nil:
	case t.Position.Line < 0: // an override's, until it is named
		f.Line = t.Position.Line
	default:
		f.Line, f.Column = max(t.Position.Line, 1), max(t.Position.Column, 1)
	}
	return f
}

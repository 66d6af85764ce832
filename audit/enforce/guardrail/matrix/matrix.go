// Package matrix holds the table of what the guardrails must allow and refuse, and
// makes requests of it.
//
// It promises one row for every combination of a line of matrix.tsv, each with the
// documents as texts, the request and the answer that AWS's documentation asks for,
// so that any evaluator of IAM policies can be held to the same table. The answers
// are written by hand; nothing here evaluates.
package matrix

import (
	_ "embed" // the tables are part of the package
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/guardrail"
)

//go:embed matrix.tsv
var table string

//go:embed variants.tsv
var variants string

// Row is one request and what becomes of it.
type Row struct {
	Line    int    // of matrix.tsv
	Name    string // tells the row among all
	Variant string // of variants.tsv
	Why     string
	Options guardrail.Options
	Layers  []Layer
	Request enforce.Request
	Context map[string][]string // every key that the request has
	Want    enforce.Answer
	ByAWS   bool // AWS decides whatever the policies say: an evaluator of policies alone cannot know
}

// Layer is one document of a row.
type Layer struct {
	Layer     enforce.Layer
	Name      string
	Text      string
	Guardrail bool // the document that is tested
	document  enforce.Document
}

// Rows are all rows.
func Rows() ([]Row, error) {
	documents, err := documents()
	if err != nil {
		return nil, fmt.Errorf("variants.tsv: %w", err)
	}
	var all []Row
	macros := map[string]string{}
	for i, text := range strings.Split(table, "\n") {
		cells := strings.Split(text, "\t")
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		case strings.HasPrefix(text, "@") && len(cells) == 2:
			macros[cells[0]] = cells[1]
			continue
		}
		rows, err := expand(documents, macros, cells)
		if err != nil {
			return nil, fmt.Errorf("matrix.tsv:%d: %w", i+1, err)
		}
		for _, r := range rows {
			r.Line = i + 1
			r.Name = fmt.Sprintf("matrix.tsv:%d %s", i+1, r.Name)
			all = append(all, r)
		}
	}
	return all, nil
}

// line is a line of the table with its cells taken apart.
type line struct {
	guardrails, variants, forms, partitions, who, mfa, actions, resources []string
	contexts                                                              []map[string][]string
	grants, why                                                           string
	want                                                                  enforce.Answer
	byAWS                                                                 bool
}

var answers = map[string]enforce.Answer{
	"allowed": enforce.Allowed, "denied": enforce.ExplicitlyDenied, "implicit": enforce.ImplicitlyDenied, "unknown": enforce.Unknown,
}

func parseLine(macros map[string]string, cells []string) (line, error) {
	if len(cells) != 12 {
		return line{}, fmt.Errorf("%d cells, want 12", len(cells))
	}
	list := func(i int) []string { return members(macros, cells[i]) }
	l := line{guardrails: list(0), variants: list(1), forms: list(2), partitions: list(3), who: list(4), grants: cells[5], mfa: list(6), actions: list(7), resources: list(8), why: cells[11]}
	if cells[3] == "*" {
		l.partitions = []string{"aws", "aws-cn", "aws-us-gov"}
	}
	word, byAWS := strings.CutSuffix(cells[10], "-by-aws")
	want, ok := answers[word]
	if !ok || l.grants != "own" && l.grants != "admin" || l.why == "" {
		return line{}, fmt.Errorf("expect %q, grants %q, why %q: one of them says nothing", cells[10], l.grants, l.why)
	}
	l.want, l.byAWS = want, byAWS
	contexts, err := parseContext(macros, cells[9])
	l.contexts = contexts
	return l, err
}

// members are the members of a cell, macros spelled out.
func members(macros map[string]string, cell string) []string {
	var all []string
	for _, m := range strings.Split(cell, ",") {
		if text, ok := macros[m]; ok {
			all = append(all, members(macros, text)...)
		} else {
			all = append(all, m)
		}
	}
	return all
}

// parseContext makes the cases of a context cell.
func parseContext(macros map[string]string, cell string) ([]map[string][]string, error) {
	all := []map[string][]string{{}}
	if cell == "-" {
		return all, nil
	}
	for _, pair := range strings.Split(cell, ";") {
		key, values, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("context %q is not key=value", pair)
		}
		var next []map[string][]string
		for _, so := range all {
			for _, value := range members(macros, values) {
				with := map[string][]string{key: strings.Split(value, "+")}
				for k, v := range so {
					with[k] = v
				}
				next = append(next, with)
			}
		}
		all = next
	}
	return all, nil
}

// expand makes a line's rows: of every document it speaks of, every request.
func expand(documents []document, macros map[string]string, cells []string) ([]Row, error) {
	l, err := parseLine(macros, cells)
	if err != nil {
		return nil, err
	}
	var all []Row
	for _, d := range documents {
		if !l.speaksOf(d) {
			continue
		}
		requests, err := l.requests(d)
		if err != nil {
			return nil, err
		}
		all = append(all, requests...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("it speaks of no document")
	}
	return all, nil
}

func (l line) speaksOf(d document) bool {
	named := slices.Contains(l.variants, "*") || slices.Contains(l.variants, d.variant)
	if strings.HasPrefix(l.variants[0], "!") {
		named = !slices.Contains(l.variants, "!"+d.variant)
	}
	o := d.options
	return named && slices.Contains(l.guardrails, string(o.Kind)) && slices.Contains(l.forms, string(o.Form)) && slices.Contains(l.partitions, o.Partition)
}

// requests are the rows of one document.
func (l line) requests(d document) ([]Row, error) {
	var all []Row
	for _, who := range l.who {
		for _, mfa := range l.mfa {
			for _, action := range l.actions {
				for _, resource := range l.resources {
					for _, context := range l.contexts {
						r, err := l.row(d, who, mfa, action, resource, context)
						if err != nil {
							return nil, err
						}
						all = append(all, r)
					}
				}
			}
		}
	}
	return all, nil
}

func (l line) row(d document, who, mfa, action, resource string, context map[string][]string) (Row, error) {
	r := Row{Why: l.why, Variant: d.variant, Options: d.options, Want: l.want, ByAWS: l.byAWS}
	var err error
	if r.Layers, err = d.layers(l.grants, resource); err != nil {
		return Row{}, err
	}
	r.Name = strings.Join([]string{string(d.options.Kind), d.variant, string(d.options.Form), d.options.Partition, who, l.grants, mfa, action, resource, describe(context)}, " ")
	if err := r.ask(who, mfa, action, resource, context); err != nil {
		return Row{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	return r, nil
}

func describe(context map[string][]string) string {
	var all []string
	for key, values := range context {
		all = append(all, key+"="+strings.Join(values, "+"))
	}
	slices.Sort(all)
	return strings.Join(all, ";")
}

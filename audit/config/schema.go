package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed rules.schema.json
var rulesSchema []byte

//go:embed exemptions.schema.json
var exemptionsSchema []byte

// RulesSchema is the JSON Schema (draft 2020-12) of a rules file, for editors
// and for other programs. Rules checks with the same one.
func RulesSchema() []byte { return bytes.Clone(rulesSchema) }

// ExemptionsSchema is the JSON Schema of an exemptions file.
func ExemptionsSchema() []byte { return bytes.Clone(exemptionsSchema) }

// schema is a JSON Schema, compiled for checking and as a document for telling
// which keys there are.
type schema struct {
	compiled *jsonschema.Schema
	document any
}

var (
	rulesForm      = sync.OnceValues(func() (schema, error) { return compile("urn:mfawatch:rules:v1", rulesSchema) })
	exemptionsForm = sync.OnceValues(func() (schema, error) { return compile("urn:mfawatch:exemptions:v1", exemptionsSchema) })
)

// compile reads a schema whose own $id is id.
func compile(id string, text []byte) (schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return schema{}, fmt.Errorf("read %s: %w", id, err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(id, doc); err != nil {
		return schema{}, fmt.Errorf("add %s: %w", id, err)
	}
	s, err := c.Compile(id)
	if err != nil {
		return schema{}, fmt.Errorf("compile %s: %w", id, err)
	}
	return schema{s, doc}, nil
}

// advice is what the schema itself says to who broke a rule of it: a $comment
// that begins with "fault: ".
func (s schema) advice(location string) string {
	comment, _ := s.at(location)["$comment"].(string)
	text, _ := strings.CutPrefix(comment, "fault: ")
	if text == comment {
		return ""
	}
	return text
}

// keys are the properties of the object that the schema describes at location.
func (s schema) keys(location string) []string {
	properties, _ := s.at(location)["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}

// enum are the words that the schema allows at location.
func (s schema) enum(location string) []string {
	words, _ := s.at(location)["enum"].([]any)
	var texts []string
	for _, w := range words {
		texts = append(texts, fmt.Sprint(w))
	}
	return texts
}

// at is the part of the schema at location, a URL whose fragment is a JSON
// pointer.
func (s schema) at(location string) map[string]any {
	_, fragment, _ := strings.Cut(location, "#")
	at := s.document
	for step := range strings.SplitSeq(strings.Trim(fragment, "/"), "/") {
		switch holder := at.(type) {
		case map[string]any:
			if step != "" {
				at = holder[step]
			}
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(holder) {
				return nil
			}
			at = holder[i]
		}
	}
	found, _ := at.(map[string]any)
	return found
}

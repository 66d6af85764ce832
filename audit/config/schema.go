package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed rules.schema.json
var rulesSchema []byte

// RulesSchema is the JSON Schema (draft 2020-12) of a rules file, for editors
// and for other programs. Rules checks with the same one.
func RulesSchema() []byte { return bytes.Clone(rulesSchema) }

// schemaID is the schema's own $id.
const schemaID = "urn:mfawatch:rules:v1"

// schema is the rules' schema, compiled for checking and as a document for
// telling which keys there are.
type schema struct {
	compiled *jsonschema.Schema
	document any
}

var compiled = sync.OnceValues(func() (schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(rulesSchema))
	if err != nil {
		return schema{}, fmt.Errorf("read %s: %w", schemaID, err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		return schema{}, fmt.Errorf("add %s: %w", schemaID, err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		return schema{}, fmt.Errorf("compile %s: %w", schemaID, err)
	}
	return schema{s, doc}, nil
})

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
	at, _ := s.document.(map[string]any)
	for step := range strings.SplitSeq(strings.Trim(fragment, "/"), "/") {
		if step != "" {
			at, _ = at[step].(map[string]any)
		}
	}
	return at
}

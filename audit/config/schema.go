package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"net/url"
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

//go:embed mfawatch.schema.json
var fileSchema []byte

// FileSchema is the JSON Schema of mfawatch.yaml. It refers to the other two.
func FileSchema() []byte { return bytes.Clone(fileSchema) }

// schema is a JSON Schema, compiled for checking, and the documents it is made
// of by their $id, for telling which keys there are.
type schema struct {
	compiled  *jsonschema.Schema
	documents map[string]any
}

// The $ids of the schemas.
const (
	rulesID      = "urn:mfawatch:rules:v1"
	exemptionsID = "urn:mfawatch:exemptions:v1"
	fileID       = "urn:mfawatch:file:v1"
)

var (
	rulesForm      = sync.OnceValues(func() (schema, error) { return compile(rulesID) })
	exemptionsForm = sync.OnceValues(func() (schema, error) { return compile(exemptionsID) })
	fileForm       = sync.OnceValues(func() (schema, error) { return compile(fileID) })
)

// compile makes the schema called id. All are known to it: one may refer to
// another.
func compile(id string) (schema, error) {
	c, s := jsonschema.NewCompiler(), schema{documents: map[string]any{}}
	for id, text := range map[string][]byte{rulesID: rulesSchema, exemptionsID: exemptionsSchema, fileID: fileSchema} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = c.AddResource(id, doc)
		}
		if err != nil {
			return schema{}, fmt.Errorf("read %s: %w", id, err)
		}
		s.documents[id] = doc
	}
	var err error
	if s.compiled, err = c.Compile(id); err != nil {
		return schema{}, fmt.Errorf("compile %s: %w", id, err)
	}
	return s, nil
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

// unescaped is one step of a JSON pointer in a URL (RFC 6901, section 6).
func unescaped(step string) string {
	if plain, err := url.PathUnescape(step); err == nil {
		step = plain
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
}

// textual tells whether the schema takes nothing but text at a path of the file.
func (s schema) textual(id string, path []string) bool {
	location := id + "#"
	for _, step := range append(path, "") {
		for {
			to, _ := s.at(location)["$ref"].(string)
			if to == "" {
				break
			}
			location = s.absolute(location, to)
		}
		if step == "" {
			return s.at(location)["type"] == "string"
		}
		location = s.below(location, step)
	}
	return false
}

// absolute is where a reference at location leads.
func (s schema) absolute(location, to string) string {
	if fragment, local := strings.CutPrefix(to, "#"); local {
		id, _, _ := strings.Cut(location, "#")
		return id + "#" + fragment
	}
	return to
}

// below is where the schema describes a step of the file: a field that it names,
// one of many, or an entry.
func (s schema) below(location, step string) string {
	here := s.at(location)
	if named, _ := here["properties"].(map[string]any); named[step] != nil {
		return location + "/properties/" + step
	}
	if many, _ := here["patternProperties"].(map[string]any); len(many) == 1 {
		for pattern := range many {
			return location + "/patternProperties/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(pattern))
		}
	}
	return location + "/items"
}

// at is the part of the schema at location, a URL whose fragment is a JSON
// pointer.
func (s schema) at(location string) map[string]any {
	id, fragment, _ := strings.Cut(location, "#")
	at := s.documents[id]
	for step := range strings.SplitSeq(strings.Trim(fragment, "/"), "/") {
		switch holder := at.(type) {
		case map[string]any:
			if step != "" {
				at = holder[unescaped(step)]
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

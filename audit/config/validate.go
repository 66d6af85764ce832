package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"mfawatch/audit"
	"mfawatch/audit/detect"
)

// validate checks a file against the schema and says each violation as a
// person would.
func validate(root *node, s schema) []*Fault {
	violation := (*jsonschema.ValidationError)(nil)
	switch err := s.compiled.Validate(root.value()); {
	case err == nil:
		return nil
	case !errors.As(err, &violation):
		return []*Fault{at(root.token, err.Error())}
	}
	v := violations{schema: s, root: root}
	v.add(violation)
	return v.faults
}

// violations collects the faults of a tree of schema violations.
type violations struct {
	schema schema
	root   *node
	faults []*Fault
}

// add descends to the violations that say something: groups, references and
// allOf only hold others. What anyOf holds are the ways that were not taken.
func (v *violations) add(e *jsonschema.ValidationError) {
	if _, any := e.ErrorKind.(*kind.AnyOf); !any && len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			v.add(cause)
		}
		return
	}
	place, path, key := v.locate(e.InstanceLocation)
	if place.partial && (place.fields == nil || absence(e.ErrorKind)) {
		return // its own fault says more
	}
	subject := subject{schema: v.schema, url: e.SchemaURL, node: place, path: path, key: key, parent: v.parent(e.InstanceLocation)}
	v.faults = append(v.faults, subject.say(e.ErrorKind)...)
}

func absence(k jsonschema.ErrorKind) bool {
	switch k.(type) {
	case *kind.Required, *kind.AnyOf:
		return true
	}
	return false
}

// locate finds the node at an instance location, its path as people write it
// and the name of the field it is in.
func (v *violations) locate(location []string) (place *node, path, key string) {
	place = v.root
	for _, step := range location {
		switch {
		case place.list:
			path += "[" + step + "]"
		default:
			path, key = under(path, step), step
		}
		place = place.child(step)
	}
	return place, path, key
}

func (v *violations) parent(location []string) *node {
	if len(location) == 0 {
		return nil
	}
	n, _, _ := v.locate(location[:len(location)-1])
	return n
}

// subject is what a violation is about.
type subject struct {
	schema schema
	url    string // of the schema that was violated
	node   *node
	parent *node
	path   string
	key    string
}

// say turns one violation into faults: one for each key where the schema names
// several, none where another violation says the same.
func (s subject) say(k jsonschema.ErrorKind) []*Fault {
	switch k := k.(type) {
	case *kind.AdditionalProperties:
		return s.unknownKeys(k.Properties)
	case *kind.Required:
		return s.missing(k.Missing)
	case *kind.Type:
		return s.fault(s.wrongType(k))
	case *kind.Enum:
		return s.fault(s.notAllowed(k))
	case *kind.Const:
		return s.fault(s.notThat(k))
	}
	return s.fault(s.outOfBounds(k))
}

func (s subject) fault(problem string) []*Fault {
	if problem == "" {
		return nil
	}
	f := at(s.node.token, problem)
	f.Field = s.path
	return []*Fault{f}
}

func (s subject) unknownKeys(keys []string) []*Fault {
	allowed := s.schema.keys(s.url)
	var faults []*Fault
	for _, key := range keys {
		problem := "no such field" + meant(key, allowed) + " fields here are " + strings.Join(allowed, ", ")
		if len(allowed) == 0 {
			problem = s.schema.advice(s.url)
		}
		f := at(s.node.fields[key].key, problem)
		f.Field = under(s.path, key)
		faults = append(faults, f)
	}
	return faults
}

func (s subject) missing(keys []string) []*Fault {
	var faults []*Fault
	for _, key := range keys {
		problem := "missing"
		if key == "version" {
			problem += `; the file needs the line "version: 1"`
		}
		f := at(s.node.token, problem)
		f.Field = under(s.path, key)
		faults = append(faults, f)
	}
	return faults
}

// typeNames are the JSON types as people call them.
var typeNames = map[string]string{
	"boolean": "true or false", "integer": "a whole number", "number": "a number",
	"string": "text", "array": "a list", "object": "fields (name: value)", "null": "nothing",
}

func (s subject) wrongType(k *kind.Type) string {
	want := slices.DeleteFunc(slices.Clone(k.Want), func(t string) bool { return t == "null" })[0]
	text, isText := s.node.scalar.(string)
	got := typeNames[k.Got]
	if s.node.fields == nil && !s.node.list && s.node.scalar != nil {
		got = quote(s.node.token.Value)
	}
	switch {
	case want == "string":
		return s.notAWord(got)
	case isText && s.node.quoted && want != "array" && want != "object":
		return fmt.Sprintf("want %s, not the text %s; remove the quotes", typeNames[want], quote(text))
	}
	return fmt.Sprintf("want %s, not %s", typeNames[want], got)
}

const lengths = "write a length of time such as 90s, 15m or 24h"

// nouns are what the values of a field are called.
var nouns = map[string]string{
	"reason": "a reason", "principal": "a principal kind", "severity": "a severity", "id": "a check", "checks": "a check that anybody can be exempt from",
	"hardware": "a setting", "fido": "a setting", "kind": "a kind", "grade": "a grade",
	"mode": "a mode", "object_lock": "a lock", "profile": "a guardrail", "attach": "a place", "fido_levels": "a certification", "formats": "a format",
	"cis_version": "a version", "filters": "a filter", "form": "a form",
}

// notAWord is something else than text where a word or a length of time belongs.
func (s subject) notAWord(got string) string {
	switch allowed := s.schema.enum(s.url); {
	case strings.HasSuffix(s.url, "/$defs/window"):
		return got + " cannot be read; " + lengths
	case s.schema.advice(s.url) != "":
		return got + " cannot be read; " + s.schema.advice(s.url)
	case len(allowed) == 0:
		return "want text, not " + got
	case s.node.token != nil && slices.Contains(allowed, s.node.token.Value): // 6.0 is a number to YAML
		return "want text; write it in quotes: " + quote(s.node.token.Value)
	}
	return fmt.Sprintf("%s is not %s; allowed are %s", got, nouns[s.key], strings.Join(s.schema.enum(s.url), ", "))
}

func (s subject) notAllowed(k *kind.Enum) string {
	got, isText := k.Got.(string)
	if strings.Contains(s.url, "/then/") {
		return s.tooMild(got, k.Want)
	}
	if !isText {
		return "" // the type is wrong, and that was said
	}
	allowed := s.schema.enum(s.url)
	advice := meant(got, allowed)
	if len(allowed) > 15 && advice != ";" {
		return fmt.Sprintf("%s is not %s%s docs/checks.md lists all", quote(got), nouns[s.key], advice)
	}
	return fmt.Sprintf("%s is not %s%s allowed are %s", quote(got), nouns[s.key], advice, strings.Join(allowed, ", "))
}

// tooMild is a severity below the floor of root.
func (s subject) tooMild(got string, want []any) string {
	if !slices.ContainsFunc(audit.Severities(), func(a audit.Severity) bool { return a.String() == got }) {
		return "" // not a severity at all, and that was said
	}
	return fmt.Sprintf("root cannot be lowered: %s is %v or worse; raise it or leave it out", s.entry(), want[0])
}

func (s subject) notThat(k *kind.Const) string {
	if s.key == "version" {
		return fmt.Sprintf("version %v is not known; this program reads version %v", k.Got, k.Want)
	}
	if k.Got != false {
		return "" // the type is wrong, and that was said
	}
	return fmt.Sprintf("root cannot be silenced: %s always alerts; write true or leave it out", s.entry())
}

// entry names what the entry that this field belongs to is about.
func (s subject) entry() string {
	if id := s.sibling("id"); id != "" {
		return id
	}
	return s.sibling("reason") + " of root"
}

// sibling is the text of another field of the same entry.
func (s subject) sibling(key string) string {
	if n := s.parent.child(key); n != nil {
		if text, ok := n.scalar.(string); ok {
			return text
		}
	}
	return ""
}

func (s subject) outOfBounds(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.AnyOf:
		return s.lacking()
	case *kind.FalseSchema:
		return s.noSuchSetting()
	case *kind.Minimum:
		return fmt.Sprintf("%s is too small; at least %s", s.node.token.Value, k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("%s is too large; at most %s", s.node.token.Value, k.Want.RatString())
	case *kind.MaxItems:
		return fmt.Sprintf("%d entries; at most %d", k.Got, k.Want)
	case *kind.MinLength:
		if k.Got > 0 {
			return fmt.Sprintf("is too short; at least %d characters", k.Want)
		}
		return "is empty"
	case *kind.MaxLength:
		return fmt.Sprintf("%d characters; at most %d", k.Got, k.Want)
	case *kind.MinItems:
		return "is empty; name some or leave the field out"
	case *kind.UniqueItems:
		return "an entry is given twice"
	case *kind.DependentRequired:
		return fmt.Sprintf("%s needs %s beside it", k.Prop, strings.Join(k.Missing, ", "))
	case *kind.Pattern:
		if strings.HasSuffix(s.url, "/$defs/url") {
			return "it cannot be read; " + s.schema.advice(s.url) // it may hold a key, and is not repeated
		}
		if advice := s.schema.advice(s.url); advice != "" {
			return quote(k.Got) + " cannot be read; " + advice
		}
		if strings.Contains(s.url, "/then") {
			return quote(k.Got) + " is no time at all; " + lengths
		}
		return quote(k.Got) + " cannot be read; " + lengths
	}
	return "not allowed here: " + strings.Join(k.KeywordPath(), " ")
}

// noSuchSetting is a threshold or window of a check without one. Of a check
// that does not exist nobody can tell, and that was said.
func (s subject) noSuchSetting() string {
	id := s.sibling("id")
	if !slices.ContainsFunc(detect.Checks(), func(c detect.Check) bool { return c.ID == id }) {
		return ""
	}
	return fmt.Sprintf("%s has no %s; remove it", id, s.key)
}

// lacking is an entry without any of the fields of which it needs one. Where a
// field is misspelt, that was said and is the likelier fault.
func (s subject) lacking() string {
	whole, _, _ := strings.Cut(s.url, "/allOf/")
	keys := s.schema.keys(whole)
	for key := range s.node.fields {
		if !slices.Contains(keys, key) {
			return ""
		}
	}
	if advice := s.schema.advice(s.url); advice != "" {
		return advice
	}
	settings := slices.DeleteFunc(keys, func(k string) bool { return k == "reason" || k == "principal" || k == "id" })
	return "this entry changes nothing; set " + strings.Join(settings, ", ")
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mfawatch/audit/config"
)

// part is a part of a JSON Schema, with its properties in the order that they are
// written in.
type part struct {
	Ref         string `json:"$ref"`
	Description string
	Default     json.RawMessage
	Type        any
	Enum        []string
	Minimum     *int
	Maximum     *int
	Properties  ordered
	Patterns    map[string]part `json:"patternProperties"`
	Items       *part
	Required    []string
	Defs        ordered `json:"$defs"`

	def string // the definition that it was found in
}

// ordered are named parts.
type ordered []struct {
	name string
	part part
}

func (o *ordered) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var p part
		if err := d.Decode(&p); err != nil {
			return err
		}
		*o = append(*o, struct {
			name string
			part part
		}{fmt.Sprint(name), p})
	}
	return nil
}

func (o ordered) named(name string) part {
	for _, p := range o {
		if p.name == name {
			return p.part
		}
	}
	return part{}
}

// page writes docs/config.md out of the schemas.
type page struct {
	strings.Builder
	documents map[string]part // by $id
}

// configPage is docs/config.md.
func configPage() (string, error) {
	p := page{documents: map[string]part{}}
	for id, text := range map[string][]byte{"": config.FileSchema(), "urn:mfawatch:rules:v1": config.RulesSchema(), "urn:mfawatch:exemptions:v1": config.ExemptionsSchema()} {
		var doc part
		if err := json.Unmarshal(text, &doc); err != nil {
			return "", fmt.Errorf("read the schema %s: %w", id, err)
		}
		p.documents[id] = doc
	}
	p.WriteString(pageIntro)
	var sections []string
	top := p.documents[""].Properties
	if len(top) == 0 {
		return "", errors.New("the schema has no properties")
	}
	p.table()
	for _, o := range top {
		at, id := p.resolved(o.part, "")
		if o.name != "kms" && len(p.inner(at, id)) > 0 {
			sections = append(sections, o.name)
			continue
		}
		p.row(o.name, o.part, "", false)
		p.rows(o.name, at, id)
	}
	for _, name := range sections {
		at, id := p.resolved(top.named(name), "")
		fmt.Fprintf(&p, "\n## `%s`\n\n%s\n\n", name, at.Description)
		p.table()
		p.rows(name, at, id)
	}
	p.WriteString(pageEnd)
	return p.String(), nil
}

func (p *page) table() {
	p.WriteString("| key | takes | default | what, and why |\n| --- | --- | --- | --- |\n")
}

// resolved follows references. Beside one stand words that are meant for this place.
func (p *page) resolved(at part, id string) (part, string) {
	for at.Ref != "" {
		to, pointer, _ := strings.Cut(at.Ref, "#")
		if to != "" {
			id = to
		}
		found := p.documents[id]
		steps := strings.Split(strings.Trim(pointer, "/"), "/")
		for i := 0; i+1 < len(steps); i += 2 {
			if steps[i] == "$defs" {
				found = found.Defs.named(steps[i+1])
			} else {
				found = found.Properties.named(steps[i+1])
			}
		}
		found.def = steps[len(steps)-1]
		if at.Description != "" {
			found.Description = at.Description
		}
		if at.Default != nil {
			found.Default = at.Default
		}
		at = found
	}
	return at, id
}

// inner are the properties of a mapping, or of the entries of a list.
func (p *page) inner(at part, id string) ordered {
	if len(at.Properties) > 0 || at.Items == nil {
		return at.Properties
	}
	entry, _ := p.resolved(*at.Items, id)
	return entry.Properties
}

// rows are the keys below a section.
func (p *page) rows(path string, at part, id string) {
	required := at.Required
	if at.Items != nil && len(at.Properties) == 0 {
		entry, of := p.resolved(*at.Items, id)
		at, id, path, required = entry, of, path+"[]", entry.Required
	}
	for _, o := range at.Properties {
		p.row(path+"."+o.name, o.part, id, slices.Contains(required, o.name))
		if in, of := p.resolved(o.part, id); len(p.inner(in, of)) > 0 {
			p.rows(path+"."+o.name, in, of)
		}
	}
}

func (p *page) row(path string, at part, id string, needed bool) {
	at, id = p.resolved(at, id)
	holds, says := "", at.Description
	if written := saidDefault.FindStringSubmatch(says); written != nil {
		holds, says = "`"+written[1]+"`", strings.TrimSpace(strings.TrimSuffix(says, written[0]))
	}
	switch text := strings.ReplaceAll(string(at.Default), `"`, ""); {
	case text != "":
		holds = "`" + text + "`"
	case needed || path == "version":
		holds = "needed"
	case path == "account" || path == "home_region":
		holds = "needed to deploy"
	}
	fmt.Fprintf(p, "| `%s` | %s | %s | %s |\n", path, p.takes(at, id), holds, strings.ReplaceAll(says, "|", `\|`))
}

// saidDefault is how the schemas of rules say a default.
var saidDefault = regexp.MustCompile(`Default (\S+)\.$`)

// defined are what the values of some definitions are called.
var defined = map[string]string{
	"window": "a length of time", "span": "days or hours", "days": "days", "region": "a Region", "account": "an account", "key": "an ARN", "url": "an https URL", "users": "a list of ARNs", "policies": "a list of ARNs",
}

// takes are the values of a key.
func (p *page) takes(at part, id string) string {
	if text, ok := defined[at.def]; ok {
		return text
	}
	var kinds []string
	switch t := at.Type.(type) {
	case string:
		kinds = []string{t}
	case []any:
		for _, kind := range t {
			kinds = append(kinds, fmt.Sprint(kind))
		}
	}
	var all []string
	for _, kind := range kinds {
		if text := p.kind(kind, at, id); text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", or ")
}

func (p *page) kind(kind string, at part, id string) string {
	switch kind {
	case "boolean":
		return "true, false"
	case "integer":
		if at.Minimum != nil && at.Maximum != nil {
			return fmt.Sprintf("%d to %d", *at.Minimum, *at.Maximum)
		}
		return "a number"
	case "array":
		entry, of := p.resolved(*at.Items, id)
		if len(entry.Enum) > 0 && len(entry.Enum) < 20 {
			return "a list of " + p.kind("string", entry, of)
		}
		return "a list"
	case "object":
		if len(at.Properties) == 0 {
			return "names and values"
		}
		return "keys"
	case "string":
		switch {
		case len(at.Enum) > 20:
			return "an id"
		case len(at.Enum) > 0:
			return "`" + strings.Join(at.Enum, "`, `") + "`"
		case len(at.Items.enum()) > 0 || at.Items != nil || len(at.Properties) > 0:
			return "a word"
		}
		return "text"
	}
	return "" // null: as if it were not there
}

func (p *part) enum() []string {
	if p == nil {
		return nil
	}
	return p.Enum
}

const pageIntro = `# mfawatch.yaml

Written by ` + "`mfawatch config schema --format markdown`" + `; a test holds this page against the
schema, and another the defaults against the code.

One file says where mfawatch is deployed, with which parts, who is told, and by which
rules the functions judge. ` + "`mfawatch config init`" + ` writes a first one, ` + "`mfawatch config check`" + `
tells all of its faults and what it deploys, ` + "`mfawatch config schema`" + ` prints the JSON Schema
for an editor. An unknown key is a fault, and so is one that would do nothing.

A single key can be given from outside, as CDK's context: ` + "`cdk deploy -c trail.create.object_lock=governance`" + `,
` + "`mfawatch config check -c regions=[eu-north-1,us-east-1]`" + `. The value is read as YAML; ` + "`null`" + ` is as if
the file did not say it; an entry of a list is its number, the first is 0. Faults of such a
value name ` + "`-c KEY`" + `. A key of ` + "`tags`" + ` with a dot in its name cannot be given so.

Days are written ` + "`400d`" + `, other lengths of time ` + "`90s`, `15m`, `1h30m`" + `. An account is its twelve
digits in quotes: some begin with a zero.

`

const pageEnd = `
## What is not here

- No secret belongs into the file. The URLs of ` + "`https`, `pagerduty` and `heartbeat`" + ` are as good as
  keys: keep the file where you would keep them. Errors and the table of ` + "`config check`" + ` do not
  repeat them.
- Queues and keys of other accounts: their policies are not ours to write.
- Known Regions are those of this version. AWS opens new ones; a version that knows them follows.
- That Amazon Q Developer in chat applications takes topics of partition aws only is read from
  its API reference, whose ARNs are all of that partition. Nobody tried the others.
`

package signin

import (
	"bytes"
	"encoding/json"
	"strings"
)

// fields is one JSON object of a record, its values undecoded. Keys are looked
// up exactly first; exports that fold case (Athena, SIEM copies) come second,
// unless two keys fold to the same: then neither is read.
type fields map[string]json.RawMessage

func (f fields) raw(key string) json.RawMessage {
	if v, ok := f[key]; ok {
		return v
	}
	var folded json.RawMessage
	for k, v := range f {
		if strings.EqualFold(k, key) {
			if folded != nil {
				return nil
			}
			folded = v
		}
	}
	return folded
}

// text reads a scalar as text: CloudTrail writes some booleans as strings and
// exports write them as booleans. Objects, lists and null read as "".
func (f fields) text(key string) string { return scalar(f.raw(key)) }

// object reads a nested object, or a text that holds one: some exports write
// nested objects as JSON text or as {key=value, …}.
func (f fields) object(key string) fields {
	o, _ := object(f.raw(key))
	return o
}

// tri reads a yes or no in any of its spellings; anything else is Unrecorded
// and comes back as written.
func (f fields) tri(key string) (Tri, string) {
	s := f.text(key)
	switch strings.ToLower(s) {
	case "yes", "true":
		return Yes, ""
	case "no", "false":
		return No, ""
	}
	return Unrecorded, s
}

func scalar(raw json.RawMessage) string {
	switch {
	case len(raw) == 0, raw[0] == '{', raw[0] == '[', bytes.Equal(raw, []byte("null")):
		return ""
	case raw[0] != '"':
		return string(raw)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// object reads raw as an object. ok is false when it is something else than an
// object, a text that holds one, null or nothing.
func object(raw json.RawMessage) (f fields, ok bool) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, true
	}
	if raw[0] == '{' {
		err := json.Unmarshal(raw, &f)
		return f, err == nil
	}
	if raw[0] != '"' {
		return nil, false
	}
	s := strings.TrimSpace(scalar(raw))
	if s == "" {
		return nil, true
	}
	if s[0] != '{' {
		return nil, false
	}
	if json.Unmarshal([]byte(s), &f) == nil {
		return f, true
	}
	return braces(s)
}

// braces reads the {key=value, key={…}} form that Athena and some SIEM exports
// print for a struct. Its values are not quoted, and whoever signs in chooses
// some of them (LoginTo, a user name), so a text in which a key comes twice or
// a bracket stays open is not read at all: it could forge a field.
func braces(s string) (fields, bool) {
	if !strings.HasSuffix(s, "}") {
		return nil, false
	}
	parts, balanced := splitTop(s[1 : len(s)-1])
	if !balanced || !opens(parts[0]) {
		return nil, false
	}
	f, seen := fields{}, map[string]bool{}
	for len(parts) > 0 {
		end := 1
		for end < len(parts) && !opens(parts[end]) {
			end++ // a comma inside the value
		}
		key, value, _ := strings.Cut(strings.Join(parts[:end], ","), "=")
		key = strings.TrimSpace(key)
		if seen[strings.ToLower(key)] {
			return nil, false
		}
		seen[strings.ToLower(key)] = true
		if value == "null" {
			value = ""
		}
		f[key], _ = json.Marshal(value)
		parts = parts[end:]
	}
	return f, true
}

// opens tells whether a part of a struct's text starts a new key=value pair.
func opens(part string) bool {
	key, _, found := strings.Cut(part, "=")
	key = strings.TrimSpace(key)
	return found && key != "" && !strings.ContainsAny(key, " /?:&{")
}

// splitTop splits at commas that are not inside nested braces or brackets, and
// tells whether these were balanced.
func splitTop(s string) (parts []string, balanced bool) {
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, s[start:]), depth == 0
}

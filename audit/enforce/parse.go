package enforce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"mfawatch/audit"
)

// mostBytes bounds a document: the longest that AWS stores is 10,240 characters
// without white space (IAM and Organizations quotas).
const mostBytes = 1 << 20

// Parse reads a policy document. name is what errors and decisions call it. It is
// as strict as IAM is: an element that IAM does not know, one that is there twice
// or of another form, is an error with its line.
func Parse(name, text string) (Document, error) {
	d := Document{Name: name}
	r := &reader{text: []byte(text)}
	if len(text) > mostBytes {
		return d, fmt.Errorf("policy %q: %d bytes are more than any policy has", name, len(text))
	}
	r.json = json.NewDecoder(bytes.NewReader(r.text))
	r.json.UseNumber()
	if err := r.document(&d); err != nil {
		return Document{Name: name}, fmt.Errorf("policy %q: %w", name, err)
	}
	return d, nil
}

// reader reads JSON with the lines it stands on, and element names as they are
// spelled: to encoding/json's structures "effect" is Effect, to IAM it is not.
type reader struct {
	text []byte
	json *json.Decoder
	line int // of the last token
	at   int // how far line was counted

	entries []int // the lines of the values that texts read last
}

func (r *reader) token() (json.Token, error) {
	t, err := r.json.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	end := int(r.json.InputOffset())
	r.line += bytes.Count(r.text[r.at:end], []byte{'\n'})
	r.at = end
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", r.line+1, audit.NotJSON(err))
	}
	return t, nil
}

func (r *reader) wrong(format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{r.line + 1}, args...)...)
}

// object reads an object and gives each element to read, which reads its value.
func (r *reader) object(what string, element func(name string) error) error {
	t, err := r.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return r.wrong("%s is no object", what)
	}
	return r.members(what, element)
}

// members reads an object's elements after its brace.
func (r *reader) members(what string, element func(name string) error) error {
	seen := map[string]bool{}
	for {
		t, err := r.token()
		if err != nil {
			return err
		}
		name, isName := t.(string)
		switch {
		case !isName:
			return nil // the closing brace: the decoder takes nothing else here
		case seen[name]:
			return r.wrong("%s has %q twice", what, name)
		}
		seen[name] = true
		if err := element(name); err != nil {
			return err
		}
	}
}

func (r *reader) document(d *Document) error {
	statements := false
	err := r.object("the document", func(name string) (err error) {
		switch name {
		case "Version":
			d.Version, err = r.one(name, "2012-10-17", "2008-10-17")
		case "Id":
			d.ID, err = r.one(name)
		case "Statement":
			statements = true
			err = r.statements(d)
		default:
			err = r.wrong("%q is no element of a policy: Version, Id, Statement", name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := r.json.Token(); err != io.EOF {
		return r.wrong("something follows the policy")
	}
	if !statements {
		return r.wrong("Statement is missing")
	}
	return nil
}

// statements reads one statement or a list of them.
func (r *reader) statements(d *Document) error {
	return r.oneOrMany("Statement", func(t json.Token) error {
		if t != json.Delim('{') {
			return r.wrong("Statement holds something that is no object")
		}
		s := Statement{Index: len(d.Statements), Line: r.line + 1, Lines: map[string]int{}, Entries: map[string][]int{}}
		if err := r.members(s.called(), func(name string) error { return r.element(&s, name) }); err != nil {
			return err
		}
		if err := s.check(); err != nil {
			return err
		}
		d.Statements = append(d.Statements, s)
		return nil
	})
}

// oneOrMany reads a value, or each value of a list.
func (r *reader) oneOrMany(what string, value func(json.Token) error) error {
	t, err := r.token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return value(t)
	}
	for {
		t, err := r.token()
		switch {
		case err != nil:
			return err
		case t == json.Delim(']'):
			return nil
		case t == json.Delim('['):
			return r.wrong("%s holds a list in a list", what)
		}
		if err := value(t); err != nil {
			return err
		}
	}
}

// called is what errors call a statement.
func (s *Statement) called() string {
	if s.Sid != "" {
		return fmt.Sprintf("statement %d (%s)", s.Index+1, s.Sid)
	}
	return fmt.Sprintf("statement %d", s.Index+1)
}

func (r *reader) element(s *Statement, name string) (err error) {
	s.Lines[name] = r.line + 1
	switch name {
	case "Sid":
		s.Sid, err = r.one(name)
	case "Effect":
		s.Effect, err = r.one(name, Allow, Deny)
	case "Action":
		s.Actions, err = r.texts(name)
	case "NotAction":
		s.NotActions, err = r.texts(name)
	case "Resource":
		s.Resources, err = r.texts(name)
	case "NotResource":
		s.NotResources, err = r.texts(name)
	case "Principal":
		s.Principals, err = r.principals(name)
	case "NotPrincipal":
		s.NotPrincipals, err = r.principals(name)
	case "Condition":
		err = r.conditions(s)
	default:
		err = r.wrong("%s: %q is no element of a statement", s.called(), name)
	}
	if slices.Contains([]string{"Action", "NotAction", "Resource", "NotResource"}, name) {
		s.Entries[name] = r.entries
	}
	return err
}

// check is what IAM's grammar asks of a statement as a whole.
func (s *Statement) check() error {
	for _, pair := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		if s.Lines[pair[0]] > 0 && s.Lines[pair[1]] > 0 {
			return fmt.Errorf("line %d: %s has both %s and %s", s.Line, s.called(), pair[0], pair[1])
		}
	}
	switch {
	case s.Effect == "":
		return fmt.Errorf("line %d: %s has no Effect: Allow or Deny", s.Line, s.called())
	case s.Lines["Action"] == 0 && s.Lines["NotAction"] == 0:
		return fmt.Errorf("line %d: %s has neither Action nor NotAction", s.Line, s.called())
	}
	return nil
}

// one reads a text, of the allowed ones where there are some.
func (r *reader) one(what string, allowed ...string) (string, error) {
	t, err := r.token()
	if err != nil {
		return "", err
	}
	text, isText := t.(string)
	switch {
	case !isText:
		return "", r.wrong("%s is no text", what)
	case len(allowed) > 0 && !slices.Contains(allowed, text):
		return "", r.wrong("%s is %q: it is one of %s", what, text, strings.Join(allowed, ", "))
	}
	return text, nil
}

// texts reads a text or a list of them. An empty list is allowed to stand, and
// matches nothing.
func (r *reader) texts(what string) ([]string, error) {
	all := []string{}
	r.entries = nil
	err := r.oneOrMany(what, func(t json.Token) error {
		text, isText := t.(string)
		if !isText {
			return r.wrong("%s holds something that is no text", what)
		}
		all = append(all, text)
		r.entries = append(r.entries, r.line+1)
		return nil
	})
	return all, err
}

// principals reads "*", or an object of types with values.
func (r *reader) principals(what string) ([]PrincipalPattern, error) {
	t, err := r.token()
	switch {
	case err != nil:
		return nil, err
	case t == "*":
		return []PrincipalPattern{{"AWS", "*"}}, nil
	case t != json.Delim('{'):
		return nil, r.wrong(`%s is neither "*" nor an object`, what)
	}
	all := []PrincipalPattern{}
	err = r.members(what, func(kind string) error {
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, kind) {
			return r.wrong("%s: %q is no type of principal: AWS, Service, Federated, CanonicalUser", what, kind)
		}
		values, err := r.texts(kind)
		for _, v := range values {
			all = append(all, PrincipalPattern{kind, v})
		}
		return err
	})
	return all, err
}

// conditions reads {operator: {key: value or values}}.
func (r *reader) conditions(s *Statement) error {
	return r.object("Condition", func(operator string) error {
		return r.object(operator, func(key string) error {
			c := Condition{Operator: operator, Key: key, Line: r.line + 1, Values: []string{}}
			err := r.oneOrMany(key, func(t json.Token) error {
				value, err := r.scalar(key, t)
				c.Values = append(c.Values, value)
				return err
			})
			s.Conditions = append(s.Conditions, c)
			return err
		})
	})
}

// scalar is a condition's value as text: IAM takes true and 5 as it takes "true"
// and "5".
func (r *reader) scalar(key string, t json.Token) (string, error) {
	switch t := t.(type) {
	case string:
		return t, nil
	case bool:
		return fmt.Sprint(t), nil
	case json.Number:
		return t.String(), nil
	}
	return "", r.wrong("the condition on %s has a value that is neither text, number nor true or false", key)
}

package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

const (
	// MostBytes bounds a file. The longest policy that AWS stores is a key's, of
	// 32 KB (KMS quotas); white space and an encoding may make four times as much.
	MostBytes = 128 << 10
	// mostStatements bounds the work: every statement is held against every other. A
	// service control policy of 10,240 characters (Organizations quotas) has room for
	// 220.
	mostStatements = 300
	// mostWrappings is how often a document may be wrapped: an answer of AWS with a
	// text with the document.
	mostWrappings = 3
)

// reading is what a file holds.
type reading struct {
	document enforce.Document
	text     string // the document's
	kind     Kind
	from     string // what told the kind
	within   string // PolicyVersion.Document
}

// read takes the document out of a file: the document itself, or an answer of the
// AWS CLI that carries one as an object or as a text, percent-encoded or not.
func read(name string, data []byte) (reading, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(data) > MostBytes {
		return reading{}, fmt.Errorf("%s: more than %d bytes: no policy is as long", name, MostBytes)
	}
	if i := invalid(data); i >= 0 {
		return reading{}, fmt.Errorf("%s: line %d: not UTF-8; save the file in that encoding", name, 1+bytes.Count(data[:i], []byte{'\n'}))
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return reading{}, fmt.Errorf("%s: empty; give a policy document in JSON", name)
	}
	u := unwrapping{name: name, text: string(data)}
	if err := u.unwrap(); err != nil {
		return reading{}, err
	}
	d, err := enforce.Parse(u.called(), u.text)
	if err != nil {
		return reading{}, unquoted(err, u.called())
	}
	d.Name = name
	if len(d.Statements) == 0 {
		return reading{}, fmt.Errorf("%s: Statement is empty: there is no statement to explain", u.called())
	}
	if len(d.Statements) > mostStatements {
		return reading{}, fmt.Errorf("%s: %d statements: no policy has more than %d", name, len(d.Statements), mostStatements)
	}
	r := reading{document: d, text: strings.TrimSpace(u.text), kind: u.kind, from: "AWS's answer says so", within: strings.Join(u.within, ".")}
	if r.kind == "" {
		r.kind, r.from = kindOf(&d)
	}
	return r, nil
}

// unquoted is a parser's error that begins as every other one of a file does.
func unquoted(err error, name string) error {
	text := strings.TrimPrefix(err.Error(), fmt.Sprintf("policy %q: ", name))
	return fmt.Errorf("%s: %s", name, text)
}

// invalid is where text is not UTF-8, or -1.
func invalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// unwrapping is a text on its way to the document in it.
type unwrapping struct {
	name   string
	text   string
	within []string
	kind   Kind
}

// called is what errors call the text: its lines are the file's unless it was a
// text within it.
func (u *unwrapping) called() string {
	if len(u.within) == 0 {
		return u.name
	}
	return u.name + ", " + strings.Join(u.within, ".")
}

func (u *unwrapping) unwrap() error {
	for range mostWrappings {
		text := strings.TrimSpace(u.text)
		var err error
		more := false
		switch {
		case strings.HasPrefix(text, "%7B"), strings.HasPrefix(text, "%7b"):
			u.text, err = url.PathUnescape(text)
			more = true
			if err != nil {
				return fmt.Errorf("%s: not percent-encoded as IAM's answers are: %v", u.called(), err)
			}
		case strings.HasPrefix(text, `"`):
			if err = json.Unmarshal([]byte(text), &u.text); err != nil {
				return fmt.Errorf("%s: not a JSON string: %v", u.called(), err)
			}
			more = true
		case strings.HasPrefix(text, "{"):
			more, err = u.open()
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// An answer is a call of the AWS CLI that carries a document.
type answer struct {
	path []string // of elements, to the document
	kind Kind     // empty: told by content
}

// answers are the calls' shapes (AWS CLI reference: get-policy-version,
// get-user-policy, get-group-policy, get-role-policy, get-role, describe-policy,
// get-bucket-policy, get-key-policy).
var answers = []answer{
	{[]string{"PolicyVersion", "Document"}, ""},
	{[]string{"PolicyDocument"}, ""},
	{[]string{"Role", "AssumeRolePolicyDocument"}, Trust},
	{[]string{"AssumeRolePolicyDocument"}, Trust},
	{[]string{"Policy", "Content"}, ""},
	{[]string{"Policy"}, ""},
}

// open looks for a document in an object. A document itself is left as it is.
func (u *unwrapping) open() (bool, error) {
	object, err := elements(u.text)
	if _, document := object.get("Statement"); document {
		return false, nil // the parser says what is wrong with it
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", u.called(), err)
	}
	for _, a := range answers {
		value, offset, found := object.follow(u.text, a.path)
		if !found {
			continue
		}
		u.kind = a.kind
		u.note(object)
		u.within = append(u.within, strings.Join(a.path, "."))
		// An object keeps its place: the lines are the file's.
		u.text = strings.Repeat("\n", strings.Count(u.text[:offset], "\n")) + value
		return true, nil
	}
	names := object.names()
	if len(names) > 8 {
		names = append(names[:8], "…")
	}
	if _, described := object.get("DefaultVersionId"); described {
		return false, fmt.Errorf("%s: aws iam get-policy answers without the document: take aws iam get-policy-version", u.called())
	}
	return false, fmt.Errorf("%s: neither a policy document, which has a Statement, nor an answer of AWS that carries one: it has %s", u.called(), strings.Join(names, ", "))
}

// note takes what an answer says of its document's kind.
func (u *unwrapping) note(object object) {
	if _, role := object.get("RoleName"); role && u.kind == "" {
		u.kind = Role
	}
	_, user := object.get("UserName")
	if _, group := object.get("GroupName"); user || group {
		u.kind = Identity
	}
	var described struct{ PolicySummary struct{ Type string } }
	if policy, found := object.get("Policy"); found && json.Unmarshal([]byte(policy.raw), &described) == nil {
		switch described.PolicySummary.Type {
		case "SERVICE_CONTROL_POLICY":
			u.kind = SCP
		case "RESOURCE_CONTROL_POLICY":
			u.kind = RCP
		}
	}
}

// element is one element of an object and where its value begins.
type element struct {
	name, raw string
	at        int
}

type object []element

// elements reads an object's elements without reading their values, as far as it
// can. One that is there twice is refused: two readers would see two documents.
func elements(text string) (object, error) {
	d := json.NewDecoder(strings.NewReader(text))
	wrong := func(format string, args ...any) error {
		line := 1 + strings.Count(text[:d.InputOffset()], "\n")
		return fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, wrong("not a JSON object")
	}
	var all object
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, _ := t.(string) // the decoder takes nothing else here
		var raw json.RawMessage
		switch {
		case err != nil:
			return all, wrong("%w", audit.NotJSON(err))
		case seen[name]:
			return all, wrong("%q is there twice", name)
		}
		seen[name] = true
		if err := d.Decode(&raw); err != nil {
			return all, wrong("%w", audit.NotJSON(err))
		}
		all = append(all, element{name, string(raw), int(d.InputOffset()) - len(raw)})
	}
	if _, err := d.Token(); err != nil {
		return all, wrong("%w", audit.NotJSON(err))
	}
	return all, nil
}

func (o object) get(name string) (element, bool) {
	i := slices.IndexFunc(o, func(e element) bool { return e.name == name })
	if i < 0 {
		return element{}, false
	}
	return o[i], true
}

func (o object) names() []string {
	var all []string
	for _, e := range o {
		all = append(all, e.name)
	}
	return all
}

// follow goes down a path of elements. The last is an object or a text.
func (o object) follow(text string, path []string) (value string, offset int, found bool) {
	at, base := o, 0
	for i, name := range path {
		e, ok := at.get(name)
		if !ok {
			return "", 0, false
		}
		base += e.at
		if i == len(path)-1 {
			return e.raw, base, strings.HasPrefix(e.raw, "{") || strings.HasPrefix(e.raw, `"`)
		}
		var err error
		if at, err = elements(e.raw); err != nil {
			return "", 0, false
		}
	}
	return "", 0, false
}

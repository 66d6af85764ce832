package vaultapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxBody = 64 << 10

// fields are a body's. The vault command sends texts where an API client sends numbers
// and truth values: both are read. The first that cannot be read is err, which names the
// field and never its value.
type fields struct {
	values map[string]any
	asked  []string // what the route knows
	err    error
}

// read takes the body. An empty one is no fields.
func (q *request) read() (answer, bool) {
	data, err := io.ReadAll(q.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return failure(http.StatusRequestEntityTooLarge, Refused, fmt.Sprintf("request body too large: at most %d bytes are taken", maxBody)), false
	case err != nil:
		return bad("the request body ended too early"), false
	}
	if q.body.values, err = object(data); err != nil {
		return bad("error parsing JSON: " + err.Error()), false
	}
	return answer{}, true
}

// object reads one JSON object. A name that is there twice is refused: readers differ in
// which they take.
func object(data []byte) (map[string]any, error) {
	values := map[string]any{}
	if len(bytes.TrimSpace(data)) == 0 {
		return values, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the body is not a JSON object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errors.New("the body is not JSON")
		}
		var value any
		if err := d.Decode(&value); err != nil { // the error may show what was read
			return nil, errors.New("the body is not JSON")
		}
		if _, twice := values[name.(string)]; twice {
			return nil, errors.New("a field is there twice")
		}
		values[name.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("the body is not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	return values, nil
}

func (f *fields) fail(name, want string) {
	if f.err == nil {
		f.err = fmt.Errorf("the %s value is not %s", name, want)
	}
}

// take gives a field's value, nil where it is absent or null.
func (f *fields) take(name string) any {
	f.asked = append(f.asked, name)
	return f.values[name]
}

func (f *fields) has(name string) bool { return f.values[name] != nil }

// text reads a text. A number is the digits it is written with.
func (f *fields) text(name, absent string) string {
	switch v := f.take(name).(type) {
	case nil:
		return absent
	case string:
		return v
	case json.Number:
		return v.String()
	}
	f.fail(name, "a text")
	return ""
}

func (f *fields) flag(name string, absent bool) bool {
	switch v := f.take(name).(type) {
	case nil:
		return absent
	case bool:
		return v
	case json.Number:
		if v == "0" || v == "1" {
			return v == "1"
		}
	case string:
		if b, err := strconv.ParseBool(strings.TrimSpace(v)); err == nil {
			return b
		}
	}
	f.fail(name, "true or false")
	return false
}

// whole reads a whole number between two, which are both possible.
func (f *fields) whole(name string, absent, least, most int64) int64 {
	text := ""
	switch v := f.take(name).(type) {
	case nil:
		return absent
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		f.fail(name, fmt.Sprintf("a whole number from %d to %d", least, most))
	}
	return n
}

// seconds reads a time: a number of seconds, or one with units, as in 1m30s.
func (f *fields) seconds(name string, absent, most int64) int64 {
	if text, ok := f.values[name].(string); ok {
		if d, err := time.ParseDuration(strings.TrimSpace(text)); err == nil && d > 0 && d%time.Second == 0 && int64(d/time.Second) <= most {
			f.take(name)
			return int64(d / time.Second)
		}
	}
	before := f.err
	n := f.whole(name, absent, 1, most)
	if before == nil && f.err != nil {
		f.err = nil
		f.fail(name, fmt.Sprintf("a number of whole seconds from 1 to %d, or a time as in 1m30s", most))
	}
	return n
}

var word = regexp.MustCompile(`^\w{1,40}$`)

// ignored warns of fields that the route does not know, as Vault does. What is no word
// is perhaps a secret that was given in a name's place, and not repeated.
func (f *fields) ignored() []string {
	var names, warnings []string
	for name := range f.values {
		switch {
		case slices.Contains(f.asked, name) || name == "name":
		case word.MatchString(name):
			names = append(names, name)
		default:
			names = append(names, "(one that is no word)")
		}
	}
	if slices.Sort(names); len(names) > 0 {
		warnings = append(warnings, fmt.Sprintf("Endpoint ignored these unrecognized parameters: %v", names))
	}
	if f.has("name") {
		warnings = append(warnings, "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [name]")
	}
	return warnings
}

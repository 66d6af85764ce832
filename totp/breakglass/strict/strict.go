// Package strict reads JSON that decides something: the rules of the emergency door,
// and what is asked of it.
//
// It promises that a document it accepts says each thing once, in fields that are
// known, under their very names, and that nothing follows it: two readers cannot see
// two documents in it. Its errors name the field, and never a value.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// deepest is more than any document of the door has.
const deepest = 16

// Read reads a document into v, a pointer.
func Read(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := value(d, "", 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document's end")
	}
	d = json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return worded(d.Decode(v))
}

// worded is a decoder's error without what was written: it may be a secret.
func worded(err error) error {
	wrong := (*json.UnmarshalTypeError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return fmt.Errorf("field %s: a %s stands where another kind of value is wanted", wrong.Field, strings.Fields(wrong.Value + " value")[0])
	case strings.Contains(err.Error(), "unknown field"):
		_, quoted, _ := strings.Cut(err.Error(), "unknown field ")
		name, bad := strconv.Unquote(quoted)
		if bad != nil {
			return errors.New("unknown field")
		}
		return fmt.Errorf(`unknown field "%s"`, shown(name))
	}
	return errors.New("it is not JSON")
}

// mostName is more than any field's name with those that it is in.
const mostName = 60

// shown is a name that somebody else chose, bounded, and in letters that do nothing where
// they are printed.
func shown(name string) string {
	end := min(len(name), mostName)
	for end < len(name) && end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	quoted := strconv.QuoteToASCII(name[:end])
	if quoted = quoted[1 : len(quoted)-1]; end < len(name) {
		return quoted + "…"
	}
	return quoted
}

// value walks over one value and looks at the names in it.
func value(d *json.Decoder, at string, depth int) error {
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("it is not JSON, from byte %d on", d.InputOffset())
	}
	open, ok := t.(json.Delim)
	switch {
	case !ok:
		return nil
	case depth == deepest:
		return fmt.Errorf("%s: it goes deeper than any document of the door", shown(at))
	case open == '{':
		err = object(d, at, depth+1)
	default:
		err = array(d, at, depth+1)
	}
	if err == nil {
		if _, err = d.Token(); err != nil {
			err = fmt.Errorf("it is not JSON, from byte %d on", d.InputOffset())
		}
	}
	return err
}

func array(d *json.Decoder, at string, depth int) error {
	for i := 0; d.More(); i++ {
		if err := value(d, fmt.Sprintf("%s[%d]", at, i), depth); err != nil {
			return err
		}
	}
	return nil
}

func object(d *json.Decoder, at string, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return fmt.Errorf("it is not JSON, from byte %d on", d.InputOffset())
		}
		path := strings.TrimPrefix(at+"."+name, ".")
		switch {
		case name != strings.ToLower(name):
			return fmt.Errorf(`unknown field "%s": names are in small letters`, shown(path)) // encoding/json would take it for the small one
		case seen[name]:
			return fmt.Errorf("field %s is there twice", shown(path))
		}
		seen[name] = true
		if err := value(d, path, depth); err != nil {
			return err
		}
	}
	return nil
}

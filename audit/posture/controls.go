package posture

import (
	"bytes"
	_ "embed" // the control mappings are data
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"mfawatch/audit"
)

// Mapping says that a check answers, wholly or in part, to a control. Source is
// where a reader finds the control.
type Mapping struct {
	Check string `json:"check"`
	audit.Control
	Source string `json:"source"`
}

// mappingSchema names the form of the file.
const mappingSchema = "mfawatch/controls/v1"

//go:embed controls.json
var controlsFile []byte

// A test holds the embedded file to ParseControls: a build that passed it has
// no error here.
var mappings, errMappings = ParseControls(controlsFile)

var controlsOf = byCheck(mappings)

// Controls are the mappings that come with the program, in the order of the
// file.
func Controls() []Mapping { return slices.Clone(mappings) }

// ParseControls reads a file of mappings. It refuses an unknown field, a check
// that does not exist, an empty cell and a row given twice. A version may be
// empty: not every framework has one.
func ParseControls(data []byte) ([]Mapping, error) {
	var file struct {
		Schema string    `json:"schema"`
		Note   string    `json:"note"`
		Rows   []Mapping `json:"rows"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("controls: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("controls: something follows the JSON object")
	}
	if file.Schema != mappingSchema {
		return nil, fmt.Errorf("controls: schema is %q, this program reads %q", file.Schema, mappingSchema)
	}
	known := Checks()
	seen := map[Mapping]bool{}
	for i, m := range file.Rows {
		if err := m.valid(known); err != nil {
			return nil, fmt.Errorf("controls: rows[%d]: %w", i, err)
		}
		key := Mapping{Check: m.Check, Control: m.Control}
		if seen[key] {
			return nil, fmt.Errorf("controls: rows[%d]: %s %s %s of %s is given twice", i, m.Framework, m.Version, m.ID, m.Check)
		}
		seen[key] = true
	}
	return file.Rows, nil
}

func (m Mapping) valid(known []Check) error {
	switch {
	case !slices.ContainsFunc(known, func(c Check) bool { return c.ID == m.Check }):
		return fmt.Errorf("check %q is unknown", m.Check)
	case m.Framework == "":
		return errors.New("framework is missing")
	case m.ID == "":
		return errors.New("id is missing")
	case m.Source == "":
		return errors.New("source is missing")
	}
	return nil
}

// byCheck gives every check its controls; one without any has an empty list.
func byCheck(rows []Mapping) map[string][]audit.Control {
	of := map[string][]audit.Control{}
	for _, c := range Checks() {
		of[c.ID] = []audit.Control{}
	}
	for _, m := range rows {
		of[m.Check] = append(of[m.Check], m.Control)
	}
	return of
}

// Package config reads the YAML files that a person writes for mfawatch: so
// far the rules of `mfawatch scan --rules FILE`.
//
// It promises that a file is either understood whole or refused: an unknown
// key, an odd value or an entry that does nothing is an error, never ignored.
// Every error names the file, the line, the column and the field, says what is
// wrong and what would be right, and all of a file's faults come at once. What
// is right is said by the JSON Schema that RulesSchema returns, and files are
// checked with that same schema, so an editor and the program agree.
//
// It never opens a file, and it never lets a file silence root.
package config

import (
	"encoding/json"
	"fmt"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
)

// Rules reads a rules file. name is what errors call it. An empty file is an
// error: whoever names a rules file expects it to do something, and a file cut
// short must not fall back to the defaults unseen. A later entry for the same
// reason or check wins over an earlier one.
//
// The error joins one *Fault for every fault of the file, in the file's order.
func Rules(name string, data []byte) (signin.Rules, detect.Rules, error) {
	root, faults := parse(data)
	if root != nil {
		faults = append(faults, validate(root)...)
	}
	if len(faults) > 0 {
		return signin.Rules{}, detect.Rules{}, join(name, faults)
	}
	f, err := decode(root)
	if err == nil {
		err = f.detect().Validate()
	}
	if err != nil { // the schema let something through: a fault of ours, and still an error
		return signin.Rules{}, detect.Rules{}, join(name, []*Fault{{Line: 1, Column: 1, Problem: err.Error()}})
	}
	return f.signIn(), f.detect(), nil
}

// rulesFile is a rules file that the schema accepts.
type rulesFile struct {
	SignIn []struct {
		Reason    signin.Reason
		Principal audit.PrincipalKind
		Alert     *bool
		Severity  *audit.Severity
	} `json:"sign_in"`
	Detections []struct {
		ID        string
		Alert     *bool
		Severity  *audit.Severity
		Threshold *int
		Window    *window
	}
}

// window is a duration in its written form: 15m.
type window time.Duration

func (w *window) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*w = window(d)
	return err
}

// decode goes through JSON, where the shared words know how they are written.
func decode(root *node) (rulesFile, error) {
	var f rulesFile
	text, err := json.Marshal(root.value())
	if err != nil {
		return f, fmt.Errorf("read accepted rules: %w", err)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("read accepted rules: %w", err)
	}
	return f, nil
}

func (f rulesFile) signIn() signin.Rules {
	var rules signin.Rules
	for _, e := range f.SignIn {
		rules.SignIn = append(rules.SignIn, signin.Override(e))
	}
	return rules
}

func (f rulesFile) detect() detect.Rules {
	var rules detect.Rules
	for _, e := range f.Detections {
		o := detect.Override{ID: e.ID, Alert: e.Alert, Severity: e.Severity, Threshold: e.Threshold}
		o.Window = (*time.Duration)(e.Window)
		rules.Overrides = append(rules.Overrides, o)
	}
	return rules
}

// Package config reads the YAML files that a person writes for mfawatch: the
// rules (--rules FILE), the exemptions of an audit (--exemptions FILE), and
// mfawatch.yaml, which holds both for the functions in AWS, and what is deployed
// there.
//
// It promises that a file is either understood whole or refused: an unknown
// key, an odd value or an entry that does nothing is an error, never ignored.
// Every error names the file, the line, the column and the field, says what is
// wrong and what would be right, and all of a file's faults come at once. What
// is right is said by the JSON Schemas that RulesSchema, ExemptionsSchema and
// FileSchema return, and files are checked with those same schemas, so an editor
// and the program agree.
//
// It opens no file but those below a folder that it is given, and it never lets a file silence root.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/config/compiled"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
)

// Judging are the rules of one file: for sign-ins, for what is detected around
// them, and for accounts.
type Judging = compiled.Judging

// Rules reads a rules file. name is what errors call it. An empty file is an
// error: whoever names a rules file expects it to do something, and a file cut
// short must not fall back to the defaults unseen. A later entry for the same
// reason or check wins over an earlier one.
//
// The error joins one *Fault for every fault of the file, in the file's order.
func Rules(name string, data []byte) (Judging, error) {
	var f rulesFile
	if err := load(name, data, rulesForm, nothingElse, &f); err != nil {
		return Judging{}, err
	}
	j := f.judging()
	if err := errors.Join(j.Detect.Validate(), j.Posture.Validate()); err != nil {
		return Judging{}, fault(name, err) // the schema let something through: a fault of ours, and still an error
	}
	return j, nil
}

func nothingElse(*node) []*Fault { return nil }

// load reads a file that a schema describes into v. also finds what is wrong
// with a file that the schema accepts.
func load(name string, data []byte, form func() (schema, error), also func(*node) []*Fault, v any) error {
	s, err := form()
	if err != nil {
		return fault(name, err)
	}
	root, faults := parse(data)
	if root != nil {
		faults = append(faults, validate(root, s)...)
	}
	if len(faults) == 0 {
		faults = also(root)
	}
	if len(faults) > 0 {
		return join(name, faults)
	}
	if err := decode(root, v); err != nil {
		return fault(name, err)
	}
	return nil
}

// fault is an error of a whole file.
func fault(name string, err error) error {
	return join(name, []*Fault{{Line: 1, Column: 1, Problem: err.Error()}})
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
	Audit auditRules
}

// window is a duration in its written form: 15m.
type window time.Duration

func (w *window) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*w = window(d)
	return err
}

// decode goes through JSON, where the shared words know how they are written.
func decode(root *node, v any) error {
	text, err := json.Marshal(root.value())
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("read an accepted file: %w", err)
	}
	return nil
}

func (f rulesFile) judging() Judging {
	return Judging{SignIn: f.signIn(), Detect: f.detect(), Posture: f.Audit.rules()}
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

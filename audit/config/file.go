package config

import (
	"errors"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/config/compiled"
	"mfawatch/audit/posture"
)

// File is mfawatch.yaml: what the functions in AWS go by.
type File = compiled.File

// What holds where the file does not say.
const (
	defaultFoldAfter  = 3
	defaultFoldWindow = 15 * time.Minute
)

// ReadFile reads mfawatch.yaml. name is what errors call it; they are as those
// of Rules, and one of an override names its key in place of a line.
func ReadFile(name string, data []byte, overrides ...Override) (File, error) {
	var f struct {
		rulesFile
		exemptionsFile
		Accounts map[string]string
		Alerts   struct {
			FoldAfter  int    `json:"fold_after"`
			FoldWindow window `json:"fold_window"`
		}
	}
	if err := loadFile(name, data, overrides, exemptionFaults, &f); err != nil {
		return File{}, err
	}
	file := File{Accounts: f.Accounts, FoldAfter: f.Alerts.FoldAfter, FoldWindow: time.Duration(f.Alerts.FoldWindow)}
	if file.FoldAfter == 0 {
		file.FoldAfter = defaultFoldAfter
	}
	if file.FoldWindow == 0 {
		file.FoldWindow = defaultFoldWindow
	}
	file.Judging = f.judging()
	file.Posture.Exemptions = f.list()
	if err := errors.Join(file.Detect.Validate(), file.Posture.Validate()); err != nil {
		return File{}, fault(name, err)
	}
	return file, nil
}

// exemptionsFile is an exemptions file that the schema accepts.
type exemptionsFile struct {
	Exemptions []struct {
		ID, Owner, Reason, Ticket string
		Expires                   end
		Checks                    []string
	}
}

func (f exemptionsFile) list() []audit.Exemption {
	list := []audit.Exemption{}
	for _, e := range f.Exemptions {
		list = append(list, audit.Exemption{ID: e.ID, Owner: e.Owner, Reason: e.Reason, Ticket: e.Ticket, Expires: time.Time(e.Expires), Checks: e.Checks})
	}
	return list
}

// Exemptions reads an exemptions file. name is what errors call it; they are
// as those of Rules. Two exemptions of the same subject for the same check are
// an error: nobody could say which holds.
func Exemptions(name string, data []byte) ([]audit.Exemption, error) {
	var f exemptionsFile
	if err := load(name, data, exemptionsForm, exemptionFaults, &f); err != nil {
		return nil, err
	}
	list := f.list()
	if err := (posture.Rules{Exemptions: list}).Validate(); err != nil {
		return nil, fault(name, err)
	}
	return list, nil
}

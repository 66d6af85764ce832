package config

import (
	"time"

	"mfawatch/audit/config/compiled"
)

// File is mfawatch.yaml: what the functions in AWS go by.
type File = compiled.File

// What holds where the file does not say.
const (
	defaultFoldAfter  = 3
	defaultFoldWindow = 15 * time.Minute
)

// ReadFile reads a mfawatch.yaml that names no other files. name is what errors
// call it; they are as those of Rules, and one of an override names its key in
// place of a line.
func ReadFile(name string, data []byte, overrides ...Override) (File, error) {
	return Source{Name: name, Data: data, Overrides: overrides}.File()
}

package config

import "mfawatch/audit/config/compiled"

// Compile reads mfawatch.yaml and gives what stands under the same name in a
// function's folder. name is what errors call it; they are as those of ReadFile.
func Compile(name string, data []byte, overrides ...Override) ([]byte, error) {
	f, err := ReadFile(name, data, overrides...)
	if err != nil {
		return nil, err
	}
	out, err := compiled.Write(f, data)
	if err != nil {
		return nil, fault(name, err)
	}
	return out, nil
}

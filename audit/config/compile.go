package config

import (
	"errors"

	"mfawatch/audit/config/compiled"
)

// Compile reads mfawatch.yaml and gives what stands under the same name in a
// function's folder. name is what errors call it; they are as those of Rules.
func Compile(name string, data []byte) ([]byte, error) {
	if compiled.Is(data) {
		return nil, fault(name, errors.New("this file is compiled already; name the one that it was made from"))
	}
	f, err := ReadFile(name, data)
	if err != nil {
		return nil, err
	}
	out, err := compiled.Write(f, data)
	if err != nil {
		return nil, fault(name, err)
	}
	return out, nil
}

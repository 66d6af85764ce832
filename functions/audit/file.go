package main

import (
	"fmt"
	"os"

	"mfawatch/audit/config/compiled"
)

// configName is the file in the function's own folder that holds rules,
// exemptions and the accounts' names, compiled.
const configName = "mfawatch.yaml"

func readFile(path string) (compiled.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return compiled.File{}, fmt.Errorf("read %s: %w: put it, compiled, into the function's folder", configName, err)
	}
	return compiled.Read(configName, data)
}

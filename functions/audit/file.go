package main

import (
	"fmt"
	"os"

	"mfawatch/audit/config"
)

// configName is the file in the function's own folder that holds rules,
// exemptions and the accounts' names.
const configName = "mfawatch.yaml"

func readFile(path string) (config.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config.File{}, fmt.Errorf("read %s: %w: put it into the function's folder", configName, err)
	}
	return config.ReadFile(configName, data)
}

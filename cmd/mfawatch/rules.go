package main

import (
	"fmt"
	"os"

	"mfawatch/audit"
	"mfawatch/audit/config"
)

// readRules reads the file of --rules, if one was named.
func readRules(name string) (config.Judging, error) {
	if name == "" {
		return config.Judging{}, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return config.Judging{}, cannotRun(fmt.Errorf("read the rules: %w", err))
	}
	rules, err := config.Rules(name, data)
	if err != nil {
		return config.Judging{}, exit{exitUsage, err}
	}
	return rules, nil
}

// readExemptions reads the file of --exemptions, if one was named.
func readExemptions(name string) ([]audit.Exemption, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, cannotRun(fmt.Errorf("read the exemptions: %w", err))
	}
	list, err := config.Exemptions(name, data)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return list, nil
}

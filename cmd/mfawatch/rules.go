package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"mfawatch/audit"
	"mfawatch/audit/config"
	"mfawatch/audit/report"
)

// whyUnread is why a file could not be read, without its name.
func whyUnread(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// readRules reads the file of --rules, if one was named.
func readRules(name string) (config.Judging, error) {
	if name == "" {
		return config.Judging{}, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return config.Judging{}, cannotRun(fmt.Errorf("--rules %s: %w", report.Plain(name), whyUnread(err)))
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
		return nil, cannotRun(fmt.Errorf("--exemptions %s: %w", report.Plain(name), whyUnread(err)))
	}
	list, err := config.Exemptions(name, data)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return list, nil
}

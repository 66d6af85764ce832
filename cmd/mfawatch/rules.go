package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

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

// speaksFor is what binds a file of exemptions to accounts.
var speaksFor = regexp.MustCompile(`^(.+)=([0-9]{12}(?:,[0-9]{12})*)$`)

// readExemptions reads what --exemptions names: files and folders, each perhaps with
// the accounts that it may speak for behind an equals sign.
func readExemptions(given []string) ([]audit.Exemption, error) {
	var files []config.ExemptionFile
	for _, name := range given {
		var accounts []string
		if m := speaksFor.FindStringSubmatch(name); m != nil {
			name, accounts = m[1], strings.Split(m[2], ",")
		}
		folder, base := filepath.Split(filepath.Clean(name))
		if base == "." || base == ".." || base == "" {
			folder, base = name, "."
		}
		found, err := config.OpenExemptions(os.DirFS(cmp.Or(folder, ".")), base)
		if at := (*fs.PathError)(nil); errors.As(err, &at) { // named from here, not from the folder
			err = fmt.Errorf("%s: %w", report.Plain(filepath.Join(folder, at.Path)), at.Err)
		}
		if err != nil {
			return nil, cannotRun(fmt.Errorf("--exemptions %w", err))
		}
		for _, f := range found {
			f.Name, f.Accounts = filepath.Join(folder, f.Name), accounts
			files = append(files, f)
		}
	}
	list, err := config.Exemptions(files...)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return list, nil
}

package main

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// known are licences by sentences that only they have, in lower case and with one
// space between words. Names are those of the SPDX list.
var known = []struct {
	id  string
	has []string
	not string
}{
	{id: "Apache-2.0", has: []string{"apache license version 2.0, january 2004"}},
	{id: "Apache-2.0", has: []string{"licensed under the apache license, version 2.0"}},
	{id: "MPL-2.0", has: []string{"mozilla public license version 2.0"}},
	{id: "BSD-3-Clause", has: []string{"redistribution and use in source and binary forms", "to endorse or promote products derived from this software"}},
	{id: "BSD-2-Clause", has: []string{"redistribution and use in source and binary forms"}, not: "to endorse or promote products derived from this software"},
	{id: "MIT", has: []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "this permission notice shall be included in all copies"}},
	{id: "MIT-0", has: []string{"permission is hereby granted, free of charge, to any person obtaining a copy"}, not: "this permission notice shall be included in all copies"},
	{id: "ISC", has: []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"}},
	// What follows is known in order to be refused.
	{id: "GPL-2.0", has: []string{"gnu general public license version 2, june 1991"}},
	{id: "GPL-3.0", has: []string{"gnu general public license version 3, 29 june 2007"}},
	{id: "LGPL-2.1", has: []string{"gnu lesser general public license version 2.1, february 1999"}},
	{id: "LGPL-3.0", has: []string{"gnu lesser general public license version 3, 29 june 2007"}},
	{id: "AGPL-3.0", has: []string{"gnu affero general public license version 3, 19 november 2007"}},
	{id: "SSPL-1.0", has: []string{"server side public license"}},
	{id: "BUSL-1.1", has: []string{"business source license"}},
	{id: "EPL-2.0", has: []string{"eclipse public license - v 2.0"}},
	{id: "Commons-Clause", has: []string{"commons clause"}},
	{id: "CC-BY-NC", has: []string{"noncommercial"}},
}

// fine are the licences that go with Apache-2.0 in one binary, and why.
var fine = map[string]string{
	"Apache-2.0":   "the project's own; its NOTICE files go with the binaries",
	"BSD-2-Clause": "asks for its text",
	"BSD-3-Clause": "asks for its text",
	"ISC":          "asks for its text",
	"MIT":          "asks for its text",
	"MIT-0":        "asks for nothing",
	"MPL-2.0":      "asks, file by file, that the sources of its own files can be had: they are the module's, unchanged",
}

var space = regexp.MustCompile(`\s+`)

// identify names the licences in a text, none where it knows none.
func identify(body string) (ids []string) {
	body = space.ReplaceAllString(strings.ToLower(body), " ")
	for _, k := range known {
		all := !slices.ContainsFunc(k.has, func(s string) bool { return !strings.Contains(body, s) })
		if all && (k.not == "" || !strings.Contains(body, k.not)) && !slices.Contains(ids, k.id) {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// notice tells whether a file goes with a licence and is none: LICENSE-SUMMARY, of
// aws-lambda-go, says which of its licences is for what.
func (t text) notice() bool {
	base := strings.ToLower(path.Base(t.name))
	return strings.HasPrefix(base, "notice") || strings.HasPrefix(base, "patents") || strings.HasSuffix(base, "-summary")
}

// licences are those of all the module's files.
func (m module) licences() (ids []string, err error) {
	for _, f := range m.files {
		if f.notice() {
			continue
		}
		of := identify(f.body)
		if len(of) == 0 {
			return nil, fmt.Errorf("%s %s: %s is no licence that internal/licences knows: read it, and add it to identify.go", m.path, m.version, f.name)
		}
		ids = append(ids, of...)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s %s has no licence file: it may not be distributed", m.path, m.version)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// allowed refuses a module with a licence that does not go with Apache-2.0.
func allowed(modules []module) error {
	var errs []error
	for _, m := range modules {
		ids, err := m.licences()
		errs = append(errs, err)
		for _, id := range ids {
			if fine[id] == "" {
				errs = append(errs, fmt.Errorf("%s %s is under %s, which does not go with Apache-2.0 here: take another module", m.path, m.version, id))
			}
		}
	}
	return errors.Join(errs...)
}

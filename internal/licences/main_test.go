package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is in the repository is what the go command links now.
func TestPageIsWhatIsLinked(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the go command for every system")
	}
	want, err := written("../..")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), want); diff != "" {
		t.Errorf("%s is not what is linked: run make licences\n%s", file, diff)
	}
}

// The versions of the rows are those that go.mod asks for, whatever the go command says.
func TestRowsAreInGoMod(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(string(have), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) != 4 || !strings.HasPrefix(cells[1], "v") || cells[1] == "version" {
			continue
		}
		rows++
		if want := "\t" + strings.TrimPrefix(cells[0], "| ") + " " + cells[1]; !strings.Contains(string(mod), want) {
			t.Errorf("go.mod has no line %q", want)
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows were found", rows)
	}
}

func TestIdentify(t *testing.T) {
	root, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	bsd := "Redistribution and use in source and binary forms, with or without\nmodification, are permitted"
	mit := "Permission is hereby granted, free of charge, to any person obtaining a copy of this software"
	for body, want := range map[string][]string{
		string(root): {"Apache-2.0"},
		bsd:          {"BSD-2-Clause"},
		bsd + "\nNeither the name of the author may be used\n to endorse or promote  products derived\nfrom this software": {"BSD-3-Clause"},
		mit: {"MIT-0"},
		mit + "\nThe above copyright notice and this permission notice shall be included in all copies":       {"MIT"},
		"Mozilla Public License Version 2.0\n\"Secondary License\" means the GNU General Public License":      {"MPL-2.0"},
		"GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007":                                              {"GPL-3.0"},
		mit + " this permission notice shall be included in all copies. \"Commons Clause\" License Condition": {"MIT", "Commons-Clause"},
		"All rights reserved.": nil,
		"":                     nil,
	} {
		if got := identify(body); !slices.Equal(got, want) {
			t.Errorf("identify(%.60q) = %q, want %q", body, got, want)
		}
	}
}

// What does not go with Apache-2.0, is not known or is not there is refused, by name.
func TestRefused(t *testing.T) {
	mit := "Permission is hereby granted, free of charge, to any person obtaining a copy"
	for want, m := range map[string]module{
		"example.org/g v1.0.0 is under AGPL-3.0":         {path: "example.org/g", version: "v1.0.0", files: []text{{"LICENSE", "GNU AFFERO GENERAL PUBLIC LICENSE Version 3, 19 November 2007"}}},
		"example.org/u v1.0.0: LICENSE is no licence":    {path: "example.org/u", version: "v1.0.0", files: []text{{"LICENSE", "All rights reserved."}}},
		"example.org/n v1.0.0 has no licence file":       {path: "example.org/n", version: "v1.0.0", files: []text{{"NOTICE", "Copyright"}}},
		"example.org/s v1.0.0: sub/COPYING is no licen":  {path: "example.org/s", version: "v1.0.0", files: []text{{"LICENSE", mit}, {"sub/COPYING", "ask me"}}},
		"example.org/b v1.0.0 is under Commons-Clause, ": {path: "example.org/b", version: "v1.0.0", files: []text{{"LICENSE", mit + " commons clause"}}},
	} {
		if err := allowed([]module{{path: "example.org/fine", files: []text{{"LICENSE", mit}}}, m}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", m.path, err, want)
		}
	}
}

// A package brings the licences of its folder and of those above it, and no others.
func TestNote(t *testing.T) {
	root := t.TempDir()
	for name, body := range map[string]string{
		"LICENSE": "of all", "a/licence.txt": "of a", "a/b/NOTICE": "of b", "c/LICENSE": "of another", "a/license.go": "package a", "a/LICENSES.md": "a list",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := listed{ImportPath: "example.org/m/a/b", Dir: filepath.Join(root, "a", "b")}
	found := map[string]*module{}
	if err := note(found, p, program); err == nil {
		t.Error("a package of no module is taken")
	}
	p.Module = &struct {
		Path, Version, Dir string
		Main               bool
		Replace            *struct{ Path string }
	}{Path: "example.org/m", Version: "v1.2.3", Dir: root}
	for _, part := range []string{program, infra, program} {
		if err := note(found, p, part); err != nil {
			t.Fatal(err)
		}
	}
	m := found["example.org/m"]
	var names []string
	for _, f := range m.files {
		names = append(names, f.name)
	}
	if want := []string{"a/b/NOTICE", "a/licence.txt", "LICENSE"}; !slices.Equal(names, want) || !slices.Equal(m.parts, []string{program, infra}) {
		t.Errorf("files %q, parts %q, want %q", names, m.parts, want)
	}
	p.Module.Replace = &struct{ Path string }{"../fork"}
	if err := note(found, p, program); err == nil || !strings.Contains(err.Error(), "is replaced") {
		t.Errorf("error %v", err)
	}
}

// A text is there once, with everybody whose it is, and those of infra alone are not.
func TestTexts(t *testing.T) {
	got := page([]module{
		{path: "a", version: "v1", parts: []string{program}, files: []text{{"LICENSE", "Apache License\r\nVersion 2.0, January 2004 ```  \n"}}},
		{path: "b", version: "v2", parts: []string{functions, infra}, files: []text{{"LICENSE.txt", "\nApache License\nVersion 2.0, January 2004 ```\n"}}},
		{path: "c", version: "v3", parts: []string{infra}, files: []text{{"LICENSE", "Mozilla Public License Version 2.0"}}},
	})
	for _, want := range []string{
		"### a: LICENSE\n### b: LICENSE.txt\n\n````\nApache License\nVersion 2.0, January 2004 ```\n````\n",
		"| c | v3 | MPL-2.0 | infra |\n", "| MPL-2.0 | 1 | asks, file by file",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("not once in the page: %q\n%s", want, got)
		}
	}
	if strings.Contains(got, "### c") {
		t.Error("a text of what is not distributed is in the page")
	}
}

// A licence file's name is one of few; a program's source is none.
func TestLegal(t *testing.T) {
	for name, want := range map[string]bool{
		"LICENSE": true, "LICENCE.txt": true, "License.md": true, "LICENSE-MIT": true, "LICENSE.APACHE-2.0": true, "COPYING": true, "NOTICE.txt": true,
		"PATENTS": true, "LICENSES.md": false, "licensecheck.go": false, "README": false,
	} {
		if got := legal.MatchString(name); got != want {
			t.Errorf("legal %s = %v, want %v", name, got, want)
		}
	}
}

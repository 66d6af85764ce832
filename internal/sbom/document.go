package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// bom is as much of CycloneDX 1.6 as is said here
// (https://cyclonedx.org/docs/1.6/json/).
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []licence  `json:"licenses,omitempty"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

// licence is an SPDX expression; a module's several licences are all asked for.
type licence struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

// licencesIn are the licences of the list's rows, by module.
func licencesIn(list string) map[string]string {
	by := map[string]string{}
	for _, line := range strings.Split(list, "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) == 4 && strings.HasPrefix(line, "| ") {
			by[strings.TrimPrefix(cells[0], "| ")+" "+strings.TrimPrefix(cells[1], "–")] = cells[2]
		}
	}
	return by
}

// document is the list for a binary that came in a file.
func document(file string, b binary, version string, at time.Time, licences map[string]string) ([]byte, error) {
	sum := sha256.Sum256(b.body)
	top := component{
		Ref: "pkg:golang/" + b.info.Main.Path + "@" + strings.ReplaceAll(version, "+", "%2B"), Type: "application", Name: b.info.Main.Path, Version: version,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licenses: []licence{{"Apache-2.0"}},
		PURL: "pkg:golang/" + b.info.Main.Path + "@" + strings.ReplaceAll(version, "+", "%2B"), Properties: properties(file, b),
	}
	parts, err := components(b.info, licences)
	if err != nil {
		return nil, err
	}
	d := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Serial: serial(sum), Version: 1,
		Metadata: metadata{at.Format(time.RFC3339), top}, Components: parts, Dependencies: []dependency{{Ref: top.Ref}},
	}
	// Which module asks for which the binary does not tell: all stand below the program.
	for _, p := range parts {
		d.Dependencies[0].On = append(d.Dependencies[0].On, p.Ref)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(d)
	return out.Bytes(), err
}

// serial is a UUID of the binary's bytes, of the version that is for own schemes (8, RFC
// 9562): CycloneDX asks for one, and a random one would differ each time.
func serial(sum [sha256.Size]byte) string {
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func properties(file string, b binary) []property {
	all := []property{{"mfawatch:file", file}, {"mfawatch:binary", b.name}, {"mfawatch:package", b.info.Path}}
	for _, s := range b.info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED", "-trimpath", "-tags", "vcs.revision", "vcs.modified":
			all = append(all, property{"go:" + s.Key, s.Value})
		}
	}
	return all
}

// components are the binary's modules, and the standard library that it is built with.
func components(info *debug.BuildInfo, licences map[string]string) (all []component, err error) {
	var errs []error
	for _, m := range info.Deps {
		if m.Replace != nil {
			errs = append(errs, fmt.Errorf("%s is replaced by %s, and a release is made of what is published", m.Path, m.Replace.Path))
			continue
		}
		id := licences[m.Path+" "+m.Version]
		if id == "" {
			errs = append(errs, fmt.Errorf("%s %s is in the binary and has no row in the list of licences: make licences", m.Path, m.Version))
		}
		c := module(m.Path, m.Version, id)
		// The checksum of go.sum: SHA-256 over the names and checksums of the module's files.
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}}
		}
		all = append(all, c)
	}
	if licences["std "] == "" {
		errs = append(errs, errors.New("std has no row in the list of licences: make licences"))
	}
	return append(all, module("std", strings.TrimPrefix(info.GoVersion, "go"), licences["std "])), errors.Join(errs...)
}

// module is a component. Only a small part of what a path and a version may hold has to be escaped
// in a purl (https://github.com/package-url/purl-spec).
func module(path, version, id string) component {
	ref := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Ref: ref, Type: "library", Name: path, Version: version, Licenses: []licence{{id}}, PURL: ref}
}

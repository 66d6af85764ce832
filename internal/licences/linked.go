package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// module is one module that something links.
type module struct {
	path, version string // of the standard library "std", and no version: it is the compiler's
	parts         []string
	files         []text
}

// text is a licence's file, or a notice that has to go with it.
type text struct {
	name string // below the module
	body string
}

// The parts that link modules. Who deploys runs infra from a clone: it is in no
// release.
const (
	program   = "mfawatch"
	functions = "functions"
	infra     = "infra"
)

// build is something that is linked for a system.
type build struct {
	part         string
	packages     []string
	goos, goarch string
	tags         string
}

// builds are what is released, as .goreleaser.yaml and internal/release build it, and
// infra, which runs where the deployer is.
func builds(root string) ([]build, error) {
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	if len(mains) == 0 {
		return nil, errors.New("no functions/*/main.go here: run this from the repository's root")
	}
	var all []build
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, goarch := range []string{"amd64", "arm64"} {
			all = append(all, build{program, []string{"./cmd/mfawatch"}, goos, goarch, ""})
		}
	}
	var names []string
	for _, m := range mains {
		names = append(names, "./functions/"+filepath.Base(filepath.Dir(m)))
	}
	for _, goarch := range []string{"amd64", "arm64"} {
		all = append(all, build{functions, names, "linux", goarch, "lambda.norpc,nethttpomithttp2"})
	}
	return append(all, build{infra, []string{"./infra"}, runtime.GOOS, runtime.GOARCH, ""}), nil
}

// linked are the modules of all builds, by path.
func linked(root string) ([]module, error) {
	all, err := builds(root)
	if err != nil {
		return nil, err
	}
	found := map[string]*module{}
	for _, b := range all {
		packages, err := b.list(root)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if err := note(found, p, b.part); err != nil {
				return nil, fmt.Errorf("%s: %w", p.ImportPath, err)
			}
		}
	}
	var modules []module
	for _, m := range found {
		slices.SortFunc(m.files, func(a, b text) int { return strings.Compare(a.name, b.name) })
		slices.Sort(m.parts)
		modules = append(modules, *m)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return modules, nil
}

// listed is a package as the go command tells of it.
type listed struct {
	ImportPath, Dir string
	Root            string // of the standard library, GOROOT
	Standard        bool
	Module          *struct {
		Path, Version, Dir string
		Main               bool
		Replace            *struct{ Path string }
	}
}

func (b build) list(root string) ([]listed, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Root,Standard,Module", "-tags", b.tags}, b.packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+b.goos, "GOARCH="+b.goarch, "GOFLAGS=-mod=readonly", "GOWORK=off")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	var all []listed
	for d := json.NewDecoder(&out); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, p)
	}
}

// note adds a package's module, with the licences in the package's folder and in those
// above it: a part that came from elsewhere often brings its own.
func note(found map[string]*module, p listed, part string) error {
	path, version, root := "std", "", p.Root
	switch {
	case p.Standard:
		p.Dir = p.Root // what it took from elsewhere, golang.org/x, has the same authors and text
	case p.Module == nil:
		return errors.New("it is in no module")
	case p.Module.Main:
		return nil
	case p.Module.Replace != nil:
		return fmt.Errorf("%s is replaced in go.mod, and a release is made of what is published", p.Module.Path)
	default:
		path, version, root = p.Module.Path, p.Module.Version, p.Module.Dir
	}
	m := found[path]
	if m == nil {
		m = &module{path: path, version: version}
		found[path] = m
	}
	if !slices.Contains(m.parts, part) {
		m.parts = append(m.parts, part)
	}
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		if err := m.read(root, dir); err != nil {
			return err
		}
		if len(dir) <= len(root) {
			return nil
		}
	}
}

var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-._][a-z0-9]+)*$`)

// read takes up the legal files of a folder.
func (m *module) read(root, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		under, err := filepath.Rel(root, filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(under)
		if !e.Type().IsRegular() || !legal.MatchString(e.Name()) || strings.HasSuffix(name, ".go") ||
			slices.ContainsFunc(m.files, func(t text) bool { return t.name == name }) {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		m.files = append(m.files, text{name, string(body)})
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// target is a package to mutate.
type target struct {
	path    string // import path
	dir     string
	root    string // of the module
	files   []*source
	fset    *token.FileSet
	info    *types.Info
	imports imports
}

// source is one file of a target, without its tests.
type source struct {
	path string // absolute
	name string // relative to the module's root, with slashes
	text []byte
	tree *ast.File
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
	Module                  *struct{ Dir string }
}

// load finds, parses and type-checks the packages. They are of one module,
// whose folder is root.
func load(ctx context.Context, patterns []string) (targets []*target, root string, err error) {
	packages, err := goList(ctx, patterns)
	if err != nil {
		return nil, "", err
	}
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	for _, p := range packages {
		if p.DepOnly {
			continue
		}
		if p.Module == nil {
			return nil, "", fmt.Errorf("package %s is in no module", p.ImportPath)
		}
		t, err := loadTarget(p, exports)
		if err != nil {
			return nil, "", err
		}
		targets, root = append(targets, t), t.root
	}
	return targets, root, nil
}

func goList(ctx context.Context, patterns []string) ([]listed, error) {
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly,Module", "--"}, patterns...)
	out, err := exec.CommandContext(ctx, "go", args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("go list: %s", bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("go list: %v", err)
	}
	var packages []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}

func loadTarget(p listed, exports map[string]string) (*target, error) {
	t := &target{path: p.ImportPath, dir: p.Dir, root: p.Module.Dir, fset: token.NewFileSet(), imports: imports{}}
	for _, name := range p.GoFiles {
		s, err := t.read(filepath.Join(p.Dir, name))
		if err != nil {
			return nil, err
		}
		t.files = append(t.files, s)
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	if err := t.imports.fill(importer.ForCompiler(t.fset, "gc", open), t.files); err != nil {
		return nil, err
	}
	t.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	if err := t.check(t.info, nil, nil); err != nil {
		return nil, fmt.Errorf("package %s: %v", t.path, err)
	}
	return t, nil
}

func (t *target) read(path string) (*source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tree, err := parser.ParseFile(t.fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(t.root, path)
	if err != nil {
		return nil, err
	}
	return &source{path: path, name: filepath.ToSlash(name), text: text, tree: tree}, nil
}

// check type-checks the package, with tree in the place of old.
func (t *target) check(info *types.Info, old *source, tree *ast.File) error {
	var trees []*ast.File
	for _, s := range t.files {
		if s == old {
			trees = append(trees, tree)
			continue
		}
		trees = append(trees, s.tree)
	}
	config := types.Config{Importer: t.imports}
	_, err := config.Check(t.path, t.fset, trees, info)
	return err
}

// viable tells whether the package still compiles with a mutant.
func (t *target) viable(m *mutant) bool {
	tree, err := parser.ParseFile(t.fset, m.source.path, m.mutated(), parser.SkipObjectResolution)
	return err == nil && t.check(nil, m.source, tree) == nil
}

// imports are packages that are read already, so that several goroutines can
// type-check at once.
type imports map[string]*types.Package

// Import gives a package that a target imports.
func (i imports) Import(path string) (*types.Package, error) {
	if p := i[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("package %q was not imported before", path)
}

func (i imports) fill(from types.Importer, files []*source) error {
	for _, s := range files {
		for _, spec := range s.tree.Imports {
			path := strings.Trim(spec.Path.Value, "`\"")
			p, err := from.Import(path)
			if err != nil {
				return fmt.Errorf("%s imports %q: %v", s.name, path, err)
			}
			i[path] = p
		}
	}
	return nil
}

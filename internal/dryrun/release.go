package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sums is the file with the checksums of all others.
const sums = "checksums.txt"

// release is what would be published, by name.
type release struct {
	files map[string][]byte
}

func (m release) names() (all []string) {
	for name := range m.files {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// published reads what .goreleaser.yaml publishes: what has a checksum, the checksums,
// and their signature where there is one.
func published(dir string) (release, error) {
	list, err := os.ReadFile(filepath.Join(dir, "dist", sums))
	if err != nil {
		return release{}, err
	}
	m := release{map[string][]byte{sums: list}}
	for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n") {
		want, name, ok := strings.Cut(line, "  ")
		if !ok || name != filepath.Base(name) {
			return release{}, fmt.Errorf("%s: the line %q is no checksum and name", sums, line)
		}
		if m.files[name], err = either(filepath.Join(dir, "dist", name), filepath.Join(dir, "bin", "release", name)); err != nil {
			return release{}, fmt.Errorf("%s names what is not there: %w", sums, err)
		}
		if have := fmt.Sprintf("%x", sha256.Sum256(m.files[name])); have != want {
			return release{}, fmt.Errorf("%s has SHA-256 %s, and %s says %s", name, have, sums, want)
		}
	}
	signature, err := os.ReadFile(filepath.Join(dir, "dist", sums+".sig"))
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	m.files[sums+".sig"] = signature
	return m, err
}

func either(names ...string) (body []byte, err error) {
	for _, name := range names {
		if body, err = os.ReadFile(name); err == nil {
			return body, nil
		}
	}
	return nil, err
}

// same tells in which files two releases differ.
func same(a, b release) error {
	var errs []error
	for _, name := range append(a.names(), b.names()...) {
		one, there := a.files[name]
		two, again := b.files[name]
		switch {
		case there != again:
			errs = append(errs, fmt.Errorf("%s is in one of two releases only", name))
		case !bytes.Equal(one, two):
			errs = append(errs, fmt.Errorf("%s differs between two releases of one commit: it is not reproducible", name))
			delete(b.files, name) // say it once
			delete(a.files, name)
		}
	}
	return errors.Join(errs...)
}

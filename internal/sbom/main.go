// Command sbom writes what a released binary is made of, as CycloneDX 1.6 in JSON:
// the modules that the Go linker put into it, which the binary itself tells, each with
// its version, its checksum and its licence.
//
// It promises that the same file gives the same bytes, whenever and wherever it is
// asked; that what it lists is what is in the binary and not what go.mod would allow;
// and that a module without a licence in THIRD_PARTY_LICENSES.md is an error. It asks
// nobody.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	out := flag.String("out", "", "the file to write; none: FILE.cdx.json")
	version := flag.String("version", "", "the version that is released")
	at := flag.String("time", "", "the time of the commit that is released, as 2006-01-02T15:04:05Z")
	licences := flag.String("licences", "THIRD_PARTY_LICENSES.md", "the list of licences")
	flag.Parse()
	if err := run(flag.Args(), *out, *version, *at, *licences); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// run writes one document for each file: a binary, or an archive that holds one.
func run(files []string, out, version, at, licences string) error {
	when, err := time.Parse(time.RFC3339, at)
	switch {
	case len(files) == 0:
		return errors.New("which file? It takes binaries, and .zip and .tar.gz archives that hold one")
	case out != "" && len(files) > 1:
		return fmt.Errorf("-out is one file, and there are %d: leave it out", len(files))
	case version == "":
		return errors.New("-version is missing: the version that is released")
	case err != nil:
		return fmt.Errorf("-time: %w", err)
	}
	list, err := os.ReadFile(licences)
	if err != nil {
		return fmt.Errorf("-licences: %w", err)
	}
	for _, file := range files {
		to := out
		if to == "" {
			to = file + ".cdx.json"
		}
		b, err := read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		text, err := document(filepath.Base(file), b, version, when.UTC(), licencesIn(string(list)))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

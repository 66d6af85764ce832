// Command licences writes THIRD_PARTY_LICENSES.md: the modules whose packages are
// linked into what is released or run to deploy it, each with its version and its
// licence, and the texts that have to go with the binaries.
//
// It promises that the list is what the go command links, for every system that is
// released for, and that a licence that it does not know, or that does not go with
// Apache-2.0, is an error and no row. It reads the module cache and asks nobody. It
// recognises licences by their own sentences; it is no lawyer.
package main

import (
	"flag"
	"fmt"
	"os"
)

// file is the page, at the root of the repository.
const file = "THIRD_PARTY_LICENSES.md"

func main() {
	flag.Parse()
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no flag: there is nothing to choose", flag.Arg(0))
	}
	text, err := written(root)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// written is the page as it should be.
func written(root string) (string, error) {
	modules, err := linked(root)
	if err != nil {
		return "", err
	}
	if err := allowed(modules); err != nil {
		return "", err
	}
	return page(modules), nil
}

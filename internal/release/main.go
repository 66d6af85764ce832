// Command release builds the Lambda functions as they are released: for each
// folder below functions that holds a main package a bootstrap binary for each
// architecture, in a ZIP file, with its size and SHA-256.
//
// It promises that the same sources and the same Go give the same bytes,
// whatever folder, clock or machine they are built in; asked to build twice, or to
// keep to a size, it fails where that does not hold, after it has built the
// others. mfawatch.yaml is not in the ZIP: it is the deployer's.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	out := flag.String("out", "bin/functions", "the folder that the ZIP files go to")
	version := flag.String("version", "dev", "the version that the binaries say they are")
	twice := flag.Bool("twice", false, "build each a second time from nothing and compare")
	most := flag.Int("most", 0, "fail when a ZIP file has more bytes than this; 0 is no limit")
	flag.Parse()
	r := releaser{out: os.Stdout, root: ".", to: *out, version: *version, twice: *twice, most: *most}
	if err := r.run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var architectures = []string{"arm64", "amd64"}

// releaser is one release.
type releaser struct {
	out     io.Writer // a line for each ZIP file
	root    string    // of the repository
	to      string    // the folder of the ZIP files
	version string
	twice   bool
	most    int // bytes; 0 is no limit
}

func (r releaser) run() error {
	names, err := functions(r.root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.to, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, arch := range architectures { // what they share is then in the build cache
		for _, name := range names {
			if err := r.release(filepath.Join(r.to, name+"-"+arch+".zip"), name, arch); err != nil {
				errs = append(errs, fmt.Errorf("functions/%s for %s: %w", name, arch, err))
			}
		}
	}
	return errors.Join(errs...)
}

// functions are the folders below functions that hold a main package.
func functions(root string) ([]string, error) {
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	if len(mains) == 0 {
		return nil, errors.New("no functions/*/main.go here: run this from the repository's root")
	}
	var names []string
	for _, m := range mains {
		names = append(names, filepath.Base(filepath.Dir(m)))
	}
	return names, nil
}

// release builds and packs one function.
func (r releaser) release(file, name, arch string) error {
	zipped, err := packed(r.root, name, arch, r.version)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(zipped)
	if r.twice {
		again, err := packed(r.root, name, arch, r.version, "-a")
		if err != nil {
			return err
		}
		if sha256.Sum256(again) != sum {
			return errors.New("two builds differ: it is not reproducible")
		}
	}
	if err := os.WriteFile(file, zipped, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%x  %8d  %s\n", sum, len(zipped), file)
	if r.most > 0 && len(zipped) > r.most {
		return fmt.Errorf("%s has %d bytes, more than %d", file, len(zipped), r.most)
	}
	return nil
}

// packed is the ZIP file of a fresh build.
func packed(root, name, arch, version string, flags ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin := filepath.Join(dir, "bootstrap")
	if err := build(root, name, arch, version, bin, flags); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(bin)
	if err != nil {
		return nil, err
	}
	return pack(body)
}

// build makes the binary. What depends on the machine is left out: paths
// (-trimpath), the state of the checkout (-buildvcs=false), what the build id is
// made of, and the machine's own idea of the processor.
func build(root, name, arch, version, bin string, flags []string) error {
	args := append([]string{"build"}, flags...)
	args = append(args, "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid= -X main.version="+version, "-o", bin, "./functions/"+name)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOARM64=v8.0", "GOAMD64=v1")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(text)))
	}
	return nil
}

// pack makes a ZIP file of a bootstrap binary: executable, and of the first day
// that the format knows.
func pack(body []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

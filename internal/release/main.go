// Command release builds the Lambda functions as they are released: for each
// folder below functions that holds a main package a bootstrap binary for each
// architecture, in a ZIP file, with its size and SHA-256; and, where asked, the
// same bytes unpacked, DIR/NAME/ARCH/bootstrap, for a deployment that packs them
// itself.
//
// It promises that the same sources and the same Go give the same bytes,
// whatever folder, clock or machine they are built in; asked to build twice, or to
// keep to a size, it fails where that does not hold, after it has built the
// others. The second build is one of a copy of the sources in another folder, with
// a build cache of its own that is empty at first. mfawatch.yaml is not in the
// ZIP: it is the deployer's.
package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

func main() {
	out := flag.String("out", "bin/functions", "the folder that the ZIP files go to")
	version := flag.String("version", "dev", "the version that the binaries say they are")
	twice := flag.Bool("twice", false, "build each a second time, elsewhere and from nothing, and compare")
	most := flag.Int("most", 0, "fail when a ZIP file has more bytes than this; 0 is no limit")
	unpacked := flag.String("unpacked", "", "also write DIR/NAME/ARCH/bootstrap below this folder, the binaries of the ZIP files")
	arch := flag.String("arch", "", "build for this architecture only: "+strings.Join(architectures, " or "))
	flag.Parse()
	r := releaser{out: os.Stdout, root: ".", to: *out, unpacked: *unpacked, version: *version, arch: *arch, twice: *twice, most: *most}
	if err := cmp.Or(extra(flag.Args()), r.run()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// extra refuses what is no flag: "-twice false" would build twice.
func extra(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q is no flag: all functions are built, -arch says for what", args[0])
}

var architectures = []string{"arm64", "amd64"}

// releaser is one release.
type releaser struct {
	out      io.Writer // a line for each ZIP file
	root     string    // of the repository
	to       string    // the folder of the ZIP files
	unpacked string    // the folder of the binaries; "": none are kept
	version  string
	arch     string // "": all
	twice    bool
	most     int // bytes; 0 is no limit
}

// chosen are the architectures to build for.
func (r releaser) chosen() ([]string, error) {
	switch {
	case r.arch == "":
		return architectures, nil
	case slices.Contains(architectures, r.arch):
		return []string{r.arch}, nil
	}
	return nil, fmt.Errorf("-arch: %q is not one of %s", r.arch, strings.Join(architectures, ", "))
}

func (r releaser) run() error {
	archs, err := r.chosen()
	if err != nil {
		return err
	}
	names, err := functions(r.root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.to, 0o755); err != nil {
		return err
	}
	builders := []builder{{root: r.root, version: r.version}}
	if r.twice {
		dir, err := os.MkdirTemp("", "release-again-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		again := builder{root: filepath.Join(dir, "elsewhere"), version: r.version, env: []string{"GOCACHE=" + filepath.Join(dir, "cache")}}
		if err := copySources(again.root, r.root); err != nil {
			return fmt.Errorf("copy the sources for the second build: %w", err)
		}
		builders = append(builders, again)
	}
	var errs []error
	for _, arch := range archs { // what they share is then in the build cache
		for _, name := range names {
			if err := r.release(name, arch, builders); err != nil {
				errs = append(errs, fmt.Errorf("functions/%s for %s: %w", name, arch, err))
			}
		}
	}
	return errors.Join(errs...)
}

// copySources copies the tree without what no build reads: hidden folders, what
// was built, and other programs' modules.
func copySources(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		under, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, under)
		switch name := e.Name(); {
		case e.IsDir() && under != "." && (strings.HasPrefix(name, ".") || under == "bin" || name == "node_modules"):
			return filepath.SkipDir
		case e.IsDir():
			return os.MkdirAll(target, 0o755)
		case !e.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
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

// release builds and packs one function, by each of the builders.
func (r releaser) release(name, arch string, builders []builder) error {
	body, err := builders[0].binary(name, arch)
	if err != nil {
		return err
	}
	zipped, err := pack(body)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(zipped)
	for _, b := range builders[1:] {
		again, err := b.packed(name, arch)
		if err != nil {
			return fmt.Errorf("the second build: %w", err)
		}
		if sha256.Sum256(again) != sum {
			return errors.New("two builds differ: it is not reproducible")
		}
	}
	file := filepath.Join(r.to, name+"-"+arch+".zip")
	if err := os.WriteFile(file, zipped, 0o644); err != nil {
		return err
	}
	if err := r.unpack(name, arch, body); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%x  %8d  %s\n", sum, len(zipped), file)
	if r.most > 0 && len(zipped) > r.most {
		return fmt.Errorf("%s has %d bytes, more than %d", file, len(zipped), r.most)
	}
	return nil
}

// unpack keeps the binary as it is in the ZIP file, executable by everybody,
// whatever the umask: in Lambda it runs as another user. It takes the place of the
// file that was there, which may be running.
func (r releaser) unpack(name, arch string, body []byte) error {
	if r.unpacked == "" {
		return nil
	}
	dir := filepath.Join(r.unpacked, name, arch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(dir), ".bootstrap-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it has taken its place
	_, err = f.Write(body)
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, "bootstrap"))
}

// builder builds the sources below a folder.
type builder struct {
	root    string
	version string
	env     []string // beside the process's own
}

// packed is the ZIP file of a build.
func (b builder) packed(name, arch string) ([]byte, error) {
	body, err := b.binary(name, arch)
	if err != nil {
		return nil, err
	}
	return pack(body)
}

// binary is what a build makes.
func (b builder) binary(name, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin := filepath.Join(dir, "bootstrap")
	if err := b.build(name, arch, bin); err != nil {
		return nil, err
	}
	return os.ReadFile(bin)
}

// tags leave out what no function uses: Lambda's old way of calling one, and
// HTTP/2, of which net/http carries a second client and server.
const tags = "lambda.norpc,nethttpomithttp2"

// compilerFlags switch inlining off (-l): a fifth of a function is the same small
// bodies over and over, above all in the SDK's generated code, and a function
// waits for AWS. What looks at each byte of a trail keeps it.
func compilerFlags(name string) []string {
	flags := []string{"-gcflags=all=-l"}
	if name == "audit" || name == "canary" || name == "breakglass" {
		return flags // they read no trail
	}
	for _, hot := range []string{"mfawatch/audit/trail", "mfawatch/audit/signin", "mfawatch/audit/detect", "github.com/klauspost/compress/..."} {
		flags = append(flags, "-gcflags="+hot+"=")
	}
	return flags
}

// build makes the binary. What depends on the machine is left out: paths
// (-trimpath), the state of the checkout (-buildvcs=false), what the build id is
// made of, and the machine's own idea of the processor, of experiments and of
// other modules beside this one.
func (b builder) build(name, arch, bin string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-tags", tags}, compilerFlags(name)...)
	args = append(args, "-ldflags", "-s -w -buildid= -X main.version="+b.version, "-o", bin, "./functions/"+name)
	cmd := exec.Command("go", args...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOARM64=v8.0", "GOAMD64=v1",
		"GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off")
	cmd.Env = append(cmd.Env, b.env...)
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

package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFunctions(t *testing.T) {
	names, err := functions("../..")
	if err != nil || !slices.Contains(names, "signin") || !slices.Contains(names, "reconcile") || slices.Contains(names, "delivery") {
		t.Errorf("%v, error %v", names, err)
	}
	if _, err := functions(t.TempDir()); err == nil {
		t.Error("an empty folder has functions")
	}
}

func TestPack(t *testing.T) {
	a, err := pack([]byte("binary"))
	b, again := pack([]byte("binary"))
	if err != nil || again != nil || !bytes.Equal(a, b) {
		t.Fatalf("error %v, %v, same bytes %v", err, again, bytes.Equal(a, b))
	}
	z, err := zip.NewReader(bytes.NewReader(a), int64(len(a)))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode().Perm() != 0o755 {
		t.Fatalf("%v, error %v", z, err)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != "binary" {
		t.Errorf("%q, error %v", text, err)
	}
}

// small is a module with one function.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	at := filepath.Join(dir, "functions", "tiny")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(dir, "go.mod"): "module tiny\n\ngo 1.24\n", filepath.Join(at, "main.go"): "package main\n\nvar version = \"dev\"\n\nfunc main() { println(version) }\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The folder a build is made in does not show in it, and the version does.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary")
	}
	lines := func(version string) string {
		var b bytes.Buffer
		if err := (releaser{out: &b, root: small(t), to: t.TempDir(), version: version}).run(); err != nil {
			t.Fatal(err)
		}
		var sums []string
		for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
			sums = append(sums, strings.Fields(line)[0])
		}
		return strings.Join(sums, " ")
	}
	one := lines("v1")
	if len(one) != 2*64+1 || one != lines("v1") || one == lines("v2") {
		t.Errorf("sums %s, again %s", one, lines("v1"))
	}
}

// What the folder or the build cache changes is noticed, and the sources are
// left as they are.
func TestTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary")
	}
	var b bytes.Buffer
	r := releaser{out: &b, root: small(t), to: t.TempDir(), version: "v1", twice: true}
	if err := r.run(); err != nil || strings.Count(b.String(), "tiny-") != 2 {
		t.Errorf("%s, error %v", b.String(), err)
	}
	other := builder{root: small(t), version: "v2"}
	err := r.release("tiny", "arm64", []builder{{root: r.root, version: "v1"}, other})
	if err == nil || !strings.Contains(err.Error(), "two builds differ") {
		t.Errorf("error %v", err)
	}
}

func TestCopySources(t *testing.T) {
	from, to := small(t), filepath.Join(t.TempDir(), "copy")
	for _, name := range []string{".git/config", "bin/tiny", "docs/node_modules/x.js", "docs/text.md", "cmd/bin/main.go"} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := copySources(to, from); err != nil {
		t.Fatal(err)
	}
	var names []string
	err := filepath.WalkDir(to, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			under, _ := filepath.Rel(to, path)
			names = append(names, filepath.ToSlash(under))
		}
		return err
	})
	if want := []string{"cmd/bin/main.go", "docs/text.md", "functions/tiny/main.go", "go.mod"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, error %v, want %q", names, err, want)
	}
}

func TestBrokenFunction(t *testing.T) {
	dir := small(t)
	if err := os.WriteFile(filepath.Join(dir, "functions", "tiny", "main.go"), []byte("package main\n\nfunc main() { nothing() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := releaser{out: io.Discard, root: dir, to: t.TempDir(), version: "v1"}.run()
	if err == nil || !strings.HasPrefix(err.Error(), "functions/tiny for arm64: go build") {
		t.Errorf("error %v", err)
	}
}

// What is too large is named, and all are built all the same.
func TestTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary")
	}
	to := t.TempDir()
	err := releaser{out: io.Discard, root: small(t), to: to, version: "v1", most: 1000}.run()
	built, _ := filepath.Glob(filepath.Join(to, "*.zip"))
	if err == nil || strings.Count(err.Error(), "more than 1000") != 2 || len(built) != 2 {
		t.Errorf("error %v, built %q", err, built)
	}
}

// What is unpacked is what is in the ZIP, for the architecture that was asked for,
// and takes the place of an older build, its mode too.
func TestUnpacked(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary")
	}
	to, unpacked := t.TempDir(), filepath.Join(t.TempDir(), "functions")
	at := filepath.Join(unpacked, "tiny", "arm64", "bootstrap")
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (releaser{out: io.Discard, root: small(t), to: to, unpacked: unpacked, version: "v1", arch: "arm64"}).run(); err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(to, "tiny-arm64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r, err := z.Open("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(at)
	if info, missing := os.Stat(at); err != nil || missing != nil || info.Mode() != 0o755 || len(body) < 100_000 || !bytes.Equal(body, packed) {
		t.Errorf("%v, errors %v, %v: %d bytes, %d in the ZIP", info.Mode(), err, missing, len(body), len(packed))
	}
	var names []string
	for _, pattern := range []string{filepath.Join(to, "*"), filepath.Join(unpacked, "*", "*"), filepath.Join(unpacked, "*", "*", "*"), filepath.Join(unpacked, "*", ".*")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if want := []string{filepath.Join(to, "tiny-arm64.zip"), filepath.Dir(at), at}; !slices.Equal(names, want) {
		t.Errorf("wrote %q, want %q", names, want)
	}
}

func TestWrongFlags(t *testing.T) {
	to := t.TempDir()
	err := releaser{out: io.Discard, root: small(t), to: to, version: "v1", arch: "riscv64"}.run()
	if built, _ := filepath.Glob(filepath.Join(to, "*")); err == nil || err.Error() != `-arch: "riscv64" is not one of arm64, amd64` || len(built) != 0 {
		t.Errorf("error %v, built %q", err, built)
	}
	if extra(nil) != nil || extra([]string{"signin"}) == nil {
		t.Error("an argument is taken for nothing")
	}
}

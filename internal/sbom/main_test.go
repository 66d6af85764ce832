package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// self is a binary of the repository that links one module.
func self(t *testing.T) (string, []byte, *buildinfo.BuildInfo) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a binary")
	}
	name := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", name, "mfawatch/internal/release").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.Read(bytes.NewReader(body))
	if err != nil || len(info.Deps) != 1 || info.Deps[0].Path != "github.com/klauspost/compress" {
		t.Fatalf("the binary tells of other modules: %v, error %v", info, err)
	}
	return name, body, info
}

// listOf is a list of licences with a row for each of the binary's modules.
func listOf(t *testing.T, info *buildinfo.BuildInfo) string {
	t.Helper()
	rows := "| module | version | licences | linked into |\n| --- | --- | --- | --- |\n| std | – | BSD-3-Clause | mfawatch |\n"
	for _, m := range info.Deps {
		rows += "| " + m.Path + " | " + m.Version + " | MIT AND BSD-3-Clause | mfawatch |\n"
	}
	name := filepath.Join(t.TempDir(), "list.md")
	if err := os.WriteFile(name, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, body := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for name, body := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const commit = "2026-11-26T08:00:00Z"

// A binary, and the archives that hold it, have the same parts, the same checksum and, each time,
// the same bytes.
func TestDocument(t *testing.T) {
	name, body, info := self(t)
	list, dir := listOf(t, info), t.TempDir()
	sum := sha256.Sum256(body)
	inside := map[string][]byte{"dir/README.md": []byte("read me"), "dir/" + filepath.Base(name): body}
	var first []component
	for file, text := range map[string][]byte{"plain": body, "m.zip": zipped(t, inside), "m.tar.gz": tarred(t, inside)} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, text, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := run([]string{path}, "", "v1.0.0+build", commit, list); err != nil {
			t.Fatal(err)
		}
		one, err := os.ReadFile(path + ".cdx.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := run([]string{path}, path+".again", "v1.0.0+build", commit, list); err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(path + ".again")
		if err != nil || !bytes.Equal(one, again) {
			t.Errorf("%s: two runs differ, error %v", file, err)
		}
		var d bom
		if err := json.Unmarshal(one, &d); err != nil {
			t.Fatal(err)
		}
		top := d.Metadata.Component
		if len(top.Hashes) != 1 || top.Hashes[0].Content != hex.EncodeToString(sum[:]) || d.Metadata.Timestamp != commit || !strings.HasSuffix(top.PURL, "@v1.0.0%2Bbuild") {
			t.Errorf("%s: %+v, want the checksum of the binary inside", file, top)
		}
		if len(d.Components) != len(info.Deps)+1 || len(d.Dependencies[0].On) != len(d.Components) {
			t.Errorf("%s: %d components, %d below the program, want %d", file, len(d.Components), len(d.Dependencies[0].On), len(info.Deps)+1)
		}
		if first == nil {
			first = d.Components
		}
		if diff := cmp.Diff(first, d.Components); diff != "" {
			t.Errorf("%s: other components\n%s", file, diff)
		}
	}
	std := first[len(first)-1]
	if std.Name != "std" || "go"+std.Version != strings.Fields(runtime.Version())[0] || std.Licenses[0].Expression != "BSD-3-Clause" {
		t.Errorf("the standard library is %+v", std)
	}
	if c := first[0]; len(c.Hashes) != 1 || len(c.Hashes[0].Content) != 64 || c.Licenses[0].Expression != "MIT AND BSD-3-Clause" {
		t.Errorf("%+v, want the checksum of go.sum and the licences of its row", c)
	}
}

// What cannot be told is an error that says what to do, and no document.
func TestRefused(t *testing.T) {
	name, body, info := self(t)
	list, dir := listOf(t, info), t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := write("other.md", "| std | – | BSD-3-Clause | mfawatch |\n")
	two := write("two.zip", string(zipped(t, map[string][]byte{"a": body, "b": body})))
	for want, err := range map[string]error{
		"which file?":                   run(nil, "", "v1", commit, list),
		"-out is one file":              run([]string{name, name}, "x", "v1", commit, list),
		"-version is missing":           run([]string{name}, "", "", commit, list),
		"-time:":                        run([]string{name}, "", "v1", "yesterday", list),
		"-licences:":                    run([]string{name}, "", "v1", commit, filepath.Join(dir, "none")),
		"has no row in the list":        run([]string{name}, filepath.Join(dir, "x"), "v1", commit, other),
		"holds no Go program":           run([]string{write("text", "hello")}, "", "v1", commit, list),
		"holds 2 Go programs":           run([]string{two}, "", "v1", commit, list),
		"zip: not a valid zip file":     run([]string{write("bad.zip", "hello")}, "", "v1", commit, list),
		"gzip: invalid header":          run([]string{write("bad.tar.gz", "hello hello")}, "", "v1", commit, list),
		"no such file or directory":     run([]string{filepath.Join(dir, "none")}, "", "v1", commit, list),
		"m is replaced by ../fork, and": replaced(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.cdx.json")); len(left) > 0 {
		t.Errorf("documents were written all the same: %q", left)
	}
}

func replaced() error {
	info := &debug.BuildInfo{Deps: []*debug.Module{{Path: "m", Version: "v1.0.0", Replace: &debug.Module{Path: "../fork"}}}}
	_, err := document("m", binary{info: info}, "v1", time.Time{}, map[string]string{"std ": "BSD-3-Clause"})
	return err
}

// The list in the repository is one that the rows can be read from.
func TestRealList(t *testing.T) {
	list, err := os.ReadFile("../../THIRD_PARTY_LICENSES.md")
	if err != nil {
		t.Fatal(err)
	}
	by := licencesIn(string(list))
	if by["std "] != "BSD-3-Clause" || len(by) < 50 {
		t.Errorf("%d rows, std %q", len(by), by["std "])
	}
}

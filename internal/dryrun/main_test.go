package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func TestSame(t *testing.T) {
	of := func(pairs ...string) release {
		m := release{map[string][]byte{}}
		for i := 0; i < len(pairs); i += 2 {
			m.files[pairs[i]] = []byte(pairs[i+1])
		}
		return m
	}
	if err := same(of("a", "1", "b", "2"), of("b", "2", "a", "1")); err != nil {
		t.Error(err)
	}
	err := same(of("a", "1", "b", "2", "c", "3"), of("a", "1", "b", "x", "d", "4"))
	for _, want := range []string{"b differs between", "c is in one of two", "d is in one of two"} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("error %v, want %q once", err, want)
		}
	}
}

// clone is a folder as goreleaser leaves it, with the checksums of its files.
func clone(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	list := ""
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(body)), filepath.Base(name))
	}
	if err := os.MkdirAll(filepath.Join(dir, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dist", sums), []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPublished(t *testing.T) {
	dir := clone(t, map[string]string{"dist/a.tar.gz": "a", "bin/release/f-arm64.zip": "f"})
	if err := os.WriteFile(filepath.Join(dir, "dist", "config.yaml"), []byte("goreleaser's own"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := published(dir)
	if err != nil || strings.Join(m.names(), " ") != "a.tar.gz checksums.txt f-arm64.zip" {
		t.Errorf("%q, error %v", m.names(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dist", sums+".sig"), []byte("signature"), 0o644); err != nil {
		t.Fatal(err)
	}
	if m, err := published(dir); err != nil || string(m.files[sums+".sig"]) != "signature" {
		t.Errorf("%q, error %v", m.names(), err)
	}
	for want, spoil := range map[string]func(string) error{
		"a.tar.gz has SHA-256": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "dist", "a.tar.gz"), []byte("b"), 0o644)
		},
		"names what is not there": func(dir string) error { return os.Remove(filepath.Join(dir, "dist", "a.tar.gz")) },
		"is no checksum and name": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "dist", sums), []byte("00  ../../etc/passwd\n"), 0o644)
		},
		"no such file": func(dir string) error { return os.Remove(filepath.Join(dir, "dist", sums)) },
	} {
		dir := clone(t, map[string]string{"dist/a.tar.gz": "a"})
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := published(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// made is a repository with one commit and a program in Go, built with what the go
// command knows of the commit.
func made(t *testing.T) (commit, []byte) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a binary")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module tiny\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"git", "init", "-q"}, {"git", "add", "."},
		{"git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "x"},
		{"go", "build", "-trimpath", "-buildvcs=true", "-o", filepath.Join(".git", "program")}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	body, err := os.ReadFile(filepath.Join(dir, ".git", "program"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := git("-C", dir, "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	at, err := git("-C", dir, "show", "-s", "--format=%cI", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	return commit{id: id, at: when.UTC()}, body
}

// packed is a release with one platform's archive.
func packed(t *testing.T, owner string, files map[string][]byte) release {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for name, body := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o755, Uname: owner, Gname: owner}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	name := "mfawatch_1.0.0_linux_arm64.tar.gz"
	return release{map[string][]byte{name: b.Bytes(), name + ".cdx.json": []byte(`{"bomFormat": "CycloneDX"}`)}}
}

// An archive has its files, its owner and a program of the commit, or is refused with what
// is wrong.
func TestArchive(t *testing.T) {
	c, body := made(t)
	const folder = "mfawatch_1.0.0_linux_arm64/"
	files := func() map[string][]byte {
		all := map[string][]byte{folder + "mfawatch": body}
		for _, name := range beside {
			all[folder+name] = []byte("text")
		}
		return all
	}
	if err := packed(t, "root", files()).archive("1.0.0", "linux_arm64", c); err != nil {
		t.Errorf("what is right is refused: %v", err)
	}
	other := c
	other.id = strings.Repeat("0", 40)
	without, outside, foreign := files(), files(), files()
	delete(without, folder+"LICENSE")
	outside["mfawatch"] = body
	foreign[folder+"mfawatch"] = body[64:]
	bare := packed(t, "root", files())
	bare.files["mfawatch_1.0.0_linux_arm64.tar.gz.cdx.json"] = nil
	for want, err := range map[string]error{
		"there is no LICENSE in the archive":     packed(t, "root", without).archive("1.0.0", "linux_arm64", c),
		"is outside of the archive's folder":     packed(t, "root", outside).archive("1.0.0", "linux_arm64", c),
		"belongs to builder and builder":         packed(t, "builder", files()).archive("1.0.0", "linux_arm64", c),
		"the program says vcs.revision=":         packed(t, "root", files()).archive("1.0.0", "linux_arm64", other),
		"has no SBOM beside it":                  bare.archive("1.0.0", "linux_arm64", c),
		"mfawatch: ":                             packed(t, "root", foreign).archive("1.0.0", "linux_arm64", c),
		"windows_amd64.zip has 0 bytes":          bare.archive("1.0.0", "windows_amd64", c),
		"there is no mfawatch_VERSION_linux_amd": versionOf(bare),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func versionOf(m release) error {
	_, err := m.version()
	return err
}

func TestTold(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, {Key: "GOOS", Value: "linux"}}}
	if err := told(info, map[string]string{"GOOS": "linux"}); err != nil {
		t.Error(err)
	}
	err := told(info, map[string]string{"vcs.modified": "false", "-trimpath": "true"})
	if want := "the program says -trimpath=\"\", want \"true\"\nthe program says vcs.modified=\"true\", want \"false\""; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestUnzip(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"dir/", "dir/a"} {
		if w, err := z.Create(name); err != nil {
			t.Fatal(err)
		} else if strings.HasSuffix(name, "a") {
			if _, err := w.Write([]byte("text")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if all, err := unzip(b.Bytes()); err != nil || len(all) != 1 || string(all["dir/a"]) != "text" {
		t.Errorf("%q, error %v", all, err)
	}
	if _, err := unzip([]byte("no zip")); err == nil {
		t.Error("what is no ZIP is read")
	}
}

// The signature is checked as a user checks it.
func TestSigned(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("there is no ssh-keygen here: a release cannot be signed")
	}
	dir := t.TempDir()
	key, list := filepath.Join(dir, "key"), filepath.Join(dir, sums)
	if err := os.WriteFile(list, []byte("the checksums\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key}, {"-q", "-Y", "sign", "-n", "mfawatch-release", "-f", key, list}} {
		if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	signature, err := os.ReadFile(list + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	r := rehearsal{key: key}
	m := release{map[string][]byte{sums: []byte("the checksums\n"), sums + ".sig": signature}}
	if err := r.signed(m); err != nil {
		t.Error(err)
	}
	m.files[sums] = []byte("other checksums\n")
	if err := r.signed(m); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("error %v", err)
	}
	if err := (rehearsal{}).signed(m); err != nil {
		t.Errorf("without a key: %v", err)
	}
	if err := (rehearsal{key: filepath.Join(dir, "none")}).signed(m); err == nil || !strings.Contains(err.Error(), "the public key of") {
		t.Errorf("error %v", err)
	}
}

package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// platforms are those that the program is released for.
var platforms = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64", "windows_arm64"}

// asked is how the program of this machine is asked for its version.
var asked = []string{"version"}

// check looks for what a release has to have.
func (r rehearsal) check(m release, c commit) error {
	version, err := m.version()
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range platforms {
		if err := m.archive(version, p, c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p, err))
		}
	}
	mains, err := filepath.Glob("functions/*/main.go")
	if err != nil {
		return err
	}
	if len(mains) == 0 {
		errs = append(errs, errors.New("no functions/*/main.go here: run this from the repository's root"))
	}
	for _, main := range mains {
		for _, arch := range []string{"arm64", "amd64"} {
			errs = append(errs, m.has(filepath.Base(filepath.Dir(main))+"-"+arch+".zip", 100))
		}
	}
	errs = append(errs, m.speaks(version, c), r.signed(m))
	return errors.Join(errs...)
}

var named = regexp.MustCompile(`^mfawatch_(.+)_linux_amd64\.tar\.gz$`)

// version is the release's, as its archives are named.
func (m release) version() (string, error) {
	for _, name := range m.names() {
		if found := named.FindStringSubmatch(name); found != nil {
			return found[1], nil
		}
	}
	return "", errors.New("there is no mfawatch_VERSION_linux_amd64.tar.gz")
}

// has wants a file, with its SBOM.
func (m release) has(name string, least int) error {
	if len(m.files[name]) < least {
		return fmt.Errorf("%s has %d bytes", name, len(m.files[name]))
	}
	if bom := m.files[name+".cdx.json"]; !bytes.Contains(bom, []byte(`"bomFormat": "CycloneDX"`)) {
		return fmt.Errorf("%s has no SBOM beside it", name)
	}
	return nil
}

// beside is what each archive holds with the program.
var beside = []string{"LICENSE", "THIRD_PARTY_LICENSES.md", "README.md", "CHANGELOG.md", "completions/mfawatch.bash", "completions/mfawatch.zsh", "completions/mfawatch.fish", "man/mfawatch.1"}

// archive opens a platform's archive: the program in it is for that platform and tells
// the commit.
func (m release) archive(version, platform string, c commit) error {
	inside, err := m.open(version, platform)
	if err != nil {
		return err
	}
	for _, name := range beside {
		if len(inside[name]) == 0 {
			return fmt.Errorf("there is no %s in the archive", name)
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(inside[program(platform)]))
	if err != nil {
		return fmt.Errorf("%s: %w", program(platform), err)
	}
	goos, goarch, _ := strings.Cut(platform, "_")
	return told(info, map[string]string{
		"GOOS": goos, "GOARCH": goarch, "CGO_ENABLED": "0", "-trimpath": "true",
		"vcs.revision": c.id, "vcs.time": c.at.Format(time.RFC3339), "vcs.modified": "false",
	})
}

func program(platform string) string {
	if strings.HasPrefix(platform, "windows") {
		return "mfawatch.exe"
	}
	return "mfawatch"
}

// told compares what a binary tells of its build.
func told(info *debug.BuildInfo, want map[string]string) error {
	have := map[string]string{}
	for _, s := range info.Settings {
		have[s.Key] = s.Value
	}
	var errs []error
	for key, value := range want {
		if have[key] != value {
			errs = append(errs, fmt.Errorf("the program says %s=%q, want %q", key, have[key], value))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// open are the files of a platform's archive, by their path below its one folder.
func (m release) open(version, platform string) (map[string][]byte, error) {
	folder := "mfawatch_" + version + "_" + platform
	name, unpack := folder+".tar.gz", untar
	if strings.HasPrefix(platform, "windows") {
		name, unpack = folder+".zip", unzip
	}
	if err := m.has(name, 1000); err != nil {
		return nil, err
	}
	all, err := unpack(m.files[name])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	inside := map[string][]byte{}
	for path, body := range all {
		under, ok := strings.CutPrefix(path, folder+"/")
		if !ok {
			return nil, fmt.Errorf("%s: %s is outside of the archive's folder", name, path)
		}
		inside[under] = body
	}
	return inside, nil
}

func untar(body []byte) (map[string][]byte, error) {
	plain, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for t := tar.NewReader(plain); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Uname != "root" || h.Gname != "root" {
			return nil, fmt.Errorf("%s belongs to %s and %s, want root: it is not reproducible", h.Name, h.Uname, h.Gname)
		}
		if all[h.Name], err = io.ReadAll(t); err != nil {
			return nil, err
		}
	}
}

func unzip(body []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		all[f.Name] = text
	}
	return all, nil
}

// speaks runs the program of this machine, out of its archive.
func (m release) speaks(version string, c commit) error {
	platform := runtime.GOOS + "_" + runtime.GOARCH
	if !slices.Contains(platforms, platform) {
		return fmt.Errorf("there is no release for this machine, %s: its program cannot be asked", platform)
	}
	inside, err := m.open(version, platform)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "release-dry-run-program-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, program(platform))
	if err := os.WriteFile(name, inside[program(platform)], 0o755); err != nil {
		return err
	}
	out, err := exec.Command(name, asked...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mfawatch %s: %w: %s", asked[0], err, out)
	}
	want := []string{"v" + version}
	if asked[0] == "version" {
		want = append(want, c.id, c.at.Format(time.RFC3339), runtime.Version())
	}
	for _, w := range want {
		if !strings.Contains(string(out), w) {
			return fmt.Errorf("mfawatch %s does not tell %s: %s", asked[0], w, out)
		}
	}
	return nil
}

// signed verifies the signature as docs/release.md tells a user to.
func (r rehearsal) signed(m release) error {
	if r.key == "" {
		return nil
	}
	public, err := exec.Command("ssh-keygen", "-y", "-f", r.key).Output()
	if err != nil {
		return fmt.Errorf("the public key of %s: %w", r.key, err)
	}
	dir, err := os.MkdirTemp("", "release-dry-run-signature-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	signers, signature := filepath.Join(dir, "signers"), filepath.Join(dir, "signature")
	err = errors.Join(os.WriteFile(signers, append([]byte("mfawatch-release "), public...), 0o600), os.WriteFile(signature, m.files[sums+".sig"], 0o600))
	if err != nil {
		return err
	}
	cmd := exec.Command("ssh-keygen", "-Y", "verify", "-f", signers, "-I", "mfawatch-release", "-n", "mfawatch-release", "-s", signature)
	cmd.Stdin = bytes.NewReader(m.files[sums])
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s.sig does not verify: %w: %s", sums, err, out)
	}
	return nil
}

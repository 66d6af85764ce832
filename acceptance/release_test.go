//go:build acceptance

package acceptance

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// zipMost is the Makefile's ZIP_MOST.
const zipMost = "4300000"

// What is released is what is built: each function for both architectures, twice,
// the second time from a copy in another folder with an empty build cache. The
// two have the same SHA-256, and neither is over the limit. What is unpacked is what
// is in the ZIP, and no function links what reads a person's YAML.
func TestReleasedFunctions(t *testing.T) {
	to, unpacked := t.TempDir(), t.TempDir()
	cmd := exec.Command("go", "run", "./internal/release", "-out", to, "-unpacked", unpacked, "-version", "v0.0.0", "-most", zipMost, "-twice")
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	mains, err := filepath.Glob("../functions/*/main.go")
	if err != nil || len(mains) < 3 {
		t.Fatalf("%d functions, error %v", len(mains), err)
	}
	for _, main := range mains {
		for _, arch := range []string{"arm64", "amd64"} {
			function := filepath.Base(filepath.Dir(main))
			name := function + "-" + arch + ".zip"
			packed, err := bootstrap(filepath.Join(to, name))
			if err != nil || strings.Count(string(out), name) != 1 {
				t.Errorf("%s is not among what was released: %v", name, err)
			}
			binary := filepath.Join(unpacked, function, arch, "bootstrap")
			if body, err := os.ReadFile(binary); err != nil || !bytes.Equal(body, packed) {
				t.Errorf("%s is not what is in %s: %d bytes and %d, error %v", binary, name, len(body), len(packed), err)
			}
			linksNoYAML(t, binary)
		}
	}
}

// bootstrap is the binary in a ZIP.
func bootstrap(name string) ([]byte, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open("bootstrap")
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// linksNoYAML reads the list of modules that the linker leaves in a binary: those
// that other modules brought along too.
func linksNoYAML(t *testing.T, binary string) {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, m := range info.Deps {
		seen = seen || m.Path == "github.com/aws/aws-lambda-go"
		for _, heavy := range []string{"yaml", "jsonschema", "golang.org/x/text", "cobra", "aws-cdk-go", "jsii"} {
			if strings.Contains(m.Path, heavy) {
				t.Errorf("%s links %s", binary, m.Path)
			}
		}
	}
	if !seen {
		t.Errorf("%s names no aws-lambda-go among %d modules: the list is not what was linked", binary, len(info.Deps))
	}
}

// The limit of the acceptance test is that of make functions.
func TestReleaseLimit(t *testing.T) {
	text, err := os.ReadFile("../Makefile")
	if err != nil || !strings.Contains(string(text), "ZIP_MOST    := "+zipMost+"\n") || !strings.Contains(string(text), "-most $(ZIP_MOST)") {
		t.Errorf("make functions has another limit, error %v", err)
	}
}

//go:build acceptance

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// zipMost is the Makefile's ZIP_MOST.
const zipMost = "4500000"

// What is released is what is built: each function for both architectures, twice,
// the second time from a copy in another folder with an empty build cache. The
// two have the same SHA-256, and neither is over the limit.
func TestReleasedFunctions(t *testing.T) {
	to := t.TempDir()
	cmd := exec.Command("go", "run", "./internal/release", "-out", to, "-version", "v0.0.0", "-most", zipMost, "-twice")
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
			name := filepath.Base(filepath.Dir(main)) + "-" + arch + ".zip"
			if _, err := os.Stat(filepath.Join(to, name)); err != nil || strings.Count(string(out), name) != 1 {
				t.Errorf("%s is not among what was released: %v", name, err)
			}
		}
	}
}

// The limit of the acceptance test is that of make functions.
func TestReleaseLimit(t *testing.T) {
	text, err := os.ReadFile("../Makefile")
	if err != nil || !strings.Contains(string(text), "ZIP_MOST    := "+zipMost+"\n") || !strings.Contains(string(text), "-most $(ZIP_MOST)") {
		t.Errorf("make functions has another limit, error %v", err)
	}
}

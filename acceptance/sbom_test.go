//go:build acceptance

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CycloneDX's own validator takes the SBOM of the real program, strictly, and not one
// with a word that the schema does not know.
func TestSBOM(t *testing.T) {
	dir := t.TempDir()
	program, document := filepath.Join(dir, "mfawatch"), filepath.Join(dir, "mfawatch.cdx.json")
	for _, args := range [][]string{
		{"build", "-trimpath", "-o", program, "./cmd/mfawatch"},
		{"run", "./internal/sbom", "-version", "v0.0.0", "-time", "2026-11-26T00:00:00Z", "-out", document, program},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %q: %v: %s", args, err, out)
		}
	}
	python := judge(t, "venv-sbom", "bin", "python")
	if out, err := exec.Command(python, "sbom/check.py", document).CombinedOutput(); err != nil || !strings.Contains(string(out), "1 documents are CycloneDX 1.6") {
		t.Errorf("%v: %s", err, out)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := strings.Replace(string(text), `"type": "library"`, `"type": "module"`, 1)
	if err := os.WriteFile(document, []byte(spoiled), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, "sbom/check.py", document).CombinedOutput(); err == nil || !strings.Contains(string(out), "'module' is not one of") {
		t.Errorf("a type that there is not: %v: %s", err, out)
	}
}

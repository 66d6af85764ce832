//go:build acceptance

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestShellsReadCompletions: each shell reads the script that is made for it.
func TestShellsReadCompletions(t *testing.T) {
	bin := binary(t)
	for shell, check := range map[string]string{"bash": "-n", "zsh": "-n", "fish": "--no-execute"} {
		script, err := exec.Command(bin, "completion", shell).Output()
		if err != nil || !strings.Contains(string(script), "mfawatch") {
			t.Fatalf("completion %s: %v, %d bytes", shell, err, len(script))
		}
		name := filepath.Join(t.TempDir(), shell)
		if err := os.WriteFile(name, script, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(peer(t, shell), check, name).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s does not read its script: %v: %s", shell, err, out)
		}
		// And one that is broken it does not: the check can fail.
		if err := os.WriteFile(name, append(script, "\nif ((\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command(peer(t, shell), check, name).Run(); err == nil {
			t.Errorf("%s reads a script that breaks off", shell)
		}
	}
}

// TestGroffReadsManPages: every page is formatted without a warning.
func TestGroffReadsManPages(t *testing.T) {
	groff, dir := peer(t, "groff"), t.TempDir()
	if out, err := exec.Command(binary(t), "man", dir).CombinedOutput(); err != nil {
		t.Fatalf("man: %v: %s", err, out)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 50 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		cmd := exec.Command(groff, "-man", "-Tutf8", "-k", "-ww", page)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || errs.Len() > 0 || !strings.Contains(string(out), "mfawatch") {
			t.Errorf("%s: %v: %.500s", filepath.Base(page), err, errs.String())
		}
	}
}

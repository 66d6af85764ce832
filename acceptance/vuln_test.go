//go:build acceptance

package acceptance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// vulnerabilities is a database of one module's, in the form that govulncheck reads
// (https://go.dev/doc/security/vuln/database).
func vulnerabilities(t *testing.T, module, symbols string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"index/db.json":        `{"modified":"2026-11-26T00:00:00Z"}`,
		"index/modules.json":   `[{"path":"` + module + `","vulns":[{"id":"GO-2026-0001","modified":"2026-11-26T00:00:00Z"}]}]`,
		"index/vulns.json":     `[{"id":"GO-2026-0001","modified":"2026-11-26T00:00:00Z"}]`,
		"ID/GO-2026-0001.json": `{"schema_version":"1.3.1","id":"GO-2026-0001","modified":"2026-11-26T00:00:00Z","published":"2026-11-26T00:00:00Z","summary":"made up","details":"made up","database_specific":{"url":"https://example.com/GO-2026-0001"},"affected":[{"package":{"name":"` + module + `","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"` + module + `/flate","symbols":["` + symbols + `"]}]}}]}`,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + dir
}

// What is called and known to be vulnerable is found, what is linked and not called is no
// finding, and no answer is not taken for a clean one.
func TestVulnerabilities(t *testing.T) {
	for _, c := range []struct {
		name, db, says string
		code           int
	}{
		{"called", vulnerabilities(t, "github.com/klauspost/compress", "NewWriter"), "GO-2026-0001", 3},
		{"not called", vulnerabilities(t, "github.com/klauspost/compress", "NewStatelessWriter"), "No vulnerabilities found", 0},
		{"not linked", vulnerabilities(t, "example.org/other", "NewWriter"), "No vulnerabilities found", 0},
		{"nobody answers", "", "cannot be reached from here: nothing was checked", 75},
	} {
		args := []string{"../.ci/vuln", "./internal/release"}
		if c.db != "" {
			args = []string{"../.ci/vuln", "-db", c.db, "./internal/release"}
		}
		cmd := exec.Command("bash", args...)
		if c.db == "" {
			cmd.Env = append(os.Environ(), "HTTPS_PROXY=http://127.0.0.1:1", "GOPROXY=off") // the tool is there by now
		}
		out, err := cmd.CombinedOutput()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", c.name, code, c.code, c.says, out)
		}
	}
}

//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"mfawatch/audit/report"
)

// judge is a program of acceptance/formats/install.sh.
func judge(t *testing.T, path ...string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(append([]string{"..", ".cache", "acceptance"}, path...)...))
	if err == nil {
		_, err = os.Stat(file)
	}
	if err != nil {
		t.Fatalf("%s is missing: run make acceptance, which installs it", filepath.Join(path...))
	}
	return file
}

// formatCases writes every audit of the report's cases in a format, each into a
// file, with the earlier audit where the case has one.
func formatCases(t *testing.T, format report.AuditFormat) []string {
	t.Helper()
	paths, _ := filepath.Glob("../audit/report/testdata/audit/*.txtar")
	if len(paths) < 8 {
		t.Fatalf("only %d cases", len(paths))
	}
	dir, bin := t.TempDir(), binary(t)
	var files []string
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".txtar")+"."+string(format))
		if err := os.WriteFile(file, inFormat(t, bin, path, archive, format), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// inFormat has the binary render a case's audit, against its earlier one.
func inFormat(t *testing.T, bin, path string, archive *txtar.Archive, format report.AuditFormat) []byte {
	t.Helper()
	dir := t.TempDir()
	var audits []string
	for _, f := range archive.Files {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		file := filepath.Join(dir, f.Name)
		if err := os.WriteFile(file, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		audits = append(audits, file)
	}
	args := []string{"report", audits[0], "--format", string(format), "--security-hub-region", "eu-north-1"}
	if len(audits) > 1 {
		args = append(args, "--diff", audits[1])
	}
	return output(t, nil, bin, args...)
}

// checked gives how many findings the judge saw, and fails on its first fault.
func checked(t *testing.T, args ...string) int {
	t.Helper()
	out, err := verdict(t, args...)
	if err != nil {
		t.Fatalf("%v\n%.3000s", err, out)
	}
	n := 0
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		seen, err := strconv.Atoi(words[len(words)-1])
		if err != nil {
			t.Fatalf("the judge says %q", line)
		}
		n += seen
	}
	return n
}

func verdict(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(judge(t, "venv-formats", "bin", "python"), append([]string{"formats/check.py"}, args...)...).CombinedOutput()
	return string(out), err
}

// refused changes one text of a file and wants the judge to find it: a judge
// that takes everything is none.
func refused(t *testing.T, file, from, to string, args ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte(from)) {
		t.Fatalf("%s has no %s (error %v)", filepath.Base(file), from, err)
	}
	broken := filepath.Join(t.TempDir(), "broken"+filepath.Ext(file))
	if err := os.WriteFile(broken, bytes.Replace(text, []byte(from), []byte(to), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := verdict(t, append(args, broken)...); err == nil {
		t.Errorf("the judge takes %s for %s: %s", to, from, out)
	}
}

func called(t *testing.T, files []string, name string) string {
	t.Helper()
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), name+".") {
			return file
		}
	}
	t.Fatalf("there is no case %s", name)
	return ""
}

// TestOCSFIsOfItsSchema: every finding is a Detection Finding of OCSF 1.3.0 to
// its JSON schema, which allows no further field, and to py-ocsf-models.
func TestOCSFIsOfItsSchema(t *testing.T) {
	files := formatCases(t, report.AuditOCSF)
	n := checked(t, append([]string{"ocsf"}, files...)...)
	if n < 200 {
		t.Errorf("only %d findings", n)
	}
	mixed := called(t, files, "mixed")
	refused(t, mixed, `"severity_id":`, `"severityid":`, "ocsf")
	refused(t, mixed, `"severity_id":1`, `"severity_id":17`, "ocsf")
	refused(t, mixed, `"vendor_name":`, `"vendor":`, "ocsf")
	refused(t, mixed, `"cloud_partition":`, `"partition":`, "ocsf")
	t.Logf("%d findings in %d files", n, len(files))
}

// TestBotocoreTakesASFF: every batch is one that the AWS SDK for Python would
// send.
func TestBotocoreTakesASFF(t *testing.T) {
	files := formatCases(t, report.AuditASFF)
	n := checked(t, append([]string{"asff"}, files...)...)
	if n < 100 {
		t.Errorf("only %d findings", n)
	}
	mixed := called(t, files, "mixed")
	refused(t, mixed, `"ProductArn":`, `"ProductARN":`, "asff")
	refused(t, mixed, `"RecordState":"ACTIVE"`, `"RecordState":"OPEN"`, "asff")
	refused(t, mixed, `"UserId":`, `"Id":`, "asff")
	refused(t, mixed, `"2026-11-20T07:12:00Z"`, `"2026-11-20 07:12"`, "asff")
	if text, _ := os.ReadFile(called(t, files, "changes")); !bytes.Contains(text, []byte(`"ARCHIVED"`)) {
		t.Error("nothing is archived in the case with an earlier audit")
	}
	t.Logf("%d findings in %d files", n, len(files))
}

// TestJUnitIsOfItsSchema: every file is valid to the schema of Jenkins' xUnit
// plugin.
func TestJUnitIsOfItsSchema(t *testing.T) {
	xsd := judge(t, "formats", "junit-10.xsd")
	files := formatCases(t, report.AuditJUnit)
	n := checked(t, append([]string{"junit", "--xsd", xsd}, files...)...)
	if n < 200 {
		t.Errorf("only %d cases", n)
	}
	mixed := called(t, files, "mixed")
	refused(t, mixed, `<testcase name=`, `<testcase called=`, "junit", "--xsd", xsd)
	refused(t, mixed, `<failure type=`, `<failure kind=`, "junit", "--xsd", xsd)
	refused(t, mixed, `</testsuites>`, ``, "junit", "--xsd", xsd)
	t.Logf("%d cases in %d files", n, len(files))
}

// TestSARIFIsOfItsSchema: every log is valid to the JSON schema of OASIS.
func TestSARIFIsOfItsSchema(t *testing.T) {
	files := formatCases(t, report.AuditSARIF)
	n := checked(t, append([]string{"sarif"}, files...)...)
	if n < 100 {
		t.Errorf("only %d results", n)
	}
	mixed := called(t, files, "mixed")
	refused(t, mixed, `"kind":"fail"`, `"kind":"failed"`, "sarif")
	refused(t, mixed, `"executionSuccessful":`, `"successful":`, "sarif")
	refused(t, mixed, `"level":"error"`, `"level":"high"`, "sarif")
	refused(t, mixed, `"version":"2.1.0"`, `"version":"2.2.0"`, "sarif")
	t.Logf("%d results in %d files", n, len(files))
}

// TestMultitoolTakesSARIF: Microsoft's validator, with the rules of the standard
// and those of GitHub's code scanning, finds no error. It judges what a schema
// cannot: whether indices lead somewhere.
func TestMultitoolTakesSARIF(t *testing.T) {
	files := formatCases(t, report.AuditSARIF)
	for _, file := range files {
		if errors := sarifErrors(t, file); len(errors) > 0 {
			t.Errorf("%s: %v", filepath.Base(file), errors)
		}
	}
	text, err := os.ReadFile(called(t, files, "mixed"))
	broken := filepath.Join(t.TempDir(), "broken.sarif")
	const index = `"ruleIndex":`
	if err != nil || !bytes.Contains(text, []byte(index)) {
		t.Fatalf("the case has no %s (error %v)", index, err)
	}
	if err := os.WriteFile(broken, bytes.Replace(text, []byte(index), []byte(index+"9"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(sarifErrors(t, broken)) == 0 {
		t.Error("the validator takes a ruleIndex that leads nowhere")
	}
}

// sarifErrors are the errors that the validator finds, and its own.
func sarifErrors(t *testing.T, file string) []string {
	t.Helper()
	out := file + ".validation.sarif"
	cmd := exec.Command(judge(t, "formats", "node_modules", "@microsoft", "sarif-multitool-linux", "Sarif.Multitool"),
		"validate", file, "-o", out, "--log", "ForceOverwrite", "--rule-kind", "Sarif;Ghas")
	cmd.Env = append(os.Environ(), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1")
	said, failed := cmd.CombinedOutput()
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%s: %v, %v\n%.2000s", filepath.Base(file), failed, err, said)
	}
	var log struct {
		Runs []struct {
			Results []struct {
				RuleID, Level string
				Message       struct{ ID string }
			}
			Invocations []struct{ ExecutionSuccessful bool }
		}
	}
	if err := json.Unmarshal(text, &log); err != nil || len(log.Runs) != 1 {
		t.Fatalf("%s: %d runs (error %v)", filepath.Base(file), len(log.Runs), err)
	}
	var errors []string
	for _, r := range log.Runs[0].Results {
		if r.Level == "error" {
			errors = append(errors, r.RuleID+" "+r.Message.ID)
		}
	}
	for _, i := range log.Runs[0].Invocations {
		if !i.ExecutionSuccessful {
			errors = append(errors, "the validator could not read it")
		}
	}
	return errors
}

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/audit/collect"
	"mfawatch/audit/config"
	"mfawatch/audit/config/compiled"
)

// environment is a right one; the file is in a folder of the test's, as it is.
func environment(t *testing.T, file string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		if err := os.WriteFile(filepath.Join(dir, compiled.Name), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{
		"MFAWATCH_PARTITION": "aws", "MFAWATCH_ACCOUNT": ownAccount, "MFAWATCH_REPORT_BUCKET": "reports", "MFAWATCH_TOPIC_ARN": "arn:aws:sns:eu-north-1:111122223333:alerts",
		"MFAWATCH_REGION": "eu-north-1", "AWS_REGION": "eu-north-1", "LAMBDA_TASK_ROOT": dir,
	}
}

func wired(env map[string]string) (*Handler, error) {
	return wire(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &bytes.Buffer{})
}

const rightFile = "version: 1\naccounts:\n  \"111122223333\": prod\n"

// compiledFile is a file as it is deployed.
func compiledFile(t *testing.T, text string) string {
	t.Helper()
	data, err := config.Compile(compiled.Name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWire(t *testing.T) {
	h, err := wired(environment(t, compiledFile(t, rightFile)))
	if err != nil {
		t.Fatal(err)
	}
	if h.Names[ownAccount] != "prod" || h.Settings.Rate != 10 || h.Now == nil || h.Hub == nil || h.Reports.URI("k") != "s3://reports/k" {
		t.Errorf("handler %+v", h)
	}
	if h.Hub(h.AWS) == nil {
		t.Error("no client of Security Hub")
	}
}

// A function that was deployed wrongly says so at its first start, in a line for
// each fault.
func TestColdStartErrors(t *testing.T) {
	right := compiledFile(t, rightFile)
	for name, c := range map[string]struct {
		file string
		env  map[string]string
		want string
	}{
		"no file":        {"", nil, "read mfawatch.yaml: "},
		"not compiled":   {rightFile, nil, "mfawatch.yaml: it is not compiled, and a function reads no YAML that a person wrote: run \"mfawatch config compile FILE -o OUT\""},
		"edited":         {strings.Replace(right, "prod", "test", 1), nil, "mfawatch.yaml: it was changed after it was compiled: edit the mfawatch.yaml that it was made from"},
		"no bucket":      {right, map[string]string{"MFAWATCH_REPORT_BUCKET": ""}, "the function's environment: MFAWATCH_REPORT_BUCKET is missing"},
		"no Region":      {right, map[string]string{"AWS_REGION": ""}, "the function's environment: AWS_REGION is missing"},
		"unknown format": {right, map[string]string{"MFAWATCH_FORMATS": "json,pdf"}, "the function's environment: MFAWATCH_FORMATS: "},
	} {
		env := environment(t, c.file)
		maps.Copy(env, c.env)
		if _, err := wired(env); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s…", name, err, c.want)
		}
	}
}

// Every permission that the function uses is on the operators' page.
func TestPermissionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Statement []struct {
			Sid    string
			Action []string
		}
	}
	if err := json.Unmarshal(collect.OrganizationPolicy("aws"), &p); err != nil || len(p.Statement) < 4 {
		t.Fatalf("%d statements, error %v", len(p.Statement), err)
	}
	for _, s := range p.Statement {
		for _, action := range s.Action {
			if s.Sid != "ReadWhoHoldsWhichFactor" && !strings.Contains(string(page), "`"+action+"`") {
				t.Errorf("docs/operations.md does not name %s", action)
			}
		}
	}
}

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestReadDeployment reads testdata/deployment/*.txtar: mfawatch.yaml, perhaps
// overrides (KEY=VALUE, one a line), then either the errors or the deployment.
func TestReadDeployment(t *testing.T) {
	paths, _ := filepath.Glob("testdata/deployment/*.txtar")
	if len(paths) < 70 {
		t.Fatalf("only %d cases", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { deploymentCase(t, path) })
	}
}

func deploymentCase(t *testing.T, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, overrides, rest := deploymentInput(t, a)
	got := txtar.File{Name: "deployment"}
	d, err := ReadDeployment("mfawatch.yaml", in, overrides...)
	if err != nil {
		got.Name, got.Data = "errors", []byte(err.Error()+"\n")
	} else {
		var b strings.Builder
		flat(&b, "", reflect.ValueOf(d))
		writtenAgain(t, d)
		got.Data = []byte(b.String())
	}
	if *update {
		a.Files = append(a.Files[:len(a.Files)-len(rest)], got)
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(rest) != 1 {
		t.Fatalf("%s has no answer", path)
	}
	if diff := cmp.Diff(rest[0].Name+"\n"+string(rest[0].Data), got.Name+"\n"+string(got.Data)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func deploymentInput(t testing.TB, a *txtar.Archive) ([]byte, []Override, []txtar.File) {
	if len(a.Files) == 0 || a.Files[0].Name != "mfawatch.yaml" {
		t.Fatal("no mfawatch.yaml")
	}
	in, rest := a.Files[0].Data, a.Files[1:]
	var overrides []Override
	if len(rest) > 0 && rest[0].Name == "overrides" {
		for line := range strings.Lines(string(rest[0].Data)) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			overrides = append(overrides, Override{key, value})
		}
		rest = rest[1:]
	}
	return in, overrides, rest
}

// writtenAgain: what a deployment says of itself is a file that says the same.
func writtenAgain(t testing.TB, d Deployment) {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadDeployment("mfawatch.yaml", text)
	if diff := cmp.Diff(d, again); err != nil || diff != "" {
		t.Errorf("written as JSON and read again: %v\n%s\n%s", err, text, diff)
	}
}

// flat writes what is set, one field a line.
func flat(b *strings.Builder, path string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	if d, ok := v.Interface().(time.Duration); ok {
		fmt.Fprintf(b, "%s = %v\n", path, d)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			flat(b, strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				flat(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
			return
		}
		fmt.Fprintf(b, "%s = %v\n", path, v)
	default:
		fmt.Fprintf(b, "%s = %v\n", path, v)
	}
}

// TestReadFileAndDeployment: what is deployed is read by the functions too, and a
// file of rules alone is no deployment.
func TestReadFileAndDeployment(t *testing.T) {
	paths, _ := filepath.Glob("testdata/deployment/ok*.txtar")
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile("mfawatch.yaml", a.Files[0].Data); err != nil {
			t.Errorf("%s: ReadFile: %v", path, err)
		}
	}
	rules := []byte("version: 1\nsign_in:\n  - {reason: role-session, alert: true}\n")
	if _, err := ReadFile("mfawatch.yaml", rules); err != nil {
		t.Error(err)
	}
	_, err := ReadDeployment("mfawatch.yaml", rules)
	want := "mfawatch.yaml:1:1: account: missing; a file that is deployed says where: account: \"111122223333\"\n" +
		"mfawatch.yaml:1:1: home_region: missing; a file that is deployed says where: home_region: eu-north-1"
	if err == nil || err.Error() != want {
		t.Errorf("ReadDeployment = %v, want %s", err, want)
	}
	if bytes.Contains(rules, []byte("account")) {
		t.Error("the rules name an account")
	}
}

// deploymentFiles are the files of all cases.
func deploymentFiles(t testing.TB) [][]byte {
	t.Helper()
	paths, _ := filepath.Glob("testdata/deployment/*.txtar")
	var all [][]byte
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		in, _, _ := deploymentInput(t, a)
		all = append(all, in)
	}
	return all
}

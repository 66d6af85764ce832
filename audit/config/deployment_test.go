package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/casefile"

	"github.com/google/go-cmp/cmp"
)

// TestReadDeployment reads testdata/deployment/*.txtar: mfawatch.yaml, perhaps
// overrides (KEY=VALUE, one a line), then either the errors or the deployment.
func TestReadDeployment(t *testing.T) {
	cases := casefile.All(t, "testdata/deployment/*.txtar")
	if len(cases) < 70 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { deploymentCase(t, c) })
	}
}

func deploymentCase(t *testing.T, c casefile.Case) {
	in, overrides, asked := deploymentInput(t, c)
	d, err := ReadDeployment("mfawatch.yaml", in, overrides...)
	if err != nil {
		c.Answer(t, asked, "errors", err.Error()+"\n", *update)
		return
	}
	var b strings.Builder
	flat(&b, "", reflect.ValueOf(d))
	writtenAgain(t, d)
	c.Answer(t, asked, "deployment", b.String(), *update)
}

// deploymentInput is the file and the overrides of a case, and how many sections they are.
func deploymentInput(t testing.TB, c casefile.Case) (in []byte, overrides []Override, asked int) {
	if c.Files[0].Name != "mfawatch.yaml" {
		t.Fatalf("%s: no mfawatch.yaml", c.Path)
	}
	for line := range strings.Lines(c.Section("overrides")) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		overrides = append(overrides, Override{key, value})
	}
	if overrides != nil {
		return c.Files[0].Data, overrides, 2
	}
	return c.Files[0].Data, nil, 1
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
	for _, c := range casefile.All(t, "testdata/deployment/ok*.txtar") {
		if _, err := ReadFile("mfawatch.yaml", c.Files[0].Data); err != nil {
			t.Errorf("%s: ReadFile: %v", c.Path, err)
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
	var all [][]byte
	for _, c := range casefile.All(t, "testdata/deployment/*.txtar") {
		in, _, _ := deploymentInput(t, c)
		all = append(all, in)
	}
	return all
}

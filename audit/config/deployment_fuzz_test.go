package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"mfawatch/internal/casefile"

	"github.com/google/go-cmp/cmp"
)

// FuzzReadDeployment: no input panics, an error says where, what is accepted is
// what ReadFile accepts too, and it says the same when it is written as JSON.
func FuzzReadDeployment(f *testing.F) {
	for _, c := range casefile.All(f, "testdata/deployment/*.txtar") {
		in, overrides, _ := deploymentInput(f, c)
		f.Add(in, "", "")
		for _, o := range overrides {
			f.Add(in, o.Key, o.Value)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, key, value string) {
		if len(data)+len(value) > 4096 || bytes.Count(data, []byte("\n")) > 200 {
			return
		}
		var overrides []Override
		if key != "" {
			overrides = []Override{{key, value}}
		}
		d, err := ReadDeployment("mfawatch.yaml", data, overrides...)
		if err != nil {
			checkDeploymentPlaces(t, err)
			return
		}
		writtenAgain(t, d)
		if overrides != nil {
			return
		}
		if _, err := ReadFile("mfawatch.yaml", data); err != nil {
			t.Errorf("a deployment, and ReadFile says %v", err)
		}
		root, _ := parse(data)
		again, err := json.Marshal(root.value())
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadDeployment("mfawatch.yaml", again)
		if diff := cmp.Diff(d, got); err != nil || diff != "" {
			t.Errorf("as JSON: %v\n%s", err, diff)
		}
	})
}

func checkDeploymentPlaces(t *testing.T, err error) {
	t.Helper()
	var rest []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(line, "-c ") || strings.ContainsAny(line, "\x00\x1b\t\r") {
			rest = append(rest, line)
		}
	}
	if rest != nil {
		checkPlaces(t, "mfawatch.yaml", errorText(strings.Join(rest, "\n")))
	}
	if strings.Contains(err.Error(), "an accepted") {
		t.Errorf("accepted, and then refused: %v", err)
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

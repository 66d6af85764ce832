package mfawatch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// workflow is as much of a workflow's file as is held to rules here.
type workflow struct {
	Permissions *map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions map[string]string `yaml:"permissions"`
		Timeout     int               `yaml:"timeout-minutes"`
		Steps       []struct {
			Uses string         `yaml:"uses"`
			Run  string         `yaml:"run"`
			With map[string]any `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

// mayWrite are the rights beyond reading the sources that a job has, and why.
var mayWrite = map[string]string{
	"release.yml publish contents":       "the draft and its files",
	"release.yml publish id-token":       "who the run is, for the provenance",
	"release.yml publish attestations":   "the provenance",
	"codeql.yml analyze security-events": "the findings",
}

// A workflow runs other people's programs with our rights: each is pinned by a commit's
// hash, and each job has the least rights and an end.
func TestWorkflows(t *testing.T) {
	names, err := filepath.Glob(".github/workflows/*")
	if err != nil || len(names) < 3 {
		t.Fatalf("%d workflows, error %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults(filepath.Base(name), string(text)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

var (
	uses   = regexp.MustCompile(`(?m)^.*\buses:.*$`)
	pinned = regexp.MustCompile(`^ *(?:- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
)

// faults are what is wrong with a workflow.
func faults(name, text string) (all []string) {
	for _, line := range uses.FindAllString(text, -1) {
		if !pinned.MatchString(line) {
			all = append(all, "not pinned by a commit and its version: "+strings.TrimSpace(line))
		}
	}
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return append(all, err.Error())
	}
	if w.Permissions == nil || len(*w.Permissions) != 0 {
		all = append(all, "a job that says no permissions gets some: write permissions: {} on top")
	}
	if len(w.Jobs) == 0 {
		all = append(all, "it has no jobs")
	}
	for job, j := range w.Jobs {
		for what, right := range j.Permissions {
			if (right != "read" || what != "contents") && mayWrite[name+" "+job+" "+what] == "" {
				all = append(all, job+" has "+what+": "+right)
			}
		}
		if j.Timeout == 0 {
			all = append(all, job+" has no timeout-minutes")
		}
		for _, s := range j.Steps {
			if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
				all = append(all, job+" leaves the token in the clone: persist-credentials: false")
			}
			if strings.Contains(s.Run, "${{") {
				all = append(all, job+" puts an expression into a script: pass it by env")
			}
		}
	}
	return all
}

// The Go of the workflows, which makes the releases, is one patch of the version that go.mod
// asks for: a release says which, and anybody can make it again.
func TestGoVersion(t *testing.T) {
	exact, err := os.ReadFile(".go-version")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if asked == nil || !regexp.MustCompile(`^`+regexp.QuoteMeta(string(asked[1]))+`\.\d+\n$`).Match(exact) {
		t.Errorf(".go-version has %q, and go.mod asks for %q", exact, asked)
	}
}

// The rules catch what they are for.
func TestWorkflowFaults(t *testing.T) {
	fine := `
permissions: {}
jobs:
  one:
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          persist-credentials: false
      - run: make test
`
	if got := faults("ci.yml", fine); len(got) != 0 {
		t.Errorf("%q in what is right", got)
	}
	for _, c := range []struct{ old, now, want string }{
		{"de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "v6", "not pinned"},
		{" # v6.0.2", "", "not pinned"},
		{"de0fac2e4500dabe0009e67214ff5f5447ce83dd", "de0fac2", "not pinned"},
		{"      - run: make test", "      - run: make test\n      - {uses: docker://alpine}", "not pinned"},
		{"permissions: {}", "name: x", "write permissions: {} on top"},
		{"permissions: {}", "permissions:\n  contents: write", "write permissions: {} on top"},
		{"contents: read", "contents: write", "one has contents: write"},
		{"contents: read", "actions: read", "one has actions: read"},
		{"persist-credentials: false", "fetch-depth: 0", "leaves the token"},
		{"    timeout-minutes: 5\n", "", "no timeout-minutes"},
		{"make test", "echo ${{ github.ref }}", "puts an expression into a script"},
		{"jobs:", "other:", "it has no jobs"},
	} {
		got := faults("ci.yml", strings.Replace(fine, c.old, c.now, 1))
		if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%q instead of %q: %q, want %q", c.now, c.old, got, c.want)
		}
	}
}

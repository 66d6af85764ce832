package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	tiny     = "./testdata/tiny"
	tinyFile = "internal/mutate/testdata/tiny/tiny.go"
)

var update = flag.Bool("update", false, "write testdata/*.list anew")

// at names a mutant of tiny as the reports do.
func at(rest string) string { return tinyFile + ":" + rest }

// mutateTiny tests the mutants of tiny whose description contains only, with
// these explanations. It uses the user's compiler cache: there are few.
func mutateTiny(t *testing.T, only, notes string) (clean bool, report []string) {
	t.Helper()
	explained := filepath.Join(t.TempDir(), "explained.txt")
	if err := os.WriteFile(explained, []byte(notes), 0o600); err != nil {
		t.Fatal(err)
	}
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	o := options{
		workers: 2, timeout: 5 * time.Second, only: only, sample: 1, explained: explained,
		cache: strings.TrimSpace(string(cache)), packages: []string{tiny},
	}
	var out bytes.Buffer
	clean, err = mutate(context.Background(), o, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(out.String(), explained, "explained.txt")
	text, _, _ = strings.Cut(text, " do not compile; ") // the time
	return clean, strings.Split(strings.TrimSpace(text), "\n")
}

func TestList(t *testing.T) {
	for golden, args := range map[string][]string{"tiny.list": nil, "tiny-all.list": {"-all"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "-explained", os.DevNull, "-list", tiny), &out, &errs); code != 0 {
			t.Fatalf("exit %d, %s", code, errs.String())
		}
		golden = filepath.Join("testdata", golden)
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}

func TestListOfASample(t *testing.T) {
	list := func(args ...string) []string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "-explained", os.DevNull, "-list", tiny), &out, &errs); code != 0 {
			t.Fatalf("exit %d, %s", code, errs.String())
		}
		return strings.Split(strings.TrimSpace(out.String()), "\n")
	}
	all := list("-run", "points >")
	var want []string
	for i := 0; i < len(all); i += 3 {
		want = append(want, all[i])
	}
	if diff := cmp.Diff(want, list("-run", "points >", "-sample", "3")); diff != "" || len(want) < 3 {
		t.Errorf("every third of %d mutants (-want +got):\n%s", len(all), diff)
	}
}

func TestSurvivorsKillsAndHangs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, only string
		want       []string
	}{
		{"the boundary that no case is at", "points >=", []string{
			at("24:5: points >= 50 -> points > 50"),
			"4 mutants: 3 killed (0 of them ran out of time), 0 survivors explained, 1 not; 0 more",
		}},
		{"without end", "n /= 2", []string{"1 mutants: 1 killed (1 of them ran out of time), 0 survivors explained, 0 not; 0 more"}},
		{"what does not compile: a key twice", `51:29: Failed`, []string{"0 mutants: 0 killed (0 of them ran out of time), 0 survivors explained, 0 not; 1 more"}},
	} {
		clean, report := mutateTiny(t, tc.only, "")
		if diff := cmp.Diff(tc.want, report); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if clean != (len(tc.want) == 1) {
			t.Errorf("%s: clean = %v", tc.name, clean)
		}
	}
}

const boundary = tinyFile + ": if points >= 50 {: points >= 50 -> points > 50"

func TestExplainedSurvivorsAreNone(t *testing.T) {
	t.Parallel()
	notes := "# a comment\n\n" + boundary + ": nobody ever has 50 points\n" +
		"audit/signin/classify.go: no such line: of another package: not looked at\n"
	clean, report := mutateTiny(t, "points >= 50 -> points > 50", notes)
	want := []string{"1 mutants: 0 killed (0 of them ran out of time), 1 survivors explained, 0 not; 0 more"}
	if diff := cmp.Diff(want, report); diff != "" || !clean {
		t.Errorf("clean = %v (-want +got):\n%s", clean, diff)
	}
}

func TestStaleExplanationsAreErrors(t *testing.T) {
	t.Parallel()
	stale := []string{
		tinyFile + ": if points >= 50 {: points >= 50 -> false: a test kills it",
		tinyFile + ": if points >= 40 {: points >= 40 -> points > 40: the line has changed",
		"internal/mutate/testdata/tiny/gone.go: x: y -> z: the file is gone",
		boundary,
		boundary + ":",
	}
	clean, report := mutateTiny(t, "points >= 50 -> false", strings.Join(stale, "\n"))
	var want []string
	for i, s := range stale {
		want = append(want, fmt.Sprintf("explained.txt:%d: stale, it explains no survivor: %s", i+1, s))
	}
	want = append(want, "1 mutants: 1 killed (0 of them ran out of time), 0 survivors explained, 0 not; 0 more")
	if diff := cmp.Diff(want, report); diff != "" || clean {
		t.Errorf("clean = %v (-want +got):\n%s", clean, diff)
	}
}

// A part of the mutants says nothing about the explanations of the others.
func TestUntestedExplanationsAreNotStale(t *testing.T) {
	t.Parallel()
	clean, report := mutateTiny(t, "times++ -> (removed)", boundary+": nobody ever has 50 points")
	if !clean || len(report) != 1 {
		t.Errorf("clean = %v, report %q", clean, report)
	}
}

func TestWhatCannotBeDone(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "wants packages"},
		{[]string{"-workers", "0", tiny}, "greater than zero"},
		{[]string{"-no-such-flag", tiny}, "not defined"},
		{[]string{"./testdata/none"}, "go list: "},
		{[]string{"-explained", "testdata/none", tiny}, "testdata/none"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), tc.args, &out, &errs); code != 2 || !strings.Contains(errs.String(), tc.want) {
			t.Errorf("mutate %q: exit %d, %q, want 2 and %q", tc.args, code, errs.String(), tc.want)
		}
	}
}

func TestPatternsPutSlowTestsLast(t *testing.T) {
	verbose := "=== RUN   TestA\n--- PASS: TestA (1.20s)\n--- PASS: TestB (0.00s)\n    --- PASS: TestB/part (0.00s)\n--- SKIP: TestC (0.00s)\n--- PASS: TestD (0.19s)\nPASS\n"
	got, err := patterns(&target{}, []byte(verbose))
	if diff := cmp.Diff([]string{"^(TestB|TestD)$", "^(TestA)$"}, got); diff != "" || err != nil {
		t.Errorf("patterns (error %v) (-want +got):\n%s", err, diff)
	}
	if _, err := patterns(&target{path: "p"}, []byte("PASS\n")); err == nil {
		t.Error("a package without tests has no plan, want an error")
	}
}

func TestSweepRemovesWhatIsOfMutants(t *testing.T) {
	dir, since := t.TempDir(), time.Now()
	for name, age := range map[string]time.Duration{"standard": -time.Minute, "mutant": time.Minute} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, since, since.Add(age)); err != nil {
			t.Fatal(err)
		}
	}
	c := cache{dir: dir, since: since}
	for range sweepAfter {
		c.use()()
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "standard" {
		t.Errorf("left after a sweep: %v (error %v), want standard", left, err)
	}
}

//go:build acceptance

// Package acceptance holds mfawatch against programs that other people wrote.
// It builds the real binary, runs it as a user would, and fails when a peer is
// missing.
package acceptance

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mfawatch/internal/corpus"
)

// binary builds mfawatch once a test.
func binary(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "mfawatch")
	cmd := exec.Command("go", "build", "-o", bin, "../cmd/mfawatch")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: run make acceptance, which installs it", name)
	}
	return path
}

// output runs a program; any exit code but 1 and 2 is an answer.
func output(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() == 1 || cmd.ProcessState.ExitCode() == 2 {
		t.Fatalf("%s %v: %v\n%.2000s", filepath.Base(name), args, err, stderr.String())
	}
	return stdout.Bytes()
}

func generate(t *testing.T, s corpus.Spec) (string, []string, corpus.Manifest) {
	t.Helper()
	dir := t.TempDir()
	m, err := corpus.Generate(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	_ = filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, p)
		}
		return err
	})
	return dir, files, m
}

// sorted gives the distinct non-empty lines of text.
func sorted(text []byte) []string {
	lines := strings.Fields(string(text))
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestJQFindsTheSameSignIns asks jq for the ids of the sign-ins and for those
// of IAM users and root that succeeded without MFA.
func TestJQFindsTheSameSignIns(t *testing.T) {
	bin, jq, zcat := binary(t), peer(t, "jq"), peer(t, "zcat")
	dir, files, m := generate(t, corpus.Spec{Seed: 7, Records: 40_000, SignInRate: .02, DuplicateRate: .1})
	text := output(t, nil, zcat, files...)
	const signIn = `.Records[]|select(.eventSource=="signin.amazonaws.com" and (.eventName=="ConsoleLogin" or .eventName=="UserAuthentication"))`
	all := output(t, text, jq, "-r", signIn+"|.eventID")
	without := output(t, text, jq, "-r", signIn+`|select(.eventName=="ConsoleLogin" and .responseElements.ConsoleLogin=="Success" and (.userIdentity.type=="IAMUser" or .userIdentity.type=="Root") and .additionalEventData.MFAUsed=="No")|.eventID`)
	lines := output(t, nil, bin, "scan", "--format", "jsonl", dir)
	var ours, noMFA []string
	copies := 0
	for _, line := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
		var v struct {
			Type, Reason string
			EventID      string `json:"event_id"`
			Seen         int
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%v in %.200s", err, line)
		}
		if v.Type != "verdict" {
			continue
		}
		ours = append(ours, v.EventID)
		copies += v.Seen
		if v.Reason == "no-mfa" {
			noMFA = append(noMFA, v.EventID)
		}
	}
	slices.Sort(ours)
	slices.Sort(noMFA)
	if want := sorted(all); !slices.Equal(ours, want) {
		t.Errorf("mfawatch judges %d sign-ins, jq finds %d", len(ours), len(want))
	}
	if want := sorted(without); len(want) == 0 || !slices.Equal(noMFA, want) {
		t.Errorf("mfawatch says no-mfa of %d sign-ins, jq finds %d", len(noMFA), len(want))
	}
	if copies != m.SignIns || copies != len(strings.Fields(string(all))) {
		t.Errorf("%d copies seen, jq sees %d, the generator made %d", copies, len(strings.Fields(string(all))), m.SignIns)
	}
	t.Logf("%d records, %d sign-ins in %d copies, %d without MFA: as jq finds them", m.Records, len(ours), copies, len(noMFA))
}

// TestEachHasALineForEveryRecordOfJQ compares order and number of records.
func TestEachHasALineForEveryRecordOfJQ(t *testing.T) {
	bin, jq, zcat := binary(t), peer(t, "jq"), peer(t, "zcat")
	_, files, _ := generate(t, corpus.Spec{Seed: 8, Records: 3_000, SignInRate: .05})
	text := output(t, nil, zcat, files...)
	want := output(t, text, jq, "-r", ".Records[]|.eventID")
	compact := output(t, text, jq, "-c", ".Records[]")
	for name, args := range map[string][]string{"files": append([]string{"scan", "--each"}, files...), "jq -c": {"scan", "--each", "-"}} {
		lines := output(t, compact, bin, args...)
		got := output(t, lines, jq, "-r", ".event_id")
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d lines, jq has %d records, or in another order", name, bytes.Count(got, []byte("\n")), bytes.Count(want, []byte("\n")))
		}
	}
}

// TestPythonReadsTheSheet reads the CSV with another program's reader.
func TestPythonReadsTheSheet(t *testing.T) {
	bin, python := binary(t), peer(t, "python3")
	dir, _, _ := generate(t, corpus.Spec{Seed: 9, Records: 5_000, SignInRate: .05})
	sheet := output(t, nil, bin, "scan", "--format", "csv", dir)
	rows, err := csv.NewReader(bytes.NewReader(sheet)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	const program = `import csv,io,json,sys
print(json.dumps(list(csv.reader(io.StringIO(sys.stdin.buffer.read().decode(), newline=""), strict=True))))`
	out := output(t, sheet, python, "-c", program)
	var theirs [][]string
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 100 || !slices.EqualFunc(rows, theirs, slices.Equal) {
		t.Errorf("python reads %d rows, Go %d, or others", len(theirs), len(rows))
	}
}

// TestGzipAgreesOnDamage cuts and changes one file in many places: what gzip(1)
// refuses, mfawatch reports, and the other files are judged all the same.
func TestGzipAgreesOnDamage(t *testing.T) {
	bin, gzip := binary(t), peer(t, "gzip")
	dir, files, _ := generate(t, corpus.Spec{Seed: 10, Records: 400, MedianRecords: 20, SignInRate: .1})
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	disagreements := 0
	for i := 0; i < len(whole); i += max(1, len(whole)/40) {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x10
		for _, data := range [][]byte{whole[:i], changed, append(bytes.Clone(whole), make([]byte, i)...)} {
			if err := os.WriteFile(files[0], data, 0o600); err != nil {
				t.Fatal(err)
			}
			refused := exec.Command(gzip, "-tq", files[0]).Run()
			status := 0
			if exit := (*exec.ExitError)(nil); errors.As(refused, &exit) {
				status = exit.ExitCode()
			}
			out := output(t, nil, bin, "scan", "--format", "json", dir)
			var r struct {
				Damaged []struct{ Path string } `json:"damaged_files"`
			}
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			empty := len(data) == 0 // no gzip stream at all: nothing to refuse
			if (status == 1) != (len(r.Damaged) == 1) && !empty {
				disagreements++
				t.Errorf("byte %d of %d, %d bytes: gzip ends with %d, mfawatch reports %v", i, len(whole), len(data), status, r.Damaged)
			}
		}
	}
	t.Logf("%d disagreements", disagreements)
}

// TestMemoryDoesNotGrowWithRecords scans an archive and one four times as large:
// the second may need no more but for its sign-ins.
func TestMemoryDoesNotGrowWithRecords(t *testing.T) {
	bin, python := binary(t), peer(t, "python3")
	// Linux counts the parent's memory into a child's peak, so a small parent
	// stands between this process and the one that is measured.
	const program = `import resource,subprocess,sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)`
	peak := func(records int) (int64, corpus.Manifest) {
		dir, _, m := generate(t, corpus.Spec{Seed: 11, Records: records, MedianRecords: 400, SignInRate: .0005})
		out := output(t, nil, python, "-c", program, bin, "scan", "--format", "jsonl", dir)
		kib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return kib << 10, m
	}
	small, m1 := peak(200_000) // both hold one file of the largest size
	large, m2 := peak(800_000)
	if m1.LargestJSON < 30<<20 {
		t.Fatalf("the smaller archive's largest file is %d bytes: too small to compare", m1.LargestJSON)
	}
	workers := int64(runtime.GOMAXPROCS(0))
	bound := workers * (int64(1.6*float64(m2.LargestFile+m2.LargestJSON)) + 16<<20)
	t.Logf("%d MB of JSON: peak %d MiB; %d MB: peak %d MiB; bound %d MiB", m1.JSONBytes/1e6, small>>20, m2.JSONBytes/1e6, large>>20, bound>>20)
	more := int64(m2.SignIns+len(m2.Related)-m1.SignIns) * 4 << 10
	if large-small > more+24<<20 {
		t.Errorf("four times the records need %d MiB more; %d more sign-ins explain %d", (large-small)>>20, m2.SignIns-m1.SignIns, more>>20)
	}
	if large > bound {
		t.Errorf("peak memory %d MiB, more than 1.6 x (largest file + its JSON) + 16 MiB for each of %d workers: %d MiB", large>>20, workers, bound>>20)
	}
}

package file_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/rowfile/rowfiletest"
	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/ledger/ledgertest"
)

// child makes this test binary one of the processes that share a ledger: it leases
// codes from the file that the variable names and prints their steps.
const child = "MFAWATCH_TEST_LEDGER"

func TestMain(m *testing.M) {
	if path := os.Getenv(child); path != "" {
		work := lease
		if os.Getenv("MFAWATCH_TEST_LEASES") == "check" {
			work = check
		}
		if err := work(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func key(kind totp.Kind) totp.Key {
	k, err := totp.New(totp.Settings{Kind: kind, Account: "ada"}, []byte("12345678901234567890"))
	if err != nil {
		panic(err)
	}
	return k
}

// lease leases until it has as many codes as the argument says, or for ever. Time
// goes on with the steps that it gets.
func lease(path string) error {
	n, err := strconv.Atoi(os.Getenv("MFAWATCH_TEST_LEASES"))
	if err != nil {
		return err
	}
	p := ledger.Prover{Store: file.Store{Path: path}}
	k, now := key(totp.TOTP), time.Unix(1_800_000_000, 0)
	for i, late := 0, 0; i != n; i++ {
		l, err := p.Lease(context.Background(), k, ledger.Request{Device: "d", Owner: strconv.Itoa(os.Getpid()), Purpose: ledger.Session}, now)
		if err != nil && late < 1000 { // the others are further on: follow them
			now, i, late = now.Add(10*time.Minute), i-1, late+1
			continue
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Println(l.Step); err != nil {
			return err
		}
		now = l.From
	}
	return nil
}

// check shows the same codes as every other process, one of each step, and prints the
// steps that let it in.
func check(path string) error {
	v, k := ledger.Verifier{Store: file.Store{Path: path}}, key(totp.TOTP)
	for step := int64(60_000_000); step < 60_000_004; step++ {
		code, err := k.At(step)
		if err != nil {
			return err
		}
		_, err = v.Check(context.Background(), "k", k, code, k.Starts(step))
		if later := (*ledger.Later)(nil); err != nil && !errors.Is(err, totp.ErrReplayed) && !errors.As(err, &later) {
			return err
		}
		if err == nil {
			fmt.Println(step)
		}
	}
	return nil
}

// printed runs processes at once and counts the words that they print.
func printed(t *testing.T, processes int, start func() *exec.Cmd) map[string]int {
	t.Helper()
	out := make([]strings.Builder, processes)
	var all []*exec.Cmd
	for i := range out {
		cmd := start()
		cmd.Stdout = &out[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	seen := map[string]int{}
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(out[i].String()) {
			seen[word]++
		}
	}
	return seen
}

// TestOneCodeManyProcesses: of processes that show the same code one gets in.
func TestOneCodeManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	seen := printed(t, 8, func() *exec.Cmd {
		cmd := process(t, path, 0)
		cmd.Env = append(cmd.Env, "MFAWATCH_TEST_LEASES=check")
		return cmd
	})
	if len(seen) == 0 {
		t.Error("nobody was let in")
	}
	for step, n := range seen {
		if n > 1 {
			t.Errorf("the code of step %s let %d in", step, n)
		}
	}
}

func process(t *testing.T, path string, leases int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+path, "MFAWATCH_TEST_LEASES="+strconv.Itoa(leases))
	cmd.Stderr = os.Stderr
	return cmd
}

func TestContract(t *testing.T) {
	ledgertest.TestStore(t, file.Store{Path: filepath.Join(t.TempDir(), "new", "ledger")})
}

// TestManyProcesses: processes on one file never get the same step.
func TestManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	const processes, each = 12, 8
	seen := printed(t, processes, func() *exec.Cmd { return process(t, path, each) })
	unlike(t, seen)
	if len(seen) != processes*each {
		t.Errorf("%d steps were leased, want %d", len(seen), processes*each)
	}
}

func unlike(t *testing.T, seen map[string]int) {
	t.Helper()
	for step, n := range seen {
		if n > 1 {
			t.Errorf("step %s was leased %d times", step, n)
		}
	}
}

// TestKilled kills processes at any moment of their leases: no step that one of them
// told is leased again, and the file goes on.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	seen := map[string]int{}
	for round := range 12 {
		a, b := process(t, path, -1), process(t, path, -1)
		out, err := a.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var other strings.Builder
		b.Stdout = &other
		for _, cmd := range []*exec.Cmd{a, b} {
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
		}
		lines := bufio.NewScanner(out)
		for i := 0; i < 2 && lines.Scan(); i++ {
			seen[lines.Text()]++
		}
		time.Sleep(time.Duration(round) * 300 * time.Microsecond) // another point of a lease
		_ = a.Process.Kill()                                      // SIGKILL
		for lines.Scan() {
			seen[lines.Text()]++
		}
		_ = a.Wait()
		_ = b.Process.Kill()
		_ = b.Wait()
		for _, step := range strings.Fields(other.String()) {
			seen[step]++
		}
	}
	unlike(t, seen)
	if len(seen) < 24 {
		t.Errorf("only %d steps were leased", len(seen))
	}
	out, err := process(t, path, 1).Output()
	if err != nil || seen[strings.TrimSpace(string(out))] != 0 {
		t.Errorf("after the kills the file gives %q, %v, want a new step", out, err)
	}
}

func touch(ctx context.Context, path string) error {
	return file.Store{Path: path}.Update(ctx, "k", func([]byte) ([]byte, error) { return []byte("x"), nil })
}

func TestFile(t *testing.T) { rowfiletest.TestFile(t, touch) }

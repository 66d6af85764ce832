package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mfawatch": func() { os.Exit(run()) }})
}

// TestScripts runs testdata/script: each drives the real command line and
// states exit codes and output.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               withAWS,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"gz":     gz,
			"cut":    cut,
			"sparse": sparse,
			"aws":    awsCommand,
			"trail":  trailCommand,
			"mode":   mode,
			"ring":   ringCommand,
			"draw":   drawCommand,
			"changes": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), changesFile(args[1:]...), 0o600))
			},
		},
	})
}

// exits CODE PROGRAM ARGS… runs a program that must end with that code.
// "exits CODE < FILE PROGRAM ARGS…" gives it standard input.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg {
		ts.Fatalf("usage: exits CODE [< FILE] PROGRAM ARGS…")
	}
	args = args[1:]
	var in io.Reader = strings.NewReader("")
	if args[0] == "<" {
		in = strings.NewReader(ts.ReadFile(args[1]))
		args = args[2:]
	}
	cmd := exec.Command(args[0], args[1:]...)
	if path, err := exec.LookPath(args[0]); err == nil {
		cmd.Path = path
	}
	for _, dir := range strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if _, err := os.Stat(dir + "/" + args[0]); err == nil {
			cmd.Path = dir + "/" + args[0]
			break
		}
	}
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), in, &stdout, &stderr
	cmd.Env = append(os.Environ(), "HOME="+ts.MkAbs("."))
	for _, name := range awsVariables {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	detached(cmd)
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), stdout.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), stderr.Bytes(), 0o600))
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s ended with %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), got, want, stdout.String(), stderr.String())
	}
}

// gz FILE… makes FILE.gz of each FILE and removes it.
func gz(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(ts.ReadFile(name)))
		ts.Check(err)
		ts.Check(z.Close())
		ts.Check(os.WriteFile(ts.MkAbs(name+".gz"), b.Bytes(), 0o600))
		ts.Check(os.Remove(ts.MkAbs(name)))
	}
}

// cut FILE N takes the last N bytes off FILE.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(data[:len(data)-n]), 0o600))
}

// sparse FILE N makes a file of N zero bytes that takes no room.
func sparse(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(f.Truncate(n))
	ts.Check(f.Close())
}

// TestInterrupt sends Ctrl-C in the middle of a scan: what was found until then
// is printed, said to be incomplete, and the code is 1.
func TestInterrupt(t *testing.T) {
	cmd := exec.Command(os.Args[0], "scan", "--format", "json", "testdata/one-login.json", "-")
	cmd.Args[0] = "mfawatch"
	bin := t.TempDir() + "/mfawatch"
	if err := os.Symlink(os.Args[0], bin); err != nil {
		t.Fatal(err)
	}
	cmd.Path = bin
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A write of more than the pipe holds returns only once the program reads,
	// so that it is past its start when the signal comes.
	if _, err := stdin.Write(bytes.Repeat([]byte("{\"eventName\":\"x\"}\n"), 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	go func() { // the reader stops at its next read
		for range 100 {
			if _, err := stdin.Write([]byte("{}\n")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		stdin.Close()
	}()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitCannotRun {
		t.Errorf("exit code %d, want %d; stderr: %s", code, exitCannotRun, stderr.String())
	}
	if !strings.Contains(stdout.String(), `"complete":false`) && !strings.Contains(stdout.String(), `"complete": false`) {
		t.Errorf("the report does not say that it is incomplete: %s", stdout.String())
	}
	if !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("stderr %q does not say interrupted", stderr.String())
	}
}

// mode PERMISSIONS FILE asserts who may read a file.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[0] || neg {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// ends runs a command line and gives its exit code and what it said.
func ends(t *testing.T, in string, args ...string) (int, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := execute(t.Context(), terminal{in: strings.NewReader(in), out: &out, err: &errs}, args)
	return code, out.String() + errs.String()
}

const rfcSeed32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // RFC 6238's, in base32

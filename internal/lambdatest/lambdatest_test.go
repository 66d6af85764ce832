package lambdatest_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/lambdatest"
)

func TestFunction(t *testing.T) {
	bin, err := lambdatest.Build("./testdata/echo", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &lambdatest.Function{Binary: bin}
	defer f.Close()
	for _, c := range []struct {
		in, out, failure string
		cold, exited     bool
	}{
		{in: "a", out: `"aa"`, cold: true}, {in: "b", out: `"bb"`}, {in: "deadline", out: `"true"`},
		{in: "error", failure: "errorString: refused"}, {in: "c", out: `"cc"`},
		{in: "panic", failure: "string: lost", exited: true}, {in: "d", out: `"dd"`, cold: true},
		{in: "exit", failure: "Runtime.ExitError: the process ended", exited: true}, {in: "e", out: `"ee"`, cold: true},
		{in: "hang", failure: "Sandbox.Timedout: Task timed out after 2s", exited: true}, {in: "f", out: `"ff"`, cold: true},
	} {
		a, err := f.Invoke(t.Context(), []byte(`"`+c.in+`"`), 2*time.Second)
		failure := ""
		if a.Error != nil {
			failure = a.Error.Error()
		}
		if err != nil || string(a.Payload) != c.out || failure != c.failure || a.Cold != c.cold || a.Error != nil && a.Error.Exited != c.exited {
			t.Fatalf("%s: %s, %q, cold %v, error %v; want %+v", c.in, a.Payload, failure, a.Cold, err, c)
		}
	}
	if f.Starts() != 4 || f.PeakKiB() < 1000 || !strings.Contains(f.Logs(), "heard a") {
		t.Errorf("%d starts, peak %d KiB, logs %.200q", f.Starts(), f.PeakKiB(), f.Logs())
	}
}

// A process that is made ready is the one that is invoked.
func TestReady(t *testing.T) {
	bin, err := lambdatest.Build("./testdata/echo", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &lambdatest.Function{Binary: bin}
	defer f.Close()
	if f.PID() != 0 {
		t.Errorf("process %d before the start", f.PID())
	}
	took, err := f.Ready(t.Context())
	pid := f.PID()
	if err != nil || took <= 0 || pid == 0 {
		t.Fatalf("ready after %s, process %d, error %v", took, pid, err)
	}
	if again, err := f.Ready(t.Context()); err != nil || again != 0 {
		t.Errorf("ready again after %s, error %v", again, err)
	}
	a, err := f.Invoke(t.Context(), []byte(`"a"`), 2*time.Second)
	if err != nil || string(a.Payload) != `"aa"` || a.Cold || f.PID() != pid || f.Starts() != 1 {
		t.Errorf("answer %s, cold %v, %d starts, error %v", a.Payload, a.Cold, f.Starts(), err)
	}
	broken := &lambdatest.Function{Binary: bin, Env: []string{"BROKEN=1"}}
	if _, err := broken.Ready(t.Context()); err == nil || broken.PID() != 0 {
		t.Errorf("a process that does not start: error %v, process %d", err, broken.PID())
	}
}

func TestFunctionThatDoesNotStart(t *testing.T) {
	bin, err := lambdatest.Build("./testdata/echo", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &lambdatest.Function{Binary: bin, Env: []string{"BROKEN=1"}}
	defer f.Close()
	a, err := f.Invoke(t.Context(), []byte(`"a"`), 2*time.Second)
	if err != nil || a.Error == nil || !a.Error.Exited || !strings.Contains(f.Logs(), "no settings") {
		t.Errorf("%+v, error %v, logs %q", a, err, f.Logs())
	}
}

// A process that is killed while it works ends its invocation, and what it writes
// goes where it is wanted.
func TestKilledFunction(t *testing.T) {
	bin, err := lambdatest.Build("./testdata/echo", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f := &lambdatest.Function{Binary: bin, Output: &out}
	f.Kill() // nobody is there
	time.AfterFunc(500*time.Millisecond, f.Kill)
	a, err := f.Invoke(t.Context(), []byte(`"hang"`), 30*time.Second)
	if err != nil || a.Error == nil || !a.Error.Exited || a.Error.Message != "the process ended" {
		t.Errorf("killed: %+v, error %v", a, err)
	}
	if a, err = f.Invoke(t.Context(), []byte(`"a"`), 5*time.Second); err != nil || string(a.Payload) != `"aa"` || !a.Cold {
		t.Errorf("afterwards: %+v, error %v", a, err)
	}
	f.Close()
	if !strings.Contains(out.String(), "heard a") || f.Logs() != "" {
		t.Errorf("written %q, logs %q", out.String(), f.Logs())
	}
}

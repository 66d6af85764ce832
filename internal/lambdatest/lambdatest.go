// Package lambdatest runs the real binary of a Lambda function against a
// stand-in for the Lambda Runtime API on this machine, so that tests see what
// AWS would: the cold start, every answer, errors, panics and deadlines. Only
// tests, internal/bench and internal/faults import it.
//
// It promises that an invocation ends: with the function's answer, with its
// error, with the end of its process, or after its deadline, when the process is
// killed, as AWS does (Lambda developer guide, custom runtimes).
package lambdatest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Build makes the bootstrap binary of a package as it is released, for this
// machine, in dir.
func Build(pkg, dir string) (string, error) {
	bin := filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", bin, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return bin, nil
}

// Function is a function's binary and its environment. Logs gathers what it
// writes to standard output and error.
type Function struct {
	Binary  string
	Env     []string
	Handler string    // the name it is invoked by, for the ARN in its context
	Output  io.Writer // where set, this gets what the process writes, and Logs nothing

	mu      sync.Mutex
	logs    *os.File // the process writes into it itself: what it wrote before it answered is there
	process *process
	running atomic.Pointer[os.Process] // for Kill, which waits for nobody
	starts  int
	next    int
}

// Answer is how an invocation ended. One of Payload and Error is set.
type Answer struct {
	Payload []byte
	Error   *Error
	Cold    bool
	Took    time.Duration // from the start of the process, when it was cold
}

// Error is what the function or its process failed with.
type Error struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
	Exited  bool   // the process ended, by itself or after the deadline
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// process is a running execution environment.
type process struct {
	cmd     *exec.Cmd
	server  *http.Server
	work    chan invocation
	current chan outcome
	asked   chan struct{} // closed when it has asked for work
	exited  chan struct{}
}

type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
}

type outcome struct {
	payload []byte
	failure *Error
}

// Invoke gives the function an event and waits for its answer. The first one,
// and the one after an exit, starts the process.
func (f *Function) Invoke(ctx context.Context, payload []byte, timeout time.Duration) (Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := time.Now()
	cold := f.process == nil
	if cold {
		if err := f.start(); err != nil {
			return Answer{}, err
		}
	}
	p := f.process
	f.next++
	i := invocation{"request-" + strconv.Itoa(f.next), payload, time.Now().Add(timeout)}
	answer := Answer{Cold: cold}
	select {
	case p.work <- i:
	case <-p.exited:
		f.stop()
		answer.Error = &Error{Type: "Runtime.ExitError", Message: "the process ended before it asked for work", Exited: true}
		return answer, nil
	}
	o := f.wait(ctx, p, timeout)
	answer.Payload, answer.Error, answer.Took = o.payload, o.failure, time.Since(start)
	if o.failure != nil && o.failure.Exited {
		f.stop()
	}
	return answer, ctx.Err()
}

func (f *Function) wait(ctx context.Context, p *process, timeout time.Duration) outcome {
	select {
	case o := <-p.current:
		if o.failure != nil { // a panic is reported, then the process ends
			select {
			case <-p.exited:
				o.failure.Exited = true
			case <-time.After(200 * time.Millisecond):
			}
		}
		return o
	case <-p.exited:
		return outcome{failure: &Error{Type: "Runtime.ExitError", Message: "the process ended", Exited: true}}
	case <-time.After(timeout):
		return outcome{failure: &Error{Type: "Sandbox.Timedout", Message: fmt.Sprintf("Task timed out after %v", timeout), Exited: true}}
	case <-ctx.Done():
		return outcome{failure: &Error{Type: "Canceled", Message: ctx.Err().Error(), Exited: true}}
	}
}

// Ready starts the process and waits until it asks for work: what Lambda calls
// the init phase. It tells how long that took, 0 when the process was running.
func (f *Function) Ready(ctx context.Context) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.process != nil {
		return 0, nil
	}
	start := time.Now()
	if err := f.start(); err != nil {
		return 0, err
	}
	select {
	case <-f.process.asked:
		return time.Since(start), nil
	case <-f.process.exited:
		f.stop()
		return 0, errors.New("the process ended before it asked for work")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// PID is the running process's, 0 where there is none.
func (f *Function) PID() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.process == nil {
		return 0
	}
	return f.process.cmd.Process.Pid
}

// Kill ends the process at once, as a host that fails would. It may be called
// while an invocation runs.
func (f *Function) Kill() {
	if p := f.running.Load(); p != nil {
		_ = p.Kill()
	}
}

// Close ends the process.
func (f *Function) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop()
}

// Logs are what the function has written so far.
func (f *Function) Logs() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.logs == nil {
		return ""
	}
	text, _ := io.ReadAll(io.NewSectionReader(f.logs, 0, 1<<30))
	return string(text)
}

// Starts is how often the process was started.
func (f *Function) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

// PeakKiB is the resident memory of the running process at its highest (VmHWM
// of proc(5)), 0 where there is none.
func (f *Function) PeakKiB() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.process == nil {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.process.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}

func (f *Function) stop() {
	p := f.process
	if p == nil {
		return
	}
	f.process = nil
	f.running.Store(nil)
	_ = p.cmd.Process.Kill()
	<-p.exited
	_ = p.server.Close()
}

func (f *Function) start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p := &process{work: make(chan invocation), current: make(chan outcome, 1), asked: make(chan struct{}), exited: make(chan struct{})}
	p.server = &http.Server{Handler: f.api(p)}
	go p.server.Serve(l)
	p.cmd = exec.Command(f.Binary)
	p.cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "_HANDLER=bootstrap", "AWS_LAMBDA_FUNCTION_NAME=" + f.name(), "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "LAMBDA_TASK_ROOT=" + filepath.Dir(f.Binary), "PATH=/usr/bin:/bin", "TMPDIR=" + os.TempDir(),
	}, f.Env...)
	out, err := f.output()
	if err != nil {
		_ = p.server.Close()
		return err
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		_ = p.server.Close()
		return fmt.Errorf("start %s: %w", f.Binary, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	f.process = p
	f.running.Store(p.cmd.Process)
	f.starts++
	return nil
}

func (f *Function) name() string {
	if f.Handler == "" {
		return "mfawatch"
	}
	return f.Handler
}

// output is where the process writes. The file of logs has no name, so that it is gone
// with this process.
func (f *Function) output() (io.Writer, error) {
	if f.Output != nil {
		return f.Output, nil
	}
	if f.logs == nil {
		file, err := os.CreateTemp("", "lambdatest-*.log")
		if err != nil {
			return nil, err
		}
		f.logs = file
		_ = os.Remove(file.Name())
	}
	return f.logs, nil
}

// api is the Runtime API of one process (Lambda developer guide, runtime API).
func (f *Function) api(p *process) http.Handler {
	const base = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	var first sync.Once
	mux.HandleFunc("GET "+base+"invocation/next", func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { close(p.asked) })
		f.handOut(p, w, r)
	})
	mux.HandleFunc("POST "+base+"invocation/{id}/response", p.answered)
	mux.HandleFunc("POST "+base+"invocation/{id}/error", p.failed)
	mux.HandleFunc("POST "+base+"init/error", p.failed)
	return mux
}

// handOut gives the process an invocation when there is one.
func (f *Function) handOut(p *process, w http.ResponseWriter, r *http.Request) {
	select {
	case i := <-p.work:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-north-1:111122223333:function:"+f.name())
		_, _ = w.Write(i.payload)
	case <-r.Context().Done():
	}
}

func (p *process) answered(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	o := outcome{payload: body}
	switch {
	case err != nil:
		o = outcome{failure: &Error{Type: "Runtime.BrokenResponse", Message: err.Error()}}
	case len(body) > 6<<20: // Lambda quotas, synchronous payload
		o = outcome{failure: &Error{Type: "Function.ResponseSizeTooLarge", Message: "more than 6 MB"}}
	}
	w.WriteHeader(http.StatusAccepted)
	p.current <- o
}

func (p *process) failed(w http.ResponseWriter, r *http.Request) {
	var e Error
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		e = Error{Type: "Runtime.BrokenError", Message: err.Error()}
	}
	w.WriteHeader(http.StatusAccepted)
	p.current <- outcome{failure: &e}
}

package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"mfawatch/functions/alerting/awstest"
	"mfawatch/functions/delivery/deliverytest"
	"mfawatch/internal/lambdatest"
)

// process is a function's real binary with an address of AWS of its own, where
// what goes wrong with its calls happens: a refusal, silence before or after the
// call had its effect, or the end of the process.
type process struct {
	*lambdatest.Function
	wire   *wire
	server *http.Server
	beside bool // it is the reconciler, which reads on while it delivers

	mu     sync.Mutex
	killed string // the step at which it was killed last
	outage outage
}

// outage is a fault that goes on at a step, so that the SDK's own tries end.
type outage struct {
	step  string
	fault deliverytest.Fault
	left  int
}

// open gives the process its address.
func (p *process) open() (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	p.server = &http.Server{Handler: p}
	go func() { _ = p.server.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

func (p *process) close() {
	p.Close()
	if p.server != nil {
		_ = p.server.Close()
	}
}

// ServeHTTP answers one call, or does not.
func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // its sender is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	step := awstest.Step(r, body)
	switch f := p.next(step); f {
	case deliverytest.Throttle, deliverytest.Internal:
		awstest.Fail(w, r, f == deliverytest.Throttle)
	case deliverytest.Timeout:
		p.silence(r, step)
	case deliverytest.LostAnswer:
		p.apply(httptest.NewRecorder(), r, step)
		if p.wire.oneIn(3) {
			awstest.Fail(w, r, false)
			return
		}
		p.silence(r, step)
	case deliverytest.KillBefore:
		p.kill(r, step)
	case deliverytest.KillAfter:
		p.apply(httptest.NewRecorder(), r, step)
		p.kill(r, step)
	default:
		p.apply(w, r, step)
	}
}

// next draws what goes wrong. One fault in four that is none of the process
// itself goes on for the calls that an SDK makes of one.
func (p *process) next(step string) deliverytest.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := &p.outage; o.step == step && o.left > 0 {
		o.left--
		p.wire.again(step, o.fault)
		return o.fault
	}
	f := p.wire.draw(step, p.often(step))
	if f != deliverytest.None && !kill(f) && p.wire.oneIn(4) {
		p.outage = outage{step, f, tries - 1}
	}
	return f
}

// often is how much rarer faults are where calls come in hundreds or thousands in
// one invocation: it is to end some time.
func (p *process) often(step string) float64 {
	switch {
	case !p.beside:
		return 1
	case step == "trail.get" || step == "states.state":
		return 50
	}
	return 8
}

// tries is how often the functions' SDK tries a call (functions/alerting).
const tries = 3

// apply lets the stand-in do what it is asked, unless it is made to lie.
func (p *process) apply(w http.ResponseWriter, r *http.Request, step string) {
	if answer, lies := p.wire.lies[step]; lies {
		_, _ = io.WriteString(w, answer)
		return
	}
	p.wire.aws.ServeHTTP(w, r)
	if r.Context().Err() != nil { // it gave up while a slow machine answered
		p.wire.again(step, deliverytest.LostAnswer)
	}
}

// hangs is one silence in how many that lasts until the caller gives up; in the
// others the connection breaks. For a file of the trail the reconciler would wait
// a minute (internal/s3), and a campaign is to end.
const hangs = 20

func (p *process) silence(r *http.Request, step string) {
	patient := p.beside && strings.HasPrefix(step, "trail.")
	if !patient && p.wire.oneIn(hangs) {
		p.gone(r, time.Minute)
	}
	panic(http.ErrAbortHandler) // breaks the connection off
}

// kill ends the process, as SIGKILL does, and waits until its end of the
// connection is gone, so that it learns of nothing.
func (p *process) kill(r *http.Request, step string) {
	p.mu.Lock()
	p.killed = step
	p.mu.Unlock()
	if p.beside {
		p.wire.killedBeside(step)
	}
	p.Kill()
	p.gone(r, 10*time.Second)
	panic(http.ErrAbortHandler)
}

func (p *process) gone(r *http.Request, longest time.Duration) {
	select {
	case <-r.Context().Done():
	case <-time.After(longest):
	}
}

// reason tells why the process ended.
func (p *process) reason() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed == "" {
		return ""
	}
	defer func() { p.killed = "" }()
	return "the process was killed at " + p.killed
}

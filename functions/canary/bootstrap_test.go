package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
	"mfawatch/internal/fakeaws/plumbing"
	"mfawatch/internal/lambdatest"
)

// plumbed is an AWS in which everything stands as expected, and in which a canary
// comes back as signin and the topic would send it.
func plumbed(t *testing.T) *plumbing.Server {
	t.Helper()
	srv := plumbing.Start()
	t.Cleanup(srv.Close)
	srv.Page = 2
	for _, b := range expected().Buses {
		for _, r := range b.Rules {
			srv.Rules[b.Region+"/"+b.Name] = append(srv.Rules[b.Region+"/"+b.Name], plumbing.Rule{Name: r.Name, State: r.State, Pattern: r.Pattern, Targets: []plumbing.Target{{ARN: r.Targets[0].ARN}}})
		}
		srv.Queues[b.Region+"/mfawatch-rules-dead"] = &plumbing.Queue{}
	}
	srv.Queues["eu-north-1/mfawatch-canary"] = &plumbing.Queue{}
	srv.Subscriptions = []plumbing.Subscription{
		{ARN: topic + ":1", Protocol: "sqs", Endpoint: queue}, {ARN: topic + ":2", Protocol: "https", Endpoint: pager}, {ARN: topic + ":3", Protocol: "email", Endpoint: "ada@example.com", Authenticated: true},
	}
	srv.Functions["mfawatch-signin"] = plumbing.Function{Reserved: -1, Mappings: []plumbing.Mapping{{Source: signIns, State: "Enabled"}}}
	srv.Functions["mfawatch-audit"] = plumbing.Function{Reserved: 1}
	srv.Trails[trail] = plumbing.Trail{Logging: true, Delivered: time.Now()}
	srv.Event = func(e plumbing.Event) {
		var d struct{ Nonce string }
		if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
			t.Error(err)
		}
		srv.Enqueue("eu-north-1", "mfawatch-canary", alerted(d.Nonce, own, e.Region))
	}
	return srv
}

// folder is a function's folder with rules.json.
func folder(t *testing.T, e deployed.Expected) string {
	t.Helper()
	dir := t.TempDir()
	text, err := e.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func started(t *testing.T, srv *plumbing.Server, dir string) *lambdatest.Function {
	t.Helper()
	bin, err := lambdatest.Build(".", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	set := environment()
	set.Wait = 30 * time.Second
	f := &lambdatest.Function{Binary: bin, Handler: "canary", Env: []string{
		"AWS_ENDPOINT_URL=" + srv.URL, "AWS_REGION=eu-north-1", "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=x", "LAMBDA_TASK_ROOT=" + dir,
	}}
	for name, value := range settings.Env(set) {
		f.Env = append(f.Env, fmt.Sprintf("%s=%s", name, value))
	}
	t.Cleanup(f.Close)
	return f
}

// invoked is an answer, or the error's text.
func invoked(t *testing.T, f *lambdatest.Function, mode string, timeout time.Duration) string {
	t.Helper()
	a, err := f.Invoke(t.Context(), []byte(`{"mode":"`+mode+`"}`), timeout)
	if err != nil {
		t.Fatal(err)
	}
	if a.Error != nil {
		return a.Error.Message
	}
	return string(a.Payload)
}

// says waits for a text in the log, which comes by a pipe beside the answer.
func says(f *lambdatest.Function, text string) bool {
	for range 100 {
		if strings.Contains(f.Logs(), text) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// The binary itself: every mode, cold and warm, and what goes wrong on the way.
func TestBootstrap(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	srv := plumbed(t)
	f := started(t, srv, folder(t, expected()))
	const whole = `{"mode":"send","sent":3,"returned":3,"late":0,"foreign":0,"findings":0}`
	if got := invoked(t, f, "send", time.Minute); got != whole {
		t.Fatalf("cold: %s\n%s", got, f.Logs())
	}
	if got := invoked(t, f, "check", time.Minute); got != `{"mode":"check","sent":0,"returned":0,"late":0,"foreign":0,"findings":0}` || len(srv.Published()) != 0 {
		t.Errorf("check: %s, published %v\n%s", got, srv.Published(), f.Logs())
	}
	if got := invoked(t, f, "trail", time.Minute); !strings.HasPrefix(got, `{"mode":"trail"`) {
		t.Errorf("trail: %s\n%s", got, f.Logs())
	}
	srv.Enqueue("eu-north-1", "mfawatch-canary", tagEvent(own, "mfawatch-canary-target", srv.Tags()["mfawatch-canary-target/mfawatch-canary"], time.Now()))
	srv.Enqueue("eu-north-1", "mfawatch-canary", "private body")
	if got := invoked(t, f, "send", time.Minute); got != strings.Replace(whole, `"foreign":0`, `"foreign":1`, 1) || !says(f, `"TrailLegAge":`) || srv.Held("eu-north-1", "mfawatch-canary") != 1 {
		t.Errorf("with the tag: %s, left %d\n%s", got, srv.Held("eu-north-1", "mfawatch-canary"), f.Logs())
	}
	if got := invoked(t, f, "Check", time.Minute); !strings.Contains(got, `mode "Check" is not one of send, check, trail`) {
		t.Errorf("unknown mode: %s", got)
	}
	says(f, `"request-5"`)
	for text, wanted := range map[string]bool{`"request_id":"request-1"`: true, `"CloudWatchMetrics"`: true, "private": false, "0123456789abcdef/": false, "ada@": false, "ConsoleLogin": false} {
		if strings.Contains(f.Logs(), text) != wanted {
			t.Errorf("logs hold %q: %v, want %v\n%s", text, !wanted, wanted, f.Logs())
		}
	}
	if f.Starts() != 1 {
		t.Errorf("started %d times", f.Starts())
	}
	t.Logf("peak memory %d KiB", f.PeakKiB())
}

// One Region refuses, another throttles at first, a third answers nothing: each is
// named, nobody else suffers, and the answer comes before the deadline.
func TestBootstrapInTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	srv := plumbed(t)
	f := started(t, srv, folder(t, expected()))
	var throttled atomic.Int32
	srv.Fault = func(call, region string) (int, string) {
		switch {
		case call == "events:PutEvents" && region == "ap-south-1":
			return 400, "AccessDeniedException"
		case call == "events:PutEvents" && region == "us-east-1" && throttled.Add(1) == 1:
			return 400, "ThrottlingException"
		case call == "sqs:GetQueueUrl" && region == "us-east-1":
			return 400, "AccessDeniedException"
		case strings.HasPrefix(call, "events:List") && region == "us-east-1", call == "cloudtrail:GetTrailStatus":
			return 400, "AccessDeniedException"
		}
		return 0, ""
	}
	got := invoked(t, f, "send", time.Minute)
	if got != "1 of 3 Regions cannot be sent to: events:PutEvents in ap-south-1: AccessDeniedException" {
		t.Errorf("send: %s\n%s", got, f.Logs())
	}
	for _, text := range []string{`"RegionsSilent":1,"RegionsUnread":1,"RoundTrip":`, `"silent":["ap-south-1"]`, "queue mfawatch-rules-dead in us-east-1: AccessDeniedException"} {
		if !says(f, text) {
			t.Errorf("no %s in the log\n%s", text, f.Logs())
		}
	}
	if got := invoked(t, f, "check", time.Minute); !strings.Contains(got, `"findings":2`) || len(srv.Published()) != 1 {
		t.Fatalf("check: %s, published %v\n%s", got, srv.Published(), f.Logs())
	}
	p := srv.Published()[0]
	if p.Topic != topic || p.Attributes["severity"] != "high" || p.Attributes["kind"] != "watchdog" || p.Subject != "HIGH 111122223333: the monitor itself is not as it was deployed" ||
		!strings.Contains(p.Body, "us-east-1, bus default: the rules are not known: events:ListRules in us-east-1: AccessDeniedException") || strings.Contains(p.Body, "private words") {
		t.Errorf("published %+v", p)
	}
	hang := make(chan struct{})
	var once sync.Once
	defer once.Do(func() { close(hang) })
	srv.Fault = func(call, region string) (int, string) {
		if call == "events:PutEvents" && region == "us-east-1" {
			<-hang
		}
		return 0, ""
	}
	start := time.Now()
	if got := invoked(t, f, "send", 6*time.Second); !strings.Contains(got, "1 of 3 Regions cannot be sent to: events:PutEvents in us-east-1: out of time") || time.Since(start) > 5*time.Second {
		t.Errorf("a Region that hangs: %s after %s\n%s", got, time.Since(start), f.Logs())
	}
	if !says(f, `"silent":["us-east-1"]`) || f.Starts() != 1 {
		t.Errorf("the others are not seen, or the process ended\n%s", f.Logs())
	}
}

// A wrong deployment says so at the first start, in one line.
func TestBootstrapDoesNotStart(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	f := started(t, plumbed(t), t.TempDir())
	a, err := f.Invoke(t.Context(), []byte("{}"), 10*time.Second)
	if err != nil || a.Error == nil || !a.Error.Exited || !says(f, "put it into the function's folder") || strings.Count(f.Logs(), "\n") != 1 {
		t.Errorf("%v, error %v, logs %s", a.Error, err, f.Logs())
	}
}

func TestWire(t *testing.T) {
	keyed := expected()
	keyed.Buses[0].Rules[0].Pattern = `{"detail":{"keyId":["${KEY_ARN}"]}}`
	for _, c := range []struct {
		name   string
		file   deployed.Expected
		change func(map[string]string)
		want   string
	}{
		{"right", expected(), func(map[string]string) {}, "<nil>"},
		{"a heart", expected(), func(e map[string]string) { e["MFAWATCH_HEARTBEAT_URL"] = "https://192.0.2.1/ping/key" }, "<nil>"},
		{"no Regions", expected(), func(e map[string]string) { delete(e, "MFAWATCH_REGIONS") }, "the function's environment: MFAWATCH_REGIONS is missing"},
		{"no Region", expected(), func(e map[string]string) { delete(e, "AWS_REGION") }, "the function's environment: AWS_REGION is missing"},
		{"no file", expected(), func(e map[string]string) { e["LAMBDA_TASK_ROOT"] = "/nowhere" }, "read rules.json: "},
		{"another queue", expected(), func(e map[string]string) { e["MFAWATCH_CANARY_QUEUE_ARN"] = topic }, "the function's environment: MFAWATCH_CANARY_QUEUE_ARN: "},
		{"no key", keyed, func(map[string]string) {}, `rules.json speaks of the KMS key, and "" is no ARN of one: set MFAWATCH_KEY_ARN`},
		{"a key", keyed, func(e map[string]string) { e["MFAWATCH_KEY_ARN"] = "arn:aws:kms:eu-north-1:111122223333:key/k" }, "<nil>"},
	} {
		env := settings.Env(environment())
		env["LAMBDA_TASK_ROOT"], env["AWS_REGION"] = folder(t, c.file), "eu-north-1"
		c.change(env)
		h, err := wire(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, io.Discard)
		if !strings.HasPrefix(fmt.Sprint(err), c.want) || err == nil && (h.Heart != nil) != (env["MFAWATCH_HEARTBEAT_URL"] != "") {
			t.Errorf("%s: error %v, want %s…", c.name, err, c.want)
		}
	}
}

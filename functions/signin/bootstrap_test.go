package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/audit/config"
	"mfawatch/functions/alerting/awstest"
	"mfawatch/functions/settings"
	"mfawatch/internal/lambdatest"
)

const rightFile = "version: 1\naccounts:\n  \"111122223333\": prod\n"

func environment() settings.Signin {
	return settings.Signin{
		Common: settings.Common{Partition: "aws", Account: own, LogLevel: "info"},
		Alerting: settings.Alerting{TopicARN: "arn:aws:sns:eu-north-1:111122223333:alerts", EventsTable: "events", EvidenceBucket: "evidence",
			Lease: time.Minute, Keep: time.Hour},
		Queues: []string{queue}, Buckets: []string{"trail"},
	}
}

// built is the released binary.
func built(t *testing.T) string {
	t.Helper()
	bin, err := lambdatest.Build(".", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// started is the released binary against stand-ins for Lambda and AWS.
func started(t *testing.T, set settings.Signin, file string) (*lambdatest.Function, *awstest.Server) {
	t.Helper()
	return startedFrom(t, built(t), set, file)
}

func startedFrom(t *testing.T, bin string, set settings.Signin, file string) (*lambdatest.Function, *awstest.Server) {
	t.Helper()
	srv := awstest.Start(own)
	t.Cleanup(srv.Close)
	env, err := srv.Environment(set, own, t.TempDir(), file)
	if err != nil {
		t.Fatal(err)
	}
	f := &lambdatest.Function{Binary: bin, Env: env, Handler: "signin"}
	t.Cleanup(f.Close)
	return f, srv
}

// The binary itself: every source, cold and warm, an error, a deadline and a
// process that died.
func TestBootstrap(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	f, srv := started(t, environment(), rightFile)
	bucket := srv.Reads.Bucket("trail", "eu-north-1")
	bucket.Put("a b.json.gz", logFile(record("e-3", own, "No")))
	steps := []struct {
		name, payload, out, failure string
		sent                        int // by then
	}{
		{"SQS, cold", sqs(queue, bridge(own, record("e-1", own, "No")), "hello"), failedItems("1"), "", 1},
		{"again, warm", sqs(queue, bridge(own, record("e-1", own, "No"))), allDone, "", 1},
		{"EventBridge", bridge(own, record("e-2", own, "No")), "null", "", 2},
		{"S3", sqs(queue, notification("trail", "a+b.json.gz")), allDone, "", 3},
		{"CloudWatch Logs, folded", subscription(record("e-4", own, "No")), "null", "", 3},
		{"canary", sqs(queue, canary(own, "n")), allDone, "", 4},
		{"root, never folded", sqs(queue, envelope(bridge(own, rootRecord("r-1", "Yes")))), allDone, "", 5},
		{"a handler error", "{}", "", "poison message", 5},
		{"a foreign queue", sqs("arn:aws:sqs:eu-north-1:444455556666:x", "{}"), "", "envelope rejected", 5},
		{"and still alive", sqs(queue), "", "poison message", 5},
	}
	for i, s := range steps {
		a, err := f.Invoke(t.Context(), []byte(s.payload), 30*time.Second)
		if err != nil || string(a.Payload) != s.out || (a.Error != nil) != (s.failure != "") || a.Error != nil && !strings.Contains(a.Error.Message, s.failure) {
			t.Fatalf("%s: answer %s, %v, error %v\n%s", s.name, a.Payload, a.Error, err, f.Logs())
		}
		if got := len(srv.Topic.Sent()); got != s.sent || a.Cold != (i == 0) {
			t.Fatalf("%s: published %d, want %d, cold %v\n%s", s.name, got, s.sent, a.Cold, f.Logs())
		}
		if i == 0 {
			t.Logf("cold start to answer %s", a.Took)
		}
	}
	if key := "evidence/evidence/" + own + "/2026/11/20/e-1.no-mfa.json"; !bytes.Contains(srv.Kept()[key], []byte(`"eventID":"e-1"`)) {
		t.Errorf("no evidence under %s: %d objects", key, len(srv.Kept()))
	}
	for text, wanted := range map[string]bool{`"request_id":"request-1"`: true, `"CloudWatchMetrics"`: true, "console.example": false, "user/ada": false, `"ada"`: false, "192.0.2.7": false, "hello": false} {
		if strings.Contains(f.Logs(), text) != wanted {
			t.Errorf("logs hold %q: %v, want %v\n%s", text, !wanted, wanted, f.Logs())
		}
	}
	t.Logf("peak memory %d KiB", f.PeakKiB())
}

// SNS hangs: the function answers before its deadline that the item failed. Then
// the process is killed between publishing and the mark: the alert comes again
// when the claim has run out, and never gets lost.
func TestBootstrapInTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	set := environment()
	set.Lease = 8 * time.Second
	f, srv := started(t, set, rightFile)
	hang := make(chan struct{})
	srv.Before = func(call string) int {
		if call == "sns:Publish" {
			<-hang
		}
		return 0
	}
	payload := []byte(sqs(queue, bridge(own, record("e-1", own, "No"))))
	a, err := f.Invoke(t.Context(), payload, 3*time.Second)
	if err != nil || string(a.Payload) != failedItems("0") {
		t.Fatalf("answer %s, %v, error %v\n%s", a.Payload, a.Error, err, f.Logs())
	}
	close(hang)
	killed := make(chan struct{})
	srv.Before = func(call string) int {
		if call == "dynamodb:UpdateItem" && len(srv.Topic.Sent()) > 0 {
			select {
			case <-killed:
			default:
				close(killed)
				f.Kill()
			}
		}
		return 0
	}
	sent := 0
	for range 20 {
		if a, err = f.Invoke(t.Context(), payload, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if sent = len(srv.Topic.Sent()); string(a.Payload) == allDone {
			break
		}
		time.Sleep(time.Second) // the queue's visibility time-out
	}
	if string(a.Payload) != allDone || sent == 0 || sent > 3 {
		t.Errorf("answer %s, %v, published %d\n%s", a.Payload, a.Error, sent, f.Logs())
	}
}

// A wrong deployment says so at the first start, in one line: here of a file as a
// person writes it, which a function does not read.
func TestBootstrapDoesNotStart(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	f, _ := started(t, environment(), rightFile)
	for _, setting := range f.Env {
		if dir, found := strings.CutPrefix(setting, "LAMBDA_TASK_ROOT="); found {
			if err := os.WriteFile(filepath.Join(dir, "mfawatch.yaml"), []byte(rightFile), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, err := f.Invoke(t.Context(), []byte("{}"), 10*time.Second)
	if err != nil || a.Error == nil || !a.Error.Exited || !strings.Contains(f.Logs(), "mfawatch.yaml: it is not compiled") || strings.Count(f.Logs(), "\n") != 1 {
		t.Errorf("%v, error %v, logs %s", a.Error, err, f.Logs())
	}
}

func TestWire(t *testing.T) {
	dir := t.TempDir()
	file, err := config.Compile("mfawatch.yaml", []byte(rightFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mfawatch.yaml"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	for missing, want := range map[string]string{"": "<nil>", "MFAWATCH_QUEUE_ARNS": "the function's environment: MFAWATCH_QUEUE_ARNS is missing", "LAMBDA_TASK_ROOT": "read mfawatch.yaml: ", "AWS_REGION": "the function's environment: AWS_REGION is missing"} {
		env := settings.Env(environment())
		env["LAMBDA_TASK_ROOT"], env["AWS_REGION"] = dir, "eu-north-1"
		delete(env, missing)
		h, err := wire(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &bytes.Buffer{})
		if !strings.HasPrefix(fmt.Sprint(err), want) || err == nil && (h.Judge.Names[own] != "prod" || h.Deliverer.Lease != time.Minute || h.Deliverer.Storm.Limit() != 3) {
			t.Errorf("without %q: error %v, want %s…", missing, err, want)
		}
	}
}

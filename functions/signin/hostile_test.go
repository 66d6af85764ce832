package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/lambdatest"
)

// What one hostile input may cost: the function's time-out is meant to be a
// minute, and its memory 512 MB.
const (
	longest = 20 * time.Second
	mostKiB = 384 << 10
)

// hostile is a payload and what has to become of it.
type hostile struct {
	payload string
	out     string // the answer; empty: an error that holds failure
	failure string
	logged  string   // disposition, or what else the log has to say
	sent    []string // event ids that people are told of; "?" is a record that nobody can read
}

// beside is a batch of a hostile item and a good one, which has to be delivered.
func beside(body, id string) string {
	return sqs(queue, body, bridge(own, record(id, own, "No")))
}

// innocent is a record of something else that carries text in its parameters.
func innocent(id, parameters string) string {
	return `{"eventVersion":"1.08","eventName":"DescribeInstances","eventSource":"ec2.amazonaws.com","eventTime":"2026-11-20T08:14:03Z","eventID":"` + id +
		`","recipientAccountId":"` + own + `","requestParameters":` + parameters + `}`
}

// inflated is n bytes that compress to a thousandth of it.
func inflated(head string, n int, tail string) []byte {
	return pressedFrom(io.MultiReader(strings.NewReader(head), io.LimitReader(blanks{}, int64(n)), strings.NewReader(tail)))
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func hostileInputs() map[string]hostile {
	inner := record("forged", own, "No")
	quoted := strings.Trim(asJSON(inner), `"`)
	large := func(id string, n int) string {
		return strings.Replace(record(id, own, "No"), `"requestParameters":null`, `"requestParameters":{"x":"`+strings.Repeat("a", n)+`"}`, 1)
	}
	deep := strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)
	deeper := strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)
	deepSignIn := func(id, nest string) string {
		return strings.Replace(record(id, own, "No"), `"requestParameters":null`, `"requestParameters":`+nest, 1)
	}
	return map[string]hostile{
		// Large: SQS bounds a message to 256 KiB or a MiB, Lambda a payload to 6 MB.
		"a record of 256 KB":           {payload: beside(bridge(own, large("large-1", 250<<10)), "n-1"), out: allDone, sent: []string{"large-1", "n-1"}},
		"a record of 256 KB in S3":     {payload: beside(notification("trail", "large"), "n-2"), out: allDone, sent: []string{"large-2", "n-2"}},
		"a payload of one 6 MB record": {payload: bridge(own, large("large-3", 6<<20-2000)), out: "null", sent: []string{"large-3"}},
		"6 MB of no JSON":              {payload: strings.Repeat("x", 6<<20), failure: "poison message", logged: "poison"},
		"6 MB in one item":             {payload: beside(strings.Repeat("x", 5<<20), "n-3"), out: failedItems("0"), logged: "poison", sent: []string{"n-3"}},
		"6 MB of notices":              {payload: beside(`{"Records":[`+strings.TrimSuffix(strings.Repeat(`{"eventSource":"aws:x"},`, 180_000), ",")+`]}`, "n-4"), out: failedItems("0"), logged: "poison", sent: []string{"n-4"}},

		// Deep: encoding/json reads 10,000 levels.
		"9,000 levels in a record":  {payload: beside(bridge(own, deepSignIn("deep-1", deep)), "n-5"), out: allDone, sent: []string{"deep-1", "n-5"}},
		"a million levels":          {payload: beside(bridge(own, deepSignIn("deep-2", deeper)), "n-6"), out: failedItems("0"), logged: "poison", sent: []string{"n-6"}},
		"a million levels, direct":  {payload: deeper, failure: "poison message", logged: "poison"},
		"a million levels in S3":    {payload: beside(notification("trail", "deep"), "n-7"), out: allDone, logged: "unreadable", sent: []string{"?", "n-7"}},
		"envelopes in envelopes":    {payload: beside(envelope(envelope(envelope(envelope(bridge(own, record("deep-4", own, "No")))))), "n-8"), out: failedItems("0"), logged: "poison", sent: []string{"n-8"}},
		"objects without an end":    {payload: beside(strings.Repeat(`{"Records":[`, 80_000), "n-9"), out: failedItems("0"), logged: "poison", sent: []string{"n-9"}},
		"containers in a container": {payload: beside(notification("trail", "containers"), "n-10"), out: failedItems("0"), logged: "is damaged", sent: []string{"n-10"}},

		// Forged: a record that somebody wrote into another's parameters.
		"a record in a record":       {payload: beside(bridge(own, innocent("f-1", inner)), "n-11"), out: allDone, sent: []string{"n-11"}},
		"a record in a text":         {payload: beside(bridge(own, innocent("f-2", `{"x":"`+quoted+`"}`)), "n-12"), out: allDone, sent: []string{"n-12"}},
		"a file in a record in S3":   {payload: beside(notification("trail", "nested"), "n-13"), out: allDone, sent: []string{"n-13"}},
		"an event in an event":       {payload: beside(bridge(own, innocent("f-3", bridge(own, inner))), "n-14"), out: allDone, sent: []string{"n-14"}},
		"another account's sign-in":  {payload: beside(bridge(other, inner), "n-15"), out: failedItems("0"), logged: "rejected", sent: []string{"n-15"}},
		"a source that is not AWS's": {payload: beside(strings.Replace(bridge(own, inner), "aws.signin", "aws-signin", 1), "n-16"), out: failedItems("0"), logged: "rejected", sent: []string{"n-16"}},
		"a queue in a message":       {payload: beside(sqs(queue, bridge(own, inner)), "n-17"), out: failedItems("0"), logged: "poison", sent: []string{"n-17"}},

		// Bombs: some MB that are a GB, at each place where something is decompressed.
		"a bomb in S3":               {payload: beside(notification("trail", "bomb"), "n-18"), out: failedItems("0"), logged: "is damaged", sent: []string{"n-18"}},
		"a bomb in a bomb in S3":     {payload: beside(notification("trail", "bomb2"), "n-19"), out: failedItems("0"), logged: "is damaged", sent: []string{"n-19"}},
		"a bomb after a record":      {payload: beside(notification("trail", "bomb3"), "n-20"), out: failedItems("0"), logged: "is damaged", sent: []string{"bomb-3", "n-20"}},
		"a bomb of many members":     {payload: beside(notification("trail", "bomb4"), "n-21"), out: failedItems("0"), logged: "is damaged", sent: []string{"n-21"}},
		"a bomb from Logs":           {payload: logged(inflated(`{"logEvents":[`, 1<<30, "")), failure: "is damaged"},
		"a bomb from Logs, in SQS":   {payload: beside(logged(inflated(`{"logEvents":[`, 100<<20, "]}")), "n-22"), out: failedItems("0"), logged: "is damaged", sent: []string{"n-22"}},
		"many bombs in a file":       {payload: beside(notification("trail", "bombs"), "n-23"), out: failedItems("0"), logged: "is damaged", sent: []string{"n-23"}},
		"a record of blanks in Logs": {payload: subscription(record("blank-1", own, "No") + strings.Repeat(" ", 3<<20)), out: "null", sent: []string{"blank-1"}},
	}
}

// logged is a subscription of CloudWatch Logs with these bytes.
func logged(gz []byte) string {
	return `{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString(gz) + `"}}`
}

// hostileObjects are the objects that the notifications name.
func hostileObjects() map[string][]byte {
	large := strings.Replace(record("large-2", own, "No"), `"requestParameters":null`, `"requestParameters":{"x":"`+strings.Repeat("a", 256<<10)+`"}`, 1)
	deep := strings.Replace(record("deep-3", own, "No"), `"requestParameters":null`, `"requestParameters":`+strings.Repeat("[", 1<<20)+strings.Repeat("]", 1<<20), 1)
	forged := `{"Records":[` + record("forged", own, "No") + `]}`
	bomb := inflated(`{"Records":[`, 1<<30, "]}")
	lines := strings.Repeat(logged(inflated(`{"logEvents":[`, 60<<20, "]}"))+"\n", 40)
	return map[string][]byte{
		"large": logFile(large), "deep": logFile(deep), "nested": logFile(innocent("f-4", forged), innocent("f-5", asJSON(forged))),
		"containers": logFile(strings.Repeat(`{"Records":[`, 5000) + strings.Repeat(`]}`, 5000)),
		"bomb":       bomb, "bomb2": pressedFrom(bytes.NewReader(bomb)), "bomb3": inflated(`{"Records":[`+record("bomb-3", own, "No")+",", 300<<20, "]}"),
		"bomb4": bytes.Repeat(inflated("", 16<<20, ""), 64), "bombs": pressed(lines),
	}
}

// Whatever is sent to the real binary, it answers in bounded time and memory
// with the right disposition, and what came beside it is delivered.
func TestBootstrapHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	objects, bin := hostileObjects(), built(t)
	for name, c := range hostileInputs() {
		t.Run(name, func(t *testing.T) {
			f, srv := startedFrom(t, bin, environment(), rightFile)
			bucket := srv.Reads.Bucket("trail", "eu-north-1")
			for key, body := range objects {
				bucket.Put(key, body)
			}
			a, err := f.Invoke(t.Context(), []byte(c.payload), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			c.holds(t, f, a)
			var ids []string
			for _, m := range srv.Topic.Sent() {
				ids = append(ids, idOf(t, m.Body))
			}
			same := func(got, want string) bool {
				return got == own+"#"+want || want == "?" && strings.HasPrefix(got, "unknown#no-id-")
			}
			if !slices.EqualFunc(ids, c.sent, same) {
				t.Errorf("published %q, want %q\n%.2000s", ids, c.sent, f.Logs())
			}
			if f.PeakKiB() > mostKiB || a.Took > longest {
				t.Errorf("peak memory %d KiB, %s; want %d and %s", f.PeakKiB(), a.Took, mostKiB, longest)
			}
			t.Logf("%d bytes: %s, peak memory %d KiB", len(c.payload), a.Took, f.PeakKiB())
		})
	}
}

// holds compares an answer and the log with what they have to be.
func (c hostile) holds(t *testing.T, f *lambdatest.Function, a lambdatest.Answer) {
	t.Helper()
	switch {
	case c.out != "" && (a.Error != nil || string(a.Payload) != c.out):
		t.Errorf("answer %.300s, %.300v, want %s\n%.2000s", a.Payload, a.Error, c.out, f.Logs())
	case c.out == "" && (a.Error == nil || a.Error.Exited || !strings.Contains(a.Error.Message, c.failure) || len(a.Error.Message) > 500):
		t.Errorf("answer %.300s, failure %.300v, want %s", a.Payload, a.Error, c.failure)
	}
	if !strings.Contains(f.Logs(), c.logged) || len(f.Logs()) > 64<<10 {
		t.Errorf("%d bytes of logs without %q: %.2000s", len(f.Logs()), c.logged, f.Logs())
	}
}

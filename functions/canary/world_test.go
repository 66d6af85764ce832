package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/settings"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/lambda"
	"mfawatch/internal/sns"
	"mfawatch/internal/sqs"
)

const (
	own     = "111122223333"
	topic   = "arn:aws:sns:eu-north-1:111122223333:mfawatch-alerts"
	queue   = "arn:aws:sqs:eu-north-1:111122223333:mfawatch-canary"
	signIns = "arn:aws:sqs:eu-north-1:111122223333:mfawatch-sign-ins"
	trail   = "arn:aws:cloudtrail:eu-north-1:111122223333:trail/mfawatch"
	pager   = "https://events.pagerduty.com/integration/0123456789abcdef/enqueue"
)

var regions = []string{"ap-south-1", "eu-north-1", "us-east-1"}

func environment() settings.Canary {
	return settings.Canary{
		Common: settings.Common{Partition: "aws", Account: own, LogLevel: "info"}, Prefix: "mfawatch", Regions: regions, TopicARN: topic, QueueARN: queue, TrailARN: trail, Wait: time.Minute,
	}
}

// expected is what stands deployed: each Region's default bus with the same rule.
func expected() deployed.Expected {
	e := deployed.Expected{
		Subscriptions: []deployed.Subscription{deployed.Subscribed("sqs", queue, false), deployed.Subscribed("https", pager, true), deployed.Subscribed("email", "ada@example.com", false)},
		Functions:     []deployed.Function{{Name: "mfawatch-signin", Sources: []string{signIns}}, {Name: "mfawatch-audit"}},
	}
	for _, region := range regions {
		e.Buses = append(e.Buses, deployed.Bus{Region: region, Name: "default", Rules: []deployed.Placed{{
			Name: "mfawatch-sign-in-console", State: deployed.Enabled, Pattern: `{"source":["aws.signin"]}`, Targets: []deployed.Target{{ARN: signIns}},
		}}})
	}
	return e
}

// world stands in for AWS: what is put on a bus comes back after a while, as
// signin and the topic would send it. It runs in a bubble of testing/synctest.
type world struct {
	mu         sync.Mutex
	delay      map[string]time.Duration // by Region, second by default; negative: never
	putErr     map[string]error
	putHangs   map[string]bool
	copies     int // of each message that comes back
	messages   []*message
	queueErr   error
	undelete   error
	depths     map[string]int
	depthErr   map[string]error
	depthHangs string
	tags       []string
	tagErr     error
	beats      int
	beatErr    error

	rules    map[string][]deployed.Placed // by Region
	rulesErr map[string]error
	subs     []sns.Subscription
	subsErr  error
	status   cloudtrail.Status
	trailErr error
	stopped  map[string]bool
	mappings map[string][]lambda.Mapping
	fnErr    map[string]error

	published []string // bodies
	about     []map[string]string
	topicErr  error

	out bytes.Buffer // log and metrics
}

type message struct {
	sqs.Message
	from, hidden time.Time
	received     int
	deleted      bool
}

func newWorld() *world {
	w := &world{
		copies: 1, delay: map[string]time.Duration{}, putErr: map[string]error{}, putHangs: map[string]bool{}, depths: map[string]int{}, depthErr: map[string]error{},
		rules: map[string][]deployed.Placed{}, rulesErr: map[string]error{}, stopped: map[string]bool{}, fnErr: map[string]error{},
		mappings: map[string][]lambda.Mapping{"mfawatch-signin": {{Source: signIns, State: "Enabled"}}},
		subs: []sns.Subscription{
			{Protocol: "sqs", Endpoint: queue}, {Protocol: "https", Endpoint: pager}, {Protocol: "email", Endpoint: "ada@example.com", Authenticated: true},
		},
		status: cloudtrail.Status{Logging: true, Delivered: time.Now().Add(-time.Hour)},
	}
	for _, b := range expected().Buses {
		w.rules[b.Region] = slices.Clone(b.Rules)
	}
	return w
}

func (w *world) handler() *Handler {
	return &Handler{
		Settings: environment(), Expected: expected(), Buses: w, Queue: w, Depths: w, Roles: w, Subscriptions: w, Trails: w, Functions: w, Topic: w,
		Metrics: &w.out, Log: zerolog.New(&w.out), Now: time.Now,
	}
}

// Put sends what comes back.
func (w *world) Put(ctx context.Context, region, source, detailType string, detail []byte) error {
	if w.putHangs[region] {
		<-ctx.Done()
		return fmt.Errorf("events:PutEvents in %s: out of time", region)
	}
	if err := w.putErr[region]; err != nil {
		return err
	}
	var d struct{ Nonce string }
	if err := json.Unmarshal(detail, &d); err != nil || source != "mfa.canary" || detailType == "" {
		return fmt.Errorf("put %s %s %s", source, detailType, detail)
	}
	delay := w.delay[region]
	if delay == 0 {
		delay = time.Second
	}
	if delay > 0 {
		for range w.copies {
			w.arrive(delay, alerted(d.Nonce, own, region))
		}
	}
	return nil
}

// arrive puts a message into the queue after a while.
func (w *world) arrive(after time.Duration, body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := fmt.Sprintf("m-%d", len(w.messages))
	w.messages = append(w.messages, &message{Message: sqs.Message{ID: id, Handle: id, Body: body, Sent: time.Now().Add(after)}, from: time.Now().Add(after)})
}

// alerted is what a queue gets of a canary's alert.
func alerted(nonce, account, region string) string {
	return enveloped(topic, string(alert.OfCanary(account, region, nonce, time.Now(), nil).JSON()))
}

func enveloped(topic, text string) string {
	b, _ := json.Marshal(map[string]any{"Type": "Notification", "MessageId": "x", "TopicArn": topic, "Subject": "s", "Message": text, "MessageAttributes": map[string]any{}})
	return string(b)
}

// Receive hides what it gives for half a minute.
func (w *world) Receive(ctx context.Context, wait time.Duration) ([]sqs.Message, error) {
	if w.queueErr != nil {
		return nil, w.queueErr
	}
	for end := time.Now().Add(min(wait, 20*time.Second)); ; time.Sleep(100 * time.Millisecond) {
		if got := w.visible(); len(got) > 0 || !time.Now().Before(end) {
			return got, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (w *world) visible() []sqs.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []sqs.Message
	for _, m := range w.messages {
		if len(got) < 10 && !m.deleted && !time.Now().Before(m.from) && !time.Now().Before(m.hidden) {
			m.hidden = time.Now().Add(30 * time.Second)
			m.received++
			got = append(got, m.Message)
		}
	}
	return got
}

func (w *world) Delete(ctx context.Context, messages []sqs.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.undelete != nil || ctx.Err() != nil {
		return fmt.Errorf("sqs:DeleteMessageBatch: %w", cause(w.undelete, ctx.Err()))
	}
	for _, gone := range messages {
		for _, m := range w.messages {
			m.deleted = m.deleted || m.Handle == gone.Handle
		}
	}
	return nil
}

func cause(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// left are the messages that stay in the queue.
func (w *world) left() []string {
	var ids []string
	for _, m := range w.messages {
		if !m.deleted {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func (w *world) Depth(ctx context.Context, region, queue string) (int, error) {
	if w.depthHangs == region {
		<-ctx.Done()
		return 0, fmt.Errorf("sqs:GetQueueUrl of queue %s in %s: out of time", queue, region)
	}
	if queue != "mfawatch-rules-dead" {
		return 0, fmt.Errorf("queue %s", queue)
	}
	return w.depths[region], w.depthErr[region]
}

func (w *world) Tag(_ context.Context, role, key, value string) error {
	w.tags = append(w.tags, role+" "+key+" "+value)
	return w.tagErr
}

func (w *world) Beat(ctx context.Context) error {
	w.beats++
	return cause(w.beatErr, ctx.Err())
}

func (w *world) Rules(_ context.Context, region, bus, prefix string) ([]deployed.Placed, error) {
	if bus != "default" || prefix != "mfawatch-" {
		return nil, fmt.Errorf("bus %s, prefix %s", bus, prefix)
	}
	return w.rules[region], w.rulesErr[region]
}

func (w *world) List(context.Context) ([]sns.Subscription, error) { return w.subs, w.subsErr }

func (w *world) Status(_ context.Context, arn string) (cloudtrail.Status, error) {
	if arn != trail {
		return cloudtrail.Status{}, fmt.Errorf("trail %s", arn)
	}
	return w.status, w.trailErr
}

func (w *world) Stopped(_ context.Context, name string) (bool, error) {
	return w.stopped[name], w.fnErr[name]
}

func (w *world) Mappings(_ context.Context, name string) ([]lambda.Mapping, error) {
	return w.mappings[name], w.fnErr[name]
}

func (w *world) Publish(_ context.Context, subject, body string, attributes map[string]string) (string, error) {
	if w.topicErr != nil {
		return "", w.topicErr
	}
	w.published = append(w.published, body)
	w.about = append(w.about, attributes)
	return "m-1", nil
}

// metrics are the values of the one line of metrics that was written.
func (w *world) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	var got map[string]float64
	for line := range strings.Lines(w.out.String()) {
		if !strings.Contains(line, "CloudWatchMetrics") {
			continue
		}
		if got != nil {
			t.Errorf("metrics twice: %s", line)
		}
		got = values(t, line)
	}
	return got
}

func values(t *testing.T, line string) map[string]float64 {
	t.Helper()
	var event map[string]any
	var meta struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	if json.Unmarshal([]byte(line), &event) != nil || json.Unmarshal([]byte(line), &meta) != nil || len(meta.AWS.CloudWatchMetrics) != 1 {
		t.Fatalf("no metrics: %s", line)
	}
	d := meta.AWS.CloudWatchMetrics[0]
	if d.Namespace != "mfawatch" || len(d.Dimensions) != 1 || d.Dimensions[0][0] != "function" || event["function"] != "canary" {
		t.Errorf("namespace or dimensions of %s", line)
	}
	got := map[string]float64{}
	for _, m := range d.Metrics {
		v, ok := event[m.Name].(float64)
		if !ok || m.Unit != "Count" && m.Unit != "Seconds" {
			t.Errorf("%s has no value or unit in %s", m.Name, line)
		}
		got[m.Name] = v
	}
	return got
}

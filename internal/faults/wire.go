package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"mfawatch/functions/alerting/awstest"
	"mfawatch/functions/delivery/deliverytest"
	"mfawatch/functions/settings"
	"mfawatch/internal/fakeaws"
	"mfawatch/internal/lambdatest"
)

// wire is a campaign of the released functions: their real binaries, several at
// once, against a queue, a Lambda Runtime API and an AWS on this machine. Time
// is real, so that its lengths are short.
type wire struct {
	*campaign
	aws   *awstest.Server
	trail *fakeaws.Bucket
	files []trailFile // those that CloudTrail has not delivered yet
	notes notes
	lies  map[string]string // what is answered at a step without doing it
	most  int               // rounds of reconciling in the end
	hot   []*process        // functions/signin
	net   *process          // functions/reconcile
	clock *process          // another one, whose window is short
	dir   string
	built binaries
	took  time.Duration // for the hot path
}

// The lengths. A claim can be taken over five seconds after its end, delivery's
// allowance for clocks; a message has five tries.
const (
	lease      = 2 * time.Second
	skew       = 5 * time.Second
	visibility = 2 * time.Second
	foldWindow = 3 * time.Second
	mostTries  = 5
	batchSize  = 10

	hotTimeout = 10 * time.Second // functions/signin's
	netTimeout = 2 * time.Minute  // functions/reconcile's
)

const queueARN = "arn:aws:sqs:eu-north-1:" + account + ":sign-ins"

// binaries are the functions' files, by name.
type binaries map[string]string

// build makes them as they are released.
func build(dir string) (binaries, error) {
	built := binaries{}
	for _, name := range []string{"signin", "reconcile"} {
		sub, err := os.MkdirTemp(dir, name)
		if err != nil {
			return nil, err
		}
		if built[name], err = lambdatest.Build("mfawatch/functions/"+name, sub); err != nil {
			return nil, err
		}
	}
	return built, nil
}

// newWire makes everything ready. close ends it.
func newWire(p plan, built binaries) (*wire, error) {
	p.begin = time.Now().UTC().Truncate(time.Minute).Add(-p.span() - 5*time.Minute)
	w := &wire{campaign: newCampaign(p), aws: awstest.Start(account), built: built, most: 40}
	w.memory, w.topic, w.must = w.aws.Memory, w.aws.Topic, deliverySteps
	if p.events >= whole {
		w.must = append(deliverytest.Steps(), awstest.Steps()...)
	}
	w.queue.visibility, w.queue.most = visibility, mostTries
	w.trail = w.aws.Reads.Bucket(trailBucket, "eu-north-1")
	for _, f := range trailFiles(w.truth, w.random) {
		if f.told {
			w.trail.Put(f.key, f.body)
		} else {
			w.files = append(w.files, f)
		}
	}
	w.fill(shuffled(messages(w.truth, w.random, mixed(w.random)), w.random))
	if err := w.connect(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// whole is how long a campaign must be to kill a process at every step of both
// functions; shorter ones do it at those of each delivery.
const whole = 50_000

var deliverySteps = []string{"evidence.keep", "claims.claim", "claims.admit", "topic.publish", "claims.send"}

func (w *wire) close() {
	for _, p := range append(w.hot, w.net, w.clock) {
		if p != nil {
			p.close()
		}
	}
	w.aws.Close()
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}

// connect makes the processes. Each starts when it is invoked first.
func (w *wire) connect() (err error) {
	if w.dir, err = os.MkdirTemp("", "mfawatch-faults-"); err != nil {
		return err
	}
	common := settings.Common{Partition: "aws", Account: account, LogLevel: "error"}
	to := settings.Alerting{
		TopicARN: "arn:aws:sns:eu-north-1:" + account + ":alerts", EventsTable: "events", EvidenceBucket: "evidence", Lease: lease, Keep: 48 * time.Hour,
	}
	signin := settings.Signin{Common: common, Alerting: to, Queues: []string{queueARN}, Buckets: []string{trailBucket}}
	all := settings.Reconcile{Common: common, Alerting: to, TrailBucket: trailBucket, LookBack: w.span() + time.Hour, Silence: 48 * time.Hour}
	short := all
	short.LookBack = time.Minute
	for range w.workers {
		p, err := w.start("signin", signin)
		if err != nil {
			return err
		}
		w.hot = append(w.hot, p)
	}
	if w.net, err = w.start("reconcile", all); err != nil {
		return err
	}
	w.clock, err = w.start("reconcile", short)
	return err
}

// start makes a process of a function.
func (w *wire) start(name string, set any) (*process, error) {
	dir, err := os.MkdirTemp(w.dir, name)
	if err != nil {
		return nil, err
	}
	env, err := w.aws.Environment(set, account, dir, fmt.Sprintf("version: 1\nalerts:\n  fold_after: 1\n  fold_window: %s\n", foldWindow))
	if err != nil {
		return nil, err
	}
	p := &process{wire: w, Function: &lambdatest.Function{Binary: w.built[name], Handler: name, Output: &lines{to: &w.notes}}}
	p.beside = name == "reconcile"
	url, err := p.open()
	p.Env = append(env, "AWS_ENDPOINT_URL="+url, "GOMAXPROCS=1") // a small function has less than one processor
	return p, err
}

// run lets the hot path drain the queue while the reconciler follows it, and
// then the reconciler until nothing is left to do.
func (w *wire) run(ctx context.Context) {
	begin := time.Now()
	var hot, net sync.WaitGroup
	for _, p := range w.hot {
		hot.Go(func() { w.work(ctx, p) })
	}
	drained := make(chan struct{})
	net.Go(func() { w.write(drained) })
	net.Go(func() { w.follow(ctx, drained) })
	net.Go(func() { w.tick(ctx, drained) })
	hot.Wait()
	w.took = time.Since(begin)
	close(drained)
	net.Wait()
	w.settle(ctx)
	w.evidence = shelf(w.aws.Kept())
	for _, m := range w.queue.dead {
		if m.reason == failedItem {
			m.reason = w.notes.of(m.id) // none is a miss
		}
	}
}

// shelf is the evidence bucket, by BUCKET/KEY.
type shelf map[string][]byte

func (s shelf) Object(key string) ([]byte, bool) {
	body, ok := s["evidence/"+key]
	return body, ok
}

func (s shelf) Keys() []string {
	var keys []string
	for k := range s {
		keys = append(keys, k)
	}
	return keys
}

// work gives one process one batch after the other, as Lambda's poller does.
func (w *wire) work(ctx context.Context, p *process) {
	for ctx.Err() == nil {
		now := time.Now()
		batch, next := w.queue.receive(now, batchSize)
		switch {
		case len(batch) > 0:
			w.invoke(ctx, p, batch)
		case next.IsZero():
			return
		default:
			time.Sleep(min(next.Sub(now), 100*time.Millisecond)) // another one's message may come back earlier
		}
	}
}

// failedItem stands for the reason that the function's log has of an item. The log
// may come later than the answer.
const failedItem = "named in the function's answer"

// invoke gives a process a batch and deletes what it is done with.
func (w *wire) invoke(ctx context.Context, p *process, batch []*message) {
	failed, why := w.answer(ctx, p, batch)
	for _, m := range batch {
		switch {
		case why != "":
			w.queue.failed(m, why)
		case failed[m.id]:
			w.queue.failed(m, failedItem)
		default:
			why = w.delete(p, m)
		}
	}
}

// answer is which items failed, or why all did.
func (w *wire) answer(ctx context.Context, p *process, batch []*message) (failed map[string]bool, why string) {
	a, err := p.Invoke(ctx, payload(batch), hotTimeout)
	killed := p.reason()
	switch {
	case killed != "":
		return nil, killed
	case err != nil:
		return nil, err.Error()
	case a.Error != nil:
		return nil, a.Error.Error()
	}
	var answer struct {
		Failures []struct {
			Item string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(a.Payload, &answer); err != nil {
		return nil, "the function answered no partial batch response: " + err.Error()
	}
	failed = map[string]bool{}
	for _, f := range answer.Failures {
		failed[f.Item] = true
	}
	return failed, ""
}

// delete takes a message off the queue, and tells why no more of the batch can be.
// A process that dies here has done everything, and its batch comes back.
func (w *wire) delete(p *process, m *message) (why string) {
	switch f := w.draw(deleteStep, deletesOften); {
	case kill(f):
		p.Close() // SIGKILL, and no batch is lost to finding that out
		if f == deliverytest.KillAfter {
			w.queue.remove(m)
		} else {
			w.queue.failed(m, "the process was killed at "+deleteStep)
		}
		return "the process was killed at " + deleteStep
	case f == deliverytest.None || f == deliverytest.LostAnswer:
		w.queue.remove(m)
	default:
		w.queue.failed(m, at(deleteStep, f))
	}
	return ""
}

// deletesOften makes faults at the queue's step rarer: every sign-in takes it, and
// one in a hundred the others.
const deletesOften = 20

// payload is a batch as Lambda's poller of SQS makes it.
func payload(batch []*message) []byte {
	type item struct {
		ID         string            `json:"messageId"`
		Body       string            `json:"body"`
		Source     string            `json:"eventSource"`
		ARN        string            `json:"eventSourceARN"`
		Attributes map[string]string `json:"attributes"`
	}
	var records struct{ Records []item }
	for _, m := range batch {
		records.Records = append(records.Records, item{m.id, m.body, "aws:sqs", queueARN, map[string]string{"ApproximateReceiveCount": fmt.Sprint(m.receives)}})
	}
	b, _ := json.Marshal(records) // texts cannot fail
	return b
}

// through is how far the hot path is, as a part of one.
func (w *wire) through() float64 { return 1 - float64(w.queue.left())/float64(w.sent) }

// write delivers the trail's files when the hot path has seen their events, and the
// last ones when it is done: CloudTrail takes minutes.
func (w *wire) write(drained <-chan struct{}) {
	for len(w.files) > 0 {
		through := w.through()
		select {
		case <-drained:
			through = 1
		case <-time.After(50 * time.Millisecond):
		}
		w.aws.Reads.Change(func() {
			for len(w.files) > 0 && float64(w.files[0].last) < through*float64(w.events) {
				w.trail.Put(w.files[0].key, w.files[0].body)
				w.files = w.files[1:]
			}
		})
	}
}

// follow reconciles hour by hour as far as the hot path is through, at the same
// time as it.
func (w *wire) follow(ctx context.Context, drained <-chan struct{}) {
	hours := int(w.span()/time.Hour) + 1
	for hour := 0; hour < hours && w.most > 0; {
		select {
		case <-drained:
			return
		case <-time.After(50 * time.Millisecond):
		}
		if int(w.through()*float64(hours)) > hour {
			from := w.begin.Add(time.Duration(hour) * time.Hour)
			_, _ = w.reconcile(ctx, w.net, fmt.Sprintf(`{"from":%q,"to":%q}`, from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339)))
			hour++
		}
	}
}

// tick is the reconciler's schedule: a run over a short window, a pause as long,
// and so on, also while another one is busy.
func (w *wire) tick(ctx context.Context, drained <-chan struct{}) {
	for ctx.Err() == nil && w.most > 0 {
		begin := time.Now()
		_, _ = w.reconcile(ctx, w.clock, `{}`)
		select {
		case <-drained:
			return
		case <-time.After(max(time.Since(begin), 200*time.Millisecond)):
		}
	}
}

// settle reconciles everything until a run had nothing to do and nothing is left.
func (w *wire) settle(ctx context.Context) {
	for w.rounds = 0; w.rounds < w.most && ctx.Err() == nil; {
		w.rounds++
		busy, err := w.reconcile(ctx, w.net, `{}`)
		if err == nil && !busy && w.pending() == 0 {
			return
		}
		for range 100 {
			if w.due(time.Now().Add(-skew)) {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// reconcile invokes the reconciler once and tells whether it found something to
// tell.
func (w *wire) reconcile(ctx context.Context, p *process, event string) (busy bool, err error) {
	a, err := p.Invoke(ctx, []byte(event), netTimeout)
	if killed := p.reason(); killed != "" {
		return true, fmt.Errorf("%s", killed)
	}
	if err != nil {
		return true, err
	}
	if a.Error != nil {
		return true, a.Error
	}
	var result struct{ Sent, Folded, Digests int }
	err = json.Unmarshal(a.Payload, &result)
	return result.Sent+result.Folded+result.Digests > 0, err
}

// notes are the reasons that the functions logged, by message.
type notes struct {
	mu  sync.Mutex
	why map[string]string
}

func (n *notes) of(id string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.why[id]
}

func (n *notes) line(text []byte) {
	var line struct {
		Message string
		ID      string `json:"message_id"`
		Error   string
	}
	if json.Unmarshal(text, &line) != nil || line.Message != "item failed" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.why == nil {
		n.why = map[string]string{}
	}
	n.why[line.ID] = line.Error
}

// lines takes a process's output apart.
type lines struct {
	to   *notes
	mu   sync.Mutex
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.to.line(line)
		l.rest = rest
	}
}

// report is the campaign's, and how fast the real processes were.
func (w *wire) report(out io.Writer) int {
	starts := 0
	for _, p := range w.hot {
		starts += p.Starts()
	}
	fmt.Fprintf(out, "hot path: %.0f sign-ins a second, %d processes of functions/signin started, %d of functions/reconcile\n",
		float64(w.events)/w.took.Seconds(), starts, w.net.Starts()+w.clock.Starts())
	return w.campaign.report(out)
}

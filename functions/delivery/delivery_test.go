package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit"
	"mfawatch/audit/alert"
	"mfawatch/audit/signin"
	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
)

// house is everything a delivery needs, in memory, with one clock.
type house struct {
	t      *testing.T
	now    time.Time
	mem    *deliverytest.Memory
	bucket *deliverytest.Bucket
	topic  *deliverytest.Topic
	next   func(string) deliverytest.Fault
	steps  []string
	log    bytes.Buffer
	logger zerolog.Logger
	nonces int
	mu     sync.Mutex
}

func newHouse(t *testing.T) *house {
	h := &house{
		t: t, now: time.Date(2026, 11, 20, 8, 1, 0, 0, time.UTC), mem: deliverytest.NewMemory(), bucket: deliverytest.NewBucket(),
		topic: &deliverytest.Topic{}, next: func(string) deliverytest.Fault { return deliverytest.None },
	}
	h.logger = zerolog.New(zerolog.SyncWriter(&h.log))
	return h
}

func (h *house) step(step string) deliverytest.Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.steps = append(h.steps, step)
	return h.next(step)
}

func (h *house) nonce() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nonces++
	return fmt.Sprint("owner-", h.nonces)
}

func (h *house) deliverer() *delivery.Deliverer {
	return &delivery.Deliverer{
		Evidence: deliverytest.FaultyEvidence{Evidence: h.bucket, Next: h.step}, Claims: deliverytest.FaultyStore{Store: h.mem, Next: h.step},
		Topic: deliverytest.FaultyTopic{Topic: h.topic, Next: h.step}, Clock: func() time.Time { return h.now }, Nonce: h.nonce, Log: h.logger,
	}
}

func (h *house) flusher() *delivery.Flusher {
	return &delivery.Flusher{Deliverer: h.deliverer(), Digests: deliverytest.FaultyStore{Store: h.mem, Next: h.step}}
}

func (h *house) deliver(a alert.Alert, want delivery.Disposition) {
	h.t.Helper()
	got, err := h.deliverer().Deliver(context.Background(), a, alert.EvidenceOf(a))
	if got != want || err != nil && want != delivery.WasHeld {
		h.t.Errorf("Deliver(%s) = %s (error %v), want %s", a.ID, got, err, want)
	}
}

// named is how often each alert id is named in what was published.
func (h *house) named() map[string]int {
	h.t.Helper()
	ids := map[string]int{}
	for _, m := range h.topic.Sent() {
		a := parsed(h.t, m)
		if a.Digest == nil {
			ids[a.ID]++
			continue
		}
		for _, i := range a.Digest.Items {
			ids[i.ID]++
		}
	}
	return ids
}

func parsed(t *testing.T, m deliverytest.Published) alert.Alert {
	t.Helper()
	var protocols map[string]string
	if err := json.Unmarshal([]byte(m.Body), &protocols); err != nil {
		t.Fatalf("message %s: %v", m.ID, err)
	}
	a, err := alert.Parse([]byte(protocols["default"]))
	if err != nil {
		t.Fatalf("message %s: %v", m.ID, err)
	}
	return a
}

// signIn is the alert for a sign-in without MFA.
func signIn(id string, change ...func(*signin.Verdict)) alert.Alert {
	v := signin.Verdict{
		EventID: id, Time: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), Account: "111122223333", Region: "eu-north-1", Event: "ConsoleLogin",
		Principal: audit.Principal{Kind: audit.IAMUser, Name: "ada", ID: "AIDAEXAMPLE", ARN: "arn:aws:iam::111122223333:user/ada"},
		Outcome:   audit.Fail, Reason: signin.ReasonNoMFA, Severity: audit.High, Alert: true, MFA: signin.MFA{Used: "no", Factor: audit.UnknownFactor}, SourceIP: "192.0.2.7",
	}
	for _, c := range change {
		c(&v)
	}
	return alert.OfVerdict(v, alert.Names{"111122223333": "prod"})
}

func mild(v *signin.Verdict) {
	v.Outcome, v.Reason, v.Severity = audit.Unknown, signin.ReasonMFANotRecorded, audit.Medium
}

func root(v *signin.Verdict) {
	v.Principal = audit.Principal{Kind: audit.Root, Name: "root", ID: "111122223333"}
	v.Severity = audit.Critical
}

func TestOrder(t *testing.T) {
	h := newHouse(t)
	h.deliver(signIn("e1"), delivery.WasSent)
	want := "evidence.keep claims.claim claims.admit topic.publish claims.send"
	if got := strings.Join(h.steps, " "); got != want {
		t.Errorf("steps = %s, want %s", got, want)
	}
	sent := h.topic.Sent()
	if len(sent) != 1 || parsed(t, sent[0]).Evidence != "s3://evidence/evidence/111122223333/2026/11/20/e1.no-mfa.json" {
		t.Errorf("sent = %+v, want one message that says where its evidence is", sent)
	}
	h.deliver(signIn("e1"), delivery.WasAlready)
	if n := len(h.topic.Sent()); n != 1 {
		t.Errorf("%d messages, want one", n)
	}
}

func TestHeldByAnother(t *testing.T) {
	h := newHouse(t)
	l := delivery.Lease{Key: signIn("e1").ID, Owner: "another", Now: h.now, Until: h.now.Add(time.Minute)}
	if _, err := h.mem.Claim(context.Background(), l, 1); err != nil {
		t.Fatal(err)
	}
	_, err := h.deliverer().Deliver(context.Background(), signIn("e1"), nil)
	if !errors.Is(err, delivery.ErrHeld) {
		t.Errorf("Deliver of what another holds = %v, want ErrHeld: it is not done", err)
	}
	h.now = h.now.Add(time.Minute + 4*time.Second) // run out, but clocks may differ by five
	h.deliver(signIn("e1"), delivery.WasHeld)
	h.now = h.now.Add(2 * time.Second)
	h.deliver(signIn("e1"), delivery.WasSent)
}

func TestWorseReplacesMilder(t *testing.T) {
	h := newHouse(t)
	h.deliver(signIn("e1", mild), delivery.WasSent)
	h.deliver(signIn("e1"), delivery.WasRaised)
	h.deliver(signIn("e1", mild), delivery.WasAlready)
	h.deliver(signIn("e1"), delivery.WasAlready)
	sent := h.topic.Sent()
	if len(sent) != 2 {
		t.Fatalf("%d messages, want two", len(sent))
	}
	if a := parsed(t, sent[1]); a.Reason != "no-mfa" || a.Previous != "mfa-not-recorded" {
		t.Errorf("the second message says %s, previous %q, want no-mfa after mfa-not-recorded", a.Reason, a.Previous)
	}
	if keys := h.bucket.Keys(); len(keys) != 2 {
		t.Errorf("evidence %q, want that of both verdicts", keys)
	}
}

// The first three come one by one, the others in one digest that names each.
func TestStormIsFolded(t *testing.T) {
	h := newHouse(t)
	for i := range 10 {
		want := delivery.WasSent
		if i >= 3 {
			want = delivery.WasFolded
		}
		h.deliver(signIn(fmt.Sprint("e", i)), want)
	}
	h.deliver(signIn("e9"), delivery.WasFolded)
	h.deliver(signIn("other", func(v *signin.Verdict) { v.Principal.ID = "AIDAOTHER" }), delivery.WasSent)
	h.flush(delivery.Flushed{})
	h.now = h.now.Add(15 * time.Minute)
	h.flush(delivery.Flushed{Digests: 1, Events: 7})
	h.flush(delivery.Flushed{})
	for id, n := range h.named() {
		if n != 1 {
			t.Errorf("%s is named %d times, want once", id, n)
		}
	}
	if n := len(h.named()); n != 11 {
		t.Errorf("%d alerts are named, want 11", n)
	}
	h.deliver(signIn("e9"), delivery.WasAlready)
}

func (h *house) flush(want delivery.Flushed) {
	h.t.Helper()
	got, err := h.flusher().Flush(context.Background())
	if err != nil || got != want {
		h.t.Errorf("Flush = %+v (error %v), want %+v", got, err, want)
	}
}

func TestNeverFolded(t *testing.T) {
	for name, change := range map[string]func(*signin.Verdict){
		"root":         func(v *signin.Verdict) { root(v); v.Severity = audit.Info },
		"critical":     func(v *signin.Verdict) { v.Severity = audit.Critical },
		"break-glass":  func(v *signin.Verdict) { v.Principal.ID = "AIDAEMERGENCY" },
		"role session": func(v *signin.Verdict) { v.Principal.Kind, v.Principal.ID = audit.Role, "AROAEMERGENCY:ada" },
	} {
		h := newHouse(t)
		d := h.deliverer()
		d.Storm.Never = []string{"AIDAEMERGENCY", "AROAEMERGENCY"}
		for i := range 8 {
			a := signIn(fmt.Sprint("e", i), change)
			if got, err := d.Deliver(context.Background(), a, nil); got != delivery.WasSent || err != nil {
				t.Errorf("%s %d = %s (error %v), want sent", name, i, got, err)
			}
		}
	}
}

func TestWorseOfWhatIsFoldedIsSentAtOnce(t *testing.T) {
	h := newHouse(t)
	for i := range 4 {
		h.deliver(signIn(fmt.Sprint("e", i), mild), map[bool]delivery.Disposition{true: delivery.WasSent, false: delivery.WasFolded}[i < 3])
	}
	h.deliver(signIn("e3"), delivery.WasRaised)
	h.now = h.now.Add(time.Hour)
	h.flush(delivery.Flushed{})
}

// Whatever fails once, at whatever step, the alert arrives after tries; and it
// arrives twice only where nobody could know.
func TestEveryFaultAtEveryStep(t *testing.T) {
	for _, step := range []string{"evidence.keep", "claims.claim", "claims.admit", "topic.publish", "claims.send", "claims.release"} {
		for _, fault := range deliverytest.Faults() {
			h := newHouse(t)
			failed := h.failOnce(step, fault)
			tries := h.untilDelivered(signIn("e1"))
			n := h.named()[signIn("e1").ID]
			unknowable := step == "topic.publish" && (fault == deliverytest.LostAnswer || fault == deliverytest.KillAfter) ||
				step == "claims.send" && fault == deliverytest.KillBefore
			switch {
			case !*failed && step != "claims.release":
				t.Errorf("%s never failed: %s was not tested", step, fault)
			case n != 1 && !unknowable, n != 2 && unknowable:
				t.Errorf("%s %s: sent %d times in %d tries", step, fault, n, tries)
			}
		}
	}
}

// failOnce makes the first call of a step fail. A release comes only after an
// error, so publishing fails first.
func (h *house) failOnce(step string, fault deliverytest.Fault) *bool {
	failed, first := new(bool), false
	h.next = func(s string) deliverytest.Fault {
		if step == "claims.release" && s == "topic.publish" && !first {
			first = true
			return deliverytest.Throttle
		}
		if s == step && !*failed {
			*failed = true
			return fault
		}
		return deliverytest.None
	}
	return failed
}

func (h *house) untilDelivered(a alert.Alert) int {
	h.t.Helper()
	for try := 1; try < 6; try++ {
		var err error
		_, killed := deliverytest.Run(func() { _, err = h.deliverer().Deliver(context.Background(), a, alert.EvidenceOf(a)) })
		if !killed && err == nil {
			return try
		}
		h.now = h.now.Add(3 * time.Minute) // the queue's visibility time-out, longer than a claim
	}
	h.t.Errorf("%s is not delivered after five tries", a.ID)
	return 0
}

// The same for what is held back and flushed.
func TestEveryFaultOfADigest(t *testing.T) {
	for _, step := range []string{"claims.fold", "digests.pending", "digests.take", "topic.publish", "claims.send"} {
		for _, fault := range deliverytest.Faults() {
			h := newHouse(t)
			for i := range 3 {
				h.deliver(signIn(fmt.Sprint("e", i)), delivery.WasSent)
			}
			failed := h.failOnce(step, fault)
			h.untilFlushed([]alert.Alert{signIn("e3"), signIn("e4"), signIn("e5")})
			if !*failed {
				t.Errorf("%s never failed: %s was not tested", step, fault)
			}
			for i := range 6 {
				n := h.named()[signIn(fmt.Sprint("e", i)).ID]
				unknowable := i >= 3 && (step == "topic.publish" && (fault == deliverytest.LostAnswer || fault == deliverytest.KillAfter) ||
					step == "claims.send" && (fault == deliverytest.KillBefore || fault == deliverytest.KillAfter))
				if n != 1 && !(unknowable && n == 2) {
					t.Errorf("%s %s: e%d sent %d times", step, fault, i, n)
				}
			}
		}
	}
}

// A table that takes ten seconds for a claim eats up a claim's time over a few
// rows: what is claimed goes out before that.
func TestFlushOfASlowTable(t *testing.T) {
	h := newHouse(t)
	for i := range 33 {
		want := delivery.WasFolded
		if i < 3 {
			want = delivery.WasSent
		}
		h.deliver(signIn(fmt.Sprint("e", i)), want)
	}
	h.now = h.now.Add(20 * time.Minute)
	h.next = func(step string) deliverytest.Fault {
		if step == "digests.take" {
			h.now = h.now.Add(10 * time.Second)
		}
		return deliverytest.None
	}
	h.flush(delivery.Flushed{Digests: 5, Events: 30})
	for i := range 33 {
		if id := signIn(fmt.Sprint("e", i)).ID; h.named()[id] != 1 {
			t.Errorf("%s is named %d times, want once", id, h.named()[id])
		}
	}
}

func (h *house) untilFlushed(alerts []alert.Alert) {
	for _, a := range alerts {
		h.untilFolded(a)
	}
	for range 6 {
		h.now = h.now.Add(20 * time.Minute)
		deliverytest.Run(func() { _, _ = h.flusher().Flush(context.Background()) })
	}
}

func (h *house) untilFolded(a alert.Alert) {
	for range 5 {
		var err error
		_, killed := deliverytest.Run(func() { _, err = h.deliverer().Deliver(context.Background(), a, nil) })
		if !killed && err == nil {
			return
		}
		h.now = h.now.Add(3 * time.Minute)
	}
	h.t.Errorf("%s is neither sent nor folded", a.ID)
}

func TestNothingIsPublishedUnderALateClaim(t *testing.T) {
	h := newHouse(t)
	h.next = func(step string) deliverytest.Fault {
		if step == "claims.admit" {
			h.now = h.now.Add(2 * time.Minute) // a slow process
		}
		return deliverytest.None
	}
	if _, err := h.deliverer().Deliver(context.Background(), signIn("e1"), nil); err == nil || !strings.Contains(err.Error(), "the claim ran out at") {
		t.Errorf("Deliver after its claim ran out = %v, want an error", err)
	}
	if n := len(h.topic.Sent()); n != 0 {
		t.Errorf("%d messages, want none", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.deliverer().Deliver(ctx, signIn("e2"), nil); !errors.Is(err, context.Canceled) || len(h.topic.Sent()) != 0 {
		t.Errorf("Deliver for a caller who gave up = %v, %d messages, want none", err, len(h.topic.Sent()))
	}
}

// A process so slow that its claim ran out while it published: both publish, and
// the one that was late leaves the other's mark alone.
func TestLateMark(t *testing.T) {
	h := newHouse(t)
	slow := true
	h.next = func(step string) deliverytest.Fault {
		if step == "claims.send" && slow {
			slow = false
			h.now = h.now.Add(3 * time.Minute)
			h.mu.Unlock() // as another process would, in the middle of this one
			h.deliver(signIn("e1"), delivery.WasSent)
			h.mu.Lock()
		}
		return deliverytest.None
	}
	h.deliver(signIn("e1"), delivery.WasSent)
	rows, err := h.mem.State(context.Background(), []string{signIn("e1").ID})
	if row := rows[signIn("e1").ID]; err != nil || row.MessageID != "message-2" || len(h.topic.Sent()) != 2 {
		t.Errorf("the row = %+v (error %v), %d messages, want the second one's mark", row, err, len(h.topic.Sent()))
	}
	if !strings.Contains(h.log.String(), "it may come twice") {
		t.Errorf("log %s does not say that it may come twice", h.log.String())
	}
}

func TestOwnersAreNeverTheSame(t *testing.T) {
	h := newHouse(t)
	d := h.deliverer()
	d.Nonce = nil
	owners := map[string]bool{}
	for i := range 3 {
		a := signIn(fmt.Sprint("e", i))
		if _, err := d.Deliver(context.Background(), a, nil); err != nil {
			t.Fatal(err)
		}
		rows, _ := h.mem.State(context.Background(), []string{a.ID})
		owners[rows[a.ID].Owner] = true
	}
	if len(owners) != 3 || owners[""] {
		t.Errorf("owners %v, want three", owners)
	}
}

func TestOneOfManyAtOncePublishes(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { _, _ = h.deliverer().Deliver(context.Background(), signIn("e1", root), nil) })
	}
	wg.Wait()
	if n := len(h.topic.Sent()); n != 1 {
		t.Errorf("%d messages, want one", n)
	}
}

// An alert that was held back and cannot be read is told of by its key.
func TestUnreadableFoldedAlert(t *testing.T) {
	h := newHouse(t)
	l := delivery.Lease{Key: "111122223333#e1", Owner: "a", Now: h.now, Until: h.now.Add(time.Minute)}
	if _, err := h.mem.Claim(context.Background(), l, 9); err != nil {
		t.Fatal(err)
	}
	if err := h.mem.Fold(context.Background(), l, delivery.Mark{Rank: 9, Reason: "no-mfa"}, []byte("{"), h.now); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Hour)
	h.flush(delivery.Flushed{Digests: 1, Events: 1})
	if a, err := h.mem.Claim(context.Background(), l, 9); err != nil || a.Took || a.Row.State != delivery.Sent {
		t.Errorf("a claim of it afterwards = %+v (error %v), want it sent", a, err)
	}
	if h.named()["111122223333#e1"] != 1 {
		t.Errorf("named = %v, want the key", h.named())
	}
}

// One line a decision: ids and reason, and nothing of what a person typed.
func TestLog(t *testing.T) {
	h := newHouse(t)
	h.deliver(signIn("e1", func(v *signin.Verdict) { v.Principal.Name, v.UserAgent = "secret-name", "secret-agent" }), delivery.WasSent)
	lines := strings.Split(strings.TrimSpace(h.log.String()), "\n")
	want := `{"level":"info","message_id":"message-1","alert":"111122223333#e1","events":["e1"],"account":"111122223333","reason":"no-mfa","severity":"high","disposition":"sent","message":"alert"}`
	if len(lines) != 1 || lines[0] != want {
		t.Errorf("log = %q, want the one line %s", lines, want)
	}
}

func TestMemoryKeepsTheContract(t *testing.T) {
	deliverytest.TestStore(t, deliverytest.NewMemory())
	deliverytest.TestStore(t, &deliverytest.FaultyStore{Store: deliverytest.NewMemory(), Next: func(string) deliverytest.Fault { return deliverytest.None }})
}

func TestBucketKeepsTheContract(t *testing.T) {
	b := deliverytest.NewBucket()
	deliverytest.TestEvidence(t, b, func(uri string) ([]byte, error) {
		o, ok := b.Object(strings.TrimPrefix(uri, "s3://evidence/"))
		if !ok {
			return nil, fmt.Errorf("nothing at %s", uri)
		}
		return o, nil
	})
}

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
	"mfawatch/functions/settings"
	"mfawatch/internal/s3"
)

const own = "111122223333"

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// stage is a handler with everything outside it in memory.
type stage struct {
	*Handler
	memory  *deliverytest.Memory
	topic   *deliverytest.Topic
	trail   *bucket
	kept    kept
	now     time.Time
	log     bytes.Buffer
	metrics bytes.Buffer
	fault   func(step string) deliverytest.Fault
}

// bucket is the trail's.
type bucket struct {
	wanted  s3.Wanted
	mu      sync.Mutex
	objects map[string][]byte
	read    []string
	failed  []s3.Failure
	refuse  string
}

func (b *bucket) List(_ context.Context, prefix string, wanted s3.Wanted, _ func(int)) s3.Listing {
	b.wanted = wanted
	l := s3.Listing{Failed: b.failed}
	for key, body := range b.objects {
		if strings.HasPrefix(key, prefix) {
			l.Objects = append(l.Objects, s3.Object{Key: key, Size: int64(len(body))})
		}
	}
	return l
}

func (b *bucket) Get(_ context.Context, o s3.Object) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.Key == b.refuse {
		return nil, errors.New("access denied")
	}
	b.read = append(b.read, o.Key)
	return io.NopCloser(bytes.NewReader(b.objects[o.Key])), nil
}

type kept map[string][]byte

func (k kept) Get(_ context.Context, key string) ([]byte, error) {
	if body, ok := k[key]; ok {
		return body, nil
	}
	return nil, fs.ErrNotExist
}

func (k kept) Put(_ context.Context, key, _ string, body []byte) error {
	k[key] = body
	return nil
}

func newStage() *stage {
	s := &stage{memory: deliverytest.NewMemory(), topic: &deliverytest.Topic{}, trail: &bucket{objects: map[string][]byte{}}, kept: kept{}, now: noon}
	next := func(step string) deliverytest.Fault {
		if s.fault == nil {
			return deliverytest.None
		}
		return s.fault(step)
	}
	clock := func() time.Time { return s.now }
	log := zerolog.New(zerolog.SyncWriter(&s.log))
	store := deliverytest.FaultyStore{Store: s.memory, Next: next}
	s.Handler = &Handler{
		Settings: settings.Reconcile{Common: settings.Common{Account: own}, TrailBucket: "trail", TrailPrefix: "p/", LookBack: 6 * time.Hour, Silence: 2 * time.Hour},
		Judge:    alerting.Judge{Names: alert.Names{own: "prod"}},
		Deliverer: &delivery.Deliverer{Evidence: deliverytest.FaultyEvidence{Evidence: deliverytest.NewBucket(), Next: next}, Claims: store,
			Topic: deliverytest.FaultyTopic{Topic: s.topic, Next: next}, Clock: clock, Log: log},
		Store: store, Open: func(context.Context) (Files, error) { return s.trail, nil }, Coverage: s.kept, Metrics: &s.metrics, Log: log, Now: clock,
	}
	return s
}

// In a bucket of an organisation a function that is one account's reads that
// account's files alone.
func TestOneAccountsFiles(t *testing.T) {
	s := newStage()
	s.Settings.TrailAccount = own
	if s.run(t); s.trail.wanted.Account != own {
		t.Errorf("files of %q are listed, want of %s", s.trail.wanted.Account, own)
	}
	s.Settings.TrailAccount = ""
	if s.run(t); s.trail.wanted.Account != "" {
		t.Errorf("files of %q are listed, want everybody's", s.trail.wanted.Account)
	}
}

// signIn is a console sign-in (CloudTrail user guide, console sign-in events).
func signIn(id string, at time.Time, result, mfa string) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::%[1]s:user/ada","accountId":"%[1]s","userName":"ada"},`+
		`"eventTime":"%[3]s","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"eu-north-1","sourceIPAddress":"192.0.2.7","userAgent":"Mozilla/5.0",`+
		`"responseElements":{"ConsoleLogin":"%[4]s"},"additionalEventData":{"MobileVersion":"No","MFAUsed":"%[5]s"},"eventID":"%[2]s","recipientAccountId":"%[1]s"}`,
		own, id, at.Format(time.RFC3339), result, mfa)
}

func key(region string, at time.Time) string {
	return "p/AWSLogs/" + own + "/CloudTrail/" + region + "/" + at.Format("2006/01/02") + "/" + own + "_CloudTrail_" + region + "_" + at.Format("20060102T1504Z") + "_abc.json.gz"
}

// put writes a log file that was delivered at a time.
func (s *stage) put(region string, at time.Time, records ...string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(`{"Records":[` + strings.Join(records, ",") + `]}`))
	_ = w.Close()
	s.trail.objects[key(region, at)] = b.Bytes()
	return key(region, at)
}

func (s *stage) handle(t *testing.T, event string) (Result, error) {
	t.Helper()
	return s.Handle(context.Background(), json.RawMessage(event))
}

func (s *stage) run(t *testing.T) Result {
	t.Helper()
	r, err := s.handle(t, `{}`)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log.String())
	}
	return r
}

func (s *stage) sent(t *testing.T) []alert.Alert {
	t.Helper()
	var all []alert.Alert
	for _, m := range s.topic.Sent() {
		var forms map[string]string
		if err := json.Unmarshal([]byte(m.Body), &forms); err != nil {
			t.Fatal(err)
		}
		a, err := alert.Parse([]byte(forms["default"]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

func (s *stage) wantSent(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, a := range s.sent(t) {
		got = append(got, a.ID)
	}
	slices.Sort(got)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("published %q, want %q\n%s", got, want, s.log.String())
	}
}

// What the hot path missed is told of, what it sent is not, and a second run
// does nothing.
func TestMissedAlerts(t *testing.T) {
	s := newStage()
	at := noon.Add(-time.Hour)
	missed, told := signIn("e-1", at, "Success", "No"), signIn("e-2", at, "Success", "No")
	a := alerting.Judge{}.Record([]byte(told)).Alerts[0]
	if _, err := s.Deliverer.Deliver(context.Background(), a, alert.EvidenceOf(a, []byte(told))); err != nil {
		t.Fatal(err)
	}
	s.put("eu-north-1", at, missed, told, signIn("e-3", at, "Success", "Yes"))
	s.put("us-east-1", at, missed)
	r := s.run(t)
	s.wantSent(t, own+"#e-1", own+"#e-2")
	if r.Files != 2 || r.Records != 4 || r.Sent != 1 || !r.From.Equal(noon.Add(-6*time.Hour)) {
		t.Errorf("result %+v", r)
	}
	if r := s.run(t); r.Sent != 0 || len(s.sent(t)) != 2 {
		t.Errorf("second run %+v", r)
	}
	if !strings.Contains(s.metrics.String(), `"AlertsSent":1`) {
		t.Errorf("metrics %s", s.metrics.String())
	}
}

// A sequence is told of once, by however many runs see its end.
func TestSequences(t *testing.T) {
	s := newStage()
	begin := noon.Add(-3 * time.Hour)
	for i := range 8 {
		at := begin.Add(time.Duration(i) * time.Minute)
		s.put("eu-north-1", at, signIn(fmt.Sprint("f-", i), at, "Failure", "No"))
	}
	end := begin.Add(9 * time.Minute)
	s.put("eu-north-1", end, signIn("ok", end, "Success", "Yes"))
	s.run(t)
	first := s.sent(t)
	if len(first) == 0 || !slices.ContainsFunc(first, func(a alert.Alert) bool { return len(a.Events) > 1 }) {
		t.Fatalf("no sequence in %v", first)
	}
	for range 5 {
		s.now = s.now.Add(time.Hour)
		s.put("eu-north-1", s.now)
		s.run(t)
	}
	if again := s.sent(t); len(again) != len(first) {
		t.Errorf("%d alerts, want %d: %v", len(again), len(first), again[len(first):])
	}
}

// Only files that were delivered in the window are read, and those whose names
// say nothing.
func TestWindow(t *testing.T) {
	s := newStage()
	in := []string{s.put("a", noon), s.put("b", noon.Add(-6*time.Hour)), s.put("c", noon.Add(-7*time.Hour))}
	s.put("d", noon.Add(-8*time.Hour))
	odd := "p/AWSLogs/odd.json.gz"
	s.trail.objects[odd] = s.trail.objects[in[0]]
	s.run(t)
	slices.Sort(s.trail.read)
	want := append(in, odd)
	slices.Sort(want)
	if !slices.Equal(s.trail.read, want) {
		t.Errorf("read %q, want %q", s.trail.read, want)
	}
}

func TestReplay(t *testing.T) {
	s := newStage()
	at := noon.Add(-48 * time.Hour)
	s.put("eu-north-1", at, signIn("old", at, "Success", "No"))
	r, err := s.handle(t, `{"from":"2026-11-18T00:00:00Z","to":"2026-11-19T00:00:00Z"}`)
	if err != nil || r.Sent != 1 || len(s.kept) != 0 {
		t.Errorf("result %+v, error %v, coverage %v", r, err, s.kept)
	}
}

func TestEvents(t *testing.T) {
	for event, want := range map[string]string{
		`{"version":"0","detail-type":"Scheduled Event","time":"2026-11-20T12:00:00Z","detail":{}}`: "",
		`{}`:                              "",
		`null`:                            "",
		`[]`:                              `event: neither an object with "from" and "to" nor a schedule's`,
		`{"from":"2026-11-20T00:00:00Z"}`: `event: to "" is no time: write 2026-11-20T00:00:00Z`,
		`{"from":"yesterday","to":"x"}`:   `event: from "yesterday" is no time: write 2026-11-20T00:00:00Z`,
		`{"from":"2026-11-20T00:00:00Z","to":"2026-11-20T00:00:00Z"}`: `event: from 2026-11-20T00:00:00Z is not before to 2026-11-20T00:00:00Z`,
	} {
		s := newStage()
		s.put("eu-north-1", noon)
		got := ""
		if _, err := s.handle(t, event); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", event, got, want)
		}
	}
}

// One thing that fails leaves the others alone, and fails the run.
func TestFailuresGoOn(t *testing.T) {
	at := noon.Add(-time.Hour)
	for name, c := range map[string]struct {
		arrange func(s *stage)
		want    string
		sent    int
	}{
		"a file": {func(s *stage) { s.trail.refuse = s.put("us-east-1", at) }, "access denied", 1},
		"a listing": {func(s *stage) {
			s.trail.failed = []s3.Failure{{Prefix: "p/AWSLogs/9/", Err: errors.New("slow down")}}
		}, "list s3://trail/p/AWSLogs/9/: slow down", 1},
		"the memory": {func(s *stage) {
			s.fault = func(step string) deliverytest.Fault {
				return map[string]deliverytest.Fault{"states.state": deliverytest.Throttle}[step]
			}
		}, "read what was alerted", 0},
		"the topic": {func(s *stage) {
			s.fault = func(step string) deliverytest.Fault {
				return map[string]deliverytest.Fault{"topic.publish": deliverytest.Throttle}[step]
			}
		}, "publish", 0},
	} {
		s := newStage()
		s.put("eu-north-1", at, signIn("e-1", at, "Success", "No"))
		c.arrange(s)
		_, err := s.handle(t, `{}`)
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(s.sent(t)) != c.sent) {
			t.Errorf("%s: error %v, published %d", name, err, len(s.sent(t)))
		}
		s.fault, s.trail.refuse, s.trail.failed = nil, "", nil
		s.now = s.now.Add(5 * time.Minute)
		s.run(t)
		s.wantSent(t, own+"#e-1")
	}
}

// A damaged file is no error: its records count, and it is named.
func TestDamagedFile(t *testing.T) {
	s := newStage()
	k := s.put("eu-north-1", noon, signIn("e-1", noon, "Success", "No"))
	s.trail.objects[k] = s.trail.objects[k][:len(s.trail.objects[k])-8]
	if r := s.run(t); r.Damaged != 1 || r.Sent != 1 {
		t.Errorf("result %+v", r)
	}
	if !strings.Contains(string(s.kept[latestCoverage]), `"damaged":["`+k+`"]`) || !strings.Contains(s.log.String(), `"reason":`) {
		t.Errorf("coverage %s\nlog %s", s.kept[latestCoverage], s.log.String())
	}
}

// Digests of storms are sent when their window is over.
func TestDigests(t *testing.T) {
	s := newStage()
	var records []string
	for i := range 9 {
		records = append(records, signIn(fmt.Sprint("e-", i), noon, "Success", "No"))
	}
	s.put("eu-north-1", noon, records...)
	if r := s.run(t); r.Sent != 3 || r.Folded != 6 || r.Digests != 0 {
		t.Errorf("first run %+v", r)
	}
	s.now = s.now.Add(time.Hour)
	if r := s.run(t); r.Sent != 0 || r.Digests != 1 {
		t.Errorf("second run %+v", r)
	}
}

func coverageIDs(s *stage, t *testing.T) (ids []string) {
	for _, a := range s.sent(t) {
		if a.Kind == alert.Coverage {
			ids = append(ids, a.Region)
		}
	}
	return ids
}

// A busy Region that falls silent is told of once; a quiet one is not.
func TestSilence(t *testing.T) {
	s := newStage()
	start := noon
	for hour := range 40 {
		s.now = start.Add(time.Duration(hour) * time.Hour)
		s.put("steady", s.now)
		if hour < 30 {
			s.put("busy", s.now)
		}
		if hour%12 == 0 {
			s.put("quiet", s.now)
		}
		s.run(t)
	}
	if got := coverageIDs(s, t); !slices.Equal(got, []string{"busy"}) {
		t.Errorf("silent %v, want busy alone, once", got)
	}
	if !strings.Contains(string(s.kept[latestCoverage]), `"region":"busy","files":0`) || s.kept["coverage/2026/11/22/0300.json"] == nil {
		t.Errorf("coverage %s", s.kept[latestCoverage])
	}
}

// When nothing arrives at all, that is one alert, also on the first day.
func TestEverythingSilent(t *testing.T) {
	for name, arrange := range map[string]func(s *stage){
		"never a file": func(*stage) {},
		"no file since": func(s *stage) {
			for _, region := range []string{"a", "b", "c"} {
				s.put(region, noon.Add(-4*time.Hour))
			}
		},
	} {
		s := newStage()
		arrange(s)
		s.run(t)
		s.now = s.now.Add(time.Hour)
		s.run(t)
		if got := coverageIDs(s, t); !slices.Equal(got, []string{"all"}) {
			t.Errorf("%s: %v, want one alert for all", name, got)
		}
	}
}

// Out of time is an error that says what to do.
func TestDeadline(t *testing.T) {
	s := newStage()
	s.put("eu-north-1", noon, signIn("e-1", noon, "Success", "No"))
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	_, err := s.Handle(ctx, json.RawMessage(`{}`))
	if err == nil || !strings.Contains(err.Error(), "out of time: the next run does it again") || len(s.sent(t)) != 0 || len(s.kept) != 0 {
		t.Errorf("error %v, published %d, coverage %v", err, len(s.sent(t)), s.kept)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"

	"mfawatch/audit/report"
	"mfawatch/functions/settings"
	"mfawatch/internal/fakeaws"
	"mfawatch/internal/securityhub"
)

const ownAccount = "111122223333"

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

var errInjected = errors.New("injected")

// world is everything outside the handler. It can die: from then on nothing
// works, as after a kill.
type world struct {
	mu      sync.Mutex
	objects map[string]string
	order   []string
	sent    []sent
	hubs    map[string]*hub // by account
	steps   int             // writes, messages and imports so far
	diesAt  int             // the step that dies; 0 is none
	after   bool            // it has its effect before
	fault   func(verb, key string) error
}

type sent struct {
	subject    string
	body       map[string]string
	attributes map[string]string
}

// step is called with the lock held, with what the step does.
func (w *world) step(verb, key string, do func()) error {
	if w.fault != nil {
		if err := w.fault(verb, key); err != nil {
			return err
		}
	}
	w.steps++
	dead := w.diesAt > 0 && w.steps >= w.diesAt
	if !dead || w.after && w.steps == w.diesAt {
		do()
	}
	if dead {
		return errInjected
	}
	return nil
}

func (w *world) Get(_ context.Context, key string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault != nil {
		if err := w.fault("get", key); err != nil {
			return nil, err
		}
	}
	text, ok := w.objects[key]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", w.URI(key), fs.ErrNotExist)
	}
	return []byte(text), nil
}

func (w *world) Put(_ context.Context, key, contentType string, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if contentType == "" {
		return errors.New("an object without a type")
	}
	return w.step("put", key, func() {
		w.objects[key] = string(body)
		w.order = append(w.order, key)
	})
}

func (w *world) URI(key string) string { return "s3://reports/" + key }

func (w *world) Publish(_ context.Context, subject, body string, attributes map[string]string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := sent{subject: subject, attributes: attributes}
	if err := json.Unmarshal([]byte(body), &m.body); err != nil || m.body["default"] == "" || subject == "" || len(subject) >= 100 {
		return "", fmt.Errorf("SNS would refuse subject %q and body %s", subject, body)
	}
	return "id", w.step("publish", "", func() { w.sent = append(w.sent, m) })
}

// hub is a Security Hub that drops what is not newer.
type hub struct {
	world    *world
	account  string
	findings map[string]asff
	taken    int // findings that were given, dropped ones too
	dropped  int
	err      error
	refuse   string
}

type asff struct {
	ID           string `json:"Id"`
	AWSAccountID string `json:"AwsAccountId"`
	UpdatedAt    time.Time
	RecordState  string
	Compliance   struct{ Status string }
}

func (h *hub) Import(_ context.Context, text []byte) (securityhub.Result, error) {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	if h.err != nil {
		return securityhub.Result{}, h.err
	}
	var all []asff
	if err := json.Unmarshal(text, &all); err != nil {
		return securityhub.Result{}, err
	}
	var r securityhub.Result
	err := h.world.step("import", h.account, func() {
		for _, f := range all {
			h.taken++
			if f.AWSAccountID != h.account || f.ID == h.refuse {
				r.Refused = append(r.Refused, securityhub.Refusal{ID: f.ID, Code: "InvalidInput"})
				continue
			}
			r.Imported++
			if was, there := h.findings[f.ID]; there && !f.UpdatedAt.After(was.UpdatedAt) {
				h.dropped++
				continue
			}
			h.findings[f.ID] = f
		}
	})
	return r, err
}

func (h *hub) states() map[string]int {
	states := map[string]int{}
	for _, f := range h.findings {
		states[f.RecordState+" "+f.Compliance.Status]++
	}
	return states
}

// stage is a handler in an invented world.
type stage struct {
	*Handler
	*world
	srv     *fakeaws.Server
	metrics bytes.Buffer
	log     bytes.Buffer
	clock   func() time.Time
}

func newStage(accounts ...*fakeaws.Account) *stage {
	s := &stage{srv: fakeaws.New(accounts...), world: &world{objects: map[string]string{}, hubs: map[string]*hub{}}}
	s.at(noon)
	s.srv.Now = func() time.Time { return s.clock() }
	s.Handler = &Handler{
		Settings: settings.Audit{
			Common: settings.Common{Partition: "aws", Account: ownAccount}, ReportPrefix: "audit/", Formats: []string{"json", "html"},
			Region: "eu-north-1", Role: "audit/MfawatchAudit", ExternalID: "x-1", Remind: 7 * 24 * time.Hour, Rate: 10,
		},
		AWS:     aws.Config{Region: "eu-north-1", HTTPClient: s.srv.Client(), Credentials: credentials.NewStaticCredentialsProvider(accounts[0].AccessKey(), "secret", "")},
		Reports: s.world, Topic: s.world, Hub: s.hub, Metrics: &s.metrics, Log: zerolog.New(&s.log), Now: func() time.Time { return s.clock() },
	}
	return s
}

// at stops all clocks at a time.
func (s *stage) at(now time.Time) { s.clock = func() time.Time { return now } }

// running lets all clocks run from noon on, with those of a synctest bubble.
func (s *stage) running() {
	began := time.Now()
	s.clock = func() time.Time { return noon.Add(time.Since(began)) }
}

// hub is the one of the account whose credentials these are.
func (s *stage) hub(cfg aws.Config) Hub {
	c, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil {
		panic(err)
	}
	account := strings.TrimPrefix(strings.TrimPrefix(c.AccessKeyID, "AKIAAUDIT"), "ASIA")[:12]
	return s.hubOf(account)
}

func (s *stage) hubOf(account string) *hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hubs[account] == nil {
		s.hubs[account] = &hub{world: s.world, account: account, findings: map[string]asff{}}
	}
	return s.hubs[account]
}

// revive makes everything work again.
func (s *stage) revive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps, s.diesAt, s.fault = 0, 0, nil
}

func (s *stage) ok(t *testing.T, e Event) Result {
	t.Helper()
	r, err := s.Handle(context.Background(), e)
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	return r
}

func (s *stage) keys() []string { return slices.Sorted(maps.Keys(s.objects)) }

func (s *stage) findings(t *testing.T, key string) report.Audit {
	t.Helper()
	a, err := report.ReadAudit(key, strings.NewReader(s.objects[key]))
	if err != nil {
		t.Fatalf("%v, of %v", err, s.keys())
	}
	return a
}

// office is a small account: ada has a token, bob a password and no MFA.
func office() *fakeaws.Account {
	a := fakeaws.NewAccount(ownAccount)
	a.Root.Password, a.Root.Devices = true, []fakeaws.Device{fakeaws.Token("GAKT00000001")}
	ada, bob := a.User("ada"), a.User("bob")
	ada.Password, ada.PasswordUsed, ada.Devices = true, noon.Add(-24*time.Hour), []fakeaws.Device{fakeaws.Token("GAKT00000002")}
	bob.Password, bob.PasswordUsed = true, noon.Add(-24*time.Hour)
	return a
}

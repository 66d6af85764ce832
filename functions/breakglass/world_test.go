package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"

	"mfawatch/internal/s3"
	"mfawatch/internal/sts"
	"mfawatch/internal/sts/ststest"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/breakglass/wire"
	"mfawatch/totp/seal"
)

const keyARN = "arn:aws:kms:eu-north-1:111122223333:key/k"

// fakeKMS wraps a key by remembering it, with its context.
type fakeKMS struct {
	mutex sync.Mutex
	kept  []wrapped
	opens int
	down  error
}

type wrapped struct {
	plain []byte
	about map[string]string
}

func (f *fakeKMS) GenerateDataKey(_ context.Context, _ string, about map[string]string) ([]byte, []byte, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.down != nil {
		return nil, nil, f.down
	}
	plain := make([]byte, 32)
	_, _ = rand.Read(plain)
	f.kept = append(f.kept, wrapped{bytes.Clone(plain), maps.Clone(about)})
	return plain, fmt.Appendf(nil, "%d", len(f.kept)-1), nil
}

func (f *fakeKMS) Decrypt(_ context.Context, _ string, blob []byte, about map[string]string) ([]byte, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.opens++
	var n int
	if _, err := fmt.Sscan(string(blob), &n); err != nil || f.down != nil {
		return nil, errors.Join(err, f.down)
	}
	if !maps.Equal(f.kept[n].about, about) {
		return nil, errors.New("kms:Decrypt: InvalidCiphertextException")
	}
	return bytes.Clone(f.kept[n].plain), nil
}

// fakeAWS is the rest of AWS.
type fakeAWS struct {
	mutex     sync.Mutex
	sessions  []sts.Session
	denied    map[string][]string
	published []map[string]string // attributes, and body and subject
	objects   map[string][]byte
	now       func() time.Time

	noRole, noDeny, noTopic, noBucket error
	before                            func(call string)
}

func (f *fakeAWS) called(call string) {
	if f.before != nil {
		f.before(call)
	}
}

func (f *fakeAWS) Assume(ctx context.Context, s sts.Session) (sts.Credentials, error) {
	f.called("assume")
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err := errors.Join(f.noRole, ctx.Err()); err != nil {
		return sts.Credentials{}, err
	}
	f.sessions = append(f.sessions, s)
	return sts.Credentials{AccessKeyID: fmt.Sprint("ASIAEXAMPLE", len(f.sessions)), SecretAccessKey: "hunter2secret", SessionToken: "hunter2token", Expiration: f.now().Add(s.Duration)}, nil
}

func (f *fakeAWS) Deny(_ context.Context, role, tag string, values []string) error {
	f.called("deny")
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.noDeny != nil {
		return f.noDeny
	}
	f.denied[role+" "+tag] = values
	return nil
}

func (f *fakeAWS) Publish(ctx context.Context, subject, body string, attributes map[string]string) (string, error) {
	f.called("publish")
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err := errors.Join(f.noTopic, ctx.Err()); err != nil {
		return "", err
	}
	all := maps.Clone(attributes)
	all["subject"], all["body"] = subject, body
	f.published = append(f.published, all)
	return "m", nil
}

func (f *fakeAWS) Create(_ context.Context, key string, body []byte) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.noBucket != nil {
		return f.noBucket
	}
	if there, is := f.objects[key]; is && !bytes.Equal(there, body) {
		return fmt.Errorf("object %s: %w", key, s3.ErrOther)
	}
	f.objects[key] = bytes.Clone(body)
	return nil
}

func (f *fakeAWS) Last(_ context.Context, prefix, after string) (last string, err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for key := range f.objects {
		if strings.HasPrefix(key, prefix) && key > after && key > last {
			last = key
		}
	}
	return last, f.noBucket
}

func (f *fakeAWS) Read(_ context.Context, key string, _ int64) ([]byte, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return bytes.Clone(f.objects[key]), f.noBucket
}

// world is the function among stand-ins.
type world struct {
	t      *testing.T
	h      *Handler
	cast   *storetest.Cast
	memory *storetest.Memory
	store  *storetest.Faulty
	kms    *fakeKMS
	aws    *fakeAWS
	sts    *ststest.Server // who signed
	out    *lockedBuffer
	now    time.Time
	off    time.Duration // by how much the function's clock is ahead of all others
	me     *age.X25519Identity
	secret []string // that no log may hold
}

type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cast: storetest.NewCast(t), memory: &storetest.Memory{}, kms: &fakeKMS{}, out: &lockedBuffer{}, now: storetest.Start}
	w.store = &storetest.Faulty{Store: w.memory}
	clock := func() time.Time { return w.now }
	w.aws = &fakeAWS{denied: map[string][]string{}, objects: map[string][]byte{}, now: clock}
	w.sts = &ststest.Server{Now: clock}
	for _, who := range []string{"ada", "bob", "cyd", "dan", "eve"} {
		w.sts.Know(credentialsOf(who).AccessKeyID, ststest.Key{Secret: credentialsOf(who).SecretAccessKey, Token: credentialsOf(who).SessionToken, ARN: storetest.User(who)})
	}
	rules, keys := w.cast.Rules, devices.Keys(w.kms, keyARN, "main")
	w.cast.Door(w.memory) // enrols the sheets
	for _, p := range rules.People {
		for _, d := range p.Devices {
			secret := []byte(strings.Repeat("p", 32))
			if k, is := w.cast.Keys[d.ID]; is {
				secret = []byte(k.URI())
				w.secret = append(w.secret, k.Secret())
			}
			if err := devices.Enrol(t.Context(), w.memory, keys, d, seal.NewSecret(secret)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.secret = append(w.secret, "hunter2", "pppppp", "otpauth")
	w.h = &Handler{
		Door:    &breakglass.Door{Store: storeOf(w), Rules: rules, Factors: devices.Sealed{Store: storeOf(w), Keys: keys, Rules: rules}, Random: rand.Reader},
		Callers: sts.NewIdentities(aws.Config{Region: region}, w.sts, patience),
		Roles:   w.aws, Denials: w.aws, Topic: w.aws, Archive: &archive{Objects: w.aws, Prefix: "record/main/"},
		Signer:  &signer{Store: storeOf(w), Keys: keys, Random: rand.Reader},
		Metrics: w.out, Log: zerolog.New(w.out), Now: func() time.Time { return w.now.Add(w.off) },
	}
	var err error
	if w.me, err = age.GenerateX25519Identity(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.noSecrets)
	return w
}

// pointed is a store whose faults a test may change later.
type pointed struct{ w *world }

func storeOf(w *world) breakglass.Store { return pointed{w} }

func (p pointed) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	return p.w.store.Transact(ctx, change)
}

// noSecrets looks through everything that was logged and published.
func (w *world) noSecrets() {
	all := w.out.String()
	for _, p := range w.aws.published {
		all += fmt.Sprint(p)
	}
	for _, body := range w.aws.objects {
		all += string(body)
	}
	for _, secret := range w.secret {
		if secret != "" && strings.Contains(all, secret) {
			w.t.Errorf("a secret of %d letters was logged, published or archived", len(secret))
		}
	}
}

const region = "eu-north-1"

// credentialsOf are somebody's, of a session with MFA.
func credentialsOf(who string) aws.Credentials {
	return aws.Credentials{AccessKeyID: "ASIA" + who, SecretAccessKey: "hunter2 of " + who, SessionToken: "hunter2+token/of=" + who}
}

// called is a command as somebody sends it.
func (w *world) called(who, command string) wire.Call {
	w.t.Helper()
	return w.calledFor("main", who, command, w.now)
}

func (w *world) calledFor(door, who, command string, at time.Time) wire.Call {
	w.t.Helper()
	c := wire.Call{Command: []byte(command), Proof: wire.Proof{Door: door}}
	p, err := sts.Sign(w.t.Context(), credentialsOf(who), region, c.Signed(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.secret = append(w.secret, p.Signature)
	c.Proof = wire.Proof{Door: door, Key: p.Key, At: p.At, Token: p.Token, Signature: p.Signature}
	return c
}

// posted is a request to the function's URL, of a command with its proof.
func (w *world) posted(who, command string) events.LambdaFunctionURLRequest {
	w.t.Helper()
	return sent(who, string(w.called(who, command).JSON()))
}

// sent is what AWS makes of a request.
func sent(who, body string) events.LambdaFunctionURLRequest {
	e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/", Body: body}
	e.RequestContext.HTTP.Method = "POST"
	e.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{
		IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: storetest.User(who), AccountID: "111122223333", AccessKey: credentialsOf(who).AccessKeyID},
	}
	return e
}

// invoke sends an event and reads the answer.
func (w *world) invoke(ctx context.Context, e events.LambdaFunctionURLRequest) (int, wire.Answer) {
	w.t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := w.h.Invoke(ctx, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	var r events.LambdaFunctionURLResponse
	if err := json.Unmarshal(out, &r); err != nil {
		w.t.Fatal(err)
	}
	a, err := wire.ParseAnswer([]byte(r.Body))
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Headers["Cache-Control"] != "no-store" {
		w.t.Errorf("headers %v", r.Headers)
	}
	return r.StatusCode, a
}

func (w *world) say(who string, c wire.Command) (int, wire.Answer) {
	w.t.Helper()
	if c.Code != "" {
		w.secret = append(w.secret, string(c.Code))
	}
	return w.invoke(w.t.Context(), w.posted(who, string(c.JSON())))
}

// done is what a command came to, which must be done.
func (w *world) done(who string, c wire.Command) wire.Answer {
	w.t.Helper()
	status, a := w.say(who, c)
	if status != 200 {
		w.t.Fatalf("%s: %d, %s", c.Command, status, a.JSON())
	}
	return a
}

// no holds an answer to a status and a reason, of the door or of a failure.
func (w *world) no(name string, status int, a wire.Answer, wantStatus int, reason string) {
	w.t.Helper()
	got := ""
	if a.Refused != nil {
		got = a.Refused.Reason
	}
	if a.Failed != nil {
		got = string(a.Failed.Reason)
	}
	if status != wantStatus || got != reason {
		w.t.Errorf("%s: %d %s, want %d %s", name, status, got, wantStatus, reason)
	}
}

func (w *world) code(device string) wire.Code {
	return wire.Code(w.cast.Now(device, w.now).Code.Reveal())
}

func (w *world) ask() wire.Command {
	return wire.Command{Command: wire.Request, Role: "admin", Why: "the identity provider is down", Ticket: "INC-7", Seconds: 900, Recipient: w.me.Recipient().String()}
}

// ready is ada's request that bob has approved.
func (w *world) ready(more ...func(*wire.Command)) string {
	w.t.Helper()
	c := w.ask()
	for _, change := range more {
		change(&c)
	}
	id := w.done("ada", c).Request.ID
	if a := w.done("bob", wire.Command{Command: wire.Approve, Request: id, Device: "bob-totp", Code: w.code("bob-totp")}); a.Request.State != "ready" {
		w.t.Fatalf("%+v", a.Request)
	}
	return id
}

func (w *world) use(id string) wire.Command {
	return wire.Command{Command: wire.Use, Request: id, Device: "ada-totp", Code: w.code("ada-totp")}
}

// opened are the credentials of a grant, with the requester's identity.
func (w *world) opened(g *wire.Grant) wire.Credentials {
	w.t.Helper()
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(g.Credentials)), w.me)
	if err != nil {
		w.t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(r); err != nil {
		w.t.Fatal(err)
	}
	c, err := wire.ParseCredentials(text.Bytes())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) tend() error {
	_, err := w.h.Invoke(w.t.Context(), []byte(`{"mfawatch":"tend"}`))
	return err
}

// unarchived is the metric as the last invocation wrote it.
func (w *world) unarchived() string {
	parts := strings.Split(w.out.String(), `"UnarchivedAge":`)
	text, _, _ := strings.Cut(parts[len(parts)-1], ",")
	return strings.TrimSpace(strings.Trim(text, "}\n"))
}

// entries are the record's, as "what outcome reason".
func (w *world) entries() (all []string) {
	w.t.Helper()
	for _, e := range storetest.Entries(w.t, w.memory) {
		text := fmt.Sprint(e.What, " ", e.Outcome)
		if e.Reason != "" {
			text += " " + e.Reason
		}
		all = append(all, text)
	}
	return all
}

func (w *world) recorded(name string, want ...string) {
	w.t.Helper()
	if got := strings.Join(w.entries(), ", "); got != strings.Join(want, ", ") {
		w.t.Errorf("%s: the record has %s\nwant %s", name, got, strings.Join(want, ", "))
	}
}

var _ record.Archive = (*archive)(nil)

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/breakglass/wire"
	"mfawatch/totp/seal"
)

// house is a door behind a URL, with real decisions over a store in memory, and people
// who each have a machine.
type house struct {
	*testing.T
	cast  *storetest.Cast
	door  *breakglass.Door
	url   string
	homes map[string]home
	key   ed25519.PrivateKey
	fail  []wire.Reason // of the next uses
	down  bool
}

const (
	grantedSecret = "SecretOfTheGrant/EXAMPLE"
	grantedToken  = "TokenOfTheGrantEXAMPLE"
)

func newHouse(t *testing.T) *house {
	t.Helper()
	cast := storetest.NewCast(t)
	h := &house{T: t, cast: cast, door: cast.Door(&storetest.Memory{}), homes: map[string]home{}}
	var err error
	if _, h.key, err = ed25519.GenerateKey(nil); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(srv.Close)
	h.url = srv.URL
	for name, value := range map[string]string{"MFAWATCH_BREAKGLASS_URL": srv.URL, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	return h
}

var signedBy = regexp.MustCompile(`Credential=AKIA([a-z]+)/\d+/eu-north-1/lambda/`)

func (h *house) serve(w http.ResponseWriter, r *http.Request) {
	who := signedBy.FindStringSubmatch(r.Header.Get("Authorization"))
	body, err := io.ReadAll(r.Body)
	if h.down || err != nil || who == nil {
		http.Error(w, `{"Message":"Forbidden"}`, http.StatusForbidden)
		return
	}
	if call, _, err := wire.ParseCall(body); err != nil || call.Proof.Key != "AKIA"+who[1] || call.Proof.Door != usualDoor {
		h.Errorf("the door cannot read a call: %v", err)
	}
	h.answer(w, r, who[1], body)
}

// answer does what a person's call says.
func (h *house) answer(w http.ResponseWriter, r *http.Request, who string, body []byte) {
	call, c, err := wire.ParseCall(body)
	if err = errors.Join(err, call.Proof.Check()); err != nil {
		h.Errorf("the door cannot read a call: %v", err)
	}
	a, err := h.do(r.Context(), storetest.As(who), c)
	status := http.StatusOK
	if no := (*breakglass.Refusal)(nil); errors.As(err, &no) {
		status, a = http.StatusForbidden, wire.Answer{Refused: &wire.Refused{Reason: string(no.Reason), Text: no.Error()}}
	} else if err != nil {
		status, a = http.StatusServiceUnavailable, wire.Answer{Failed: &wire.Failed{Reason: wire.Reason(err.Error()), Text: "it failed"}}
	}
	w.WriteHeader(status)
	_, _ = w.Write(a.JSON())
}

func (h *house) do(ctx context.Context, who breakglass.Caller, c wire.Command) (a wire.Answer, err error) {
	now, proof := time.Now(), breakglass.Proof{Device: c.Device, Code: breakglass.Typed(string(c.Code))}
	var r breakglass.Request
	switch c.Command {
	case wire.Request:
		r, err = h.door.Ask(ctx, who, breakglass.Ask{Role: c.Role, Why: c.Why, Ticket: c.Ticket, Duration: time.Duration(c.Seconds) * time.Second, Drill: c.Drill, Alone: c.Alone, Recipient: c.Recipient}, now)
	case wire.Approve:
		r, err = h.door.Approve(ctx, who, c.Request, proof, now)
	case wire.Look:
		r, err = h.door.Look(ctx, who, c.Request)
	case wire.Use:
		return h.use(ctx, who, c, proof, now)
	case wire.End:
		return a, h.door.End(ctx, who, c.Request, now)
	case wire.Revoke:
		return a, h.door.Revoke(ctx, who, c.Request, proof, now)
	case wire.Unlock:
		a.Unlocked, err = h.door.Unlock(ctx, who, c.Target, proof, now)
		return a, err
	case wire.Open:
		all, err := h.door.Open(ctx, who)
		for _, r := range all {
			a.Requests = append(a.Requests, *asAsked(r))
		}
		return a, err
	case wire.Log:
		lines, err := h.door.Lines(ctx, c.From, c.Most)
		for _, line := range lines {
			a.Lines = append(a.Lines, string(line))
		}
		return a, err
	case wire.Head:
		return h.head(ctx, now)
	}
	if err == nil {
		a.Request = asAsked(r)
	}
	return a, err
}

func (h *house) head(ctx context.Context, now time.Time) (a wire.Answer, err error) {
	s, _, err := h.door.SignHead(ctx, record.Local(h.key), true, now)
	if err != nil {
		return a, err
	}
	line, err := s.Line()
	return wire.Answer{Head: string(line), Key: base64.StdEncoding.EncodeToString(h.key.Public().(ed25519.PublicKey))}, err
}

func asAsked(r breakglass.Request) *wire.Asked {
	a := wire.Asked{ID: r.ID, Person: r.Person, Role: r.Role, Why: r.Why, Ticket: r.Ticket, Seconds: int(r.Duration / time.Second), Drill: r.Drill, Alone: r.Alone, State: string(r.State), Asked: r.Asked, Ends: r.Ends}
	for _, yes := range r.Approvals {
		a.Approvers = append(a.Approvers, yes.Person)
	}
	if !r.From.IsZero() {
		a.From = &r.From
	}
	return &a
}

func (h *house) use(ctx context.Context, who breakglass.Caller, c wire.Command, proof breakglass.Proof, now time.Time) (a wire.Answer, err error) {
	g, err := h.door.Use(ctx, who, c.Request, proof, now)
	if err != nil {
		return a, err
	}
	if len(h.fail) > 0 {
		why := h.fail[0]
		h.fail = h.fail[1:]
		return a, errors.Join(h.door.NotIssued(ctx, g, "no answer", now), errors.New(string(why)))
	}
	if err := h.door.Issued(ctx, g, now.Add(g.Duration), now); err != nil {
		return a, err
	}
	a.Grant = &wire.Grant{Request: g.Request, Role: g.Role, Session: g.Session, Until: now.Add(g.Duration), Drill: g.Drill}
	if !g.Drill {
		a.Grant.Credentials = h.encrypted(g.Recipient, wire.Credentials{AccessKeyId: "ASIAGRANTED", SecretAccessKey: grantedSecret, SessionToken: grantedToken, Expiration: now.Add(g.Duration)})
	}
	return a, nil
}

func (h *house) encrypted(recipient string, c wire.Credentials) string {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		h.Error(err)
		return ""
	}
	var b bytes.Buffer
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, to)
	if err == nil {
		_, err = w.Write(c.JSON())
	}
	if err := errors.Join(err, w.Close(), a.Close()); err != nil {
		h.Error(err)
	}
	return b.String()
}

// as runs a command on a person's own machine.
func (h *house) as(name, in string, args ...string) (code int, out, errs string) {
	h.Helper()
	if _, there := h.homes[name]; !there {
		h.homes[name] = ownHome(h.T)
	}
	h.Setenv("MFAWATCH_HOME", h.homes[name].dir)
	h.Setenv("AWS_ACCESS_KEY_ID", "AKIA"+name)
	var stdout, stderr bytes.Buffer
	args = append([]string{"breakglass"}, args...)
	if args[1] != "codes" && !strings.HasPrefix(strings.Join(args[1:], " "), "log verify /") {
		args = append(args[:2:2], append([]string{"--region", "eu-north-1"}, args[2:]...)...)
	}
	code = execute(h.Context(), terminal{in: strings.NewReader(in), out: &stdout, err: &stderr}, args)
	return code, stdout.String(), stderr.String()
}

// does is as, of what must end well; it gives what was printed.
func (h *house) does(name, in string, args ...string) string {
	h.Helper()
	code, out, errs := h.as(name, in, args...)
	if code != 0 {
		h.Fatalf("%s: %s ends with %d: %s", name, strings.Join(args, " "), code, errs)
	}
	return out
}

// code is a device's of now, or of the next step.
func (h *house) code(device string, later int) string {
	return h.cast.Now(device, time.Now().Add(time.Duration(later)*30*time.Second)).Code.Reveal() + "\n"
}

func (h *house) ask(more ...string) string {
	h.Helper()
	return strings.TrimSpace(h.does("ada", "", append([]string{"request", "--role", "admin", "--why", "provider down"}, more...)...))
}

// One asks, another agrees, the first opens: within the machine's own time, and no secret
// shows but where it is asked for.
func TestBreakglassWholeWay(t *testing.T) {
	h := newHouse(t)
	began := time.Now()
	id := h.ask("--ticket", "INC-7")
	if !regexp.MustCompile(`^[0-9A-Z]{16}$`).MatchString(id) {
		t.Fatalf("the request is %q", id)
	}
	if out := h.does("bob", "", "status"); !strings.Contains(out, id+"  waiting  ada") || !strings.Contains(out, "provider down") || !strings.Contains(out, "Z (") {
		t.Errorf("status:\n%s", out)
	}
	if code, _, errs := h.as("ada", h.code("ada-totp", 0), "use", id, "--device", "ada-totp"); code != exitLater || !strings.Contains(errs, "approvals are missing") {
		t.Errorf("use without approval ends with %d: %s", code, errs)
	}
	_, out, errs := h.as("bob", h.code("bob-totp", 0), "approve", id, "--device", "bob-totp")
	if out != id+"\n" || !strings.Contains(errs, "mfawatch breakglass use "+id) {
		t.Errorf("approve: %s%s", out, errs)
	}
	if !strings.Contains(errs, `ada asks for admin, for 15 minutes: "provider down", ticket INC-7.`) {
		t.Errorf("bob is not shown what is asked for before the code: %s", errs)
	}
	out = h.does("ada", h.code("ada-totp", 0), "use", id, "--device", "ada-totp")
	t.Logf("from request to credentials: %v of machine time", time.Since(began).Round(time.Millisecond))
	for _, want := range []string{"export AWS_ACCESS_KEY_ID='ASIAGRANTED'", "export AWS_SESSION_TOKEN='" + grantedToken + "'"} {
		if !strings.Contains(out, want) {
			t.Errorf("use does not print %s", want)
		}
	}
	if code, _, errs := h.as("ada", h.code("ada-totp", 1), "use", id, "--device", "ada-totp"); code == 0 || strings.Contains(errs, grantedToken) {
		t.Errorf("the session is handed out where its identity was forgotten: %d %s", code, errs)
	}
	h.does("ada", "", "end", id)
	if out := h.does("ada", "", "status", "--format", "json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("status after end: %s", out)
	}
	if code, _, errs := h.as("ada", h.code("ada-totp", 1), "use", id, "--device", "ada-totp"); code != exitRefused || !strings.Contains(errs, "over") {
		t.Errorf("use after end ends with %d: %s", code, errs)
	}
}

// The command gets the session, and its exit code is the program's.
func TestBreakglassUseWithACommand(t *testing.T) {
	h := newHouse(t)
	id := h.ask()
	h.does("bob", h.code("bob-totp", 0), "approve", id, "--device", "bob-totp")
	code, _, errs := h.as("ada", h.code("ada-totp", 0), "use", id, "--device", "ada-totp", "--", "sh", "-c", `test "$AWS_SESSION_TOKEN" = `+grantedToken+` && exit 9`)
	if code != 9 || strings.Contains(errs, grantedSecret) {
		t.Errorf("it ends with %d: %s", code, errs)
	}
}

// What AWS did not give the door is asked for once more, without another code.
func TestBreakglassUseAgain(t *testing.T) {
	h := newHouse(t)
	id := h.ask()
	h.does("bob", h.code("bob-totp", 0), "approve", id, "--device", "bob-totp")
	h.fail = []wire.Reason{wire.NotIssued}
	if out := h.does("ada", h.code("ada-totp", 0), "use", id, "--device", "ada-totp", "--format", "credential-process"); !strings.Contains(out, `"Version":1`) {
		t.Errorf("use: %q", out)
	}
}

// Every no has its exit code and says what to do; no code is shown.
func TestBreakglassRefusals(t *testing.T) {
	h := newHouse(t)
	id := h.ask()
	wrong := h.cast.Wrong("bob-totp", time.Now()).Code.Reveal()
	for _, c := range []struct {
		who, in, args, want string
		code                int
	}{
		{"ada", h.code("ada-totp", 0), "approve " + id + " --device ada-totp", "nobody approves their own", exitRefused},
		{"bob", wrong + "\n", "approve " + id + " --device bob-totp", "was not accepted", exitRefused},
		{"eve", wrong + "\n", "approve " + id + " --device bob-totp", "was not accepted", exitRefused},
		{"bob", "12345\n", "approve " + id + " --device bob-totp", "cannot be a code", exitRefused},
		{"bob", "\n", "approve " + id + " --device bob-totp", "no code was typed", exitCannotRun},
		{"bob", h.code("bob-totp", 0), "approve " + id, "--device: name your device", exitUsage},
		{"bob", h.code("bob-totp", 0), "approve 0000000000000000 --device bob-totp", "no such request", exitNotFound},
		{"bob", h.code("bob-totp", 0), "unlock no-such --device bob-totp", "no such device", exitNotFound},
		{"bob", "", "end " + id, "another principal", exitRefused},
		{"dan", "", "request --role admin --why x", "do not let this principal", exitRefused},
		{"ada", "", "request --role admin", "--why", exitUsage},
		{"ada", "", "request --role admin --why x --duration 5m", "15m to 1h", exitUsage},
		{"ada", "", "use", "name one request", exitUsage},
		{"ada", "", "use " + id + " --why x", "go with --offline", exitUsage},
		{"ada", "", "end " + id + " --offline", "--offline goes with", exitUsage},
		{"ada", "", "status --url http://door.example/", "https only", exitUsage},
	} {
		code, out, errs := h.as(c.who, c.in, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %s ends with %d, want %d with %q: %s", c.who, c.args, code, c.code, c.want, errs)
		}
		if typed := strings.TrimSpace(c.in); typed != "" && strings.Contains(out+errs, typed) {
			t.Errorf("%s: the code is shown", c.args)
		}
	}
	h.down = true
	if code, _, errs := h.as("ada", "", "status"); code != exitCannotRun || !strings.Contains(errs, "session with MFA") || !strings.Contains(errs, "the default profile's: --profile") {
		t.Errorf("a door that AWS keeps shut: %d %s", code, errs)
	}
	t.Setenv("MFAWATCH_BREAKGLASS_URL", "http://127.0.0.1:1/")
	if code, _, errs := h.as("ada", "", "status"); code != exitCannotRun || !strings.Contains(errs, "use --offline") {
		t.Errorf("a door that is not there: %d %s", code, errs)
	}
}

// Wrong codes lock; two others unlock.
func TestBreakglassUnlock(t *testing.T) {
	h := newHouse(t)
	sheet := func(who string, n int64) string { return h.cast.Proof(who+"-sheet", n).Code.Reveal() + "\n" }
	if out := h.does("bob", sheet("bob", 0), "unlock", "ada-totp", "--device", "bob-sheet"); !strings.Contains(out, "one of two") {
		t.Errorf("the first: %s", out)
	}
	if code, _, errs := h.as("bob", sheet("bob", 1), "unlock", "ada-totp", "--device", "bob-sheet"); code != exitRefused || !strings.Contains(errs, "another person") {
		t.Errorf("the first again: %d %s", code, errs)
	}
	if out := h.does("cyd", sheet("cyd", 0), "unlock", "ada-totp", "--device", "cyd-sheet"); !strings.Contains(out, "It is unlocked") {
		t.Errorf("the second: %s", out)
	}
}

// An identity of another passphrase or machine among those of requests is in nobody's way,
// and is said where the request's own is not there under its id.
func TestBreakglassUseBesideAnothersIdentity(t *testing.T) {
	for _, lost := range []bool{false, true} {
		h := newHouse(t)
		id := h.ask()
		h.does("bob", h.code("bob-totp", 0), "approve", id, "--device", "bob-totp")
		h.strange("ada")
		if lost {
			h.unbind("ada", id)
		}
		code, out, errs := h.as("ada", h.code("ada-totp", 0), "use", id, "--device", "ada-totp")
		if code != 0 || !strings.Contains(out, grantedToken) || strings.Contains(errs, "was left out") != lost {
			t.Errorf("lost %v: use ends with %d: %s", lost, code, errs)
		}
	}
}

func (h *house) requestsOf(name string, id age.Identity, to age.Recipient) *seal.Store {
	h.Helper()
	s, err := seal.OpenStore(h.homes[name].glass("requests"), seal.Keys{Recipients: []age.Recipient{to}, Identities: []age.Identity{id}})
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// strange puts an identity beside a person's that another machine sealed.
func (h *house) strange(name string) {
	h.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		h.Fatal(err)
	}
	s := h.requestsOf(name, id, id.Recipient())
	if err := s.Put(h.Context(), seal.Header{ID: "unsent-0", Kind: "break-glass-request"}, seal.NewSecret([]byte(id.String()))); err != nil {
		h.Fatal(err)
	}
}

// unbind makes of a request's identity one whose request is not known, as where the
// door's answer was lost.
func (h *house) unbind(name, request string) {
	h.Helper()
	ids, err := seal.ReadIdentities(h.homes[name].path("identity.txt"), nil)
	if err != nil {
		h.Fatal(err)
	}
	s := h.requestsOf(name, ids[0], ids[0].(*age.X25519Identity).Recipient())
	header, secret, err := s.Get(h.Context(), request)
	if err != nil {
		h.Fatal(err)
	}
	header.ID = "unsent-1"
	if err := errors.Join(s.Put(h.Context(), header, secret), s.Delete(request)); err != nil {
		h.Fatal(err)
	}
}

// A drill goes the whole way and gives nothing; a request can be taken back.
func TestBreakglassDrillAndRevoke(t *testing.T) {
	h := newHouse(t)
	id := strings.TrimSpace(h.does("ada", "", "drill", "--role", "admin", "--why", "quarterly"))
	h.does("bob", h.code("bob-totp", 0), "approve", id, "--device", "bob-totp")
	code, out, errs := h.as("ada", h.code("ada-totp", 0), "use", id, "--device", "ada-totp")
	if code != 0 || out != "" || !strings.Contains(errs, "drill came to its end") {
		t.Errorf("use of a drill: %d %q %s", code, out, errs)
	}
	id = h.ask()
	if out := h.does("cyd", h.code("cyd-totp", 0), "revoke", id, "--device", "cyd-totp"); !strings.Contains(out, "revoked") {
		t.Errorf("revoke: %s", out)
	}
	if code, _, errs := h.as("bob", h.code("bob-totp", 1), "approve", id, "--device", "bob-totp"); code != exitRefused {
		t.Errorf("approve after revoke ends with %d: %s", code, errs)
	}
}

// The record is printed as it is kept, and verified: live, as a file, and edited.
func TestBreakglassLog(t *testing.T) {
	h := newHouse(t)
	for range 2 {
		h.ask()
	}
	h.as("bob", h.cast.Wrong("bob-totp", time.Now()).Code.Reveal()+"\n", "approve", h.ask(), "--device", "bob-totp")
	text := h.does("bob", "", "log")
	if n := strings.Count(text, "\n"); n < 4 {
		t.Fatalf("%d entries", n)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "record.jsonl")
	put(t, file, []byte(text))
	if code, out, errs := h.as("bob", "", "log", "verify", file); code != 0 || !strings.Contains(out, "hold together") || !strings.Contains(out, "No signed head was checked") {
		t.Errorf("a file: %d %s%s", code, out, errs)
	}
	key := base64.StdEncoding.EncodeToString(h.key.Public().(ed25519.PublicKey))
	if code, out, errs := h.as("bob", "", "log", "verify", "--head-key", key); code != 0 || !strings.Contains(out, "vouches for the first") {
		t.Errorf("live: %d %s%s", code, out, errs)
	}
	if code, out, _ := h.as("bob", "", "log", "verify"); code != 0 || !strings.Contains(out, key) {
		t.Errorf("live without a key: %d %s", code, out)
	}
	other := base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))
	if code, _, errs := h.as("bob", "", "log", "verify", "--head-key", other); code != exitFindings || !strings.Contains(errs, "foreign-key") {
		t.Errorf("a head of another key: %d %s", code, errs)
	}
	for name, edited := range map[string]string{
		"edited": strings.Replace(text, "provider down", "provider up", 1), "missing": text[strings.Index(text, "\n")+1:], "unreadable": "x" + text,
	} {
		put(t, file, []byte(edited))
		if code, _, errs := h.as("bob", "", "log", "verify", file); code != exitFindings || !strings.Contains(errs, "entry") {
			t.Errorf("%s: %d %s", name, code, errs)
		}
	}
}

// What init was told need not be typed at night.
func TestBreakglassInitURL(t *testing.T) {
	h := newHouse(t)
	t.Setenv("MFAWATCH_BREAKGLASS_URL", "")
	if code, _, errs := h.as("ada", "", "status"); code != exitUsage || !strings.Contains(errs, "init --url") {
		t.Errorf("no URL: %d %s", code, errs)
	}
	h.does("ada", "", "init", "--url", h.url, "--device", "ada-totp")
	id := h.ask()
	t.Setenv("MFAWATCH_BREAKGLASS_URL", h.url)
	h.does("bob", h.code("bob-totp", 0), "approve", id, "--device", "bob-totp")
	t.Setenv("MFAWATCH_BREAKGLASS_URL", "")
	if out := h.does("ada", h.code("ada-totp", 0), "use", id); !strings.Contains(out, "ASIAGRANTED") {
		t.Errorf("use: %s", out)
	}
	for _, bad := range []string{"http://door.example/", "door"} {
		if code, _, _ := h.as("ada", "", "init", "--url", bad); code != exitUsage {
			t.Errorf("init --url %s ends with %d", bad, code)
		}
	}
	info, err := os.Stat(h.homes["ada"].glass("door.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("door.json: %v %v", info, err)
	}
}

// A code of a key that is sealed here is leased.
func TestBreakglassCodeOf(t *testing.T) {
	h := newHouse(t)
	id := h.ask()
	h.as("bob", "", "status")
	to, err := h.homes["bob"].recipients()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sealedTo(t.Context(), terminal{}, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := putKey(h.homes["bob"], keys, "door", "-", h.cast.Keys["bob-totp"].URI()); err != nil {
		t.Fatal(err)
	}
	if out := h.does("bob", "", "approve", id, "--device", "bob-totp", "--code-of", "door"); out != id+"\n" {
		t.Errorf("approve: %s", out)
	}
}

func TestRefusalCodes(t *testing.T) {
	for _, r := range breakglass.Reasons() {
		switch code := refusalCode(r); code {
		case exitRefused, exitNotFound, exitLater, exitCannotRun:
		default:
			t.Errorf("%s ends with %d", r, code)
		}
	}
}

// Help says only what is there.
func TestBreakglassJSON(t *testing.T) {
	h := newHouse(t)
	id := h.ask()
	var all []wire.Asked
	if err := json.Unmarshal([]byte(h.does("ada", "", "status", id, "--format", "json")), &all); err != nil || len(all) != 1 || all[0].ID != id || all[0].State != "waiting" {
		t.Errorf("status in JSON: %+v, %v", all, err)
	}
}

// At night nobody reckons in UTC: how long it is stands beside each time, where it is to come.
func TestTimesAtNight(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]struct{ clock, wait string }{
		-time.Hour: {"Z", "Z; x"}, 20 * time.Second: {"Z", " s); x"}, 90 * time.Second: {"Z (1 min)", "Z (2 min); x"}, time.Hour + time.Second: {"Z (60 min)", "Z (61 min); x"},
	} {
		at := now.Add(d)
		text := "wait until " + at.UTC().Format(time.RFC3339) + "; x"
		if got := clock(at); !strings.HasSuffix(got, want.clock) {
			t.Errorf("%v from now: %s, want %s", d, got, want.clock)
		}
		if got := timed(wire.Refused{Text: text, Until: &at}); !strings.HasSuffix(got, want.wait) {
			t.Errorf("a wait of %v: %s, want %s", d, got, want.wait)
		}
	}
	if got := timed(wire.Refused{Text: "no"}); got != "no" {
		t.Error(got)
	}
}

// Whom AWS keeps out is told whose credentials those were.
func TestBreakglassNamesTheProfile(t *testing.T) {
	h := newHouse(t)
	h.down = true
	file := filepath.Join(t.TempDir(), "credentials")
	put(t, file, []byte("[door-ada]\naws_access_key_id = AKIAada\naws_secret_access_key = hunter2\n[other]\naws_access_key_id = AKIAada\naws_secret_access_key = hunter2\n"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	h.does("ada", "", "init", "--url", h.url, "--profile", "door-ada")
	for args, want := range map[string]string{
		"status":                 `the AWS profile was "door-ada", as init was told: --profile names another`,
		"status --profile other": `the AWS profile was "other", of --profile`,
		"status --profile gone":  `no profile "gone" in the AWS configuration`,
	} {
		if code, _, errs := h.as("ada", "", strings.Fields(args)...); code != exitCannotRun || !strings.Contains(errs, want) {
			t.Errorf("%s ends with %d, want %s: %s", args, code, want, errs)
		}
	}
}

package main

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/internal/demo"
	"mfawatch/internal/fakeaws"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
)

// sitting is a person with the pages in front of them: a folder with the files that the
// pages speak of, a laptop with a YubiKey in it, an organisation at AWS, an emergency door,
// and programs that stand in for those that mfawatch is put together with in pipes. Waiting
// takes no time.
type sitting struct {
	*yubiDesk
	srv     world
	door    *house
	offline *fakeaws.User
	others  map[string]func(args []string, in string) string
	put     *strings.Replacer
	homes   map[string]string // by person
	tty     *os.File
	person  *os.File    // what is typed on the terminal of a sitting
	outside chan func() // runs what leaves something behind that goes on reading
	ended   chan struct{}
	as      string // who runs what, where the line does not say it
	shown   atomic.Int64
	line    string
	id      string // of the request last made
	uses    uint8  // of the YubiKey's slot
}

// placeholders of the pages, and what they stand for here.
func (s *sitting) placeholders() []string {
	const another = "age1cawvp4cqsdtv7prgn7skeu2fuxpe53q5cruz79r4ymhuex2g7edsvz33tj"
	return []string{
		"7QK3V1T0Z5N8B2MX", s.id, "age1yubikey1…", another, "age1…", s.recipient(), "$ADA", s.recipient(), "$SAFE", s.recipient(),
		"arn:aws:iam::…:", "arn:aws:iam::" + management + ":", "https://abc123.lambda-url.eu-north-1.on.aws/", doorAt,
		"serve --vault", "serve --vault --listen 127.0.0.1:0", "serve --yubico", "serve --yubico --listen 127.0.0.1:0",
	}
}

const doorAt = "https://door.lambda-url.eu-north-1.on.aws/"

// stocked fills a folder with what each sitting begins with.
func stocked(t *testing.T, dir string) {
	t.Helper()
	t.Chdir(dir)
	readme, auditing := textOf(t, "README.md"), textOf(t, "docs/auditing.md")
	yaml := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(auditing, -1)
	policy := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(readme)
	if len(yaml) != 2 || policy == nil {
		t.Fatal("auditing.md has no exemptions and rules, or README.md no policy")
	}
	for _, folder := range []string{"AWSLogs", "LOGS"} {
		if err := demo.WriteTo(folder); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"EXPORTED", "exported"} {
		if err := demo.WriteAccount(folder); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"exemptions.yaml": yaml[0][1], "rules.yaml": yaml[1][1], "policy.json": policy[1], "enforce-mfa.json": policy[1], "scp.json": policy[1],
		"scanned.jsonl": string(changesFile()), "seed.txt": rfcSeed32 + "\n", "uri.txt": "otpauth://totp/web?secret=" + rfcSeed32 + "\n",
		"door.txt": base32.StdEncoding.EncodeToString([]byte(strings.Repeat("ada-totp", 3)[:20])) + "\n", "password.txt": "a long password\n", "old.txt": "a long password\n", "new.txt": "another password\n",
		"slot.txt": slotPublic + " " + slotPrivate + " " + slotKey + "\n" + otpOf(t, 2, 0) + "\n",
		"config":   configOf("PROFILE", "security", "admin", "ada", "door-ada", "offline"),
	} {
		put(t, name, []byte(text))
	}
	put(t, "qr.png", pictured(t, "otpauth://totp/root?secret="+rfcSeed32))
	for _, name := range []string{"ada", "grace"} { // one for each key whose confirmation the pages give
		put(t, "confirmation-"+name+".txt", []byte(name+"\nwhoever sees "+name+" can make its codes\n"))
	}
	transfer(t)
	for _, line := range []string{"audit --from EXPORTED -o findings.json -o older.json -o findings-last-month.json", "policy generate --guardrail self-service -o guardrail.json"} {
		if code, said := ends(t, "", strings.Fields(line)...); code == exitCannotRun || code == exitUsage {
			t.Fatalf("mfawatch %s ends with %d: %s", line, code, said)
		}
	}
}

// textOf is a page; the tests run in folders of their own.
func textOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// root is the clone, from wherever a test went.
var root = func() string { dir, _ := filepath.Abs("../.."); return dir }()

// configOf is an AWS configuration: profiles of people with an access key, by name.
func configOf(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "[profile %s]\nregion = eu-north-1\naws_access_key_id = KEY-OF-%s\naws_secret_access_key = x\n", name, name)
	}
	return b.String()
}

// sit sets the stage and lets a page be played on it.
func sit(t *testing.T, stock string, play func(*sitting)) {
	t.Helper()
	dir := t.TempDir()
	err := os.CopyFS(dir, os.DirFS(stock))
	for _, secret := range []string{"door.txt", "password.txt", "old.txt", "new.txt", "slot.txt", "seed.txt", "uri.txt"} {
		err = errors.Join(err, os.Chmod(filepath.Join(dir, secret), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for i, value := range awsValues("", dir) {
		t.Setenv(awsVariables[i], value)
	}
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_REGION", "eu-north-1")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("MFAWATCH_BREAKGLASS_URL", doorAt)
	t.Setenv("PATH", programs(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	through, now := http.DefaultTransport, time.Now()
	t.Cleanup(func() { http.DefaultTransport = through })
	cast := storetest.NewCast(t)
	s := &sitting{id: "7QK3V1T0Z5N8B2MX", homes: map[string]string{"bob": t.TempDir(), "cyd": t.TempDir()}}
	s.sitsAtATerminal(t)
	s.outside, s.ended = make(chan func()), make(chan struct{})
	defer close(s.outside)
	go func() {
		for f := range s.outside {
			f()
			s.ended <- struct{}{}
		}
	}()
	timeless(t, func(d *yubiDesk) {
		time.Sleep(time.Until(now.Truncate(30 * time.Second).Add(12 * time.Second)))
		s.yubiDesk = d
		s.homes["ada"] = os.Getenv("MFAWATCH_HOME")
		for _, person := range []string{"bob", "cyd"} {
			if err := homeIn(s.homes[person]).writeRecipients([]string{s.recipient()}); err != nil {
				s.Fatal(err)
			}
		}
		for person, home := range s.homes { // who has a device at the door has said which
			h := homeIn(home)
			if err := errors.Join(h.makeGlass(), writeJSON(h.glass("door.json"), doorFile{Device: person + "-yubikey"})); err != nil {
				s.Fatal(err)
			}
		}
		s.cloud()
		s.opensDoor(cast)
		s.peers()
		s.learn()
		play(s)
		synctest.Wait()
	})
}

// sitsAtATerminal gives a sitting a terminal of its own. What it shows is read away.
func (s *sitting) sitsAtATerminal(t *testing.T) {
	t.Helper()
	person, tty := pseudo(t, 80)
	s.person, s.tty = person, tty
	go func() { _, _ = io.Copy(s, person) }()
	hung := time.AfterFunc(20*time.Second, func() { _ = person.Close() }) // who asks what nobody answers gets an end
	t.Cleanup(func() { hung.Stop() })
}

// Write counts what the terminal showed.
func (s *sitting) Write(p []byte) (int, error) { s.shown.Add(int64(len(p))); return len(p), nil }

// programs are those that mfawatch itself starts: an aws that takes a session, and a pass.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{
		"aws":  `test -n "$AWS_SESSION_TOKEN" && echo "$@"`,
		"pass": `echo "otpauth://totp/shared?secret=` + rfcSeed32 + `"`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// cloud is the organisation at AWS: ada's devices are still to be made, grace has a token.
func (s *sitting) cloud() {
	own := invented(management, "ada", "grace", "linus")
	other := invented(member, "ada", "ken")
	other.Role("ops")
	srv := fakeaws.New(own, other, invented(suspended))
	srv.Organization = fakeaws.NewOrganization(management)
	srv.Organization.Member(member, "production")
	s.srv = world{srv, own}
	s.srv.Bucket("my-trail-bucket", "eu-north-1")
	s.aws = &http.Client{Transport: writable{srv.Client().Transport, &onceBucket{objects: map[string]string{}}}}
	for _, name := range []string{"ada", "grace"} {
		u := s.srv.user(name)
		u.Devices, u.Keys = nil, []fakeaws.Key{own.Key()}
	}
	own.Seed("GAKT12345678", []byte(rfcSeed))
	own.Role("admin").Trust = `{"Version":"2012-10-17","Statement":[]}`
	own.Role("mfawatch-break-glass").RequireMFA = true
	own.Role("bg")
	s.profiles()
}

// writable is an AWS whose buckets can be written to.
type writable struct {
	http.RoundTripper
	bucket http.Handler
}

func (a writable) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut || !strings.Contains(r.URL.Host, "s3.") {
		return a.RoundTripper.RoundTrip(r)
	}
	w := httptest.NewRecorder()
	a.bucket.ServeHTTP(w, r)
	return w.Result(), nil
}

// profiles gives each profile of the configuration the access key that is its person's.
func (s *sitting) profiles() {
	s.Helper()
	text := s.read("config")
	for _, name := range []string{"PROFILE", "security", "admin", "offline"} {
		text = strings.ReplaceAll(text, "KEY-OF-"+name+"\n", s.srv.own.AccessKey()+"\n")
	}
	for _, name := range []string{"ada", "door-ada"} {
		text = strings.ReplaceAll(text, "KEY-OF-"+name+"\n", s.key("ada")+"\n")
	}
	put(s.T, "config", []byte(text))
}

func (s *sitting) key(user string) string { return s.srv.user(user).Keys[0].ID }

func (s *sitting) recipient() string {
	to, err := homeIn(os.Getenv("MFAWATCH_HOME")).recipients()
	if err != nil {
		s.Fatal(err)
	}
	return to[0]
}

// opensDoor is the emergency door of the pages' people and roles, at its URL; whose key is
// not another person's is ada's.
func (s *sitting) opensDoor(cast *storetest.Cast) {
	for i, p := range cast.Rules.People[:3] {
		id := p.Name + "-yubikey"
		k := cast.Keys[p.Name+"-totp"]
		cast.Keys[id] = k
		cast.Rules.People[i].Devices = append(p.Devices, breakglass.Device{ID: id, Kind: breakglass.TOTP, Grade: breakglass.Touch})
	}
	administrator := cast.Rules.Roles[0]
	administrator.Name, administrator.ARN = "administrator", "arn:aws:iam::"+management+":role/mfawatch-break-glass"
	cast.Rules.Roles = append(cast.Rules.Roles, administrator)
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		s.Fatal(err)
	}
	s.door = &house{T: s.T, cast: cast, door: cast.Door(&storetest.Memory{}), key: key}
	http.DefaultTransport = toDoor{s}
}

type toDoor struct{ s *sitting }

func (d toDoor) RoundTrip(r *http.Request) (*http.Response, error) {
	if "https://"+r.URL.Host+"/" != doorAt {
		return nil, fmt.Errorf("no such host: %s", r.URL.Host)
	}
	who := "ada"
	if m := signedBy.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		who = m[1]
	}
	w := httptest.NewRecorder()
	if r.Body == nil { // the doctor only knocks
		w.WriteHeader(http.StatusForbidden)
		return w.Result(), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	d.s.door.answer(w, r, who, body)
	return w.Result(), nil
}

// peers are what stands at the other end of a pipe: who writes gives what it would, who
// reads wants something.
func (s *sitting) peers() {
	reads := func(_ []string, in string) string {
		if in == "" {
			s.Errorf("%s: nothing came through the pipe", s.line)
		}
		return in
	}
	s.others = map[string]func([]string, string) string{
		"lpr": reads, "pass": reads,
		"git": func([]string, string) string { return s.read("mfawatch.yaml") },
		"aws": func(args []string, _ string) string {
			switch args[1] {
			case "create-access-key":
				return s.json(map[string]any{"AccessKey": map[string]any{"AccessKeyId": s.offlineKey(), "SecretAccessKey": "SecretOfTheBundle/EXAMPLE"}})
			case "get-role":
				return s.json(map[string]any{"Role": map[string]any{"AssumeRolePolicyDocument": json.RawMessage(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}}`)}})
			case "lookup-events":
				return s.json(map[string]any{"Events": []any{map[string]any{"EventId": "1", "EventName": "ConsoleLogin", "CloudTrailEvent": s.read(filepath.Join(root, "cmd/mfawatch/testdata/one-login.json"))}}})
			}
			s.Errorf("%s: no stand-in for aws %v", s.line, args)
			return ""
		},
	}
}

func (s *sitting) json(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// offlineKey is an access key of the user of the offline way, who has a device of the
// seed that everybody knows.
func (s *sitting) offlineKey() string {
	if s.offline == nil {
		name := "offline-ada"
		if strings.Contains(s.line, "bg-ada") {
			name = "bg-ada"
		}
		s.srv.Change(func() {
			s.offline = s.srv.own.User(name)
			s.offline.Keys = []fakeaws.Key{s.srv.own.Key()}
			s.offline.Devices = []fakeaws.Device{s.srv.own.Virtual(name)}
			s.srv.own.Seed("arn:aws:iam::"+management+":mfa/"+name, []byte(rfcSeed))
		})
	}
	return s.offline.Keys[0].ID
}

// learn keeps what a page goes on with.
func (s *sitting) learn() {
	if all := s.open(); len(all) > 0 {
		s.id = all[len(all)-1].ID
	}
	s.put = strings.NewReplacer(s.placeholders()...)
	if findings, err := os.ReadFile("findings.json"); err == nil {
		put(s.T, "older.json", findings)
	}
}

// open are the requests that are not over, the newest last.
func (s *sitting) open() []breakglass.Request {
	all, err := s.door.door.Open(s.Context(), storetest.As("ada"))
	if err != nil {
		s.Fatal(err)
	}
	slices.SortFunc(all, func(a, b breakglass.Request) int { return a.Asked.Compare(b.Asked) })
	return all
}

// whose sets who runs a command, and with what: people their own keys, an audit its
// auditor's. bob and cyd have machines of their own.
func (s *sitting) whose(text string) {
	key, person := s.srv.own.AccessKey(), "ada"
	switch who, _, _ := strings.Cut(text, " "); {
	case s.as != "":
		key, person = "AKIA"+s.as, s.as
	case strings.HasPrefix(text, "device ") && strings.Contains(text, "--user ") && !strings.Contains(text, "--verify"):
	case strings.HasPrefix(text, "breakglass ") && strings.Contains(text, "--device ada-"):
		key = s.key("ada")
	case strings.HasPrefix(text, "breakglass approve"), strings.HasPrefix(text, "breakglass unlock"), strings.HasPrefix(text, "breakglass status ") && !strings.Contains(text, "--"):
		key, person = "AKIAbob", "bob"
	case strings.HasPrefix(text, "breakglass revoke"):
		key, person = "AKIAcyd", "cyd"
	case slices.Contains([]string{"device", "session", "breakglass", "yubikey"}, who) && !strings.Contains(text, " rotate"):
		key = s.key("ada")
	}
	if err := errors.Join(os.Setenv("AWS_ACCESS_KEY_ID", key), os.Setenv("MFAWATCH_HOME", s.homes[person])); err != nil {
		s.Fatal(err)
	}
}

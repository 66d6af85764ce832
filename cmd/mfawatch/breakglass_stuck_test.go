package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp/breakglass/bundle"
)

// noNetwork is the SDK's HTTP client on a machine without a network.
type noNetwork struct{}

func (noNetwork) Do(r *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: r.URL.Hostname(), Err: "no such host", IsNotFound: true}}
}

// stuck runs a command where nothing answers; it gives what is said.
func stuck(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), terminal{in: strings.NewReader("123456\n"), out: &stdout, err: &stderr, aws: noNetwork{}}, append([]string{"breakglass"}, args...))
	return code, stdout.String(), stderr.String()
}

func says(t *testing.T, about, said string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(said, want) {
			t.Errorf("%s does not say %q: %s", about, want, said)
		}
	}
}

// unset takes a variable out of the environment until the test ends.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "")
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

// laptopOf is a laptop whose MFA key is sealed under the name ada-door, and where a key
// "none" is of no device; the door's URL is of a Region that is never asked.
func laptopOf(t *testing.T) home {
	t.Helper()
	h := ownHome(t)
	for name, value := range map[string]string{
		"MFAWATCH_BREAKGLASS_URL": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
		"AWS_ACCESS_KEY_ID": "AKIAADA", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(name, value)
	}
	to, err := h.recipients()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sealedTo(t.Context(), terminal{}, to)
	if err != nil {
		t.Fatal(err)
	}
	for name, device := range map[string]string{"ada-door": adaARN, "none": "-"} {
		if err := putKey(h, keys, name, device, "otpauth://totp/"+name+"?secret="+rfcSeed32); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

const doorURL = "https://abc123.lambda-url.eu-north-1.on.aws/"

// Where there is no bundle nobody is asked for what opens one, and where a copy may be is
// said. No identity is named, as on the laptop of somebody who never had one.
func TestBreakglassWithoutABundle(t *testing.T) {
	laptopOf(t)
	dir := filepath.Join(t.TempDir(), "mfawatch")
	t.Setenv("MFAWATCH_HOME", dir)
	unset(t, "MFAWATCH_IDENTITY_FILE")
	for _, args := range [][]string{{"use", "--offline", "--why", "fire"}, {"drill", "--offline"}, {"rotate"}} {
		code, _, errs := stuck(t, args...)
		if code != exitCannotRun || strings.Contains(errs, "MFAWATCH_IDENTITY_FILE") {
			t.Errorf("%v ends with %d: %s", args, code, errs)
		}
		says(t, strings.Join(args, " "), errs, "there is no bundle "+dir, "stick", "safe", "laptop of another person", "--bundle FILE --identity FILE", "init --seal")
	}
	put(t, filepath.Join(dir, "breakglass", "bundle.age"), []byte("age-encryption.org/v1\n"))
	if code, _, errs := stuck(t, "use", "--offline", "--why", "fire"); code != exitCannotRun || !strings.Contains(errs, "--identity") || strings.Contains(errs, "no bundle") {
		t.Errorf("without an identity it ends with %d: %s", code, errs)
	}
}

// Without a network every command says what is left, and that it needs one, too; what has
// another cause does not.
func TestBreakglassWithoutANetwork(t *testing.T) {
	h := laptopOf(t)
	if code, _, errs := stuck(t, "init", "--url", doorURL, "--door", "prod", "--key", "ada-door", "--device", "ada-totp"); code != 0 {
		t.Fatal(errs)
	}
	for _, line := range []string{"request --role admin --why fire", "status", "status 7QK3V1T0Z5N8B2MX", "approve 7QK3V1T0Z5N8B2MX", "use 7QK3V1T0Z5N8B2MX", "end 7QK3V1T0Z5N8B2MX"} {
		code, out, errs := stuck(t, strings.Fields(line)...)
		if code != exitCannotRun || out != "" {
			t.Errorf("%s ends with %d: %s", line, code, out)
		}
		says(t, line, errs, "has no address", "hotspot", "every way asks STS", "mfawatch breakglass use --offline --why", "no bundle is on this machine")
	}
	_, _, errs := stuck(t, "status")
	first := "Door:    " + doorURL + " (prod)\nBundle:  " + h.glass("bundle.age") + " (not there)\n"
	if !strings.HasPrefix(errs, first) {
		t.Errorf("status says first %q, want %q", errs, first)
	}
	put(t, h.glass("bundle.age"), []byte("sealed"))
	if _, _, errs := stuck(t, "status"); strings.Contains(errs, "not there") || strings.Contains(errs, "no bundle") {
		t.Errorf("status beside a bundle: %s", errs)
	}
	if _, _, errs := stuck(t, "status", "--format", "json"); strings.Contains(errs, "Door:") {
		t.Errorf("status for a program: %s", errs)
	}

	config := filepath.Join(t.TempDir(), "config")
	put(t, config, []byte("[profile door]\nrole_arn = "+glassRole+"\ncredential_source = Environment\nregion = eu-north-1\n"))
	t.Setenv("AWS_CONFIG_FILE", config)
	put(t, h.glass("door.json"), []byte(`{"url": "`+doorURL+`", "profile": "door"}`))
	if code, _, errs := stuck(t, "status"); code != exitCannotRun {
		t.Errorf("a profile's role: %d %s", code, errs)
	} else {
		says(t, "a profile's role", errs, "no such host", "hotspot", "use --offline --why")
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		unset(t, name)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	put(t, h.glass("door.json"), []byte(`{"url": "`+doorURL+`"}`))
	if code, _, errs := stuck(t, "status"); code != exitCannotRun || strings.Contains(errs, "hotspot") || !strings.Contains(errs, "credentials") {
		t.Errorf("without credentials: %d %s", code, errs)
	}
}

// An answer of AWS that is a no is no missing network.
func TestBreakglassRefusedBySTS(t *testing.T) {
	n := newNight(t)
	n.Fault(fakeaws.Denied("sts:GetSessionToken"))
	code, _, errs := n.run(n.code(0), "status", "--url", doorURL, "--key", glassSerial)
	if code != exitRefused || strings.Contains(errs, "hotspot") || n.Counts()["sts:GetSessionToken"] != 1 {
		t.Errorf("status ends with %d: %s", code, errs)
	}
}

// Who does not know the door's URL is told where it is, and that there is a way without.
func TestBreakglassWithoutAURL(t *testing.T) {
	laptopOf(t)
	for _, line := range []string{"status", "request --role admin --why fire", "use 7QK3V1T0Z5N8B2MX"} {
		code, _, errs := stuck(t, strings.Fields(line)...)
		if code != exitUsage {
			t.Errorf("%s ends with %d", line, code)
		}
		says(t, line, errs, "DoorUrl", "mfawatch-breakglass", "breakglass init --url URL", "use --offline --why")
	}
	if code, _, errs := stuck(t, "status", "--url", "https://ada:hunter2@door.example/"); code != exitUsage || strings.Contains(errs, "hunter2") {
		t.Errorf("a URL with a password: %d %s", code, errs)
	}
	if _, _, errs := stuck(t, "status"); !strings.HasPrefix(errs, "Door:    not known\nBundle:  ") {
		t.Errorf("status: %s", errs)
	}
}

// A key that is not there is found out by day.
func TestBreakglassInitKey(t *testing.T) {
	h := laptopOf(t)
	for _, c := range []struct {
		key, want string
		code      int
	}{
		{"ada-dor", "mfawatch device create NAME", exitNotFound}, {"ada-door-of-the-office", "key list", exitNotFound}, {"none", "is of no device at AWS", exitUsage},
		{"arn:aws:iam::111122223333:u2f/user/ada/key", "no MFA device that makes codes", exitUsage},
	} {
		code, _, errs := stuck(t, "init", "--url", doorURL, "--key", c.key)
		if code != c.code || !strings.Contains(errs, c.want) || !strings.Contains(errs, c.key) {
			t.Errorf("init --key %s ends with %d, want %d with %q: %s", c.key, code, c.code, c.want, errs)
		}
		if _, err := os.Stat(h.glass("door.json")); err == nil {
			t.Fatalf("--key %s is remembered", c.key)
		}
	}
	for _, key := range []string{"ada-door", adaARN, glassSerial, "GAHT12345678"} {
		if code, _, errs := stuck(t, "init", "--url", doorURL, "--key", key); code != 0 {
			t.Errorf("init --key %s ends with %d: %s", key, code, errs)
		}
		if d, err := h.door(); err != nil || d.Key != key {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// offlineStatus is what status tells, as text and to a program.
func (n *night) offlineStatus() (string, offlineState) {
	n.Helper()
	_, text, _ := n.run("", "status", "--offline")
	code, out, errs := n.run("", "status", "--offline", "--format", "json")
	var s offlineState
	if err := json.Unmarshal([]byte(out), &s); code != 0 || err != nil {
		n.Fatalf("status ends with %d: %v %s", code, err, errs)
	}
	return text, s
}

// A use that came to nothing owes nothing, and status says what it came to.
func TestOfflineUseThatGaveNothing(t *testing.T) {
	n := newNight(t)
	n.sealed()
	aws := os.Getenv("AWS_ENDPOINT_URL")
	dead := func() { t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") }
	use := func(in string, want int) {
		t.Helper()
		if code, out, errs := n.run(in, "use", "--offline", "--why", "fire"); code != want || out != "" {
			t.Errorf("use ends with %d, want %d: %s", code, want, errs)
		}
	}
	nothing := func(outcome, words string) {
		t.Helper()
		text, s := n.offlineStatus()
		says(t, "status", text, "Last use:    never", words+": no session was given, and no rotation is owed")
		if strings.Contains(text, "To rotate") || s.ToRotate != "" || s.Outcome != outcome || s.Tried == nil || s.Used != nil {
			t.Errorf("after %s: %+v\n%s", outcome, s, text)
		}
		if _, _, errs := n.run("", "reconcile", "--to", t.TempDir()); strings.Contains(errs, "to be rotated") {
			t.Errorf("reconcile after %s: %s", outcome, errs)
		}
	}
	dead()
	use(n.code(0), exitCannotRun)
	nothing("unreachable", "STS was not reached")
	t.Setenv("AWS_ENDPOINT_URL", aws)
	use("000000\n", exitRefused)
	nothing("wrong-code", "AWS refused (wrong-code)")
	use("", exitCannotRun)
	nothing("no-code", "no code was given")

	// What an earlier use owes stays owed.
	if code, _, errs := n.run(n.code(0), "use", "--offline", "--why", "fire", "--no-rotation"); code != 0 {
		t.Fatal(errs)
	}
	if text, s := n.offlineStatus(); s.Used == nil || s.Tried != nil || !strings.Contains(text, "To rotate:   "+n.key) {
		t.Errorf("after a use: %+v", s)
	}
	dead()
	use(n.code(1), exitCannotRun)
	if text, s := n.offlineStatus(); s.ToRotate != n.key || !strings.Contains(text, "STS was not reached: no session was given\n") {
		t.Errorf("after a use and one that gave nothing: %+v\n%s", s, text)
	}
}

// Where nobody knows whether AWS gave a session, the rotation is owed.
func TestOfflineUseOfWhichTheAnswerIsLost(t *testing.T) {
	n := newNight(t)
	n.sealed()
	n.Fault(fakeaws.Fault{Action: "sts:AssumeRole", Status: 503, Code: "ServiceUnavailable"})
	code, out, errs := n.run(n.code(0), "use", "--offline", "--why", "fire")
	if code == 0 || out != "" {
		t.Errorf("use ends with %d: %s", code, out)
	}
	says(t, "use", errs, "may have given a session", "breakglass rotate")
	text, s := n.offlineStatus()
	if s.ToRotate != n.key || s.Outcome != "no-answer" {
		t.Errorf("%+v", s)
	}
	says(t, "status", text, "it failed: no session was handed out\n", "To rotate:   "+n.key)
}

// What another process owes, which went the same way meanwhile, is not forgotten; nor is
// what is not known of one that was killed.
func TestOfflineTakeBack(t *testing.T) {
	n := newNight(t)
	n.sealed()
	if code, _, errs := n.run(n.code(0), "use", "--offline", "--why", "fire", "--no-rotation"); code != 0 {
		t.Fatal(errs)
	}
	d, err := offlineFlags{}.desk(terminal{err: &bytes.Buffer{}}, unlocking{})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal(d.record, "new")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.takeBack(bundle.Progress{}, j, -1); err != nil { // three entries since
		t.Fatal(err)
	}
	if p, err := d.progress(); err != nil || p.From != n.key {
		t.Errorf("it is forgotten: %+v, %v", p, err)
	}
	if err := d.takeBack(bundle.Progress{}, j, 0); err != nil {
		t.Fatal(err)
	}
	if p, err := d.progress(); err != nil || p.From != "" {
		t.Errorf("it is still owed: %+v, %v", p, err)
	}
	names, err := filepath.Glob(filepath.Join(d.record, "*"))
	if err != nil || len(names) != 2 {
		t.Fatalf("%v, %v", names, err)
	}
	slices.Sort(names)
	if err := os.Remove(names[1]); err != nil { // it was killed before it wrote this
		t.Fatal(err)
	}
	if text, s := n.offlineStatus(); s.Outcome != notRecorded || !strings.Contains(text, "how it ended is not recorded: a session may have been given") {
		t.Errorf("%+v\n%s", s, text)
	}
}

// The examples of set-up are read on a terminal, and pasted from it.
func TestBreakglassInitExamplesFit(t *testing.T) {
	for line := range strings.Lines(newBreakglassInit(terminal{}).Example) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// An id is read out by telephone: case, blanks and the letters that its alphabet leaves out
// do not matter, and what cannot be one costs no code.
func TestRequestID(t *testing.T) {
	for _, typed := range []string{"7QK3V1T0Z5N8B2MX", "7qk3v1t0z5n8b2mx", " 7QK3-VLTO-Z5N8-B2MX ", "7qk3 vito z5n8 b2mx"} {
		if id, err := requestID(typed); id != "7QK3V1T0Z5N8B2MX" || err != nil {
			t.Errorf("%q is %q, %v", typed, id, err)
		}
	}
	for _, typed := range []string{"", "7QK3", "7QK3V1T0Z5N8B2MXA", "7QK3V1T0Z5N8B2MU"} {
		_, err := requestID(typed)
		if e := (exit{}); !errors.As(err, &e) || e.code != exitNotFound || !strings.Contains(err.Error(), "no code was used") {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// On a machine without a key nobody is asked to invent a passphrase, nor for a code; a file
// of one will do.
func TestBreakglassWithoutAKey(t *testing.T) {
	laptopOf(t)
	dir := filepath.Join(t.TempDir(), "mfawatch")
	t.Setenv("MFAWATCH_HOME", dir)
	unset(t, "MFAWATCH_IDENTITY_FILE")
	for _, line := range []string{"request --role admin --why fire", "drill --role admin --why fire", "use 7QK3V1T0Z5N8B2MX --device ada-totp"} {
		var out, errs bytes.Buffer
		in := strings.NewReader("123456\n")
		asks := func() (*os.File, error) { t.Errorf("%s: a passphrase is asked for", line); return nil, os.ErrNotExist }
		code := execute(t.Context(), terminal{in: in, out: &out, err: &errs, aws: noNetwork{}, asks: asks}, append([]string{"breakglass"}, strings.Fields(line+" --url "+doorURL)...))
		if code != exitCannotRun || out.Len() != 0 || in.Len() != 7 {
			t.Errorf("%s ends with %d, %d bytes left: %s", line, code, in.Len(), out.String())
		}
		says(t, line, errs.String(), "no sealed key on this machine", "nothing was asked", "--passphrase-file", "use --offline", "no bundle is on this machine", "breakglass enrol")
	}
	file := filepath.Join(t.TempDir(), "passphrase")
	put(t, file, []byte("hunter2 hunter2\n"))
	if _, _, errs := stuck(t, "request", "--url", "http://127.0.0.1:1/", "--region", "eu-north-1", "--role", "admin", "--why", "fire", "--passphrase-file", file); !strings.Contains(errs, "does not answer") {
		t.Errorf("with a passphrase's file the door is not asked: %s", errs)
	}
}

// givingUp is a person who answers a prompt with Ctrl-C.
type givingUp struct {
	context.Context
	cancel func()
}

func (g givingUp) Read([]byte) (int, error) {
	g.cancel()
	return 0, fmt.Errorf("interrupted: %w", g.Err())
}

// Ctrl-C at a prompt for a code says in plain words what it cost: at the door's, and offline.
func TestInterruptedAtACode(t *testing.T) {
	n := newNight(t)
	n.sealed()
	for line, want := range map[string]string{
		"use --offline --why fire": "interrupted at the prompt: nothing typed there was sent, and no code of it was used",
		"revoke 7QK3V1T0Z5N8B2MX --device ada-totp --url http://127.0.0.1:1/ --region eu-north-1": "interrupted at the prompt: nothing was sent, and no code was used",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		code := execute(ctx, terminal{in: givingUp{ctx, cancel}, out: &out, err: &errs}, append([]string{"breakglass"}, strings.Fields(line)...))
		if code != exitCannotRun || out.Len() != 0 || strings.Contains(errs.String(), "canceled") {
			t.Errorf("%s ends with %d: %s", line, code, errs.String())
		}
		says(t, line, errs.String(), want)
	}
	if text, s := n.offlineStatus(); s.ToRotate != "" || s.Outcome != "interrupted" {
		t.Errorf("status: %+v\n%s", s, text)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"mfawatch/totp/seal"
	"mfawatch/totp/vaultapi/vaultapitest"
)

// ownHome gives a test a home folder and an age identity to seal to.
func ownHome(t *testing.T) home {
	t.Helper()
	h := home{t.TempDir()}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path("identity.txt"), []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.writeRecipients([]string{id.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"MFAWATCH_HOME": h.dir, "MFAWATCH_IDENTITY_FILE": "", "MFAWATCH_PASSPHRASE_FILE": ""} {
		t.Setenv(name, value)
	}
	return h
}

func TestServedKeysKeepTheContract(t *testing.T) {
	h := ownHome(t)
	o := &opener{home: h}
	keys, err := o.both(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	vaultapitest.TestKeys(t, &servedKeys{opener: o, sealing: keys}, "one", "other")
}

// safe is what a server writes while a test reads it.
type safe struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.Buffer.Write(p)
}

func (s *safe) text() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.String()
}

// served runs 'mfawatch serve' until the test ends and gives its address.
func servedAt(t *testing.T, args ...string) (url string, stop func() int) {
	t.Helper()
	return serving(t, append([]string{"--vault"}, args...)...)
}

// serving is servedAt of any server.
func serving(t *testing.T, args ...string) (url string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var errs safe
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, terminal{in: strings.NewReader(""), out: io.Discard, err: &errs}, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...))
	}()
	address := regexp.MustCompile(`http://\S+?:[0-9]+`)
	for range 500 {
		if url = address.FindString(errs.text()); url != "" {
			return url, func() int { cancel(); return <-code }
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	t.Fatalf("the server did not begin: %s", errs.text())
	return "", nil
}

// run runs a command line that has to end well, and gives its output.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, args); code != 0 {
		t.Fatalf("mfawatch %s ends with %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return strings.TrimSpace(out.String())
}

func request(t *testing.T, method, url, token, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said struct {
		Data   map[string]any
		Errors []string
	}
	_ = json.NewDecoder(answer.Body).Decode(&said) // 204 has none
	return answer.StatusCode, said.Data
}

// TestServe goes the article's way: a key is written, its code is read, checked once,
// and refused the second time; what each did is in the record, without what it was.
func TestServe(t *testing.T) {
	h := ownHome(t)
	admin := mustRun(t, "serve", "token", "add", "admin", "--grant", "*:manage", "--grant", "*:read", "--grant", "*:verify")
	reader := mustRun(t, "serve", "token", "add", "reader", "--grant", "aws:read", "--expires", "1h")
	url, stop := servedAt(t)
	status, _ := request(t, "POST", url+"/v1/totp/keys/aws", admin, `{"url":"otpauth://totp/AWS:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AWS&period=86400","skew":0}`)
	if status != http.StatusNoContent {
		t.Fatalf("writing a key: %d", status)
	}
	status, data := request(t, "GET", url+"/v1/totp/code/aws", reader, "")
	code, _ := data["code"].(string)
	if status != http.StatusOK || len(code) != 6 {
		t.Fatalf("reading a code: %d, %d digits", status, len(code))
	}
	if status, _ := request(t, "POST", url+"/v1/totp/code/aws", reader, `{"code":"`+code+`"}`); status != http.StatusForbidden {
		t.Errorf("a token that reads checks a code: %d", status)
	}
	if status, data := request(t, "POST", url+"/v1/totp/code/aws", admin, `{"code":"`+code+`"}`); status != http.StatusOK || data["valid"] != true {
		t.Errorf("checking it: %d, %v", status, data["valid"])
	}
	if status, _ := request(t, "POST", url+"/v1/totp/code/aws", admin, `{"code":"`+code+`"}`); status != http.StatusBadRequest {
		t.Errorf("checking it again: %d", status)
	}
	mustRun(t, "serve", "token", "revoke", "reader")
	if status, _ := request(t, "GET", url+"/v1/totp/keys/aws", reader, ""); status != http.StatusForbidden {
		t.Errorf("a token that was revoked: %d", status)
	}
	if end := stop(); end != 0 {
		t.Errorf("interrupted, it ends with %d", end)
	}
	kept, err := seal.OpenStore(h.path("keys"), seal.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := kept.List(); err != nil || len(all) != 1 || all[0].ID != "aws" {
		t.Errorf("sealed: %v, %v", all, err)
	}
	recordHas(t, h, admin, reader, code)
}

// recordHas asserts that the record has each request, and nothing that is secret.
func recordHas(t *testing.T, h home, secrets ...string) {
	t.Helper()
	text, err := os.ReadFile(h.path("serve.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"outcome":"accepted"`, `"outcome":"replayed"`, `"outcome":"denied"`, `"token":"reader"`, `"key":"aws"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the record has no %s", want)
		}
	}
	for i, secret := range append(secrets, "GEZDGNBV") {
		if bytes.Contains(text, []byte(`"`+secret)) || len(secret) > 6 && bytes.Contains(text, []byte(secret)) {
			t.Errorf("secret %d is in the record", i)
		}
	}
	if info, err := os.Stat(h.path("serve.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the record's mode: %v, %v", info.Mode(), err)
	}
}

// TestServeRefuses: what would serve nobody, or everybody, does not begin.
func TestServeRefuses(t *testing.T) {
	h := ownHome(t)
	damaged := filepath.Join(h.dir, "damaged.json")
	if err := os.WriteFile(damaged, []byte(`[{"name":"x"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, says string
		code       int
	}{
		{"serve", "--vault", exitUsage},
		{"serve --vault --listen 192.0.2.1:8200", "--listen", exitUsage},
		{"serve --vault --listen 8200", "--listen", exitUsage},
		{"serve --vault --tls-cert x.pem", "go together", exitUsage},
		{"serve --vault --tls-cert x.pem --tls-key y.pem", "no such file", exitCannotRun},
		{"serve --vault --tokens " + damaged, "damaged.json", exitCannotRun},
		{"serve --vault --record " + h.dir, "the record", exitCannotRun},
		{"serve token add x", "--grant", exitUsage},
		{"serve token add x --grant aws", "KEY:RIGHT", exitUsage},
		{"serve token add x --grant aws:write", "KEY:RIGHT", exitUsage},
		{"serve token add x --grant aws:read --expires -1h", "negative", exitUsage},
		{"serve token revoke x", `no token "x"`, exitNotFound},
		{"serve token list --format xml", "--format", exitUsage},
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, strings.Fields(c.args))
		if code != c.code || !strings.Contains(errs.String(), c.says) || out.Len() > 0 {
			t.Errorf("mfawatch %s ends with %d, want %d with %q:\n%s", c.args, code, c.code, c.says, errs.String())
		}
	}
}

func TestTokensAreListed(t *testing.T) {
	h := ownHome(t)
	if got := mustRun(t, "serve", "token", "list"); got != "No tokens." {
		t.Errorf("none: %q", got)
	}
	text := mustRun(t, "serve", "token", "add", "a", "--grant", "aws.ada:read", "--grant", "*:verify")
	if got := mustRun(t, "serve", "token", "list"); !strings.Contains(got, "aws.ada:read *:verify") {
		t.Errorf("listed: %s", got)
	}
	for _, shown := range []string{mustRun(t, "serve", "token", "list", "--format", "json"), string(must(os.ReadFile(h.path("serve-tokens.json"))))} {
		if strings.Contains(shown, text) {
			t.Error("a token is shown again")
		}
	}
	var errs bytes.Buffer
	if code := execute(t.Context(), terminal{in: strings.NewReader(""), out: io.Discard, err: &errs}, []string{"serve", "token", "add", "a", "--grant", "x:read"}); code != exitUsage || !strings.Contains(errs.String(), "revoke it first") {
		t.Errorf("a second of the name: %d %s", code, errs.String())
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestARecordsLineIsEnded: a server that was killed in the middle of a line does not
// spoil the next one's first.
func TestARecordsLineIsEnded(t *testing.T) {
	h := home{t.TempDir()}
	if err := os.WriteFile(h.path("serve.log"), []byte("{\"half\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f, err := openRecord(h, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(must(os.ReadFile(h.path("serve.log")))); got != "{\"half\":\n" {
		t.Errorf("the record is %q", got)
	}
}

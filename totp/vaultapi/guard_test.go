package vaultapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/vaultapi"
)

func TestCheckAddress(t *testing.T) {
	secured := &tls.Config{Certificates: []tls.Certificate{{}}}
	for _, c := range []struct {
		addr   string
		config *tls.Config
		err    string
	}{
		{"127.0.0.1:8200", nil, ""}, {"127.8.8.8:0", nil, ""}, {"[::1]:8200", nil, ""}, {"[::ffff:127.0.0.1]:8200", nil, ""},
		{"0.0.0.0:8200", nil, "without TLS"}, {":8200", nil, "without TLS"}, {"[::]:8200", nil, "without TLS"}, {"192.0.2.1:8200", nil, "without TLS"},
		{"localhost:8200", nil, "listen on 127.0.0.1"}, {"127.0.0.1.example:1", nil, "without TLS"},
		{"127.0.0.1", nil, "no IP:PORT"}, {"", nil, "no IP:PORT"},
		{"0.0.0.0:8200", secured, ""}, {"192.0.2.1:8200", secured, ""},
		{"192.0.2.1:8200", &tls.Config{}, "no certificate"}, {"127.0.0.1:8200", &tls.Config{}, "no certificate"},
	} {
		err := vaultapi.Check(c.addr, c.config)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Check(%s, TLS %v) = %v, want %q", c.addr, c.config != nil, err, c.err)
		}
	}
}

// TestAddressIsAskedAgain: a handler that was put on another address serves nobody.
func TestAddressIsAskedAgain(t *testing.T) {
	s := serve(t)
	s.put("aws")
	at := func(ip string) context.Context {
		return context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(ip), Port: 8200})
	}
	for ip, status := range map[string]int{"127.0.0.1": 200, "::1": 200, "192.0.2.1": 403} {
		if r := s.askAs(at(ip), "all", "GET", "totp/keys/aws", ""); r.Status != status {
			t.Errorf("a request that came to %s = %d, want %d", ip, r.Status, status)
		}
	}
}

// TestHosts: by which names the server is called.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		hosts  []string
		tls    bool
		host   string
		status int
	}{
		{nil, false, "127.0.0.1", 200}, {nil, false, "LOCALHOST.:1", 200}, {nil, false, "192.0.2.1:8200", 403}, {nil, false, "vault.example", 403}, {nil, false, "localhost.evil.example", 403},
		{nil, true, "vault.example", 200}, {[]string{"vault.example"}, true, "other.example", 403}, {[]string{"vault.example"}, true, "Vault.example:443", 200},
		{[]string{"vault.example"}, false, "vault.example", 200}, {[]string{"vault.example"}, false, "localhost", 200},
	} {
		s := serve(t, func(s *vaultapi.Server) { s.Hosts = c.hosts })
		q := httptest.NewRequest("GET", "http://x/v1/sys/health", nil)
		if q.Host = c.host; c.tls {
			q.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, q); w.Code != c.status {
			t.Errorf("hosts %q, TLS %v: called %s = %d, want %d", c.hosts, c.tls, c.host, w.Code, c.status)
		}
	}
}

// TestNoRecordNoAnswer: what cannot be recorded is not answered, and what cannot be
// begun on record does not change.
func TestNoRecordNoAnswer(t *testing.T) {
	s := serve(t, allowing)
	s.put("aws")
	s.record.Fail = func(vaultapi.Entry) error { return errors.New("disk full") }
	for _, r := range []reply{
		s.ask("all", "GET", "totp/code/aws", ""), s.check(s.code(0)), s.ask("all", "GET", "totp/keys/aws", ""), s.ask("all", "DELETE", "totp/keys/aws", ""),
		s.ask("all", "POST", "totp/keys/new", `{"generate":true,"issuer":"AWS","account_name":"ada"}`), s.ask("", "GET", "sys/health", ""), s.ask("", "GET", "totp/code/aws", ""),
	} {
		if r.Status != http.StatusServiceUnavailable || r.Data != nil || !strings.Contains(r.err(), "record") || strings.Contains(r.Text, "disk full") {
			t.Errorf("without a record: %d %s", r.Status, r.Text)
		}
	}
	s.record.Fail = nil
	if r := s.ask("all", "LIST", "totp/keys", ""); fmt.Sprint(r.Data["keys"]) != "[aws]" {
		t.Errorf("what could not be recorded changed keys: %v", r.Data)
	}
	if r := s.check(s.code(0)); r.Status != http.StatusBadRequest {
		t.Errorf("a code whose acceptance could not be recorded is good again: %d", r.Status)
	}
	s.record.Fail = func(e vaultapi.Entry) error {
		if e.Outcome == vaultapi.Begun {
			return nil
		}
		return errors.New("disk full")
	}
	if r := s.ask("all", "POST", "totp/keys/new", `{"generate":true,"issuer":"AWS","account_name":"ada"}`); r.Status != http.StatusServiceUnavailable || strings.Contains(r.Text, "otpauth") {
		t.Errorf("a secret that could not be recorded: %d", r.Status)
	}
}

// TestChangesBegin: a change is on record before it is made, and after.
func TestChangesBegin(t *testing.T) {
	s := serve(t)
	s.put("aws")
	s.ask("manager", "DELETE", "totp/keys/aws", "")
	var got []string
	for _, e := range s.record.Entries() {
		got = append(got, fmt.Sprintf("%s %s %s %s %d", e.Token, e.Route, e.Key, e.Outcome, e.Status))
	}
	if want := "all POST keys aws begun 0|all POST keys aws done 204|manager DELETE keys aws begun 0|manager DELETE keys aws done 204"; strings.Join(got, "|") != want {
		t.Errorf("on record: %q, want %q", got, want)
	}
}

// TestRecordHasNoSecrets: no token, code or seed, in no entry and no error.
func TestRecordHasNoSecrets(t *testing.T) {
	s := serve(t)
	var b bytes.Buffer
	s.Server.Audit = &vaultapi.Lines{W: &b}
	var err error
	if s.Handler, err = s.Server.Handler(); err != nil {
		t.Fatal(err)
	}
	s.put("aws")
	s.ask("reader", "GET", "totp/code/aws", "")
	s.check(s.code(0))
	s.check(s.code(0))
	s.check(s.code(7))
	s.ask("", "GET", "totp/code/aws", "", "X-Vault-Token", "mfw.wrong")
	s.ask("all", "POST", "totp/keys/x", `{"url":"otpauth://totp/x?secret=`+secret+`&digits=x"}`)
	kept := b.String()
	for what, text := range map[string]string{"the seed": secret, "a code": s.code(0), "a wrong code": s.code(7), "a token": s.tokens["all"], "a token of nobody": "mfw.wrong"} {
		if strings.Contains(kept, text) {
			t.Errorf("%s is on record", what)
		}
	}
	lines := strings.Split(strings.TrimSpace(kept), "\n")
	if len(lines) != 8 { // a change has two
		t.Errorf("%d lines for 7 requests, of which one changed something: want 8", len(lines))
	}
	for _, line := range lines {
		var e vaultapi.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Request == "" || e.Client == "" || e.Route == "" || e.Outcome == "" {
			t.Errorf("line %s: %v", line, err)
		}
	}
}

type badDisk struct{ bytes.Buffer }

func (*badDisk) Sync() error { return errors.New("no space") }

func TestLines(t *testing.T) {
	if err := (&vaultapi.Lines{W: &badDisk{}}).Record(t.Context(), vaultapi.Entry{}); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("a line that does not reach the disk = %v", err)
	}
	closed, err := os.Create(filepath.Join(t.TempDir(), "record"))
	if err != nil {
		t.Fatal(err)
	}
	if err := (&vaultapi.Lines{W: closed}).Record(t.Context(), vaultapi.Entry{Token: "ada"}); err != nil {
		t.Error(err)
	}
	if kept, err := os.ReadFile(closed.Name()); err != nil || strings.Count(string(kept), "\n") != 1 || !strings.Contains(string(kept), `"token":"ada"`) {
		t.Errorf("the file has %q, %v", kept, err)
	}
	closed.Close()
	if err := (&vaultapi.Lines{W: closed}).Record(t.Context(), vaultapi.Entry{}); err == nil {
		t.Error("a line in a closed file is kept")
	}
}

// changing gives the tokens of a list that changes.
type changing struct {
	vaultapi.TokenList
	err error
}

func (c *changing) Tokens(context.Context) ([]vaultapi.Token, error) { return c.TokenList, c.err }

// TestRevoked: a token that is taken away, or over, is refused at once.
func TestRevoked(t *testing.T) {
	s := serve(t)
	list := &changing{TokenList: s.Tokens.(vaultapi.TokenList)}
	s.Server.Tokens = list
	var err error
	if s.Handler, err = s.Server.Handler(); err != nil {
		t.Fatal(err)
	}
	lookup := func() int { return s.ask("all", "GET", "auth/token/lookup-self", "").Status }
	if lookup() != http.StatusOK {
		t.Fatal("a good token is refused")
	}
	for i, token := range list.TokenList {
		if token.Name == "all" {
			list.TokenList[i].Expires = start.Add(time.Second)
		}
	}
	r := s.ask("all", "GET", "auth/token/lookup-self", "")
	if r.Data["ttl"] != 1.0 || r.Data["expire_time"] == nil {
		t.Errorf("a token that ends in a second says %v", r.Data)
	}
	if s.now = start.Add(time.Second); lookup() != http.StatusForbidden {
		t.Error("a token that is over is taken")
	}
	s.now = start
	whole := list.TokenList
	list.TokenList = nil
	if lookup() != http.StatusForbidden {
		t.Error("a token that was taken away is taken")
	}
	list.TokenList, list.err = whole, errors.New("file /etc/tokens is gone")
	if r := s.ask("all", "GET", "totp/keys?list=1", ""); r.Status != http.StatusServiceUnavailable || strings.Contains(r.Text, "/etc/tokens") || !strings.Contains(s.last().Reason, "/etc/tokens") {
		t.Errorf("without tokens = %d %s", r.Status, r.Text)
	}
}

func TestTokensAreWritten(t *testing.T) {
	grants := []vaultapi.Grant{{Key: "aws", Rights: []vaultapi.Right{vaultapi.Read}}, {Key: "*", Rights: []vaultapi.Right{vaultapi.Verify}}}
	text, token, err := vaultapi.NewToken("terraform", grants, rand.Reader)
	if err != nil || !strings.HasPrefix(text, "mfw.") || len(text) != 47 {
		t.Fatalf("a token of %d letters: %v", len(text), err)
	}
	data, err := json.Marshal(vaultapi.TokenList{token})
	if err != nil || strings.Contains(string(data), text) {
		t.Fatalf("a token is kept as it is: %v", err)
	}
	if back, err := vaultapi.ParseTokens(data); err != nil || len(back) != 1 || fmt.Sprint(back[0]) != fmt.Sprint(token) {
		t.Errorf("read again: %v", err)
	}
	again, _, err := vaultapi.NewToken("terraform", grants, rand.Reader)
	if err != nil || again == text {
		t.Errorf("two tokens are the same: %v", err)
	}
	if _, _, err := vaultapi.NewToken("x", grants, strings.NewReader("short")); err == nil {
		t.Error("a token of no random bytes")
	}
}

func TestTokensAreChecked(t *testing.T) {
	const sum = `"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	const other = `"sha256":"00000000000000000000000000000000000000000000000000000000000000ff"`
	const grants = `"grants":[{"key":"*","rights":["read"]}]`
	for text, want := range map[string]string{
		`[]`: "", `[{"name":"a",` + sum + `,` + grants + `}]`: "", `[{"name":"a","expires":"2030-01-01T00:00:00Z",` + sum + `,` + grants + `}]`: "",
		`{}`: "tokens:", `[] []`: "follows the array", `[{"name":"a","right":"read"}]`: "unknown field",
		`[{"name":"a b",` + sum + `,` + grants + `}]`: "its name", `[{"name":"a","sha256":"00",` + grants + `}]`: "64 hexadecimal",
		`[{"name":"a",` + sum + `}]`: "no grants", `[{"name":"a",` + sum + `,"grants":[{"key":"a*","rights":["read"]}]}]`: "nor *",
		`[{"name":"a",` + sum + `,"grants":[{"key":"a","rights":[]}]}]`: "the rights on a", `[{"name":"a",` + sum + `,"grants":[{"key":"a","rights":["write"]}]}]`: "the rights on a",
		`[{"name":"a",` + sum + `,` + grants + `},{"name":"b",` + sum + `,` + grants + `}]`:     "token b is there twice",
		`[{"name":"a",` + sum + `,` + grants + `},{"name":"a",` + other + `,` + grants + `}]`:   "token a is there twice",
		`[{"name":"a",` + sum + `,` + grants + `},{"name":"b",` + other + `,` + grants + `}]`:   "",
		`[{"name":"a",` + sum + `,"grants":[{"key":"*","rights":["read","verify","manage"]}]}]`: "",
	} {
		_, err := vaultapi.ParseTokens([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ParseTokens(%s) = %v, want %q", text, err, want)
		}
	}
}

// TestServeTLS serves with TLS, under any name that the certificate has.
func TestServeTLS(t *testing.T) {
	other := httptest.NewTLSServer(nil) // for its certificate
	defer other.Close()
	s := serve(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, &tls.Config{Certificates: other.TLS.Certificates}) }()
	q, err := http.NewRequest("GET", "https://"+l.Addr().String()+"/v1/sys/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "example.com"
	r, err := other.Client().Do(q)
	if err != nil {
		t.Fatal(err)
	}
	if r.Body.Close(); r.StatusCode != http.StatusOK || r.TLS == nil {
		t.Errorf("health over TLS = %d", r.StatusCode)
	}
	plain, err := http.Get("http://" + l.Addr().String() + "/v1/sys/health")
	if err != nil {
		t.Fatal(err)
	}
	if plain.Body.Close(); plain.StatusCode != http.StatusBadRequest {
		t.Errorf("health without TLS where there is TLS = %d", plain.StatusCode)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
}

// reads tells how many codes were leased.
func (s *server) reads() (n int) {
	err := s.store.Update(s.Context(), "prove#aws", func(old []byte) ([]byte, error) {
		n = strings.Count(string(old), `"Owner"`)
		return old, nil
	})
	if err != nil {
		s.Error(err)
	}
	return n
}

// TestServe serves on loopback, ends with its context, and those who wait with it.
func TestServe(t *testing.T) {
	s := serve(t, func(s *vaultapi.Server) { s.Now = nil })
	s.put("aws")
	ctx, stop := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, nil) }()
	get := func() (int, error) {
		q, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/v1/totp/code/aws", nil)
		if err != nil {
			return 0, err
		}
		q.Header.Set("X-Vault-Token", s.tokens["reader"])
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			return 0, err
		}
		return r.StatusCode, r.Body.Close()
	}
	if status, err := get(); err != nil || status != http.StatusOK {
		t.Fatalf("a code = %d, %v", status, err)
	}
	waited := make(chan error, 1)
	go func() { _, err := get(); waited <- err }()
	for s.reads() < 2 { // until the second has its lease
		time.Sleep(time.Millisecond)
	}
	begin := time.Now()
	stop()
	if err := <-ended; err != nil || time.Since(begin) > 10*time.Second {
		t.Errorf("Serve ended with %v after %v", err, time.Since(begin))
	}
	if err := <-waited; err != nil {
		t.Errorf("who waited had no answer: %v", err)
	}
	if l, err := net.Listen("tcp", "0.0.0.0:0"); err == nil {
		if err := s.Serve(t.Context(), l, nil); err == nil || !strings.Contains(err.Error(), "without TLS") {
			t.Errorf("Serve on every address = %v", err)
		}
	}
}

package vaultapi_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/vaultapi"
	"mfawatch/totp/vaultapi/vaultapitest"
)

// The secret of RFC 4226, in base32, and a URI as AWS's QR codes hold it.
const (
	secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	awsURL = "otpauth://totp/ada@111122223333?secret=" + secret
)

// start is five seconds into a step, and at the beginning of AWS's three minutes.
var start = time.Unix(1_800_000_000, 0).Add(5 * time.Second)

// server is one under test, with a clock that stands, and what it is made of.
type server struct {
	*testing.T
	vaultapi.Server
	http.Handler
	keys   *vaultapitest.Keys
	record *vaultapitest.Record
	store  *ledgertest.Memory
	tokens map[string]string // texts by name
	now    time.Time
}

// serve makes a server with a token for each right, one for everything, and one for
// nothing that is there.
func serve(t *testing.T, change ...func(*vaultapi.Server)) *server {
	t.Helper()
	s := &server{T: t, keys: &vaultapitest.Keys{}, record: &vaultapitest.Record{}, store: &ledgertest.Memory{}, tokens: map[string]string{}, now: start}
	var list vaultapi.TokenList
	for name, grants := range map[string][]vaultapi.Grant{
		"all":     {{Key: "*", Rights: []vaultapi.Right{vaultapi.Read, vaultapi.Verify, vaultapi.Manage}}},
		"reader":  {{Key: "aws", Rights: []vaultapi.Right{vaultapi.Read}}},
		"checker": {{Key: "aws", Rights: []vaultapi.Right{vaultapi.Verify}}},
		"manager": {{Key: "aws", Rights: []vaultapi.Right{vaultapi.Manage}}},
		"other":   {{Key: "aws2", Rights: []vaultapi.Right{vaultapi.Read, vaultapi.Verify, vaultapi.Manage}}},
	} {
		text, token, err := vaultapi.NewToken(name, grants, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s.tokens[name] = text
		list = append(list, token)
	}
	s.Server = vaultapi.Server{Keys: s.keys, Tokens: list, Audit: s.record, Prover: ledger.Prover{Store: s.store}, Verifier: ledger.Verifier{Store: s.store}, Version: "1.0", Now: func() time.Time { return s.now }}
	for _, c := range change {
		c(&s.Server)
	}
	var err error
	if s.Handler, err = s.Server.Handler(); err != nil {
		t.Fatal(err)
	}
	return s
}

func allowing(s *vaultapi.Server) { s.AllowExport, s.AllowOverwrite = true, true }

// reply is an answer, read.
type reply struct {
	Status   int
	Header   http.Header
	Text     string
	Data     map[string]any
	Warnings []string
	Errors   []string
}

func (r reply) err() string { return strings.Join(r.Errors, "; ") }

// ask sends one request. The path is what follows /v1/.
func (s *server) ask(token, method, path, body string, headers ...string) reply {
	s.Helper()
	return s.askAs(s.Context(), token, method, path, body, headers...)
}

func (s *server) askAs(ctx context.Context, token, method, path, body string, headers ...string) reply {
	s.Helper()
	q := httptest.NewRequestWithContext(ctx, method, "http://127.0.0.1:8200/v1/"+path, strings.NewReader(body))
	if token != "" {
		q.Header.Set("X-Vault-Token", s.tokens[token])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			q.Host = headers[i+1]
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, q)
	r := reply{Status: w.Code, Header: w.Header(), Text: w.Body.String()}
	if w.Code != http.StatusNoContent && method != "HEAD" {
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			s.Errorf("%s %s: the answer of status %d is no JSON: %v", method, path, w.Code, err)
		}
	}
	return r
}

// put writes AWS's key under a name.
func (s *server) put(name string) {
	s.Helper()
	if r := s.ask("all", "POST", "totp/keys/"+name, `{"url":"`+awsURL+`"}`); r.Status != http.StatusNoContent {
		s.Fatalf("write %s: %d %s", name, r.Status, r.Text)
	}
}

// code is the right one, steps from now.
func (s *server) code(steps int64) string {
	s.Helper()
	k, err := totp.Parse(awsURL)
	if err != nil {
		s.Fatal(err)
	}
	step, err := k.Step(s.now)
	if err != nil {
		s.Fatal(err)
	}
	code, err := k.At(step + steps)
	if err != nil {
		s.Fatal(err)
	}
	return code
}

func (s *server) check(code string) reply {
	s.Helper()
	return s.ask("checker", "POST", "totp/code/aws", `{"code":"`+code+`"}`)
}

func (s *server) last() vaultapi.Entry {
	s.Helper()
	all := s.record.Entries()
	if len(all) == 0 {
		s.Fatal("nothing is on record")
	}
	return all[len(all)-1]
}
